//! Conv, opset 1 to 22, of any number of spatial axes: weight `[O, I/group, k…]`.

use super::{NEWEST_OPSET, Operator, Stop, positive, window};
use crate::law::{Bias, Law, Mix, Reason, Role};
use crate::model::{Dim, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Conv",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "behind it: scale and shift; before it: scale, and without padding also shift",
    read,
    shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let dims = node.constant(1)?.0;
    let &[out, input, ref kernel @ ..] = dims else { return Err(Reason::Attribute.into()) };
    let group = positive(node.int("group", 1)?)?;
    if kernel.is_empty() || out % group != 0 {
        return Err(Reason::Attribute.into());
    }
    let taps = kernel.iter().product();
    let bias = Bias::Input { input: 2, present: node.input(2).is_some(), gain: (1.0, None), rank: 1, axis: 0 };
    let shift_in = if is_padded(node, kernel)? { Err(Reason::Padding) } else { Ok(()) };
    Ok(Law::Mix(Mix {
        weight: 1,
        data: 0,
        axes: vec![(Role::Group, group), (Role::Out, out / group), (Role::In, input), (Role::Sum, taps)],
        out_axis: Ok(1),
        in_axis: Ok(1),
        gain: 1.0,
        bias,
        shift_in,
        behind: Ok(()),
        beside: vec![],
    }))
}

/// Whether some output may see fewer taps than others. `SAME` pads nothing only if the kernel has a single tap.
fn is_padded(node: &NodeView<'_>, kernel: &[u64]) -> Result<bool, Stop> {
    Ok(match node.string("auto_pad")?.as_str() {
        "" | "NOTSET" => node.ints("pads")?.iter().any(|p| *p != 0),
        "VALID" => false,
        "SAME_UPPER" | "SAME_LOWER" => kernel.iter().any(|k| *k != 1),
        _ => return Err(Reason::Attribute.into()),
    })
}

/// `[N, O, …]`.
pub(super) fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let weight = node.input(1)?.shape.as_deref()?;
    let x = node.input(0)?.shape.as_deref();
    let mut dims = vec![x.map_or(Dim::Unknown, |x| x.dim(0)), weight.dim(0)];
    let spatial = weight.rank().checked_sub(2)?;
    let extent = |axis: usize| x.map_or(Dim::Unknown, |x| x.dim(axis + 2));
    dims.extend((0..spatial).map(|axis| window::behind(node, extent(axis), weight.dim(axis + 2), (axis, spatial))));
    Some(Shape(dims))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "behind, groups, no bias",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4,4,3] x) => (float[2,6,4,3] y)
            <float[6,2,3,3] w = dyadic(1), float[6] s = dyadic(2), float[6] b = dyadic(3), float[6] m = dyadic(4), float[6] v = square(5)>
            { c = Conv <group = 2, pads = [1,1,1,1]> (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "behind, depthwise, dilated, with a bias",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,6] x) => (float[1,3,4] y)
            <float[3,1,2] w = dyadic(1), float[3] a = dyadic(6), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv <group = 3, dilations = [2]> (x, w, a)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "behind, three spatial axes, an empty bias",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,3,4] x) => (float[1,3,2,3,4] y)
            <float[3,2,1,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv <auto_pad = "SAME_UPPER"> (x, w, "")
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "before, groups, no padding",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,4,3,3] x) => (float[1,6,2,2] y)
            <float[6,2,2,2] w = dyadic(1), float[6] a = dyadic(6), float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Conv <group = 2> (n, w, a) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "before, padding, no shift",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,3,3,3] y)
            <float[3,2,3,3] w = dyadic(1), float[2] s = dyadic(2), float[2] b = {0, 0}, float[2] m = {0, 0}, float[2] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Conv <pads = [1,1,1,1]> (n, w) }"#,
        expect: Expect::Folded { left: &["Conv"] },
    },
    Sample {
        name: "before, two readers that both take it",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,3,3,3] y, float[1,2,2,2] z)
            <float[3,2,1,1] w = dyadic(1), float[2,2,2,2] u = dyadic(7), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Conv (n, w)
              z = Conv (n, u) }"#,
        expect: Expect::Folded { left: &["Conv", "Conv"] },
    },
    Sample {
        name: "before, padding meets a shift",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,3,3,3] y)
            <float[3,2,3,3] w = dyadic(1), float[2] s = {2, -0.5}, float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = {1, 4}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Conv <pads = [0,0,1,1]> (n, w) }"#,
        expect: Expect::Partly { reason: "padding", left: &["Add", "Conv"] },
    },
    Sample {
        name: "before, SAME padding meets a shift",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[1,3,2,2] y)
            <float[3,2,2,2] w = dyadic(1), float[2] s = {2, -0.5}, float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = {1, 4}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Conv <auto_pad = "SAME_LOWER", strides = [2,2]> (n, w) }"#,
        expect: Expect::Partly { reason: "padding", left: &["Add", "Conv"] },
    },
    Sample {
        name: "the weight is an input",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x, float[3,2,1,1] w) => (float[1,3,3,3] y)
            <float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("not-constant"),
    },
    Sample {
        name: "another group than the weight allows",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,3,3,3] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv <group = 2> (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("attribute"),
    },
    Sample {
        name: "a new bias in a body of IR 3, where an initializer would have to be an input",
        text: r#"<ir_version: 3, opset_import: ["" : 7]>
            g (float[1,2,2,2] x, bool cond, float[3,2,1,1] w, float[3] s, float[3] m, float[3] v) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] m = dyadic(4), float[3] v = square(5)>
            { b = Constant <value = float[3] {1, -2, 3}> ()
              y = If (cond) <
                then_branch = t () => (float[1,3,2,2] p)
                { c = Conv (x, w)
                  p = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) },
                else_branch = e () => (float[1,3,2,2] q) { q = Conv (x, w) }
              > }"#,
        expect: Expect::Folded { left: &["If"] },
    },
    Sample {
        name: "behind, a weight without elements",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,0,2,2] x) => (float[1,3,2,2] y)
            <float[3,0,1,1] w = {}, float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("attribute"),
    },
    Sample {
        name: "in both branches, with a weight that is read elsewhere, too",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x, bool cond) => (float[1,3,2,2] y, float[3,2,1,1] z)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { y = If (cond) <
                then_branch = t () => (float[1,3,2,2] p)
                { c = Conv (x, w)
                  p = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) },
                else_branch = e () => (float[1,3,2,2] q)
                { d = Conv (x, w)
                  q = BatchNormalization <epsilon = 0.0> (d, s, b, m, v) }
              >
              z = Relu (w) }"#,
        expect: Expect::Folded { left: &["If", "Relu"] },
    },
    Sample {
        name: "forward, a value whose rank another convolution tells once a map is gone",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x, bool b) => (float[] y, float[] z)
            <float[2,3,1,1] w = dyadic(1), float[2,3,1,1] u = dyadic(7), float[3] s = dyadic(2), float[3] t = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float[1,1,1] k = {1.5}>
            { a = If (b) < then_branch = one () => (p) { p = Relu (x) }, else_branch = two () => (p) { p = Neg (x) } >
              n = BatchNormalization <epsilon = 0.0> (a, s, t, m, v)
              y = Conv (n, w)
              f = Mul (a, k)
              z = Conv (f, u) }"#,
        expect: Expect::Folded { left: &["If", "Conv", "Conv"] },
    },
];
