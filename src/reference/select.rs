//! Operators that cut, join, pad and choose elements.

use super::array::{at, axis, broadcast_dims, broadcast_flat, count, each_position, extent, flat, moved, replaced, size};
use super::call::Call;
use super::{Array, Data, ReferenceError, invalid, too_much};

/// The arrays one behind the other along an axis.
pub(super) fn joined(arrays: &[&Array], along: usize) -> Result<Array, ReferenceError> {
    let Some((first, others)) = arrays.split_first() else {
        return invalid("nothing to join");
    };
    let mut result = (*first).clone();
    for other in others {
        let before = extent(&result.dims, along)?;
        let Some(total) = before.checked_add(extent(&other.dims, along)?) else {
            return too_much("too many elements to join");
        };
        let dims = replaced(&result.dims, along, total);
        if replaced(&other.dims, along, total) != dims {
            return invalid(format!("{:?} does not join {:?}", other.dims, result.dims));
        }
        // Two passes over the same positions: the first array's elements, then the other's.
        let source = |position: &[usize], from: &Array, offset: usize| {
            let place = position.get(along)?.checked_sub(offset)?;
            let inside = from.dims.get(along).is_some_and(|&extent| place < extent);
            inside.then(|| flat(&moved(position, along, place), &from.dims))
        };
        let mut sources = Vec::new();
        each_position(&dims, |position| {
            let own = source(position, &result, 0);
            let index = own.or_else(|| {
                let index = source(position, other, before)?;
                index.checked_add(result.data.len())
            });
            sources.push(index.unwrap_or(usize::MAX));
            Ok(())
        })?;
        let data = match (&result.data, &other.data) {
            (Data::Float(a), Data::Float(b)) => Data::Float([a.as_slice(), b].concat()),
            (Data::Int(a), Data::Int(b)) => Data::Int([a.as_slice(), b].concat()),
            (Data::Bool(a), Data::Bool(b)) => Data::Bool([a.as_slice(), b].concat()),
            _ => return invalid("values of different types do not join"),
        };
        let both = Array { dims: vec![data.len()], data };
        let mut sources = sources.into_iter();
        result = both.pick(&dims, |_| sources.next().unwrap_or(usize::MAX))?;
    }
    Ok(result)
}

pub(super) fn concat(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let inputs = call.all_inputs()?;
    let default = if call.opset < 4 { Some(1) } else { None };
    let Some(along) = call.int("axis")?.or(default) else {
        return invalid("Concat without axis");
    };
    let along = axis(along, call.input(0)?.dims.len())?;
    Ok(vec![joined(&inputs, along)?])
}

/// The elements from `start`, `length` of them, along an axis.
pub(super) fn section(x: &Array, along: usize, start: usize, length: usize) -> Result<Array, ReferenceError> {
    x.pick(&replaced(&x.dims, along, length), |position| {
        let place = position.get(along).map_or(0, |place| place + start);
        flat(&moved(position, along, place), &x.dims)
    })
}

/// Pieces of the stated lengths; else equal ones, of which the last may be smaller from opset 18 on.
pub(super) fn split(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let along = axis(call.int_or("axis", 0)?, x.dims.len())?;
    let total = extent(&x.dims, along)?;
    let lengths: Vec<usize> = match call.ints_of("split", 1)? {
        Some(lengths) => lengths.into_iter().map(size).collect::<Result<_, _>>()?,
        None => {
            let pieces = call.int("num_outputs")?.map_or(Ok(call.node.output.len()), size)?;
            count(&[pieces])?;
            // Only where it says so is the last piece a smaller one (ONNX Split 18).
            if call.opset < 18 && !total.is_multiple_of(pieces.max(1)) {
                return invalid(format!("{total} cannot be cut into {pieces} pieces that are alike"));
            }
            let length = total.div_ceil(pieces.max(1));
            let rest = |piece: usize| total.saturating_sub(piece.saturating_mul(length));
            (0..pieces.min(total.max(1))).map(|piece| rest(piece).min(length)).collect()
        }
    };
    let sum = lengths.iter().try_fold(0_usize, |sum, &length| sum.checked_add(length));
    if sum != Some(total) {
        return invalid(format!("the pieces {lengths:?} do not make up {total}"));
    }
    let mut start = 0;
    let mut pieces = Vec::new();
    for length in lengths {
        pieces.push(section(x, along, start, length)?);
        start += length;
    }
    Ok(pieces)
}

/// One axis of a slice: where it starts, its step and how many elements it takes.
fn taken(start: i64, end: i64, step: i64, dim: usize) -> Result<(i64, usize), ReferenceError> {
    let dim = dim as i64;
    let counted = |value: i64| if value < 0 { value.saturating_add(dim) } else { value };
    if step > 0 {
        let (start, end) = (counted(start).clamp(0, dim), counted(end).clamp(0, dim));
        let room = (end - start).max(0);
        return Ok((start, size(room / step + i64::from(room % step != 0))?));
    }
    if step == 0 || step == i64::MIN {
        return invalid(format!("a step cannot be {step}"));
    }
    let (start, end) = (counted(start).clamp(-1, dim - 1), counted(end).clamp(-1, dim - 1));
    let room = (start - end).max(0);
    Ok((start, size(room / -step + i64::from(room % -step != 0))?))
}

pub(super) fn slice(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let rank = x.dims.len();
    let (Some(starts), Some(ends)) = (call.ints_of("starts", 1)?, call.ints_of("ends", 2)?) else {
        return invalid("Slice without starts or ends");
    };
    let axes = match call.ints_of("axes", 3)? {
        Some(axes) => axes,
        None => (0..starts.len() as i64).collect(),
    };
    let steps = match call.optional(4) {
        Some(steps) => steps.ints()?.to_vec(),
        None => vec![1; starts.len()],
    };
    if [ends.len(), axes.len(), steps.len()] != [starts.len(); 3] {
        return invalid("starts, ends, axes and steps differ in length");
    }
    let mut origin = vec![(0, 1); rank];
    let mut dims = x.dims.clone();
    for (((&start, &end), &chosen), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
        let chosen = axis(chosen, rank)?;
        let (start, length) = taken(start, end, step, extent(&x.dims, chosen)?)?;
        dims = replaced(&dims, chosen, length);
        if let Some(origin) = origin.get_mut(chosen) {
            *origin = (start, step);
        }
    }
    let y = x.pick(&dims, |position| {
        let places =
            position.iter().zip(&origin).map(|(&place, (start, step))| usize::try_from(start + place as i64 * step).unwrap_or(0));
        flat(&places.collect::<Vec<_>>(), &x.dims)
    })?;
    Ok(vec![y])
}

/// The slices that the indices name, along an axis; negative indices count from the end.
pub(super) fn gather(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (x, indices) = (call.input(0)?, call.input(1)?);
    let along = axis(call.int_or("axis", 0)?, x.dims.len())?;
    let dim = extent(&x.dims, along)?;
    let places: Result<Vec<usize>, _> = indices.ints()?.iter().map(|&index| axis(index, dim)).collect();
    let places = places?;
    let (before, behind) = x.dims.split_at_checked(along).unwrap_or((&[], &[]));
    let behind = behind.get(1..).unwrap_or(&[]);
    let dims = [before, &indices.dims, behind].concat();
    let y = x.pick(&dims, |position| {
        let (before, others) = position.split_at_checked(along).unwrap_or((&[], &[]));
        let (index, behind) = others.split_at_checked(indices.dims.len()).unwrap_or((&[], &[]));
        let place = places.get(flat(index, &indices.dims)).copied().unwrap_or(0);
        flat(&[before, &[place], behind].concat(), &x.dims)
    })?;
    Ok(vec![y])
}

/// The pads of each axis, at its begin and end; negative ones cut off.
fn pads(call: &Call, rank: usize) -> Result<Vec<(i64, i64)>, ReferenceError> {
    let name = if call.opset < 2 { "paddings" } else { "pads" };
    let Some(pads) = call.ints_of(name, 1)? else {
        return invalid("Pad without pads");
    };
    let axes: Vec<usize> = match call.optional(3) {
        Some(axes) => {
            let axes = axes.ints()?.iter().map(|&chosen| axis(chosen, rank));
            axes.collect::<Result<_, _>>()?
        }
        None => (0..rank).collect(),
    };
    let limit = 1 << 40;
    if pads.len() != 2 * axes.len() || pads.iter().any(|pad| !(-limit..limit).contains(pad)) {
        return invalid("Pad needs two pads for each axis, within limits");
    }
    let mut all = vec![(0, 0); rank];
    let (begins, ends) = pads.split_at_checked(axes.len()).unwrap_or((&[], &[]));
    for ((&axis, &begin), &end) in axes.iter().zip(begins).zip(ends) {
        if let Some(pair) = all.get_mut(axis) {
            *pair = (begin, end);
        }
    }
    Ok(all)
}

/// Which element stands at a place outside of `dim` elements; none for the constant.
fn beyond(mode: &str, place: i64, dim: usize) -> Option<usize> {
    let dim = dim as i64;
    let inside = match mode {
        "edge" => place.clamp(0, dim - 1),
        "wrap" => place.rem_euclid(dim),
        "reflect" if dim == 1 => 0,
        "reflect" => {
            let turn = 2 * (dim - 1);
            let place = place.rem_euclid(turn);
            place.min(turn - place)
        }
        _ => place,
    };
    usize::try_from(inside).ok().filter(|&inside| inside < dim as usize)
}

pub(super) fn pad(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let x = call.input(0)?;
    let pads = pads(call, x.dims.len())?;
    let mode = call.text_or("mode", "constant")?;
    if !matches!(mode, "constant" | "edge" | "reflect" | "wrap") {
        return invalid(format!("mode cannot be {mode}"));
    }
    let mut dims = Vec::new();
    for (&dim, (begin, end)) in x.dims.iter().zip(&pads) {
        if dim == 0 && mode != "constant" {
            return invalid("there is nothing to repeat");
        }
        dims.push(size((dim as i64).saturating_add(begin + end))?);
    }
    let fill = match (&x.data, call.optional(2)) {
        (_, Some(value)) => value.with_dims(Vec::new())?,
        (Data::Float(_), None) => Array::float([], vec![call.float_or("value", 0.0)?]),
        (Data::Int(_), None) => Array::int([], vec![0]),
        (Data::Bool(_), None) => Array::bool([], vec![false]),
    };
    let y = x.pick_or(&dims, Some(&fill), |position| {
        let mut source = Vec::new();
        for ((&place, (begin, _)), &dim) in position.iter().zip(&pads).zip(&x.dims) {
            source.push(beyond(mode, place as i64 - begin, dim)?);
        }
        Some(flat(&source, &x.dims))
    })?;
    Ok(vec![y])
}

/// The first value where the condition holds, else the second.
pub(super) fn choose(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (condition, yes, no) = (call.input(0)?, call.input(1)?, call.input(2)?);
    let dims = broadcast_dims(&broadcast_dims(&condition.dims, &yes.dims)?, &no.dims)?;
    let line = |array: &Array| array.with_dims(vec![array.data.len()]);
    let both = joined(&[&line(yes)?, &line(no)?], 0)?;
    let truths = condition.bools()?;
    let y = both.pick(&dims, |position| match at(truths, broadcast_flat(position, &condition.dims)) {
        Ok(true) => broadcast_flat(position, &yes.dims),
        _ => yes.data.len() + broadcast_flat(position, &no.dims),
    })?;
    Ok(vec![y])
}
