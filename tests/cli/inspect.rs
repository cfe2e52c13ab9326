//! `inspect` and `check`: what is said about what folds and what stays.

use std::collections::BTreeSet;

use bnfold::ops::OPERATORS;
use bnfold::sample::Expect;

use crate::{FOLDS, Folder, STAYS};

#[test]
fn every_site_is_explained() {
    let folder = Folder::new(&[("folds.onnx", FOLDS), ("stays.onnx", STAYS)]);
    let answer = folder.run(&["inspect", "folds.onnx"]).expect(0);
    assert!(answer.out.contains("bn1 (BatchNormalization) folds back into conv1 (Conv)\n"), "{answer:?}");
    assert!(answer.out.contains("\n  input  x: float[1,2,4,4]\n  output y: float[1,3,4,4]\n"), "{answer:?}");
    assert!(answer.out.ends_with("1 can be folded: bnfold fold folds.onnx -o OUT\n"), "{answer:?}");
    let answer = folder.run(&["inspect", "stays.onnx"]).expect(0);
    assert!(answer.out.contains("bn1 (BatchNormalization) stays\n    back       graph-input at bn1"), "{answer:?}");
    assert!(answer.out.contains("\n    ahead      graph-output at bn1"), "{answer:?}");
}

#[test]
fn json_has_stable_keys() {
    let folder = Folder::new(&[("folds.onnx", FOLDS), ("stays.onnx", STAYS)]);
    let report = folder.run(&["inspect", "folds.onnx", "--format", "json"]).expect(0).json();
    assert_eq!(report["schema"], "bnfold.inspect/1");
    assert_eq!(report["census"]["nodes"], 2);
    assert_eq!(report["sites"][0]["name"], "bn1");
    assert_eq!(report["inputs"][0]["type"], "float[1,2,4,4]");
    assert_eq!(report["sites"][0]["status"], "folded");
    assert_eq!(report["sites"][0]["direction"], "back");
    assert_eq!(report["sites"][0]["into"][0]["operator"], "Conv");
    let report = folder.run(&["inspect", "stays.onnx", "--format", "json"]).expect(0).json();
    assert_eq!(report["sites"][0]["status"], "kept");
    assert_eq!(report["sites"][0]["ahead"]["reason"], "graph-output");
    assert_eq!(report["sites"][0]["back"]["node"]["name"], "bn1");
    let report = folder.run(&["check", "folds.onnx", "stays.onnx", "--format", "json"]).expect(1).json();
    assert_eq!(report["schema"], "bnfold.check/2");
    assert_eq!(report["files"][0]["command"], "bnfold fold --in-place folds.onnx");
    assert_eq!(report["files"][1]["findings"], serde_json::json!([]));
}

#[test]
fn every_reason_of_a_sample_is_shown_with_its_sentence() {
    let mut shown = BTreeSet::new();
    for sample in OPERATORS.iter().flat_map(|o| o.samples) {
        let (Expect::Kept(code) | Expect::Partly { reason: code, .. }) = sample.expect else { continue };
        if !shown.insert(code) {
            continue;
        }
        let folder = Folder::new(&[("m.onnx", sample.text)]);
        let report = folder.run(&["inspect", "m.onnx", "--format", "json"]).expect(0).json();
        for site in report["sites"].as_array().unwrap() {
            for way in ["back", "ahead"] {
                let refusal = &site[way];
                assert!(refusal["sentence"].as_str().unwrap().len() > 5, "{code}: {report}");
                let text = folder.run(&["inspect", "-v", "m.onnx"]).expect(0).out;
                assert!(text.contains(refusal["reason"].as_str().unwrap()), "{code}: {text}");
            }
        }
    }
    assert!(shown.len() > 5, "samples are not seen: {shown:?}");
}

#[test]
fn a_check_names_file_node_and_command() {
    let folder = Folder::new(&[("a b/folds.onnx", FOLDS), ("stays.onnx", STAYS)]);
    let before = folder.read("a b/folds.onnx");
    let answer = folder.run(&["check", "."]).expect(1);
    let block = "./a b/folds.onnx: 1 BatchNormalization left to fold\n  \
                 bn1 (BatchNormalization) folds back into conv1 (Conv)\n  \
                 run: bnfold fold --in-place './a b/folds.onnx'\n";
    assert_eq!(answer.out, format!("{block}2 checked, 1 BatchNormalization left to fold in 1\n"));
    let line = block.lines().next().unwrap();
    assert_eq!(folder.run(&["check", "-q", "."]).expect(1).out, format!("{line}\n"));
    assert_eq!(
        folder.run(&["check", "-v", "stays.onnx"]).expect(0).out,
        "stays.onnx: nothing left to fold\n1 checked, nothing left to fold\n"
    );
    assert_eq!(folder.read("a b/folds.onnx"), before);
}
