//! DepthToSpace, opset 1 to 13: blocks of channels become blocks of positions (Shi et al. 2016).

use super::{NEWEST_OPSET, Operator, Stop, positive};
use crate::law::{Carry, Lane, Law, Pairs, Passes, Reason};
use crate::model::{Dim, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "DepthToSpace",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "where the channels of a block share a map: hands maps on",
    read,
    shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let channels = node.shape(0)?.dim(1).known().and_then(|c| usize::try_from(c).ok()).ok_or(Reason::UnknownShape)?;
    let block = positive(node.int("blocksize", 0)?)?;
    let block = block.checked_mul(block).and_then(|b| usize::try_from(b).ok()).ok_or(Reason::Attribute)?;
    if channels % block != 0 {
        return Err(Reason::Attribute.into());
    }
    let groups = channels / block;
    let of = match node.string("mode")?.as_str() {
        "" | "DCR" => |channel: usize, groups: usize, _: usize| channel % groups,
        "CRD" => |channel: usize, _: usize, block: usize| channel / block,
        _ => return Err(Reason::Attribute.into()),
    };
    let pairs = (0..channels).map(|channel| (channel, of(channel, groups, block))).collect();
    let lanes = vec![Lane::same(0), Lane { input: 1, output: 1, pairs: Pairs::List(pairs, channels, groups) }];
    Ok(Law::Carry(Carry::one(lanes, Passes::ALL)))
}

fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let x = node.input(0)?.shape.as_deref().filter(|s| s.rank() == 4)?;
    let block = u64::try_from(node.int("blocksize", 0).ok()?).ok().filter(|b| *b > 0)?;
    let times = |d: Dim| d.known().and_then(|d| d.checked_mul(block)).map_or(Dim::Unknown, Dim::Known);
    let channels = x.dim(1).known().and_then(|c| c.checked_div(block.checked_mul(block)?)).map_or(Dim::Unknown, Dim::Known);
    Some(Shape(vec![x.dim(0), channels, times(x.dim(2)), times(x.dim(3))]))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, DCR",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[] y)
            <float[12,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = DepthToSpace <blocksize = 2> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "DepthToSpace"] },
    },
    Sample {
        name: "backward, CRD",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[] y)
            <float[12,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = DepthToSpace <blocksize = 2, mode = "CRD"> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "DepthToSpace"] },
    },
    Sample {
        name: "forward, channels of a block differ",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,4,2,2] x) => (float[] y)
            <float[2,1,1,1] w = dyadic(1), float[4,1,1] k = {1, 2, 4, 8}>
            { n = Mul (x, k)
              p = DepthToSpace <blocksize = 2> (n)
              y = Conv (p, w) }"#,
        expect: Expect::Kept("other-axis"),
    },
];
