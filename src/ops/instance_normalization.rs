//! InstanceNormalization, opset 6 to 22: over the positions of each channel (Ulyanov et al. 2016).

use super::{NEWEST_OPSET, Operator, Stop, same_shape};
use crate::law::{Law, Reason, Sees, Tail};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "InstanceNormalization",
    opsets: 6..=NEWEST_OPSET,
    always_listed: false,
    summary: "behind it: scale and shift; before it: shifts",
    read,
    shape: same_shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let [_] = node.constant(1)?.0 else { return Err(Reason::Attribute.into()) };
    Ok(Law::Tail(Tail { scale: 1, bias: Some((2, true)), optional: false, rank: 1, first: 1, shared: 1, sees: Sees::Within(1) }))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "behind",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,1] x) => (float[] y)
            <float half = {0.5}, float[3] gamma = dyadic(1), float[3] beta = dyadic(6), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { a = Clip (x, half)
              c = Neg (a)
              d = Concat <axis = 2> (a, c)
              n = InstanceNormalization <epsilon = 0.0> (d, gamma, beta)
              y = BatchNormalization <epsilon = 0.0> (n, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Clip", "Neg", "Concat", "InstanceNormalization"] },
    },
    Sample {
        name: "before, a shift of the channels",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,1] x) => (float[] y)
            <float half = {0.5}, float[3] gamma = dyadic(1), float[3] beta = dyadic(6), float[3,1] k = dyadic(2)>
            { a = Clip (x, half)
              c = Neg (a)
              d = Concat <axis = 2> (a, c)
              e = Add (d, k)
              y = InstanceNormalization <epsilon = 0.0> (e, gamma, beta) }"#,
        expect: Expect::Folded { left: &["Clip", "Neg", "Concat", "InstanceNormalization"] },
    },
    Sample {
        name: "before, a shift of the positions",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[] y)
            <float[3] gamma = dyadic(1), float[3] beta = dyadic(6), float[4] k = dyadic(2)>
            { e = Add (x, k)
              y = InstanceNormalization (e, gamma, beta) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "before, one number",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,1] x) => (float[] y)
            <float half = {0.5}, float two = {2}, float[3] gamma = dyadic(1), float[3] beta = dyadic(6)>
            { a = Clip (x, half)
              c = Neg (a)
              d = Concat <axis = 2> (a, c)
              e = Add (d, two)
              y = InstanceNormalization <epsilon = 0.0> (e, gamma, beta) }"#,
        expect: Expect::Folded { left: &["Clip", "Neg", "Concat", "InstanceNormalization"] },
    },
];
