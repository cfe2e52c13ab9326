//! What cannot be run, or would not be what ONNX says, without a word: refused beforehand.
//!
//! The engine looks operators up by name alone, lets the last of two equal names win, and has operators whose results
//! differ from ONNX's own test data. In f64 what it lacks is evaluated by the reference or opaque; in the types of the file a
//! node passes only if its operator stands in the table of those that were compared.

use std::collections::HashSet;

use super::CouldNotRun;
use super::operators::{as_written, is_known};
use super::proto::{attribute, ints, is_standard, label, text};
use super::widen::Floats;
use crate::onnx::type_proto::Value;
use crate::onnx::{GraphProto, NodeProto};

/// A refusal that names the operator and the node.
pub(crate) fn refused(node: &NodeProto, why: &str) -> CouldNotRun {
    CouldNotRun::Operator { operator: named(node), node: label(node).to_owned(), why: why.to_owned() }
}

/// The operator of a node, with its domain unless that is the standard one.
pub(crate) fn named(node: &NodeProto) -> String {
    match node.domain() {
        domain if is_standard(domain) => node.op_type().to_owned(),
        domain => format!("{domain}.{}", node.op_type()),
    }
}

/// Looks a flat graph over that is to be run with these floats.
///
/// # Errors
/// The first thing found that is invalid, or that the engine lacks or would compute otherwise.
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
    let constants = graph.initializer.iter().map(|tensor| tensor.name());
    let outputs = graph.node.iter().flat_map(|node| &node.output).map(String::as_str);
    let count = graph.initializer.len() + graph.node.len();
    let mut seen = HashSet::with_capacity_and_hasher(count, foldhash::fast::RandomState::default());
    if let Some(name) = constants.chain(outputs).find(|name| !name.is_empty() && !seen.insert(*name)) {
        return Err(CouldNotRun::Model(format!("the value `{name}` is made twice")));
    }
    let mut inputs = HashSet::new();
    for name in graph.input.iter().map(|input| input.name()) {
        if !inputs.insert(name) {
            return Err(CouldNotRun::Model(format!("the input `{name}` is declared twice")));
        }
    }
    Ok(())
}

fn node(node: &NodeProto, opset: i64, floats: Floats) -> Result<(), CouldNotRun> {
    let is_own = is_standard(node.domain());
    if floats == Floats::Stored && !is_own {
        return Err(refused(node, "operators of other domains have no meaning to the engine"));
    }
    if floats == Floats::Stored && !is_known(node.op_type()) {
        return Err(refused(node, "the engine lacks it, or computes it otherwise than ONNX says"));
    }
    if floats == Floats::Stored {
        as_written(node, opset, floats).map_err(|why| refused(node, why))?;
    }
    match node.op_type() {
        "Conv" | "ConvTranspose" | "MaxPool" | "AveragePool" if is_own => window(node),
        _ => Ok(()),
    }
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
