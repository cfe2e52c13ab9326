//! Outputs of the graph that a node hands on as they are: who makes what it hands on makes the output itself, and the node hands on
//! to the other name.

use std::collections::{BTreeMap, BTreeSet};

use super::aliases;
use crate::model::{Graph, Origin, ScopeId, Use, ValueId};
use crate::onnx::NodeProto;
use crate::verify::align::Read;

/// Adds the nodes of the main graph that are written otherwise so, but those that are written as `pairs`: what they make.
pub(super) fn direct(read: Read<'_, '_>, pairs: &BTreeSet<String>, written: &mut BTreeMap<String, NodeProto>) {
    let graph = read.graph;
    let main = &graph.scope(ScopeId(0)).nodes;
    // By what a value is called: what it is called instead.
    let mut names: BTreeMap<&str, &str> = BTreeMap::new();
    for id in main.iter().rev() {
        let node = graph.node(*id);
        let (Some(source), Some(made)) = (aliases::source(read, node), node.outputs.first().copied().flatten()) else { continue };
        // A row of several is undone by its first alone.
        let reads_it = node.inputs.first().copied().flatten() == Some(source);
        let (old, output) = (graph.value(source).name, graph.value(made).name);
        let given = names.get(output).copied().unwrap_or(output);
        if pairs.contains(old) || pairs.contains(output) {
            continue;
        }
        let is_output = graph.scope(ScopeId(0)).outputs.iter().any(|value| graph.value(*value).name == given);
        if reads_it && is_output && is_local(graph, source) && !is_nested(graph, made) && !names.contains_key(old) {
            names.insert(old, given);
            names.insert(output, old);
        }
    }
    if names.is_empty() {
        return;
    }
    for node in main.iter().map(|id| graph.node(*id)) {
        let Some(first) = node.proto.output.first() else { continue };
        let mut other = written.get(first).unwrap_or(node.proto).clone();
        let mut touched = false;
        for name in other.input.iter_mut().chain(&mut other.output) {
            if let Some(new) = names.get(name.as_str()) {
                (*new).clone_into(name);
                touched = true;
            }
        }
        if touched {
            written.insert(first.clone(), other);
        }
    }
}

/// Whether a node of the main graph makes a value that nobody outside names.
fn is_local(graph: &Graph<'_>, value: ValueId) -> bool {
    let at = graph.value(value);
    let outside = at.uses.iter().any(|user| !matches!(user, Use::Node(..)));
    matches!(at.origin, Origin::Node(..)) && at.scope == ScopeId(0) && !outside && !is_nested(graph, value)
}

/// Whether a nested graph reads a value, whose nodes keep the words that they have.
fn is_nested(graph: &Graph<'_>, value: ValueId) -> bool {
    let nested = |user: &Use| match user {
        Use::Node(node, _) => graph.node(*node).scope != ScopeId(0),
        Use::Output(scope, _) | Use::Annotation(scope) => *scope != ScopeId(0),
    };
    graph.value(value).uses.iter().any(nested)
}
