//! Concat, opset 4 to 13: values one after the other along an axis. Each absorbs its part of a map behind; a map before one part is the identity on the others.

use super::{NEWEST_OPSET, Operator, Stop, shapes};
use crate::law::{Carry, Lane, Law, Pairs, Passes, Reason, Together, Wire};
use crate::model::NodeView;
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Concat",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "splits maps behind it and joins maps before it",
    read,
    shape: shapes::concatenated,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let output = node.output_shape.as_deref().ok_or(Reason::UnknownShape)?;
    let axis = shapes::normal(node.int("axis", 1)?, output.rank()).ok_or(Reason::Attribute)?;
    let total = size(output.dim(axis).known())?;
    let (mut wires, mut start) = (Vec::new(), 0);
    for input in 0..node.inputs.len() {
        let count = size(node.shape(input)?.dim(axis).known())?;
        let mut lanes: Vec<Lane> = (0..output.rank()).map(Lane::same).collect();
        lanes[axis].pairs = Pairs::Part { start, count, total };
        wires.push(Wire::new(input, lanes));
        start += count;
    }
    if start != total {
        return Err(Reason::UnknownShape.into());
    }
    Ok(Law::Carry(Carry::of(wires, Passes::ALL, Together::Parts)))
}

fn size(known: Option<u64>) -> Result<usize, Reason> {
    known.and_then(|size| usize::try_from(size).ok()).ok_or(Reason::UnknownShape)
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "backward, into both",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[1,3,4,4] y)
            <float[1,2,1,1] w = dyadic(1), float[2,2,1,1] u = dyadic(8), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              d = Conv (x, u)
              p = Concat <axis = 1> (c, d)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Conv", "Concat"] },
    },
    Sample {
        name: "forward, one part",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x, float[1,2,4,4] z) => (float[1,2,4,4] y)
            <float[2,5,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Concat <axis = 1> (z, n)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Concat", "Conv"] },
    },
    Sample {
        name: "along another axis, in front of one part",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x, float[1,3,4,4] z) => (float[1,2,4,8] y)
            <float[2,3,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Concat <axis = 3> (z, n)
              y = Conv (p, w) }"#,
        expect: Expect::Kept("part-of-value"),
    },
    Sample {
        name: "behind halves of one value, one of them behind an activation",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2,2] x) => (float[1,4,2,2] y)
            <float[4,3,1,1] w = dyadic(1), float[4] s = square(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5)>
            { c = Conv (x, w)
              p, q = Split <axis = 1> (c)
              r = Relu (q)
              k = Concat <axis = 1> (p, r)
              n = BatchNormalization <epsilon = 0.0> (k, s, b, m, v)
              y = Relu (n) }"#,
        expect: Expect::Partly { reason: "shift-through-activation", left: &["Conv", "Split", "Relu", "Concat", "Add", "Relu"] },
    },
    Sample {
        name: "before, halves that come together again",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,4,2,2] x) => (float[1,2,2,2] y)
            <float[2,4,1,1] w = dyadic(1), float[4,1,1] f = square(2)>
            { m = Mul (x, f)
              p, q = Split <axis = 1> (m)
              r = Relu (q)
              k = Concat <axis = 1> (p, r)
              y = Conv (k, w) }"#,
        expect: Expect::Folded { left: &["Split", "Relu", "Concat", "Conv"] },
    },
];
