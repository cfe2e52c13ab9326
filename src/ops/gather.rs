//! Gather, opset 1 to 13: positions along an axis by their numbers, which become the axes in its place. A table of constants takes
//! a map behind it in.

use super::{NEWEST_OPSET, Operator, Stop, shapes};
use crate::law::{Carry, Lane, Law, Pairs, Passes, Reason, Table};
use crate::model::{NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Gather",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "by a list of constants, or along other axes: selects from maps before it; completes maps behind it; of a table: takes them in",
    read,
    shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    if let (Ok((dims, _)), false) = (node.constant(0), node.is_constant(1)) {
        let axis = shapes::normal(node.int("axis", 0)?, dims.len()).ok_or(Reason::Attribute)?;
        let chosen = node.shape(1)?.rank();
        return Ok(Law::Table(Table { input: 0, dims: dims.to_vec(), axis, chosen }));
    }
    let shape = node.shape(0)?;
    let axis = shapes::normal(node.int("axis", 0)?, shape.rank()).ok_or(Reason::Attribute)?;
    let new = node.shape(1)?.rank();
    let mut lanes: Vec<Lane> = (0..axis).map(Lane::same).collect();
    lanes.extend((axis + 1..shape.rank()).map(|input| Lane { input, output: input + new - 1, pairs: Pairs::Same }));
    if let (1, Some(extent), Ok(numbers)) = (new, shape.dim(axis).known(), node.elements.integers(1)) {
        let position = |number: &i64| usize::try_from(if *number < 0 { number + extent as i64 } else { *number }).ok();
        let from = numbers.iter().map(position).collect::<Option<Vec<usize>>>().ok_or(Reason::Attribute)?;
        let extent = usize::try_from(extent).map_err(|_| Reason::UnknownShape)?;
        if from.iter().any(|position| *position >= extent) {
            return Err(Reason::Attribute.into());
        }
        let count = from.len();
        let pairs = from.into_iter().enumerate().map(|(to, from)| (from, to)).collect();
        lanes.push(Lane { input: axis, output: axis, pairs: Pairs::List(pairs, extent, count) });
    }
    Ok(Law::Carry(Carry::one(lanes, Passes::ALL)))
}

fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let (shape, numbers) = (node.input(0)?.shape.as_deref()?, node.input(1)?.shape.as_deref()?);
    let axis = shapes::normal(node.int("axis", 0).ok()?, shape.rank())?;
    Some(Shape([&shape.0[..axis], &numbers.0[..], &shape.0[axis + 1..]].concat()))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "forward, channels in another order, one of them twice",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[] y)
            <float[2,4,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[4] order = {2, 0, -2, 2}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Gather <axis = 1> (n, order)
              y = Conv (p, w) }"#,
        expect: Expect::Folded { left: &["Gather", "Conv"] },
    },
    Sample {
        name: "backward, a shuffle",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5), int64[2] order = {2, 0}>
            { c = Conv (x, w)
              p = Gather <axis = 1> (c, order)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Gather"] },
    },
    Sample {
        name: "forward, one position of the last axis",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[] y)
            <float[3,2] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[] first = {0}>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              p = Gather <axis = 2> (n, first)
              y = Gemm (p, w) }"#,
        expect: Expect::Folded { left: &["Gather", "Gemm"] },
    },
    Sample {
        name: "backward, a channel that comes twice and would need two maps",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[2] s = {1, 2}, float[2] b = dyadic(3), float[2] m = dyadic(4), float[2] v = square(5), int64[2] order = {1, 1}>
            { c = Conv (x, w)
              p = Gather <axis = 1> (c, order)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Partly { reason: "other-axis", left: &["Conv", "Gather", "Add"] },
    },
    Sample {
        name: "behind one of two that select a position both",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,2,2] x) => (float[1,2,2,2] y, float[1,2,2,2] z)
            <float[4,3,1,1] w = dyadic(1), float[2,1,1] f = dyadic(2), int64[2] one = {0, 2}, int64[2] two = {2, 3}>
            { c = Conv (x, w)
              a = Gather <axis = 1> (c, one)
              b = Gather <axis = 1> (c, two)
              m = Mul (a, f)
              y = Erf (m)
              z = Erf (b) }"#,
        expect: Expect::Kept("several-readers"),
    },
    Sample {
        name: "a table that is read elsewhere",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (int64[N] i, int64[N] j) => (float[] y, float[] z)
            <float[2,3] t = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { e = Gather (t, i)
              y = BatchNormalization <epsilon = 0.0> (e, s, b, m, v)
              z = Gather (t, j) }"#,
        expect: Expect::Kept("several-readers"),
    },
    Sample {
        name: "backward, into the columns of a table",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (int64[N] i) => (float[] y)
            <float[8,3] t = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { e = Gather (t, i)
              y = BatchNormalization <epsilon = 0.0> (e, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Gather"] },
    },
    Sample {
        name: "backward, into the rows of a table, indices of two axes",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (int64[N,M] i) => (float[] y)
            <float[3,8] t = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { e = Gather <axis = -1> (t, i)
              p = Transpose <perm = [1,0,2]> (e)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Gather", "Transpose"] },
    },
    Sample {
        name: "a map along the numbers that ask a table",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (int64[N,3] i) => (float[] y)
            <float[8,2] t = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { e = Gather (t, i)
              y = BatchNormalization <epsilon = 0.0> (e, s, b, m, v) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "backward, one number into a table",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (int64[N,M] i) => (float[] y)
            <float[8,3] t = dyadic(1), float[1] k = {-0.5}, float[1] a = {3}>
            { e = Gather (t, i)
              f = Mul (e, k)
              y = Add (f, a) }"#,
        expect: Expect::Folded { left: &["Gather"] },
    },
    Sample {
        name: "backward, before the channels",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[4,2,3,3] x) => (float[] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), int64[2] of = {2, 0}>
            { c = Conv (x, w)
              p = Gather <axis = 0> (c, of)
              y = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Conv", "Gather"] },
    },
];
