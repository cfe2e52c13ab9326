//! Values with elements that come from no element: what a window of nothing but padding gives is the lowest number of a type or
//! minus infinity, and so is what a Pad puts beside a value for a maximum. A factor makes infinity of the one, and of what is
//! made of it, where another order of factors does not; so maps stay where such elements may be.

use std::collections::BTreeSet;

use crate::model::{Graph, NodeId, Origin, ValueId};
use crate::plan::view::View;

/// A Pad's number of this magnitude is there for a maximum.
const HUGE: f64 = 1e30;

/// Operators that make small numbers of whatever they read.
const BOUNDED: &[&str] = &["Erf", "HardSigmoid", "Sigmoid", "Softmax", "Softsign", "Tanh"];

/// What may have such elements.
pub(super) fn blind(view: &View<'_>) -> BTreeSet<ValueId> {
    let graph = view.graph;
    let mut found = BTreeSet::new();
    let sources: BTreeSet<NodeId> = (0..graph.nodes.len()).map(NodeId).filter(|id| makes(view, *id)).collect();
    if sources.is_empty() {
        return found;
    }
    // What a loop or a function is given may be such; nobody follows which.
    found.extend((0..graph.values.len()).map(ValueId).filter(|value| is_parameter(graph, *value)));
    for (id, node) in graph.nodes.iter().enumerate().map(|(at, node)| (NodeId(at), node)) {
        // Their bodies are not followed.
        let opaque = node.calls.is_some() || node.proto.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty());
        let reads = node.inputs.iter().flatten().any(|value| found.contains(value));
        let sees = node.standard && (BOUNDED.contains(&node.proto.op_type()) || sees(view, id, &found));
        if sources.contains(&id) || opaque || reads && !sees {
            found.extend(node.outputs.iter().flatten());
        }
    }
    found
}

/// Whether a value is what a nested graph or a function is given.
fn is_parameter(graph: &Graph<'_>, value: ValueId) -> bool {
    let value = graph.value(value);
    value.scope.0 != 0 && matches!(value.origin, Origin::Input { default: None })
}

/// Whether a maximum sees an element in each place, of a value that has such elements: those that a Pad right before it has put
/// there. Where windows have made them, all that it sees may be such.
fn sees(view: &View<'_>, id: NodeId, found: &BTreeSet<ValueId>) -> bool {
    let graph = view.graph;
    let made = graph.node(id).inputs.first().copied().flatten().map(|value| graph.value(value).origin);
    let Some(Origin::Node(pad, _)) = made else { return false };
    let read = || graph.node(pad).inputs.iter().flatten();
    let pads = view.padding(pad).is_some() && read().all(|value| !found.contains(value));
    pads && view.sees_all(id, beside(view, id)) == Some(true)
}

/// Whether a node makes such elements of a value that has none.
fn makes(view: &View<'_>, id: NodeId) -> bool {
    match view.graph.node(id).proto.op_type() {
        "Pad" => view.padding(id).is_some_and(|(number, _)| is_huge(number)),
        "MaxPool" => view.sees_all(id, beside(view, id)) == Some(false),
        // The operators that `ops::sees_all` and `ops::padding` know are these and such as always see an element.
        _ => false,
    }
}

fn is_huge(number: f64) -> bool {
    number.is_nan() || number.abs() >= HUGE
}

/// What a Pad has put before and behind each axis of what a node reads, so that a maximum does not see it.
fn beside(view: &View<'_>, id: NodeId) -> Vec<(i64, i64)> {
    let made = view.graph.node(id).inputs.first().copied().flatten().map(|value| view.graph.value(value).origin);
    let Some(Origin::Node(pad, _)) = made else { return vec![] };
    view.padding(pad).filter(|(number, _)| is_huge(*number)).map(|(_, sides)| sides).unwrap_or_default()
}
