//! Extents of inputs that a model leaves open and its constants fix: the channels of a weight, the rows of a matrix. At another size
//! it does not run, so that no other is looked for.

use std::collections::{BTreeMap, HashMap};

use super::proto::{int, is_standard, text};
use crate::onnx::tensor_shape_proto::dimension;
use crate::onnx::type_proto::Value;
use crate::onnx::{GraphProto, NodeProto, TensorShapeProto, ValueInfoProto};

/// Operators whose first input has the extents of their output.
const KEEPING: &[&str] = &[
    "Abs",
    "BatchNormalization",
    "Cast",
    "Clip",
    "Dropout",
    "Elu",
    "Erf",
    "Exp",
    "HardSigmoid",
    "HardSwish",
    "Identity",
    "InstanceNormalization",
    "LayerNormalization",
    "LeakyRelu",
    "Neg",
    "PRelu",
    "Relu",
    "Sigmoid",
    "Softmax",
    "Sqrt",
    "Tanh",
];
/// Operators that repeat what has one element.
const REPEATING: &[&str] = &["Add", "Div", "Mul", "PRelu", "Sub", "Sum"];

/// States in the inputs of a signature what the constants of a flat graph fix.
pub(super) fn state(graph: &GraphProto, signature: &mut GraphProto) {
    let inputs: BTreeMap<&str, usize> =
        signature.input.iter().filter_map(|input| Some((input.name(), shape(input)?.dim.len()))).collect();
    let open =
        |input: &ValueInfoProto| shape(input).is_some_and(|shape| shape.dim.iter().any(|dim| !is_fixed(dim.value.as_ref())));
    if !signature.input.iter().any(open) {
        return;
    }
    let constants: HashMap<&str, &[i64]> = graph.initializer.iter().map(|t| (t.name(), t.dims.as_slice())).collect();
    // Values that have the extents of an input, each with that input.
    let mut alike: HashMap<&str, &str> = inputs.keys().map(|name| (*name, *name)).collect();
    let (mut certain, mut likely) = (BTreeMap::new(), BTreeMap::new());
    for node in graph.node.iter().filter(|node| is_standard(node.domain())) {
        let dims = |input: usize| node.input.get(input).and_then(|name| constants.get(name.as_str())).copied();
        for (at, name) in node.input.iter().enumerate() {
            let Some(input) = alike.get(name.as_str()).copied() else { continue };
            let rank = inputs.get(input).copied().unwrap_or_default();
            for (axis, size) in by_weight(node, at, rank, &dims) {
                certain.entry((input.to_owned(), axis)).or_insert(size);
            }
            let repeating = REPEATING.contains(&node.op_type());
            for (axis, size) in (0..node.input.len()).filter(|_| repeating).filter_map(dims).flat_map(|dims| beside(dims, rank)) {
                likely.entry((input.to_owned(), axis)).or_insert(size);
            }
            let stays = at == 0 && KEEPING.contains(&node.op_type())
                || repeating && node.input.len() == 2 && dims(1 - at.min(1)).is_some();
            if let Some(output) = node.output.first().filter(|_| stays) {
                alike.insert(output, input);
            }
        }
    }
    likely.extend(certain);
    let mut symbols = BTreeMap::new();
    for input in &mut signature.input {
        let name = input.name().to_owned();
        for (axis, dim) in dims_mut(input).enumerate() {
            let Some(size) = likely.get(&(name.clone(), axis)).filter(|_| !is_fixed(dim.as_ref())) else { continue };
            if let Some(dimension::Value::DimParam(symbol)) = dim.replace(dimension::Value::DimValue(*size)) {
                symbols.insert(symbol, *size);
            }
        }
    }
    // One symbol has one size.
    for dim in signature.input.iter_mut().flat_map(dims_mut) {
        if let Some(dimension::Value::DimParam(symbol)) = &*dim
            && let Some(size) = symbols.get(symbol).filter(|_| !symbol.is_empty() && symbol != "?")
        {
            *dim = Some(dimension::Value::DimValue(*size));
        }
    }
}

/// The extents of an input of a node that constants at others fix: axes and sizes.
fn by_weight<'d>(node: &NodeProto, at: usize, rank: usize, dims: &impl Fn(usize) -> Option<&'d [i64]>) -> Vec<(usize, i64)> {
    let flag = |name: &str| int(node, name).unwrap_or(0) != 0;
    let one = |axis: Option<usize>, size: Option<i64>| axis.zip(size).into_iter().collect();
    let size = |input: usize, axis: usize| dims(input).and_then(|dims| dims.get(axis)).copied();
    match (node.op_type(), at) {
        ("Conv", 0) => one(Some(1), size(1, 1).and_then(|size| size.checked_mul(int(node, "group").unwrap_or(1)))),
        ("ConvTranspose", 0) => one(Some(1), size(1, 0)),
        ("BatchNormalization" | "InstanceNormalization", 0) => one(Some(1), size(1, 0)),
        ("LSTM" | "GRU" | "RNN", 0) => one(rank.checked_sub(1), size(1, 2)),
        ("Gemm", 0) => one(Some(usize::from(!flag("transA"))), size(1, usize::from(flag("transB")))),
        ("MatMul", 0) => {
            let rows = dims(1).and_then(|dims| dims.len().checked_sub(2).or(dims.len().checked_sub(1)));
            one(rank.checked_sub(1), rows.and_then(|axis| size(1, axis)))
        }
        ("MatMul", 1) => one(rank.checked_sub(2), dims(0).and_then(|dims| dims.last()).copied()),
        ("Einsum", _) => einsum(node, at, dims),
        _ => vec![],
    }
}

fn einsum<'d>(node: &NodeProto, at: usize, dims: &impl Fn(usize) -> Option<&'d [i64]>) -> Vec<(usize, i64)> {
    let equation = text(node, "equation").unwrap_or_default();
    let operands: Vec<Vec<u8>> = equation
        .split(|letter| *letter == b'-')
        .next()
        .unwrap_or_default()
        .split(|letter| *letter == b',')
        .map(|letters| letters.iter().copied().filter(|letter| *letter != b' ').collect())
        .collect();
    let Some(own) = operands.get(at).filter(|own| !own.contains(&b'.')) else { return vec![] };
    let fixed = |letter: u8| {
        let others = operands.iter().enumerate().filter(|(other, _)| *other != at);
        others.filter_map(|(other, letters)| dims(other)?.get(letters.iter().position(|l| *l == letter)?).copied()).next()
    };
    own.iter().enumerate().filter_map(|(axis, letter)| Some((axis, fixed(*letter)?))).collect()
}

/// What a constant beside a value has more than one element along, counted from the last axis.
fn beside(dims: &[i64], rank: usize) -> impl Iterator<Item = (usize, i64)> {
    let shorter = rank.checked_sub(dims.len());
    dims.iter().enumerate().filter(|(_, size)| **size > 1).filter_map(move |(axis, size)| Some((axis + shorter?, *size)))
}

fn shape(input: &ValueInfoProto) -> Option<&TensorShapeProto> {
    match input.r#type.as_ref()?.value.as_ref()? {
        Value::TensorType(tensor) => tensor.shape.as_ref(),
        _ => None,
    }
}

fn dims_mut(input: &mut ValueInfoProto) -> impl Iterator<Item = &mut Option<dimension::Value>> {
    let shape = input.r#type.as_mut().and_then(|declared| match declared.value.as_mut() {
        Some(Value::TensorType(tensor)) => tensor.shape.as_mut(),
        _ => None,
    });
    shape.into_iter().flat_map(|shape| &mut shape.dim).map(|dim| &mut dim.value)
}

fn is_fixed(dim: Option<&dimension::Value>) -> bool {
    matches!(dim, Some(dimension::Value::DimValue(size)) if *size > 0)
}
