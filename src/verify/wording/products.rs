//! Products of more axes than two that are written as one of two between two Reshapes: a MatMul and the sum behind it.

use super::aliases;
use crate::model::{Graph, Node, NodeId, Origin, ScopeId, Use, ValueId};
use crate::onnx::NodeProto;
use crate::verify::align::Read;

/// A Gemm as the MatMul of all axes, and the Reshape behind it as the sum with what the Gemm adds, by the first value that each makes.
pub(super) fn written(read: Read<'_, '_>, id: NodeId) -> Option<[(String, NodeProto); 2]> {
    let graph = read.graph;
    let node = graph.node(id);
    let [Some(rows), Some(weight), ..] = node.inputs[..] else { return None };
    let [Some(made)] = node.outputs[..] else { return None };
    if !node.standard || node.proto.op_type() != "Gemm" || !is_plain(node) || !is_matrix(graph, weight) {
        return None;
    }
    let [Use::Node(behind, 0)] = graph.value(made).uses[..] else { return None };
    let behind = graph.node(behind);
    let last = behind.outputs.first().copied().flatten()?;
    if !behind.standard || behind.scope != node.scope || !matches!(behind.proto.op_type(), "Reshape") {
        return None;
    }
    let added = match node.inputs.get(2).copied().flatten() {
        None => None,
        Some(bias) if is_row(graph, bias) => Some(bias),
        Some(_) => return None,
    };
    // The axes before the last one are the same before and behind.
    let (wanted, flat) = (read.measures.extents(last)?, read.measures.extents(rows)?);
    let ([leading @ .., _], [_, depth]) = (&wanted[..], &flat[..]) else { return None };
    let wanted: Vec<_> = leading.iter().chain([depth]).copied().collect();
    let source = source(read, rows);
    let fits = |value: &ValueId| {
        let early = match graph.value(*value).origin {
            Origin::Node(maker, _) => graph.node(maker).index < node.index,
            _ => true,
        };
        early && self::source(read, *value) == source && read.measures.extents(*value).as_ref() == Some(&wanted)
    };
    let data = values(graph).find(fits)?;
    let name = |value: ValueId| graph.value(value).name.to_owned();
    let product = NodeProto {
        op_type: Some("MatMul".to_owned()),
        input: vec![name(data), name(weight)],
        attribute: vec![],
        ..node.proto.clone()
    };
    let (operator, input) = match added {
        Some(bias) => ("Add", vec![name(made), name(bias)]),
        None => ("Identity", vec![name(made)]),
    };
    let sum = NodeProto { op_type: Some(operator.to_owned()), input, attribute: vec![], ..behind.proto.clone() };
    Some([(name(made), product), (name(last), sum)])
}

/// Whether it is a product and a sum, without factors and transposed operands.
fn is_plain(node: &Node<'_>) -> bool {
    node.proto.attribute.iter().all(|a| match a.name() {
        "alpha" | "beta" => a.f() == 1.0,
        "transA" | "transB" => a.i() == 0,
        _ => true,
    })
}

fn is_matrix(graph: &Graph<'_>, value: ValueId) -> bool {
    graph.constant(value).is_ok_and(|(tensor, _)| graph.tensor(tensor).dims.len() == 2)
}

/// Whether a constant is added to each row alike.
fn is_row(graph: &Graph<'_>, value: ValueId) -> bool {
    graph.constant(value).is_ok_and(|(tensor, _)| graph.tensor(tensor).dims.len() == 1)
}

/// The value whose elements a value has in the same order, as far back as that goes.
fn source(read: Read<'_, '_>, value: ValueId) -> ValueId {
    aliases::in_order(read, value).last().unwrap_or(value)
}

fn values(graph: &Graph<'_>) -> impl Iterator<Item = ValueId> {
    (0..graph.values.len()).map(ValueId).filter(|value| graph.value(*value).scope == ScopeId(0))
}
