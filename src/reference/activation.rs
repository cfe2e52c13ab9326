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

pub(super) fn sin(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::sin)
}

pub(super) fn cos(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::cos)
}

pub(super) fn tan(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::tan)
}

pub(super) fn asin(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::asin)
}

pub(super) fn acos(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::acos)
}

pub(super) fn atan(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::atan)
}

pub(super) fn sinh(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::sinh)
}

pub(super) fn cosh(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::cosh)
}

pub(super) fn asinh(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::asinh)
}

pub(super) fn acosh(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::acosh)
}

pub(super) fn atanh(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::atanh)
}

/// To the nearest integer, ties to even.
pub(super) fn round(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, f64::round_ties_even)
}

pub(super) fn sign(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let float = |x: f64| if x == 0.0 { 0.0 } else { x.signum() };
    each_number(call, float, |x| Some(x.signum()))
}

pub(super) fn selu(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let alpha = call.float_or("alpha", 1.673_263_2)?;
    let gamma = call.float_or("gamma", 1.050_701)?;
    each(call, |x| gamma * if x > 0.0 { x } else { alpha * x.exp_m1() })
}

pub(super) fn celu(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let alpha = call.float_or("alpha", 1.0)?;
    each(call, |x| x.max(0.0) + (alpha * (x / alpha).exp_m1()).min(0.0))
}

pub(super) fn thresholded_relu(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let alpha = call.float_or("alpha", 1.0)?;
    each(call, |x| if x > alpha { x } else { 0.0 })
}

pub(super) fn softsign(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, |x| x / (1.0 + x.abs()))
}

pub(super) fn swish(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let alpha = call.float_or("alpha", 1.0)?;
    each(call, |x| x / (1.0 + (-alpha * x).exp()))
}

pub(super) fn mish(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, |x| x * x.exp().ln_1p().tanh())
}

pub(super) fn erf(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each(call, error_function)
}

pub(super) fn gelu(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    if call.text_or("approximate", "none")? == "tanh" {
        let factor = std::f64::consts::FRAC_2_PI.sqrt();
        return each(call, |x| 0.5 * x * (1.0 + (factor * (x + 0.044715 * x.powi(3))).tanh()));
    }
    each(call, |x| 0.5 * x * (1.0 + error_function(x / std::f64::consts::SQRT_2)))
}

/// erf(x) = 2/√π · Σ (−1)ⁿ x²ⁿ⁺¹ / (n! (2n+1)) for small x, by the continued fraction of erfc for
/// large ones (Abramowitz and Stegun 7.1.5, 7.1.14).
fn error_function(x: f64) -> f64 {
    let magnitude = x.abs();
    if magnitude < 2.0 {
        let (mut power, mut sum) = (x, x);
        for n in 1..60 {
            let n = f64::from(n);
            power *= -x * x / n;
            sum += power / (2.0 * n + 1.0);
        }
        return sum * std::f64::consts::FRAC_2_SQRT_PI;
    }
    let tail = (1..120).rev().fold(magnitude, |tail, n| magnitude + f64::from(n) / 2.0 / tail);
    let complement = (-x * x).exp() / tail * std::f64::consts::FRAC_2_SQRT_PI / 2.0;
    (1.0 - complement).copysign(x)
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

fn each_truth(call: &Call, function: impl Fn(f64) -> bool) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let values = x.floats()?.iter().map(|&value| function(value)).collect();
    Ok(vec![Array::bool(x.dims.clone(), values)])
}

pub(super) fn is_nan(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    each_truth(call, f64::is_nan)
}

pub(super) fn is_inf(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (negative, positive) = (call.int_or("detect_negative", 1)? != 0, call.int_or("detect_positive", 1)? != 0);
    each_truth(call, |x| x.is_infinite() && if x < 0.0 { negative } else { positive })
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
