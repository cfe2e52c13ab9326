//! DeformConv, opset 19 to 22: a convolution whose taps read between positions, where inputs say, times a mask
//! (Dai et al. 2017; Zhu et al. 2019). Weight `[O, I/group, k…]`.

use super::{NEWEST_OPSET, Operator, Stop, conv, positive};
use crate::law::{Bias, Law, Mix, Reason, Role};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "DeformConv",
    opsets: 19..=NEWEST_OPSET,
    always_listed: false,
    summary: "behind it: scale and shift; before it: scale",
    read,
    shape: conv::shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let &[out, input, ref kernel @ ..] = node.constant(1)?.0 else { return Err(Reason::Attribute.into()) };
    let group = positive(node.int("group", 1)?)?;
    if kernel.is_empty() || out % group != 0 {
        return Err(Reason::Attribute.into());
    }
    let taps = kernel.iter().product();
    Ok(Law::Mix(Mix {
        weight: 1,
        data: 0,
        axes: vec![(Role::Group, group), (Role::Out, out / group), (Role::In, input), (Role::Sum, taps)],
        out_axis: Ok(1),
        in_axis: Ok(1),
        gain: 1.0,
        bias: Bias::Input { input: 3, present: node.input(3).is_some(), gain: (1.0, None), rank: 1, axis: 0 },
        // A tap may read beyond the border, where zeros are, and the mask takes a part of it.
        shift_in: Err(Reason::Padding),
        behind: Ok(()),
        beside: vec![],
    }))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "behind, groups, a mask, no bias",
        text: r#"<ir_version: 9, opset_import: ["" : 19]>
            g (float[1,4,3,3] x, float[1,16,2,2] offset, float[1,8,2,2] mask) => (float[1,2,2,2] y)
            <float[2,2,2,2] w = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { c = DeformConv <group = 2, offset_group = 2> (x, w, offset, "", mask)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["DeformConv"] },
    },
    Sample {
        name: "before, a scale",
        text: r#"<ir_version: 9, opset_import: ["" : 19]>
            g (float[1,2,3,3] x, float[1,8,4,4] offset) => (float[1,3,4,4] y)
            <float[3,2,2,2] w = dyadic(1), float[3] bias = dyadic(3), float[2,1,1] k = dyadic(2)>
            { n = Mul (x, k)
              y = DeformConv <pads = [1,1,1,1]> (n, w, offset, bias) }"#,
        expect: Expect::Folded { left: &["DeformConv"] },
    },
    Sample {
        name: "before, a shift",
        text: r#"<ir_version: 9, opset_import: ["" : 19]>
            g (float[1,2,3,3] x, float[1,8,2,2] offset) => (float[1,3,2,2] y)
            <float[3,2,2,2] w = dyadic(1), float[2] s = {2, -0.5}, float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = {1, 4}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = DeformConv (n, w, offset) }"#,
        expect: Expect::Partly { reason: "padding", left: &["Add", "DeformConv"] },
    },
    Sample {
        name: "a map of the offsets",
        text: r#"<ir_version: 9, opset_import: ["" : 19]>
            g (float[1,2,3,3] x, float[1,8,2,2] offset) => (float[1,3,2,2] y)
            <float[3,2,2,2] w = dyadic(1), float[8,1,1] k = dyadic(2)>
            { n = Mul (offset, k)
              y = DeformConv (x, w, n) }"#,
        expect: Expect::Kept("unknown-operator"),
    },
];
