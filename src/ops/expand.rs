//! Expand, opset 8 to 13: axes of extent one repeated, and new axes in front.

use super::{NEWEST_OPSET, Operator, Stop, extents};
use crate::law::{Carry, Lane, Law, Pairs, Passes, Reason};
use crate::model::{Dim, Extent, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Expand",
    opsets: 8..=NEWEST_OPSET,
    always_listed: false,
    summary: "along axes that keep their extent: hands maps on; one number always",
    read,
    shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let shapes = node.input(0).and_then(|x| x.shape.as_deref()).zip(node.output_shape.as_deref());
    let Some((input, output)) = shapes else { return Ok(Law::Carry(Carry::one(vec![], Passes::ALL).with_unknown_axes())) };
    let wanted = extents::given(node, 1).unwrap_or_default();
    let new = output.rank().checked_sub(input.rank()).ok_or(Reason::Attribute)?;
    let stays = |axis: usize| {
        let out = axis + new;
        // A one in the wanted shape keeps what is there.
        let one = (out + wanted.len()).checked_sub(output.rank()).is_some_and(|at| wanted.get(at) == Some(&Extent::Number(1)));
        one || input.dim(axis) == output.dim(out) && input.dim(axis) != Dim::Unknown
    };
    let grows = |axis: usize| input.dim(axis) == Dim::Known(1) && output.dim(axis + new).known().is_some_and(|extent| extent > 1);
    let lane = |axis: usize| Lane { input: axis, output: axis + new, pairs: Pairs::Same };
    let carry = Carry::one((0..input.rank()).filter(|axis| stays(*axis)).map(lane).collect(), Passes::ALL);
    let known = (0..input.rank()).all(|axis| stays(axis) || grows(axis));
    Ok(Law::Carry(if known { carry } else { carry.with_unknown_axes() }))
}

fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let input = node.input(0)?.shape.as_deref()?;
    input.broadcast(&extents::described(&extents::given(node, 1)?))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "forward, positions",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,1,1] x) => (float[] y)
            <float[2,3,2,2] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[4] shape = {1, 1, 3, 4}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Expand (n, shape)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Expand", "Conv"] },
    },
    Sample {
        name: "backward, a new axis in front",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[3,2] x) => (float[] y)
            <float[2,4] w = dyadic(1), float[4] k = dyadic(2), float[4] j = dyadic(3), int64[3] shape = {2, 3, 4}>
            { c = Gemm (x, w)
              p = Expand (c, shape)
              q = Mul (p, k)
              y = Add (q, j) }"#,
        expect: Expect::Folded { left: &["Gemm", "Expand"] },
    },
    Sample {
        name: "backward, one channel becomes several",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[] y)
            <float[1,2,1,1] w = dyadic(1), float[2] s = {1, 2}, float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5), int64[4] shape = {1, 2, 3, 3}>
            { c = Conv (x, w)
              p = Expand (c, shape)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "backward, one number, to extents that are not known",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,1] x, float[A,B,C,D] z) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[] k = {-1.5}>
            { c = Conv (x, w)
              to = Shape (z)
              p = Expand (c, to)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["Conv", "Shape", "Expand"] },
    },
    Sample {
        name: "as many ones as there are axes",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,2,4] x) => (float[] y)
            <float[3,2,1] w = dyadic(1), float[3,1] k = dyadic(2)>
            { c = Conv (x, w)
              e = Shape (c)
              n = Shape (e)
              ones = ConstantOfShape <value = int64[1] {1}> (n)
              p = Expand (c, ones)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["Conv", "Shape", "Shape", "ConstantOfShape", "Expand"] },
    },
];
