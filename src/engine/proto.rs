//! Reading and making nodes: attributes by name, tensors from numbers, names that are not taken.
//!
//! Knows the messages of ONNX and nothing of what operators compute.

use std::collections::HashSet;

use crate::model::Element;
pub(crate) use crate::model::graph::is_standard_domain as is_standard;
use crate::onnx::attribute_proto::AttributeType;
use crate::onnx::tensor_proto::DataType;
use crate::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};

/// The version of the standard operators that the model imports; 1 if it imports none, as IR 1 and
/// 2 had it.
pub(crate) fn opset(model: &ModelProto) -> i64 {
    model.opset_import.iter().find(|import| is_standard(import.domain())).map_or(1, |import| import.version())
}

/// The graphs that a node holds.
pub(crate) fn graphs(node: &NodeProto) -> impl Iterator<Item = &GraphProto> {
    node.attribute.iter().flat_map(|attribute| attribute.g.iter().chain(&attribute.graphs))
}

pub(crate) fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name() == name)
}

pub(crate) fn int(node: &NodeProto, name: &str) -> Option<i64> {
    attribute(node, name).map(|attribute| attribute.i())
}

pub(crate) fn float(node: &NodeProto, name: &str) -> Option<f32> {
    attribute(node, name).map(|attribute| attribute.f())
}

pub(crate) fn ints<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [i64]> {
    attribute(node, name).map(|attribute| attribute.ints.as_slice())
}

pub(crate) fn text<'a>(node: &'a NodeProto, name: &str) -> Option<&'a [u8]> {
    attribute(node, name).map(|attribute| attribute.s())
}

/// The `index`th input, if it is given.
pub(crate) fn input(node: &NodeProto, index: usize) -> Option<&str> {
    node.input.get(index).map(String::as_str).filter(|name| !name.is_empty())
}

/// What a report calls a node: the first value that it makes.
pub(crate) fn label(node: &NodeProto) -> &str {
    node.output.iter().find(|name| !name.is_empty()).map_or(node.name(), String::as_str)
}

/// A node of the standard domain.
pub(crate) fn make(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: Some(operator.to_owned()),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    }
}

fn with(mut node: NodeProto, name: &str, kind: AttributeType, value: AttributeProto) -> NodeProto {
    node.attribute.push(AttributeProto { name: Some(name.to_owned()), r#type: Some(kind.into()), ..value });
    node
}

pub(crate) fn with_int(node: NodeProto, name: &str, value: i64) -> NodeProto {
    with(node, name, AttributeType::Int, AttributeProto { i: Some(value), ..AttributeProto::default() })
}

pub(crate) fn with_ints(node: NodeProto, name: &str, values: &[i64]) -> NodeProto {
    with(node, name, AttributeType::Ints, AttributeProto { ints: values.to_vec(), ..AttributeProto::default() })
}

pub(crate) fn with_bytes(node: NodeProto, name: &str, value: Vec<u8>) -> NodeProto {
    with(node, name, AttributeType::String, AttributeProto { s: Some(value), ..AttributeProto::default() })
}

pub(crate) fn with_text(mut node: NodeProto, name: &str, value: &str) -> NodeProto {
    node.attribute.retain(|attribute| attribute.name() != name);
    with(node, name, AttributeType::String, AttributeProto { s: Some(value.as_bytes().to_vec()), ..AttributeProto::default() })
}

/// A node that makes a constant.
pub(crate) fn constant(value: TensorProto, output: &str) -> NodeProto {
    let value = AttributeProto { t: Some(value), ..AttributeProto::default() };
    with(make("Constant", &[], output), "value", AttributeType::Tensor, value)
}

/// A node that makes a copy of its input under another element type.
pub(crate) fn cast(input: &str, to: DataType, output: &str) -> NodeProto {
    with_int(make("Cast", &[input], output), "to", i64::from(i32::from(to)))
}

pub(crate) fn doubles(dims: &[i64], values: &[f64]) -> TensorProto {
    let mut bytes = Vec::new();
    Element::F64.encode(values, &mut bytes);
    raw(dims, DataType::Double, bytes)
}

pub(crate) fn longs(dims: &[i64], values: &[i64]) -> TensorProto {
    raw(dims, DataType::Int64, values.iter().flat_map(|value| value.to_le_bytes()).collect())
}

pub(crate) fn raw(dims: &[i64], element: DataType, bytes: Vec<u8>) -> TensorProto {
    TensorProto { dims: dims.to_vec(), data_type: Some(element.into()), raw_data: Some(bytes), ..TensorProto::default() }
}

/// Begins the name of a node that belongs to a place that is looked at: no name of a file survives beside it.
pub(crate) const MARK: char = '\u{1}';

/// The names of a graph's values, so that new ones can be made.
pub(crate) struct Names(HashSet<String>);

impl Names {
    pub(crate) fn of(graph: &GraphProto) -> Names {
        let nodes = graph.node.iter().flat_map(|node| node.input.iter().chain(&node.output)).cloned();
        let inputs = graph.input.iter().chain(&graph.output).map(|value| value.name().to_owned());
        let initializers = graph.initializer.iter().map(|tensor| tensor.name().to_owned());
        Names(nodes.chain(inputs).chain(initializers).collect())
    }

    /// `wanted`, or `wanted` and a number where that is taken.
    pub(crate) fn fresh(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut number = 1_u64;
        while !self.0.insert(name.clone()) {
            number += 1;
            name = format!("{wanted}/{number}");
        }
        name
    }
}
