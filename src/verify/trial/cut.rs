//! Where a region is no polynomial: gates (Relu, LeakyRelu, PRelu, Clip), maxima of windows, and normalisations by statistics.
//!
//! A gate has pieces, and random numbers see only those on which they fall. So the region is cut there. What enters the gate in
//! the second file must be what enters it in the first one, times a positive factor for each element (a maximum also lets a shift
//! pass); its thresholds must be the first one's times the same factors. Then what leaves it is the same times those factors,
//! whatever the piece, and behind it numbers of our own go on in both files. A normalisation must be given the same.

use std::ops::Range;
use std::rc::Rc;

use super::limits::{Limits, Tally};
use super::walk::{Drawn, Inputs};
use super::{Read, draws};
use crate::onnx::NodeProto;
use crate::reference::{Array, Data, node_of};
use crate::verify::align::canonical;
use crate::verify::certify::SUM;

/// How a node that is no polynomial follows a map of what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A positive factor passes it.
    Homogeneous,
    /// The same if its bounds are multiplied, too.
    Bounded,
    /// A positive factor and a shift of each channel pass it.
    Maximum,
    /// Nothing passes it; it multiplies and adds constants to what it has normalised.
    Normalised,
}

/// The kind of a node; `None` for polynomials.
pub(super) fn kind(node: &NodeProto) -> Option<Kind> {
    Some(match node.op_type() {
        "Relu" | "LeakyRelu" | "PRelu" => Kind::Homogeneous,
        "Clip" => Kind::Bounded,
        "MaxPool" | "GlobalMaxPool" | "ReduceMax" | "ReduceMin" => Kind::Maximum,
        "InstanceNormalization" | "GroupNormalization" | "LayerNormalization" | "RMSNormalization" => Kind::Normalised,
        _ => return None,
    })
}

/// Such a node of the first file.
pub(super) struct Gate {
    pub node: NodeProto,
    pub kind: Kind,
    /// What it reads, in every draw.
    pub inputs: Vec<Option<Drawn>>,
    /// What goes on behind it: numbers of our own.
    pub made: Drawn,
}

impl Gate {
    /// What enters it.
    pub fn data(&self) -> Option<&Drawn> {
        self.inputs.first()?.as_ref()
    }

    /// The name of what enters it.
    pub fn name(&self) -> &str {
        self.node.input.first().map_or("", String::as_str)
    }

    /// What the gate makes of a value in place of what enters it.
    pub fn made_of(&self, operator: &str, opset: i64, value: Rc<Array>) -> Read<Array> {
        let beside = self.inputs.iter().skip(1).map(|input| input.as_ref().and_then(|all| all.first()).cloned());
        let inputs: Vec<Option<Rc<Array>>> = std::iter::once(Some(value)).chain(beside).collect();
        let node = NodeProto { op_type: Some(operator.to_owned()), ..self.node.clone() };
        let made = node_of(&node, opset, &inputs).map_err(|why| why.to_string())?;
        made.into_iter().next().ok_or_else(|| "a window without a result".to_owned())
    }

    /// Whether a node of the second file may stand for this one.
    pub fn is_like(&self, node: &NodeProto) -> bool {
        let attributes = |node: &NodeProto| canonical(node);
        let bounds = self.kind == Kind::Bounded;
        node.op_type() == self.node.op_type() && (bounds || attributes(node) == attributes(&self.node))
    }
}

/// What a map makes of what enters a gate, element by element: `factor·x + shift`.
pub(super) struct Relation {
    pub factor: Vec<f64>,
    pub shift: Vec<f64>,
    pub tally: Tally,
}

pub(super) fn floats(array: &Array) -> Read<&Vec<f64>> {
    if let Data::Float(values) = &array.data { Ok(values) } else { Err("what enters a gate is of no float type".into()) }
}

/// How what enters a gate in the second file follows from what enters it in the first. `totals` and `least` are the magnitudes
/// that the first file sums up for it.
pub(super) fn relation(gate: &Gate, found: &Drawn, (totals, least): (&Drawn, &Array), limits: &Limits) -> Read<Relation> {
    let data = gate.data().ok_or("a gate that reads nothing")?;
    let dims = &data.first().ok_or("no draw")?.dims;
    if found.iter().any(|array| array.dims != *dims) {
        return Err(format!("`{}` has another shape in the second file", gate.name()));
    }
    let all = |drawn: &Drawn| drawn.iter().map(|array| floats(array).cloned()).collect::<Read<Vec<_>>>();
    let (ours, theirs, totals, least) = (all(data)?, all(found)?, all(totals)?, floats(least)?);
    let count: usize = dims.iter().product();
    if totals.iter().any(|all| all.len() != count) || least.len() != count {
        return Err(format!("`{}` has another shape in the absolute model", gate.name()));
    }
    let free = Free::of(gate);
    let fitted = |groups: &[usize]| -> Vec<Maps> {
        let fit = |draws: Range<usize>| {
            // Beside numbers of many more digits a shift would lose its own.
            let measured = |draw: &usize| draws.len() == 1 || !draws::is_large(*draw);
            let part =
                |all: &[Vec<f64>]| draws.clone().filter(measured).filter_map(|draw| all.get(draw).cloned()).collect::<Vec<_>>();
            free.fitted([&part(&ours), &part(&theirs), &part(&totals)], groups, limits.roundoff())
        };
        match gate.kind {
            // Statistics are taken of each draw by itself.
            Kind::Normalised => (0..ours.len()).map(|draw| fit(draw..draw + 1)).collect(),
            _ => vec![fit(0..ours.len()); ours.len()],
        }
    };
    let held = |maps: &[Maps]| {
        let mut tally = Tally::new(limits.tier);
        for (draw, (((ours, theirs), totals), (factor, shift))) in ours.iter().zip(&theirs).zip(&totals).zip(maps).enumerate() {
            let maps = factor.iter().zip(shift);
            let all = ours.iter().zip(theirs).zip(totals).zip(least).zip(maps).enumerate();
            // What is infinite in f64 is so in every type, and says nothing.
            for (at, ((((one, two), total), least), (k, t))) in all.filter(|(_, (((_, total), _), _))| total.is_finite()) {
                let limit =
                    |units: f64| limits.at((one.abs(), *total, *least), units) * k.abs() + t.abs() * SUM + limits.smallest(draw);
                tally.take((at, *two, k * one + t), (limit(1.0), limit(super::limits::UNITS)));
            }
        }
        tally
    };
    // What a channel shares is measured by all its elements: one of them alone may be what is left of large numbers.
    let by = |groups: Vec<usize>| {
        let maps = fitted(&groups);
        (held(&maps), maps, groups)
    };
    let coarse = gate.shared(dims).map(by).find(|(tally, _, _)| tally.worst() <= 1.0);
    let (tally, maps, groups) = coarse.unwrap_or_else(|| by(gate.groups(dims)));
    if gate.kind != Kind::Normalised && !are_held(&totals, &groups) {
        return Err(format!("what enters {} `{}` is infinite in f64 in too many draws", gate.node.op_type(), gate.name()));
    }
    if maps.iter().flat_map(|(factor, _)| factor).any(|k| *k <= 0.0 || !k.is_finite()) {
        return Err(format!("a factor that is not positive goes through {} `{}`", gate.node.op_type(), gate.name()));
    }
    let (factor, shift) = maps.into_iter().next().unwrap_or_default();
    if shift.iter().any(|t| t.is_nan()) {
        return Err(format!("a shift that goes through {} `{}` is lost beside large numbers", gate.node.op_type(), gate.name()));
    }
    Ok(Relation { factor, shift, tally })
}

/// Whether what is measured by some numbers is held against others, in each group and for each element.
fn are_held(totals: &[Vec<f64>], groups: &[usize]) -> bool {
    let finite = |at: usize| totals.iter().filter_map(|all| all.get(at)).filter(|total| total.is_finite()).count();
    let mut of_group = vec![0; groups.iter().max().map_or(0, |last| last + 1)];
    groups.iter().enumerate().all(|(at, group)| {
        let draws = finite(at);
        of_group.get_mut(*group).into_iter().for_each(|all| *all += draws);
        draws > 0
    }) && groups.iter().all(|group| of_group.get(*group).is_some_and(|all| *all > 1))
}

/// How much of a factor the noise of the shift beside it may be: with more, what goes on behind the gate is not known well enough.
const LOST: f64 = 1.0 / (1_u64 << 20) as f64;

/// A factor and a shift for each element.
type Maps = (Vec<f64>, Vec<f64>);

/// What of a map passes a gate.
#[derive(Clone, Copy)]
struct Free {
    factor: bool,
    shift: bool,
    /// Whether a shift goes on behind it.
    carries: bool,
}

impl Free {
    fn of(gate: &Gate) -> Free {
        let epsilon = gate.node.attribute.iter().find(|a| a.name() == "epsilon").map_or(1e-5, |a| a.f());
        match gate.kind {
            Kind::Homogeneous | Kind::Bounded => Free { factor: true, shift: false, carries: false },
            Kind::Maximum => Free { factor: true, shift: true, carries: true },
            // What all have in common is taken away with the mean; a factor goes with the deviation unless something is added.
            Kind::Normalised => Free { factor: epsilon == 0.0, shift: gate.node.op_type() != "RMSNormalization", carries: false },
        }
    }

    /// The factors and shifts with which the second file's numbers are nearest to the first one's, in the sense of least squares:
    /// each distance as a share of what rounding may do to it.
    fn fitted(self, [ours, theirs, totals]: [&[Vec<f64>]; 3], groups: &[usize], roundoff: f64) -> Maps {
        #[derive(Clone, Copy, Default)]
        struct Sums {
            weight: f64,
            x: f64,
            y: f64,
            /// What this arithmetic may do to the sum of `y`.
            noise: f64,
            xx: f64,
            xy: f64,
        }
        let mut sums = vec![Sums::default(); groups.iter().max().map_or(0, |last| last + 1)];
        let draws = || ours.iter().zip(theirs).zip(totals);
        let elements = || draws().flat_map(|((one, two), total)| one.iter().zip(two).zip(total).zip(groups));
        let elements = || elements().filter(|((_, total), _)| total.is_finite());
        let weight = |total: f64, y: f64| {
            let noise = roundoff * total + SUM * y.abs();
            if noise > 0.0 { 1.0 / (noise * noise) } else { 0.0 }
        };
        for (((x, y), total), group) in elements().filter(|_| self.shift) {
            let (Some(sum), weight) = (sums.get_mut(*group), weight(*total, *y)) else { continue };
            (sum.weight, sum.x, sum.y) = (sum.weight + weight, sum.x + weight * x, sum.y + weight * y);
            sum.noise += weight * SUM * y.abs();
        }
        let mean = |sum: &Sums| if sum.weight > 0.0 { (sum.x / sum.weight, sum.y / sum.weight) } else { (0.0, 0.0) };
        for (((x, y), total), group) in elements() {
            let (Some(sum), weight) = (sums.get_mut(*group), weight(*total, *y)) else { continue };
            let means = mean(sum);
            let (x, y) = (x - means.0, y - means.1);
            (sum.xx, sum.xy) = (sum.xx + weight * x * x, sum.xy + weight * x * y);
        }
        // What is never anything but zero says nothing of a factor: any will do, so it is that of the others.
        let others = sums.iter().find(|sum| sum.xx != 0.0).map_or(1.0, |sum| sum.xy / sum.xx);
        let fit = |sum: &Sums| {
            let factor = match (self.factor, sum.xx == 0.0) {
                (false, _) => 1.0,
                (true, true) => others,
                (true, false) => sum.xy / sum.xx,
            };
            let (x, y) = mean(sum);
            let (shift, noise) = (y - factor * x, if sum.weight > 0.0 { sum.noise / sum.weight } else { 0.0 });
            // What is left of two numbers that are the same is the rounding of this arithmetic.
            let shift = if shift.abs() <= noise { 0.0 } else { shift };
            (factor, if self.carries && noise > LOST * factor.abs() { f64::NAN } else { shift })
        };
        let fits: Vec<(f64, f64)> = sums.iter().map(fit).collect();
        groups.iter().map(|group| fits.get(*group).copied().unwrap_or((f64::NAN, f64::NAN))).unzip()
    }
}

/// What goes on behind a gate of the second file.
pub(super) fn behind(gate: &Gate, node: &NodeProto, opset: i64, inputs: &Inputs<'_>, relation: &Relation) -> Read<Drawn> {
    if gate.kind == Kind::Normalised {
        return gate.made.iter().enumerate().map(|(draw, core)| affine(node, opset, core, (inputs, draw), false)).collect();
    }
    let plain = relation.factor.iter().all(|k| *k == 1.0) && relation.shift.iter().all(|t| *t == 0.0);
    if plain {
        return Ok(gate.made.clone());
    }
    if gate.kind == Kind::Maximum {
        sees_data(gate, opset)?;
    }
    let dims = gate.data().and_then(|all| all.first()).map(|array| array.dims.clone()).unwrap_or_default();
    let inner: usize = dims.iter().skip(2).product();
    // The first element that enters each place of a reduction.
    let entries = gate.windows(&dims).map(|windows| {
        let mut first = vec![usize::MAX; windows.iter().max().map_or(0, |last| last + 1)];
        windows.iter().enumerate().rev().for_each(|(at, place)| first[*place] = at);
        first
    });
    let moved = |array: &Rc<Array>| {
        let values = floats(array)?;
        let own: usize = array.dims.iter().skip(2).product();
        // Behind a window the elements of a channel are others, but its factor is the same.
        let place = |at: usize| match &entries {
            Some(entries) => entries.get(at).copied().unwrap_or(usize::MAX),
            None if gate.kind == Kind::Maximum => at / own.max(1) * inner.max(1),
            None => at,
        };
        let of = |all: &[f64], at: usize| all.get(place(at)).copied().unwrap_or(f64::NAN);
        let moved = |(at, x): (usize, &f64)| of(&relation.factor, at) * x + of(&relation.shift, at);
        Ok(Rc::new(Array::float(array.dims.clone(), values.iter().enumerate().map(moved).collect())))
    };
    gate.made.iter().map(moved).collect()
}

/// What goes on behind a maximum, and the largest shift in each window beside it.
pub(super) fn beside(gate: &Gate, opset: i64, core: &Array, shift: Option<&Rc<Array>>) -> Read<Rc<Array>> {
    let shift = shift.cloned().ok_or("a gate that reads nothing")?;
    // Of magnitudes the largest counts.
    let operator = if gate.node.op_type() == "ReduceMin" { "ReduceMax" } else { gate.node.op_type() };
    let pooled = gate.made_of(operator, opset, shift)?;
    let (values, shifts) = (floats(core)?, floats(&pooled)?);
    // A window that sees nothing but padding has the lowest number.
    let sums = values.iter().zip(shifts).map(|(value, shift)| value + shift.max(0.0)).collect();
    Ok(Rc::new(Array::float(core.dims.clone(), sums)))
}

/// Whether each window sees data: one that sees nothing but padding has a number that no map moves.
fn sees_data(gate: &Gate, opset: i64) -> Read<()> {
    let dims = gate.data().and_then(|all| all.first()).map(|array| array.dims.clone()).unwrap_or_default();
    let zeros = Array::float(dims.clone(), vec![0.0; dims.iter().product()]);
    let seen = floats(&gate.made_of(gate.node.op_type(), opset, Rc::new(zeros))?)?.iter().all(|x| *x == 0.0);
    if seen { Ok(()) } else { Err(format!("windows of {} that see nothing but padding", gate.node.op_type())) }
}

/// What a normalisation makes of what it has normalised: `scale·x + shift`; their magnitudes for the absolute model.
pub(super) fn affine(
    node: &NodeProto,
    opset: i64,
    core: &Array,
    (inputs, draw): (&Inputs<'_>, usize),
    absolute: bool,
) -> Read<Rc<Array>> {
    let mut made = core.clone();
    for (input, operator) in [(1, "Mul"), (2, "Add")] {
        let Some(constant) = inputs.get(input).copied().flatten().and_then(|all| all.get(draw)) else { continue };
        let mut constant = Array::clone(constant);
        if !matches!(node.op_type(), "LayerNormalization" | "RMSNormalization") {
            constant = per_channel(&constant, &core.dims)?;
        }
        if let (Data::Float(values), true) = (&mut constant.data, absolute) {
            values.iter_mut().for_each(|value| *value = value.abs());
        }
        let node = NodeProto {
            op_type: Some(operator.to_owned()),
            input: vec!["a".to_owned(), "b".to_owned()],
            output: vec!["c".to_owned()],
            ..NodeProto::default()
        };
        let found = node_of(&node, opset.max(7), &[Some(Rc::new(made)), Some(Rc::new(constant))]);
        made = found.map_err(|why| why.to_string())?.into_iter().next().ok_or("a normalisation without a result")?;
    }
    Ok(Rc::new(made))
}

/// A number for each channel, or each group of them, along the second axis.
fn per_channel(constant: &Array, dims: &[usize]) -> Read<Array> {
    let channels = dims.get(1).copied().unwrap_or(1).max(1);
    let values = floats(constant)?;
    let spread = (0..channels).map(|channel| values.get(channel * values.len() / channels).copied().unwrap_or(f64::NAN));
    let mut shape = vec![channels];
    shape.extend(std::iter::repeat_n(1, dims.len().saturating_sub(2)));
    Ok(Array::float(shape, spread.collect()))
}
