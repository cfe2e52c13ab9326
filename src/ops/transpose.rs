//! Transpose, opset 1 to 25: axes in another order.

use super::{NEWEST_OPSET, Operator, Stop, rank, shapes};
use crate::law::{Carry, Lane, Law, Pairs, Passes, Reason};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Transpose",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "hands maps on",
    read,
    shape: shapes::transposed,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let Some(rank) = rank(node, 0) else { return Ok(Law::Carry(Carry::one(vec![], Passes::ALL).with_unknown_axes())) };
    let order = shapes::order(node, rank).ok_or(Reason::Attribute)?;
    let lanes = order.iter().enumerate().map(|(output, input)| Lane { input: *input, output, pairs: Pairs::Same }).collect();
    Ok(Law::Carry(Carry::one(lanes, Passes::ALL)))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, rows of a product become channels",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4,5] x) => (float[] y)
            <float[5,3] w = dyadic(1), float[3] k = dyadic(7), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = MatMul (x, w)
              d = Add (c, k)
              p = Transpose <perm = [0,2,1]> (d)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["MatMul", "Add", "Transpose"] },
    },
    Sample {
        name: "forward, spatial axes exchanged",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Transpose <perm = [0,1,3,2]> (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Transpose", "Conv"] },
    },
    Sample {
        name: "channels go elsewhere",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = Transpose <perm = [0,2,3,1]> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "channels in two axes that change places, between two Reshapes",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,6,2,2] x) => (float[N,2,2,2] y)
            <float[2,6,1,1] w = dyadic(1), float[6] s = dyadic(2), float[6] b = dyadic(3), float[6] m = dyadic(4), float[6] v = square(5), int64[5] apart = {0, 2, 3, 2, 2}, int64[4] joined = {0, 6, 2, 2}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              a = Reshape (n, apart)
              t = Transpose <perm = [0,2,1,3,4]> (a)
              k = Reshape (t, joined)
              y = Conv (k, w) }"#,
        expect: Expect::Folded { left: &["Reshape", "Transpose", "Reshape", "Conv"] },
    },
    Sample {
        name: "a part of the channels that becomes another axis's",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,3,2,2] x) => (float[N,6,2,2] y)
            <float[6,3,1,1] w = dyadic(1), float[6] s = square(2), float[6] b = dyadic(3), float[6] m = dyadic(4), float[6] v = square(5), int64[5] apart = {0, 2, 3, 2, 2}, int64[4] joined = {0, 6, 2, 2}>
            { c = Conv (x, w)
              a = Reshape (c, apart)
              t = Transpose <perm = [0,1,3,2,4]> (a)
              k = Reshape (t, joined)
              y = BatchNormalization <epsilon = 0.0> (k, s, b, m, v) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "beside one of which only the shape is read, before a recurrence",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,5] x) => (float[] y)
            <float[1,8,3] w = dyadic(1), float[1,8,2] r = dyadic(6), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              t = Transpose <perm = [0,2,1]> (n)
              e = Shape (t)
              a = Gather (e, zero)
              k = Concat <axis = 0> (one, a, two)
              h = ConstantOfShape (k)
              u = Transpose <perm = [2,0,1]> (n)
              y = LSTM <hidden_size = 2> (u, w, r, "", "", h, h) }"#,
        expect: Expect::Folded { left: &["Transpose", "Shape", "Gather", "Concat", "ConstantOfShape", "Transpose", "LSTM"] },
    },
];
