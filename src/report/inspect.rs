//! The reports of `inspect` and `sweep`.

use crate::report::{Census, FoldReport, Interface, SiteReport};

/// What could be folded in a model.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct InspectReport {
    /// Name and version of this layout.
    pub schema: String,
    /// The version of the program.
    pub version: String,
    /// The model.
    pub file: String,
    /// The model in numbers.
    pub census: Census,
    /// What the model takes from its caller.
    #[cfg_attr(feature = "serde", serde(default))]
    pub inputs: Vec<Interface>,
    /// What it gives.
    #[cfg_attr(feature = "serde", serde(default))]
    pub outputs: Vec<Interface>,
    /// Every node with a map.
    pub sites: Vec<SiteReport>,
    /// Why the model is known not to run whole, so that `fold` may not be able to show that its result is right.
    #[cfg_attr(feature = "serde", serde(default))]
    pub foreseen: Option<String>,
}

/// How a model came out of a sweep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
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
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SweepReport {
    /// Name and version of this layout.
    pub schema: String,
    /// The version of the program.
    pub version: String,
    /// Which part of the models this is, as `K/N`; absent where it is all of them.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub shard: Option<String>,
    /// How many models all parts have together; absent where it is all of them.
    #[cfg_attr(feature = "serde", serde(default, skip_serializing_if = "Option::is_none"))]
    pub whole: Option<usize>,
    /// The models, in order.
    pub models: Vec<SweptModel>,
}

impl SweepReport {
    /// How many models came out in this way.
    pub fn count(&self, outcome: SweepOutcome) -> usize {
        self.models.iter().filter(|m| m.outcome == outcome).count()
    }
}
