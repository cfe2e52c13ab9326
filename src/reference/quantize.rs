//! QuantizeLinear and DequantizeLinear: per tensor, per axis and in blocks.

use super::array::{at, axis, each_position, extent, flat, replaced, size};
use super::call::Call;
use super::constant::integer_range;
use super::{Array, Data, ReferenceError, invalid, unsupported};
use crate::onnx::tensor_proto::DataType;

/// For each element of `x`, the index of its scale and zero point.
fn parameters(call: &Call, x: &Array, scale: &Array) -> Result<Vec<usize>, ReferenceError> {
    let mut indices = Vec::new();
    let block = size(call.int_or("block_size", 0)?)?;
    if scale.data.len() == 1 && block == 0 {
        return Ok(vec![0; x.data.len()]);
    }
    let along = axis(call.int_or("axis", 1)?, x.dims.len())?;
    let dim = extent(&x.dims, along)?;
    let wanted = if block == 0 { vec![dim] } else { replaced(&x.dims, along, dim.div_ceil(block)) };
    if scale.dims != wanted {
        return invalid(format!("scales of dims {:?}, not {wanted:?}", scale.dims));
    }
    each_position(&x.dims, |position| {
        let place = at(position, along)?;
        indices.push(match place.checked_div(block) {
            Some(group) => flat(&replaced(position, along, group), &scale.dims),
            None => place,
        });
        Ok(())
    })?;
    Ok(indices)
}

/// The zero points, zeros if there are none.
fn zero_points(call: &Call, scale: &Array) -> Result<Vec<i64>, ReferenceError> {
    let Some(zero_point) = call.optional(2) else {
        return Ok(vec![0; scale.data.len()]);
    };
    let Data::Int(values) = &zero_point.data else {
        return unsupported("quantisation to floats");
    };
    if values.len() != scale.data.len() {
        return invalid("scales and zero points differ in number");
    }
    Ok(values.clone())
}

/// (x − zero point) · scale.
pub(super) fn dequantize(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (x, scale) = (call.input(0)?, call.input(1)?);
    let scales = scale.floats()?;
    if let Data::Float(values) = &x.data {
        // Small floats, from which nothing is taken away.
        let zeros = call.optional(2).map(Array::floats).transpose()?;
        if zeros.is_some_and(|zeros| zeros.iter().any(|zero| *zero != 0.0)) {
            return unsupported("zero points of floats");
        }
        let indices = parameters(call, x, scale)?;
        let y: Result<Vec<f64>, _> = values.iter().zip(&indices).map(|(value, index)| Ok(value * at(scales, *index)?)).collect();
        return Ok(vec![Array::float(x.dims.clone(), y?)]);
    }
    let Data::Int(values) = &x.data else {
        return invalid("truth values cannot be dequantised");
    };
    let (zeros, indices) = (zero_points(call, scale)?, parameters(call, x, scale)?);
    let mut y = Vec::with_capacity(values.len());
    for (&value, &index) in values.iter().zip(&indices) {
        y.push((value as f64 - at(&zeros, index)? as f64) * at(scales, index)?);
    }
    Ok(vec![Array::float(x.dims.clone(), y)])
}

/// A quotient in the type that the node asks for; as it is if it asks for none.
fn nearest(quotient: f64, precision: Option<DataType>) -> f64 {
    match precision {
        Some(DataType::Float) => f64::from(quotient as f32),
        Some(DataType::Float16) => half::f16::from_f64(quotient).into(),
        Some(DataType::Bfloat16) => half::bf16::from_f64(quotient).into(),
        _ => quotient,
    }
}

/// x / scale rounded to the nearest integer, ties to even, plus the zero point, saturated.
pub(super) fn quantize(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (x, scale) = (call.input(0)?, call.input(1)?);
    let stated = call.int_or("output_dtype", 0)? as i32;
    let kind = match (call.optional(2), stated) {
        (Some(_), 0) => call.types.get(2).copied().unwrap_or(0),
        (None, 0) => DataType::Uint8 as i32,
        (_, stated) => stated,
    };
    let range = DataType::try_from(kind).ok().and_then(integer_range);
    let Some((least, greatest)) = range else {
        return unsupported("QuantizeLinear to a type that is no integer or not declared");
    };
    let (zeros, indices) = (zero_points(call, scale)?, parameters(call, x, scale)?);
    let scales = scale.floats()?;
    let precision = DataType::try_from(call.int_or("precision", 0)? as i32).ok();
    let mut y = Vec::with_capacity(x.data.len());
    for (&value, &index) in x.floats()?.iter().zip(&indices) {
        let rounded = nearest(value / at(scales, index)?, precision).round_ties_even() + at(&zeros, index)? as f64;
        if rounded.is_nan() {
            return invalid("NaN cannot be quantised");
        }
        y.push((rounded as i64).clamp(least, greatest));
    }
    Ok(vec![Array::int(x.dims.clone(), y)])
}
