//! Our messages as the engine's: the same schema, an older copy of it, so fields move one by one.

use tract_onnx::pb;

use crate::onnx::tensor_shape_proto::dimension;
use crate::onnx::type_proto::Value;
use crate::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto, ValueInfoProto};

/// A flat model, moved. Functions, documentation and names of nodes are left behind.
pub(crate) fn model(model: ModelProto) -> pb::ModelProto {
    let imports = model.opset_import.into_iter().map(|import| pb::OperatorSetIdProto {
        domain: import.domain.unwrap_or_default(),
        version: import.version.unwrap_or_default(),
    });
    pb::ModelProto {
        ir_version: model.ir_version.unwrap_or_default(),
        opset_import: imports.collect(),
        graph: model.graph.map(graph),
        ..pb::ModelProto::default()
    }
}

fn graph(graph: GraphProto) -> pb::GraphProto {
    pb::GraphProto {
        node: graph.node.into_iter().map(node).collect(),
        initializer: graph.initializer.into_iter().map(tensor).collect(),
        input: graph.input.into_iter().map(value_info).collect(),
        output: graph.output.into_iter().map(value_info).collect(),
        ..pb::GraphProto::default()
    }
}

/// Nodes are named by their first output: unique, and what messages should say.
fn node(node: NodeProto) -> pb::NodeProto {
    pb::NodeProto {
        name: node.output.first().cloned().unwrap_or_default(),
        input: node.input,
        output: node.output,
        op_type: node.op_type.unwrap_or_default(),
        attribute: node.attribute.into_iter().map(attribute).collect(),
        ..pb::NodeProto::default()
    }
}

fn attribute(attribute: AttributeProto) -> pb::AttributeProto {
    pb::AttributeProto {
        name: attribute.name.unwrap_or_default(),
        r#type: attribute.r#type.unwrap_or_default(),
        f: attribute.f.unwrap_or_default(),
        i: attribute.i.unwrap_or_default(),
        s: attribute.s.unwrap_or_default(),
        t: attribute.t.map(tensor),
        floats: attribute.floats,
        ints: attribute.ints,
        strings: attribute.strings,
        tensors: attribute.tensors.into_iter().map(tensor).collect(),
        ..pb::AttributeProto::default()
    }
}

fn tensor(tensor: TensorProto) -> pb::TensorProto {
    pb::TensorProto {
        dims: tensor.dims,
        data_type: tensor.data_type.unwrap_or_default(),
        name: tensor.name.unwrap_or_default(),
        raw_data: tensor.raw_data.unwrap_or_default(),
        ..pb::TensorProto::default()
    }
}

fn value_info(value: ValueInfoProto) -> pb::ValueInfoProto {
    pb::ValueInfoProto {
        name: value.name.unwrap_or_default(),
        r#type: value.r#type.and_then(tensor_type),
        ..pb::ValueInfoProto::default()
    }
}

/// Only tensors have a counterpart. Symbols are dropped: shapes are bound before a run, and the
/// engine's parser of symbolic expressions is not made for hostile text.
fn tensor_type(declared: TypeProto) -> Option<pb::TypeProto> {
    let Some(Value::TensorType(tensor)) = declared.value else {
        return None;
    };
    let shape = tensor
        .shape
        .map(|shape| pb::TensorShapeProto { dim: shape.dim.iter().map(|dim| dimension_of(dim.value.as_ref())).collect() });
    let tensor = pb::type_proto::Tensor { elem_type: tensor.elem_type.unwrap_or_default(), shape };
    Some(pb::TypeProto { value: Some(pb::type_proto::Value::TensorType(tensor)), ..pb::TypeProto::default() })
}

fn dimension_of(value: Option<&dimension::Value>) -> pb::tensor_shape_proto::Dimension {
    let value = match value {
        Some(dimension::Value::DimValue(size)) if *size > 0 => Some(pb::tensor_shape_proto::dimension::Value::DimValue(*size)),
        _ => None,
    };
    pb::tensor_shape_proto::Dimension { value, ..Default::default() }
}
