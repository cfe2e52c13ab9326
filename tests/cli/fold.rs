//! What `fold` and `sweep` write, and what they leave alone.

use crate::{CUSTOM, FOLDS, Folder, STAYS, operators};

const OLD: &[u8] = b"what was there";

#[test]
fn a_result_is_written_and_summarised() {
    let folder = Folder::new(&[("m.onnx", FOLDS)]);
    let answer = folder.run(&["fold", "m.onnx", "-o", "out.onnx", "--no-verify"]).expect(0);
    assert_eq!(operators(&folder.path("out.onnx")), ["Conv"]);
    assert_eq!(folder.names(), ["m.onnx", "out.onnx"]);
    assert!(answer.out.contains("nodes               2 -> 1\n"), "{answer:?}");
    assert!(answer.out.contains("BatchNormalization  1 of 1 folded\n"), "{answer:?}");
    assert!(answer.out.contains("parameters          18 -> 9\n"), "{answer:?}");
    assert_eq!(answer.err, "");
}

#[test]
fn what_does_not_fold_is_copied_byte_for_byte() {
    let folder = Folder::new(&[("m.onnx", STAYS)]);
    let answer = folder.run(&["fold", "m.onnx", "-o", "out.onnx"]).expect(0);
    assert_eq!(folder.read("out.onnx"), folder.read("m.onnx"));
    assert!(answer.out.contains("a copy, byte for byte"), "{answer:?}");
    assert!(answer.out.contains("kept                1 graph-input"), "{answer:?}");
}

#[test]
fn folding_twice_is_folding_once() {
    let folder = Folder::new(&[("m.onnx", FOLDS)]);
    folder.run(&["fold", "m.onnx", "-o", "once.onnx", "--no-verify"]).expect(0);
    folder.run(&["fold", "once.onnx", "-o", "twice.onnx"]).expect(0);
    assert_eq!(folder.read("once.onnx"), folder.read("twice.onnx"));
}

#[test]
fn in_place_replaces_the_model() {
    let folder = Folder::new(&[("m.onnx", FOLDS)]);
    folder.run(&["fold", "--in-place", "m.onnx", "--no-verify"]).expect(0);
    assert_eq!(operators(&folder.path("m.onnx")), ["Conv"]);
    assert_eq!(folder.names(), ["m.onnx"]);
}

#[test]
fn what_the_engine_lacks_elsewhere_keeps_no_fold_from_being_written() {
    let folder = Folder::new(&[("m.onnx", CUSTOM)]);
    let answer = folder.run(&["fold", "m.onnx", "-o", "out.onnx"]).expect(0);
    assert!(answer.out.contains("equal within rounding; worst"), "{answer:?}");
    assert_eq!(operators(&folder.path("out.onnx")), ["Own", "Conv"]);
    // Its constants decide it one by one, in a hurry, too.
    folder.run(&["fold", "m.onnx", "-o", "quick.onnx", "--quick"]).expect(0);
    assert_eq!(operators(&folder.path("quick.onnx")), ["Own", "Conv"]);
    // What the vendor's operator makes is told to be drawn.
    let said = folder.run(&["verify", "m.onnx", "out.onnx"]).expect(0);
    assert!(said.out.contains("`z` (vendor.Own) is opaque: its outputs are drawn at random"), "{said:?}");
}

#[test]
fn a_target_outlives_every_error() {
    let folder = Folder::new(&[("m.onnx", FOLDS)]);
    folder.write("out.onnx", OLD);
    let whole = folder.read("m.onnx");
    for length in [0, 1, whole.len() / 3, whole.len() - 1] {
        folder.write("cut.onnx", &whole[..length]);
        folder.run(&["fold", "cut.onnx", "-o", "out.onnx", "--no-verify"]).expect(2);
        assert_eq!(folder.read("out.onnx"), OLD, "cut at {length}");
    }
    assert_eq!(folder.names(), ["cut.onnx", "m.onnx", "out.onnx"]);
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_is_an_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new(&[("m.onnx", FOLDS)]);
    std::fs::create_dir(folder.path("sealed")).unwrap();
    std::fs::set_permissions(folder.path("sealed"), std::fs::Permissions::from_mode(0o500)).unwrap();
    if std::fs::write(folder.path("sealed/probe"), "").is_ok() {
        return; // Nothing is sealed to a privileged user.
    }
    let answer = folder.run(&["fold", "m.onnx", "-o", "sealed/out.onnx", "--no-verify"]).expect(2);
    assert!(answer.err.contains("check the permissions"), "{answer:?}");
}

#[test]
fn side_files_go_beside_the_result() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1,2,4,4] x) => (float[1,3,4,4] y)
        <float[3,2,1,1] W = ["location": "w.bin"], float[3] s = dyadic(2), float[3] b = dyadic(3),
         float[3] m = {1, -0.5, 0.25}, float[3] v = {0.25, 1, 4}>
        { c = Conv (x, W)  y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#;
    let folder = Folder::new(&[("m.onnx", text)]);
    folder.write("w.bin", &[0; 24]);
    let answer = folder.run(&["fold", "m.onnx", "-o", "out.onnx", "--no-verify", "--format", "json"]).expect(0);
    assert_eq!(folder.names(), ["m.onnx", "out.onnx", "out.onnx.data", "w.bin"]);
    let after = folder.read("out.onnx").len() + folder.read("out.onnx.data").len();
    assert_eq!(answer.json()["after"]["bytes"], after);
    let answer = folder.run(&["fold", "m.onnx", "-o", "-", "--no-verify"]).expect(2);
    assert!(answer.err.contains("name an output file"), "{answer:?}");
    assert_eq!(answer.out, "");
}

#[test]
fn a_sweep_has_a_line_for_each_model_and_leaves_models_alone() {
    let folder = Folder::new(&[("a/folds.onnx", FOLDS), ("a/b/stays.onnx", STAYS)]);
    folder.write("a/broken.onnx", b"text");
    let answer = folder.run(&["sweep", "a", "--no-verify", "--out-dir", "out"]).expect(2);
    let lines: Vec<&str> = answer.out.lines().collect();
    assert_eq!(lines.len(), 4, "{answer:?}");
    assert!(lines[0].starts_with("ok         a/b/stays.onnx: folded 0 of 1; kept 1 graph-input; "), "{answer:?}");
    assert!(lines[1].starts_with("failed     a/broken.onnx: this is a text file; "), "{answer:?}");
    assert!(lines[2].starts_with("unverified a/folds.onnx: folded 1 of 1; not verified, as asked; "), "{answer:?}");
    assert!(lines[3].starts_with("3 models: 1 ok, 1 unverified, 0 differ, 0 crashed, 1 failed; folded 1 of 2 "), "{answer:?}");
    assert_eq!(operators(&folder.path("out/folds.onnx")), ["Conv"]);
    assert_eq!(operators(&folder.path("a/folds.onnx")), ["Conv", "BatchNormalization"]);
    assert_eq!(folder.read("out/b/stays.onnx"), folder.read("a/b/stays.onnx"));
}

#[test]
fn a_sweep_without_a_folder_leaves_nothing() {
    let folder = Folder::new(&[("m/folds.onnx", FOLDS)]);
    std::fs::create_dir(folder.path("tmp")).unwrap();
    let mut command = folder.command(&["sweep", "m", "--no-verify", "--format", "json"]);
    let answer = crate::Answer::of(command.env("TMPDIR", folder.path("tmp")).output().unwrap()).expect(0);
    assert_eq!(answer.json()["schema"], "bnfold.sweep/1");
    assert_eq!(answer.json()["models"][0]["report"]["folded"]["batch_normalizations"], 1);
    assert_eq!(std::fs::read_dir(folder.path("tmp")).unwrap().count(), 0);
}

#[test]
fn nodes_out_of_order_are_sorted_before_anything_is_folded() {
    let late = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1,2,2,2] x) => (float[1,3,2,2] y)
        <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
        { c = Conv (r, w) y = BatchNormalization (c, s, b, m, v) r = Abs (x) }"#;
    let folder = Folder::new(&[("m.onnx", late)]);
    let answer = folder.run(&["fold", "m.onnx", "-o", "out.onnx"]).expect(0);
    assert!(answer.out.contains("they are sorted now") && answer.out.contains("equal within rounding"), "{answer:?}");
    assert_eq!(operators(&folder.path("out.onnx")), ["Abs", "Conv"]);
}
