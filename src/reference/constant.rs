//! Constants, and changes of type.

use super::array::{count, size};
use super::call::Call;
use super::{Array, Data, ReferenceError, invalid, unsupported};
use crate::onnx::NodeProto;
use crate::onnx::tensor_proto::DataType;

/// The value that a Constant node states, in whichever form.
pub(super) fn constant(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let numbers = |values: &[f32]| values.iter().map(|&value| value.into()).collect::<Vec<f64>>();
    let [attribute] = call.node.attribute.as_slice() else {
        return invalid("Constant needs one value");
    };
    let value = match (attribute.name(), &attribute.t, &attribute.sparse_tensor) {
        ("value", Some(tensor), _) => Array::from_tensor(tensor)?,
        ("sparse_value", _, Some(sparse)) => Array::from_sparse(sparse)?,
        ("value_float", ..) => Array::float([], numbers(&[attribute.f()])),
        ("value_floats", ..) => Array::float([attribute.floats.len()], numbers(&attribute.floats)),
        ("value_int", ..) => Array::int([], vec![attribute.i()]),
        ("value_ints", ..) => Array::int([attribute.ints.len()], attribute.ints.clone()),
        (name, ..) => return unsupported(format!("a Constant with attribute `{name}`")),
    };
    Ok(vec![value])
}

/// One value throughout; a float 0 if none is stated.
pub(super) fn constant_of_shape(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let shape = call.input(0)?.ints()?.iter().map(|&extent| size(extent));
    let dims = shape.collect::<Result<Vec<usize>, _>>()?;
    let value = match call.attribute("value").and_then(|attribute| attribute.t.as_ref()) {
        Some(tensor) => Array::from_tensor(tensor)?,
        None => Array::float([1], vec![0.0]),
    };
    Ok(vec![value.pick(&dims, |_| 0)?])
}

/// The numbers from start in steps of delta, up to before limit.
pub(super) fn range(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (start, limit, delta) = (call.input(0)?, call.input(1)?, call.input(2)?);
    match (&start.data, &limit.data, &delta.data) {
        (Data::Int(start), Data::Int(limit), Data::Int(delta)) => {
            let ([start], [limit], [delta]) = (&start[..], &limit[..], &delta[..]) else {
                return invalid("Range takes scalars");
            };
            let mut values = Vec::new();
            let mut value = *start;
            while *delta != 0 && (*delta > 0 && value < *limit || *delta < 0 && value > *limit) {
                values.push(value);
                count(&[values.len()])?;
                value = value.saturating_add(*delta);
            }
            Ok(vec![Array::int([values.len()], values)])
        }
        (Data::Float(start), Data::Float(limit), Data::Float(delta)) => {
            let ([start], [limit], [delta]) = (&start[..], &limit[..], &delta[..]) else {
                return invalid("Range takes scalars");
            };
            let length = ((limit - start) / delta).ceil().max(0.0);
            let length = count(&[length as usize])?;
            let values = (0..length).map(|index| start + index as f64 * delta).collect();
            Ok(vec![Array::float([length], values)])
        }
        _ => invalid("Range takes numbers of one type"),
    }
}

/// The least and greatest value of an integer type that fits 64 bits with sign.
pub(super) fn integer_range(kind: DataType) -> Option<(i64, i64)> {
    Some(match kind {
        DataType::Int64 => (i64::MIN, i64::MAX),
        DataType::Int32 => (i32::MIN.into(), i32::MAX.into()),
        DataType::Int16 => (i16::MIN.into(), i16::MAX.into()),
        DataType::Int8 => (i8::MIN.into(), i8::MAX.into()),
        DataType::Int4 => (-8, 7),
        DataType::Uint64 => (0, i64::MAX),
        DataType::Uint32 => (0, u32::MAX.into()),
        DataType::Uint16 => (0, u16::MAX.into()),
        DataType::Uint8 => (0, u8::MAX.into()),
        DataType::Uint4 => (0, 15),
        _ => return None,
    })
}

/// The values in another type; floats are not rounded, and numbers that do not fit are refused.
pub(super) fn cast(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let Some(to) = call.int("to")? else {
        return unsupported("Cast to a type that is not given by its number");
    };
    match i32::try_from(to) {
        Ok(to) => converted(call.input(0)?, to),
        Err(_) => invalid(format!("{to} is not an element type")),
    }
}

/// The same, to the type of the second input.
pub(super) fn cast_like(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    match call.types.get(1) {
        Some(&kind) if kind != 0 => converted(call.input(0)?, kind),
        _ => unsupported("CastLike to a type that is not declared"),
    }
}

fn converted(x: &Array, kind: i32) -> Result<Vec<Array>, ReferenceError> {
    let Ok(kind) = DataType::try_from(kind) else {
        return invalid(format!("{kind} is not an element type"));
    };
    let data = match kind {
        DataType::Float | DataType::Double | DataType::Float16 | DataType::Bfloat16 => Data::Float(match &x.data {
            Data::Float(values) => values.clone(),
            Data::Int(values) => values.iter().map(|&value| value as f64).collect(),
            Data::Bool(values) => values.iter().map(|&value| value.into()).collect(),
        }),
        DataType::Bool => Data::Bool(match &x.data {
            Data::Float(values) => values.iter().map(|&value| value != 0.0).collect(),
            Data::Int(values) => values.iter().map(|&value| value != 0).collect(),
            Data::Bool(values) => values.clone(),
        }),
        _ => {
            let Some((least, greatest)) = integer_range(kind) else {
                return unsupported(format!("Cast to {}", kind.as_str_name()));
            };
            let values: Vec<f64> = match &x.data {
                Data::Float(values) => values.iter().map(|value| value.trunc()).collect(),
                Data::Int(values) if values.iter().all(|value| (least..=greatest).contains(value)) => {
                    return Ok(vec![x.clone()]);
                }
                Data::Int(_) => return unsupported("Cast of an integer to a type that it does not fit"),
                Data::Bool(values) => values.iter().map(|&value| value.into()).collect(),
            };
            // 2⁶³ itself compares as equal to the greatest i64 and saturates to it.
            if !values.iter().all(|value| (least as f64..=greatest as f64).contains(value)) {
                return unsupported("Cast of a float to an integer type that it does not fit");
            }
            Data::Int(values.into_iter().map(|value| value as i64).collect())
        }
    };
    Ok(vec![Array { dims: x.dims.clone(), data }])
}

/// The element type of a node's result, where the node itself states it.
pub(super) fn stated_type(node: &NodeProto) -> Option<i32> {
    node.attribute.iter().find_map(|attribute| match (node.op_type(), attribute.name()) {
        ("Constant" | "ConstantOfShape", "value") => attribute.t.as_ref()?.data_type,
        ("Cast", "to") => i32::try_from(attribute.i()).ok(),
        _ => None,
    })
}
