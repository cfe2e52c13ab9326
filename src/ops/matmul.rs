//! MatMul, opset 1 to 13, with a constant on either side. It has no bias: of two matrices it becomes a Gemm when it needs one.
//! Of two values it is linear in each: a scale goes to either.

use super::{NEWEST_OPSET, Operator, Stop};
use crate::law::{Bias, Carry, Lane, Law, Mix, Pairs, Passes, Reason, Role, Together, Wire};
use crate::model::{Dim, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "MatMul",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "scale on both sides, along the weight's axes or past it; shift where it is of rank 2 (as Gemm), or before an Add",
    read,
    shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    if !node.is_constant(0) && !node.is_constant(1) {
        return Ok(Law::Carry(of_values(node)));
    }
    let left = node.is_constant(0) && !node.is_constant(1);
    let (weight, data) = if left { (0, 1) } else { (1, 0) };
    let &[ref batch @ .., rows, columns] = node.constant(weight)?.0 else { return Err(Reason::Attribute.into()) };
    let shape = node.input(data).and_then(|fact| fact.shape.as_deref());
    let rank = shape.map(Shape::rank);
    if rank.is_some_and(|rank| rank < 2) {
        // A vector loses an axis: no axis of the result is the weight's own.
        return Err(Reason::UnknownShape.into());
    }
    let mut axes: Vec<(Role, u64)> = batch.iter().map(|size| (Role::Free, *size)).collect();
    axes.extend(if left { [(Role::Out, rows), (Role::In, columns)] } else { [(Role::In, rows), (Role::Out, columns)] });
    let last = |rank: Option<usize>, back: usize| rank.and_then(|rank| rank.checked_sub(back)).ok_or(Reason::UnknownShape);
    let out_rank = rank.map(|rank| rank.max(batch.len() + 2));
    let flat = rank == Some(2) && batch.is_empty();
    Ok(Law::Mix(Mix {
        weight,
        data,
        axes,
        out_axis: last(out_rank, if left { 2 } else { 1 }),
        in_axis: last(rank, if left { 2 } else { 1 }),
        gain: 1.0,
        bias: if flat && node.opset >= 7 {
            Bias::Becoming { operator: "Gemm", input: 2, axis: usize::from(!left) }
        } else {
            Bias::None
        },
        shift_in: if batch.is_empty() { Ok(()) } else { Err(Reason::NoBias) },
        behind: Ok(()),
        // A stack of weights may repeat the data's axes in front.
        beside: match rank {
            Some(rank) if batch.is_empty() => {
                (0..rank).filter(|axis| *axis + if left { 2 } else { 1 } != rank).map(Lane::same).collect()
            }
            _ => vec![],
        },
    }))
}

/// `y[…, i, j] = Σ a[…, i, k]·b[…, k, j]`: the rows of the first and the columns of the second are those of the product.
fn of_values(node: &NodeView<'_>) -> Carry {
    let shape = |input: usize| node.input(input).and_then(|fact| fact.shape.as_deref()).filter(|shape| shape.rank() >= 2);
    let (Some(a), Some(b), Some(y)) = (shape(0), shape(1), node.output_shape.as_deref()) else {
        let wires = vec![Wire::new(0, vec![]), Wire::new(1, vec![])];
        return Carry::of(wires, Passes::SCALE, Together::Product).with_unknown_axes();
    };
    let wire = |port: usize, shape: &Shape, own: usize| {
        let new = y.rank().saturating_sub(shape.rank());
        // An axis in front may be repeated, unless it is known to be as long as that of the product.
        let as_long = |axis: &usize| shape.dim(*axis).same(y.dim(axis + new));
        let axes = (0..shape.rank() - 2).filter(as_long).chain([own]);
        Wire::new(port, axes.map(|axis| Lane { input: axis, output: axis + new, pairs: Pairs::Same }).collect())
    };
    let wires = vec![wire(0, a, a.rank() - 2), wire(1, b, b.rank() - 1)];
    Carry::of(wires, Passes::SCALE, Together::Product)
}

pub(super) fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let (a, b) = (node.input(0)?.shape.as_deref()?, node.input(1)?.shape.as_deref()?);
    if a.rank() < 2 || b.rank() < 2 {
        return None;
    }
    let batch = |s: &Shape| Shape(s.0[..s.rank() - 2].to_vec());
    let mut dims = batch(a).broadcast(&batch(b))?.0;
    let (rows, columns): (Dim, Dim) = (a.dim(a.rank() - 2), b.dim(b.rank() - 1));
    dims.extend([rows, columns]);
    Some(Shape(dims))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "a scale of the rows passes a weight on the right",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[2,5,2] y)
            <float[4,2] w = dyadic(1), float[3,1] k = dyadic(2), float[5,3] u = dyadic(3)>
            { n = Mul (x, k)
              p = MatMul (n, w)
              y = MatMul (u, p) }"#,
        expect: Expect::Folded { left: &["MatMul", "MatMul"] },
    },
    Sample {
        name: "behind, a scale of the columns passes a weight on the left",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4,4] x) => (float[2,3,5] y)
            <float[4,5] w = dyadic(1), float[5] k = dyadic(2), float[3,4] u = dyadic(3)>
            { n = MatMul (x, w)
              p = MatMul (u, n)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["MatMul", "MatMul"] },
    },
    Sample {
        name: "behind, two matrices",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4] x) => (float[2,3] y)
            <float[4,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = MatMul (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Gemm"] },
    },
    Sample {
        name: "behind, two matrices and an Add",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4] x) => (float[2,3] y)
            <float[4,3] w = dyadic(1), float[3] k = dyadic(6), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = MatMul (x, w)
              d = Add (c, k)
              y = BatchNormalization <epsilon = 0.0> (d, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Gemm"] },
    },
    Sample {
        name: "before, two matrices",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4] x) => (float[2,3] y)
            <float[4,3] w = dyadic(1), float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = MatMul (n, w) }"#,
        expect: Expect::Folded { left: &["Gemm"] },
    },
    Sample {
        name: "behind, rows of a constant on the left, a scale alone",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4,5] x) => (float[2,3,5] y)
            <float[3,4] w = dyadic(1), float[3] s = dyadic(2), float[3] b = {0, 0, 0}, float[3] m = {0, 0, 0}, float[3] v = square(5)>
            { c = MatMul (w, x)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["MatMul"] },
    },
    Sample {
        name: "before, a stack of weights, a scale alone",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[2,3,5] y)
            <float[2,4,5] w = dyadic(1), float[4] k = dyadic(2)>
            { n = Mul (x, k)
              y = MatMul (n, w) }"#,
        expect: Expect::Folded { left: &["MatMul"] },
    },
    Sample {
        name: "a shift behind three axes has no place",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4,5] x) => (float[2,3,5] y)
            <float[3,4] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = MatMul (w, x)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Partly { reason: "no-bias", left: &["MatMul", "Add"] },
    },
    Sample {
        name: "channels are the rows, the weight has the columns",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[2,3,3] y)
            <float[4,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = MatMul (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "of unknown rank",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,12] x, int64[K] shape) => (float[A,B] y)
            <float[4,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { r = Reshape (x, shape)
              c = MatMul (r, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("unknown-shape"),
    },
    Sample {
        name: "before, a shift into the constant that is added behind three axes",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[2,3,2] y)
            <float[4,2] w = dyadic(1), float[2] c = dyadic(6), float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5)>
            { t = Transpose <perm = [0,2,1]> (x)
              n = BatchNormalization <epsilon = 0.0> (t, s, b, m, v)
              u = Transpose <perm = [0,2,1]> (n)
              p = MatMul (u, w)
              y = Add (p, c) }"#,
        expect: Expect::Folded { left: &["Transpose", "Transpose", "MatMul", "Add"] },
    },
    Sample {
        name: "before, a shift that nothing behind takes in",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[2,3,2] y)
            <float[4,2] w = dyadic(1), float[4] k = dyadic(2)>
            { a = Add (x, k)
              p = MatMul (a, w)
              y = Relu (p) }"#,
        expect: Expect::Kept("no-bias"),
    },
    Sample {
        name: "of values, one number goes into the weight of the first",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[] y)
            <float[4,4] w = dyadic(1), float[4,4] u = dyadic(3), float[] k = {0.375}>
            { a = MatMul (x, w)
              c = MatMul (x, u)
              t = Transpose <perm = [0,2,1]> (c)
              p = MatMul (a, t)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["MatMul", "MatMul", "Transpose", "MatMul"] },
    },
    Sample {
        name: "of values, a scale of the columns goes into the second, one that the first does not take",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x, float[2,5,3] z) => (float[] y)
            <float[4,2] w = dyadic(1), float[2] k = dyadic(3)>
            { c = MatMul (x, w)
              p = MatMul (z, c)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["MatMul", "MatMul"] },
    },
    Sample {
        name: "of values, one number, the first is an input",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x, float[2,5,3] z) => (float[] y)
            <float[4,2] w = dyadic(1), float[] k = {-3}>
            { c = MatMul (x, w)
              p = MatMul (z, c)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["MatMul", "MatMul"] },
    },
    Sample {
        name: "of values, a scale of what is summed up",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x, float[2,5,3] z) => (float[] y)
            <float[3,1] k = dyadic(3), float[2,4,2] u = dyadic(5)>
            { c = Mul (x, k)
              p = MatMul (z, c)
              y = Relu (p) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "of values, a shift",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x, float[2,5,3] z) => (float[] y)
            <float[4,2] w = dyadic(1), float[2] k = dyadic(3)>
            { c = MatMul (x, w)
              p = MatMul (z, c)
              y = Add (p, k) }"#,
        expect: Expect::Kept("shift-through-scale"),
    },
];
