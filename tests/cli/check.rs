//! `check` answers what `fold` would do: with `--prove` always, else as far as it is known without a run.

use super::{CUSTOM, FOLDS, Folder};

/// A fold in a model that runs at no size that is tried: the Reshape wants 5 of what is a multiple of two.
pub const UNRUN: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x) => (float[1,3,4,4] y, float[5,5] z)
    <float[3,2,1,1] W = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3),
     float[3] m = {1, -0.5, 0.25}, float[3] v = {0.25, 1, 4}, int64[2] five = {5, 5}>
    { [conv1] c = Conv (x, W)  [bn1] y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)  [five] z = Reshape (x, five) }"#;

#[test]
fn what_is_found_can_be_folded() {
    let folder = Folder::new(&[("folds.onnx", FOLDS), ("custom.onnx", CUSTOM), ("unrun.onnx", UNRUN)]);
    let names = folder.names();
    for (name, options) in
        [("folds.onnx", &[][..]), ("custom.onnx", &[]), ("unrun.onnx", &["--prove"]), ("folds.onnx", &["--prove"])]
    {
        let before = folder.read(name);
        let check = [&["check", name], options].concat();
        let found = folder.run(&check);
        assert_eq!((folder.names(), folder.read(name)), (names.clone(), before), "{name}: check writes");
        // What `fold` does decides what `check` says.
        let folded = folder.run(&["fold", name, "-o", "out.onnx"]);
        let writes = folded.code == Some(0) && folder.read("out.onnx") != folder.read(name);
        assert_eq!(found.code, Some(i32::from(writes)), "{name}: {found:?} {folded:?}");
        let _ = std::fs::remove_file(folder.path("out.onnx"));
        if let Some((_, command)) = found.out.lines().find_map(|line| line.split_once("  run: bnfold ")) {
            let kept = folder.read(name);
            folder.run(&command.split(' ').collect::<Vec<_>>()).expect(0);
            folder.run(&check).expect(0);
            folder.write(name, &kept);
        } else {
            assert!(found.out.contains("not shown to be right"), "{name}: {found:?}");
            let said = folder.run(&[&check[..], &["--format", "json"]].concat()).expect(0).json();
            assert!(said["files"][0]["unproved"].is_string(), "{said}");
        }
    }
}

#[test]
fn one_bad_path_keeps_nobody_from_looking_at_the_others() {
    let folder = Folder::new(&[("folds.onnx", FOLDS), ("all/folds.onnx", FOLDS)]);
    let answer = folder.run(&["check", "nosuch.onnx", "folds.onnx", "-", "all"]).expect(2);
    assert!(answer.err.contains("nosuch.onnx: cannot open") && answer.err.contains("standard input"), "{answer:?}");
    assert!(answer.out.contains("2 checked, 2 BatchNormalization left to fold in 2, 2 not checked"), "{answer:?}");
    let answer = folder.run(&["sweep", "nosuch.onnx", "folds.onnx"]).expect(2);
    assert!(answer.out.contains("1 model: 1 ok"), "{answer:?}");
}

#[test]
fn help_can_be_asked_for_by_verb() {
    let folder = Folder::new(&[]);
    for verb in ["fold", "verify", "inspect", "check", "report", "sweep", "selftest"] {
        let answer = folder.run(&["help", verb]).expect(0);
        assert!(answer.out.contains("Usage:") && answer.out.contains("--format"), "{answer:?}");
    }
    folder.run(&["help", "nothing"]).expect(2);
}
