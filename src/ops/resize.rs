//! Resize, opset 10 to 19: other extents, by interpolation. A scale passes any of them; a shift where weights sum to one.

use super::{NEWEST_OPSET, Operator, Stop, extents, shapes};
use crate::double_double::DoubleDouble;
use crate::law::{Carry, Lane, Law, Passes, Reason};
use crate::model::{Dim, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Resize",
    opsets: 10..=NEWEST_OPSET,
    always_listed: false,
    summary: "not along the channels: hands scales on; nearest and linear also shifts; sizes may be read from shapes",
    read,
    shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    // Cropping reads from elsewhere, and what lies outside is a number of its own.
    if node.string("coordinate_transformation_mode")? == "tf_crop_and_resize" {
        return Err(Reason::UnknownShape.into());
    }
    let shift = match node.string("mode")?.as_str() {
        "" | "nearest" => Ok(1.0),
        "linear" if node.int("antialias", 0)? == 0 => Ok(1.0),
        "linear" | "cubic" => Err(Reason::Interpolation),
        _ => return Err(Reason::Attribute.into()),
    };
    let resized = resized(node)?;
    let lanes =
        resized.iter().enumerate().filter(|(_, axis)| axis.stays == Some(true)).map(|(axis, _)| Lane::same(axis)).collect();
    let carry = Carry::one(lanes, Passes { falling: Ok(()), shift });
    let unknown = resized.iter().any(|axis| axis.stays.is_none());
    Ok(Law::Carry(if unknown { carry.with_unknown_axes() } else { carry }))
}

/// What becomes of an axis.
struct Axis {
    /// Whether it is what it was: its factor is one, or its extent stays; `None` if that is not known.
    stays: Option<bool>,
    extent: Dim,
}

fn resized(node: &NodeView<'_>) -> Result<Vec<Axis>, Stop> {
    let shape = node.shape(0)?;
    let axes: Vec<i64> = match node.ints("axes")? {
        [] => (0..shape.rank() as i64).collect(),
        axes => axes.to_vec(),
    };
    let axes = axes.iter().map(|a| shapes::normal(*a, shape.rank())).collect::<Option<Vec<usize>>>().ok_or(Reason::Attribute)?;
    let mut all: Vec<Axis> = shape.0.iter().map(|dim| Axis { stays: Some(true), extent: *dim }).collect();
    let by_extent = node.input(3).is_some_and(|sizes| !is_empty(sizes.shape.as_deref()));
    let changed: Vec<Axis> = if by_extent {
        let stretches = matches!(node.string("keep_aspect_ratio_policy")?.as_str(), "" | "stretch");
        let sizes = extents::described(&extents::given(node, 3).ok_or(Reason::UnknownShape)?);
        let stays = |axis: usize, size: Dim| match (shape.dim(axis), size) {
            (from, to) if from.same(to) => Some(true),
            (Dim::Known(_), Dim::Known(_)) => Some(false),
            _ => None,
        };
        let one = |(axis, size): (&usize, &Dim)| match stretches {
            true => Axis { stays: stays(*axis, *size), extent: *size },
            false => Axis { stays: Some(false), extent: Dim::Unknown },
        };
        axes.iter().zip(&sizes.0).filter(|_| sizes.rank() == axes.len()).map(one).collect()
    } else {
        let factors = node.elements.floats(if node.opset < 11 { 1 } else { 2 })?;
        let one = |(axis, factor): (&usize, &DoubleDouble)| match factor.is_one() {
            true => Axis { stays: Some(true), extent: shape.dim(*axis) },
            false => Axis { stays: Some(false), extent: times(shape.dim(*axis), factor.nearest()) },
        };
        axes.iter().zip(&factors).filter(|_| factors.len() == axes.len()).map(one).collect()
    };
    if changed.len() != axes.len() {
        return Err(Reason::Attribute.into());
    }
    for (axis, changed) in axes.iter().zip(changed) {
        all[*axis] = changed;
    }
    Ok(all)
}

/// The whole part of an extent times a factor, where single precision and exact numbers agree about it.
pub(super) fn times(extent: Dim, factor: f64) -> Dim {
    let whole = |size: u64| {
        let (exact, single) = ((size as f64 * factor).floor(), (size as f32 * factor as f32).floor());
        (size < 1 << 24 && exact == f64::from(single) && (0.0..1e9).contains(&exact)).then_some(exact as u64)
    };
    extent.known().and_then(whole).map_or(Dim::Unknown, Dim::Known)
}

fn is_empty(shape: Option<&Shape>) -> bool {
    shape.is_some_and(|shape| shape.0.contains(&Dim::Known(0)))
}

fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let rank = node.input(0)?.shape.as_deref()?.rank();
    let cropped = node.string("coordinate_transformation_mode").ok()? == "tf_crop_and_resize";
    let resized = resized(node).ok().filter(|_| !cropped);
    Some(resized.map_or_else(|| Shape::of_rank(rank), |all| Shape(all.iter().map(|axis| axis.extent).collect())))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "forward, nearest, by factors",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2,2] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float[4] by = {1, 1, 2, 2}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"> (n, "", by)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Resize", "Conv"] },
    },
    Sample {
        name: "backward, linear, to extents",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[4] to = {1, 3, 4, 4}>
            { c = Conv (x, w)
              p = Resize <mode = "linear"> (c, "", "", to)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Resize"] },
    },
    Sample {
        name: "a scale before a cubic one, axes named",
        text: r#"<ir_version: 8, opset_import: ["" : 18]>
            g (float[1,3,4,2] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3,1,1] k = dyadic(2), float[1] by = {2}>
            { n = Mul (x, k)
              p = Resize <mode = "cubic", axes = [2]> (n, "", by)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Resize", "Conv"] },
    },
    Sample {
        name: "a shift before a cubic one",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2,2] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = {2, -0.5, 4}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = {1, 4, 16}, float[4] by = {1, 1, 2, 2}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Resize <mode = "cubic"> (n, "", by)
              y = Conv (p, w) }"#,
        expect: Expect::Partly { reason: "interpolation", left: &["Add", "Resize", "Conv"] },
    },
    Sample {
        name: "along the channels",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2,2] x) => (float[] y)
            <float[2,6,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float[4] by = {1, 2, 1, 1}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Resize (n, "", by)
              y = Conv (p, w) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "backward, to extents that are read from another value",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,2,4,4] x, float[1,1,H,W] z) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[1] zero = {0}, int64[1] two = {2}, int64[1] four = {4}>
            { c = Conv <strides = [2,2]> (x, w)
              e = Shape (c)
              f = Slice (e, zero, two)
              k = Shape (z)
              h = Slice (k, two, four)
              to = Concat <axis = 0> (f, h)
              p = Resize <mode = "nearest"> (c, "", "", to)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Shape", "Slice", "Shape", "Slice", "Concat", "Resize"] },
    },
    Sample {
        name: "to extents of which nothing is known",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,2,4,4] x, float[A,B,H,W] z) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              to = Shape (z)
              p = Resize <mode = "nearest"> (c, "", "", to)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Kept("unknown-shape"),
    },
    Sample {
        name: "forward, the first version",
        text: r#"<ir_version: 8, opset_import: ["" : 10]>
            g (float[1,3,2,2] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float[4] by = {1, 1, 2, 2}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Resize (n, by)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Resize", "Conv"] },
    },
];
