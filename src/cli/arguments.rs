//! What the user may say.

use std::path::PathBuf;

use bnfold::ExternalData;
use clap::{Args, Parser, Subcommand, ValueEnum};

pub use super::planning::Planning;
pub use super::runs::Runs;
use super::status;

/// Removes BatchNormalization from trained ONNX models and proves that the model still computes the same.
#[derive(Debug, Parser)]
#[command(name = "bnfold", version, about, after_help = status::ALL, propagate_version = false, max_term_width = 100)]
pub struct Arguments {
    #[command(flatten)]
    pub common: Common,
    #[command(subcommand)]
    pub verb: Verb,
}

/// What every verb understands.
#[derive(Args, Debug)]
pub struct Common {
    /// How results are written; all but text and json by `check` alone
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Output")]
    pub format: Format,
    /// Say only what is wrong
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true, overrides_with = "verbose", help_heading = "Output")]
    pub verbose: bool,
    /// Colours; `auto` obeys NO_COLOR and CLICOLOR_FORCE
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    pub color: Color,
}

// The values are not documented one by one: clap would spread every option of the help over several lines.
/// How results are written: for people, or for programs; all but the first two for `check` alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
    Github,
    Sarif,
    Junit,
    Markdown,
}

/// When text is coloured; `auto` means on a terminal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Fold a model, verify the result, write it
    #[command(after_help = status::FOLD)]
    Fold(Fold),
    /// Judge whether two models compute the same
    #[command(after_help = status::VERIFY)]
    Verify(Verify),
    /// List what can be folded into what, and why the rest stays
    #[command(after_help = status::INSPECT)]
    Inspect(Inspect),
    /// Look for models in which something is left to fold; writes nothing
    #[command(after_help = status::CHECK)]
    Check(Check),
    /// Write a page to look at: what folds into what, the numbers of the maps, and the verdict
    #[command(after_help = status::REPORT)]
    Report(Report),
    /// Fold and verify every model under folders, each in a process of its own
    #[command(after_help = status::SWEEP)]
    Sweep(Sweep),
    /// Seed faults of every kind into a model's folds, to see that each is found
    #[command(after_help = status::SELFTEST)]
    Selftest(Selftest),
    /// Write a script that lets a shell complete options and names of commands
    #[command(after_help = status::WRITTEN)]
    Completions(Completions),
    /// Write a page of the manual
    #[command(after_help = status::WRITTEN)]
    Man(Man),
}

/// Arguments of `fold`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("target"))]
pub struct Fold {
    /// The model; `-` is standard input. With --in-place, --out-dir or --dry-run also several, folders, or patterns
    #[arg(required = true, value_name = "MODEL")]
    pub models: Vec<PathBuf>,
    /// Where the result goes; `-` is standard output, and the report goes to standard error
    #[arg(short, long, value_name = "OUT", group = "target")]
    pub output: Option<PathBuf>,
    /// Replace the model
    #[arg(long, group = "target")]
    pub in_place: bool,
    /// Put the results into this folder, named as the models are
    #[arg(long, value_name = "FOLDER", group = "target")]
    pub out_dir: Option<PathBuf>,
    /// Fold and verify, and write nothing, whatever else is said about the target
    #[arg(long)]
    pub dry_run: bool,
    /// List what changes in the model; without a target nothing is written
    #[arg(long)]
    pub diff: bool,
    /// Where weights in side files go: copied (keep), the original's and one side file with what changes (share), into the model
    /// (inline), or with all large weights into one side file of this name
    #[arg(long, value_name = "keep|share|inline|FILE", default_value = "keep", hide_default_value = true, value_parser = external)]
    pub external_data: ExternalData,
    /// Write the result without verifying it
    #[arg(long, conflicts_with = "allow_unverified")]
    pub no_verify: bool,
    /// Write the result also if it could not be verified; never if it differs
    #[arg(long)]
    pub allow_unverified: bool,
    /// Leave out folds that fail the verdict, which is always done
    #[arg(long, hide = true, conflicts_with = "no_verify")]
    pub drop_failing: bool,
    /// Save the first fold that is wrong into this folder: before.onnx, after.onnx, input.npz
    #[arg(long, value_name = "FOLDER", conflicts_with = "no_verify")]
    pub save_failure: Option<PathBuf>,
    /// Write what was shown about the result, bound to both files by their hashes, to this file
    #[arg(long, value_name = "FILE", conflicts_with = "no_verify")]
    pub certificate: Option<PathBuf>,
    /// Wait until the result is on the disk
    #[arg(long)]
    pub fsync: bool,
    #[command(flatten)]
    pub planning: Planning,
    #[command(flatten)]
    pub runs: Runs,
}

/// Arguments of `verify`.
#[derive(Args, Debug)]
pub struct Verify {
    /// The model as it was
    #[arg(required_unless_present = "recheck")]
    pub before: Option<PathBuf>,
    /// The model as it is now
    #[arg(required_unless_present = "recheck")]
    pub after: Option<PathBuf>,
    /// Demand that each folded constant was computed in double precision and rounded once
    #[arg(long)]
    pub exact: bool,
    /// Accept no verdict for which the models were not run
    #[arg(long)]
    pub strict: bool,
    /// Treat initializers that are also inputs as constants
    #[arg(long)]
    pub freeze_initializers: bool,
    /// Write what was shown, bound to both files by their hashes, to this file
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// Save the first fold that is wrong into this folder: before.onnx, after.onnx, input.npz
    #[arg(long, value_name = "FOLDER")]
    pub save_failure: Option<PathBuf>,
    /// Judge again what a certificate says, under its conditions; files given here replace those named in it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["certificate", "save_failure", "exact", "strict", "freeze_initializers"])]
    pub recheck: Option<PathBuf>,
    #[command(flatten)]
    pub runs: Runs,
}

/// Arguments of `inspect`.
#[derive(Args, Debug)]
pub struct Inspect {
    /// The model; `-` is standard input
    pub model: PathBuf,
    #[command(flatten)]
    pub planning: Planning,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct Check {
    /// Models, folders with models, or patterns like 'models/**/*.onnx' [default: `paths` of bnfold.toml]
    #[arg(value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Fold and verify each model as `fold` would, write nothing, and count only what would be written
    #[arg(long)]
    pub prove: bool,
    /// Count these operators alone, for example BatchNormalization
    #[arg(long, value_delimiter = ',', value_name = "OPERATORS", help_heading = "Findings")]
    pub operators: Vec<String>,
    /// Count what only deserves a warning, too: training form, broken statistics, parameters that callers may override
    #[arg(long, help_heading = "Findings")]
    pub strict: bool,
    /// Say nothing of what stays for this reason
    #[arg(long, value_name = "REASON", value_parser = allowed(), help_heading = "Findings")]
    pub allow: Vec<String>,
    /// A model that a fold would make larger by more than this is no finding
    #[arg(long, value_name = "PERCENT", value_parser = percent, help_heading = "Findings")]
    pub max_growth: Option<f64>,
    /// Report only what this file does not know [default: bnfold-baseline.json where there is one]
    #[arg(long, value_name = "FILE", help_heading = "Findings")]
    pub baseline: Option<PathBuf>,
    /// Write what is found to the baseline
    #[arg(long, help_heading = "Findings")]
    pub write_baseline: bool,
    /// Read options from this file [default: bnfold.toml in this folder or above]
    #[arg(long, value_name = "FILE", conflicts_with = "no_config", help_heading = "Findings")]
    pub config: Option<PathBuf>,
    /// Read no bnfold.toml
    #[arg(long, help_heading = "Findings")]
    pub no_config: bool,
    #[command(flatten)]
    pub planning: Planning,
    #[command(flatten)]
    pub runs: Runs,
}

fn allowed() -> clap::builder::PossibleValuesParser {
    bnfold::report::WORTH_A_LOOK.iter().map(|reason| reason.code()).into()
}

fn external(text: &str) -> Result<ExternalData, String> {
    text.parse().map_err(|error: bnfold::Error| error.to_string())
}

fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim_end_matches('%').trim().parse::<f64>().ok().filter(|number| *number >= 0.0);
    number.ok_or_else(|| format!("`{text}` is no percentage; give a number from 0 on"))
}

/// Arguments of `report`.
#[derive(Args, Debug)]
pub struct Report {
    /// The model; `-` is standard input
    pub before: PathBuf,
    /// The model as it is now; without it a fold is tried, which is not kept
    pub after: Option<PathBuf>,
    /// Where the page goes; `-` is standard output
    #[arg(short, long, value_name = "PAGE")]
    pub output: Option<PathBuf>,
    /// Show what would be folded without verifying it
    #[arg(long, conflicts_with = "after")]
    pub no_verify: bool,
    #[command(flatten)]
    pub planning: Planning,
    #[command(flatten)]
    pub runs: Runs,
}

/// Arguments of `sweep`.
#[derive(Args, Debug)]
pub struct Sweep {
    /// Models, folders with models, or patterns; with --merge reports of shards
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Keep the results in this folder, without folds that were not shown to be right
    #[arg(long, value_name = "FOLDER")]
    pub out_dir: Option<PathBuf>,
    /// Only fold
    #[arg(long)]
    pub no_verify: bool,
    /// How many models are looked at at a time
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), value_name = "N")]
    pub jobs: u16,
    /// Look at part K of N parts of the models, for example 2/5, so that N machines do all
    #[arg(long, value_name = "K/N", value_parser = super::sweep::Shard::parse)]
    pub shard: Option<super::sweep::Shard>,
    /// Put the JSON reports of all shards together to one
    #[arg(long, conflicts_with_all = ["out_dir", "shard", "no_verify", "jobs"])]
    pub merge: bool,
    #[command(flatten)]
    pub planning: Planning,
    #[command(flatten)]
    pub runs: Runs,
}

/// Arguments of `completions`.
#[derive(Args, Debug)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Args, Debug)]
pub struct Man {
    /// A command, for example fold; without it the page is that of the program
    pub command: Option<String>,
}

/// Arguments of `selftest`.
#[derive(Args, Debug)]
pub struct Selftest {
    /// The model; `-` is standard input
    pub model: PathBuf,
    /// How many faults; each is judged, which takes a moment to some seconds
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    pub count: u16,
    #[command(flatten)]
    pub planning: Planning,
    #[command(flatten)]
    pub runs: Runs,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }
}
