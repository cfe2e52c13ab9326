//! `fold` of several models, and of none but on paper.

use super::{FOLDS, Folder, STAYS};

fn models() -> Folder {
    Folder::new(&[("m/a.onnx", FOLDS), ("m/sub/b.onnx", &FOLDS.replace("bn1", "norm")), ("m/c.onnx", STAYS)])
}

#[test]
fn a_folder_is_folded_into_another() {
    let folder = models();
    let before = ["m/a.onnx", "m/sub/b.onnx", "m/c.onnx"].map(|name| folder.read(name));
    let answer = folder.run(&["fold", "m", "--out-dir", "out"]).expect(0);
    assert!(answer.out.ends_with("3 models, 3 written; folded 2 BatchNormalization and 0 other\n"), "{answer:?}");
    for name in ["a.onnx", "sub/b.onnx", "c.onnx"] {
        folder.run(&["check", &format!("out/{name}")]).expect(0);
    }
    assert_eq!(["m/a.onnx", "m/sub/b.onnx", "m/c.onnx"].map(|name| folder.read(name)), before);
    let report = folder.run(&["fold", "m", "--out-dir", "out", "--format", "json"]).expect(0).json();
    assert_eq!((&report["schema"], report["reports"].as_array().unwrap().len()), (&"bnfold.folds/1".into(), 3));
    let twice = folder.run(&["fold", "m/a.onnx", "m", "--out-dir", "out"]).expect(2);
    assert!(twice.err.contains("two models would be written here"), "{twice:?}");
}

#[test]
fn fifty_models_are_as_good_as_one() {
    let folder = Folder::new(&[("m/0.onnx", FOLDS), ("one/0.onnx", FOLDS)]);
    let model = folder.read("m/0.onnx");
    (1..50).for_each(|number| folder.write(&format!("m/{}/{number}.onnx", number % 7), &model));
    folder.run(&["fold", "one/0.onnx", "-o", "folded.onnx", "--no-verify"]).expect(0);
    let answer = folder.run(&["fold", "m", "--out-dir", "out", "--no-verify"]).expect(0);
    assert!(answer.out.ends_with("50 models, 50 written; folded 50 BatchNormalization and 0 other\n"), "{answer:?}");
    assert!((1..50).all(|number| folder.read(&format!("out/{}/{number}.onnx", number % 7)) == folder.read("folded.onnx")));
    folder.run(&["check", "out"]).expect(0);
}

#[test]
fn results_of_an_earlier_run_are_no_models() {
    let folder = models();
    folder.run(&["fold", "m", "--out-dir", "m/out"]).expect(0);
    let names = folder.names();
    let again = folder.run(&["fold", "m", "--out-dir", "m/out"]).expect(0);
    assert!(again.out.contains("3 models, 3 written") && folder.names() == names, "{again:?}");
    let before = folder.read("m/a.onnx");
    let same = folder.run(&["fold", "m", "--out-dir", "m"]).expect(2);
    assert!(same.err.contains("all models are in the folder for the results"), "{same:?}");
    assert_eq!(folder.read("m/a.onnx"), before);
}

#[test]
fn several_are_replaced_and_a_bad_one_keeps_nobody_back() {
    let folder = models();
    folder.write("m/text.onnx", b"no model");
    let answer = folder.run(&["fold", "--in-place", "m/a.onnx", "m/text.onnx", "nosuch.onnx", "m/sub"]).expect(2);
    assert!(
        answer.err.contains("m/text.onnx: this is a text file") && answer.err.contains("nosuch.onnx: cannot open"),
        "{answer:?}"
    );
    folder.run(&["check", "m/a.onnx", "m/sub"]).expect(0);
    // Names concern the models that have them.
    let folder = models();
    folder.run(&["fold", "m", "--in-place", "--skip", "norm"]).expect(0);
    folder.run(&["check", "m/a.onnx"]).expect(0);
    folder.run(&["check", "m/sub"]).expect(1);
    let unknown = folder.run(&["fold", "m", "--in-place", "--skip", "nobody"]).expect(2);
    assert!(unknown.err.contains("no model has a node `nobody`"), "{unknown:?}");
}

#[test]
fn on_paper_nothing_is_written() {
    let folder = models();
    let (names, before) = (folder.names(), folder.read("m/a.onnx"));
    let dry = folder.run(&["fold", "m/a.onnx", "--dry-run"]).expect(0);
    assert!(dry.out.contains("1 of 1 folded") && dry.out.contains("written             no, as asked"), "{dry:?}");
    let diff = folder.run(&["fold", "m/a.onnx", "--diff"]).expect(0);
    let lines: Vec<&str> = diff.out.lines().collect();
    assert_eq!(
        lines[1..],
        ["- bn1 (BatchNormalization) folds back into conv1 (Conv)", "+ conv1 (Conv) gets other constants"],
        "{diff:?}"
    );
    let all = folder.run(&["fold", "m", "--dry-run", "-q"]).expect(0);
    assert_eq!(all.out, "");
    assert_eq!((folder.names(), folder.read("m/a.onnx")), (names, before));
    folder.run(&["fold", "m/a.onnx", "--diff", "--in-place"]).expect(0);
    folder.run(&["check", "m/a.onnx"]).expect(0);
}

#[test]
fn without_a_target_the_nearest_one_is_named() {
    let folder = models();
    for (words, remedy) in [
        (&["fold", "m/a.onnx"][..], "-o m/a.folded.onnx, or replace the model with --in-place"),
        (&["fold", "m/a.onnx", "b.onnx"], "did you mean `bnfold fold m/a.onnx -o b.onnx`?"),
        (&["fold", "m/a.onnx", "m/c.onnx"], "--out-dir"),
        (&["fold", "m"], "--out-dir"),
        (&["fold", "m/a.onnx", "m/c.onnx", "-o", "x.onnx"], "name a folder with --out-dir"),
        (&["fold", "m", "--out-dir", "o", "--certificate", "c.json"], "fold the model alone"),
    ] {
        let answer = folder.run(words).expect(2);
        assert!(answer.err.contains(remedy), "{words:?}: {answer:?}");
    }
}
