//! Clip, opset 1 to 13, from zero upwards without an upper bound: it is Relu then.

use super::{NEWEST_OPSET, Operator, Stop, rank, same_shape};
use crate::law::{Carry, Law, Passes, Reason};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Clip",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "from zero, without an upper bound: hands positive scales on",
    read,
    shape: same_shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let (low, high) = bounds(node)?;
    if low != Some(0.0) || high.is_some() {
        return Err(Reason::Clipping.into());
    }
    Ok(Law::Carry(Carry::unary(rank(node, 0), Passes::POSITIVE_SCALE)))
}

/// The bounds: attributes before opset 11, inputs from there on. The largest number of its type is no upper bound.
fn bounds(node: &NodeView<'_>) -> Result<(Option<f64>, Option<f64>), Stop> {
    if node.opset < 11 {
        let bound = |name: &str| Ok::<_, Stop>(if node.has(name) { Some(f64::from(node.float(name, 0.0)?)) } else { None });
        return Ok((bound("min")?, bound("max")?.filter(|high| *high < f64::from(f32::MAX))));
    }
    let bound = |input: usize| match node.input(input) {
        None => Ok::<_, Stop>(None),
        Some(_) => Ok(node.elements.floats(input)?.first().map(|bound| bound.nearest())),
    };
    let high = match bound(2)? {
        Some(high) if high < node.constant(2)?.1.max() => Some(high),
        _ => None,
    };
    Ok((bound(1)?, high))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, a positive scale",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[1,3,1,1] k = positive(2), float zero = {0}>
            { c = Conv (x, w)
              p = Clip (c, zero)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["Conv", "Clip"] },
    },
    Sample {
        name: "forward, bound by an attribute",
        text: r#"<ir_version: 8, opset_import: ["" : 10]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,3,1,1] w = dyadic(1), float[1,3,1,1] k = positive(2)>
            { n = Mul (x, k)
              p = Clip <min = 0.0> (n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Clip", "Conv"] },
    },
    Sample {
        name: "an upper bound",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[1,3,1,1] k = positive(2), float zero = {0}, float six = {6}>
            { c = Conv (x, w)
              p = Clip (c, zero, six)
              y = Mul (p, k) }"#,
        expect: Expect::Kept("clipping"),
    },
];
