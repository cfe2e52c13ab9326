//! Split, opset 2 to 18: a value cut into pieces along an axis. A map before it is cut, too; one behind a piece is the identity on the others.

use super::{NEWEST_OPSET, Operator, Stop, shapes};
use crate::law::{Carry, Lane, Law, Pairs, Passes, Reason, Together, Wire};
use crate::model::{Dim, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Split",
    opsets: 2..=NEWEST_OPSET,
    always_listed: false,
    summary: "cuts maps before it; completes maps behind a piece",
    read,
    shape: |node| piece(node, 0),
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let shape = node.shape(0)?;
    let axis = shapes::normal(node.int("axis", 0)?, shape.rank()).ok_or(Reason::Attribute)?;
    if node.outputs.len() == 1 {
        // One piece is all there is.
        return Ok(Law::Carry(Carry::unary(Some(shape.rank()), Passes::ALL)));
    }
    let whole = |sizes: &Vec<usize>| {
        let total = sizes.iter().try_fold(0usize, |sum, size| sum.checked_add(*size));
        total.is_some_and(|total| shape.dim(axis).known() == Some(total as u64))
    };
    let sizes = sizes(node, shape.dim(axis)).filter(whole);
    let (mut wires, mut start) = (Vec::new(), 0);
    for port in 0..node.outputs.len() {
        let mut lanes: Vec<Lane> = (0..shape.rank()).map(Lane::same).collect();
        lanes[axis].pairs = match sizes.as_ref().and_then(|sizes| sizes.get(port).zip(shape.dim(axis).known())) {
            Some((count, total)) => {
                let pairs = (0..*count).map(|i| (start + i, i)).collect();
                start += count;
                Pairs::List(pairs, total as usize, *count)
            }
            None => Pairs::Unknown,
        };
        if node.outputs.get(port) == Some(&true) {
            wires.push(Wire::new(port, lanes));
        }
    }
    let carry = Carry::of(wires, Passes::ALL, Together::Cut);
    Ok(Law::Carry(if sizes.is_some() { carry } else { carry.with_unknown_axes() }))
}

/// The extents of the pieces: given by attribute or input, or equal but for the last.
fn sizes(node: &NodeView<'_>, extent: Dim) -> Option<Vec<usize>> {
    let count = node.outputs.len();
    let given = match node.opset {
        ..=12 => node.ints("split").ok()?.to_vec(),
        _ if node.input(1).is_some() => node.elements.integers(1).ok()?,
        _ => vec![],
    };
    if !given.is_empty() {
        let sizes: Option<Vec<usize>> = given.iter().map(|size| usize::try_from(*size).ok()).collect();
        return sizes.filter(|sizes| sizes.len() == count);
    }
    let extent = usize::try_from(extent.known()?).ok()?;
    let stated = node.int("num_outputs", 0).ok()?;
    if count == 0 || stated != 0 && usize::try_from(stated) != Ok(count) || stated == 0 && extent % count != 0 {
        return None;
    }
    let size = extent.div_ceil(count);
    let last = extent.checked_sub(size.checked_mul(count - 1)?)?;
    Some((0..count).map(|at| if at + 1 == count { last } else { size }).collect())
}

/// The shape of an output.
pub(super) fn piece(node: &NodeView<'_>, output: usize) -> Option<Shape> {
    let mut shape = node.input(0)?.owned_shape()?;
    if node.outputs.len() == 1 {
        return Some(shape);
    }
    let axis = shapes::normal(node.int("axis", 0).ok()?, shape.rank())?;
    let size = sizes(node, shape.dim(axis)).and_then(|sizes| sizes.get(output).copied());
    shape.0[axis] = size.map_or(Dim::Unknown, |size| Dim::Known(size as u64));
    Some(shape)
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "forward, into a convolution for each piece",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,4,3,3] x) => (float[] y, float[] z)
            <float[2,1,1,1] w = dyadic(1), float[2,3,1,1] u = dyadic(8), float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5), int64[2] sizes = {1, 3}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p, q = Split <axis = 1> (n, sizes)
              y = Conv (p, w)
              z = Conv (q, u) }"#,
        expect: Expect::Folded { left: &["Split", "Conv", "Conv"] },
    },
    Sample {
        name: "backward, from the second of two equal pieces",
        text: r#"<ir_version: 8, opset_import: ["" : 12]>
            g (float[1,2,3,3] x) => (float[] y, float[] z)
            <float[4,2,1,1] w = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5)>
            { c = Conv (x, w)
              p, q = Split <axis = 1> (c)
              y = Relu (p)
              z = BatchNormalization <epsilon = 0.0> (q, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Split", "Relu"] },
    },
    Sample {
        name: "forward along another axis, uneven pieces, one of them unread",
        text: r#"<ir_version: 10, opset_import: ["" : 18]>
            g (float[1,3,5] x) => (float[] y)
            <float[2,3,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p, q = Split <axis = 2, num_outputs = 2> (n)
              y = Conv (q, w) }"#,
        expect: Expect::Folded { left: &["Split", "Conv"] },
    },
    Sample {
        name: "backward along another axis",
        text: r#"<ir_version: 8, opset_import: ["" : 12]>
            g (float[1,2,4,3] x) => (float[] y, float[] z)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p, q = Split <axis = 2> (c)
              y = Relu (p)
              z = BatchNormalization <epsilon = 0.0> (q, s, b, m, v) }"#,
        expect: Expect::Kept("part-of-value"),
    },
    Sample {
        name: "backward along another axis, a piece that nobody reads is called otherwise",
        text: r#"<ir_version: 8, opset_import: ["" : 12]>
            g (float[1,2,4,3] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Conv (x, w)
              p, q = Split <axis = 2> (c)
              y = BatchNormalization <epsilon = 0.0> (q, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Split"] },
    },
    Sample {
        name: "a piece that takes the map and one that does not",
        text: r#"<ir_version: 8, opset_import: ["" : 12]>
            g (float[1,4,3,3] x) => (float[] y, float[] z)
            <float[2,2,1,1] w = dyadic(1), float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p, q = Split <axis = 1> (n)
              y = Conv (p, w)
              z = Sigmoid (q) }"#,
        expect: Expect::Kept("unknown-operator"),
    },
    Sample {
        name: "one piece",
        text: r#"<ir_version: 10, opset_import: ["" : 18]>
            g (float[N,4] x) => (float[] y)
            <float[4,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Gemm (x, w)
              p = Split <axis = 0, num_outputs = 1> (c)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Gemm", "Split"] },
    },
    Sample {
        name: "of a batch whose extent is not known, the same map behind each piece",
        text: r#"<ir_version: 10, opset_import: ["" : 18]>
            g (float[N,4] x) => (float[] y)
            <float[4,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Gemm (x, w)
              p, q = Split <axis = 0, num_outputs = 2> (c)
              a = BatchNormalization <epsilon = 0.0> (p, s, b, m, v)
              e = BatchNormalization <epsilon = 0.0> (q, s, b, m, v)
              y = Concat <axis = 0> (a, e) }"#,
        expect: Expect::Folded { left: &["Gemm", "Split", "Concat"] },
    },
    Sample {
        name: "of a batch, another map behind one of the pieces",
        text: r#"<ir_version: 10, opset_import: ["" : 18]>
            g (float[4,4] x) => (float[] y)
            <float[4,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float[3] t = dyadic(7)>
            { c = Gemm (x, w)
              p, q = Split <axis = 0, num_outputs = 2> (c)
              a = BatchNormalization <epsilon = 0.0> (p, s, b, m, v)
              e = BatchNormalization <epsilon = 0.0> (q, s, t, m, v)
              y = Concat <axis = 0> (a, e) }"#,
        expect: Expect::Kept("part-of-value"),
    },
    Sample {
        name: "of channels, a map of both pieces, an activation behind one",
        text: r#"<ir_version: 8, opset_import: ["" : 12]>
            g (float[1,2,3,3] x) => (float[] y)
            <float[4,2,1,1] w = dyadic(1), float[4,1,1] k = positive(2)>
            { c = Conv (x, w)
              p, q = Split <axis = 1> (c)
              r = Relu (q)
              t = Concat <axis = 1> (p, r)
              y = Mul (t, k) }"#,
        expect: Expect::Folded { left: &["Conv", "Split", "Relu", "Concat"] },
    },
    Sample {
        name: "a number of pieces that is not that of its outputs",
        text: r#"<ir_version: 8, opset_import: ["" : 18]>
            g (float[1,4,3,3] x) => (float[] y, float[] z)
            <float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5), float[2,2,1,1] w = dyadic(1)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p, q = Split <axis = 1, num_outputs = 3> (n)
              y = Conv (p, w)
              z = Conv (q, w) }"#,
        expect: Expect::Kept("unknown-shape"),
    },
];
