//! The report of a verification, and of one that was done again.

use crate::verify::Verdict;

/// What was shown about two models.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct VerifyReport {
    /// Name and version of this layout.
    pub schema: String,
    /// The version of the program.
    pub version: String,
    /// The first model.
    pub before: String,
    /// The second model.
    pub after: String,
    /// What was shown.
    pub verdict: Verdict,
    /// The command that shows it again, where models differ or were not judged.
    pub again: Option<String>,
    /// What was saved of a failure, and where.
    pub saved: Option<String>,
    /// Seconds of all of it.
    pub seconds: f64,
}

/// What came of a certificate that was judged again.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RecheckReport {
    /// Name and version of this layout.
    pub schema: String,
    /// The version of the program.
    pub version: String,
    /// The certificate's file.
    pub certificate: String,
    /// Whether all of it holds, and what it says is that the models are equal.
    pub holds: bool,
    /// What it says, in words.
    pub outcome: String,
    /// What does not hold.
    pub refuted: Vec<String>,
}
