//! Nodes that hand a value on as it is.

use crate::model::{Graph, Node, Origin, ValueId};
use crate::verify::align::{Read, keeps_order, never_fails};
use crate::verify::measure::Extent;
use crate::verify::region::{dropout, types};

/// The value that a node hands on, if what it makes is that for all inputs.
pub(super) fn source(read: Read<'_, '_>, node: &Node<'_>) -> Option<ValueId> {
    let graph = read.graph;
    let data = node.inputs.first().copied().flatten().filter(|value| node.standard && graph.constant(*value).is_err())?;
    let made = node.outputs.first().copied().flatten()?;
    // Nobody reads the mask of a Dropout then.
    if node.outputs.iter().skip(1).flatten().any(|other| !graph.value(*other).uses.is_empty()) {
        return None;
    }
    let keeps = match node.proto.op_type() {
        "Identity" => true,
        _ if keeps_order(node) => {
            return in_order(read, made).find(|value| is_alike(read, *value, made));
        }
        "Expand" => is_alike(read, data, made) && is_as_wide(read, node, data),
        "Slice" => is_alike(read, data, made) && is_forward(read, node),
        "Pad" => is_unpadded(read, node, data),
        "Dropout" => dropout(graph, node).is_ok_and(|found| found.is_ok()),
        "Cast" => types::to(node).is_some() && types::of(graph, data) == types::to(node),
        // One that undoes another fails for values with another number of axes.
        "Transpose" => {
            let source = untransposed(graph, node, made)?;
            return (read.measures.shape(source)?.len() == order(node)?.len()).then_some(source);
        }
        _ => false,
    };
    keeps.then_some(data)
}

/// The values that a value has its elements from, all of them and in the same order, for all inputs; the next first. Extents say
/// the rest.
pub(super) fn in_order(read: Read<'_, '_>, value: ValueId) -> impl Iterator<Item = ValueId> {
    let back = move |value: &ValueId| {
        let graph = read.graph;
        let Origin::Node(maker, 0) = graph.value(*value).origin else { return None };
        let maker = graph.node(maker);
        let keeps = maker.proto.op_type() == "Identity" || keeps_order(maker);
        maker
            .inputs
            .first()
            .copied()
            .flatten()
            .filter(|data| keeps && maker.standard && graph.constant(*data).is_err() && never_fails(read, maker))
    };
    std::iter::successors(back(&value), back)
}

fn is_alike(read: Read<'_, '_>, one: ValueId, two: ValueId) -> bool {
    read.measures.extents(one).is_some_and(|extents| read.measures.extents(two) == Some(extents))
}

/// The order that a Transpose puts axes into, if it says so.
pub(super) fn order(node: &Node<'_>) -> Option<Vec<usize>> {
    let stated = node.proto.attribute.iter().find(|a| a.name() == "perm")?;
    let order: Vec<usize> = stated.ints.iter().map(|axis| usize::try_from(*axis).ok()).collect::<Option<_>>()?;
    let mut sorted = order.clone();
    sorted.sort_unstable();
    sorted.iter().copied().eq(0..sorted.len()).then_some(order)
}

/// The value behind a row of Transposes that undo each other.
fn untransposed(graph: &Graph<'_>, node: &Node<'_>, made: ValueId) -> Option<ValueId> {
    let mut all: Vec<usize> = (0..order(node)?.len()).collect();
    let mut at = made;
    loop {
        let Origin::Node(maker, 0) = graph.value(at).origin else { return None };
        let maker = graph.node(maker);
        let data = maker.inputs.first().copied().flatten().filter(|data| maker.standard && graph.constant(*data).is_err())?;
        match maker.proto.op_type() {
            "Identity" => {}
            "Transpose" => {
                let order = order(maker).filter(|order| order.len() == all.len())?;
                all = all.iter().map(|axis| order.get(*axis).copied()).collect::<Option<_>>()?;
            }
            _ => return None,
        }
        at = data;
        if all.iter().copied().eq(0..all.len()) {
            return Some(at);
        }
    }
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

/// Whether each size that an Expand asks for is one, or that of the value: others fail for some values.
fn is_as_wide(read: Read<'_, '_>, node: &Node<'_>, data: ValueId) -> bool {
    let sizes = node.inputs.get(1).copied().flatten().and_then(|sizes| read.integers(sizes).ok().flatten());
    let (Some(sizes), Some(extents)) = (sizes, read.measures.extents(data)) else { return false };
    let is_one = |size: &Option<Extent>| size.as_ref().and_then(Extent::as_number) == Some(1);
    let mut ends = sizes.elements.iter().rev().zip(extents.iter().rev());
    sizes.elements.len() <= extents.len() && ends.all(|(size, extent)| is_one(size) || size.as_ref() == Some(*extent))
}

/// Whether nothing is put beside and nothing taken away, and each axis is one that the value has.
fn is_unpadded(read: Read<'_, '_>, node: &Node<'_>, data: ValueId) -> bool {
    let Some(rank) = read.measures.shape(data).map(<[_]>::len) else { return false };
    let stated = node.proto.attribute.iter().find(|a| a.name() == "pads").map(|a| a.ints.clone());
    let is_axis = |axis: &i64| (-(rank as i64)..rank as i64).contains(axis);
    let padded = match node.inputs.get(3).copied().flatten() {
        None => Some(rank),
        Some(_) => numbers(read, node, 3).filter(|axes| axes.iter().all(is_axis)).map(|axes| axes.len()),
    };
    stated
        .or_else(|| numbers(read, node, 1))
        .is_some_and(|pads| padded.is_some_and(|padded| pads.len() == 2 * padded) && pads.iter().all(|pad| *pad == 0))
}
