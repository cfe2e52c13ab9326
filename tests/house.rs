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

/// A file without what is marked as made for tests alone: modules, functions and imports under `#[cfg(test)]`, wherever they
/// stand. As rustfmt writes it, an item ends with the first brace at its own depth, or in its first line.
fn code(text: &str) -> String {
    let mut kept = String::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim() != "#[cfg(test)]" {
            kept.push_str(line);
            kept.push('\n');
            continue;
        }
        let depth = &line[..line.len() - line.trim_start().len()];
        let item = lines.by_ref().find(|line| !line.trim_start().starts_with("#[")).unwrap_or_default();
        if !item.ends_with(';') && !item.ends_with('}') {
            lines.by_ref().find(|line| *line == format!("{depth}}}") || *line == format!("{depth}}};"));
        }
    }
    kept
}

/// Rooms that a piece of code names: `crate::room`, and each of `crate::{one, two::{three}}`.
fn used(code: &str) -> BTreeSet<String> {
    let mut rooms = BTreeSet::new();
    let plain: String =
        code.lines().filter(|line| !line.trim_start().starts_with("//")).map(|line| format!("{line}\n")).collect();
    for (at, found) in plain.match_indices("crate::") {
        let rest = &plain[at + found.len()..];
        let Some(list) = rest.strip_prefix('{') else {
            rooms.insert(word(rest));
            continue;
        };
        let (mut depth, mut start) = (0, true);
        for (at, c) in list.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                _ if start && c.is_alphabetic() => {
                    rooms.insert(word(&list[at..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    rooms
}

fn word(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
}

/// Whether a file holds nothing but tests.
fn is_test(file: &Path) -> bool {
    file.ends_with("tests.rs") || file.components().any(|c| c.as_os_str() == "tests")
}

/// Which rooms each room names, tests left out.
fn imports() -> BTreeMap<String, BTreeSet<String>> {
    let mut imports = BTreeMap::<String, BTreeSet<String>>::new();
    for file in sources(&root()).into_iter().filter(|file| !is_test(file)) {
        let own = room(&file);
        let mut named = used(&code(&std::fs::read_to_string(&file).unwrap()));
        named.remove(&own);
        imports.entry(own).or_default().extend(named);
    }
    imports
}

#[test]
fn code_behind_tests_is_read_and_tests_are_not() {
    let text = "use crate::one;\n#[cfg(test)]\nmod tests {\n    use crate::two;\n    fn f() {\n    }\n}\n#[cfg(test)]\n\
        #[allow(dead_code)]\nuse crate::three;\nuse crate::{four::x, five::{six, y},\n    Seven};\n// crate::eight\nfn f() {\n\
        #[cfg(test)]\n    crate::nine();\n}\n";
    assert_eq!(used(&code(text)), ["one", "four", "five", "Seven"].map(str::to_owned).into());
}

/// Where a room names one that names it, too: from, to, and why it is so. Each is a debt; none may be added.
const CIRCLES: &[(&str, &str, &str)] = &[
    ("error", "model", "what of a name is safe to print is told by the reading of text in models"),
    ("engine", "verify", "the files of a side and the graph as the judge reads it (`Side`, `graph`) stand in the judge"),
    ("beside", "verify", "the same, and the side by side run is told in the judge's words"),
];

#[test]
fn rooms_know_each_other_one_way() {
    let mut imports = imports();
    for (from, to, why) in CIRCLES {
        assert!(
            imports.get_mut(*from).is_some_and(|named| named.remove(*to)),
            "{from} no longer names {to} ({why}): strike it off"
        );
    }
    // What is left must have an order: take away, again and again, what names nothing that is left.
    let rooms: BTreeSet<String> = imports.keys().cloned().collect();
    imports.values_mut().for_each(|named| named.retain(|name| rooms.contains(name)));
    loop {
        let done: Vec<String> = imports.iter().filter(|(_, named)| named.is_empty()).map(|(room, _)| room.clone()).collect();
        if done.is_empty() {
            break;
        }
        done.iter().for_each(|room| drop(imports.remove(room)));
        imports.values_mut().for_each(|named| named.retain(|name| !done.contains(name)));
    }
    assert!(imports.is_empty(), "these rooms know each other in a circle, or what is in one: {imports:?}");
}

/// Files in a folder, at most.
const MOST_FILES: usize = 25;
/// Folders with more, and why. How many more is a count of what is in them, so that none of them grows unseen.
fn crowded() -> [(&'static str, usize, &'static str); 1] {
    [("ops", bnfold::ops::OPERATORS.len(), "one file an operator of the table, as CONTRIBUTING asks for")]
}

#[test]
fn folders_can_be_looked_over() {
    let mut folders = BTreeMap::<PathBuf, usize>::new();
    for file in sources(&root()) {
        *folders.entry(file.parent().unwrap().strip_prefix(root()).unwrap().to_path_buf()).or_default() += 1;
    }
    for (folder, count) in &folders {
        let more = crowded().iter().find(|(name, ..)| folder == Path::new(name)).map_or(0, |(_, more, _)| *more);
        assert!(*count <= MOST_FILES + more, "{} has {count} files", folder.display());
    }
    for (name, _, why) in crowded() {
        assert!(folders[Path::new(name)] > MOST_FILES, "{name} is no longer crowded ({why}): strike it off");
    }
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
        ("engines", &["law"][..]),
        ("plan", &["double_double", "engines", "ops", "law", "map", "model", "sample"][..]),
        ("edit", &["double_double", "plan", "model", "law", "wire"][..]),
        ("write", &["edit", "wire", "model"][..]),
        ("reference", &[][..]),
        ("engine", &["model", "reference", "verify", "wire"][..]),
        ("beside", &["engine", "model", "reference", "verify"][..]),
        ("verify", &["beside", "double_double", "engine", "model", "reference", "wire"][..]),
        ("faults", &["double_double", "model", "reference", "verify", "wire"][..]),
        ("report", &["engines", "plan", "law", "verify", "model"][..]),
        ("api", &["constants", "engines", "fold", "model", "plan", "report", "verify", "wire", "write"][..]),
    ]);
    let open = ["onnx", "error", "Error", "ErrorKind", "Result"];
    let mut seen = BTreeSet::new();
    for file in sources(&root()).into_iter().filter(|f| !is_test(f)) {
        let room = room(&file);
        let Some(below) = allowed.get(room.as_str()) else { continue };
        seen.insert(room.clone());
        for name in used(&code(&std::fs::read_to_string(&file).unwrap())) {
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

/// Names of engines that stand in the table alone.
const ENGINE_NAMES: [&str; 10] =
    ["onnxruntime", "openvino", "opencv", "tract", "rten", "tvm", "mnn", "ncnn", "tinygrad", "onnx2tf"];
/// Rooms in which an engine is run, or what it has computed is told, by name.
const RUN: [&str; 9] = ["api", "beside", "cli", "engine", "engines", "lib", "main", "report", "verify"];

#[test]
fn engines_are_named_in_their_table_and_where_they_are_run() {
    for file in sources(&root()) {
        let room = room(&file);
        let text = std::fs::read_to_string(&file).unwrap().to_lowercase();
        let words: BTreeSet<&str> = text.split(|c: char| !c.is_alphanumeric()).collect();
        for name in ENGINE_NAMES.iter().filter(|name| words.contains(**name)) {
            let run = ["onnxruntime", "tract"].contains(name) && RUN.contains(&room.as_str());
            assert!(run || room == "engines", "{} names {name}", file.display());
        }
    }
    let tabled: BTreeSet<&str> = bnfold::engines::ENGINES.iter().map(|engine| engine.name.split('-').next().unwrap()).collect();
    assert_eq!(tabled, ENGINE_NAMES.into_iter().collect(), "an engine of the table that is not looked for");
}
