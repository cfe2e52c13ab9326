//! What other tools write beside their folds: defaults as attributes, shapes of outputs, the zeros of a Pad as pads of a
//! convolution. None of it is a difference, and what looks like it but is not is one.
#![cfg(feature = "tract")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod judged;

use bnfold::onnx::tensor_shape_proto::dimension::Value as Size;
use bnfold::onnx::type_proto::Value as Kind;
use bnfold::onnx::{AttributeProto, ModelProto};
use bnfold::verify::Outcome;
use judged::{decode, fold, inexact, judge, right};
use prost::Message as _;

fn padded(pad: &str, value: &str) -> String {
    format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        padded (float[2,3,6,6] x) => (float[N,C,H,W] y)
        <int64[8] pads = {{{pad}}}, float around = {{{value}}}, float[4,3,3,3] w = fill(0.3), float[4] g = fill(1.2),
         float[4] b = fill(0.4), float[4] m = fill(-0.2), float[4] v = fill(0.9)>
        {{ p = Pad (x, pads, around)  c = Conv (p, w)  y = BatchNormalization (c, g, b, m, v) }}"#
    )
}

/// The fold, with a convolution that pads in place of the Pad.
fn without_pad(before: &[u8], pads: &[i64]) -> ModelProto {
    let mut model = decode(&fold(before));
    let graph = model.graph.as_mut().unwrap();
    graph.node.retain(|node| node.op_type() != "Pad");
    let conv = graph.node.iter_mut().find(|node| node.op_type() == "Conv").unwrap();
    conv.input[0] = "x".to_owned();
    let list = AttributeProto { name: Some("pads".into()), ints: pads.to_vec(), r#type: Some(7), ..AttributeProto::default() };
    conv.attribute.push(list);
    model
}

#[test]
fn the_zeros_of_a_pad_may_become_the_pads_of_a_convolution() {
    let before = inexact(&padded("0, 0, 1, 2, 0, 0, 1, 0", "0.0"));
    right("moved", &judge(&before, &without_pad(&before, &[1, 2, 1, 0]).encode_to_vec()));
    for wrong in [[1, 2, 1, 1], [2, 1, 0, 1], [1, 2, 0, 0], [0, 0, 0, 0]] {
        let verdict = judge(&before, &without_pad(&before, &wrong).encode_to_vec());
        assert_eq!(verdict.outcome, Outcome::Differs, "{wrong:?}: {verdict:#?}");
    }
}

#[test]
fn other_pads_may_not_go() {
    // Something else than zeros, samples or channels that are added, borders that are cut off.
    let cases = [
        ("0, 0, 1, 1, 0, 0, 1, 1", "0.5", [1, 1, 1, 1]),
        ("0, 0, -1, 1, 0, 0, 1, 1", "0.0", [0, 1, 1, 1]),
        ("1, 0, 1, 1, 0, 0, 1, 1", "0.0", [1, 1, 1, 1]),
    ];
    for (pads, value, after) in cases {
        let before = inexact(&padded(pads, value));
        let verdict = judge(&before, &without_pad(&before, &after).encode_to_vec());
        assert_eq!(verdict.outcome, Outcome::Differs, "{pads}: {verdict:#?}");
    }
    let mirrored = padded("0, 0, 1, 1, 0, 0, 1, 1", "0.0").replace("Pad (x", "Pad <mode = \"reflect\"> (x");
    let before = inexact(&mirrored);
    let verdict = judge(&before, &without_pad(&before, &[1, 1, 1, 1]).encode_to_vec());
    assert_eq!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
}

#[test]
fn a_pad_at_the_end_that_a_stride_skips_may_not_go() {
    // Six columns and a stride of two: the last one of seven is seen, in a model of another size it would not be.
    let text = padded("0, 0, 0, 0, 0, 0, 1, 1", "0.0").replace("Conv (p", "Conv <strides = [2, 2]> (p");
    let before = inexact(&text.replace("6,6", "7,7"));
    let verdict = judge(&before, &without_pad(&before, &[0, 0, 0, 0]).encode_to_vec());
    assert_eq!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
}

/// The fold with these sizes declared for its output.
fn declared(before: &[u8], sizes: &[i64]) -> Vec<u8> {
    let mut model = decode(&fold(before));
    let output = &mut model.graph.as_mut().unwrap().output[0];
    let Some(Kind::TensorType(tensor)) = output.r#type.as_mut().and_then(|t| t.value.as_mut()) else { panic!("no tensor") };
    for (dim, size) in tensor.shape.as_mut().unwrap().dim.iter_mut().zip(sizes) {
        dim.value = Some(Size::DimValue(*size));
    }
    model.encode_to_vec()
}

#[test]
fn sizes_of_outputs_that_follow_from_fixed_inputs_may_be_written_down() {
    let text = padded("0, 0, 1, 1, 0, 0, 1, 1", "0.0");
    let open = inexact(&text);
    right("written down", &judge(&open, &declared(&open, &[2, 4, 6, 6])));
    // Two files that say different sizes, and inputs that are not fixed.
    let said = inexact(&text.replace("[N,C,H,W]", "[2,4,6,6]"));
    assert_eq!(judge(&said, &declared(&said, &[2, 4, 6, 5])).outcome, Outcome::Differs);
    let free = inexact(&text.replace("[2,3,6,6]", "[N,3,6,6]"));
    assert_eq!(judge(&free, &declared(&free, &[2, 4, 6, 6])).outcome, Outcome::Differs);
}

#[test]
fn a_default_that_a_tool_writes_out_beside_its_folds_is_no_difference() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        beside (float[2,3,6,6] x) => (float[2,4,6,6] y)
        <float[4,3,1,1] w = fill(0.3), float[4] g = fill(1.2), float[4] b = fill(0.4), float[4] m = fill(-0.2),
         float[4] v = fill(0.9), float[4] g2 = fill(1.1), float[4] b2 = fill(0.3), float[4] m2 = fill(0.1), float[4] v2 = fill(1.9)>
        { c = Conv (x, w)  n = BatchNormalization (c, g, b, m, v)  s = Sigmoid (n)  y = BatchNormalization (s, g2, b2, m2, v2) }"#;
    let before = inexact(text);
    let with = |momentum: f32| {
        let mut model = decode(&fold(&before));
        let kept = model.graph.as_mut().unwrap().node.iter_mut().find(|node| node.op_type() == "BatchNormalization").unwrap();
        let name = Some("momentum".into());
        kept.attribute.push(AttributeProto { name, f: Some(momentum), r#type: Some(1), ..AttributeProto::default() });
        judge(&before, &model.encode_to_vec())
    };
    right("written out", &with(0.9));
    assert_eq!(with(0.1).outcome, Outcome::Differs);
}
