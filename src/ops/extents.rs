//! Lists of integers that are computed from shapes, as exporters write them: Shape, Gather, Concat, and then Reshape.
//!
//! A fold changes no shape, so what is known of such a list stays true whatever is folded. What is not certain is unknown.

use super::shapes;
use crate::model::{Dim, Extent, NodeView, Shape};

/// The numbers of an integer list in order, as far as they are known; a scalar is a list of one.
pub type Extents = Vec<Extent>;

/// Longer lists are no shapes.
const LONGEST: usize = 64;

/// What a node computes from shapes and from such lists, if it certainly is a list.
pub fn infer(node: &NodeView<'_>) -> Option<Extents> {
    if shapes::infer(node, 0)?.rank() > 1 {
        return None;
    }
    let found = match node.op_type {
        "Shape" => shape(node),
        "Size" => Some(vec![product(node.input(0)?.shape.as_ref()?).map_or(Extent::Unknown, Extent::Number)]),
        "Gather" => gathered(node),
        "Slice" => sliced(node),
        "Concat" => concatenated(node),
        "Identity" | "Squeeze" | "Unsqueeze" | "Reshape" => given(node, 0),
        "Cast" => given(node, 0).filter(|_| matches!(node.int("to", 0), Ok(INT32 | INT64))),
        "Add" => elementwise(node, i64::checked_add),
        "Sub" => elementwise(node, i64::checked_sub),
        "Mul" => elementwise(node, i64::checked_mul),
        "Div" => elementwise(node, i64::checked_div),
        _ => None,
    };
    found.filter(|list| list.len() <= LONGEST)
}

const INT32: i64 = 6;
const INT64: i64 = 7;

/// The numbers of an input: a constant's, or what is known of a list that is computed from shapes.
pub(super) fn given(node: &NodeView<'_>, input: usize) -> Option<Extents> {
    let fact = node.input(input)?;
    if let Some(known) = &fact.extents {
        return Some(known.clone());
    }
    let constant = fact.constant.as_ref().ok()?;
    let listed = matches!(i64::from(constant.data_type), INT32 | INT64) && constant.dims.len() < 2;
    let short = constant.dims.iter().all(|length| *length <= LONGEST as u64);
    (listed && short).then(|| node.elements.integers(input).ok())?.map(|list| list.into_iter().map(Extent::Number).collect())
}

/// The shape that such a list describes.
pub(super) fn described(list: &[Extent]) -> Shape {
    let dim = |extent: &Extent| match extent {
        Extent::Number(number) => u64::try_from(*number).map_or(Dim::Unknown, Dim::Known),
        Extent::Symbol(symbol) => Dim::Symbol(*symbol),
        Extent::Unknown => Dim::Unknown,
    };
    Shape(list.iter().map(dim).collect())
}

fn product(shape: &Shape) -> Option<i64> {
    let all = shape.0.iter().try_fold(1_u64, |all, dim| all.checked_mul(dim.known()?))?;
    i64::try_from(all).ok()
}

/// How many extents Shape gives.
pub(super) fn length(node: &NodeView<'_>) -> Option<u64> {
    shape(node).and_then(|list| u64::try_from(list.len()).ok())
}

fn shape(node: &NodeView<'_>) -> Option<Extents> {
    let shape = node.input(0)?.shape.as_ref()?;
    let rank = i64::try_from(shape.rank()).ok()?;
    let bound = |name, default| {
        let at = node.int(name, default).ok()?;
        usize::try_from((if at < 0 { at.saturating_add(rank) } else { at }).clamp(0, rank)).ok()
    };
    let (start, end) = (bound("start", 0)?, bound("end", rank)?);
    let part = shape.0.get(start..end.max(start))?;
    let extent = |dim: &Dim| match dim {
        Dim::Known(size) => i64::try_from(*size).map_or(Extent::Unknown, Extent::Number),
        Dim::Symbol(symbol) => Extent::Symbol(*symbol),
        Dim::Unknown => Extent::Unknown,
    };
    Some(part.iter().map(extent).collect())
}

/// A position counted from the front of a list.
fn place(at: i64, length: usize) -> Option<usize> {
    usize::try_from(if at < 0 { at.checked_add(i64::try_from(length).ok()?)? } else { at }).ok()
}

fn gathered(node: &NodeView<'_>) -> Option<Extents> {
    let list = given(node, 0).filter(|_| matches!(node.int("axis", 0), Ok(0 | -1)))?;
    let chosen = given(node, 1)?.into_iter().map(|at| match at {
        Extent::Number(at) => list.get(place(at, list.len())?).copied(),
        _ => None,
    });
    chosen.collect()
}

fn sliced(node: &NodeView<'_>) -> Option<Extents> {
    let list = given(node, 0)?;
    let one = |numbers: &[i64]| if let [one] = numbers { Some(*one) } else { None };
    let input = |at| one(&node.elements.integers(at).ok()?);
    let (start, end) = match node.opset {
        ..10 => (one(node.ints("starts").ok()?)?, one(node.ints("ends").ok()?)?),
        _ => (input(1)?, input(2)?),
    };
    // The one axis may be named; steps may not.
    if node.opset >= 10 && node.input(4).is_some() && input(4) != Some(1) {
        return None;
    }
    let length = i64::try_from(list.len()).ok()?;
    let bound = |at: i64| usize::try_from((if at < 0 { at.saturating_add(length) } else { at }).clamp(0, length)).ok();
    let (start, end) = (bound(start)?, bound(end)?);
    Some(list.get(start..end.max(start))?.to_vec())
}

fn concatenated(node: &NodeView<'_>) -> Option<Extents> {
    let parts = (0..node.inputs.len()).map(|input| given(node, input)).collect::<Option<Vec<Extents>>>()?;
    Some(parts.concat())
}

fn elementwise(node: &NodeView<'_>, compute: fn(i64, i64) -> Option<i64>) -> Option<Extents> {
    let (one, two) = (given(node, 0)?, given(node, 1)?);
    let length = if one.len() == 1 { two.len() } else { one.len() };
    if ![1, length].contains(&one.len()) || ![1, length].contains(&two.len()) {
        return None;
    }
    let at = |list: &Extents, index: usize| match list.get(if list.len() == 1 { 0 } else { index }) {
        Some(Extent::Number(number)) => Some(*number),
        _ => None,
    };
    let number = |index: usize| compute(at(&one, index)?, at(&two, index)?);
    Some((0..length).map(|index| number(index).map_or(Extent::Unknown, Extent::Number)).collect())
}
