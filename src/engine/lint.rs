//! What the engine would compute otherwise than ONNX says, without a word: refused beforehand.
//!
//! The engine looks operators up by name alone, reads neither `training_mode` nor `is_test`, lets
//! the last of two equal names win, and has operators whose results differ from ONNX's own test
//! data. A node passes only if its operator stands in the table of those that were compared.

use std::collections::HashSet;

use super::CouldNotRun;
use super::operators::{Treatment, treatment};
use super::proto::{attribute, float, int, ints, is_standard, label, text};
use super::rewrite::can_be_written;
use super::widen::Floats;
use crate::onnx::type_proto::Value;
use crate::onnx::{GraphProto, NodeProto};

/// A refusal that names the operator and the node.
pub(crate) fn refused(node: &NodeProto, why: &str) -> CouldNotRun {
    let domain = node.domain();
    let operator = match is_standard(domain) {
        true => node.op_type().to_owned(),
        false => format!("{domain}.{}", node.op_type()),
    };
    CouldNotRun::Operator { operator, node: label(node).to_owned(), why: why.to_owned() }
}

/// Looks a flat graph over that is to be run with these floats: in f64 a recurrence may be written out.
///
/// # Errors
/// The first thing found that the engine lacks or would compute otherwise.
pub(crate) fn graph(graph: &GraphProto, opset: i64, floats: Floats) -> Result<(), CouldNotRun> {
    unique(graph)?;
    for value in &graph.input {
        if let Some(Some(declared)) = value.r#type.as_ref().map(|declared| &declared.value)
            && !matches!(declared, Value::TensorType(_))
        {
            let why = "it is a sequence, map, optional or sparse tensor".to_owned();
            return Err(CouldNotRun::Input { input: value.name().to_owned(), why });
        }
    }
    graph.node.iter().try_for_each(|candidate| node(candidate, opset, floats))
}

fn unique(graph: &GraphProto) -> Result<(), CouldNotRun> {
    let mut seen = HashSet::new();
    let mut once = |name: &str| match name.is_empty() || seen.insert(name.to_owned()) {
        true => Ok(()),
        false => Err(CouldNotRun::Model(format!("the value `{name}` is made twice"))),
    };
    graph.initializer.iter().try_for_each(|tensor| once(tensor.name()))?;
    let outputs = graph.node.iter().flat_map(|node| &node.output);
    outputs.into_iter().try_for_each(|name| once(name))?;
    let mut inputs = HashSet::new();
    for name in graph.input.iter().map(|input| input.name()) {
        if !inputs.insert(name) {
            return Err(CouldNotRun::Model(format!("the input `{name}` is declared twice")));
        }
    }
    Ok(())
}

fn node(node: &NodeProto, opset: i64, floats: Floats) -> Result<(), CouldNotRun> {
    if !is_standard(node.domain()) {
        return Err(refused(node, "operators of other domains have no meaning to the engine"));
    }
    if matches!(treatment(node.op_type()), Treatment::Refuse) {
        return Err(refused(node, "the engine lacks it, or computes it otherwise than ONNX says"));
    }
    if opset < 7 && int(node, "broadcast") == Some(1) && attribute(node, "axis").is_some() {
        return Err(refused(node, "the engine does not read the axis of opset 6 broadcasting"));
    }
    match node.op_type() {
        "BatchNormalization" => batch_normalization(node, opset),
        "Conv" | "ConvTranspose" | "MaxPool" | "AveragePool" => window(node),
        "Pad" => pad(node),
        "LSTM" | "GRU" | "RNN" if floats == Floats::Double && can_be_written(node) => Ok(()),
        "LSTM" | "GRU" | "RNN" => recurrent(node),
        "DeformConv" if floats == Floats::Stored => Err(refused(node, "the engine lacks it")),
        "SpaceToDepth" if attribute(node, "mode").is_some() => Err(refused(node, "the engine does not read its mode")),
        "Resize" if text(node, "coordinate_transformation_mode") == Some(b"tf_crop_and_resize") => {
            Err(refused(node, "tf_crop_and_resize was not compared"))
        }
        "DequantizeLinear" | "QuantizeLinear" if int(node, "block_size").unwrap_or(0) != 0 => {
            Err(refused(node, "blocked quantisation is not supported"))
        }
        _ => Ok(()),
    }
}

fn batch_normalization(node: &NodeProto, opset: i64) -> Result<(), CouldNotRun> {
    if int(node, "training_mode").unwrap_or(0) != 0 {
        return Err(refused(node, "it is in training mode"));
    }
    if opset < 7 && int(node, "is_test").unwrap_or(0) == 0 {
        return Err(refused(node, "it is in training mode, as is_test is not 1"));
    }
    if opset < 9 && int(node, "spatial").unwrap_or(1) == 0 {
        return Err(refused(node, "spatial = 0 is not supported"));
    }
    if node.output.iter().skip(1).any(|name| !name.is_empty()) {
        return Err(refused(node, "it gives out batch statistics, as in training"));
    }
    if float(node, "epsilon").is_some_and(|epsilon| !epsilon.is_finite()) {
        return Err(refused(node, "epsilon is not finite"));
    }
    Ok(())
}

fn window(node: &NodeProto) -> Result<(), CouldNotRun> {
    let automatic = text(node, "auto_pad").is_some_and(|mode| mode.starts_with(b"SAME"));
    if automatic && attribute(node, "pads").is_some() {
        return Err(refused(node, "it has both auto_pad and pads"));
    }
    for name in ["strides", "dilations", "kernel_shape"] {
        if ints(node, name).is_some_and(|all| all.iter().any(|&value| value < 1)) {
            return Err(refused(node, &format!("{name} are not positive")));
        }
    }
    Ok(())
}

fn pad(node: &NodeProto) -> Result<(), CouldNotRun> {
    match text(node, "mode") {
        Some(b"wrap") => Err(refused(node, "the mode wrap is not supported")),
        _ => Ok(()),
    }
}

/// The engine runs a reverse network forward and always takes the default activations.
fn recurrent(node: &NodeProto) -> Result<(), CouldNotRun> {
    if text(node, "direction") == Some(b"reverse") {
        return Err(refused(node, "the engine does not read the direction"));
    }
    let usual: &[&[u8]] = match node.op_type() {
        "LSTM" => &[b"Sigmoid", b"Tanh", b"Tanh"],
        "GRU" => &[b"Sigmoid", b"Tanh"],
        _ => &[b"Tanh"],
    };
    let activations = attribute(node, "activations").map(|all| all.strings.as_slice());
    let unusual = activations.is_some_and(|all| all.chunks(usual.len()).any(|direction| direction.iter().ne(usual.iter())));
    if unusual {
        return Err(refused(node, "the engine does not read the activations"));
    }
    if attribute(node, "clip").is_some() || int(node, "input_forget").unwrap_or(0) != 0 {
        return Err(refused(node, "the engine reads neither clip nor input_forget"));
    }
    Ok(())
}
