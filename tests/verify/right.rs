//! Right folds must be judged equal within one rounding, whatever they are made of and wherever they stand.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::judged::{corpus, decode, fold, inexact, judge, judge_files, judge_with, options, right};
use bnfold::model::{Graph, Model};
use bnfold::ops::OPERATORS;
use bnfold::sample::Expect;
use bnfold::verify::{Execution, Outcome, Runner, Tier, VerifyOptions, verify};
use prost::Message as _;

#[test]
fn what_every_operator_folds_is_right() {
    let (mut count, mut largest, mut ran, mut open) = (0, 0.0_f64, 0, 0);
    let walked = bnfold::plan::SAMPLES.iter().chain(bnfold::constants::SAMPLES);
    for sample in OPERATORS.iter().flat_map(|o| o.samples).chain(walked) {
        if !matches!(sample.expect, Expect::Folded { .. } | Expect::Partly { .. }) {
            continue;
        }
        let bytes = inexact(sample.text);
        let folded = fold(&bytes);
        if folded == bytes {
            // With other numbers it may not be a fold: an output of zeros, a falling scale.
            continue;
        }
        let verdict = judge_with(&bytes, &folded, &VerifyOptions { samples: 3, ..options() });
        // Only what the engine is known not to run, or to run in f32 alone, may stay open or rest on its constants, and where no
        // sizes that are drawn for two inputs fit one another.
        let known = [
            "opset 6 broadcasting",
            "the engine (tract) panicked",
            "24 bits of f32",
            "Reshape volume mismatch",
            "Output mismatch after rewiring expansion",
        ];
        let beyond = |why: &str| known.iter().any(|part| why.contains(part));
        let run = matches!(&verdict.execution, Execution::NotRun { reason, .. } if beyond(reason));
        let is_open = verdict.outcome == Outcome::NotJudged;
        if is_open || run && verdict.outcome == Outcome::EqualWithinRounding {
            let site = verdict.sites.iter().any(|site| site.reason.as_deref().is_some_and(beyond));
            assert!(run || site, "{}: {verdict:#?}", sample.text);
            open += usize::from(is_open);
            continue;
        }
        if verdict.outcome == Outcome::Equal && verdict.sites.is_empty() {
            // A map that goes without a number of the file being another one.
            continue;
        }
        largest = largest.max(right(&format!("{} in {}", sample.name, sample.text), &verdict));
        for site in &verdict.sites {
            assert!(site.alone.is_some(), "{}: {site:?}", sample.text);
            if let Some(why) = site.alone.as_ref().and_then(|alone| alone.skipped.as_ref()) {
                eprintln!("{}: {why}", sample.name);
            }
        }
        let (worst, alone) = crate::judged::alone(&verdict);
        assert!(worst.iter().all(|share| *share <= 1.0), "{}: {worst:?}", sample.text);
        ran += alone;
        count += 1;
    }
    assert!(open < 10, "{open} samples are not judged");
    assert!(count > 30, "only {count} samples fold");
    eprintln!("{ran} sites run alone");
    assert!(ran > 30, "only {ran} sites were run alone");
    // Were nothing rounded, nothing would have been measured.
    assert!(largest > 0.3, "{largest}");
}

const CHAIN: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    chain (float[2,3,6,6] x) => (float[2,5] y)
    <float[4,3,3,3] w = dyadic(1), float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5),
     float[6,2,3,3] w2 = dyadic(6), float[6] c2 = dyadic(7), float[6] s2 = dyadic(8), float[6] b2 = dyadic(9),
     float[6] m2 = dyadic(10), float[6] v2 = square(11), float[5,96] w3 = dyadic(12), float[5] c3 = dyadic(13),
     float[5] s3 = dyadic(14), float[5] b3 = dyadic(15), float[5] m3 = dyadic(16), float[5] v3 = square(17)>
    { p = Conv <pads = [1, 1, 1, 1]> (x, w)
      n = BatchNormalization (p, s, b, m, v)
      r = Relu (n)
      q = Conv <group = 2> (r, w2, c2)
      o = BatchNormalization <epsilon = 0.001> (q, s2, b2, m2, v2)
      f = Flatten (o)
      g = Gemm <transB = 1, alpha = 0.5, beta = 2.0> (f, w3, c3)
      h = BatchNormalization (g, s3, b3, m3, v3)
      y = Softmax (h) }"#;

#[test]
fn chains_are_right_in_every_float_type() {
    for (name, digits) in [("float", 0.3), ("float16", 0.3), ("bfloat16", 0.3), ("double", 0.0)] {
        let text = CHAIN.replace("float[", &format!("{name}["));
        let bytes = inexact(&text);
        let folded = fold(&bytes);
        let verdict = judge(&bytes, &folded);
        assert_eq!(verdict.sites.iter().map(|s| s.value.as_str()).collect::<Vec<_>>(), ["n", "o", "h"], "{name}");
        let worst = right(name, &verdict);
        assert!(worst >= digits, "{name}: {worst}");
        let Execution::Ran { outputs_equal, seed, .. } = verdict.execution else { panic!() };
        assert_eq!((outputs_equal, seed), (1, Some(0)));
    }
}

#[test]
fn what_is_the_same_is_not_run() {
    let bytes = inexact(CHAIN);
    let mut other = decode(&bytes);
    other.producer_name = Some("another".to_owned());
    other.graph.as_mut().unwrap().node[0].name = Some("renamed".to_owned());
    let mut renamed = other.clone();
    let graph = renamed.graph.as_mut().unwrap();
    graph.initializer[0].name = Some("weight".to_owned());
    graph.node[0].input[1] = "weight".to_owned();
    for second in [bytes.clone(), other.encode_to_vec(), renamed.encode_to_vec()] {
        let verdict = judge(&bytes, &second);
        assert_eq!((verdict.outcome, verdict.execution, verdict.sites.len()), (Outcome::Equal, Execution::NotNeeded, 0));
    }
}

#[test]
fn what_was_asked_not_to_run_is_not_judged() {
    let bytes = inexact(CHAIN);
    let verdict = judge_with(&bytes, &fold(&bytes), &VerifyOptions { run: false, ..options() });
    assert_eq!((verdict.outcome, &verdict.execution), (Outcome::NotJudged, &Execution::NotNeeded));
    assert_eq!(verdict.sites.len(), 3);
    assert!(verdict.sites.iter().all(|s| s.outcome == Outcome::NotJudged && s.worst.is_none()));
}

const BRANCHES: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x, bool cond) => (float[1,3,4,4] y, float[1,3,4,4] z)
    <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
    { k = Conv (x, w)
      z = BatchNormalization (k, s, b, m, v)
      y = If (cond) <
        then_branch = t () => (float[1,3,4,4] p) <float[3,2,1,1] u = dyadic(9)> {
            c = Conv (x, u)
            p = BatchNormalization (c, s, b, m, v) },
        else_branch = e () => (float[1,3,4,4] q) <float[3,2,1,1] u = dyadic(19)> {
            d = Conv (x, u)
            q = BatchNormalization (d, s, b, m, v) }
      > }"#;

#[test]
fn both_branches_of_an_if_are_run() {
    let bytes = inexact(BRANCHES);
    let verdict = judge(&bytes, &fold(&bytes));
    right("If", &verdict);
    let mut named: Vec<&str> = verdict.sites.iter().map(|s| s.value.as_str()).collect();
    named.sort_unstable();
    assert_eq!(named, ["y/else_branch/q", "y/then_branch/p", "z"]);
}

#[test]
fn bodies_of_loops_are_run_once() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        looped (float[1,3,4,4] x) => (float[1,3,4,4] last)
        <int64 trips = {3}, bool go = {1}, float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
        { last = Loop (trips, go, x) <
            body = l (int64 i, bool c, float[1,3,4,4] h) => (bool d, float[1,3,4,4] o) <float[3,3,1,1] w = dyadic(1)> {
              d = Identity (c)  k = Conv (h, w)  n = BatchNormalization (k, s, b, m, v)  o = Relu (n) }
          > }"#;
    let bytes = inexact(text);
    let verdict = judge(&bytes, &fold(&bytes));
    right("Loop", &verdict);
    assert_eq!(verdict.sites.iter().map(|s| s.value.as_str()).collect::<Vec<_>>(), ["last/body/n"]);
    let Execution::Ran { assumptions, .. } = verdict.execution else { panic!() };
    assert_eq!(assumptions, ["every Loop runs its body once"]);
}

/// A function with a fold made by hand: s/√(v+ε) is 2 and −4, the shifts 0.5 and 8.
fn function(folded: bool) -> Vec<u8> {
    let body = match folded {
        false => {
            r#"{ w = Constant <value = float[2,1,1,1] {1, 2}> ()  s = Constant <value = float[2] {1, -2}> ()
                 b = Constant <value = float[2] {2.5, 0}> ()  m = Constant <value = float[2] {1, 2}> ()
                 v = Constant <value = float[2] {0.25, 0.25}> ()
                 c = Conv (a, w)  n = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#
        }
        true => {
            r#"{ w = Constant <value = float[2,1,1,1] {2, -8}> ()  b = Constant <value = float[2] {0.5, 8}> ()
                 n = Conv (a, w, b) }"#
        }
    };
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
        caller (float[1,1,3,3] x) => (float[1,2,3,3] y, float[1,2,3,3] z)
        {{ y = local.Block (x)  h = Relu (x)  z = local.Block (h) }}
        <domain: "local", opset_import: ["" : 17]>
        Block (a) => (n) {body}"#
    );
    bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{e}"))
}

#[test]
fn a_function_that_is_called_twice_is_two_sites() {
    let verdict = judge(&function(false), &function(true));
    right("function", &verdict);
    assert_eq!(verdict.sites.iter().map(|s| s.value.as_str()).collect::<Vec<_>>(), ["y", "z"]);
}

#[test]
fn a_tool_that_keeps_the_name_between_is_understood() {
    let text = |body: &str, constants: &str| {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,1,3,3] x) => (float[1,2,3,3] y) <{constants}> {{ {body}  y = Relu (n) }}"#
        );
        bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{e}"))
    };
    let before = text(
        "c = Conv (x, w)  i = Identity (c)  n = BatchNormalization <epsilon = 0.0> (i, s, b, m, v)",
        "float[2,1,1,1] w = {1, 2}, float[2] s = {1, -2}, float[2] b = {2.5, 0}, float[2] m = {1, 2}, float[2] v = {0.25, 0.25}",
    );
    let after = |weight: &str| {
        text("c = Conv (x, w, b)  n = Identity (c)", &format!("float[2,1,1,1] w = {weight}, float[2] b = {{0.5, 8}}"))
    };
    let verdict = judge(&before, &after("{2, -8}"));
    right("kept name", &verdict);
    assert_eq!(crate::judged::operators(&verdict.sites[0].before), ["Conv", "Identity", "BatchNormalization"]);
    crate::judged::wrong_at("kept name", &judge(&before, &after("{2, -8.001}")), "n");
}

#[test]
fn factors_of_a_gemm_may_be_negative() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[4,6] x) => (float[4,5] y)
        <float[6,5] w = dyadic(1), float[5] c = dyadic(2), float[5] s = dyadic(3), float[5] b = dyadic(4), float[5] m = dyadic(5),
         float[5] v = square(6)>
        { g = Gemm <alpha = -0.7, beta = -3.0> (x, w, c)  y = BatchNormalization (g, s, b, m, v) }"#;
    let bytes = inexact(text);
    right("Gemm", &judge_with(&bytes, &fold(&bytes), &VerifyOptions { samples: 8, ..options() }));
}

/// A Conv, the operators `body` from c to l, and a positive factor for each channel.
fn through(constants: &str, body: &str) -> Vec<u8> {
    inexact(&format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[1,8,5,5] x) => (float[] y)
        <float[16,8,3,3] w = dyadic(1), float[1,16,1,1] k = positive(2){constants}> {{ c = Conv (x, w)  {body}  y = Mul (l, k) }}"#
    ))
}

#[test]
fn slopes_above_one_carry_a_difference_further() {
    let judged = |place: &str, bytes: &[u8]| right(place, &judge(bytes, &fold(bytes)));
    for alpha in [0.1, 1.5, 4.0, 8.0, 20.0, 50.0, 1000.0, -4.0] {
        judged(&format!("LeakyRelu {alpha}"), &through("", &format!("l = LeakyRelu <alpha = {alpha:?}> (c)")));
    }
    for slope in ["0.5", "5", "50", "-4"] {
        let constants = format!(", float[16,1,1] p = {{{}}}", [slope; 16].join(", "));
        judged(&format!("PRelu {slope}"), &through(&constants, "l = PRelu (c, p)"));
    }
    for coefficient in [-0.75, -3.0] {
        let resize = format!(r#"l = Resize <mode = "cubic", cubic_coeff_a = {coefficient:?}> (c, "", "", s)"#);
        judged(&format!("cubic {coefficient}"), &through(", int64[4] s = {1, 16, 7, 7}", &resize));
    }
}

#[test]
fn numbers_below_the_normal_ones_that_a_shift_is_added_before() {
    for size in ["1e-41", "4e-40"] {
        // inexact() would scale them, which changes nothing.
        let row: Vec<String> = (0..16).map(|i| format!("{}{size}", if i % 3 == 0 { "-" } else { "" })).collect();
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,16,3,4] x) => (float[] y)
            <float[1] s = {{1.0722942}}, float[1] t = {{-0.8932509}}, float[1,16,1,1] w = {{{}}}, float[1,1,1,1] b = {{-7e-41}}>
            {{ h = HardSwish (x)  m = Mul (h, s)  a = Add (m, t)  p = GlobalAveragePool (a)  c = Conv (p, w)  d = Add (c, b)
               r = Relu (d)  y = Mul (r, r) }}"#,
            row.join(", ")
        );
        let bytes = inexact(&text);
        let folded = fold(&bytes);
        assert_ne!(bytes, folded, "{size}: as `fold` does, which looks at what was lost while it writes");
        right(size, &judge(&bytes, &folded));
    }
}

#[test]
fn what_is_lost_beside_a_shift_is_not_seen() {
    let text = |shift: &str| {
        format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,16,5,5] x) => (float[] y)
            <float[2,16,1,1] w = dyadic(1), float[2] s = {{1, 1e-41}}, float[2] b = {{{shift}, {shift}}}, float[2] m = {{0, 0}},
             float[2] v = {{1, 1}}>
            {{ c = Conv (x, w)  n = BatchNormalization (c, s, b, m, v)  y = Relu (n) }}"#
        )
    };
    let bytes = inexact(&text("0.1"));
    right("live", &judge(&bytes, &fold(&bytes)));
    let bytes = inexact(&text("0"));
    assert_eq!(fold(&bytes), bytes, "nothing but the weights tells what the channel is");
}

#[test]
fn the_default_asks_nothing_of_the_callers_program() {
    // This program does not know the verb: started as its own child, it would run all its tests again.
    let bytes = inexact(CHAIN);
    let default = VerifyOptions { tier: Tier::Own, own_type: false, ..VerifyOptions::default() };
    right("default", &judge_with(&bytes, &fold(&bytes), &default));
    assert_eq!(default.runner, Runner::InProcess);
}

#[test]
fn a_child_starts_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let [a, b] = ["a.onnx", "b.onnx"].map(|name| folder.path().join(name));
    let bytes = inexact(CHAIN);
    std::fs::write(&a, &bytes).unwrap();
    std::fs::write(&b, fold(&bytes)).unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bnfold"));
    let run = command.arg("verify").args([&a, &b]).env("BNFOLD_CHILD", "1").output().unwrap();
    let said = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(said.contains("BNFOLD_CHILD is set"), "{said}");
}

#[test]
fn what_is_rounded_twice_in_a_row_may_be_off_twice() {
    let text = |body: &str, constants: &str| {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,1,3,3] x) => (float[1,1,3,3] y) <{constants}> {{ {body} }}"#
        );
        bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{e}"))
    };
    let before = text("a = Add (x, c)  d = Add (a, c)  y = Conv (d, w)", "float[1,1,1,1] c = {500000}, float[1,1,1,1] w = {3}");
    // Half of the distance to the next number is what one rounding may do; here one whole step stands for two of them.
    let up = |value: f32| f32::from_bits(value.to_bits() + 1);
    let after = |c: f32, w: f32| {
        text("a = Add (x, c)  y = Conv (a, w)", &format!("float[1,1,1,1] c = {{{c:?}}}, float[1,1,1,1] w = {{{w:?}}}"))
    };
    let twice = judge(&before, &after(1_000_000.0, up(3.0)));
    // The run cannot tell; the constants can: the weight was not rounded to the nearest.
    assert!((0.6..=1.0).contains(&twice.sites[0].worst.unwrap()), "{twice:#?}");
    assert_eq!(twice.sites[0].certificate.as_ref().unwrap().tier, Some(Tier::Foreign));
    crate::judged::wrong_at("twice", &twice, "y");
    let foreign = judge_with(&before, &after(1_000_000.0, up(3.0)), &VerifyOptions { tier: Tier::Foreign, ..options() });
    assert_eq!((foreign.outcome, foreign.rounded_once), (Outcome::EqualWithinRounding, Some(false)));
    crate::judged::wrong_at("three times", &judge(&before, &after(up(up(1_000_000.0)), up(3.0))), "y");
}

/// A model whose weights are in a side file.
fn with_side_file(folder: &std::path::Path) -> std::path::PathBuf {
    let mut model = decode(&inexact(CHAIN));
    let mut side = Vec::new();
    for tensor in &mut model.graph.as_mut().unwrap().initializer {
        let bytes = tensor.raw_data.take().unwrap();
        let entry = |key: &str, value: String| bnfold::onnx::StringStringEntryProto { key: Some(key.into()), value: Some(value) };
        tensor.external_data = vec![
            entry("location", "weights.bin".into()),
            entry("offset", side.len().to_string()),
            entry("length", bytes.len().to_string()),
        ];
        tensor.data_location = Some(1);
        side.extend(bytes);
    }
    std::fs::write(folder.join("weights.bin"), side).unwrap();
    let path = folder.join("model.onnx");
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    path
}

#[test]
fn side_files_are_found_before_and_after_they_are_published() {
    let folder = tempfile::tempdir().unwrap();
    let before = with_side_file(folder.path());
    let target = folder.path().join("folded.onnx");
    let model = Model::open(&before).unwrap();
    let graph = Graph::build(&model).unwrap();
    let (_, staged) = bnfold::fold::stage(&graph, &bnfold::plan::Options::default(), &target, &mut |_| {}).unwrap();
    assert_eq!(staged.sides.len(), 1);
    let moved = VerifyOptions { moved_sides: staged.sides.clone(), ..options() };
    right("staged", &judge_files(&before, &staged.model, &moved));
    assert!(verify(&before, &staged.model, &options()).is_err(), "the side file is not yet there");
    staged.publish(false).unwrap();
    right("published", &judge_files(&before, &target, &options()));
}

#[test]
fn the_program_itself_is_the_child() {
    let bytes = inexact(CHAIN);
    let program = env!("CARGO_BIN_EXE_bnfold").into();
    let verdict = judge_with(&bytes, &fold(&bytes), &VerifyOptions { runner: Runner::Program(program), ..options() });
    right("child", &verdict);
    let program = "/no/such/program".into();
    let verdict = judge_with(&bytes, &fold(&bytes), &VerifyOptions { runner: Runner::Program(program), ..options() });
    assert_eq!(verdict.outcome, Outcome::NotJudged);
    assert!(matches!(verdict.execution, Execution::NotRun { reason, .. } if reason.contains("/no/such/program")));
    assert_eq!(verdict.sites.len(), 3);
}

#[test]
fn models_that_cannot_be_run_whole_are_judged_by_their_sites() {
    // A type that nobody here has numbers of.
    let bytes = inexact(&CHAIN.replace("y = Softmax (h)", "z = Cast <to = 17> (h)  y = Softmax (h)"));
    let verdict = judge(&bytes, &fold(&bytes));
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:#?}");
    assert!(matches!(&verdict.execution, Execution::NotRun { .. }), "{verdict:#?}");
    // Without what each site makes alone, the constants are no evidence of how the operators are read.
    let verdict = judge_with(&bytes, &fold(&bytes), &VerifyOptions { regions: false, ..options() });
    assert_eq!(verdict.outcome, Outcome::NotJudged);
}

#[test]
fn sizes_and_inputs_are_the_users_if_they_are_given() {
    let text = CHAIN.replace("float[2,3,6,6] x", "float[N,3,6,6] x").replace("float[2,5] y", "float[N,5] y");
    let bytes = inexact(&text);
    let verdict = judge_with(&bytes, &fold(&bytes), &VerifyOptions { dims: vec![("N".into(), 3)], ..options() });
    let Execution::Ran { inputs, .. } = &verdict.execution else { panic!("{verdict:?}") };
    assert_eq!(inputs, &["x: float[3,3,6,6]"]);
    let verdict = judge_with(&bytes, &fold(&bytes), &VerifyOptions { samples: 4, seed: 9, ..options() });
    let Execution::Ran { inputs, samples, seed, assumptions, .. } = &verdict.execution else { panic!("{verdict:?}") };
    assert_eq!((inputs.as_slice(), *samples, *seed), (&["x: float[2,3,6,6]".to_owned()][..], 4, Some(9)));
    assert_eq!(assumptions, &["N of input `x` is 2"]);
}

/// `BNFOLD_CORPUS` names a folder of models: each is folded and judged, and the numbers are printed.
#[test]
fn a_corpus_of_models_is_right() {
    let Some(files) = corpus() else { return };
    let (next, left_out) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    left_out.fetch_add(judged_of_a_corpus(path), Ordering::Relaxed);
                }
            });
        }
    });
    assert_eq!(left_out.into_inner(), 0, "so many folds could not be judged");
}

/// Folds a model and judges it. Returns how many folds were left out.
fn judged_of_a_corpus(path: &Path) -> usize {
    let target = tempfile::tempdir().unwrap();
    let model = Model::open(path).unwrap();
    let graph = bnfold::constants::build(&model).unwrap();
    let target = target.path().join("folded.onnx");
    let mut verdict = None;
    let mut judge = |_: &bnfold::fold::Prepared<'_>, staged: &bnfold::fold::Staged| {
        let options = VerifyOptions { tier: Tier::Own, moved_sides: staged.sides.clone(), ..options() };
        let verdict = verdict.insert(judge_files(path, &staged.model, &options));
        // What cannot be judged is left out, as `fold` does.
        let open = verdict.sites.iter().filter(|site| site.outcome == Outcome::NotJudged);
        Ok(open.flat_map(|site| &site.before).map(|node| node.index).collect())
    };
    let (_, _, dropped) =
        bnfold::fold::stage_judged(&graph, &bnfold::plan::Options::default(), &target, &mut |_| {}, &mut judge).unwrap();
    let verdict = verdict.unwrap();
    let uncertified: Vec<_> = verdict.sites.iter().filter(|site| site.certificate.is_none()).collect();
    assert!(uncertified.is_empty(), "{}: {uncertified:#?}", path.display());
    let worst = verdict.sites.iter().filter_map(|s| s.worst).fold(0.0, f64::max);
    eprintln!("{}: {}, {} sites, {worst:.3}", path.display(), verdict.outcome.words(), verdict.sites.len());
    let ([zeros, dense, impulses, control], alone) = crate::judged::alone(&verdict);
    eprintln!("  {alone} alone: zeros {zeros:.4}, dense {dense:.4}, impulses {impulses:.4}, control {control:.4}");
    match &verdict.execution {
        Execution::NotRun { reason, .. } => eprintln!("  not run: {reason}"),
        _ => assert!(verdict.outcome <= Outcome::EqualWithinRounding && verdict.rounded_once != Some(false), "{verdict:#?}"),
    }
    dropped.len()
}

#[test]
fn folds_that_read_the_same_input_are_sites_of_their_own() {
    let before = inexact(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[1,2,3,3] x) => (float[1,3,3,3] y, float[1,3,3,3] z)
        <float[3,2,1,1] w = dyadic(1), float[3,2,1,1] u = dyadic(2), float[3] s = dyadic(3), float[3] b = dyadic(4),
         float[3] m = dyadic(5), float[3] v = positive(6)>
        { c = Conv (x, w)
          y = BatchNormalization (c, s, b, m, v)
          d = Conv (x, u)
          z = BatchNormalization (d, b, s, m, v) }"#,
    );
    let verdict = judge(&before, &fold(&before));
    right("two folds of one input", &verdict);
    assert_eq!(verdict.sites.len(), 2, "{:#?}", verdict.sites);
}

/// A BatchNormalization that stays; the file does not say how many axes its values have.
const STAYS: &str = r#"<ir_version: 8, opset_import: ["" : 14]>
    g (float[1,2,5,5] x) => (float[1,3,5,5] y)
    <float[3,2,3,3] w = dyadic(1), float[3] s = {1.5, -2, 0.5}, float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
    { c = Conv <pads = [1, 1, 1, 1]> (x, w)
      r = Relu (c)
      n = BatchNormalization (r, s, b, m, v)
      y = Relu (n) }"#;

#[test]
fn what_stands_for_a_batch_normalization_is_right() {
    use bnfold::plan::{Options, Substitute};
    let bytes = inexact(STAYS);
    let model = Model::from_bytes(bytes.clone()).unwrap();
    let graph = Graph::build(&model).unwrap();
    for substitute in [Substitute::MulAdd, Substitute::DepthwiseConv] {
        let mut after = Vec::new();
        bnfold::fold::write_to(&graph, &Options { substitute: Some(substitute), ..Options::default() }, &mut after).unwrap();
        assert_ne!(after, bytes);
        let verdict = judge_with(&bytes, &after, &options());
        right(&format!("{substitute:?}"), &verdict);
        let (worst, alone) = crate::judged::alone(&verdict);
        assert!(alone == 1 && worst.iter().all(|share| *share <= 1.0), "{verdict:#?}");
        assert!(verdict.sites[0].certificate.is_some(), "{verdict:#?}");
        let mut wrong = decode(&after);
        crate::judged::change(wrong.graph.as_mut().unwrap(), "n", 1, |values| values[0] *= 1.0001);
        crate::judged::wrong_at(&format!("{substitute:?}"), &judge(&bytes, &wrong.encode_to_vec()), "n");
    }
}

/// What singles cannot hold is asked for again with the digits of doubles.
#[test]
fn numbers_beyond_the_range_of_singles_have_a_limit() {
    for scale in ["1e60", "1e-60"] {
        let model = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            g (double[2,2,5,5] x) => (double[2,3,5,5] y)
            <double[3,2,1,1] w = {{{scale}, {scale}, 3, 4, 5, 6}}, double[3] s = {{0.1, 0.7, 0.3}}, double[3] b = {{1, 2, 3}},
             double[3] m = {{0.3, 0.2, 0.1}}, double[3] v = {{3, 7, 1.1}}>
            {{ c = Conv (x, w) y = BatchNormalization (c, s, b, m, v) }}"#
        );
        let bytes = bnfold::sample::encode(&model).unwrap();
        right(scale, &judge(&bytes, &fold(&bytes)));
    }
}
