//! Rows of nodes that one node can stand for: Reshapes that only the last of counts, Transposes one after the other.

use super::aliases;
use crate::model::{Graph, Node, Origin, ValueId};
use crate::onnx::{AttributeProto, NodeProto};
use crate::verify::align::Read;

/// A Reshape that reads what the row before it began with. That it is handed on in order is the same for all extents, if the sizes
/// that it names copy nothing from what it read.
pub(super) fn reshape(read: Read<'_, '_>, node: &Node<'_>) -> Option<NodeProto> {
    let graph = read.graph;
    let [Some(data), Some(sizes), ..] = node.inputs[..] else { return None };
    let sizes = read.integers(sizes).ok().flatten()?.numbers()?;
    let copied = sizes.iter().enumerate().filter(|(_, size)| **size == 0).map(|(axis, _)| axis).collect::<Vec<_>>();
    let keeps = |source: &ValueId| {
        let extent = |value: ValueId, axis: usize| read.measures.extent(value, axis);
        copied.iter().all(|axis| extent(data, *axis).is_some_and(|extent_of| extent(*source, *axis) == Some(extent_of)))
    };
    let source = aliases::in_order(read, data).take_while(|source| is_main(graph, *source)).filter(keeps).last()?;
    let mut proto = node.proto.clone();
    graph.value(source).name.clone_into(proto.input.first_mut()?);
    Some(proto)
}

/// A Transpose that reads what another reads that is before it, in the order that both make.
pub(super) fn transpose(graph: &Graph<'_>, node: &Node<'_>) -> Option<NodeProto> {
    let mut all = aliases::order(node)?;
    let mut at = node.inputs.first().copied().flatten()?;
    let mut source = None;
    while let Origin::Node(maker, 0) = graph.value(at).origin {
        let maker = graph.node(maker);
        let data = maker.inputs.first().copied().flatten().filter(|data| maker.standard && is_main(graph, *data));
        let Some(data) = data.filter(|data| graph.constant(*data).is_err()) else { break };
        match maker.proto.op_type() {
            "Identity" => {}
            "Transpose" => {
                let Some(order) = aliases::order(maker).filter(|order| order.len() == all.len()) else { break };
                all = all.iter().map(|axis| order.get(*axis).copied()).collect::<Option<_>>()?;
                source = Some(data);
            }
            _ => break,
        }
        at = data;
    }
    let order = AttributeProto {
        name: Some("perm".to_owned()),
        r#type: Some(crate::onnx::attribute_proto::AttributeType::Ints.into()),
        ints: all.iter().map(|axis| *axis as i64).collect(),
        ..AttributeProto::default()
    };
    Some(NodeProto { input: vec![graph.value(source?).name.to_owned()], attribute: vec![order], ..node.proto.clone() })
}

fn is_main(graph: &Graph<'_>, value: ValueId) -> bool {
    graph.value(value).scope == crate::model::ScopeId(0)
}
