//! Small tables of integers that are computed from shapes, as exporters write them: Shape, Gather, Concat, and then Reshape.
//!
//! A fold changes no shape, so what is known of such a table stays true whatever is folded. What is not certain is unknown.

use super::{shapes, slice};
use crate::model::{Dim, Extent, NodeView, Shape};

/// The numbers of an integer table in row-major order, as far as they are known; a scalar is a list of one.
pub type Extents = Vec<Extent>;

/// Larger tables are no shapes.
const LONGEST: usize = 64;

/// What a node computes from shapes and from such tables, of at most two axes.
pub fn infer(node: &NodeView<'_>) -> Option<Extents> {
    let rank = shapes::infer(node, 0)?.rank();
    if rank > 2 {
        return None;
    }
    let found = match node.op_type {
        "Shape" => shape(node),
        "Size" => Some(vec![product(node.input(0)?.shape.as_deref()?).map_or(Extent::Unknown, Extent::Number)]),
        "Gather" => gathered(node),
        "Slice" => sliced(node),
        "Concat" => concatenated(node, rank),
        "Transpose" => transposed(node),
        "ConstantOfShape" => filled(node),
        "ReduceProd" => reduced(node),
        "Identity" | "Squeeze" | "Unsqueeze" | "Reshape" => given(node, 0),
        "Cast" => given(node, 0).filter(|_| matches!(node.int("to", 0), Ok(INT32 | INT64))),
        "Add" => elementwise(node, i64::checked_add, Some(0)),
        "Sub" => elementwise(node, i64::checked_sub, Some(0)),
        "Mul" => elementwise(node, i64::checked_mul, Some(1)),
        "Div" => elementwise(node, i64::checked_div, Some(1)),
        "Max" if node.inputs.len() == 2 => elementwise(node, |a, b| Some(a.max(b)), None),
        "Min" if node.inputs.len() == 2 => elementwise(node, |a, b| Some(a.min(b)), None),
        _ => None,
    };
    found.filter(|list| list.len() <= LONGEST)
}

const INT32: i64 = 6;
const INT64: i64 = 7;

/// The numbers of an input: a constant's, or what is known of a table that is computed from shapes; of one of which nothing is
/// known but its extents, as many unknown numbers.
pub(super) fn given(node: &NodeView<'_>, input: usize) -> Option<Extents> {
    let fact = node.input(input)?;
    if let Ok(constant) = &fact.constant {
        let listed = matches!(i64::from(constant.data_type), INT32 | INT64) && constant.dims.len() <= 2;
        let count = constant.dims.iter().try_fold(1, |n: u64, d| n.checked_mul(*d));
        let short = count.is_some_and(|count| count <= LONGEST as u64);
        let numbers = (listed && short).then(|| node.elements.integers(input).ok())??;
        return Some(numbers.into_iter().map(Extent::Number).collect());
    }
    let unknown = || {
        let shape = fact.shape.as_deref().filter(|shape| shape.rank() <= 2)?;
        let count = usize::try_from(product(shape)?).ok().filter(|count| *count <= LONGEST)?;
        Some(vec![Extent::Unknown; count])
    };
    fact.extents.map(<[Extent]>::to_vec).or_else(unknown)
}

/// The extents of an input that is a table.
fn table(node: &NodeView<'_>, input: usize) -> Option<Vec<usize>> {
    let shape = node.input(input)?.shape.as_deref()?;
    // Beside an extent of none another may be any.
    shape.0.iter().map(|dim| usize::try_from(dim.known()?).ok().filter(|extent| *extent <= LONGEST)).collect()
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
    let shape = node.input(0)?.shape.as_deref()?;
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
    let list =
        given(node, 0).filter(|_| matches!(node.int("axis", 0), Ok(0 | -1)) && table(node, 0).is_some_and(|t| t.len() == 1))?;
    let chosen = given(node, 1)?.into_iter().map(|at| match at {
        Extent::Number(at) => list.get(place(at, list.len())?).copied(),
        _ => None,
    });
    chosen.collect()
}

fn sliced(node: &NodeView<'_>) -> Option<Extents> {
    let (list, dims) = (given(node, 0)?, table(node, 0)?);
    let ranges = slice::ranges(node, dims.len())?;
    let mut chosen: Vec<Vec<usize>> = dims.iter().map(|extent| (0..*extent).collect()).collect();
    for range in &ranges {
        chosen[range.axis] = slice::positions(range, Dim::Known(dims[range.axis] as u64))?.0;
    }
    let column = |row: usize, columns: &[usize], width: usize| {
        columns.iter().map(|column| list.get(row * width + column).copied()).collect::<Option<Vec<Extent>>>()
    };
    match (&chosen[..], &dims[..]) {
        ([columns], [width]) => column(0, columns, *width),
        ([rows, columns], [_, width]) => {
            rows.iter().map(|row| column(*row, columns, *width)).collect::<Option<Vec<_>>>().map(|rows| rows.concat())
        }
        _ => None,
    }
}

fn concatenated(node: &NodeView<'_>, rank: usize) -> Option<Extents> {
    let inputs = 0..node.inputs.len();
    let parts = inputs.clone().map(|input| given(node, input)).collect::<Option<Vec<Extents>>>()?;
    // Rows that are put side by side, one after the other.
    let beside = rank == 2 && matches!(node.int("axis", 0), Ok(1 | -1));
    if !beside {
        return Some(parts.concat());
    }
    let tables = inputs.map(|input| table(node, input)).collect::<Option<Vec<_>>>()?;
    let &[rows, _] = &tables.first()?[..] else { return None };
    let part = |(list, dims): (&Extents, &Vec<usize>), row: usize| {
        let &[_, width] = &dims[..] else { return None };
        list.get(row * width..(row + 1) * width).map(<[Extent]>::to_vec)
    };
    let all = (0..rows).flat_map(|row| parts.iter().zip(&tables).map(move |one| part(one, row)));
    all.collect::<Option<Vec<_>>>().map(|rows| rows.concat())
}

fn transposed(node: &NodeView<'_>) -> Option<Extents> {
    let (list, dims) = (given(node, 0)?, table(node, 0)?);
    match (&dims[..], &shapes::order(node, dims.len())?[..]) {
        (&[rows, columns], [1, 0]) => (0..columns)
            .flat_map(|column| (0..rows).map(move |row| row * columns + column))
            .map(|at| list.get(at).copied())
            .collect(),
        _ => Some(list),
    }
}

/// One number again and again; a list of unknown length is none.
fn filled(node: &NodeView<'_>) -> Option<Extents> {
    let extents: Vec<i64> =
        given(node, 0)?.iter().map(|e| if let Extent::Number(n) = e { Some(*n) } else { None }).collect::<Option<_>>()?;
    let count =
        extents.iter().try_fold(1usize, |n, e| n.checked_mul(usize::try_from(*e).ok()?)).filter(|count| *count <= LONGEST)?;
    let number = match node.elements.attribute()?[..] {
        [number] => Some(number),
        _ => None,
    };
    Some(vec![number.map_or(Extent::Unknown, Extent::Number); count])
}

/// The product of a list.
fn reduced(node: &NodeView<'_>) -> Option<Extents> {
    let (list, whole) = (given(node, 0)?, table(node, 0).is_some_and(|dims| dims.len() < 2) && shapes::terms(node).is_some());
    let number = |extent: &Extent| if let Extent::Number(number) = extent { Some(*number) } else { None };
    match &list[..] {
        [one] if whole => Some(vec![*one]),
        list if whole => {
            let all = list.iter().try_fold(1i64, |n, extent| n.checked_mul(number(extent)?));
            Some(vec![all.map_or(Extent::Unknown, Extent::Number)])
        }
        _ => None,
    }
}

/// An operator on each pair; `neutral` on the right leaves what is on the left as it is.
fn elementwise(node: &NodeView<'_>, compute: fn(i64, i64) -> Option<i64>, neutral: Option<i64>) -> Option<Extents> {
    let (one, two) = (given(node, 0)?, given(node, 1)?);
    let flat = |input: usize| table(node, input).is_some_and(|dims| dims.len() < 2);
    let length = if one.len() == 1 { two.len() } else { one.len() };
    if ![1, length].contains(&one.len()) || ![1, length].contains(&two.len()) || !flat(0) || !flat(1) {
        return None;
    }
    let at = |list: &Extents, index: usize| list.get(if list.len() == 1 { 0 } else { index }).copied();
    let number = |index: usize| match (at(&one, index)?, at(&two, index)?) {
        (Extent::Number(one), Extent::Number(two)) => compute(one, two).map(Extent::Number),
        (same, Extent::Number(two)) if Some(two) == neutral => Some(same),
        _ => None,
    };
    Some((0..length).map(|index| number(index).unwrap_or(Extent::Unknown)).collect())
}
