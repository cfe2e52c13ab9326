//! LayerNormalization, opset 17: over the last axes; scale and bias have a number for each of their positions (Ba et al. 2016).

use super::{NEWEST_OPSET, Operator, Stop, same_shape};
use crate::law::{Law, Reason, Sees, Tail};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "LayerNormalization",
    opsets: 17..=NEWEST_OPSET,
    always_listed: false,
    summary: "behind it: scale and shift; before it: shifts along other axes",
    read,
    shape: same_shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let shape = node.shape(0)?;
    let first = super::shapes::normal(node.int("axis", -1)?, shape.rank()).ok_or(Reason::Attribute)?;
    node.constant(1)?;
    // A shift is seen where the mean is an output.
    let sees = if node.outputs.get(1) == Some(&true) { Sees::All } else { Sees::From(first) };
    let rank = shape.rank() - first;
    Ok(Law::Tail(Tail { scale: 1, bias: Some((2, node.input(2).is_some())), optional: true, rank, first, shared: 1, sees }))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "behind, through a transposition",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,1] x) => (float[] y)
            <float half = {0.5}, float[2] gamma = dyadic(1), float[2] beta = dyadic(6), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { a = Clip (x, half)
              c = Neg (a)
              d = Concat <axis = 2> (a, c)
              n = LayerNormalization <epsilon = 0.0> (d, gamma, beta)
              t = Transpose <perm = [0, 2, 1]> (n)
              y = BatchNormalization <epsilon = 0.0> (t, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Clip", "Neg", "Concat", "LayerNormalization", "Transpose"] },
    },
    Sample {
        name: "behind, over two axes, a bias is new",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,1] x) => (float[] y)
            <float half = {0.5}, float[3,2] gamma = dyadic(1), float[3,1] k = dyadic(2), float[3,1] j = dyadic(3)>
            { a = Clip (x, half, half)
              c = Neg (a)
              d = Concat <axis = 2> (a, c)
              n = LayerNormalization <epsilon = 0.0, axis = -2> (d, gamma)
              p = Mul (n, k)
              y = Add (p, j) }"#,
        expect: Expect::Folded { left: &["Clip", "Neg", "Concat", "LayerNormalization"] },
    },
    Sample {
        name: "before, a shift along another axis",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,1] x) => (float[] y)
            <float half = {0.5}, float[2] gamma = dyadic(1), float[2] beta = dyadic(6), float[3,1] k = dyadic(2)>
            { a = Clip (x, half)
              c = Neg (a)
              d = Concat <axis = 2> (a, c)
              e = Add (d, k)
              y = LayerNormalization <epsilon = 0.0> (e, gamma, beta) }"#,
        expect: Expect::Folded { left: &["Clip", "Neg", "Concat", "LayerNormalization"] },
    },
    Sample {
        name: "before, a scale",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[] y)
            <float[4] gamma = dyadic(1), float[3,1] k = dyadic(2)>
            { e = Mul (x, k)
              y = LayerNormalization (e, gamma) }"#,
        expect: Expect::Kept("statistics-of-scale"),
    },
    Sample {
        name: "before, a shift along the normalised axis",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[] y)
            <float[4] gamma = dyadic(1), float[4] k = dyadic(2)>
            { e = Add (x, k)
              y = LayerNormalization (e, gamma) }"#,
        expect: Expect::Kept("other-axis"),
    },
];
