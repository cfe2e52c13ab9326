//! Elementwise operators of two and more values, with their broadcasting.

use super::array::{at, axis, broadcast_dims, broadcast_flat, count, each_position};
use super::call::Call;
use super::{Array, Data, ReferenceError, invalid};

/// An operation on the types that ONNX arithmetic has; none where a number of one of them has no value.
struct Binary {
    float: fn(f64, f64) -> f64,
    int: fn(i64, i64) -> Option<i64>,
}

const ADD: Binary = Binary { float: |a, b| a + b, int: i64::checked_add };
const SUB: Binary = Binary { float: |a, b| a - b, int: i64::checked_sub };
const MUL: Binary = Binary { float: |a, b| a * b, int: i64::checked_mul };
const DIV: Binary = Binary { float: |a, b| a / b, int: i64::checked_div };
const MAX: Binary = Binary { float: greater, int: |a, b| Some(a.max(b)) };
const MIN: Binary = Binary { float: lesser, int: |a, b| Some(a.min(b)) };
const POW: Binary = Binary { float: f64::powf, int: |a, b| u32::try_from(b).ok().and_then(|b| a.checked_pow(b)) };

/// The greater of two numbers; NaN if one is.
pub(super) fn greater(a: f64, b: f64) -> f64 {
    if a > b || a.is_nan() { a } else { b }
}

/// The lesser of two numbers; NaN if one is.
pub(super) fn lesser(a: f64, b: f64) -> f64 {
    if a < b || a.is_nan() { a } else { b }
}

/// Applies `function` to two arrays broadcast together.
pub(super) fn zip<A: Copy, B: Copy, R>(
    (a, a_dims): (&[A], &[usize]),
    (b, b_dims): (&[B], &[usize]),
    function: impl Fn(A, B) -> Option<R>,
) -> Result<(Vec<usize>, Vec<R>), ReferenceError> {
    let dims = broadcast_dims(a_dims, b_dims)?;
    let mut values = Vec::with_capacity(count(&dims)?);
    // Along the last axis each operand goes on by one, or stays.
    let (length, rows) = dims.split_last().map_or((1, &dims[..]), |(length, rows)| (*length, rows));
    let step = |dims: &[usize]| usize::from(dims.last().is_some_and(|last| *last != 1));
    let (a_step, b_step) = (step(a_dims), step(b_dims));
    let mut position = vec![0; dims.len()];
    each_position(rows, |row| {
        position.iter_mut().zip(row).for_each(|(place, row)| *place = *row);
        let (first, second) = (broadcast_flat(&position, a_dims), broadcast_flat(&position, b_dims));
        for along in 0..length {
            match function(at(a, first + along * a_step)?, at(b, second + along * b_step)?) {
                Some(value) => values.push(value),
                None => return invalid("an integer operation has no value"),
            }
        }
        Ok(())
    })?;
    Ok((dims, values))
}

fn combine(a: &Array, b: &Array, operation: &Binary) -> Result<Array, ReferenceError> {
    match (&a.data, &b.data) {
        (Data::Float(x), Data::Float(y)) => {
            let function = |x, y| Some((operation.float)(x, y));
            let (dims, values) = zip((x, &a.dims), (y, &b.dims), function)?;
            Ok(Array::float(dims, values))
        }
        (Data::Int(x), Data::Int(y)) => {
            let (dims, values) = zip((x, &a.dims), (y, &b.dims), operation.int)?;
            Ok(Array::int(dims, values))
        }
        _ => invalid("arithmetic needs two values of one number type"),
    }
}

/// The two operands. Before opset 7, the second one broadcasts only where `broadcast` says so, from
/// `axis` on, and never enlarges the first.
pub(super) fn operands(call: &Call) -> Result<(Array, Array), ReferenceError> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    if call.opset >= 7 || a.dims == b.dims {
        return Ok((a.clone(), b.clone()));
    }
    if call.int_or("broadcast", 0)? == 0 {
        return invalid(format!("{:?} and {:?} without `broadcast`", a.dims, b.dims));
    }
    let mut dims = b.dims.clone();
    if let Some(first) = call.int("axis")? {
        let first = axis(first, a.dims.len())?;
        let behind = a.dims.len().checked_sub(first + dims.len());
        let Some(behind) = behind else {
            return invalid("the second operand reaches beyond the first one's axes");
        };
        dims.extend(vec![1; behind]);
    }
    let b = b.with_dims(dims)?;
    if broadcast_dims(&a.dims, &b.dims)? != a.dims {
        return invalid(format!("{:?} does not broadcast to {:?}", b.dims, a.dims));
    }
    Ok((a.clone(), b))
}

fn binary(call: &Call, operation: &Binary) -> Result<Vec<Array>, ReferenceError> {
    let (a, b) = operands(call)?;
    Ok(vec![combine(&a, &b, operation)?])
}

pub(super) fn add(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    binary(call, &ADD)
}

pub(super) fn sub(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    binary(call, &SUB)
}

pub(super) fn mul(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    binary(call, &MUL)
}

/// Division; that of integers drops the remainder.
pub(super) fn div(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    binary(call, &DIV)
}

/// The remainder: with the sign of the divisor, or with `fmod` that of the dividend.
pub(super) fn modulo(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    if call.int_or("fmod", 0)? != 0 {
        let truncated = Binary { float: |a, b| a % b, int: i64::checked_rem };
        return binary(call, &truncated);
    }
    let floored = Binary {
        float: |a, b| {
            let rest = a % b;
            if rest != 0.0 && (rest < 0.0) != (b < 0.0) { rest + b } else { rest }
        },
        int: |a, b| {
            let rest = a.checked_rem(b)?;
            Some(if rest != 0 && (rest < 0) != (b < 0) { rest + b } else { rest })
        },
    };
    binary(call, &floored)
}

/// Powers. The exponent may be of another type than the base, whose type the result has.
pub(super) fn pow(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (a, b) = operands(call)?;
    match (&a.data, &b.data) {
        (Data::Float(_), Data::Int(exponents)) => {
            let exponents = exponents.iter().map(|&value| value as f64).collect();
            let exponents = Array::float(b.dims.clone(), exponents);
            Ok(vec![combine(&a, &exponents, &POW)?])
        }
        (Data::Int(bases), Data::Float(exponents)) => {
            let function = |base: i64, exponent: f64| Some((base as f64).powf(exponent) as i64);
            let (dims, values) = zip((bases, &a.dims), (exponents, &b.dims), function)?;
            Ok(vec![Array::int(dims, values)])
        }
        _ => Ok(vec![combine(&a, &b, &POW)?]),
    }
}

fn reduce(call: &Call, operation: &Binary) -> Result<Array, ReferenceError> {
    let inputs = call.all_inputs()?;
    let mut result = call.input(0)?.clone();
    for input in inputs.into_iter().skip(1) {
        result = combine(&result, input, operation)?;
    }
    Ok(result)
}

pub(super) fn sum(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    Ok(vec![reduce(call, &ADD)?])
}

pub(super) fn max(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    Ok(vec![reduce(call, &MAX)?])
}

pub(super) fn min(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    Ok(vec![reduce(call, &MIN)?])
}

pub(super) fn mean(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let count = Array::float([], vec![call.inputs.len() as f64]);
    Ok(vec![combine(&reduce(call, &ADD)?, &count, &DIV)?])
}

fn compare(
    call: &Call,
    float: fn(&f64, &f64) -> bool,
    int: fn(&i64, &i64) -> bool,
    truth: Option<fn(bool, bool) -> bool>,
) -> Result<Vec<Array>, ReferenceError> {
    let (a, b) = operands(call)?;
    let (dims, values) = match (&a.data, &b.data, truth) {
        (Data::Float(x), Data::Float(y), _) => zip((x, &a.dims), (y, &b.dims), |x, y| Some(float(&x, &y)))?,
        (Data::Int(x), Data::Int(y), _) => zip((x, &a.dims), (y, &b.dims), |x, y| Some(int(&x, &y)))?,
        (Data::Bool(x), Data::Bool(y), Some(truth)) => zip((x, &a.dims), (y, &b.dims), |x, y| Some(truth(x, y)))?,
        _ => return invalid("a comparison needs two values of one type"),
    };
    Ok(vec![Array::bool(dims, values)])
}

pub(super) fn equal(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    compare(call, f64::eq, i64::eq, Some(|x, y| x == y))
}

pub(super) fn less(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    compare(call, f64::lt, i64::lt, None)
}

pub(super) fn less_or_equal(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    compare(call, f64::le, i64::le, None)
}

pub(super) fn is_greater(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    compare(call, f64::gt, i64::gt, None)
}

pub(super) fn greater_or_equal(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    compare(call, f64::ge, i64::ge, None)
}

fn logical(call: &Call, function: impl Fn(bool, bool) -> bool) -> Result<Vec<Array>, ReferenceError> {
    let (a, b) = operands(call)?;
    let function = |x, y| Some(function(x, y));
    let (dims, values) = zip((a.bools()?, &a.dims), (b.bools()?, &b.dims), function)?;
    Ok(vec![Array::bool(dims, values)])
}

pub(super) fn and(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    logical(call, |x, y| x && y)
}

pub(super) fn or(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    logical(call, |x, y| x || y)
}

pub(super) fn xor(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    logical(call, |x, y| x != y)
}
