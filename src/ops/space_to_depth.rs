//! SpaceToDepth, opset 1 to 13: blocks of positions become blocks of channels.

use super::{NEWEST_OPSET, Operator, Stop, positive};
use crate::law::{Carry, Lane, Law, Pairs, Passes, Reason};
use crate::map::MOST_CHANNELS;
use crate::model::{Dim, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "SpaceToDepth",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "repeats maps before it; hands maps behind it on where the channels of a block share one",
    read,
    shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let channels = node.shape(0)?.dim(1).known().and_then(|c| usize::try_from(c).ok()).ok_or(Reason::UnknownShape)?;
    let block = positive(node.int("blocksize", 0)?)?;
    let copies = block.checked_mul(block).and_then(|b| usize::try_from(b).ok()).ok_or(Reason::Attribute)?;
    let all = channels.checked_mul(copies).filter(|all| *all <= MOST_CHANNELS).ok_or(Reason::Attribute)?;
    // Positions of a block count outside, channels inside.
    let pairs = (0..all).map(|output| (output % channels, output)).collect();
    let lanes = vec![Lane::same(0), Lane { input: 1, output: 1, pairs: Pairs::List(pairs, channels, all) }];
    Ok(Law::Carry(Carry::one(lanes, Passes::ALL)))
}

fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let x = node.input(0)?.shape.as_deref().filter(|s| s.rank() == 4)?;
    let block = u64::try_from(node.int("blocksize", 0).ok()?).ok().filter(|b| *b > 0)?;
    let part = |d: Dim| d.known().map_or(Dim::Unknown, |d| Dim::Known(d / block));
    let copies = block.checked_mul(block)?;
    let channels = x.dim(1).known().and_then(|c| c.checked_mul(copies)).map_or(Dim::Unknown, Dim::Known);
    Some(Shape(vec![x.dim(0), channels, part(x.dim(2)), part(x.dim(3))]))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "forward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,2] x) => (float[] y)
            <float[2,12,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = SpaceToDepth <blocksize = 2> (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["SpaceToDepth", "Conv"] },
    },
    Sample {
        name: "backward, one map for all channels of a block",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[8,1,1] k = {2, -1, 2, -1, 2, -1, 2, -1}>
            { c = Conv (x, w)
              p = SpaceToDepth <blocksize = 2> (c)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["Conv", "SpaceToDepth"] },
    },
    Sample {
        name: "backward, other maps for the channels of a block",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[8,1,1] k = {2, 2, 2, 2, -1, -1, -1, -1}>
            { c = Conv (x, w)
              p = SpaceToDepth <blocksize = 2> (c)
              y = Mul (p, k) }"#,
        expect: Expect::Kept("other-axis"),
    },
];
