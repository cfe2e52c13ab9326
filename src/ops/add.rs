//! Add of a constant, opset 1 to 14: `y = x + c`.

use super::constant_operand as operand;
use super::{NEWEST_OPSET, Operator, Stop, value_operands};
use crate::double_double::DoubleDouble;
use crate::law::{Host, Law, Map};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Add",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "of a constant per channel: is folded; takes in shifts and hands scales on; of values: as Sum",
    read,
    shape: operand::shape,
    samples: SAMPLES,
};

pub(super) fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    if !node.is_constant(0) && !node.is_constant(1) {
        return value_operands::sum(node).map(Law::Carry);
    }
    let constant = operand::read(node)?;
    let placed = constant.place(vec![DoubleDouble::ONE], constant.values.clone());
    let host = Host::Term { input: constant.input, dims: constant.dims, rank: constant.rank, sign: DoubleDouble::ONE };
    Ok(Law::Map(Map { data: constant.data, placed, host }))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "behind a convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3,1,1] k = dyadic(3)>
            { c = Conv (x, w)
              y = Add (c, k) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "before an unpadded convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,3,2,2] y)
            <float[3,2,2,2] w = dyadic(1), float[2,1,1] k = dyadic(3)>
            { c = Add (k, x)
              y = Conv (c, w) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "before a padded convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,3,3,3] y)
            <float[3,2,3,3] w = dyadic(1), float[2,1,1] k = dyadic(3)>
            { c = Add (k, x)
              y = Conv <pads = [1,1,1,1]> (c, w) }"#,
        expect: Expect::Kept("padding"),
    },
    Sample {
        name: "hands a scale on to the product before it",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[2,3,5] y)
            <float[4,5] w = dyadic(1), float[5] k = dyadic(2), float[5] s = dyadic(3)>
            { a = MatMul (x, w)
              b = Add (a, k)
              y = Mul (b, s) }"#,
        expect: Expect::Folded { left: &["MatMul", "Add"] },
    },
    Sample {
        name: "as many numbers as channels, but along the last axis",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,3] x) => (float[1,3,2,3] y)
            <float[3,2,1,1] w = dyadic(1), float[3] k = dyadic(3)>
            { c = Conv (x, w)
              y = Add (c, k) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "of unknown alignment",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,M,H,W] x) => (float[N,M,H,W] y)
            <float[3,1,1] k = dyadic(3), float[3,3,1,1] w = dyadic(1)>
            { c = Add (x, k)
              y = Conv (c, w) }"#,
        expect: Expect::Kept("unknown-shape"),
    },
    Sample {
        name: "of whole numbers",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (int64[1,3,2,2] x) => (int64[1,3,2,2] y)
            <int64[3,1,1] k = {1, 2, 3}, int64[3,1,1] j = {1, 2, 3}>
            { c = Add (x, k)
              y = Add (c, j) }"#,
        expect: Expect::Kept("not-float"),
    },
];
