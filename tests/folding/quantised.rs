//! Quantised weights: what a fold changes and what it leaves byte for byte, and faults that the judge must find.

use crate::judged::{
    apart_at, change, decode, fold, fold_with, inexact, judge, judge_with, maker, numbers, options, right, wrong_at,
};
use bnfold::model::Model;
use bnfold::onnx::{GraphProto, ModelProto, TensorProto};
use bnfold::plan::Options;
use bnfold::verify::{Outcome, VerifyOptions};
use prost::Message as _;

/// As many channels on both sides, so that a wrong axis still fits.
const CONV: &str = r#"<ir_version: 10, opset_import: ["" : 21]>
    g (float[1,3,4,4] x) => (float[1,3,4,4] y)
    <int8[3,3,3,3] q = dyadic(1), float k = {0.25}, int8 z = {3}, float[3] s = positive(2), float[3] b = dyadic(3),
     float[3] m = dyadic(4), float[3] v = square(5)>
    { w = DequantizeLinear (q, k, z)
      c = Conv <pads = [1,1,1,1]> (x, w)
      y = BatchNormalization (c, s, b, m, v) }"#;

fn graph(model: &ModelProto) -> &GraphProto {
    model.graph.as_ref().unwrap()
}

fn tensor<'m>(model: &'m ModelProto, name: &str) -> &'m TensorProto {
    graph(model).initializer.iter().find(|t| t.name() == name).unwrap_or_else(|| panic!("no {name}"))
}

fn tensor_mut<'m>(model: &'m mut ModelProto, name: &str) -> &'m mut TensorProto {
    model.graph.as_mut().unwrap().initializer.iter_mut().find(|t| t.name() == name).unwrap()
}

fn operators(model: &ModelProto) -> Vec<&str> {
    graph(model).node.iter().map(|n| n.op_type()).collect()
}

/// A model with another number format in place of int8: four bits, two to a byte.
fn narrowed(text: &str) -> Vec<u8> {
    let mut model = decode(&inexact(text));
    for tensor in model.graph.as_mut().unwrap().initializer.iter_mut().filter(|t| t.data_type() == 3) {
        let stored: Vec<u8> = match tensor.raw_data.take() {
            Some(bytes) => bytes,
            None => std::mem::take(&mut tensor.int32_data).iter().map(|v| *v as u8).collect(),
        };
        let number = |byte: u8| (byte as i8).clamp(-8, 7) as u8 & 15;
        tensor.raw_data =
            Some(stored.chunks(2).map(|pair| number(pair[0]) | pair.get(1).map_or(0, |b| number(*b) << 4)).collect());
        tensor.data_type = Some(22);
    }
    model.encode_to_vec()
}

#[test]
fn one_scale_becomes_one_for_each_channel_and_the_integers_stay() {
    let bytes = inexact(CONV);
    let folded = fold(&bytes);
    let (before, after) = (decode(&bytes), decode(&folded));
    assert_eq!(operators(&after), ["DequantizeLinear", "Conv"]);
    assert_eq!(tensor(&before, "q").encode_to_vec(), tensor(&after, "q").encode_to_vec());
    let node = &graph(&after).node[0];
    assert_eq!((node.output[0].as_str(), node.input[0].as_str()), ("w", "q"));
    assert_eq!(node.attribute.iter().map(|a| (a.name(), a.i())).collect::<Vec<_>>(), [("axis", 0)]);
    assert_eq!(tensor(&after, &node.input[1]).dims, [3]);
    assert_eq!((&tensor(&after, &node.input[2]).dims[..], tensor(&after, &node.input[2]).raw_data()), (&[3][..], &[3, 3, 3][..]));
    let names: Vec<&str> = graph(&after).initializer.iter().map(|t| t.name()).collect();
    assert!(!names.contains(&"k") && !names.contains(&"z"), "{names:?}");
    let verdict = judge(&bytes, &folded);
    assert!(right("one scale", &verdict) > 0.1);
    assert!(verdict.sites[0].certificate.is_some() && crate::judged::alone(&verdict).1 == 1);
}

#[test]
fn scales_by_channel_are_changed_where_they_are() {
    let text = CONV.replace("float k = {0.25}, int8 z = {3}", "float[3] k = positive(6), int8[3] z = dyadic(7)");
    let bytes = inexact(&text.replace("DequantizeLinear (", "DequantizeLinear <axis = 0> ("));
    let folded = fold(&bytes);
    let (before, after) = (decode(&bytes), decode(&folded));
    assert_eq!(graph(&before).node[0], graph(&after).node[0]);
    for name in ["q", "z"] {
        assert_eq!(tensor(&before, name), tensor(&after, name));
    }
    assert_ne!(numbers(tensor(&before, "k")), numbers(tensor(&after, "k")));
    right("by channel", &judge(&bytes, &folded));
}

#[test]
fn four_bits_and_blocks() {
    for text in [
        CONV.to_owned(),
        CONV.replace("float k = {0.25}, int8 z = {3}", "float[3,2,3,3] k = positive(6), int8[3,2,3,3] z = dyadic(7)")
            .replace("DequantizeLinear (", "DequantizeLinear <axis = 1, block_size = 2> ("),
    ] {
        let bytes = narrowed(&text);
        let folded = fold(&bytes);
        let (before, after) = (decode(&bytes), decode(&folded));
        assert_eq!(operators(&after), ["DequantizeLinear", "Conv"], "{text}");
        assert_eq!(tensor(&before, "q"), tensor(&after, "q"));
        let zero = tensor(&after, &graph(&after).node[0].input[2]);
        assert!(zero.dims.len() > 1 || zero.raw_data() == [0x33, 0x03], "{zero:?}");
        right(&text, &judge(&bytes, &folded));
    }
}

#[test]
fn negative_scales_are_left_out_on_request() {
    let bytes = inexact(&CONV.replace("s = positive(2)", "s = {1, -2, 3}"));
    assert_eq!(fold_with(&bytes, &Options { positive_scales: true, ..Options::default() }), bytes);
    let folded = fold(&bytes);
    assert_eq!(operators(&decode(&folded)), ["DequantizeLinear", "Conv"]);
    right("negative scales", &judge(&bytes, &folded));
}

#[test]
fn scales_that_the_type_cannot_hold_are_not_made() {
    for (type_, scale, factor) in [("float16", "0.001", "0.000001"), ("float16", "300.0", "8.0"), ("float", "1e-30", "1e-12")] {
        let text = format!(
            r#"<ir_version: 10, opset_import: ["" : 21]> g ({type_}[1,2,2,2] x) => ({type_}[1,2,2,2] y)
               <int8[2,2,1,1] q = dyadic(1), {type_} k = {{{scale}}}, {type_} r = {{{factor}}}>
               {{ w = DequantizeLinear (q, k) c = Conv (x, w) y = Mul (c, r) }}"#
        );
        let bytes = bnfold::sample::encode(&text).unwrap();
        assert_eq!(fold(&bytes), bytes, "{text}");
    }
}

#[test]
fn weights_that_functions_are_given_or_have() {
    let call = r#"<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
        g (float[1,2,2,2] x) => (float[1,2,2,2] y)
        <int8[2,2,1,1] q = dyadic(1), float k = {0.25}, float[2] s = positive(2), float[2] b = dyadic(3), float[2] v = square(4)>
        { w = DequantizeLinear (q, k) y = own.block (x, w, s, b, v) }
        <domain: "own", opset_import: ["" : 21]>
        block (x, w, s, b, v) => (y) { c = Conv (x, w) y = BatchNormalization (c, s, b, b, v) }"#;
    let own = r#"<ir_version: 10, opset_import: ["" : 21, "own" : 1]>
        g (float[1,2,2,2] x) => (float[1,2,2,2] y)
        { h = own.block (x) y = own.block (h) }
        <domain: "own", opset_import: ["" : 21]>
        block (x) => (y) {
          q = Constant <value = int8[2,2,1,1] {1, -2, 3, 4}> ()
          k = Constant <value_float = 0.25> ()
          z = Constant <value = int8 {1}> ()
          s = Constant <value = float[2] {2, 4}> ()
          b = Constant <value = float[2] {0.5, 1}> ()
          v = Constant <value = float[2] {1, 4}> ()
          w = DequantizeLinear (q, k, z)
          c = Conv (x, w)
          y = BatchNormalization (c, s, b, b, v)
        }"#;
    for text in [call, own] {
        let bytes = inexact(text);
        let folded = fold(&bytes);
        let model = decode(&folded);
        assert!(model.functions[0].node.iter().all(|n| n.op_type() != "BatchNormalization"), "{text}");
        let nodes = graph(&model).node.iter().chain(&model.functions[0].node);
        assert_eq!(nodes.filter(|n| n.op_type() == "DequantizeLinear").count(), 1);
        right(text, &judge(&bytes, &folded));
    }
}

#[test]
fn faults_are_found_at_their_site() {
    let bytes = inexact(CONV);
    let folded = decode(&fold(&bytes));
    let (scale, zero) = (graph(&folded).node[0].input[1].clone(), graph(&folded).node[0].input[2].clone());
    let found = |what: &str, how: &dyn Fn(&mut ModelProto)| {
        let mut wrong = folded.clone();
        how(&mut wrong);
        wrong_at(what, &judge(&bytes, &wrong.encode_to_vec()), "y");
        // Nothing of it needs a run.
        let still = judge_with(&bytes, &wrong.encode_to_vec(), &VerifyOptions { run: false, ..options() });
        assert_eq!(still.outcome, Outcome::Differs, "{what}");
    };
    found("the scales along another axis", &|m| maker(m.graph.as_mut().unwrap(), "w").attribute[0].i = Some(1));
    found("zero points that are not repeated", &|m| tensor_mut(m, &zero).raw_data = Some(vec![3, 0, 0]));
    found("one scale off", &|m| change(m.graph.as_mut().unwrap(), "w", 1, |k| k[1] *= 1.00001));
    found("scales in another order", &|m| change(m.graph.as_mut().unwrap(), "w", 1, |k| k.swap(0, 1)));
    found("no scale changed", &|m| change(m.graph.as_mut().unwrap(), "w", 1, |k| k.fill(0.25 * 1.137)));
    let mut wrong = folded.clone();
    tensor_mut(&mut wrong, "q").raw_data.as_mut().unwrap()[5] ^= 1;
    apart_at("an integer", &judge(&bytes, &wrong.encode_to_vec()), "quantised numbers");
    // Twice the integers with half the scales are the same weight, but no fold.
    let mut wrong = folded.clone();
    for name in ["q", &zero] {
        tensor_mut(&mut wrong, name).raw_data.as_mut().unwrap().iter_mut().for_each(|byte| *byte = byte.wrapping_mul(2));
    }
    change(wrong.graph.as_mut().unwrap(), "w", 1, |k| k.iter_mut().for_each(|k| *k /= 2.0));
    apart_at("other integers", &judge(&bytes, &wrong.encode_to_vec()), "quantised numbers");
    assert_eq!(tensor(&folded, &scale).dims, [3]);
}

#[test]
fn a_weight_that_is_read_twice_is_dequantised_twice() {
    let text = CONV
        .replace("=> (float[1,3,4,4] y)", "=> (float[1,3,4,4] y, float[1,3,2,2] u)")
        .replace("(c, s, b, m, v) }", "(c, s, b, m, v)\n u = Conv (x, w) }");
    let bytes = inexact(&text);
    let folded = fold(&bytes);
    let model = Model::from_bytes(folded.clone()).unwrap();
    bnfold::constants::build(&model).unwrap();
    let after = decode(&folded);
    assert_eq!(operators(&after), ["DequantizeLinear", "DequantizeLinear", "Conv", "Conv"]);
    assert_eq!(graph(&after).node[0].input[0], graph(&after).node[1].input[0]);
    assert_eq!(graph(&after).node[0], graph(&decode(&bytes)).node[0]);
    right("read twice", &judge(&bytes, &folded));
}

/// Stored as rows of a matrix that a product wants as columns: as many of both, so that a wrong axis still fits.
const TURNED: &str = r#"<ir_version: 10, opset_import: ["" : 21]>
    g (float[4,3] x) => (float[4,3] y)
    <int8[3,3] q = dyadic(1), float k = {0.25}, int8 z = {3}, float[3] s = positive(2), float[3] b = dyadic(3),
     float[3] m = dyadic(4), float[3] v = square(5)>
    { d = DequantizeLinear (q, k, z)
      w = Transpose (d)
      c = MatMul (x, w)
      y = BatchNormalization (c, s, b, m, v) }"#;

/// Quantised by the channels of the factors and transposed.
fn by_channel() -> String {
    let text = TURNED.replace("float k = {0.25}, int8 z = {3}", "float[3] k = positive(6), int8[3] z = dyadic(7)");
    text.replace("DequantizeLinear (", "DequantizeLinear <axis = 0> (")
}

#[test]
fn a_transposed_weight_takes_scales_in_where_its_axis_comes_from() {
    for text in [TURNED.to_owned(), by_channel()] {
        let bytes = inexact(&text);
        let folded = fold(&bytes);
        let (before, after) = (decode(&bytes), decode(&folded));
        assert_eq!(operators(&after), ["DequantizeLinear", "Transpose", "Gemm"]);
        assert_eq!(tensor(&before, "q"), tensor(&after, "q"));
        assert_eq!(graph(&before).node[1], graph(&after).node[1]);
        let node = &graph(&after).node[0];
        assert_eq!(node.attribute.iter().map(|a| (a.name(), a.i())).collect::<Vec<_>>(), [("axis", 0)]);
        let verdict = judge(&bytes, &folded);
        assert!(right("transposed", &verdict) > 0.1);
        assert!(verdict.sites[0].certificate.is_some() && crate::judged::alone(&verdict).1 == 1);
        let mut wrong = after.clone();
        wrong.graph.as_mut().unwrap().node[0].attribute[0].i = Some(1);
        wrong_at("the scales along the other axis", &judge(&bytes, &wrong.encode_to_vec()), "y");
        let mut wrong = after.clone();
        tensor_mut(&mut wrong, "q").raw_data.as_mut().unwrap()[5] ^= 1;
        apart_at("an integer", &judge(&bytes, &wrong.encode_to_vec()), "quantised numbers");
    }
    // A product with the rows, and one of three axes that takes a scale alone.
    let ahead = TURNED.replace(
        "c = MatMul (x, w)\n      y = BatchNormalization (c, s, b, m, v)",
        "c = BatchNormalization (x, s, b, m, v) y = MatMul (c, w)",
    );
    assert_ne!(ahead, TURNED);
    let bytes = inexact(&ahead);
    assert_eq!(decode(&fold(&bytes)).graph.unwrap().node[0].attribute[0].i(), 1);
    right("ahead", &judge(&bytes, &fold(&bytes)));
}

#[test]
fn what_others_read_of_a_transposed_weight_stays_as_it_was() {
    let with = |outputs: &str, nodes: &str| {
        let text = TURNED.replace("(float[4,3] y)", &format!("(float[4,3] y, {outputs})"));
        inexact(&text.replace("(c, s, b, m, v) }", &format!("(c, s, b, m, v)\n {nodes} }}")))
    };
    let (dequantise, turn) = ("DequantizeLinear", "Transpose");
    for (bytes, left) in [
        // The weight itself: both nodes twice.
        (with("float[4,3] u", "u = MatMul (x, w)"), vec![dequantise, dequantise, turn, turn, "Gemm", "MatMul"]),
        // What is transposed: only the first.
        (with("float[4,3] u", "u = MatMul (x, d)"), vec![dequantise, dequantise, turn, "Gemm", "MatMul"]),
        // An output of the graph.
        (with("float[3,3] d", ""), vec![dequantise, dequantise, turn, "Gemm"]),
        (with("float[3,3] w", ""), vec![dequantise, dequantise, turn, turn, "Gemm"]),
        // Another map for what is transposed.
        (with("float[4,3] u", "e = MatMul (x, d) u = Mul (e, m)"), vec![dequantise, dequantise, turn, "Gemm", "MatMul"]),
        (
            with("float[4,3] u", "t = Transpose (w) e = MatMul (x, t) u = Mul (e, m)"),
            vec![dequantise, dequantise, turn, turn, "Gemm", turn, "MatMul"],
        ),
    ] {
        let folded = fold(&bytes);
        assert_eq!(operators(&decode(&folded)), left);
        assert_eq!(fold(&folded), folded);
        assert_eq!(tensor(&decode(&bytes), "q"), tensor(&decode(&folded), "q"));
        right(&left.join(" "), &judge(&bytes, &folded));
    }
}

#[test]
fn values_that_are_quantised_on_the_way_do_not_matter() {
    let text = CONV
        .replace("int8 z = {3},", "int8 z = {3}, float j = {0.125}, uint8 o = {7},")
        .replace(
            "c = Conv <pads = [1,1,1,1]> (x, w)",
            "p = QuantizeLinear (x, j, o)  d = DequantizeLinear (p, j, o)\n c = Conv <pads = [1,1,1,1]> (d, w)",
        )
        .replace(
            "y = BatchNormalization (c, s, b, m, v)",
            "n = BatchNormalization (c, s, b, m, v)  r = QuantizeLinear (n, j, o)  y = DequantizeLinear (r, j, o)",
        );
    let bytes = inexact(&text);
    let folded = fold(&bytes);
    let left = ["DequantizeLinear", "QuantizeLinear", "DequantizeLinear", "Conv", "QuantizeLinear", "DequantizeLinear"];
    assert_eq!(operators(&decode(&folded)), left);
    right("quantised values", &judge(&bytes, &folded));
}
