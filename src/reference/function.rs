//! Model-local functions: their body evaluated in a scope of its own, attribute references resolved.
//!
//! It must not know what operators compute.

use std::collections::BTreeMap;

use super::call::Call;
use super::run::{Scope, World, nodes, standard_opset};
use super::{Array, ReferenceError, invalid};
use crate::onnx::{AttributeProto, FunctionProto, GraphProto, NodeProto};

fn domain(name: &str) -> &str {
    if name == "ai.onnx" { "" } else { name }
}

/// The function that a node calls, if there is one.
pub(super) fn find<'m>(functions: &'m [FunctionProto], node: &NodeProto) -> Option<&'m FunctionProto> {
    functions.iter().find(|function| {
        function.name() == node.op_type()
            && domain(function.domain()) == domain(node.domain())
            && function.overload() == node.overload()
    })
}

pub(super) fn call(world: &World, function: &FunctionProto, call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let opset = standard_opset(&function.opset_import).unwrap_or(world.opset);
    let world = world.deeper(opset)?;
    if call.inputs.len() > function.input.len() {
        return invalid("more inputs than the function has");
    }
    let mut scope = Scope::default();
    for (index, name) in function.input.iter().enumerate() {
        let value = call.inputs.get(index).cloned().flatten();
        scope.values.insert(name.clone(), value);
        let kind = call.types.get(index).copied().unwrap_or(0);
        scope.types.insert(name.clone(), kind);
    }
    let mut given = BTreeMap::new();
    for attribute in function.attribute_proto.iter().chain(&call.node.attribute) {
        given.insert(attribute.name(), attribute);
    }
    let body: Vec<NodeProto> = function.node.iter().map(|node| resolved(node, &given)).collect();
    nodes(&world, &body, &mut scope)?;
    let outputs = function.output.iter().map(|name| match scope.value(name)? {
        Some(value) => Ok(Array::clone(&value)),
        None => invalid(format!("the function's output `{name}` has no value")),
    });
    outputs.collect()
}

/// The node with the values of the function's attributes; one that the call leaves out goes.
fn resolved(node: &NodeProto, given: &BTreeMap<&str, &AttributeProto>) -> NodeProto {
    let attributes = node.attribute.iter().filter_map(|attribute| {
        if attribute.ref_attr_name().is_empty() {
            let mut attribute = attribute.clone();
            for graph in attribute.g.iter_mut().chain(&mut attribute.graphs) {
                resolve_graph(graph, given);
            }
            return Some(attribute);
        }
        let mut value = AttributeProto::clone(given.get(attribute.ref_attr_name())?);
        value.name.clone_from(&attribute.name);
        Some(value)
    });
    NodeProto { attribute: attributes.collect(), ..node.clone() }
}

fn resolve_graph(graph: &mut GraphProto, given: &BTreeMap<&str, &AttributeProto>) {
    for node in &mut graph.node {
        *node = resolved(node, given);
    }
}
