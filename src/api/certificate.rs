//! Certificate files: what was shown, bound to the models by their hashes, and written.
//!
//! Without the feature `certificate` nothing is hashed, and who asks for a certificate is told so.

use std::path::{Path, PathBuf};

use super::input::Input;
use crate::error::{Error, Result};
use crate::fold::Staged;
use crate::model::Model;
pub use crate::report::certificate::Certificate;
use crate::report::certificate::{Conditions, HashedFile, Subject};
use crate::verify::{Verdict, VerifyOptions};
use crate::wire::{FileSource, Source};

/// What was shown of a fold: bound to the files as they are before they get their names.
///
/// # Errors
/// A file cannot be read.
pub fn of(
    input: &Input,
    (file, staged, target): (&Path, &Staged, &Path),
    options: &VerifyOptions,
    verdict: &Verdict,
) -> Result<Certificate> {
    let after = subject(target, &Model::open_moved(&staged.model, &staged.sides)?)?;
    let before = subject(&input.name, &Model::open(file)?)?;
    input.model.check_unchanged()?;
    stated(before, after, options, verdict)
}

/// What was shown of two models.
///
/// # Errors
/// A file of inputs cannot be read.
pub fn stated(before: Subject, after: Subject, options: &VerifyOptions, verdict: &Verdict) -> Result<Certificate> {
    Ok(Certificate::new(before, after, conditions(options)?, verdict.clone()))
}

/// A model and its side files, hashed. `name` is what the certificate calls it.
///
/// # Errors
/// A file cannot be read.
pub fn subject(name: &Path, model: &Model) -> Result<Subject> {
    let sides = model.sides().iter().map(|side| hashed(side.location.clone(), &side.source).map_err(|e| e.file(&side.path)));
    let sides = sides.collect::<Result<Vec<_>>>()?;
    let called = name.display().to_string();
    // A model whose nodes were put in order or written otherwise while it was read is no longer what its file says.
    let hashed = match &model.path {
        Some(path) => FileSource::open(path).map_err(|e| Error::io("cannot open", e)).and_then(|file| hashed(called, &file)),
        None => hashed(called, model.file(0)),
    };
    Ok(Subject { model: hashed.map_err(|e| e.file(name))?, sides })
}

#[cfg(feature = "certificate")]
fn hashed(file: String, source: &dyn Source) -> Result<HashedFile> {
    use sha2::{Digest as _, Sha256};

    /// Bytes that are hashed at a time.
    const BLOCK: usize = 1 << 20;
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

#[cfg(not(feature = "certificate"))]
fn hashed(_: String, _: &dyn Source) -> Result<HashedFile> {
    Err(lacking())
}

#[cfg(not(feature = "certificate"))]
fn lacking() -> Error {
    Error::new(crate::ErrorKind::Target, "this was built without certificates").remedy("build with the feature `certificate`")
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

/// Writes a certificate; nothing is seen at its place until it is complete.
///
/// # Errors
/// The place cannot be written.
#[cfg(feature = "certificate")]
pub fn write(path: &Path, certificate: &Certificate) -> Result<()> {
    let encoded = serde_json::to_string_pretty(certificate).map_err(|e| Error::io("cannot encode the certificate", e.into()))?;
    crate::write::AtomicFile::of_text(path, &(encoded + "\n"))
}

/// Without the feature nothing is written.
///
/// # Errors
/// Always.
#[cfg(not(feature = "certificate"))]
pub fn write(_: &Path, _: &Certificate) -> Result<()> {
    Err(lacking())
}
