//! Nodes that hand a value on as it is.

use crate::model::{Graph, Node, Origin, ValueId};
use crate::verify::align::{Read, keeps_order};

/// The value that a node hands on, if what it makes is that for all inputs.
pub(super) fn source(read: Read<'_, '_>, node: &Node<'_>) -> Option<ValueId> {
    let graph = read.graph;
    let data = node.inputs.first().copied().flatten().filter(|value| node.standard && graph.constant(*value).is_err())?;
    let [Some(made)] = node.outputs[..] else { return None };
    let keeps = match node.proto.op_type() {
        "Identity" => true,
        _ if keeps_order(node) => {
            return in_order(graph, made).find(|value| is_alike(read, *value, made));
        }
        "Expand" => is_alike(read, data, made),
        "Slice" => is_alike(read, data, made) && is_forward(read, node),
        "Pad" => is_unpadded(read, node),
        "Transpose" => order(node).is_some_and(|order| order.iter().copied().eq(0..order.len() as i64)),
        _ => false,
    };
    keeps.then_some(data)
}

/// The values that a value has its elements from, all of them and in the same order, the next first: extents say the rest.
pub(super) fn in_order(graph: &Graph<'_>, value: ValueId) -> impl Iterator<Item = ValueId> {
    let back = |value: &ValueId| {
        let Origin::Node(maker, 0) = graph.value(*value).origin else { return None };
        let maker = graph.node(maker);
        let keeps = maker.proto.op_type() == "Identity" || keeps_order(maker);
        maker.inputs.first().copied().flatten().filter(|data| keeps && maker.standard && graph.constant(*data).is_err())
    };
    std::iter::successors(back(&value), back)
}

fn is_alike(read: Read<'_, '_>, one: ValueId, two: ValueId) -> bool {
    read.measures.extents(one).is_some_and(|extents| read.measures.extents(two) == Some(extents))
}

fn order<'n>(node: &'n Node<'_>) -> Option<&'n [i64]> {
    node.proto.attribute.iter().find(|a| a.name() == "perm").map(|a| &a.ints[..])
}

/// The integers of an input, where they are the same for all inputs of the model.
fn numbers(read: Read<'_, '_>, node: &Node<'_>, input: usize) -> Option<Vec<i64>> {
    read.integers(node.inputs.get(input).copied().flatten()?).ok().flatten()?.numbers()
}

/// Whether a Slice goes forward; one that takes as many elements as there are takes all of them then.
fn is_forward(read: Read<'_, '_>, node: &Node<'_>) -> bool {
    let has_steps = node.inputs.get(4).is_some_and(Option::is_some);
    !has_steps || numbers(read, node, 4).is_some_and(|steps| steps.iter().all(|step| *step == 1))
}

/// Whether nothing is put beside and nothing taken away.
fn is_unpadded(read: Read<'_, '_>, node: &Node<'_>) -> bool {
    let stated = node.proto.attribute.iter().find(|a| a.name() == "pads").map(|a| a.ints.clone());
    stated.or_else(|| numbers(read, node, 1)).is_some_and(|pads| pads.iter().all(|pad| *pad == 0))
}
