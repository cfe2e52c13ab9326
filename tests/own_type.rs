//! Both models run in the types that they have: what is told, that it is told of those types, and that it decides nothing.
#![cfg(feature = "tract")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod judged;

use bnfold::beside::{Engine, OwnReport, OwnType};
use bnfold::engine::{CouldNotRun, Sizes};
use bnfold::verify::side::Side;
use bnfold::verify::{Done, Job};
use bnfold::verify::{Execution, Outcome, VerifyOptions};
use judged::{change, decode, fold, inexact, judge_with, options};
use prost::Message as _;

const NET: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    net (float[N,3,6,6] x) => (float[N,5] y, float[N,4,1,1] p)
    <float[4,3,3,3] w = dyadic(1), float[4] b = dyadic(2), float[4] s = dyadic(3), float[4] t = dyadic(4), float[4] m = dyadic(5),
     float[4] v = square(6), float[4,5] k = dyadic(7)>
    { c = Conv (x, w, b)  n = BatchNormalization (c, s, t, m, v)  r = Relu (n)  p = GlobalAveragePool (r)
      f = Flatten (p)  h = MatMul (f, k)  y = Softmax (h) }"#;

fn told() -> VerifyOptions {
    VerifyOptions { own_type: true, ..options() }
}

#[test]
fn the_difference_is_told_and_decides_nothing() {
    let bytes = inexact(NET);
    let folded = fold(&bytes);
    let mut verdict = judge_with(&bytes, &folded, &VerifyOptions { samples: 3, ..told() });
    let own = std::mem::take(&mut verdict.own_type);
    assert_eq!(verdict, judge_with(&bytes, &folded, &VerifyOptions { samples: 3, ..options() }));
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding);
    let [own] = own.as_slice() else { panic!("{own:?}") };
    assert_eq!((own.samples, own.missing.as_ref(), own.engine.starts_with("tract ")), (3, None, true));
    assert_eq!(own.inputs, ["x: float[2,3,6,6]"]);
    assert_eq!(own.assumptions, Vec::<String>::new());
    let [y, p] = own.outputs.as_slice() else { panic!("{own:?}") };
    assert_eq!((y.value.as_str(), p.value.as_str(), p.element.as_str()), ("y", "p", "float"));
    // f32 was run: a right fold is off there, and by a few of its roundings.
    assert!(p.largest > 0.0 && p.relative.is_some_and(|share| share < 1e-5), "{p:?}");
    assert!(p.place.is_some() && p.unlike == 0 && p.apart.is_none(), "{p:?}");
    // The inputs are those of the relay: so is what they give, but for rounding.
    let verdict = judge_with(&bytes, &folded, &VerifyOptions { taps: vec!["p".to_owned()], ..told() });
    let Execution::Ran { taps, .. } = &verdict.execution else { panic!("{verdict:?}") };
    let (wide, own) = (taps[0].magnitude, verdict.own_type[0].outputs[1].magnitude);
    assert!((wide - own).abs() <= 1e-5 * wide, "{wide} {own}");
}

#[test]
fn of_what_differs_it_is_told_how_far() {
    let bytes = inexact(NET);
    let mut folded = decode(&fold(&bytes));
    change(folded.graph.as_mut().unwrap(), "n", 2, |bias| bias[1] += 0.5);
    let verdict = judge_with(&bytes, &folded.encode_to_vec(), &told());
    assert_eq!(verdict.outcome, Outcome::Differs);
    let p = &verdict.own_type[0].outputs[1];
    assert!(p.largest > 0.05, "{p:?}");
}

#[test]
fn why_it_was_not_run_is_one_short_sentence() {
    let bytes = inexact(&NET.replace("y = Softmax (h)", "u = Unique <sorted = 0> (h)  y = Softmax (h)"));
    let verdict = judge_with(&bytes, &fold(&bytes), &told());
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding);
    let why = verdict.own_type[0].missing.as_deref().unwrap();
    assert!(why.contains("Unique") && why.lines().count() == 1 && why.len() < 200, "{why}");
    let quick = judge_with(&bytes, &fold(&bytes), &options());
    assert_eq!(quick.own_type, []);
}

/// Adds a number to one: `y = 0·x + 1 + small`, in one type.
fn sum(element: &str, small: i32) -> Vec<u8> {
    let small = if small == 0 { 0.0 } else { 2.0_f64.powi(small) };
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g ({element}[2] x) => ({element}[2] y) <{element}[1] zero = {{0.0}}, {element}[1] one = {{1.0}}, {element}[1] small = {{{small:?}}}>
        {{ h = Mul (x, zero)  o = Add (h, one)  y = Add (o, small) }}"#
    );
    bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{e} in {text}"))
}

fn run(before: &[u8], after: &[u8], engine: Engine) -> Result<OwnReport, CouldNotRun> {
    let folder = tempfile::tempdir().unwrap();
    let [before, after] = [("a.onnx", before), ("b.onnx", after)].map(|(name, bytes)| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    });
    let job = OwnType {
        before: Side::of(&before),
        after: Side::of(&after),
        sizes: Sizes::default(),
        inputs: None,
        data_sets: vec![],
        seed: 1,
        samples: 1,
        engine,
    };
    match Job::OwnType(job).perform()? {
        Done::OwnType(report) => Ok(report),
        other => panic!("{other:?}"),
    }
}

/// What is lost in a type is lost in the run of it, and what is not, is not.
fn each_type_is_run_as_it_is(engine: &Engine) {
    let table = [
        ("float", -25, 0.0),
        ("float", -20, 2.0_f64.powi(-20)),
        ("float16", -12, 0.0),
        ("float16", -10, 2.0_f64.powi(-10)),
        ("double", -25, 2.0_f64.powi(-25)),
    ];
    for (element, small, expected) in table {
        let report = run(&sum(element, 0), &sum(element, small), engine.clone()).unwrap_or_else(|e| panic!("{element}: {e}"));
        let output = &report.outputs[0];
        assert_eq!((output.largest, output.magnitude, output.element.as_str()), (expected, 1.0, element), "{small}");
    }
}

#[test]
fn floats_keep_their_types() {
    each_type_is_run_as_it_is(&Engine::Tract);
    let error = run(&sum("bfloat16", 0), &sum("bfloat16", 0), Engine::Tract).unwrap_err();
    assert!(error.to_string().contains("bfloat16"), "{error}");
}

#[test]
fn sizes_are_those_that_both_models_accept() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[1,N] x) => (float[1,2] y) <float[224,2] w = dyadic(1)> { y = MatMul (x, w) }"#;
    let bytes = bnfold::sample::encode(text).unwrap();
    let report = run(&bytes, &bytes, Engine::Tract).unwrap();
    assert_eq!(report.inputs[0].dims, [1, 224]);
    assert_eq!((report.outputs[0].largest, report.samples), (0.0, 1));
}

#[test]
fn both_branches_are_run() {
    let text = |number: u32| {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2] x, bool[1] c) => (float[2] y) <float[1] one = {{1}}, float[1] k = {{{number}}}>
            {{ y = If (c) <then_branch = t () => (float[2] a) {{ a = Mul (x, one) }},
                           else_branch = e () => (float[2] b) {{ b0 = Mul (x, one)  b1 = Sub (b0, b0)  b = Add (b1, k) }}> }}"#
        );
        bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{e}"))
    };
    let report = run(&text(3), &text(4), Engine::Tract).unwrap();
    assert_eq!(report.outputs[0].largest, 1.0, "{report:?}");
}

#[test]
fn a_model_that_does_not_run_is_named() {
    let good = sum("float", 0);
    let mut bad = decode(&good);
    bad.graph.as_mut().unwrap().node[2].op_type = Some("Unique".to_owned());
    let error = run(&good, &bad.encode_to_vec(), Engine::Tract).unwrap_err().to_string();
    assert!(error.starts_with("the second model: operator Unique"), "{error}");
}

/// onnxruntime, as the library that `BNFOLD_ORT_LIB` names.
#[cfg(feature = "ort")]
mod onnxruntime {
    use std::path::{Path, PathBuf};

    use super::*;
    use bnfold::verify::Runner;

    fn library() -> Option<PathBuf> {
        let library = std::env::var_os("BNFOLD_ORT_LIB").map(PathBuf::from);
        if library.is_none() {
            eprintln!("skipped: BNFOLD_ORT_LIB does not name a library of onnxruntime");
        }
        library
    }

    /// The verdict with onnxruntime, in a child.
    fn judged(bytes: &[u8], folded: &[u8], library: &Path) -> bnfold::verify::Verdict {
        judged_as(bytes, folded, library, false)
    }

    fn judged_as(bytes: &[u8], folded: &[u8], library: &Path, ort_optimised: bool) -> bnfold::verify::Verdict {
        let (runner, ort_library) = (Runner::Program(env!("CARGO_BIN_EXE_bnfold").into()), Some(library.to_owned()));
        judge_with(bytes, folded, &VerifyOptions { runner, ort_library, ort_optimised, ..told() })
    }

    #[test]
    fn each_type() {
        let Some(library) = library() else { return };
        each_type_is_run_as_it_is(&Engine::Onnxruntime { library, optimised: false });
    }

    /// Weights with one scale, as a list of one, and the same with a scale for each column: with all its optimisations, and only
    /// so, onnxruntime rounds what the second model reads to 8 bits.
    #[test]
    fn with_all_optimisations_it_tells_what_these_do() {
        let Some(library) = library() else { return };
        let text = |count: usize, axis: &str| {
            let (scales, zeros) = (vec!["0.03"; count].join(", "), vec!["0"; count].join(", "));
            let weights: Vec<String> = (0..512).map(|at: i32| ((at * 37) % 101 - 50).to_string()).collect();
            format!(
                r#"<ir_version: 10, opset_import: ["" : 21]>
                g (float[3,32] x) => (float[3,16] y)
                <int8[32,16] w = {{{}}}, float[{count}] k = {{{scales}}}, int8[{count}] o = {{{zeros}}}>
                {{ q = DequantizeLinear {axis} (w, k, o)  y = MatMul (x, q) }}"#,
                weights.join(", ")
            )
        };
        let encode = |text: &str| bnfold::sample::encode(text).unwrap_or_else(|e| panic!("{e}"));
        let far = |optimised| {
            let engine = Engine::Onnxruntime { library: library.clone(), optimised };
            let report = run(&encode(&text(1, "")), &encode(&text(16, "<axis = 1>")), engine);
            report.unwrap_or_else(|e| panic!("{e}")).outputs[0].relative.unwrap_or(0.0)
        };
        assert!(far(false) < 1e-5 && far(true) > 1e-4, "{} {}", far(false), far(true));
        // Beside a verdict it stands behind the run without them.
        let bytes = inexact(NET);
        let verdict = judged_as(&bytes, &fold(&bytes), &library, true);
        let [_, plain, optimised] = verdict.own_type.as_slice() else { panic!("{verdict:?}") };
        assert_eq!(optimised.engine, format!("{}, optimised", plain.engine));
        assert!(optimised.missing.is_none() && verdict.outcome == judged(&bytes, &fold(&bytes), &library).outcome);
    }

    #[test]
    fn it_stands_beside_the_verdict() {
        let Some(library) = library() else { return };
        let bytes = inexact(NET);
        let verdict = judged(&bytes, &fold(&bytes), &library);
        assert_eq!(verdict.outcome, Outcome::EqualWithinRounding);
        let [_, own] = verdict.own_type.as_slice() else { panic!("{verdict:?}") };
        assert!(own.engine.starts_with("onnxruntime 1.") && own.missing.is_none(), "{own:?}");
        assert_eq!((own.samples, &own.inputs, own.outputs.len()), (1, &vec!["x: float[2,3,6,6]".to_owned()], 2));
        assert!(own.outputs[1].relative.is_some_and(|share| share > 0.0 && share < 1e-5), "{own:?}");
    }

    #[test]
    fn it_is_told_where_tract_runs_nothing_and_proves_nothing() {
        let Some(library) = library() else { return };
        let bytes = inexact(&NET.replace("y = Softmax (h)", "u = Unique <sorted = 0> (h)  y = Softmax (h)"));
        let verdict = judged(&bytes, &fold(&bytes), &library);
        assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:?}");
        let [tract, own] = verdict.own_type.as_slice() else { panic!("{verdict:?}") };
        assert!(tract.missing.is_some() && own.missing.is_none(), "{verdict:?}");
        assert!(own.outputs.iter().all(|output| output.relative.is_some_and(|share| share < 1e-5)), "{own:?}");
        // A wrong fold that cannot be seen in the run is refused all the same.
        let mut wrong = decode(&fold(&bytes));
        change(wrong.graph.as_mut().unwrap(), "n", 1, |weights| weights[3] *= 1.0 + 1e-6);
        let verdict = judged(&bytes, &wrong.encode_to_vec(), &library);
        assert_eq!(verdict.outcome, Outcome::Differs);
        assert!(verdict.own_type[1].outputs.iter().all(|output| output.relative.is_some_and(|share| share < 1e-5)));
    }

    #[test]
    fn a_library_that_is_none_is_said() {
        let bytes = inexact(NET);
        let verdict = judged(&bytes, &fold(&bytes), Path::new("/there/is/no/libonnxruntime.so"));
        assert_eq!(verdict.outcome, Outcome::EqualWithinRounding);
        let why = verdict.own_type[1].missing.as_deref().unwrap();
        assert!(why.contains("/there/is/no/libonnxruntime.so"), "{why}");
    }
}
