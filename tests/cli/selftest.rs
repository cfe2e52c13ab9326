//! `selftest`: faults in the user's own model.

use crate::{CUSTOM, FOLDS, Folder, STAYS};

#[test]
fn faults_are_counted_by_kind_and_nothing_is_written() {
    let folder = Folder::new(&[("folds.onnx", FOLDS)]);
    let before = folder.names();
    let answer = folder.run(&["selftest", "folds.onnx", "--count", "20", "--format", "json"]);
    let report = answer.json();
    assert_eq!((report["schema"].as_str(), report["folds"].as_u64()), (Some("bnfold.selftest/1"), Some(1)));
    let count = |key: &str| report["all"][key].as_u64().unwrap();
    assert_eq!(count("seeded"), 20);
    assert_eq!(count("by_structure") + count("by_execution") + count("missed") + count("not_judged"), 20);
    assert_eq!(count("missed"), 0, "{report:#}");
    assert_eq!(folder.names(), before);
}

#[test]
fn the_table_has_a_line_a_kind() {
    let folder = Folder::new(&[("folds.onnx", FOLDS)]);
    let answer = folder.run(&["selftest", "folds.onnx", "--count", "30"]).expect(0);
    assert!(answer.out.contains("\n  scaled twice "), "{answer:?}");
    // Of a kind of which nothing was judged nothing is said unless everything is wanted.
    let none = |out: &str| {
        out.lines()
            .skip(2)
            .filter(|line| line.split("  ").filter(|part| !part.is_empty()).nth(1).is_some_and(|seeded| seeded.trim() == "0"))
            .count()
    };
    let all = folder.run(&["selftest", "folds.onnx", "--count", "30", "-v"]).expect(0);
    assert!(none(&answer.out) == 0 && all.out.lines().count() > answer.out.lines().count(), "{answer:?} {all:?}");
    assert!(answer.out.contains("  30 of 30 faults in 1 fold were found (seed 0)"), "{answer:?}");
}

#[test]
fn status() {
    let folder = Folder::new(&[("folds.onnx", FOLDS), ("stays.onnx", STAYS), ("custom.onnx", CUSTOM)]);
    let answer = folder.run(&["selftest", "stays.onnx"]).expect(2);
    assert!(answer.err.contains("there is nothing to fold in it"), "{answer:?}");
    folder.run(&["selftest", "missing.onnx"]).expect(2);
    folder.run(&["selftest", "folds.onnx", "--count", "0"]).expect(2);
    // What cannot be run whole is judged by its structure, its constants and each fold alone.
    folder.run(&["selftest", "custom.onnx", "--count", "5"]).expect(0);
}
