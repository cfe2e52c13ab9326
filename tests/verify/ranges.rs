//! What overflows, loses its digits or is told by something else in one file alone: none of it may be accepted.

use crate::judged::{judge_with, options};
use bnfold::verify::{Outcome, Tier, Verdict, VerifyOptions};

fn judge(inputs: &str, output: &str, before: &str, after: &str) -> Verdict {
    let files = [before, after].map(|body| {
        let text = format!(r#"<ir_version: 8, opset_import: ["" : 18]> g ({inputs}) => ({output} o) {body}"#);
        bnfold::sample::encode(&text).unwrap()
    });
    judge_with(&files[0], &files[1], &VerifyOptions { tier: Tier::Foreign, own_type: true, ..options() })
}

fn refused(inputs: &str, output: &str, before: &str, after: &str) {
    let verdict = judge(inputs, output, before, after);
    assert!(verdict.outcome >= Outcome::NotJudged, "{before} {after}: {verdict:#?}");
}

#[test]
fn a_factor_that_leaves_a_product_of_values_may_overflow() {
    let before = "<float k = {2}> { t = MatMul (x, y) o = Mul (t, k) }";
    let scaled = "<float k = {2e18}, float j = {1e18}, float l = {1e-36}> { a = Mul (x, k) b = Mul (y, j) t = MatMul (a, b) o = Mul (t, l) }";
    refused("float[N,4] x, float[4,3] y", "float[N,3]", before, scaled);
    let half = "float16[N,64] x, float16[64,3] y";
    let before = "<float16 k = {0.015625}> { s = Mul (x, k) o = MatMul (s, y) }";
    refused(half, "float16[N,3]", before, "<float16 k = {0.015625}> { s = MatMul (x, y) o = Mul (s, k) }");
    let sum = |body: &str| format!("<float16 k = {{0.000244140625}}, int64[2] a = {{2, 3}}> {{ {body} }}");
    let (before, after) = (sum("s = Mul (x, k) o = ReduceSum (s, a)"), sum("s = ReduceSum (x, a) o = Mul (s, k)"));
    refused("float16[N,2,64,64] x", "float16[N,2,1,1]", &before, &after);
}

#[test]
fn a_normalisation_does_not_give_digits_back() {
    let shifted = |shift: &str| {
        format!(
            "<float c = {{{shift}}}, float[4] s = {{1, 2, 3, 4}}, float k = {{2}}> {{ t = Add (x, c) n = LayerNormalization (t, s) o = Mul (n, k) }}"
        )
    };
    let after = "<float c = {1e6}, float[4] s = {2, 4, 6, 8}> { t = Add (x, c) o = LayerNormalization (t, s) }";
    refused("float[N,4] x", "float[N,4]", &shifted("1"), after);
    let small = "<float c = {1}, float[4] s = {2, 4, 6, 8}> { t = Add (x, c) o = LayerNormalization (t, s) }";
    let verdict = judge("float[N,4] x", "float[N,4]", &shifted("1"), small);
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:#?}");
}

#[test]
fn constants_of_fewer_digits_do_not_excuse_the_others() {
    let before =
        "<float[2,1] k = {2, 3}, float[2,2,1] w = {1, 2, 3, 4}> { y = Cast <to = 1> (x) c = Conv (y, w) o = Mul (c, k) }";
    let after = |first: f64| {
        format!(
            "<float16 h = {{2.0}}, float[2,2,1] w = {{{first}, 2, 4.5, 6}}> {{ p = Mul (x, h) y2 = Cast <to = 1> (p) o = Conv (y2, w) }}"
        )
    };
    refused("float16[N,2,L] x", "float[N,2,L]", before, &after(1.002));
}

#[test]
fn what_one_choice_is_another_is_not() {
    let computed = "c1 = Greater (u, e9) c2 = Greater (v, e9)";
    let gather = |k: &str, body: &str| {
        format!(
            "<float[1] e9 = {{1e9}}, int64[1] z = {{0}}, int64[1] e = {{2}}, float[3] k = {{{k}}}, float j = {{2}}>
            {{ {computed} i1 = Where (c1, z, e) i2 = Where (c2, z, e) m = Mul (x, k) {body} }}"
        )
    };
    let before = gather("1, 2, 3", "s = Gather <axis = 1> (m, i1) r = Gather <axis = 1> (y, i2) t = Sub (s, r) o = Mul (t, j)");
    let inputs = "float[2,4,3] x, float[2,4,3] y, float[1] u, float[1] v";
    let after = |one: &str, two: &str| {
        format!("n = Mul (y, j) s2 = Gather <axis = 1> (m, {one}) r2 = Gather <axis = 1> (n, {two}) o = Sub (s2, r2)")
    };
    refused(inputs, "float[2,1,3]", &before, &gather("2, 4, 6", &after("i2", "i1")));
    let branches = |body: &str| {
        format!(
            "<float[1] e9 = {{1e9}}, float[4] k = {{1, 2, 3, 4}}, float j = {{2}}, float[4] l = {{2, 4, 6, 8}}> {{ {computed} {body} }}"
        )
    };
    let before =
        branches("s = Where (c1, x, y) r = Where (c2, z, w) p = Add (x, s) t = Add (p, r) a = Mul (t, k) o = Mul (a, j)");
    let after = branches("s2 = Where (c2, x, y) r2 = Where (c1, z, w) p2 = Add (x, s2) t2 = Add (p2, r2) o = Mul (t2, l)");
    let four = "float[N,4] x, float[N,4] y, float[N,4] z, float[N,4] w, float[1] u, float[1] v";
    refused(four, "float[N,4]", &before, &after);
}

#[test]
fn extents_are_those_of_the_value_and_not_of_a_guess() {
    let twice = "<float[12] c = fill(3), float k = {2}> { s = Tanh (x) t = Mul (s, c) p = Mul (t, k) o = Tanh (p) }";
    refused("float[N,5,C] x", "float[]", twice, "<float k = {6}> { s = Tanh (x) p = Mul (s, k) o = Tanh (p) }");
    let embedding = |factor: &str, w: &str, body: &str| {
        format!(
            "<float[3,2] t = {{1, 2, 3, 4, 5, 6}}, {factor}float[2,2] w = {{{w}}}> {{ y = Gather (t, i) {body} o = Sigmoid (p) }}"
        )
    };
    let before = embedding("float[2] k = {2, 3}, ", "1, 2, 3, 4", "m = Mul (y, k) p = MatMul (m, w)");
    let verdict = judge("int64[N,S] i", "float[]", &before, &embedding("", "2, 4, 9, 12", "p = MatMul (y, w)"));
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:#?}");
    // The engine takes twelve for an extent that is open.
    let before = "<float k = {2}, float[1,12,1] c = fill(1), float[1,12,5] w = fill(1)>
        { m = Mul (x, k) n = Mul (y, k) s = Add (m, n) t = Add (s, c) o = Conv (t, w) }";
    let after = "<float[1,12,5] w = fill(2), float[1] b = {60}> { s2 = Add (x, y) o = Conv (s2, w, b) }";
    refused("float[N,C,T] x, float[N,D,T] y", "float[]", before, after);
}

#[cfg(target_os = "linux")]
#[test]
fn many_channels_take_no_more_memory_than_their_numbers() {
    let program = env!("CARGO_BIN_EXE_bnfold");
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, body: &str| {
        let text = format!(r#"<ir_version: 8, opset_import: ["" : 18]> g (float[2,1000000] x) => (float[] o) {body}"#);
        let path = folder.path().join(name);
        std::fs::write(&path, bnfold::sample::encode(&text).unwrap()).unwrap();
        path
    };
    let before = file(
        "a.onnx",
        "<float k = {2}, float l = {3}, float c = {1}> { y = Mul (x, k) z = Transpose (y) w = Mul (z, l) o = Add (w, c) }",
    );
    let after = file("b.onnx", "<float l = {6}, float c = {1}> { z = Transpose (x) w = Mul (z, l) o = Add (w, c) }");
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "ulimit -v 4000000; exec \"$0\" verify --quick \"$1\" \"$2\""]).arg(program).arg(before).arg(after);
    let told = command.output().unwrap();
    assert!(matches!(told.status.code(), Some(0 | 2)), "{}", String::from_utf8_lossy(&told.stderr));
}

#[test]
fn an_output_overflows_by_itself() {
    // The other channel is as large in both files.
    let files = |element: &str, [large, small]: [&str; 2], k: &str| {
        format!(
            "<{element}[2,2,1] w = {{{large}, -{large}, {small}, 0.0}}, {element}[1,2,1] k = {{1.0, {k}}}> {{ c = Conv (x, w) o = Mul (c, k) }}"
        )
    };
    let half = |small: &str, k: &str| files("float16", ["1024.0", small], k);
    let inputs = "float16[N,2,L] x";
    refused(inputs, "float16[N,2,L]", &half("1.0", "2.0"), &half("2048.0", "0.0009765625"));
    let float = |small: &str, k: &str| files("float", ["1e37", small], k);
    let before = "<float[2,2,1] w = {1e37, -1e37, 1, 0}, float[1,2,1] k = {1, 2}, float[1,2,1] q = {1, 2}>
        { c = Conv (x, w) d = Mul (c, k) o = Mul (d, q) }";
    refused("float[N,2,L] x", "float[N,2,L]", before, &float("4e37", "1e-37"));
    let verdict = judge("float[N,2,L] x", "float[N,2,L]", before, &float("2", "2"));
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:#?}");
}

#[test]
fn a_mean_that_is_taken_away_takes_digits_with_it() {
    let before = "<float[1,2,1] k = {2, 3}, float[1,2,1] j = {2, 2}> { t = Mul (x, k) o = Mul (t, j) }";
    let after = |mean: f64| {
        format!(
            "<float[2] s = {{4, 6}}, float[2] b = {{{}, {}}}, float[2] m = {{{mean}, {mean}}}, float[2] v = {{1, 1}}>
            {{ o = BatchNormalization <epsilon = 0.0> (x, s, b, m, v) }}",
            4.0 * mean,
            6.0 * mean
        )
    };
    refused("float[N,2,L] x", "float[N,2,L]", before, &after(16_777_216.0));
    let verdict = judge("float[N,2,L] x", "float[N,2,L]", before, &after(2.0));
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:#?}");
}

#[test]
fn digits_of_one_constant_do_not_excuse_another() {
    let before = "<float16 h = {2.0}, float[2,2,1] w = {1, 2, 3, 4}, float[1,2,1] k = {2, 3}>
        { p = Mul (x, h) y = Cast <to = 1> (p) c = Conv (y, w) o = Mul (c, k) }";
    let after = |first: f64| {
        format!(
            "<float16 h = {{4.0}}, float[2,2,1] w = {{{first}, 2, 4.5, 6}}> {{ p = Mul (x, h) y = Cast <to = 1> (p) o = Conv (y, w) }}"
        )
    };
    refused("float16[N,2,L] x", "float[N,2,L]", before, &after(1.002));
    let verdict = judge("float16[N,2,L] x", "float[N,2,L]", before, &after(1.0));
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:#?}");
}
