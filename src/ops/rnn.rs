//! RNN, opset 7 to 22: takes maps before it into its input weights (Elman 1990).

use super::{NEWEST_OPSET, Operator, recurrence};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "RNN",
    opsets: 7..=NEWEST_OPSET,
    always_listed: false,
    summary: "before it: scale and shift",
    read: recurrence::read,
    shape: recurrence::shape,
    samples: SAMPLES,
};

const SAMPLES: &[Sample] = &[
    Sample {
        name: "several steps, from the last one on",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[3,2,3] x) => (float[] y)
            <float[1,2,3] w = dyadic(1), float[1,2,2] r = dyadic(2), float[1,4] bias = dyadic(3), float[3] k = dyadic(4), float[3] j = dyadic(5)>
            { n = Mul (x, k)
              m = Add (n, j)
              y = RNN <hidden_size = 2, activations = ["Relu"], direction = "reverse"> (m, w, r, bias) }"#,
        expect: Expect::Folded { left: &["RNN"] },
    },
    Sample {
        name: "a map along the steps",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[3,2,3] x) => (float[] y)
            <float[1,2,3] w = dyadic(1), float[1,2,2] r = dyadic(2), float[3,1,1] k = dyadic(4)>
            { n = Mul (x, k)
              y = RNN <hidden_size = 2> (n, w, r) }"#,
        expect: Expect::Kept("other-axis"),
    },
];
