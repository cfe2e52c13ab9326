//! Nodes that stand out of order, put in order while a file is opened: ONNX wants each node behind those that make what it reads.
//!
//! A node that comes too late is moved to right before its first reader; all others stay where they are. Nodes that form a cycle
//! have no order and are refused.

use std::collections::BTreeSet;

use crate::error::{Error, ErrorKind, Result};
use crate::model::Model;
use crate::model::graph::Names;
use crate::model::scan::{GraphSpan, Nested};
use crate::onnx::{GraphProto, ModelProto, NodeProto};
use crate::wire::splice::{Edit, Piece, splice};

/// The file with the nodes of its outermost unordered graphs in order; `None` if no graph needs it. Graphs in the nodes that move
/// are copied as they are, so their turn comes when the result is read.
///
/// # Errors
/// Nodes that form a cycle.
pub(super) fn pieces(model: &Model) -> Result<Option<Vec<Piece>>> {
    let mut edits = Vec::new();
    if let Some(graph) = &model.proto.graph {
        arrange(&graph.node, &model.scan.graph, "", &mut edits)?;
    }
    for (function, span) in model.proto.functions.iter().zip(&model.scan.functions) {
        let place = format!("function {}:{}", function.domain(), function.name());
        arrange(&function.node, span, &place, &mut edits)?;
    }
    if edits.is_empty() {
        return Ok(None);
    }
    let pieces = splice(model.file(0), 0..model.len(), edits)
        .map_err(|e| Error::new(ErrorKind::Graph, format!("the nodes cannot be put in order: {e}")))?;
    Ok(Some(pieces))
}

/// Whether every node of a model stands behind those that make what it reads.
pub fn in_order(model: &ModelProto) -> bool {
    let mut lists: Vec<&[NodeProto]> = model.functions.iter().map(|f| &f.node[..]).collect();
    lists.extend(model.graph.iter().map(|graph| &graph.node[..]));
    while let Some(nodes) = lists.pop() {
        if out_of_order(nodes, &producers(nodes)) {
            return false;
        }
        let attributes = nodes.iter().flat_map(|node| &node.attribute);
        lists.extend(attributes.flat_map(|a| a.g.iter().chain(&a.graphs)).map(|graph| &graph.node[..]));
    }
    true
}

fn out_of_order(nodes: &[NodeProto], producers: &Names<'_, usize>) -> bool {
    let mut names = Vec::new();
    nodes.iter().enumerate().any(|(at, node)| {
        names.clear();
        outer_names(node, &mut names);
        names.iter().any(|name| producers.get(name).is_some_and(|producer| *producer >= at))
    })
}

/// Edits that put the nodes of a graph in order, or those of the graphs in its nodes.
fn arrange(nodes: &[NodeProto], span: &GraphSpan, place: &str, edits: &mut Vec<Edit>) -> Result<()> {
    let producers = producers(nodes);
    if out_of_order(nodes, &producers) {
        let reads = reads(nodes, &producers);
        let slots = span.nodes.iter().map(|node| &node.span);
        let order = order(&reads).map_err(|(node, name)| cycle(nodes.get(node), name, place))?;
        for (slot, from) in slots.zip(order) {
            let Some(node) = span.nodes.get(from) else { continue };
            if node.span.field != slot.field {
                let with = vec![Piece::Copy(node.span.field.clone())];
                edits.push(Edit { parent: span.piece_of(slot), at: slot.field.clone(), with });
            }
        }
        return Ok(());
    }
    for (node, at) in nodes.iter().zip(&span.nodes) {
        for (position, attribute) in node.attribute.iter().enumerate() {
            let spans = at.nested.iter().filter(|(p, _)| *p == position);
            let spans = spans.filter_map(|(_, n)| if let Nested::Graph(span) = n { Some(&**span) } else { None });
            for (graph, span) in attribute.g.iter().chain(&attribute.graphs).zip(spans) {
                let path = if place.is_empty() { String::new() } else { format!("{place}/") };
                let inner = format!("{path}{}/{}", first_output(node), attribute.name());
                arrange(&graph.node, span, &inner, edits)?;
            }
        }
    }
    Ok(())
}

/// By name, which of these nodes makes it.
fn producers(nodes: &[NodeProto]) -> Names<'_, usize> {
    let mut producers = Names::default();
    producers.reserve(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            producers.entry(output.as_str()).or_insert(at);
        }
    }
    producers
}

/// For each node which nodes of the same graph make what it or a graph in it reads, and under what name.
fn reads<'m>(nodes: &'m [NodeProto], producers: &Names<'m, usize>) -> Vec<Vec<(usize, &'m str)>> {
    let of = |node| {
        let mut names = Vec::new();
        outer_names(node, &mut names);
        names.into_iter().filter_map(|name| producers.get(name).map(|at| (*at, name))).collect()
    };
    nodes.iter().map(of).collect()
}

/// The names that a node reads, and those that the graphs in it read and do not define. The scan bounds how deep graphs nest.
fn outer_names<'m>(node: &'m NodeProto, names: &mut Vec<&'m str>) {
    names.extend(node.input.iter().map(String::as_str).filter(|name| !name.is_empty()));
    for graph in node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs)) {
        let mut inner: Vec<&str> = graph.output.iter().map(|o| o.name()).collect();
        graph.node.iter().for_each(|node| outer_names(node, &mut inner));
        let own = defined(graph);
        names.extend(inner.into_iter().filter(|name| !own.contains(name)));
    }
}

fn defined(graph: &GraphProto) -> BTreeSet<&str> {
    let sparse = graph.sparse_initializer.iter().filter_map(|s| s.values.as_ref());
    let constants = graph.initializer.iter().chain(sparse).map(|t| t.name());
    let made = graph.node.iter().flat_map(|node| &node.output).map(String::as_str);
    graph.input.iter().map(|i| i.name()).chain(constants).chain(made).collect()
}

/// Each node behind those that it reads from, as near to the order that is there as that allows.
///
/// # Errors
/// A node that is made from what it makes itself, and the name by which it reads that.
fn order<'m>(reads: &[Vec<(usize, &'m str)>]) -> std::result::Result<Vec<usize>, (usize, &'m str)> {
    #[derive(Clone, Copy, PartialEq)]
    enum State {
        New,
        Open,
        Done,
    }
    let mut states = vec![State::New; reads.len()];
    let mut order = Vec::with_capacity(reads.len());
    for first in 0..reads.len() {
        // Nodes that wait for what they read, each with the number of its reads that were looked at.
        let mut waiting = vec![(first, 0)];
        while let Some((node, looked)) = waiting.pop() {
            match (states[node], reads[node].get(looked)) {
                (State::Done, _) => {}
                (_, None) => {
                    states[node] = State::Done;
                    order.push(node);
                }
                (_, Some((producer, name))) => {
                    states[node] = State::Open;
                    if states[*producer] == State::Open {
                        return Err((node, name));
                    }
                    waiting.push((node, looked + 1));
                    waiting.push((*producer, 0));
                }
            }
        }
    }
    Ok(order)
}

fn first_output(node: &NodeProto) -> &str {
    node.output.iter().find(|o| !o.is_empty()).map_or("?", |o| o)
}

fn cycle(node: Option<&NodeProto>, name: &str, place: &str) -> Error {
    let what = format!("reads `{name}`, which is made from what this node makes: the nodes form a cycle");
    let graph = if place.is_empty() { "the main graph".to_owned() } else { format!("graph {place}") };
    let at = node.map_or(graph.clone(), |n| format!("node `{}` ({} -> {}) in {graph}", n.name(), n.op_type(), first_output(n)));
    Error::new(ErrorKind::Graph, what).at(at).remedy("the model is broken; export it again")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Graph;

    const CONV: &str = "<float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>";

    fn names(text: &str) -> Result<Vec<String>> {
        let model = Model::from_bytes(crate::sample::encode(text).unwrap())?;
        let graph = Graph::build(&model)?;
        Ok((0..graph.nodes.len()).map(|at| graph.describe(crate::model::NodeId(at))).collect())
    }

    #[test]
    fn a_node_that_comes_too_late_moves_before_its_first_reader_in_every_graph() {
        let head = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1,2,2,2] x, bool cond) => (float[1,3,2,2] y)"#;
        let late =
            format!("{head} {CONV} {{ a = Conv (r, w)  y = BatchNormalization <epsilon = 0.0> (a, s, b, m, v)  r = Relu (x) }}");
        assert_eq!(names(&late).unwrap(), ["Relu -> r", "Conv -> a", "BatchNormalization -> y"]);
        let body = format!(
            "{head} {CONV} {{ y = If (cond) < then_branch = t () => (float[1,3,2,2] p) {{ p = Conv (q, w)  q = Relu (r) }},
               else_branch = e () => (float[1,3,2,2] k) {{ k = Conv (r, w) }} >
             r = Relu (x) }}"
        );
        assert_eq!(
            names(&body).unwrap(),
            ["Relu -> r", "If -> y", "y/then_branch/Relu -> q", "y/then_branch/Conv -> p", "y/else_branch/Conv -> k"]
        );
    }

    #[test]
    fn a_cycle_is_refused_with_a_node_of_it() {
        let head = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y)"#;
        let error = names(&format!("{head} {{ y = Relu (c)  a = Add (x, b)  b = Relu (a)  c = Relu (b) }}")).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("form a cycle") && !text.contains("-> y") && !text.contains("-> c"), "{text}");
        let own = names(&format!("{head} {{ y = Add (x, y) }}")).unwrap_err().to_string();
        assert!(own.contains("(Add -> y) in the main graph: reads `y`"), "{own}");
    }
}
