//! ReduceSum, opset 1 to 13: the sum along axes; a shift grows by the number of terms.

use super::{NEWEST_OPSET, Operator, Stop, shapes};
use crate::law::{Law, Passes, Reason};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "ReduceSum",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "not along the channels: hands maps on, shifts where extents are known",
    read,
    shape: shapes::reduced,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let shift = shapes::terms(node).map(|count| count as f64).ok_or(Reason::UnknownShape);
    shapes::reduction(node, Passes { falling: Ok(()), shift }).map(Law::Carry)
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[2] axes = {2, 3}>
            { c = Conv (x, w)
              p = ReduceSum <keepdims = 0> (c, axes)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "ReduceSum"] },
    },
    Sample {
        name: "forward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4,4] x) => (float[] y)
            <float[3,2] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[2] axes = {2, 3}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = ReduceSum <keepdims = 0> (n, axes)
              y = MatMul (p, w) }"#,
        expect: Expect::Folded { left: &["ReduceSum", "Gemm"] },
    },
];
