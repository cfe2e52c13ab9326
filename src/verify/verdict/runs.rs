//! What runs of two models are told as.

/// How far a value of the second model is from the first's, each model run by itself in f64: information, no judgement.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Tap {
    /// The value.
    pub value: String,
    /// The largest difference of an element; absent if the values cannot be compared.
    pub largest: Option<f64>,
    /// The largest magnitude in the first model.
    pub magnitude: f64,
    /// Where the largest difference is.
    pub place: Option<String>,
}

/// Whether both models were run whole, and with what.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Execution {
    /// The relay ran: every output that is no site's own was equal bit for bit, or the differences say which was not.
    Ran {
        /// The engine and its version.
        engine: String,
        /// Runs with different inputs.
        samples: usize,
        /// The seed of synthetic inputs; absent if the user gave them.
        seed: Option<u64>,
        /// Sets of test data found beside the first model that were run, too.
        data_sets: Vec<String>,
        /// Differences of values that were asked for.
        taps: Vec<Tap>,
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
        /// Whether it is the second model alone that cannot: then nothing else can show that it is right.
        #[cfg_attr(feature = "serde", serde(default))]
        second: bool,
    },
    /// Both ran side by side, each computing everything by itself, as they could not be matched by structure. That their outputs
    /// agree proves nothing; where they do not, the differences say so.
    SideBySide {
        /// The engine and its version.
        engine: String,
        /// The runs.
        runs: Vec<WholeRun>,
        /// What was taken for granted, and what is worth knowing beside.
        assumptions: Vec<String>,
    },
    /// The user did not want it, or the files do not differ.
    NotNeeded,
}

/// Both models run side by side on one set of inputs.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct WholeRun {
    /// The seed of synthetic inputs; absent if the user gave them.
    pub seed: Option<u64>,
    /// What sort of numbers was drawn; empty for ordinary ones.
    pub numbers: String,
    /// Inputs with the shapes that were used.
    pub inputs: Vec<String>,
    /// Outputs that agree within what rounding may do.
    pub agree: Vec<String>,
    /// Outputs that differ by more.
    pub apart: Vec<String>,
    /// Outputs of which neither can be said, each with why.
    pub unclear: Vec<String>,
}

/// Both models run whole by an engine, each float in the type that it has in the files, on the inputs of the other runs:
/// information, no judgement. Right models differ, too, as each rounds in its own way.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct OwnType {
    /// The engine and its version.
    pub engine: String,
    /// How many sets of inputs were run.
    pub samples: usize,
    /// Inputs with the shapes that were used.
    pub inputs: Vec<String>,
    /// What was assumed to be able to run.
    pub assumptions: Vec<String>,
    /// How far each output of the second model is from the first's.
    pub outputs: Vec<OwnOutput>,
    /// Why it was not run, if it was not.
    pub missing: Option<String>,
}

/// How far an output of the second model is from the first's, both run in the types that they have.
#[derive(Clone, Debug, Default, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct OwnOutput {
    /// The output.
    pub value: String,
    /// Its declared type.
    pub element: String,
    /// The largest difference of an element.
    pub largest: f64,
    /// The largest magnitude in the first model.
    pub magnitude: f64,
    /// The largest difference as a share of the largest magnitude; absent if that is zero.
    pub relative: Option<f64>,
    /// Where the largest difference is: index, the second model's number and the first's.
    pub place: Option<String>,
    /// How many elements are NaN or infinite in one model and not so in the other; they count in nothing else.
    pub unlike: usize,
    /// How many elements are NaN or infinite in the second model, and finite and far from the end of their type in the first.
    #[cfg_attr(feature = "serde", serde(default))]
    pub overflowed: usize,
    /// Whether it took larger numbers than those of the inputs: up to 2^33 times as large, 2^6 times in float16.
    #[cfg_attr(feature = "serde", serde(default))]
    pub large: bool,
    /// Why the numbers cannot be compared, if they cannot: shape or type.
    pub apart: Option<String>,
}
