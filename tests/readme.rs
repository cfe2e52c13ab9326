//! The README's tables are made from the code. `BLESS=1 cargo test --test readme` rewrites them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::fmt::Write as _;
use std::path::PathBuf;

use bnfold::law::Reason;
use bnfold::ops::{NEWEST_OPSET, OPERATORS};

fn operators() -> String {
    let mut table = String::from("| operator | opsets | what it takes |\n| --- | --- | --- |\n");
    for operator in OPERATORS {
        let (first, last) = (operator.opsets.start(), operator.opsets.end());
        writeln!(table, "| {} | {first} to {last} | {} |", operator.name, operator.summary).unwrap();
    }
    table
}

fn reasons() -> String {
    let mut table = String::from("| reason | what the matter is | what you could do |\n| --- | --- | --- |\n");
    for reason in Reason::ALL {
        writeln!(table, "| `{}` | {} | {} |", reason.code(), reason.sentence(), reason.advice()).unwrap();
    }
    table
}

/// The text with the part between two marks replaced.
fn filled(text: &str, mark: &str, table: &str) -> String {
    let (open, close) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
    let start = text.find(&open).unwrap_or_else(|| panic!("the README has no {open}")) + open.len();
    let end = text.find(&close).unwrap_or_else(|| panic!("the README has no {close}"));
    format!("{}{table}{}", &text[..start], &text[end..])
}

#[test]
fn the_tables_are_those_of_the_code() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let new = filled(&filled(&text, "operators", &operators()), "reasons", &reasons());
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &new).unwrap();
    }
    assert!(new == std::fs::read_to_string(&path).unwrap(), "the README's tables are old: BLESS=1 cargo test --test readme");
    assert!(OPERATORS.iter().all(|o| *o.opsets.end() == NEWEST_OPSET));
}

#[test]
fn the_first_two_code_blocks_are_one_command_each() {
    let text = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let blocks: Vec<&str> = text.split("```").skip(1).step_by(2).take(2).collect();
    assert_eq!(blocks[0].trim(), "cargo run -- fold fixtures/ppocr_cls.onnx -o target/ppocr_cls.folded.onnx");
    assert_eq!(blocks[1].trim(), "cargo test");
}

/// What the README shows is what the program says, but for the time that it takes.
#[cfg(all(feature = "cli", feature = "tract"))]
#[test]
fn the_example_is_what_the_program_prints() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(root.join("README.md")).unwrap();
    let start = text.find("$ bnfold fold").unwrap();
    let block = &text[start..start + text[start..].find("```").unwrap()];
    let (command, shown) = block.split_once('\n').unwrap();
    let words: Vec<&str> = command.split_whitespace().skip(2).collect();
    let [_, model, "-o", target] = words[..] else { panic!("{command}") };
    let folder = tempfile::tempdir().unwrap();
    let output = folder.path().join(target);
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_bnfold"))
        .current_dir(&root)
        .args(["fold", model, "-o"])
        .arg(&output)
        .output()
        .unwrap();
    let printed = String::from_utf8(run.stdout).unwrap().replace(output.to_str().unwrap(), target);
    let lines: Vec<&str> = printed.lines().filter(|line| !line.starts_with("  time ")).collect();
    assert_eq!(shown.lines().collect::<Vec<_>>(), lines);
}
