//! The report of `check`: what is left to fold in many models, and what deserves a look.

use std::collections::{BTreeMap, BTreeSet};

use crate::law::Reason;
use crate::report::SiteReport;

/// Reasons for which a BatchNormalization stays that tell of a mistake in the export or in the model, or wait for one word of
/// the user. Whoever folds wants to hear of them; all others are the model's own nature.
pub const WORTH_A_LOOK: &[Reason] =
    &[Reason::TrainingMode, Reason::NonFinite, Reason::InvalidStatistics, Reason::SpatialStatistics, Reason::Overridable];

/// Nodes that stay for a reason that is worth a look.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Warning {
    /// The reason's code, a stable word.
    pub reason: String,
    /// What the matter is, as a clause.
    pub sentence: String,
    /// What the user could change.
    pub advice: String,
    /// The names of the nodes.
    pub nodes: Vec<String>,
}

/// One file of a check.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckedFile {
    /// The file.
    pub file: String,
    /// Nodes that could be folded.
    pub findings: Vec<SiteReport>,
    /// The command that folds them; absent if there is nothing to fold.
    pub command: Option<String>,
    /// Why what could be folded, or a part of it, is no finding: `fold` would not show that it is right, and not write it, or
    /// the file would grow by more than is allowed.
    #[cfg_attr(feature = "serde", serde(default))]
    pub unproved: Option<String>,
    /// What stays and is worth a look.
    #[cfg_attr(feature = "serde", serde(default))]
    pub warnings: Vec<Warning>,
    /// How many findings the baseline knows; they are no findings here.
    #[cfg_attr(feature = "serde", serde(default))]
    pub known: u64,
    /// Why the file could not be read.
    pub error: Option<String>,
}

impl CheckedFile {
    /// A file of which nothing is known yet.
    pub fn new(file: String) -> CheckedFile {
        CheckedFile { file, ..CheckedFile::default() }
    }

    /// How many findings are BatchNormalization nodes, and how many are other maps.
    pub fn counts(&self) -> (usize, usize) {
        let normalizations = self.findings.iter().filter(|site| site.is_batch_normalization()).count();
        (normalizations, self.findings.len() - normalizations)
    }
}

/// What is left to fold in many models.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckReport {
    /// Name and version of this layout.
    pub schema: String,
    /// The version of the program.
    pub version: String,
    /// Whether warnings count as findings.
    #[cfg_attr(feature = "serde", serde(default))]
    pub strict: bool,
    /// The files, in order.
    pub files: Vec<CheckedFile>,
}

impl CheckReport {
    /// Whether a file has something that makes the check fail.
    pub fn fails(&self, file: &CheckedFile) -> bool {
        file.error.is_some() || !file.findings.is_empty() || self.strict && !file.warnings.is_empty()
    }

    /// How many findings there are: BatchNormalization nodes, and other maps.
    pub fn counts(&self) -> (usize, usize) {
        self.files.iter().map(CheckedFile::counts).fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1))
    }
}

/// The findings that a repository had when it took up the check.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(deny_unknown_fields))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct BaselineFile {
    /// Name and version of this layout.
    pub schema: String,
    /// The nodes that could be folded, by file as seen from the baseline's folder.
    pub files: BTreeMap<String, BTreeSet<String>>,
}

/// What of these sites stays and is worth a look, by reason, but for the reasons that are allowed.
pub fn warnings(sites: &[SiteReport], allowed: &[String]) -> Vec<Warning> {
    let mut found: Vec<Warning> = Vec::new();
    for reason in WORTH_A_LOOK.iter().filter(|reason| !allowed.iter().any(|code| code == reason.code())) {
        let stays = |site: &&SiteReport| site.refusal().is_some_and(|refusal| refusal.reason == reason.code());
        let nodes: Vec<String> = sites.iter().filter(stays).map(|site| site.node.name.clone()).collect();
        if !nodes.is_empty() {
            let (code, sentence, advice) = (reason.code().into(), reason.sentence().into(), reason.advice().into());
            found.push(Warning { reason: code, sentence, advice, nodes });
        }
    }
    found
}
