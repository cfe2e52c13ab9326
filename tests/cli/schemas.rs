//! What the program prints as JSON fits the published layouts, key by key.

use std::collections::BTreeMap;
use std::path::Path;

use jsonschema::Validator;
use serde_json::Value;

use crate::{CUSTOM, FOLDS, Folder, STAYS};

/// The layout that a report names.
fn published(report: &Value) -> (String, Validator) {
    let name = report["schema"].as_str().unwrap().strip_prefix("bnfold.").unwrap();
    let name = name.split('/').next().unwrap().to_owned();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("docs/schemas/{name}.schema.json"));
    let schema: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    jsonschema::meta::validate(&schema).unwrap();
    (name, jsonschema::validator_for(&schema).unwrap())
}

/// Everything that the program writes as JSON, for models that fold, stay, cannot be read, differ and cannot be run.
fn reports() -> Vec<Value> {
    let folder = Folder::new(&[
        ("m/folds.onnx", FOLDS),
        ("m/stays.onnx", STAYS),
        ("custom.onnx", CUSTOM),
        ("m/odd.onnx", &STAYS.replace("{0.25, 1, 4}", "{-0.25, 1, 4}")),
        ("wrong.onnx", &FOLDS.replace("dyadic(1)", "dyadic(5)")),
    ]);
    folder.write("m/text.onnx", b"text");
    let run = |words: &[&str]| folder.run(&[words, &["--format", "json"]].concat());
    let mut all = vec![
        run(&["fold", "m/folds.onnx", "-o", "out.onnx", "--certificate", "c.json"]),
        run(&["fold", "m/stays.onnx", "--dry-run"]),
        run(&["fold", "custom.onnx", "--dry-run", "--no-verify"]),
        run(&["fold", "m/folds.onnx", "--dry-run", "--lower", "mul-add", "--skip", "bn1"]),
        run(&["fold", "m/folds.onnx", "m/stays.onnx", "--out-dir", "folded", "--no-verify"]),
        run(&["verify", "m/folds.onnx", "out.onnx", "--tap", "y"]),
        run(&["verify", "m/folds.onnx", "wrong.onnx", "--save-failure", "saved"]),
        run(&["verify", "custom.onnx", "custom.onnx"]),
        run(&["verify", "--recheck", "c.json"]),
        run(&["verify", "--recheck", "c.json", "m/folds.onnx", "wrong.onnx"]),
        run(&["inspect", "custom.onnx"]),
        run(&["check", "m"]),
        run(&["sweep", "m"]),
        run(&["sweep", "m", "--shard", "1/2"]),
        run(&["selftest", "m/folds.onnx", "--count", "6"]),
    ];
    all.retain(|answer| !answer.out.is_empty());
    let mut all: Vec<Value> = all.iter().map(|answer| answer.json()).collect();
    folder.run(&["check", "m", "--write-baseline", "--baseline", "b.json"]);
    all.extend(["b.json", "c.json"].map(|name| serde_json::from_slice(&folder.read(name)).unwrap()));
    all
}

/// The places of all objects in a value.
fn objects(value: &Value, at: String, found: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            object
                .iter()
                .for_each(|(key, inner)| objects(inner, format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found));
            found.push(at);
        }
        Value::Array(items) => items.iter().enumerate().for_each(|(i, inner)| objects(inner, format!("{at}/{i}"), found)),
        _ => {}
    }
}

#[test]
fn reports_fit_their_published_layouts_and_no_other_key_does() {
    let mut seen = BTreeMap::<String, usize>::new();
    for report in reports() {
        let (name, schema) = published(&report);
        let errors: Vec<String> = schema.iter_errors(&report).map(|e| format!("{e} at {}", e.instance_path)).collect();
        assert!(errors.is_empty(), "{name}: {errors:#?}\n{report:#}");
        *seen.entry(name.clone()).or_default() += 1;
        let mut places = Vec::new();
        objects(&report, String::new(), &mut places);
        for place in places {
            // The files of a baseline are its keys.
            let free = name == "baseline" && place == "/files";
            let mut changed = report.clone();
            changed.pointer_mut(&place).unwrap()["added"] = 1.into();
            assert!(free || !schema.is_valid(&changed), "{name}: a key more at `{place}` fits");
            for key in report.pointer(&place).unwrap().as_object().unwrap().keys() {
                let mut changed = report.clone();
                changed.pointer_mut(&place).unwrap().as_object_mut().unwrap().remove(key);
                // A report of all models has no shard, and so no number of what all shards have.
                let may_go = free || matches!(key.as_str(), "shard" | "whole");
                assert!(may_go || !schema.is_valid(&changed), "{name}: `{place}` without `{key}` fits");
            }
        }
    }
    let names: Vec<&str> = seen.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["baseline", "certificate", "check", "fold", "folds", "inspect", "recheck", "selftest", "sweep", "verify"],
        "each layout that is published is seen"
    );
    assert_eq!(names.len(), std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/schemas")).unwrap().count());
}
