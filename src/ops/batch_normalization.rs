//! BatchNormalization, opset 1 to 15: `y = scale · (x − mean) / √(var + ε) + B` per channel, axis 1 (Ioffe and Szegedy 2015).

use super::{NEWEST_OPSET, Operator, Stop};
use crate::double_double::DoubleDouble;
use crate::law::{Host, Law, Map, Reason};
use crate::map::{Affine, Placed};
use crate::model::{NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "BatchNormalization",
    opsets: 1..=NEWEST_OPSET,
    always_listed: true,
    summary: "is folded; takes in maps from both sides",
    read,
    shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    inference_form(node)?;
    let channels = match node.constant(1)?.0 {
        [channels] => *channels,
        _ if node.opset < 9 && node.int("spatial", 1)? == 0 => return Err(Reason::PerActivation.into()),
        _ => return Err(Reason::InvalidStatistics.into()),
    };
    for input in 2..5 {
        if node.constant(input)?.0 != [channels] {
            return Err(Reason::InvalidStatistics.into());
        }
    }
    let rank = node.input(0).and_then(|x| x.shape.as_deref()).map(|s| s.rank());
    let axis = match rank {
        Some(0) => return Err(Reason::Attribute.into()),
        // Some exporters normalise vectors: one channel for all.
        Some(1) => None,
        _ => Some(1),
    };
    if node.opset < 9 && node.int("spatial", 1)? == 0 && rank != Some(2) {
        return Err(Reason::SpatialStatistics.into());
    }
    let declared = match (rank, node.shape(0)) {
        (Some(1), _) => Some(1),
        (_, Ok(shape)) => shape.dim(1).known(),
        _ => None,
    };
    if declared.is_some_and(|d| d != channels) {
        return Err(Reason::InvalidStatistics.into());
    }
    let epsilon = DoubleDouble::new(f64::from(node.float("epsilon", 1e-5)?));
    let values = |input| node.elements.floats(input);
    let (scale, bias, mean, variance) = (values(1)?, values(2)?, values(3)?, values(4)?);
    let deviation: Vec<DoubleDouble> = variance.iter().map(|v| (*v + epsilon).sqrt()).collect();
    let factor: Vec<DoubleDouble> = scale.iter().zip(&deviation).map(|(s, d)| *s / *d).collect();
    let shift = (0..factor.len()).map(|c| bias[c] - mean[c] * factor[c]).collect();
    let map = Affine { scale: factor, shift };
    if !map.is_finite() || !deviation.iter().all(|d| d.is_finite() && *d > 0.0) {
        return Err(Reason::NonFinite.into());
    }
    let host = Host::Statistics { scale: 1, bias: 2, center: 3, mean, deviation };
    Ok(Law::Map(Map { data: 0, placed: Placed::of(axis, map), host }))
}

/// Each version says in its own way that the statistics are given and not computed from the batch.
fn inference_form(node: &NodeView<'_>) -> Result<(), Stop> {
    let inference = match node.opset {
        ..=6 => node.int("is_test", i64::from(node.assume_inference))? != 0,
        7..=13 => true,
        _ => node.int("training_mode", 0)? == 0,
    };
    if !inference || node.connected_outputs() != 1 || node.outputs.first() != Some(&true) {
        return Err(Reason::TrainingMode.into());
    }
    Ok(())
}

/// As many channels as statistics.
fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let mut shape = node.input(0)?.owned_shape()?;
    if node.opset < 9 && node.int("spatial", 1).ok()? == 0 {
        return Some(shape);
    }
    let count = node.input(1).and_then(|scale| scale.shape.as_deref()).filter(|s| s.rank() == 1)?.dim(0);
    if let Some(channels) = shape.0.get_mut(1).filter(|c| c.known().is_none()) {
        *channels = count;
    }
    Some(shape)
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "two in a row",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,2,2] x) => (float[2,3,2,2] y)
            <float[3] s = dyadic(1), float[3] b = dyadic(2), float[3] m = dyadic(3), float[3] v = square(4),
             float[3] s2 = dyadic(5), float[3] b2 = dyadic(6), float[3] m2 = dyadic(7), float[3] v2 = square(8)>
            { a = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              r = Relu (x)
              c = BatchNormalization <epsilon = 0.0> (a, s2, b2, m2, v2)
              y = Add (c, r) }"#,
        expect: Expect::Folded { left: &["Relu", "BatchNormalization", "Add"] },
    },
    Sample {
        name: "training mode",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              y, rm, rv = BatchNormalization <epsilon = 0.0, training_mode = 1> (c, s, b, m, v) }"#,
        expect: Expect::Kept("training-mode"),
    },
    Sample {
        name: "opset 6 does not say that it is a test",
        text: r#"<ir_version: 3, opset_import: ["" : 6]>
            g (float[1,2,2,2] x, float[3,2,1,1] w, float[3] s, float[3] b, float[3] m, float[3] v) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("training-mode"),
    },
    Sample {
        name: "statistics per channel where the attribute asks for them per activation",
        text: r#"<ir_version: 3, opset_import: ["" : 8]>
            g (float[1,2,2,2] x, float[3,2,1,1] w, float[3] s, float[3] b, float[3] m, float[3] v) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0, spatial = 0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("spatial-statistics"),
    },
    Sample {
        name: "statistics per activation",
        text: r#"<ir_version: 8, opset_import: ["" : 8]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3,2,2] s = dyadic(2), float[3,2,2] b = dyadic(3), float[3,2,2] m = dyadic(4),
             float[3,2,2] v = square(5)>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0, spatial = 0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("per-activation"),
    },
    Sample {
        name: "statistics of one number for three channels",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[1] s = dyadic(2), float[1] b = dyadic(3), float[1] m = dyadic(4), float[1] v = square(5)>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("invalid-statistics"),
    },
    Sample {
        name: "a negative variance",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, -1, 1}>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("non-finite"),
    },
    Sample {
        name: "statistics that a caller may override",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x, float[3] m) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("overridable"),
    },
    Sample {
        name: "statistics that are computed",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x, float[3] k) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] v = square(5)>
            { c = Conv (x, w)
              m = Abs (k)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("not-constant"),
    },
    Sample {
        name: "in a function of which only scales leave it, different ones in two calls",
        text: r#"<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y, float[1,3,2,2] z)
            <float[2] s = {2, -0.5}, float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5), float[2] t = {-4, 1}, float[3,2,3,3] w = dyadic(1), float[3,2,3,3] u = dyadic(7)>
            { y = local.f (x, s, b, m, v, w)
              z = local.f (x, t, m, b, v, u) }
            <opset_import: ["" : 17], domain: "local">
            f (x, s, b, m, v, w) => (y)
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Conv <pads = [1,1,1,1]> (n, w) }"#,
        expect: Expect::Partly { reason: "padding", left: &["f", "f"] },
    },
    Sample {
        name: "an operator set from the future",
        text: r#"<ir_version: 14, opset_import: ["" : 999]>
            g (float[1,2,2,2] x) => (float[1,3,2,2] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("opset"),
    },
    Sample {
        name: "between two maps, takes both in",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4] x) => (float[2,4] y)
            <float[4] d = {2, 4, 0.5, 1}, float[4] a = dyadic(7), float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5)>
            { e = Abs (x)
              p = Div (e, d)
              q = Add (p, a)
              n = BatchNormalization <epsilon = 0.0> (q, s, b, m, v)
              y = Abs (n) }"#,
        expect: Expect::Folded { left: &["Abs", "BatchNormalization", "Abs"] },
    },
    Sample {
        name: "statistics repeated for each image of a batch whose size is fixed",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,2,2] x) => (float[2,4,2,2] y)
            <float[4,3,1,1] w = dyadic(1), float[8] s = {1,2,3,4,1,2,3,4}, float[8] b = {1,0,2,0,1,0,2,0}, float[8] m = {0,1,0,2,0,1,0,2}, float[8] v = {1,4,1,4,1,4,1,4}, int64[4] one = {1, 8, 2, 2}, int64[4] two = {2, 4, 2, 2}>
            { c = Conv (x, w)
              r = Reshape (c, one)
              n = BatchNormalization <epsilon = 0.0> (r, s, b, m, v)
              y = Reshape (n, two) }"#,
        expect: Expect::Folded { left: &["Conv", "Reshape", "Reshape"] },
    },
    Sample {
        name: "all that a function does",
        text: r#"<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
            g (float[1,3,2,2] x) => (float[1,3,2,2] y)
            { y = local.f (x) }
            <opset_import: ["" : 17], domain: "local">
            f (x) => (y)
            { s = Constant <value_floats = [1.0, 2.0, 3.0]> ()
              y = BatchNormalization <epsilon = 0.0> (x, s, s, s, s) }"#,
        expect: Expect::Kept("function-border"),
    },
    Sample {
        name: "statistics of a matrix in a version without activations of their own",
        text: r#"<ir_version: 8, opset_import: ["" : 9]>
            g (float[1,2,2,2] x) => (float[] y)
            <float[2,2] w = dyadic(1), float[2,2] s = dyadic(2), float[2,2] b = dyadic(3), float[2,2] m = dyadic(4), float[2,2] v = square(5)>
            { y = BatchNormalization <spatial = 0, epsilon = 0.0> (x, s, b, m, v) }"#,
        expect: Expect::Kept("invalid-statistics"),
    },
];
