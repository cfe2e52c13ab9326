//! The disk is full, or breaks: each call by which the program changes files fails once, from the first on, of everything that it
//! writes. Then every file is the old or the complete new one, none is left over, and what is said names a file and a remedy.
//!
//! The calls are made to fail by a library that is loaded before the system's (`full/failing.c`, built by `cc`; where there is no
//! compiler, that half is skipped), and by the system itself through a limit for the size of files.
#![cfg(all(feature = "cli", feature = "tract", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Resource, Rlimit, prlimit};

const BNFOLD: &str = env!("CARGO_BIN_EXE_bnfold");

type Files = BTreeMap<String, Vec<u8>>;

/// Everything in a folder.
fn files(folder: &Path) -> Files {
    let mut found = Files::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(folder).unwrap().display().to_string();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// What is run, and on which files.
struct Scene {
    name: &'static str,
    words: &'static str,
    before: Files,
    status: i32,
}

impl Scene {
    fn folder(&self) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        for (name, bytes) in &self.before {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        folder
    }

    fn command(&self, folder: &Path) -> Command {
        let mut command = Command::new(BNFOLD);
        command.args(self.words.split_whitespace()).current_dir(folder).env("TMPDIR", folder.join("tmp")).stdin(Stdio::null());
        command
    }

    /// What is there after all went well.
    fn after(&self) -> Files {
        let folder = self.folder();
        let output = self.command(folder.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(self.status), "{}: {output:?}", self.name);
        let after = files(folder.path());
        assert_ne!(after, self.before, "{}: nothing was written", self.name);
        after
    }

    /// Holds what is there after something failed against what may be there.
    fn check(&self, place: &str, folder: &Path, after: &Files, output: &Output) {
        let said = [&output.stderr[..], &output.stdout].map(String::from_utf8_lossy).concat();
        let place = format!("{}, {place}: {said}", self.name);
        let found = files(folder);
        for (name, bytes) in &found {
            let old = self.before.get(name) == Some(bytes);
            assert!(old || after.get(name) == Some(bytes), "`{name}` is neither the old nor the new file: {place}");
        }
        for name in self.before.keys() {
            assert!(found.contains_key(name), "`{name}` is gone: {place}");
        }
        if output.status.code() == Some(self.status) {
            assert!(found == *after, "it is said that all is well: {place}");
            return;
        }
        assert_eq!(output.status.code(), Some(2), "{place}");
        assert!(said.contains("error") && !said.contains("panicked"), "{place}");
        let remedies = ["elsewhere", "TMPDIR", "run again"];
        assert!(remedies.iter().any(|remedy| said.contains(remedy)), "no remedy: {place}");
        let named = after.keys().flat_map(|name| name.split('/')).any(|part| said.contains(part));
        assert!(named || said.contains("tmp"), "no file is named: {place}");
        // What refers to others comes after them.
        let new = |name: &str| found.get(name) == after.get(name);
        if self.before.get("out.onnx") != found.get("out.onnx") {
            assert!(found.keys().filter(|name| name.ends_with(".data")).all(|name| new(name)), "{place}");
        }
    }
}

fn encoded(text: &str) -> Vec<u8> {
    bnfold::sample::encode(text).unwrap()
}

/// A model with a weight of so many elements for each of 64 channels.
fn plain(size: usize) -> Vec<u8> {
    encoded(&format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[1,{size},2,2] x) => (float[1,64,2,2] y)
        <float[64,{size},1,1] W = positive(1), float[64] s = positive(2), float[64] b = positive(3), float[64] m = positive(4),
         float[64] v = positive(5)>
        {{ [conv1] c = Conv (x, W)  [bn1] y = BatchNormalization (c, s, b, m, v) }}"#
    ))
}

/// A model with weights in two side files.
fn outside() -> Vec<u8> {
    encoded(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[1,2,4,4] x, float[1,256] u) => (float[1,3,4,4] y, float[1,2,4,4] z, float[1,256] t)
        <float[3,2,1,1] W = ["location": "w.bin"], float[3] s = positive(2), float[3] b = positive(3), float[3] m = positive(4),
         float[3] v = positive(5), float[2,2,1,1] V = ["location": "v.bin"], float[256] large = positive(7)>
        { [conv1] c = Conv (x, W)  [bn1] y = BatchNormalization (c, s, b, m, v)  [conv2] z = Conv (x, V)  t = Mul (u, large) }"#,
    )
}

fn scenes() -> Vec<Scene> {
    let of = |name: &str, bytes: Vec<u8>| (name.to_owned(), bytes);
    let small = || of("m.onnx", plain(4));
    let old = |name: &str| of(name, b"old".to_vec());
    let weights = |count: u8| (0..count).flat_map(|i| (f32::from(i) - 5.5).to_le_bytes()).collect::<Vec<u8>>();
    let outside = || [of("m.onnx", outside()), of("w.bin", weights(6)), of("v.bin", weights(4))];
    // A fold that is wrong: the model that it is said to be of has other statistics.
    let wrong = encoded(
        r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1,4,2,2] x) => (float[1,64,2,2] y)
        <float[64,4,1,1] W = positive(9), float[64] b = positive(8)> { [conv1] y = Conv (x, W, b) }"#,
    );
    let scene =
        |name, words, before: Vec<(String, Vec<u8>)>| Scene { name, words, before: before.into_iter().collect(), status: 0 };
    let with_sides =
        |name, words| scene(name, words, outside().into_iter().chain([old("out.onnx"), old("out.onnx.data")]).collect());
    vec![
        scene("a new file", "fold m.onnx -o out.onnx --no-verify", vec![small()]),
        scene("a file that is replaced", "fold m.onnx -o out.onnx --no-verify --fsync", vec![small(), old("out.onnx")]),
        scene("in place", "fold m.onnx --in-place --no-verify", vec![small()]),
        scene("by several threads", "fold m.onnx -o out.onnx --no-verify", vec![of("m.onnx", plain(17_000)), old("out.onnx")]),
        with_sides("side files, copied", "fold m.onnx -o out.onnx --no-verify --fsync"),
        with_sides("side files, shared", "fold m.onnx -o out.onnx --no-verify --external-data share"),
        with_sides("one side file", "fold m.onnx -o out.onnx --no-verify --external-data all.data"),
        scene("side files in place", "fold m.onnx --in-place --no-verify", outside().to_vec()),
        scene("a folder", "fold m.onnx n.onnx --out-dir deep/er --no-verify", vec![small(), of("n.onnx", plain(5))]),
        scene(
            "with a certificate",
            "fold m.onnx -o out.onnx --certificate c.json",
            vec![small(), old("out.onnx"), old("c.json")],
        ),
        scene("a page", "report m.onnx -o page.html --no-verify", vec![small(), old("page.html")]),
        scene("a baseline", "check m.onnx --write-baseline --baseline base.json", vec![small(), old("base.json")]),
        scene("a sweep", "sweep m.onnx --out-dir results", vec![small()]),
        Scene {
            status: 1,
            ..scene("a failure", "verify m.onnx n.onnx --save-failure wrong", vec![small(), of("n.onnx", wrong)])
        },
    ]
}

/// The library that makes calls fail, if there is a compiler.
fn library(folder: &Path) -> Option<PathBuf> {
    let (source, library) = (concat!(env!("CARGO_MANIFEST_DIR"), "/tests/full/failing.c"), folder.join("failing.so"));
    let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).arg("-ldl").status();
    built.is_ok_and(|status| status.success()).then_some(library)
}

/// Numbers of errors: the disk is full and stays so; it is broken at one place.
const FULL: [(i32, &str); 2] = [(28, "0"), (5, "1")];

/// More calls than any of the scenes has.
const MOST_CALLS: usize = 200;

#[test]
fn each_call_of_the_writer_may_fail() {
    let folder = tempfile::tempdir().unwrap();
    let Some(library) = library(folder.path()) else {
        eprintln!("skipped: there is no C compiler");
        return;
    };
    let mark = folder.path().join("mark");
    for scene in scenes() {
        let after = scene.after();
        let mut calls = 0;
        for (number, once) in FULL {
            for at in 1.. {
                assert!(at < MOST_CALLS, "{}", scene.name);
                let _ = fs::remove_file(&mark);
                let folder = scene.folder();
                let mut command = scene.command(folder.path());
                command.env("LD_PRELOAD", &library).env("FAIL_AT", at.to_string()).env("FAIL_WITH", number.to_string());
                let output = command.env("FAIL_MARK", &mark).envs((once == "1").then_some(("FAIL_ONCE", "1"))).output().unwrap();
                scene.check(&format!("error {number} at call {at}"), folder.path(), &after, &output);
                if !mark.exists() {
                    break;
                }
                calls += 1;
            }
        }
        eprintln!("{}: {calls} failures", scene.name);
        assert!(calls >= 4, "{}: {calls}", scene.name);
    }
}

/// Runs with a limit for the size of files, in bytes; the signal that comes with it is ignored, as daemons do.
fn limited(scene: &Scene, folder: &Path, limit: u64) -> Output {
    let line = "trap '' XFSZ; read go; exec \"$0\" \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", line, BNFOLD]).args(scene.words.split_whitespace()).current_dir(folder).env("TMPDIR", folder.join("tmp"));
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
    prlimit(Pid::from_raw(i32::try_from(child.id()).unwrap()), Resource::Fsize, limit).unwrap();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn files_may_end_at_any_size() {
    for scene in scenes() {
        let after = scene.after();
        let sizes =
            after.iter().filter(|(name, bytes)| scene.before.get(*name) != Some(bytes)).map(|(_, bytes)| bytes.len() as u64);
        let sizes: Vec<u64> = sizes.collect();
        let mut limits: Vec<u64> = sizes.iter().flat_map(|size| [size - 1, size / 2, size.saturating_sub(4096)]).collect();
        limits.extend([0, 1]);
        limits.sort_unstable();
        limits.dedup();
        for limit in limits {
            let folder = scene.folder();
            let output = limited(&scene, folder.path(), limit);
            scene.check(&format!("files of {limit} bytes"), folder.path(), &after, &output);
            assert_eq!(output.status.code(), Some(2), "{}: {limit} is less than one of {sizes:?}", scene.name);
        }
    }
}
