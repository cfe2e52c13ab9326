//! Reshape, opset 5 to 25: the same elements in the same order under other extents.

use super::{NEWEST_OPSET, Operator, Stop, rank, regroup, shapes};
use crate::law::Law;
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Reshape",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "where shapes are known: hands maps on; one number always",
    read,
    shape: shapes::reshaped,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    // A zero in the wanted shape takes the extent over.
    let copies = node.int("allowzero", 0)? == 0 && node.opset >= 5;
    let wanted = if copies { node.elements.integers(1).unwrap_or_default() } else { vec![] };
    let rank = rank(node, 0).unwrap_or_default();
    Ok(regroup::law(node, wanted.iter().take(rank).take_while(|extent| **extent == 0).count()))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, channels kept",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[3] shape = {0, 3, -1}>
            { c = Conv (x, w)
              p = Reshape (c, shape)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Reshape"] },
    },
    Sample {
        name: "forward, into the columns of a product",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[48,2] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[2] shape = {1, 48}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Reshape (n, shape)
              y = MatMul (p, w) }"#,
        expect: Expect::Folded { left: &["Reshape", "Gemm"] },
    },
    Sample {
        name: "forward, the extent of the batch is read from the value",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,3,2,2] x) => (float[] y)
            <float[5,12] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5),
             int64[1] zero = {0}, int64[1] rest = {-1}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              k = Shape (x)
              e = Gather (k, zero)
              c = Concat <axis = 0> (e, rest)
              p = Reshape (n, c)
              y = Gemm <transB = 1> (p, w) }"#,
        expect: Expect::Folded { left: &["Shape", "Gather", "Concat", "Reshape", "Gemm"] },
    },
    Sample {
        name: "backward, rows put together and taken apart as they were",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,4,5] x) => (float[] y)
            <float[5,3] w = dyadic(1), float[3] c = dyadic(6), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4),
             float[3] v = square(5), int64[2] rows = {-1, 5}, int64[1] channels = {3}, int64[1] from = {0}, int64[1] to = {2}>
            { a = Reshape (x, rows)
              p = Gemm (a, w, c)
              k = Shape (x)
              f = Slice (k, from, to)
              d = Concat <axis = 0> (f, channels)
              q = Reshape (p, d)
              t = Transpose <perm = [0,2,1]> (q)
              y = BatchNormalization <epsilon = 0.0> (t, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Reshape", "Gemm", "Shape", "Slice", "Concat", "Reshape", "Transpose"] },
    },
    Sample {
        name: "extents that are put side by side and read row by row",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,2,2] x) => (float[] y)
            <float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[1] zero = {0},
             int64[1] one = {1}, int64[1] two = {2}, int64[1] four = {4}, int64[1] flat = {-1}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              k = Shape (x)
              a = Slice (k, zero, two)
              c = Slice (k, two, four)
              d = Unsqueeze (a, one)
              e = Unsqueeze (c, one)
              f = Concat <axis = 1> (d, e)
              l = Reshape (f, flat)
              p = Reshape (n, l)
              y = Relu (p) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "backward, extents that are taken two by two",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5),
             int64[2,2] pairs = {0, 1, 2, 3}, int64[1] flat = {-1}>
            { c = Conv (x, w)
              k = Shape (c)
              e = Gather (k, pairs)
              l = Reshape (e, flat)
              p = Reshape (c, l)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Shape", "Gather", "Reshape", "Reshape"] },
    },
    Sample {
        name: "another value's extent may be another",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,3,2,2] x, float[M,3] z) => (float[] y)
            <float[12,2] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5),
             int64[1] zero = {0}, int64[1] rest = {-1}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              k = Shape (z)
              e = Gather (k, zero)
              c = Concat <axis = 0> (e, rest)
              p = Reshape (n, c)
              y = Relu (p) }"#,
        expect: Expect::Kept("unknown-shape"),
    },
    Sample {
        name: "channels that are mixed",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[3] shape = {2, 3, 8}>
            { c = Conv (x, w)
              p = Reshape (c, shape)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "an unknown shape",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x, int64[3] shape) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = Reshape (c, shape)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Kept("unknown-shape"),
    },
    Sample {
        name: "backward, rows as many as a product says",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[A,B,4] x) => (float[] y)
            <float[4,3] w = dyadic(1), float[3] k = dyadic(2), int64[1] zero = {0}, int64[1] two = {2}, int64[1] three = {3}>
            { c = MatMul (x, w)
              e = Shape (c)
              f = Slice (e, zero, two)
              n = ReduceProd <axes = [0]> (f)
              l = Slice (e, two, three)
              to = Concat <axis = 0> (n, l)
              p = Reshape (c, to)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["MatMul", "Shape", "Slice", "ReduceProd", "Slice", "Concat", "Reshape"] },
    },
    Sample {
        name: "backward, one number, to extents that are not known",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x, float[A,B,C] z) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[] k = {-1.5}>
            { c = Conv (x, w)
              to = Shape (z)
              p = Reshape (c, to)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["Conv", "Shape", "Reshape"] },
    },
    Sample {
        name: "forward, extents behind a pool, transposed and multiplied",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,3,4,6] x) => (float[] y)
            <float[6,2] w = dyadic(1), float[3,1,1] k = dyadic(2), int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] three = {3}>
            { n = Mul (x, k)
              p = AveragePool <kernel_shape = [2,2], strides = [2,2]> (n)
              e = Shape (p)
              a = Gather (e, zero)
              c = Gather (e, one)
              h = Gather (e, two)
              l = Gather (e, three)
              q = Mul (c, h)
              to = Concat <axis = 0> (l, a, q)
              t = Transpose <perm = [3,0,1,2]> (p)
              r = Reshape (t, to)
              y = MatMul (r, w) }"#,
        expect: Expect::Folded {
            left: &[
                "AveragePool",
                "Shape",
                "Gather",
                "Gather",
                "Gather",
                "Gather",
                "Mul",
                "Concat",
                "Transpose",
                "Reshape",
                "MatMul",
            ],
        },
    },
    Sample {
        name: "forward, extents put together along the last axis of lists",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,2,3] x) => (float[] y)
            <float[6,4] w = dyadic(1), float[2,1] k = dyadic(2), int64[1] zero = {0}, int64[1] six = {6}>
            { n = Mul (x, k)
              e = Shape (x)
              a = Gather (e, zero)
              to = Concat <axis = -1> (a, six)
              r = Reshape (n, to)
              y = MatMul (r, w) }"#,
        expect: Expect::Folded { left: &["Shape", "Gather", "Concat", "Reshape", "MatMul"] },
    },
];
