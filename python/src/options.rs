//! Options as the package hands them over: JSON with the names of the command line.

use std::path::PathBuf;

use bnfold::{Direction, ExternalData, Fold, Lower, Partial, Verify};
use pyo3::PyResult;
use pyo3::exceptions::PyValueError;
use serde::Deserialize;

/// The options of `fold` and `inspect`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FoldOptions {
    no_verify: bool,
    allow_unverified: bool,
    save_failure: Option<PathBuf>,
    certificate: Option<PathBuf>,
    fsync: bool,
    assume_inference: bool,
    freeze_initializers: bool,
    positive_scales: bool,
    inline: bool,
    partial: When,
    no_branches: bool,
    normalizations: bool,
    skip: Vec<String>,
    only: Vec<String>,
    direction: Way,
    rules: Vec<String>,
    lower: Option<Operators>,
    external_data: Option<String>,
    /// The same, read.
    #[serde(skip)]
    external: ExternalData,
    #[serde(rename = "for")]
    engines: Vec<String>,
    runs: Runs,
}

/// The options of `verify`.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerifyOptions {
    exact: bool,
    strict: bool,
    freeze_initializers: bool,
    save_failure: Option<PathBuf>,
    certificate: Option<PathBuf>,
    runs: Runs,
}

/// How models are run.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Runs {
    dim: Vec<(String, usize)>,
    input_shape: Vec<(String, Vec<usize>)>,
    value_shape: Vec<(String, Vec<usize>)>,
    inputs: Option<PathBuf>,
    seed: u64,
    samples: Option<u16>,
    tap: Vec<String>,
    quick: bool,
    timeout: Option<u64>,
    memory: Option<u64>,
    /// The package's own command, which runs models in a process with limits.
    engine: Option<PathBuf>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum When {
    Never,
    #[default]
    Auto,
    Always,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    Backward,
    Forward,
    #[default]
    Both,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Operators {
    MulAdd,
    DepthwiseConv,
}

fn read<'o, T: Deserialize<'o>>(options: &'o str) -> PyResult<T> {
    serde_json::from_str(options).map_err(|error| PyValueError::new_err(format!("options: {error}")))
}

/// What both builders have.
macro_rules! with_runs {
    ($builder:expr, $runs:expr) => {{
        let runs = $runs;
        let mut builder = $builder.seed(runs.seed).samples(runs.samples.unwrap_or(1)).quick(runs.quick);
        builder = runs.dim.into_iter().fold(builder, |builder, (name, size)| builder.dim(name, size));
        builder = runs.input_shape.into_iter().fold(builder, |builder, (name, dims)| builder.input_shape(name, dims));
        builder = runs.value_shape.into_iter().fold(builder, |builder, (name, dims)| builder.value_shape(name, dims));
        builder = runs.tap.into_iter().fold(builder, |builder, value| builder.tap(value));
        builder = runs.inputs.into_iter().fold(builder, |builder, path| builder.inputs(path));
        builder = runs.timeout.into_iter().fold(builder, |builder, seconds| builder.timeout(seconds));
        builder = runs.memory.into_iter().fold(builder, |builder, bytes| builder.memory(bytes));
        runs.engine.into_iter().fold(builder, |builder, program| builder.engine(program))
    }};
}

impl FoldOptions {
    /// Reads them.
    ///
    /// # Errors
    /// `ValueError`: they are none.
    pub fn read(options: &str) -> PyResult<FoldOptions> {
        let mut options: FoldOptions = read(options)?;
        if let Some(text) = &options.external_data {
            let wrong = |error: bnfold::Error| PyValueError::new_err(format!("external_data: {error}"));
            options.external = text.parse().map_err(wrong)?;
        }
        Ok(options)
    }

    /// The same as the library knows them.
    ///
    /// # Errors
    /// There is no engine of a name.
    pub fn fold(self) -> bnfold::Result<Fold> {
        let partial = match self.partial {
            When::Never => Partial::Never,
            When::Auto => Partial::Auto,
            When::Always => Partial::Always,
        };
        let direction = match self.direction {
            Way::Backward => Direction::Backward,
            Way::Forward => Direction::Forward,
            Way::Both => Direction::Both,
        };
        let fold = Fold::new()
            .no_verify(self.no_verify)
            .allow_unverified(self.allow_unverified)
            .fsync(self.fsync)
            .external_data(self.external)
            .assume_inference(self.assume_inference)
            .freeze_initializers(self.freeze_initializers)
            .positive_scales(self.positive_scales)
            .inline(self.inline)
            .partial(partial)
            .no_branches(self.no_branches)
            .normalizations(self.normalizations)
            .direction(direction)
            .target(bnfold::target(&self.engines)?);
        let fold = self.skip.into_iter().fold(fold, Fold::skip);
        let fold = self.only.into_iter().fold(fold, Fold::only);
        let fold = self.rules.into_iter().fold(fold, Fold::rule);
        let fold = self.save_failure.into_iter().fold(fold, Fold::save_failure);
        let fold = self.certificate.into_iter().fold(fold, Fold::certificate);
        let fold = match self.lower {
            Some(Operators::MulAdd) => fold.lower(Lower::MulAdd),
            Some(Operators::DepthwiseConv) => fold.lower(Lower::DepthwiseConv),
            None => fold,
        };
        Ok(with_runs!(fold, self.runs))
    }
}

impl VerifyOptions {
    /// Reads them.
    ///
    /// # Errors
    /// `ValueError`: they are none.
    pub fn read(options: &str) -> PyResult<VerifyOptions> {
        read(options)
    }

    /// The same as the library knows them.
    pub fn verify(self) -> Verify {
        let verify = Verify::new().exact(self.exact).strict(self.strict).freeze_initializers(self.freeze_initializers);
        let verify = self.save_failure.into_iter().fold(verify, Verify::save_failure);
        let verify = self.certificate.into_iter().fold(verify, Verify::certificate);
        with_runs!(verify, self.runs)
    }
}
