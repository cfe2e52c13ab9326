//! The nodes of a region as a model of their own, with their constants widened to f64: small enough to be run by anybody.
//!
//! Beside it stands the absolute model: every constant replaced by its magnitude, the mean of a BatchNormalization by its
//! negative magnitude, so that it sums up what the region may lose by rounding.

use crate::error::Result;
use crate::model::Graph;
use crate::onnx::tensor_proto::DataType;
use crate::onnx::type_proto::{Tensor, Value};
use crate::onnx::{GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto, TypeProto, ValueInfoProto};
use crate::verify::region::Form;

/// The side of a region in one file as a model.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn model(
    graph: &Graph<'_>,
    forms: &[Form],
    inputs: &[String],
    outputs: &[String],
    absolute: bool,
) -> Result<ModelProto> {
    let mut body = GraphProto { name: Some("region".to_owned()), ..GraphProto::default() };
    let mut opset = None;
    for form in forms {
        let node = graph.node(form.node);
        opset = opset.or(graph.scope(node.scope).opset);
        let mut copy = NodeProto { name: None, doc_string: None, ..node.proto.clone() };
        if copy.op_type() == "Dropout" {
            copy.op_type = Some("Identity".to_owned());
            copy.attribute.clear();
            copy.input.truncate(1);
            copy.output.truncate(1);
        }
        for (input, tensor) in &form.constants {
            let tensor = graph.tensor(*tensor);
            // No name of a file has this character.
            let name = format!("\u{1}{}", body.initializer.len());
            let mut values = tensor.floats(graph.model)?;
            if absolute {
                let sign = if form.operator == "BatchNormalization" && *input == 3 { -1.0 } else { 1.0 };
                values.iter_mut().for_each(|value| *value = value.abs() * sign);
            }
            let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
            body.initializer.push(TensorProto {
                dims: tensor.dims.iter().map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX)).collect(),
                data_type: Some(DataType::Double.into()),
                name: Some(name.clone()),
                raw_data: Some(bytes),
                ..TensorProto::default()
            });
            if let Some(place) = copy.input.get_mut(*input) {
                *place = name;
            }
        }
        if absolute {
            magnitudes(&mut copy);
        }
        body.node.push(copy);
    }
    body.input = inputs.iter().map(|name| value(name)).collect();
    body.output = outputs.iter().map(|name| value(name)).collect();
    let import = OperatorSetIdProto { version: Some(opset.unwrap_or(1)), domain: Some(String::new()) };
    Ok(ModelProto { ir_version: Some(8), opset_import: vec![import], graph: Some(body), ..ModelProto::default() })
}

fn value(name: &str) -> ValueInfoProto {
    let tensor = Tensor { elem_type: Some(DataType::Double.into()), shape: None };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { value: Some(Value::TensorType(tensor)), ..TypeProto::default() }),
        ..ValueInfoProto::default()
    }
}

/// The operator that sums up where this one may take away.
fn magnitudes(node: &mut NodeProto) {
    match node.op_type() {
        "Sub" => node.op_type = Some("Add".to_owned()),
        "Gemm" => {
            let factors = node.attribute.iter_mut().filter(|a| matches!(a.name(), "alpha" | "beta"));
            factors.for_each(|attribute| attribute.f = attribute.f.map(f32::abs));
        }
        _ => {}
    }
}
