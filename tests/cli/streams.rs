//! Standard input and output, pipes, colours, signals.

use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};

use crate::{Answer, FOLDS, Folder, STAYS};

fn give(mut child: Child, bytes: &[u8]) -> Answer {
    // A child that does not want all of it is judged by what it says.
    let _ = child.stdin.take().unwrap().write_all(bytes);
    Answer::of(child.wait_with_output().unwrap())
}

#[test]
fn two_folds_in_a_pipe() {
    let folder = Folder::new(&[("m.onnx", FOLDS)]);
    folder.run(&["fold", "m.onnx", "-o", "out.onnx", "--no-verify"]).expect(0);
    let fold = || {
        let mut command = folder.command(&["fold", "-", "-o", "-", "--no-verify"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    };
    let mut first = fold().stdin(Stdio::piped()).spawn().unwrap();
    let second = fold().stdin(first.stdout.take().unwrap()).spawn().unwrap();
    first.stdin.take().unwrap().write_all(&folder.read("m.onnx")).unwrap();
    let (first, second) = (first.wait_with_output().unwrap(), second.wait_with_output().unwrap());
    assert!(first.status.success() && second.status.success(), "{first:?} {second:?}");
    assert!(second.stdout == folder.read("out.onnx"));
    let said = String::from_utf8(first.stderr).unwrap();
    assert!(said.starts_with("standard input -> standard output\n"), "{said}");
}

#[test]
fn what_is_verified_may_come_from_standard_input() {
    let folder = Folder::new(&[("m.onnx", FOLDS)]);
    std::fs::create_dir(folder.path("tmp")).unwrap();
    let mut command = folder.command(&["fold", "-", "-o", "out.onnx", "--allow-unverified"]);
    command.env("TMPDIR", folder.path("tmp")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    give(command.spawn().unwrap(), &folder.read("m.onnx")).expect(0);
    assert_eq!(crate::operators(&folder.path("out.onnx")), ["Conv"]);
    assert_eq!(std::fs::read_dir(folder.path("tmp")).unwrap().count(), 0);
}

#[test]
fn an_empty_standard_input_is_named() {
    let folder = Folder::new(&[]);
    let answer = folder.run(&["fold", "-", "-o", "out.onnx"]).expect(2);
    assert_eq!(answer.err, "error: standard input: the file is empty; export or download it again\n");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = Folder::new(&[("m.onnx", FOLDS)]);
    for arguments in [&["inspect", "m.onnx"][..], &["fold", "m.onnx", "-o", "-", "--no-verify"], &["--help"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let child = folder.command(arguments).stdout(writer).stderr(Stdio::piped()).spawn().unwrap();
        let answer = Answer::of(child.wait_with_output().unwrap());
        assert_eq!((answer.code, answer.err.contains("error")), (Some(0), false), "{arguments:?}: {answer:?}");
    }
}

#[test]
fn colours_are_for_those_who_want_them() {
    let folder = Folder::new(&[("m.onnx", STAYS)]);
    let coloured = |arguments: &[&str], variable: Option<&str>| {
        let mut command = folder.command(arguments);
        variable.map(|name| command.env(name, "1"));
        Answer::of(command.output().unwrap()).out.contains('\u{1b}')
    };
    let inspect = ["inspect", "m.onnx"];
    assert!(!coloured(&inspect, None), "not into a pipe");
    assert!(coloured(&inspect, Some("CLICOLOR_FORCE")));
    assert!(!coloured(&inspect, Some("NO_COLOR")));
    assert!(coloured(&["inspect", "m.onnx", "--color", "always"], Some("NO_COLOR")), "an option is more than a variable");
    assert!(!coloured(&["inspect", "m.onnx", "--color=never"], Some("CLICOLOR_FORCE")));
    assert!(!coloured(&["inspect", "m.onnx", "--format=json"], Some("CLICOLOR_FORCE")));
}

#[test]
fn quiet_is_quiet() {
    let folder = Folder::new(&[("m.onnx", FOLDS)]);
    let answer = folder.run(&["fold", "m.onnx", "-o", "out.onnx", "--no-verify", "-q"]).expect(0);
    assert_eq!((answer.out, answer.err), (String::new(), String::new()));
}

#[test]
fn names_cannot_move_the_cursor() {
    let folder = Folder::new(&[("m.onnx", &STAYS.replace("[bn1]", "[\"b\u{1b}[2Jn\"]"))]);
    let answer = folder.run(&["inspect", "m.onnx"]).expect(0);
    assert!(!answer.out.contains('\u{1b}'), "{answer:?}");
    assert!(answer.out.contains("b\\u{1b}[2Jn (BatchNormalization) stays"), "{answer:?}");
}

#[cfg(unix)]
#[test]
fn interrupted_it_tidies_up() {
    for (signal, code) in [(rustix::process::Signal::INT, 130), (rustix::process::Signal::TERM, 143)] {
        let folder = Folder::new(&[("m.onnx", FOLDS)]);
        std::fs::create_dir(folder.path("tmp")).unwrap();
        // Nobody reads the pipe, so the program stops in the middle of writing a result that is larger than the pipe.
        folder.write("large.onnx", &large(&folder.read("m.onnx")));
        let mut command = folder.command(&["fold", "large.onnx", "-o", "-", "--no-verify"]);
        command.env("TMPDIR", folder.path("tmp")).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdout.as_mut().unwrap().read_exact(&mut [0; 1000]).unwrap();
        assert_eq!(std::fs::read_dir(folder.path("tmp")).unwrap().count(), 1, "a folder of its own");
        let id = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(id, signal).unwrap();
        let mut said = String::new();
        child.stderr.as_mut().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(code));
        assert_eq!(std::fs::read_dir(folder.path("tmp")).unwrap().count(), 0);
        assert_eq!(said, "error: interrupted; what was not finished is as it was\n");
    }
}

/// A model with a long text behind it.
#[cfg(unix)]
fn large(model: &[u8]) -> Vec<u8> {
    let text = vec![b'x'; 4 << 20];
    let mut bytes = model.to_vec();
    // ModelProto.doc_string is field 6.
    bytes.push(6 << 3 | 2);
    let mut length = text.len();
    while length >= 128 {
        bytes.push((length % 128) as u8 | 128);
        length /= 128;
    }
    bytes.push(length as u8);
    bytes.extend(text);
    bytes
}

#[cfg(unix)]
#[test]
fn a_caller_that_ignores_the_end_of_children_changes_nothing() {
    let folder = Folder::new(&[("a.onnx", FOLDS)]);
    let folded = |words: &str| {
        let line = format!("trap '' CHLD; exec \"$0\" {words}");
        let mut command = std::process::Command::new("bash");
        let program = crate::program().get_program().to_owned();
        Answer::of(command.arg("-c").arg(line).arg(program).current_dir(folder.path("")).output().unwrap())
    };
    let report = folded("fold a.onnx -o b.onnx --format json").expect(0).json();
    assert_eq!(report["folded"]["batch_normalizations"], 1, "{report}");
    assert_eq!(folded("sweep a.onnx --format json").expect(0).json()["models"][0]["outcome"], "well");
}

/// A program that uses the library may ignore it, too, and nothing sets that right: it starts itself so.
#[cfg(unix)]
#[test]
fn a_library_user_that_ignores_the_end_of_children_gets_the_answer() {
    if let Some(folder) = std::env::var_os("BNFOLD_TEST_FOLDER").map(std::path::PathBuf::from) {
        let engine = crate::program().get_program().to_owned();
        let verdict = bnfold::Verify::new().engine(engine).files(folder.join("a.onnx"), folder.join("b.onnx")).unwrap();
        assert!(matches!(verdict.execution, bnfold::Execution::Ran { .. }), "{verdict:?}");
        return;
    }
    let folder = Folder::new(&[("a.onnx", FOLDS)]);
    folder.run(&["fold", "a.onnx", "-o", "b.onnx", "--no-verify"]).expect(0);
    let name = "streams::a_library_user_that_ignores_the_end_of_children_gets_the_answer";
    let line = format!("trap '' CHLD; exec \"$0\" --exact {name} --nocapture");
    let mut command = std::process::Command::new("bash");
    command.arg("-c").arg(line).arg(std::env::current_exe().unwrap()).env("BNFOLD_TEST_FOLDER", folder.path(""));
    let answer = Answer::of(command.output().unwrap()).expect(0);
    assert!(answer.out.contains("1 passed"), "{answer:?}");
}
