//! RMSNormalization, opset 23: by the root of the mean of squares over the last axes; there is no bias (Zhang and Sennrich 2019).

use super::{NEWEST_OPSET, Operator, Stop, same_shape};
use crate::law::{Law, Reason, Sees, Tail};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "RMSNormalization",
    opsets: 23..=NEWEST_OPSET,
    always_listed: false,
    summary: "behind it: scale",
    read,
    shape: same_shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let shape = node.shape(0)?;
    let first = super::shapes::normal(node.int("axis", -1)?, shape.rank()).ok_or(Reason::Attribute)?;
    node.constant(1)?;
    let rank = shape.rank() - first;
    Ok(Law::Tail(Tail { scale: 1, bias: None, optional: false, rank, first, shared: 1, sees: Sees::All }))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "behind, a scale",
        text: r#"<ir_version: 11, opset_import: ["" : 23]>
            g (float[2,3,1] x) => (float[] y)
            <float half = {0.5}, float[2] gamma = dyadic(1), float[2] k = dyadic(2)>
            { a = Clip (x, half)
              c = Neg (a)
              d = Concat <axis = 2> (a, c)
              n = RMSNormalization <epsilon = 0.0> (d, gamma)
              y = Mul (n, k) }"#,
        expect: Expect::Folded { left: &["Clip", "Neg", "Concat", "RMSNormalization"] },
    },
    Sample {
        name: "behind, a shift",
        text: r#"<ir_version: 11, opset_import: ["" : 23]>
            g (float[2,3,2] x) => (float[] y)
            <float[2] gamma = dyadic(1), float[2] k = dyadic(2)>
            { n = RMSNormalization (x, gamma)
              y = Add (n, k) }"#,
        expect: Expect::Kept("no-bias"),
    },
    Sample {
        name: "behind, a scale along the first of two axes",
        text: r#"<ir_version: 11, opset_import: ["" : 23]>
            g (float[2,1,1] x) => (float[] y)
            <float half = {0.5}, float[2,1] gamma = dyadic(1), float[2,1] k = dyadic(2)>
            { a = Clip (x, half)
              c = Neg (a)
              d = Concat <axis = 1> (a, c)
              n = RMSNormalization <axis = 1, epsilon = 0.0> (d, gamma)
              y = Mul (n, k) }"#,
        expect: Expect::Folded { left: &["Clip", "Neg", "Concat", "RMSNormalization"] },
    },
];
