//! ReduceMean, opset 1 to 18: the mean along axes.

use super::{NEWEST_OPSET, Operator, Stop, shapes};
use crate::law::{Law, Passes};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "ReduceMean",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "not along the channels: hands maps on",
    read,
    shape: shapes::reduced,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    shapes::reduction(node, Passes::ALL).map(Law::Carry)
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = ReduceMean <axes = [2,3], keepdims = 0> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "ReduceMean"] },
    },
    Sample {
        name: "forward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4,4] x) => (float[] y)
            <float[3,2] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = ReduceMean <axes = [-1,-2], keepdims = 0> (n)
              y = MatMul (p, w) }"#,
        expect: Expect::Folded { left: &["ReduceMean", "Gemm"] },
    },
    Sample {
        name: "along the channels",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,1,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = ReduceMean <axes = [1]> (n)
              y = Conv (p, w) }"#,
        expect: Expect::Kept("other-axis"),
    },
];
