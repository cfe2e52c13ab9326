//! Where, opset 9 to 16: each element from one of two values. A map behind it goes to both, the condition stays.

use super::{NEWEST_OPSET, Operator, Stop, shapes, value_operands};
use crate::law::{Carry, Law, Passes, Reason, Together};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Where",
    opsets: 9..=NEWEST_OPSET,
    always_listed: false,
    summary: "hands maps behind it on to both values",
    read,
    shape: shapes::broadcast,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    if node.inputs.len() != 3 {
        return Err(Reason::Attribute.into());
    }
    let wires = value_operands::wires(node, 1..3)?;
    Ok(Law::Carry(Carry::of(wires, Passes::ALL, Together::Choice)))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, into two convolutions",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x, bool[1,1,4,4] which) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3,2,4,4] u = dyadic(8), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              d = Conv (x, u)
              p = Where (which, c, d)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Conv", "Where"] },
    },
    Sample {
        name: "a map before one of two",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x, float[1,3,4,4] z, bool[4] which) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Where (which, n, z)
              y = Conv (p, w) }"#,
        expect: Expect::Kept("part-of-value"),
    },
];
