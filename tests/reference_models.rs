//! The reference on small models whose results are worked out by hand.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::collections::BTreeMap;

use bnfold::onnx::{ModelProto, NodeProto};
use bnfold::reference::{Array, Data, ReferenceError, evaluate, node};
use bnfold::sample::encode;
use prost::Message;

fn model(text: &str) -> ModelProto {
    ModelProto::decode(encode(text).unwrap().as_slice()).unwrap()
}

fn run(text: &str, inputs: &[(&str, Array)]) -> Result<BTreeMap<String, Array>, ReferenceError> {
    let inputs = inputs.iter().map(|(name, value)| (name.to_string(), value.clone())).collect();
    evaluate(&model(text), &inputs)
}

/// The floats of the value `y`.
fn y(text: &str, x: Array) -> Vec<f64> {
    floats(&run(text, &[("x", x)]).unwrap()["y"])
}

fn floats(array: &Array) -> Vec<f64> {
    match &array.data {
        Data::Float(values) => values.clone(),
        other => panic!("{other:?}"),
    }
}

fn unsupported(text: &str, x: Array) -> bool {
    matches!(run(text, &[("x", x)]), Err(ReferenceError::Unsupported(_)))
}

/// One node of opset `opset` on x and constants a, b, c, d.
fn single(opset: i64, node: &str, constants: &str) -> String {
    format!(r#"<ir_version: 8, opset_import: ["" : {opset}]> g (x) => (y) <{constants}> {{ y = {node} }}"#)
}

const STATISTICS: &str = "float[2] a = {2, -1}, float[2] b = {1, 0.5}, float[2] c = {1, 2}, float[2] d = {4, 0.25}";

#[test]
fn batch_normalization_in_every_operator_set() {
    let x = || Array::float([1, 2, 2], vec![1.0, 5.0, 2.0, 3.0]);
    // (x − mean) / √var · scale + bias, channel after channel.
    let expected = [1.0, 5.0, 0.5, -1.5];
    for (opset, attributes) in [
        (1, "epsilon = 0.0, is_test = 1, consumed_inputs = [0, 0, 0, 1, 1]"),
        (6, "epsilon = 0.0, is_test = 1"),
        (7, "epsilon = 0.0"),
        (8, "epsilon = 0.0, spatial = 1"),
        (9, "epsilon = 0.0, momentum = 0.5"),
        (14, "epsilon = 0.0"),
        (15, "epsilon = 0.0, training_mode = 0"),
    ] {
        let node = format!("BatchNormalization <{attributes}> (x, a, b, c, d)");
        assert_eq!(y(&single(opset, &node, STATISTICS), x()), expected, "opset {opset}");
    }
    // In training the statistics are the batch's own: means 3 and 2.5, variances 4 and 0.25.
    let trained = [-1.0, 3.0, 1.5, -0.5];
    for (opset, attributes) in [(6, "epsilon = 0.0, is_test = 0"), (1, "epsilon = 0.0"), (14, "epsilon = 0.0, training_mode = 1")]
    {
        let node = format!("BatchNormalization <{attributes}> (x, a, b, c, d)");
        assert_eq!(y(&single(opset, &node, STATISTICS), x()), trained, "opset {opset}");
    }
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : 9]> g (x) => (y) <{STATISTICS}>
        {{ y, mean = BatchNormalization <epsilon = 0.0, momentum = 0.5> (x, a, b, c, d) }}"#
    );
    let values = run(&text, &[("x", x())]).unwrap();
    assert_eq!(floats(&values["y"]), trained, "a second output means training");
    assert_eq!(floats(&values["mean"]), [2.0, 2.25]);
}

#[test]
fn epsilon_is_a_float32_and_absent_means_its_default() {
    let x = Array::float([1, 1], vec![1.0]);
    let constants = "float[1] a = {1}, float[1] b = {0}, float[1] c = {0}, float[1] d = {0}";
    let node = "BatchNormalization (x, a, b, c, d)";
    assert_eq!(y(&single(9, node, constants), x), [1.0 / f64::from(1e-5_f32).sqrt()]);
}

#[test]
fn statistics_per_element_before_opset_9() {
    let x = Array::float([1, 1, 2], vec![1.0, 5.0]);
    let node = "BatchNormalization <epsilon = 0.0, spatial = 0> (x, a, b, c, d)";
    assert_eq!(y(&single(7, node, STATISTICS), x), [1.0, -5.5]);
}

#[test]
fn convolution_with_groups_and_padding() {
    let x = Array::float([1, 2, 3], vec![1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
    let constants = "float[2,1,2] a = {1, 10, 100, 1000}, float[2] b = {0.5, 0}";
    let text = single(11, "Conv <group = 2, pads = [1, 0]> (x, a, b)", constants);
    assert_eq!(y(&text, x), [10.5, 21.5, 32.5, 10_000.0, 21_000.0, 32_000.0]);
}

#[test]
fn transposed_convolution_with_groups_and_a_square_weight() {
    let x = Array::float([1, 4, 1], vec![1.0, 10.0, 100.0, 1000.0]);
    // Rows are inputs, columns the outputs of a group: group 0 has inputs 0 and 1.
    let constants = "float[4,2,1] a = {1, 2, 3, 4, 5, 6, 7, 8}";
    let text = single(11, "ConvTranspose <group = 2> (x, a)", constants);
    assert_eq!(y(&text, x), [31.0, 42.0, 7500.0, 8600.0]);
}

#[test]
fn gemm_scales_product_and_summand_apart() {
    let x = Array::float([1, 2], vec![1.0, 2.0]);
    let constants = "float[2,2] a = {1, 2, 3, 4}, float[2] b = {10, 20}";
    let node = "Gemm <alpha = 2.0, beta = 0.5, transB = 1> (x, a, b)";
    assert_eq!(y(&single(13, node, constants), x.clone()), [15.0, 32.0]);
    assert_eq!(y(&single(13, "Gemm (x, a)", constants), x.clone()), [7.0, 10.0]);
    let legacy = single(6, "Gemm <broadcast = 1> (x, a, b)", constants);
    assert_eq!(y(&legacy, x), [17.0, 30.0]);
}

#[test]
fn broadcasting_before_opset_7_aligns_at_an_axis() {
    let x = || Array::float([1, 2, 2], vec![1.0, 2.0, 3.0, 4.0]);
    let constants = "float[2] a = {10, 20}";
    let axis = single(6, "Mul <broadcast = 1, axis = 1> (x, a)", constants);
    assert_eq!(y(&axis, x()), [10.0, 20.0, 60.0, 80.0]);
    let suffix = single(6, "Mul <broadcast = 1> (x, a)", constants);
    assert_eq!(y(&suffix, x()), [10.0, 40.0, 30.0, 80.0]);
    let none = single(6, "Mul (x, a)", constants);
    assert!(run(&none, &[("x", x())]).is_err());
    let modern = single(7, "Mul (x, a)", constants);
    assert_eq!(y(&modern, x()), [10.0, 40.0, 30.0, 80.0]);
}

#[test]
fn dropout_is_the_identity_only_in_its_inference_form() {
    let x = || Array::float([2], vec![1.0, 2.0]);
    for (opset, node) in [(6, "Dropout <is_test = 1> (x)"), (7, "Dropout (x)"), (12, "Dropout (x)")] {
        assert_eq!(y(&single(opset, node, "float[1] a = {0}"), x()), [1.0, 2.0]);
    }
    assert!(unsupported(&single(6, "Dropout (x)", "float[1] a = {0}"), x()));
    let training = single(12, "Dropout (x, a, b)", "float a = {0.5}, bool b = {1}");
    assert!(unsupported(&training, x()));
}

#[test]
fn group_normalization_changes_its_parameters_in_opset_21() {
    let x = || Array::float([1, 4, 1], vec![-1.0, 1.0, -1.0, 1.0]);
    let node = "GroupNormalization <num_groups = 2, epsilon = 0.0> (x, a, b)";
    let groups = single(18, node, "float[2] a = {1, 10}, float[2] b = {0, 5}");
    assert_eq!(y(&groups, x()), [-1.0, 1.0, -5.0, 15.0]);
    let channels = single(21, node, "float[4] a = {1, 2, 3, 4}, float[4] b = {0, 0, 0, 1}");
    assert_eq!(y(&channels, x()), [-1.0, 2.0, -3.0, 5.0]);
}

#[test]
fn an_initializer_among_the_inputs_is_a_default() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[2] x, float[2] w = {1, 2}) => (y) { y = Mul (x, w) }"#;
    let x = Array::float([2], vec![3.0, 4.0]);
    assert_eq!(y(text, x.clone()), [3.0, 8.0]);
    let w = Array::float([2], vec![10.0, 10.0]);
    let values = run(text, &[("x", x), ("w", w.clone())]).unwrap();
    assert_eq!(floats(&values["y"]), [30.0, 40.0]);
    assert_eq!(run(text, &[("w", w)]), Err(ReferenceError::MissingInput("x".to_string())));
}

#[test]
fn a_function_hides_an_operator_and_resolves_its_attributes() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17, "f" : 1]> g (x) => (y)
        { a = Relu (x)  y = f.Scale <by = 3.0> (a) }
        <opset_import: ["" : 17]> Relu (x) => (y) { y = Identity (x) }
        <domain: "f", opset_import: ["" : 6]> Scale <by, plus: float = 1.0> (x, absent) => (y)
        { c = Constant <value_float = @by> ()  d = Constant <value_float = @plus> ()
          p = Mul <broadcast = 1> (x, c)  y = Add <broadcast = 1> (p, d) }"#;
    assert_eq!(y(text, Array::float([2], vec![-1.0, 2.0])), [-2.0, 7.0]);
}

#[test]
fn branches_read_outer_values_and_their_own_constants() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> g (x) => (y) <float k = {100}>
        { z = Constant <value_float = 0.0> ()  s = ReduceSum <keepdims = 0> (x)  c = Greater (s, z)
          y = If <then_branch = t () => (a) <float k = {10}> { a = Mul (x, k) },
                  else_branch = e () => (b) { b = Mul (x, k) }> (c) }"#;
    assert_eq!(y(text, Array::float([2], vec![1.0, 2.0])), [10.0, 20.0]);
    assert_eq!(y(text, Array::float([2], vec![1.0, -2.0])), [100.0, -200.0]);
}

#[test]
fn loops_carry_and_stack() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> g (x) => (y, all)
        <int64 n = {3}, bool t = {1}>
        { y, all = Loop <body = b (int64 i, bool c, v) => (d, w, s)
            { d = Identity (c)  w = Add (v, x)  s = Mul (w, w) }> (n, t, x) }"#;
    let values = run(text, &[("x", Array::float([1], vec![1.0]))]).unwrap();
    assert_eq!(floats(&values["y"]), [4.0]);
    assert_eq!(values["all"], Array::float([3, 1], vec![4.0, 9.0, 16.0]));
}

#[test]
fn scans_run_along_an_axis_in_a_direction() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> g (x) => (y, all) <float[2] z = {0, 0}>
        { y, all = Scan <num_scan_inputs = 1, scan_input_axes = [1], scan_input_directions = [1],
            body = b (s, v) => (t, o) { t = Add (s, v)  o = Identity (t) }> (z, x) }"#;
    let x = Array::float([2, 3], vec![1.0, 2.0, 3.0, 10.0, 20.0, 30.0]);
    let values = run(text, &[("x", x)]).unwrap();
    assert_eq!(floats(&values["y"]), [6.0, 60.0]);
    assert_eq!(values["all"], Array::float([3, 2], vec![3.0, 30.0, 5.0, 50.0, 6.0, 60.0]));
}

#[test]
fn every_form_of_constant() {
    let constant = |form: &str| {
        let text = single(13, &format!("Constant <{form}> ()"), "float[1] a = {0}");
        run(&text, &[("x", Array::float([], vec![0.0]))]).unwrap()["y"].clone()
    };
    assert_eq!(constant("value = float[2] {1, 2}"), Array::float([2], vec![1.0, 2.0]));
    assert_eq!(constant("value_float = 0.5"), Array::float([], vec![0.5]));
    assert_eq!(constant("value_floats = [0.5, 1.0]"), Array::float([2], vec![0.5, 1.0]));
    assert_eq!(constant("value_int = 3"), Array::int([], vec![3]));
    assert_eq!(constant("value_ints = [3, 4]"), Array::int([2], vec![3, 4]));
    assert_eq!(constant("value = bool[1] {1}"), Array::bool([1], vec![true]));
    assert_eq!(constant("value = float16[1] {0.1}"), Array::float([1], vec![0.0999755859375]));
    assert_eq!(constant("value = bfloat16[1] fill(0.1)"), Array::float([1], vec![0.10009765625]));
    assert_eq!(constant("value = uint8[2] {0, 255}"), Array::int([2], vec![0, 255]));
    assert_eq!(constant("value = int8[1] fill(-7)"), Array::int([1], vec![-7]));
}

#[test]
fn sparse_constants_have_zeros_between_their_elements() {
    use bnfold::onnx::{AttributeProto, SparseTensorProto, TensorProto};
    let sparse = |indices: Vec<i64>, dims: Vec<i64>| {
        let values = TensorProto { dims: vec![2], data_type: Some(1), float_data: vec![5.0, 7.0], ..Default::default() };
        let indices = TensorProto { dims, data_type: Some(7), int64_data: indices, ..Default::default() };
        let sparse = SparseTensorProto { values: Some(values), indices: Some(indices), dims: vec![2, 2] };
        let attribute =
            AttributeProto { name: Some("sparse_value".to_string()), sparse_tensor: Some(sparse), ..Default::default() };
        let constant = NodeProto { op_type: Some("Constant".to_string()), attribute: vec![attribute], ..Default::default() };
        node(&constant, 13, &[])
    };
    let expected = vec![Array::float([2, 2], vec![0.0, 5.0, 7.0, 0.0])];
    assert_eq!(sparse(vec![1, 2], vec![2]), Ok(expected.clone()));
    assert_eq!(sparse(vec![0, 1, 1, 0], vec![2, 2]), Ok(expected));
    assert!(sparse(vec![1, 4], vec![2]).is_err());
    assert!(sparse(vec![0, 1, i64::MAX, 0], vec![2, 2]).is_err());
}

#[test]
fn what_cannot_be_evaluated_is_refused() {
    let x = || Array::float([2], vec![1.0, 2.0]);
    let refused = |text: &str| run(text, &[("x", x())]).unwrap_err().to_string();
    let text = |node: &str| single(17, node, "float[3] a = {1, 2, 3}");
    assert_eq!(refused(&text("custom.Op (x)")), "the reference does not evaluate custom.Op");
    assert_eq!(refused(&text("Add (x, a)")), "Add `y`: [2] and [3] do not broadcast");
    assert!(refused(&text("Add (x, later)")).contains("`later`"));
    assert!(refused(&text("Relu ()")).contains("not connected"));
    assert!(refused(&text("Reshape (x, a)")).contains("integers"));
    let external = single(17, "Add (x, w)", r#"float[2] w = ["location": "w"]"#);
    assert_eq!(refused(&external), "the reference does not evaluate external data");
    let recursive = r#"<ir_version: 8, opset_import: ["" : 17, "f" : 1]> g (x) => (y) { y = f.F (x) }
        <domain: "f", opset_import: ["f" : 1]> F (x) => (y) { y = f.F (x) }"#;
    assert!(refused(recursive).contains("too deeply"));
    for shape in ["{99999, 99999, 2}", "{0, 9223372036854775807, 2}"] {
        let huge = single(17, "Expand (x, s)", &format!("int64[3] s = {shape}"));
        assert!(refused(&huge).contains("too many elements"));
    }
    let unsound = Array { dims: vec![3], data: Data::Float(vec![1.0]) };
    assert!(run(&text("Relu (x)"), &[("x", unsound)]).is_err());
}

#[test]
fn a_node_alone() {
    let graph = model("g (x) => (y) { y = Conv <pads = [1, 1]> (x, w, \"\") }").graph.unwrap();
    let x = Array::float([1, 1, 2], vec![1.0, 2.0]);
    let w = Array::float([1, 1, 2], vec![1.0, 10.0]);
    let outputs = node(&graph.node[0], 17, &[Some(x), Some(w), None]).unwrap();
    assert_eq!(outputs, [Array::float([1, 1, 3], vec![10.0, 21.0, 2.0])]);
    assert!(node(&NodeProto::default(), 17, &[]).is_err());
}

/// Whatever a damaged file asks for, the answer is a value or an error.
#[test]
fn damaged_models_do_not_panic() {
    let texts = [
        r#"<ir_version: 8, opset_import: ["" : 13]> g (x) => (y)
        <float[4,1,2,2] w = dyadic(1), float[4] s = dyadic(2), float[4] v = square(3),
         int64[2] r = {2, -1}, int64[1] o = {1}, int64[1] e = {5}, float[8,3] g = dyadic(4)>
        { c = Conv <group = 2, pads = [1, 0, 1, 0], strides = [1, 1]> (x, w)
          b = BatchNormalization (c, s, s, s, v)  m = MaxPool <kernel_shape = [2, 2]> (b)
          t = Transpose <perm = [0, 2, 3, 1]> (m)  f = Reshape (t, r)
          u = Slice (f, o, e)  p, q = Split <axis = 1> (f)  n = Concat <axis = 1> (p, q)
          h = ReduceMean <axes = [1]> (n)  y = Softmax (n) }"#,
        r#"<ir_version: 8, opset_import: ["" : 13]> g (x) => (y)
        <float[2,2,2,1] w = dyadic(1), int64[8] p = {0, 0, 1, 1, 0, 0, 1, 2}, float z = {0.5},
         int64[2] i = {0, -1}>
        { c = ConvTranspose <group = 1, output_padding = [1, 0], strides = [2, 1]> (x, w)
          d = Pad <mode = "reflect"> (c, p, z)  e = Gather <axis = 1> (d, i)
          f = AveragePool <kernel_shape = [2, 2], ceil_mode = 1, pads = [1, 1, 1, 1]> (e)
          y = DepthToSpace <blocksize = 1> (f) }"#,
    ];
    let x = Array::float([1, 2, 3, 3], (0..18).map(f64::from).collect());
    let inputs = BTreeMap::from([("x".to_string(), x)]);
    for text in texts {
        let bytes = encode(text).unwrap();
        evaluate(&ModelProto::decode(bytes.as_slice()).unwrap(), &inputs).unwrap();
        for place in 0..bytes.len() {
            for change in [1, 2, 4, 0x7f, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[place] ^= change;
                if let Ok(model) = ModelProto::decode(damaged.as_slice()) {
                    let _ = evaluate(&model, &inputs);
                }
            }
        }
    }
}
