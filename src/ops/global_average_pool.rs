//! GlobalAveragePool, opset 1 to 22: the mean of each channel (Lin, Chen and Yan 2013).

use super::{NEWEST_OPSET, Operator, Stop, rank, shapes};
use crate::law::{Carry, Law, Passes};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "GlobalAveragePool",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "hands maps on",
    read,
    shape: shapes::global,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let mut carry = Carry::unary(rank(node, 0), Passes::ALL);
    carry.wires[0].lanes.truncate(2);
    Ok(Law::Carry(carry))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = GlobalAveragePool (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "GlobalAveragePool"] },
    },
    Sample {
        name: "forward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = GlobalAveragePool (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["GlobalAveragePool", "Conv"] },
    },
];
