//! The table of engines: each row changes what is folded, and only for whom it concerns.

use std::collections::BTreeSet;

use crate::support::model_of;
use bnfold::engines::{Form, ROWS};
use bnfold::model::Model;
use bnfold::plan::{Options, Partial, target};

/// A model in which a fold would leave a form, and what is left of it without the form and with it.
struct Case {
    form: Form,
    text: &'static str,
    without: &'static [&'static str],
    with: &'static [&'static str],
}

const CASES: &[Case] = &[
    Case {
        form: Form::AddBehindActivation,
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[1,2,4,4] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = square(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float[2,3,3,3] u = dyadic(6)>
            { c = Conv (x, w)
              r = Relu (c)
              n = BatchNormalization <epsilon = 0.0> (r, s, b, m, v)
              y = Conv <pads = [1,1,1,1]> (n, u) }"#,
        without: &["Conv", "Relu", "Sub", "Conv"],
        with: &["Conv", "Relu", "Add", "Conv"],
    },
    Case {
        form: Form::AddBehindActivation,
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[1,3,4,4] y)
            <float[3,2,1,1] w = dyadic(1), float[3,1,1] s = {0.5, 1, 2}, float[3,1,1] b = dyadic(3)>
            { c = Conv (x, w)
              r = Relu (c)
              n = Mul (r, s)
              y = Add (n, b) }"#,
        without: &["Conv", "Relu", "Sub"],
        with: &["Conv", "Relu", "Add"],
    },
    Case {
        form: Form::ProductWithTerm,
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (double[2,4] x) => (double[2,3] y)
            <double[4,3] w = dyadic(1), double[3] k = dyadic(6), double[3] s = dyadic(2), double[3] b = dyadic(3), double[3] m = dyadic(4), double[3] v = square(5)>
            { c = MatMul (x, w)
              d = Add (c, k)
              y = BatchNormalization <epsilon = 0.0> (d, s, b, m, v) }"#,
        without: &["MatMul", "Add"],
        with: &["Gemm"],
    },
    Case {
        form: Form::ProductWithTerm,
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float16[2,4] x) => (float16[2,3] y)
            <float16[4,3] w = dyadic(1), float16[3] s = {1.0, -2.0, 0.5}, float16[3] b = {1.0, 2.0, 3.0}, float16[3] m = {1.0, 2.0, 3.0}, float16[3] v = {1.0, 4.0, 1.0}>
            { c = Gemm (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        without: &["Gemm", "Add"],
        with: &["Gemm"],
    },
    Case {
        form: Form::QuantisedBias,
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (uint8[1,2,4] x) => (float[1,2,4] y)
            <float a = {0.5}, uint8 z = {128}, int8[2,2,1] w = {1, 2, 3, 4}, float k = {0.5}, int8 o = {0}, float[2] c = {1, 2}, float[2] s = {1e-9, 1}, float[2] b = {3, 4}, float[2] m = {0, 0}, float[2] v = {1, 1}>
            { d = DequantizeLinear (x, a, z)
              q = DequantizeLinear (w, k, o)
              n = Conv (d, q, c)
              y = BatchNormalization <epsilon = 0.0> (n, s, b, m, v) }"#,
        without: &["DequantizeLinear", "DequantizeLinear", "Conv", "Add"],
        with: &["DequantizeLinear", "DequantizeLinear", "Conv"],
    },
    Case {
        form: Form::ScalePerChannel,
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[1,2,4,4] y)
            <uint8[2,2,1,1] w = {1, 2, 3, 4}, float k = {0.5}, uint8 o = {128}, float[2] s = {0.5, 1}, float[2] b = {3, 4}, float[2] m = {0, 0}, float[2] v = {1, 1}>
            { q = DequantizeLinear (w, k, o)
              n = Conv (x, q)
              y = BatchNormalization <epsilon = 0.0> (n, s, b, m, v) }"#,
        without: &["DequantizeLinear", "Conv", "BatchNormalization"],
        with: &["DequantizeLinear", "Conv"],
    },
    Case { form: Form::ScalePerColumn, text: PRODUCT, without: KEPT, with: GONE },
    Case { form: Form::RoundedProduct, text: LONG_PRODUCT, without: KEPT, with: GONE },
    Case {
        form: Form::AddLeft,
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,3,4,4] x) => (float[1,2,4,4] y)
            <float[3] s = square(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5), float[2,3,3,3] u = dyadic(6)>
            { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
              y = Conv <pads = [1,1,1,1]> (n, u) }"#,
        without: &["BatchNormalization", "Conv"],
        with: &["Add", "Conv"],
    },
    Case {
        form: Form::AddInBlocks,
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[1,2,4,4] y)
            <float[16,2,1,1] w = dyadic(1), float[16] s = square(2), float[16] b = dyadic(3), float[16] m = dyadic(4), float[16] v = square(5), float[2,16,3,3] u = dyadic(6)>
            { c = Conv (x, w)
              a = Sigmoid (c)
              n = BatchNormalization <epsilon = 0.0> (a, s, b, m, v)
              y = Conv <pads = [1,1,1,1]> (n, u) }"#,
        without: &["Conv", "Sigmoid", "BatchNormalization", "Conv"],
        with: &["Conv", "Sigmoid", "Add", "Conv"],
    },
];

const PRODUCT: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[2,2] x) => (float[2,2] y)
    <int8[2,2] w = {1, 2, 3, 4}, float[1] k = {0.5}, int8[1] o = {0}, float[2] s = {0.5, 1}, float[2] b = {3, 4}, float[2] m = {0, 0}, float[2] v = {1, 1}>
    { q = DequantizeLinear (w, k, o)
      n = MatMul (x, q)
      y = BatchNormalization <epsilon = 0.0> (n, s, b, m, v) }"#;
const LONG_PRODUCT: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[2,32] x) => (float[2,2] y)
    <int8[32,2] w = {-5, 2, -2, 5, 1, -3, 4, 0, -4, 3, -1, -5, 2, -2, 5, 1, -3, 4, 0, -4, 3, -1, -5, 2, -2, 5, 1, -3, 4, 0, -4, 3, -1, -5, 2, -2, 5, 1, -3, 4, 0, -4, 3, -1, -5, 2, -2, 5, 1, -3, 4, 0, -4, 3, -1, -5, 2, -2, 5, 1, -3, 4, 0, -4},
     float[2] k = {0.5, 0.25}, int8[2] o = {0, 0}, float[2] s = {0.5, 1}, float[2] b = {3, 4}, float[2] m = {0, 0}, float[2] v = {1, 1}>
    { q = DequantizeLinear <axis = 1> (w, k, o)
      n = MatMul (x, q)
      y = BatchNormalization <epsilon = 0.0> (n, s, b, m, v) }"#;
const KEPT: &[&str] = &["DequantizeLinear", "MatMul", "BatchNormalization"];
const GONE: &[&str] = &["DequantizeLinear", "Gemm"];

/// What is left for these engines, and the reasons of what stays.
fn left(text: &str, engines: &[&str]) -> (Vec<String>, BTreeSet<&'static str>) {
    let bytes = bnfold::sample::encode(text).unwrap();
    let model = Model::from_bytes(bytes).unwrap();
    let graph = bnfold::constants::build(&model).unwrap();
    let options = Options { target: target(engines).unwrap(), ..Options::default() };
    let mut folded = Vec::new();
    let prepared = bnfold::fold::write_to(&graph, &options, &mut folded).unwrap();
    let reasons = prepared.plan.kept.iter().flat_map(|stay| [stay.back.reason.code(), stay.ahead.reason.code()]).collect();
    let nodes = model_of(&folded).graph.unwrap().node;
    (nodes.iter().map(|node| node.op_type().to_owned()).collect(), reasons)
}

/// Whether a row speaks against a form for any engine, or for its own alone.
const EXPECTED: &[(&str, Form, bool)] = &[
    ("mnn", Form::AddBehindActivation, true),
    ("tract", Form::ProductWithTerm, true),
    ("onnxruntime", Form::QuantisedBias, true),
    ("onnxruntime-web", Form::QuantisedBias, true),
    ("opencv", Form::QuantisedBias, true),
    ("mnn", Form::ScalePerChannel, true),
    ("onnxruntime", Form::ScalePerColumn, true),
    ("openvino", Form::RoundedProduct, true),
    ("opencv", Form::AddLeft, false),
    ("onnxruntime", Form::AddInBlocks, true),
];

#[test]
fn each_row_keeps_its_form_out_for_those_whom_it_concerns() {
    for (engine, form, any) in EXPECTED {
        for case in CASES.iter().filter(|case| case.form == *form) {
            let (own, reasons) = left(case.text, &[engine]);
            assert_eq!(own, case.without, "{engine}, {form:?}");
            assert!(form.reason().is_none_or(|reason| reasons.contains(reason.code())), "{engine}, {form:?}: {reasons:?}");
            assert_eq!(left(case.text, &["any"]).0, if *any { case.without } else { case.with }, "any, {form:?}");
            assert_eq!(left(case.text, &["none"]).0, case.with, "none, {form:?}");
            assert_eq!(left(case.text, &["ncnn"]).0, case.with, "an engine without rows, {form:?}");
            assert_eq!(left(case.text, &["ncnn", engine]).0, case.without, "both, {form:?}");
        }
    }
    let functions = |form: Form| form == Form::Functions;
    let rows: BTreeSet<(&str, Form)> = ROWS.iter().map(|row| (row.engine, row.form)).filter(|row| !functions(row.1)).collect();
    let expected: BTreeSet<(&str, Form)> = EXPECTED.iter().map(|(engine, form, _)| (*engine, *form)).collect();
    assert_eq!(rows, expected, "a row without a test here, or a test without its row");
    assert_eq!(ROWS.iter().filter(|row| functions(row.form)).count(), 7, "engines without functions");
}

#[test]
fn a_version_without_the_row_folds() {
    let case = CASES.iter().find(|case| case.form == Form::QuantisedBias).unwrap();
    assert_eq!(left(case.text, &["opencv@5"]).0, case.without);
    assert_eq!(left(case.text, &["opencv@4.14"]).0, case.with);
}

/// What becomes of a BatchNormalization behind `made` and before `read`, between convolutions of so many channels.
fn between(channels: usize, made_and_read: (&str, &str), partial: Partial) -> String {
    between_in(17, channels, made_and_read, partial)
}

/// The same in a version of the operators.
fn between_in(opset: u8, channels: usize, (made, read): (&str, &str), partial: Partial) -> String {
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : {opset}]>
        g (float[1,{channels},6,6] x) => (float[1,3,6,6] y)
        <float[{channels},{channels},3,3] w = dyadic(1), float[{channels}] s = square(2), float[{channels}] b = dyadic(3),
         float[{channels}] m = dyadic(4), float[{channels}] v = square(5), float[3,{channels},3,3] u = dyadic(6),
         float[4] twice = {{1, 1, 2, 2}}, float[{channels},1,1] k = dyadic(7)>
        {{ c = Conv <pads = [1,1,1,1]> (x, w)
           {made}
           n = BatchNormalization <epsilon = 0.0> (r, s, b, m, v)
           {read} }}"#
    );
    let bytes = bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{e} in {text}"));
    let folded = crate::support::fold_with(&bytes, &Options { partial, ..Options::default() });
    let nodes = model_of(&folded).graph.unwrap().node;
    nodes.into_iter().find(|node| node.output == ["n"] || node.output[0].starts_with("n_")).unwrap().op_type.unwrap()
}

#[test]
fn an_add_does_not_leave_the_blocks_of_channels_for_itself() {
    let conv = "y = Conv <pads = [1,1,1,1]> (n, u)";
    let behind_relu = "a = Relu (n)  y = Conv <pads = [1,1,1,1]> (a, u)";
    let kept = [
        (16, "r = Sigmoid (c)", conv),
        (16, "r = Sigmoid (c)", behind_relu),
        (8, "r = Sigmoid (c)", behind_relu),
        (16, "p = Sigmoid (c)  r = Add (p, c)", behind_relu),
        (16, "p = Sigmoid (c)  r = Mul (p, k)", conv),
        (16, "p = Sigmoid (c)  r = MaxPool <kernel_shape = [1,1]> (p)", conv),
        (16, "r = Sigmoid (c)", "p = MaxPool <kernel_shape = [1,1]> (n)  y = Conv <pads = [1,1,1,1]> (p, u)"),
        (16, "r = Sigmoid (c)", r#"p = Resize (n, "", twice)  y = Conv <pads = [1,1,1,1]> (p, u)"#),
        (16, "r = Sigmoid (c)", "p = Mul (n, c)  y = Conv <pads = [1,1,1,1]> (p, u)"),
        (
            16,
            r#"p = Sigmoid (c)  r = Resize <coordinate_transformation_mode = "asymmetric", nearest_mode = "floor"> (p, "", twice)"#,
            conv,
        ),
    ];
    for (channels, made, read) in kept {
        let what = |partial| between(channels, (made, read), partial);
        assert_eq!(what(Partial::Auto), "BatchNormalization", "{channels} channels, {made}, {read}");
        assert_eq!(what(Partial::Always), "Add", "{channels} channels, {made}, {read}");
    }
    let left = [
        (8, "r = Sigmoid (c)", conv),
        (16, "r = Sigmoid (x)", conv),
        (16, "r = Softplus (c)", conv),
        (16, "p = Sigmoid (c)  r = Add (p, x)", behind_relu),
        (16, "p = Sigmoid (c)  q = Softplus (c)  r = Add (p, q)", conv),
        (16, r#"p = Sigmoid (c)  r = Resize (p, "", twice)"#, conv),
    ];
    for (channels, made, read) in left {
        assert_eq!(between(channels, (made, read), Partial::Auto), "Add", "{channels} channels, {made}, {read}");
    }
    // The first Resize had no coordinates to choose: like Upsample it takes the place below.
    let nearest = "p = Sigmoid (c)  r = Resize (p, twice)";
    assert_eq!(between_in(10, 16, (nearest, conv), Partial::Auto), "BatchNormalization");
    assert_eq!(between_in(10, 16, ("p = Sigmoid (c)  r = Resize <mode = \"linear\"> (p, twice)", conv), Partial::Auto), "Add");
}

#[test]
fn what_reads_eight_bits_already_is_rounded_no_more() {
    for (text, scale, engine) in [(PRODUCT, "k", "onnxruntime"), (LONG_PRODUCT, "e", "openvino")] {
        let quantised = text.replace("(float[2,", "(uint8[2,").replace(" x)", " i)");
        let quantised = quantised.replace("{ q =", &format!("{{ x = DequantizeLinear (i, {scale})  q ="));
        let quantised = quantised.replace("float[2] s", "float e = {0.5}, float[2] s");
        for engine in ["any", engine] {
            assert_eq!(left(&quantised, &[engine]).0, ["DequantizeLinear", "DequantizeLinear", "Gemm"], "{engine}");
        }
    }
}

#[test]
fn short_sums_are_not_rounded() {
    let short = LONG_PRODUCT.replace("[2,32]", "[2,4]").replace("[32,2]", "[4,2]");
    let (head, rest) = short.split_once("w = {").unwrap();
    let (_, rest) = rest.split_once('}').unwrap();
    let short = format!("{head}w = {{1, 2, 3, 4, 5, 6, 7, 8}}{rest}");
    assert_eq!(left(&short, &["any"]).0, GONE);
}

#[test]
fn an_unknown_engine_is_told_with_all_and_the_nearest() {
    let error = target(&["openvimo@1"]).unwrap_err().to_string();
    assert!(error.contains("`openvimo`") && error.contains("onnxruntime-web, ") && error.ends_with("`openvino`"), "{error}");
}

#[test]
fn the_report_of_a_fold_says_what_engines_make_of_it() {
    let text = CASES[0].text;
    let bytes = bnfold::sample::encode(text).unwrap();
    let report = |names: &[&str]| {
        bnfold::Fold::new().no_verify(true).target(target(names).unwrap()).bytes(bytes.clone()).unwrap().1.engines
    };
    let otherwise = |names: &[&str]| {
        report(names).otherwise.iter().map(|note| (note.engine.clone(), note.effect.clone())).collect::<Vec<_>>()
    };
    let of = |engine: &str, effect: &str| (engine.to_owned(), effect.to_owned());
    let slow = [of("opencv 5.0.0", "slow")];
    assert_eq!(otherwise(&["any"]), slow);
    assert_eq!(otherwise(&["none"])[0], of("mnn 3.6.1", "wrong"));
    assert_eq!(otherwise(&["none"])[1..], slow);
    assert_eq!(otherwise(&["opencv@4"]), []);
    assert_eq!(report(&["mnn"]).as_before, ["mnn 3.6.1"]);
    assert_eq!((report(&["mnn"]).asked, report(&["any"]).asked), (vec!["mnn".to_owned()], vec!["any".to_owned()]));
}
