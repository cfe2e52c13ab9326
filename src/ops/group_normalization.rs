//! GroupNormalization, opset 18 to 21: over the channels of each group; one scale and bias for each group, from opset 21 on for each channel (Wu and He 2018).

use super::{NEWEST_OPSET, Operator, Stop, same_shape};
use crate::law::{Law, Reason, Sees, Tail};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "GroupNormalization",
    opsets: 18..=NEWEST_OPSET,
    always_listed: false,
    summary: "behind it: scale and shift, before opset 21 where a group shares them; before it: shifts that a group shares",
    read,
    shape: same_shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let &[numbers] = node.constant(1)?.0 else { return Err(Reason::Attribute.into()) };
    let channels = node.shape(0)?.dim(1).known().ok_or(Reason::UnknownShape)?;
    let groups = super::positive(node.int("num_groups", 0)?)?;
    if channels % groups != 0 || numbers != if node.opset < 21 { groups } else { channels } {
        return Err(Reason::Attribute.into());
    }
    let size = usize::try_from(channels / groups).map_err(|_| Reason::Attribute)?;
    let shared = if node.opset < 21 { size } else { 1 };
    Ok(Law::Tail(Tail { scale: 1, bias: Some((2, true)), optional: false, rank: 1, first: 1, shared, sees: Sees::Within(size) }))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "behind, a number for each channel",
        text: r#"<ir_version: 10, opset_import: ["" : 21]>
            g (float[2,2,1] x) => (float[] y)
            <float half = {0.5}, float[2] gamma = dyadic(1), float[2] beta = dyadic(6), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5), float low = {0.5}>
            { a = Clip (x, half, low)
              c = Neg (a)
              d = Concat <axis = 2> (a, c)
              n = GroupNormalization <epsilon = 0.0, num_groups = 1> (d, gamma, beta)
              y = BatchNormalization <epsilon = 0.0> (n, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Clip", "Neg", "Concat", "GroupNormalization"] },
    },
    Sample {
        name: "behind, a number for each group",
        text: r#"<ir_version: 10, opset_import: ["" : 18]>
            g (float[2,4,1] x) => (float[] y)
            <float half = {0.5}, float[2] gamma = dyadic(1), float[2] beta = dyadic(6), float[4,1] k = {2, 2, -1, -1}, float[4,1] j = {3, 3, 5, 5}>
            { a = Clip (x, half, half)
              c = Neg (a)
              d = Concat <axis = 2> (a, c)
              n = GroupNormalization <epsilon = 0.0, num_groups = 2> (d, gamma, beta)
              p = Mul (n, k)
              y = Add (p, j) }"#,
        expect: Expect::Folded { left: &["Clip", "Neg", "Concat", "GroupNormalization"] },
    },
    Sample {
        name: "before, a shift of the groups",
        text: r#"<ir_version: 10, opset_import: ["" : 18]>
            g (float[2,4,1] x) => (float[] y)
            <float half = {0.5}, float[2] gamma = dyadic(1), float[2] beta = dyadic(6), float[4,1] k = {2, 2, -1, -1}>
            { a = Clip (x, half, half)
              c = Neg (a)
              d = Concat <axis = 2> (a, c)
              e = Add (d, k)
              y = GroupNormalization <epsilon = 0.0, num_groups = 2> (e, gamma, beta) }"#,
        expect: Expect::Folded { left: &["Clip", "Neg", "Concat", "GroupNormalization"] },
    },
    Sample {
        name: "behind, other maps for the channels of a group",
        text: r#"<ir_version: 10, opset_import: ["" : 18]>
            g (float[2,4,2] x) => (float[] y)
            <float[2] gamma = dyadic(1), float[2] beta = dyadic(6), float[4,1] k = {2, 1, -1, -1}>
            { n = GroupNormalization <num_groups = 2> (x, gamma, beta)
              y = Mul (n, k) }"#,
        expect: Expect::Kept("other-axis"),
    },
];
