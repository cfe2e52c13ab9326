//! What a gate reads beside data: the bounds of a Clip, the slopes of a PRelu, the axes of a reduction. Those of the second file are
//! held against the first one's times the factors that go through the gate.

use std::rc::Rc;

use super::Read;
use super::cut::{Gate, Kind, Relation, floats};
use super::limits::{Limits, UNITS};
use super::walk::{Drawn, Inputs, Values};
use crate::onnx::NodeProto;
use crate::reference::Array;

/// What is wrong, in ONNX's terms: the names of constants are our own here. Which it is, found, expected, and the limit.
pub(super) type Wrong = (&'static str, f64, f64, f64);

/// What bounds are measured by.
pub(super) struct Scale<'v> {
    pub limits: &'v Limits,
    /// The magnitudes that the first file sums up for each value, and those of the shifts.
    pub totals: &'v Values,
    pub least: &'v Values,
    /// The largest number of the type of what enters the gate.
    pub end: f64,
}

/// Which constant of a gate is wrong.
///
/// # Errors
/// Why nothing can be said.
pub(super) fn wrong(
    gate: &Gate,
    node: &NodeProto,
    inputs: &Inputs<'_>,
    relation: &Relation,
    scale: &Scale<'_>,
) -> Read<Option<Wrong>> {
    let read = |input: usize| (gate.inputs.get(input).and_then(Option::as_ref), inputs.get(input).copied().flatten());
    if node.op_type() == "PRelu" {
        return slopes(read(1));
    }
    if gate.node.op_type().starts_with("Reduce") {
        let axes = |input: Option<&Drawn>| input.and_then(|all| all.first()).map(|array| array.data.clone());
        let (ours, theirs) = read(1);
        return if axes(ours) == axes(theirs) { Ok(None) } else { Err("a reduction of other axes".into()) };
    }
    if gate.kind != Kind::Bounded {
        return Ok(None);
    }
    for (input, name, sign) in [(1, "min", -1.0), (2, "max", 1.0)] {
        let (ours, theirs) = read(input);
        if is_computed(ours) || is_computed(theirs) {
            follows((gate, node, input), (ours, theirs), relation, scale)?;
            continue;
        }
        let end = sign * scale.end;
        let (one, two) = (bound(&gate.node, name, ours, end)?, bound(node, name, theirs, end)?);
        for factor in relation.factor.iter().filter(|_| one != end || two != end) {
            let (expected, limit) = if one == end { (end, 0.0) } else { (factor * one, scale.limits.threshold(factor * one)) };
            if !expected.is_finite() && one != end {
                return Err(format!("a bound of Clip `{}` that is infinite in f64 behind what goes through", gate.name()));
            }
            if (two - expected).abs() > limit {
                return Ok(Some((name, two, expected, limit)));
            }
        }
    }
    Ok(None)
}

/// The slopes of a PRelu, which are constants.
fn slopes((ours, theirs): (Option<&Drawn>, Option<&Drawn>)) -> Read<Option<Wrong>> {
    if is_computed(ours) || is_computed(theirs) {
        return Err("slopes that are computed".into());
    }
    let first = |drawn: Option<&Drawn>| drawn.and_then(|all| all.first()).cloned();
    let (Some(ours), Some(theirs)) = (first(ours), first(theirs)) else { return Err("a PRelu without slopes".into()) };
    let plain = |dims: &[usize]| dims.iter().copied().skip_while(|dim| *dim == 1).collect::<Vec<_>>();
    if plain(&ours.dims) != plain(&theirs.dims) {
        return Err("slopes of another shape".into());
    }
    let apart = floats(&ours)?.iter().zip(floats(&theirs)?).find(|(one, two)| one != two);
    Ok(apart.map(|(one, two)| ("slope", *two, *one, 0.0)))
}

/// Whether something is made of what is fed in: a constant is one array in all draws.
fn is_computed(drawn: Option<&Drawn>) -> bool {
    drawn.is_some_and(|all| all.iter().zip(all.iter().skip(1)).any(|(one, next)| !Rc::ptr_eq(one, next)))
}

/// Whether a computed bound is the first file's times the factors, in every draw: what is the same for numbers of one size need not be
/// for others. Another need not be reached by any number, so that it is no difference by itself.
fn follows(
    (gate, node, input): (&Gate, &NodeProto, usize),
    (ours, theirs): (Option<&Drawn>, Option<&Drawn>),
    relation: &Relation,
    scale: &Scale<'_>,
) -> Read<()> {
    let why = || format!("computed bounds of Clip `{}` that are not the same in both files", gate.name());
    let name = |node: &NodeProto| node.input.get(input).cloned().unwrap_or_default();
    let (of, limits) = (name(&gate.node), scale.limits.inside(&name(node)));
    let (Some(ours), Some(theirs)) = (ours, theirs) else { return Err(why()) };
    let (Some(totals), Some(least)) = (scale.totals.get(&of), scale.least.get(&of).and_then(|all| all.first())) else {
        return Err(why());
    };
    let number = |array: &Array| floats(array)?.first().copied().ok_or_else(why);
    let least = number(least)?;
    let extreme = |choose: fn(f64, f64) -> f64| relation.factor.iter().copied().reduce(choose).unwrap_or(1.0);
    for (draw, ((one, two), total)) in ours.iter().zip(theirs).zip(totals).enumerate() {
        let (one, two, total) = (number(one)?, number(two)?, number(total)?);
        let is_near = |factor: f64| {
            let limit = limits.at((one.abs(), total, least), UNITS) * factor + limits.smallest(draw);
            (two - factor * one).abs() <= limit
        };
        // What is infinite in f64 is so in every type, and says nothing.
        if total.is_finite() && !(is_near(extreme(f64::min)) && is_near(extreme(f64::max))) {
            return Err(why());
        }
    }
    Ok(())
}

/// A bound of a Clip (an attribute of type float up to opset 10, an input from 11 on). One that is missing is the type's lowest or
/// largest number by the standard, and so is one beyond.
fn bound(node: &NodeProto, name: &str, input: Option<&Drawn>, end: f64) -> Read<f64> {
    let stated = node.attribute.iter().find(|a| a.name() == name).map(|a| f64::from(a.f()));
    let (found, largest) = match input.and_then(|all| all.first()) {
        Some(array) => (floats(array)?.first().copied(), end.abs()),
        None => (stated, end.abs().min(f64::from(f32::MAX))),
    };
    match found {
        // Runtimes read it in two ways.
        Some(found) if found.is_nan() => Err("a bound that is no number".to_owned()),
        // A lower bound at the upper end is one.
        Some(found) if found.abs() < largest || found.signum() != end.signum() => Ok(found),
        _ => Ok(end),
    }
}
