//! Folds within functions of a model: every call must allow them, and then the body changes once and the constants at each
//! call. All numbers are exact, so that what comes out must be equal bit for bit.

use bnfold::model::{Graph, Model};
use bnfold::onnx::{ModelProto, NodeProto};
use bnfold::plan::Options;
use bnfold::verify::Outcome;
#[path = "partly.rs"]
mod partly;

use crate::support::{evaluate, fold, fold_with, model_of, random_inputs};

const CONSTANTS: &str = "float[3,2,1,1] w = dyadic(1), float[3,2,1,1] u = dyadic(7), float[3] s = dyadic(2), float[3] b = dyadic(3), \
     float[3] m = dyadic(4), float[3] v = square(5), float[3] t = dyadic(6)";

const BODY: &str = r#"<opset_import: ["" : 17], domain: "local"> f (x, w, s, b, m, v) => (y)
    { c = Conv (x, w) y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#;

/// A model with these nodes and functions, one input `x`, and outputs `y` and `z`.
fn model(nodes: &str, functions: &str) -> Vec<u8> {
    whole("float[1,2,2,2] x", nodes, functions)
}

fn whole(inputs: &str, nodes: &str, functions: &str) -> Vec<u8> {
    let text = format!(
        r#"<ir_version: 10, opset_import: ["" : 17, "local" : 1]>
        g ({inputs}) => (float[1,3,2,2] y, float[1,3,2,2] z) <{CONSTANTS}> {{ {nodes} }} {functions}"#
    );
    bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn operators(nodes: &[NodeProto]) -> Vec<&str> {
    nodes.iter().map(|n| n.op_type()).filter(|n| *n != "Constant").collect()
}

/// The operators in functions, constants left out.
fn bodies(model: &ModelProto) -> Vec<Vec<&str>> {
    model.functions.iter().map(|f| operators(&f.node)).collect()
}

fn same_values(before: &[u8], after: &[u8]) {
    for seed in 0..3 {
        let inputs = random_inputs(&model_of(before), seed);
        let (one, two) = (evaluate(before, &inputs), evaluate(after, &inputs));
        for output in ["y", "z"] {
            assert_eq!(one[output], two[output], "{output}");
        }
    }
}

/// Folds, and holds the result against the original: by the reference bit for bit, by our own judge, and once more folded.
fn folded(bytes: &[u8]) -> ModelProto {
    changed(bytes, &Options::default())
}

/// The same as the options say.
fn changed(bytes: &[u8], options: &Options) -> ModelProto {
    let after = fold_with(bytes, options);
    assert_ne!(after, bytes, "nothing was folded");
    same_values(bytes, &after);
    assert_eq!(fold_with(&after, options), after, "folded twice");
    let verdict = crate::judged::judge(bytes, &after);
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:?}");
    model_of(&after)
}

fn stays(bytes: &[u8], code: &str) {
    let model = Model::from_bytes(bytes.to_vec()).unwrap();
    let graph = Graph::build(&model).unwrap();
    let plan = bnfold::plan::plan(&graph, &Options::default()).unwrap();
    let reasons: Vec<&str> = plan.kept.iter().flat_map(|k| [k.back.reason.code(), k.ahead.reason.code()]).collect();
    assert!(plan.folds().is_empty(), "{:?}", plan.folds());
    assert!(reasons.contains(&code), "{reasons:?}");
    assert_eq!(fold(bytes), bytes);
}

/// Folds with functions inlined: no call is left, and no BatchNormalization.
fn folds_inlined(bytes: &[u8], left: &[&str]) {
    let model = Model::from_bytes(bytes.to_vec()).unwrap().inlined().unwrap();
    let graph = Graph::build(&model).unwrap();
    let mut after = Vec::new();
    bnfold::fold::write_to(&graph, &Options::default(), &mut after).unwrap();
    same_values(bytes, &after);
    let verdict = crate::judged::judge(bytes, &after);
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{verdict:?}");
    let after = model_of(&after);
    assert!(after.functions.is_empty());
    assert_eq!(operators(&after.graph.unwrap().node), left);
}

#[test]
fn inlined_each_call_folds_for_itself() {
    let left = ["Conv", "Conv"];
    let body = r#"<opset_import: ["" : 17], domain: "local"> f (x, w, s, b, m, v) => (y, z)
        { c = Conv (x, w) y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) z = Conv (x, w) }"#;
    folds_inlined(&model("y, z = local.f (x, w, s, b, m, v)", body), &left);
    let body = r#"<opset_import: ["" : 17], domain: "local"> f <e: float = 3.0> (x) => (y)
        { w = Constant <value = float[3,2,1,1] {1, 2, 3, 4, 5, 6}> () s = Constant <value_floats = [1.0, 1.0, 1.0]> ()
          c = Conv (x, w) y = BatchNormalization <epsilon: float = @e> (c, s, s, s, s) }"#;
    folds_inlined(&model("y = local.f <e = 0.0> (x) z = local.f (x)", body), &left);
    let outer = r#"<opset_import: ["" : 17, "local" : 1], domain: "local"> h <e> (x, w, s, b, m, v) => (z, x)
        { y = local.f <e: float = @e> (x, w, s, b, m, v) z = Neg (y) }"#;
    let inner = r#"<opset_import: ["" : 17], domain: "local"> f <e> (x, w, s, b, m, v) => (y)
        { c = Conv (x, w) y = BatchNormalization <epsilon: float = @e> (c, s, b, m, v) }"#;
    let nodes = "y, k = local.h <e = 0.0> (x, w, s, b, m, v) z, r = local.h <e = 0.0> (k, u, t, b, m, v)";
    folds_inlined(&model(nodes, &format!("{outer} {inner}")), &["Conv", "Neg", "Identity", "Conv", "Neg", "Identity"]);
}

#[test]
fn inlined_names_do_not_meet() {
    // `y/f/c`, which the body's `c` would be called, is there already; `w` of the nested graph is not the one outside.
    let body = r#"<opset_import: ["" : 17], domain: "local"> f (x, k, u, r, s, b, m, v) => (y)
        { c = If (k) < then_branch = t () => (p) { w = Conv (x, u) p = BatchNormalization <epsilon = 0.0> (w, s, b, m, v) },
                       else_branch = e () => (p) { p = Conv (x, r) } >
          y = Neg (c) }"#;
    let nodes = r#""y/f/c" = Neg (x) y = local.f ("y/f/c", k, w, u, s, b, m, v) z = local.f (x, k, w, w, t, b, m, v)"#;
    folds_inlined(&whole("float[1,2,2,2] x, bool k", nodes, body), &["Neg", "If", "Neg", "If", "Neg"]);
}

#[test]
fn what_cannot_be_inlined_stays_a_call() {
    let body = BODY.replace(": 17", ": 16");
    let bytes = model("y = local.f (x, w, s, b, m, v) z = Neg (y)", &body);
    let inlined = Model::from_bytes(bytes.clone()).unwrap().inlined().unwrap();
    assert!(!inlined.is_inlined());
    // Our judge does not look into such calls, so their arguments stay as well.
    stays(&bytes, "function-parameter");
    assert_eq!(crate::judged::judge(&bytes, &fold(&bytes)).outcome, Outcome::Equal);
}

#[test]
fn each_call_with_its_own_constants() {
    let after = folded(&model("y = local.f (x, w, s, b, m, v) z = local.f (x, u, t, m, b, v)", BODY));
    assert_eq!(bodies(&after), [["Conv"]]);
    assert_eq!(after.functions[0].input.len(), 3, "data, weight, and a new bias");
    let graph = after.graph.unwrap();
    assert!(graph.node.iter().all(|n| n.input.len() == 3), "{:?}", graph.node);
    assert_eq!(graph.initializer.len(), 4);
}

#[test]
fn the_same_constants_at_every_call() {
    let after = folded(&model("y = local.f (x, w, s, b, m, v) r = Neg (x) z = local.f (r, w, s, b, m, v)", BODY));
    assert_eq!(bodies(&after), [["Conv"]]);
    assert_eq!(after.graph.unwrap().initializer.len(), 4, "one weight and one bias for both, and two that nobody reads");
}

#[test]
fn a_weight_for_two_calls_that_scale_it_differently() {
    let after = folded(&model("y = local.f (x, w, s, b, m, v) z = local.f (x, w, t, b, m, v)", BODY));
    assert_eq!(bodies(&after), [["Conv"]]);
}

#[test]
fn a_constant_that_others_read_stays() {
    let after = folded(&model("y = local.f (x, w, s, b, m, v) z = Conv (x, w, s)", BODY));
    assert_eq!(bodies(&after), [["Conv"]]);
    assert_eq!(after.graph.unwrap().initializer.iter().filter(|t| t.dims.len() == 4).count(), 3);
}

#[test]
fn one_constant_for_two_parameters() {
    let body = r#"<opset_import: ["" : 17], domain: "local"> f (x, w, u, s, b) => (y, z)
        { c = Conv (x, w) y = BatchNormalization <epsilon = 0.0> (c, s, b, b, s)
          d = Conv (x, u) z = Relu (d) }"#;
    let nodes = "k = Constant <value_floats = [1.0, 4.0, 16.0]> () y, z = local.f (x, w, w, k, b)";
    let after = folded(&model(nodes, body));
    assert_eq!(bodies(&after), [["Conv", "Conv", "Relu"]]);
    let call = after.graph.unwrap().node.into_iter().find(|n| n.op_type() == "f").unwrap();
    assert_ne!(call.input[1], call.input[2], "only one of the two is scaled");
}

#[test]
fn a_parameter_that_two_nodes_read_stays() {
    let body = r#"<opset_import: ["" : 17], domain: "local"> f (x, w, s, b, m, v) => (y, z)
        { c = Conv (x, w) y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)
          z = Conv (x, w) }"#;
    stays(&model("y, z = local.f (x, w, s, b, m, v)", body), "function-parameter");
}

#[test]
fn constants_inside_and_outside() {
    let body = r#"<opset_import: ["" : 17], domain: "local"> f (x, w, s) => (y)
        { b = Constant <value_floats = [1.0, 2.0, 3.0]> () v = Constant <value_floats = [1.0, 4.0, 16.0]> ()
          c = Conv (x, w) y = BatchNormalization <epsilon = 0.0> (c, s, b, b, v) }"#;
    let after = folded(&model("y = local.f (x, w, s) z = local.f (x, u, t)", body));
    assert_eq!(bodies(&after), [["Conv"]]);
    // A weight inside cannot be two things.
    let body = r#"<opset_import: ["" : 17], domain: "local"> f (x, s, b, m, v) => (y)
        { w = Constant <value = float[3,2,1,1] {1, 2, 3, 4, 5, 6}> ()
          c = Conv (x, w) y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#;
    stays(&model("y = local.f (x, s, b, m, v) z = local.f (x, t, b, m, v)", body), "function-parameter");
    let after = folded(&model("y = local.f (x, s, b, m, v) z = local.f (x, s, b, m, v)", body));
    assert_eq!(bodies(&after), [["Conv"]]);
}

#[test]
fn epsilon_from_the_call_or_its_default() {
    let body = r#"<opset_import: ["" : 17], domain: "local"> f <e: float = 0.75> (x, w, s, b, m) => (y)
        { v = Constant <value_floats = [0.25, 3.25, 15.25]> ()
          c = Conv (x, w) y = BatchNormalization <epsilon: float = @e> (c, s, b, m, v) }"#;
    let after = folded(&model("y = local.f (x, w, s, b, m) z = local.f <e = 0.75> (x, u, t, b, m)", body));
    assert_eq!(bodies(&after), [["Conv"]]);
    // Two epsilons, two folds of one weight in the body.
    let body = r#"<opset_import: ["" : 17], domain: "local"> f <e> (x) => (y)
        { w = Constant <value = float[3,2,1,1] {1, 2, 3, 4, 5, 6}> () s = Constant <value_floats = [1.0, 1.0, 1.0]> ()
          c = Conv (x, w) y = BatchNormalization <epsilon: float = @e> (c, s, s, s, s) }"#;
    stays(&model("y = local.f <e = 0.0> (x) z = local.f <e = 3.0> (x)", body), "function-parameter");
    let after = folded(&model("y = local.f <e = 3.0> (x) z = local.f <e = 3.0> (x)", body));
    assert_eq!(bodies(&after), [["Conv"]]);
}

#[test]
fn calls_that_do_not_all_allow_it() {
    // A computed argument, an input of the graph, and one that the call leaves out.
    let inputs = "float[1,2,2,2] x, float[3] i";
    let nodes = "k = Neg (i) y = local.f (x, w, s, b, m, v) z = local.f (x, w, k, b, m, v)";
    stays(&whole(inputs, nodes, BODY), "function-parameter");
    let inputs = "float[1,2,2,2] x, float[3] k";
    stays(&whole(inputs, "y = local.f (x, w, s, b, m, v) z = local.f (x, w, k, b, m, v)", BODY), "function-parameter");
    // An initializer that a caller may override, in the second call and in the first.
    let inputs = "float[1,2,2,2] x, float[3] t";
    stays(&whole(inputs, "y = local.f (x, w, s, b, m, v) z = local.f (x, w, t, b, m, v)", BODY), "function-parameter");
    stays(&whole(inputs, "y = local.f (x, w, t, b, m, v) z = local.f (x, w, s, b, m, v)", BODY), "overridable");
    // A statistic that is negative in one call.
    let k = "k = Constant <value_floats = [1.0, -4.0, 1.0]> ()";
    let nodes = format!("{k} y = local.f (x, w, s, b, m, v) z = local.f (x, w, s, b, m, k)");
    stays(&model(&nodes, BODY), "function-parameter");
}

#[test]
fn calls_in_nested_graphs_and_in_functions() {
    let nodes = "y = If (k) < then_branch = t () => (float[1,3,2,2] p) { p = local.f (x, w, s, b, m, v) },
                              else_branch = e () => (float[1,3,2,2] q) { q = local.f (x, u, t, b, m, v) } >
                 z = local.f (x, w, t, b, m, v)";
    let after = folded(&whole("float[1,2,2,2] x, bool k", nodes, BODY));
    assert_eq!(bodies(&after), [["Conv"]]);
    // Constants in the body that calls.
    let outer = r#"<opset_import: ["" : 17, "local" : 1], domain: "local"> h (x, s) => (y)
        { w = Constant <value = float[3,2,1,1] {1, 2, 3, 4, 5, 6}> () k = Constant <value_floats = [1.0, 4.0, 16.0]> ()
          n = local.f (x, w, k, k, k, k) y = Mul (n, n) }"#;
    let after = folded(&model("y = local.h (x, s) z = local.f (x, w, s, b, m, v)", &format!("{outer} {BODY}")));
    assert_eq!(bodies(&after), [vec!["f", "Mul"], vec!["Conv"]]);
    // What the body that calls is itself given is not looked through.
    let outer = r#"<opset_import: ["" : 17, "local" : 1], domain: "local"> h (x, w, s, b, m, v) => (y)
        { y = local.f (x, w, s, b, m, v) }"#;
    stays(
        &model("y = local.h (x, w, s, b, m, v) z = local.h (x, u, t, b, m, v)", &format!("{outer} {BODY}")),
        "function-parameter",
    );
}

#[test]
fn names_of_a_body_are_its_own() {
    // `w` and `c` mean other things outside, and a nested graph in the body reads the body's.
    let body = r#"<opset_import: ["" : 17], domain: "local"> f (x, k, u, s, b, m, v) => (y)
        { c = If (k) < then_branch = t () => (p) { w = Conv (x, u) p = BatchNormalization <epsilon = 0.0> (w, s, b, m, v) },
                       else_branch = e () => (p) { p = Conv (x, u) } >
          y = Neg (c) }"#;
    let nodes = "c = Neg (x) y = local.f (c, k, w, s, b, m, v) z = local.f (x, k, u, t, b, m, v)";
    // The weight is read in both branches, so it stays.
    stays(&whole("float[1,2,2,2] x, bool k", nodes, body), "function-parameter");
    let body = body.replace("p = Conv (x, u) }", "p = Conv (x, r) }").replace("(x, k, u, s,", "(x, k, u, r, s,");
    let nodes = "c = Neg (x) y = local.f (c, k, w, u, s, b, m, v) z = local.f (x, k, u, w, t, b, m, v)";
    folded(&whole("float[1,2,2,2] x, bool k", nodes, &body));
}

#[test]
fn domain_overload_and_standard_names() {
    // Two overloads: each has its own call.
    let other = BODY.replace("domain: \"local\"", "domain: \"local\", overload: \"o\"").replace("y = Batch", "n = Batch");
    let other = other.replace("(c, s, b, m, v) }", "(c, s, b, m, v) y = Relu (n) }");
    let after = folded(&model("y = local.f:o (x, w, s, b, m, v) z = local.f (x, u, t, b, m, v)", &format!("{BODY} {other}")));
    assert_eq!(bodies(&after), [vec!["Conv"], vec!["Conv", "Relu"]]);
    // A function that takes the place of BatchNormalization: what it does is not what the name says.
    let own = r#"<opset_import: ["" : 17], domain: ""> BatchNormalization (x, s, b, m, v) => (y) { y = Neg (x) }"#;
    let bytes = model("c = Conv (x, w) y = BatchNormalization (c, s, b, m, v) z = Conv (x, w)", own);
    assert_eq!(fold(&bytes), bytes);
    // The name in another domain is another operator.
    let own = own.replace("domain: \"\"", "domain: \"local\"");
    let bytes = model("c = Conv (x, w) y = local.BatchNormalization (c, s, b, m, v) z = Conv (x, w)", &own);
    assert_eq!(fold(&bytes), bytes);
}

#[test]
fn a_function_that_calls_itself_is_an_error() {
    let body =
        r#"<opset_import: ["" : 17, "local" : 1], domain: "local"> f (x, w) => (y) { c = Conv (x, w) y = local.f (c, w) }"#;
    let model = Model::from_bytes(model("y = local.f (x, w) z = Conv (x, w)", body)).unwrap();
    assert!(Graph::build(&model).unwrap_err().to_string().contains("calls itself"));
    assert!(model.inlined().unwrap_err().to_string().contains("calls itself"));
}

#[test]
fn two_constants_that_a_body_had_not_become_parameters() {
    let text = format!(
        r#"<ir_version: 10, opset_import: ["" : 17, "local" : 1]>
        g (float[1,2,2,2] x) => (float[1,3,2,2] y, float[1,3,2,2] z)
        <{CONSTANTS}, float[3,3,1,1] r = dyadic(8)>
        {{ y = local.f (x, w, s, b, m, v, r, t) z = local.f (x, u, t, b, m, v, r, s) }}
        <opset_import: ["" : 17], domain: "local"> f (x, w, s, b, m, v, r, t) => (y)
        {{ c = Conv (x, w) n = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)
           a = Relu (n) d = Conv (a, r) y = BatchNormalization <epsilon = 0.0> (d, t, b, m, v) }}"#
    );
    let bytes = bnfold::sample::encode(&text).unwrap();
    let after = fold(&bytes);
    assert_eq!(bodies(&model_of(&after)), [["Conv", "Relu", "Conv"]]);
    same_values(&bytes, &after);
}
