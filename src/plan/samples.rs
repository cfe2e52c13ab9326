//! Models that show what the walker checks: who else reads a value, and in which graph.

use crate::sample::{Expect, Sample};

/// Samples of the reasons that no operator raises by itself.
pub const SAMPLES: &[Sample] = &[
    Sample {
        name: "a second reader",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y, float[1,3,2,2] z)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)
              z = Relu (c) }"#,
        expect: Expect::Kept("several-readers"),
    },
    Sample {
        name: "one reader that reads it twice",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2,2] x) => (float[1,2,2,2] y)
            <float[2,6,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Concat <axis = 1> (n, n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Concat", "Conv"] },
    },
    Sample {
        name: "an output of the graph between",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y, float[1,3,2,2] c)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("graph-output"),
    },
    Sample {
        name: "between input and output of the graph",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2,2] x) => (float[1,3,2,2] y)
            <float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { y = BatchNormalization <epsilon = 0.0> (x, s, b, m, v) }"#,
        expect: Expect::Kept("graph-input"),
    },
    Sample {
        name: "nobody reads the result",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2,2] x) => (float[1,3,2,2] y)
            <float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { y = Relu (x)
              dead = BatchNormalization <epsilon = 0.0> (x, s, b, m, v) }"#,
        expect: Expect::Kept("no-reader"),
    },
    Sample {
        name: "behind values that were rounded",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float step = {0.25}, uint8 zero = {128}>
            { c = Conv (x, w)
              q = QuantizeLinear (c, step, zero)
              d = DequantizeLinear (q, step, zero)
              y = BatchNormalization <epsilon = 0.0> (d, s, b, m, v) }"#,
        expect: Expect::Kept("quantised"),
    },
    Sample {
        name: "behind what only a look at the shape shares",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y, int64[4] z, int64[4] u)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              z = Shape (c)
              p = Relu (c)
              u = Shape (p)
              n = AveragePool <kernel_shape = [1,1]> (c)
              y = BatchNormalization <epsilon = 0.0> (n, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Shape", "Relu", "Shape", "AveragePool"] },
    },
    Sample {
        name: "behind what only a look at the shape shares, twice",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y, int64[4] z, int64[4] u)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              z = Shape (c)
              n = AveragePool <kernel_shape = [1,1]> (c)
              u = Shape (n)
              y = BatchNormalization <epsilon = 0.0> (n, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Shape", "AveragePool", "Shape"] },
    },
    Sample {
        name: "before a convolution and a look at the shape",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y, int64[4] z)
            <float[3,2,1,1] w = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              z = Shape (n)
              y = Conv (n, w) }"#,
        expect: Expect::Folded { left: &["Shape", "Conv"] },
    },
    Sample {
        name: "of which only the shape is read",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (int64[4] z)
            <float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              z = Shape (n) }"#,
        expect: Expect::Folded { left: &["Shape"] },
    },
    Sample {
        name: "behind an activation",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              r = Sigmoid (c)
              y = BatchNormalization <epsilon = 0.0> (r, s, b, m, v) }"#,
        expect: Expect::Kept("unknown-operator"),
    },
    Sample {
        name: "an operator of the same name in another domain",
        text: r#"<ir_version: 8, opset_import: ["" : 17, "custom" : 1]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = custom.Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("unknown-operator"),
    },
    Sample {
        name: "the convolution runs whether or not the branch does",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x, bool cond) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              y = If (cond) <
                then_branch = t () => (float[1,3,2,2] p) { p = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) },
                else_branch = e () => (float[1,3,2,2] q) { q = Identity (c) }
              > }"#,
        expect: Expect::Kept("crosses-scope"),
    },
    Sample {
        name: "a constant in a form that is not folded",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] v = square(5)>
            { m = Constant <value_strings = ["a", "b", "c"]> ()
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("constant-form"),
    },
    Sample {
        name: "an attribute that the function's caller does not know itself",
        text: r#"<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            { y = local.h <e = 0.5> (x) }
            <opset_import: ["" : 17, "local" : 1], domain: "local">
            h <e> (x) => (y) { y = local.f <e: float = @e> (x) }
            <opset_import: ["" : 17], domain: "local">
            f <e> (x) => (y)
            { w = Constant <value = float[3,2,1,1] {1, 2, 3, 4, 5, 6}> ()
              s = Constant <value_floats = [1.0, 2.0, 3.0]> ()
              m = Constant <value_floats = [1.0, 2.0, 3.0]> ()
              v = Constant <value_floats = [1.0, 4.0, 4.0]> ()
              c = Conv (x, w)
              y = BatchNormalization <epsilon: float = @e> (c, s, m, m, v) }"#,
        expect: Expect::Kept("attribute-reference"),
    },
    Sample {
        name: "a parameter of a function that one of two calls computes",
        text: r#"<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
            g (float[1,2,2,2] x, float[3] t) => (float[1,3,2,2] y, float[1,3,2,2] z)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { y = local.f (x, w, s, b, m, v)
              k = Relu (t)
              z = local.f (x, w, k, b, m, v) }
            <opset_import: ["" : 17], domain: "local">
            f (x, w, s, b, m, v) => (y)
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("function-parameter"),
    },
    Sample {
        name: "parameters of a function that every call gives",
        text: r#"<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y, float[1,3,2,2] z)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float[3] t = dyadic(6)>
            { y = local.f (x, w, s, b, m, v)
              z = local.f (x, w, t, b, m, v) }
            <opset_import: ["" : 17], domain: "local">
            f (x, w, s, b, m, v) => (y)
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["f", "f"] },
    },
    Sample {
        name: "a folded weight is too large for half precision",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float16[1,2,2,2] x) => (float16[1,2,2,2] y)
            <float16[2,2,1,1] w = {1000.0, 1.0, 1.0, 1.0}, float16[2] s = {100.0, 1.0}, float16[2] b = {0.0, 0.0}, float16[2] m = {0.0, 0.0}, float16[2] v = {1.0, 1.0}>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("overflow"),
    },
    Sample {
        name: "folded weights lose their digits in half precision",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float16[1,2,2,2] x) => (float16[1,2,2,2] y)
            <float16[2,2,1,1] w = {0.01, 0.011, 1.0, 1.0}, float16[2] s = {0.0001, 1.0}, float16[2] b = {0.0, 0.0}, float16[2] m = {0.0, 0.0}, float16[2] v = {1.0, 1.0}>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("underflow"),
    },
    Sample {
        name: "a shift and nothing but a product to take it",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2,2] x) => (float[1,3,2,2] y)
            <float[3,1,1] k = dyadic(2), float[3,1,1] j = dyadic(3)>
            { a = Relu (x)
              c = Mul (a, k)
              y = Add (c, j) }"#,
        expect: Expect::Kept("shift-through-scale"),
    },
    Sample {
        name: "a scale of zero cannot be carried over a sum",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2,2] x) => (float[1,3,2,2] y)
            <float[3,1,1] k = {0, 1, 2}, float[3,1,1] j = dyadic(3)>
            { a = Mul (x, k)
              c = Add (a, j)
              y = Relu (c) }"#,
        expect: Expect::Kept("zero-scale"),
    },
    Sample {
        name: "in both branches, constants inside and outside",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x, bool cond) => (float[1,3,2,2] y)
            <float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float[3,2,1,1] w = dyadic(1)>
            { y = If (cond) <
                then_branch = t () => (float[1,3,2,2] p) <float[3,2,1,1] u = dyadic(9)> {
                    c = Conv (x, u)
                    p = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) },
                else_branch = e () => (float[1,3,2,2] q) {
                    d = Conv (x, w)
                    q = BatchNormalization <epsilon = 0.0> (d, s, b, m, v) }
              > }"#,
        expect: Expect::Folded { left: &["If"] },
    },
    Sample {
        name: "one weight for two convolutions, one of them normalised",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y, float[1,3,2,2] z)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)
              z = Conv (x, w) }"#,
        expect: Expect::Folded { left: &["Conv", "Conv"] },
    },
    Sample {
        name: "one bias for two normalisations",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3,3,1,1] u = dyadic(8), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              d = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)
              r = Relu (d)
              e = Conv (r, u)
              y = BatchNormalization <epsilon = 0.0> (e, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Relu", "Conv"] },
    },
    Sample {
        name: "up to IR 3 every initializer is an input",
        text: r#"<ir_version: 3, opset_import: ["" : 8]>
            g (float[1,2,2,2] x, float[3,2,1,1] w, float[3] s, float[3] b, float[3] m, float[3] v) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "the scale passes an activation and enters a padded convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,3,3] x) => (float[1,2,3,3] y, float[1,3,3,3] z)
            <float[3] s = {2, 0.5, 4}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 4, 0.25}, float[2,3,3,3] w = dyadic(1)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              r = Relu (n)
              y = Conv <pads = [1,1,1,1]> (r, w)
              z = Sigmoid (x) }"#,
        expect: Expect::Partly { reason: "shift-through-activation", left: &["Add", "Relu", "Conv", "Sigmoid"] },
    },
    Sample {
        name: "the scale enters two readers, one of them padded",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,3,3] x) => (float[1,2,3,3] y, float[1,2,3,3] z)
            <float[3] s = {2, -0.5, 4}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 4, 0.25}, float[2,3,3,3] w = dyadic(1), float[2,3,1,1] u = dyadic(6)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Conv <pads = [1,1,1,1]> (n, w)
              z = Conv (n, u) }"#,
        expect: Expect::Partly { reason: "padding", left: &["Add", "Conv", "Conv"] },
    },
    Sample {
        name: "a scale of zero does not enter a padded convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,3,3] x) => (float[1,2,3,3] y)
            <float[3] s = {2, 0, 4}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 4, 0.25}, float[2,3,3,3] w = dyadic(1)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Conv <pads = [1,1,1,1]> (n, w) }"#,
        expect: Expect::Kept("padding"),
    },
    Sample {
        name: "the shape of what the scale entered is read, too",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4,5] x) => (float[2,4,3] y)
            <float[5,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = MatMul (x, w)
              f = Flatten <axis = 2> (c)
              n = BatchNormalization <epsilon = 0.0> (f, s, b, m, v)
              k = Shape (c)
              y = Reshape (n, k) }"#,
        expect: Expect::Partly { reason: "no-bias", left: &["MatMul", "Flatten", "Add", "Shape", "Reshape"] },
    },
    Sample {
        name: "a map that goes through a reshape to a shape that it was measured by",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4,5] x) => (float[2,6,4] y)
            <float[5,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5),
             float[6,3,1] u = dyadic(6)>
            { c = MatMul (x, w)
              f = Flatten <axis = 2> (c)
              n = BatchNormalization <epsilon = 0.0> (f, s, b, m, v)
              k = Shape (c)
              r = Reshape (n, k)
              t = Transpose <perm = [0,2,1]> (r)
              y = Conv (t, u) }"#,
        expect: Expect::Folded { left: &["MatMul", "Flatten", "Shape", "Reshape", "Transpose", "Conv"] },
    },
    Sample {
        name: "the half of a GELU, behind its product",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[] y)
            <float[3,2,2,2] w = dyadic(1), float r = {1.5}, float one = {1}, float half = {0.5}>
            { d = Div (x, r)
              e = Erf (d)
              a = Add (e, one)
              p = Mul (x, a)
              h = Mul (p, half)
              y = Conv (h, w) }"#,
        expect: Expect::Kept("part-of-operator"),
    },
    Sample {
        name: "the scale of a LayerNormalization that is written as several operators",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4,3] x) => (float[] y)
            <float[3,5] w = dyadic(1), float[3] s = dyadic(2), float e = {0.5}, float two = {2}>
            { m = ReduceMean <axes = [-1]> (x)
              d = Sub (x, m)
              p = Pow (d, two)
              v = ReduceMean <axes = [-1]> (p)
              a = Add (v, e)
              r = Sqrt (a)
              n = Div (d, r)
              k = Mul (n, s)
              y = MatMul (k, w) }"#,
        expect: Expect::Kept("part-of-operator"),
    },
    Sample {
        name: "a product behind three axes, carried through a transposition",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4,5] x) => (float[2,3,4] y)
            <float[5,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = MatMul (x, w)
              t = Transpose <perm = [0,2,1]> (c)
              n = BatchNormalization <epsilon = 0.0> (t, s, b, m, v)
              y = Relu (n) }"#,
        expect: Expect::Partly { reason: "no-bias", left: &["MatMul", "Transpose", "Add", "Relu"] },
    },
    Sample {
        name: "between an activation and a padded convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,3,3] x) => (float[1,2,3,3] y)
            <float[3] s = {2, 0.5, 4}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 4, 0.25}, float[3,3,1,1] u = dyadic(7), float[2,3,3,3] w = dyadic(1)>
            { c = Conv (x, u)
              r = Relu (c)
              n = BatchNormalization <epsilon = 0.0> (r, s, b, m, v)
              y = Conv <pads = [1,1,1,1]> (n, w) }"#,
        expect: Expect::Partly { reason: "padding", left: &["Conv", "Relu", "Sub", "Conv"] },
    },
    Sample {
        name: "an activation that a falling scale does not pass, even alone",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,3,3] x) => (float[1,2,3,3] y)
            <float[3] s = {2, -0.5, 4}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 4, 0.25}, float[2,3,3,3] w = dyadic(1)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              r = Relu (n)
              y = Conv <pads = [1,1,1,1]> (r, w) }"#,
        expect: Expect::Kept("falling-scale"),
    },
    Sample {
        name: "before opset 7 an Add has attributes that a BatchNormalization has not",
        text: r#"<ir_version: 3, opset_import: ["" : 6]>
            g (float[1,2,3,3] x, float[2] s, float[2] b, float[2] m, float[2] v, float[2,2,3,3] w) => (float[1,2,3,3] y)
            <float[2] s = {2, -0.5}, float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = {1, 4}, float[2,2,3,3] w = dyadic(1)>
            { n = BatchNormalization <epsilon = 0.0, is_test = 1> (x, s, b, m, v)
              y = Conv <pads = [1,1,1,1]> (n, w) }"#,
        expect: Expect::Kept("padding"),
    },
    Sample {
        name: "a weight that others read is not stored twice for an Add",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,2,3,3] y, float[1,2,3,3] z)
            <float[2] s = {2, -0.5}, float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = {1, 4}, float[2,2,3,3] w = dyadic(1)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Conv <pads = [1,1,1,1]> (n, w)
              z = Conv <pads = [1,1,1,1]> (x, w) }"#,
        expect: Expect::Kept("padding"),
    },
];
