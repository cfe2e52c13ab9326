//! AveragePool, opset 1 to 22: the mean of a window. A shift passes unless padding is counted into the mean.

use super::window::every_window_sees;
use super::{NEWEST_OPSET, Operator, Stop, shapes};
use crate::law::{Carry, Law, Passes, Reason};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "AveragePool",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "hands scales on, and shifts unless padding is counted",
    read,
    shape: shapes::pooled,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let counted = node.int("count_include_pad", 0)? != 0;
    let padded =
        !matches!(node.string("auto_pad")?.as_str(), "" | "NOTSET" | "VALID") || node.ints("pads")?.iter().any(|p| *p != 0);
    // What counts at the end of an uneven division has changed between versions and runtimes.
    let uneven = node.int("ceil_mode", 0)? != 0;
    let shift = match (counted && (padded || uneven), every_window_sees(node, &[])?) {
        (true, _) => Err(Reason::CountedPadding),
        (false, false) => Err(Reason::WindowOfPadding),
        (false, true) => Ok(1.0),
    };
    Ok(Law::Carry(Carry::channels(Passes { falling: Ok(()), shift })))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = AveragePool <kernel_shape = [2,2]> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "AveragePool"] },
    },
    Sample {
        name: "forward, padding that is not counted",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = AveragePool <kernel_shape = [2,2], pads = [1,1,1,1], strides = [2,2]> (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["AveragePool", "Conv"] },
    },
    Sample {
        name: "forward, a scale and counted padding",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[1,3,1,1] k = positive(2)>
            { n = Mul (x, k)
              p = AveragePool <kernel_shape = [2,2], pads = [1,1,0,0], count_include_pad = 1> (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["AveragePool", "Conv"] },
    },
    Sample {
        name: "a shift and counted padding",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = AveragePool <kernel_shape = [2,2], pads = [1,1,0,0], count_include_pad = 1> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Partly { reason: "counted-padding", left: &["Conv", "AveragePool", "Add"] },
    },
    Sample {
        name: "a shift and windows that see nothing but padding",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,1,4] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] k = dyadic(2)>
            { c = Conv (x, w)
              p = AveragePool <kernel_shape = [1,2], pads = [0,2,0,0]> (c)
              y = Add (p, k) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
    Sample {
        name: "a shift where padding would count and there is none",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = AveragePool <kernel_shape = [2,2], count_include_pad = 1> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "AveragePool"] },
    },
    Sample {
        name: "a shift where a pool counts what it pads by itself",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = AveragePool <kernel_shape = [2,2], count_include_pad = 1, auto_pad = "SAME_UPPER"> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "AveragePool", "Add"] },
    },
    Sample {
        name: "a kernel without taps",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = AveragePool <kernel_shape = [0,1]> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Kept("attribute"),
    },
];
