//! Scaler of `ai.onnx.ml`, version 1, `y = (x − offset) · scale` for each feature, read as the difference and the product that it
//! is: both are maps by constants, which fold and are judged like others. Where nothing of them folds, the file keeps its Scaler.
//!
//! It makes float32 of whatever it reads, so that only those of float32 are read so, and its features are the last axis of what
//! is known to have one axis or two.

use std::collections::BTreeSet;

use prost::Message as _;

use crate::error::{Error, ErrorKind, Result};
use crate::model::inline::{field, taken, text_field};
use crate::model::scan::NodeSpan;
use crate::model::{Dim, Model, Shape, text};
use crate::onnx::tensor_proto::DataType;
use crate::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, attribute_proto::AttributeType, type_proto};
use crate::wire::Window;
use crate::wire::splice::{Edit, Piece, splice};

/// A Scaler as the file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scaler {
    /// What it makes.
    pub output: String,
    /// The node as a field of its graph.
    pub bytes: Vec<u8>,
}

/// The oldest operator set of which Sub and Mul repeat their operands as needed here.
const OLDEST_OPSET: i64 = 7;

/// The model with other nodes in the place of its Scalers, and those; `None` if there is none that can be read so.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn pieces(model: &Model) -> Result<Option<(Vec<Piece>, Vec<Scaler>)>> {
    let Some(graph) = &model.proto.graph else { return Ok(None) };
    let standard = model.proto.opset_import.iter().rfind(|import| crate::model::graph::is_standard_domain(import.domain()));
    let nodes = || graph.node.iter().zip(&model.scan.graph.nodes).filter(|(node, _)| is_scaler(node));
    let replaced = model.proto.functions.iter().any(|f| f.domain() == DOMAIN && f.name() == NAME);
    if nodes().next().is_none() || replaced || standard.is_none_or(|import| import.version() < OLDEST_OPSET) {
        return Ok(None);
    }
    let mut taken = taken(&model.proto);
    let (mut edits, mut scalers) = (Vec::new(), Vec::new());
    for (node, at) in nodes() {
        let Some(with) = written(graph, node, &mut taken) else { continue };
        edits.push(Edit {
            parent: model.scan.graph.piece_of(&at.span),
            at: at.span.field.clone(),
            with: vec![Piece::Bytes(with)],
        });
        scalers.push(Scaler { output: node.output.concat(), bytes: stored(model, at)? });
    }
    if edits.is_empty() {
        return Ok(None);
    }
    let pieces = splice(model.file(0), 0..model.len(), edits)
        .map_err(|e| Error::new(ErrorKind::Graph, format!("a Scaler cannot be read: {e}")))?;
    Ok(Some((pieces, scalers)))
}

const DOMAIN: &str = "ai.onnx.ml";
const NAME: &str = "Scaler";

/// Whether the main graph of a model has such a node, whether it can be read otherwise or not.
pub fn occurs(model: &ModelProto) -> bool {
    model.graph.iter().flat_map(|graph| &graph.node).any(is_scaler)
}

fn is_scaler(node: &NodeProto) -> bool {
    node.domain() == DOMAIN && node.op_type() == NAME
}

/// The field of a node.
fn stored(model: &Model, at: &NodeSpan) -> Result<Vec<u8>> {
    Window::new(model.file(0)).bytes(at.span.field.clone()).map_err(Error::from)
}

/// The nodes in the place of a Scaler, as fields of a graph: constants first.
fn written(graph: &GraphProto, node: &NodeProto, taken: &mut BTreeSet<String>) -> Option<Vec<u8>> {
    let ([data], [made]) = (&node.input[..], &node.output[..]) else { return None };
    let (offset, scale) = (numbers(node, "offset")?, numbers(node, "scale")?);
    let features = offset.len().max(scale.len());
    let fits = |list: &[f32]| list.len() == features || list.len() == 1;
    let plain = [data, made, node.name()].iter().all(|name| !name.chars().any(text::is_escape));
    let known = node.attribute.len() == 2 && plain && !data.is_empty() && !made.is_empty();
    if !known || !fits(offset) || !fits(scale) || !has_features(graph, data, features as u64) {
        return None;
    }
    let mut named = |what: &str| {
        let wanted = format!("{made}_{what}");
        let others = (1u64..).map(|count| format!("{wanted}_{count}"));
        let free = std::iter::once(wanted.clone()).chain(others).find(|name| !taken.contains(name))?;
        taken.insert(free.clone());
        Some(free)
    };
    let (less, times, between) = (named("offset")?, named("scale")?, named("shifted")?);
    let name = if node.name().is_empty() { made } else { node.name() };
    let mut all = constant(&less, offset);
    all.extend(constant(&times, scale));
    all.extend(operator("Sub", &format!("{name}_offset"), [data, &less], &between));
    all.extend(operator("Mul", name, [&between, &times], made));
    Some(all)
}

/// The numbers of an attribute; none if it is not there, or not said by the node itself.
fn numbers<'n>(node: &'n NodeProto, name: &str) -> Option<&'n [f32]> {
    let attribute = node.attribute.iter().find(|attribute| attribute.name() == name)?;
    let given = attribute.ref_attr_name().is_empty() && !attribute.floats.is_empty();
    given.then_some(&attribute.floats[..])
}

/// Whether a value is declared as float32 with that many features along its last axis, of at most two.
fn has_features(graph: &GraphProto, value: &str, features: u64) -> bool {
    let declared =
        graph.input.iter().chain(&graph.value_info).find(|info| info.name() == value).and_then(|info| info.r#type.as_ref());
    let float = |declared: &crate::onnx::TypeProto| matches!(&declared.value, Some(type_proto::Value::TensorType(tensor)) if tensor.elem_type() == i32::from(DataType::Float));
    let shape = declared.filter(|declared| float(declared)).and_then(Shape::declared);
    shape.is_some_and(|shape| match shape.0[..] {
        [last] | [_, last] => last == Dim::Known(features) || features == 1,
        _ => false,
    })
}

/// A Constant of float32.
fn constant(output: &str, values: &[f32]) -> Vec<u8> {
    let tensor = TensorProto {
        dims: vec![values.len() as i64],
        data_type: Some(DataType::Float.into()),
        raw_data: Some(values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        ..TensorProto::default()
    };
    let attribute = AttributeProto {
        name: Some("value".to_owned()),
        r#type: Some(AttributeType::Tensor.into()),
        t: Some(tensor),
        ..AttributeProto::default()
    };
    let mut content = text_field(2, output);
    content.extend(text_field(4, "Constant"));
    content.extend(field(5, &attribute.encode_to_vec()));
    field(1, &content)
}

/// A node with two inputs.
fn operator(operator: &str, name: &str, inputs: [&str; 2], output: &str) -> Vec<u8> {
    let mut content: Vec<u8> = inputs.iter().flat_map(|name| text_field(1, name)).collect();
    content.extend(text_field(2, output));
    content.extend(text_field(3, name));
    content.extend(text_field(4, operator));
    field(1, &content)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The operators of the main graph as the model is read, with a Scaler of these attributes behind this input.
    fn operators(input: &str, attributes: &str) -> Vec<String> {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 1]>
               g ({input} x) => (float[] y) {{ s = ai.onnx.ml.Scaler <{attributes}> (x) y = Relu (s) }}"#
        );
        let model = Model::from_bytes(crate::sample::encode(&text).unwrap()).unwrap();
        model.proto.graph.unwrap().node.iter().map(|node| node.op_type().to_owned()).collect()
    }

    #[test]
    fn a_scaler_is_a_difference_and_a_product() {
        let read = ["Constant", "Constant", "Sub", "Mul", "Relu"];
        assert_eq!(operators("float[N,3]", "offset = [1.0, 2.0, 3.0], scale = [0.5, 2.0, 4.0]"), read);
        assert_eq!(operators("float[3]", "offset = [1.0], scale = [0.5, 2.0, 4.0]"), read);
        assert_eq!(operators("float[N,K]", "offset = [1.0], scale = [0.5]"), read);
    }

    #[test]
    fn what_is_not_certain_stays_a_scaler() {
        let kept = ["Scaler", "Relu"];
        for input in ["double[N,3]", "int64[N,3]", "float[N,4]", "float[N,K]", "float[N,3,3]", "float[]"] {
            assert_eq!(operators(input, "offset = [1.0, 2.0, 3.0], scale = [0.5, 2.0, 4.0]"), kept, "{input}");
        }
        assert_eq!(operators("float[N,3]", "offset = [1.0, 2.0], scale = [0.5, 2.0, 4.0]"), kept);
        assert_eq!(operators("float[N,3]", "scale = [0.5, 2.0, 4.0]"), kept);
    }
}
