//! Relu, opset 1 to 14: `max(0, x)`. It commutes with positive scales (Nair and Hinton 2010).

use super::{NEWEST_OPSET, Operator, Stop, rank, same_shape};
use crate::law::{Carry, Law, Passes};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Relu",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "hands positive scales on",
    read,
    shape: same_shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    Ok(Law::Carry(Carry::unary(rank(node, 0), Passes::POSITIVE_SCALE)))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, a positive scale",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[1,3,1,1] k = positive(2)>
            { c = Conv (x, w)
              p = Relu (c)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["Conv", "Relu"] },
    },
    Sample {
        name: "forward, a positive scale",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[1,3,1,1] k = positive(2)>
            { n = Mul (x, k)
              p = Relu (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Relu", "Conv"] },
    },
    Sample {
        name: "a negative scale",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[1,3,1,1] k = {1, -1, 2}>
            { c = Conv (x, w)
              p = Relu (c)
              y = Mul (p, k) }"#,
        expect: Expect::Kept("falling-scale"),
    },
    Sample {
        name: "a shift",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = Relu (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Partly { reason: "shift-through-activation", left: &["Conv", "Relu", "Sub"] },
    },
];
