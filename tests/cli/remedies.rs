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
    assert_eq!(folder.run(&["verify", "--quick", model, "b.onnx"]).expect(2).err, "");
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
