//! The judge of two files. It may read models as everybody does; it shares no algebra with what folds them: nothing of `map`,
//! `law`, `ops`, `plan` or `edit` is used here.

pub mod align;
mod constants;
#[cfg(feature = "tract")]
pub mod execute;
pub mod reference;
pub mod verdict;

use std::path::PathBuf;

pub use verdict::{Difference, Execution, Outcome, Site, Tier, Verdict};

/// How two models are judged.
#[derive(Clone, Debug)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct VerifyOptions {
    /// How strictly constants are judged.
    pub tier: Tier,
    /// Sizes of symbolic dimensions, by name.
    pub dims: Vec<(String, usize)>,
    /// Shapes of inputs, by name.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// A file of inputs (npz).
    pub inputs: Option<PathBuf>,
    /// The seed of synthetic inputs.
    pub seed: u64,
    /// How many sets of synthetic inputs.
    pub samples: usize,
    /// Seconds that a run may take.
    pub timeout: u64,
    /// Bytes of address space that a run may take; absent means a limit that follows from the files.
    pub memory: Option<u64>,
    /// Side files of the second model that are still under other names: location and path.
    pub moved_sides: Vec<(String, PathBuf)>,
    /// Whether the models are run at all.
    pub run: bool,
}

impl Default for VerifyOptions {
    fn default() -> Self {
        VerifyOptions {
            tier: Tier::Foreign,
            dims: vec![],
            shapes: vec![],
            inputs: None,
            seed: 0,
            samples: 1,
            timeout: 600,
            memory: None,
            moved_sides: vec![],
            run: true,
        }
    }
}

/// Judges two models.
///
/// # Errors
/// A file that cannot be read. That models differ or cannot be run is no error but the answer.
pub fn verify(before: &std::path::Path, after: &std::path::Path, options: &VerifyOptions) -> crate::Result<Verdict> {
    let _ = (before, after);
    Ok(Verdict {
        outcome: Outcome::NotJudged,
        tier: options.tier,
        rounded_once: None,
        sites: vec![],
        differences: vec![],
        execution: Execution::NotRun { reason: "not built yet".into() },
    })
}
