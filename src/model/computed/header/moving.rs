//! Shapes of what operators move, repeat, choose and put together.

use super::{Dims, Facts, INT64, broadcast, normal};
use crate::model::computed::Numbers;
use crate::model::tensor::element;
use crate::onnx::NodeProto;

fn extents(list: &[i64]) -> Option<Dims> {
    list.iter().map(|d| u64::try_from(*d).ok()).collect()
}

pub(super) fn constant_of_shape(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let data_type = match (&facts.value, facts.attribute("value")) {
        (Some(value), _) => value.elements().eq(&1).then_some(value.data_type)?,
        (None, None) => 1,
        _ => return None,
    };
    Some((data_type, extents(&facts.list(0)?)?))
}

/// The part of a shape that Shape asks for, by attributes from version 15 on.
fn part(node: &NodeProto, shape: &[u64]) -> std::ops::Range<usize> {
    let rank = shape.len() as i64;
    let bound = |name: &str, default: i64| {
        let given = node.attribute.iter().find(|a| a.name() == name).map_or(default, |a| a.i());
        (if given < 0 { given.saturating_add(rank) } else { given }).clamp(0, rank) as usize
    };
    let start = bound("start", 0);
    start..bound("end", rank).max(start)
}

pub(super) fn shape(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let shape = facts.shape.as_ref()?;
    Some((INT64, if facts.node.op_type() == "Size" { vec![] } else { vec![part(facts.node, shape).len() as u64] }))
}

/// What Shape and Size compute, which takes no elements.
pub(in super::super) fn described(node: &NodeProto, shape: &[u64]) -> Option<Numbers> {
    let extents = shape.iter().map(|d| i64::try_from(*d).ok()).collect::<Option<Vec<i64>>>()?;
    if node.op_type() == "Size" {
        return extents.iter().try_fold(1i64, |n, d| n.checked_mul(*d)).map(|n| Numbers::Integers(vec![n]));
    }
    Some(Numbers::Integers(extents.get(part(node, shape))?.to_vec()))
}

pub(super) fn range(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let one = |at| match facts.list(at)?[..] {
        [one] => Some(one),
        _ => None,
    };
    let (start, limit, step) = (one(0)?, one(1)?, one(2)?);
    let (distance, step) =
        if step > 0 { (limit.checked_sub(start)?, step) } else { (start.checked_sub(limit)?, step.checked_neg()?) };
    let count = if distance <= 0 { 0 } else { distance.checked_add(step - 1)?.checked_div(step)? };
    Some((facts.input(0)?.data_type, vec![u64::try_from(count).ok()?]))
}

pub(super) fn concatenated(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let first = facts.input(0)?;
    let mut dims = first.dims.clone();
    let axis = normal(facts.attribute("axis")?.i(), dims.len())?;
    for at in 1..facts.inputs.len() {
        let next = facts.input(at).filter(|t| t.data_type == first.data_type && t.dims.len() == dims.len())?;
        let fits = next.dims.iter().zip(&dims).enumerate().all(|(at, (a, b))| at == axis || a == b);
        dims[axis] = dims[axis].checked_add(next.dims[axis]).filter(|_| fits)?;
    }
    Some((first.data_type, dims))
}

pub(super) fn expanded(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    Some((facts.input(0)?.data_type, broadcast(facts.dims(0)?, &extents(&facts.list(1)?)?)?))
}

fn count(dims: &[u64]) -> Option<u64> {
    dims.iter().try_fold(1u64, |n, d| n.checked_mul(*d))
}

pub(super) fn flattened(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let dims = facts.dims(0)?;
    let axis = facts.int("axis", 1);
    let axis = usize::try_from(if axis < 0 { axis.checked_add(dims.len() as i64)? } else { axis }).ok()?;
    Some((facts.input(0)?.data_type, vec![count(dims.get(..axis)?)?, count(&dims[axis..])?]))
}

pub(super) fn gathered(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let (data, indices) = (facts.input(0)?, facts.input(1).filter(|t| matches!(t.data_type, 6 | INT64))?);
    let axis = normal(facts.int("axis", 0), data.dims.len())?;
    Some((data.data_type, [&data.dims[..axis], &indices.dims, &data.dims[axis + 1..]].concat()))
}

pub(super) fn reshaped(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let (data, wanted) = (facts.input(0)?, facts.list(1)?);
    let zero_is_zero = facts.int("allowzero", 0) != 0;
    let mut dims = Vec::with_capacity(wanted.len());
    let mut open = None;
    for (axis, extent) in wanted.iter().enumerate() {
        dims.push(match extent {
            -1 if open.is_none() => {
                open = Some(axis);
                1
            }
            0 if !zero_is_zero => *data.dims.get(axis)?,
            extent => u64::try_from(*extent).ok()?,
        });
    }
    if let Some(open) = open {
        dims[open] = data.elements().checked_div(count(&dims)?)?;
    }
    (count(&dims)? == data.elements()).then_some((data.data_type, dims))
}

pub(super) fn sliced(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let data = facts.input(0)?;
    let mut dims = data.dims.clone();
    let (starts, ends) = (facts.list(1)?, facts.list(2)?);
    let axes = if facts.input(3).is_some() { facts.list(3)? } else { (0..starts.len() as i64).collect() };
    let steps = if facts.input(4).is_some() { facts.list(4)? } else { vec![1; starts.len()] };
    (starts.len() == ends.len() && starts.len() == axes.len() && starts.len() == steps.len()).then_some(())?;
    for (((start, end), axis), step) in starts.into_iter().zip(ends).zip(axes).zip(steps) {
        let axis = normal(axis, dims.len())?;
        let size = i64::try_from(dims[axis]).ok()?;
        let from_front = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
        let (start, end) = (from_front(start), from_front(end));
        let length = match step {
            1.. => end.clamp(0, size) - start.clamp(0, size),
            ..=-1 => start.clamp(0, (size - 1).max(0)) - end.clamp(-1, size - 1),
            0 => return None,
        };
        let count = if length <= 0 || size == 0 { 0 } else { length.unsigned_abs().div_ceil(step.unsigned_abs()) };
        dims[axis] = count;
    }
    Some((data.data_type, dims))
}

pub(super) fn squeezed(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let data = facts.input(0)?;
    let mut gone = facts.axes(13, data.dims.len())?;
    if gone.is_empty() {
        gone = (0..data.dims.len()).filter(|axis| data.dims[*axis] == 1).collect();
    }
    gone.iter().all(|axis| data.dims[*axis] == 1).then_some(())?;
    let kept = data.dims.iter().enumerate().filter(|(axis, _)| !gone.contains(axis));
    Some((data.data_type, kept.map(|(_, d)| *d).collect()))
}

pub(super) fn unsqueezed(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let data = facts.input(0)?;
    let given = if facts.opset < 13 { facts.attribute("axes")?.ints.len() } else { facts.list(1)?.len() };
    let rank = data.dims.len().checked_add(given)?;
    let new = facts.axes(13, rank)?;
    let mut old = data.dims.iter();
    let dims = (0..rank).map(|axis| if new.contains(&axis) { Some(1) } else { old.next().copied() });
    Some((data.data_type, dims.collect::<Option<Dims>>()?))
}

pub(super) fn tiled(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let (data, repeats) = (facts.input(0)?, extents(&facts.list(1)?)?);
    (repeats.len() == data.dims.len()).then_some(())?;
    let dims = data.dims.iter().zip(&repeats).map(|(d, r)| d.checked_mul(*r));
    Some((data.data_type, dims.collect::<Option<Dims>>()?))
}

pub(super) fn transposed(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let data = facts.input(0)?;
    let order: Vec<usize> = match facts.attribute("perm") {
        None => (0..data.dims.len()).rev().collect(),
        Some(a) => a.ints.iter().map(|axis| usize::try_from(*axis).ok()).collect::<Option<_>>()?,
    };
    let mut sorted = order.clone();
    sorted.sort_unstable();
    sorted.into_iter().eq(0..data.dims.len()).then_some(())?;
    Some((data.data_type, order.iter().map(|axis| data.dims[*axis]).collect()))
}

pub(super) fn reduced(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let data = facts.input(0).filter(|t| element(t.data_type).is_some())?;
    let by_input = if facts.node.op_type() == "ReduceSum" { 13 } else { 18 };
    let mut gone = facts.axes(by_input, data.dims.len())?;
    if gone.is_empty() {
        (facts.int("noop_with_empty_axes", 0) == 0).then_some(())?;
        gone = (0..data.dims.len()).collect();
    }
    let keep = facts.int("keepdims", 1) != 0;
    let dims = data.dims.iter().enumerate().filter(|(axis, _)| keep || !gone.contains(axis));
    Some((data.data_type, dims.map(|(axis, d)| if gone.contains(&axis) { 1 } else { *d }).collect()))
}

pub(super) fn product(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let (a, b) = (facts.input(0)?, facts.input(1)?);
    (a.data_type == b.data_type && element(a.data_type).is_some() && a.dims.len() >= 2 && b.dims.len() >= 2).then_some(())?;
    let ((a_outer, a_inner), (b_outer, b_inner)) = (a.dims.split_at(a.dims.len() - 2), b.dims.split_at(b.dims.len() - 2));
    (a_inner[1] == b_inner[0]).then_some(())?;
    Some((a.data_type, [&broadcast(a_outer, b_outer)?[..], &[a_inner[0], b_inner[1]]].concat()))
}

pub(super) fn gemm(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let (a, b) = (facts.input(0)?, facts.input(1)?);
    let turned = |dims: &[u64], name: &str| match (dims, facts.int(name, 0)) {
        (&[rows, columns], 0) => Some((rows, columns)),
        (&[rows, columns], _) => Some((columns, rows)),
        _ => None,
    };
    let ((rows, inner), (depth, columns)) = (turned(&a.dims, "transA")?, turned(&b.dims, "transB")?);
    (inner == depth && a.data_type == b.data_type && element(a.data_type).is_some()).then_some(())?;
    let dims = vec![rows, columns];
    match facts.input(2) {
        Some(c) if c.data_type != a.data_type || broadcast(&c.dims, &dims).as_ref() != Some(&dims) => None,
        _ => Some((a.data_type, dims)),
    }
}

/// How many products are summed up.
pub(super) fn product_work(facts: &Facts<'_>) -> Option<u64> {
    let turned = facts.int("transA", 0) != 0;
    let inner = facts.dims(0)?.iter().rev().nth(usize::from(turned)).copied()?;
    let (_, dims) = if facts.node.op_type() == "Gemm" { gemm(facts)? } else { product(facts)? };
    count(&dims)?.checked_mul(inner)
}
