//! What may be said where files do not match by structure alone: a map that went forward through values that keep their names, a
//! second model that has no answer, numbers that overflow in their own type.

use crate::judged::{decode, fold, inexact, judge_with, options};
use bnfold::verify::{Execution, Outcome, Runner, Tier, Verdict, VerifyOptions};
use prost::Message as _;

fn judge(before: &str, after: &str) -> Verdict {
    let files = [before, after].map(|text| bnfold::sample::encode(text).unwrap());
    judge_with(&files[0], &files[1], &VerifyOptions { tier: Tier::Foreign, own_type: true, ..options() })
}

/// A factor before operators whose values keep their names, or, in its place, in the weight behind them.
fn forward(extents: &str, between: &str, weight: [f64; 4], before: bool) -> String {
    let [w0, w1, w2, w3] = weight;
    let (map, from) = if before { ("m = Mul (x, s)", "m") } else { ("", "x") };
    let between = between.replace("FROM", from);
    format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[{extents}] x) => (float[N,C,T] y)
        <float[1,2,1] s = {{2, 0.5}}, int64[1] last = {{-1}}, float[3] sizes = {{1, 1, 2}},
         float[2,2,1] w = {{{w0}, {w1}, {w2}, {w3}}}>
        {{ {map} {between} y = Conv (g, w) }}"#
    )
}

#[test]
fn a_map_that_went_forward_through_values_that_keep_their_names_is_a_fold() {
    let (plain, folded) = ([1.0, 2.0, 3.0, 4.0], [2.0, 1.0, 6.0, 2.0]);
    for between in [
        "g = Gather <axis = 2> (FROM, last)",
        r#"g = Resize <mode = "linear"> (FROM, "", sizes)"#,
        "r = Relu (FROM) g = Gather <axis = 2> (r, last)",
        r#"r = Relu (FROM) g = Resize <mode = "linear"> (r, "", sizes)"#,
    ] {
        let text = |weight, before| forward("n,2,t", between, weight, before);
        let verdict = judge(&text(plain, true), &text(folded, false));
        assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{between}: {verdict:#?}");
        let verdict = judge(&text(plain, true), &text([2.0, 1.0, 6.0, 2.001], false));
        assert_eq!(verdict.outcome, Outcome::Differs, "{between}: {verdict:#?}");
        let other = between.replace("linear", "nearest").replace("last", "first");
        let other = text(folded, false).replace(between.replace("FROM", "x").as_str(), &other.replace("FROM", "x"));
        let other = other.replace("int64[1] last = {-1}", "int64[1] first = {0}");
        assert_eq!(judge(&text(plain, true), &other).outcome, Outcome::Differs, "{other}");
    }
}

/// A map of all channels, and of it what `last` takes.
fn selected(map: &str, last: &str) -> String {
    format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,3,4,4] x) => (float[N,c,4,4] y)
        <float[3] s = {{2, 1, 3}}, float[3] t = {{1, 2, 3}}, float[3] m = {{0, 0, 0}}, float[3] v = {{1, 1, 1}},
         float[1,3,1,1] a = {{1, 2, 3}}, int64[1] one = {{1}}, int64[1] two = {{2}}, int64[1] end = {{3}}>
        {{ b = {map} {last} }}"#
    )
}

#[test]
fn channels_that_nobody_takes_do_not_matter() {
    let (before, after) = ("BatchNormalization <epsilon = 0.0> (x, s, t, m, v)", "Add (x, a)");
    for (right, wrong) in [
        ("y = Gather <axis = 1> (b, one)", "y = Gather <axis = 1> (b, two)"),
        ("y = Slice (b, one, two, one)", "y = Slice (b, two, end, one)"),
        ("g = Gather <axis = 1> (b, one) y = Relu (g)", "g = Gather <axis = 1> (b, two) y = Relu (g)"),
    ] {
        let verdict = judge(&selected(before, right), &selected(after, right));
        assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{right}: {verdict:#?}");
        let verdict = judge(&selected(before, wrong), &selected(after, wrong));
        assert_eq!(verdict.outcome, Outcome::Differs, "{wrong}: {verdict:#?}");
    }
}

fn product(operator: &str) -> String {
    format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,2,4,4] x) => (float[a,b,c,d] y) <float[2,2,1,1] w = fill(0.5)> {{ r = Relu (x) y = {operator} (r, w) }}"#
    )
}

#[test]
fn a_second_model_that_has_no_answer_where_the_first_has_one_is_another() {
    let verdict = judge(&product("Conv"), &product("MatMul"));
    assert_eq!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
    let said = &verdict.differences[0];
    assert!(said.place == "the second model" && said.what.contains("MatMul `y`: [2, 2, 4, 4] and [2, 2, 1, 1]"), "{said:?}");
    // What the engine lacks, and what nobody here knows, says nothing.
    for operator in ["Multinomial", "com.example.Conv"] {
        let verdict = judge(&product("Conv"), &product(operator));
        assert_eq!(verdict.outcome, Outcome::NotJudged, "{operator}: {verdict:#?}");
    }
    // Neither has an answer.
    let verdict = judge(&product("MatMul"), &product("Gemm"));
    assert_eq!(verdict.outcome, Outcome::NotJudged, "{verdict:#?}");
}

/// What a file's operator set does not know is no answer, whatever later ones know.
#[test]
fn an_input_that_the_operator_set_does_not_know_is_no_answer() {
    let reduced = |operator: &str, opset: u32| {
        format!(
            r#"<ir_version: 8, opset_import: ["" : {opset}]>
            g (float[N,3,T] x) => (float[N,3,1] y) <int64[1] axes = {{-1}}> {{ y = {operator} (x, axes) }}"#
        )
    };
    let verdict = judge(&reduced("ReduceSum", 17), &reduced("ReduceMin", 17));
    assert_eq!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
    assert!(verdict.differences[0].what.contains("in operator set 17 it has 1"), "{:?}", verdict.differences);
    let verdict = judge(&reduced("ReduceMin", 17), &reduced("ReduceSum", 17));
    assert_eq!(verdict.outcome, Outcome::NotJudged, "{verdict:#?}");
    let Execution::NotRun { reason, .. } = &verdict.execution else { panic!("{verdict:#?}") };
    assert!(reason.starts_with("the first model has no answer: "), "{reason}");
    let verdict = judge(&reduced("ReduceSum", 18), &reduced("ReduceMin", 18));
    assert!(verdict.differences[0].place.starts_with("output"), "{:?}", verdict.differences);
}

/// What the first model does not take is no input, and where it overflows the second need not.
#[test]
fn where_the_first_model_has_no_answer_nothing_is_shown() {
    let file = |input: &str, nodes: &str| {
        format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            g ({input}) => (float[a,b] y) <int64[1] six = {{6}}, int64[1] axis = {{1}}, int64[2] sizes = {{3, 4}}> {{ {nodes} }}"#
        )
    };
    let (any, given) = ("float[N,K] x", "float[3,4] x, int64[2] to");
    for (input, first, second) in [
        (any, "e = Exp (x) y = Log (e)", "y = Identity (x)"),
        (any, "e = Exp (x) s = ReduceSum (e, axis) y = Div (e, s)", "y = Softmax <axis = 1> (x)"),
        (any, "a = Split <axis = 1> (x, six) y = Relu (a)", "y = Relu (x)"),
        (given, "a = Reshape (x, to) y = Relu (a)", "a = Reshape (x, sizes) y = Relu (a)"),
    ] {
        let verdict = judge(&file(input, first), &file(input, second));
        assert_eq!(verdict.outcome, Outcome::NotJudged, "{first}: {verdict:#?}");
    }
    // Where the second one overflows instead, something is.
    let verdict = judge(&file(any, "y = Identity (x)"), &file(any, "e = Exp (x) y = Log (e)"));
    assert_eq!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
}

/// A scale near one is seen in large extents alone: rounded, the thousandth makes no other element of the first 499.
#[test]
fn a_scale_of_extents_in_one_file_only_is_no_proof() {
    let resized = |scale: &str| {
        format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,3,T] x) => (float[N,3,S] y) <float[3] scales = {{1, 1, {scale}}}>
            {{ r = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric"> (x, "", scales)  y = Relu (r) }}"#
        )
    };
    let plain = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[N,3,T] x) => (float[N,3,S] y) { y = Relu (x) }"#;
    for scale in ["1.001", "1.0000001"] {
        for (before, after) in [(plain, &*resized(scale)), (&*resized(scale), plain)] {
            let verdict = judge(before, after);
            assert!(verdict.outcome >= Outcome::NotJudged, "{scale}: {verdict:#?}");
        }
    }
    let verdict = judge(plain, &resized("1"));
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:#?}");
}

/// A branch that is missing is missed by the inputs that would take it.
#[test]
fn an_if_without_a_branch_has_no_answer_for_some_inputs() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[2,3] x, bool first) => (float[2,3] y)
        { y = If (first) <then_branch = t () => (float[2,3] p) { p = Neg (x) }, else_branch = e () => (float[2,3] q) { q = Abs (x) }> }"#;
    let before = bnfold::sample::encode(text).unwrap();
    for branch in ["then_branch", "else_branch"] {
        let mut model = decode(&before);
        let node = &mut model.graph.as_mut().unwrap().node[0];
        node.attribute.retain(|attribute| attribute.name() != branch);
        let verdict = judge_with(&before, &model.encode_to_vec(), &options());
        assert_eq!(verdict.outcome, Outcome::Differs, "{branch}: {verdict:#?}");
        assert!(verdict.differences[0].what.contains(branch), "{:?}", verdict.differences);
    }
}

/// What is tried at many sizes, all of them refused, is not filled with values: at the largest they would be gigabytes.
#[test]
fn sizes_that_no_model_takes_cost_no_memory() {
    let text = |weight: &str, factor: &str, last: &str| {
        format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,1] x, float[A,B,C,D] z) => (float[] y)
            <float[2,2,1,1] w = {{{weight}}}, float k = {{{factor}}}> {{ c = Conv (x, w) to = Shape (z) {last} }}"#
        )
    };
    let before = text("-0.5, -1.75, 0.5, -1.5", "-1.5", "p = Expand (c, to) y = Mul (p, k)");
    let after = text("0.75, 2.625, -0.75, 2.25", "1", "y = Expand (c, to)");
    let files = [before, after].map(|text| bnfold::sample::encode(&text).unwrap());
    let runner = Runner::Program(env!("CARGO_BIN_EXE_bnfold").into());
    let limited = VerifyOptions { tier: Tier::Foreign, own_type: true, runner, memory: Some(1 << 29), ..options() };
    let verdict = judge_with(&files[0], &files[1], &limited);
    let said = format!("{verdict:?}");
    assert!(!said.contains("memory") && said.contains("the engine (tract) gave up"), "{said}");
}

/// Where models match and cannot be run hand in hand, they are run each by itself.
#[test]
fn a_fold_that_does_not_run_is_no_answer() {
    let normalised = |mean: &str| {
        inexact(&format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,2,4,4] x) => (float[N,2,4,4] y)
            <float[2,2,1,1] w = fill(0.3), float[2] s = fill(1.2), float[2] b = fill(0.4), float[2] m = fill(-0.2), float[2] v = fill(0.9)>
            {{ c = Conv (x, w)  d = Relu (c)  e = BatchNormalization (d, s, b, {mean}, v)  f = Conv (e, w)
               y = BatchNormalization (f, s, b, m, v) }}"#
        ))
    };
    let verdict = judge_with(&normalised("m"), &fold(&normalised("d")), &options());
    assert_eq!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
    let verdict = judge_with(&normalised("m"), &fold(&normalised("m")), &options());
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:#?}");
}

/// A node of another domain in front of what is or is not right.
fn plugin(read: &str, weight: f64) -> String {
    format!(
        r#"<ir_version: 8, opset_import: ["" : 17, "com.example" : 1]>
        g (float[N,2,4,4] x) => (float[N,2,4,4] y) <float[2,2,1,1] w = fill({weight}), float k = {{1}}, float t = {{3}}>
        {{ m = Mul ({read}, k) p = com.example.Act (m) q = Softmax (p) e = Exp (q) y = Conv (e, w) }}"#
    )
}

#[test]
fn what_follows_from_an_unknown_operator_is_evidence_where_both_models_have_it_and_read_the_same() {
    let verdict = judge(&plugin("x", 0.5), &plugin("x", 0.6).replace("e = Exp (q)", "e0 = Neg (q) e1 = Neg (e0) e = Exp (e1)"));
    assert_eq!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
    // The same function of other numbers, as rounding makes them, is other numbers.
    let other = plugin("x", 0.5).replace("m = Mul (x, k)", "a = Add (x, t) m = Sub (a, t)");
    let verdict = judge(&plugin("x", 0.5), &other);
    assert_ne!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
}

#[test]
fn shapes_that_no_step_made_are_another() {
    let text = |tail: &str| {
        let tail = format!("s = Sign (x) r = Mul (x, s) y = {tail}");
        format!(r#"<ir_version: 8, opset_import: ["" : 17]> g (float[2,3] x) => (float[a,b] y) {{ {tail} }}"#)
    };
    let verdict = judge(&text("Flatten <axis = 1> (r)"), &text("Flatten <axis = 2> (r)"));
    assert_eq!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
}

fn carried(first: f64, second: f64) -> Vec<u8> {
    inexact(&format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,2,4,4] x) => (float[N,2,4,4] y)
        <float[2,2,1,1] a = fill({first:e}), float[2,2,1,1] b = fill({second:e})> {{ c = Conv (x, a) r = Relu (c) y = Conv (r, b) }}"#
    ))
}

#[test]
fn what_overflows_in_its_own_type_alone_differs() {
    for (power, on) in [(121, "x: float["), (96, "up to 2^33 times as large")] {
        let factor = 2.0_f64.powi(power);
        let (plain, large) = (carried(64.0, 0.5), carried(64.0 * factor, 0.5 / factor));
        let judged = |own_type| judge_with(&plain, &large, &VerifyOptions { tier: Tier::Foreign, own_type, ..options() });
        let verdict = judged(true);
        assert_eq!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
        let said = &verdict.differences[0].what;
        assert!(said.contains("overflows in its own type") && said.contains(on), "{said}");
        assert_eq!(judged(false).outcome, Outcome::NotJudged);
    }
}

/// An If that goes the other way has no numbers that overflow.
#[test]
fn what_overflows_where_no_model_goes_is_no_difference() {
    let gated = |factor: f64| {
        inexact(&format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,2,4,4] x) => (float[N,2,4,4] y)
            <bool first = {{0}}, float[2,2,1,1] a = fill({:e}), float[2,2,1,1] b = fill({:e})>
            {{ y = If (first) <
                then_branch = t () => (float[N,2,4,4] p) {{ c = Conv (x, a) r = Relu (c) p = Conv (r, b) }},
                else_branch = e () => (float[N,2,4,4] q) {{ q = Relu (x) }}> }}"#,
            64.0 * factor,
            0.5 / factor
        ))
    };
    let options = VerifyOptions { tier: Tier::Foreign, own_type: true, ..options() };
    let verdict = judge_with(&gated(1.0), &gated(2.0_f64.powi(121)), &options);
    assert_eq!(verdict.outcome, Outcome::NotJudged, "{verdict:#?}");
}

/// A loop of so many rounds, and an If that goes one way.
fn choosing(rounds: i64, first: bool) -> String {
    format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[2,3] x) => (float[2,3] y, float[2,3] z)
        <int64 rounds = {{{rounds}}}, bool go = {{1}}, bool first = {{{}}}, float[3] s = {{0.5, 0.75, -0.25}}>
        {{ y = Loop (rounds, go, x) <
            body = l (int64 i, bool c, float[2,3] h) => (bool d, float[2,3] o) {{ d = Identity (c)  o = Mul (h, s) }} >
          z = If (first) <then_branch = t () => (float[2,3] p) {{ p = Mul (x, s) }},
                          else_branch = e () => (float[2,3] q) {{ q = Add (x, s) }}> }}"#,
        u8::from(first)
    )
}

/// The same without graphs in nodes: so many factors one after the other.
fn written_out(rounds: usize, first: bool) -> String {
    let rounds: String = (0..rounds).map(|at| format!("y{} = Mul (y{at}, s)  ", at + 1)).collect();
    format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[2,3] x) => (float[2,3] y, float[2,3] z) <float[3] s = {{0.5, 0.75, -0.25}}>
        {{ y0 = Identity (x)  {rounds} y = Identity (y{})  z = {} (x, s) }}"#,
        rounds.matches("Mul").count(),
        if first { "Mul" } else { "Add" }
    )
}

#[test]
fn another_choice_is_another_function() {
    for (rounds, first, output) in [(3, true, "y"), (0, true, "y"), (2, false, "z")] {
        let verdict = judge(&choosing(2, true), &choosing(rounds, first));
        assert_eq!(verdict.outcome, Outcome::Differs, "{rounds} {first}: {verdict:#?}");
        let difference = &verdict.differences[0];
        assert_eq!(difference.place, format!("output `{output}`"));
        assert!(difference.what.contains("by the slow reference"), "{difference:?}");
    }
}

#[test]
fn an_if_that_a_boolean_tells_is_asked_both_ways() {
    let text = |first: bool, body: &str| {
        let [then, other] = if first { [body, "o = Relu (x)"] } else { ["o = Relu (x)", body] };
        format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g (float[N,3] x, bool q) => (float[N,3] y)
            <float[3] b = {{1, 2, 3}}, float[3] c = {{2, 4, 6}}, float k = {{2}}>
            {{ y = If (q) <then_branch = t () => (float[N,3] p) {{ {} }},
                           else_branch = e () => (float[N,3] r) {{ {} }}> }}"#,
            then.replace("o =", "p ="),
            other.replace("o =", "r =")
        )
    };
    for first in [true, false] {
        let [summed, scaled, other] =
            ["u = Add (x, b) o = Mul (u, k)", "u = Mul (x, k) o = Add (u, c)", "u = Mul (x, k) o = Add (u, b)"]
                .map(|body| text(first, body));
        assert!(judge(&summed, &scaled).outcome < Outcome::NotJudged);
        let verdict = judge(&summed, &other);
        assert_eq!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
    }
}

/// The engine runs each branch, and each body once: what comes of that is no evidence.
#[test]
fn a_choice_that_is_written_out_is_no_difference() {
    for (rounds, first) in [(2, true), (2, false), (1, false), (0, true)] {
        let verdict = judge(&choosing(rounds, first), &written_out(rounds as usize, first));
        assert_ne!(verdict.outcome, Outcome::Differs, "{rounds} {first}: {verdict:#?}");
        let verdict = judge(&choosing(rounds, first), &written_out(rounds as usize, !first));
        assert_eq!(verdict.outcome, Outcome::Differs, "{rounds} {first}: {verdict:#?}");
    }
    // As many as the reference does not wait for.
    let verdict = judge(&choosing(40, true), &written_out(2, true));
    assert_eq!(verdict.outcome, Outcome::NotJudged, "{verdict:#?}");
}

/// An engine may compute one of two words for the same worse than the other: it alone is no evidence then.
#[test]
fn what_the_slow_reference_does_not_find_is_no_difference() {
    let model = |body: &str| {
        format!(r#"<ir_version: 8, opset_import: ["" : 17]> g (float[N,4] x) => (float[N,M] y) <float one = {{1}}> {{ {body} }}"#)
    };
    for (first, second) in [
        ("a = Abs (x) n = Neg (a) e = Exp (n) s = Add (e, one) l = Log (s) r = Relu (x) y = Add (r, l)", "y = Softplus (x)"),
        (
            "m = ReduceMax <axes = [1]> (x) d = Sub (x, m) e = Exp (d) s = ReduceSum (e, last) l = Log (s) y = Sub (d, l)",
            "y = LogSoftmax <axis = 1> (x)",
        ),
        (
            "m = ReduceMax <axes = [1]> (x) d = Sub (x, m) e = Exp (d) s = ReduceSum (e, last) l = Log (s) y = Add (m, l)",
            "y = ReduceLogSumExp <axes = [1]> (x)",
        ),
    ] {
        let texts = [first, second].map(|body| model(body).replace("float one = {1}", "float one = {1}, int64[1] last = {1}"));
        let verdict = judge(&texts[0], &texts[1]);
        assert_eq!(verdict.outcome, Outcome::NotJudged, "{second}: {verdict:#?}");
    }
}

/// An output that one file computes and the other holds is no difference by itself.
#[test]
fn a_constant_output_is_compared_by_a_run() {
    let model = |body: &str| {
        format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g (float[N,3] x) => (float[N,3] y, int64[n] s)
            <int64[1] three = {{3}}, int64[1] four = {{4}}> {{ y = Relu (x) {body} }}"#
        )
    };
    let before = model("s = Shape <start = 1> (x)");
    for (after, outcome) in [("s = Identity (three)", Outcome::NotJudged), ("s = Identity (four)", Outcome::Differs)] {
        let verdict = judge(&before, &model(after));
        assert_eq!(verdict.outcome, outcome, "{after}: {verdict:#?}");
    }
}

/// NumPy, by which ONNX explains Einsum, repeats an extent of one.
#[test]
fn an_extent_of_one_is_repeated_in_einsum() {
    let model = |body: &str| {
        format!(r#"<ir_version: 8, opset_import: ["" : 17]> g (float[N,3] a, float[1,3] b) => (float[N,3] y) {{ {body} }}"#)
    };
    let sum = model(r#"y = Einsum <equation = "ij,ij->ij"> (a, b)"#);
    for (body, outcome) in [("y = Mul (a, b)", Outcome::NotJudged), ("y = Add (a, b)", Outcome::Differs)] {
        for (first, second) in [(&sum, &model(body)), (&model(body), &sum)] {
            let verdict = judge(first, second);
            assert_eq!(verdict.outcome, outcome, "{body}: {verdict:#?}");
        }
    }
}
