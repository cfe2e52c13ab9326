//! Sub with a constant, opset 1 to 14: `y = x − c`, or `y = c − x`, whose scale is −1.

use super::constant_operand as operand;
use super::{NEWEST_OPSET, Operator, Stop, value_operands};
use crate::double_double::DoubleDouble;
use crate::law::{Host, Law, Map};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Sub",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "with a constant per channel on either side: is folded; takes in shifts and hands scales on; of values: as Sum",
    read,
    shape: operand::shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    if !node.is_constant(0) && !node.is_constant(1) {
        return value_operands::difference(node).map(Law::Carry);
    }
    let constant = operand::read(node)?;
    let reversed = constant.input == 0;
    let sign = if reversed { DoubleDouble::ONE } else { -DoubleDouble::ONE };
    let shift = constant.values.iter().map(|c| sign * *c).collect();
    let placed = constant.place(vec![-sign], shift);
    let host = Host::Term { input: constant.input, dims: constant.dims, rank: constant.rank, sign };
    Ok(Law::Map(Map { data: constant.data, placed, host }))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "of values, backward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x, float[1,2,4,4] z) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3,2,1,1] u = dyadic(8), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              d = Conv (z, u)
              p = Sub (c, d)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Conv", "Sub"] },
    },
    Sample {
        name: "of values, a shift before the one that is taken away",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x, float[1,3,4,1] z) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3,1,1] k = dyadic(2)>
            { n = Add (z, k)
              p = Sub (x, n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Sub", "Conv"] },
    },
    Sample {
        name: "a constant from a convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] b = dyadic(2), float[3,1,1] k = dyadic(3)>
            { c = Conv (x, w, b)
              y = Sub (c, k) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "a convolution from a constant",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] b = dyadic(2), float[3,1,1] k = dyadic(3)>
            { c = Conv (x, w, b)
              y = Sub (k, c) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "image normalisation before the first convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[1,2,3,3] y)
            <float[2,3,2,2] w = dyadic(1), float[1,3,1,1] mean = dyadic(2), float[1,3,1,1] deviation = {0.5, 0.25, 2}>
            { c = Sub (x, mean)
              d = Div (c, deviation)
              y = Conv (d, w) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "from a constant, taking in a map behind it",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[2,3,5] y)
            <float[4,5] w = dyadic(1), float[5] k = dyadic(2), float[5] s = dyadic(3), float[5] t = dyadic(4)>
            { a = MatMul (x, w)
              b = Sub (k, a)
              c = Mul (b, s)
              y = Sub (t, c) }"#,
        expect: Expect::Folded { left: &["MatMul", "Sub"] },
    },
];
