//! MaxPool, opset 1 to 22: the largest of a window. It commutes with rising maps; padding never wins, but a window that sees
//! nothing else gives the lowest number there is, which no map may reach.

use super::window::every_window_sees;
use super::{NEWEST_OPSET, Operator, Stop, shapes};
use crate::law::{Carry, Law, Passes, Reason};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "MaxPool",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "without indices: hands rising maps on",
    read,
    shape: shapes::pooled,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    if node.connected_outputs() != 1 {
        return Err(Reason::UnknownOperator.into());
    }
    if !every_window_sees(node, &[])? {
        return Err(Reason::WindowOfPadding.into());
    }
    // Along the axes that are pooled, positions do not correspond.
    Ok(Law::Carry(Carry::channels(Passes::RISING)))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = MaxPool <kernel_shape = [2,2], pads = [1,1,0,0]> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "MaxPool"] },
    },
    Sample {
        name: "forward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["MaxPool", "Conv"] },
    },
    Sample {
        name: "a falling map",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = {1, -1, 2}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = MaxPool <kernel_shape = [2,2]> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Kept("falling-scale"),
    },
    Sample {
        name: "dilated windows of which some see nothing but padding",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,1,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = MaxPool <kernel_shape = [2,1], dilations = [2,1], pads = [1,0,1,0]> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
    Sample {
        name: "dilated windows that see something",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = positive(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = MaxPool <kernel_shape = [2,2], dilations = [2,2], pads = [1,1,1,1]> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "MaxPool"] },
    },
    Sample {
        name: "forward, a map of what windows of padding give",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,1,4] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] k = square(2)>
            { p = MaxPool <kernel_shape = [2,1], dilations = [2,1], pads = [1,0,1,0]> (x)
              m = Mul (p, k)
              y = Conv (m, w) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
    Sample {
        name: "windows of an uneven division that begin behind the value",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] k = square(2)>
            { c = Conv (x, w)
              p = MaxPool <kernel_shape = [1,1], strides = [2,2], ceil_mode = 1> (c)
              y = Mul (p, k) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
    Sample {
        name: "forward, behind a Pad of the lowest number that every window leaves",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] k = square(2), int64[8] pads = {0,0,1,1,0,0,1,1}, float low = {-1e38}>
            { a = Pad (x, pads, low)
              p = MaxPool <kernel_shape = [2,2]> (a)
              m = Mul (p, k)
              y = Conv (m, w) }"#,
        expect: Expect::Folded { left: &["Pad", "MaxPool", "Conv"] },
    },
    Sample {
        name: "a window that begins behind the last element",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = square(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = MaxPool <kernel_shape = [2,2], pads = [0,0,2,2]> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
    Sample {
        name: "what pads by itself",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = square(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = MaxPool <kernel_shape = [2,2], auto_pad = "SAME_UPPER"> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "MaxPool"] },
    },
    Sample {
        name: "forward, behind a Pad of the lowest number in which windows lie",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] k = square(2), int64[8] pads = {0,0,2,2,0,0,2,2}, float low = {-1e38}>
            { a = Pad (x, pads, low)
              p = MaxPool <kernel_shape = [2,2]> (a)
              m = Mul (p, k)
              y = Conv (m, w) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
    Sample {
        name: "forward, a window of windows that see nothing but padding",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[2,2,1,1] w = dyadic(1), float[2,1,1] k = square(2)>
            { a = MaxPool <kernel_shape = [1,1], pads = [2,2,2,2]> (x)
              p = MaxPool <kernel_shape = [2,2]> (a)
              m = Mul (p, k)
              y = Conv (m, w) }"#,
        expect: Expect::Kept("window-of-padding"),
    },
];
