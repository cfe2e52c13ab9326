//! SARIF 2.1.0 (OASIS 2020), as code scanning services read it: a result for each file and kind, with its nodes as logical
//! locations.

use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use bnfold::law::Reason;
use bnfold::report::{CheckReport, CheckedFile, VERSION, WORTH_A_LOOK};

use super::{path, sentence, warned};

/// The rule that something can be folded.
const FOLDABLE: &str = "foldable";

/// What may not stand in the path of a URI as it is (RFC 3986, 3.3); `/` stays between folders, and `:` would end a scheme.
const PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b']')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b':');

/// The report as a log of one run.
pub fn sarif(report: &CheckReport) -> Value {
    let results: Vec<Value> = report.files.iter().flat_map(|file| results(report, file)).collect();
    let unread: Vec<Value> = report.files.iter().filter_map(notification).collect();
    json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "bnfold", "version": VERSION, "rules": rules() } },
            "invocations": [{ "executionSuccessful": unread.is_empty(), "toolExecutionNotifications": unread }],
            "results": results,
        }],
    })
}

fn rules() -> Vec<Value> {
    let reason = |reason: &Reason| {
        json!({
            "id": reason.code(),
            "shortDescription": { "text": reason.sentence() },
            "help": { "text": reason.advice() },
        })
    };
    let foldable = json!({
        "id": FOLDABLE,
        "shortDescription": { "text": "A BatchNormalization or another map can be folded into its neighbours" },
        "help": { "text": "bnfold fold --in-place MODEL" },
    });
    std::iter::once(foldable).chain(WORTH_A_LOOK.iter().map(reason)).collect()
}

fn results(report: &CheckReport, file: &CheckedFile) -> Vec<Value> {
    let mut all = Vec::new();
    if !file.findings.is_empty() {
        let nodes = file.findings.iter().map(|site| site.node.name.as_str()).collect();
        all.push(result(file, FOLDABLE, "error", sentence(file), nodes));
    }
    for warning in &file.warnings {
        let level = if report.strict { "error" } else { "warning" };
        all.push(result(file, &warning.reason, level, warned(warning), warning.nodes.iter().map(String::as_str).collect()));
    }
    all
}

fn result(file: &CheckedFile, rule: &str, level: &str, message: String, nodes: Vec<&str>) -> Value {
    let logical: Vec<Value> = nodes
        .iter()
        .map(|node| json!({ "name": node, "fullyQualifiedName": format!("{}#{node}", path(file)), "kind": "element" }))
        .collect();
    json!({
        "ruleId": rule,
        "level": level,
        "message": { "text": message },
        "locations": [{
            // Services want a line, and a binary file has none.
            "physicalLocation": { "artifactLocation": location(file), "region": { "startLine": 1 } },
            "logicalLocations": logical,
        }],
        "partialFingerprints": { "fileAndRule/v1": fingerprint(&path(file), rule) },
    })
}

/// What could not be read is no result of the analysis but a fault of the run.
fn notification(file: &CheckedFile) -> Option<Value> {
    let error = file.error.as_ref()?;
    Some(json!({
        "level": "error",
        "message": { "text": error },
        "locations": [{ "physicalLocation": { "artifactLocation": location(file) } }],
    }))
}

fn location(file: &CheckedFile) -> Value {
    let path = path(file);
    let uri = utf8_percent_encode(&path, PATH).to_string();
    let base = if uri.starts_with('/') { "file://" } else { "" };
    json!({ "uri": format!("{base}{uri}") })
}

/// The same for the same file and rule in every run, so that services recognise a result.
fn fingerprint(path: &str, rule: &str) -> String {
    let digest = Sha256::digest(format!("{path}\n{rule}"));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_uris() {
        let uri = |file: &str| location(&CheckedFile::new(file.to_owned()))["uri"].clone();
        assert_eq!(uri("./a b/c#1%.onnx"), "a%20b/c%231%25.onnx");
        assert_eq!(uri("/m/ü.onnx"), "file:///m/%C3%BC.onnx");
    }
}
