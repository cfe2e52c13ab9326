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
