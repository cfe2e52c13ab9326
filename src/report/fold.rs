//! The report of a fold.

use crate::report::{Census, EnginesReport, Fate, SiteReport};
use crate::verify::Verdict;

/// How many nodes were folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Folded {
    /// BatchNormalization nodes.
    pub batch_normalizations: u64,
    /// Other nodes that are affine maps.
    pub other: u64,
    /// BatchNormalization nodes of which an Add is left.
    #[cfg_attr(feature = "serde", serde(default))]
    pub partly: u64,
    /// BatchNormalization nodes that stay as other operators.
    #[cfg_attr(feature = "serde", serde(default))]
    pub replaced: u64,
}

/// Nodes that stay for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct KeptGroup {
    /// The reason's code.
    pub reason: String,
    /// What the matter is, as a clause.
    pub sentence: String,
    /// What the user could change.
    pub advice: String,
    /// The BatchNormalization nodes, by name.
    pub batch_normalizations: Vec<String>,
    /// Other nodes that are affine maps, by name.
    pub other: Vec<String>,
}

/// A node that was not folded because of the verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct LeftOut {
    /// The node, by name.
    pub node: String,
    /// Whether the result was wrong with it; else it could not be judged.
    pub wrong: bool,
    /// Where in the model, and what was found there.
    pub why: String,
}

/// What a fold did.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FoldReport {
    /// Name and version of this layout.
    pub schema: String,
    /// The version of the program.
    pub version: String,
    /// The model that was read.
    pub input: String,
    /// Where the result belongs.
    pub output: String,
    /// Whether it was written there.
    pub written: bool,
    /// Whether the result is the input, byte for byte.
    pub unchanged: bool,
    /// Whether nodes stood out of order and were put in order.
    #[cfg_attr(feature = "serde", serde(default))]
    pub sorted: bool,
    /// The model before.
    pub before: Census,
    /// The model after.
    pub after: Census,
    /// The side files that the result needs beside it, by the names that it has for them.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Vec::is_empty"))]
    pub sides: Vec<String>,
    /// Folded nodes.
    pub folded: Folded,
    /// Nodes that stay, by reason; the reason of most BatchNormalization nodes first.
    pub kept: Vec<KeptGroup>,
    /// Nodes that were not folded because the result was not shown to be right with them, by name.
    #[cfg_attr(feature = "serde", serde(default))]
    pub dropped: Vec<String>,
    /// The same with what was found at them.
    #[cfg_attr(feature = "serde", serde(default))]
    pub left_out: Vec<LeftOut>,
    /// What the engines that the fold is for make of it, as far as it was measured.
    #[cfg_attr(feature = "serde", serde(default))]
    pub engines: EnginesReport,
    /// Every node with a map.
    pub sites: Vec<SiteReport>,
    /// What was shown about the result; absent if it was not verified.
    pub verdict: Option<Verdict>,
    /// What was saved of a failure, and where.
    #[cfg_attr(feature = "serde", serde(default))]
    pub saved: Option<String>,
    /// Seconds of all of it.
    pub seconds: f64,
}

impl Folded {
    /// Counts folded sites.
    pub fn of(sites: &[SiteReport]) -> Folded {
        let folded = || sites.iter().filter(|s| s.is_folded());
        let batch_normalizations = folded().filter(|s| s.is_batch_normalization()).count() as u64;
        let count = |is: fn(&SiteReport) -> bool| sites.iter().filter(|s| is(s)).count() as u64;
        Folded {
            batch_normalizations,
            other: folded().count() as u64 - batch_normalizations,
            partly: count(SiteReport::is_partly_folded),
            replaced: count(|s| matches!(s.fate, Fate::Replaced { .. })),
        }
    }

    /// All of them.
    pub fn total(self) -> u64 {
        self.batch_normalizations + self.other
    }
}

impl KeptGroup {
    /// Sites that stay, by the reason of the refusal that got further.
    pub fn of(sites: &[SiteReport]) -> Vec<KeptGroup> {
        let mut groups: Vec<KeptGroup> = Vec::new();
        for site in sites {
            let Some(refusal) = site.refusal() else { continue };
            let known = groups.iter().position(|g| g.reason == refusal.reason);
            let index = known.unwrap_or(groups.len());
            if known.is_none() {
                groups.push(KeptGroup {
                    reason: refusal.reason.clone(),
                    sentence: refusal.sentence.clone(),
                    advice: refusal.advice.clone(),
                    batch_normalizations: vec![],
                    other: vec![],
                });
            }
            if let Some(group) = groups.get_mut(index) {
                let names = if site.is_batch_normalization() { &mut group.batch_normalizations } else { &mut group.other };
                names.push(site.node.name.clone());
            }
        }
        groups.sort_by_key(|g| std::cmp::Reverse((g.batch_normalizations.len(), g.other.len())));
        groups
    }
}

/// Several models, folded one after the other.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FoldReports {
    /// Name and version of this layout.
    pub schema: String,
    /// The version of the program.
    pub version: String,
    /// A report for each model that could be read.
    pub reports: Vec<FoldReport>,
}
