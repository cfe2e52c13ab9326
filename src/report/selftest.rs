//! The report of seeded faults: how many there were, and what found them.

use crate::error::Result;
use crate::verify::{Execution, Outcome, Verdict};

/// What came of the faults that were seeded into a model's folds.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct SelftestReport {
    /// Name and version of this layout.
    pub schema: String,
    /// The version of the program.
    pub version: String,
    /// The model.
    pub input: String,
    /// Places where the right fold changed the model.
    pub folds: usize,
    /// What the faults were drawn with.
    pub seed: u64,
    /// All faults.
    pub all: Counts,
    /// The same by kind.
    pub kinds: Vec<FaultKind>,
    /// Seconds of all of it.
    pub seconds: f64,
}

/// What came of the faults of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct FaultKind {
    /// The kind.
    pub fault: String,
    /// What came of them.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub counts: Counts,
}

/// How many faults were seeded, and what found them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Counts {
    /// All that were judged.
    pub seeded: usize,
    /// Found by a look at the files.
    pub by_structure: usize,
    /// Found with the models' runs.
    pub by_execution: usize,
    /// Taken for right.
    pub missed: usize,
    /// Neither.
    pub not_judged: usize,
    /// No fault: within the rounding of a right fold, of no effect, or no valid model.
    pub excluded: usize,
}

impl Counts {
    /// Adds what came of others.
    pub fn add(&mut self, other: Counts) {
        self.seeded += other.seeded;
        self.by_structure += other.by_structure;
        self.by_execution += other.by_execution;
        self.missed += other.missed;
        self.not_judged += other.not_judged;
        self.excluded += other.excluded;
    }

    /// Enters what was said of a fault; what cannot be read is no fault. Returns how many that were.
    pub fn judged(&mut self, verdict: Result<Verdict>) -> usize {
        let Ok(verdict) = verdict else {
            self.excluded += 1;
            return 0;
        };
        self.seeded += 1;
        match (verdict.outcome, &verdict.execution) {
            (Outcome::Differs, Execution::Ran { .. }) => self.by_execution += 1,
            (Outcome::Differs, _) => self.by_structure += 1,
            // What is not matched is refused, whether a run shows that it differs or not.
            (Outcome::NotJudged, _) if !verdict.unmatched.is_empty() => self.by_structure += 1,
            (Outcome::NotJudged, _) => self.not_judged += 1,
            (Outcome::Equal | Outcome::EqualWithinRounding, _) => self.missed += 1,
        }
        1
    }
}
