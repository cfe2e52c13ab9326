//! What is seen on a terminal: lines that fit, colours, and nothing left of what showed that something lasts.
#![cfg(unix)]

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::{FOLDS, Folder, STAYS, skipped};

/// What `script` records of the program on a terminal of so many columns. Where there is no `script`, nothing, and it is said.
fn recorded(folder: &Folder, columns: usize, set: &str, words: &str) -> Option<String> {
    let line = format!("stty cols {columns} rows 40; {set} exec '{}' {words}", env!("CARGO_BIN_EXE_bnfold"));
    let mut command = Command::new("script");
    command.current_dir(folder.path("")).args(["-qec", &line, "/dev/null"]).stdin(Stdio::null());
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "COLUMNS", "CI"] {
        command.env_remove(name);
    }
    let Ok(output) = command.env("TERM", "xterm").output() else {
        skipped("there is no `script` here");
        return None;
    };
    Some(String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n"))
}

/// The text that stays on the screen: without colours, and what was drawn over is gone.
fn screen(recorded: &str) -> String {
    let text = anstream::adapter::strip_str(recorded).to_string();
    text.lines().map(|line| line.rsplit('\r').next().unwrap_or_default().to_owned() + "\n").collect()
}

fn models() -> Folder {
    let other = FOLDS.replace("epsilon = 0.0", "epsilon = 0.5");
    let folder = Folder::new(&[("a.onnx", FOLDS), ("stays.onnx", STAYS), ("other.onnx", &other)]);
    folder.run(&["fold", "other.onnx", "-o", "wrong.onnx", "--no-verify"]).expect(0);
    folder
}

#[test]
fn reports_fit_the_screen() {
    let folder = models();
    for columns in [60, 100] {
        for words in
            ["fold a.onnx -o out.onnx", "verify a.onnx wrong.onnx", "inspect stays.onnx", "sweep a.onnx", "check stays.onnx"]
        {
            let Some(seen) = recorded(&folder, columns, "", words) else { return };
            // A command that is to be copied is one line, however long; so is an error.
            let lines = |line: &&str| !line.contains("bnfold ") && !line.starts_with("error: ");
            let seen = screen(&seen);
            let widest = seen.lines().filter(lines).map(|line| line.chars().count()).max().unwrap();
            assert!(widest <= columns, "{words} at {columns}: {widest}\n{seen}");
        }
    }
    // What goes on stands under what it belongs to, and elsewhere nothing is broken.
    let Some(seen) = recorded(&folder, 60, "", "fold a.onnx -o out.onnx --no-verify") else { return };
    assert!(!screen(&seen).is_empty());
    let wide = folder.run(&["verify", "a.onnx", "wrong.onnx"]).expect(1).out;
    assert!(wide.lines().any(|line| line.chars().count() > 60), "{wide}");
    let narrow = screen(&recorded(&folder, 60, "", "verify a.onnx wrong.onnx").unwrap());
    assert!(narrow.lines().any(|line| line.starts_with(&" ".repeat(22))), "{narrow}");
}

#[test]
fn colours_are_there_unless_nobody_wants_them() {
    let folder = models();
    let Some(seen) = recorded(&folder, 80, "", "check a.onnx") else { return };
    assert!(seen.contains("\u{1b}["), "{seen:?}");
    let plain = recorded(&folder, 80, "NO_COLOR=1", "check a.onnx").unwrap();
    assert!(!plain.contains("\u{1b}["), "{plain:?}");
}

#[test]
fn a_terminal_that_cannot_move_gets_no_bars_and_no_colours() {
    let folder = Folder::new(&[]);
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/ppocr_cls.onnx");
    let Some(seen) = recorded(&folder, 80, "TERM=dumb", &format!("fold {model} -o out.onnx --quick")) else { return };
    assert!(!seen.contains('\u{1b}') && !seen.contains('\r') && !seen.contains("verifying"), "{seen:?}");
    assert!(seen.contains("nodes               566 -> "), "{seen:?}");
    // Where a service for CI runs it, neither; who forces colours gets them.
    for (set, coloured) in [("TERM=dumb CI=true", false), ("TERM=dumb CLICOLOR_FORCE=1", true)] {
        let seen = recorded(&models(), 80, set, "check a.onnx").unwrap();
        assert_eq!(seen.contains('\u{1b}'), coloured, "{set}: {seen:?}");
    }
}

#[test]
fn a_sweep_shows_at_which_model_it_is() {
    let folder = Folder::new(&[("stays.onnx", STAYS)]);
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/ppocr_cls.onnx");
    let Some(seen) = recorded(&folder, 60, "", &format!("sweep {model} stays.onnx --jobs 1 --quick")) else { return };
    assert!(seen.contains("[1/2] ppocr_cls.onnx") || seen.contains("[2/2] ppocr_cls.onnx"), "{seen:?}");
    assert!(!screen(&seen).contains("/2] "), "{}", screen(&seen));
}

#[test]
fn what_lasts_is_shown_with_counts_and_leaves_nothing() {
    let folder = Folder::new(&[]);
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/ppocr_cls.onnx");
    let Some(seen) = recorded(&folder, 60, "", &format!("fold {model} -o out.onnx --quick")) else { return };
    assert!(seen.contains("verifying 73 folds"), "{seen:?}");
    assert!(!screen(&seen).contains("verifying"), "{}", screen(&seen));
}

#[test]
fn seeded_faults_are_counted_and_come_to_an_end() {
    let (folder, started) = (Folder::new(&[]), Instant::now());
    let model = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/ppocr_cls.onnx");
    let Some(seen) = recorded(&folder, 100, "", &format!("selftest {model} --count 8")) else { return };
    assert!(seen.contains("/8] seeding faults"), "{seen:?}");
    assert!(screen(&seen).contains("8 of 8 faults in 44 folds were found"), "{}", screen(&seen));
    assert!(started.elapsed() < Duration::from_secs(240), "{:?}", started.elapsed());
}
