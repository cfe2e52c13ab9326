//! Messages in forms that nobody writes and protobuf allows: fields that stand twice, lists in several pieces. What an engine reads
//! there has to be what is compared.

use crate::judged::{judge_with, options};
use bnfold::onnx::{AttributeProto, ModelProto, TensorProto};
use bnfold::verify::Outcome;
use prost::Message as _;

/// A message with the field of this number given by bytes, as one piece.
fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    prost::encoding::encode_key(number, prost::encoding::WireType::LengthDelimited, &mut out);
    prost::encoding::encode_varint(content.len() as u64, &mut out);
    [out, content.to_vec()].concat()
}

/// A model whose second node reads what this message of an attribute gives the first.
fn model(text: &str, attribute: &[u8]) -> Vec<u8> {
    let mut model = ModelProto::decode(&bnfold::sample::encode(text).unwrap()[..]).unwrap();
    let graph = model.graph.as_mut().unwrap();
    graph.node[0].attribute.clear();
    let node = [graph.node[0].encode_to_vec(), field(5, attribute)].concat();
    let rest: Vec<u8> = graph.node.split_off(1).iter().flat_map(|node| field(1, &node.encode_to_vec())).collect();
    graph.node.clear();
    let graph = [field(1, &node), rest, model.graph.take().unwrap().encode_to_vec()].concat();
    [model.encode_to_vec(), field(7, &graph)].concat()
}

fn refused(text: &str, one: &[u8], two: &[u8]) {
    let [before, same, after] = [one, one, two].map(|attribute| model(text, attribute));
    let verdict = judge_with(&before, &same, &options());
    assert!(verdict.outcome < Outcome::NotJudged, "{text}: {verdict:#?}");
    let verdict = judge_with(&before, &after, &options());
    assert!(verdict.outcome >= Outcome::NotJudged, "{text}: {verdict:#?}");
}

const FILLED: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[2] x, int64[1] s) => (float[N] y) { c = ConstantOfShape (s) y = Add (x, c) }"#;
const LONG: &str = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1200] x) => (float[1200] y) { c = Constant <value_float = 1.0> () y = Add (x, c) }"#;

fn tensor(dims: &[i64], numbers: &[f32]) -> Vec<u8> {
    let raw_data = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
    TensorProto { dims: dims.to_vec(), data_type: Some(1), raw_data: Some(raw_data), ..TensorProto::default() }.encode_to_vec()
}

/// An attribute of this name and type, and these pieces.
fn named(name: &str, kind: i32, pieces: &[Vec<u8>]) -> Vec<u8> {
    let attribute = AttributeProto { name: Some(name.to_owned()), r#type: Some(kind), ..AttributeProto::default() };
    [vec![attribute.encode_to_vec()], pieces.to_vec()].concat().concat()
}

#[test]
fn a_tensor_that_stands_twice() {
    let of = |last: f32| {
        let pieces = [tensor(&[1], &[1.0]), tensor(&[], &[last])];
        named("value", 4, &pieces.map(|piece| field(5, &piece)))
    };
    refused(FILLED, &of(3.0), &of(5.0));
}

#[test]
fn an_attribute_that_is_named_twice() {
    let of = |number: f32| [field(1, b"other"), named("value", 4, &[field(5, &tensor(&[1], &[number]))])].concat();
    refused(FILLED, &of(3.0), &of(5.0));
}

#[test]
fn a_long_list_behind_a_short_one() {
    let of = |number: f32| {
        let bytes = |numbers: &[f32]| numbers.iter().flat_map(|number| number.to_le_bytes()).collect::<Vec<u8>>();
        let mut long = vec![1.5; 1198];
        long[600] = number;
        named("value_floats", 6, &[field(7, &bytes(&[1.0, 2.0])), field(7, &bytes(&long))])
    };
    refused(LONG, &of(6.0), &of(99.0));
}

#[test]
fn whole_numbers_that_no_float_holds() {
    let of = |number: i64| {
        format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g (float[N] x) => (int64[1] y)
            {{ s = Shape (x) c = Constant <value_int = {number}> () d = Constant <value_ints = [9007199254740992]> () q = Add (s, c) y = Sub (q, d) }}"#
        )
    };
    let [one, two] = [9_007_199_254_740_993, 9_007_199_254_740_992].map(|number| bnfold::sample::encode(&of(number)).unwrap());
    assert!(judge_with(&one, &one, &options()).outcome < Outcome::NotJudged);
    let verdict = judge_with(&one, &two, &options());
    assert!(verdict.outcome >= Outcome::NotJudged, "{verdict:#?}");
}
