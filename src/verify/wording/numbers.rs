//! One number that is added or multiplied behind what lays the elements of a value out anew, to extents that nothing tells: written
//! before it, where the extents are those of what is known.

use crate::model::{Graph, Node, NodeId, Origin, Use, ValueId};
use crate::onnx::NodeProto;
use crate::verify::align::Read;

/// A node and what lays its operand out, each at the other's place, by the first value that each makes.
pub(super) fn written(read: Read<'_, '_>, id: NodeId) -> Option<[(String, NodeProto); 2]> {
    let graph = read.graph;
    let node = graph.node(id);
    let [Some(one), Some(two)] = node.inputs[..] else { return None };
    if !node.standard || !matches!(node.proto.op_type(), "Add" | "Sub" | "Mul" | "Div") {
        return None;
    }
    let (laid, number) = if graph.constant(one).is_ok() { (two, one) } else { (one, two) };
    let Origin::Node(maker, 0) = graph.value(laid).origin else { return None };
    let maker = graph.node(maker);
    let [Some(data), Some(sizes)] = maker.inputs[..] else { return None };
    let lays_out = maker.standard && matches!(maker.proto.op_type(), "Reshape" | "Expand") && maker.scope == node.scope;
    let is_alone = matches!(graph.value(laid).uses[..], [Use::Node(..)]);
    let is_known = graph.constant(data).is_ok() || read.integers(sizes).ok()?.is_some_and(|sizes| sizes.numbers().is_some());
    if !lays_out || !is_alone || is_known || !is_number(graph, number, maker) {
        return None;
    }
    let name = |value: ValueId| graph.value(value).name.to_owned();
    let mut early = NodeProto { output: maker.proto.output.clone(), ..node.proto.clone() };
    *early.input.get_mut(usize::from(laid == two))? = name(data);
    let late = NodeProto { input: vec![name(laid), name(sizes)], output: node.proto.output.clone(), ..maker.proto.clone() };
    Some([(name(laid), early), (node.proto.output.first()?.clone(), late)])
}

/// Whether a constant is one number without axes, which changes the extents of nothing, and is there before a node.
fn is_number(graph: &Graph<'_>, value: ValueId, reader: &Node<'_>) -> bool {
    let early = match graph.value(value).origin {
        Origin::Node(maker, _) => graph.node(maker).index < reader.index,
        _ => true,
    };
    early && graph.constant(value).is_ok_and(|(tensor, _)| graph.tensor(tensor).dims.is_empty())
}
