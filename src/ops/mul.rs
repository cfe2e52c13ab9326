//! Mul by a constant, opset 1 to 14: `y = c·x`; of two values a scale on one of them is one on the product.

use super::constant_operand as operand;
use super::{NEWEST_OPSET, Operator, Stop, value_operands};
use crate::double_double::DoubleDouble;
use crate::law::{Bias, Host, Law, Map, Mix, Reason, Role};
use crate::model::{Dim, NodeView};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Mul",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "by a constant per channel: is folded; takes in scales; of values: hands scales to and from one of them",
    read,
    shape: operand::shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    if !node.is_constant(0) && !node.is_constant(1) {
        return value_operands::product(node).map(Law::Carry);
    }
    if let Some(mix) = outer(node) {
        return Ok(Law::Mix(mix));
    }
    let constant = operand::read(node)?;
    let placed = constant.place(constant.values.clone(), vec![DoubleDouble::ZERO]);
    let host = Host::Factor { input: constant.input, dims: constant.dims, rank: constant.rank, divides: false };
    Ok(Law::Map(Map { data: constant.data, placed, host }))
}

/// One number times a row of constants, as the scales of dynamically quantised products are made: each place has its own factor.
fn outer(node: &NodeView<'_>) -> Option<Mix> {
    let weight = usize::from(node.is_constant(1));
    let dims = node.constant(weight).ok()?.0;
    let data = node.input(1 - weight)?.shape.as_deref()?;
    let mut long = dims.iter().enumerate().filter(|(_, size)| **size != 1);
    let ((axis, _), None) = (long.next()?, long.next()) else { return None };
    let one = data.rank() <= dims.len() && data.0.iter().all(|dim| *dim == Dim::Known(1));
    (one && node.opset >= 7).then(|| Mix {
        weight,
        data: 1 - weight,
        axes: dims.iter().enumerate().map(|(at, size)| (if at == axis { Role::Out } else { Role::Free }, *size)).collect(),
        out_axis: Ok(axis),
        in_axis: Err(Reason::OtherAxis),
        gain: 1.0,
        bias: Bias::None,
        shift_in: Ok(()),
        behind: Ok(()),
        beside: vec![],
    })
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "of values, backward, a number for each channel and sample is the second",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x, float[1,3,1,1] gate) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3,1,1] k = dyadic(2)>
            { c = Conv (x, w)
              p = Mul (c, gate)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["Conv", "Mul"] },
    },
    Sample {
        name: "of values, a scale before the second",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x, float[1,3,1,1] gate) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3,1,1] k = dyadic(2)>
            { n = Mul (gate, k)
              p = Mul (x, n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Mul", "Conv"] },
    },
    Sample {
        name: "of values, a shift",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x, float[1,3,1,1] gate) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = {2, -0.5, 4}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 4, 16}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Mul (n, gate)
              y = Conv (p, w) }"#,
        expect: Expect::Partly { reason: "shift-through-scale", left: &["Add", "Mul", "Conv"] },
    },
    Sample {
        name: "behind a convolution, constant first",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] b = dyadic(2), float[3,1,1] k = dyadic(3)>
            { c = Conv (x, w, b)
              y = Mul (k, c) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "before a padded convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[1,3,4,4] y)
            <float[3,2,3,3] w = dyadic(1), float[3] b = dyadic(2), float[1,2,1,1] k = dyadic(3)>
            { s = Mul (x, k)
              y = Conv <pads = [1,1,1,1]> (s, w, b) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "twice",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[1,2,4,4] y)
            <float[2,1,1] k = dyadic(3), float[] j = {0.5}>
            { a = Mul (x, k)
              b = Mul (a, j)
              y = Relu (b) }"#,
        expect: Expect::Folded { left: &["Mul", "Relu"] },
    },
    Sample {
        name: "as many numbers as channels, but along the last axis",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,3] x) => (float[1,3,2,3] y)
            <float[3,2,1,1] w = dyadic(1), float[3] k = dyadic(3)>
            { c = Conv (x, w)
              y = Mul (c, k) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "a number per element",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,3] x) => (float[1,3,2,3] y)
            <float[3,2,1,1] w = dyadic(1), float[3,2,3] k = dyadic(3)>
            { c = Conv (x, w)
              y = Mul (c, k) }"#,
        expect: Expect::Kept("per-element"),
    },
    Sample {
        name: "along an axis that comes from an attribute, opset 6",
        text: r#"<ir_version: 3, opset_import: ["" : 6]>
            g (float[1,2,2,3] x, float[3,2,1,1] w, float[3] k) => (float[1,3,2,3] y)
            <float[3,2,1,1] w = dyadic(1), float[3] k = dyadic(3)>
            { c = Conv (x, w)
              y = Mul <broadcast = 1, axis = 1> (c, k) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "a BatchNormalization before it takes it in",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2,2] x) => (float[1,3,2,2] y)
            <float[3] s = dyadic(1), float[3] b = dyadic(2), float[3] m = dyadic(3), float[3] v = square(4), float[3,1,1] k = dyadic(5)>
            { a = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Mul (a, k) }"#,
        expect: Expect::Folded { left: &["BatchNormalization"] },
    },
    Sample {
        name: "a shift before goes on into the constant that is added behind",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3] x) => (float[2,3] y)
            <float[3] a = dyadic(1), float[3] k = dyadic(2), float[3] c = dyadic(3)>
            { e = Abs (x)
              p = Sub (e, a)
              q = Mul (p, k)
              r = Add (q, c)
              y = Abs (r) }"#,
        expect: Expect::Folded { left: &["Abs", "Mul", "Add", "Abs"] },
    },
    Sample {
        name: "of a value and a number times a row of constants",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,3] x, float[1] a) => (float[] y)
            <float[3] k = positive(1), float[3] r = dyadic(2)>
            { u = Mul (a, k)
              p = Mul (x, u)
              y = Mul (p, r) }"#,
        expect: Expect::Folded { left: &["Mul", "Mul"] },
    },
    Sample {
        name: "one number times a row of constants is no map",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1] a) => (float[] y)
            <float[3] k = positive(1), float[3] r = dyadic(2)>
            { p = Exp (a)
              u = Mul (p, k)
              y = Mul (r, u) }"#,
        expect: Expect::Folded { left: &["Exp", "Mul"] },
    },
    Sample {
        name: "one number times a row, a factor before",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,1] x) => (float[] y)
            <float half = {0.5}, float[1,3] row = dyadic(1)>
            { n = Mul (x, half)
              p = Mul (n, row)
              y = Relu (p) }"#,
        expect: Expect::Folded { left: &["Mul", "Relu"] },
    },
    Sample {
        name: "a row times one number, a factor before",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,1] x) => (float[] y)
            <float half = {0.5}, float[1,3] row = dyadic(1)>
            { n = Mul (x, half)
              p = Mul (row, n)
              y = Relu (p) }"#,
        expect: Expect::Folded { left: &["Mul", "Relu"] },
    },
    Sample {
        name: "of values, a scale into the second factor of the second product",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x, float[1,3,1,1] gate, float[1,3,1,1] other) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3,1,1] k = dyadic(2)>
            { c = Conv (x, w)
              p = Mul (gate, c)
              q = Mul (p, other)
              y = Mul (q, k) }"#,
        expect: Expect::Folded { left: &["Conv", "Mul", "Mul"] },
    },
    Sample {
        name: "an early version aligns at the last axis unless it says which",
        text: r#"<ir_version: 3, opset_import: ["" : 6]>
            g (float[3,2] x) => (float[] y)
            <float[2,3] w = dyadic(1), float[3] k = dyadic(2)>
            { c = MatMul (x, w)
              y = Mul <broadcast = 1> (c, k) }"#,
        expect: Expect::Folded { left: &["MatMul"] },
    },
    Sample {
        name: "of the largest of three, of which the last has more axes",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[3] x, float[3] z, float[1,2,3] u) => (float[] y)
            <float[3,2] w = dyadic(1), float[3] k = dyadic(2)>
            { m = Max (x, z, u)
              n = Mul (m, k)
              y = MatMul (n, w) }"#,
        expect: Expect::Kept("unknown-shape"),
    },
];
