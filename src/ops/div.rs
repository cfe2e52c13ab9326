//! Div by a constant, opset 1 to 14: `y = x / c`. `c / x` is not affine.

use super::constant_operand as operand;
use super::{NEWEST_OPSET, Operator, Stop};
use crate::double_double::DoubleDouble;
use crate::law::{Host, Law, Map, Reason};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Div",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "by a constant per channel: is folded; takes in scales",
    read,
    shape: operand::shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let constant = operand::read(node)?;
    if constant.input == 0 {
        return Err(Reason::NotAffine.into());
    }
    let factors: Vec<DoubleDouble> = constant.values.iter().map(|c| DoubleDouble::ONE / *c).collect();
    if factors.iter().any(|f| !f.is_finite()) {
        return Err(Reason::NonFinite.into());
    }
    let placed = constant.place(factors, vec![DoubleDouble::ZERO]);
    let host = Host::Factor { input: constant.input, dims: constant.dims, rank: constant.rank, divides: true };
    Ok(Law::Map(Map { data: constant.data, placed, host }))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "behind a convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[1,3,1,1] k = {0.5, -4, 2}>
            { c = Conv (x, w)
              y = Div (c, k) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "before a convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[] k = {4}>
            { c = Div (x, k)
              y = Conv (c, w) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "takes in a scale before it",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2,2] x) => (float[1,3,2,2] y)
            <float[] j = {8}, float[3,1,1] k = {0.5, 2, -4}>
            { c = Mul (x, k)
              y = Div (c, j) }"#,
        expect: Expect::Folded { left: &["Div"] },
    },
    Sample {
        name: "the constant is divided",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[1,3,1,1] k = {0.5, -4, 2}>
            { c = Conv (x, w)
              y = Div (k, c) }"#,
        expect: Expect::Kept("not-affine"),
    },
];
