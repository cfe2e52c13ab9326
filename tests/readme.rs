//! The tables of operators and reasons in `docs` are made from the code. `BLESS=1 cargo test --test readme` rewrites them.
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
        // An empty cell says that nothing can be done.
        let advice = reason.advice();
        let advice = if advice == "nothing" { "" } else { advice.strip_prefix("nothing; ").unwrap_or(advice) };
        writeln!(table, "| `{}` | {} | {advice} |", reason.code(), reason.sentence()).unwrap();
    }
    table
}

/// The text with the part between two marks replaced.
fn filled(text: &str, mark: &str, table: &str) -> String {
    let (open, close) = (format!("<!-- {mark} -->\n"), format!("<!-- /{mark} -->"));
    let start = text.find(&open).unwrap_or_else(|| panic!("there is no {open}")) + open.len();
    let end = text.find(&close).unwrap_or_else(|| panic!("there is no {close}"));
    format!("{}{table}{}", &text[..start], &text[end..])
}

#[test]
fn the_tables_are_those_of_the_code() {
    for (page, mark, table) in [("operators.md", "operators", operators()), ("reasons.md", "reasons", reasons())] {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
        let new = filled(&std::fs::read_to_string(&path).unwrap(), mark, &table);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, &new).unwrap();
        }
        assert!(
            new == std::fs::read_to_string(&path).unwrap(),
            "the table in docs/{page} is old: BLESS=1 cargo test --test readme"
        );
    }
    assert!(OPERATORS.iter().all(|o| *o.opsets.end() == NEWEST_OPSET));
}

#[test]
fn the_first_two_code_blocks_are_one_command_each() {
    let text = std::fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let blocks: Vec<&str> = text.split("```").skip(1).step_by(2).take(2).collect();
    assert_eq!(blocks[0].trim(), "cargo run -- fold fixtures/ppocr_cls.onnx -o target/ppocr_cls.folded.onnx");
    assert_eq!(blocks[1].trim(), "cargo test");
}
