//! What is claimed of nodes and sizes, and is not so for every input that the first file takes: none of it may be accepted.

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

fn equal(inputs: &str, before: &str, after: &str) {
    let verdict = judge(inputs, before, after);
    assert!(verdict.outcome < Outcome::NotJudged, "{before} {after}: {verdict:#?}");
}

#[test]
fn an_expand_fails_for_sizes_that_do_not_fit() {
    let plain = "{ r = Relu (x) o = Sigmoid (r) }";
    let wide = |sizes: &str| format!("<int64[1] k = {{4}}> {{ r = Relu (x) s = {sizes} e = Expand (r, s) o = Sigmoid (e) }}");
    refused("float[N,4] x, float[K] z", plain, &wide("Shape (z)"));
    equal("float[N,4] x, float[K] z", plain, &wide("Shape (x)"));
    equal("float[N,4] x, float[K] z", plain, &wide("Identity (k)"));
}

#[test]
fn a_pad_of_nothing_fails_for_other_axes() {
    let of = |pad: &str| format!("<int64[4] p = {{0, 0, 0, 0}}> {{ r = Reshape (x, s) {pad} }}");
    let [before, after] = ["o = Relu (r)", "q = Pad (r, p) o = Relu (q)"].map(of);
    refused("float[N,6] x, int64[R] s", &before, &after);
    let known = |text: &str| text.replace("Reshape (x, s)", "Sigmoid (x)");
    refused("float[N,6,7] x", &known(&before), &known(&after));
    equal("float[N,6] x", &known(&before), &known(&after));
}

#[test]
fn what_is_said_of_windows_has_to_fit_the_weight() {
    let conv = |operator: &str, stated: &str| format!("<float[3,3,3,3] w = fill(0.5)> {{ o = {operator}{stated} (x, w) }}");
    let pool = |stated: &str| format!("{{ o = MaxPool <kernel_shape = [2, 2]{stated}> (x) }}");
    for operator in ["Conv", "ConvTranspose"] {
        for stated in ["<kernel_shape = [5, 5]>", "<kernel_shape = [1, 1]>"] {
            refused("float[N,3,H,W] x", &conv(operator, ""), &conv(operator, stated));
        }
        equal("float[N,3,H,W] x", &conv(operator, ""), &conv(operator, "<kernel_shape = [3, 3], pads = [0, 0, 0, 0]>"));
    }
    refused("float[N,3,H,W] x", &pool(""), &pool(", dilations = [1]"));
    equal("float[N,3,H,W] x", &pool(""), &pool(", dilations = [1, 1]"));
}

/// Sizes of `x` and their parts beside something that tells them apart.
fn sizes(last: &str) -> String {
    format!(
        "<int64[1] zero = {{0}}, int64[1] one = {{1}}, int64[1] two = {{2}}>
        {{ s = Shape (x) n = Slice (s, zero, one) {last} f = Cast <to = 1> (k) o = Mul (x, f) }}"
    )
}

#[test]
fn what_is_divided_by_may_be_nothing() {
    let plain = sizes("k = Identity (n)");
    refused("float[N,4] x", &plain, &sizes("h = Div (n, two) e = Div (h, h) k = Mul (n, e)"));
    refused("float[N,4] x", &plain, &sizes("h = Div (n, two) z = Sub (n, n) e = Div (z, h) k = Add (n, e)"));
    equal("float[N,4] x", &plain, &sizes("e = Div (n, n) k = Mul (n, e)"));
    equal("float[N,4] x", &plain, &sizes("d = Mul (n, two) k = Div (d, two)"));
}

#[test]
fn the_extent_of_something_may_be_nothing() {
    // A window makes nothing more than nothing along the axes of samples and channels.
    let plain = ("N", "N", "-1, 0", "dead = Pad (x, cut)");
    let pooled = ("N,2,3", "N,2,3", "-1, 0, 0, 0, 0, 0", "p = Pad (x, cut) dead = MaxPool <kernel_shape = [1]> (p)");
    for (x, u, cut, dead) in [plain, pooled] {
        let laid = |read: &str| {
            let text = format!(
                r#"<ir_version: 8, opset_import: ["" : 17]> g (float[{x}] x, float[K,L] z) => (float[A,B] y, float[{u}] u)
                <int64[{}] cut = {{{cut}}}, int64[1] less = {{1}}, int64[1] rest = {{-1}}, int64[1] zero = {{0}}, int64[1] one = {{1}}>
                {{ {dead} h = Shape (x) s = Slice (h, zero, one) m = Sub (s, less) to = Concat <axis = 0> (m, rest) r = Reshape (z, to)
                  y = Relu (r) e = Exp (x) t = Shape (r) k = Slice (t, zero, one) f = Cast <to = 1> ({read}) u = Add (e, f) }}"#,
                cut.split(',').count()
            );
            bnfold::sample::encode(&text).unwrap()
        };
        let (before, after) = (laid("k"), laid("m"));
        let verdict = judge_with(&before, &after, &VerifyOptions { tier: Tier::Foreign, own_type: true, ..options() });
        assert!(verdict.outcome >= Outcome::NotJudged, "{dead}: {verdict:#?}");
    }
}

#[test]
fn integers_of_32_bits_have_room_for_few() {
    let product = |factor: i64, read: &str| {
        format!(
            "<int64 by = {{{factor}}}, int64 one = {{1}}, int64 two = {{2}}>
            {{ s = Shape (x) h = Gather (s, one) w = Gather (s, two) a = Mul (h, w) b = Mul (a, by) {read} f = Cast <to = 1> (k)
              o = Mul (x, f) }}"
        )
    };
    let narrow = "c = Cast <to = 6> (b) k = Cast <to = 7> (c)";
    refused("float[N,H,W] x", &product(512, "k = Identity (b)"), &product(512, narrow));
    equal("float[N,H,W] x", &product(2, "k = Identity (b)"), &product(2, narrow));
}

#[test]
fn remarks_about_values_in_between_are_not_believed() {
    let normal = |remark: &str, behind: &str| {
        format!(
            "<float[3] g = {{1, 2, 3}}, float[3] z = {{0, 0, 0}}, float[3] v = {{1, 1, 1}}, float[3,1] s = {{1, 2, 3}}{remark}>
            {{ h = Reshape (x, n) {behind} }}"
        )
    };
    let [before, after] =
        ["o = BatchNormalization <epsilon = 0.0> (h, g, z, z, v)", "o = Mul (h, s)"].map(|text| normal(", float[a,3,c] h", text));
    refused("float[N,24] x, int64[R] n", &before, &after);
    let known = |text: &str| text.replace("float[3] g", "int64[3] n = {-1, 3, 8}, float[3] g");
    equal("float[N,24] x", &known(&before), &known(&after));
    let product = |last: &str| {
        format!("<float[4,3] w = fill(0.5), float[3] b = {{1, 2, 3}}, float[A,4] h> {{ h = Reshape (x, n) {last} }}")
    };
    let (before, after) = (product("m = MatMul (h, w) o = Add (m, b)"), product("o = Gemm (h, w, b)"));
    refused("float[N,24] x, int64[R] n", &before, &after);
    let known = |text: &str| text.replace("float[3] b", "int64[2] n = {-1, 4}, float[3] b");
    equal("float[N,24] x", &known(&before), &known(&after));
}

#[test]
fn col2im_takes_its_extents_from_numbers() {
    let files = |scale: &str, end: i64| {
        format!(
            "<int64[2] block = {{1, 1}}, float[2,3,1,1] w = fill({scale}), float k = {{2}}, float[1,3,6,6] h,
              int64[1] from = {{0}}, int64[1] to = {{{end}}}, int64[1] axis = {{2}}>
            {{ h = Col2Im (x, im, block) c = Conv (h, w) d = Slice (c, from, to, axis) {} }}",
            if scale == "0.5" { "o = Mul (d, k)" } else { "o = Identity (d)" }
        )
    };
    refused("float[1,3,36] x, int64[2] im", &files("0.5", 8), &files("1", 100));
    equal("float[1,3,36] x, int64[2] im", &files("0.5", 8), &files("1", 8));
}

#[test]
fn a_step_of_a_quotient_is_met_by_no_run() {
    let files = |steps: &str, weight: &str, last: &str| {
        format!(
            "<float[3,3,1] w = {{{weight}}}, float[3,1] s = {{1, 2, 3}}, int64[1] zero = {{0}}, int64[1] one = {{1}}, int64[1] by = {{32}},
              int64[2] head = {{-1, 3}}, int64[1] three = {{3}}, int64[1] six = {{6}}>
            {{ h = Shape (x) n = Slice (h, zero, one) {steps} t = Mul (q, three) e = Sub (six, t) to = Concat <axis = 0> (head, e)
              c = Conv (x, w) r = Reshape (c, to) {last} }}"
        )
    };
    for steps in ["q = Div (n, by)", "p = Div (n, by) q = Div (p, by)"] {
        let before = files(steps, "1, 2, 3, 4, 5, 6, 7, 8, 9", "o = Mul (r, s)");
        refused("float[N,3,6] x", &before, &files(steps, "1, 2, 3, 8, 10, 12, 21, 24, 27", "o = Identity (r)"));
    }
    let steps = "q = Sub (n, n)";
    let before = files(steps, "1, 2, 3, 4, 5, 6, 7, 8, 9", "o = Mul (r, s)");
    equal("float[N,3,6] x", &before, &files(steps, "1, 2, 3, 8, 10, 12, 21, 24, 27", "o = Identity (r)"));
}

#[test]
fn a_cropped_resize_is_as_large_as_runtimes_make_it() {
    let shape = |read: &str| {
        format!(
            r#"<float[8] roi = {{0, 0, 0.25, 0.25, 1, 1, 0.75, 0.75}}, float[4] by = {{1, 1, 2, 2}}, int64[4] all = {{1, 1, 8, 8}}>
            {{ r = Resize <mode = "linear", coordinate_transformation_mode = "tf_crop_and_resize"> (x, roi, by) {read}
              f = Cast <to = 1> (k) o = Add (f, z) q = Relu (r) }}"#
        )
    };
    let verdict = judge("float[1,1,4,4] x, float[4] z", &shape("k = Shape (r)"), &shape("k = Identity (all)"));
    assert!(verdict.outcome != Outcome::Differs, "{verdict:#?}");
}

#[test]
fn a_constant_that_is_no_number_overflows_nowhere() {
    let sum = |constant: &str, read: &str| format!("<float[3] c = {{{constant}}}> {{ {read} o = Add (x, r) }}");
    let verdict = judge("float[N,3] x", &sum("nan, -1, -0.0", "r = Relu (c)"), &sum("nan, 0, -0.0", "r = Identity (c)"));
    assert!(verdict.outcome != Outcome::Differs, "{verdict:#?}");
}

#[test]
fn a_bias_that_is_a_value_takes_part_in_what_is_multiplied() {
    let of = |body: &str| {
        format!(
            "<float[2,2,1,1] w = {{1, 2, 3, 4}}, float[2,2,1,1] v = {{2, 4, 1.5, 2}}, float[2,2,1,1] u = {{2, 1, 6, 2}},
              float[2,1,1] k = {{2, 0.5}}, float[2] l = {{2, 0.5}}, float[2] m = {{0.5, 2}}> {{ {body} }}"
        )
    };
    for inputs in ["float[2,2,4,4] x, float[2] b", "float[N,2,H,W] x, float[Q] b"] {
        let behind = of("c = Conv (x, w, b) o = Mul (c, k)");
        equal(inputs, &behind, &of("d = Mul (b, l) o = Conv (x, v, d)"));
        refused(inputs, &behind, &of("d = Mul (b, m) o = Conv (x, v, d)"));
        refused(inputs, &behind, &of("o = Conv (x, v, b)"));
        let before = of("c = Mul (x, k) o = Conv (c, w, b)");
        equal(inputs, &before, &of("o = Conv (x, u, b)"));
        refused(inputs, &before, &of("d = Mul (b, l) o = Conv (x, u, d)"));
    }
    let of = |body: &str| {
        format!("<float[2,2] w = {{1, 2, 3, 4}}, float[2,2] v = {{2, 1, 6, 2}}, float[2] k = {{2, 0.5}}> {{ {body} }}")
    };
    let inputs = "float[2,2] x, float[2,2] b";
    let behind = of("c = Gemm <beta = 2.0> (x, w, b) o = Mul (c, k)");
    equal(inputs, &behind, &of("d = Mul (b, k) o = Gemm <beta = 2.0> (x, v, d)"));
    refused(inputs, &behind, &of("d = Mul (b, k) o = Gemm (x, v, d)"));
    refused(inputs, &behind, &of("o = Gemm <beta = 2.0> (x, v, b)"));
}

#[test]
fn channels_times_zero_before_a_border_leave_nothing() {
    let of = |body: &str| {
        format!(
            "<float[1,2,3,3] w = fill(1.5), float[1,2,3,3] v = {{3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0}},
              float[1,2,3,3] u = {{3, 3, 3, 3, 3, 3, 3, 3, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0.25}},
              float[2,1,1] k = {{2, 0}}, float[2,1,1] s = {{0, 1}}> {{ {body} }}"
        )
    };
    let (inputs, before) = ("float[N,2,H,W] x", of("c = Mul (x, k) o = Conv <pads = [1,1,1,1]> (c, w)"));
    equal(inputs, &before, &of("o = Conv <pads = [1,1,1,1]> (x, v)"));
    refused(inputs, &before, &of("o = Conv <pads = [1,1,1,1]> (x, u)"));
    // Shifted where it is multiplied by zero, it is seen at the border.
    let shifted = of("d = Mul (x, k) c = Add (d, s) o = Conv <pads = [1,1,1,1]> (c, w)");
    refused(inputs, &shifted, &of("o = Conv <pads = [1,1,1,1]> (x, v)"));
}

#[test]
fn automatic_pads_are_none_for_windows_of_one_tap_alone() {
    let of = |taps: &str, body: &str| {
        format!("<float[1,2,{taps}] w = fill(0.5), float[2,1] s = {{1, 3}}, float[1] b = {{2}}> {{ {body} }}")
    };
    let (before, after) = (
        r#"a = Add (x, s) o = Conv <auto_pad = "SAME_UPPER", strides = [2]> (a, w)"#,
        r#"o = Conv <auto_pad = "SAME_UPPER", strides = [2]> (x, w, b)"#,
    );
    equal("float[N,2,T] x", &of("1", before), &of("1", after));
    refused("float[N,2,T] x", &of("2", before), &of("2", after));
}

/// Whether a function or the operator of its name is meant, runtimes decide.
#[test]
fn a_function_with_the_name_of_an_operator_may_be_either() {
    for domain in ["", "ai.onnx.ml", "com.microsoft", "local"] {
        let call = if domain.is_empty() { "Relu".to_owned() } else { format!("{domain}.Relu") };
        let of = |body: &str| {
            let text = format!(
                r#"<ir_version: 10, opset_import: ["" : 17, "{domain}" : 17]>
                g (float[N] x, float[N] z) => (float[N] y, float[N] w) <float k = {{-2}}> {{ w = {call} (z) {body} }}
                <domain: "{domain}", opset_import: ["" : 17]> Relu (x) => (y) {{ y = Identity (x) }}"#
            );
            bnfold::sample::encode(&text.replace(r#""" : 17, "" : 17"#, r#""" : 17"#)).unwrap()
        };
        let (before, after) = (of(&format!("a = Mul (x, k) y = {call} (a)")), of(&format!("a = {call} (x) y = Mul (a, k)")));
        let verdict = judge_with(&before, &after, &VerifyOptions { tier: Tier::Foreign, own_type: true, ..options() });
        assert_eq!(verdict.outcome < Outcome::NotJudged, domain == "local", "{domain}: {verdict:#?}");
    }
}

#[test]
fn a_sum_that_has_no_room_in_32_bits_is_followed_no_further() {
    let narrow = "<int32 c = {2147483646}, int64[1] k = {0}> { s = Shape (x) t = Cast <to = 6> (s) d = Add (t, c) e = Cast <to = 7> (d) o = Slice (v, k, e) }";
    let wide = "<int64[1] c = {2147483646}, int64[1] k = {0}> { s = Shape (x) e = Add (s, c) o = Slice (v, k, e) }";
    refused("float[N] x, float[L] v", narrow, wide);
    equal("float[N] x, float[L] v", &narrow.replace("2147483646", "5"), &wide.replace("2147483646", "5"));
}
