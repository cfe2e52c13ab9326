//! Pad, opset 1 to 25. Edge, reflect and wrap repeat what is there, and what is cut off is nothing: every map passes. With a
//! constant `v`, `s·pad(x, v) + t = pad(s·x + t, s·v + t)`: the number must follow, and be one for all channels.

use super::{NEWEST_OPSET, Operator, Stop, extents, shapes};
use crate::double_double::DoubleDouble;
use crate::law::{Carry, Fill, Law, Passes, Reason};
use crate::model::{Dim, Extent, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Pad",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "not along the channels: hands maps on, with a constant where it can follow; amounts may be computed from shapes",
    read,
    shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let rank = node.shape(0)?.rank();
    let (pads, axes) = amounts(node, rank)?;
    let constant = match node.string("mode")?.as_str() {
        "" | "constant" => true,
        "edge" | "reflect" | "wrap" => false,
        _ => return Err(Reason::Attribute.into()),
    };
    let mut carry = Carry::unary(Some(rank), Passes::ALL);
    if constant && pads.iter().any(|pad| !matches!(pad, Extent::Number(..=0))) {
        let place = if node.opset >= 11 && node.is_constant(2) { Some(2) } else { None };
        carry.fill = Some(Fill { value: value(node)?, place });
    }
    let grows =
        |axis: usize| axes.iter().position(|a| *a == axis).is_some_and(|at| pads[at] != NONE || pads[at + axes.len()] != NONE);
    carry.wires[0].lanes.retain(|lane| !grows(lane.input));
    let known = pads.iter().all(|pad| matches!(pad, Extent::Number(_)));
    Ok(Law::Carry(if known { carry } else { carry.with_unknown_axes() }))
}

/// Nothing is put there.
const NONE: Extent = Extent::Number(0);

/// How much is put before and behind each of these axes, as far as that is known.
fn amounts(node: &NodeView<'_>, rank: usize) -> Result<(Vec<Extent>, Vec<usize>), Stop> {
    let numbers = |list: &[i64]| list.iter().map(|number| Extent::Number(*number)).collect();
    let pads: Vec<Extent> = match node.opset {
        1 => numbers(node.ints("paddings")?),
        2..=10 => numbers(node.ints("pads")?),
        _ => extents::given(node, 1).ok_or(Reason::UnknownShape)?,
    };
    let axes = match node.input(3) {
        Some(_) if node.opset >= 18 => node.elements.integers(3)?,
        _ => (0..rank as i64).collect(),
    };
    let axes = axes.iter().map(|a| shapes::normal(*a, rank)).collect::<Option<Vec<usize>>>().ok_or(Reason::Attribute)?;
    if pads.len() != 2 * axes.len() {
        return Err(Reason::Attribute.into());
    }
    Ok((pads, axes))
}

/// Axes that are padded have another extent.
fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let mut shape = node.input(0)?.owned_shape()?;
    let Ok((pads, axes)) = amounts(node, shape.rank()) else { return Some(Shape::of_rank(shape.rank())) };
    for (at, axis) in axes.iter().enumerate() {
        let more = match (pads[at], pads[at + axes.len()]) {
            (NONE, NONE) => continue,
            (Extent::Number(before), Extent::Number(behind)) => before.checked_add(behind),
            _ => None,
        };
        let padded = shape.dim(*axis).known().zip(more).and_then(|(extent, more)| extent.checked_add_signed(more));
        shape.0[*axis] = padded.map_or(Dim::Unknown, Dim::Known);
    }
    Some(shape)
}

/// The constant, and how much of it is put before and behind each axis.
pub(super) fn padding(node: &NodeView<'_>) -> Option<(f64, Vec<(i64, i64)>)> {
    let rank = node.shape(0).ok()?.rank();
    if !matches!(node.string("mode").ok()?.as_str(), "" | "constant") {
        return None;
    }
    let number = value(node).ok()?.nearest();
    let (pads, axes) = amounts(node, rank).ok()?;
    let mut sides = vec![(0, 0); rank];
    for (at, axis) in axes.iter().enumerate() {
        // An amount that is not known may be any.
        let number = |at: usize| match pads.get(at) {
            Some(Extent::Number(number)) => *number,
            _ => i64::MAX,
        };
        *sides.get_mut(*axis)? = (number(at), number(at + axes.len()));
    }
    Some((number, sides))
}

fn value(node: &NodeView<'_>) -> Result<DoubleDouble, Stop> {
    match (node.opset, node.input(2)) {
        (..=10, _) => Ok(f64::from(node.float("value", 0.0)?).into()),
        (_, None) => Ok(DoubleDouble::ZERO),
        (_, Some(_)) => Ok(node.elements.floats(2)?.first().copied().unwrap_or_default()),
    }
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, edges repeated",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[8] pads = {0,0,1,1,0,0,1,1}>
            { c = Conv (x, w)
              p = Pad <mode = "edge"> (c, pads)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Pad"] },
    },
    Sample {
        name: "forward, zeros and a scale",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[1,3,1,1] k = positive(2), int64[8] pads = {0,0,1,1,0,0,1,1}>
            { n = Mul (x, k)
              p = Pad (n, pads)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Pad", "Conv"] },
    },
    Sample {
        name: "forward, a number that follows a map of all channels",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[] mean = {0.5}, float[] deviation = {0.25}, float[] fill = {3}, int64[8] pads = {0,0,1,1,0,0,1,1}>
            { c = Sub (x, mean)
              d = Div (c, deviation)
              p = Pad (d, pads, fill)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Pad", "Conv"] },
    },
    Sample {
        name: "backward, a number that follows",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = {1, 2, -1}, float[3] b = {-1, -3, 3}, float[3] m = {0, 0, 0}, float[3] v = {1, 1, 1}, float[] fill = {1}, int64[8] pads = {0,0,1,1,0,0,0,-1}>
            { c = Conv (x, w)
              p = Pad (c, pads, fill)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Kept("counted-padding"),
    },
    Sample {
        name: "backward, a number that is the same for all channels before",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = {1, 2, -1}, float[3] b = {1, 0, 3}, float[3] m = {0, 0, 0}, float[3] v = {1, 1, 1}, float[] fill = {1}, int64[8] pads = {0,0,1,1,0,0,0,-1}>
            { c = Conv (x, w)
              p = Pad (c, pads, fill)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Pad"] },
    },
    Sample {
        name: "nothing but cutting off",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[8] pads = {0,0,0,-1,0,0,-1,0}>
            { c = Conv (x, w)
              p = Pad (c, pads)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Pad"] },
    },
    Sample {
        name: "zeros and a shift",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = {2, -0.5, 1}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 4, 0.25}, int64[8] pads = {0,0,1,1,0,0,1,1}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Pad (n, pads)
              y = Conv (p, w) }"#,
        expect: Expect::Partly { reason: "counted-padding", left: &["Add", "Pad", "Conv"] },
    },
    Sample {
        name: "backward, a scale; amounts are computed in pairs as rows, from the last axis on",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,2,H,W] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3,1,1] k = dyadic(2), int64[1] zero = {0}, int64[1] two = {2}, int64[1] three = {3}, int64[1] four = {4}, int64[1] back = {-1}, int64[1] far = {-9223372036854775807}, int64[2] pairs = {-1, 2}, int64[1] rest = {4}>
            { c = Conv (x, w)
              e = Shape (c)
              h = Gather (e, two)
              d = Sub (four, h)
              l = Concat <axis = 0> (zero, d, zero, d)
              f = ConstantOfShape <value = int64[1] {0}> (rest)
              a = Concat <axis = 0> (l, f)
              r = Reshape (a, pairs)
              u = Slice (r, back, far, zero, back)
              t = Transpose <perm = [1,0]> (u)
              g = Reshape (t, back)
              p = Pad (c, g)
              y = Mul (p, k) }"#,
        expect: Expect::Folded {
            left: &[
                "Conv",
                "Shape",
                "Gather",
                "Sub",
                "Concat",
                "ConstantOfShape",
                "Concat",
                "Reshape",
                "Slice",
                "Transpose",
                "Reshape",
                "Pad",
            ],
        },
    },
    Sample {
        name: "a shift; amounts are computed",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,2,H,3] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3,1,1] k = dyadic(2), int64[1] zero = {0}, int64[1] two = {2}, int64[1] four = {4}, int64[7] none = {0,0,0,0,0,0,0}>
            { c = Conv (x, w)
              e = Shape (c)
              h = Gather (e, two)
              d = Sub (four, h)
              a = Concat <axis = 0> (none, d)
              p = Pad (c, a)
              y = Add (p, k) }"#,
        expect: Expect::Kept("counted-padding"),
    },
    Sample {
        name: "forward, a map of a value beside which the lowest number stands",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] k = square(2), int64[8] pads = {0,0,1,1,0,0,1,1}, float low = {-1e38}>
            { a = Pad (x, pads, low)
              m = Mul (a, k)
              y = Conv (m, w) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
];
