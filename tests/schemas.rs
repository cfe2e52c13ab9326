//! The published layouts of reports are made from their types. `BLESS=1 cargo test --no-default-features --features schema --test
//! schemas` rewrites them. That what the program prints fits them is seen in `tests/cli/schemas.rs`.
#![cfg(feature = "schema")]
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::path::PathBuf;

use bnfold::report::{self, BaselineFile, CheckReport, FoldReport, FoldReports, InspectReport, RecheckReport, SelftestReport};
use bnfold::report::{SweepReport, VerifyReport, certificate};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};

fn of<T: JsonSchema>(name: &str) -> (String, String) {
    layout::<T>(name, &report::schema(name))
}

fn layout<T: JsonSchema>(name: &str, layout: &str) -> (String, String) {
    let mut generator: SchemaGenerator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.root_schema_for::<T>().to_value();
    close(&mut schema, false);
    schema["title"] = layout.into();
    schema["properties"]["schema"] = json!({ "const": layout, "description": "Name and version of this layout." });
    (format!("{name}.schema.json"), serde_json::to_string_pretty(&schema).unwrap() + "\n")
}

/// Objects have no other keys than those that are named, and numbers that are not finite are null.
fn close(schema: &mut Value, part: bool) {
    if schema.get("format") == Some(&json!("double")) && schema["type"] == "number" {
        schema["type"] = json!(["number", "null"]);
    }
    let Some(object) = schema.as_object_mut() else {
        schema.as_array_mut().into_iter().flatten().for_each(|item| close(item, part));
        return;
    };
    // What is put together from several descriptions is closed as a whole.
    let whole =
        object.contains_key("properties") && ["oneOf", "anyOf", "allOf", "$ref"].iter().any(|key| object.contains_key(*key));
    if object.contains_key("properties") && !part {
        object.insert(if whole { "unevaluatedProperties" } else { "additionalProperties" }.into(), false.into());
    }
    for (key, value) in object.iter_mut() {
        match key.as_str() {
            "properties" | "$defs" => value.as_object_mut().unwrap().values_mut().for_each(|inner| close(inner, false)),
            "oneOf" | "anyOf" | "allOf" => close(value, whole),
            "items" | "prefixItems" | "additionalProperties" => close(value, false),
            _ => {}
        }
    }
}

#[test]
fn the_published_layouts_are_those_of_the_types() {
    let all = [
        of::<FoldReport>("fold"),
        of::<FoldReports>("folds"),
        of::<VerifyReport>("verify"),
        of::<RecheckReport>("recheck"),
        of::<InspectReport>("inspect"),
        of::<CheckReport>("check"),
        of::<BaselineFile>("baseline"),
        of::<SweepReport>("sweep"),
        of::<SelftestReport>("selftest"),
        layout::<certificate::Certificate>("certificate", certificate::SCHEMA),
    ];
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/schemas");
    for (name, text) in &all {
        let path = folder.join(name);
        if std::env::var_os("BLESS").is_some() {
            std::fs::write(&path, text).unwrap();
        }
        let published = std::fs::read_to_string(&path).unwrap_or_default();
        let bless = "BLESS=1 cargo test --no-default-features --features schema --test schemas";
        assert!(
            *text == published,
            "docs/schemas/{name} is old: {bless}; a key that goes or means something else is a new version"
        );
    }
    let there: BTreeSet<String> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(there, all.iter().map(|(name, _)| name.clone()).collect());
}
