//! Upsample, opset 7 to 9, which Resize took the place of: positions repeated, or interpolated with weights that sum to one.

use super::{NEWEST_OPSET, Operator, Stop, resize};
use crate::double_double::nearest;
use crate::law::{Carry, Lane, Law, Passes, Reason};
use crate::model::{NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Upsample",
    opsets: 7..=NEWEST_OPSET,
    always_listed: false,
    summary: "not along the channels: hands maps on",
    read,
    shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    if node.opset > 9 {
        return Err(Reason::Opset.into());
    }
    if !matches!(node.string("mode")?.as_str(), "" | "nearest" | "linear") {
        return Err(Reason::Attribute.into());
    }
    let lanes = factors(node)?.iter().enumerate().filter(|(_, f)| **f == 1.0).map(|(axis, _)| Lane::same(axis)).collect();
    Ok(Law::Carry(Carry::one(lanes, Passes::ALL)))
}

/// One factor for each axis: an attribute before opset 9.
fn factors(node: &NodeView<'_>) -> Result<Vec<f64>, Stop> {
    let factors = match node.opset {
        ..=8 => node.floats("scales")?.iter().map(|f| f64::from(*f)).collect(),
        _ => nearest(&node.elements.floats(1)?),
    };
    if factors.len() == node.shape(0)?.rank() { Ok(factors) } else { Err(Reason::Attribute.into()) }
}

fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let mut shape = node.input(0)?.owned_shape()?;
    let factors = factors(node).unwrap_or_else(|_| vec![0.0; shape.rank()]);
    shape.0.iter_mut().zip(factors).filter(|(_, f)| *f != 1.0).for_each(|(dim, f)| *dim = resize::times(*dim, f));
    Some(shape)
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "forward",
        text: r#"<ir_version: 4, opset_import: ["" : 9]>
            g (float[1,3,2,2] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float[4] by = {1, 1, 2, 2}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Upsample <mode = "nearest"> (n, by)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Upsample", "Conv"] },
    },
    Sample {
        name: "backward, factors by an attribute",
        text: r#"<ir_version: 4, opset_import: ["" : 8]>
            g (float[1,2,2,2] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p = Upsample <mode = "nearest", scales = [1.0, 1.0, 2.0, 2.0]> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Upsample"] },
    },
];
