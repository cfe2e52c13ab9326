//! Slice, opset 1 to 13: a range of positions along some axes. Positions that are left out have no map.

use super::{NEWEST_OPSET, Operator, Stop, extents, shapes};
use crate::law::{Carry, Lane, Law, Pairs, Passes};
use crate::map::MOST_CHANNELS;
use crate::model::{Dim, Extent, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Slice",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "where bounds are known: selects from maps before it, completes maps behind it; along other axes hands them on",
    read,
    shape,
    samples: SAMPLES,
};

/// A range along one axis, as far as the file determines it.
pub(super) struct Range {
    pub(super) axis: usize,
    start: Extent,
    end: Extent,
    step: Option<i64>,
}

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let whole = |lanes, known: bool| {
        let carry = Carry::one(lanes, Passes::ALL);
        Ok(Law::Carry(if known { carry } else { carry.with_unknown_axes() }))
    };
    let Some(shape) = node.input(0).and_then(|x| x.shape.as_deref()) else { return whole(vec![], false) };
    let Some(ranges) = ranges(node, shape.rank()) else { return whole(vec![], false) };
    let (mut lanes, mut known) = (Vec::new(), true);
    for axis in 0..shape.rank() {
        let Some(range) = ranges.iter().find(|range| range.axis == axis) else {
            lanes.push(Lane::same(axis));
            continue;
        };
        if is_whole(range, shape.dim(axis)) {
            lanes.push(Lane::same(axis));
        } else if let Some((positions, extent)) = positions(range, shape.dim(axis)) {
            let pairs = positions.iter().enumerate().map(|(to, from)| (*from, to)).collect();
            lanes.push(Lane { input: axis, output: axis, pairs: Pairs::List(pairs, extent, positions.len()) });
        } else {
            known = false;
        }
    }
    whole(lanes, known)
}

/// The ranges: attributes before opset 10, from there on inputs, whose axes must be known. An axis that is named twice is an error.
pub(super) fn ranges(node: &NodeView<'_>, rank: usize) -> Option<Vec<Range>> {
    let list = |input: usize, name: &str| match node.opset {
        ..=9 => node.ints(name).ok().map(|list| list.iter().map(|n| Extent::Number(*n)).collect()),
        _ if node.input(input).is_none() => Some(vec![]),
        _ => extents::given(node, input),
    };
    let number = |extent: &Extent| if let Extent::Number(number) = extent { Some(*number) } else { None };
    let (starts, ends, axes, steps) = (list(1, "starts")?, list(2, "ends")?, list(3, "axes")?, list(4, "")?);
    let fits = |count: usize| count == starts.len() || count == 0;
    if starts.len() != ends.len() || !fits(axes.len()) || !fits(steps.len()) {
        return None;
    }
    let mut found: Vec<Range> = Vec::new();
    for (at, start) in starts.iter().enumerate() {
        let axis = axes.get(at).map_or(Some(at as i64), number)?;
        let axis = shapes::normal(axis, rank)?;
        if found.iter().any(|range| range.axis == axis) {
            return None;
        }
        found.push(Range { axis, start: *start, end: ends[at], step: steps.get(at).map_or(Some(1), number) });
    }
    Some(found)
}

/// Whether a range is all of its axis.
fn is_whole(range: &Range, extent: Dim) -> bool {
    let to_the_end = match (range.end, extent) {
        (Extent::Number(end), _) if end >= i64::from(i32::MAX) => true,
        (Extent::Symbol(end), Dim::Symbol(symbol)) => end == symbol,
        _ => false,
    };
    range.start == Extent::Number(0) && range.step == Some(1) && to_the_end
}

/// The positions that a range selects, and the extent of its axis.
pub(super) fn positions(range: &Range, extent: Dim) -> Option<(Vec<usize>, usize)> {
    let (Extent::Number(start), Extent::Number(end), Some(step)) = (range.start, range.end, range.step) else { return None };
    let extent = usize::try_from(extent.known()?).ok().filter(|extent| (1..=MOST_CHANNELS).contains(extent))?;
    let size = extent as i64;
    let counted = |at: i64| if at < 0 { at.saturating_add(size) } else { at };
    let (start, end) = (counted(start), counted(end));
    let positions: Vec<i64> = match step {
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
    let mut shape = node.input(0)?.owned_shape()?;
    let Some(ranges) = ranges(node, shape.rank()) else { return Some(Shape::of_rank(shape.rank())) };
    for range in &ranges {
        let extent = shape.dim(range.axis);
        let part = || positions(range, extent).map_or(Dim::Unknown, |(positions, _)| Dim::Known(positions.len() as u64));
        shape.0[range.axis] = if is_whole(range, extent) { extent } else { part() };
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
    Sample {
        name: "backward, to an extent of the batch that is read from another value",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,2,3,3] x, float[M,1] z) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[1] zero = {0}>
            { c = Conv (x, w)
              k = Shape (z)
              to = Gather (k, zero)
              p = Slice (c, zero, to, zero)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Shape", "Gather", "Slice"] },
    },
    Sample {
        name: "backward, bounds of both halves are computed from the channels",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,2,3,3] x) => (float[] y)
            <float[4,2,1,1] w = dyadic(1), float[4,1,1] k = positive(2), int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}>
            { c = Conv (x, w)
              e = Shape (c)
              n = Gather (e, one)
              a = Add (n, one)
              h = Div (a, two)
              l = Mul (h, two)
              p = Slice (c, zero, h, one)
              q = Slice (c, h, l, one)
              r = Relu (q)
              t = Concat <axis = 1> (p, r)
              y = Mul (t, k) }"#,
        expect: Expect::Folded { left: &["Conv", "Shape", "Gather", "Add", "Div", "Mul", "Slice", "Slice", "Relu", "Concat"] },
    },
    Sample {
        name: "the whole batch, by its own extent",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,2,3,3] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float[3,1,1] k = dyadic(6), int64[1] zero = {0}>
            { c = Conv (x, w)
              k0 = Shape (c)
              to = Gather (k0, zero)
              p = Slice (c, zero, to, zero)
              q = Add (p, c)
              y = BatchNormalization <epsilon = 0.0> (q, s, b, m, v) }"#,
        expect: Expect::Kept("several-readers"),
    },
    Sample {
        name: "channels cut at a place that is not known",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,2,3,3] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3,1,1] k = dyadic(6), int64[1] zero = {0}, int64[1] one = {1}>
            { c = Conv (x, w)
              e = Shape (x)
              to = Gather (e, zero)
              p = Slice (c, zero, to, one)
              y = Mul (p, k) }"#,
        expect: Expect::Kept("unknown-shape"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_those_that_there_are() {
        let of = |start, end, step| {
            let range = Range { axis: 0, start: Extent::Number(start), end: Extent::Number(end), step: Some(step) };
            positions(&range, Dim::Known(4)).map(|(positions, _)| positions)
        };
        assert_eq!(of(0, 100, 1), Some(vec![0, 1, 2, 3]));
        assert_eq!(of(-3, -1, 1), Some(vec![1, 2]));
        assert_eq!(of(1, 4, 2), Some(vec![1, 3]));
        assert_eq!(of(100, -100, -1), Some(vec![3, 2, 1, 0]));
        assert_eq!(of(-2, 0, -1), Some(vec![2, 1]));
        assert_eq!(of(3, -100, -2), Some(vec![3, 1]));
        assert_eq!(of(0, 4, 0), None);
    }

    #[test]
    fn a_range_to_the_extent_of_its_axis_is_whole() {
        let of = |start, end, step| Range { axis: 1, start: Extent::Number(start), end, step };
        let axis = Dim::Symbol(3);
        assert!(is_whole(&of(0, Extent::Symbol(3), Some(1)), axis));
        assert!(!is_whole(&of(0, Extent::Symbol(4), Some(1)), axis), "the extent of another axis");
        assert!(!is_whole(&of(1, Extent::Symbol(3), Some(1)), axis));
        assert!(!is_whole(&of(0, Extent::Symbol(3), Some(2)), axis));
        assert!(!is_whole(&of(0, Extent::Symbol(3), None), axis));
        assert!(is_whole(&of(0, Extent::Number(i64::from(i32::MAX)), Some(1)), axis));
        assert!(!is_whole(&of(0, Extent::Number(i64::from(i32::MAX) - 1), Some(1)), axis));
    }
}
