//! What a program that uses the library calls: [`Fold`], [`Verify`], and a function for each of the usual cases.
//!
//! It puts the steps of the other rooms in order and holds no knowledge of models, folding or judging. The command line is made
//! of the same parts, which are not hidden from it.

#[doc(hidden)]
pub mod certificate;
#[doc(hidden)]
pub mod failure;
mod fold;
#[doc(hidden)]
pub mod input;
#[doc(hidden)]
pub mod judged;
mod options;
#[cfg(feature = "cli")]
#[doc(hidden)]
pub mod page;
#[cfg(feature = "remote")]
#[doc(hidden)]
pub mod remote;
#[doc(hidden)]
pub mod scratch;
#[doc(hidden)]
pub mod shell;
mod verification;

use std::path::Path;

pub use fold::{Fold, Receive};
pub use options::Direction;
pub use verification::Verify;
#[doc(hidden)]
pub use verification::demand_a_run;

use crate::error::{Error, ErrorKind, Result};
use crate::report::{FoldReport, InspectReport};
use crate::verify::{Outcome, Verdict, VerifyOptions};

/// Judges two files, and saves the first failure if that is wanted; without the engine by the program that was named.
fn judge(
    (before, after): (&Path, &Path),
    options: &VerifyOptions,
    save_failure: Option<&Path>,
) -> Result<(Verdict, Option<String>)> {
    // Without it nothing would be run, and every fold be left out for a mistake of the caller.
    if let crate::verify::Runner::Program(program) = &options.runner
        && !program.is_file()
    {
        let error = Error::new(ErrorKind::Choice, "there is no such program to run models with").file(program);
        return Err(error.remedy("name the program `bnfold`"));
    }
    #[cfg(all(feature = "remote", not(feature = "tract")))]
    if let crate::verify::Runner::Program(program) = &options.runner {
        return remote::ask(program, (before, after), options, save_failure);
    }
    let verdict = crate::verify::verify(before, after, options)?;
    let saved = match save_failure {
        Some(folder) if verdict.outcome == Outcome::Differs => Some(failure::save(folder, (before, after), &verdict, options)?),
        _ => None,
    };
    Ok((verdict, saved))
}

/// Folds a model file, shows that the result computes the same, and only then writes it to `output`: [`Fold::file`] with the
/// defaults of the command line, but for the engine, which runs in this process ([`Fold::engine`] names another).
///
/// # Errors
/// The model cannot be read; the result cannot be written, or was not shown to be right
/// ([`ErrorKind::Unverified`](crate::ErrorKind::Unverified)). The target is then as it was.
///
/// # Examples
/// ```
/// let folder = tempfile::tempdir()?;
/// let output = folder.path().join("folded.onnx");
/// # let bytes = bnfold::sample::encode(bnfold::sample::CONV_BATCH_NORMALIZATION).unwrap();
/// # std::fs::write(folder.path().join("model.onnx"), bytes)?;
/// let report = bnfold::fold_file(folder.path().join("model.onnx"), &output)?;
/// assert_eq!(report.folded.batch_normalizations, 1);
/// assert_eq!(report.after.batch_normalizations, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fold_file(model: impl AsRef<Path>, output: impl AsRef<Path>) -> Result<FoldReport> {
    Fold::new().file(model, output)
}

/// Folds a model in memory and shows that the result computes the same: [`Fold::bytes`] with the defaults of the command line.
///
/// # Errors
/// The bytes are no model, the model keeps weights in side files, or the result was not shown to be right.
///
/// # Examples
/// ```
/// # let bytes = bnfold::sample::encode(bnfold::sample::CONV_BATCH_NORMALIZATION).unwrap();
/// let (folded, report) = bnfold::fold_bytes(bytes)?;
/// assert_eq!(report.after.bytes, folded.len() as u64);
/// # Ok::<(), bnfold::Error>(())
/// ```
pub fn fold_bytes(model: impl Into<Vec<u8>>) -> Result<(Vec<u8>, FoldReport)> {
    Fold::new().bytes(model)
}

/// Judges whether two model files compute the same, whoever made the second out of the first: [`Verify::files`] with the
/// defaults of the command line.
///
/// # Errors
/// A file cannot be read. That models differ is no error but the answer.
///
/// # Examples
/// ```
/// use bnfold::Outcome;
/// # let folder = tempfile::tempdir()?;
/// # let (before, after) = (folder.path().join("a.onnx"), folder.path().join("b.onnx"));
/// # std::fs::write(&before, bnfold::sample::encode(bnfold::sample::CONV_BATCH_NORMALIZATION).unwrap())?;
/// # bnfold::fold_file(&before, &after)?;
/// let verdict = bnfold::verify(&before, &after)?;
/// assert_eq!(verdict.outcome, Outcome::EqualWithinRounding);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify(before: impl AsRef<Path>, after: impl AsRef<Path>) -> Result<Verdict> {
    Verify::new().files(before, after)
}

/// Says of each BatchNormalization and each other foldable map of a model file where it can go, or who refuses, why, and what
/// could be changed: [`Fold::inspect`] with the defaults of the command line. Weights are read, nothing is run or written.
///
/// # Errors
/// The model cannot be read.
///
/// # Examples
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("model.onnx");
/// # std::fs::write(&path, bnfold::sample::encode(bnfold::sample::CONV_BATCH_NORMALIZATION).unwrap())?;
/// let report = bnfold::inspect(&path)?;
/// assert!(report.sites.iter().all(|site| site.is_folded()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn inspect(model: impl AsRef<Path>) -> Result<InspectReport> {
    Fold::new().inspect(model)
}
