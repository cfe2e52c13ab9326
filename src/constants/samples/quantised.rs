//! Models with quantised weights: where the factors of a fold find a scale, and where they find none.

use crate::sample::{Expect, Sample};

/// Samples of weights behind DequantizeLinear.
pub(super) const QUANTISED: &[Sample] = &[
    Sample {
        name: "quantised, one scale for all becomes one for each channel",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y)
            <int8[3,2,2,2] q = dyadic(1), float k = {0.25}, int8 z = {3},
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { w = DequantizeLinear (q, k, z)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Conv"] },
    },
    Sample {
        name: "quantised by channel, with a bias",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y)
            <uint8[3,2,2,2] q = positive(1), float[3] k = positive(6), uint8[3] z = {128, 0, 255}, float[3] a = dyadic(7),
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { w = DequantizeLinear <axis = -4> (q, k, z)
              c = Conv (x, w, a)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Conv"] },
    },
    Sample {
        name: "quantised without zero points, before a convolution of single channels",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[1,2,3,3] x) => (float[1,4,2,2] y)
            <int8[4,1,2,2] q = positive(1), float[1] k = {0.5},
             float[2] s = positive(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              w = DequantizeLinear (q, k)
              y = Conv <group = 2> (n, w) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Conv"] },
    },
    Sample {
        name: "quantised, the scales are the same and turn to another axis",
        text: r#"<ir_version: 10, opset_import: ["" : 21]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y)
            <int16[3,2,2,2] q = dyadic(1), float[3] k = {0.5, 0.5, 0.5}, int16[3] z = {7, 7, 7},
             float[2] s = positive(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              w = DequantizeLinear <axis = 0> (q, k, z)
              y = Conv (n, w) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Conv"] },
    },
    Sample {
        name: "quantised, the scales differ along another axis",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y)
            <int8[3,2,2,2] q = dyadic(1), float[3] k = {0.5, 0.25, 0.5},
             float[2] s = {1, 2}, float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = {1, 1}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              w = DequantizeLinear <axis = 0> (q, k)
              y = Conv (n, w) }"#,
        expect: Expect::Kept("quantisation-axis"),
    },
    Sample {
        name: "quantised, groups of several channels before a convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[1,4,3,3] x) => (float[1,2,2,2] y)
            <int8[2,2,2,2] q = dyadic(1), float k = {0.5},
             float[4] s = {1, 2, 4, 8}, float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = {1, 1, 1, 1}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              w = DequantizeLinear (q, k)
              y = Conv <group = 2> (n, w) }"#,
        expect: Expect::Kept("quantisation-axis"),
    },
    Sample {
        name: "quantised, a transposed convolution in groups, one factor",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[1,4,2,2] x) => (float[1,4,3,3] y)
            <int8[4,2,2,2] q = dyadic(1), float[2] k = positive(6), int8[2] z = {-1, 1}, float r = {4}, float t = {-0.5}>
            { w = DequantizeLinear (q, k, z)
              c = ConvTranspose <group = 2> (x, w)
              d = Mul (c, r)
              y = Add (d, t) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "ConvTranspose"] },
    },
    Sample {
        name: "quantised, a transposed Gemm",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[2,4] x) => (float[2,3] y)
            <int8[3,4] q = dyadic(1), float[3] k = positive(6), float[3] a = dyadic(7),
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { w = DequantizeLinear <axis = 0> (q, k)
              c = Gemm <transB = 1, beta = 2.0> (x, w, a)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Gemm"] },
    },
    Sample {
        name: "quantised by row and before a product, which gets a bias",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[2,3] x) => (float[2,4] y)
            <int8[3,4] q = dyadic(1), float k = {0.5}, int8 z = {-2},
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              w = DequantizeLinear (q, k, z)
              y = MatMul (n, w) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Gemm"] },
    },
    Sample {
        name: "quantised by column and behind a product of three axes",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[2,5,4] x) => (float[2,5,3] y)
            <int8[4,3] q = dyadic(1), float[3] k = positive(6), float[3] r = positive(2), float[3] a = dyadic(7)>
            { w = DequantizeLinear <axis = 1> (q, k)
              c = MatMul (x, w)
              d = Mul (c, r)
              y = Add (d, a) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "MatMul", "Add"] },
    },
    Sample {
        name: "quantised, another operator reads the weight as well",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y, float[1,3,2,2] u)
            <int8[3,2,2,2] q = dyadic(1), float k = {0.25}, int8 z = {3},
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { w = DequantizeLinear (q, k, z)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)
              u = Conv (x, w) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "DequantizeLinear", "Conv", "Conv"] },
    },
    Sample {
        name: "quantised, two operators share the weight and differ afterwards",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y, float[1,3,2,2] u)
            <int8[3,2,2,2] q = dyadic(1), float[3] k = positive(6), int8[3] z = {3, 0, 1}, float r = {2}, float t = {0.5}>
            { w = DequantizeLinear <axis = 0> (q, k, z)
              c = Conv (x, w)
              y = Mul (c, r)
              d = Conv (x, w)
              u = Mul (d, t) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "DequantizeLinear", "Conv", "Conv"] },
    },
    Sample {
        name: "quantised in blocks of input channels",
        text: r#"<ir_version: 10, opset_import: ["" : 21]>
            g (float[1,3,2,2] x) => (float[1,3,2,2] y)
            <int8[3,3,1,1] q = dyadic(1), float[3,2,1,1] k = positive(6), int8[3,2,1,1] z = dyadic(8),
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { w = DequantizeLinear <axis = 1, block_size = 2> (q, k, z)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Conv"] },
    },
    Sample {
        name: "quantised in blocks of channels that differ",
        text: r#"<ir_version: 10, opset_import: ["" : 21]>
            g (float[1,3,2,2] x) => (float[1,3,2,2] y)
            <int8[3,3,1,1] q = dyadic(1), float[2,3,1,1] k = positive(6),
             float[3] s = {1, 2, 4}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 1, 1}>
            { w = DequantizeLinear <axis = 0, block_size = 2> (q, k)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("quantisation-axis"),
    },
    Sample {
        name: "quantised, a bias that is quantised as well becomes floats",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y)
            <int8[3,2,2,2] q = dyadic(1), float k = {0.25}, int32[3] p = dyadic(6), float j = {0.125}, int32 z = {0},
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { w = DequantizeLinear (q, k)
              a = DequantizeLinear (p, j, z)
              c = Conv (x, w, a)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Conv"] },
    },
    Sample {
        name: "quantised before opset 13, one factor",
        text: r#"<ir_version: 3, opset_import: ["" : 10]>
            g (float[1,2,3,3] x, uint8[3,2,2,2] q, float k, uint8 z, float r) => (float[1,3,2,2] y)
            <uint8[3,2,2,2] q = positive(1), float k = {0.25}, uint8 z = {3}, float r = {4}>
            { w = DequantizeLinear (q, k, z)
              c = Conv (x, w)
              y = Mul (c, r) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Conv"] },
    },
    Sample {
        name: "quantised before opset 13, a factor for each channel",
        text: r#"<ir_version: 5, opset_import: ["" : 10]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y)
            <uint8[3,2,2,2] q = positive(1), float k = {0.25}, uint8 z = {3},
             float[3] s = {1, 2, 4}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 1, 1}>
            { w = DequantizeLinear (q, k, z)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("quantisation-axis"),
    },
    Sample {
        name: "quantised, a negative factor",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y)
            <int8[3,2,2,2] q = dyadic(1), float k = {0.25},
             float[3] s = {1, -2, 4}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 1, 1}>
            { w = DequantizeLinear (q, k)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Conv"] },
    },
    Sample {
        name: "quantised, a factor of zero",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y)
            <int8[3,2,2,2] q = dyadic(1), float k = {0.25},
             float[3] s = {1, 0, 4}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 1, 1}>
            { w = DequantizeLinear (q, k)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("zero-scale"),
    },
    Sample {
        name: "quantised by what a caller gives",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[1,2,3,3] x, float k) => (float[1,3,2,2] y)
            <int8[3,2,2,2] q = dyadic(1),
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { w = DequantizeLinear (q, k)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("not-constant"),
    },
    Sample {
        name: "quantised numbers that a caller gives",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[1,2,3,3] x, int8[3,2,2,2] q) => (float[1,3,2,2] y)
            <float k = {0.25},
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { w = DequantizeLinear (q, k)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("not-constant"),
    },
    Sample {
        name: "quantised numbers that a caller may override",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[1,2,3,3] x, int8[3,2,2,2] q) => (float[1,3,2,2] y)
            <int8[3,2,2,2] q = dyadic(1), float k = {0.25},
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { w = DequantizeLinear (q, k)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("overridable"),
    },
    Sample {
        name: "scales by channel that a map behind makes equal, before one ahead",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3] x) => (float[2,3] y)
            <int8[3,3] q = dyadic(1), float[3] k = {0.5, 0.25, 1}, int8[3] z = {2, 2, 2},
             float[3] s = {2, 4, 1}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 1, 1}, float[3] r = positive(6)>
            { n = BatchNormalization <epsilon = 0.0> (x, r, b, m, v)
              d = DequantizeLinear <axis = 1> (q, k, z)
              c = MatMul (n, d)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Gemm"] },
    },
    Sample {
        name: "quantised and transposed",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[2,4] x) => (float[2,3] y)
            <int8[3,4] q = dyadic(1), float k = {0.25}, int8 z = {5},
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { d = DequantizeLinear (q, k, z)
              w = Transpose (d)
              c = MatMul (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Transpose", "Gemm"] },
    },
    Sample {
        name: "quantised by channel and transposed twice, before a convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,3,3] x) => (float[1,3,2,2] y)
            <int8[2,3,2,3] q = dyadic(1), float[3] k = positive(6), int8[3] z = {3, 0, -1},
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              d = DequantizeLinear <axis = -1> (q, k, z)
              t = Transpose <perm = [3,0,1,2]> (d)
              w = Transpose <perm = [2,0,1,3]> (t)
              y = Conv (n, w) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Transpose", "Transpose", "Conv"] },
    },
    Sample {
        name: "quantised by channel and transposed to another axis",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,3,3] x) => (float[1,3,2,2] y)
            <int8[2,3,2,3] q = dyadic(1), float[3] k = {0.5, 0.25, 0.5}, int8[3] z = {3, 0, -1},
             float[3] s = {1, 2, 4}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 1, 1}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              d = DequantizeLinear <axis = 1> (q, k, z)
              t = Transpose <perm = [3,0,1,2]> (d)
              w = Transpose <perm = [2,0,1,3]> (t)
              y = Conv (n, w) }"#,
        expect: Expect::Kept("quantisation-axis"),
    },
    Sample {
        name: "quantised in blocks and transposed",
        text: r#"<ir_version: 10, opset_import: ["" : 21]>
            g (float[2,3] x) => (float[2,5] y)
            <int8[5,3] q = dyadic(1), float[3,3] k = positive(6), int8[3,3] z = dyadic(8),
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              d = DequantizeLinear <axis = 0, block_size = 2> (q, k, z)
              w = Transpose <perm = [1,0]> (d)
              y = MatMul (n, w) }"#,
        expect: Expect::Folded { left: &["DequantizeLinear", "Transpose", "Gemm"] },
    },
    Sample {
        name: "quantised and transposed for two operators that differ, and read as it was",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[2,4] x) => (float[2,3] y, float[2,3] u, float[3,4] p)
            <int8[3,4] q = dyadic(1), float k = {0.25}, int8 z = {1},
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float[3] r = positive(9)>
            { d = DequantizeLinear (q, k, z)
              w = Transpose (d)
              c = MatMul (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)
              e = MatMul (x, w)
              u = Mul (e, r)
              p = Neg (d) }"#,
        expect: Expect::Folded {
            left: &[
                "DequantizeLinear",
                "DequantizeLinear",
                "DequantizeLinear",
                "Transpose",
                "Transpose",
                "Gemm",
                "MatMul",
                "Neg",
            ],
        },
    },
    Sample {
        name: "quantised and reshaped",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[2,4] x) => (float[2,3] y)
            <int8[2,6] q = dyadic(1), float k = {0.25}, int64[2] shape = {4, 3},
             float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { d = DequantizeLinear (q, k)
              w = Reshape (d, shape)
              c = MatMul (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("quantised"),
    },
    Sample {
        name: "quantised, integers behind a Clip and turned",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y)
            <int8[2,3,2,2] q = dyadic(1), int8 l = {-1}, int8 h = {1}, float[3] k = positive(6), int8[3] z = {0, 1, -1}, float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { p = Clip (q, l, h)
              t = Transpose <perm = [1,0,2,3]> (p)
              w = DequantizeLinear <axis = 0> (t, k, z)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Clip", "Transpose", "DequantizeLinear", "Conv"] },
    },
    Sample {
        name: "floats that are quantised and dequantised by one scale",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y)
            <float[3,2,2,2] f = dyadic(1), float[3] k = positive(6), int8[3] z = {0, 1, -1}, float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { q = QuantizeLinear <axis = 0> (f, k, z)
              w = DequantizeLinear <axis = 0> (q, k, z)
              c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["QuantizeLinear", "DequantizeLinear", "Conv"] },
    },
    Sample {
        name: "floats that are quantised, a shift before them",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y)
            <float[3,2,2,2] f = dyadic(1), float[3] k = positive(6), float[2,1,1] t = dyadic(2)>
            { q = QuantizeLinear <axis = 0> (f, k)
              w = DequantizeLinear <axis = 0> (q, k)
              n = Add (x, t)
              y = Conv (n, w) }"#,
        expect: Expect::Kept("constant-form"),
    },
    Sample {
        name: "a bias that is no int32 in units of the scales",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3] x) => (float[] y)
            <float xs = {0.5}, int8 xz = {0}, int8[3,3] q = dyadic(1), float ws = {0.25}, float[3] s = {1, 9.313225746154785e-10, 2}, float[3] b = {1, 1, 1}, float[3] m = {0, 0, 0}, float[3] v = {1, 1, 1}>
            { i = QuantizeLinear (x, xs, xz)
              d = DequantizeLinear (i, xs, xz)
              w = DequantizeLinear (q, ws)
              c = Gemm (d, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Partly {
            reason: "quantised-bias",
            left: &["QuantizeLinear", "DequantizeLinear", "DequantizeLinear", "Gemm", "Add"],
        },
    },
    Sample {
        name: "a zero point of another type than is asked for",
        text: r#"<ir_version: 10, opset_import: ["" : 21]>
            g (float[1,2,2,2] x) => (float[] y)
            <float[3,2,1,1] t = dyadic(1), float r = {0.25}, int8 z = {1}, float[3,1,1] k = dyadic(2)>
            { q = QuantizeLinear <output_dtype = 2> (t, r, z)
              w = DequantizeLinear (q, r, z)
              c = Conv (x, w)
              y = Mul (c, k) }"#,
        expect: Expect::Kept("not-constant"),
    },
];
