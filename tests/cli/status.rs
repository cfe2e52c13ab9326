//! The exit status of each verb, one row a case.

use crate::check::UNRUN;
use crate::{CUSTOM, FOLDS, Folder, STAYS};

fn folder() -> Folder {
    let folder = Folder::new(&[("folds.onnx", FOLDS), ("stays.onnx", STAYS), ("custom.onnx", CUSTOM), ("one/folds.onnx", FOLDS)]);
    folder.write("broken.onnx", b"not a model");
    folder.write("mixed/broken.onnx", b"not a model");
    folder.write("mixed/folds.onnx", &folder.read("folds.onnx"));
    std::fs::create_dir(folder.path("empty")).unwrap();
    folder
}

#[track_caller]
fn rows(rows: &[(i32, &[&str])]) {
    let folder = folder();
    for (code, arguments) in rows {
        folder.run(arguments).expect(*code);
    }
}

#[test]
fn the_program() {
    rows(&[
        (0, &["--help"]),
        (0, &["-h"]),
        (0, &["--version"]),
        (2, &[]),
        (2, &["nonsense"]),
        (2, &["--nonsense"]),
        (2, &["inspect", "stays.onnx", "-q", "-v"]),
        (2, &["inspect", "stays.onnx", "--format", "xml"]),
    ]);
}

#[test]
fn fold() {
    rows(&[
        (0, &["fold", "--help"]),
        (0, &["fold", "folds.onnx", "-o", "out.onnx", "--no-verify"]),
        (0, &["fold", "custom.onnx", "-o", "out.onnx", "--allow-unverified"]),
        (0, &["fold", "stays.onnx", "-o", "out.onnx"]),
        (0, &["fold", "stays.onnx", "--in-place"]),
        (0, &["fold", "custom.onnx", "-o", "out.onnx"]),
        (2, &["fold"]),
        (2, &["fold", "folds.onnx"]),
        (2, &["fold", "folds.onnx", "-o", "out.onnx", "--in-place"]),
        (2, &["fold", "folds.onnx", "-o", "folds.onnx"]),
        (2, &["fold", "folds.onnx", "-o", "./one/../folds.onnx"]),
        (2, &["fold", "folds.onnx", "-o", "one"]),
        (2, &["fold", "folds.onnx", "-o", "nowhere/out.onnx"]),
        (2, &["fold", "missing.onnx", "-o", "out.onnx"]),
        (2, &["fold", "broken.onnx", "-o", "out.onnx"]),
        (2, &["fold", "-", "--in-place"]),
        (2, &["fold", "-", "-o", "out.onnx"]),
        (2, &["fold", "folds.onnx", "-o", "out.onnx", "--dim", "batch"]),
        (2, &["fold", "folds.onnx", "-o", "out.onnx", "--input-shape", "x:1,0"]),
        (2, &["fold", "folds.onnx", "-o", "out.onnx", "--samples", "0"]),
        (2, &["fold", "folds.onnx", "-o", "out.onnx", "--timeout", "0"]),
    ]);
}

#[test]
fn verify() {
    rows(&[(0, &["verify", "--help"]), (2, &["verify", "folds.onnx"]), (2, &["verify", "-", "folds.onnx"])]);
}

#[test]
fn verify_judges() {
    let folder = folder();
    folder.write("unrun.onnx", &bnfold::sample::encode(UNRUN).unwrap());
    folder.run(&["fold", "folds.onnx", "-o", "out.onnx"]).expect(0);
    folder.write("other.onnx", &bnfold::sample::encode(&FOLDS.replace("epsilon = 0.0", "epsilon = 0.5")).unwrap());
    folder.run(&["fold", "other.onnx", "-o", "wrong.onnx", "--no-verify"]).expect(0);
    folder.run(&["fold", "custom.onnx", "-o", "drawn.onnx", "--no-verify"]).expect(0);
    folder.run(&["verify", "folds.onnx", "folds.onnx"]).expect(0);
    folder.run(&["verify", "folds.onnx", "out.onnx"]).expect(0);
    folder.run(&["verify", "folds.onnx", "out.onnx", "--exact", "--strict"]).expect(0);
    folder.run(&["verify", "folds.onnx", "wrong.onnx"]).expect(1);
    folder.run(&["verify", "folds.onnx", "broken.onnx"]).expect(2);
    folder.run(&["verify", "folds.onnx", "missing.onnx"]).expect(2);
    folder.run(&["verify", "custom.onnx", "drawn.onnx", "--strict"]).expect(0);
    folder.run(&["fold", "unrun.onnx", "-o", "still.onnx", "--no-verify"]).expect(0);
    folder.run(&["verify", "unrun.onnx", "still.onnx", "--strict"]).expect(2);
}

#[test]
fn inspect() {
    rows(&[
        (0, &["inspect", "--help"]),
        (0, &["inspect", "folds.onnx"]),
        (0, &["inspect", "stays.onnx"]),
        (2, &["inspect"]),
        (2, &["inspect", "missing.onnx"]),
        (2, &["inspect", "broken.onnx"]),
        (2, &["inspect", "one"]),
    ]);
}

#[test]
fn check() {
    rows(&[
        (0, &["check", "--help"]),
        (0, &["check", "stays.onnx"]),
        (1, &["check", "stays.onnx", "folds.onnx"]),
        (1, &["check", "one"]),
        (2, &["check"]),
        (2, &["check", "missing"]),
        (2, &["check", "empty"]),
        (2, &["check", "mixed"]),
    ]);
}

#[test]
fn report() {
    rows(&[
        (0, &["report", "--help"]),
        (0, &["report", "folds.onnx", "-o", "page.html"]),
        (0, &["report", "stays.onnx", "stays.onnx", "-o", "page.html"]),
        (1, &["report", "stays.onnx", "folds.onnx", "-o", "page.html"]),
        (2, &["report"]),
        (2, &["report", "folds.onnx"]),
        (2, &["report", "missing.onnx", "-o", "page.html"]),
        (2, &["report", "broken.onnx", "-o", "page.html"]),
        (2, &["report", "folds.onnx", "-o", "nowhere/page.html"]),
        (2, &["report", "folds.onnx", "-o", "folds.onnx"]),
    ]);
}

#[test]
fn sweep() {
    rows(&[
        (0, &["sweep", "--help"]),
        (0, &["sweep", "one", "--no-verify"]),
        (0, &["sweep", "custom.onnx"]),
        (2, &["sweep"]),
        (2, &["sweep", "missing"]),
        (2, &["sweep", "empty"]),
        (2, &["sweep", "mixed", "--no-verify"]),
        (2, &["sweep", "folds.onnx", "one", "--no-verify", "--out-dir", "out"]),
        (2, &["sweep", "folds.onnx", "--no-verify", "--out-dir", "stays.onnx"]),
    ]);
}
