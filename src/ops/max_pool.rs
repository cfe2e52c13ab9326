//! MaxPool, opset 1 to 22: the largest of a window. It commutes with rising maps; padding never wins.

use super::{NEWEST_OPSET, Operator, Stop, rank, shapes};
use crate::law::{Carry, Law, Passes, Reason};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "MaxPool",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "without indices: hands rising maps on",
    read,
    shape: shapes::pooled,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    if node.connected_outputs() != 1 {
        return Err(Reason::UnknownOperator.into());
    }
    let mut carry = Carry::unary(rank(node, 0), Passes { falling: Err(Reason::FallingScale), shift: Ok(1.0) });
    // Along the axes that are pooled, positions do not correspond.
    carry.wires[0].lanes.truncate(2);
    Ok(Law::Carry(carry))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = MaxPool <kernel_shape = [2,2], pads = [1,1,0,0]> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "MaxPool"] },
    },
    Sample {
        name: "forward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["MaxPool", "Conv"] },
    },
    Sample {
        name: "a falling map",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = {1, -1, 2}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = MaxPool <kernel_shape = [2,2]> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Kept("falling-scale"),
    },
];
