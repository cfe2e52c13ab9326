//! The same function in other words, as other tools write it beside their folds: other names, twins merged, nodes that nobody
//! reads gone, definitions in place of operators. None of it is a difference, and what looks like it but is not is one.

use crate::judged::{change, decode, fold, inexact, judge, judge_with, maker, right};
use bnfold::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto};
use bnfold::verify::{Execution, Outcome, Tier, Verdict, VerifyOptions};
use prost::Message as _;

fn model(body: &str) -> Vec<u8> {
    inexact(&format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        words (float[2,4,6,6] x) => (float[N,C,H,W] y)
        <float[4,4,1,1] w = fill(0.3), float[4] g = fill(1.2), float[4] b = fill(0.4), float[4] m = fill(-0.2),
         float[4] v = fill(0.9), float[4,4,1,1] w2 = fill(0.2), float[4] g2 = fill(1.1), float[4] b2 = fill(0.3),
         float[4] m2 = fill(0.1), float[4] v2 = fill(1.9)>
        {{ {body} }}"#
    ))
}

/// Our fold, changed.
fn changed(before: &[u8], how: impl FnOnce(&mut GraphProto)) -> ModelProto {
    let mut model = decode(&fold(before));
    how(model.graph.as_mut().unwrap());
    model
}

fn judged(before: &[u8], how: impl FnOnce(&mut GraphProto)) -> Verdict {
    judge(before, &changed(before, how).encode_to_vec())
}

/// What looks alike is never accepted; whether a run shows that it differs depends on the numbers.
fn differs(place: &str, verdict: &Verdict) {
    assert!(verdict.outcome >= Outcome::NotJudged, "{place}: {verdict:#?}");
}

/// Gives a value another name wherever it stands.
fn call(graph: &mut GraphProto, old: &str, new: &str) {
    for name in graph.node.iter_mut().flat_map(|node| node.input.iter_mut().chain(&mut node.output)) {
        if name == old {
            new.clone_into(name);
        }
    }
}

fn node(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
    NodeProto { op_type: Some(operator.into()), input: names(inputs), output: names(&[output]), ..NodeProto::default() }
}

fn numbers(name: &str, all: &[i64]) -> TensorProto {
    let (dims, name) = (vec![all.len() as i64], Some(name.to_owned()));
    TensorProto { name, dims, data_type: Some(7), int64_data: all.to_vec(), ..TensorProto::default() }
}

fn float(name: &str, f: f32) -> AttributeProto {
    AttributeProto { name: Some(name.into()), f: Some(f), r#type: Some(1), ..AttributeProto::default() }
}

/// Two linear blocks behind each other, the first read twice: tools that keep the names of convolutions move every name.
const RESIDUAL: &str = "c = Conv (x, w)  n = BatchNormalization (c, g, b, m, v)  d = Conv (n, w2)
    o = BatchNormalization (d, g2, b2, m2, v2)  r = Relu (o)  y = Add (n, r)";

#[test]
fn values_may_have_other_names() {
    let before = model(RESIDUAL);
    let kept = |graph: &mut GraphProto| {
        call(graph, "n", "c");
        call(graph, "o", "d");
    };
    right("the names of the convolutions", &judged(&before, kept));
    let strange = |graph: &mut GraphProto| {
        call(graph, "n", "d");
        call(graph, "o", "c");
    };
    right("each the name of the other", &judged(&before, strange));
    // A name that a constant has already is given to nothing else.
    let taken = |graph: &mut GraphProto| {
        strange(graph);
        let weight = graph.node[0].input[1].clone();
        call(graph, &weight, "n");
        graph.initializer.iter_mut().find(|tensor| tensor.name() == weight).unwrap().name = Some("n".to_owned());
    };
    assert_ne!(judged(&before, taken).outcome, Outcome::Equal);
}

#[test]
fn other_names_hide_nothing() {
    let before = model(RESIDUAL);
    let wrong = |how: &dyn Fn(&mut GraphProto)| {
        judged(&before, |graph| {
            call(graph, "n", "c");
            call(graph, "o", "d");
            how(graph);
        })
    };
    differs("a reader of the other", &wrong(&|graph| maker(graph, "y").input[0] = "d".to_owned()));
    differs("a block left out", &wrong(&|graph| maker(graph, "d").input[0] = "x".to_owned()));
    differs("a weight", &wrong(&|graph| change(graph, "c", 1, |weight| weight[3] *= 1.001)));
    differs("the weights of the other", &wrong(&|graph| maker(graph, "d").input[1] = maker(graph, "c").input[1].clone()));
    // The fold left out under the same name.
    let mut bare = decode(&before);
    let graph = bare.graph.as_mut().unwrap();
    graph.node.retain(|node| node.output[0] != "n");
    call(graph, "n", "c");
    differs("not folded", &judge(&before, &bare.encode_to_vec()));
}

#[test]
fn what_is_computed_twice_may_be_computed_once_and_what_nobody_reads_not_at_all() {
    let text = "c = Conv (x, w)  n = BatchNormalization (c, g, b, m, v)  r = Relu (n)  q = Relu (n)  s = Sigmoid (q)
        u = Tanh (q)  y = Add (r, s)";
    let before = model(text);
    let merged = |graph: &mut GraphProto| {
        graph.node.retain(|node| !matches!(node.output[0].as_str(), "q" | "u"));
        call(graph, "q", "r");
    };
    right("merged", &judged(&before, merged));
    let before = model(&text.replace("q = Relu (n)", "q = LeakyRelu (n)"));
    differs("no twins", &judged(&before, merged));
    let before =
        model(&text.replace("q = Relu (n)", "q = RandomNormalLike (n)").replace("r = Relu (n)", "r = RandomNormalLike (n)"));
    differs("random numbers", &judged(&before, merged));
    let before = model(&text.replace("u = Tanh (q)", "").replace("Add (r, s)", "Add (r, q)"));
    differs("read after all", &judged(&before, |graph| maker(graph, "y").input[1] = "s".to_owned()));
}

/// A BatchNormalization, and Flatten behind what reads it.
const FLAT: &str = "c = Conv (x, w)  n = BatchNormalization (c, g, b, m, v)  s = Sigmoid (n)  f = Flatten (s)
    z = Softmax <axis = 1> (f)  t = Unsqueeze (z, two)  y = Unsqueeze (t, two)";

#[test]
fn flatten_may_be_a_reshape_to_the_same_sizes() {
    let text = |samples: &str| {
        inexact(&format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            flat (float[{samples},4,3,3] x) => (float[N,C,H,W] y)
            <float[4,4,1,1] w = fill(0.3), float[4] g = fill(1.2), float[4] b = fill(0.4), float[4] m = fill(-0.2),
             float[4] v = fill(0.9), int64[1] two = {{2}}>
            {{ {FLAT} }}"#
        ))
    };
    let reshaped = |samples: &str, sizes: &[i64]| {
        let before = text(samples);
        let after = changed(&before, |graph| {
            graph.initializer.push(numbers("sizes", sizes));
            *maker(graph, "f") = node("Reshape", &["s", "sizes"], "f");
        });
        let shapes = vec![("x".to_owned(), vec![2, 4, 3, 3])];
        let options = VerifyOptions { shapes, ..crate::judged::options() };
        judge_with(&before, &after.encode_to_vec(), &options)
    };
    for sizes in [[0, 36], [0, -1]] {
        right("the same sizes", &reshaped("2", &sizes));
        right("the same sizes", &reshaped("N", &sizes));
    }
    for sizes in [&[36, 2][..], &[0, 2, 18], &[1, 72]] {
        differs("other sizes", &reshaped("2", sizes));
    }
    // Of two samples these are the same, and there are no others where the model says so.
    right("the sizes of two samples", &reshaped("2", &[2, -1]));
    right("the samples are what is left", &reshaped("2", &[-1, 36]));
    right("the samples are what is left", &reshaped("N", &[-1, 36]));
    differs("the sizes of two samples", &reshaped("N", &[2, -1]));
    // It cannot be computed at all.
    assert!(!matches!(reshaped("2", &[0, 35]).outcome, Outcome::Equal | Outcome::EqualWithinRounding));
}

#[test]
fn a_size_may_be_fixed_only_where_no_other_could_be_taken_in() {
    let text = |behind: &str, sizes: &str| {
        let reshape = if sizes.is_empty() { "f = Flatten (s)".to_owned() } else { "f = Reshape (s, sizes)".to_owned() };
        let sizes = if sizes.is_empty() { "0, -1" } else { sizes };
        inexact(&format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            flat (float[N,4,H,W] x) => (float[N,C] y)
            <float[4,4,1,1] w = fill(0.3), float[4] g = fill(1.2), float[4] b = fill(0.4), float[4] m = fill(-0.2),
             float[4] v = fill(0.9), float[36,5] p = fill(0.1), int64[2] sizes = {{{sizes}}}>
            {{ c = Conv (x, w)  n = BatchNormalization (c, g, b, m, v)  s = Sigmoid (n)  {reshape}  {behind} }}"#
        ))
    };
    let options = crate::judged::options();
    let options = VerifyOptions { shapes: vec![("x".to_owned(), vec![1, 4, 3, 3])], tier: Tier::Own, ..options };
    let judge = |behind: &str, sizes: &str| judge_with(&text(behind, ""), &fold(&text(behind, sizes)), &options);
    right("a product demands it", &judge("y = MatMul (f, p)", "0, 36"));
    right("open as it was", &judge("y = Relu (f)", "0, -1"));
    differs("nothing demands it", &judge("y = Relu (f)", "0, 36"));
    differs("one sample", &judge("y = MatMul (f, p)", "1, -1"));
}

#[test]
fn hard_swish_may_be_what_it_is_defined_as() {
    let before = model("c = Conv (x, w)  n = BatchNormalization (c, g, b, m, v)  y = HardSwish (n)");
    let spelled = |alpha: f32, beta: f32, other: &'static str| {
        judged(&before, move |graph| {
            let mut gate = node("HardSigmoid", &["n"], "gate");
            gate.attribute = vec![float("alpha", alpha), float("beta", beta)];
            graph.node.retain(|node| node.output[0] != "y");
            graph.node.extend([gate, node("Mul", &["gate", other], "y")]);
        })
    };
    right("the definition", &spelled(1.0 / 6.0, 0.5, "n"));
    differs("alpha", &spelled(0.2, 0.5, "n"));
    differs("beta", &spelled(1.0 / 6.0, 0.4, "n"));
    differs("another value", &spelled(1.0 / 6.0, 0.5, "x"));
    let gate_of_another = |graph: &mut GraphProto| {
        let mut gate = node("HardSigmoid", &["x"], "gate");
        gate.attribute = vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)];
        graph.node.retain(|node| node.output[0] != "y");
        graph.node.extend([gate, node("Mul", &["gate", "n"], "y")]);
    };
    differs("the gate of another value", &judged(&before, gate_of_another));
}

#[test]
fn automatic_pads_may_be_the_pads_that_they_are() {
    let before = inexact(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        padded (float[2,3,7,6] x) => (float[N,C,H,W] y)
        <float[4,3,3,3] w = fill(0.3), float[4] g = fill(1.2), float[4] b = fill(0.4), float[4] m = fill(-0.2), float[4] v = fill(0.9)>
        { c = Conv <auto_pad = "SAME_UPPER", strides = [2, 2]> (x, w)  y = BatchNormalization (c, g, b, m, v) }"#,
    );
    let with = |pads: &[i64]| {
        judged(&before, |graph| {
            let conv = maker(graph, "y");
            conv.attribute.retain(|a| a.name() != "auto_pad");
            let name = Some("pads".to_owned());
            conv.attribute.push(AttributeProto { name, ints: pads.to_vec(), r#type: Some(7), ..AttributeProto::default() });
        })
    };
    right("the same pads", &with(&[1, 0, 1, 1]));
    for wrong in [[1, 1, 1, 0], [0, 0, 1, 1], [1, 0, 1, 2], [0, 0, 0, 0]] {
        differs("other pads", &with(&wrong));
    }
}

#[test]
fn what_a_file_remarks_about_sizes_in_between_says_nothing() {
    let text = |pads: &str, info: &str| {
        inexact(&format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            padded (float[2,3,7,6] x) => (float[N,C,H,W] y) <float[4,3,3,3] w = fill(0.3), float[4] g = fill(1.2),
             float[4] b = fill(0.4), float[4] m = fill(-0.2), float[4] v = fill(0.9){info}>
            {{ r = Relu (x)  c = Conv <strides = [2, 2], {pads}> (r, w)  y = BatchNormalization (c, g, b, m, v) }}"#
        ))
    };
    // Of eight rows and seven columns these are the pads, but there are seven and six.
    let stated = text("pads = [0, 1, 1, 1]", "");
    let remarked = text("auto_pad = \"SAME_UPPER\"", ", float[2,3,8,7] r");
    differs("a remark that is wrong", &judge(&stated, &fold(&remarked)));
}

#[test]
fn a_product_may_stand_between_two_reshapes() {
    let before = inexact(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        product (float[2,7,5] x) => (float[N,L,C] y)
        <float[5,4] w = fill(0.3), float[4] t = fill(0.4), float[4] s = fill(1.3)>
        { p = MatMul (x, w)  q = Add (p, t)  y = Mul (q, s) }"#,
    );
    let between = |sizes: &[i64], how: &dyn Fn(&mut Vec<f64>)| {
        judged(&before, |graph| {
            let weight = graph.node.iter().find(|node| node.op_type() == "MatMul").unwrap().input[1].clone();
            let made = graph.node.iter().find(|node| node.op_type() == "Add").unwrap().clone();
            let bias =
                made.input.iter().find(|name| graph.initializer.iter().any(|t| t.name() == name.as_str())).unwrap().clone();
            graph.initializer.extend([numbers("rows", &[-1, 5]), numbers("sizes", sizes)]);
            graph.node = vec![
                node("Reshape", &["x", "rows"], "flat"),
                node("Gemm", &["flat", &weight, &bias], "gemm"),
                node("Reshape", &["gemm", "sizes"], "y"),
            ];
            change(graph, "gemm", 1, how);
        })
    };
    right("between", &between(&[2, 7, 4], &|_| {}));
    differs("a weight", &between(&[2, 7, 4], &|weight| weight[1] *= 1.001));
    for wrong in [&[7, 2, 4][..], &[2, 4, 7], &[1, 14, 4]] {
        differs("other sizes", &between(wrong, &|_| {}));
    }
}

#[test]
fn a_product_between_two_reshapes_is_shown_for_fixed_sizes_alone() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        product (float[N,7,5] x) => (float[N,L,C] y)
        <float[5,4] w = fill(0.3), float[4] t = fill(0.4), int64[2] rows = {-1, 5}, int64[3] sizes = {1, 7, 4}>
        { p = MatMul (x, w)  y = Add (p, t) }"#;
    let before = inexact(text);
    let after = inexact(
        &text.replace("p = MatMul (x, w)  y = Add (p, t)", "r = Reshape (x, rows)  p = Gemm (r, w, t)  y = Reshape (p, sizes)"),
    );
    differs("one sample alone", &judge(&before, &after));
}

fn text(body: &str) -> Vec<u8> {
    inexact(&format!(r#"<ir_version: 8, opset_import: ["" : 17]> {body}"#))
}

#[test]
fn what_is_not_matched_is_run_whole_at_several_sizes_and_differs_only_if_that_shows_it() {
    let body = |middle: &str| {
        text(&format!(
            "g (float[N,2,H,W] x) => (float[N,3,H,W] y) <float[3,2,1,1] w = dyadic(1)> {{ k = Conv (x, w) r = Sigmoid (k) {middle} }}"
        ))
    };
    let turned = body("s = Transpose <perm = [1, 0, 2, 3]> (r) t = Exp (s) y = Transpose <perm = [1, 0, 2, 3]> (t)");
    let verdict = judge(&turned, &body("y = Exp (r)"));
    assert!(verdict.outcome <= Outcome::NotJudged, "{verdict:#?}");
    if let Execution::SideBySide { runs, .. } = &verdict.execution {
        let inputs: Vec<&str> = runs.iter().flat_map(|run| &run.inputs).map(String::as_str).collect();
        assert_eq!(inputs[..2], ["x: float[2,2,5,7]", "x: float[3,2,8,6]"]);
        let sorts: Vec<&str> = runs.iter().map(|run| run.numbers.as_str()).filter(|sort| !sort.is_empty()).collect();
        assert_eq!(
            sorts,
            ["a thousand times as large", "all positive", "all negative", "spikes among zeros", "2^33 times as large"]
        );
        assert!(runs.iter().all(|run| run.agree == ["y"]), "{verdict:#?}");
    }
    let other = judge(&turned, &body("y = Softplus (r)"));
    assert_eq!(other.outcome, Outcome::Differs, "{other:#?}");
    let said = &other.differences[0];
    assert!(said.place.contains("`y`") && said.what.contains("seed 0, x: float[2,2,5,7]"), "{said:?}");
    assert!(!other.unmatched.is_empty(), "{other:#?}");
}

#[test]
fn a_second_model_that_takes_fewer_sizes_differs_and_is_told_with_one_that_it_does_not_take() {
    let body = |to: i64| {
        let middle = format!("s = Constant <value_ints = [{to}, 4]> () e = Erf (x) r = Reshape (e, s) y = Exp (r)");
        text(&format!("g (float[N,2,2] x) => (float[M,4] y) {{ {middle} }}"))
    };
    let verdict = judge(&body(-1), &body(1));
    assert_eq!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
    let said = "Reshape `r`: 8 elements cannot have the dims [1, 4]; on x: float[2,2,2]";
    assert!(verdict.differences.iter().any(|difference| difference.what.ends_with(said)), "{verdict:#?}");
}

#[test]
fn maps_that_do_nothing_vanish() {
    let bodies = [
        "g (float[n,4] x) => (float[n,4] y) <float[4] z = {0, 0, 0, 0}> { e = Erf (x) a = Add (e, z) y = Tanh (a) }",
        "g (float[n,4] x) => (float[n,4] y) <float[4] z = {0, 0, 0, 0}> { e = Erf (x) y = Sub (e, z) }",
        "g (float[n,4] x) => (float[n,4] y) <float o = {1}> { a = Div (x, o) y = Erf (a) }",
        "g (float[n,2,3] x) => (float[n,2,3] y) <float[1,2,1] o = {1, 1}> { e = Erf (x) m = Mul (e, o) y = Tanh (m) }",
        "g (float[n,2,3] x) => (float[n,2,3] y) <float[2] o = {1, 1}, float[2] z = {0, 0}>
         { e = Erf (x) b = BatchNormalization <epsilon = 0.0> (e, o, z, z, o) y = Tanh (b) }",
        "g (float[n,4] x) => (float[n,4] y) <float o = {1}> { e = Erf (x) m = Mul (e, o) y = Add (m, x) }",
    ];
    for body in bodies {
        let before = bnfold::sample::encode(&format!(r#"<ir_version: 8, opset_import: ["" : 17]> {body}"#)).unwrap();
        let after = fold(&before);
        let nodes = |bytes: &[u8]| decode(bytes).graph.unwrap().node.len();
        assert_eq!(nodes(&after), nodes(&before) - 1, "{body}");
        let verdict = judge(&before, &after);
        assert_eq!(verdict.outcome, Outcome::Equal, "{body}: {verdict:#?}");
    }
}

#[test]
fn a_map_that_makes_a_value_larger_or_does_something_does_not_vanish() {
    let model = |middle: &str| {
        let body = format!(
            "g (float[1,4] x) => (float[1,1] y) <float[2,4] z = {{0, 0, 0, 0, 0, 0, 0, 0}}, float o = {{2}}> {{ e = Exp (x) {middle} }}"
        );
        bnfold::sample::encode(&format!(r#"<ir_version: 8, opset_import: ["" : 17]> {body}"#)).unwrap()
    };
    let gone = model("y = ReduceSum (e)");
    let larger = model("a = Add (e, z) y = ReduceSum (a)");
    assert_eq!(fold(&larger), larger);
    differs("larger", &judge(&larger, &gone));
    differs("twice", &judge(&model("a = Mul (e, o) y = ReduceSum (a)"), &gone));
    differs("larger there", &judge(&gone, &larger));
}

#[test]
fn in_a_hurry_constants_decide_one_by_one_or_nothing_is_judged() {
    let hurried = VerifyOptions { regions: false, ..crate::judged::options() };
    let body = |middle: &str| {
        let map = "float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)";
        text(&format!(
            "g (float[1,2,6,6] x) => (float[1,3,A,B] y) <float[3,2,3,3] w = dyadic(1), {map}> {{ k = Conv (x, w) {middle} }}"
        ))
    };
    let behind = body("y = BatchNormalization (k, s, b, m, v)");
    assert_eq!(judge_with(&behind, &fold(&behind), &hurried).outcome, Outcome::EqualWithinRounding);
    let pooled = body("p = AveragePool <kernel_shape = [2, 2]> (k) y = BatchNormalization (p, s, b, m, v)");
    assert_ne!(fold(&pooled), pooled);
    assert_eq!(judge(&pooled, &fold(&pooled)).outcome, Outcome::EqualWithinRounding);
    let verdict = judge_with(&pooled, &fold(&pooled), &hurried);
    assert_eq!(verdict.outcome, Outcome::NotJudged, "{verdict:#?}");
    assert!(verdict.sites[0].reason.as_deref().is_some_and(|why| why.contains("--quick")), "{verdict:#?}");
}

/// Judges a model against itself, changed.
fn same(before: &[u8], how: impl FnOnce(&mut GraphProto)) -> Outcome {
    let mut model = decode(before);
    how(model.graph.as_mut().unwrap());
    judge(before, &model.encode_to_vec()).outcome
}

fn unequal(outcome: Outcome) {
    assert!(matches!(outcome, Outcome::Differs | Outcome::NotJudged), "{outcome:?}");
}

#[test]
fn nodes_without_effect_may_go() {
    let plain = |body: &str| {
        inexact(&format!(
            "<ir_version: 8, opset_import: [\"\" : 17]> words (float[N,4,6,6] x) => (float[N,C,H,W] y) {{ {body} }}"
        ))
    };
    let gone = |name: &'static str, source: &'static str| {
        move |graph: &mut GraphProto| {
            graph.node.retain(|node| node.output[0] != name);
            call(graph, name, source);
        }
    };
    let dropout = plain("r = Relu (x)  d = Dropout (r)  y = Sigmoid (d)");
    assert_eq!(same(&dropout, gone("d", "r")), Outcome::Equal);
    let last = plain("r = Relu (x)  s = Sigmoid (r)  t = Identity (s)  y = Identity (t)");
    let direct = |graph: &mut GraphProto| {
        gone("t", "s")(graph);
        graph.node.retain(|node| node.output[0] != "y");
        call(graph, "s", "y");
    };
    assert_eq!(same(&last, direct), Outcome::Equal);
    let swapped = |graph: &mut GraphProto| {
        direct(graph);
        maker(graph, "y").input[0] = "x".to_owned();
    };
    unequal(same(&last, swapped));
    let turned =
        plain("r = Relu (x)  s = Transpose <perm = [0, 2, 3, 1]> (r)  t = Transpose <perm = [0, 3, 1, 2]> (s)  y = Sigmoid (t)");
    let cancelled = |graph: &mut GraphProto| {
        gone("s", "s")(graph);
        gone("t", "r")(graph);
    };
    assert_eq!(same(&turned, cancelled), Outcome::Equal);
    let others = inexact(
        r#"<ir_version: 8, opset_import: ["" : 17]> words (float[N,4,6,6] x) => (float[N,C,H,W] y) {
        r = Relu (x)  s = Transpose <perm = [0, 2, 3, 1]> (r)  t = Transpose <perm = [0, 3, 2, 1]> (s)  y = Sigmoid (t) }"#,
    );
    unequal(same(&others, cancelled));
}

#[test]
fn a_difference_may_be_a_sum_and_two_reshapes_one() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> words (float[N,4,6,6] x) => (float[N,F] y)
        <float[4,1,1] c = {1.5, -2.0, 0.5, 4.0}, int64[3] first = {0, 4, -1}, int64[2] second = {-1, 144}> {
        s = Sub (x, c)  a = Reshape (s, first)  b = Reshape (a, second)  y = Relu (b) }"#;
    let before = bnfold::sample::encode(text).unwrap();
    let sum = |factor: f64| {
        move |graph: &mut GraphProto| {
            maker(graph, "s").op_type = Some("Add".to_owned());
            change(graph, "s", 1, |c| c.iter_mut().for_each(|c| *c *= factor));
        }
    };
    assert_eq!(same(&before, sum(-1.0)), Outcome::Equal);
    unequal(same(&before, sum(1.0)));
    let one = |graph: &mut GraphProto| {
        graph.node.retain(|node| node.output[0] != "a");
        call(graph, "a", "s");
    };
    assert_eq!(same(&before, one), Outcome::Equal);
    let copied =
        text.replace("{0, 4, -1}", "{4, -1, 36}").replace("{-1, 144}", "{0, -1}").replace("float[N,F] y", "float[M,F] y");
    let copied = bnfold::sample::encode(&copied).unwrap();
    // The size that is copied is another one.
    unequal(same(&copied, one));
}

#[test]
fn a_fold_behind_a_pool_may_keep_every_name() {
    let before = model(
        "c = Conv (x, w)  p = AveragePool <kernel_shape = [2, 2]> (c)
        z = BatchNormalization (p, g, b, m, v)  y = Relu (z)",
    );
    let kept = |graph: &mut GraphProto| call(graph, "z", "p");
    let mut after = decode(&fold(&before));
    let graph = after.graph.as_mut().unwrap();
    let conv = graph.node.iter().find(|node| node.op_type() == "Conv").unwrap().output[0].clone();
    kept(graph);
    call(graph, &conv, "c");
    right("every name", &judge(&before, &after.encode_to_vec()));
    change(after.graph.as_mut().unwrap(), "c", 1, |weight| weight[2] *= 1.01);
    differs("a weight", &judge(&before, &after.encode_to_vec()));
}

#[test]
fn extents_that_are_open_and_versions_without_change_are_words_alone() {
    use bnfold::onnx::tensor_shape_proto::dimension::Value as Size;
    use bnfold::onnx::type_proto::Value as Kind;
    let before = inexact(r#"<ir_version: 8, opset_import: ["" : 13]> words (float[N,4] x) => (float[N,4] y) { y = Relu (x) }"#);
    let sized = |size: Option<Size>| {
        same(&before, |graph| {
            let kind = graph.input[0].r#type.as_mut().unwrap().value.as_mut().unwrap();
            let Kind::TensorType(tensor) = kind else { panic!("a tensor") };
            tensor.shape.as_mut().unwrap().dim[0].value = size;
        })
    };
    for open in [None, Some(Size::DimValue(-1)), Some(Size::DimValue(0)), Some(Size::DimParam("batch".into()))] {
        assert_eq!(sized(open.clone()), Outcome::Equal, "{open:?}");
    }
    unequal(sized(Some(Size::DimValue(1))));
    let raised = |text: &str, version| {
        let before = inexact(text);
        let mut after = decode(&before);
        after.opset_import[0].version = Some(version);
        judge(&before, &after.encode_to_vec()).outcome
    };
    let softmax = r#"<ir_version: 8, opset_import: ["" : 12]> words (float[N,4,2] x) => (float[N,4,2] y) { y = Softmax (x) }"#;
    assert_eq!(raised(&softmax.replace("Softmax", "Relu"), 17), Outcome::Equal);
    unequal(raised(softmax, 17));
}

#[test]
fn a_cast_that_rounds_ends_a_region() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> words (TYPE[2,4,6,6] x) => (float[N,C,H,W] y)
        <TYPE[1] s = {0.25}, float[4,4,1,1] w = fill(0.3)> {
        n = Mul (x, s)  p = Cast <to = TO> (n)  q = Cast <to = 1> (p)  y = Conv (q, w) }"#;
    let moved = |kind: &str, to: &str| {
        let before = bnfold::sample::encode(&text.replace("TYPE", kind).replace("TO", to)).unwrap();
        let mut after = decode(&before);
        let graph = after.graph.as_mut().unwrap();
        graph.node.retain(|node| node.output[0] != "n");
        call(graph, "n", "x");
        call(graph, "p", "wide");
        call(graph, "q", "plain");
        change(graph, "y", 1, |weight| weight.iter_mut().for_each(|w| *w *= 0.25));
        judge(&before, &after.encode_to_vec()).outcome
    };
    assert_eq!(moved("float16", "1"), Outcome::EqualWithinRounding);
    unequal(moved("float", "11"));
    unequal(moved("float", "10"));
}

#[test]
fn an_output_whose_shape_is_not_stated_may_get_the_one_that_follows() {
    let open = |shape: &str| {
        bnfold::sample::encode(&format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g (float[N,3,H] x) => (float{shape} y)
            <float[2,3,1] w = dyadic(1)> {{ y = Conv (x, w) }}"#
        ))
        .unwrap()
    };
    let mut silent = decode(&open("[N,2,H]"));
    let Some(bnfold::onnx::type_proto::Value::TensorType(tensor)) =
        silent.graph.as_mut().unwrap().output[0].r#type.as_mut().unwrap().value.as_mut()
    else {
        panic!()
    };
    tensor.shape = None;
    let silent = silent.encode_to_vec();
    for (shape, outcome) in [("[N,2,H]", Outcome::Equal), ("[N,3,H]", Outcome::Differs), ("[N,2]", Outcome::Differs)] {
        let verdict = judge(&silent, &open(shape));
        assert_eq!(verdict.outcome, outcome, "{shape}: {verdict:#?}");
        assert_eq!(judge(&open(shape), &silent).outcome, outcome, "{shape}, the other way round");
    }
    let verdict = judge(&silent, &open("[N,3,H]"));
    assert!(verdict.differences[0].what.ends_with("differ in name, order or type: the types of `y`"), "{verdict:#?}");
}

#[test]
fn what_rests_on_an_operator_without_a_meaning_shows_no_difference() {
    let model = |imports: &str, body: &str| {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17{imports}]> g (float[1,2,4,4] x) => (float[1,2,4,4] y, float[1,2,4,4] z)
            <float[2,2,1,1] w = dyadic(1)> {{ {body}  z = Exp (x) }}"#
        );
        bnfold::sample::encode(&text).unwrap()
    };
    let before = model("", "c = Conv (x, w)  r = Relu (c)  y = Neg (r)");
    let fused = "r = com.microsoft.FusedConv <activation = \"Relu\"> (x, w)  y = Neg (r)";
    let domain = ", \"com.microsoft\" : 1";
    let verdict = judge(&before, &model(domain, fused));
    assert_eq!(verdict.outcome, Outcome::NotJudged, "{verdict:#?}");
    // What does not rest on it is compared as ever.
    let mut second = decode(&model(domain, fused));
    second.graph.as_mut().unwrap().node.last_mut().unwrap().op_type = Some("Softplus".to_owned());
    let verdict = judge(&before, &second.encode_to_vec());
    assert_eq!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
    assert!(verdict.differences.iter().all(|found| found.place.contains("`z`")), "{verdict:#?}");
}

/// A product, a sum and what lays its elements out anew, as an input says; with one number behind it or not.
fn laid_out(weight: f32, bias: f32, rest: &str) -> Vec<u8> {
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[b,n,2] x, int64[r] to) => (float[] y) <float[2,2] w = fill({weight}), float[2] c = fill({bias}), float k = {{4}}>
        {{ p = MatMul (x, w) a = Add (p, c) {rest} }}"#
    );
    bnfold::sample::encode(&text).unwrap()
}

#[test]
fn one_number_goes_before_what_lays_elements_out_to_extents_that_are_not_known() {
    for operator in ["Reshape", "Expand"] {
        let after = format!("y = {operator} (a, to)");
        for (behind, weight, bias) in [("Mul (r, k)", 2.0, 1.0), ("Div (r, k)", 0.125, 0.0625), ("Sub (k, r)", -0.5, 3.75)] {
            let before = laid_out(0.5, 0.25, &format!("r = {operator} (a, to) y = {behind}"));
            let verdict = judge(&before, &laid_out(weight, bias, &after));
            assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{behind}: {verdict:#?}");
            for (weight, bias) in [(weight, bias + 0.01), (weight * 1.01, bias), (-weight, bias)] {
                differs(behind, &judge(&before, &laid_out(weight, bias, &after)));
            }
        }
        // A number with axes may change the extents.
        let before = laid_out(0.5, 0.25, &format!("r = {operator} (a, to) y = Mul (r, k)"));
        let mut wide = decode(&before);
        let graph = wide.graph.as_mut().unwrap();
        graph.initializer.iter_mut().filter(|tensor| tensor.name() == "k").for_each(|k| k.dims = vec![1; 9]);
        differs("nine axes", &judge(&wide.encode_to_vec(), &laid_out(2.0, 1.0, &after)));
    }
}
