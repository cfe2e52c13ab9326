//! Models with constants that are computed: what becomes of them when a fold takes them in, and what is no constant.

mod quantised;

use crate::sample::{Expect, Sample};
use quantised::QUANTISED;

/// Samples of constants that are computed from constants.
pub const SAMPLES: &[Sample] = &joined::<{ COMPUTED.len() + QUANTISED.len() }>();

/// Both lists.
const fn joined<const COUNT: usize>() -> [Sample; COUNT] {
    let mut all = [COMPUTED[0]; COUNT];
    let mut at = 0;
    while at < COUNT {
        all[at] = if at < COMPUTED.len() { COMPUTED[at] } else { QUANTISED[at - COMPUTED.len()] };
        at += 1;
    }
    all
}

const COMPUTED: &[Sample] = &[
    Sample {
        name: "a transposed weight",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { t = Transpose <perm = [1,0,2,3]> (w)
              c = Conv (x, t)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "a transposed weight that another operator reads as well",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y, float[1,3,2,2] z)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { t = Transpose <perm = [1,0,2,3]> (w)
              c = Conv (x, t)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)
              z = Conv (x, t) }"#,
        expect: Expect::Folded { left: &["Transpose", "Conv", "Conv"] },
    },
    Sample {
        name: "a transposed weight that is an output of the graph",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y, float[3,2,1,1] t)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { t = Transpose <perm = [1,0,2,3]> (w)
              c = Conv (x, t)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Transpose", "Conv"] },
    },
    Sample {
        name: "a step between is needed by another operator",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x, float[1,2] q) => (float[1,3,2,2] y, float[1,3] z)
            <float[2,3] w = dyadic(1), float[] two = {2}, int64[4] shape = {3,2,1,1},
             float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { d = Mul (w, two)
              t = Transpose (d)
              r = Reshape (t, shape)
              c = Conv (x, r)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)
              z = Gemm (q, d) }"#,
        expect: Expect::Folded { left: &["Mul", "Conv", "Gemm"] },
    },
    Sample {
        name: "statistics frozen into single steps",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5),
             int64[4] column = {1,-1,1,1}, float[] zero = {0}, float[] one = {1}>
            { c = Conv (x, w)
              s1 = Reshape (s, column)
              b1 = Reshape (b, column)
              v1 = Reshape (v, column)
              m1 = Reshape (m, column)
              v2 = Add (v1, zero)
              d = Sqrt (v2)
              r = Div (one, d)
              k = Mul (s1, r)
              n = Mul (m1, k)
              t = Sub (b1, n)
              a = Mul (c, k)
              y = Add (a, t) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "a scale as Caffe had it, opset 9",
        text: r#"<ir_version: 3, opset_import: ["" : 9]>
            g (float[1,2,2,2] x, float[3,2,1,1] w, float[3] k, float[3] b) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] k = dyadic(3), float[3] b = dyadic(4)>
            { c = Conv (x, w)
              u = Unsqueeze <axes = [1,2]> (k)
              a = Mul (c, u)
              t = Unsqueeze <axes = [1,2]> (b)
              y = Add (a, t) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "weights and statistics without numbers, IR 3",
        text: r#"<ir_version: 3, opset_import: ["" : 9]>
            g (float[1,2,2,2] x, int64[4] shape, int64[1] channels) => (float[1,3,2,2] y)
            <int64[4] shape = {3,2,1,1}, int64[1] channels = {3}>
            { w = ConstantOfShape <value = float[1] {0.5}> (shape)
              s = ConstantOfShape <value = float[1] {0.25}> (channels)
              b = ConstantOfShape (channels)
              m = ConstantOfShape <value = float[1] {2}> (channels)
              v = ConstantOfShape <value = float[1] {4}> (channels)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "a bias as long as the weight has rows",
        text: r#"<ir_version: 10, opset_import: ["" : 20]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = Shape <start = 0, end = 1> (w)
              one = Constant <value_ints = [1]> ()
              e = Expand (n, one)
              zero = Constant <value = float {0}> ()
              like = CastLike (zero, x)
              z = Expand (like, e)
              c = Conv (x, w, z)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "a weight stored as half floats",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float16[3,2,1,1] w = dyadic(1), float16[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { wide = Cast <to = 1> (w)
              gamma = Cast <to = 1> (s)
              c = Conv (x, wide)
              y = BatchNormalization <epsilon = 0.0> (c, gamma, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "forward into a weight that is computed",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[2,3,1,1] w = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              t = Transpose <perm = [1,0,2,3]> (w)
              y = Conv (n, t) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "computed outside of the branch that reads it",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x, bool q) => (float[1,3,2,2] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { t = Transpose <perm = [1,0,2,3]> (w)
              y = If (q) <
                then_branch = a () => (float[1,3,2,2] p) {
                  c = Conv (x, t)
                  p = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) },
                else_branch = e () => (float[1,3,2,2] o) { o = Conv (x, t) }
              > }"#,
        expect: Expect::Folded { left: &["Transpose", "If"] },
    },
    Sample {
        name: "a weight that a caller may override",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x, float[2,3,1,1] w) => (float[1,3,2,2] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { t = Transpose <perm = [1,0,2,3]> (w)
              c = Conv (x, t)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("overridable"),
    },
    Sample {
        name: "a weight that is drawn anew each time",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { r = RandomNormalLike (w)
              c = Conv (x, r)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("not-constant"),
    },
    Sample {
        name: "an index outside of the data",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[5,2,1,1] w = dyadic(1), int64[3] rows = {0,5,1}, float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { r = Gather (w, rows)
              c = Conv (x, r)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("constant-form"),
    },
    Sample {
        name: "as long as the weight, but along the last axis",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,3] x) => (float[1,3,2,3] y)
            <float[3,2,1,1] w = dyadic(1), float[3] k = dyadic(3), float[] one = {1}>
            { c = Conv (x, w)
              l = Add (k, one)
              y = Mul (c, l) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "a map that stays has one constant where nodes computed it",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,2,4] x) => (float[2,2,3] y)
            <float[4,3] w = dyadic(1), float[3] b = dyadic(2), float[3] m = dyadic(3), float[3] s = dyadic(4)>
            { p = MatMul (x, w)
              q = Mul (p, s)
              k = Neg (m)
              t = Mul (k, s)
              c = Add (t, b)
              y = Add (q, c) }"#,
        expect: Expect::Folded { left: &["MatMul", "Add"] },
    },
    Sample {
        name: "a constant that others read as well is left to its nodes",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,2,4] x) => (float[2,2,3] y, float[3] z)
            <float[4,3] w = dyadic(1), float[3] m = dyadic(3), float[3] s = dyadic(4)>
            { p = MatMul (x, w)
              q = Mul (p, s)
              k = Neg (m)
              y = Add (q, k)
              z = Relu (k) }"#,
        expect: Expect::Folded { left: &["MatMul", "Neg", "Add", "Relu"] },
    },
    Sample {
        name: "a weight that is computed takes a scale in, then a bias",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y)
            <float[24] f = dyadic(1), int64[4] to = {3, 2, 2, 2}, float[3,1,1] k = dyadic(2), float[3,1,1] t = dyadic(3), float[3] a = dyadic(4)>
            { w = Reshape (f, to)
              c = Conv <pads = [0,0,0,0]> (x, w, a)
              m = Mul (c, k)
              y = Add (m, t) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "of the type of a constant",
        text: r#"<ir_version: 10, opset_import: ["" : 20]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), double[3] d = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { s = CastLike (d, w)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "what aligns by an attribute",
        text: r#"<ir_version: 3, opset_import: ["" : 6]>
            g (float[2,3] x, float[3,3] t, float[3] k, float[3] s, float[3] b, float[3] m, float[3] v) => (float[] y)
            <float[3,3] t = dyadic(1), float[3] k = dyadic(6), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { w = Mul <axis = 0, broadcast = 1> (t, k)
              c = MatMul (x, w)
              y = BatchNormalization <epsilon = 0.0, is_test = 1> (c, s, b, m, v) }"#,
        expect: Expect::Kept("shift-through-scale"),
    },
    Sample {
        name: "parts that have not as many axes",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3] x) => (float[] y)
            <float[3,2] t = dyadic(1), float[3] u = dyadic(6), float[3] k = dyadic(2)>
            { w = Concat <axis = 1> (t, u)
              c = MatMul (x, w)
              y = Mul (c, k) }"#,
        expect: Expect::Kept("unknown-shape"),
    },
    Sample {
        name: "more axes than places to cut at",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3] x) => (float[] y)
            <float[3,4] t = dyadic(1), int64[1] from = {0}, int64[1] to = {3}, int64[2] axes = {1, 0}, float[3] k = dyadic(2)>
            { w = Slice (t, from, to, axes)
              c = MatMul (x, w)
              y = Mul (c, k) }"#,
        expect: Expect::Kept("unknown-shape"),
    },
];
