//! Operators that move elements without choosing among them, and those that tell a shape.

use super::array::{at, axis, broadcast_dims, count, flat, replaced, size};
use super::call::Call;
use super::{Array, ReferenceError, invalid, too_much, unsupported};

pub(super) fn identity(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    Ok(vec![call.input(0)?.clone()])
}

/// The identity, in the inference form; the mask says that every element is kept.
pub(super) fn dropout(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let is_training = match call.opset {
        ..7 => call.int_or("is_test", 0)? == 0,
        7..12 => false,
        _ => call.optional(2).map_or(Ok(false), Array::truth)?,
    };
    if is_training {
        return unsupported("Dropout in its training form");
    }
    let x = call.input(0)?;
    let mask = if call.opset < 10 {
        Array::float(x.dims.clone(), vec![1.0; x.data.len()])
    } else {
        Array::bool(x.dims.clone(), vec![true; x.data.len()])
    };
    Ok(vec![x.clone(), mask])
}

/// Dims of which one may be −1 (what is left) and, without `allowzero`, some 0 (the input's own).
pub(super) fn reshape(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let Some(shape) = call.ints_of("shape", 1)? else {
        return invalid("Reshape without a shape");
    };
    let keeps_zero = call.int_or("allowzero", 0)? != 0;
    let mut dims = Vec::new();
    let mut open = None;
    for (index, &extent) in shape.iter().enumerate() {
        dims.push(match extent {
            0 if !keeps_zero => at(&x.dims, index)?,
            -1 if open.is_none() => {
                open = Some(index);
                1
            }
            extent => size(extent)?,
        });
    }
    if let Some(index) = open {
        let Some(rest) = x.data.len().checked_div(count(&dims)?) else {
            return invalid("−1 beside an extent of 0");
        };
        dims = replaced(&dims, index, rest);
    }
    Ok(vec![x.with_dims(dims)?])
}

/// Two axes: the product of those before `axis` and of the others.
pub(super) fn flatten(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let chosen = call.int_or("axis", 1)?;
    // Counted from the front, the axis may also stand behind the last one.
    let axes = x.dims.len() + usize::from(chosen >= 0);
    let first = axis(chosen, axes)?;
    let (before, behind) = x.dims.split_at_checked(first).unwrap_or((&x.dims, &[]));
    Ok(vec![x.with_dims(vec![count(before)?, count(behind)?])?])
}

pub(super) fn squeeze(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let gone = match call.ints_of("axes", 1)? {
        Some(axes) if axes.is_empty() => return invalid("Squeeze with an empty list of axes"),
        Some(axes) => axes.into_iter().map(|chosen| axis(chosen, x.dims.len())).collect::<Result<Vec<_>, _>>()?,
        None => (0..x.dims.len()).filter(|&axis| x.dims.get(axis) == Some(&1)).collect(),
    };
    let kept = x.dims.iter().enumerate().filter(|(axis, _)| !gone.contains(axis));
    let dims = kept.map(|(_, &dim)| dim).collect();
    Ok(vec![x.with_dims(dims)?])
}

pub(super) fn unsqueeze(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let Some(axes) = call.ints_of("axes", 1)? else {
        return invalid("Unsqueeze without axes");
    };
    let rank = x.dims.len() + axes.len();
    let new: Result<Vec<usize>, _> = axes.iter().map(|&chosen| axis(chosen, rank)).collect();
    let new = new?;
    let mut old = x.dims.iter();
    let mut dims = Vec::new();
    for axis in 0..rank {
        dims.push(if new.contains(&axis) { 1 } else { old.next().copied().unwrap_or(1) });
    }
    Ok(vec![x.with_dims(dims)?])
}

/// The axes in another order; reversed if none is given.
pub(super) fn transpose(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let rank = x.dims.len();
    let order: Vec<usize> = match call.ints("perm")? {
        Some(order) => order.iter().map(|&chosen| axis(chosen, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).rev().collect(),
    };
    let dims: Result<Vec<usize>, _> = order.iter().map(|&axis| at(&x.dims, axis)).collect();
    if order.len() != rank || !(0..rank).all(|axis| order.contains(&axis)) {
        return invalid(format!("{order:?} is not an order of {rank} axes"));
    }
    let steps: Vec<usize> = order.iter().map(|axis| x.dims.iter().skip(axis + 1).product()).collect();
    let y = x.pick(&dims?, |position| position.iter().zip(&steps).map(|(place, step)| place * step).sum())?;
    Ok(vec![y])
}

/// The extents from axis `start` to before `end`, cut to the rank.
pub(super) fn shape(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let rank = x.dims.len() as i64;
    let bound = |value: i64| {
        let counted = if value < 0 { value.saturating_add(rank) } else { value };
        counted.clamp(0, rank) as usize
    };
    let (start, end) = (bound(call.int_or("start", 0)?), bound(call.int_or("end", rank)?));
    let dims = x.dims.get(start..end.max(start)).unwrap_or(&[]);
    let values = dims.iter().map(|&dim| dim as i64).collect();
    Ok(vec![Array::int([dims.len()], values)])
}

pub(super) fn number_of_elements(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    Ok(vec![Array::int([], vec![call.input(0)?.data.len() as i64])])
}

/// Broadcasting in both directions against a shape.
pub(super) fn expand(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let shape = call.input(1)?.ints()?.iter().map(|&extent| size(extent));
    let shape: Result<Vec<usize>, _> = shape.collect();
    let dims = broadcast_dims(&x.dims, &shape?)?;
    Ok(vec![x.broadcast(&dims)?])
}

/// Each axis repeated as a whole.
pub(super) fn tile(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    if call.opset < 6 {
        return unsupported("Tile before opset 6");
    }
    let x = call.input(0)?;
    let repeats = call.input(1)?.ints()?;
    if repeats.len() != x.dims.len() {
        return invalid("Tile needs one repeat for each axis");
    }
    let mut dims = Vec::new();
    for (&dim, &repeat) in x.dims.iter().zip(repeats) {
        match dim.checked_mul(size(repeat)?) {
            Some(dim) => dims.push(dim),
            None => return too_much("too many repeats"),
        }
    }
    let y = x.pick(&dims, |position| {
        let places = position.iter().zip(&x.dims).map(|(&place, &dim)| place % dim);
        flat(&places.collect::<Vec<_>>(), &x.dims)
    })?;
    Ok(vec![y])
}

/// Batch, channels, height and width, the block size, and whether the mode is DCR.
fn blocks(call: &Call) -> Result<([usize; 4], usize, bool), ReferenceError> {
    let is_depth_last = match call.text_or("mode", "DCR")? {
        "DCR" => true,
        "CRD" => false,
        mode => return invalid(format!("mode cannot be {mode}")),
    };
    let [batch, channels, height, width] = call.input(0)?.dims[..] else {
        return invalid("blocks are those of a value of rank 4");
    };
    match size(call.int_or("blocksize", 0)?)? {
        0 => invalid("blocksize is required"),
        block => Ok(([batch, channels, height, width], block, is_depth_last)),
    }
}

/// Channels become blocks of height and width: in mode DCR the block is the slower part of a channel's number.
pub(super) fn depth_to_space(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let ([batch, channels, height, width], block, is_depth_last) = blocks(call)?;
    let x = call.input(0)?;
    let Some(square) = block.checked_mul(block).filter(|square| channels % square == 0) else {
        return invalid("the channels are not a multiple of the block");
    };
    let depth = channels / square;
    let dims = [batch, depth, height.saturating_mul(block), width.saturating_mul(block)];
    let y = x.pick(&dims, |position| {
        let [n, c, row, column] = position else { return usize::MAX };
        let place = row % block * block + column % block;
        let channel = if is_depth_last { place * depth + c } else { c * square + place };
        flat(&[*n, channel, row / block, column / block], &x.dims)
    })?;
    Ok(vec![y])
}

/// The inverse: blocks of height and width become a part of the channel's number.
pub(super) fn space_to_depth(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let ([batch, channels, height, width], block, is_depth_last) = blocks(call)?;
    let x = call.input(0)?;
    if height % block != 0 || width % block != 0 {
        return invalid("height and width are not multiples of the block");
    }
    let depth = channels.saturating_mul(block).saturating_mul(block);
    let y = x.pick(&[batch, depth, height / block, width / block], |position| {
        let [n, c, row, column] = position else { return usize::MAX };
        let (place, channel) =
            if is_depth_last { (c / channels, c % channels) } else { (c % (block * block), c / (block * block)) };
        let (row, column) = (row * block + place / block, column * block + place % block);
        flat(&[*n, channel, row, column], &x.dims)
    })?;
    Ok(vec![y])
}
