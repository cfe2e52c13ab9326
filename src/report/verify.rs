//! The report of a verification.

use crate::verify::Verdict;

/// What was shown about two models.
#[derive(Clone, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
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
