//! Pooling: the greatest element, the mean or a norm of each window.

use super::array::{add_products, at, count, each_position, part, part_mut, size};
use super::call::Call;
use super::window::{Run, Windows, taps, windows};
use super::{Array, Data, ReferenceError, invalid};

/// The dims of what is made, and how many elements each channel of it and of the input has.
fn sizes(x: &Array, windows: &[Windows]) -> Result<(Vec<usize>, usize, usize), ReferenceError> {
    let [batch, channels, spatial @ ..] = x.dims.as_slice() else {
        return invalid("pooling needs a batch and channels");
    };
    let mut dims = vec![*batch, *channels];
    dims.extend(windows.iter().map(|axis| axis.output));
    count(&dims)?;
    let made = count(dims.get(2..).unwrap_or(&[]))?;
    Ok((dims, made, count(spatial)?))
}

fn pooling(call: &Call) -> Result<(Vec<Windows>, Vec<usize>), ReferenceError> {
    let x = call.input(0)?;
    let Some(kernel) = call.ints("kernel_shape")? else {
        return invalid("kernel_shape is required");
    };
    let kernel = kernel.iter().map(|&extent| size(extent)).collect::<Result<Vec<_>, _>>()?;
    let spatial = x.dims.get(2..).unwrap_or(&[]);
    if kernel.len() != spatial.len() || spatial.is_empty() {
        return invalid("kernel_shape and input differ in rank");
    }
    let ceil = call.int_or("ceil_mode", 0)? != 0;
    count(&kernel)?;
    Ok((windows(call, spatial, &kernel, ceil)?, kernel))
}

/// The greatest element of each window, padding left out, and where it stands.
pub(super) fn max_pool(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let (windows, kernel) = pooling(call)?;
    let (mut sources, mut indices) = (Vec::new(), Vec::new());
    let spatial = x.dims.get(2..).unwrap_or(&[]);
    let is_column_major = call.int_or("storage_order", 0)? != 0;
    let values: Vec<f64> = match &x.data {
        Data::Float(values) => values.clone(),
        Data::Int(values) => values.iter().map(|&value| value as f64).collect(),
        Data::Bool(_) => return invalid("pooling needs numbers"),
    };
    let taps = taps(&windows, &kernel)?;
    let (dims, made, plane) = sizes(x, &windows)?;
    for channel in 0..count(dims.get(..2).unwrap_or(&[]))? {
        let values = part(&values, channel * plane..(channel + 1) * plane)?;
        let mut best: Vec<Option<(usize, f64)>> = vec![None; made];
        for (window, inside) in taps.iter().flatten().flat_map(Run::pairs) {
            let value = at(values, inside)?;
            if let Some(best) = best.get_mut(window)
                && best.is_none_or(|(_, best)| value > best || value.is_nan() && !best.is_nan())
            {
                *best = Some((inside, value));
            }
        }
        for best in best {
            let Some((inside, _)) = best else {
                return invalid("a window has nothing but padding");
            };
            sources.push(channel * plane + inside);
            let index = if is_column_major { transposed(inside, spatial) } else { inside };
            indices.push((channel * plane + index) as i64);
        }
    }
    let mut sources = sources.into_iter();
    let y = x.pick(&dims, |_| sources.next().unwrap_or(usize::MAX))?;
    Ok(vec![y, Array::int(dims, indices)])
}

/// The index, counted with the first axis the fastest, of a row-major index.
fn transposed(mut index: usize, dims: &[usize]) -> usize {
    let mut places = Vec::new();
    for dim in dims.iter().rev() {
        places.push(index % dim);
        index /= dim;
    }
    // `places` has the last axis first, as the result counts them.
    places.iter().zip(dims.iter().rev()).fold(0, |index, (place, dim)| index * dim + place)
}

/// The mean of each window; the padding counts as zeros only with `count_include_pad`, and what
/// `ceil_mode` reads beyond the padding never counts.
pub(super) fn average_pool(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let (windows, kernel) = pooling(call)?;
    let counts_padding = call.int_or("count_include_pad", 0)? != 0;
    let taps = taps(&windows, &kernel)?;
    let (dims, made, plane) = sizes(x, &windows)?;
    let mut counted = vec![0.0; made];
    for (window, _) in taps.iter().flatten().flat_map(Run::pairs) {
        counted.get_mut(window).into_iter().for_each(|count| *count += 1.0);
    }
    if counts_padding {
        let mut counts = counted.iter_mut();
        each_position(dims.get(2..).unwrap_or(&[]), |window| {
            let mut padded = 0.0;
            each_position(&kernel, |tap| {
                padded += f64::from(u8::from(is_padded(&windows, window, tap)));
                Ok(())
            })?;
            counts.next().into_iter().for_each(|count| *count = padded);
            Ok(())
        })?;
    }
    let mut y = vec![0.0; count(&dims)?];
    for (channel, sums) in y.chunks_mut(made.max(1)).enumerate() {
        let values = part(x.floats()?, channel * plane..(channel + 1) * plane)?;
        for run in taps.iter().flatten() {
            add_products((part_mut(sums, run.windows())?, 1), (part(values, run.elements())?, run.step), 1.0);
        }
        sums.iter_mut().zip(&counted).for_each(|(sum, counted)| *sum /= counted);
    }
    Ok(vec![Array::float(dims, y)])
}

/// Whether a tap of a window stands on the input or its padding.
fn is_padded(windows: &[Windows], window: &[usize], tap: &[usize]) -> bool {
    windows
        .iter()
        .zip(window)
        .zip(tap)
        .all(|((axis, &window), &tap)| (-axis.begin..axis.input + axis.end).contains(&axis.place(window, tap)))
}

/// The p-th root of the sum of p-th powers of magnitudes in each window.
pub(super) fn lp_pool(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let (windows, kernel) = pooling(call)?;
    let power = call.int_or("p", 2)? as f64;
    let taps = taps(&windows, &kernel)?;
    let (dims, made, plane) = sizes(x, &windows)?;
    let mut y = vec![0.0; count(&dims)?];
    for (channel, sums) in y.chunks_mut(made.max(1)).enumerate() {
        let values = part(x.floats()?, channel * plane..(channel + 1) * plane)?;
        for (window, inside) in taps.iter().flatten().flat_map(Run::pairs) {
            let power = at(values, inside)?.abs().powf(power);
            sums.get_mut(window).into_iter().for_each(|sum| *sum += power);
        }
        sums.iter_mut().for_each(|sum| *sum = sum.powf(1.0 / power));
    }
    Ok(vec![Array::float(dims, y)])
}

fn global(call: &Call, function: fn(&[f64]) -> f64) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let [batch, channels, spatial @ ..] = x.dims.as_slice() else {
        return invalid("pooling needs a batch and channels");
    };
    let plane = count(spatial)?.max(1);
    let values = x.floats()?.chunks(plane).map(function).collect();
    let mut dims = vec![*batch, *channels];
    dims.resize(x.dims.len(), 1);
    let y = Array::float(dims, values);
    y.check()?;
    Ok(vec![y])
}

pub(super) fn global_average_pool(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    global(call, |values| values.iter().sum::<f64>() / values.len() as f64)
}

pub(super) fn global_max_pool(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    global(call, |values| values.iter().copied().fold(f64::NEG_INFINITY, super::arithmetic::greater))
}
