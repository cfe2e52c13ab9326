//! The extents of what operators make that hand elements on: reshapes, selections, concatenations, repetitions.

use super::shapes::broadcast;
use super::view::{View, axis};
use super::{Extent, Extents};

/// The extents of the output.
pub(super) fn follow(view: &View<'_, '_>) -> Option<Extents> {
    match view.operator {
        "Reshape" => reshape(view),
        "Flatten" => {
            let shape = view.shape(0)?;
            let rank = i64::try_from(shape.len()).ok()?;
            let at = view.int("axis", 1);
            let at = usize::try_from(if at < 0 { at + rank } else { at }).ok()?;
            Some(vec![all(shape.get(..at)?), all(shape.get(at..)?)])
        }
        "Transpose" => {
            let shape = view.shape(0)?;
            match view.ints("perm") {
                Some(order) => order.iter().map(|at| shape.get(usize::try_from(*at).ok()?).cloned()).collect(),
                None => Some(shape.iter().rev().cloned().collect()),
            }
        }
        "Squeeze" => squeeze(view),
        "Unsqueeze" => unsqueeze(view),
        "Concat" => concat(view),
        "Slice" => slice(view),
        "Gather" => gather(view),
        "Expand" => Some(broadcast([view.shape(0)?, &listed(view, 1)?])),
        "ConstantOfShape" => listed(view, 0),
        "Tile" => {
            let times = listed(view, 1)?;
            (view.opset >= 6).then_some(())?;
            Some(view.shape(0)?.iter().zip(times).map(|(extent, times)| extent.as_ref()?.times(&times?)).collect())
        }
        "Pad" => pad(view),
        "Resize" | "Upsample" => resize(view),
        "DepthToSpace" | "SpaceToDepth" => blocks(view),
        _ => None,
    }
}

/// The number of elements.
pub(super) fn all(shape: &[Option<Extent>]) -> Option<Extent> {
    shape.iter().try_fold(Extent::number(1), |all, extent| all.times(extent.as_ref()?))
}

/// A list of integers as extents.
fn listed(view: &View<'_, '_>, input: usize) -> Option<Extents> {
    let list = view.integers(input)?;
    (list.dims.len() == 1).then(|| list.elements.clone())
}

fn reshape(view: &View<'_, '_>) -> Option<Extents> {
    let wanted = match view.ints("shape") {
        Some(shape) if view.opset < 5 => shape.iter().map(|size| Some(Extent::number(*size))).collect(),
        _ => listed(view, 1)?,
    };
    let shape = view.shape(0);
    let copies = view.int("allowzero", 0) == 0;
    let mut made: Extents = Vec::with_capacity(wanted.len());
    let mut rest = None;
    for (at, size) in wanted.iter().enumerate() {
        made.push(match size.as_ref().and_then(Extent::as_number) {
            Some(0) if copies => shape.and_then(|shape| shape.get(at)?.clone()),
            Some(-1) => {
                rest = Some(at);
                None
            }
            Some(_) => size.clone(),
            // What is nothing or less for some inputs would stand for something else.
            None => size.clone().filter(|size| view.known.is_size(size) || !copies && view.known.is_natural(size)),
        });
    }
    if let (Some(rest), Some(shape)) = (rest, shape) {
        let found = left(shape, made.iter().enumerate().filter(|(at, _)| *at != rest).map(|(_, extent)| extent));
        if let Some(place) = made.get_mut(rest) {
            *place = found;
        }
    }
    Some(made)
}

/// What is left of all elements for one axis.
fn left<'s>(shape: &[Option<Extent>], given: impl Iterator<Item = &'s Option<Extent>>) -> Option<Extent> {
    let mut from: Vec<Option<Extent>> = shape.to_vec();
    let mut by = Vec::new();
    for extent in given {
        match from.iter().position(|own| own == extent && own.is_some()) {
            Some(same) => drop(from.swap_remove(same)),
            None => by.push(extent.clone()),
        }
    }
    all(&from)?.over(&all(&by)?)
}

fn squeeze(view: &View<'_, '_>) -> Option<Extents> {
    let shape = view.shape(0)?;
    // Of an empty list runtimes make either no axis or all of them.
    let axes = view.list("axes", 1).ok().filter(|axes| axes.as_ref().is_none_or(|axes| !axes.is_empty()))?;
    let Some(axes) = axes else {
        let numbers = shape.iter().map(|extent| extent.as_ref()?.as_number()).collect::<Option<Vec<_>>>()?;
        return Some(numbers.into_iter().filter(|size| *size != 1).map(|size| Some(Extent::number(size))).collect());
    };
    let axes = axes.iter().map(|at| axis(*at, shape.len())).collect::<Option<Vec<_>>>()?;
    Some(shape.iter().enumerate().filter(|(at, _)| !axes.contains(at)).map(|(_, extent)| extent.clone()).collect())
}

fn unsqueeze(view: &View<'_, '_>) -> Option<Extents> {
    let shape = view.shape(0)?;
    let axes = view.list("axes", 1).ok()??;
    let rank = shape.len().checked_add(axes.len())?;
    let axes = axes.iter().map(|at| axis(*at, rank)).collect::<Option<Vec<_>>>()?;
    let mut old = shape.iter();
    let extent = |at: usize| if axes.contains(&at) { Some(Some(Extent::number(1))) } else { old.next().cloned() };
    (0..rank).map(extent).collect()
}

fn concat(view: &View<'_, '_>) -> Option<Extents> {
    let shapes: Vec<&Extents> = (0..view.node.inputs.len()).map(|input| view.shape(input)).collect::<Option<_>>()?;
    let rank = shapes.first()?.len();
    let along = axis(view.int("axis", 1), rank)?;
    let extent = |at: usize| {
        let mut sizes = shapes.iter().map(|shape| shape.get(at).cloned().flatten());
        if at == along {
            return sizes.try_fold(Extent::number(0), |sum, size| sum.plus(&size?));
        }
        // They are all the same.
        sizes.flatten().next()
    };
    Some((0..rank).map(extent).collect())
}

/// The parts of a Split.
pub(super) fn split(view: &View<'_, '_>) -> Option<Vec<Extents>> {
    let shape = view.shape(0)?;
    let along = axis(view.int("axis", 0), shape.len())?;
    let parts = view.node.outputs.len();
    let sizes: Vec<Option<Extent>> = match view.list("split", 1).ok()? {
        Some(sizes) => sizes.iter().map(|size| Some(Extent::number(*size))).collect(),
        None => {
            let each = shape.get(along)?.as_ref().and_then(Extent::as_number);
            let count = i64::try_from(parts).ok()?;
            let part = each.filter(|all| all.checked_rem(count) == Some(0)).map(|all| Extent::number(all / count));
            vec![part; parts]
        }
    };
    let part = |size: &Option<Extent>| {
        let mut part = shape.clone();
        part[along].clone_from(size);
        part
    };
    Some(sizes.iter().map(part).collect())
}

fn slice(view: &View<'_, '_>) -> Option<Extents> {
    let mut made = view.shape(0)?.clone();
    let rank = made.len();
    let (starts, ends) = (view.list("starts", 1).ok()?, view.list("ends", 2).ok()?);
    let (Some(starts), Some(ends)) = (starts, ends) else { return None };
    let axes = view.list("axes", 3).ok()?.unwrap_or_else(|| (0..starts.len() as i64).collect());
    let steps = if view.is_connected(4) { view.numbers(4)? } else { vec![1; starts.len()] };
    for (index, at) in axes.iter().enumerate() {
        let at = axis(*at, rank)?;
        let (start, end, step) = (*starts.get(index)?, *ends.get(index)?, *steps.get(index)?);
        made[at] = made[at].as_ref().and_then(|size| taken(size, start, end, step));
    }
    Some(made)
}

/// How many elements a slice takes from so many.
fn taken(size: &Extent, start: i64, end: i64, step: i64) -> Option<Extent> {
    let Some(size) = size.as_number() else {
        // All of them, in either order.
        let all =
            (start == 0 && end >= i64::from(i32::MAX) && step == 1) || (start == -1 && end <= i64::from(i32::MIN) && step == -1);
        return all.then(|| size.clone());
    };
    if size <= 0 || step == 0 {
        return (size == 0 && step != 0).then(|| Extent::number(0));
    }
    let bound = |at: i64, low: i64, high: i64| if at < 0 { at.saturating_add(size) } else { at }.clamp(low, high);
    let count = if step > 0 {
        let (start, end) = (bound(start, 0, size), bound(end, 0, size));
        (end - start).max(0).checked_add(step - 1)? / step
    } else {
        let (start, end) = (bound(start, 0, size - 1), bound(end, -1, size - 1));
        (start - end).max(0).checked_sub(step.checked_add(1)?)? / step.checked_neg()?
    };
    Some(Extent::number(count))
}

fn gather(view: &View<'_, '_>) -> Option<Extents> {
    let (shape, chosen) = (view.shape(0)?, view.shape(1)?);
    let along = axis(view.int("axis", 0), shape.len())?;
    Some([&shape[..along], chosen, &shape[along + 1..]].concat())
}

fn pad(view: &View<'_, '_>) -> Option<Extents> {
    let shape = view.shape(0)?;
    let pads = match view.ints("pads") {
        Some(pads) if view.opset < 11 => pads.iter().map(|pad| Some(Extent::number(*pad))).collect(),
        _ => listed(view, 1)?,
    };
    let axes = if view.is_connected(3) { view.numbers(3)? } else { (0..shape.len() as i64).collect() };
    let mut made = shape.clone();
    for (index, at) in axes.iter().enumerate() {
        let at = axis(*at, shape.len())?;
        let (before, behind) = (pads.get(index)?, pads.get(index + axes.len())?);
        made[at] = match (&made[at], before, behind) {
            (Some(size), Some(before), Some(behind)) => size.plus(before).and_then(|size| size.plus(behind)),
            _ => None,
        };
    }
    Some(made)
}

/// By sizes, or by whole factors.
fn resize(view: &View<'_, '_>) -> Option<Extents> {
    let shape = view.shape(0)?;
    if view.operator == "Resize" && view.opset >= 11 && view.is_connected(3) {
        let plain = matches!(view.string("keep_aspect_ratio_policy"), b"" | b"stretch") && !view.has("axes");
        return listed(view, 3).filter(|sizes| plain && sizes.len() == shape.len());
    }
    let factors = match (view.operator, view.opset) {
        ("Upsample", ..=8) => view.floats("scales")?,
        ("Upsample", _) | ("Resize", ..=10) => view.factors(1)?,
        _ if view.has("axes") => return None,
        _ => view.factors(2)?,
    };
    let whole = |factor: f64| (factor >= 1.0 && factor.fract() == 0.0 && factor < 4096.0).then(|| Extent::number(factor as i64));
    let sizes = shape.iter().zip(&factors).map(|(size, factor)| size.as_ref()?.times(&whole(*factor)?));
    (factors.len() == shape.len()).then(|| sizes.collect())
}

fn blocks(view: &View<'_, '_>) -> Option<Extents> {
    let [batch, channels, rows, columns] = &view.shape(0)?[..] else { return None };
    let block = Extent::number(view.int("blocksize", 0));
    let area = block.times(&block)?;
    let deep = view.operator == "SpaceToDepth";
    let of = |extent: &Option<Extent>, by: &Extent, more: bool| {
        extent.as_ref().and_then(|extent| if more { extent.times(by) } else { extent.over(by) })
    };
    Some(vec![batch.clone(), of(channels, &area, deep), of(rows, &block, !deep), of(columns, &block, !deep)])
}
