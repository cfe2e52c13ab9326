//! What is said where something is wrong helps whoever follows it to the letter, and no more is said than is true.

use crate::{FOLDS, Folder, STAYS};

/// A Relu, which a falling scale does not pass, before the BatchNormalization that makes the only output.
const LAST: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x) => (float[1,3,4,4] y)
    <float[3,2,1,1] W = dyadic(1), float[3] s = {1, -1, 1}, float[3] b = {0, 0, 0}, float[3] m = {0, 0, 0}, float[3] v = {1, 1, 1}>
    { [conv1] c = Conv (x, W)  [relu1] r = Relu (c)  [bn1] y = BatchNormalization <epsilon = 0.0> (r, s, b, m, v) }"#;

#[test]
fn a_name_is_near_or_none_is_named() {
    let folder = Folder::new(&[("m.onnx", FOLDS)]);
    let said = |arguments: &[&str]| folder.run(&[&["fold", "m.onnx", "-o", "o.onnx"], arguments].concat()).expect(2).err;
    assert!(said(&["--rules", "Covn"]).ends_with("there is no operator `Covn`; the nearest is `Conv`\n"));
    let far = said(&["--rules", "Nosuch"]);
    assert!(far.contains("those that take part in folds are BatchNormalization, Conv, ") && !far.contains("nearest"), "{far}");
    assert!(said(&["--skip", "layer99"]).contains("others have the names that a viewer shows"));
}

#[test]
fn the_only_output_is_not_to_be_removed() {
    let folder = Folder::new(&[("m.onnx", LAST)]);
    let said = folder.run(&["inspect", "m.onnx"]).expect(0).out;
    assert!(said.contains("graph-output at bn1") && !said.contains("remove the output"), "{said}");
}

#[test]
fn results_of_a_sweep_are_not_the_models() {
    let folder = Folder::new(&[("few/a.onnx", FOLDS), ("few/b.onnx", STAYS)]);
    let said = folder.run(&["sweep", "few", "--out-dir", "few"]).expect(2);
    assert_eq!(said.err, "error: few: all models are in the folder for the results; name another with --out-dir\n");
    assert_eq!(said.out, "");
}

#[test]
fn files_the_other_way_round_are_noticed() {
    let folder = Folder::new(&[]);
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/ppocr_cls.onnx");
    folder.run(&["fold", model, "-o", "b.onnx", "-q", "--no-verify"]).expect(0);
    let hint = "error: the second model has more BatchNormalization than the first; name the model before the fold first\n";
    assert_eq!(folder.run(&["verify", "--quick", "b.onnx", model]).expect(2).err, hint);
    // Not judged, but not for this: there is no such hint.
    let said = folder.run(&["verify", "--quick", model, "b.onnx"]).expect(2).err;
    assert!(said.starts_with("error: b.onnx: whether it computes what ") && said.ends_with("; leave out --quick\n"), "{said}");
}

/// A model that differs from [`FOLDS`] by a bias, as a file.
fn other() -> String {
    FOLDS.replace("epsilon = 0.0", "epsilon = 0.5")
}

#[test]
fn what_does_not_end_well_ends_with_what_can_be_done() {
    let folder = Folder::new(&[
        ("a.onnx", FOLDS),
        ("other.onnx", &other()),
        ("unrun.onnx", crate::check::UNRUN),
        ("stays.onnx", STAYS),
        ("train.onnx", &STAYS.replace("epsilon = 0.0", "training_mode = 1").replace("y = Batch", "y, mm, vv = Batch")),
    ]);
    folder.run(&["fold", "other.onnx", "-o", "wrong.onnx", "--no-verify"]).expect(0);
    folder.run(&["fold", "unrun.onnx", "-o", "still.onnx", "--no-verify"]).expect(0);
    folder.run(&["fold", "a.onnx", "-o", "b.onnx", "--certificate", "c.json"]).expect(0);
    folder.write("c.json", &String::from_utf8(folder.read("c.json")).unwrap().replace("\"seed\": 0", "\"seed\": 1").into_bytes());
    let last = |words: &[&str], code: i32| {
        let answer = folder.run(words).expect(code);
        let line = answer.err.lines().last().unwrap_or_default().to_owned();
        assert!(line.starts_with("error: ") && line.contains("; "), "{words:?}: {answer:?}");
        line
    };
    // The remedies, followed to the letter.
    assert!(
        last(&["verify", "a.onnx", "wrong.onnx"], 1).ends_with("; `bnfold fold a.onnx -o OUT` writes what is shown to be right")
    );
    folder.run(&["fold", "a.onnx", "-o", "OUT"]).expect(0);
    folder.run(&["verify", "a.onnx", "OUT"]).expect(0);
    assert!(last(&["verify", "a.onnx", "wrong.onnx", "-q", "--format", "json"], 1).contains("does not compute what a.onnx does"));
    let strict = last(&["verify", "unrun.onnx", "still.onnx", "--strict"], 2);
    assert!(strict.ends_with("; without --strict the constants, and each fold run alone, are enough"), "{strict}");
    folder.run(&["verify", "unrun.onnx", "still.onnx"]).expect(0);
    assert!(last(&["check", "a.onnx", "stays.onnx"], 1).contains("1 BatchNormalization left to fold; run the commands that are"));
    folder.run(&["check", "a.onnx", "--write-baseline"]).expect(0);
    folder.run(&["check", "a.onnx"]).expect(0);
    assert!(last(&["check", "train.onnx", "--strict"], 1).ends_with("; mend it, or accept it with --allow training-mode"));
    folder.run(&["check", "train.onnx", "--strict", "--allow", "training-mode"]).expect(0);
    assert!(last(&["report", "a.onnx", "wrong.onnx", "-o", "p.html", "-q"], 1).contains("writes what is shown to be right"));
    folder.write("text.onnx", b"no model");
    assert!(
        last(&["sweep", "text.onnx", "a.onnx", "--no-verify"], 2)
            .contains("text.onnx: it could not be folded; its line says why")
    );
}

#[test]
fn a_model_of_which_nothing_is_folded_for_want_of_proof_is_a_finding() {
    let folder = Folder::new(&[("a.onnx", &FOLDS.replace("1,2,4,4", "1,2,H,W").replace("1,3,4,4", "1,3,H,W"))]);
    let fold = |size: &str, memory: &str| {
        let dims = ["H", "W"].map(|name| format!("--dim={name}={size}"));
        folder.run(&["fold", "a.onnx", "-o", "o.onnx", &dims[0], &dims[1], "--memory", memory])
    };
    let answer = fold("4000", "900M").expect(1);
    assert!(answer.err.starts_with("error: a.onnx: the one fold had to be left out, as nobody can tell whether"), "{answer:?}");
    assert!(answer.err.contains("it needs more memory than it may have") && answer.err.contains("; give --memory"), "{answer:?}");
    assert!(!answer.out.contains("panic") && !answer.err.contains("panic"), "{answer:?}");
    assert!(fold("4000", "50M").expect(1).err.contains("; give --memory"));
    fold("40", "1G").expect(0);
}

#[test]
fn what_differs_is_not_called_equal_anywhere() {
    let folder = Folder::new(&[
        ("a.onnx", FOLDS),
        ("b.onnx", &FOLDS.replace("float[3,2,1,1] W = dyadic(1)", "float[3,2,1,1] W = dyadic(5)")),
    ]);
    let said = folder.run(&["verify", "a.onnx", "b.onnx"]).expect(1).out;
    assert!(said.contains("differs") && !said.contains("equal"), "{said}");
}

#[test]
fn what_cannot_be_opened_comes_with_a_remedy() {
    let folder = Folder::new(&[]);
    let said = folder.run(&["verify", "--recheck", "nosuch.json"]).expect(2).err;
    assert!(said.contains("; check the path, and whether you may read the file"), "{said}");
}

#[test]
fn files_of_other_sorts_are_named_for_what_they_are() {
    let folder = Folder::new(&[]);
    let sorts: [(&[u8], &str); 7] = [
        (b"\x1c\x00\x00\x00TFL3\x14\x00\x20\x00", "this is a TensorFlow Lite model; convert it to ONNX first"),
        (b"\x02\x00\x00\x00\x00\x00\x00\x00{}\x00\x00", "this is a safetensors file: weights without a graph; export"),
        (b"\x89HDF\r\n\x1a\n\x00\x00", "this is an HDF5 file; export the model to ONNX"),
        (b"GGUF\x03\x00\x00\x00\x00", "this is a GGUF file; export"),
        (b"\x1f\x8b\x08\x00\x00\x00\x00\x00", "this is a gzip archive; unpack it first"),
        (b"\x80\x02}q\x00.", "this is a Python pickle; export"),
        (b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", "m.onnx: "),
    ];
    for (bytes, said) in sorts {
        folder.write("m.onnx", bytes);
        let answer = folder.run(&["check", "m.onnx"]).expect(2);
        assert!(answer.err.contains(said), "{answer:?}");
    }
}

#[test]
fn what_onnxruntime_writes_beyond_onnx_is_no_difference_and_comes_with_a_remedy() {
    let fused = r#"<ir_version: 8, opset_import: ["" : 17, "com.microsoft" : 1]>
        g (float[1,2,4,4] x) => (float[1,3,4,4] y)
        <float[3,2,1,1] W = dyadic(1), float[3] B = dyadic(2)>
        { [conv1] z = com.microsoft.FusedConv <activation = "Relu"> (x, W, B)  [neg] y = Neg (z) }"#;
    let folder = Folder::new(&[("a.onnx", FOLDS), ("b.onnx", fused)]);
    let said = folder.run(&["verify", "a.onnx", "b.onnx"]).expect(2).out;
    assert!(said.contains("not judged") && said.contains("ORT_ENABLE_BASIC"), "{said}");
}
