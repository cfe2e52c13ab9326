//! What the user may choose: which nodes, which directions, which operators, and what becomes of what stays.

use crate::support::{evaluate, fold_with, model_of, random_inputs};
use bnfold::ErrorKind;
use bnfold::model::{Graph, Model};
use bnfold::plan::{Options, Partial, Substitute, Way, plan};

/// Two BatchNormalizations that fold, each in another direction, and one whose falling scale nothing takes in.
const MODEL: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (double[1,3,3,3] x) => (double[1,3,3,3] y)
    <double[3] s = {2, -0.5, 4}, double[3] b = dyadic(3), double[3] m = dyadic(4), double[3] v = {1, 4, 0.25},
     double[3,3,1,1] w = dyadic(1), double[3,3,1,1] u = dyadic(6)>
    { n1 = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
      c1 = Conv (n1, w)
      r = Relu (c1)
      c2 = Conv (r, u)
      n2 = BatchNormalization <epsilon = 0.0> (c2, s, b, m, v)
      q = Relu (n2)
      y = BatchNormalization <epsilon = 0.0> (q, s, b, m, v) }"#;

fn bytes(text: &str) -> Vec<u8> {
    bnfold::sample::encode(text).unwrap()
}

fn operators(bytes: &[u8]) -> Vec<String> {
    model_of(bytes).graph.unwrap().node.iter().map(|n| n.op_type().to_owned()).collect()
}

/// What is left of [`MODEL`], without the operators that always stay, after a fold that gives the same function.
fn left(options: &Options) -> String {
    let before = bytes(MODEL);
    let after = fold_with(&before, options);
    let inputs = random_inputs(&model_of(&before), 3);
    assert_eq!(evaluate(&before, &inputs)["y"], evaluate(&after, &inputs)["y"], "{options:?}");
    let short = |o: &String| if o == "BatchNormalization" { "BN".to_owned() } else { o.clone() };
    operators(&after).iter().map(short).filter(|o| o != "Relu").collect::<Vec<_>>().join(" ")
}

fn named(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn nodes_and_directions_can_be_chosen() {
    let all = Options::default;
    assert_eq!(left(&all()), "Conv Conv BN");
    assert_eq!(left(&Options { skip: named(&["n1"]), ..all() }), "BN Conv Conv BN");
    assert_eq!(left(&Options { skip: named(&["c2", "c1"]), ..all() }), "BN Conv Conv BN BN", "a neighbour that is left as it is");
    assert_eq!(left(&Options { only: named(&["n?"]), ..all() }), "Conv Conv BN");
    assert_eq!(left(&Options { only: named(&["*2", "y"]), ..all() }), "BN Conv Conv BN");
    assert_eq!(left(&Options { way: Some(Way::Back), ..all() }), "BN Conv Conv BN");
    assert_eq!(left(&Options { way: Some(Way::Ahead), ..all() }), "Conv Conv BN BN");
    assert_eq!(left(&Options { rules: named(&["conv"]), ..all() }), "Conv Conv BN");
    assert_eq!(left(&Options { rules: named(&["Gemm", "Relu"]), ..all() }), "BN Conv Conv BN BN");
}

#[test]
fn what_the_options_leave_out_is_said() {
    let kept = |options: Options| {
        let model = Model::from_bytes(bytes(MODEL)).unwrap();
        let graph = Graph::build(&model).unwrap();
        let plan = plan(&graph, &options).unwrap();
        let names = plan.kept.iter().map(|s| (graph.describe(s.site), s.back.reason.code(), s.ahead.reason.code()));
        names
            .map(|(name, back, ahead)| format!("{} {back} {ahead}", name.rsplit(' ').next().unwrap()))
            .collect::<Vec<_>>()
            .join(", ")
    };
    assert_eq!(kept(Options::default()), "y falling-scale graph-output");
    let skipped = kept(Options { skip: named(&["n2"]), ..Options::default() });
    assert_eq!(skipped, "n2 left-out left-out, y falling-scale graph-output");
    let backward = kept(Options { way: Some(Way::Back), ..Options::default() });
    assert_eq!(backward, "n1 graph-input left-out, y falling-scale left-out");
    let rules = kept(Options { rules: named(&["Relu"]), only: named(&["n1"]), ..Options::default() });
    assert_eq!(rules, "n1 graph-input left-out, n2 left-out left-out, y left-out left-out");
}

#[test]
fn names_that_nothing_has_are_errors_with_the_nearest_one() {
    let model = Model::from_bytes(bytes(MODEL)).unwrap();
    let graph = Graph::build(&model).unwrap();
    let refused = |options: Options| {
        let error = plan(&graph, &options).err().unwrap();
        assert_eq!(error.kind, ErrorKind::Choice);
        format!("{}; {}", error.what, error.remedy.unwrap())
    };
    let skip = refused(Options { skip: named(&["n3"]), ..Options::default() });
    assert_eq!(skip, "there is no node `n3`; the nearest is `n1`");
    let far = refused(Options { only: named(&["backbone.*"]), ..Options::default() });
    assert_eq!(
        far,
        "there is no node `backbone.*`; `bnfold inspect -v` lists the nodes that can be folded; others have the names that a viewer shows"
    );
    let rule = refused(Options { rules: named(&["Conv", "MaxPol"]), ..Options::default() });
    assert_eq!(rule, "there is no operator `MaxPol`; the nearest is `MaxPool`");
}

#[test]
fn what_stays_can_become_other_operators() {
    let with = |substitute| Options { substitute: Some(substitute), ..Options::default() };
    assert_eq!(left(&with(Substitute::MulAdd)), "Conv Conv Mul Add");
    assert_eq!(left(&with(Substitute::DepthwiseConv)), "Conv Conv Conv");
    let skipped = Options { skip: named(&["y"]), ..with(Substitute::MulAdd) };
    assert_eq!(left(&skipped), "Conv Conv BN", "what the user leaves out stays as it is");
}

#[test]
fn substitutes_need_known_ranks_and_one_type() {
    let kept = |text: &str, substitute| {
        let before = bytes(text);
        let after = fold_with(&before, &Options { substitute: Some(substitute), ..Options::default() });
        operators(&after).join(" ")
    };
    let matrix = MODEL_OF_ONE.replace("SHAPE", "float[2,3]").replace("OPSET", "17");
    assert_eq!(kept(&matrix, Substitute::DepthwiseConv), "BatchNormalization", "a convolution needs three axes");
    assert_eq!(kept(&matrix, Substitute::MulAdd), "Mul Add");
    let old = MODEL_OF_ONE.replace("SHAPE", "float[2,3,4]").replace("OPSET", "6");
    assert_eq!(kept(&old, Substitute::MulAdd), "BatchNormalization", "training form, as far as opset 6 says");
    let mixed = MODEL_OF_ONE.replace("SHAPE", "float16[2,3,4]").replace("OPSET", "17");
    assert_eq!(kept(&mixed, Substitute::MulAdd), "BatchNormalization", "the statistics are of another type than the value");
    let brain = MODEL_OF_ONE.replace("SHAPE", "bfloat16[2,3,4]").replace("float[3]", "bfloat16[3]");
    assert_eq!(kept(&brain.replace("OPSET", "17"), Substitute::DepthwiseConv), "BatchNormalization");
    assert_eq!(kept(&brain.replace("OPSET", "22"), Substitute::DepthwiseConv), "Conv");
}

const MODEL_OF_ONE: &str = r#"<ir_version: 8, opset_import: ["" : OPSET]>
    g (SHAPE x) => (SHAPE y)
    <float[3] s = {2.0, -0.5, 4.0}, float[3] b = {1.0, 2.0, 3.0}, float[3] m = {0.0, 1.0, 2.0}, float[3] v = {1.0, 4.0, 0.25}>
    { y = BatchNormalization <epsilon = 0.0> (x, s, b, m, v) }"#;

#[test]
fn a_scale_moves_alone_when_the_user_wants_it() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (double[1,2,3,3] x) => (double[1,2,3,3] y, double[1,2,3,3] z)
        <double[2] s = {2, -0.5}, double[2] b = dyadic(3), double[2] m = dyadic(4), double[2] v = {1, 4}, double[2,2,3,3] w = dyadic(1)>
        { n = BatchNormalization <epsilon = 0.0> (x, s, b, m, v)
          y = Conv <pads = [1,1,1,1]> (n, w)
          z = Conv <pads = [1,1,1,1]> (x, w) }"#;
    let before = bytes(text);
    let with = |partial| fold_with(&before, &Options { partial, ..Options::default() });
    assert_eq!(with(Partial::Never), before);
    assert_eq!(with(Partial::Auto), before, "the weight would be stored twice");
    let after = with(Partial::Always);
    assert_eq!(operators(&after), ["Add", "Conv", "Conv"]);
    let inputs = random_inputs(&model_of(&before), 4);
    let (one, two) = (evaluate(&before, &inputs), evaluate(&after, &inputs));
    assert!(one["y"] == two["y"] && one["z"] == two["z"]);
}

#[test]
fn what_small_numbers_lose_is_not_seen_beside_what_is_added_to_the_channel() {
    // One channel is scaled into the smallest numbers; with a shift that is not, nobody sees what it loses.
    let model = |operator: &str, shift: &str| {
        let text = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[2,4] x) => (float[2,2] y)
            <float[4,2] w = dyadic(1), float[2] c = {0, 0}, float[2] s = {1, 1e-41}, float[2] b = {1, SHIFT}, float[2] m = {0, 0},
             float[2] v = {1, 1}>
            { p = OPERATOR n = BatchNormalization <epsilon = 0.0> (p, s, b, m, v) y = Relu (n) }"#;
        bytes(&text.replace("OPERATOR", operator).replace("SHIFT", shift))
    };
    for operator in ["Gemm (x, w, c)", "Gemm <beta = 0.5> (x, w, c)", "MatMul (x, w)"] {
        let fold = |shift: &str| operators(&fold_with(&model(operator, shift), &Options::default()));
        assert_eq!(fold("0.5"), ["Gemm", "Relu"], "{operator}");
        assert_eq!(fold("0")[1], "BatchNormalization", "{operator}");
    }
}
