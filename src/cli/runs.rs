//! What the user may say about the runs that verify a model, and the same as words of a command.

use std::path::PathBuf;

use clap::Args;

use super::planning::Planning;

use bnfold::api::shell;
use bnfold::verify::{Tier, VerifyOptions};

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
    /// The same with all optimisations of onnxruntime, as it runs where a model is deployed
    #[cfg(feature = "ort")]
    #[arg(long, requires = "ort_lib", help_heading = "Verification")]
    pub ort_optimised: bool,
    /// How long a run may take
    #[arg(long, value_name = "SECONDS", default_value_t = 600, value_parser = clap::value_parser!(u64).range(1..), help_heading = "Verification")]
    pub timeout: u64,
    /// How much memory a run may take, for example 6G or 800M [default: half of what is free]
    #[arg(long, value_name = "SIZE", value_parser = memory, help_heading = "Verification")]
    pub memory: Option<u64>,
}

impl Runs {
    /// How a fold with these choices is judged.
    pub fn of_fold(&self, planning: &Planning) -> VerifyOptions {
        VerifyOptions { freeze: planning.freeze_initializers, ..self.options(Tier::Own) }
    }

    /// How two files are judged.
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
            #[cfg(feature = "ort")]
            ort_optimised: self.ort_optimised,
            runner: bnfold::verify::Runner::Itself,
            ..VerifyOptions::default()
        }
    }

    /// What differs from the defaults, as a person would type it.
    pub fn quoted(&self) -> Vec<String> {
        let usual = ["--seed=0", "--samples=1", "--timeout=600"];
        let words = self.arguments().into_iter().filter(|word| !usual.iter().any(|usual| word == usual));
        words.map(|word| shell::word(&word)).collect()
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
            arguments.extend(self.ort_optimised.then(|| "--ort-optimised".into()));
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
    use clap::Parser as _;

    use super::super::arguments::{Arguments, Verb};
    use super::*;

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
