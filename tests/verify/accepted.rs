//! Right folds that are easily refused, for what stands beside them or for the words in which they come, each with wrong ones beside
//! it, which must be.

use crate::judged::{change, decode, fold_with, inexact, judge, maker, numbers, right};
use bnfold::onnx::{AttributeProto, ModelProto, SparseTensorProto, TensorProto};
use bnfold::verify::Outcome;
use prost::Message as _;

/// Folds as the command does without options, for no engine.
fn folded(before: &[u8]) -> ModelProto {
    let target = bnfold::Target { any: false, these: vec![] };
    let after = fold_with(before, &bnfold::plan::Options { target, ..Default::default() });
    assert_ne!(before, after, "nothing was folded");
    decode(&after)
}

/// Asserts that a fold is right, and is refused once any element of a constant that is read there is another.
fn only_as_it_is(place: &str, text: &str, constants: &[(&str, usize)]) {
    let before = inexact(text);
    let after = folded(&before);
    right(place, &judge(&before, &after.encode_to_vec()));
    for (value, input) in constants {
        let mut graph = after.graph.clone().unwrap();
        let name = maker(&mut graph, value).input[*input].clone();
        let count = numbers(graph.initializer.iter().find(|t| t.name() == name).unwrap()).len();
        for element in [0, count / 2, count - 1] {
            let mut wrong = after.clone();
            change(wrong.graph.as_mut().unwrap(), value, *input, |values| values[element] = values[element] * 1.001 + 1e-3);
            let verdict = judge(&before, &wrong.encode_to_vec());
            assert!(verdict.outcome >= Outcome::NotJudged, "{place}, {value} {input} {element}: {verdict:#?}");
        }
    }
}

#[test]
fn a_mean_of_what_the_engine_knows_no_type_of() {
    let text = r#"<ir_version: 10, opset_import: ["" : 21]>
        g (float[2,3,4] x, float[2,3,4] z) => (float[2,3,2] y)
        <uint8[4,2] q = {254, 1, 72, 52, 156, 242, 151, 126}, float s = {1}, uint8 o = {128}, float[2] k = dyadic(3)>
        { c = Constant <value = float[4] {1, 2, 3, 5}> ()  a = Add (c, x)  d = Mean (z, a)
          w = DequantizeLinear (q, s, o)  e = MatMul (d, w)  y = Add (e, k) }"#;
    only_as_it_is("mean", text, &[("y", 1)]);
}

#[test]
fn a_piece_whose_readers_nobody_reads() {
    let ahead = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,4,5,5] x) => (float[N,3,5,5] y)
        <float[1,4,1,1] k = positive(1), int64[2] parts = {2, 2}, float[3,2,1,1] w = dyadic(2), float[2,1,1] q = dyadic(3)>
        { a = Div (x, k)  s, t = Split <axis = 1> (a, parts)  y = Conv (s, w)  r = Mul (t, q) }"#;
    only_as_it_is("ahead", ahead, &[("y", 1)]);
    let back = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,4,5,5] x) => (float[N,3,5,5] y)
        <float[4,4,1,1] u = dyadic(1), float[4] g = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5),
         int64[2] parts = {2, 2}, float[3,2,1,1] w = dyadic(6), float[2,1,1] q = dyadic(7)>
        { c = Conv (x, u)  n = BatchNormalization (c, g, b, m, v)  s, t = Split <axis = 1> (n, parts)  p = Sigmoid (s)
          y = Conv (p, w)  r = Mul (t, q) }"#;
    let before = inexact(back);
    let after = folded(&before);
    right("back", &judge(&before, &after.encode_to_vec()));
    // What the piece is made of that nobody reads is all the same, what the other one is made of is not.
    let mut wrong = after.clone();
    let graph = wrong.graph.as_mut().unwrap();
    let made = maker(graph, "s").input[0].clone();
    change(graph, &made, 1, |values| values[0] *= 1.001);
    assert!(judge(&before, &wrong.encode_to_vec()).outcome >= Outcome::NotJudged);
}

#[test]
fn products_in_a_row_beside_what_integers_tell() {
    let split = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,3] x) => (float[N,2] y)
        <float[3,4] u = dyadic(1), float[4,3] w = dyadic(2), int64[2] parts = {1, 2}, float[2] k = dyadic(3)>
        { a = MatMul (x, u)  b = MatMul (a, w)  s, t = Split <axis = 1> (b, parts)  y = Add (k, t) }"#;
    let before = inexact(split);
    let after = folded(&before);
    right("split", &judge(&before, &after.encode_to_vec()));
    for (input, element) in [(1, 2), (1, 7), (2, 1)] {
        let mut wrong = after.clone();
        let graph = wrong.graph.as_mut().unwrap();
        let made = maker(graph, "y").input[0].clone();
        change(graph, &made, input, |values| values[element] = values[element] * 1.001 + 1e-3);
        assert!(judge(&before, &wrong.encode_to_vec()).outcome >= Outcome::NotJudged, "{input} {element}");
    }
    let flatten = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,6,6] x) => (float[N,2] y)
        <float[6] c = dyadic(1), float[36,6] u = dyadic(2), float[2,6] w = dyadic(3), float[2] k = dyadic(4)>
        { a = Add (c, x)  f = Flatten (a)  e = MatMul (f, u)  y = Gemm <transB = 1> (e, w, k) }"#;
    only_as_it_is("flatten", flatten, &[("y", 1), ("y", 2)]);
}

#[test]
fn terms_of_a_sum_that_stand_in_another_order() {
    let sum = r#"<ir_version: 8, opset_import: ["" : 18]>
        g (float[N,4,6,4] x, float[4] c) => (float[N,4,6,4] y) <float[4] k = dyadic(1), float[4] c = dyadic(2)>
        { m = Mul (x, k)  s = Sum (x, c)  y = Add (s, m) }"#;
    only_as_it_is("sum", sum, &[("m_folded", 1)]);
    let of_three = r#"<ir_version: 8, opset_import: ["" : 12]>
        g (double[N,3,4,2] x, double[1,3,1,1] c) => (double[N,C,H,W] y) <double[3,1,1] k = dyadic(1), double[1,3,1,1] c = dyadic(2)>
        { m = Mul (k, x)  a = Add (x, c)  y = Sum (a, m, x) }"#;
    only_as_it_is("of three", of_three, &[("m_folded", 0)]);
}

#[test]
fn a_convolution_of_each_channel_behind_windows() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[N,4,h,v] x) => (float[N,6,H,V] y)
        <float[1,4,1,1] k = positive(1), float[6,4,1,1] w = dyadic(2), float[6] b = dyadic(3), float[6,1,1,1] u = dyadic(4),
         float[6] c = dyadic(5)>
        { m = Mul (k, x)  p = MaxPool <kernel_shape = [2, 2], strides = [2, 2]> (m)
          e = Conv <pads = [1, 1, 1, 1], strides = [2, 1]> (p, w, b)  y = Conv <group = 6> (e, u, c) }"#;
    only_as_it_is("windows", text, &[("y", 1), ("y", 2)]);
}

#[test]
fn windows_over_what_a_reduction_left() {
    let text = |reduced: &str| {
        format!(
            r#"<ir_version: 8, opset_import: ["" : 13]>
            g (double[N,1,h,v] x) => (double[N,3,H,V] y) <double[1] k = dyadic(1), double[3,1,1,2] w = dyadic(2), double[3] b = dyadic(3)>
            {{ m = Mul (k, x)  r = ReduceMean <axes = {reduced}> (m)
               y = Conv <pads = [1, 1, 1, 1], strides = [1, 1]> (r, w, b) }}"#
        )
    };
    for reduced in ["[2, 3]", "[-1, -2]"] {
        only_as_it_is(reduced, &text(reduced), &[("y", 1), ("y", 2)]);
    }
}

/// A Constant with two elements that are no zeros.
fn sparse(values: [f32; 2]) -> AttributeProto {
    let tensor = |data_type, raw_data: Vec<u8>| TensorProto {
        dims: vec![2],
        data_type: Some(data_type),
        raw_data: Some(raw_data),
        ..TensorProto::default()
    };
    let places = [0_i64, 2].iter().flat_map(|place| place.to_le_bytes()).collect();
    let sparse = SparseTensorProto {
        values: Some(tensor(1, values.iter().flat_map(|value| value.to_le_bytes()).collect())),
        indices: Some(tensor(7, places)),
        dims: vec![3],
    };
    let name = Some("sparse_value".into());
    AttributeProto { name, sparse_tensor: Some(sparse), r#type: Some(11), ..AttributeProto::default() }
}

#[test]
fn a_sparse_value_beside_a_fold() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[1,2,4,3] x) => (float[1,3,4,3] y)
        <float[3,2,1,1] w = dyadic(1), float[3] g = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
        { k = Constant <value_float = 1.0> ()  c = Conv (x, w)  n = BatchNormalization (c, g, b, m, v)  r = Relu (n)  y = Mul (r, k) }"#;
    let mut before = decode(&inexact(text));
    maker(before.graph.as_mut().unwrap(), "k").attribute = vec![sparse([1.5, 2.0])];
    let before = before.encode_to_vec();
    let after = folded(&before);
    right("sparse", &judge(&before, &after.encode_to_vec()));
    let mut wrong = after.clone();
    change(wrong.graph.as_mut().unwrap(), "n", 1, |values| values[0] *= 1.001);
    assert_eq!(judge(&before, &wrong.encode_to_vec()).outcome, Outcome::Differs);
    let mut wrong = after;
    maker(wrong.graph.as_mut().unwrap(), "k").attribute = vec![sparse([1.5, 2.001])];
    assert_eq!(judge(&before, &wrong.encode_to_vec()).outcome, Outcome::Differs);
}
