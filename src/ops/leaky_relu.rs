//! LeakyRelu, opset 1 to 16: `x` where positive, `alpha·x` elsewhere. It commutes with positive scales (Maas et al. 2013).

use super::{NEWEST_OPSET, Operator, Stop, rank, same_shape};
use crate::law::{Carry, Law, Passes, Reason};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "LeakyRelu",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "hands positive scales on",
    read,
    shape: same_shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let passes = Passes { falling: Err(Reason::FallingScale), shift: Err(Reason::ShiftThroughActivation) };
    Ok(Law::Carry(Carry::unary(rank(node, 0), passes)))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, a positive scale",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[1,3,1,1] k = positive(2)>
            { c = Conv (x, w)
              p = LeakyRelu <alpha = 0.25> (c)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["Conv", "LeakyRelu"] },
    },
    Sample {
        name: "forward, a positive scale",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[1,3,1,1] k = positive(2)>
            { n = Mul (x, k)
              p = LeakyRelu <alpha = 0.25> (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["LeakyRelu", "Conv"] },
    },
    Sample {
        name: "a negative scale",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[1,3,1,1] k = {1, -1, 2}>
            { n = Mul (x, k)
              p = LeakyRelu (n)
              y = Conv (p, w) }"#,
        expect: Expect::Kept("falling-scale"),
    },
];
