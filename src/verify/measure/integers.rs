//! Integers that are computed from extents: the operators that exporters write sizes with.
//!
//! What only moves elements is computed by the reference, on numbers that stand for the elements.

use super::shapes::broadcast;
use super::view::{BOOL, INT32, INT64, LONGEST, View};
use super::{Extent, Extents, Integers};
use crate::reference::{self, Array, Data};

/// The integers of each output, as far as they are known.
pub(super) fn follow(view: &View<'_, '_>) -> Option<Vec<Integers>> {
    match view.operator {
        "Shape" => shape(view).map(|list| vec![list]),
        "Size" => {
            let elements = vec![super::moves::all(view.shape(0)?)];
            Some(vec![Integers { data_type: INT64, dims: vec![], elements }])
        }
        "Cast" => cast(view).map(|list| vec![list]),
        "Concat" | "Expand" | "Flatten" | "Gather" | "Identity" | "Reshape" | "Slice" | "Split" | "Squeeze" | "Tile"
        | "Transpose" | "Unsqueeze" | "Where" => moved(view),
        "Add" | "Sub" | "Mul" | "Div" => arithmetic(view).map(|list| vec![list]),
        "ReduceProd" | "ReduceSum" => reduced(view).or_else(|| computed(view)),
        "Abs" | "And" | "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Max" | "Min" | "Mod" | "Neg"
        | "Not" | "Or" | "ReduceMax" | "ReduceMin" | "Range" | "Sign" | "Xor" => computed(view),
        "ConstantOfShape" => filled(view).map(|list| vec![list]),
        _ => None,
    }
}

fn shape(view: &View<'_, '_>) -> Option<Integers> {
    let shape = view.shape(0)?;
    let rank = i64::try_from(shape.len()).ok()?;
    let bound = |at: i64| usize::try_from(if at < 0 { at + rank } else { at }.clamp(0, rank)).ok();
    let (start, end) = (bound(view.int("start", 0))?, bound(view.int("end", rank))?);
    let elements = shape.get(start..end.max(start))?.to_vec();
    Some(Integers { data_type: INT64, dims: vec![elements.len()], elements })
}

/// How many binary digits the number of an input's elements has, where that is counted in a type of 32 bits, and in one of 64.
const ELEMENTS: [u32; 2] = [28, 32];

/// Whether a number has room in a type for all inputs.
fn fits(data_type: i32, number: &Extent) -> bool {
    match (number.as_number(), data_type) {
        (Some(number), INT64) => i64::MIN < number,
        (Some(number), _) => i32::try_from(number).is_ok(),
        (None, INT64) => number.digits(ELEMENTS[1]) < u64::BITS,
        (None, _) => number.digits(ELEMENTS[0]) < u32::BITS,
    }
}

fn cast(view: &View<'_, '_>) -> Option<Integers> {
    let from = view.integers(0)?;
    let to = i32::try_from(view.int("to", 0)).ok()?;
    let alike = matches!((from.data_type, to), (INT32 | INT64 | BOOL, INT32 | INT64) | (BOOL, BOOL));
    (alike && from.elements.iter().flatten().all(|number| fits(to, number))).then(|| Integers { data_type: to, ..from.clone() })
}

/// The inputs of an operator that hands elements on whose elements those are.
fn data(view: &View<'_, '_>) -> Vec<usize> {
    match view.operator {
        "Concat" => (0..view.node.inputs.len()).collect(),
        "Where" => vec![1, 2],
        _ => vec![0],
    }
}

fn numeric(list: &Integers) -> Option<Array> {
    let numbers = list.numbers()?;
    let data = if list.data_type == BOOL { Data::Bool(numbers.iter().map(|n| *n != 0).collect()) } else { Data::Int(numbers) };
    Some(Array { dims: list.dims.clone(), data })
}

/// How many elements a list of these extents has.
fn count(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1usize, |all, dim| all.checked_mul(*dim))
}

/// What the reference makes of a node.
fn evaluated(view: &View<'_, '_>, inputs: &[Option<Array>]) -> Option<Vec<Array>> {
    let longest = |all: &Vec<Array>| all.iter().all(|made| count(&made.dims).is_some_and(|count| count <= LONGEST));
    reference::node(view.node.proto, view.opset, inputs).ok().filter(longest)
}

fn moved(view: &View<'_, '_>) -> Option<Vec<Integers>> {
    let data = data(view);
    let (mut elements, mut inputs) = (Vec::new(), Vec::new());
    for input in 0..view.node.inputs.len() {
        if !view.is_connected(input) {
            inputs.push(None);
            continue;
        }
        let list = view.integers(input)?;
        if !data.contains(&input) {
            inputs.push(Some(numeric(list)?));
            continue;
        }
        let first = elements.len();
        elements.extend(list.elements.iter().cloned());
        let places = (first..elements.len()).map(|at| at as i64).collect();
        inputs.push(Some(Array { dims: list.dims.clone(), data: Data::Int(places) }));
    }
    let data_type = view.integers(*data.first()?)?.data_type;
    let of = |made: Array| {
        let Data::Int(places) = made.data else { return None };
        let chosen = places.iter().map(|at| elements.get(usize::try_from(*at).ok()?).cloned());
        Some(Integers { data_type, dims: made.dims, elements: chosen.collect::<Option<_>>()? })
    };
    evaluated(view, &inputs)?.into_iter().map(of).collect()
}

fn arithmetic(view: &View<'_, '_>) -> Option<Integers> {
    let (one, two) = (view.integers(0)?, view.integers(1)?);
    if one.data_type != two.data_type || !matches!(one.data_type, INT32 | INT64) || view.opset < 7 {
        return None;
    }
    let extents = |dims: &[usize]| dims.iter().map(|dim| Some(Extent::number(*dim as i64))).collect::<Extents>();
    let dims = broadcast([&extents(&one.dims), &extents(&two.dims)]);
    let dims = dims.iter().map(|dim| usize::try_from(dim.as_ref()?.as_number()?).ok()).collect::<Option<Vec<_>>>()?;
    let count = count(&dims).filter(|count| *count <= LONGEST)?;
    let compute = match view.operator {
        "Add" => Extent::plus,
        "Sub" => Extent::minus,
        "Mul" => Extent::times,
        _ => Extent::over,
    };
    let element = |at: usize| {
        compute(
            one.elements.get(place(at, &dims, &one.dims))?.as_ref()?,
            two.elements.get(place(at, &dims, &two.dims))?.as_ref()?,
        )
    };
    let elements: Vec<Option<Extent>> = (0..count).map(element).collect();
    let inside = elements.iter().flatten().all(|number| fits(one.data_type, number));
    inside.then_some(Integers { data_type: one.data_type, dims, elements })
}

/// The product or the sum of a list.
fn reduced(view: &View<'_, '_>) -> Option<Vec<Integers>> {
    let list = view.integers(0)?;
    let axes = view.list("axes", 1).ok()?;
    if list.dims.len() != 1 || axes.is_some_and(|axes| axes != [0] && axes != [-1]) || view.int("noop_with_empty_axes", 0) != 0 {
        return None;
    }
    let product = view.operator == "ReduceProd";
    let all = list.elements.iter().try_fold(Extent::number(i64::from(product)), |all, element| {
        if product { all.times(element.as_ref()?) } else { all.plus(element.as_ref()?) }
    });
    let made = all.filter(|all| matches!(list.data_type, INT32 | INT64) && fits(list.data_type, all))?;
    let dims = if view.int("keepdims", 1) != 0 { vec![1] } else { vec![] };
    Some(vec![Integers { data_type: list.data_type, dims, elements: vec![Some(made)] }])
}

/// The place of an element in an operand that is repeated to be like the result.
fn place(at: usize, dims: &[usize], own: &[usize]) -> usize {
    let (mut rest, mut found, mut step) = (at, 0, 1);
    for (back, dim) in dims.iter().rev().enumerate() {
        let index = rest % dim;
        rest /= dim;
        let Some(size) = own.len().checked_sub(back + 1).and_then(|axis| own.get(axis)) else { continue };
        if *size > 1 {
            found += index * step;
        }
        step *= size;
    }
    found
}

/// Operators on numbers that are the same for all inputs.
fn computed(view: &View<'_, '_>) -> Option<Vec<Integers>> {
    let types: Vec<i32> = (0..view.node.inputs.len()).map(|at| Some(view.integers(at)?.data_type)).collect::<Option<_>>()?;
    let inputs = (0..types.len()).map(|at| numeric(view.integers(at)?).map(Some)).collect::<Option<Vec<_>>>()?;
    let of = |made: Array| {
        let (data_type, numbers) = match made.data {
            Data::Int(numbers) => (*types.first()?, numbers),
            Data::Bool(truths) => (BOOL, truths.into_iter().map(i64::from).collect()),
            Data::Float(_) => return None,
        };
        let fits = |number: &i64| data_type == INT64 || i32::try_from(*number).is_ok();
        let elements = numbers.iter().map(|number| Some(Extent::number(*number))).collect();
        numbers.iter().all(fits).then_some(Integers { data_type, dims: made.dims, elements })
    };
    evaluated(view, &inputs)?.into_iter().map(of).collect()
}

fn filled(view: &View<'_, '_>) -> Option<Integers> {
    let dims = view.numbers(0)?.into_iter().map(|dim| usize::try_from(dim).ok()).collect::<Option<Vec<_>>>()?;
    let count = count(&dims).filter(|count| *count <= LONGEST)?;
    // Without a value it is filled with zeros in float.
    let value = view.graph.attribute_tensor(view.id).filter(|value| matches!(value.data_type, INT32 | INT64))?;
    let number = *value.integers(view.graph.model).ok()?.first()?;
    Some(Integers { data_type: value.data_type, dims, elements: vec![Some(Extent::number(number)); count] })
}
