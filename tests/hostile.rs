//! Files from strangers: every prefix of a model, and every byte of one changed. The answer is an error or a fold, never a panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use bnfold::model::Model;
use bnfold::ops::OPERATORS;
use bnfold::plan::{Options, SAMPLES};

/// Whether a file opens and folds. What was written must open, too.
fn survives(bytes: Vec<u8>) -> bool {
    let fold = || -> bnfold::Result<Vec<u8>> {
        let model = Model::from_bytes(bytes)?;
        let graph = bnfold::constants::build(&model)?;
        let mut out = Vec::new();
        bnfold::fold::write_to(&graph, &Options::default(), &mut out)?;
        Ok(out)
    };
    let Ok(out) = fold() else { return false };
    let model = Model::from_bytes(out).expect("what was written opens");
    bnfold::constants::build(&model).expect("what was written is a graph");
    true
}

fn models() -> Vec<Vec<u8>> {
    let samples = OPERATORS.iter().flat_map(|o| o.samples).chain(SAMPLES);
    samples.map(|s| bnfold::sample::encode(s.text).unwrap()).collect()
}

#[test]
fn every_prefix_is_answered() {
    let mut opened = 0;
    for model in models() {
        for end in 0..model.len() {
            opened += usize::from(survives(model[..end].to_vec()));
        }
        assert!(survives(model));
    }
    assert!(opened > 0, "no prefix ends between two fields");
}

#[test]
fn every_changed_byte_is_answered() {
    let (mut good, mut bad) = (0, 0);
    for (number, model) in models().into_iter().enumerate() {
        // All values at some bytes, three values at every byte.
        for at in 0..model.len() {
            let all = at % 61 == number % 61;
            for change in if all { 1..=255u8 } else { 1..=3 } {
                let mut changed = model.clone();
                changed[at] ^= if all { change } else { [0x01, 0x80, 0xff][usize::from(change) - 1] };
                if survives(changed) { good += 1 } else { bad += 1 }
            }
        }
    }
    assert!(good > 1000 && bad > 1000, "{good} folded, {bad} refused");
}

#[test]
fn a_tensor_that_claims_a_gigabyte_is_refused_by_name() {
    let mut model = support::model_of(&models()[0]);
    let tensor = &mut model.graph.as_mut().unwrap().initializer[0];
    tensor.dims = vec![1 << 28];
    let name = tensor.name().to_owned();
    let error = Model::from_bytes(prost::Message::encode_to_vec(&model))
        .and_then(|m| bnfold::constants::build(&m).map(|_| ()))
        .unwrap_err();
    assert!(error.to_string().contains(&name), "{error}");
}

#[test]
fn deep_nesting_is_refused() {
    let mut bytes = Vec::new();
    for _ in 0..20_000 {
        // graph, node, attribute, g: each a length-delimited field around the rest.
        for tag in [0x32u8, 0x2a, 0x0a] {
            let mut outer = vec![tag];
            let mut len = bytes.len();
            while len >= 0x80 {
                outer.push(len as u8 | 0x80);
                len >>= 7;
            }
            outer.push(len as u8);
            outer.extend(&bytes);
            bytes = outer;
        }
        if bytes.len() > 3_000 {
            break;
        }
    }
    let mut file = vec![0x08, 0x08, 0x3a];
    let mut len = bytes.len();
    while len >= 0x80 {
        file.push(len as u8 | 0x80);
        len >>= 7;
    }
    file.push(len as u8);
    file.extend(&bytes);
    let error = Model::from_bytes(file).unwrap_err();
    assert!(error.to_string().contains("nested"), "{error}");
}

/// A model with so many functions, each of which calls the next one.
fn chained(count: usize) -> Vec<u8> {
    let text = r#"<ir_version: 8, opset_import: ["" : 17, "f" : 1]> g (float[1] x) => (float[1] y) { y = f.f0 (x) }"#;
    let mut model = support::model_of(&bnfold::sample::encode(text).unwrap());
    let call = model.graph.as_ref().unwrap().node[0].clone();
    for number in 0..count {
        let next = if number + 1 == count { ("Relu".to_owned(), "") } else { (format!("f{}", number + 1), "f") };
        let node = bnfold::onnx::NodeProto { op_type: Some(next.0), domain: Some(next.1.to_owned()), ..call.clone() };
        model.functions.push(bnfold::onnx::FunctionProto {
            name: Some(format!("f{number}")),
            domain: Some("f".to_owned()),
            input: vec!["x".to_owned()],
            output: vec!["y".to_owned()],
            node: vec![node],
            opset_import: model.opset_import.clone(),
            ..Default::default()
        });
    }
    prost::Message::encode_to_vec(&model)
}

#[test]
fn functions_that_call_functions_end_at_a_depth() {
    assert!(survives(chained(100)));
    let model = Model::from_bytes(chained(10_000)).unwrap();
    let error = bnfold::constants::build(&model).map(|_| ()).unwrap_err();
    assert!(error.to_string().contains("functions call functions more than 100 deep"), "{error}");
    assert!(model.inlined().is_err(), "what inlines them asks the same");
}

#[test]
fn shapes_that_lie_are_refused_by_name() {
    let good = support::model_of(&models()[0]);
    type Change = fn(&mut bnfold::onnx::TensorProto);
    let changes: [(&str, Change); 5] = [
        ("negative", |t| t.dims = vec![-1]),
        ("overflowing", |t| t.dims = vec![1 << 40, 1 << 40]),
        ("overflowing in bytes", |t| t.dims = vec![1 << 62]),
        ("another size", |t| t.dims.push(3)),
        ("given twice", |t| t.int32_data = vec![1]),
    ];
    for (what, change) in changes {
        let mut model = good.clone();
        let tensor = &mut model.graph.as_mut().unwrap().initializer[0];
        change(tensor);
        let name = tensor.name().to_owned();
        let bytes = prost::Message::encode_to_vec(&model);
        let fold = || -> bnfold::Result<()> {
            let model = Model::from_bytes(bytes)?;
            bnfold::fold::write_to(&bnfold::constants::build(&model)?, &Options::default(), &mut Vec::new())?;
            Ok(())
        };
        let error = fold().expect_err(what);
        assert!(error.to_string().contains(&name), "{what}: {error}");
    }
}

#[test]
fn what_is_not_known_is_left_alone() {
    // Unknown types, strings, complex numbers, a segment; operators, domains and an operator set that nobody knows.
    let text = r#"<ir_version: 99, opset_import: ["" : 99, "vendor" : 7]> g (float[1,2,4,4] x) => (float[1,2,4,4] y)
        <float[2] a = {1, 2}, float[2] b = {1, 2}, float[2] c = {1, 2}, float[2] d = {1, 2}>
        { y = vendor.Own (x, a, b, c, d) }"#;
    let mut model = support::model_of(&bnfold::sample::encode(text).unwrap());
    let tensors = &mut model.graph.as_mut().unwrap().initializer;
    for (tensor, kind) in tensors.iter_mut().zip([8, 14, 99, 1]) {
        tensor.data_type = Some(kind);
    }
    let [text, complex, _, segment] = &mut tensors[..] else { panic!() };
    (text.raw_data, text.float_data, text.string_data) = (None, vec![], vec![b"\xff\x1b[2J".to_vec(), b"b".to_vec()]);
    (complex.raw_data, complex.float_data) = (Some(vec![0; 16]), vec![]);
    segment.segment = Some(bnfold::onnx::tensor_proto::Segment { begin: Some(0), end: Some(1) }.into());
    let bytes = prost::Message::encode_to_vec(&model);
    assert!(support::fold(&bytes) == bytes, "nothing to fold: the bytes of the model");
    model.opset_import.clear();
    let bytes = prost::Message::encode_to_vec(&model);
    assert!(support::fold(&bytes) == bytes);
}

/// Folds the model of a text.
fn folds(text: &str) -> Vec<u8> {
    let bytes = bnfold::sample::encode(text).unwrap_or_else(|e| panic!("{e}"));
    support::fold(&bytes)
}

#[test]
fn channels_that_are_only_claimed_take_no_memory() {
    let statistics = "float[2] s = {1, 2}, float[2] b = {1, 2}, float[2] m = {1, 2}, float[2] v = {1, 2}";
    let claims = [
        // Beside two channels as many as nobody can count, before and behind the map.
        "(float[1,2,4] x, float[1,1000000000000,4] z) => (float[] y)",
        "(float[1,2,4] x, float[1,9223372036854775805,4] z) => (float[] y)",
    ];
    for claim in claims {
        for nodes in [
            "n = BatchNormalization (x, s, b, m, v) y = Concat <axis = 1> (n, z)",
            "k = Concat <axis = 1> (x, z) n = BatchNormalization (k, s, b, m, v) y = Relu (n)",
            "k = Concat <axis = 1> (z, x) n = Mul (k, a) y = Relu (n)",
            "n = Mul (z, a) y = Concat <axis = 1> (x, n)",
        ] {
            let text =
                format!(r#"<ir_version: 8, opset_import: ["" : 17]> g {claim} <{statistics}, float a = {{2}}> {{ {nodes} }}"#);
            assert!(folds(&text) == bnfold::sample::encode(&text).unwrap(), "{nodes}: nothing takes it in");
        }
    }
    // Twice as many with each of some nodes.
    let doubled: String = (0..70).map(|i| format!("c{} = Concat <axis = 1> (c{i}, c{i}) ", i + 1)).collect();
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1,2,4] x) => (float[] y) <{statistics}>
        {{ c0 = BatchNormalization (x, s, b, m, v) {doubled} y = Relu (c70) }}"#
    );
    folds(&text);
}
