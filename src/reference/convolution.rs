//! Conv and ConvTranspose, in any number of spatial axes.

use super::array::{add_products, at, count, part, part_mut, size};
use super::call::Call;
use super::window::{Windows, per_axis, signed, taps, windows};
use super::{Array, ReferenceError, invalid};

/// The dims of an input or a weight: two leading axes and the spatial ones.
fn parts(array: &Array) -> Result<(usize, usize, &[usize]), ReferenceError> {
    match array.dims.as_slice() {
        [first, second, spatial @ ..] if !spatial.is_empty() => Ok((*first, *second, spatial)),
        dims => invalid(format!("{dims:?} has no spatial axes")),
    }
}

/// The kernel's extents, held against the attribute that may repeat them.
fn kernel<'a>(call: &Call, weight: &'a [usize], rank: usize) -> Result<&'a [usize], ReferenceError> {
    if weight.len() != rank {
        return invalid("weight and input differ in rank");
    }
    let stated = per_axis(call, "kernel_shape", rank, 0, 0)?;
    let repeated = weight.iter().zip(&stated).all(|(&extent, &stated)| stated == extent as i64);
    if call.attribute("kernel_shape").is_some() && !repeated {
        return invalid("kernel_shape differs from the weight's extents");
    }
    Ok(weight)
}

/// `group`, which must divide both numbers of channels.
fn group(call: &Call, channels: [usize; 2]) -> Result<usize, ReferenceError> {
    let group = size(call.int_or("group", 1)?)?;
    if group == 0 || channels.iter().any(|channels| channels % group != 0) {
        return invalid(format!("group {group} does not divide the channels {channels:?}"));
    }
    Ok(group)
}

fn bias<'a>(call: &'a Call, channels: usize) -> Result<Option<&'a [f64]>, ReferenceError> {
    let Some(bias) = call.optional(2) else {
        return Ok(None);
    };
    if bias.dims != [channels] {
        return invalid(format!("a bias of dims {:?} for {channels} channels", bias.dims));
    }
    bias.floats().map(Some)
}

/// y[n,o,p] = b[o] + Σ_{i,k} W[o,i,k] · x[n, i + o's group, p·stride + k·dilation − pad].
pub(super) fn conv(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (x, weight) = (call.input(0)?, call.input(1)?);
    let (batch, channels, spatial) = parts(x)?;
    let (outputs, in_group, extents) = parts(weight)?;
    let extents = kernel(call, extents, spatial.len())?;
    let group = group(call, [channels, outputs])?;
    if in_group != channels / group {
        return invalid(format!("{channels} channels in {group} groups, a weight for {in_group}"));
    }
    let bias = bias(call, outputs)?;
    let windows = windows(call, spatial, extents, false)?;
    let taps = taps(&windows, extents)?;
    let (x, weight, plane) = (x.floats()?, weight.floats()?, count(spatial)?);
    let out_group = outputs / group;
    let mut dims = vec![batch, outputs];
    dims.extend(windows.iter().map(|axis| axis.output));
    let mut y = vec![0.0; count(&dims)?];
    let size = count(dims.get(2..).unwrap_or(&[]))?;
    for (at_plane, sums) in y.chunks_mut(size.max(1)).enumerate() {
        let (n, o) = (at_plane / outputs, at_plane % outputs);
        let first = n * channels + o / out_group * in_group;
        for (tap, runs) in taps.iter().enumerate() {
            for i in 0..in_group {
                let factor = at(weight, (o * in_group + i) * taps.len() + tap)?;
                let values = part(x, (first + i) * plane..(first + i + 1) * plane)?;
                for run in runs {
                    add_products((part_mut(sums, run.windows())?, 1), (part(values, run.elements())?, run.step), factor);
                }
            }
        }
        if let Some(bias) = bias {
            let bias = at(bias, o)?;
            sums.iter_mut().for_each(|sum| *sum += bias);
        }
    }
    Ok(vec![Array::float(dims, y)])
}

/// Each x[n,i,p] adds W[i,j,k]·x[n,i,p] to y[n, j + i's group, p·stride + k·dilation − pad].
pub(super) fn conv_transpose(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (x, weight) = (call.input(0)?, call.input(1)?);
    let (batch, channels, spatial) = parts(x)?;
    let (inputs, out_group, extents) = parts(weight)?;
    let extents = kernel(call, extents, spatial.len())?;
    let group = group(call, [channels, channels])?;
    if inputs != channels {
        return invalid(format!("{channels} channels, but a weight for {inputs}"));
    }
    let outputs = out_group.saturating_mul(group);
    let in_group = channels / group;
    let bias = bias(call, outputs)?;
    let windows = transposed_windows(call, spatial, extents)?;
    let taps = taps(&windows, extents)?;
    let (x, weight, size) = (x.floats()?, weight.floats()?, count(spatial)?);
    let mut dims = vec![batch, outputs];
    dims.extend(windows.iter().map(|axis| axis.input as usize));
    let plane = count(dims.get(2..).unwrap_or(&[]))?;
    let mut y = vec![0.0; count(&dims)?];
    for (at_plane, values) in x.chunks(size.max(1)).enumerate() {
        let (n, i) = (at_plane / channels, at_plane % channels);
        let first = n * outputs + i / in_group * out_group;
        for j in 0..out_group {
            let sums = part_mut(&mut y, (first + j) * plane..(first + j + 1) * plane)?;
            // The last tap first: so each element gets what it sums up in the order of the input's positions.
            for (tap, runs) in taps.iter().enumerate().rev() {
                let factor = at(weight, (i * out_group + j) * taps.len() + tap)?;
                for run in runs {
                    add_products((part_mut(sums, run.elements())?, run.step), (part(values, run.windows())?, 1), factor);
                }
            }
        }
    }
    if let Some(bias) = bias {
        for (index, sum) in y.iter_mut().enumerate() {
            *sum += at(bias, index / plane % outputs)?;
        }
    }
    Ok(vec![Array::float(dims, y)])
}

/// The windows of the convolution whose transpose is meant: its input is the result here.
fn transposed_windows(call: &Call, spatial: &[usize], extents: &[usize]) -> Result<Vec<Windows>, ReferenceError> {
    let rank = spatial.len();
    let strides = per_axis(call, "strides", rank, 1, 1)?;
    let dilations = per_axis(call, "dilations", rank, 1, 1)?;
    let pads = per_axis(call, "pads", 2 * rank, 0, 0)?;
    let more = per_axis(call, "output_padding", rank, 0, 0)?;
    let auto_pad = call.text_or("auto_pad", "NOTSET")?;
    let shape = match call.ints("output_shape")? {
        Some(shape) => {
            let skipped = shape.len().saturating_sub(rank);
            Some(shape.iter().skip(skipped).map(|&extent| size(extent)).collect::<Result<Vec<_>, _>>()?)
        }
        None => None,
    };
    let mut all = Vec::new();
    for (axis, (&output, &kernel)) in spatial.iter().zip(extents).enumerate() {
        let get = |values: &[i64], index: usize| values.get(index).copied().unwrap_or(0);
        let mut windows = Windows {
            input: 0,
            kernel: signed(kernel)?,
            stride: get(&strides, axis),
            dilation: get(&dilations, axis),
            begin: get(&pads, axis),
            end: get(&pads, axis + rank),
            output,
        };
        let output = signed(output)?;
        let full = windows.stride * (output - 1) + get(&more, axis) + windows.reach();
        let is_same = matches!(auto_pad, "SAME_UPPER" | "SAME_LOWER");
        let wanted = match &shape {
            Some(shape) => Some(signed(at(shape, axis)?)?),
            None if is_same => Some(output * windows.stride),
            None => None,
        };
        if let Some(wanted) = wanted {
            // What is wanted beyond the full extent is appended, not taken off the padding.
            let total = (full - wanted).max(0);
            let smaller = total / 2;
            windows.begin = if auto_pad == "SAME_UPPER" { smaller } else { total - smaller };
            windows.end = total - windows.begin;
            windows.input = wanted;
        } else {
            if auto_pad == "VALID" {
                (windows.begin, windows.end) = (0, 0);
            }
            windows.input = full - windows.begin - windows.end;
        }
        if windows.input < 0 {
            return invalid("the pads are larger than the result");
        }
        all.push(windows);
    }
    Ok(all)
}
