//! Elementwise operators of one value.

use super::arithmetic::{greater, lesser, zip};
use super::array::{axis, count};
use super::call::Call;
use super::{Array, Data, ReferenceError, invalid};

fn each(call: &Call, function: impl Fn(f64) -> f64) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let values = x.floats()?.iter().map(|&value| function(value)).collect();
    Ok(vec![Array::float(x.dims.clone(), values)])
}

/// The same for operators that take integers too.
fn each_number(
    call: &Call,
    function: impl Fn(f64) -> f64,
    whole: impl Fn(i64) -> Option<i64>,
) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let Data::Int(values) = &x.data else {
        return each(call, function);
    };
    let values: Option<Vec<i64>> = values.iter().map(|&value| whole(value)).collect();
    match values {
        Some(values) => Ok(vec![Array::int(x.dims.clone(), values)]),
        None => invalid("an integer operation has no value"),
    }
}

pub(super) fn relu(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each_number(call, |x| greater(x, 0.0), |x| Some(x.max(0)))
}

pub(super) fn neg(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each_number(call, |x| -x, i64::checked_neg)
}

pub(super) fn abs(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each_number(call, f64::abs, i64::checked_abs)
}

pub(super) fn sqrt(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::sqrt)
}

pub(super) fn exp(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::exp)
}

pub(super) fn log(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::ln)
}

pub(super) fn reciprocal(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::recip)
}

pub(super) fn floor(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::floor)
}

pub(super) fn ceil(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::ceil)
}

pub(super) fn sigmoid(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, |x| 1.0 / (1.0 + (-x).exp()))
}

pub(super) fn tanh(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::tanh)
}

pub(super) fn softplus(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, |x| x.max(0.0) + (-x.abs()).exp().ln_1p())
}

pub(super) fn leaky_relu(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let alpha = call.float_or("alpha", 0.01)?;
    each(call, |x| if x < 0.0 { alpha * x } else { x })
}

pub(super) fn elu(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let alpha = call.float_or("alpha", 1.0)?;
    each(call, |x| if x < 0.0 { alpha * x.exp_m1() } else { x })
}

pub(super) fn hard_sigmoid(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (alpha, beta) = (call.float_or("alpha", 0.2)?, call.float_or("beta", 0.5)?);
    each(call, |x| lesser(greater(alpha * x + beta, 0.0), 1.0))
}

pub(super) fn hard_swish(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, |x| x * lesser(greater(x / 6.0 + 0.5, 0.0), 1.0))
}

/// x where it is not negative, else slope·x. Before opset 7 a slope of one axis is per channel.
pub(super) fn prelu(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (x, slope) = (call.input(0)?, call.input(1)?);
    let mut slope_dims = slope.dims.clone();
    if call.opset < 7 && slope_dims.len() == 1 && x.dims.len() > 1 {
        slope_dims.extend(vec![1; x.dims.len() - 2]);
    }
    let function = |x: f64, slope: f64| Some(if x < 0.0 { slope * x } else { x });
    let slope = slope.floats()?;
    let (dims, values) = zip((x.floats()?, &x.dims), (slope, &slope_dims), function)?;
    if dims != x.dims {
        return invalid("the slope is larger than the value");
    }
    Ok(vec![Array::float(dims, values)])
}

/// min(max(x, low), high), whose bounds were attributes before opset 11.
pub(super) fn clip(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    if let Data::Int(values) = &x.data {
        let bound = |index: usize, default: i64| call.optional(index).map_or(Ok(default), Array::integer);
        let (low, high) = (bound(1, i64::MIN)?, bound(2, i64::MAX)?);
        let values = values.iter().map(|&value| value.max(low).min(high)).collect();
        return Ok(vec![Array::int(x.dims.clone(), values)]);
    }
    let bound = |index: usize, name: &str, default: f64| {
        if call.opset < 11 {
            return Ok(call.float(name)?.unwrap_or(default));
        }
        match call.optional(index).map(Array::floats).transpose()? {
            None => Ok(default),
            Some([bound]) => Ok(*bound),
            Some(_) => invalid("a bound is one number"),
        }
    };
    let low = bound(1, "min", f64::NEG_INFINITY)?;
    let high = bound(2, "max", f64::INFINITY)?;
    each(call, |x| lesser(greater(x, low), high))
}

pub(super) fn not(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let values = x.bools()?.iter().map(|value| !value).collect();
    Ok(vec![Array::bool(x.dims.clone(), values)])
}

/// exp(x) / Σ exp(x) along `axis`; before opset 13 along all axes from `axis` on.
pub(super) fn softmax(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    normalized(call, |values| {
        let sum: f64 = values.iter().map(|value| value.exp()).sum();
        values.iter_mut().for_each(|value| *value = value.exp() / sum);
    })
}

pub(super) fn log_softmax(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    normalized(call, |values| {
        let sum: f64 = values.iter().map(|value| value.exp()).sum();
        values.iter_mut().for_each(|value| *value -= sum.ln());
    })
}

/// Applies `function` to each run of values, shifted to a maximum of 0 so that no exponential overflows.
fn normalized(call: &Call, function: fn(&mut [f64])) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let is_block = call.opset < 13;
    let chosen = call.int_or("axis", if is_block { 1 } else { -1 })?;
    let chosen = axis(chosen, x.dims.len())?;
    let last = if is_block { x.dims.len() } else { chosen + 1 };
    let length = count(x.dims.get(chosen..last).unwrap_or(&[]))?;
    let inner = count(x.dims.get(last..).unwrap_or(&[]))?;
    let mut y = x.floats()?.to_vec();
    for block in y.chunks_mut((length * inner).max(1)) {
        for offset in 0..inner {
            let run = block.iter().skip(offset).step_by(inner);
            let mut values: Vec<f64> = run.copied().collect();
            let maximum = values.iter().copied().fold(f64::NEG_INFINITY, greater);
            values.iter_mut().for_each(|value| *value -= maximum);
            function(&mut values);
            let run = block.iter_mut().skip(offset).step_by(inner);
            run.zip(values).for_each(|(place, value)| *place = value);
        }
    }
    Ok(vec![Array::float(x.dims.clone(), y)])
}
