//! Flatten, opset 1 to 25: two axes, the product of the leading extents and that of the others.

use super::{NEWEST_OPSET, Operator, Stop, regroup, shapes};
use crate::law::Law;
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Flatten",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "hands maps on",
    read,
    shape: shapes::flattened,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    // Behind the first axis, the batch stays what it is even where its extent is not known.
    Ok(regroup::law(node, usize::from(node.int("axis", 1)? == 1)))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, one position per channel",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,1,1] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = Flatten (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Flatten"] },
    },
    Sample {
        name: "forward, every position of a channel",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,3,2,2] x) => (float[] y)
            <float[5,12] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Flatten (n)
              y = Gemm <transB = 1> (p, w) }"#,
        expect: Expect::Folded { left: &["Flatten", "Gemm"] },
    },
];
