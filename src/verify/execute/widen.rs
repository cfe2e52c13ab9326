//! Every float of a model widened to f64: stored tensors, attributes, declared types.
//!
//! Widening is exact, so both models keep their stored values bit for bit. What narrows between
//! two operators (a Cast to float16) no longer does: the model is run as real arithmetic.

use half::{bf16, f16};

use super::CouldNotRun;
use super::array::count;
use super::proto::{attribute, doubles, label, longs, raw};
use crate::onnx::tensor_proto::{DataLocation, DataType};
use crate::onnx::type_proto::Value;
use crate::onnx::{AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto};

/// Whether this is an element type that becomes f64.
pub(super) fn is_float(element: i32) -> bool {
    [DataType::Float, DataType::Float16, DataType::Bfloat16, DataType::Double].iter().any(|&float| i32::from(float) == element)
}

/// Widens a flat graph in place and clears what the engine must not rely on.
///
/// # Errors
/// A tensor of an element type that has no place here, or with a payload of the wrong length.
pub(super) fn graph(graph: &mut GraphProto) -> Result<(), CouldNotRun> {
    for initializer in &mut graph.initializer {
        let name = initializer.name().to_owned();
        tensor(initializer).map_err(|why| CouldNotRun::Tensor { tensor: name, why })?;
    }
    for node in &mut graph.node {
        attributes(node).map_err(|why| CouldNotRun::Tensor { tensor: label(node).to_owned(), why })?;
    }
    for value in graph.input.iter_mut().chain(&mut graph.output) {
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

fn attributes(node: &mut NodeProto) -> Result<(), String> {
    let operator = node.op_type().to_owned();
    if operator == "Constant" {
        return constant(node);
    }
    if operator == "ConstantOfShape" && attribute(node, "value").is_none() {
        node.attribute.push(AttributeProto {
            name: Some("value".to_owned()),
            r#type: Some(crate::onnx::attribute_proto::AttributeType::Tensor.into()),
            t: Some(doubles(&[1], &[0.0])),
            ..AttributeProto::default()
        });
    }
    for attribute in &mut node.attribute {
        if let Some(value) = attribute.t.as_mut() {
            tensor(value)?;
        }
        let names_a_type = matches!((operator.as_str(), attribute.name()), ("Cast", "to") | ("EyeLike", "dtype"));
        if names_a_type && i32::try_from(attribute.i()).is_ok_and(is_float) {
            attribute.i = Some(i64::from(i32::from(DataType::Double)));
        }
    }
    Ok(())
}

/// All forms of Constant become the one with a tensor.
fn constant(node: &mut NodeProto) -> Result<(), String> {
    let [attribute] = node.attribute.as_mut_slice() else {
        return Err("a Constant needs exactly one attribute".to_owned());
    };
    let value = match attribute.name() {
        "value" => {
            let mut value = attribute.t.take().ok_or("a Constant without its value")?;
            tensor(&mut value)?;
            value
        }
        "value_float" => doubles(&[], &[f64::from(attribute.f())]),
        "value_floats" => {
            let values: Vec<f64> = attribute.floats.iter().map(|&value| value.into()).collect();
            doubles(&[length(values.len())?], &values)
        }
        "value_int" => longs(&[], &[attribute.i()]),
        "value_ints" => longs(&[length(attribute.ints.len())?], &attribute.ints),
        other => return Err(format!("the constant form {other} is not supported")),
    };
    let output = node.output.first().cloned().unwrap_or_default();
    *node = super::proto::constant(value, &output);
    Ok(())
}

fn length(length: usize) -> Result<i64, String> {
    i64::try_from(length).map_err(|_| "too long".to_owned())
}

/// Floats become f64, all else keeps its type; the payload becomes little-endian `raw_data`.
pub(super) fn tensor(tensor: &mut TensorProto) -> Result<(), String> {
    if tensor.data_location() == DataLocation::External {
        return Err("its external data was not read".to_owned());
    }
    let element = DataType::try_from(tensor.data_type()).map_err(|_| format!("unknown element type {}", tensor.data_type()))?;
    let dims: Option<Vec<usize>> = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect();
    let elements = dims.and_then(|dims| count(&dims)).ok_or_else(|| format!("dims {:?}", tensor.dims))?;
    let (element, size, bytes) = payload(tensor, element)?;
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

fn payload(tensor: &mut TensorProto, element: DataType) -> Result<Payload, String> {
    let stored = tensor.raw_data.take().filter(|bytes| !bytes.is_empty());
    let double = |bytes| Ok((DataType::Double, 8, bytes));
    let int32 = |size: usize| -> Vec<u8> {
        let numbers = tensor.int32_data.iter();
        numbers.flat_map(|number| number.to_le_bytes().into_iter().take(size)).collect()
    };
    match element {
        DataType::Float => double(match stored {
            Some(bytes) => widened(&bytes, |bytes: [u8; 4]| f32::from_le_bytes(bytes).into())?,
            None => f64_bytes(tensor.float_data.iter().map(|&value| value.into())),
        }),
        DataType::Double => double(match stored {
            Some(bytes) => bytes,
            None => f64_bytes(tensor.double_data.iter().copied()),
        }),
        DataType::Float16 => {
            let bytes = stored.unwrap_or_else(|| int32(2));
            double(widened(&bytes, |bytes: [u8; 2]| f16::from_le_bytes(bytes).to_f64())?)
        }
        DataType::Bfloat16 => {
            let bytes = stored.unwrap_or_else(|| int32(2));
            double(widened(&bytes, |bytes: [u8; 2]| bf16::from_le_bytes(bytes).to_f64())?)
        }
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
        DataType::Uint32 => {
            let low = |value: &u64| value.to_le_bytes().into_iter().take(4);
            let typed = || tensor.uint64_data.iter().flat_map(low).collect();
            Ok((element, 4, stored.unwrap_or_else(typed)))
        }
        other => Err(format!("element type {} has no kernels here", other.as_str_name())),
    }
}

fn f64_bytes(values: impl Iterator<Item = f64>) -> Vec<u8> {
    values.flat_map(f64::to_le_bytes).collect()
}

fn widened<const N: usize>(bytes: &[u8], widen: fn([u8; N]) -> f64) -> Result<Vec<u8>, String> {
    let (chunks, rest) = bytes.as_chunks::<N>();
    if !rest.is_empty() {
        return Err(format!("{} bytes are no multiple of {N}", bytes.len()));
    }
    Ok(f64_bytes(chunks.iter().map(|&chunk| widen(chunk))))
}
