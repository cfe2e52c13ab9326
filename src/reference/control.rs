//! If, Loop and Scan.
//!
//! It must not know what the nodes of their graphs compute.

use std::rc::Rc;

use super::array::{at, axis, count, extent, size};
use super::call::Call;
use super::run::{Scope, World, subgraph};
use super::select::{joined, section};
use super::{Array, ReferenceError, invalid, unsupported};
use crate::onnx::GraphProto;
use crate::onnx::type_proto::Value as TypeValue;

fn graph<'a>(call: &'a Call, name: &str) -> Result<&'a GraphProto, ReferenceError> {
    match call.attribute(name).and_then(|attribute| attribute.g.as_ref()) {
        Some(graph) => Ok(graph),
        None => invalid(format!("the graph `{name}` is missing")),
    }
}

fn owned(values: Vec<Rc<Array>>) -> Vec<Array> {
    values.iter().map(|value| Array::clone(value)).collect()
}

pub(super) fn branch(world: &World, call: &Call, scope: &Scope) -> Result<Vec<Array>, ReferenceError> {
    let name = if call.input(0)?.truth()? { "then_branch" } else { "else_branch" };
    Ok(owned(subgraph(world, graph(call, name)?, &[], scope)?))
}

/// One value for each round, stacked along a new axis.
fn stacked(rounds: &[Rc<Array>], along: i64, graph: &GraphProto, output: usize) -> Result<Array, ReferenceError> {
    let Some(first) = rounds.first() else {
        return empty(graph, output);
    };
    let along = axis(along, first.dims.len() + 1)?;
    let mut slices = Vec::new();
    for round in rounds {
        let mut dims = round.dims.clone();
        dims.insert(along.min(dims.len()), 1);
        slices.push(round.with_dims(dims)?);
    }
    joined(&slices.iter().collect::<Vec<_>>(), along)
}

/// The stack of no rounds, of the declared type and, as far as it is declared, shape.
fn empty(graph: &GraphProto, output: usize) -> Result<Array, ReferenceError> {
    let kind = graph.output.get(output).and_then(|output| output.r#type.as_ref());
    let Some(TypeValue::TensorType(tensor)) = kind.and_then(|kind| kind.value.as_ref()) else {
        return unsupported("a loop without rounds whose outputs have no type");
    };
    let mut dims = vec![0];
    for dim in tensor.shape.iter().flat_map(|shape| &shape.dim) {
        dims.push(match &dim.value {
            Some(crate::onnx::tensor_shape_proto::dimension::Value::DimValue(dim)) => size(*dim)?,
            _ => 0,
        });
    }
    count(&dims)?;
    Ok(match tensor.elem_type() {
        1 | 10 | 11 | 16 => Array::float(dims, Vec::new()),
        9 => Array::bool(dims, Vec::new()),
        _ => Array::int(dims, Vec::new()),
    })
}

/// Rounds until the count is reached or the condition fails; values are carried from one to the
/// next, further outputs are stacked.
pub(super) fn repeat(world: &World, call: &Call, scope: &Scope) -> Result<Vec<Array>, ReferenceError> {
    let body = graph(call, "body")?;
    let limit = call.optional(0).map(Array::integer).transpose()?;
    let mut goes_on = call.optional(1).map_or(Ok(true), Array::truth)?;
    let mut carried = Vec::new();
    for input in call.inputs.iter().skip(2) {
        match input {
            Some(input) => carried.push(input.clone()),
            None => return invalid("a carried value has no start"),
        }
    }
    let stacks = body.output.len().checked_sub(carried.len() + 1);
    let Some(stacks) = stacks else {
        return invalid("the body has too few outputs");
    };
    let mut rounds: Vec<Vec<Rc<Array>>> = vec![Vec::new(); stacks];
    let mut round = 0;
    while goes_on && limit.is_none_or(|limit| round < limit) {
        if round.unsigned_abs() == world.rounds {
            return unsupported("a loop of so many rounds");
        }
        let mut inputs = vec![Rc::new(Array::int([], vec![round])), Rc::new(Array::bool([], vec![true]))];
        inputs.append(&mut carried);
        let mut outputs = subgraph(world, body, &inputs, scope)?.into_iter();
        goes_on = match outputs.next() {
            Some(condition) => condition.truth()?,
            None => return invalid("the body has no condition"),
        };
        carried = outputs.by_ref().take(inputs.len() - 2).collect();
        rounds.iter_mut().zip(outputs).for_each(|(stack, value)| stack.push(value));
        round += 1;
    }
    let first = carried.len() + 1;
    let mut results = owned(carried);
    for (index, stack) in rounds.iter().enumerate() {
        results.push(stacked(stack, 0, body, first + index)?);
    }
    Ok(results)
}

/// A list attribute of one number for each of `length` scanned values, 0 where it is absent.
fn settings(call: &Call, name: &str, length: usize) -> Result<Vec<i64>, ReferenceError> {
    let values = call.ints(name)?.map_or(vec![0; length], <[i64]>::to_vec);
    if values.len() != length {
        return invalid(format!("`{name}` needs {length} numbers"));
    }
    Ok(values)
}

/// One round for each slice of the scanned inputs.
pub(super) fn scan(world: &World, call: &Call, scope: &Scope) -> Result<Vec<Array>, ReferenceError> {
    if call.opset < 9 {
        return unsupported("Scan of opset 8");
    }
    let body = graph(call, "body")?;
    let scanned = size(call.int_or("num_scan_inputs", 0)?)?;
    let inputs = call.all_inputs()?;
    let Some(states) = inputs.len().checked_sub(scanned).filter(|_| scanned > 0) else {
        return invalid("num_scan_inputs does not fit the inputs");
    };
    let Some(stacks) = body.output.len().checked_sub(states) else {
        return invalid("the body has too few outputs");
    };
    let axes = settings(call, "scan_input_axes", scanned)?;
    let directions = settings(call, "scan_input_directions", scanned)?;
    let mut slices = Vec::new();
    for ((input, &along), &direction) in inputs.iter().skip(states).zip(&axes).zip(&directions) {
        slices.push(slices_of(input, along, direction != 0)?);
    }
    let length = slices.first().map_or(0, Vec::len);
    if slices.iter().any(|slices| slices.len() != length) {
        return invalid("the scanned inputs differ in length");
    }
    let mut carried: Vec<Rc<Array>> = call.inputs.iter().take(states).flatten().cloned().collect();
    let mut rounds: Vec<Vec<Rc<Array>>> = vec![Vec::new(); stacks];
    for round in 0..length {
        for slices in &slices {
            carried.extend(slices.get(round).cloned());
        }
        let mut outputs = subgraph(world, body, &carried, scope)?.into_iter();
        carried = outputs.by_ref().take(states).collect();
        rounds.iter_mut().zip(outputs).for_each(|(stack, value)| stack.push(value));
    }
    let axes = settings(call, "scan_output_axes", stacks)?;
    let directions = settings(call, "scan_output_directions", stacks)?;
    let mut results = owned(carried);
    for (index, mut stack) in rounds.into_iter().enumerate() {
        if at(&directions, index)? != 0 {
            stack.reverse();
        }
        results.push(stacked(&stack, at(&axes, index)?, body, states + index)?);
    }
    Ok(results)
}

/// The slices of an array along an axis, which they lose.
fn slices_of(array: &Array, along: i64, reversed: bool) -> Result<Vec<Rc<Array>>, ReferenceError> {
    let along = axis(along, array.dims.len())?;
    let mut dims = array.dims.clone();
    dims.remove(along);
    let length = extent(&array.dims, along)?;
    count(&[length])?;
    let mut slices = Vec::new();
    for place in 0..length {
        slices.push(Rc::new(section(array, along, place, 1)?.with_dims(dims.clone())?));
    }
    if reversed {
        slices.reverse();
    }
    Ok(slices)
}
