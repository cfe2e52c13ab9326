//! New messages, and fields of a message as they are in the file.
//!
//! Only what a fold makes anew is encoded here; what is in the file already is copied.

use std::ops::Range;

use prost::Message as _;

use crate::error::Result;
use crate::model::{Model, tensor, text};
use crate::onnx::{TensorProto, TypeProto, ValueInfoProto, tensor_shape_proto, type_proto};
use crate::wire::splice::Piece;
use crate::wire::{Field, Fields, Window, varint};

/// The fields of a message.
pub(super) fn fields(model: &Model, message: &Range<u64>) -> Result<Vec<Field>> {
    let mut window = Window::new(model.file(0));
    let mut fields = Fields::new(&mut window, message.clone());
    let mut found = Vec::new();
    while let Some(field) = fields.next()? {
        found.push(field);
    }
    Ok(found)
}

/// Tag and length of a field whose content follows.
pub(super) fn header(number: u32, len: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint::encode(u64::from(number) << 3 | 2, &mut bytes);
    varint::encode(len, &mut bytes);
    bytes
}

/// A field of bytes, text or a message.
pub(super) fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(number, content.len() as u64);
    bytes.extend_from_slice(content);
    bytes
}

/// A text field as the file would have it.
pub(super) fn text_field(number: u32, name: &str) -> Vec<u8> {
    field(number, &text::encode(name))
}

/// A tensor field `number` of a parent: name, type and shape, then `raw_data` of `len` bytes that `payload` stands for.
pub(super) fn tensor_field(number: u32, name: &str, data_type: i32, dims: &[u64], payload: Piece) -> Vec<Piece> {
    let mut head = tensor_head(name, data_type, dims);
    head.extend(header(9, payload.len()));
    let mut first = header(number, head.len() as u64 + payload.len());
    first.extend(head);
    vec![Piece::Bytes(first), payload]
}

/// A tensor field `number` of a parent with these fields of [`external`].
pub(super) fn outside_field(number: u32, name: &str, data_type: i32, dims: &[u64], external: &[u8]) -> Vec<u8> {
    let mut content = tensor_head(name, data_type, dims);
    content.extend(external);
    field(number, &content)
}

fn tensor_head(name: &str, data_type: i32, dims: &[u64]) -> Vec<u8> {
    let dims = dims.iter().map(|d| *d as i64).collect();
    let mut head = TensorProto { dims, data_type: Some(data_type), ..TensorProto::default() }.encode_to_vec();
    if !name.is_empty() {
        head.extend(text_field(8, name));
    }
    head
}

/// The fields of a tensor that say where in a side file its elements are.
pub(super) fn external(location: &str, offset: u64, length: u64) -> Vec<u8> {
    let entries = [("location", location), ("offset", &offset.to_string()), ("length", &length.to_string())];
    let mut fields: Vec<u8> =
        entries.iter().flat_map(|(key, value)| field(13, &[text_field(1, key), text_field(2, value)].concat())).collect();
    // data_location = EXTERNAL
    fields.extend([14 << 3, 1]);
    fields
}

/// The fields of a Constant's attribute `value` around a tensor field: everything but the tag of the attribute itself.
pub(super) fn value_attribute(tensor: Vec<Piece>) -> Vec<Piece> {
    let mut head = text_field(1, "value");
    // type = TENSOR
    head.extend([0xa0, 0x01, 0x04]);
    wrap(5, std::iter::once(Piece::Bytes(head)).chain(tensor).collect())
}

/// A Constant node as a field of a graph or function.
pub(super) fn constant_node(number: u32, output: &str, tensor: Vec<Piece>) -> Vec<Piece> {
    let mut head = text_field(2, output);
    head.extend(text_field(4, "Constant"));
    wrap(number, std::iter::once(Piece::Bytes(head)).chain(value_attribute(tensor)).collect())
}

/// A node of ONNX's own operator set with two inputs as a field of a graph or function.
pub(super) fn node_field(number: u32, operator: &str, inputs: [&str; 2], output: &str) -> Vec<u8> {
    let mut content: Vec<u8> = inputs.iter().flat_map(|name| text_field(1, name)).collect();
    content.extend(text_field(2, output));
    content.extend(text_field(4, operator));
    field(number, &content)
}

/// An attribute that is a whole number as a field of a node.
pub(super) fn int_attribute(name: &str, value: u64) -> Vec<u8> {
    let mut content = text_field(1, name);
    content.push(3 << 3);
    varint::encode(value, &mut content);
    // type = INT
    content.extend([0xa0, 0x01, 0x02]);
    field(5, &content)
}

/// Pieces as the content of a field.
pub(super) fn wrap(number: u32, content: Vec<Piece>) -> Vec<Piece> {
    let len = content.iter().map(Piece::len).sum();
    std::iter::once(Piece::Bytes(header(number, len))).chain(content).collect()
}

/// An input of a graph that declares a tensor, as IR 3 wants one for every initializer.
pub(super) fn input_field(name: &str, data_type: i32, dims: &[u64]) -> Vec<u8> {
    let dim = |d: &u64| tensor_shape_proto::Dimension {
        value: Some(tensor_shape_proto::dimension::Value::DimValue(*d as i64)),
        ..Default::default()
    };
    let shape = crate::onnx::TensorShapeProto { dim: dims.iter().map(dim).collect() };
    let tensor = type_proto::Tensor { elem_type: Some(data_type), shape: Some(shape) };
    let declared = TypeProto { value: Some(type_proto::Value::TensorType(tensor)), ..TypeProto::default() };
    let info = ValueInfoProto { r#type: Some(declared), ..ValueInfoProto::default() };
    let mut content = text_field(1, name);
    content.extend(info.encode_to_vec());
    field(11, &content)
}

/// ONNX's number of a float type.
pub(super) fn data_type(element: crate::model::Element) -> i32 {
    tensor::data_type(element)
}
