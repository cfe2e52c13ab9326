//! What a fold stores, and under which names.

use crate::support::{evaluate, fold, model_of, random_inputs};
use bnfold::onnx::GraphProto;

fn folded(text: &str) -> GraphProto {
    let before = bnfold::sample::encode(text).unwrap();
    let after = fold(&before);
    let inputs = random_inputs(&model_of(&before), 3);
    assert_eq!(evaluate(&before, &inputs)["y"], evaluate(&after, &inputs)["y"]);
    model_of(&after).graph.unwrap()
}

/// A convolution without a bias, behind which a map goes into it; the types of the values between are declared.
const PLAIN: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x) => (float[1,3,4,4] y)
    <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5),
     float[1,3,4,4] c, float[1,3,4,4] n>
    { c = Conv (x, w)  n = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)  y = Relu (n) }"#;

#[test]
fn types_are_declared_of_what_is_there() {
    let graph = folded(PLAIN);
    let made: Vec<&str> = graph.node.iter().flat_map(|node| &node.output).map(String::as_str).collect();
    let declared: Vec<&str> = graph.value_info.iter().map(|info| info.name()).collect();
    assert_eq!(made, ["n", "y"]);
    assert_eq!(declared, ["n"]);
}

#[test]
fn a_new_bias_takes_the_place_of_a_constant_that_nobody_reads_any_more() {
    let graph = folded(PLAIN);
    assert_eq!(graph.node[0].input, ["x", "w", "b"]);
    let names: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
    assert_eq!(names, ["w", "b"]);
}

#[test]
fn branches_are_maps_of_the_value_that_is_nearest() {
    let graph = folded(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[1,3] x) => (float[1,3] y, float[1,3] p)
        <float[3] j = dyadic(1), float[3] k = dyadic(2), float[3] l = dyadic(3)>
        { p = Mul (x, j)  a = Mul (p, k)  c = Mul (p, l)  y = Add (a, c) }"#,
    );
    let read: Vec<&str> = graph.node.iter().map(|node| node.input[0].as_str()).collect();
    assert_eq!(read, ["x", "p"]);
}

#[test]
fn an_early_file_lists_its_constants_as_inputs() {
    let inputs = |version: u8| {
        let text = PLAIN
            .replace("ir_version: 8, opset_import: [\"\" : 17]", &format!("ir_version: {version}, opset_import: [\"\" : 9]"));
        let listed = "float[3,2,1,1] w, float[3] s, float[3] b, float[3] m, float[3] v";
        let text = if version < 4 { text.replace("[1,2,4,4] x)", &format!("[1,2,4,4] x, {listed})")) } else { text };
        folded(&text).input.iter().map(|input| input.name().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(inputs(4), ["x"]);
    let early = inputs(3);
    assert!(["x", "w", "b"].iter().all(|name| early.iter().any(|input| input == name)), "{early:?}");
}
