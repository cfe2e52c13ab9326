//! Folding as a builder: what is folded, how the result is judged, where it goes.

mod steps;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use super::input::{Input, Shared};
use super::options::{Direction, run_options};
use super::shell;
use crate::engines::Target;
use crate::error::{Error, ErrorKind, Result};
use crate::fold::ExternalData;
use crate::plan::{Partial, Substitute, Way};
use crate::report::{FoldReport, InspectReport};
use crate::verify::{Tier, VerifyOptions};

/// What stands for the path of a model in memory.
pub(super) const IN_MEMORY: &str = "model in memory";

/// Receives a result: it is called with the number of bytes and with what fills a buffer of exactly so many.
pub type Receive<'r> = dyn FnMut(usize, &mut (dyn FnMut(&mut [u8]) -> Result<()> + Send)) -> Result<()> + 'r;

/// Folds models: the options of `bnfold fold`, under the same names.
///
/// # Examples
/// ```
/// use bnfold::{Fold, Partial};
///
/// # let folder = tempfile::tempdir()?;
/// # let (model, output) = (folder.path().join("a.onnx"), folder.path().join("b.onnx"));
/// # std::fs::write(&model, bnfold::sample::encode(bnfold::sample::CONV_BATCH_NORMALIZATION).unwrap())?;
/// let report = Fold::new().partial(Partial::Never).samples(2).file(&model, &output)?;
/// assert!(report.written);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Fold {
    plan: crate::plan::Options,
    verify: VerifyOptions,
    inline: bool,
    no_verify: bool,
    allow_unverified: bool,
    save_failure: Option<PathBuf>,
    certificate: Option<PathBuf>,
    fsync: bool,
    external: ExternalData,
}

impl Default for Fold {
    fn default() -> Fold {
        Fold {
            plan: crate::plan::Options::default(),
            verify: VerifyOptions { tier: Tier::Own, ..VerifyOptions::default() },
            inline: false,
            no_verify: false,
            allow_unverified: false,
            save_failure: None,
            certificate: None,
            fsync: false,
            external: ExternalData::Keep,
        }
    }
}

impl Fold {
    /// The defaults of the command line.
    #[must_use]
    pub fn new() -> Fold {
        Fold::default()
    }

    /// Takes BatchNormalization of opset 6 and older without `is_test` for inference.
    #[must_use]
    pub fn assume_inference(mut self, yes: bool) -> Fold {
        self.plan.assume_inference = yes;
        self
    }

    /// Takes initializers that are also inputs for constants, and off the list of inputs: no caller may override them then.
    #[must_use]
    pub fn freeze_initializers(mut self, yes: bool) -> Fold {
        self.verify.freeze = yes;
        self
    }

    /// Makes no scale of quantised weights negative: ONNX allows it, some runtimes do not.
    #[must_use]
    pub fn positive_scales(mut self, yes: bool) -> Fold {
        self.plan.positive_scales = yes;
        self
    }

    /// Replaces calls of the model's own functions by the functions' bodies first.
    #[must_use]
    pub fn inline(mut self, yes: bool) -> Fold {
        self.inline = yes;
        self
    }

    /// Whether a BatchNormalization of which only the scale can move becomes an Add.
    #[must_use]
    pub fn partial(mut self, when: Partial) -> Fold {
        self.plan.partial = when;
        self
    }

    /// Leaves branches of one value apart, and operators in a row, that could be one operator.
    #[must_use]
    pub fn no_branches(mut self, yes: bool) -> Fold {
        self.plan.keep_branches = yes;
        self
    }

    /// Lets LayerNormalization, RMSNormalization, GroupNormalization and InstanceNormalization hand their scale and bias to what
    /// follows, where every reader takes them in.
    #[must_use]
    pub fn normalizations(mut self, yes: bool) -> Fold {
        self.plan.normalizations = yes;
        self
    }

    /// Leaves a node as it is, by its name or an output's. May be called several times; a name that the model has not is an error.
    #[must_use]
    pub fn skip(mut self, node: impl Into<String>) -> Fold {
        self.plan.skip.push(node.into());
        self
    }

    /// Folds the nodes alone whose name or output fits; `*` and `?` stand for characters. May be called several times.
    #[must_use]
    pub fn only(mut self, pattern: impl Into<String>) -> Fold {
        self.plan.only.push(pattern.into());
        self
    }

    /// Moves maps in one direction alone.
    #[must_use]
    pub fn direction(mut self, way: Direction) -> Fold {
        self.plan.way = match way {
            Direction::Backward => Some(Way::Back),
            Direction::Forward => Some(Way::Ahead),
            Direction::Both => None,
        };
        self
    }

    /// Uses this operator, and those of other calls, alone to take maps in or hand them on.
    #[must_use]
    pub fn rule(mut self, operator: impl Into<String>) -> Fold {
        self.plan.rules.push(operator.into());
        self
    }

    /// Makes no form that these engines refuse, get wrong or are slow at; the default is any engine. [`crate::target`]
    /// reads their names.
    #[must_use]
    pub fn target(mut self, engines: Target) -> Fold {
        self.plan.target = engines;
        self
    }

    /// Replaces BatchNormalizations that stay, for targets that have none.
    #[must_use]
    pub fn lower(mut self, operators: Substitute) -> Fold {
        self.plan.substitute = Some(operators);
        self
    }
}

/// How the result is judged and written.
impl Fold {
    /// Writes the result without judging it.
    #[must_use]
    pub fn no_verify(mut self, yes: bool) -> Fold {
        self.no_verify = yes;
        self
    }

    /// Keeps folds that could not be judged, and writes the result if it could not be; never if it differs.
    #[must_use]
    pub fn allow_unverified(mut self, yes: bool) -> Fold {
        self.allow_unverified = yes;
        self
    }

    /// Saves the first fold that is wrong into this folder, as a small pair of models with an input.
    #[must_use]
    pub fn save_failure(mut self, folder: impl Into<PathBuf>) -> Fold {
        self.save_failure = Some(folder.into());
        self
    }

    /// Writes what was shown about the result to this file, bound to both models by their hashes. Needs the feature
    /// `certificate`.
    #[must_use]
    pub fn certificate(mut self, file: impl Into<PathBuf>) -> Fold {
        self.certificate = Some(file.into());
        self
    }

    /// Waits until the result is on the disk.
    #[must_use]
    pub fn fsync(mut self, yes: bool) -> Fold {
        self.fsync = yes;
        self
    }

    /// Where the result has elements that the original keeps in side files. A model in memory has none, and gets none.
    #[must_use]
    pub fn external_data(mut self, place: ExternalData) -> Fold {
        self.external = place;
        self
    }

    run_options!(verify);
}

impl Fold {
    /// Folds a model file, judges the result, and writes it to `output`, with its side files beside it. The target is the old
    /// file or the complete new one at any time.
    ///
    /// # Errors
    /// The model cannot be read, an option names what it has not; the result cannot be written, or was not shown to be right
    /// ([`ErrorKind::Unverified`]). The target is then as it was.
    pub fn file(&self, model: impl AsRef<Path>, output: impl AsRef<Path>) -> Result<FoldReport> {
        let (model, output) = (model.as_ref(), output.as_ref());
        if shell::same(model, output) {
            let error = Error::new(ErrorKind::Target, "the output is the input").file(output);
            return Err(error.remedy("name another output, or ask for the model to be replaced"));
        }
        self.written(model, output)
    }

    /// Folds a model file and replaces it by the result; what is unchanged is not written again.
    ///
    /// # Errors
    /// As [`Fold::file`].
    pub fn in_place(&self, model: impl AsRef<Path>) -> Result<FoldReport> {
        self.written(model.as_ref(), model.as_ref())
    }

    /// Folds a model in memory.
    ///
    /// Unless [`Fold::no_verify`] is set, both models are written to the folder for temporary files while they are judged.
    ///
    /// # Errors
    /// As [`Fold::file`]; and a model that keeps weights in side files.
    pub fn bytes(&self, model: impl Into<Vec<u8>>) -> Result<(Vec<u8>, FoldReport)> {
        let model: Shared = Arc::new(model.into());
        let mut result = None;
        let report = self.shared(&model, &mut |length, fill| {
            let mut bytes = vec![0; length];
            fill(&mut bytes)?;
            result = Some(bytes);
            Ok(())
        })?;
        Ok((result.unwrap_or_else(|| (*model).as_ref().to_vec()), report))
    }

    /// As [`Fold::bytes`], for bytes that somebody else keeps and a result for which somebody else has memory; it is not asked
    /// for if nothing is changed.
    ///
    /// # Errors
    /// As [`Fold::bytes`], and those of `receive`.
    #[doc(hidden)]
    pub fn shared(&self, model: &Shared, receive: &mut Receive<'_>) -> Result<FoldReport> {
        let started = Instant::now();
        let name = Path::new(IN_MEMORY);
        let named = |e: Error| e.file(name);
        if let ExternalData::File(side) = &self.external {
            let error = Error::new(ErrorKind::Target, format!("a model in memory has no folder for the side file `{side}`"));
            return Err(named(error.remedy("give the path of the model file")));
        }
        let input = self.read(Input::of_bytes(model.clone(), name)?)?;
        let graph = self.graph(&input.model).map_err(named)?;
        let mut report = match self.no_verify && self.certificate.is_none() {
            true => self.straight(&input, &graph, receive),
            false => self.by_files(&input, &graph, receive),
        }
        .map_err(named)?;
        report.written = true;
        report.seconds = started.elapsed().as_secs_f64();
        Ok(report)
    }

    /// Says of each node with a map where it can go, or why it stays, as far as a plan can tell; nothing is run or written.
    ///
    /// # Errors
    /// The model cannot be read, or an option names what it has not.
    pub fn inspect(&self, model: impl AsRef<Path>) -> Result<InspectReport> {
        let model = model.as_ref();
        self.inspected(Input::open(model)?)
    }

    /// As [`Fold::inspect`], for a model in memory.
    ///
    /// # Errors
    /// As [`Fold::inspect`]; and a model that keeps weights in side files.
    pub fn inspect_bytes(&self, model: impl Into<Vec<u8>>) -> Result<InspectReport> {
        self.inspect_shared(Arc::new(model.into()))
    }

    /// As [`Fold::inspect_bytes`], for bytes that somebody else keeps.
    ///
    /// # Errors
    /// As [`Fold::inspect_bytes`].
    #[doc(hidden)]
    pub fn inspect_shared(&self, model: Shared) -> Result<InspectReport> {
        self.inspected(Input::of_bytes(model, Path::new(IN_MEMORY))?)
    }
}
