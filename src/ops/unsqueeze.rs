//! Unsqueeze, opset 1 to 25: puts in axes of extent one.

use super::{NEWEST_OPSET, Operator, Stop, regroup, shapes};
use crate::law::Law;
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Unsqueeze",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "hands maps on",
    read,
    shape: shapes::unsqueezed,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    Ok(regroup::law(node, 0))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4] x) => (float[] y)
            <float[4,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[1] axes = {2}>
            { c = Gemm (x, w)
              p = Unsqueeze (c, axes)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Gemm", "Unsqueeze"] },
    },
    Sample {
        name: "forward, axes by an attribute",
        text: r#"<ir_version: 8, opset_import: ["" : 12]>
            g (float[2,3] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Unsqueeze <axes = [2,3]> (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Unsqueeze", "Conv"] },
    },
];
