//! Reductions over axes, and the index of an extreme.

use super::arithmetic::{greater, lesser};
use super::array::{at, axis, count, each_position, extent, flat, replaced};
use super::call::Call;
use super::{Array, Data, ReferenceError, invalid};

/// The axes that are reduced: all if none are stated, unless an empty list means none.
fn axes(call: &Call, rank: usize) -> Result<Vec<usize>, ReferenceError> {
    let stated = call.ints_of("axes", 1)?.unwrap_or_default();
    if !stated.is_empty() {
        return stated.into_iter().map(|chosen| axis(chosen, rank)).collect();
    }
    let keeps_all = call.int_or("noop_with_empty_axes", 0)? != 0;
    Ok(if keeps_all { Vec::new() } else { (0..rank).collect() })
}

/// The elements that fall together, for each element of the result, and the result's dims.
struct Groups<T> {
    dims: Vec<usize>,
    members: Vec<Vec<T>>,
}

fn grouped<T: Copy>(call: &Call, values: &[T]) -> Result<Groups<T>, ReferenceError> {
    let x = call.input(0)?;
    let reduced = axes(call, x.dims.len())?;
    let mut kept = x.dims.clone();
    for &axis in &reduced {
        kept = replaced(&kept, axis, 1);
    }
    let mut members = vec![Vec::new(); count(&kept)?];
    let mut values = values.iter();
    each_position(&x.dims, |position| {
        let places = position.iter().zip(&kept);
        let places: Vec<usize> = places.map(|(&place, &dim)| place.min(dim - 1)).collect();
        if let (Some(group), Some(value)) = (members.get_mut(flat(&places, &kept)), values.next()) {
            group.push(*value);
        }
        Ok(())
    })?;
    let mut dims = kept;
    if call.int_or("keepdims", 1)? == 0 {
        let is_kept = |axis: usize| !reduced.contains(&axis);
        let pairs = dims.into_iter().enumerate();
        dims = pairs.filter(|(axis, _)| is_kept(*axis)).map(|(_, dim)| dim).collect();
    }
    Ok(Groups { dims, members })
}

fn floats(call: &Call, function: fn(&[f64]) -> f64) -> Result<Vec<Array>, ReferenceError> {
    let groups = grouped(call, call.input(0)?.floats()?)?;
    let values = groups.members.iter().map(|members| function(members)).collect();
    Ok(vec![Array::float(groups.dims, values)])
}

/// The same for operators that take integers too.
fn numbers(call: &Call, function: fn(&[f64]) -> f64, whole: fn(&[i64]) -> Option<i64>) -> Result<Vec<Array>, ReferenceError> {
    let Data::Int(values) = &call.input(0)?.data else {
        return floats(call, function);
    };
    let groups = grouped(call, values)?;
    let values: Option<Vec<i64>> = groups.members.iter().map(|members| whole(members)).collect();
    match values {
        Some(values) => Ok(vec![Array::int(groups.dims, values)]),
        None => invalid("an integer reduction has no value"),
    }
}

fn added(values: &[i64]) -> Option<i64> {
    values.iter().try_fold(0_i64, |sum, &value| sum.checked_add(value))
}

fn total(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() + 0.0
}

pub(super) fn sum(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    numbers(call, total, added)
}

pub(super) fn mean(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let whole = |values: &[i64]| added(values)?.checked_div(i64::try_from(values.len()).ok()?);
    numbers(call, |values| total(values) / values.len() as f64, whole)
}

pub(super) fn prod(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let whole = |values: &[i64]| values.iter().try_fold(1_i64, |product, &value| product.checked_mul(value));
    numbers(call, |values| values.iter().product(), whole)
}

pub(super) fn max(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    if let Data::Bool(values) = &call.input(0)?.data {
        return truths(call, values, |members| members.contains(&true));
    }
    let float = |values: &[f64]| values.iter().copied().fold(f64::NEG_INFINITY, greater);
    numbers(call, float, |values| values.iter().copied().max())
}

pub(super) fn min(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    if let Data::Bool(values) = &call.input(0)?.data {
        return truths(call, values, |members| !members.contains(&false));
    }
    let float = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, lesser);
    numbers(call, float, |values| values.iter().copied().min())
}

fn truths(call: &Call, values: &[bool], function: fn(&[bool]) -> bool) -> Result<Vec<Array>, ReferenceError> {
    let groups = grouped(call, values)?;
    let values = groups.members.iter().map(|members| function(members)).collect();
    Ok(vec![Array::bool(groups.dims, values)])
}

fn squares(values: &[f64]) -> f64 {
    total(&values.iter().map(|value| value * value).collect::<Vec<_>>())
}

pub(super) fn l1(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    floats(call, |values| values.iter().map(|value| value.abs()).sum())
}

pub(super) fn l2(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    floats(call, |values| squares(values).sqrt())
}

pub(super) fn sum_square(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    floats(call, squares)
}

pub(super) fn log_sum(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    floats(call, |values| total(values).ln())
}

pub(super) fn log_sum_exp(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    floats(call, |values| {
        // The largest stands before, so that what is finite does not overflow between.
        let largest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let base = if largest.is_finite() { largest } else { 0.0 };
        base + values.iter().map(|value| (value - base).exp()).sum::<f64>().ln()
    })
}

pub(super) fn arg_max(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    arg(call, |value, best| value > best)
}

pub(super) fn arg_min(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    arg(call, |value, best| value < best)
}

/// The first index along an axis, or the last, at which no other value is better.
fn arg(call: &Call, is_better: fn(f64, f64) -> bool) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let along = axis(call.int_or("axis", 0)?, x.dims.len())?;
    let takes_last = call.int_or("select_last_index", 0)? != 0;
    let values = x.floats()?;
    let kept = replaced(&x.dims, along, 1);
    let mut indices = Vec::with_capacity(count(&kept)?);
    each_position(&kept, |position| {
        let mut best = (0, f64::NAN);
        for place in 0..extent(&x.dims, along)? {
            let value = at(values, flat(&replaced(position, along, place), &x.dims))?;
            if place == 0 || is_better(value, best.1) || takes_last && value == best.1 {
                best = (place, value);
            }
        }
        indices.push(best.0 as i64);
        Ok(())
    })?;
    let mut dims = kept;
    if call.int_or("keepdims", 1)? == 0 {
        dims.remove(along);
    }
    Ok(vec![Array::int(dims, indices)])
}
