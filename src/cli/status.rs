//! The exit status: what a script can act upon.

use std::process::ExitCode;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// All is well.
    Well,
    /// There is a finding: models differ, something is left to fold, a result is unverified.
    Finding,
    /// It could not be done: bad input, bad usage, the system refused.
    CouldNot,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> ExitCode {
        ExitCode::from(status as u8)
    }
}

/// The part of the help that describes the exit status of the whole program.
pub const ALL: &str = "\
Exit status:
  0  all is well
  1  a finding: models differ, something is left to fold, a result is unverified
  2  could not: bad input, bad usage, the system refused

Interrupted by a signal, the program removes its temporary files and ends with 128 and the signal's number.";

/// The exit status of `fold`.
pub const FOLD: &str = "\
Exit status:
  0  the result was written (what cannot be folded, cannot be judged or fails the verdict stays, which is no error)
  1  the result could not be verified, or differs and no fold is to blame, so nothing was written; or all folds are left out
  2  could not: bad input, bad usage, the system refused; nothing was written";

/// The exit status of `verify`.
pub const VERIFY: &str = "\
Exit status:
  0  equal, or equal within rounding
  1  the models differ; with --recheck, the certificate does not hold
  2  could not: not judged, bad input, bad usage; with --strict also if the models were not run";

/// The exit status of `inspect`.
pub const INSPECT: &str = "\
Exit status:
  0  the model was read
  2  could not: bad input, bad usage";

/// The exit status of `check`.
pub const CHECK: &str = "\
Exit status:
  0  nothing is left to fold
  1  something is left to fold; with --strict also what deserves a warning
  2  could not: a file cannot be read, no model was found, bad usage; with --prove also a fold that is wrong";

/// The exit status of `report`.
pub const REPORT: &str = "\
Exit status:
  0  the page was written, and nothing in it differs
  1  the page was written, and the models differ
  2  could not: bad input, bad usage, the system refused; no page was written";

/// The exit status of `sweep`.
pub const SWEEP: &str = "\
Exit status:
  0  no model differs, no model made the program crash (models that could not be run are counted as unverified)
  1  a model differs, or made the program crash
  2  could not: a file cannot be read, no model was found, bad usage";

/// The exit status of `selftest`.
pub const SELFTEST: &str = "\
Exit status:
  0  every fault was found
  1  a fault was taken for a right fold
  2  could not: nothing to fold, a fault that could not be judged, bad input, bad usage";

/// The exit status of `completions` and `man`.
pub const WRITTEN: &str = "\
Exit status:
  0  it was written
  2  could not: bad usage, the system refused";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_says_what_the_help_says() {
        let page = include_str!("../../docs/exit-status.md");
        for text in [ALL, FOLD, VERIFY, INSPECT, CHECK, SWEEP, SELFTEST, WRITTEN] {
            assert!(page.contains(text), "not in docs/exit-status.md:\n{text}");
        }
    }
}
