//! Which inputs of a node are data, so that they have a magnitude.

use super::super::Member;
use crate::onnx::NodeProto;

/// Operators of which the first input is data and the others, as far as they are no parameters, are settings.
const WITH_SETTINGS: &[&str] = &[
    "Dropout",
    "Clip",
    "ReduceMean",
    "ReduceSum",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Pad",
    "Split",
    "Slice",
    "Gather",
    "Resize",
    "Upsample",
    "Tile",
    "Expand",
    "LSTM",
    "GRU",
    "RNN",
];

/// The inputs of a node that hold data: not its parameters, and not its settings (a shape, axes, bounds, the mode of a Dropout).
pub(super) fn data(node: &NodeProto, member: &Member) -> impl Iterator<Item = usize> {
    let (least, most) = match node.op_type() {
        operator if WITH_SETTINGS.contains(&operator) => (0, 1),
        // The condition chooses, whatever the values are.
        "Where" => (1, node.input.len()),
        _ => (0, node.input.len()),
    };
    // The offsets of a DeformConv say where it reads.
    let setting = |at: usize| node.op_type() == "DeformConv" && at == 2;
    let absent = |at: usize| node.input.get(at).is_none_or(String::is_empty);
    let others: Vec<usize> = (least..most).filter(|at| absent(*at) || setting(*at)).collect();
    let parameters = member.parameters.clone();
    (least..most).filter(move |index| !parameters.contains(index) && !others.contains(index))
}
