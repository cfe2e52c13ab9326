//! What is right at the sizes and for the choices of a run, and not for all: none of it may be accepted.

use crate::judged::{judge_with, options};
use bnfold::verify::{Outcome, Tier, Verdict, VerifyOptions};

fn judge(inputs: &str, before: &str, after: &str) -> Verdict {
    let files = [before, after].map(|body| {
        let text = format!(r#"<ir_version: 8, opset_import: ["" : 18]> g ({inputs}) => (float[] o) {body}"#);
        bnfold::sample::encode(&text).unwrap()
    });
    judge_with(&files[0], &files[1], &VerifyOptions { tier: Tier::Foreign, own_type: true, ..options() })
}

fn refused(inputs: &str, before: &str, after: &str) {
    let verdict = judge(inputs, before, after);
    assert!(verdict.outcome >= Outcome::NotJudged, "{before} {after}: {verdict:#?}");
}

#[test]
fn what_no_run_chose_is_not_shown() {
    let rows =
        |last: f64| format!("<float[4,2] t = {{1, 2, 3, 4, 5, 6, 7, {last}}}> {{ j = Cast <to = 7> (i) o = Gather (t, j) }}");
    refused("int32[N] i", &rows(8.0), &rows(9.0));
    let last = "<float[9] a = {1, 1, 1, 1, 1, 1, 1, 1, 2}> { y = Mul (x, a) o = Gather <axis = 1> (y, k) }";
    refused("float[N,9] x, int64[K] k", last, "{ o = Gather <axis = 1> (x, k) }");
    let branch = |other: &str| format!("<float k = {{3}}> {{ d = Mul (x, k) r = Relu (x) o = Where (q, r, {other}) }}");
    refused("float[N,4] x, bool q", &branch("d"), &branch("x"));
    let border = |value: &str| {
        format!(
            "<int64 k = {{4}}, int64[3] z = {{0, 0, 0}}, float v = {{5}}>
            {{ s = Shape <start = 1> (x) r = Mod (s, k) d = Sub (k, r) e = Mod (d, k) p = Concat <axis = 0> (z, e) o = Pad (x, p{value}) }}"
        )
    };
    refused("float[N,L] x", &border(""), &border(", v"));
}

#[test]
fn windows_that_end_otherwise_for_another_rest_are_others() {
    let pool = |more: &str| format!("{{ o = AveragePool <kernel_shape = [2, 2], strides = [2, 2]{more}> (x) }}");
    refused("float[N,2,H,W] x", &pool(", ceil_mode = 1"), &pool(""));
    let taps = |taps: &str| format!("<float[1,1,{taps}}}> {{ o = Conv <strides = [4]> (x, w) }}");
    refused("float[N,1,L] x", &taps("5] w = {1, 1, 1, 1, 0"), &taps("6] w = {1, 1, 1, 1, 0, 0"));
    let step = |end: i64| {
        format!(
            "<int64[1] z = {{0}}, int64[1] e = {{{end}}}, int64[1] a = {{1}}, int64[1] s = {{4}}> {{ o = Slice (x, z, e, a, s) }}"
        )
    };
    refused("float[N,L] x", &step(-1), &step(-2));
}

#[test]
fn an_integer_in_another_role_is_another() {
    let cut = |start: i64, end: i64, axis: i64| {
        format!("<int64[1] z = {{{start}}}, int64[1] n = {{{end}}}, int64[1] a = {{{axis}}}> {{ o = Slice (x, z, n, a) }}")
    };
    refused("float[L,M] x", &cut(0, 40, 0), &cut(0, 40, 1));
    refused("float[L,M] x", &cut(0, 40, 0), &cut(-40, 40, 0));
    let product = |axes: &str| {
        format!(
            "<float[3,3] l = {{1, 2, 3, 4, 5, 6, 7, 8, 9}}, int64[2] a = {{2, 3}}>
            {{ g = GlobalAveragePool (x) q = Squeeze (g{axes}) o = MatMul (q, l) }}"
        )
    };
    refused("float[N,3,H,W] x", &product(""), &product(", a"));
}

#[test]
fn what_fails_for_some_sizes_is_no_other_word() {
    let reshaped = |first: &str| format!("<int64[3] c = {{1, 4, 1}}, int64[2] a = {{-1, 4}}> {{ {first} o = Reshape (z, a) }}");
    refused("float[N,2,2] x", &reshaped("z = Identity (x)"), &reshaped("z = Reshape (x, c)"));
    let sized =
        |rows: i64| format!("<float[8,3] w = fill(0.5), int64[2] s = {{{rows}, 8}}> {{ y = Reshape (x, s) o = MatMul (y, w) }}");
    refused("float[N,2,4] x", &sized(-1), &sized(8));
    let found = |size: i64| format!("<int64[1] s = {{{size}}}> {{ y = NonZero (x) r = Reshape (y, s) o = Cast <to = 1> (r) }}");
    refused("float[4] x", &found(-1), &found(4));
    let either =
        |shape: &str| format!("{{ o1 = Einsum <equation = \"ij,ij->ij\"> (x, y) s = Shape ({shape}) o = Cast <to = 1> (s) }}");
    refused("float[N,M] x, float[K,M] y", &either("o1"), &either("x"));
}

#[test]
fn whole_numbers_overflow_where_floats_do_not() {
    for operator in ["Add", "Mul"] {
        let whole = format!("{{ s = {operator} (x, y) o = Cast <to = 1> (s) }}");
        let float = format!("{{ a = Cast <to = 1> (x) b = Cast <to = 1> (y) o = {operator} (a, b) }}");
        refused("uint8[N] x, uint8[N] y", &whole, &float);
    }
    let times =
        "<int32[1] k = {1000000000}> { s = Shape (x) n = Cast <to = 6> (s) m = Mul (n, k) d = Div (m, k) o = Cast <to = 1> (d) }";
    refused("float[N] x", times, "{ s = Shape (x) n = Cast <to = 6> (s) o = Cast <to = 1> (n) }");
}

#[test]
fn what_cancels_loses_digits() {
    let around =
        |shift: f64| format!("<float a = {{{shift}}}, float b = {{2}}> {{ y = Add (x, a) z = Sub (y, a) o = Mul (z, b) }}");
    refused("float[N,4] x", "<float a = {1}, float b = {2}> { y = Mul (x, a) o = Mul (y, b) }", &around(1e8));
    let twice = |first: f64, second: f64| {
        format!(
            "<float[4,4] u = fill(0.5), float[4,4] v = fill(0.25), float[4] a = fill({first}), float[4] b = fill({second})>
            {{ p = Gemm (x, u, a) q = Gemm (x, v, b) o = Add (p, q) }}"
        )
    };
    refused("float[N,4] x", &twice(0.0, 0.0), &twice(1_073_741_824.0, -1_073_741_824.0));
    let far = "<float c = {1.329227995784916e36}, float d = {7.523163845262640e-37}> { y = Mul (x, c) o = Mul (y, d) }";
    refused("float[N,4] x", far, "{ o = Identity (x) }");
}

#[test]
fn the_same_node_at_another_place_is_another() {
    let constants = "<int64[1] z = {0}, int64[1] one = {1}, int64[1] h = {100}, int64[1] far = {2147483647}, int64[1] ax = {2}, float[1,1,3] w = {1, 2, 3}>";
    for (before, after) in [
        ("a = Conv <pads = [1, 1]> (x, w) o = Slice (a, z, h, ax)", "a2 = Slice (x, z, h, ax) o = Conv <pads = [1, 1]> (a2, w)"),
        ("a = Slice (x, z, h, ax) o = Slice (a, one, far, ax)", "a2 = Slice (x, one, far, ax) o = Slice (a2, z, h, ax)"),
        ("a = GlobalAveragePool (x) o = Slice (a, z, h, ax)", "a2 = Slice (x, z, h, ax) o = GlobalAveragePool (a2)"),
    ] {
        refused("float[N,1,L] x", &format!("{constants} {{ {before} }}"), &format!("{constants} {{ {after} }}"));
    }
    let branches = |one: &str, two: &str| {
        let branch = |name: &str, pads: &str| {
            format!(
                "{name}c = Conv <strides = [8]{pads}> (x, {name}) {name}r = Relu ({name}c) {name}g = GlobalAveragePool ({name}r)"
            )
        };
        format!(
            "<float[1,1,1] u = {{1}}, float[1,1,1] v = {{3}}, float k = {{2}}> {{ {} {} s = Add (ug, vg) o = Mul (s, k) }}",
            branch("u", one),
            branch("v", two)
        )
    };
    refused("float[N,1,L] x", &branches("", ", pads = [0, 1]"), &branches(", pads = [0, 1]", ""));
}

#[test]
fn windows_that_begin_otherwise_or_end_far_away_are_others() {
    let conv = |stride: i64, more: &str, weight: &str, behind: &str| {
        format!("<float[1,1,{weight}}}, float k = {{2}}> {{ a = Conv <strides = [{stride}]{more}> (x, w) {behind} }}")
    };
    let (map, plain) = ("r = Relu (a) o = Mul (r, k)", "o = Relu (a)");
    let same = conv(4, ", kernel_shape = [5], auto_pad = \"SAME_UPPER\"", "5] w = {1, 2, 3, 4, 5", map);
    refused("float[N,1,L] x", &same, &conv(4, ", pads = [0, 4]", "5] w = {2, 4, 6, 8, 10", plain));
    refused("float[N,1,L] x", &conv(320, "", "1] w = {1", map), &conv(320, ", pads = [0, 1]", "1] w = {2", plain));
}

#[test]
fn a_table_that_is_asked_for_rows_which_are_computed_may_take_a_map_in() {
    let table = |factor: f64, last: f64, behind: &str| {
        let rows = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, last].map(|number| (factor * number).to_string()).join(", ");
        format!("<float[4,2] t = {{{rows}}}, float k = {{2}}> {{ j = Cast <to = 7> (i) {behind} }}")
    };
    let before = table(1.0, 8.0, "g = Gather (t, j) o = Mul (g, k)");
    let verdict = judge("int32[N] i", &before, &table(2.0, 8.0, "o = Gather (t, j)"));
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:#?}");
    refused("int32[N] i", &before, &table(2.0, 9.0, "o = Gather (t, j)"));
}

#[test]
fn an_axis_of_which_nothing_is_known_may_have_one_element() {
    let sum = |body: &str| format!("<int64[1] z = {{0}}, float[3] k = {{1, 2, 3}}> {{ {body} o = Mul (r, k) }}");
    let apart = "p = ReduceSum (x, z) q = ReduceSum (y, z) r = Add (p, q)";
    refused("float[N,3] x, float[M,3] y", &sum("s = Add (x, y) r = ReduceSum (s, z)"), &sum(apart));
    let conv = |body: &str| format!("<float[1,1,3] w = {{1, 2, 3}}> {{ {body} }}");
    let apart = "p = Conv <pads = [1, 1]> (x, w) q = Conv <pads = [1, 1]> (y, w) o = Add (p, q)";
    refused("float[N,1,L] x, float[N,1,M] y", &conv("s = Add (x, y) o = Conv <pads = [1, 1]> (s, w)"), &conv(apart));
    let product = |c: &str, w: &str, body: &str| format!("<{c}float[2,2] w = {{{w}}}> {{ {body} }}");
    let before = product("float[2] c = {1, 2}, ", "1, 2, 3, 4", "a = Mul (x, c) o = MatMul (a, w)");
    let after = product("", "1, 2, 6, 8", "o = MatMul (x, w)");
    refused("float[N,K] x", &before, &after);
    let verdict = judge("float[N,2] x", &before, &after);
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:#?}");
}

#[test]
fn a_border_that_reflects_more_than_there_is_has_no_answer() {
    let pad = |more: &str, weight: &str, behind: &str| {
        format!(
            "<float[1,1,{weight}}}, int64[6] p = {more}, float k = {{3}}> {{ q = Pad <mode = \"reflect\"> (x, p) c = Conv (q, w) {behind} }}"
        )
    };
    let before = pad("{0, 0, 0, 0, 0, 0}", "1] w = {2", "r = Relu (c) o = Mul (r, k)");
    refused("float[N,1,L] x", &before, &pad("{0, 0, 2, 0, 0, 2}", "5] w = {0, 0, 6, 0, 0", "o = Relu (c)"));
}

#[test]
fn amounts_that_were_exchanged_are_others() {
    let pads = |body: &str| {
        format!(
            "<int64 zero = {{0}}, int64[1] i = {{2}}, int64[5] z = {{0, 0, 0, 0, 0}}, int64[1] u = {{2}}, int64[1] t = {{3}}, float[2,2,1] w = {{1, 2, 3, 4}}, float[2] b = {{5, 6}}>
            {{ s = Shape (x) l = Gather (s, i) d = Sub (t, l) m = Max (d, zero) e = Sub (u, l) n = Max (e, zero)
              p = Concat <axis = 0> (z, m) q = Concat <axis = 0> (z, n) {body} }}"
        )
    };
    let before = "a = Pad (x, p) c = Conv (a, w, b) o = Pad (c, q)";
    let exchanged = "a2 = Pad (x, q) c2 = Conv (a2, w, b) o = Pad (c2, p)";
    refused("float[N,2,L] x", &pads(before), &pads(exchanged));
}

#[test]
fn a_value_of_which_nothing_is_known_may_have_no_axes() {
    let before = "<float[3] k = {2, 3, 4}, float j = {2}> { m = Mul (x, k) o = Mul (m, j) }";
    refused("float[] x", before, "<float[1,3] k = {4, 6, 8}> { o = Mul (x, k) }");
    refused(
        "float[] x",
        "<float k = {2}, float j = {2}> { m = Mul (x, k) o = Mul (m, j) }",
        "<float[1] k = {4}> { o = Mul (x, k) }",
    );
    let verdict = judge("float[] x", before, "<float[3] k = {4, 6, 8}> { o = Mul (x, k) }");
    assert_ne!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
}

#[test]
fn the_digits_of_each_channel_count() {
    let plain = |k: &str| format!("<float[2] k = {{{k}}}> {{ o = Mul (x, k) }}");
    let twice = |k: &str, j: &str| format!("<float[2] k = {{{k}}}, float[2] j = {{{j}}}> {{ a = Mul (x, k) o = Mul (a, j) }}");
    refused("float[N,2] x", &plain("1e30, 1"), &twice("1e30, 1e30", "1, 1e-30"));
    refused("float[N,2] x", &plain("1e-30, 1"), &twice("1e-30, 1e-30", "1, 1e30"));
    let around = |shift: &str| {
        format!("<float[2] k = {{1e8, 1}}, float[2] a = {{{shift}}}> {{ m = Mul (x, k) y = Add (m, a) o = Sub (y, a) }}")
    };
    refused("float[N,2] x", "<float[2] k = {1e8, 1}> { o = Mul (x, k) }", &around("0, 1e8"));
    let halves = "<float[4,2] w = {2e6, 0, 0, 3e6, -1999998, 0, 0, -2999997}> { c = Concat <axis = 1> (x, x) o = MatMul (c, w) }";
    refused("float[N,2] x", "<float[2] k = {2, 3}> { y = Identity (x) o = Mul (y, k) }", halves);
}

#[test]
fn a_bound_beyond_float_is_one_in_a_double_model() {
    let clip = |bound: &str| {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 18]> g (double[N,3] x) => (double[N,3] o)
            <double l = {{-1}}, double h = {{{bound}}}> {{ y = Identity (x) o = Clip (y, l, h) }}"#
        );
        bnfold::sample::encode(&text).unwrap()
    };
    let verdict = judge_with(&clip("3.5e38"), &clip("1e39"), &options());
    assert!(verdict.outcome >= Outcome::NotJudged, "{verdict:#?}");
}

#[test]
fn a_gemm_takes_two_axes_alone() {
    let product = |k: &str, body: &str| format!("<float[2,2] w = {{1, 2, 3, 4}}{k}> {{ r = Reshape (x, s) {body} }}");
    let (k, inputs) = (", float[2] k = {5, 6}", "float[N,2] x, int64[R] s");
    refused(inputs, &product(k, "m = MatMul (r, w) o = Add (m, k)"), &product(k, "o = Gemm (r, w, k)"));
}

#[test]
fn an_empty_list_of_axes_is_read_in_two_ways() {
    let squeeze = |axes: &str, last: &str| format!("<{axes}float k = {{2}}> {{ y = Mul (x, k) o = {last} }}");
    refused("float[N,1,4] x", &squeeze("int64[0] e = {}, ", "Squeeze (y, e)"), &squeeze("", "Identity (y)"));
}

#[test]
fn a_map_may_cross_a_gather_of_what_was_computed() {
    let gather = |map: &str, weight: &str| {
        format!("<float[2,1] c = {{2, 4}}, float[1,2,1] w = {{{weight}}}> {{ j = Cast <to = 7> (i) {map} o = Conv (g, w) }}")
    };
    let before = gather("a = Mul (x, c) g = Gather <axis = 2> (a, j)", "3, 5");
    for length in ["8", "L"] {
        let inputs = format!("float[N,2,{length}] x, int32[M] i");
        let verdict = judge(&inputs, &before, &gather("g = Gather <axis = 2> (x, j)", "6, 20"));
        assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:#?}");
        refused(&inputs, &before, &gather("g = Gather <axis = 2> (x, j)", "6, 21"));
    }
    let last = "<float[9] a = {1, 1, 1, 1, 1, 1, 1, 1, 2}> { y = Mul (x, a) j = Cast <to = 7> (i) o = Gather <axis = 1> (y, j) }";
    refused("float[N,9] x, int32[K] i", last, "{ j = Cast <to = 7> (i) o = Gather <axis = 1> (x, j) }");
}

#[test]
fn windows_one_behind_the_other_reach_farther_than_each() {
    // Each hands on the number before its own.
    let row = |count: usize, dilation: usize| {
        let one = |at: usize| {
            let read = if at == 0 { "x".to_owned() } else { format!("e{}", at - 1) };
            format!("e{at} = Conv <dilations = [{dilation}], pads = [{dilation}, {dilation}]> ({read}, w) ")
        };
        (0..count).map(one).collect::<String>()
    };
    let files = |scale: &str, body: &str| {
        format!(
            "<float[2,2,1] u = {{{scale}}}, float[1,2,1] s = {{2, 3}}, float[2,2,3] w = {{1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0}}> {{ {body} }}"
        )
    };
    let before = files("1, 2, 3, 4", "c = Conv (x, u) o = Mul (c, s)");
    for (count, dilation) in [(20, 1), (8, 3), (3, 40)] {
        let body = format!("d = Conv (x, u) {}o = Add (d, e{})", row(count, dilation), count - 1);
        refused("float[N,2,L] x", &before, &files("2, 4, 9, 12", &body));
    }
    let turned = format!(
        "d = Conv (x, u) t = Transpose <perm = [2, 1, 0]> (x) {}v = Transpose <perm = [2, 1, 0]> (e7) o = Add (d, v)",
        row(8, 1).replace("(x, w)", "(t, w)")
    );
    refused("float[N,2,4] x", &before, &files("2, 4, 9, 12", &turned));
}

#[test]
fn what_reaches_farther_than_small_sizes_is_seen_at_larger_ones() {
    // What is forty elements, or eight samples, away counts in the second file alone.
    for (from, axis) in [(40, 2), (8, 0)] {
        let files = |body: &str| {
            format!(
                "<int64[1] from = {{{from}}}, int64[1] all = {{9999}}, int64[1] axis = {{{axis}}}, int64[3] axes = {{0, 1, 2}}>
                {{ s = Sin (x) {body} }}"
            )
        };
        let more = files("w = Slice (x, from, all, axis) q = ReduceSum (w, axes) t = Add (s, q) o = Abs (t)");
        let verdict = judge("float[N,2,L] x", &files("o = Abs (s)"), &more);
        assert_eq!(verdict.outcome, Outcome::Differs, "{from} {verdict:#?}");
    }
}

#[test]
fn two_wide_windows_in_a_row_may_become_one() {
    let wide = |last: f64, body: &str| {
        format!(
            "<float[1,1,9] w = fill(1), float[1,1,9] v = fill(2), float[1,1,17] m = {{2, 4, 6, 8, 10, 12, 14, 16, 18, 16, 14, 12, 10, 8, 6, 4, {last}}}> {{ {body} }}"
        )
    };
    let before = wide(2.0, "c = Conv (x, w) o = Conv (c, v)");
    let verdict = judge("float[N,1,L] x", &before, &wide(2.0, "o = Conv (x, m)"));
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:#?}");
    refused("float[N,1,L] x", &before, &wide(2.5, "o = Conv (x, m)"));
}

#[test]
fn windows_behind_a_reshape_ask_nothing_of_the_batch() {
    let files = |scales: [f64; 4], map: &str, first: &str| {
        let weight = (0..72).map(|at| (scales[at / 9 % 4] * (at % 7) as f64).to_string()).collect::<Vec<_>>().join(", ");
        format!(
            "<float[4,1,1] k = {{1, 2, 3, 4}}, int64[5] r = {{0, 2, 2, 8, 8}}, int64[4] q = {{0, 4, 8, 8}}, float[2,4,3,3] w = {{{weight}}}>
            {{ {map} a = Reshape ({first}, r) b = Transpose <perm = [0, 2, 1, 3, 4]> (a) c = Reshape (b, q)
              o = Conv <pads = [1, 1, 1, 1]> (c, w) }}"
        )
    };
    let before = files([1.0; 4], "u = Mul (x, k)", "u");
    let verdict = judge("float[N,4,8,8] x", &before, &files([1.0, 3.0, 2.0, 4.0], "", "x"));
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:#?}");
    refused("float[N,4,8,8] x", &before, &files([1.0, 2.0, 3.0, 4.0], "", "x"));
}
