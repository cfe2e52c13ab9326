//! Sum, opset 1 to 13: a sum of values of one shape.

use super::{NEWEST_OPSET, Operator, Stop, add, shapes, value_operands};
use crate::law::Law;
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Sum",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "of values of one shape: hands scales to all of them and a shift to the first; of a constant and a value: as Add",
    read,
    shape: shapes::broadcast,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    match node.inputs.len() {
        2 => add::read(node),
        _ => value_operands::sum(node).map(Law::Carry),
    }
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, into two convolutions",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x, float[1,2,4,4] z) => (float[1,3,4,4] y)
            <float[3,2,1,1] w = dyadic(1), float[3,2,1,1] u = dyadic(8), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              d = Conv (z, u)
              p = Sum (c, d)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Conv", "Sum"] },
    },
    Sample {
        name: "a scale before one of two",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x, float[1,3,4,4] z) => (float[1,2,4,4] y)
            <float[2,3,1,1] w = dyadic(1), float[3,1,1] k = dyadic(2)>
            { n = Mul (x, k)
              p = Sum (n, z)
              y = Conv (p, w) }"#,
        expect: Expect::Kept("part-of-value"),
    },
    Sample {
        name: "of a value and a constant",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[1,2,4,4] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] a = dyadic(2), float[2,1,1] b = dyadic(3), float[2,1,1] k = dyadic(4)>
            { n = Sum (a, x)
              c = Conv (n, w)
              p = Sum (c, b)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "of several values and a constant, which a shift passes",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x, float[1,2,4,4] z) => (float[1,2,4,4] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] a = dyadic(2), float[2,1,1] b = dyadic(3)>
            { c = Conv (x, w)
              p = Sum (c, b, z)
              y = Add (p, a) }"#,
        expect: Expect::Folded { left: &["Conv", "Sum"] },
    },
];
