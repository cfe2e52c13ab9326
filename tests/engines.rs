//! The table of engines: each row changes what is folded, and only for whom it concerns.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;

use bnfold::engines::{Form, ROWS};
use bnfold::model::Model;
use bnfold::plan::{Options, target};
use support::model_of;

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
    Case { form: Form::RoundedProduct, text: PRODUCT, without: KEPT, with: GONE },
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
];

const PRODUCT: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[2,2] x) => (float[2,2] y)
    <int8[2,2] w = {1, 2, 3, 4}, float[1] k = {0.5}, int8[1] o = {0}, float[2] s = {0.5, 1}, float[2] b = {3, 4}, float[2] m = {0, 0}, float[2] v = {1, 1}>
    { q = DequantizeLinear (w, k, o)
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
    ("onnxruntime", Form::ScalePerColumn, false),
    ("openvino", Form::RoundedProduct, false),
    ("onnxruntime", Form::AddLeft, false),
    ("opencv", Form::AddLeft, false),
    ("tract", Form::AddLeft, false),
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
    let slow = [of("onnxruntime 1.32.0", "slow"), of("opencv 5.0.0", "slow"), of("tract 0.23.9", "slow")];
    assert_eq!(otherwise(&["any"]), slow);
    assert_eq!(otherwise(&["none"])[0], of("mnn 3.6.1", "wrong"));
    assert_eq!(otherwise(&["none"])[1..], slow);
    assert_eq!(otherwise(&["opencv@4"]), []);
    assert_eq!(report(&["mnn"]).as_before, ["mnn 3.6.1"]);
    assert_eq!((report(&["mnn"]).asked, report(&["any"]).asked), (vec!["mnn".to_owned()], vec!["any".to_owned()]));
}
