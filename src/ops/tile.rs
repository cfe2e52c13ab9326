//! Tile, opset 6 to 13: the value again and again along each axis.

use super::{NEWEST_OPSET, Operator, Stop};
use crate::law::{Carry, Lane, Law, Pairs, Passes, Reason};
use crate::map::MOST_CHANNELS;
use crate::model::{Dim, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Tile",
    opsets: 6..=NEWEST_OPSET,
    always_listed: false,
    summary: "repeats maps before it; hands maps behind it on where copies share one",
    read,
    shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let shape = node.shape(0)?;
    let repeats = node.elements.integers(1)?;
    if repeats.len() != shape.rank() {
        return Err(Reason::Attribute.into());
    }
    let lane = |(axis, repeats): (usize, &i64)| match (repeats, shape.dim(axis).known()) {
        (1, _) => Some(Lane::same(axis)),
        (repeats, Some(extent)) => {
            let extent = usize::try_from(extent).ok()?;
            let all = extent.checked_mul(usize::try_from(*repeats).ok()?).filter(|all| *all <= MOST_CHANNELS)?;
            let pairs = (0..all).map(|output| (output % extent, output)).collect();
            Some(Lane { input: axis, output: axis, pairs: Pairs::List(pairs, extent, all) })
        }
        _ => None,
    };
    Ok(Law::Carry(Carry::one(repeats.iter().enumerate().filter_map(lane).collect(), Passes::ALL)))
}

fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let mut shape = node.input(0)?.owned_shape()?;
    let Ok(repeats) = node.elements.integers(1) else { return Some(Shape::of_rank(shape.rank())) };
    for (dim, repeats) in shape.0.iter_mut().zip(&repeats).filter(|(_, repeats)| **repeats != 1) {
        let all = dim.known().and_then(|d| d.checked_mul(u64::try_from(*repeats).ok()?));
        *dim = all.map_or(Dim::Unknown, Dim::Known);
    }
    Some(shape)
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "forward, channels and positions",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2] x) => (float[] y)
            <float[2,6,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[3] times = {1, 2, 3}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Tile (n, times)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Tile", "Conv"] },
    },
    Sample {
        name: "backward, positions alone",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[4] times = {2, 1, 1, 2}>
            { c = Conv (x, w)
              p = Tile (c, times)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Tile"] },
    },
    Sample {
        name: "backward, copies with other maps",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4] x) => (float[] y)
            <float[1,2,1] w = dyadic(1), float[2,1] k = {2, 1}, int64[3] times = {1, 2, 1}>
            { c = Conv (x, w)
              p = Tile (c, times)
              y = Mul (p, k) }"#,
        expect: Expect::Kept("other-axis"),
    },
];
