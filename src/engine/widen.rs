//! Every float of a model widened to f64: stored tensors, attributes, declared types.
//!
//! Widening is exact, so both models keep their stored values bit for bit. What narrows between
//! two operators (a Cast to float16) no longer does: the model is run as real arithmetic. On request
//! floats keep their types instead, and only the ways of storing them become one.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use super::CouldNotRun;
use super::array::count;
use super::flatten::dense;
use super::proto::{attribute, doubles, is_standard, label, longs, raw};
use crate::model::Element;
use crate::onnx::tensor_proto::{DataLocation, DataType};
use crate::onnx::type_proto::Value;
use crate::onnx::{AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto};

/// The type in which floats are run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Floats {
    /// All are f64.
    Double,
    /// Each is what it is in the file.
    Stored,
}

/// Widens a flat graph in place, unless its floats are to stay as they are, and clears what the engine must not rely on.
///
/// # Errors
/// A tensor of an element type that has no place here, or with a payload of the wrong length.
pub(crate) fn graph(graph: &mut GraphProto, floats: Floats) -> Result<(), CouldNotRun> {
    for initializer in &mut graph.initializer {
        let name = initializer.name().to_owned();
        tensor(initializer, floats).map_err(|why| CouldNotRun::Tensor { tensor: name, why })?;
    }
    for node in &mut graph.node {
        attributes(node, floats).map_err(|why| CouldNotRun::Tensor { tensor: label(node).to_owned(), why })?;
    }
    for value in graph.input.iter_mut().chain(&mut graph.output).filter(|_| floats == Floats::Double) {
        declared(value);
    }
    graph.value_info.clear();
    Ok(())
}

fn declared(value: &mut ValueInfoProto) {
    if let Some(Value::TensorType(tensor)) = value.r#type.as_mut().and_then(|declared| declared.value.as_mut())
        && is_float(tensor.elem_type())
    {
        tensor.elem_type = Some(DataType::Double.into());
    }
}

fn is_float(element: i32) -> bool {
    DataType::try_from(element).ok().and_then(format).is_some()
}

fn attributes(node: &mut NodeProto, floats: Floats) -> Result<(), String> {
    let operator = node.op_type().to_owned();
    if operator == "Constant" && is_standard(node.domain()) {
        return constant(node, floats);
    }
    let (wide, own) = (floats == Floats::Double, is_standard(node.domain()));
    if wide && operator == "ConstantOfShape" && attribute(node, "value").is_none() {
        node.attribute.push(AttributeProto {
            name: Some("value".to_owned()),
            r#type: Some(crate::onnx::attribute_proto::AttributeType::Tensor.into()),
            t: Some(doubles(&[1], &[0.0])),
            ..AttributeProto::default()
        });
    }
    for attribute in &mut node.attribute {
        // What an operator without a meaning here holds stays as it is.
        if let (Some(value), true) = (attribute.t.as_mut(), own) {
            tensor(value, floats)?;
        }
        let names_a_type = wide && own && matches!((operator.as_str(), attribute.name()), ("Cast", "to") | ("EyeLike", "dtype"));
        if names_a_type && i32::try_from(attribute.i()).is_ok_and(is_float) {
            attribute.i = Some(i64::from(i32::from(DataType::Double)));
        }
    }
    Ok(())
}

/// All forms of Constant become the one with a tensor.
fn constant(node: &mut NodeProto, floats: Floats) -> Result<(), String> {
    let [attribute] = node.attribute.as_mut_slice() else {
        return Err("a Constant needs exactly one attribute".to_owned());
    };
    let value = match attribute.name() {
        "value" => {
            let mut value = attribute.t.take().ok_or("a Constant without its value")?;
            tensor(&mut value, floats)?;
            value
        }
        "value_float" => numbers(&[], &[attribute.f()], floats)?,
        "value_floats" => numbers(&[length(attribute.floats.len())?], &attribute.floats, floats)?,
        "sparse_value" if floats == Floats::Double => {
            let sparse = attribute.sparse_tensor.take().ok_or("a Constant without its value")?;
            dense(&sparse).map_err(|why| why.to_string())?
        }
        "value_string" if floats == Floats::Double => longs(&[], &[text_number(attribute.s()).cast_signed()]),
        "value_strings" if floats == Floats::Double => {
            let all: Vec<i64> = attribute.strings.iter().map(|text| text_number(text).cast_signed()).collect();
            longs(&[length(all.len())?], &all)
        }
        "value_int" => longs(&[], &[attribute.i()]),
        "value_ints" => longs(&[length(attribute.ints.len())?], &attribute.ints),
        other => return Err(format!("the constant form {other} is not supported")),
    };
    let output = node.output.first().cloned().unwrap_or_default();
    *node = super::proto::constant(value, &output);
    Ok(())
}

/// What an attribute holds, as a tensor.
fn numbers(dims: &[i64], values: &[f32], floats: Floats) -> Result<TensorProto, String> {
    let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let mut value = raw(dims, DataType::Float, bytes);
    tensor(&mut value, floats)?;
    Ok(value)
}

fn length(length: usize) -> Result<i64, String> {
    i64::try_from(length).map_err(|_| "too long".to_owned())
}

/// Floats become what they are to be run in, all else keeps its type; the payload becomes little-endian `raw_data`.
pub(crate) fn tensor(tensor: &mut TensorProto, floats: Floats) -> Result<(), String> {
    if tensor.data_location() == DataLocation::External {
        return Err("its external data was not read".to_owned());
    }
    let element = DataType::try_from(tensor.data_type()).map_err(|_| format!("unknown element type {}", tensor.data_type()))?;
    let dims: Option<Vec<usize>> = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let elements = dims.and_then(|dims| count(&dims)).ok_or_else(|| format!("dims {:?}", tensor.dims))?;
    let (element, size, bytes) = payload(tensor, element, floats)?;
    if elements.checked_mul(size) != Some(bytes.len()) {
        let dims = &tensor.dims;
        return Err(format!("{} bytes for dims {dims:?} of {size} bytes each", bytes.len()));
    }
    let name = tensor.name.take();
    *tensor = raw(&tensor.dims, element, bytes);
    tensor.name = name;
    Ok(())
}

type Payload = (DataType, usize, Vec<u8>);

fn payload(tensor: &mut TensorProto, element: DataType, floats: Floats) -> Result<Payload, String> {
    let stored = tensor.raw_data.take().filter(|bytes| !bytes.is_empty());
    let int32 = |size: usize| -> Vec<u8> {
        let numbers = tensor.int32_data.iter();
        numbers.flat_map(|number| number.to_le_bytes().into_iter().take(size)).collect()
    };
    match element {
        DataType::Float => {
            let typed = || tensor.float_data.iter().flat_map(|v| v.to_le_bytes()).collect();
            in_type(element, stored.unwrap_or_else(typed), floats)
        }
        DataType::Double => {
            let typed = || tensor.double_data.iter().flat_map(|v| v.to_le_bytes()).collect();
            in_type(element, stored.unwrap_or_else(typed), floats)
        }
        DataType::Float16 | DataType::Bfloat16 => in_type(element, stored.unwrap_or_else(|| int32(2)), floats),
        DataType::Uint8 | DataType::Int8 | DataType::Bool => Ok((element, 1, stored.unwrap_or_else(|| int32(1)))),
        DataType::Uint16 | DataType::Int16 => Ok((element, 2, stored.unwrap_or_else(|| int32(2)))),
        DataType::Int32 => Ok((element, 4, stored.unwrap_or_else(|| int32(4)))),
        DataType::Int64 => {
            let typed = || tensor.int64_data.iter().flat_map(|v| v.to_le_bytes()).collect();
            Ok((element, 8, stored.unwrap_or_else(typed)))
        }
        DataType::Uint64 => {
            let typed = || tensor.uint64_data.iter().flat_map(|v| v.to_le_bytes()).collect();
            Ok((element, 8, stored.unwrap_or_else(typed)))
        }
        // Strings stand for themselves as numbers, as far as equality goes.
        DataType::String if floats == Floats::Double => {
            let all = tensor.string_data.iter().flat_map(|text| text_number(text).to_le_bytes()).collect();
            Ok((DataType::Int64, 8, all))
        }
        DataType::Uint32 => {
            let low = |value: &u64| value.to_le_bytes().into_iter().take(4);
            let typed = || tensor.uint64_data.iter().flat_map(low).collect();
            Ok((element, 4, stored.unwrap_or_else(typed)))
        }
        other => Err(format!("element type {} has no kernels here", other.as_str_name())),
    }
}

fn text_number(text: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}

/// Floats in the type in which they are run.
fn in_type(element: DataType, stored: Vec<u8>, floats: Floats) -> Result<Payload, String> {
    match (floats, format(element)) {
        (Floats::Stored, Some(Element::BF16)) => Err("the engine has no bfloat16".to_owned()),
        (Floats::Stored, Some(format)) => Ok((element, format.size(), stored)),
        (Floats::Double, Some(Element::F64)) => Ok((element, 8, stored)),
        (Floats::Double, Some(format)) => widened(format, &stored),
        (_, None) => Err(format!("element type {} is no float", element.as_str_name())),
    }
}

/// In blocks, so that a large tensor is not held a third time.
fn widened(element: Element, stored: &[u8]) -> Result<Payload, String> {
    const BLOCK: usize = 1 << 16;
    if !stored.len().is_multiple_of(element.size()) {
        return Err(format!("{} bytes are no multiple of {}", stored.len(), element.size()));
    }
    let mut wide = vec![0; (stored.len() / element.size()).saturating_mul(8)];
    let (places, _) = wide.as_chunks_mut::<8>();
    let mut places = places.iter_mut();
    let mut values = Vec::with_capacity(BLOCK);
    for block in stored.chunks(BLOCK) {
        values.clear();
        element.decode(block, &mut values);
        values.iter().zip(places.by_ref()).for_each(|(value, place)| *place = value.to_le_bytes());
    }
    Ok((DataType::Double, 8, wide))
}

/// The format of a float's element type.
pub(crate) fn format(element: DataType) -> Option<Element> {
    match element {
        DataType::Float => Some(Element::F32),
        DataType::Double => Some(Element::F64),
        DataType::Float16 => Some(Element::F16),
        DataType::Bfloat16 => Some(Element::BF16),
        _ => None,
    }
}
