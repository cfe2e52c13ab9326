//! Gemm, opset 1 to 13: `Y = alpha · A' · B' + beta · C`, where `A'` and `B'` may be transposed. Either factor may be the weight.

use super::{NEWEST_OPSET, Operator, Stop};
use crate::law::{Bias, Law, Mix, Reason, Role};
use crate::model::{Dim, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Gemm",
    opsets: 1..=NEWEST_OPSET,
    always_listed: false,
    summary: "behind it and before it: scale and shift",
    read,
    shape,
    samples: SAMPLES,
};

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let left = node.is_constant(0) && !node.is_constant(1);
    let (weight, data) = if left { (0, 1) } else { (1, 0) };
    let &[rows, columns] = node.constant(weight)?.0 else { return Err(Reason::Attribute.into()) };
    let transposed = |input: usize| Ok::<bool, Stop>(node.int(if input == 0 { "transA" } else { "transB" }, 0)? != 0);
    // As the right factor the weight is [K, N]: rows are mixed, columns are outputs. As the left one it is [M, K].
    let out_first = left != transposed(weight)?;
    let axes =
        if out_first { vec![(Role::Out, rows), (Role::In, columns)] } else { vec![(Role::In, rows), (Role::Out, columns)] };
    let data_in_second = (data == 0) != transposed(data)?;
    let out_axis = usize::from(!left);
    let present = node.input(2).is_some();
    // Before opset 7 the bias aligned only on request.
    if node.opset < 7 && present && node.int("broadcast", 0)? == 0 {
        return Err(Reason::UnknownShape.into());
    }
    let beta = f64::from(node.float("beta", 1.0)?);
    Ok(Law::Mix(Mix {
        weight,
        data,
        axes,
        out_axis: Ok(out_axis),
        in_axis: Ok(usize::from(data_in_second)),
        gain: f64::from(node.float("alpha", 1.0)?),
        bias: if node.opset < 7 && !present {
            Bias::None
        } else {
            Bias::Input { input: 2, present, gain: (beta, Some("beta")), rank: 2, axis: out_axis }
        },
        shift_in: Ok(()),
        behind: Ok(()),
        beside: vec![],
    }))
}

fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let side = |input: usize, name: &str, axis: usize| {
        let transposed = node.int(name, 0).ok()? != 0;
        Some(node.input(input)?.shape.as_deref().map_or(Dim::Unknown, |s| s.dim(if transposed { 1 - axis } else { axis })))
    };
    Some(Shape(vec![side(0, "transA", 0)?, side(1, "transB", 1)?]))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "behind, no C",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4] x) => (float[2,3] y)
            <float[4,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Gemm (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Gemm"] },
    },
    Sample {
        name: "behind, alpha, beta, both transposed, C by column",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[4,2] x) => (float[2,3] y)
            <float[3,4] w = dyadic(1), float[2,1] k = dyadic(6), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Gemm <alpha = 0.5, beta = 4.0, transA = 1, transB = 1> (x, w, k)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Gemm"] },
    },
    Sample {
        name: "behind, beta of zero",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4] x) => (float[2,3] y)
            <float[4,3] w = dyadic(1), float[] k = {2}, float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Gemm <beta = 0.0> (x, w, k)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Folded { left: &["Gemm"] },
    },
    Sample {
        name: "behind, full C, a scalar map",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4] x) => (float[2,3] y)
            <float[4,3] w = dyadic(1), float[2,3] k = dyadic(6), float[] j = {-2}>
            { c = Gemm <beta = 2.0> (x, w, k)
              y = Sub (j, c) }"#,
        expect: Expect::Folded { left: &["Gemm"] },
    },
    Sample {
        name: "before, alpha and beta, transposed weight",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4] x) => (float[2,3] y)
            <float[3,4] w = dyadic(1), float[1,3] k = dyadic(6), float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Gemm <alpha = 0.25, beta = 2.0, transB = 1> (n, w, k) }"#,
        expect: Expect::Folded { left: &["Gemm"] },
    },
    Sample {
        name: "before, the constant is the left factor",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4] x) => (float[3,2] y)
            <float[3,4] w = dyadic(1), float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Gemm <transB = 1> (w, n) }"#,
        expect: Expect::Folded { left: &["Gemm"] },
    },
    Sample {
        name: "behind, the constant is the left factor",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[4,2] x) => (float[3,2] y)
            <float[4,3] w = dyadic(1), float[3,1] k = dyadic(2), float[3,1] j = dyadic(3)>
            { c = Gemm <transA = 1> (w, x)
              d = Mul (c, k)
              y = Add (d, j) }"#,
        expect: Expect::Folded { left: &["Gemm"] },
    },
    Sample {
        name: "the constant is the left factor and the map runs along the columns",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[4,3] x) => (float[3,3] y)
            <float[3,4] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Gemm (w, x)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("other-axis"),
    },
    Sample {
        name: "C is an input",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,4] x, float[3] k) => (float[2,3] y)
            <float[4,3] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
            { c = Gemm (x, w, k)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Kept("not-constant"),
    },
    Sample {
        name: "a factor before that half precision cannot hold in the weight",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float16[1,3] x) => (float16[1,2] y)
            <float16[2,3] w = {1.0, 1.0, 1.0, 1.0, 1.0, 1000.0}, float16[3] k = {1.0, 1.0, 100.0}>
            { n = Mul (x, k)
              y = Gemm <transB = 1> (n, w) }"#,
        expect: Expect::Kept("overflow"),
    },
];
