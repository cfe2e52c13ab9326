//! GlobalMaxPool, opset 1 to 22: the largest of each channel.

use super::{NEWEST_OPSET, Operator, Stop, shapes};
use crate::law::{Carry, Law, Passes, Reason};
use crate::model::{Dim, NodeView};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "GlobalMaxPool",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "hands rising maps on",
    read,
    shape: shapes::global,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let empty = |dim: &Dim| *dim == Dim::Known(0);
    if node.input(0).and_then(|x| x.shape.as_deref()).is_some_and(|shape| shape.0.iter().any(empty)) {
        return Err(Reason::WindowOfPadding.into());
    }
    Ok(Law::Carry(Carry::channels(Passes::RISING)))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = GlobalMaxPool (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "GlobalMaxPool"] },
    },
    Sample {
        name: "forward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = GlobalMaxPool (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["GlobalMaxPool", "Conv"] },
    },
    Sample {
        name: "of nothing",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,0,4] x) => (float[] y)
            <float[2,1,1] k = square(2)>
            { m = Mul (x, k)
              y = GlobalMaxPool (m) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
    Sample {
        name: "of windows that all see nothing but padding",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,1] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] k = square(2)>
            { a = MaxPool <kernel_shape = [2,2], dilations = [2,2], pads = [1,1,1,1]> (x)
              p = GlobalMaxPool (a)
              m = Mul (p, k)
              y = Conv (m, w) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
    Sample {
        name: "behind a Pad of the lowest number beside all positions",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] k = square(2), int64[8] pads = {0,0,2,0,0,0,2,2}, float low = {-1e38}>
            { a = Pad (x, pads, low)
              p = GlobalMaxPool (a)
              m = Mul (p, k)
              y = Conv (m, w) }"#,
        expect: Expect::Folded { left: &["Pad", "GlobalMaxPool", "Conv"] },
    },
    Sample {
        name: "behind a Pad of the lowest number that makes channels",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,1,4,4] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] k = square(2), int64[8] pads = {0,1,0,0,0,0,0,0}, float low = {-1e38}>
            { a = Pad (x, pads, low)
              p = GlobalMaxPool (a)
              m = Mul (p, k)
              y = Conv (m, w) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
];
