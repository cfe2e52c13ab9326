//! Neg, opset 1 to 13: the same with the other sign.

use super::{NEWEST_OPSET, Operator, Stop, same_shape, value_operands};
use crate::double_double::DoubleDouble;
use crate::law::{Carry, Law, Passes, Together};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Neg",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "hands maps on, shifts with the other sign",
    read,
    shape: same_shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let mut wires = value_operands::wires(node, 0..1)?;
    wires.iter_mut().for_each(|wire| wire.gain = -DoubleDouble::ONE);
    Ok(Law::Carry(Carry::of(wires, Passes::ALL, Together::Sum)))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              n = Neg (c)
              y = BatchNormalization <epsilon = 0.0> (n, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Neg"] },
    },
    Sample {
        name: "forward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { a = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              n = Neg (a)
              y = Conv (n, w) }"#,
        expect: Expect::Folded { left: &["Neg", "Conv"] },
    },
    Sample {
        name: "a shift before a padded convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,2,3,3] y)
            <float[2,2,3,3] w = dyadic(1), float[2,1,1] k = dyadic(2)>
            { n = Neg (x)
              a = Add (n, k)
              y = Conv <pads = [1,1,1,1]> (a, w) }"#,
        expect: Expect::Kept("padding"),
    },
];
