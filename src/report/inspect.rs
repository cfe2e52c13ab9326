//! The reports of `inspect`, `check` and `sweep`.

use crate::report::{Census, FoldReport, SiteReport};

/// What could be folded in a model.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct InspectReport {
    /// Name and version of this layout.
    pub schema: String,
    /// The version of the program.
    pub version: String,
    /// The model.
    pub file: String,
    /// The model in numbers.
    pub census: Census,
    /// Every node with a map.
    pub sites: Vec<SiteReport>,
    /// Why the model is known not to run whole, so that `fold` may not be able to show that its result is right.
    #[cfg_attr(feature = "serde", serde(default))]
    pub foreseen: Option<String>,
}

/// One file of a check.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CheckedFile {
    /// The file.
    pub file: String,
    /// Nodes that could be folded.
    pub findings: Vec<SiteReport>,
    /// The command that folds them; absent if there is nothing to fold.
    pub command: Option<String>,
    /// Why what could be folded, or a part of it, is no finding: `fold` would not show that it is right, and not write it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub unproved: Option<String>,
    /// How many BatchNormalization nodes stay because their parameters may be overridden.
    #[cfg_attr(feature = "serde", serde(default))]
    pub overridable: u64,
    /// Why the file could not be read.
    pub error: Option<String>,
}

impl CheckedFile {
    /// A file of which nothing is known yet.
    pub fn new(file: String) -> CheckedFile {
        CheckedFile { file, findings: vec![], command: None, unproved: None, overridable: 0, error: None }
    }
}

/// What is left to fold in many models.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct CheckReport {
    /// Name and version of this layout.
    pub schema: String,
    /// The version of the program.
    pub version: String,
    /// The files, in order.
    pub files: Vec<CheckedFile>,
}

/// How a model came out of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum SweepOutcome {
    /// It was folded, as far as it can be, and nothing speaks against the result.
    Well,
    /// It was folded, but the result was not verified, or could not be.
    Unverified,
    /// The result differs.
    Differs,
    /// The program broke down.
    Crashed,
    /// The model cannot be read, or the result not written.
    Failed,
}

/// One model of a sweep.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SweptModel {
    /// The model.
    pub file: String,
    /// How it came out.
    pub outcome: SweepOutcome,
    /// What the program said where there is no report.
    pub message: Option<String>,
    /// The fold.
    pub report: Option<FoldReport>,
    /// Seconds of all of it.
    pub seconds: f64,
}

/// Many models, folded and verified.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SweepReport {
    /// Name and version of this layout.
    pub schema: String,
    /// The version of the program.
    pub version: String,
    /// The models, in order.
    pub models: Vec<SweptModel>,
}

impl SweepReport {
    /// How many models came out in this way.
    pub fn count(&self, outcome: SweepOutcome) -> usize {
        self.models.iter().filter(|m| m.outcome == outcome).count()
    }
}
