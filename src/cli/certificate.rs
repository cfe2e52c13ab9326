//! Certificate files: made, read, and judged again.

use std::path::{Path, PathBuf};

use bnfold::model::Model;
use bnfold::report::certificate::{Certificate, Conditions, HashedFile, SCHEMA, Subject};
use bnfold::report::{self, text};
use bnfold::verify::{VerifyOptions, verify};
use bnfold::wire::{FileSource, Source};
use bnfold::{Error, ErrorKind, Result};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::activity::Activity;
use super::arguments::{Format, Verify};
use super::console::{self, Console};
use super::files;
use super::status::Status;

/// Bytes that are hashed at a time.
const BLOCK: usize = 1 << 20;
/// A certificate is not near this long.
const LONGEST: u64 = 256 << 20;

/// What came of a certificate that was judged again.
#[derive(Debug, Serialize)]
struct Recheck {
    schema: String,
    version: String,
    certificate: String,
    /// Whether all of it holds, and what it says is that the models are equal.
    holds: bool,
    outcome: &'static str,
    /// What does not hold.
    refuted: Vec<String>,
}

/// A model and its side files, hashed. `name` is what the certificate calls it.
///
/// # Errors
/// A file cannot be read.
pub fn subject(name: &Path, model: &Model) -> Result<Subject> {
    let sides = model.sides().iter().map(|side| hashed(side.location.clone(), &side.source).map_err(|e| e.file(&side.path)));
    let sides = sides.collect::<Result<Vec<_>>>()?;
    Ok(Subject { model: hashed(name.display().to_string(), model.file(0)).map_err(|e| e.file(name))?, sides })
}

fn hashed(file: String, source: &dyn Source) -> Result<HashedFile> {
    let mut hasher = Sha256::new();
    let mut block = vec![0; BLOCK];
    let mut at = 0;
    while at < source.len() {
        let count = usize::try_from(source.len() - at).unwrap_or(BLOCK).min(BLOCK);
        let part = block.get_mut(..count).unwrap_or_default();
        source.read_exact_at(part, at).map_err(|e| Error::io("cannot read", e))?;
        hasher.update(part);
        at += count as u64;
    }
    let sha256 = hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(HashedFile { file, bytes: source.len(), sha256 })
}

/// What decides what is found, out of the options of a verification.
///
/// # Errors
/// A file of inputs cannot be read.
pub fn conditions(options: &VerifyOptions) -> Result<Conditions> {
    let one = |path: &PathBuf| {
        let source = FileSource::open(path).map_err(|e| Error::io("cannot open", e).file(path))?;
        hashed(path.display().to_string(), &source).map_err(|e| e.file(path))
    };
    Ok(Conditions {
        freeze_initializers: options.freeze,
        dims: options.dims.clone(),
        shapes: options.shapes.clone(),
        values: options.values.clone(),
        inputs: files(options.inputs.as_deref())?.iter().map(one).collect::<Result<Vec<_>>>()?,
        seed: options.seed,
        samples: options.samples,
        quick: !options.regions,
    })
}

/// The files that are meant by a file or folder of inputs.
fn files(inputs: Option<&Path>) -> Result<Vec<PathBuf>> {
    let Some(path) = inputs else { return Ok(vec![]) };
    if !path.is_dir() {
        return Ok(vec![path.to_path_buf()]);
    }
    let entries = std::fs::read_dir(path).map_err(|e| Error::io("cannot read the folder", e).file(path))?;
    let mut files: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect();
    files.sort();
    Ok(files)
}

/// The file or folder of inputs that a certificate names.
fn inputs(stated: &Certificate, path: &Path) -> Option<PathBuf> {
    match &stated.conditions.inputs[..] {
        [] => None,
        [one] => Some(found(&one.file, path)),
        [first, ..] => Path::new(&first.file).parent().map(Path::to_path_buf),
    }
}

/// Writes a certificate; nothing is seen at its place until it is complete.
///
/// # Errors
/// The place cannot be written.
pub fn write(path: &Path, certificate: &Certificate) -> Result<()> {
    files::write(path, &console::encode(certificate)?)
}

fn read(path: &Path) -> Result<Certificate> {
    let failed = |e| Error::io("cannot open", e).file(path);
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
    let outcome = stated.verdict.outcome.words();
    let certificate = path.display().to_string();
    let report =
        Recheck { schema: report::schema("recheck"), version: report::VERSION.to_owned(), certificate, holds, outcome, refuted };
    match console.format {
        Format::Json => console.json(&report)?,
        _ if console.quiet && holds => {}
        _ => console.text(&described(&report))?,
    }
    Ok(if holds { Status::Well } else { Status::Finding })
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

fn described(report: &Recheck) -> String {
    let mut out = format!("{}\n", text::name(&report.certificate));
    let holds = if report.refuted.is_empty() { "holds" } else { "does not hold" };
    out.push_str(&format!("  {holds}; it says: {}\n", report.outcome));
    report.refuted.iter().for_each(|what| out.push_str(&format!("  {}\n", bnfold::error::printable(what))));
    out
}
