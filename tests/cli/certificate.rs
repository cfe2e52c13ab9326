//! Certificate files: written, judged again, checked by an independent program, refused when anything was changed; and
//! failures that are saved.

use prost::Message as _;
use serde_json::Value;

use super::{Answer, Folder, skipped};

/// Two convolutions, one behind a BatchNormalization that goes forward, and a product.
const NET: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x) => (float[1,5] y)
    <float[3,2,3,3] W = dyadic(1), float[3] B = dyadic(9), float[3] s = dyadic(2), float[3] b = dyadic(3),
     float[3] m = {1, -0.5, 0.25}, float[3] v = {0.3, 1.1, 4.7}, float[5,3] k = dyadic(4), float[5] c5 = dyadic(6),
     float[3] s1 = dyadic(12), float[3] b1 = dyadic(13)>
    { c = Conv <pads = [1, 1, 1, 1]> (x, W, B)  n = BatchNormalization (c, s, b, m, v)  r = Relu (n)  p = GlobalAveragePool (r)
      f = Flatten (p)  q = BatchNormalization (f, s1, b1, m, v)  y = Gemm <transB = 1> (q, k, c5) }"#;

/// A word of what is said about a change, and the change.
type Change = (&'static str, fn(&mut Value));

fn folded() -> Folder {
    let folder = Folder::new(&[("a.onnx", NET)]);
    folder.run(&["fold", "a.onnx", "-o", "b.onnx", "--certificate", "c.json"]).expect(0);
    folder
}

fn stated(folder: &Folder) -> Value {
    serde_json::from_slice(&folder.read("c.json")).unwrap()
}

/// A certificate with a change.
fn changed(folder: &Folder, change: impl FnOnce(&mut Value)) {
    let mut certificate = stated(folder);
    change(&mut certificate);
    folder.write("changed.json", &serde_json::to_vec(&certificate).unwrap());
}

fn number(value: &mut Value, factor: f64) {
    *value = (value.as_f64().unwrap() * factor).into();
}

/// Multiplies the first weight of the folded convolution.
fn tampered(folder: &Folder, factor: f32) {
    let mut model = bnfold::onnx::ModelProto::decode(&folder.read("b.onnx")[..]).unwrap();
    let graph = model.graph.as_mut().unwrap();
    let name = graph.node[0].input[1].clone();
    let weight = graph.initializer.iter_mut().find(|t| t.name() == name).unwrap();
    let bytes = weight.raw_data.as_mut().unwrap();
    let first = f32::from_le_bytes(bytes[..4].try_into().unwrap());
    bytes[..4].copy_from_slice(&(first * factor).to_le_bytes());
    folder.write("wrong.onnx", &model.encode_to_vec());
}

/// What a certificate would be if the tampered model were the one that it speaks of.
fn rehashed(folder: &Folder) {
    let wrong = folder.run(&["verify", "a.onnx", "wrong.onnx", "--certificate", "wrong.json"]);
    assert_eq!(wrong.code, Some(1));
    let wrong: Value = serde_json::from_slice(&folder.read("wrong.json")).unwrap();
    changed(folder, |certificate| certificate["after"] = wrong["after"].clone());
}

#[test]
fn a_certificate_holds_and_says_what_it_is_about() {
    let folder = folded();
    let certificate = stated(&folder);
    assert_eq!(certificate["schema"], "bnfold.certificate/2");
    assert_eq!(certificate["after"]["model"]["file"], "b.onnx");
    assert_eq!(certificate["verdict"]["sites"].as_array().unwrap().len(), 2);
    let answer = folder.run(&["verify", "--recheck", "c.json", "--format", "json"]).expect(0);
    assert_eq!(answer.json()["holds"], true);
    folder.run(&["verify", "--recheck", "c.json", "a.onnx", "b.onnx"]).expect(0);
    // The models may have moved with it.
    for name in ["a.onnx", "b.onnx", "c.json"] {
        folder.write(&format!("other/{name}"), &folder.read(name));
        std::fs::remove_file(folder.path(name)).unwrap();
    }
    folder.run(&["verify", "--recheck", "other/c.json"]).expect(0);
    folder.run(&["verify", "--recheck", "other/a.onnx"]).expect(2);
}

#[test]
fn a_certificate_that_says_too_much_does_not_hold() {
    let folder = folded();
    let changes: [Change; 9] = [
        ("a hash", |c| c["after"]["model"]["sha256"] = "0".repeat(64).into()),
        ("a limit of the tier", |c| number(&mut c["limits"]["weight_ulp"], 1.01)),
        ("a limit of a constant", |c| number(&mut c["verdict"]["sites"][0]["certificate"]["place"]["limit"], 2.0)),
        ("a share", |c| number(&mut c["verdict"]["sites"][0]["worst"], 0.5)),
        ("a distance", |c| number(&mut c["verdict"]["sites"][1]["certificate"]["ulp"], 0.99)),
        ("a site less", |c| drop(c["verdict"]["sites"].as_array_mut().unwrap().pop())),
        ("other sizes", |c| c["claims"]["sizes"] = serde_json::json!([])),
        ("a claim for all inputs", |c| c["claims"]["for_all_inputs"].as_array_mut().unwrap().push("r".into())),
        ("another constant", |c| c["verdict"]["sites"][0]["changed"][0] = "k".into()),
    ];
    for (what, change) in changes {
        changed(&folder, change);
        let answer = folder.run(&["verify", "--recheck", "changed.json"]).expect(1);
        assert!(answer.out.contains("does not hold"), "{what}: {answer:?}");
    }
    tampered(&folder, 1.0001);
    folder.run(&["verify", "--recheck", "c.json", "a.onnx", "wrong.onnx"]).expect(1);
    rehashed(&folder);
    folder.run(&["verify", "--recheck", "changed.json", "a.onnx", "wrong.onnx"]).expect(1);
    // What says that models differ is no reason to be content.
    folder.run(&["verify", "--recheck", "wrong.json"]).expect(1);
}

#[test]
fn the_published_schema_describes_it() {
    let schema: Value = serde_json::from_str(include_str!("../../docs/schemas/certificate.schema.json")).unwrap();
    let schema = jsonschema::validator_for(&schema).unwrap();
    let folder = folded();
    tampered(&folder, 1.0001);
    rehashed(&folder);
    folder.run(&["verify", "a.onnx", "a.onnx", "--certificate", "same.json"]).expect(0);
    for name in ["c.json", "wrong.json", "changed.json", "same.json"] {
        let certificate: Value = serde_json::from_slice(&folder.read(name)).unwrap();
        let errors: Vec<String> = schema.iter_errors(&certificate).map(|e| format!("{e} at {}", e.instance_path)).collect();
        assert_eq!(errors, Vec::<String>::new(), "{name}");
    }
    changed(&folder, |certificate| drop(certificate["before"].as_object_mut().unwrap().remove("model")));
    assert!(!schema.is_valid(&serde_json::from_slice(&folder.read("changed.json")).unwrap()));
}

/// The independent checker, if a Python with onnx is named.
fn checked(folder: &Folder, arguments: &[&str]) -> Option<Answer> {
    let Some(python) = std::env::var_os("BNFOLD_PYTHON") else {
        skipped("BNFOLD_PYTHON is not set");
        return None;
    };
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/check_certificate.py");
    let mut command = std::process::Command::new(python);
    Some(Answer::of(command.current_dir(folder.path("")).arg(script).args(arguments).output().unwrap()))
}

#[test]
fn what_is_claimed_is_how_far_it_was_shown() {
    let text = NET.replace("float[1,2,4,4] x) => (float[1,5] y)", "float[N,2,H,4] x) => (float[N,5] y)");
    let folder = Folder::new(&[("a.onnx", &text)]);
    folder.run(&["fold", "a.onnx", "-o", "b.onnx", "--certificate", "c.json", "--dim", "N=2"]).expect(0);
    let claims = &stated(&folder)["claims"];
    assert_eq!(claims["for_all_inputs"].as_array().unwrap().len() + claims["by_random_numbers"].as_array().unwrap().len(), 2);
    assert!(claims["sizes"][0].as_str().unwrap().starts_with("x: float[2,2,"), "{claims}");
    assert!(claims["assumed"].as_array().unwrap().iter().any(|what| what.as_str().unwrap().contains('H')), "{claims}");
    folder.run(&["verify", "--recheck", "c.json"]).expect(0);
    // A map that went through a pool is tested by random numbers, and no more is claimed.
    let pool = NET.replace("r = Relu (n)", "r = Identity (c)").replace("p = GlobalAveragePool (r)", "i = GlobalAveragePool (r)");
    let pool = pool
        .replace("n = BatchNormalization (c, s, b, m, v)", "")
        .replace("f = Flatten (p)", "p = BatchNormalization (i, s, b, m, v)  f = Flatten (p)");
    let folder = Folder::new(&[("a.onnx", &pool)]);
    folder.run(&["fold", "a.onnx", "-o", "b.onnx", "--certificate", "c.json"]).expect(0);
    let stated = stated(&folder);
    let tested = stated["claims"]["by_random_numbers"].as_array().unwrap();
    assert!(tested.iter().all(|one| !stated["claims"]["for_all_inputs"].as_array().unwrap().contains(&one["site"])), "{stated}");
    let noted = stated["verdict"]["sites"].as_array().unwrap().iter().filter(|site| site["certificate"]["notes"][0].is_string());
    assert_eq!(tested.len(), noted.count(), "{stated}");
}

#[test]
fn an_older_certificate_is_refused_with_a_sentence() {
    let folder = folded();
    changed(&folder, |certificate| {
        certificate["schema"] = "bnfold.certificate/1".into();
        certificate.as_object_mut().unwrap().remove("claims");
    });
    let answer = folder.run(&["verify", "--recheck", "changed.json"]).expect(2);
    assert!(answer.err.contains("layout `bnfold.certificate/1`") && answer.err.contains("--certificate"), "{answer:?}");
    let Some(answer) = checked(&folder, &["changed.json"]) else { return };
    assert!(answer.expect(3).out.starts_with("not checked: the layout"));
    assert!(checked(&folder, &["--help"]).unwrap().expect(0).out.contains("Exit status: 0"));
    assert!(checked(&folder, &[]).unwrap().expect(2).err.contains("CERTIFICATE"));
    assert!(checked(&folder, &["nothing.json"]).unwrap().expect(2).err.contains("nothing.json"));
}

#[test]
fn the_readmes_example_is_accepted_by_the_checker() {
    let folder = Folder::new(&[]);
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/ppocr_cls.onnx");
    if std::env::var_os("BNFOLD_PYTHON").is_none() {
        return;
    }
    folder.run(&["fold", model, "-o", "b.onnx", "--quick", "--certificate", "c.json"]).expect(0);
    let answer = checked(&folder, &["c.json"]).unwrap().expect(0);
    assert!(answer.out.starts_with("holds: 35 of 35 folds recomputed"), "{answer:?}");
}

#[test]
fn an_independent_checker_accepts_ours_and_refuses_what_was_changed() {
    let folder = folded();
    let Some(answer) = checked(&folder, &["c.json"]) else { return };
    assert!(answer.expect(0).out.starts_with("holds: 2 of 2 folds recomputed"));
    let changes: [Change; 7] = [
        ("another hash", |c| c["before"]["model"]["sha256"] = "0".repeat(64).into()),
        ("limits", |c| number(&mut c["limits"]["weight_ulp"], 1.01)),
        ("the limit", |c| number(&mut c["verdict"]["sites"][0]["certificate"]["place"]["limit"], 2.0)),
        ("ulp", |c| number(&mut c["verdict"]["sites"][0]["certificate"]["ulp"], 0.5)),
        // A fold that is not listed is a difference elsewhere.
        ("outside of the folds", |c| {
            c["verdict"]["sites"].as_array_mut().unwrap().pop();
            c["claims"]["for_all_inputs"].as_array_mut().unwrap().pop();
        }),
        ("claimed for all inputs", |c| drop(c["verdict"]["sites"].as_array_mut().unwrap().pop())),
        ("sizes", |c| c["claims"]["sizes"] = serde_json::json!(["x: float[9]"])),
    ];
    for (what, change) in changes {
        changed(&folder, change);
        let answer = checked(&folder, &["changed.json"]).unwrap().expect(1);
        assert!(answer.out.contains(what), "{what}: {answer:?}");
    }
    tampered(&folder, 1.000_001);
    assert!(checked(&folder, &["c.json", "a.onnx", "wrong.onnx"]).unwrap().expect(1).out.contains("another hash"));
    rehashed(&folder);
    let answer = checked(&folder, &["changed.json", "a.onnx", "wrong.onnx"]).unwrap().expect(1);
    assert!(answer.out.contains("beyond their limits"), "{answer:?}");
}

#[test]
fn a_failure_is_saved_as_a_pair_that_fails_again() {
    let folder = folded();
    tampered(&folder, 1.001);
    let answer = folder.run(&["verify", "a.onnx", "wrong.onnx", "--save-failure", "failure", "--seed", "7"]).expect(1);
    assert!(answer.out.contains("bnfold verify a.onnx wrong.onnx --seed=7"), "{answer:?}");
    assert!(answer.out.contains("cd failure && bnfold verify before.onnx after.onnx --inputs input.npz"), "{answer:?}");
    assert!(!answer.out.contains("not refused"), "{answer:?}");
    let inputs = ["--inputs", "failure/input.npz"];
    let again = folder.run(&[&["verify", "failure/before.onnx", "failure/after.onnx"][..], &inputs].concat()).expect(1);
    assert!(again.out.contains("inputs as given"), "{again:?}");
    assert_eq!(super::operators(&folder.path("failure/before.onnx")), ["Conv", "BatchNormalization"]);
    folder.run(&["fold", "failure/before.onnx", "-o", "right.onnx"]).expect(0);
    folder.run(&[&["verify", "failure/before.onnx", "right.onnx", "--exact"][..], &inputs].concat()).expect(0);
}

#[test]
fn inputs_come_from_files_folders_and_test_data_beside_the_model() {
    let folder = Folder::new(&[("m/a.onnx", NET)]);
    folder.run(&["fold", "m/a.onnx", "-o", "b.onnx"]).expect(0);
    let values: Vec<f32> = (0..32).map(|i| i as f32 / 8.0 - 2.0).collect();
    let tensor =
        |dims: Vec<i64>| bnfold::onnx::TensorProto { dims, data_type: Some(1), float_data: values.clone(), ..Default::default() };
    folder.write("input.pb", &tensor(vec![1, 2, 4, 4]).encode_to_vec());
    let mut npy = b"\x93NUMPY\x01\x00\x46\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 4, 4), }".to_vec();
    npy.resize(79, b' ');
    npy.push(b'\n');
    npy.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    folder.write("x.npy", &npy);
    folder.write("set/x.npy", &npy);
    let verify = ["verify", "m/a.onnx", "b.onnx"];
    for inputs in ["input.pb", "x.npy", "set"] {
        let answer = folder.run(&[&verify[..], &["--inputs", inputs, "--certificate", "c.json"]].concat()).expect(0);
        assert!(answer.out.contains("1 sample, inputs as given"), "{inputs}: {answer:?}");
        folder.run(&["verify", "--recheck", "c.json"]).expect(0);
    }
    // Other values, another certificate.
    folder.write("set/x.npy", &[&npy[..207], &[9]].concat());
    folder.run(&["verify", "--recheck", "c.json"]).expect(1);
    folder.write("m/test_data_set_0/input_0.pb", &tensor(vec![1, 2, 4, 4]).encode_to_vec());
    folder.write("m/test_data_set_1/input_0.pb", &tensor(vec![1, 2, 2, 8]).encode_to_vec());
    let answer = folder.run(&verify).expect(0);
    assert!(answer.out.contains("test_data_set_0\n"), "{answer:?}");
    assert!(answer.out.contains("test_data_set_1 does not belong to the model: "), "{answer:?}");
}

#[test]
fn values_in_between_can_be_asked_for() {
    let folder = folded();
    let tapped = |name: &str| folder.run(&["verify", "a.onnx", "b.onnx", "--tap", name]);
    assert!(tapped("x").expect(0).out.contains("x: equal bit for bit"));
    assert!(tapped("n").expect(0).out.contains("n: differs by at most "));
    // What arrives further on is told, too, not only what a place adds to it.
    tampered(&folder, 2.0);
    let answer = folder.run(&["verify", "a.onnx", "wrong.onnx", "--tap", "r", "--tap", "p", "--format", "json"]).expect(1).json();
    let taps = answer["verdict"]["execution"]["ran"]["taps"].as_array().unwrap();
    assert!(taps.len() == 2 && taps.iter().all(|tap| tap["largest"].as_f64().unwrap() > 1e-3), "{answer}");
    assert!(tapped("pp").expect(2).err.contains("`p`"));
    assert!(tapped("q").expect(2).err.contains("folded away"));
}

#[test]
fn a_model_that_is_read_otherwise_is_hashed_as_its_file_is() {
    use sha2::Digest as _;
    let late = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1,2,2,2] x) => (float[1,3,2,2] y)
        <float[3,2,1,1] w = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = dyadic(4), float[3] v = square(5)>
        { c = Conv (r, w) y = BatchNormalization (c, s, b, m, v) r = Abs (x) }"#;
    let scaler = r#"<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 1]> g (float[1,3] x) => (float[1,2] y)
        <float[3,2] w = dyadic(1), float[2] c = dyadic(2)>
        { s = ai.onnx.ml.Scaler <offset = [1.0, 2.0, 3.0], scale = [0.5, 2.0, 4.0]> (x) y = Gemm (s, w, c) }"#;
    let folder = Folder::new(&[("late.onnx", late), ("scaler.onnx", scaler)]);
    for model in ["late.onnx", "scaler.onnx"] {
        let answer = folder.run(&["fold", model, "-o", "out.onnx", "--certificate", "c.json"]).expect(0);
        let stated = &stated(&folder)["before"]["model"];
        let bytes = folder.read(model);
        let digest: String = sha2::Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((&stated["sha256"], &stated["bytes"]), (&digest.into(), &bytes.len().into()), "{model}: {answer:?}");
        folder.run(&["verify", "--recheck", "c.json"]).expect(0);
        let report = folder.run(&["inspect", model, "--format", "json"]).expect(0).json();
        assert_eq!(report["census"]["bytes"], bytes.len());
    }
}
