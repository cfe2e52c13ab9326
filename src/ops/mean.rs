//! Mean, opset 1 to 13: the mean of values. A scale goes to all of them, a shift to the first, as many times as there are values.

use super::{NEWEST_OPSET, Operator, Stop, shapes, value_operands};
use crate::double_double::DoubleDouble;
use crate::law::{Carry, Law, Passes, Together};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Mean",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "of values: as Sum",
    read,
    shape: shapes::broadcast,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let mut wires = value_operands::wires(node, 0..node.inputs.len())?;
    let gain = DoubleDouble::ONE / DoubleDouble::new(wires.len() as f64);
    wires.iter_mut().for_each(|wire| wire.gain = gain);
    Ok(Law::Carry(Carry::of(wires, Passes::ALL, Together::Sum)))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, into two convolutions",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3,2,1,1] u = dyadic(8), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              d = Conv (x, u)
              p = Mean (c, d)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Conv", "Mean"] },
    },
    Sample {
        name: "a shift before the second of two",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x, float[1,3,4,4] z) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3,1,1] k = dyadic(2)>
            { n = Add (x, k)
              p = Mean (z, n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Mean", "Conv"] },
    },
];
