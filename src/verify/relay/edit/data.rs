//! Which inputs of a node are data, so that they have a magnitude.

use super::super::Member;
use crate::onnx::NodeProto;
use crate::verify::table;

/// The inputs of a node that hold data: not its parameters, and not its settings (a shape, axes, bounds, the mode of a Dropout).
pub(super) fn data<'n>(node: &'n NodeProto, member: &'n Member) -> impl Iterator<Item = usize> + 'n {
    let held = table::row(node.op_type()).data;
    let connected = |at: &usize| node.input.get(*at).is_some_and(|name| !name.is_empty());
    (0..node.input.len()).filter(move |at| held.has(*at) && connected(at) && !member.parameters.contains(at))
}
