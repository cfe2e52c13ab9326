//! The answer: what was shown about two models, by what, and how near to the limit.

/// What is said of two models.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Outcome {
    /// No difference was found in the files; nothing had to be run.
    Equal,
    /// The files differ by folds, each of which is right to within the rounding of its constants.
    EqualWithinRounding,
    /// Nothing failed, but evidence is missing.
    NotJudged,
    /// Something differs beyond rounding.
    Differs,
}

impl Outcome {
    /// The words for it.
    pub fn words(self) -> &'static str {
        match self {
            Outcome::Equal => "equal",
            Outcome::EqualWithinRounding => "equal within rounding",
            Outcome::NotJudged => "not judged",
            Outcome::Differs => "differs",
        }
    }
}

/// How strictly folded constants are judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Tier {
    /// Computed in f64 and rounded once: our own folds.
    Own,
    /// Computed by any sane arithmetic in the model's type: 8 units.
    Foreign,
}

impl Tier {
    /// The number of units of roundoff that the relay allows.
    pub fn units(self) -> f64 {
        match self {
            Tier::Own => 1.001,
            Tier::Foreign => 8.0,
        }
    }
}

/// A place where the two models differ and what was found there.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Site {
    /// The value at which both models agree again.
    pub value: String,
    /// The nodes of the first model, as operator types in order.
    pub before: Vec<String>,
    /// The nodes of the second model.
    pub after: Vec<String>,
    /// The first node of the first model, by name.
    pub node: String,
    /// The largest difference in units of its limit (1.0 is the limit); absent if it was not run.
    pub worst: Option<f64>,
    /// Where that was: index in the value, found and expected.
    pub place: Option<String>,
    /// What is said of it.
    pub outcome: Outcome,
    /// Why, where it is not equal within rounding.
    pub reason: Option<String>,
}

/// A difference between the files that is no fold.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Difference {
    /// The graph, node, value or constant.
    pub place: String,
    /// What differs.
    pub what: String,
}

/// Whether both models were run whole, and with what.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Execution {
    /// The relay ran: every output that is no site's own was equal bit for bit, or the differences say which was not.
    Ran {
        /// The engine and its version.
        engine: String,
        /// Runs with different inputs.
        samples: usize,
        /// The seed of synthetic inputs; absent if the user gave them.
        seed: Option<u64>,
        /// Inputs with the shapes that were used.
        inputs: Vec<String>,
        /// What was assumed to be able to run: sizes of symbolic dimensions, branches, iterations.
        assumptions: Vec<String>,
        /// Outputs that were equal bit for bit.
        outputs_equal: usize,
    },
    /// The models could not be run, for this reason.
    NotRun {
        /// Why.
        reason: String,
    },
    /// The user did not want it, or the files do not differ.
    NotNeeded,
}

/// The answer.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Verdict {
    /// What is said.
    pub outcome: Outcome,
    /// How strictly.
    pub tier: Tier,
    /// Whether the folds also hold the own tier (each constant rounded once); absent if nothing was run.
    pub rounded_once: Option<bool>,
    /// Every place where the models differ by a fold.
    pub sites: Vec<Site>,
    /// Every difference that is no fold.
    pub differences: Vec<Difference>,
    /// The runs.
    pub execution: Execution,
}
