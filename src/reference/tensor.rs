//! Constants: the elements of a `TensorProto`, widened exactly.
//!
//! It must not know operators.

use half::{bf16, f16};

use super::array::{count, flat, size};
use super::{Array, Data, ReferenceError, invalid, unsupported};
use crate::onnx::tensor_proto::{DataLocation, DataType};
use crate::onnx::{SparseTensorProto, TensorProto};

impl Array {
    /// The value of a constant.
    ///
    /// # Errors
    /// [`ReferenceError::Unsupported`] for strings, complex numbers, 8-bit floats, segments and
    /// external data; [`ReferenceError::Invalid`] if elements and dims disagree.
    pub fn from_tensor(tensor: &TensorProto) -> Result<Array, ReferenceError> {
        if tensor.data_location() == DataLocation::External {
            return unsupported("external data");
        }
        if tensor.segment.is_some() {
            return unsupported("a tensor in segments");
        }
        let dims: Result<Vec<usize>, _> = tensor.dims.iter().map(|&dim| size(dim)).collect();
        let dims = dims?;
        let wanted = count(&dims)?;
        let data = match &tensor.raw_data {
            Some(raw) => from_raw(kind(tensor)?, raw, wanted)?,
            None => from_fields(kind(tensor)?, tensor, wanted)?,
        };
        let array = Array { dims, data };
        array.check()?;
        Ok(array)
    }

    /// The value of a sparse constant, zeros filled in.
    pub(crate) fn from_sparse(sparse: &SparseTensorProto) -> Result<Array, ReferenceError> {
        let (Some(values), Some(indices)) = (&sparse.values, &sparse.indices) else {
            return invalid("a sparse tensor without values or indices");
        };
        let (values, indices) = (Array::from_tensor(values)?, Array::from_tensor(indices)?);
        let dims: Result<Vec<usize>, _> = sparse.dims.iter().map(|&dim| size(dim)).collect();
        let dims = dims?;
        let places = indices.ints()?;
        let mut sources = vec![None; count(&dims)?];
        for entry in 0..values.data.len() {
            let place = if indices.dims.len() == 2 {
                let coordinates = places.chunks(dims.len().max(1)).nth(entry).unwrap_or(&[]);
                let position = coordinates.iter().map(|&place| size(place));
                let position = position.collect::<Result<Vec<usize>, _>>()?;
                if position.len() != dims.len() || position.iter().zip(&dims).any(|(p, d)| p >= d) {
                    return invalid("a position of a sparse tensor is outside of its dims");
                }
                flat(&position, &dims)
            } else {
                size(places.get(entry).copied().unwrap_or(-1))?
            };
            match sources.get_mut(place) {
                Some(source) => *source = Some(entry),
                None => return invalid("an index of a sparse tensor is outside of its dims"),
            }
        }
        let zero = match values.data {
            Data::Float(_) => Array::float([], vec![0.0]),
            Data::Int(_) => Array::int([], vec![0]),
            Data::Bool(_) => Array::bool([], vec![false]),
        };
        values.pick_or(&dims, Some(&zero), |position| sources.get(flat(position, &dims)).copied().flatten())
    }
}

fn kind(tensor: &TensorProto) -> Result<DataType, ReferenceError> {
    match DataType::try_from(tensor.data_type.unwrap_or(0)) {
        Ok(kind) => Ok(kind),
        Err(_) => invalid(format!("{} is not an element type", tensor.data_type())),
    }
}

fn chunks<const N: usize>(raw: &[u8]) -> impl Iterator<Item = [u8; N]> {
    raw.chunks_exact(N).map(|chunk| {
        let mut bytes = [0; N];
        bytes.copy_from_slice(chunk);
        bytes
    })
}

/// The two numbers of four bits in each byte, the lower half first.
fn nibbles(raw: &[u8], wanted: usize) -> impl Iterator<Item = u8> {
    raw.iter().flat_map(|byte| [byte & 15, byte >> 4]).take(wanted)
}

fn signed_nibble(nibble: u8) -> i64 {
    let value = i64::from(nibble);
    if value > 7 { value - 16 } else { value }
}

fn from_raw(kind: DataType, raw: &[u8], wanted: usize) -> Result<Data, ReferenceError> {
    let width = match kind {
        DataType::Double | DataType::Int64 | DataType::Uint64 => 8,
        DataType::Float | DataType::Int32 | DataType::Uint32 => 4,
        DataType::Float16 | DataType::Bfloat16 | DataType::Int16 | DataType::Uint16 => 2,
        DataType::Int8 | DataType::Uint8 | DataType::Bool | DataType::Int4 | DataType::Uint4 => 1,
        other => return unsupported(format!("elements of type {}", other.as_str_name())),
    };
    let is_packed = matches!(kind, DataType::Int4 | DataType::Uint4);
    let bytes = if is_packed { wanted.div_ceil(2) } else { wanted.saturating_mul(width) };
    if raw.len() != bytes {
        return invalid(format!("{} bytes where {bytes} are needed", raw.len()));
    }
    Ok(match kind {
        DataType::Float => Data::Float(chunks(raw).map(|b| f32::from_le_bytes(b).into()).collect()),
        DataType::Double => Data::Float(chunks(raw).map(f64::from_le_bytes).collect()),
        DataType::Float16 => Data::Float(chunks(raw).map(|b| f16::from_le_bytes(b).into()).collect()),
        DataType::Bfloat16 => Data::Float(chunks(raw).map(|b| bf16::from_le_bytes(b).into()).collect()),
        DataType::Int64 => Data::Int(chunks(raw).map(i64::from_le_bytes).collect()),
        DataType::Int32 => Data::Int(chunks(raw).map(|b| i32::from_le_bytes(b).into()).collect()),
        DataType::Int16 => Data::Int(chunks(raw).map(|b| i16::from_le_bytes(b).into()).collect()),
        DataType::Int8 => Data::Int(chunks(raw).map(|b| i8::from_le_bytes(b).into()).collect()),
        DataType::Uint64 => unsigned(chunks(raw).map(u64::from_le_bytes))?,
        DataType::Uint32 => Data::Int(chunks(raw).map(|b| u32::from_le_bytes(b).into()).collect()),
        DataType::Uint16 => Data::Int(chunks(raw).map(|b| u16::from_le_bytes(b).into()).collect()),
        DataType::Uint8 => Data::Int(raw.iter().map(|&b| b.into()).collect()),
        DataType::Uint4 => Data::Int(nibbles(raw, wanted).map(i64::from).collect()),
        DataType::Int4 => Data::Int(nibbles(raw, wanted).map(signed_nibble).collect()),
        DataType::Bool => Data::Bool(raw.iter().map(|&b| b != 0).collect()),
        other => return unsupported(format!("elements of type {}", other.as_str_name())),
    })
}

fn unsigned(values: impl Iterator<Item = u64>) -> Result<Data, ReferenceError> {
    let values: Result<Vec<i64>, _> = values.map(i64::try_from).collect();
    match values {
        Ok(values) => Ok(Data::Int(values)),
        Err(_) => unsupported("integers of 64 bits without sign beyond those with sign"),
    }
}

fn from_fields(kind: DataType, tensor: &TensorProto, wanted: usize) -> Result<Data, ReferenceError> {
    let bits = || tensor.int32_data.iter().map(|&value| value as u16);
    let bytes = || tensor.int32_data.iter().map(|&value| value as u8).collect::<Vec<u8>>();
    Ok(match kind {
        DataType::Float => Data::Float(tensor.float_data.iter().map(|&v| v.into()).collect()),
        DataType::Double => Data::Float(tensor.double_data.clone()),
        DataType::Float16 => Data::Float(bits().map(|v| f16::from_bits(v).into()).collect()),
        DataType::Bfloat16 => Data::Float(bits().map(|v| bf16::from_bits(v).into()).collect()),
        DataType::Int64 => Data::Int(tensor.int64_data.clone()),
        DataType::Int32 | DataType::Int16 | DataType::Int8 | DataType::Uint16 | DataType::Uint8 => {
            Data::Int(tensor.int32_data.iter().map(|&v| v.into()).collect())
        }
        DataType::Uint32 | DataType::Uint64 => unsigned(tensor.uint64_data.iter().copied())?,
        DataType::Uint4 => Data::Int(nibbles(&bytes(), wanted).map(i64::from).collect()),
        DataType::Int4 => Data::Int(nibbles(&bytes(), wanted).map(signed_nibble).collect()),
        DataType::Bool => Data::Bool(tensor.int32_data.iter().map(|&v| v != 0).collect()),
        other => return unsupported(format!("elements of type {}", other.as_str_name())),
    })
}
