//! Judging two models as a builder.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::certificate;
use super::input::{Input, Shared};
use super::options::run_options;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::verify::{Execution, Outcome, Tier, Verdict, VerifyOptions};

/// Judges whether two models compute the same: the options of `bnfold verify`, under the same names.
///
/// # Examples
/// ```
/// use bnfold::{Outcome, Verify};
///
/// # let model = bnfold::sample::encode(bnfold::sample::CONV_BATCH_NORMALIZATION).unwrap();
/// # let (folded, _) = bnfold::fold_bytes(model.clone())?;
/// let verdict = Verify::new().exact(true).bytes(model, folded)?;
/// assert_eq!(verdict.outcome, Outcome::EqualWithinRounding);
/// # Ok::<(), bnfold::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Verify {
    options: VerifyOptions,
    strict: bool,
    certificate: Option<PathBuf>,
    save_failure: Option<PathBuf>,
}

impl Verify {
    /// The defaults of the command line.
    #[must_use]
    pub fn new() -> Verify {
        Verify::default()
    }

    /// Demands that each folded constant was computed in double precision and rounded once; without it 8 units are allowed.
    #[must_use]
    pub fn exact(mut self, yes: bool) -> Verify {
        self.options.tier = if yes { Tier::Own } else { Tier::Foreign };
        self
    }

    /// Accepts no verdict for which the models were not run: [`Outcome::NotJudged`] is said then.
    #[must_use]
    pub fn strict(mut self, yes: bool) -> Verify {
        self.strict = yes;
        self
    }

    /// Takes initializers that are also inputs for constants.
    #[must_use]
    pub fn freeze_initializers(mut self, yes: bool) -> Verify {
        self.options.freeze = yes;
        self
    }

    /// Writes what was shown to this file, bound to both models by their hashes. Needs the feature `certificate`.
    #[must_use]
    pub fn certificate(mut self, file: impl Into<PathBuf>) -> Verify {
        self.certificate = Some(file.into());
        self
    }

    /// Saves the first fold that is wrong into this folder, as a small pair of models with an input.
    #[must_use]
    pub fn save_failure(mut self, folder: impl Into<PathBuf>) -> Verify {
        self.save_failure = Some(folder.into());
        self
    }

    run_options!(options);

    /// Judges two model files.
    ///
    /// # Errors
    /// A file cannot be read, an option names what the models have not, or what was asked for cannot be written. That models
    /// differ or cannot be run is no error but the answer.
    pub fn files(&self, before: impl AsRef<Path>, after: impl AsRef<Path>) -> Result<Verdict> {
        let (before, after) = (before.as_ref(), after.as_ref());
        let (mut verdict, _) = super::judge((before, after), &self.options, self.save_failure.as_deref())?;
        if self.strict && verdict.outcome == Outcome::EqualWithinRounding {
            demand_a_run(&mut verdict);
        }
        if let Some(path) = &self.certificate {
            let subject = |path: &Path| certificate::subject(path, &Model::open(path)?);
            let stated = certificate::stated(subject(before)?, subject(after)?, &self.options, &verdict)?;
            certificate::write(path, &stated)?;
        }
        Ok(verdict)
    }

    /// Judges two models in memory. They are written to the folder for temporary files meanwhile.
    ///
    /// # Errors
    /// As [`Verify::files`]; and models that keep weights in side files.
    pub fn bytes(&self, before: impl Into<Vec<u8>>, after: impl Into<Vec<u8>>) -> Result<Verdict> {
        self.shared(Arc::new(before.into()), Arc::new(after.into()))
    }

    /// As [`Verify::bytes`], for bytes that somebody else keeps.
    ///
    /// # Errors
    /// As [`Verify::bytes`].
    #[doc(hidden)]
    pub fn shared(&self, before: Shared, after: Shared) -> Result<Verdict> {
        let names = ["first model in memory", "second model in memory"].map(Path::new);
        let (mut one, mut other) = (None, None);
        let before = &Input::of_bytes(before, names[0])?.file(&mut one)?;
        let after = &Input::of_bytes(after, names[1])?.file(&mut other)?;
        self.files(before, after).map_err(|e: Error| e.renamed(before, names[0]).renamed(after, names[1]))
    }
}

/// A proof from the files alone is not what somebody wants who is strict.
pub fn demand_a_run(verdict: &mut Verdict) {
    if let Execution::NotRun { .. } = verdict.execution {
        verdict.outcome = Outcome::NotJudged;
    }
}
