//! What the user may say.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub use super::planning::Planning;
use super::{failure, status};
use bnfold::verify::{Tier, VerifyOptions};

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
    /// How results are written, for people or for programs
    #[arg(long, global = true, value_enum, default_value_t, value_name = "FORMAT", help_heading = "Output")]
    pub format: Format,
    /// Say only what is wrong
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Output")]
    pub quiet: bool,
    /// Say more
    #[arg(short, long, global = true, action = clap::ArgAction::Count, help_heading = "Output")]
    pub verbose: u8,
    /// Colours; `auto` obeys NO_COLOR and CLICOLOR_FORCE
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN", help_heading = "Output")]
    pub color: Color,
}

// The values are not documented one by one: clap would spread every option of the help over several lines.
/// How results are written: for people, or for programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    #[default]
    Text,
    Json,
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
    /// Fold and verify every model under folders, each in a process of its own
    #[command(after_help = status::SWEEP)]
    Sweep(Sweep),
    /// Seed faults of every kind into a model's folds, to see that each is found
    #[command(after_help = status::SELFTEST)]
    Selftest(Selftest),
}

/// Arguments of `fold`.
#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("target").required(true))]
pub struct Fold {
    /// The model; `-` is standard input
    pub model: PathBuf,
    /// Where the result goes; `-` is standard output, and the report goes to standard error
    #[arg(short, long, value_name = "OUT", group = "target")]
    pub output: Option<PathBuf>,
    /// Replace the model
    #[arg(long, group = "target")]
    pub in_place: bool,
    /// Write the result without verifying it
    #[arg(long, conflicts_with = "allow_unverified")]
    pub no_verify: bool,
    /// Write the result also if it could not be verified; never if it differs
    #[arg(long)]
    pub allow_unverified: bool,
    /// Leave out folds that fail the verdict, which is always done
    #[arg(long, hide = true, conflicts_with = "no_verify")]
    pub drop_failing: bool,
    /// Save the first fold that is wrong into this folder, as a small pair of models with an input
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

impl Fold {
    /// What `fold` does with these options where nothing is written.
    pub fn unwritten(model: PathBuf, planning: Planning, runs: Runs) -> Fold {
        Fold {
            model,
            output: None,
            in_place: false,
            no_verify: false,
            allow_unverified: false,
            drop_failing: false,
            save_failure: None,
            certificate: None,
            fsync: false,
            planning,
            runs,
        }
    }
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
    /// Take initializers that are also inputs for constants
    #[arg(long)]
    pub freeze_initializers: bool,
    /// Write what was shown, bound to both files by their hashes, to this file
    #[arg(long, value_name = "FILE")]
    pub certificate: Option<PathBuf>,
    /// Save the first fold that is wrong into this folder, as a small pair of models with an input
    #[arg(long, value_name = "FOLDER")]
    pub save_failure: Option<PathBuf>,
    /// Judge again what a certificate says, under its conditions; models that are named stand for its own
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
    /// Models, or folders with models
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Fold and verify each model as `fold` would, write nothing, and count only what would be written
    #[arg(long)]
    pub prove: bool,
    #[command(flatten)]
    pub planning: Planning,
    #[command(flatten)]
    pub runs: Runs,
}

/// Arguments of `sweep`.
#[derive(Args, Debug)]
pub struct Sweep {
    /// Models, or folders with models
    #[arg(required = true, value_name = "PATH")]
    pub paths: Vec<PathBuf>,
    /// Keep the results in this folder
    #[arg(long, value_name = "FOLDER")]
    pub out_dir: Option<PathBuf>,
    /// Only fold
    #[arg(long)]
    pub no_verify: bool,
    #[command(flatten)]
    pub planning: Planning,
    #[command(flatten)]
    pub runs: Runs,
}

/// Arguments of `selftest`.
#[derive(Args, Debug)]
pub struct Selftest {
    /// The model; `-` is standard input
    pub model: PathBuf,
    /// How many faults
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..))]
    pub count: u16,
    #[command(flatten)]
    pub planning: Planning,
    #[command(flatten)]
    pub runs: Runs,
}

/// How models are run to verify them.
#[derive(Args, Clone, Debug)]
pub struct Runs {
    /// The size of a symbolic dimension
    #[arg(long, value_name = "NAME=SIZE", value_parser = dim, help_heading = "Verification")]
    pub dim: Vec<(String, usize)>,
    /// The shape of an input, for example data:1,3,224,224 or data:1x3x224x224
    #[arg(long, value_name = "NAME:DIMS", value_parser = shape, help_heading = "Verification")]
    pub input_shape: Vec<(String, Vec<usize>)>,
    /// The shape of a value that an operator makes whose meaning is not known, for example p:1,16,8,8
    #[arg(long, value_name = "NAME:DIMS", value_parser = shape, help_heading = "Verification")]
    pub value_shape: Vec<(String, Vec<usize>)>,
    /// Inputs to run with instead of synthetic ones: npz, npy, pb, or a folder of them
    #[arg(long, value_name = "PATH", help_heading = "Verification")]
    pub inputs: Option<PathBuf>,
    /// The seed of synthetic inputs
    #[arg(long, default_value_t = 0, help_heading = "Verification")]
    pub seed: u64,
    /// How many sets of synthetic inputs
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..), help_heading = "Verification")]
    pub samples: u16,
    /// Report how far this value of the second model is from the first's
    #[arg(long, value_name = "NAME", help_heading = "Verification")]
    pub tap: Vec<String>,
    /// Leave out runs of each fold alone and in the models' own types
    #[arg(long, help_heading = "Verification")]
    pub quick: bool,
    /// Run both models by this library of onnxruntime, too, and report how far they are from each other
    #[cfg(feature = "ort")]
    #[arg(long, value_name = "PATH", help_heading = "Verification")]
    pub ort_lib: Option<PathBuf>,
    /// How long a run may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Verification")]
    pub timeout: u64,
    /// How much memory a run may take, for example 6G or 800M [default: half of what is free]
    #[arg(long, value_name = "SIZE", value_parser = memory, help_heading = "Verification")]
    pub memory: Option<u64>,
}

impl Runs {
    pub fn options(&self, tier: Tier) -> VerifyOptions {
        VerifyOptions {
            tier,
            dims: self.dim.clone(),
            shapes: self.input_shape.clone(),
            values: self.value_shape.clone(),
            inputs: self.inputs.clone(),
            taps: self.tap.clone(),
            seed: self.seed,
            samples: usize::from(self.samples),
            timeout: self.timeout,
            memory: self.memory,
            regions: !self.quick,
            own_type: !self.quick,
            #[cfg(feature = "ort")]
            ort_library: self.ort_lib.clone(),
            runner: bnfold::verify::Runner::Itself,
            ..VerifyOptions::default()
        }
    }

    /// What differs from the defaults, as a person would type it.
    pub fn quoted(&self) -> Vec<String> {
        let usual = ["--seed=0", "--samples=1", "--timeout=600"];
        let words = self.arguments().into_iter().filter(|word| !usual.iter().any(|usual| word == usual));
        words.map(|word| failure::word(&word)).collect()
    }

    /// The same as arguments, for a process of our own.
    pub fn arguments(&self) -> Vec<std::ffi::OsString> {
        let mut arguments: Vec<std::ffi::OsString> = Vec::new();
        for (name, size) in &self.dim {
            arguments.push(format!("--dim={name}={size}").into());
        }
        for (option, shapes) in [("input", &self.input_shape), ("value", &self.value_shape)] {
            for (name, dims) in shapes {
                let dims: Vec<String> = dims.iter().map(usize::to_string).collect();
                arguments.push(format!("--{option}-shape={name}:{}", dims.join(",")).into());
            }
        }
        arguments.extend(self.tap.iter().map(|name| format!("--tap={name}").into()));
        if self.quick {
            arguments.push("--quick".into());
        }
        #[cfg(feature = "ort")]
        if let Some(library) = &self.ort_lib {
            arguments.extend(["--ort-lib".into(), library.clone().into_os_string()]);
        }
        if let Some(inputs) = &self.inputs {
            arguments.extend(["--inputs".into(), inputs.clone().into_os_string()]);
        }
        arguments.extend(self.memory.map(|memory| format!("--memory={memory}").into()));
        let numbers = [("--seed", self.seed), ("--samples", u64::from(self.samples)), ("--timeout", self.timeout)];
        arguments.extend(numbers.iter().map(|(name, number)| format!("{name}={number}").into()));
        arguments
    }
}

fn size(text: &str) -> Result<usize, String> {
    match text.trim().parse::<usize>() {
        Ok(0) | Err(_) => Err(format!("`{text}` is not a size; give a whole number from 1 on")),
        Ok(size) => Ok(size),
    }
}

/// Bytes, or with a letter behind the number thousands of them, counted as 1024.
fn memory(text: &str) -> Result<u64, String> {
    let text = text.trim().trim_end_matches(['B', 'b']).trim_end_matches(['i', 'I']);
    let (number, unit) = match text.char_indices().last() {
        Some((at, letter)) if letter.is_ascii_alphabetic() => (text.get(..at).unwrap_or_default(), letter.to_ascii_uppercase()),
        _ => (text, ' '),
    };
    let shift = [' ', 'K', 'M', 'G', 'T'].iter().position(|known| *known == unit);
    let bytes = number.trim().parse::<u64>().ok().zip(shift).and_then(|(number, by)| number.checked_mul(1 << (10 * by)));
    bytes.filter(|bytes| *bytes > 0).ok_or_else(|| format!("`{text}` is no amount of memory; give for example 6G or 800M"))
}

/// Names may contain `=`, sizes not.
fn dim(text: &str) -> Result<(String, usize), String> {
    match text.rsplit_once('=') {
        Some((name, number)) if !name.is_empty() => Ok((name.to_owned(), size(number)?)),
        _ => Err("give the dimension's name and its size, for example batch=1".to_owned()),
    }
}

/// Names may contain `:`, shapes not. A scalar has no dimensions.
fn shape(text: &str) -> Result<(String, Vec<usize>), String> {
    match text.rsplit_once(':') {
        Some((name, "")) if !name.is_empty() => Ok((name.to_owned(), vec![])),
        Some((name, dims)) if !name.is_empty() => {
            let between = if dims.contains(',') { ',' } else { 'x' };
            Ok((name.to_owned(), dims.split(between).map(size).collect::<Result<_, _>>()?))
        }
        _ => Err("give the input's name and its shape, for example data:1,3,224,224".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        use clap::CommandFactory as _;
        Arguments::command().debug_assert();
    }

    #[test]
    fn dims_and_shapes_are_split_at_the_last_sign() {
        assert_eq!(dim("a=b=3"), Ok(("a=b".to_owned(), 3)));
        assert_eq!(shape("input:0:1,3,2"), Ok(("input:0".to_owned(), vec![1, 3, 2])));
        assert_eq!(shape("input:0:1x3x2"), Ok(("input:0".to_owned(), vec![1, 3, 2])));
        assert_eq!(shape("x:"), Ok(("x".to_owned(), vec![])));
        assert!(dim("=3").is_err() && dim("a=0").is_err() && dim("a").is_err());
        assert!(shape("x").is_err() && shape("x:1,,2").is_err() && shape("x:-1").is_err());
    }

    #[test]
    fn runs_can_be_handed_to_another_process() {
        let given = [
            "bnfold",
            "sweep",
            "m",
            "--dim",
            "n=2",
            "--input-shape",
            "x:1,2",
            "--inputs",
            "i.npz",
            "--samples",
            "3",
            "--tap",
            "t",
        ];
        let Verb::Sweep(sweep) = Arguments::parse_from(given).verb else { panic!() };
        let again = ["bnfold", "sweep", "m"].map(std::ffi::OsString::from).into_iter().chain(sweep.runs.arguments());
        let Verb::Sweep(same) = Arguments::parse_from(again).verb else { panic!() };
        assert_eq!(format!("{:?}", sweep.runs), format!("{:?}", same.runs));
    }
}
