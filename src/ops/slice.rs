//! Slice, opset 1 to 13: a range of positions along some axes. Positions that are left out have no map.

use super::{NEWEST_OPSET, Operator, Stop, shapes};
use crate::law::{Carry, Lane, Law, Pairs, Passes, Reason};
use crate::model::{Dim, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Slice",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "by constants: selects from maps before it; completes maps behind it",
    read,
    shape,
    samples: SAMPLES,
};

/// A range along one axis, as the file gives it.
struct Range {
    axis: usize,
    start: i64,
    end: i64,
    step: i64,
}

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let shape = node.shape(0)?;
    let ranges = ranges(node, shape.rank()).ok_or(Reason::UnknownShape)?;
    let mut lanes = Vec::new();
    for axis in 0..shape.rank() {
        let Some(range) = ranges.iter().find(|range| range.axis == axis) else {
            lanes.push(Lane::same(axis));
            continue;
        };
        if let Some((positions, extent)) = positions(range, shape.dim(axis)) {
            let pairs = positions.iter().enumerate().map(|(to, from)| (*from, to)).collect();
            lanes.push(Lane { input: axis, output: axis, pairs: Pairs::List(pairs, extent, positions.len()) });
        } else if range.start == 0 && range.step == 1 && range.end >= i64::from(i32::MAX) {
            lanes.push(Lane::same(axis));
        }
    }
    Ok(Law::Carry(Carry::one(lanes, Passes::ALL)))
}

/// The ranges: attributes before opset 10, constants from there on. An axis that is named twice is an error.
fn ranges(node: &NodeView<'_>, rank: usize) -> Option<Vec<Range>> {
    let list = |input: usize, name: &str| match node.opset {
        ..=9 => node.ints(name).ok().map(<[i64]>::to_vec),
        _ if node.input(input).is_none() => Some(vec![]),
        _ => node.elements.integers(input).ok(),
    };
    let (starts, ends, axes, steps) = (list(1, "starts")?, list(2, "ends")?, list(3, "axes")?, list(4, "")?);
    let fits = |count: usize| count == starts.len() || count == 0;
    if starts.len() != ends.len() || !fits(axes.len()) || !fits(steps.len()) {
        return None;
    }
    let mut found: Vec<Range> = Vec::new();
    for (at, start) in starts.iter().enumerate() {
        let axis = shapes::normal(axes.get(at).copied().unwrap_or(at as i64), rank)?;
        if found.iter().any(|range| range.axis == axis) {
            return None;
        }
        found.push(Range { axis, start: *start, end: ends[at], step: steps.get(at).copied().unwrap_or(1) });
    }
    Some(found)
}

/// The positions that a range selects, and the extent of its axis.
fn positions(range: &Range, extent: Dim) -> Option<(Vec<usize>, usize)> {
    let extent = usize::try_from(extent.known()?).ok().filter(|extent| (1..=1 << 24).contains(extent))?;
    let size = extent as i64;
    let counted = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (start, end) = (counted(range.start), counted(range.end));
    let positions: Vec<i64> = match range.step {
        0 => return None,
        step @ 1.. => (start.clamp(0, size)..end.clamp(0, size)).step_by(usize::try_from(step).ok()?).collect(),
        step => {
            let (start, end) = (start.clamp(0, size - 1), end.clamp(-1, size - 1));
            let step = usize::try_from(step.checked_neg()?).ok()?;
            (end + 1..=start).rev().step_by(step).collect()
        }
    };
    positions.into_iter().map(|p| usize::try_from(p).ok()).collect::<Option<Vec<usize>>>().map(|p| (p, extent))
}

fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let mut shape = node.input(0)?.shape.clone()?;
    let Some(ranges) = ranges(node, shape.rank()) else { return Some(Shape::of_rank(shape.rank())) };
    for range in &ranges {
        let found = positions(range, shape.dim(range.axis));
        shape.0[range.axis] = found.map_or(Dim::Unknown, |(positions, _)| Dim::Known(positions.len() as u64));
    }
    Some(shape)
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "forward, every second channel from behind",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,5,3,3] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[5] s = dyadic(2), float[5] b = dyadic(3), float[5] m = dyadic(4), float[5] v = square(5), int64[1] from = {-1}, int64[1] to = {0}, int64[1] axes = {1}, int64[1] steps = {-2}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Slice (n, from, to, axes, steps)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Slice", "Conv"] },
    },
    Sample {
        name: "backward, channels that are left out stay as they are",
        text: r#"<ir_version: 8, opset_import: ["" : 9]>
            g (float[1,2,3,3] x) => (float[] y)
            <float[5,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = Slice <axes = [1], starts = [1], ends = [4]> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Slice"] },
    },
    Sample {
        name: "of positions, whose number is not known",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,H,W] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[2] from = {1, 0}, int64[2] to = {-1, 9223372036854775807}, int64[2] axes = {2, 3}, int64[2] steps = {1, 2}>
            { c = Conv (x, w)
              p = Slice (c, from, to, axes, steps)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Slice"] },
    },
    Sample {
        name: "to a position that is computed",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,3,3] x, int64[1] to) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[1] from = {0}, int64[1] axes = {1}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Slice (n, from, to, axes)
              y = Conv (p, w) }"#,
        expect: Expect::Kept("unknown-shape"),
    },
    Sample {
        name: "behind one of two that select other parts of a value",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,5,8] x) => (float[N,5,4] y, float[N,5,4] z)
            <float[8,8] w = dyadic(1), float f = {0.25}, int64[1] at = {2}, int64[1] a = {0}, int64[1] b = {4}, int64[1] c = {8}>
            { p = MatMul (x, w)
              q = Slice (p, a, b, at)
              k = Slice (p, b, c, at)
              m = Mul (q, f)
              y = Erf (m)
              z = Erf (k) }"#,
        expect: Expect::Folded { left: &["MatMul", "Slice", "Slice", "Erf", "Erf"] },
    },
];
