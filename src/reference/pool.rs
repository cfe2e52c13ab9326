//! Pooling: the greatest element, the mean or a norm of each window.

use super::array::{at, count, each_position, size};
use super::call::Call;
use super::window::{Windows, place, windows};
use super::{Array, Data, ReferenceError, invalid};

/// Visits each window of each channel: the elements' offset and the position of the window.
fn each_window(
    x: &Array,
    windows: &[Windows],
    mut visit: impl FnMut(usize, &[usize]) -> Result<(), ReferenceError>,
) -> Result<Vec<usize>, ReferenceError> {
    let [batch, channels, spatial @ ..] = x.dims.as_slice() else {
        return invalid("pooling needs a batch and channels");
    };
    let mut dims = vec![*batch, *channels];
    dims.extend(windows.iter().map(|axis| axis.output));
    count(&dims)?;
    let plane = count(spatial)?;
    each_position(&dims, |position| {
        let [n, c, window @ ..] = position else {
            return invalid("a position without channel");
        };
        visit((n * channels + c) * plane, window)
    })?;
    Ok(dims)
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
    let dims = each_window(x, &windows, |offset, window| {
        let mut best: Option<(usize, f64)> = None;
        each_position(&kernel, |tap| {
            let Some(inside) = place(&windows, window, tap) else {
                return Ok(());
            };
            let value = at(&values, offset + inside)?;
            if best.is_none_or(|(_, best)| value > best || value.is_nan() && !best.is_nan()) {
                best = Some((inside, value));
            }
            Ok(())
        })?;
        let Some((inside, _)) = best else {
            return invalid("a window has nothing but padding");
        };
        sources.push(offset + inside);
        let index = if is_column_major { transposed(inside, spatial) } else { inside };
        indices.push((offset + index) as i64);
        Ok(())
    })?;
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
    let values = x.floats()?;
    let mut y = Vec::new();
    let dims = each_window(x, &windows, |offset, window| {
        let (mut sum, mut counted) = (0.0, 0_u64);
        each_position(&kernel, |tap| {
            if let Some(inside) = place(&windows, window, tap) {
                sum += at(values, offset + inside)?;
                counted += 1;
            } else if counts_padding && is_padded(&windows, window, tap) {
                counted += 1;
            }
            Ok(())
        })?;
        y.push(sum / counted as f64);
        Ok(())
    })?;
    Ok(vec![Array::float(dims, y)])
}

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
    let values = x.floats()?;
    let mut y = Vec::new();
    let dims = each_window(x, &windows, |offset, window| {
        let mut sum = 0.0;
        each_position(&kernel, |tap| {
            if let Some(inside) = place(&windows, window, tap) {
                sum += at(values, offset + inside)?.abs().powf(power);
            }
            Ok(())
        })?;
        y.push(sum.powf(1.0 / power));
        Ok(())
    })?;
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
