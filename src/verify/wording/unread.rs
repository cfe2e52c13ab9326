//! Nodes that nobody reads any more: what they read is not read for their sake.

use std::collections::BTreeSet;

use crate::model::{Graph, ScopeId};
use crate::onnx::{AttributeProto, GraphProto, NodeProto};

/// Whether there is a node in the main graph whose outputs nobody reads.
pub(super) fn any(graph: &Graph<'_>) -> bool {
    let is_unread = |node| graph.node(node).outputs.iter().flatten().all(|value| graph.value(*value).uses.is_empty());
    graph.scope(ScopeId(0)).nodes.iter().any(|node| is_unread(*node))
}

/// Puts a constant in the place of each node whose outputs nobody reads, so that the others keep theirs.
pub(super) fn removed(graph: &mut GraphProto) {
    let annotated = graph.quantization_annotation.iter().flat_map(|a| {
        let parameters = a.quant_parameter_tensor_names.iter().map(|entry| entry.value());
        std::iter::once(a.tensor_name()).chain(parameters)
    });
    let outputs = graph.output.iter().map(|output| output.name());
    let mut read: BTreeSet<String> = outputs.chain(annotated).map(str::to_owned).collect();
    let mut gone = BTreeSet::new();
    for node in graph.node.iter_mut().rev() {
        if node.output.iter().any(|name| read.contains(name)) {
            names(node, &mut read);
        } else if let Some(first) = node.output.first().filter(|name| !name.is_empty()).cloned() {
            gone.extend(std::mem::take(&mut node.output));
            *node = nothing(first, node.name.take());
        }
    }
    graph.value_info.retain(|info| !gone.contains(info.name()));
}

/// What a node names beside what it makes, nested graphs included.
fn names(node: &NodeProto, read: &mut BTreeSet<String>) {
    read.extend(node.input.iter().filter(|name| !name.is_empty()).cloned());
    for graph in node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs)) {
        graph.node.iter().for_each(|node| names(node, read));
        read.extend(graph.output.iter().map(|output| output.name().to_owned()));
    }
}

fn nothing(output: String, name: Option<String>) -> NodeProto {
    let zero = AttributeProto {
        name: Some("value_int".to_owned()),
        r#type: Some(crate::onnx::attribute_proto::AttributeType::Int.into()),
        i: Some(0),
        ..AttributeProto::default()
    };
    NodeProto { op_type: Some("Constant".to_owned()), name, output: vec![output], attribute: vec![zero], ..NodeProto::default() }
}
