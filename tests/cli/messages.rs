//! Every message that a user can meet, word for word: the files `tests/cmd/*.trycmd`, in a folder of broken models.

use std::path::{Path, PathBuf};

use crate::{CUSTOM, FOLDS, STAYS};

const HEAD: &str = r#"<ir_version: 8, opset_import: ["" : 17]> "#;

/// The models in the folder.
fn fixtures() -> Vec<(&'static str, Vec<u8>)> {
    let model = |text: &str| bnfold::sample::encode(text).unwrap();
    let graph = |text: &str| model(&format!("{HEAD}{text}"));
    let whole = model(FOLDS);
    vec![
        ("folds.onnx", whole.clone()),
        ("stays.onnx", model(STAYS)),
        ("custom.onnx", model(CUSTOM)),
        ("cut.onnx", whole[..whole.len() - 40].to_vec()),
        ("no-graph.onnx", vec![8, 8]),
        ("cycle.onnx", graph("g (float[1] x) => (float[1] y) { [n1] a = Add (x, b)  [n2] b = Relu (a)  y = Relu (b) }")),
        ("no-producer.onnx", graph("g (float[1] x) => (float[1] y) { [n1] y = Add (x, nothing) }")),
        ("no-output.onnx", graph("g (float[1] x) => (float[1] y) { [n1] z = Relu (x) }")),
        ("twice.onnx", graph("g (float[1] x) => (float[1] y) { [n1] y = Relu (x)  [n2] y = Relu (x) }")),
        ("side-missing.onnx", graph(&side("w.bin"))),
        ("side-outside.onnx", graph(&side("../w.bin"))),
        ("side-absolute.onnx", graph(&side("/w.bin"))),
        ("side-short.onnx", graph(&side("short.bin"))),
        ("side.onnx", graph(&side("side.bin"))),
        ("short.bin", vec![0; 5]),
        ("side.bin", vec![0; 24]),
        ("empty.onnx", vec![]),
        ("text.onnx", b"This is a note, not a model.\n".to_vec()),
        ("lfs.onnx", b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n".to_vec()),
        ("zip.onnx", b"PK\x03\x04model/data.pkl".to_vec()),
        ("ort.onnx", b"\x20\x00\x00\x00ORTM\x00\x00".to_vec()),
        ("noise.onnx", vec![0xff; 64]),
        ("folder/folds.onnx", whole),
    ]
}

fn side(location: &str) -> String {
    format!(r#"g (float[1,2,4,4] x) => (float[1,3,4,4] y) <float[3,2,1,1] W = ["location": "{location}"]> {{ y = Conv (x, W) }}"#)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cmd/messages.in")
}

/// With `BNFOLD_FIXTURES=write` in the environment the files are written anew.
fn fixtures_are_current() {
    for (name, bytes) in fixtures() {
        let path = folder().join(name);
        if std::env::var_os("BNFOLD_FIXTURES").is_some_and(|v| v == "write") {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, &bytes).unwrap();
        }
        assert!(std::fs::read(&path).is_ok_and(|found| found == bytes), "{} is not what its text says", path.display());
    }
}

#[test]
fn messages() {
    fixtures_are_current();
    let cases = trycmd::TestCases::new();
    cases.env("COLUMNS", "100").env("NO_COLOR", "1");
    cases.case("tests/cmd/*.trycmd");
}
