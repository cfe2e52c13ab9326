//! What was found and done, as data: counts, sites, verdicts, each a plain struct that programs and people read.
//!
//! Reports are computed from a plan and from the messages of a file. Nothing here reads weights, decides what is folded or
//! judges the result; what is printed where is the command line's concern.

mod census;
pub mod certificate;
mod check;
mod engines;
pub mod evidence;
mod fold;
#[cfg(feature = "cli")]
pub mod html;
mod inspect;
mod interface;
mod selftest;
mod site;
#[cfg(feature = "cli")]
pub mod text;
mod verify;

pub use census::Census;
pub use check::{BaselineFile, CheckReport, CheckedFile, WORTH_A_LOOK, Warning, warnings};
pub use engines::{EngineNote, EnginesReport, engines};
pub use fold::{FoldReport, FoldReports, Folded, KeptGroup, LeftOut};
pub use inspect::{InspectReport, SweepOutcome, SweepReport, SweptModel};
pub use interface::{Interface, interfaces};
pub use selftest::{Counts, FaultKind, SelftestReport};
pub use site::{Direction, Fate, NodeName, Refusal, SiteReport, site_nodes, sites};
pub use verify::{RecheckReport, VerifyReport};

/// The version of this program, which every report carries.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Name and version of a report's layout. The number rises when a key changes its meaning or goes.
pub fn schema(report: &str) -> String {
    // Layout 1 of `check` counted what may be overridden; layout 2 has warnings instead.
    let version = if report == "check" { 2 } else { 1 };
    format!("bnfold.{report}/{version}")
}
