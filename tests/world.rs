//! The world fails: no room, no memory, no right, a program that is killed, a file that changes. The target is the old file or
//! the complete new one, nothing else is left, and what is said has a remedy. `docs/reliability.md` names these tests.
#![cfg(all(feature = "cli", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use bnfold::model::Model;

const BNFOLD: &str = env!("CARGO_BIN_EXE_bnfold");

/// A model with a weight of so many elements for each output channel, which a fold rescales.
fn model(size: usize) -> Vec<u8> {
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[1,{size},4,4] x) => (float[1,64,4,4] y)
        <float[64,{size},1,1] W = positive(1), float[64] s = positive(2), float[64] b = positive(3), float[64] m = positive(4),
         float[64] v = positive(5)>
        {{ [conv1] c = Conv (x, W)  [bn1] y = BatchNormalization (c, s, b, m, v) }}"#
    );
    bnfold::sample::encode(&text).unwrap()
}

fn folder(size: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("m.onnx"), model(size)).unwrap();
    folder
}

/// A line of the shell in a folder, with the program as `$0`.
fn shell(folder: &Path, line: &str) -> Output {
    Command::new("sh").current_dir(folder).args(["-c", line, BNFOLD]).stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn refused(folder: &Path, line: &str) -> String {
    let answer = shell(folder, line);
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    assert_eq!(answer.status.code(), Some(2), "{line}: {said}");
    assert!(said.contains("error: ") && !said.contains("panicked"), "{line}: {said}");
    said
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn without_room_the_target_stays() {
    let folder = folder(1024);
    let path = folder.path();
    fs::write(path.join("out.onnx"), "old").unwrap();
    // A limit for the size of files ends as a full disk does; the signal that comes with it is ignored, as daemons do.
    let said = refused(path, "trap '' XFSZ; ulimit -f 16; exec \"$0\" fold m.onnx -o out.onnx --no-verify");
    assert!(said.contains("out.onnx") && said.contains("write elsewhere"), "{said}");
    assert_eq!(fs::read(path.join("out.onnx")).unwrap(), b"old");
    assert_eq!(names(path), ["m.onnx", "out.onnx"]);
    let said = refused(path, "exec \"$0\" fold m.onnx -o - --no-verify > /dev/full");
    assert!(said.contains("standard output"), "{said}");
}

#[test]
fn without_memory_it_is_an_error_and_no_half_file() {
    let folder = folder(16_384);
    // Less than the program itself needs up to enough for all: whatever is missing, nothing is left behind.
    for limit in [20_000, 60_000, 100_000, 200_000, 400_000, 4_000_000] {
        let line = format!("ulimit -v {limit}; RAYON_NUM_THREADS=2 exec \"$0\" fold m.onnx -o out.onnx --no-verify");
        let answer = shell(folder.path(), &line);
        let whole = names(folder.path()) == ["m.onnx", "out.onnx"];
        assert_eq!(answer.status.success(), whole, "{limit}: {answer:?}");
        if whole {
            Model::open(&folder.path().join("out.onnx")).unwrap();
            fs::remove_file(folder.path().join("out.onnx")).unwrap();
        }
        assert!(limit < 4_000_000 || whole, "{answer:?}");
    }
}

/// How often the program is killed; `BNFOLD_KILLS=1000` is the long form.
fn kills() -> u32 {
    std::env::var("BNFOLD_KILLS").ok().and_then(|n| n.parse().ok()).unwrap_or(60)
}

/// Kills folds of the model in a folder at moments over the whole of one, and looks at each of these files after each of them.
fn kill(folder: &Path, targets: &[&str], more: &[&str]) {
    let (input, target) = (folder.join("m.onnx"), folder.join("out.onnx"));
    let fold = || {
        let mut command = Command::new(BNFOLD);
        command.args(["fold", "--no-verify", "-q", "-o"]).arg(&target).arg(&input).args(more).spawn().unwrap()
    };
    let started = Instant::now();
    assert!(fold().wait().unwrap().success());
    let read = |name: &&str| fs::read(folder.join(name)).unwrap();
    let (whole, new) = (started.elapsed(), targets.iter().map(read).collect::<Vec<_>>());
    let (mut killed, rounds) = (0, kills());
    for round in 0..rounds {
        targets.iter().for_each(|name| fs::write(folder.join(name), "old").unwrap());
        let mut child = fold();
        std::thread::sleep(whole.mul_f64(f64::from(round) / f64::from(rounds)).max(Duration::from_micros(200)));
        child.kill().unwrap();
        killed += u32::from(!child.wait().unwrap().success());
        let found: Vec<Vec<u8>> = targets.iter().map(read).collect();
        for (found, new) in found.iter().zip(&new) {
            assert!(found == b"old" || found == new, "{} bytes after {round} of {rounds}", found.len());
        }
        // The model comes last.
        assert!(found[0] == b"old" || found == new, "a new model beside an old side file after {round} of {rounds}");
    }
    assert!(killed > rounds / 4, "{killed} of {rounds} were killed in time");
}

#[test]
fn killed_at_any_moment_the_target_is_the_old_file_or_the_new_one() {
    kill(folder(16_384).path(), &["out.onnx"], &[]);
}

#[test]
fn killed_at_any_moment_side_files_are_there_before_their_model() {
    let folder = folder(16_384);
    kill(folder.path(), &["out.onnx", "w.data"], &["--external-data", "w.data"]);
}

#[test]
fn a_model_that_changes_meanwhile_is_noticed() {
    for cut in [true, false] {
        let folder = folder(1024);
        let (input, target) = (folder.path().join("m.onnx"), folder.path().join("out.onnx"));
        let opened = Model::open(&input).unwrap();
        let graph = bnfold::constants::build(&opened).unwrap();
        let file = fs::OpenOptions::new().write(true).append(!cut).open(&input).unwrap();
        if cut {
            file.set_len(5_000).unwrap();
        } else {
            std::io::Write::write_all(&mut &file, b"more").unwrap();
        }
        let error = bnfold::fold::stage(&graph, &bnfold::plan::Options::default(), &target, &mut |_| {}).err().unwrap();
        assert_eq!(error.kind, bnfold::ErrorKind::Changed, "{error}");
        assert_eq!(names(folder.path()), ["m.onnx"], "{error}");
    }
}

#[test]
fn of_two_programs_one_wins_whole() {
    let folder = folder(4_096);
    let path = folder.path();
    let line = "for i in 1 2 3 4; do \"$0\" fold m.onnx -o out.onnx --no-verify -q & done; wait";
    assert!(shell(path, line).status.success());
    assert_eq!(names(path), ["m.onnx", "out.onnx"]);
    let one = fs::read(path.join("out.onnx")).unwrap();
    assert!(shell(path, "exec \"$0\" fold m.onnx -o out.onnx --no-verify -q").status.success());
    assert!(one == fs::read(path.join("out.onnx")).unwrap());
}

#[test]
fn little_of_the_surroundings_is_needed() {
    let folder = folder(8);
    let path = folder.path();
    let lines = [
        "exec env -i \"$0\" fold m.onnx -o out.onnx",
        "TMPDIR=/nowhere exec \"$0\" fold m.onnx -o out.onnx",
        "LC_ALL=tr_TR.UTF-8 exec \"$0\" fold m.onnx -o out.onnx",
        "exec \"$0\" fold m.onnx -o out.onnx < /dev/null 2>&-",
        "exec \"$0\" fold m.onnx -o out.onnx -q >&-",
    ];
    let mut results = std::collections::BTreeSet::new();
    for line in lines {
        let answer = shell(path, line);
        assert!(answer.status.success(), "{line}: {answer:?}");
        results.insert(fs::read(path.join("out.onnx")).unwrap());
        assert_eq!(names(path), ["m.onnx", "out.onnx"], "{line}");
    }
    assert_eq!(results.len(), 1, "the same bytes, whatever stands around");
}

#[test]
fn threads_and_folders_change_no_byte() {
    let folder = folder(16_384);
    let path = folder.path();
    fs::create_dir(path.join("other")).unwrap();
    fs::copy(path.join("m.onnx"), path.join("other/n.onnx")).unwrap();
    // The writer has as many threads as there are processors that it may use.
    let line = "one() { if command -v taskset >/dev/null; then taskset -c 0 \"$@\"; else \"$@\"; fi; }
        RAYON_NUM_THREADS=1 one \"$0\" fold m.onnx -o a.onnx --no-verify -q && cd other && RAYON_NUM_THREADS=7 LC_ALL=tr_TR.UTF-8 \
        \"$0\" fold n.onnx -o ../b.onnx --no-verify -q";
    assert!(shell(path, line).status.success());
    assert!(fs::read(path.join("a.onnx")).unwrap() == fs::read(path.join("b.onnx")).unwrap());
}

#[test]
fn a_verdict_does_not_depend_on_threads() {
    let folder = folder(64);
    let path = folder.path();
    let told = |threads: &str| {
        let line = format!("RAYON_NUM_THREADS={threads} exec \"$0\" fold m.onnx -o out.onnx --certificate c.json --format json");
        let answer = shell(path, &line);
        assert!(answer.status.success(), "{answer:?}");
        let report = String::from_utf8(answer.stdout).unwrap();
        let timeless: String = report.lines().filter(|line| !line.contains("\"seconds\"")).collect();
        (timeless, fs::read_to_string(path.join("c.json")).unwrap())
    };
    assert_eq!(told("1"), told("7"));
}

/// What folds of fixed models are, on every machine: `BLESS=1 cargo test --test world` writes the list anew.
#[test]
fn the_same_bytes_are_written_on_every_machine() {
    const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/folds.sha256");
    let types = ["float", "float16", "bfloat16", "double"];
    let mut models: Vec<(String, Vec<u8>)> = types.iter().map(|kind| (format!("convolution, {kind}"), typed(kind))).collect();
    let fixture = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/ppocr_cls.onnx");
    models.push(("fixtures/ppocr_cls.onnx".to_owned(), fs::read(fixture).unwrap()));
    let line = |(name, bytes): &(String, Vec<u8>)| {
        let digest = <sha2::Sha256 as sha2::Digest>::digest(support::fold(bytes));
        format!("{}  {name}\n", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
    };
    let found: String = models.iter().map(line).collect();
    if std::env::var_os("BLESS").is_some() {
        fs::write(LIST, &found).unwrap();
    }
    assert_eq!(found, fs::read_to_string(LIST).unwrap());
}

/// A product and a convolution, both ways, with numbers of all digits.
fn typed(kind: &str) -> Vec<u8> {
    let map = |n: usize, c: usize| {
        let one = |name: &str, at: usize| format!("{kind}[{c}] {name}{n} = positive({})", 10 * n + at);
        [one("s", 1), one("b", 2), one("m", 3), one("v", 4)].join(", ")
    };
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : 17]> g ({kind}[1,5,6,6] x) => ({kind}[1,4] y)
        <{}, {kind}[7,5,3,3] w = positive(7), {}, {kind}[7,4] u = positive(8), {}>
        {{ a = BatchNormalization (x, s1, b1, m1, v1)  c = Conv (a, w)  d = BatchNormalization <epsilon = 0.001> (c, s2, b2, m2, v2)
          r = Relu (d)  p = GlobalAveragePool (r)  f = Flatten (p)  q = MatMul (f, u)  y = BatchNormalization (q, s3, b3, m3, v3) }}"#,
        map(1, 5),
        map(2, 7),
        map(3, 4)
    );
    bnfold::sample::encode(&text).unwrap()
}

/// A model whose weight is in the side file `location`, at `offset` if that is given.
fn beside(location: &str, offset: &str) -> Vec<u8> {
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1,2,4,4] x) => (float[1,3,4,4] y)
        <float[3,2,1,1] W = ["location": "{location}"{offset}]> {{ y = Conv (x, W) }}"#
    );
    bnfold::sample::encode(&text).unwrap()
}

#[test]
fn side_files_are_regular_files_of_the_model() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("secret");
    fs::write(&outside, [0; 24]).unwrap();
    let inside = folder.path().join("models");
    fs::create_dir_all(inside.join("sub")).unwrap();
    fs::write(inside.join("w.bin"), [0; 24]).unwrap();
    std::os::unix::fs::symlink(&outside, inside.join("link")).unwrap();
    std::os::unix::fs::symlink("..", inside.join("up")).unwrap();
    fs::hard_link(&outside, inside.join("hard")).unwrap();
    let pipe = inside.join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    let refusals = [
        ("../secret", ""),
        ("/dev/zero", ""),
        ("link", ""),
        ("up/secret", ""),
        ("hard", ""),
        ("pipe", ""),
        ("sub", ""),
        ("C:w.bin", ""),
        ("", ""),
        ("w.bin", r#", "offset": "1""#),
        ("w.bin", r#", "offset": "18446744073709551600""#),
        ("w.bin", r#", "offset": "-1""#),
    ];
    for (location, offset) in refusals {
        fs::write(inside.join("m.onnx"), beside(location, offset)).unwrap();
        let said = refused(&inside, &format!("exec timeout 20 \"$0\" inspect m.onnx # {location}{offset}"));
        assert!(said.contains("m.onnx"), "{location}{offset}: {said}");
    }
    fs::write(inside.join("m.onnx"), beside("w.bin", "")).unwrap();
    assert!(shell(&inside, "exec \"$0\" inspect m.onnx").status.success(), "a right one is read");
}
