//! `--external-data`: where the result has what the original keeps in side files.

use std::fs::File;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bnfold::model::Model;
use prost::Message as _;

use crate::{FOLDS, Folder, operators, skipped};

/// Two convolutions, each with a weight in `w.bin`; only the first folds. An initializer of 1 KiB and one of less are in the model.
const OUTSIDE: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x, float[1,256] u) => (float[1,3,4,4] y, float[1,2,4,4] z, float[1,256] t)
    <float[3,2,1,1] W = ["location": "w.bin", "offset": "8", "length": "24"], float[3] s = dyadic(2), float[3] b = dyadic(3),
     float[3] m = {1, -0.5, 0.25}, float[3] v = {0.25, 1, 4},
     float[2,2,1,1] V = ["location": "w.bin", "offset": "32"], float[256] large = dyadic(7)>
    { [conv1] c = Conv (x, W)  [bn1] y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)  [conv2] z = Conv (x, V)
      t = Mul (u, large) }"#;

fn weights() -> Vec<u8> {
    (0..12u8).flat_map(|i| (f32::from(i) - 5.5).to_le_bytes()).collect()
}

fn outside() -> Folder {
    let folder = Folder::new(&[("m.onnx", OUTSIDE)]);
    folder.write("w.bin", &weights());
    folder
}

/// Where a model's initializers in side files are: name, location, offset, length.
fn references(path: &Path) -> Vec<(String, String, String, String)> {
    let model = Model::open(path).unwrap();
    let tensors = model.proto.graph.as_ref().unwrap().initializer.iter().filter(|t| !t.external_data.is_empty());
    let get = |t: &bnfold::onnx::TensorProto, key: &str| {
        t.external_data.iter().find(|e| e.key() == key).map(|e| e.value().to_owned()).unwrap_or_default()
    };
    tensors.map(|t| (t.name().to_owned(), get(t, "location"), get(t, "offset"), get(t, "length"))).collect()
}

fn reference(name: &str, location: &str, offset: &str, length: &str) -> (String, String, String, String) {
    (name.into(), location.into(), offset.into(), length.into())
}

/// A model of which some initializers have other extents than its text, which may not be so large.
fn grown(text: &str, dims: impl Fn(&str) -> Option<Vec<i64>>) -> Vec<u8> {
    let mut model = bnfold::onnx::ModelProto::decode(&bnfold::sample::encode(text).unwrap()[..]).unwrap();
    for tensor in &mut model.graph.as_mut().unwrap().initializer {
        if let Some(dims) = dims(tensor.name()) {
            tensor.dims = dims;
        }
    }
    model.encode_to_vec()
}

/// Reads a model by other means: `onnx.checker`, onnxruntime, and every element as the package onnx reads it.
fn loads_elsewhere(path: &Path) {
    let Some(python) = std::env::var_os("BNFOLD_PYTHON") else {
        skipped("BNFOLD_PYTHON is not set");
        return;
    };
    let program = "import sys, onnx, onnxruntime\n\
        onnx.checker.check_model(sys.argv[1], full_check=True)\n\
        onnxruntime.InferenceSession(sys.argv[1], providers=['CPUExecutionProvider'])\n\
        [onnx.numpy_helper.to_array(t) for t in onnx.load(sys.argv[1]).graph.initializer]\n";
    let ended = Command::new(python).args(["-c", program]).arg(path).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn what_is_shared_is_referred_to_and_only_what_changes_is_brought() {
    let folder = outside();
    let answer = folder.run(&["fold", "m.onnx", "-o", "out.onnx", "--external-data", "share", "--format", "json"]).expect(0);
    assert_eq!(folder.names(), ["m.onnx", "out.onnx", "out.onnx.data", "w.bin"]);
    assert_eq!((folder.read("w.bin"), folder.read("out.onnx.data").len()), (weights(), 24));
    assert_eq!(
        references(&folder.path("out.onnx")),
        [reference("W", "out.onnx.data", "0", "24"), reference("V", "w.bin", "32", "")]
    );
    let all = ["out.onnx", "out.onnx.data", "w.bin"].map(|name| folder.read(name).len()).iter().sum::<usize>();
    assert_eq!(answer.json()["after"]["bytes"], all);
    folder.run(&["verify", "m.onnx", "out.onnx", "--exact"]).expect(0);
    loads_elsewhere(&folder.path("out.onnx"));
}

/// What is in one file is not compared; what is at the same place of two files is.
#[test]
fn other_bytes_at_the_same_place_of_another_file_differ() {
    let folder = outside();
    folder.run(&["fold", "m.onnx", "-o", "out.onnx"]).expect(0);
    let mut changed = folder.read("out.onnx.data");
    assert_eq!(changed[32..], weights()[32..]);
    changed[35] ^= 0x80;
    folder.write("out.onnx.data", &changed);
    let said = folder.run(&["verify", "m.onnx", "out.onnx"]).expect(1);
    assert!(said.out.contains("constant `V`"), "{said:?}");
}

#[test]
fn a_result_above_the_side_files_shares_them_and_one_beside_them_cannot() {
    let folder = outside();
    std::fs::create_dir_all(folder.path("a/b")).unwrap();
    std::fs::rename(folder.path("m.onnx"), folder.path("a/b/m.onnx")).unwrap();
    std::fs::rename(folder.path("w.bin"), folder.path("a/b/w.bin")).unwrap();
    folder.run(&["fold", "a/b/m.onnx", "-o", "a/out.onnx", "--external-data=share"]).expect(0);
    assert_eq!(references(&folder.path("a/out.onnx"))[1], reference("V", "b/w.bin", "32", ""));
    folder.run(&["verify", "a/b/m.onnx", "a/out.onnx", "--exact"]).expect(0);
    loads_elsewhere(&folder.path("a/out.onnx"));
    for target in [&["-o", "c/out.onnx"][..], &["--out-dir", "c"], &["-o", "a/b/c/out.onnx"]] {
        std::fs::create_dir_all(folder.path("a/b/c")).unwrap();
        std::fs::create_dir_all(folder.path("c")).unwrap();
        let words = [&["fold", "a/b/m.onnx", "--external-data=share"], target].concat();
        let refused = folder.run(&words).expect(2);
        assert!(refused.err.contains("`w.bin` is outside of the folder of the result"), "{refused:?}");
        assert!(refused.err.contains("--external-data keep"), "{refused:?}");
        assert_eq!(std::fs::read_dir(folder.path("c")).unwrap().count(), 0);
    }
    // On paper there is no folder that it would have to be in.
    folder.run(&["fold", "a/b/m.onnx", "--external-data=share", "--dry-run"]).expect(0);
}

#[test]
fn a_model_that_is_replaced_may_share_its_own_side_files_again_and_again() {
    let folder = outside();
    folder.run(&["fold", "m.onnx", "--in-place", "--external-data", "share", "--skip", "bn1"]).expect(0);
    assert_eq!(folder.names(), ["m.onnx", "w.bin"]);
    std::fs::rename(folder.path("w.bin"), folder.path("m.onnx.data")).unwrap();
    folder.write("m.onnx", &bnfold::sample::encode(&OUTSIDE.replace("w.bin", "m.onnx.data")).unwrap());
    folder.write("before.onnx", &folder.read("m.onnx"));
    folder.run(&["fold", "m.onnx", "--in-place", "--external-data", "share"]).expect(0);
    // The side file that others may read is as it was, and the new one has another name.
    assert_eq!(folder.read("m.onnx.data"), weights());
    assert_eq!(references(&folder.path("m.onnx"))[0], reference("W", "m.onnx.1.data", "0", "24"));
    folder.run(&["verify", "before.onnx", "m.onnx", "--exact"]).expect(0);
}

#[test]
fn all_goes_into_the_model_file() {
    let folder = outside();
    folder.run(&["fold", "m.onnx", "-o", "out.onnx", "--external-data", "inline"]).expect(0);
    assert_eq!(folder.names(), ["m.onnx", "out.onnx", "w.bin"]);
    assert_eq!(references(&folder.path("out.onnx")), []);
    folder.run(&["verify", "m.onnx", "out.onnx", "--exact"]).expect(0);
    loads_elsewhere(&folder.path("out.onnx"));
    // Then it can go to a stream, too.
    let streamed = folder.command(&["fold", "m.onnx", "-o", "-", "--external-data", "inline"]).output().unwrap();
    assert_eq!(streamed.stdout, folder.read("out.onnx"));
    // What does not fold is brought in all the same.
    folder.run(&["fold", "m.onnx", "-o", "same.onnx", "--external-data", "inline", "--skip", "bn1"]).expect(0);
    assert_eq!(operators(&folder.path("same.onnx")).len(), 4);
    assert_eq!(references(&folder.path("same.onnx")), []);
    folder.run(&["verify", "m.onnx", "same.onnx", "--exact"]).expect(0);
}

#[test]
fn all_that_is_large_goes_into_one_side_file() {
    let folder = outside();
    folder.run(&["fold", "m.onnx", "-o", "out.onnx", "--external-data", "all.data"]).expect(0);
    assert_eq!(folder.names(), ["all.data", "m.onnx", "out.onnx", "w.bin"]);
    assert_eq!(
        references(&folder.path("out.onnx")),
        [
            reference("W", "all.data", "0", "24"),
            reference("V", "all.data", "32", "16"),
            reference("large", "all.data", "48", "1024")
        ]
    );
    assert_eq!(folder.read("all.data")[32..48], weights()[32..]);
    folder.run(&["verify", "m.onnx", "out.onnx", "--exact"]).expect(0);
    loads_elsewhere(&folder.path("out.onnx"));
    // What has no side file gets one, also where the large weight changes.
    let large = FOLDS.replace("[1,2,4,4]", "[1,128,4,4]").replace("[3,2,1,1]", "[3,128,1,1]");
    folder.write("inside.onnx", &bnfold::sample::encode(&large).unwrap());
    folder.run(&["fold", "inside.onnx", "-o", "one.onnx", "--external-data", "one.data"]).expect(0);
    assert_eq!(references(&folder.path("one.onnx")), [reference("W", "one.data", "0", "1536")]);
    assert_eq!(folder.read("one.data").len(), 1536);
    folder.run(&["verify", "inside.onnx", "one.onnx", "--exact"]).expect(0);
}

/// Two tensors use the same bytes, of which one changes; a weight that two convolutions read becomes two.
#[test]
fn what_was_one_and_what_becomes_two_is_right_in_each_place() {
    let text = OUTSIDE.replace(
        "float[2,2,1,1] V = [\"location\": \"w.bin\", \"offset\": \"32\"]",
        "float[3,2,1,1] V = [\"location\": \"w.bin\", \"offset\": \"8\", \"length\": \"24\"]",
    );
    let text = text.replace("float[1,2,4,4] z", "float[1,3,4,4] z");
    let two = FOLDS
        .replace("[1,2,4,4]", "[1,128,4,4]")
        .replace("W = dyadic(1)", "W = [\"location\": \"w.bin\"]")
        .replace("[3,2,1,1]", "[3,128,1,1]");
    let two = two
        .replace("(float[1,3,4,4] y)", "(float[1,3,4,4] y, float[1,3,4,4] z)")
        .replace("{ [conv1]", "{ z = Conv (x, W) [conv1]");
    for (text, length) in [(&text, 48), (&two, 1536)] {
        let folder = Folder::new(&[("m.onnx", text)]);
        folder.write("w.bin", &weights().repeat(length / 48));
        for place in ["keep", "share", "inline", "all.data"] {
            let out = format!("{place}.onnx");
            folder.run(&["fold", "m.onnx", "-o", &out, "--external-data", place]).expect(0);
            assert!(!operators(&folder.path(&out)).contains(&"BatchNormalization".to_owned()), "{place}");
            folder.run(&["verify", "m.onnx", &out, "--exact"]).expect(0);
            loads_elsewhere(&folder.path(&out));
        }
        assert_eq!(folder.read("w.bin"), weights().repeat(length / 48));
    }
}

#[test]
fn no_file_that_others_need_is_replaced() {
    let folder = outside();
    folder.write("side.onnx", &bnfold::sample::encode(&OUTSIDE.replace("w.bin", "out.onnx.data")).unwrap());
    folder.write("out.onnx.data", &weights());
    folder.write("x.data", &bnfold::sample::encode(FOLDS).unwrap());
    std::os::unix::fs::symlink("w.bin", folder.path("link.data")).unwrap();
    let all = |folder: &Folder| folder.names().iter().map(|name| folder.read(name)).collect::<Vec<_>>();
    let before = (folder.names(), all(&folder));
    for (words, said) in [
        (&["m.onnx", "-o", "o.onnx", "--external-data", "w.bin"][..], "would replace one of the input"),
        (&["m.onnx", "-o", "o.onnx", "--external-data", "link.data"], "would replace one of the input"),
        (&["m.onnx", "--in-place", "--external-data", "w.bin"], "would replace one of the input"),
        (&["m.onnx", "-o", "o.onnx", "--external-data", "m.onnx"], "would replace a model"),
        (&["m.onnx", "-o", "o.onnx", "--external-data", "o.onnx"], "would replace a model"),
        (&["m.onnx", "--in-place", "--external-data", "m.onnx"], "would replace a model"),
        (&["m.onnx", "-o", "w.bin"], "the output is a side file of the input"),
        (&["side.onnx", "-o", "out.onnx"], "would replace one of the input"),
        (&["m.onnx", "-o", "-", "--external-data", "share"], "--external-data inline"),
        (&["m.onnx", "-o", "-", "--external-data", "a.data"], "has no folder"),
        (&["x.data", "-o", "-", "--external-data", "a.data"], "has no folder"),
        (&["m.onnx", "side.onnx", "--in-place", "--external-data", "a.data"], "cannot be that of several models"),
        (&["m.onnx", "-o", "o.onnx", "--external-data", "../a.data"], "does not name a file beside the result"),
        (&["m.onnx", "-o", "o.onnx", "--external-data", "shared"], "neither keep, share, inline nor a file"),
    ] {
        let refused = folder.run(&[&["fold", "--no-verify"], words].concat()).expect(2);
        assert!(refused.err.contains(said) && refused.out.is_empty(), "{words:?}: {refused:?}");
        assert_eq!((folder.names(), all(&folder)), before, "{words:?}");
    }
    // One model may go into a folder with its own side file.
    folder.run(&["fold", "m.onnx", "--out-dir", "sub", "--external-data", "a.data", "--no-verify"]).expect(0);
    assert_eq!(references(&folder.path("sub/m.onnx"))[0].1, "a.data");
}

#[test]
fn a_side_file_that_cannot_be_written_leaves_everything_as_it_was() {
    let folder = outside();
    folder.write("out.onnx", b"what was there");
    std::fs::create_dir(folder.path("out.onnx.data")).unwrap();
    std::fs::create_dir(folder.path("a.data")).unwrap();
    for place in ["keep", "share", "a.data"] {
        folder.run(&["fold", "m.onnx", "-o", "out.onnx", "--external-data", place]).expect(2);
        assert_eq!(folder.names(), ["a.data", "m.onnx", "out.onnx", "out.onnx.data", "w.bin"]);
        assert_eq!(folder.read("out.onnx"), b"what was there");
    }
}

#[test]
fn what_no_reader_accepts_is_refused_at_once_with_the_option_that_helps() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1,2,h,w] x) => (float[1,3,a,b] y, float[1,3,a,b] z)
        <float[3,2,1,1] W = ["location": "w.bin"], float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = {1, -0.5, 0.25},
         float[3] v = {0.25, 1, 4}>
        { z = Conv (x, W) c = Conv (x, W) [bn1] y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#;
    let folder = Folder::new(&[]);
    folder.write("m.onnx", &grown(text, |name| (name == "W").then(|| vec![3, 2, 12000, 12000])));
    File::create(folder.path("w.bin")).unwrap().set_len(4 * 6 * 12000 * 12000).unwrap();
    let started = Instant::now();
    // Kept, the weight that two read becomes a second one, in the model file; inline it is one.
    for (place, option, helps) in [("keep", "--only=*", "weights.data"), ("inline", "--skip=bn1", "--external-data keep")] {
        let words = ["fold", "m.onnx", "-o", "o.onnx", "--no-verify", "--partial=always", "--external-data", place, option];
        let refused = folder.run(&words).expect(2);
        assert!(refused.err.contains("larger than 2 GiB") && refused.err.contains(helps), "{refused:?}");
        assert_eq!(folder.names(), ["m.onnx", "w.bin"]);
    }
    assert!(started.elapsed() < Duration::from_secs(5), "{:?}: something was read or written", started.elapsed());
}

/// A model of 40 GB in 20 side files, which are holes: only the first has a weight that changes.
#[test]
fn forty_gigabytes_are_shared_in_less_than_a_second() {
    const SIDES: usize = 20;
    const EACH: u64 = 2 << 30;
    let weights: Vec<String> = (0..SIDES).map(|i| format!("float[1,1] M{i} = [\"location\": \"w{i}.bin\"]")).collect();
    let products: Vec<String> = (0..SIDES).map(|i| format!("p{} = MatMul (p{i}, M{i})", i + 1)).collect();
    let text = FOLDS
        .replace("W = dyadic(1)", &format!("W = [\"location\": \"w0.bin\", \"offset\": \"{EACH}\"], {}", weights.join(", ")))
        .replace("float[1,2,4,4] x)", "float[1,2,4,4] x, float[1,16384] p0)")
        .replace("float[1,3,4,4] y)", &format!("float[1,3,4,4] y, float[1,16384] p{SIDES})"))
        .replace("{ [conv1]", &format!("{{ {} [conv1]", products.join(" ")));
    let folder = Folder::new(&[]);
    let number = |name: &str| name.strip_prefix('M').and_then(|number| number.parse::<usize>().ok());
    let extents = |number: usize| if number.is_multiple_of(2) { vec![1 << 14, 1 << 15] } else { vec![1 << 15, 1 << 14] };
    folder.write("m.onnx", &grown(&text, |name| number(name).map(extents)));
    for i in 0..SIDES {
        File::create(folder.path(&format!("w{i}.bin"))).unwrap().set_len(EACH + 24).unwrap();
    }
    let started = Instant::now();
    let answer = folder.run(&["fold", "m.onnx", "-o", "out.onnx", "--no-verify", "--external-data", "share"]).expect(0);
    let took = started.elapsed();
    eprintln!("{took:?} for {} bytes: {}", SIDES as u64 * EACH, answer.out);
    assert!(took < Duration::from_secs(1), "{took:?}");
    assert_eq!(folder.read("out.onnx.data").len(), 24);
    let started = Instant::now();
    // What certainly does not fit into memory is told before anything is read.
    let words = ["fold", "m.onnx", "-o", "proved.onnx", "--external-data", "share", "--memory", "60G"];
    let proved = folder.run(&words).expect(0);
    let took = started.elapsed();
    let said =
        "the whole was not run: it needs more memory than it may have (about 81920 MB for both models alone, and may have 61440";
    assert!(proved.out.contains(said) && proved.out.contains("; give --memory"), "{proved:?}");
    assert!(took < Duration::from_secs(5), "{took:?} until that was told");
}
