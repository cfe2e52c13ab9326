//! What is said of a map that stays.

use bnfold::law::Reason;
use bnfold::model::Model;
use bnfold::plan::Options;

/// Of the one map that stays: the reason that says most, and whether it is the bias of a product.
fn stays(text: &str) -> (Reason, bool) {
    let model = Model::from_bytes(bnfold::sample::encode(text).unwrap()).unwrap();
    let graph = bnfold::constants::build(&model).unwrap();
    let plan = bnfold::fold::examine(&graph, &Options::default()).unwrap();
    let [stay] = &plan.kept[..] else { panic!("{} stay", plan.kept.len()) };
    (stay.main().reason, stay.is_bias(&plan.view))
}

fn model(nodes: &str) -> String {
    format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[2,3,4] x) => (float[] y)
        <float[4,4] w = dyadic(1), float[4] k = dyadic(2), float[3] s = dyadic(3), float[3] v = square(4)>
        {{ {nodes} }}"#
    )
}

#[test]
fn the_refusal_that_got_further_is_named() {
    assert_eq!(stays(&model("y = BatchNormalization (x, s, s, s, v)")), (Reason::GraphInput, false));
    assert_eq!(stays(&model("y = Add (x, k)")), (Reason::GraphInput, false));
    assert_eq!(stays(&model("n = BatchNormalization (x, s, s, s, v)  y = Erf (n)")).0, Reason::UnknownOperator);
    assert_eq!(stays(&model("a = Erf (x)  y = BatchNormalization (a, s, s, s, v)")).0, Reason::UnknownOperator);
}

#[test]
fn the_bias_of_a_product_is_no_map_that_stays_for_want_of_a_place() {
    assert_eq!(stays(&model("p = MatMul (x, w)  y = Add (p, k)")), (Reason::NoBias, true));
    assert_eq!(stays(&model("p = MatMul (x, w)  y = Sub (p, k)")), (Reason::NoBias, true));
}
