//! Certificate files: made, read, and judged again.

use std::path::{Path, PathBuf};

use bnfold::api::certificate::{conditions, subject};
use bnfold::model::Model;
use bnfold::report::certificate::{Certificate, HashedFile, SCHEMA, Subject};
use bnfold::report::{self, RecheckReport, text};
use bnfold::verify::{VerifyOptions, verify};
use bnfold::{Error, ErrorKind, Result};

use super::activity::Activity;
use super::arguments::{Format, Verify};
use super::closing;
use super::console::Console;
use super::status::Status;

/// A certificate is not near this long.
const LONGEST: u64 = 256 << 20;

/// The file or folder of inputs that a certificate names.
fn inputs(stated: &Certificate, path: &Path) -> Option<PathBuf> {
    match &stated.conditions.inputs[..] {
        [] => None,
        [one] => Some(found(&one.file, path)),
        [first, ..] => Path::new(&first.file).parent().map(Path::to_path_buf),
    }
}

fn read(path: &Path) -> Result<Certificate> {
    let failed = |e| Error::io("cannot open", e).file(path).remedy("check the path, and whether you may read the file");
    if std::fs::metadata(path).map_err(failed)?.len() > LONGEST {
        return Err(Error::new(ErrorKind::Foreign, "this is no certificate").file(path));
    }
    let bytes = std::fs::read(path).map_err(failed)?;
    let none = |e: serde_json::Error| {
        let what = format!("this is no certificate: {e}");
        Error::new(ErrorKind::Foreign, what).file(path).remedy("name a file that --certificate has written")
    };
    let value: serde_json::Value = serde_json::from_slice(&bytes).map_err(none)?;
    if let Some(layout) = value.get("schema").and_then(|schema| schema.as_str()).filter(|layout| *layout != SCHEMA) {
        let what = format!("this certificate has the layout `{layout}`; what `{SCHEMA}` states cannot be read out of it");
        return Err(Error::new(ErrorKind::Foreign, what).file(path).remedy("judge the models anew with --certificate"));
    }
    serde_json::from_value(value).map_err(none)
}

/// The file that a certificate names: as it is named, or else beside the certificate.
fn found(named: &str, certificate: &Path) -> PathBuf {
    let named = PathBuf::from(named);
    let beside = named.file_name().map(|name| certificate.with_file_name(name));
    match beside {
        Some(beside) if !named.exists() && beside.exists() => beside,
        _ => named,
    }
}

/// Runs `bnfold verify --recheck`.
///
/// # Errors
/// The certificate or a model cannot be read.
pub fn recheck(path: &Path, arguments: &Verify, console: &Console) -> anyhow::Result<Status> {
    let stated = read(path)?;
    let named = |given: &Option<PathBuf>, subject: &Subject| given.clone().unwrap_or_else(|| found(&subject.model.file, path));
    let paths = (named(&arguments.before, &stated.before), named(&arguments.after, &stated.after));
    let (before, after) = (Model::open(&paths.0)?, Model::open(&paths.1)?);
    let subjects = (subject(&paths.0, &before)?, subject(&paths.1, &after)?);
    let options = VerifyOptions { inputs: inputs(&stated, path), ..options(&stated, arguments) };
    let conditions = conditions(&options)?;
    let mut refuted = Vec::new();
    for (was, is) in [(&stated.before, &subjects.0), (&stated.after, &subjects.1)] {
        refuted.extend(changed(&was.model, &is.model));
        if was.sides.len() != is.sides.len() {
            refuted.push(format!("`{}` has other side files", is.model.file));
        }
        refuted.extend(was.sides.iter().zip(&is.sides).filter_map(|(was, is)| changed(was, is)));
    }
    refuted.extend(stated.conditions.inputs.iter().zip(&conditions.inputs).filter_map(|(was, is)| changed(was, is)));
    if refuted.is_empty() {
        let _shown = Activity::begin(console, "verifying", None);
        let verdict = verify(&paths.0, &paths.1, &options)?;
        refuted = stated.refuted_by(&Certificate::new(subjects.0, subjects.1, conditions, verdict));
    }
    let holds = refuted.is_empty() && stated.is_favourable();
    let outcome = stated.verdict.outcome.words().to_owned();
    let certificate = path.display().to_string();
    let report = RecheckReport {
        schema: report::schema("recheck"),
        version: report::VERSION.to_owned(),
        certificate,
        holds,
        outcome,
        refuted,
    };
    match console.format {
        Format::Json => console.json(&report)?,
        _ if console.quiet && holds => {}
        _ => console.text(&described(&report))?,
    }
    if holds {
        return Ok(Status::Well);
    }
    console.error(&closing::rechecked(&report));
    Ok(Status::Finding)
}

fn options(stated: &Certificate, arguments: &Verify) -> VerifyOptions {
    let conditions = &stated.conditions;
    VerifyOptions {
        dims: conditions.dims.clone(),
        shapes: conditions.shapes.clone(),
        values: conditions.values.clone(),
        seed: conditions.seed,
        samples: conditions.samples,
        freeze: conditions.freeze_initializers,
        regions: !conditions.quick,
        // It is no part of what is judged.
        own_type: false,
        ..arguments.runs.options(stated.verdict.tier)
    }
}

fn changed(was: &HashedFile, is: &HashedFile) -> Option<String> {
    let same = was.bytes == is.bytes && was.sha256.eq_ignore_ascii_case(&is.sha256);
    (!same).then(|| format!("`{}` is not the file that it speaks of", is.file))
}

fn described(report: &RecheckReport) -> String {
    let mut out = format!("{}\n", text::name(&report.certificate));
    let holds = if report.refuted.is_empty() { "holds" } else { "does not hold" };
    out.push_str(&format!("  {holds}; it says: {}\n", report.outcome));
    report.refuted.iter().for_each(|what| out.push_str(&format!("  {}\n", bnfold::error::printable(what))));
    out
}
