//! Resize, opset 10 to 19: other extents, by interpolation. A scale passes any of them; a shift where weights sum to one.

use super::{NEWEST_OPSET, Operator, Stop, shapes};
use crate::law::{Carry, Lane, Law, Passes, Reason};
use crate::model::{Dim, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Resize",
    opsets: 10..=NEWEST_OPSET,
    always_listed: false,
    summary: "not along the channels: hands scales on; nearest and linear also shifts",
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
    let kept = kept_axes(node)?;
    let lanes = kept.iter().enumerate().filter(|(_, kept)| **kept).map(|(axis, _)| Lane::same(axis)).collect();
    Ok(Law::Carry(Carry::one(lanes, Passes { falling: Ok(()), shift })))
}

/// Which axes stay as they are: their factor is one, or their extent is what it was.
fn kept_axes(node: &NodeView<'_>) -> Result<Vec<bool>, Stop> {
    let shape = node.shape(0)?;
    let axes: Vec<i64> = match node.ints("axes")? {
        [] => (0..shape.rank() as i64).collect(),
        axes => axes.to_vec(),
    };
    let axes = axes.iter().map(|a| shapes::normal(*a, shape.rank())).collect::<Option<Vec<usize>>>().ok_or(Reason::Attribute)?;
    let mut kept = vec![true; shape.rank()];
    let by_extent = node.input(3).is_some_and(|sizes| !is_empty(sizes.shape.as_ref()));
    if by_extent {
        let policy = node.string("keep_aspect_ratio_policy")?;
        let sizes = node.elements.integers(3)?;
        if sizes.len() != axes.len() {
            return Err(Reason::Attribute.into());
        }
        let stays = |axis: usize, size: i64| shape.dim(axis).known().is_some_and(|d| u64::try_from(size) == Ok(d));
        axes.iter().zip(sizes).for_each(|(a, size)| kept[*a] = matches!(policy.as_str(), "" | "stretch") && stays(*a, size));
    } else {
        let factors = node.elements.floats(if node.opset < 11 { 1 } else { 2 })?;
        if factors.len() != axes.len() {
            return Err(Reason::Attribute.into());
        }
        axes.iter().zip(factors).for_each(|(a, factor)| kept[*a] = factor == 1.0);
    }
    Ok(kept)
}

fn is_empty(shape: Option<&Shape>) -> bool {
    shape.is_some_and(|shape| shape.0.contains(&Dim::Known(0)))
}

fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let mut shape = node.input(0)?.shape.clone()?;
    let cropped = node.string("coordinate_transformation_mode").ok()? == "tf_crop_and_resize";
    let kept = kept_axes(node).ok().filter(|_| !cropped).unwrap_or_else(|| vec![false; shape.rank()]);
    shape.0.iter_mut().zip(kept).filter(|(_, kept)| !kept).for_each(|(dim, _)| *dim = Dim::Unknown);
    Some(shape)
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
];
