//! ConvTranspose, opset 1 to 22: weight `[C_in, C_out/group, k…]`. Output channel `q·(C_out/group) + j` sits in the rows of
//! group `q`, column `j`.

use super::{NEWEST_OPSET, Operator, Stop, positive, window};
use crate::law::{Bias, Law, Mix, Reason, Role};
use crate::model::{Dim, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "ConvTranspose",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "behind it: scale and shift; before it: scale, and where borders are cut off also shift",
    read,
    shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let dims = node.constant(1)?.0;
    let &[input, out, ref kernel @ ..] = dims else { return Err(Reason::Attribute.into()) };
    let group = positive(node.int("group", 1)?)?;
    if kernel.is_empty() || input % group != 0 {
        return Err(Reason::Attribute.into());
    }
    let bias = Bias::Input { input: 2, present: node.input(2).is_some(), gain: (1.0, None), rank: 1, axis: 0 };
    Ok(Law::Mix(Mix {
        weight: 1,
        data: 0,
        axes: vec![(Role::Group, group), (Role::In, input / group), (Role::Out, out), (Role::Sum, kernel.iter().product())],
        out_axis: Ok(1),
        in_axis: Ok(1),
        gain: 1.0,
        bias,
        shift_in: if sees_every_tap(node, kernel)? { Ok(()) } else { Err(Reason::BorderTaps) },
        behind: Ok(()),
        beside: vec![],
    }))
}

/// Whether each output sees every tap: at stride 1 those that do not lie at the borders, which the pads must cut off.
fn sees_every_tap(node: &NodeView<'_>, kernel: &[u64]) -> Result<bool, Stop> {
    let at = |name: &str, index: usize, default: i64| Ok::<i64, Stop>(node.ints(name)?.get(index).copied().unwrap_or(default));
    let automatic = node.string("auto_pad")?;
    let explicit = matches!(automatic.as_str(), "" | "NOTSET" | "VALID");
    let mut all = explicit && !node.has("output_shape");
    for (axis, taps) in kernel.iter().enumerate() {
        let reach = i64::try_from(*taps).ok().and_then(|k| (k - 1).checked_mul(at("dilations", axis, 1).ok()?));
        let cut = match automatic.as_str() {
            "VALID" => 0,
            _ => at("pads", axis, 0)?.min(at("pads", axis + kernel.len(), 0)?),
        };
        all &= at("strides", axis, 1)? == 1 && at("output_padding", axis, 0)? == 0 && reach.is_some_and(|reach| cut >= reach);
    }
    Ok(all)
}

fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let weight = node.input(1)?.shape.as_deref()?;
    let group = u64::try_from(node.int("group", 1).ok()?).ok()?;
    let mut shape = Shape::of_rank(weight.rank());
    let x = node.input(0)?.shape.as_deref();
    let spatial = weight.rank().checked_sub(2)?;
    for (axis, dim) in shape.0.iter_mut().skip(2).enumerate() {
        *dim = x.map_or(Dim::Unknown, |x| window::before(node, x.dim(axis + 2), weight.dim(axis + 2), (axis, spatial)));
    }
    *shape.0.get_mut(0)? = x.map_or(Dim::Unknown, |x| x.dim(0));
    *shape.0.get_mut(1)? = weight.dim(1).known().and_then(|out| out.checked_mul(group)).map_or(Dim::Unknown, Dim::Known);
    Some(shape)
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "behind, groups on a square weight",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,4,3,3] x) => (float[1,8,6,6] y)
            <float[4,4,2,2] w = dyadic(1), float[8] s = dyadic(2), float[8] b = dyadic(3), float[8] m = dyadic(4), float[8] v = square(5)>
            { c = ConvTranspose <group = 2, strides = [2,2]> (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["ConvTranspose"] },
    },
    Sample {
        name: "behind, padding and a bias",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4] x) => (float[1,2,8] y)
            <float[3,2,3] w = dyadic(1), float[2] a = dyadic(6), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { c = ConvTranspose <strides = [2], pads = [1,1], output_padding = [1]> (x, w, a)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["ConvTranspose"] },
    },
    Sample {
        name: "before, one tap, groups",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,4,3,3] x) => (float[1,6,3,3] y)
            <float[4,3,1,1] w = dyadic(1), float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = ConvTranspose <group = 2> (n, w) }"#,
        expect: Expect::Folded { left: &["ConvTranspose"] },
    },
    Sample {
        name: "before, borders cut off",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,5] x) => (float[1,3,2,1] y)
            <float[2,3,3,3] w = dyadic(1), float[3] a = dyadic(6), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = ConvTranspose <dilations = [1,2], pads = [2,4,2,4]> (n, w, a) }"#,
        expect: Expect::Folded { left: &["ConvTranspose"] },
    },
    Sample {
        name: "before, borders cut off on one side alone",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4] x) => (float[1,3,4] y)
            <float[2,3,3] w = dyadic(1), float[2] s = {2, -0.5}, float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = {1, 4}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = ConvTranspose <pads = [2,0]> (n, w) }"#,
        expect: Expect::Partly { reason: "border-taps", left: &["Add", "ConvTranspose"] },
    },
    Sample {
        name: "before, a scale alone",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,3,7,7] y)
            <float[2,3,3,3] w = dyadic(1), float[2,1,1] k = dyadic(2)>
            { n = Mul (x, k)
              y = ConvTranspose <strides = [2,2]> (n, w) }"#,
        expect: Expect::Folded { left: &["ConvTranspose"] },
    },
    Sample {
        name: "before, borders see fewer taps",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,3] x) => (float[1,3,7,7] y)
            <float[2,3,3,3] w = dyadic(1), float[2] s = {2, -0.5}, float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = {1, 4}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = ConvTranspose <strides = [2,2]> (n, w) }"#,
        expect: Expect::Partly { reason: "border-taps", left: &["Add", "ConvTranspose"] },
    },
];
