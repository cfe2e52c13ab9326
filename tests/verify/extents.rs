//! Sizes that one file computes and another states, and what follows from them: nodes that change nothing, products between
//! Reshapes. What is the same for the sizes of a run only is no fold, and runs have such sizes here.

use crate::judged::{fold, inexact, judge_with, right};
use bnfold::verify::{Outcome, Tier, Verdict, VerifyOptions};

fn differs(place: &str, verdict: &Verdict) {
    assert_eq!(verdict.outcome, Outcome::Differs, "{place}: {verdict:#?}");
}

/// What is not the same is never accepted; that it differs is said only where a run shows it.
fn refused(place: &str, verdict: &Verdict) {
    assert!(verdict.outcome >= Outcome::NotJudged, "{place}: {verdict:#?}");
}

/// A Conv with its BatchNormalization and what is behind them, for inputs of a type.
fn model(input: &str, output: &str, behind: &str) -> Vec<u8> {
    inexact(&format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        sizes ({input} x) => ({output})
        <float[4,4,1,1] w = fill(0.3), float[4] g = fill(1.2), float[4] b = fill(0.4), float[4] m = fill(-0.2),
         float[4] v = fill(0.9), int64 zero = {{0}}, int64 one = {{1}}, int64 two = {{2}}, int64 three = {{3}},
         int64[1] first = {{0}}, int64[1] last = {{3}}, int64[1] rest = {{-1}}, int64[1] twice = {{2}},
         int64[2] flat = {{3, -1}}, int64[4] ends = {{0, 0, 0, 0}}, int64[1] end = {{9223372036854775807}}, int64[1] back = {{-1}},
         int64[1] start = {{-9223372036854775807}}, int64[8] none = {{0, 0, 0, 0, 0, 0, 0, 0}},
         int64[8] moved = {{0, 0, 1, 0, 0, 0, -1, 0}}, int64[4] ones = {{1, 1, 1, 1}}, int64[1] step = {{1}}>
        {{ c = Conv (x, w)  n = BatchNormalization (c, g, b, m, v)  s = Sigmoid (n)  {behind} }}"#
    ))
}

/// The first text against our fold of the second, for a run of squares and as many samples.
fn judged(input: &str, one: &str, two: &str) -> Verdict {
    let shapes = vec![("x".to_owned(), vec![3, 4, 3, 3])];
    let options = VerifyOptions { shapes, tier: Tier::Own, ..crate::judged::options() };
    judge_with(&model(input, "float[A,B] y", one), &fold(&model(input, "float[A,B] y", two)), &options)
}

const OPEN: &str = "float[N,4,H,W]";
const FIXED: &str = "float[3,4,3,3]";

/// Flattened by a list of sizes that is computed.
fn listed(shape_of: &str, axis: &str) -> String {
    format!(
        "h = Shape ({shape_of})  d = Gather (h, {axis})  u = Unsqueeze (d, first)  l = Concat <axis = 0> (u, rest)
        y = Reshape (s, l)"
    )
}

#[test]
fn sizes_may_be_those_of_another_value() {
    right("an extent that stays", &judged(OPEN, &listed("n", "zero"), &listed("x", "zero")));
    right("of fixed inputs", &judged(FIXED, &listed("n", "two"), "y = Reshape (s, flat)"));
    right(
        "through a cast",
        &judged(
            OPEN,
            &listed("n", "zero"),
            &listed("x", "zero")
                .replace("(h, zero)", "(i, zero)  ")
                .replace("d = Gather", "j = Cast <to = 6> (h)  i = Cast <to = 7> (j)  d = Gather"),
        ),
    );
    refused("another axis", &judged(OPEN, &listed("n", "two"), &listed("n", "three")));
    refused("another axis of another value", &judged(OPEN, &listed("n", "zero"), &listed("x", "three")));
    refused("a number", &judged(OPEN, &listed("n", "zero"), "y = Reshape (s, flat)"));
}

#[test]
fn sizes_may_be_computed_otherwise() {
    let area = |formula: &str| {
        format!(
            "k = Shape (n)  p = Gather (k, two)  q = Gather (k, three)  {formula}  u = Unsqueeze (a, first)
            l = Concat <axis = 0> (u, rest)  y = Reshape (s, l)"
        )
    };
    let judged = |one: &str, two: &str| judged(OPEN, &area(one), &area(two));
    right("factors turned", &judged("a = Mul (p, q)", "a = Mul (q, p)"));
    right("added twice", &judged("a = Mul (p, two)", "a = Add (p, p)"));
    right("divided again", &judged("a = Identity (p)", "t = Mul (p, two)  a = Div (t, two)"));
    right("taken away again", &judged("a = Identity (p)", "t = Add (p, q)  a = Sub (t, q)"));
    refused("the other factor twice", &judged("a = Mul (p, q)", "a = Mul (q, q)"));
    refused("rounded", &judged("a = Identity (p)", "t = Div (p, three)  a = Mul (t, three)"));
    refused("the other way round", &judged("a = Div (p, q)", "a = Div (q, p)"));
}

#[test]
fn sizes_that_are_seen_from_outside_count() {
    let text = |axis: &str| model(OPEN, "float[A,B] y, int64 d", &listed("n", axis));
    let shapes = vec![("x".to_owned(), vec![3, 4, 3, 3])];
    let options = VerifyOptions { shapes, tier: Tier::Own, ..crate::judged::options() };
    right("the same", &judge_with(&text("two"), &fold(&text("two")), &options));
    refused("another axis", &judge_with(&text("two"), &fold(&text("three")), &options));
    // The same name for sizes of two axes, each read under it.
    let swapped = |one: &str, two: &str| {
        format!(
            "h = Shape (n)  d = Gather (h, {one})  e = Gather (h, {two})  u = Unsqueeze (d, first)  o = Unsqueeze (e, first)
            l = Concat <axis = 0> (u, o, rest)  t = Reshape (s, l)  y = Flatten (t)"
        )
    };
    refused("swapped", &judged(OPEN, &swapped("two", "three"), &swapped("three", "two")));
}

#[test]
fn what_changes_nothing_may_be_left_out() {
    let with = |change: &str| format!("{change}  o = Tanh (r)  y = Flatten (o)");
    let without = "o = Tanh (s)  y = Flatten (o)";
    for (input, change) in [
        (OPEN, "r = Identity (s)"),
        (OPEN, "r = Slice (s, first, end, twice)"),
        (OPEN, "r = Slice (s, first, end, twice, step)"),
        (FIXED, "r = Slice (s, first, last, twice)"),
        (OPEN, "r = Pad (s, none)"),
        (OPEN, "k = Shape (s)  r = Reshape (s, k)"),
        (OPEN, "k = Shape (x)  r = Expand (s, k)"),
        (OPEN, "r = Transpose <perm = [0, 1, 2, 3]> (s)"),
        (OPEN, "k = Shape (s)  f = Flatten (s)  r = Reshape (f, k)"),
    ] {
        right(change, &judged(input, &with(change), without));
        right(change, &judged(input, without, &with(change)));
    }
    for change in [
        "r = Slice (s, back, start, twice, back)",
        "r = Slice (s, first, end, twice, twice)",
        "r = Pad (s, moved)",
        "r = Transpose <perm = [0, 1, 3, 2]> (s)",
        "r = Transpose <perm = [2, 1, 0, 3]> (s)",
        "k = Shape (s)  f = Transpose <perm = [0, 1, 3, 2]> (s)  r = Reshape (f, k)",
    ] {
        refused(change, &judged(FIXED, &with(change), without));
        refused(change, &judged(OPEN, without, &with(change)));
    }
    // One sample of three that look like all.
    refused("whole for these sizes", &judged(OPEN, &with("r = Slice (s, first, last, twice)"), without));
}

/// A recurrent layer behind an affine map, with a state that it starts from.
fn recurrent(value: &str, state: &str) -> Vec<u8> {
    inexact(&format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        states (float[T,N,4] x) => (float[A,B,C,D] y)
        <float[4] k = fill(1.3), float[1,12,4] w = fill(0.3), float[1,12,3] r = fill(0.2), int64 one = {{1}},
         int64[1] first = {{0}}, int64[1] layers = {{1}}, int64[1] width = {{3}}>
        {{ s = Mul (x, k)  h = Shape (x)  d = Gather (h, one)  u = Unsqueeze (d, first)
           l = Concat <axis = 0> (layers, u, width)  z = ConstantOfShape {value} (l)
           y, last, cell = LSTM <hidden_size = 3> (s, w, r{state}) }}"#
    ))
}

#[test]
fn a_recurrent_layer_may_start_from_zeros_by_default() {
    let judge =
        |value: &str, state: &str| judge_with(&recurrent(value, state), &fold(&recurrent("", "")), &crate::judged::options());
    right("zeros", &judge("", ", \"\", \"\", z, z"));
    right("stated zeros", &judge("<value = float[1] {0}>", ", \"\", \"\", z, z"));
    right("one of them", &judge("", ", \"\", \"\", \"\", z"));
    differs("ones", &judge("<value = float[1] {1}>", ", \"\", \"\", z, z"));
}

/// A product of all leading axes at once.
fn product(body: &str) -> Vec<u8> {
    inexact(&format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        product (float[N,L,5] x) => (float[A,B,C] y)
        <float[5,4] w = fill(0.3), float[4] t = fill(0.4), float[4] s = fill(1.3), int64[2] rows = {{-1, 5}},
         int64[1] first = {{0}}, int64[1] two = {{2}}, int64[1] four = {{4}}, int64[2] turned = {{1, 0}}, float[4] t2 = fill(0.4)>
        {{ {body} }}"#
    ))
}

#[test]
fn a_product_may_stand_between_two_reshapes_of_any_sizes() {
    let shapes = vec![("x".to_owned(), vec![3, 3, 5])];
    let options = VerifyOptions { shapes, tier: Tier::Own, ..crate::judged::options() };
    let before = product("p = MatMul (x, w)  q = Add (t, p)  y = Mul (q, s)");
    let between = |data: &str, sizes: &str| {
        let after = product(&format!(
            "{data}  p = Gemm (f, w, t)  h = Shape (x)  {sizes}  l = Concat <axis = 0> (e, four)  q = Reshape (p, l)
            y = Mul (q, s)"
        ));
        judge_with(&before, &fold(&after), &options)
    };
    right("rows", &between("f = Reshape (x, rows)", "e = Slice (h, first, two)"));
    refused("sizes turned", &between("f = Reshape (x, rows)", "g = Slice (h, first, two)  e = Gather (g, turned)"));
    refused("rows turned", &between("k = Transpose <perm = [1, 0, 2]> (x)  f = Reshape (k, rows)", "e = Slice (h, first, two)"));
    let with = |attribute: &str| {
        let after = product(&format!(
            "f = Reshape (x, rows)  p = Gemm <{attribute}> (f, w, t)  h = Shape (x)  e = Slice (h, first, two)
            l = Concat <axis = 0> (e, four)  q = Reshape (p, l)  y = Mul (q, s)"
        ));
        judge_with(&before, &fold(&after), &options)
    };
    right("as by default", &with("alpha = 1.0, transB = 0"));
    differs("a factor", &with("alpha = 2.0"));
    differs("a factor of what is added", &with("beta = 2.0"));
}

#[test]
fn a_product_between_reshapes_is_that_of_these_rows() {
    let text = |body: &str| {
        inexact(&format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            square (float[N,L,1,4] x) => (float[A,B,C] y)
            <float[4,4] w = fill(0.3), float[4] t = fill(0.4), float[4] s = fill(1.3), int64[2] rows = {{-1, 4}},
             int64[1] third = {{2}}>
            {{ {body} }}"#
        ))
    };
    let shapes = vec![("x".to_owned(), vec![3, 3, 1, 4])];
    let options = VerifyOptions { shapes, tier: Tier::Own, ..crate::judged::options() };
    let before = text("k = Squeeze (x, third)  p = MatMul (k, w)  q = Add (p, t)  y = Mul (q, s)");
    let after = |gemm: &str| text(&format!("{gemm}  h = Shape (k)  q = Reshape (p, h)  y = Mul (q, s)"));
    let judge = |gemm: &str| judge_with(&before, &fold(&after(gemm)), &options);
    right("rows", &judge("k = Squeeze (x, third)  f = Reshape (x, rows)  p = Gemm (f, w, t)"));
    refused("transposed", &judge("k = Squeeze (x, third)  f = Reshape (x, rows)  p = Gemm <transB = 1> (f, w, t)"));
    let plain = |body: &str| text(&format!("k = Squeeze (x, third)  {body}"));
    let between = |attributes: &str| {
        let gemm = format!("f = Reshape (x, rows)  p = Gemm {attributes} (f, w, t)  h = Shape (k)  y = Reshape (p, h)");
        judge_with(&plain("p = MatMul (k, w)  y = Add (p, t)"), &plain(&gemm), &options)
    };
    assert_eq!(between("").outcome, Outcome::Equal);
    refused("the same weight transposed", &between("<transB = 1>"));
    // The value that the product would read is made behind it: this stays as it stands.
    refused("too late", &judge("f = Reshape (x, rows)  p = Gemm (f, w, t)  k = Squeeze (x, third)"));
}

/// OnnxSlim writes a product of three axes so, with the weight turned.
#[test]
fn a_product_whose_weight_is_turned_may_stand_between_two_reshapes_of_fixed_sizes() {
    let text = |input: &str, constants: &str, body: &str| {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            turned ({input} x) => (float[A,B,C] y)
            <float[2,2] w = {constants}, int64[2] rows = {{-1, 2}}, int64[3] all = {{2, 3, 2}}>
            {{ {body} }}"#
        );
        bnfold::sample::encode(&text).unwrap()
    };
    let judge = |input: &str, constants: &str, gemm: &str| {
        let before = "{1, 2, 3, 4}, float[2] t = {0.5, -1}, float[2] s = {2, 0.5}";
        let before = text(input, before, "p = MatMul (x, w)  q = Add (p, t)  y = Mul (q, s)");
        let after = format!("f = Reshape (x, rows)  p = Gemm {gemm} (f, w, t)  y = Reshape (p, all)");
        judge_with(&before, &text(input, constants, &after), &crate::judged::options())
    };
    let (folded, turned) = ("{2, 6, 1, 2}, float[2] t = {1, -0.5}", "<transB = 1>");
    right("turned", &judge("float[2,3,2]", folded, turned));
    differs("not turned", &judge("float[2,3,2]", folded, "<transB = 0>"));
    differs("a weight", &judge("float[2,3,2]", "{2, 6, 1.001, 2}, float[2] t = {1, -0.5}", turned));
    differs("a bias", &judge("float[2,3,2]", "{2, 6, 1, 2}, float[2] t = {1, 0.5}", turned));
    refused("columns for rows", &judge("float[3,2,2]", folded, turned));
    refused("open", &judge("float[N,3,2]", folded, turned));
}

/// A Conv and a factor, with something between that an integer decides.
fn cut(between: &str) -> Vec<u8> {
    inexact(&format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        cut (float[N,4,H,W] x) => (float[A,4,B,C] y)
        <float[4,4,3,3] w = dyadic(1), float[1,4,1,1] g = positive(2), int64[1] zero = {{0}}, int64[1] one = {{1}}, int64[1] two = {{2}},
         int64[1] twelve = {{12}}, int64[1] far = {{96}}, int64[1] end = {{9223372036854775807}},
         int64[4] kept = {{0, 4, -1, 1}}, int64[4] alone = {{1, 4, -1, 1}}>
        {{ c = Conv <pads = [1, 1, 1, 1]> (x, w)  t = {between}  y = Mul (t, g) }}"#
    ))
}

#[test]
fn what_holds_for_one_size_of_an_open_extent_is_no_fold() {
    let whole = ["Slice (c, zero, end, zero)", "Slice (c, zero, end, two)", "Reshape (c, kept)"];
    for text in &whole[..2] {
        let verdict = judge_with(&cut(text), &fold(&cut(text)), &crate::judged::options());
        right(text, &verdict);
    }
    for (one, two) in [
        (whole[0], "Slice (c, zero, one, zero)"),
        (whole[0], "Slice (c, zero, two, zero)"),
        (whole[0], "Slice (c, zero, far, zero)"),
        (whole[1], "Slice (c, zero, twelve, two)"),
        (whole[1], "Slice (c, zero, far, two)"),
        (whole[2], "Reshape (c, alone)"),
    ] {
        let verdict = judge_with(&cut(one), &fold(&cut(two)), &crate::judged::options());
        assert!(verdict.outcome >= Outcome::NotJudged, "{two}: {verdict:#?}");
    }
}

#[test]
fn a_constant_of_a_size_that_an_open_extent_may_have_is_seen_where_it_is_broadcast() {
    // The first takes one size for W, and 1, where it makes more of it; the second is what a tool makes that looked at the one alone.
    let text = |tail: &str| {
        format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g (float[N,2,H,W] x) => (float[a,b,c,d] y)
            <float[2,2,1,1] w = fill(0.3), float[2] g = fill(1.2), float[2] b = fill(0.4), float[2] m = fill(-0.2),
             float[2] v = fill(0.9), int64[1] q = {{96}}, float[2] k = fill(0.5)>
            {{ {tail} }}"#
        )
    };
    let map = "c = Conv (x, w) e = BatchNormalization (c, g, b, m, v)";
    let of = "f = ConstantOfShape <value = float[1] {0}> (q) y = Add (e, f)";
    let options = VerifyOptions { tier: Tier::Foreign, ..crate::judged::options() };
    let first = bnfold::sample::encode(&text(&format!("{map} {of}"))).unwrap();
    let second = fold(&bnfold::sample::encode(&text(&map.replace("e = ", "y = "))).unwrap());
    refused("broadcast", &judge_with(&first, &second, &options));
}

#[test]
fn a_batch_that_the_file_holds_is_found() {
    for batch in [2, 3, 4, 8, 10, 16, 32, 64] {
        let behind = |rows: usize| format!("a = Constant <value = int64[2] {{{rows}, 6}}> () y = Reshape (s, a)");
        let model = |rows: usize| model("float[N,4,2,3]", "float[A,B] y", &behind(rows));
        let judge = |rows| judge_with(&model(4 * batch), &fold(&model(rows)), &crate::judged::options());
        right(&batch.to_string(), &judge(4 * batch));
        refused(&batch.to_string(), &judge(4 * batch + 4));
    }
}
