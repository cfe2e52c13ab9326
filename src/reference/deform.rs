//! DeformConv, with two spatial axes.

use super::array::{add_products, at, count, each_position, part, part_mut, size};
use super::call::Call;
use super::window::per_axis;
use super::{Array, ReferenceError, invalid};

/// What a plane holds at a place between its positions, by the four around it; beyond the border there are zeros.
fn between(plane: &[f64], [height, width]: [usize; 2], [y, x]: [f64; 2]) -> f64 {
    let mut sum = 0.0;
    for (row, down) in [(y.floor(), 1.0 - (y - y.floor())), (y.floor() + 1.0, y - y.floor())] {
        for (column, right) in [(x.floor(), 1.0 - (x - x.floor())), (x.floor() + 1.0, x - x.floor())] {
            if row >= 0.0 && column >= 0.0 && row < height as f64 && column < width as f64 {
                sum += down * right * plane.get(row as usize * width + column as usize).copied().unwrap_or(0.0);
            }
        }
    }
    sum
}

/// The groups of channels, and those that have offsets of their own.
fn groups(call: &Call, channels: usize, in_group: usize, outputs: usize) -> Result<[usize; 2], ReferenceError> {
    let group = size(call.int_or("group", 1)?)?.max(1);
    let offset_group = size(call.int_or("offset_group", 1)?)?.max(1);
    if in_group.checked_mul(group) != Some(channels) || !outputs.is_multiple_of(group) || !channels.is_multiple_of(offset_group) {
        return invalid("groups that do not divide the channels");
    }
    Ok([group, offset_group])
}

/// y[n,o,p] = b[o] + Σ_{i,k} W[o,i,k] · mask[k,p] · x[n, i + o's group] at p·stride + k·dilation − pad + offset[k,p].
pub(super) fn deform_conv(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (x, weight, offset) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let ([batch, channels, height, width], [outputs, in_group, rows, columns], [_, _, out_height, out_width]) =
        (x.dims.as_slice(), weight.dims.as_slice(), offset.dims.as_slice())
    else {
        return invalid("a deformable convolution without two spatial axes");
    };
    let [group, offset_group] = groups(call, *channels, *in_group, *outputs)?;
    let taps = rows * columns;
    let own = [*out_height, *out_width];
    if offset.dims != [*batch, offset_group * taps * 2, own[0], own[1]] {
        return invalid("offsets of another shape");
    }
    let mask = call.optional(4);
    if mask.is_some_and(|mask| mask.dims != [*batch, offset_group * taps, own[0], own[1]]) {
        return invalid("a mask of another shape");
    }
    let strides = per_axis(call, "strides", 2, 1, 1)?;
    let dilations = per_axis(call, "dilations", 2, 1, 1)?;
    let pads = per_axis(call, "pads", 4, 0, 0)?;
    let bias = call.optional(3).map(Array::floats).transpose()?;
    let (values, factors, offsets) = (x.floats()?, weight.floats()?, offset.floats()?);
    let masks = mask.map(Array::floats).transpose()?;
    let dims = vec![*batch, *outputs, own[0], own[1]];
    let mut y = vec![0.0; count(&dims)?];
    let length = count(&own)?;
    for (n, channel, tap) in (0..*batch).flat_map(|n| (0..*channels).flat_map(move |c| (0..taps).map(move |tap| (n, c, tap)))) {
        // What all outputs of its group read through this tap, position by position.
        let part_of = channel / (channels / offset_group);
        let plane = part(values, (n * channels + channel) * height * width..(n * channels + channel + 1) * height * width)?;
        let mut read = Vec::with_capacity(length);
        each_position(&own, |place| {
            let [p, q] = place else { return invalid("a place without two axes") };
            let spot = |maps: usize, map: usize| ((n * maps + map) * own[0] + p) * own[1] + q;
            let moved = |axis: usize| at(offsets, spot(offset_group * taps * 2, (part_of * taps + tap) * 2 + axis));
            let steps = [(*p, tap / columns, 0), (*q, tap % columns, 1)];
            let [down, right] = steps.map(|(out, tap, axis)| {
                let part = |values: &[i64], index: usize| values.get(index).copied().unwrap_or(0) as f64;
                out as f64 * part(&strides, axis) + tap as f64 * part(&dilations, axis) - part(&pads, axis)
            });
            let mask = match masks {
                Some(masks) => at(masks, spot(offset_group * taps, part_of * taps + tap))?,
                None => 1.0,
            };
            read.push(mask * between(plane, [*height, *width], [down + moved(0)?, right + moved(1)?]));
            Ok(())
        })?;
        let (first, i) = (channel / in_group * (outputs / group), channel % in_group);
        for o in first..first + outputs / group {
            let sums = part_mut(&mut y, (n * outputs + o) * length..(n * outputs + o + 1) * length)?;
            add_products((sums, 1), (&read, 1), at(factors, (o * in_group + i) * taps + tap)?);
        }
    }
    for (index, sum) in y.iter_mut().enumerate() {
        *sum += bias.map_or(Ok(0.0), |bias| at(bias, index / length % outputs))?;
    }
    Ok(vec![Array::float(dims, y)])
}
