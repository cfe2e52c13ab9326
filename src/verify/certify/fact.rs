//! What a node of a region does, read from its attributes and constants: a number times and a number plus for each channel,
//! or sums of products with a weight.
//!
//! Knows one node at a time; how nodes follow one another is the business of [`super::side`].

mod weight;

use crate::double_double::DoubleDouble;
use crate::error::Result;
use crate::model::{Element, Graph, Node, TensorId};
use crate::verify::region::Form;

/// Why a node is of another form than those that have a certificate.
pub(super) type Read<T> = std::result::Result<T, String>;

/// An axis of a value whose rank may not be known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Axis {
    /// The same for all elements.
    All,
    /// Counted from the first.
    Front(usize),
    /// Counted from the last, which is 0.
    Back(usize),
}

impl Axis {
    /// The axis counted from the first in a value of `rank` axes.
    pub fn of(self, rank: usize) -> Option<usize> {
        match self {
            Axis::All => None,
            Axis::Front(axis) => Some(axis).filter(|axis| *axis < rank),
            Axis::Back(back) => rank.checked_sub(back + 1),
        }
    }
}

/// A constant as a report names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Which of the region's nodes reads it.
    pub form: usize,
    /// At which input.
    pub input: usize,
    /// The constant.
    pub tensor: TensorId,
}

/// `y = scale·x + shift` along an axis, with what the rounding of its constants may do.
#[derive(Clone, Debug)]
pub(super) struct Map {
    pub axis: Axis,
    /// The rank that its constant asks for at least.
    pub rank: usize,
    pub scale: Vec<DoubleDouble>,
    pub shift: Vec<DoubleDouble>,
    /// The magnitudes that are summed up in the shift.
    pub magnitude: Vec<f64>,
    /// By how much the scale may be off, relative to it, if its constants were rounded once.
    pub scale_rounding: Vec<f64>,
    /// By how much the shift may be off for the same reason.
    pub shift_rounding: Vec<f64>,
    /// Rounded constants in the scale.
    pub roundings: usize,
    /// The constant that holds the scale, and the one that holds the shift.
    pub holders: (Option<Named>, Option<Named>),
}

/// A bias: a number for each channel with its factor in it, the factor, and the constant.
pub(super) type Bias = (Vec<DoubleDouble>, f64, Named);

/// A weight between channels that are read and channels that are made.
#[derive(Clone, Debug)]
pub(super) struct Mix {
    /// The weight.
    pub weight: Named,
    /// `[outer, inner, taps]`: the weight's axes, seen as three; stacks of weights repeat them.
    pub extents: [usize; 3],
    /// Whether the outer axis is that of the channels that are made.
    pub made_first: bool,
    pub groups: usize,
    /// Channels that are read, and that are made.
    pub channels: (usize, usize),
    /// Where those channels are in the values.
    pub axes: (Axis, Axis),
    /// The rank of what is read and made, where the operator fixes it.
    pub rank: Option<usize>,
    /// The factor of the products.
    pub gain: f64,
    /// The bias; or why it has no number for each channel.
    pub bias: Read<Option<Bias>>,
    /// Whether not all outputs see as many taps, because of padding.
    pub uneven: bool,
    /// What must be the same in both files beside the constants, in words.
    pub geometry: Vec<(&'static str, Vec<i64>)>,
}

/// What a node does.
#[derive(Clone, Debug)]
pub(super) enum Fact {
    /// It hands its input on.
    Pass,
    /// A map of each channel.
    Map(Box<Map>),
    /// Sums of products.
    Mix(Box<Mix>),
    /// Zeros around the value: how many before and behind, on each axis behind the second.
    Zeros(Vec<i64>),
}

/// Reads node number `index` of a region.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn read(graph: &Graph<'_>, forms: &[Form], index: usize) -> Result<Read<Fact>> {
    let Some(form) = forms.get(index) else { return Ok(Err("it is no node of the region".into())) };
    let reader = Reader { graph, node: graph.node(form.node), form, index };
    match form.operator.as_str() {
        "Identity" | "Dropout" => Ok(Ok(Fact::Pass)),
        "BatchNormalization" => reader.normalization(),
        "Mul" | "Add" | "Sub" | "Div" => reader.operand(),
        "Conv" | "ConvTranspose" => reader.convolution(),
        "Gemm" | "MatMul" => reader.product(),
        "Pad" => reader.zeros(),
        other => Ok(Err(format!("{other} has no certificate"))),
    }
}

struct Reader<'x, 'm> {
    graph: &'x Graph<'m>,
    node: &'x Node<'m>,
    form: &'x Form,
    index: usize,
}

/// Half of the distance between numbers of a type at `value`, and a little more: what one rounding may do.
fn rounding(element: Option<Element>, value: f64) -> f64 {
    element.map_or(0.0, |element| super::limit::ONCE * super::limit::Spacing::of(element).at(value))
}

impl Reader<'_, '_> {
    fn int(&self, name: &str, default: i64) -> i64 {
        self.node.proto.attribute.iter().find(|a| a.name() == name).map_or(default, |a| a.i())
    }

    fn float(&self, name: &str, default: f32) -> f64 {
        f64::from(self.node.proto.attribute.iter().find(|a| a.name() == name).map_or(default, |a| a.f()))
    }

    fn ints(&self, name: &str) -> Option<Vec<i64>> {
        self.node.proto.attribute.iter().find(|a| a.name() == name).map(|a| a.ints.clone())
    }

    fn named(&self, input: usize) -> Option<Named> {
        let found = self.form.constants.iter().find(|(at, _)| *at == input);
        found.map(|(input, tensor)| Named { form: self.index, input: *input, tensor: *tensor })
    }

    fn numbers(&self, named: Named) -> Result<Vec<f64>> {
        self.graph.tensor(named.tensor).floats(self.graph.model)
    }

    fn element(&self, named: Named) -> Option<Element> {
        self.graph.tensor(named.tensor).element()
    }

    fn normalization(&self) -> Result<Read<Fact>> {
        let [Some(gamma), Some(beta), Some(mean), Some(variance)] = [1, 2, 3, 4].map(|input| self.named(input)) else {
            return Ok(Err("a BatchNormalization without constants".into()));
        };
        let elements = [gamma, beta, mean, variance].map(|named| self.element(named));
        let epsilon = self.float("epsilon", 1e-5);
        let [g, b, m, v] = [self.numbers(gamma)?, self.numbers(beta)?, self.numbers(mean)?, self.numbers(variance)?];
        if [b.len(), m.len(), v.len()] != [g.len(); 3] || g.is_empty() {
            return Ok(Err("a BatchNormalization whose constants are not as many".into()));
        }
        let mut map = Map::new(Axis::Front(1), 2, (Some(gamma), Some(beta)));
        map.roundings = 1;
        for (((g, b), m), v) in g.iter().zip(&b).zip(&m).zip(&v) {
            let scale = DoubleDouble::new(*g) / (DoubleDouble::new(*v) + DoubleDouble::new(epsilon)).sqrt();
            let relative = if *g == 0.0 { 0.0 } else { rounding(elements[0], *g) / g.abs() };
            let shift = DoubleDouble::new(*m) * scale;
            let product = shift.nearest().abs();
            map.push(scale, DoubleDouble::new(*b) - shift, b.abs() + product);
            map.scale_rounding.push(relative);
            map.shift_rounding.push(rounding(elements[1], *b) + relative * product);
        }
        Ok(Ok(Fact::Map(Box::new(map))))
    }

    fn operand(&self) -> Result<Read<Fact>> {
        let Some((input, tensor)) = self.form.constants.first().copied() else {
            return Ok(Err(format!("{} without a constant", self.form.operator)));
        };
        let named = Named { form: self.index, input, tensor };
        let dims = &self.graph.tensor(tensor).dims;
        let mut long = dims.iter().enumerate().filter(|(_, size)| **size != 1);
        let axis = match (long.next(), long.next()) {
            (None, _) => Axis::All,
            (Some((at, _)), None) => match self.placed(at, dims.len()) {
                Some(axis) => axis,
                None => return Ok(Err("a constant along an axis that is counted from the last".into())),
            },
            _ => return Ok(Err(format!("the constant of {} has a number for each element", self.form.operator))),
        };
        let values = self.numbers(named)?;
        let element = self.element(named);
        let mut map = Map::new(axis, dims.len(), (None, None));
        let (zero, one) = (DoubleDouble::ZERO, DoubleDouble::ONE);
        for c in &values {
            let (number, lost) = (DoubleDouble::new(*c), rounding(element, *c));
            let relative = if *c == 0.0 { 0.0 } else { lost / c.abs() };
            let (scale, shift) = match (self.form.operator.as_str(), input) {
                ("Mul", _) => (number, zero),
                ("Div", 1) => (one / number, zero),
                ("Add", _) => (one, number),
                ("Sub", 1) => (one, -number),
                ("Sub", _) => (-one, number),
                _ => return Ok(Err("a constant that is divided".into())),
            };
            map.push(scale, shift, shift.nearest().abs());
            let factor = matches!(self.form.operator.as_str(), "Mul" | "Div");
            map.scale_rounding.push(if factor { relative } else { 0.0 });
            map.shift_rounding.push(if factor { 0.0 } else { lost });
            map.roundings = usize::from(factor);
            map.holders = if factor { (Some(named), None) } else { (None, Some(named)) };
        }
        if values.is_empty() { Ok(Err("a constant without elements".into())) } else { Ok(Ok(Fact::Map(Box::new(map)))) }
    }

    /// The axis of the data at which axis `at` of a constant of `rank` axes lies: aligned at the last one, or, before opset 7,
    /// as an attribute says.
    fn placed(&self, at: usize, rank: usize) -> Option<Axis> {
        let opset = self.graph.scope(self.node.scope).opset.unwrap_or(1);
        let stated = self.node.proto.attribute.iter().find(|a| a.name() == "axis").filter(|_| opset < 7);
        match stated {
            Some(axis) => usize::try_from(axis.i()).ok().and_then(|axis| axis.checked_add(at)).map(Axis::Front),
            None => Some(Axis::Back(rank - 1 - at)),
        }
    }
}

impl Map {
    fn new(axis: Axis, rank: usize, holders: (Option<Named>, Option<Named>)) -> Map {
        Map {
            axis,
            rank,
            scale: vec![],
            shift: vec![],
            magnitude: vec![],
            scale_rounding: vec![],
            shift_rounding: vec![],
            roundings: 0,
            holders,
        }
    }

    fn push(&mut self, scale: DoubleDouble, shift: DoubleDouble, magnitude: f64) {
        self.scale.push(scale);
        self.shift.push(shift);
        self.magnitude.push(magnitude);
    }
}

impl Mix {
    /// Takes zeros that stand around the value that is read for pads of its own; `false` if that is not the same.
    pub fn surround(&mut self, zeros: &[i64]) -> bool {
        if zeros.is_empty() {
            return true;
        }
        // A transposed convolution's pads cut off.
        let own = self.geometry.iter_mut().find(|(what, _)| *what == "pads").filter(|_| self.made_first);
        let Some((_, pads)) = own.filter(|(_, pads)| pads.len() == zeros.len() && pads.iter().all(|pad| *pad >= 0)) else {
            return false;
        };
        for (pad, zeros) in pads.iter_mut().zip(zeros) {
            *pad = pad.saturating_add(*zeros);
        }
        self.uneven |= zeros.iter().any(|zeros| *zeros != 0);
        true
    }

    /// The channels, read and made, that share taps: pair after pair as the weight stores them, from number `start` on.
    pub fn pairs(&self, start: usize) -> impl Iterator<Item = (usize, usize)> + use<> {
        let [outer, inner, _] = self.extents;
        let (each, made_first) = ((outer / self.groups.max(1)).max(1), self.made_first);
        let (mut first, mut second) = ((start / inner.max(1)) % outer.max(1), start % inner.max(1));
        std::iter::from_fn(move || {
            let spread = first / each * inner + second;
            let pair = if made_first { (spread, first) } else { (first, spread) };
            second += 1;
            if second >= inner {
                (first, second) = (if first + 1 >= outer { 0 } else { first + 1 }, 0);
            }
            Some(pair)
        })
    }

    /// How many products are summed up in an output.
    pub fn summed(&self) -> usize {
        let [_, _, taps] = self.extents;
        (self.channels.0 / self.groups.max(1)).saturating_mul(taps)
    }
}
