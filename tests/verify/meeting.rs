//! What is written otherwise in more than one way at once, integers that have no room in their type, sizes that are something else
//! for other inputs, and constants whose own type rounds them: none of it may be accepted.

use crate::judged::{judge_with, options};
use bnfold::verify::{Outcome, Tier, Verdict, VerifyOptions};

fn model(inputs: &str, output: &str, body: &str) -> Vec<u8> {
    let text = format!(r#"<ir_version: 8, opset_import: ["" : 18]> g ({inputs}) => ({output} o) {body}"#);
    bnfold::sample::encode(&text).unwrap()
}

fn judge(inputs: &str, output: &str, before: &str, after: &str) -> Verdict {
    let [before, after] = [before, after].map(|body| model(inputs, output, body));
    judge_with(&before, &after, &VerifyOptions { tier: Tier::Foreign, own_type: true, ..options() })
}

fn refused(inputs: &str, output: &str, before: &str, after: &str) {
    let verdict = judge(inputs, output, before, after);
    assert!(verdict.outcome >= Outcome::NotJudged, "{before} {after}: {verdict:#?}");
}

fn equal(inputs: &str, output: &str, before: &str, after: &str) {
    let verdict = judge(inputs, output, before, after);
    assert!(verdict.outcome < Outcome::NotJudged, "{before} {after}: {verdict:#?}");
}

#[test]
fn a_product_that_is_written_otherwise_keeps_its_sum() {
    let gemm = |bias: &str, rest: &str| {
        format!(
            "<float[4,6] w = fill(0.5), float[6] b = {{{bias}}}, int64[2] flat = {{-1, 6}}, int64[3] more = {{-1, 2, 3}}, float k = {{2}}>
            {{ g = Gemm (x, w, b) {rest} }}"
        )
    };
    let rests = [
        "o = Reshape (g, flat)",
        "r = Reshape (g, flat) o = Identity (r)",
        "r = Reshape (g, flat) q = Reshape (r, more) o = Relu (q)",
        "s = Shape (g) r = Reshape (g, s) o = Add (r, k)",
    ];
    for rest in rests {
        for inputs in ["float[N,4] x", "float[3,4] x"] {
            let [before, after] = ["1, 2, 3, 4, 5, 6", "1, 2, 3, 4, 5, 9"].map(|bias| gemm(bias, rest));
            refused(inputs, "float[]", &before, &after);
        }
    }
    // A factor goes into the weight, and not into what is added.
    let [bias, five] = ["1, 2, 3, 4, 5, 6", "5, 10, 15, 20, 25, 30"];
    let before = gemm(bias, rests[0]).replace("g = Gemm (x", "m = Mul (x, k) g = Gemm (m").replace("k = {2}", "k = {5}");
    let folded = |bias: &str| gemm(bias, rests[0]).replace("fill(0.5)", "fill(2.5)");
    refused("float[N,4] x", "float[N,6]", &before, &folded(five));
    equal("float[N,4] x", "float[N,6]", &before, &folded(bias));
}

#[test]
fn integers_that_have_no_room_in_their_type_are_not_followed() {
    let last = "f = Cast <to = 1> (r) o = Mul (x, f)";
    let long =
        |body: &str| format!("<int64 m = {{4611686018427387904}}, int64 l = {{4294967296}}> {{ s = Shape (x) {body} {last} }}");
    let plain = long("r = Identity (s)");
    refused("float[N] x", "float[N]", &long("t = Mul (s, m) r = Div (t, m)"), &plain);
    refused("float[N] x", "float[N]", &long("t = Mul (s, l) u = Cast <to = 6> (t) v = Cast <to = 7> (u) r = Div (v, l)"), &plain);
    let product = |to: i32| {
        format!(
            "{{ s = Shape (x) t = Shape (w) a = Cast <to = {to}> (s) b = Cast <to = {to}> (t) p = Mul (a, b) r = Cast <to = 7> (p) {last} }}"
        )
    };
    refused("float[N] x, float[M] w", "float[N]", &product(6), &product(7));
}

#[test]
fn a_size_of_nothing_copies_one() {
    let half = |body: &str| {
        format!(
            "<int64[1] zero = {{0}}, int64[1] one = {{1}}, int64[1] two = {{2}}, int64[1] rest = {{-1}}>
            {{ s = Shape (x) n = Slice (s, zero, one) h = Div (n, two) to = Concat <axis = 0> (h, rest) r = Reshape (x, to) {body}
              f = Cast <to = 1> (k) p = ReduceMean <keepdims = 0> (r) m = Mul (x, f) o = Add (m, p) }}"
        )
    };
    let read = half("t = Shape (r) k = Slice (t, zero, one)");
    refused("float[N,4] x", "float[N,4]", &read, &half("k = Identity (h)"));
}

#[test]
fn sizes_that_are_fixed_have_to_fit() {
    let reshape = |size: i64| format!("<int64[1] s = {{{size}}}> {{ r = Reshape (x, s) o = Relu (r) }}");
    for inputs in ["float[2,3] x", "float[N,3] x"] {
        refused(inputs, "float[]", &reshape(-1), &reshape(7));
    }
    equal("float[2,3] x", "float[]", &reshape(-1), &reshape(6));
    let split = |size: i64| {
        format!(
            "<int64[2] a = {{2, 4}}, int64[2] b = {{4, 2}}, float e9 = {{1e9}}, int64[2] s = {{2, {size}}}>
            {{ m = ReduceMax <keepdims = 0> (x) c = Greater (m, e9) p = Where (c, a, b) q, r = Split <axis = 1> (x, p) o = Reshape (q, s) }}"
        )
    };
    refused("float[2,6] x", "float[]", &split(-1), &split(4));
}

#[test]
fn sizes_that_are_computed_may_lay_elements_out_otherwise() {
    let files = |weight: &str, rest: &str| {
        format!(
            "<int64[1] z = {{0}}, int64[1] one = {{1}}, int64[1] lim = {{50}}, int64[3] rest = {{4, 4, 2}}, int64[1] three = {{3}},
              int64[3] step = {{0, -2, -1}}, float[4,2,1,1] w = {{{weight}}}, float[4] s = {{1, 2, 3, 4}}, float[4] t = {{0, 0, 0, 0}},
              float[4] v = {{1, 1, 1, 1}}>
            {{ sh = Shape (x) n = Slice (sh, z, one) d = Div (n, lim) g = Min (d, one) g3 = Mul (g, three) g4 = Add (g3, one)
              n4 = Mul (n, g4) gr = Mul (g, step) rr = Add (gr, rest) sz = Concat <axis = 0> (n4, rr) c = Conv (x, w) {rest} }}"
        )
    };
    let before = files("1, 2, 3, 4, 5, 6, 7, 8", "q = Reshape (c, sz) o = BatchNormalization <epsilon = 0.0> (q, s, t, t, v)");
    refused("float[N,2,4,2] x", "float[]", &before, &files("1, 2, 6, 8, 15, 18, 28, 32", "o = Reshape (c, sz)"));
    let followed = |text: &str| text.replace("d = Div (n, lim) g = Min (d, one)", "g = Sub (n, n)");
    let [before, after] = [before, files("1, 2, 6, 8, 15, 18, 28, 32", "o = Reshape (c, sz)")].map(|text| followed(&text));
    equal("float[N,2,4,2] x", "float[]", &before, &after);
}

#[test]
fn a_wider_type_is_not_given_up() {
    let wide = "<double[1] s = {1.5}> { u = Cast <to = 11> (x) v = Cast <to = 11> (y) q = Add (u, v) o = Mul (q, s) }";
    let narrow = "<double[1] s = {1.5}> { h = Add (x, y) q = Cast <to = 11> (h) o = Mul (q, s) }";
    refused("float[N,3] x, float[N,3] y", "double[N,3]", wide, narrow);
    let sum = |first: &str| format!("<float[1] s = {{1.5}}, int64[1] a = {{1}}> {{ {first} o = Mul (q, s) }}");
    let (wide, narrow) = (sum("u = Cast <to = 1> (x) q = ReduceSum (u, a)"), sum("h = ReduceSum (x, a) q = Cast <to = 1> (h)"));
    refused("float16[N,L] x", "float[N,1]", &wide, &narrow);
}

#[test]
fn a_tap_that_small_inputs_do_not_reach_is_seen() {
    let files = |weight: &str, rest: &str| {
        format!(
            "<float[1,1,3] w = {{{weight}}}, float k = {{2}}> {{ a = ConvTranspose <dilations = [40], pads = [40, 40]> (x, w) {rest} }}"
        )
    };
    let before = files("1, 2, 3", "b = Add (a, x) o = Mul (b, k)");
    let after = |last: &str| files(&format!("2, 4, {last}"), "s = Mul (x, k) o = Add (a, s)");
    refused("float[N,1,L] x", "float[N,1,L]", &before, &after("9"));
    equal("float[N,1,L] x", "float[N,1,L]", &before, &after("6"));
}

#[test]
fn a_term_of_another_degree_shows_itself() {
    let before = "<float[2,2] w = {1, 2, 3, 4}, float[2] k = {2, 3}> { m = MatMul (x, w) o = Mul (m, k) }";
    let after = |rest: &str| format!("<float[2,2] w = {{2, 6, 6, 12}}, float e = {{1e-12}}> {{ d = MatMul (x, w) {rest} }}");
    refused("float[N,2] x", "float[N,2]", before, &after("q = Mul (d, d) r = Mul (q, e) o = Add (d, r)"));
}

#[test]
fn a_term_of_another_degree_shows_itself_near_the_end_of_the_type() {
    let (inputs, output) = ("float[N,2,L] x", "float[N,2,L]");
    let files = |first: &str, weight: &str, behind: &str| {
        format!("<float[2,2,1] w = {{{weight}}}, float[1,2,1] s = {{2, 3}}, float k = {{1e-19}}> {{ {first} {behind} }}")
    };
    let square = "k2 = Mul (c, k) q = Mul (c, k2) o = Add (c, q)";
    for first in ["c = Conv (x, w)", "x2 = Mul (x, x) x4 = Mul (x2, x2) x8 = Mul (x4, x4) c = Conv (x8, w)"] {
        let before = files(first, "1, 2, 3, 4", "o = Mul (c, s)");
        refused(inputs, output, &before, &files(first, "2, 4, 9, 12", square));
        equal(inputs, output, &before, &files(&first.replace("c =", "o ="), "2, 4, 9, 12", ""));
    }
}

#[test]
fn a_bound_that_is_computed_is_the_same_for_all_numbers() {
    let (inputs, output) = ("float[N,2,H,W] x", "float[N,2,H,W]");
    let files = |weight: &str, map: &str, more: &str| {
        format!(
            "<float[2,2,1,1] w = {{{weight}}}, float[2,1,1] s = {{2, 3}}, float k = {{1e-7}}> {{ c = Conv (x, w) {map} {more} }}"
        )
    };
    let mean = |of: &str| format!("m = ReduceMean <keepdims = 0> ({of})");
    let before = files("1, 2, 3, 4", &format!("d = Mul (c, s) {}", mean("d")), "o = Clip (d, \"\", m)");
    let after = |more: &str| files("2, 4, 9, 12", &mean("c"), more);
    let cube = "p = Mul (m, m) q = Mul (p, m) r = Mul (q, k) b = Add (m, r) o = Clip (c, \"\", b)";
    refused(inputs, output, &before, &after(cube));
    refused(inputs, output, &before, &after("o = Relu (c)"));
    equal(inputs, output, &before, &after("o = Clip (c, \"\", m)"));
}

#[test]
fn a_bound_that_is_missing_is_the_end_of_the_type() {
    let lowest = [("float", "-3.4028234663852886e38"), ("float16", "-65504.0"), ("double", "-1.7976931348623157e308")];
    for (element, end) in lowest {
        let clip = |low: &str, bound: &str| {
            format!("<{element} lo = {{{low}}}, {element} hi = {{6.0}}> {{ o = Clip (x, {bound}, hi) }}")
        };
        let (inputs, output) = (format!("{element}[N] x"), format!("{element}[N]"));
        equal(&inputs, &output, &clip(end, "\"\""), &clip(end, "lo"));
        equal(&inputs, &output, &clip(end, "lo"), &clip(end, "\"\""));
        refused(&inputs, &output, &clip("-60000.0", "\"\""), &clip("-60000.0", "lo"));
    }
}

#[test]
fn a_recurrence_that_stands_in_one_file_only_is_not_shown() {
    let (inputs, output) = ("float[T,B,2] x", "float[T,B,2]");
    let files = |weight: &str, behind: &str| {
        format!(
            "<float[2,2] m = {{{weight}}}, float[2] s = {{2, 3}}, float[1,2,2] w = fill(1), float[1,2,2] r = fill(0), float[1,2,2] t = fill(0.3),
              float[1,4] b = {{-60, -60, 0, 0}}, int64[1] one = {{1}}>
            {{ {behind} }}"
        )
    };
    let layers = |first: &str, second: &str| {
        let layer =
            |name: &str, of: &str| format!("{name}0, {name} = RNN <hidden_size = 2, activations = [\"Relu\"]> (x, w, {of}, b)");
        format!("{} {} d = Sub (p, q)", layer("p", first), layer("q", second))
    };
    let before = files("1, 2, 3, 4", "c = MatMul (x, m) o = Mul (c, s)");
    let two = |first: &str, second: &str| format!("c = MatMul (x, m) {} e = Mul (c, s) o = Add (e, d)", layers(first, second));
    let folded = |first: &str, second: &str| format!("n = MatMul (x, m) {} o = Add (n, d)", layers(first, second));
    refused(inputs, output, &before, &files("2, 6, 6, 12", &folded("r", "t")));
    refused(inputs, output, &files("1, 2, 3, 4", &two("r", "t")), &files("2, 6, 6, 12", &folded("t", "r")));
    equal(inputs, output, &files("1, 2, 3, 4", &two("r", "t")), &files("2, 6, 6, 12", &folded("r", "t")));
}

#[test]
fn recurrences_take_in_a_map_one_by_one() {
    let files = |map: &str, read: &str, w: &str, t: &str| {
        format!(
            "<float[2] s = {{2, 3}}, float[1,2,2] w = {{{w}}}, float[1,2,2] v = {{{w}}}, float[1,2,2] r = {{{t}}}, float[1,2,2] t = fill(0.3)>
            {{ {map} p0, p = RNN <hidden_size = 2> ({read}, w, r) q0, q = RNN <hidden_size = 2> ({read}, v, t) o = Sub (p, q) }}"
        )
    };
    let before = files("a = Mul (x, s)", "a", "1, 2, 3, 4", "1, 0, 0, 1");
    equal("float[T,B,2] x", "float[D,B,2]", &before, &files("", "x", "2, 6, 6, 12", "1, 0, 0, 1"));
    refused("float[T,B,2] x", "float[D,B,2]", &before, &files("", "x", "2, 6, 6, 12", "1, 0, 0, 0.5"));
}

#[test]
fn constants_are_rounded_as_their_type_does() {
    let read = |constants: &str, made: &str| format!("<{constants}float k = {{2}}> {{ {made} o = Mul (x, c) }}");
    let quantised = read(
        "float[1] v = {0.35}, float s = {0.1}, uint8 z = {0}, ",
        "q = QuantizeLinear (v, s, z) c = DequantizeLinear (q, s, z)",
    );
    // The quotient of these two floats is the float 3.5, and 3.5 becomes four.
    equal("float[N,1] x", "float[N,1]", &quantised, &read("float[1] c = {0.4}, ", ""));
    refused("float[N,1] x", "float[N,1]", &quantised, &read("float[1] c = {0.3}, ", ""));
    let large =
        read("int32[1] q = {16777217}, float s = {1}, float[1] m = {16777216}, ", "d = DequantizeLinear (q, s) c = Sub (d, m)");
    equal("float[N,1] x", "float[N,1]", &large, &read("float[1] c = {0}, ", ""));
    refused("float[N,1] x", "float[N,1]", &large, &read("float[1] c = {1}, ", ""));
}

#[test]
fn a_bound_that_is_no_number_is_none_that_is_known() {
    let clip = |low: &str, w: &str, rest: &str| {
        format!("<float[2,2] w = {{{w}}}, float l = {{{low}}}, float h = {{6}}> {{ {rest} o = Clip (m, l, h) }}")
    };
    let before = clip("-inf", "1, 2, 3, 4", "m0 = MatMul (x, w) m = Add (m0, h)");
    refused("float[N,2] x", "float[N,2]", &before, &clip("nan", "1, 2, 3, 4", "m0 = MatMul (x, w) m = Add (h, m0)"));
}

#[test]
fn digits_of_sums_are_not_the_same_everywhere() {
    // The sum of a row is nearly nothing beside its numbers: whoever adds floats finds another rest.
    let computed = "<float[2,3] w = {16777216, 3, -16777217, 1, 2, 3}, int64[1] a = {1}, float[3,2] u = {1, 2, 3, 4, 5, 6}>
        { m = ReduceMean <keepdims = 1> (w, a) d = Sub (w, m) c = MatMul (d, u) e = Mul (c, c) p = Tanh (x) q = MatMul (p, e) o = Tanh (q) }";
    let verdict = judge("float[N,2] x", "float[N,2]", computed, computed);
    assert_eq!(verdict.outcome, Outcome::Equal, "{verdict:#?}");
    let sum = |first: &str| format!("<float[1,3] w = {{0.1, 0.2, 0.3}}, {first} p = Tanh (x) q = Mul (p, c) o = Tanh (q) }}");
    let before = sum("int64[1] a = {1}> { c = ReduceSum (w, a)");
    let after = |c: &str| sum(&format!("float[1,1] c = {{{c}}}> {{"));
    // 0.6 is the sum, and the other one is farther off than folds may be.
    assert_eq!(judge("float[N,1] x", "float[N,1]", &before, &after("0.600001")).outcome, Outcome::NotJudged);
    assert_eq!(judge("float[N,1] x", "float[N,1]", &before, &after("0.7")).outcome, Outcome::Differs);
}

#[test]
fn what_fails_for_some_inputs_stands_for_nothing() {
    let plain = "{ y = Relu (x) o = Tanh (y) }";
    let identity = "<float[3] s = {1, 1, 1}, float[3] z = {0, 0, 0}> { n = BatchNormalization <epsilon = 0.0> (x, s, z, z, s) y = Relu (n) o = Tanh (y) }";
    refused("float[B,C,H] x", "float[B,C,H]", plain, identity);
    equal("float[B,3,H] x", "float[B,3,H]", plain, identity);
    let turned = "{ t = Transpose <perm = [0, 2, 1]> (r) u = Transpose <perm = [0, 2, 1]> (t) o = Relu (u) }";
    let by = |rest: &str| rest.replacen('{', "{ r = Reshape (x, to)", 1);
    refused("float[M] x, int64[R] to", "float[]", &by("{ o = Relu (r) }"), &by(turned));
    equal("float[A,B,C] r", "float[]", "{ o = Relu (r) }", turned);
    let demanded = |size: i64| {
        format!(
            "<int64[2] s = {{2, {size}}}, float[6,6] w = fill(1)> {{ r = Reshape (x, s) o = If (c) <
            then_branch = t () => (float[] y) {{ y = MatMul (r, w) }}, else_branch = e () => (float[] z) {{ z = Identity (r) }}> }}"
        )
    };
    refused("float[N] x, bool c", "float[]", &demanded(-1), &demanded(6));
}

#[test]
fn of_two_imports_the_last_counts() {
    let bytes = |imports: &str| {
        let text = format!(
            "<ir_version: 8, opset_import: [{imports}]> g (float[N,3,4] x) => (float[N,3,4] o) <float[3] k = {{1, 2, 3}}>
            {{ m = Mul <axis = 1, broadcast = 1> (x, k) o = Relu (m) }}"
        );
        bnfold::sample::encode(&text).unwrap()
    };
    let version = |imports: &str| {
        let model = bnfold::model::Model::from_bytes(bytes(imports)).unwrap();
        bnfold::verify::graph(&model, false).unwrap().scopes[0].opset
    };
    assert_eq!(["\"\" : 7, \"\" : 6", "\"\" : 6, \"\" : 7"].map(version), [Some(6), Some(7)]);
}
