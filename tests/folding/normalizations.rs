//! Normalisations that hand their scale and bias to what follows (`--normalizations`): to exactly the same function, where every
//! reader takes them in.

use crate::support::{evaluate, fold_with, model_of, random_inputs};

/// Pairs of a number and its opposite, of which normalisations make exactly one and minus one, as `d` of shape [2,3,2].
const EXACT: &str = "a = Clip (x, half)  c = Neg (a)  d = Concat <axis = 2> (a, c)";

fn model(opset: i64, constants: &str, nodes: &str, outputs: &str) -> Vec<u8> {
    let text = format!(
        "<ir_version: 8, opset_import: [\"\" : {opset}]> g (float[2,3,1] x) => ({outputs})
         <float half = {{0.5}}, {constants}> {{ {EXACT} {nodes} }}"
    );
    bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{e}\n{text}"))
}

fn fold(bytes: &[u8]) -> Vec<u8> {
    fold_with(bytes, &bnfold::plan::Options { normalizations: true, ..Default::default() })
}

fn constant(model: &bnfold::onnx::ModelProto, name: &str) -> Vec<f64> {
    let graph = model.graph.as_ref().unwrap();
    let tensor = graph.initializer.iter().find(|tensor| tensor.name() == name).unwrap();
    let raw = tensor.raw_data.iter().flat_map(|bytes| bytes.chunks(4)).map(|b| f32::from_le_bytes(b.try_into().unwrap()));
    raw.chain(tensor.float_data.iter().copied()).map(f64::from).collect()
}

/// Folds, compares and folds again. Returns what is left at inputs of the normalisation that makes `n`, and whether it has a bias.
fn handed_on(place: &str, bytes: &[u8]) -> Vec<Option<Vec<f64>>> {
    let folded = fold(bytes);
    assert_ne!(folded, bytes, "{place}: nothing happened");
    assert_eq!(fold(&folded), folded, "{place}: folding twice is not folding once");
    for seed in 0..3 {
        let inputs = random_inputs(&model_of(bytes), seed);
        let (before, after) = (evaluate(bytes, &inputs), evaluate(&folded, &inputs));
        crate::support::names_mean_one_thing(&folded, &before, &after, place);
        for output in &model_of(bytes).graph.unwrap().output {
            assert_eq!(before[output.name()], after[output.name()], "{place}: {}", output.name());
        }
    }
    let model = model_of(&folded);
    let nodes = &model.graph.as_ref().unwrap().node;
    let node = nodes.iter().find(|node| node.op_type().ends_with("Normalization")).unwrap();
    let at = |input: usize| node.input.get(input).filter(|name| !name.is_empty()).map(|name| constant(&model, name));
    vec![at(1), at(2)]
}

fn stays(place: &str, bytes: &[u8]) {
    assert_eq!(fold(bytes), bytes, "{place}");
}

const LAYER: &str = "float[2] gamma = {2, -0.5}, float[2] beta = dyadic(6)";

#[test]
fn scale_and_bias_go_into_a_product_and_the_sum_behind_it() {
    let nodes = "n = LayerNormalization <epsilon = 0.0> (d, gamma, beta)  t = MatMul (n, w)  y = Add (t, b)";
    let bytes = model(17, &format!("{LAYER}, float[2,4] w = dyadic(1), float[4] b = dyadic(2)"), nodes, "float[] y");
    assert_eq!(handed_on("a sum behind", &bytes), [Some(vec![1.0, 1.0]), None]);
    assert_eq!(fold_with(&bytes, &bnfold::plan::Options::default()), bytes, "only on request");
}

#[test]
fn a_scale_alone_goes_where_a_shift_has_no_place() {
    let nodes = "n = LayerNormalization <epsilon = 0.0> (d, gamma, beta)  p = MatMul (n, w)  y = Relu (p)";
    let constants = "float[2] gamma = {2, -0.5}, float[2] beta = {1, 3}, float[2,4] w = dyadic(1)";
    let left = handed_on("no sum behind", &model(17, constants, nodes, "float[] y"));
    assert_eq!(left, [Some(vec![1.0, 1.0]), Some(vec![0.5, -6.0])]);
}

#[test]
fn every_reader_takes_them_or_none() {
    let constants =
        format!("{LAYER}, float[2,4] w = dyadic(1), float[2,3] u = dyadic(3), float[4] b = dyadic(2), float[3] e = dyadic(4)");
    let both = "n = LayerNormalization <epsilon = 0.0> (d, gamma, beta)
                p = MatMul (n, w)  y = Add (p, b)  t = Transpose <perm = [0, 1, 2]> (n)  q = MatMul (t, u)  z = Add (q, e)";
    let left = handed_on("two readers", &model(17, &constants, both, "float[] y, float[] z"));
    assert_eq!(left, [Some(vec![1.0, 1.0]), None]);
    let one = "n = LayerNormalization <epsilon = 0.0> (d, gamma, beta)  p = MatMul (n, w)  y = Add (p, b)  z = Sigmoid (n)";
    stays("one of two readers", &model(17, &constants, one, "float[] y, float[] z"));
    let seen = "n = LayerNormalization <epsilon = 0.0> (d, gamma, beta)  p = MatMul (n, w)  y = Add (p, b)";
    stays("an output", &model(17, &constants, seen, "float[] y, float[2,3,2] n"));
    let shared = "n = LayerNormalization <epsilon = 0.0> (d, gamma, beta)  p = MatMul (n, w)  y = Add (p, b)  z = MatMul (d, w)";
    stays("a weight that others read, too", &model(17, &constants, shared, "float[] y, float[] z"));
}

#[test]
fn another_map_does_not_take_them() {
    let nodes = "n = LayerNormalization <epsilon = 0.0> (d, gamma, beta)  y = Mul (n, k)  z = Mul (n, j)";
    let constants = format!("{LAYER}, float[2] k = dyadic(1), float[2] j = dyadic(2)");
    stays("two products by constants", &model(17, &constants, nodes, "float[] y, float[] z"));
    let nodes = "n = LayerNormalization <epsilon = 0.0> (d, gamma, beta)  y = Add (n, k)  z = Sub (n, j)";
    let constants = "float[2] gamma = {1, 1}, float[2] beta = dyadic(3), float[2] k = dyadic(1), float[2] j = dyadic(2)";
    stays("two sums with constants", &model(17, constants, nodes, "float[] y, float[] z"));
    let ones = "n = LayerNormalization <epsilon = 0.0> (d, gamma)  p = MatMul (n, w)  y = Relu (p)";
    stays("ones already", &model(17, "float[2] gamma = {1, 1}, float[2,4] w = dyadic(1)", ones, "float[] y"));
}

#[test]
fn root_mean_squares_have_a_scale() {
    let nodes = "n = RMSNormalization <epsilon = 0.0> (d, gamma)  t = Transpose <perm = [0, 2, 1]> (n)  y = MatMul (w, t)";
    let constants = "float[2] gamma = {2, -0.5}, float[5,2] w = dyadic(1)";
    assert_eq!(handed_on("a transposition between", &model(23, constants, nodes, "float[] y")), [Some(vec![1.0, 1.0]), None]);
}

#[test]
fn channels_and_groups_go_into_convolutions() {
    let instance = "n = InstanceNormalization <epsilon = 0.0> (d, gamma, beta)  y = Conv (n, w)";
    let constants = "float[3] gamma = {2, -0.5, 4}, float[3] beta = dyadic(6), float[5,3,2] w = dyadic(1)";
    let zeros = |count: usize| Some(vec![0.0; count]);
    assert_eq!(handed_on("channels", &model(17, constants, instance, "float[] y")), [Some(vec![1.0; 3]), zeros(3)]);
    let padded = "n = InstanceNormalization <epsilon = 0.0> (d, gamma, beta)  y = Conv <pads = [1, 0]> (n, w)";
    let constants = "float[3] gamma = {2, -0.5, 4}, float[3] beta = {2, 1, 0}, float[5,3,2] w = dyadic(1)";
    let left = handed_on("channels before padding", &model(17, constants, padded, "float[] y"));
    assert_eq!(left, [Some(vec![1.0; 3]), Some(vec![1.0, -2.0, 0.0])]);
    let group = "n = GroupNormalization <epsilon = 0.0, num_groups = 3> (d, gamma, beta)  y = Conv (n, w)";
    for opset in [18, 21] {
        assert_eq!(handed_on("groups", &model(opset, constants, group, "float[] y")), [Some(vec![1.0; 3]), zeros(3)]);
    }
}

#[test]
fn a_number_of_a_group_goes_to_its_channels() {
    let nodes =
        "r = Reshape (d, shape)  n = GroupNormalization <epsilon = 0.0, num_groups = 3> (r, gamma, beta)  y = Conv (n, w)";
    let constants =
        "int64[3] shape = {2, 6, 1}, float[3] gamma = {2, -0.5, 4}, float[3] beta = dyadic(6), float[5,6,1] w = dyadic(1)";
    let left = handed_on("groups of two", &model(18, constants, nodes, "float[] y"));
    assert_eq!(left, [Some(vec![1.0; 3]), Some(vec![0.0; 3])]);
}
