//! LSTM, opset 7 to 22: takes maps before it into its input weights (Hochreiter and Schmidhuber 1997).

use super::{NEWEST_OPSET, Operator, recurrence};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "LSTM",
    opsets: 7..=NEWEST_OPSET,
    always_listed: false,
    summary: "before it: scale and shift",
    read: recurrence::read,
    shape: recurrence::shape,
    samples: SAMPLES,
};

const SAMPLES: &[Sample] = &[
    Sample {
        name: "two directions, a bias",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3] x) => (float[] y)
            <float[2,8,3] w = dyadic(1), float[2,8,2] r = dyadic(2), float[2,16] bias = dyadic(3), float[3] k = dyadic(4), float[3] j = dyadic(5)>
            { n = Mul (x, k)
              m = Add (n, j)
              y = LSTM <hidden_size = 2, direction = "bidirectional"> (m, w, r, bias) }"#,
        expect: Expect::Folded { left: &["LSTM"] },
    },
    Sample {
        name: "without a bias, behind a transposition",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,1] x) => (float[] y)
            <float[1,8,3] w = dyadic(1), float[1,8,2] r = dyadic(2), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Transpose <perm = [2, 0, 1]> (n)
              y = LSTM <hidden_size = 2> (p, w, r) }"#,
        expect: Expect::Folded { left: &["Transpose", "LSTM"] },
    },
    Sample {
        name: "nothing reaches it from behind",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3] x) => (float[] y)
            <float[1,8,3] w = dyadic(1), float[1,8,2] r = dyadic(2), float[] k = {2}>
            { p = LSTM <hidden_size = 2> (x, w, r)
              y = Mul (p, k) }"#,
        expect: Expect::Kept("unknown-operator"),
    },
];
