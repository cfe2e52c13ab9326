//! Models that show which branches become one, and which do not.

use crate::sample::{Expect, Sample};

/// Samples of parallel branches.
pub const SAMPLES: &[Sample] = &[
    Sample {
        name: "a kernel, one tap, and a normalised identity",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,2,4,5] x) => (float[2,2,4,5] y)
            <float[2,2,3,3] w = dyadic(1), float[2,2,1,1] u = dyadic(2), float[2] s = dyadic(3), float[2] b = dyadic(4), float[2] m = dyadic(5), float[2] v = square(6)>
            { c = Conv <pads = [1,1,1,1]> (x, w)
              d = Conv (x, u)
              i = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Add (c, d)
              q = Add (p, i)
              y = Relu (q) }"#,
        expect: Expect::Folded { left: &["Conv", "Relu"] },
    },
    Sample {
        name: "one after the other, behind one another",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,6] x) => (float[1,2,6] y)
            <float[2,1,3] w = dyadic(1), float[2,1,3] u = dyadic(2), float[2] s = dyadic(3), float[2] b = dyadic(4), float[2] m = dyadic(5), float[2] v = square(6)>
            { c = Conv <pads = [1,1], group = 2> (x, w)
              i = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Add (i, c)
              r = Relu (p)
              d = Conv <auto_pad = "SAME_UPPER", group = 2> (r, u)
              y = Add (d, r) }"#,
        expect: Expect::Folded { left: &["Conv", "Relu", "Conv"] },
    },
    Sample {
        name: "strides, even kernels, groups in groups, a difference",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,4,N,9] x) => (float[] y)
            <float[4,2,4,3] w = dyadic(1), float[4,1,2,1] u = dyadic(2), float[4] a = dyadic(3), float[4,2,1,1] t = dyadic(4)>
            { c = Conv <group = 2, strides = [2,2], pads = [1,1,2,1]> (x, w)
              d = Conv <group = 4, strides = [2,2], pads = [0,0,1,0]> (x, u, a)
              e = Conv <group = 2, strides = [2,2]> (x, t)
              p = Sub (d, c)
              y = Sub (e, p) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "three axes, dilation, the mean of windows with counted padding, numbers times the value",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,5,4,3] x) => (float[] y)
            <float[2,2,5,1,3] w = dyadic(1), float[2,2,2,1,1] u = dyadic(2), float[] k = {-0.5}>
            { c = Conv <pads = [2,0,1,2,0,1]> (x, w)
              d = Conv <pads = [2,0,0,2,0,0], dilations = [4,1,1]> (x, u)
              p = AveragePool <kernel_shape = [4,1,2], pads = [1,0,0,2,0,1], count_include_pad = 1> (x)
              n = Mul (x, k)
              y = Sum (c, n, d, x, p) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "products of matrices, with and without a place for a shift",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[3,4] x) => (float[] y)
            <float[4,4] w = dyadic(1), float[4,4] u = dyadic(2), float[4,4] t = dyadic(3), float[3,1] a = dyadic(4), float[4] k = dyadic(5)>
            { c = MatMul (x, w)
              d = Gemm <alpha = 0.5, beta = 2.0, transB = 1> (x, u, a)
              e = Gemm (x, t)
              i = Add (x, k)
              p = Add (c, d)
              q = Sub (p, e)
              y = Add (i, q) }"#,
        expect: Expect::Folded { left: &["Gemm"] },
    },
    Sample {
        name: "products without a place for a shift, whose constants stay",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[] y)
            <float[4,5] w = dyadic(1), float[4,5] u = dyadic(2), float[5] k = dyadic(3)>
            { c = MatMul (x, w)
              d = MatMul (x, u)
              e = Add (d, k)
              y = Add (c, e) }"#,
        expect: Expect::Folded { left: &["MatMul", "Add"] },
    },
    Sample {
        name: "a product with a constant behind it in a sum of several",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[] y)
            <float[4,5] w = dyadic(1), float[4,5] u = dyadic(2), float[4,5] t = dyadic(4), float[5] k = dyadic(3)>
            { c = MatMul (x, w)
              d = MatMul (x, u)
              e = Add (d, k)
              f = MatMul (x, t)
              y = Sum (c, e, f) }"#,
        expect: Expect::Folded { left: &["MatMul", "MatMul", "Add", "Sum"] },
    },
    Sample {
        name: "maps of each channel",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2,2] x, float[1,3,2,2] z) => (float[] y)
            <float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float[3,1,1] k = dyadic(6)>
            { r = Relu (x)
              n = BatchNormalization <epsilon = 0.0> (r, s, b, m, v)
              l = Mul (r, k)
              p = Add (n, l)
              q = Add (p, z)
              y = Sub (q, r) }"#,
        expect: Expect::Folded { left: &["Relu", "BatchNormalization", "Add"] },
    },
    Sample {
        name: "what is a map of another value stays beside",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x, float[1,2,4,4] z) => (float[] y)
            <float[2,2,3,3] w = dyadic(1), float[2,2,1,1] u = dyadic(2), float[2,2,1,1] t = dyadic(3)>
            { c = Conv (z, t)
              e = Conv (x, u)
              d = Conv <pads = [1,1,1,1]> (x, w)
              p = Sub (c, d)
              y = Add (e, p) }"#,
        expect: Expect::Folded { left: &["Conv", "Conv", "Sub"] },
    },
    Sample {
        name: "an odd extent makes the windows lie otherwise",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,N,4] x) => (float[] y)
            <float[2,2,3,3] w = dyadic(1), float[2,2,1,1] u = dyadic(2), float[2,1,1] s = dyadic(3), float[2,1,1] b = dyadic(4)>
            { n = Add (x, b)
              c = Conv <auto_pad = "SAME_UPPER", strides = [2,2]> (n, w)
              d = Conv <auto_pad = "SAME_UPPER", strides = [2,2]> (n, u)
              y = Add (c, d) }"#,
        expect: Expect::Kept("padding"),
    },
    Sample {
        name: "a kernel would have to grow",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y, float[] z)
            <float[2,2,1,1] w = dyadic(1), float[2,1,3,3] u = dyadic(2), float[2] s = dyadic(3), float[2] b = dyadic(4), float[2] m = dyadic(5), float[2] v = square(6)>
            { c = Conv <strides = [1,1], pads = [1,1,1,1]> (x, w)
              n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              d = Conv <pads = [2,2,2,2], group = 2> (x, u)
              p = Add (c, d)
              y = MatMul (p, p)
              q = AveragePool <kernel_shape = [2,2], pads = [0,0,1,1], count_include_pad = 1> (x)
              z = Add (q, n) }"#,
        expect: Expect::Kept("not-profitable"),
    },
    Sample {
        name: "a weight that others read, too",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y, float[] z)
            <float[2,2,3,3] w = dyadic(1), float[2] s = dyadic(3), float[2] b = dyadic(4), float[2] m = dyadic(5), float[2] v = square(6)>
            { c = Conv <pads = [1,1,1,1]> (x, w)
              n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Add (c, n)
              r = Relu (x)
              z = Conv (r, w) }"#,
        expect: Expect::Kept("not-profitable"),
    },
    Sample {
        name: "a term that is an output",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y, float[1,2,4,4] c)
            <float[2,2,3,3] w = dyadic(1), float[2] s = dyadic(3), float[2] b = dyadic(4), float[2] m = dyadic(5), float[2] v = square(6)>
            { c = Conv <pads = [1,1,1,1]> (x, w)
              n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Add (c, n) }"#,
        expect: Expect::Kept("graph-output"),
    },
    Sample {
        name: "a kernel, and one tap behind it",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,4,5,6] x) => (float[] y)
            <float[6,4,3,2] w = dyadic(1), float[6] a = dyadic(2), float[3,6,1,1] u = dyadic(3), float[3] b = dyadic(4)>
            { c = Conv <pads = [1,1,1,0], strides = [2,1], dilations = [1,2]> (x, w, a)
              d = Conv (c, u, b)
              y = Relu (d) }"#,
        expect: Expect::Folded { left: &["Conv", "Relu"] },
    },
    Sample {
        name: "one tap, and a kernel behind it, in groups, padded, with a normalisation between",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,4,5,6] x) => (float[] y)
            <float[8,2,1,1] w = dyadic(1), float[2,4,3,3] u = dyadic(3), float[2] b = dyadic(4), float[8] s = dyadic(5), float[8] o = {0, 0, 0, 0, 0, 0, 0, 0}, float[8] v = square(6)>
            { c = Conv <group = 2> (x, w)
              n = BatchNormalization <epsilon = 0.0> (c, s, o, o, v)
              d = Conv <pads = [1,1,1,1], group = 2, auto_pad = "NOTSET"> (n, u, b)
              y = Relu (d) }"#,
        expect: Expect::Folded { left: &["Conv", "Relu"] },
    },
    Sample {
        name: "groups in groups, with a bias before a kernel that is not padded, three in a row",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,4,9] x) => (float[] y)
            <float[8,1,1] w = dyadic(1), float[8] a = dyadic(2), float[4,4,3] u = dyadic(3), float[1,4,1] t = dyadic(4), float[1] e = dyadic(5)>
            { c = Conv <group = 4> (x, w, a)
              d = Conv <group = 2, strides = [2]> (c, u)
              y = Conv (d, t, e) }"#,
        expect: Expect::Folded { left: &["Conv", "Conv"] },
    },
    Sample {
        name: "products in a row, of any form",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[3,4] x) => (float[] y, float[] z)
            <float[4,6] w = dyadic(1), float[2,6] u = dyadic(2), float[6] a = dyadic(3), float[3,2] b = dyadic(4), float[2,3] t = dyadic(5), float[5,4] l = dyadic(6), float[2,5] m = dyadic(7), float[5,1] k = dyadic(8)>
            { c = MatMul (x, w)
              d = Gemm <alpha = 0.5, transB = 1> (c, u)
              y = Relu (d)
              p = Gemm <alpha = 2.0, beta = 0.25, transB = 1> (l, x, k)
              z = Gemm <alpha = 0.5> (m, p) }"#,
        expect: Expect::Folded { left: &["MatMul", "Relu", "Gemm"] },
    },
    Sample {
        name: "products of values of three axes in a row",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[] y)
            <float[4,6] w = dyadic(1), float[6,2] u = dyadic(2)>
            { c = MatMul (x, w)
              y = MatMul (c, u) }"#,
        expect: Expect::Folded { left: &["MatMul"] },
    },
    Sample {
        name: "in a row, where one would have more parameters, a border or another reader",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,4,5,6] x) => (float[] y, float[] z, float[] u, float[] d)
            <float[1,4,1,1] w = dyadic(1), float[4,1,1,1] v = dyadic(2), float[6,4,1,1] p = dyadic(3), float[6] a = dyadic(4), float[2,6,3,3] q = dyadic(5), float[2,6,1,1] r = dyadic(6)>
            { c = Conv (x, w)
              y = Conv (c, v)
              e = Conv (x, p, a)
              z = Conv <pads = [1,1,1,1]> (e, q)
              d = Conv (x, p)
              u = Conv (d, r) }"#,
        expect: Expect::Folded { left: &["Conv", "Conv", "Conv", "Conv", "Conv", "Conv"] },
    },
    Sample {
        name: "branches of what a window of nothing but padding gives",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,1,1] x) => (float[] y)
            <float[2] s = dyadic(3), float[2] b = dyadic(4), float[2] m = dyadic(5), float[2] v = square(6)>
            { p = MaxPool <kernel_shape = [2,2], dilations = [2,2], pads = [1,1,1,1]> (x)
              n = BatchNormalization <epsilon = 0.0> (p, s, b, m, v)
              y = Sub (n, p) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
    Sample {
        name: "factors that are one together",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,4] x) => (float[] y)
            <float[4] k = {2, 2, 2, 2}>
            { p = Mul (x, k)
              y = Sub (p, x) }"#,
        expect: Expect::Folded { left: &["Mul"] },
    },
    Sample {
        name: "a factor of one in all in place of another",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,4] x) => (float[] y)
            <float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = {1, 1, 1, 1}, float[4] k = {2, 2, 2, 2}>
            { r = Relu (x)
              p = Mul (r, k)
              n = BatchNormalization <epsilon = 0.0> (r, k, b, m, v)
              q = Sub (n, p)
              y = Add (q, r) }"#,
        expect: Expect::Folded { left: &["Relu", "BatchNormalization"] },
    },
    Sample {
        name: "a loop is given what windows of padding have made",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,1,1] x, int64 times, bool goes) => (float[] y)
            <float[2] s = dyadic(3), float[2] b = dyadic(4), float[2] m = dyadic(5), float[2] v = square(6)>
            { p = MaxPool <kernel_shape = [2,2], dilations = [2,2], pads = [1,1,1,1]> (x)
              y = Loop <body = again (int64 i, bool on, float[] a) => (bool off, float[] o) {
                  off = Identity (on)
                  n = BatchNormalization <epsilon = 0.0> (a, s, b, m, v)
                  o = Sub (n, a) }> (times, goes, p) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
    Sample {
        name: "a sum that only the sum of a branch reads",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x, float[1,2,4,4] z, bool condition) => (float[] y)
            <float[2,2,3,3] w = dyadic(1), float[2,2,1,1] u = dyadic(2)>
            { c = Conv <pads = [1,1,1,1]> (x, w)
              d = Conv (x, u)
              s = Add (c, d)
              y = If <then_branch = one () => (float[] p) { p = Add (s, z) },
                      else_branch = other () => (float[] q) { q = Relu (z) }> (condition) }"#,
        expect: Expect::Folded { left: &["Conv", "If"] },
    },
    Sample {
        name: "a term that others read as well",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y, float[] z)
            <float[2,2,3,3] w = dyadic(1), float[2,2,3,3] u = dyadic(2)>
            { c = Conv <pads = [1,1,1,1]> (x, w)
              d = Conv <pads = [1,1,1,1]> (x, u)
              y = Add (c, d)
              e = Relu (c)
              f = Relu (d)
              z = Add (e, f) }"#,
        expect: Expect::Folded { left: &["Conv", "Conv", "Add", "Relu", "Relu", "Add"] },
    },
    Sample {
        name: "a map behind a sum that has lost its last term",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x, float[1,2,4,4] z) => (float[] y)
            <float[3,3,1,1] w = dyadic(1), float[3,2,1,1] t = dyadic(2), float[3,1,1] k = dyadic(3)>
            { a = Conv (z, t)
              c = Conv (x, w)
              p = Sum (a, c, x)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["Conv", "Conv", "Sum"] },
    },
    Sample {
        name: "channels by themselves, one after the other, with large windows",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,80,32,32] x) => (float[] y)
            <float[80,1,32,32] w = dyadic(1), float[80,1,1,1] u = dyadic(2)>
            { c = Conv <group = 80> (x, w)
              y = Conv <group = 80> (c, u) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "a weight that is another one for its other reader by then",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x, float[1,2,2,2] z) => (float[1,2,2,2] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] k = {2, -0.5}, float[2,1,1] l = {0.5, 4}, float[2,1,1] i = {-1, 2}>
            { c = Conv (z, w)
              p = Mul (c, k)
              d = Conv (x, w)
              q = Mul (d, l)
              s = Add (p, q)
              j = Mul (x, i)
              y = Add (s, j) }"#,
        expect: Expect::Folded { left: &["Conv", "Conv", "Add"] },
    },
];
