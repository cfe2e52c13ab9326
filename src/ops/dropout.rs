//! Dropout, opset 1 to 22: hands its input on at inference (Srivastava et al. 2014).

use super::{NEWEST_OPSET, Operator, Stop, rank, same_shape};
use crate::law::{Carry, Law, Passes, Reason};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Dropout",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "at inference, without a mask: hands maps on",
    read,
    shape: same_shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let inference = match node.opset {
        ..=6 => node.int("is_test", i64::from(node.assume_inference))? != 0,
        7..=11 => true,
        // The third input switches training on; its default is off.
        _ => node.input(2).is_none() || node.elements.booleans(2)?.iter().all(|on| !on),
    };
    if !inference || node.connected_outputs() != 1 || node.outputs.first() != Some(&true) {
        return Err(Reason::TrainingMode.into());
    }
    Ok(Law::Carry(Carry::unary(rank(node, 0), Passes::ALL)))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "switched off by a constant",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,2] x) => (float[2,3] y)
            <float[2,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5),
             float[] ratio = {0.5}, bool[] off = {0}>
            { c = Gemm (x, w)
              i = Dropout (c, ratio, off)
              y = BatchNormalization <epsilon = 0.0> (i, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Gemm", "Dropout"] },
    },
    Sample {
        name: "forward, without inputs for training",
        text: r#"<ir_version: 8, opset_import: ["" : 13]>
            g (float[2,2] x) => (float[2,3] y)
            <float[2,3] w = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              i = Dropout (n)
              y = Gemm (i, w) }"#,
        expect: Expect::Folded { left: &["Dropout", "Gemm"] },
    },
    Sample {
        name: "switched on",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,2] x) => (float[2,3] y)
            <float[2,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5),
             float[] ratio = {0.5}, bool[] on = {1}>
            { c = Gemm (x, w)
              i = Dropout (c, ratio, on)
              y = BatchNormalization <epsilon = 0.0> (i, s, b, m, v) }"#,
        expect: Expect::Kept("training-mode"),
    },
];
