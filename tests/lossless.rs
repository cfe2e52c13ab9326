//! What a fold does not touch is byte-identical, unknown fields included. The messages are walked by code of this test's own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod support;

use std::collections::BTreeSet;
use std::path::PathBuf;

use bnfold::model::Model;

type Field = (u64, Vec<u8>);

fn varint(bytes: &[u8], at: &mut usize) -> u64 {
    let mut value = 0;
    for shift in (0..).step_by(7) {
        let byte = bytes[*at];
        *at += 1;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return value;
        }
    }
    unreachable!()
}

fn put(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// The fields of a message: number, and all bytes with tag and length.
fn fields(message: &[u8]) -> Vec<Field> {
    let (mut at, mut found) = (0, Vec::new());
    while at < message.len() {
        let start = at;
        let tag = varint(message, &mut at);
        match tag & 7 {
            0 => drop(varint(message, &mut at)),
            1 => at += 8,
            2 => {
                let len = varint(message, &mut at) as usize;
                at += len;
            }
            5 => at += 4,
            other => panic!("wire type {other}"),
        }
        found.push((tag >> 3, message[start..at].to_vec()));
    }
    found
}

/// The content of a field with a length.
fn content(field: &[u8]) -> &[u8] {
    let mut at = 0;
    varint(field, &mut at);
    varint(field, &mut at);
    &field[at..]
}

/// A field that no schema knows.
fn unknown(number: u64, mark: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    put(&mut bytes, number << 3 | 5);
    bytes.extend(mark.to_le_bytes());
    bytes
}

/// Puts an unknown field with a mark of its own into every message that this walks: model, graphs, nodes, tensors, attributes.
fn marked(message: &[u8], kind: &str, mark: &mut u32) -> Vec<u8> {
    let mut out = Vec::new();
    *mark += 1;
    out.extend(unknown(1000, *mark));
    for (number, field) in fields(message) {
        let inner = match (kind, number) {
            ("model", 7) | ("attribute", 6) => Some("graph"),
            ("model", 8) | ("graph", 11..=13) => Some("leaf"),
            ("model", 25) => Some("function"),
            ("graph", 1) | ("function", 7) => Some("node"),
            ("graph", 5) | ("attribute", 5) => Some("tensor"),
            ("node", 5) => Some("attribute"),
            _ => None,
        };
        match inner {
            Some(kind) => {
                let new = marked(content(&field), kind, mark);
                put(&mut out, number << 3 | 2);
                put(&mut out, new.len() as u64);
                out.extend(new);
            }
            None => out.extend(field),
        }
    }
    *mark += 1;
    out.extend(unknown(536_870_911, *mark));
    out
}

/// Checks that `after` is `before` with fields removed, added and, for messages with a name in `edited`, changed inside.
fn compare(before: &[u8], after: &[u8], place: &str, edited: &dyn Fn(u64) -> Option<&'static str>) -> usize {
    let (before, after) = (fields(before), fields(after));
    let mut next = 0;
    let mut changed = 0;
    for (number, field) in &after {
        if let Some(found) = before[next..].iter().position(|(_, old)| old == field) {
            next += found + 1;
            continue;
        }
        let inner =
            edited(*number).unwrap_or_else(|| panic!("{place}: field {number} is neither old nor one that a fold may change"));
        changed += 1;
        if inner == "new" {
            continue;
        }
        // The same message before: the first one left whose unknown mark at its start is the same.
        let head = &fields(content(field))[0];
        let old = before[next..].iter().position(|(n, old)| n == number && fields(content(old)).first() == Some(head));
        if let Some(found) = old {
            let old = content(&before[next + found].1).to_vec();
            next += found + 1;
            changed += compare(&old, content(field), &format!("{place}/{inner}"), rule(inner));
        } else {
            assert!(fields(content(field)).iter().all(|(n, _)| *n < 1000), "{place}: a changed message lost its place");
        }
    }
    changed
}

/// Which fields of a message a fold may change, and what they are.
fn rule(kind: &'static str) -> &'static dyn Fn(u64) -> Option<&'static str> {
    match kind {
        "model" => &|n| matches!(n, 7 | 25).then_some(if n == 7 { "graph" } else { "function" }),
        "graph" => &|n| match n {
            1 => Some("node"),
            5 => Some("tensor"),
            11 => Some("new"),
            13 => Some("leaf"),
            _ => None,
        },
        // The parameters that every call gives, and the nodes.
        "function" => &|n| match n {
            4 => Some("new"),
            7 => Some("node"),
            _ => None,
        },
        // Inputs, outputs, the operator; attributes only with what they nest.
        "node" => &|n| match n {
            1 | 2 | 4 => Some("new"),
            5 => Some("attribute"),
            _ => None,
        },
        "attribute" => &|n| match n {
            5 => Some("tensor"),
            6 => Some("graph"),
            7 => Some("new"),
            _ => None,
        },
        // Elements, never name, type or shape.
        "tensor" => &|n| matches!(n, 4 | 9 | 10).then_some("new"),
        "leaf" => &|n| (n == 1).then_some("new"),
        other => panic!("no rule for {other}"),
    }
}

fn marks(message: &[u8]) -> BTreeSet<u32> {
    let tag = unknown(536_870_911, 0)[..5].to_vec();
    message.windows(9).filter(|w| w[..5] == tag[..]).map(|w| u32::from_le_bytes(w[5..9].try_into().unwrap())).collect()
}

fn check(name: &str, bytes: &[u8]) -> usize {
    let marked = marked(bytes, "model", &mut 0);
    let model = Model::from_bytes(marked.clone()).unwrap();
    let graph = bnfold::constants::build(&model).unwrap();
    let mut folded = Vec::new();
    let prepared = bnfold::fold::write_to(&graph, &bnfold::plan::Options::default(), &mut folded).unwrap();
    let folds = prepared.plan.folds().len();
    if folds == 0 {
        assert_eq!(folded, marked, "{name}: nothing to fold, yet the bytes differ");
        return 0;
    }
    let changed = compare(&marked, &folded, name, rule("model"));
    assert!(changed > 0, "{name}: folded, but nothing changed");
    let (old, new) = (marks(&marked), marks(&folded));
    // Gone per fold at most: a node with four attributes, four constants as a node, attribute and tensor each (or as a tensor
    // and an input), and the declaration of a value. Per computed constant: a node with two attributes and a tensor. Per
    // parameter that a function has no more: what each call gave for it, as a tensor and an input.
    let arguments = |signature: &bnfold::plan::Signature| signature.unused.len() * signature.calls.len();
    let given: usize = prepared.plan.lifted.signatures.values().map(arguments).sum();
    assert!(
        new.is_subset(&old) && new.len() + 18 * folds + 4 * graph.computed.len() + 2 * given >= old.len(),
        "{name}: {} of {} unknown fields are left",
        new.len(),
        old.len()
    );
    folds
}

#[test]
fn samples_keep_every_byte_that_no_fold_touches() {
    let mut folds = 0;
    for operator in bnfold::ops::OPERATORS {
        for sample in operator.samples {
            folds += check(sample.name, &bnfold::sample::encode(sample.text).unwrap());
        }
    }
    for sample in bnfold::plan::SAMPLES.iter().chain(bnfold::constants::SAMPLES) {
        folds += check(sample.name, &bnfold::sample::encode(sample.text).unwrap());
    }
    assert!(folds > 40, "{folds} folds");
}

#[test]
fn real_models_keep_every_byte_that_no_fold_touches() {
    let mut files = vec![PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/ppocr_cls.onnx")];
    match std::env::var_os("BNFOLD_CORPUS") {
        Some(folder) => files.extend(std::fs::read_dir(folder).unwrap().map(|e| e.unwrap().path())),
        None => println!("skipped: set BNFOLD_CORPUS to a folder of models to check more than the fixture"),
    }
    let (mut count, mut folds) = (0, 0);
    for file in files.iter().filter(|f| f.extension().is_some_and(|e| e == "onnx")) {
        let bytes = std::fs::read(file).unwrap();
        if bytes.len() > 25_000_000 || file.with_extension("onnx.data").exists() || file.to_string_lossy().contains("extdata") {
            continue;
        }
        folds += check(&file.display().to_string(), &bytes);
        count += 1;
    }
    println!("{count} models, {folds} folds");
    assert!(folds >= 35);
}
