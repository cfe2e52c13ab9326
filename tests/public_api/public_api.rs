//! Every public item of the library stands in `docs/public-api.txt`. From the root of the repository,
//! `BLESS=1 cargo test --manifest-path tests/public_api/Cargo.toml --target-dir target` writes the list; without `BLESS` it is
//! compared. A toolchain `nightly` is needed, as only that makes rustdoc's JSON.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

/// What callers turn on, without the engine, which adds nothing public and takes long to build; `schema` is for our own test.
const FEATURES: &str = "certificate,remote";

/// What the root hands on out of hidden rooms: where it is, the name that callers have for it, and whether it is a function.
fn facade(json: &Value) -> Vec<(String, String, bool)> {
    let at = |id: &Value| id.as_u64().map(|id| id.to_string()).unwrap_or_default();
    let root = &json["index"][at(&json["root"])];
    let mut names = Vec::new();
    for item in root["inner"]["module"]["items"].as_array().unwrap() {
        let used = &json["index"][at(item)]["inner"]["use"];
        let target = &json["paths"][at(&used["id"])];
        if let (Some(name), Some(path)) = (used["name"].as_str(), target["path"].as_array()) {
            let path: Vec<&str> = path.iter().filter_map(Value::as_str).collect();
            names.push((path.join("::"), format!("bnfold::{name}"), target["kind"] == "function"));
        }
    }
    // A name may begin as a shorter one is.
    names.sort_by_key(|(path, ..)| std::cmp::Reverse(path.len()));
    names
}

/// A line in the words that callers have, if it is about something that is not hidden.
fn public(line: &str, facade: &[(String, String, bool)]) -> Option<String> {
    let line = facade.iter().fold(line.to_owned(), |line, (path, name, _)| line.replace(path, name));
    let subject = match (line.starts_with("impl"), line.split_once(" for ")) {
        (true, Some((_, subject))) => subject,
        _ => &line,
    };
    let path: String =
        subject[subject.find("bnfold::")?..].chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
    let path = path.trim_end_matches(':');
    let within = |name: &str| path == name || path.strip_prefix(name).is_some_and(|rest| rest.starts_with("::"));
    // A function may have the name of a hidden room.
    let is = |(_, name, function): &(String, String, bool)| {
        if *function { path == name && line.contains(" fn ") } else { within(name) }
    };
    (within("bnfold::report") || facade.iter().any(is)).then_some(line)
}

#[test]
fn the_public_items_are_those_of_the_list() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let nightly = |words: &[&str]| {
        let mut command = Command::new("rustup");
        command.args(["run", "nightly", "cargo"]).args(words).current_dir(&root);
        command
    };
    if !nightly(&["--version"]).output().is_ok_and(|answer| answer.status.success()) {
        println!("skipped: there is no toolchain `nightly`");
        return;
    }
    let words = ["rustdoc", "--quiet", "--lib", "--no-default-features", "--features", FEATURES, "--target-dir", "target", "--"];
    let format = ["-Zunstable-options", "--output-format=json", "--document-hidden-items"];
    assert!(nightly(&[&words[..], &format].concat()).status().unwrap().success());
    let json = root.join("target/doc/bnfold.json");
    let items = public_api::Builder::from_rustdoc_json(&json).omit_blanket_impls(true).omit_auto_trait_impls(true);
    let items = items.omit_auto_derived_impls(true).build();
    let items = items.unwrap_or_else(|error| panic!("this nightly writes another JSON than `public-api` reads: {error}"));
    let facade = facade(&serde_json::from_slice(&std::fs::read(&json).unwrap()).unwrap());
    assert!(facade.len() > 20, "{facade:?}");
    let lines: BTreeSet<String> = items.items().filter_map(|item| public(&item.to_string(), &facade)).collect();
    let list: String = lines.iter().map(|line| format!("{line}\n")).collect();
    let path = root.join("docs/public-api.txt");
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&path, &list).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap_or_default();
    let known: BTreeSet<String> = known.lines().map(str::to_owned).collect();
    let (new, gone): (Vec<_>, Vec<_>) = (lines.difference(&known).collect(), known.difference(&lines).collect());
    assert!(
        new.is_empty() && gone.is_empty(),
        "docs/public-api.txt is old (see the head of this test).\nnew: {new:#?}\ngone: {gone:#?}"
    );
}
