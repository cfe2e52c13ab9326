//! The structure of the code: which layer may know which, and how large a file may be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Every source file below a folder.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// The room of a file: its folder below `src`, or its own name.
fn room(file: &Path) -> String {
    let inside = file.strip_prefix(root()).unwrap();
    let first = inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Rooms that the code of a file names, tests left out.
fn used(text: &str) -> BTreeSet<String> {
    let code = text.split("#[cfg(test)]").next().unwrap();
    let mut rooms = BTreeSet::new();
    for (at, _) in code.match_indices("crate::") {
        let line_start = code[..at].rfind('\n').map_or(0, |n| n + 1);
        if code[line_start..at].trim_start().starts_with("//") {
            continue;
        }
        let name: String = code[at + 7..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
        rooms.insert(name);
    }
    rooms
}

#[test]
fn layers_know_only_what_is_below_them() {
    let allowed: BTreeMap<&str, &[&str]> = BTreeMap::from([
        ("wire", &[][..]),
        ("double_double", &[][..]),
        ("map", &["double_double"][..]),
        ("sample", &[][..]),
        ("error", &["wire", "model"][..]),
        ("model", &["double_double", "wire"][..]),
        ("constants", &["model", "sample"][..]),
        ("law", &["double_double", "map"][..]),
        ("ops", &["double_double", "model", "law", "map", "sample"][..]),
        ("plan", &["double_double", "ops", "law", "map", "model", "sample"][..]),
        ("edit", &["double_double", "plan", "model", "law", "wire"][..]),
        ("write", &["edit", "wire", "model"][..]),
        ("reference", &[][..]),
        ("engine", &["model", "reference", "verify", "wire"][..]),
        ("beside", &["engine", "model", "reference", "verify"][..]),
        ("verify", &["beside", "double_double", "engine", "model", "reference", "wire"][..]),
        ("faults", &["double_double", "model", "reference", "verify", "wire"][..]),
        ("report", &["plan", "law", "verify", "model"][..]),
    ]);
    let open = ["onnx", "error", "Error", "ErrorKind", "Result"];
    let mut seen = BTreeSet::new();
    let is_test = |f: &PathBuf| f.ends_with("tests.rs") || f.components().any(|c| c.as_os_str() == "tests");
    for file in sources(&root()).into_iter().filter(|f| !is_test(f)) {
        let room = room(&file);
        let Some(below) = allowed.get(room.as_str()) else { continue };
        seen.insert(room.clone());
        for name in used(&std::fs::read_to_string(&file).unwrap()) {
            let fine = name == room || below.contains(&name.as_str()) || open.contains(&name.as_str()) && room != "wire";
            assert!(fine, "{} must not know `{name}`", file.display());
        }
    }
    assert_eq!(seen.len(), allowed.len(), "a room is gone: {seen:?}");
}

#[test]
fn files_can_be_read_in_one_sitting() {
    for file in sources(&root()) {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines <= 420, "{} has {lines} lines", file.display());
    }
}

#[test]
fn every_module_says_what_it_is() {
    for file in sources(&root()) {
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("//!") || file.ends_with("tests.rs"), "{} does not open with what it is", file.display());
    }
}
