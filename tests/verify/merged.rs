//! Operators that became one, and normalisations that handed their scale on, must be judged equal within one rounding; with a wrong
//! number in the one that is left they must not.

use bnfold::onnx::{ModelProto, NodeProto, TensorProto};
use bnfold::plan::Options;
use bnfold::sample::Expect;
use bnfold::verify::Outcome;
use prost::Message as _;

use crate::judged::{decode, fold, fold_with, inexact, judge, numbers, store};

/// Judges a fold, and the same with its largest changed weight off by a thousandth.
fn check(place: &str, text: &str, options: &Options) {
    let bytes = inexact(text);
    let folded = fold_with(&bytes, options);
    if folded == bytes {
        return;
    }
    let verdict = judge(&bytes, &folded);
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{place}: {verdict:#?}");
    let (before, mut wrong) = (decode(&bytes), decode(&folded));
    let old = |name: &str| before.graph.as_ref().unwrap().initializer.iter().any(|tensor| tensor.name() == name);
    let constants = &mut wrong.graph.as_mut().unwrap().initializer;
    let changed = constants.iter_mut().filter(|tensor| !old(tensor.name()) && tensor.dims.len() > 1);
    let Some(weight) = changed.max_by_key(|tensor| tensor.dims.iter().product::<i64>()) else { return };
    let mut values = numbers(weight);
    let largest = (0..values.len()).max_by(|a, b| values[*a].abs().total_cmp(&values[*b].abs())).unwrap();
    values[largest] *= 1.001;
    store(weight, &values);
    let verdict = judge(&bytes, &wrong.encode_to_vec());
    assert!(verdict.outcome >= Outcome::NotJudged, "{place}, one weight off: {verdict:#?}");
}

#[test]
fn operators_that_became_one_are_right() {
    for sample in bnfold::plan::BRANCHES.iter().filter(|sample| matches!(sample.expect, Expect::Folded { .. })) {
        check(sample.name, sample.text, &Options::default());
    }
}

#[test]
fn what_two_values_that_keep_their_names_make_together_is_right() {
    let model = |inputs: &str, body: &str| {
        let text = format!(r#"<ir_version: 8, opset_import: ["" : 18]> g ({inputs}) => (float[] o) {body}"#);
        bnfold::sample::encode(&text).unwrap()
    };
    let sum = |w1: &str, w2: &str, body: &str| {
        let body = format!("<float[1,1,2] w1 = {{{w1}}}, float[1,1,2] w2 = {{{w2}}}{body} }}");
        model("float[N,1,L] x", &body)
    };
    let before = sum("1, 2", "3, 5", ", float k = {2}> { m = Mul (x, k) p = Conv (m, w1) q = Conv (m, w2) o = Add (p, q)");
    let after = |last: &str| sum("3, 4", last, "> { p = Conv (x, w1) q = Conv (x, w2) o = Add (p, q)");
    let choice = |k: [&str; 3], body: &str| {
        let [k, l, w] = k;
        let body = format!("<float k = {{{k}}}{l}, float[2,3,1] w = {{{w}}}> {{ {body} s = Where (c, m, n) o = Conv (s, w) }}");
        model("bool[N,3,T] c, float[N,3,T] x, float[N,3,T] y", &body)
    };
    let twice = "m0 = Mul (x, k) m = Mul (m0, l) n0 = Mul (y, k) n = Mul (n0, l)";
    let chosen = choice(["2", ", float l = {3}", "1, 2, 3, 4, 5, 6"], twice);
    let once = |last: &str| choice(["3", "", &format!("2, 4, 6, 8, 10, {last}")], "m = Mul (x, k) n = Mul (y, k)");
    let pairs = [(&before, after("5, 10"), after("5, 10.01")), (&chosen, once("12"), once("12.01"))];
    for (place, (before, right, wrong)) in pairs.iter().enumerate() {
        assert_eq!(judge(before, right).outcome, Outcome::EqualWithinRounding, "{place}: {:#?}", judge(before, right));
        assert!(judge(before, wrong).outcome >= Outcome::NotJudged, "{place}");
    }
}

#[test]
fn normalizations_that_handed_their_scale_on_are_right() {
    let nodes = [
        (
            17,
            "float[6] s = positive(1), float[6] b = dyadic(2), float[6,3] w = dyadic(3), float[3] e = dyadic(4)",
            "n = LayerNormalization (x, s, b)  p = MatMul (n, w)  q = Add (p, e)",
        ),
        (
            17,
            "float[6] s = positive(1), float[6] b = dyadic(2), float[6,3] w = dyadic(3)",
            "n = LayerNormalization (x, s, b)  q = MatMul (n, w)",
        ),
        (
            23,
            "float[6] s = positive(1), float[6,3] w = dyadic(3), float[6,3] u = dyadic(5)",
            "n = RMSNormalization (x, s)  p = MatMul (n, w)  o = MatMul (n, u)  q = Mul (p, o)",
        ),
        (
            17,
            "float[4] s = positive(1), float[4] b = dyadic(2), float[3,4,2] w = dyadic(3)",
            "n = InstanceNormalization (x, s, b)  q = Conv (n, w)",
        ),
        (
            21,
            "float[4] s = positive(1), float[4] b = dyadic(2), float[3,4,2] w = dyadic(3)",
            "n = GroupNormalization <num_groups = 2> (x, s, b)  q = Conv <pads = [1, 0]> (n, w)",
        ),
    ];
    for (opset, constants, nodes) in nodes {
        let text = format!(
            "<ir_version: 8, opset_import: [\"\" : {opset}]> g (float[2,4,6] x) => (float[] y) <{constants}> {{ {nodes}  y = Softmax (q) }}"
        );
        check(nodes, &text, &Options { normalizations: true, ..Options::default() });
    }
}

/// Operators that became one among such as hand a map on: that is no fold by its operators, and how large it is says a run alone.
const AMONG: [&str; 3] = [
    r#"g (float[N,2,H,W] x) => (float[N,C,P,Q] y)
       <float[2,3,2,2] u = dyadic(1), float[4,3,1,1] w = dyadic(2), float[4,3,1,1] v = dyadic(3), float k = {-1.5},
        int64[1] from = {1}, int64[1] to = {100}, int64[1] axis = {2}>
       { t = ConvTranspose (x, u)  a = Conv (t, w)  b = Conv (t, v)  c = Add (a, b)  d = Slice (c, from, to, axis)
         e = Mul (d, k)  y = Relu (e) }"#,
    r#"g (float[N,3] x) => (float[N,M] y)
       <float[3] slope = dyadic(1), float[3,7] w = dyadic(2), float[7] s = dyadic(3), float[7] b = dyadic(4), float[7] m = dyadic(5),
        float[7] n = positive(6), float[7,4] u = dyadic(7), int64[2] to = {1, 4}, float[4] k = dyadic(8)>
       { r = PRelu (x, slope)  p = Gemm (r, w)  q = BatchNormalization (p, s, b, m, n)  o = Gemm (q, u)  t = Tile (o, to)
         y = Softmax (t) }"#,
    r#"g (float[N,3] x, bool first) => (float[N,M] y)
       <float[3,4] w = dyadic(2), float[3,4] v = dyadic(3), float[4] k = dyadic(4), int64[2] parts = {1, 3}>
       { z = If (first) <then_branch = t () => (float[N,3] p) { p = Neg (x) }, else_branch = e () => (float[N,3] q) { q = Abs (x) }>
         a = Gemm (z, w)  b = Gemm (z, v)  c = Sum (a, b)  d, e = Split <axis = 1> (c, parts)  h = Concat <axis = 1> (e, d)
         i = Mul (h, k)  y = Softmax (i) }"#,
];

#[test]
fn what_became_one_among_others_is_shown_by_a_run() {
    for text in AMONG {
        let before = inexact(&format!("<ir_version: 8, opset_import: [\"\" : 17]> {text}"));
        let after = fold(&before);
        let verdict = judge(&before, &after);
        assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{text}: {verdict:#?}");
        let (old, new) = (decode(&before), decode(&after));
        let constants = |model: &ModelProto| model.graph.clone().unwrap().initializer;
        let changed = |at: &usize| !constants(&old).contains(&constants(&new)[*at]);
        for at in (0..constants(&new).len()).filter(changed) {
            let mut wrong = new.clone();
            let tensor = &mut wrong.graph.as_mut().unwrap().initializer[at];
            let mut values = numbers(tensor);
            values[0] = values[0] * 1.01 + 1e-3;
            store(tensor, &values);
            let verdict = judge(&before, &wrong.encode_to_vec());
            assert!(verdict.outcome >= Outcome::NotJudged, "{text}, {at}: {verdict:#?}");
        }
    }
}

/// What is all of a small value is a part of a large one.
#[test]
fn what_cuts_in_the_second_file_alone_is_not_shown_by_a_run() {
    let text = AMONG[0].replace("{100}", "{9223372036854775807}").replace("int64[1] axis", "int64[1] zero = {0}, int64[1] axis");
    let before = inexact(&format!("<ir_version: 8, opset_import: [\"\" : 17]> {text}"));
    for end in [50, 1_000_000_i64] {
        let mut wrong = decode(&fold(&before));
        let graph = wrong.graph.as_mut().unwrap();
        let at = graph.node.iter().position(|node| node.op_type() == "Slice").unwrap();
        let cut = graph.node[at].clone();
        let read = cut.output[0].clone();
        for node in &mut graph.node[at + 1..] {
            node.input.iter_mut().filter(|input| **input == read).for_each(|input| *input = "again".into());
        }
        let input = vec![read, "zero".into(), "end".into(), "axis".into()];
        graph.node.insert(at + 1, NodeProto { input, output: vec!["again".into()], ..cut });
        let constant = |name: &str, value: i64| TensorProto {
            name: Some(name.into()),
            dims: vec![1],
            data_type: Some(7),
            int64_data: vec![value],
            ..TensorProto::default()
        };
        graph.initializer.retain(|tensor| tensor.name() != "zero");
        graph.initializer.extend([constant("zero", 0), constant("end", end)]);
        let verdict = judge(&before, &wrong.encode_to_vec());
        assert!(verdict.outcome >= Outcome::NotJudged, "{end}: {verdict:#?}");
    }
}
