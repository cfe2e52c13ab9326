//! `bnfold.toml`: what a repository always asks of `check`, found in the current folder or above it.
//!
//! A key is the name of an option of `check`, or `paths`; what clap knows of the option decides what a key means, so that a new
//! option is a new key. What is said on the command line wins.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::error::{ContextKind, ContextValue};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _};
use toml::{Table, Value};

use bnfold::{Error, ErrorKind, Result};

use crate::cli::arguments::Arguments;

/// The name of the file.
pub const NAME: &str = "bnfold.toml";

/// The table of it that is read here.
const TABLE: &str = "check";

/// Keys whose values are paths, as seen from the folder of the file.
const PATHS: [&str; 3] = ["paths", "baseline", "inputs"];

/// The arguments with what the configuration adds to those of `check`. `words` are the words of the command line, of which
/// `matches` was made.
///
/// # Errors
/// The configuration cannot be read, or has a key or a value that `check` does not know.
pub fn completed(words: &[OsString], matches: &ArgMatches) -> Result<Option<Arguments>> {
    let Some((TABLE, check)) = matches.subcommand() else { return Ok(None) };
    let named = check.get_one::<PathBuf>("config").cloned();
    if check.get_flag("no_config") {
        return Ok(None);
    }
    let Some(file) = named.or_else(found) else { return Ok(None) };
    let table = read(&file)?;
    let mut added = Vec::new();
    for (key, value) in &table {
        added.extend(option(&file, key, value, check)?);
    }
    let paths = strings(&file, "paths", table.get("paths"))?;
    let paths = if given(check, "paths") { vec![] } else { paths };
    let mut all = words.to_vec();
    // Behind `--` there are only paths.
    let end = all.iter().position(|word| word == "--").unwrap_or(all.len());
    all.splice(end..end, added);
    all.extend(paths.into_iter().map(OsString::from));
    let matches = Arguments::command().try_get_matches_from(&all).map_err(|error| refused(&file, &error))?;
    Arguments::from_arg_matches(&matches).map(Some).map_err(|error| refused(&file, &error))
}

/// The nearest configuration from the current folder upwards, as a path from there.
fn found() -> Option<PathBuf> {
    let here = std::env::current_dir().ok()?;
    let up = |steps: usize| PathBuf::from_iter(std::iter::repeat_n("..", steps)).join(NAME);
    here.ancestors().enumerate().find(|(_, folder)| folder.join(NAME).is_file()).map(|(steps, _)| up(steps))
}

fn read(file: &Path) -> Result<Table> {
    let text = std::fs::read_to_string(file)
        .map_err(|e| Error::io("cannot read the configuration", e).file(file).remedy("check the path given with --config"))?;
    let table: Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
        wrong(file, format!("line {line}"), e.message().to_owned()).remedy("correct the file; it is TOML")
    })?;
    for (key, value) in &table {
        if key != TABLE || !value.is_table() {
            let remedy = format!("all that is read stands in the table [{TABLE}]");
            return Err(wrong(file, format!("key `{key}`"), "there is no such key here").remedy(remedy));
        }
    }
    Ok(table.get(TABLE).and_then(Value::as_table).cloned().unwrap_or_default())
}

/// A key as words of the command line; none if the command line says something else.
fn option(file: &Path, key: &str, value: &Value, check: &ArgMatches) -> Result<Vec<OsString>> {
    if key == "paths" || given(check, key) {
        return Ok(vec![]);
    }
    let text = |value: &Value| match value {
        Value::String(text) if PATHS.contains(&key) => Some(beside(file, text)),
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        _ => None,
    };
    let word = |text: String| OsString::from(format!("--{key}={text}"));
    match value {
        Value::Boolean(true) => Ok(vec![format!("--{key}").into()]),
        Value::Boolean(false) => Ok(vec![]),
        Value::Array(values) => {
            let words = values.iter().map(|value| text(value).map(word)).collect::<Option<_>>();
            words
                .ok_or_else(|| wrong(file, format!("key `{key}`"), "a list of texts or numbers is expected").remedy("correct it"))
        }
        value => match text(value) {
            Some(text) => Ok(vec![word(text)]),
            None => Err(wrong(file, format!("key `{key}`"), "a text, a number, a list or true is expected").remedy("correct it")),
        },
    }
}

fn strings(file: &Path, key: &str, value: Option<&Value>) -> Result<Vec<String>> {
    let all: Option<Vec<String>> = match value {
        None => Some(vec![]),
        Some(Value::String(one)) => Some(vec![one.clone()]),
        Some(Value::Array(values)) => values.iter().map(|value| value.as_str().map(str::to_owned)).collect(),
        Some(_) => None,
    };
    let all = all.ok_or_else(|| wrong(file, format!("key `{key}`"), "a list of paths is expected").remedy("correct it"))?;
    Ok(all.iter().map(|path| beside(file, path)).collect())
}

/// A path of the configuration, from the current folder.
fn beside(file: &Path, path: &str) -> String {
    match file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        Some(folder) => folder.join(path).display().to_string(),
        None => path.to_owned(),
    }
}

/// Whether the command line says something about an option.
fn given(check: &ArgMatches, key: &str) -> bool {
    let id = key.replace('-', "_");
    let known = check.try_contains_id(&id).is_ok();
    known && check.value_source(&id) == Some(ValueSource::CommandLine)
}

/// What clap says of a key or its value, with the file in place of the command line.
fn refused(file: &Path, error: &clap::Error) -> Error {
    let context = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.clone()),
        Some(ContextValue::Strings(texts)) => texts.first().cloned(),
        _ => None,
    };
    let key = |text: String| text.trim_start_matches('-').split(['=', ' ']).next().unwrap_or_default().to_owned();
    let place = context(ContextKind::InvalidArg).map(key);
    let line = error.to_string().lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned();
    let nearest = context(ContextKind::SuggestedArg).map(|text| format!("the nearest key is `{}`", key(text)));
    let value = context(ContextKind::SuggestedValue).map(|text| format!("the nearest value is `{text}`"));
    let unknown = error.kind() == clap::error::ErrorKind::UnknownArgument;
    let what = if unknown { "there is no such key".to_owned() } else { line };
    let remedy = nearest.or(value).unwrap_or_else(|| "`bnfold help check` lists the options, which are the keys".to_owned());
    wrong(file, place.map_or_else(|| format!("[{TABLE}]"), |key| format!("key `{key}`")), what).remedy(remedy)
}

fn wrong(file: &Path, place: String, what: impl Into<String>) -> Error {
    Error::new(ErrorKind::Choice, what).file(file).at(place)
}
