//! What other tools write beside their folds: defaults as attributes, shapes of outputs, the zeros of a Pad as pads of a
//! convolution. None of it is a difference, and what looks like it but is not is one.

use crate::judged::{decode, fold, inexact, judge, right};
use bnfold::onnx::tensor_shape_proto::dimension::Value as Size;
use bnfold::onnx::type_proto::Value as Kind;
use bnfold::onnx::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, SparseTensorProto, TensorProto,
};
use bnfold::verify::Outcome;
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
        right(pads, &judge(&before, &fold(&before)));
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
    assert!(verdict.outcome >= Outcome::NotJudged, "{verdict:#?}");
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
    // It says how statistics are learned, which no inference does.
    right("another", &with(0.1));
}

/// Judges a model against itself, changed; and unchanged, which is equal whatever it holds.
fn unequal(place: &str, before: &ModelProto, how: impl FnOnce(&mut ModelProto)) {
    let bytes = before.encode_to_vec();
    assert_eq!(judge(&bytes, &bytes).outcome, Outcome::Equal, "{place}");
    let mut after = before.clone();
    how(&mut after);
    let outcome = judge(&bytes, &after.encode_to_vec()).outcome;
    assert!(matches!(outcome, Outcome::Differs | Outcome::NotJudged), "{place}: {outcome:?}");
}

fn plain(text: &str) -> ModelProto {
    decode(&bnfold::sample::encode(text).unwrap_or_else(|e| panic!("{e}")))
}

fn tensor(name: &str, data_type: i32, count: i64) -> TensorProto {
    TensorProto { name: Some(name.to_owned()), data_type: Some(data_type), dims: vec![count], ..TensorProto::default() }
}

#[test]
fn tensors_count_wherever_they_are() {
    let mut model = plain(r#"<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = Relu (x) }"#);
    let graph = model.graph.as_mut().unwrap();
    let sparse = |value: f32| SparseTensorProto {
        values: Some(TensorProto { float_data: vec![value], ..tensor("s", 1, 1) }),
        indices: Some(TensorProto { int64_data: vec![1], ..tensor("", 7, 1) }),
        dims: vec![2],
    };
    graph.sparse_initializer = vec![sparse(1.0)];
    graph.node[0].op_type = Some("Add".to_owned());
    graph.node[0].input = vec!["x".to_owned(), "s".to_owned()];
    unequal("a sparse value", &model, |m| m.graph.as_mut().unwrap().sparse_initializer[0] = sparse(5.0));
    unequal("a sparse place", &model, |m| {
        m.graph.as_mut().unwrap().sparse_initializer[0].indices.as_mut().unwrap().int64_data = vec![0];
    });

    let mut strings = plain(r#"<ir_version: 8, opset_import: ["" : 17]> g (int64[2] x) => (string[2] y) { y = Identity (x) }"#);
    let graph = strings.graph.as_mut().unwrap();
    let labels =
        |second: &str| TensorProto { string_data: vec![b"one".to_vec(), second.as_bytes().to_vec()], ..tensor("l", 8, 2) };
    graph.initializer = vec![labels("two")];
    graph.node[0].op_type = Some("Gather".to_owned());
    graph.node[0].input = vec!["l".to_owned(), "x".to_owned()];
    unequal("a string", &strings, |m| m.graph.as_mut().unwrap().initializer[0] = labels("three"));

    let mut filled =
        plain(r#"<ir_version: 8, opset_import: ["" : 17]> g (int64[2] x) => (int32[A,B] y) { y = ConstantOfShape (x) }"#);
    let attribute = |tensor: TensorProto| AttributeProto {
        name: Some("value".into()),
        t: Some(tensor),
        r#type: Some(4),
        ..Default::default()
    };
    let typed = || TensorProto { int32_data: vec![4_194_309], ..tensor("", 6, 1) };
    let raw = |bytes: [u8; 4]| TensorProto { raw_data: Some(bytes.to_vec()), ..tensor("v", 6, 1) };
    filled.graph.as_mut().unwrap().node[0].attribute = vec![attribute(typed())];
    let set = |m: &mut ModelProto, tensor| m.graph.as_mut().unwrap().node[0].attribute = vec![attribute(tensor)];
    unequal("the bytes of the varint", &filled, |m| set(m, raw([0x85, 0x80, 0x80, 0x02])));
    let mut other = filled.clone();
    set(&mut other, raw(4_194_309_i32.to_le_bytes()));
    assert_eq!(judge(&filled.encode_to_vec(), &other.encode_to_vec()).outcome, Outcome::Equal);
}

#[test]
fn integers_that_no_float_holds_count() {
    let mut model =
        plain(r#"<ir_version: 8, opset_import: ["" : 17]> g (int64[2] x) => (int64[2] y) { c = Neg (x)  y = Add (x, c) }"#);
    let constant = |value: i64| {
        let value = AttributeProto { name: Some("value_int".into()), i: Some(value), r#type: Some(2), ..Default::default() };
        NodeProto { op_type: Some("Constant".into()), output: vec!["c".into()], attribute: vec![value], ..Default::default() }
    };
    model.graph.as_mut().unwrap().node[0] = constant(1 << 53);
    unequal("2^53 and one", &model, |m| m.graph.as_mut().unwrap().node[0] = constant((1 << 53) + 1));
}

#[test]
fn outputs_that_say_what_an_operator_does_count() {
    let model = plain(
        r#"<ir_version: 8, opset_import: ["" : 8]> g (float[2,2,2,2] x) => (float[2,2,2,2] y)
        <float[2] s = fill(1.0), float[2] b = fill(0.5), float[2] m = fill(0.25), float[2] v = fill(2.0)>
        { y, n, o, p, q = BatchNormalization (x, s, b, m, v) }"#,
    );
    unequal("training", &model, |m| m.graph.as_mut().unwrap().node[0].output.truncate(1));
    let split =
        plain(r#"<ir_version: 8, opset_import: ["" : 13]> g (float[4] x) => (float[A] y) { y, z = Split <axis = 0> (x) }"#);
    unequal("parts", &split, |m| m.graph.as_mut().unwrap().node[0].output.push("w".to_owned()));
}

#[test]
fn what_a_function_says_of_its_attributes_and_operators_counts() {
    let mut model =
        plain(r#"<ir_version: 9, opset_import: ["" : 17, "own" : 1]> g (float[2] x) => (float[2] y) { y = Relu (x) }"#);
    let alpha = |value: f32| AttributeProto { name: Some("alpha".into()), f: Some(value), r#type: Some(1), ..Default::default() };
    let import = |version| OperatorSetIdProto { domain: Some(String::new()), version: Some(version) };
    let reference =
        AttributeProto { name: Some("alpha".into()), ref_attr_name: Some("alpha".into()), r#type: Some(1), ..Default::default() };
    let inner = NodeProto {
        op_type: Some("LeakyRelu".into()),
        input: vec!["a".into()],
        output: vec!["b".into()],
        attribute: vec![reference],
        ..Default::default()
    };
    model.functions = vec![FunctionProto {
        name: Some("Leak".into()),
        domain: Some("own".into()),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node: vec![inner],
        opset_import: vec![import(15)],
        attribute_proto: vec![alpha(0.1)],
        ..Default::default()
    }];
    let call = &mut model.graph.as_mut().unwrap().node[0];
    (call.op_type, call.domain) = (Some("Leak".into()), Some("own".into()));
    unequal("a default", &model, |m| m.functions[0].attribute_proto = vec![alpha(0.5)]);
    unequal("an operator set", &model, |m| m.functions[0].opset_import = vec![import(5)]);
}

#[test]
fn fields_that_nobody_knows_count() {
    let model = plain(r#"<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = Relu (x) }"#);
    let node = model.graph.as_ref().unwrap().node[0].encode_to_vec();
    let with = |value: u8| {
        // Field 99 of a node, which is a number.
        let strange = [&node[..], &[0x98, 0x06, value]].concat();
        let graph = GraphProto { node: vec![], ..model.graph.clone().unwrap() };
        let graph = [&[0x0a, strange.len() as u8], &strange[..], &graph.encode_to_vec()].concat();
        let rest = ModelProto { graph: None, ..model.clone() }.encode_to_vec();
        [&rest[..], &[0x3a, graph.len() as u8], &graph].concat()
    };
    assert_eq!(judge(&with(1), &with(1)).outcome, Outcome::Equal);
    for (one, two) in [(with(1), with(2)), (with(1), model.encode_to_vec()), (model.encode_to_vec(), with(1))] {
        let outcome = judge(&one, &two).outcome;
        assert!(matches!(outcome, Outcome::Differs | Outcome::NotJudged), "{outcome:?}");
    }
}

/// Conv, Mul by 4, Relu, Conv, one channel each, against Conv, Relu, Conv, whose values have the names that are given: the first
/// bias, and the weights of the second file. The Mul may be gone with the first (2 in place of 0.5) or the second (8) alone.
fn gated(names: [&str; 2], bias: f32, first: f32, second: f32) -> Outcome {
    let text = |[w, b, v]: [f32; 3], middle: &str| {
        let text = format!(
            "<ir_version: 8, opset_import: [\"\" : 17]> g (float[2,1,3,3] x) => (float[2,1,3,3] y)
             <float[1,1,1,1] w = {{{w:e}}}, float[1] b = {{{b:e}}}, float[1,1,1,1] v = {{{v:e}}}, float s = {{4}}> {{ {middle} }}"
        );
        bnfold::sample::encode(&text).unwrap()
    };
    let before = text([0.5, bias, 2.0], "c = Conv (x, w, b)  m = Mul (c, s)  r = Relu (m)  y = Conv (r, v)");
    let [d, q] = names;
    let middle = format!("{d} = Conv (x, w, b)  {q} = Relu ({d})  y = Conv ({q}, v)");
    judge(&before, &text([first, bias * first / 0.5, second], &middle)).outcome
}

#[test]
fn a_factor_may_go_through_a_gate_whatever_the_names_and_no_weight_hides_behind_a_closed_one() {
    for names in [["m", "r"], ["d", "r"], ["c", "r"], ["d", "q"], ["r", "m"]] {
        for bias in [0.25, -2000.0] {
            let at = format!("{names:?} {bias}");
            for (first, second) in [(2.0, 2.0), (1.0, 4.0), (0.5, 8.0)] {
                assert_eq!(gated(names, bias, first, second), Outcome::EqualWithinRounding, "{at}: {first} {second}");
            }
            for (first, second) in [(2.0, 3.0), (1.0, 3.0), (-2.0, -2.0), (-1.0, -4.0)] {
                assert!(gated(names, bias, first, second) >= Outcome::NotJudged, "{at}: {first} {second}");
            }
        }
        // As far as the numbers between stay in the range of their type, which ends at 2^128, for inputs up to 2^40.
        for (power, right) in [(80, true), (95, false), (110, false)] {
            let far = 2.0_f32.powi(power);
            for (first, second) in [(2.0 * far, 2.0 / far), (2.0 / far, 2.0 * far)] {
                let equal = gated(names, 0.25, first, second) == Outcome::EqualWithinRounding;
                assert_eq!(equal, right, "{names:?} 2^{power}: {first} {second}");
            }
        }
    }
}

#[test]
fn what_is_always_zero_before_a_gate_has_the_factor_of_the_rest() {
    let text = |w: f32, behind: &str| {
        let text = format!(
            "<ir_version: 8, opset_import: [\"\" : 17]> g (float[1,1,4] x) => (float[1,1,6] y)
             <float[1,1,1] w = {{{w:e}}}, float[1,1] a = {{2}}, float[1,1,1] k = {{0.5}}, float[1,1,1] t = {{-2}}>
             {{ c = Conv <pads = [1,1]> (x, w)  p = PRelu (c, a)  {behind} }}"
        );
        bnfold::sample::encode(&text).unwrap()
    };
    let before = text(1.0, "m = Mul (p, k)  y = Add (m, t)");
    right("folded", &judge(&before, &fold(&before)));
    let verdict = judge(&before, &text(0.25, "y = Add (p, t)"));
    assert_eq!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
}

#[test]
fn numbers_that_overflow_in_the_first_file_alone_are_no_proof() {
    let weight = |w: f32| format!("float[1,1,1,1] w = {{{w:e}}}");
    let text = |constants: String, body: &str| {
        let text = format!(
            "<ir_version: 8, opset_import: [\"\" : 17]> g (float[2,1,3,3] x) => (float[2,1,3,3] y) <{constants}> {{ {body} }}"
        );
        bnfold::sample::encode(&text).unwrap()
    };
    let after = text(weight(3.0), "y = Conv (x, w)");
    for (power, right) in [(30, true), (80, true), (95, false), (125, false)] {
        let far = 2.0_f32.powi(power);
        let constants = format!("{}, float k = {{{far:e}}}", weight(3.0 / far));
        for body in ["n = Mul (x, k)  y = Conv (n, w)", "n = Mul (k, x)  i = Identity (n)  y = Conv (i, w)"] {
            let outcome = judge(&text(constants.clone(), body), &after).outcome;
            assert_eq!(outcome == Outcome::EqualWithinRounding, right, "2^{power}: {body}: {outcome:?}");
            assert_ne!(outcome, Outcome::Differs, "2^{power}: {body}");
        }
    }
}
