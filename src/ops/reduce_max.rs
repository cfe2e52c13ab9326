//! ReduceMax, opset 1 to 20: the largest number along axes. It commutes with rising maps of the others.

use super::{NEWEST_OPSET, Operator, Stop, shapes};
use crate::law::Law;
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "ReduceMax",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "not along the channels: hands rising maps on",
    read,
    shape: shapes::reduced,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    shapes::extreme(node).map(Law::Carry)
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, of positions",
        text: r#"<ir_version: 8, opset_import: ["" : 18]>
            g (float[N,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[2] axes = {2, -1}>
            { c = Conv (x, w)
              p = ReduceMax <keepdims = 0> (c, axes)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "ReduceMax"] },
    },
    Sample {
        name: "forward, axes by an attribute",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = ReduceMax <axes = [2]> (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["ReduceMax", "Conv"] },
    },
    Sample {
        name: "a falling scale",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3,1,1] k = {2, -1, 0.5}>
            { c = Conv (x, w)
              p = ReduceMax <axes = [2,3]> (c)
              y = Mul (p, k) }"#,
        expect: Expect::Kept("falling-scale"),
    },
    Sample {
        name: "of nothing at all, perhaps",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,H,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3,1,1] k = positive(2)>
            { c = Conv (x, w)
              p = ReduceMax <axes = [2]> (c)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["Conv", "ReduceMax"] },
    },
    Sample {
        name: "along the channels",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3,1,1] k = positive(2)>
            { c = Conv (x, w)
              m = Mul (c, k)
              y = ReduceMax <axes = [1]> (m) }"#,
        expect: Expect::Folded { left: &["Conv", "ReduceMax"] },
    },
    Sample {
        name: "not along the axis beside which a Pad has put the lowest number",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] k = square(2), int64[8] pads = {0,0,0,1,0,0,0,1}, float low = {-1e38}>
            { a = Pad (x, pads, low)
              p = ReduceMax <axes = [2]> (a)
              m = Mul (p, k)
              y = Conv (m, w) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
];
