//! The program as a user meets it: each test runs the binary.
#![cfg(feature = "cli")]
#![allow(missing_docs, clippy::print_stderr, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod asked;
mod certificate;
mod check;
mod external;
mod fold;
mod followed;
mod inspect;
mod manual;
mod many;
// The feature adds an option to the help.
#[cfg(not(feature = "ort"))]
mod messages;
mod reading;
mod remedies;
mod report;
mod schemas;
mod selftest;
mod status;
mod streams;
mod teams;
mod terminal;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A convolution with a BatchNormalization, which folds.
pub const FOLDS: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x) => (float[1,3,4,4] y)
    <float[3,2,1,1] W = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3),
     float[3] m = {1, -0.5, 0.25}, float[3] v = {0.25, 1, 4}>
    { [conv1] c = Conv (x, W)  [bn1] y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#;

/// The same behind an operator that no engine knows.
pub const CUSTOM: &str = r#"<ir_version: 8, opset_import: ["" : 17, "vendor" : 1]>
    g (float[1,2,4,4] x) => (float[1,3,4,4] y)
    <float[3,2,1,1] W = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3),
     float[3] m = {1, -0.5, 0.25}, float[3] v = {0.25, 1, 4}>
    { z = vendor.Own (x)  [conv1] c = Conv (z, W)  [bn1] y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#;

/// A BatchNormalization between an input and an output, which stays.
pub const STAYS: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,3,4,4] x) => (float[1,3,4,4] y)
    <float[3] s = dyadic(2), float[3] b = dyadic(3), float[3] m = {1, -0.5, 0.25}, float[3] v = {0.25, 1, 4}>
    { [bn1] y = BatchNormalization <epsilon = 0.0> (x, s, b, m, v) }"#;

/// A folder for a test, with models in it.
pub struct Folder(tempfile::TempDir);

impl Folder {
    pub fn new(models: &[(&str, &str)]) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        for (name, text) in models {
            folder.write(name, &bnfold::sample::encode(text).unwrap());
        }
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap()
    }

    /// Every file in it, hidden ones too.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).unwrap();
        let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The program, to be run in this folder.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.current_dir(self.0.path()).args(arguments);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Answer {
        Answer::of(self.command(arguments).output().unwrap())
    }
}

/// Says which test is not run, and why, where it is seen of a test that passes, too: what a test prints by macros is not.
pub fn skipped(why: &str) {
    let test = std::thread::current().name().unwrap_or_default().to_owned();
    std::io::stderr().write_all(format!("skipped {test}: {why}\n").as_bytes()).unwrap();
}

/// The program without settings of the user who runs the tests.
pub fn program() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_bnfold"));
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// What the program said.
#[derive(Debug)]
pub struct Answer {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Answer {
    pub fn of(output: Output) -> Answer {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Answer { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    #[track_caller]
    pub fn expect(self, code: i32) -> Answer {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }

    /// Standard output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }
}

/// The nodes of a model file, by operator.
pub fn operators(path: &Path) -> Vec<String> {
    let model = bnfold::model::Model::open(path).unwrap();
    model.proto.graph.as_ref().unwrap().node.iter().map(|n| n.op_type().to_owned()).collect()
}
