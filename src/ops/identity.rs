//! Identity, opset 1 to 25: hands its input on.

use super::{NEWEST_OPSET, Operator, rank, same_shape};
use crate::law::{Carry, Law, Passes};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Identity",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "hands maps on",
    read: |node| Ok(Law::Carry(Carry::unary(rank(node, 0), Passes::ALL))),
    shape: same_shape,
    samples: SAMPLES,
};

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              i = Identity (c)
              y = BatchNormalization <epsilon = 0.0> (i, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Identity"] },
    },
    Sample {
        name: "forward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              i = Identity (n)
              y = Conv (i, w) }"#,
        expect: Expect::Folded { left: &["Identity", "Conv"] },
    },
];
