//! GRU, opset 7 to 22: takes maps before it into its input weights; late resets change nothing, for they touch the other half of the bias (Cho et al. 2014).

use super::{NEWEST_OPSET, Operator, recurrence};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "GRU",
    opsets: 7..=NEWEST_OPSET,
    always_listed: false,
    summary: "before it: scale and shift",
    read: recurrence::read,
    shape: recurrence::shape,
    samples: SAMPLES,
};

const SAMPLES: &[Sample] = &[
    Sample {
        name: "resets early",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3] x) => (float[] y)
            <float[1,6,3] w = dyadic(1), float[1,6,2] r = dyadic(2), float[1,12] bias = dyadic(3), float[3] k = dyadic(4), float[3] j = dyadic(5)>
            { n = Mul (x, k)
              m = Add (n, j)
              y = GRU <hidden_size = 2> (m, w, r, bias) }"#,
        expect: Expect::Folded { left: &["GRU"] },
    },
    Sample {
        name: "resets late",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3] x) => (float[] y)
            <float[1,6,3] w = dyadic(1), float[1,6,2] r = dyadic(2), float[1,12] bias = dyadic(3), float[3] k = dyadic(4), float[3] j = dyadic(5)>
            { n = Mul (x, k)
              m = Add (n, j)
              y = GRU <hidden_size = 2, linear_before_reset = 1> (m, w, r, bias) }"#,
        expect: Expect::Folded { left: &["GRU"] },
    },
];
