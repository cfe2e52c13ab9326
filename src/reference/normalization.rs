//! BatchNormalization, and normalisation over other axes.

use super::array::{at, axis, broadcast_flat, count, each_position, flat, size};
use super::call::Call;
use super::{Array, ReferenceError, invalid};

/// epsilon where the attribute is absent.
const EPSILON: f32 = 1e-5;

/// (x − mean) / √(var + epsilon) · scale + bias along axis 1. In training the statistics are the batch's own, and the stored
/// ones, moved towards them, are given out; up to opset 13 the batch's own are, too.
pub(super) fn batch_normalization(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let gives_statistics = (1..call.node.output.len()).any(|index| call.has_output(index));
    let is_training = match call.opset {
        ..7 => call.int_or("is_test", 0)? == 0,
        7..14 => gives_statistics,
        _ => call.int_or("training_mode", 0)? != 0,
    };
    if gives_statistics && !is_training {
        return invalid("BatchNormalization gives out statistics in its inference form");
    }
    let x = call.input(0)?;
    let is_per_element = call.opset < 9 && call.int_or("spatial", 1)? == 0;
    let (channels, inner) = match x.dims.as_slice() {
        [_, features @ ..] if is_per_element => (count(features)?, 1),
        [_, channels, spatial @ ..] => (*channels, count(spatial)?),
        [_] => (1, 1),
        [] => return invalid("BatchNormalization of a scalar"),
    };
    let mut parameters = Vec::new();
    for index in 1..5 {
        let parameter = call.input(index)?;
        let values = parameter.floats()?;
        if !is_per_element && parameter.dims.len() != 1 {
            return invalid(format!("input {index} has {} axes, not one", parameter.dims.len()));
        }
        if values.len() != channels {
            return invalid(format!("input {index} has {} elements, not {channels}", values.len()));
        }
        parameters.push(values);
    }
    let [scale, bias, mean, variance] = parameters[..] else {
        return invalid("four parameters are needed");
    };
    let values = x.floats()?;
    let (means, variances) = match is_training {
        true => batch_statistics(values, channels, inner),
        false => (mean.to_vec(), variance.to_vec()),
    };
    let epsilon = call.float_or("epsilon", EPSILON)?;
    let mut y = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        let channel = index / inner % channels;
        let normalized = (value - at(&means, channel)?) / (at(&variances, channel)? + epsilon).sqrt();
        y.push(normalized * at(scale, channel)? + at(bias, channel)?);
    }
    let mut outputs = vec![Array::float(x.dims.clone(), y)];
    if is_training {
        let momentum = call.float_or("momentum", 0.9)?;
        let moved = |old: &[f64], new: &[f64]| -> Vec<f64> {
            old.iter().zip(new).map(|(old, new)| old * momentum + new * (1.0 - momentum)).collect()
        };
        let shape = call.input(3)?.dims.clone();
        outputs.push(Array::float(shape.clone(), moved(mean, &means)));
        outputs.push(Array::float(shape.clone(), moved(variance, &variances)));
        if call.opset < 14 {
            outputs.extend([Array::float(shape.clone(), means), Array::float(shape, variances)]);
        }
    }
    Ok(outputs)
}

/// Mean and variance of each channel over the batch and the spatial axes.
fn batch_statistics(values: &[f64], channels: usize, inner: usize) -> (Vec<f64>, Vec<f64>) {
    let of = |channel: usize| {
        let own = values.chunks(inner.max(1)).skip(channel).step_by(channels.max(1));
        moments(&own.flatten().copied().collect::<Vec<f64>>())
    };
    (0..channels).map(of).unzip()
}

/// Mean and variance of a run of values, the variance as the mean of squared deviations.
fn moments(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
    (mean, variance)
}

/// An operand that broadcasts to the dims without enlarging them.
fn scaled(values: &mut [f64], dims: &[usize], operand: Option<&Array>, apply: fn(f64, f64) -> f64) -> Result<(), ReferenceError> {
    let Some(operand) = operand else {
        return Ok(());
    };
    let operand = operand.broadcast(dims)?;
    for (value, operand) in values.iter_mut().zip(operand.floats()?) {
        *value = apply(*value, *operand);
    }
    Ok(())
}

/// Over all axes from `axis` on; also gives the means and the inverse deviations.
pub(super) fn layer_normalization(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let first = axis(call.int_or("axis", -1)?, x.dims.len())?;
    let epsilon = call.float_or("epsilon", EPSILON)?;
    let length = count(x.dims.get(first..).unwrap_or(&[]))?.max(1);
    let (mut y, mut means, mut inverses) = (Vec::new(), Vec::new(), Vec::new());
    for run in x.floats()?.chunks(length) {
        let (mean, variance) = moments(run);
        let inverse = 1.0 / (variance + epsilon).sqrt();
        y.extend(run.iter().map(|value| (value - mean) / (variance + epsilon).sqrt()));
        means.push(mean);
        inverses.push(inverse);
    }
    scaled(&mut y, &x.dims, Some(call.input(1)?), |value, scale| value * scale)?;
    scaled(&mut y, &x.dims, call.optional(2), |value, bias| value + bias)?;
    let mut reduced = x.dims.clone();
    reduced.iter_mut().skip(first).for_each(|dim| *dim = 1);
    Ok(vec![Array::float(x.dims.clone(), y), Array::float(reduced.clone(), means), Array::float(reduced, inverses)])
}

/// x / √(mean(x²) + epsilon) · scale over all axes from `axis` on.
pub(super) fn rms_normalization(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let first = axis(call.int_or("axis", -1)?, x.dims.len())?;
    let epsilon = call.float_or("epsilon", EPSILON)?;
    let length = count(x.dims.get(first..).unwrap_or(&[]))?.max(1);
    let mut y = Vec::new();
    for run in x.floats()?.chunks(length) {
        let squares = run.iter().map(|value| value * value).sum::<f64>() / run.len() as f64;
        y.extend(run.iter().map(|value| value / (squares + epsilon).sqrt()));
    }
    scaled(&mut y, &x.dims, Some(call.input(1)?), |value, scale| value * scale)?;
    Ok(vec![Array::float(x.dims.clone(), y)])
}

/// Over the spatial axes of each sample and channel.
pub(super) fn instance_normalization(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let channels = at(&x.dims, 1)?;
    grouped(call, channels, call.input(1)?, call.input(2)?)
}

/// Over the channels of each group; scale and bias per group up to opset 20, per channel after it.
pub(super) fn group_normalization(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let Some(groups) = call.int("num_groups")? else {
        return invalid("num_groups is required");
    };
    let groups = size(groups)?;
    let channels = at(&x.dims, 1)?;
    if groups == 0 || channels % groups != 0 {
        return invalid(format!("{groups} groups do not divide {channels} channels"));
    }
    if call.opset >= 21 {
        return grouped(call, groups, call.input(1)?, call.input(2)?);
    }
    let repeat = |operand: &Array| {
        if operand.dims != [groups] {
            return invalid(format!("{:?} is not one number per group", operand.dims));
        }
        operand.pick(&[channels], |position| flat(position, &[channels]) / (channels / groups))
    };
    grouped(call, groups, &repeat(call.input(1)?)?, &repeat(call.input(2)?)?)
}

fn grouped(call: &Call, groups: usize, scale: &Array, bias: &Array) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let [batch, channels, spatial @ ..] = x.dims.as_slice() else {
        return invalid("a value without channels");
    };
    if scale.dims != [*channels] || bias.dims != [*channels] {
        return invalid("scale and bias need one number per channel");
    }
    let epsilon = call.float_or("epsilon", EPSILON)?;
    let runs = batch.saturating_mul(groups).max(1);
    let length = (x.data.len() / runs).max(1);
    let mut y = Vec::with_capacity(x.data.len());
    for run in x.floats()?.chunks(length) {
        let (mean, variance) = moments(run);
        y.extend(run.iter().map(|value| (value - mean) / (variance + epsilon).sqrt()));
    }
    let dims = [&[*batch, *channels], spatial].concat();
    let mut values = y.iter_mut();
    each_position(&dims, |position| {
        let channel = at(position, 1)?;
        if let Some(value) = values.next() {
            let index = broadcast_flat(&[channel], &scale.dims);
            *value = *value * at(scale.floats()?, index)? + at(bias.floats()?, index)?;
        }
        Ok(())
    })?;
    Ok(vec![Array::float(dims, y)])
}
