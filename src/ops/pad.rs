//! Pad, opset 1 to 25. Edge, reflect and wrap repeat what is there, and what is cut off is nothing: every map passes. With a
//! constant `v`, `s·pad(x, v) + t = pad(s·x + t, s·v + t)`: the number must follow, and be one for all channels.

use super::{NEWEST_OPSET, Operator, Stop, shapes};
use crate::double_double::DoubleDouble;
use crate::law::{Carry, Fill, Law, Passes, Reason};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Pad",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "not along the channels: hands maps on, with a constant where it can follow",
    read,
    shape: shapes::padded,
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
    if constant && pads.iter().any(|pad| *pad > 0) {
        let place = if node.opset >= 11 && node.is_constant(2) { Some(2) } else { None };
        carry.fill = Some(Fill { value: value(node)?, place });
    }
    let grows = |axis: usize| axes.iter().position(|a| *a == axis).is_some_and(|at| pads[at] != 0 || pads[at + axes.len()] != 0);
    carry.wires[0].lanes.retain(|lane| !grows(lane.input));
    Ok(Law::Carry(carry))
}

/// How much is put before and behind each of these axes.
fn amounts(node: &NodeView<'_>, rank: usize) -> Result<(Vec<i64>, Vec<usize>), Stop> {
    let pads = match node.opset {
        1 => node.ints("paddings")?.to_vec(),
        2..=10 => node.ints("pads")?.to_vec(),
        _ => node.elements.integers(1)?,
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
        *sides.get_mut(*axis)? = (*pads.get(at)?, *pads.get(at + axes.len())?);
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
