//! What the process that runs models can be asked: a job in, a report out, no tensors.

use std::path::PathBuf;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::alone::{RegionReport, Regions};
use super::pair::{Pair, PairReport};
use super::relay::{Relay, RelayReport};
use crate::beside::{OwnReport, OwnType};
use crate::engine::CouldNotRun;
use crate::engine::array::{Array, Data};
use crate::engine::bind::{InputSpec, Sizes};
use crate::engine::flatten::Branch;
use crate::engine::given::Given;
use crate::engine::inputs::seeded_inputs;
use crate::engine::load::load;
use crate::engine::prepare::prepare;
use crate::engine::run::Loaded;
use crate::verify::side::Side;

/// A request to the process that runs models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Job {
    /// Run one model whole.
    Whole(Whole),
    /// Run the places where two models differ, each alone.
    Regions(Regions),
    /// Run two models hand in hand.
    Relay(Relay),
    /// Run two models side by side, in f64.
    Pair(Pair),
    /// Run two models side by side, each in the types that it has.
    OwnType(OwnType),
}

/// The answer to a [`Job`], of the same name.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// How a model ran: once, or once for each branch if it has an If.
    Whole(Vec<WholeReport>),
    /// What came of the places where two models differ.
    Regions(Vec<RegionReport>),
    /// What came of two models.
    Relay(RelayReport),
    /// Where the outputs of two models differ.
    Pair(PairReport),
    /// How far two models are from each other.
    OwnType(OwnReport),
}

/// Which model to run, and on what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whole {
    /// The model's file; its external data lies beside it.
    pub model: PathBuf,
    /// What the user says about sizes.
    pub sizes: Sizes,
    /// A file or folder with values for some or all inputs, as [`crate::engine::Given`] reads it.
    pub inputs: Option<PathBuf>,
    /// The seed of the values for the others.
    pub seed: u64,
}

/// How a model ran.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WholeReport {
    /// The inputs with their sizes.
    pub inputs: Vec<InputSpec>,
    /// The outputs.
    pub outputs: Vec<Summary>,
    /// What was taken for granted, one sentence each.
    pub assumptions: Vec<String>,
    /// The nodes that ran with the 24 bits of f32, by the first value that each makes.
    pub narrow: Vec<String>,
    /// The time from the file to the engine's plan.
    pub load_seconds: f64,
    /// The time of the run itself.
    pub run_seconds: f64,
}

/// An output in numbers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// The output's name.
    pub name: String,
    /// Its shape.
    pub dims: Vec<usize>,
    /// How many elements are NaN.
    pub nan: usize,
    /// How many elements are infinite.
    pub infinite: usize,
    /// The largest finite magnitude.
    pub largest: f64,
}

impl Job {
    /// Does the job in this process.
    ///
    /// # Errors
    /// Why the model could not be run.
    pub fn perform(&self) -> Result<Outcome, CouldNotRun> {
        match self {
            Job::Whole(whole) => whole.run().map(Outcome::Whole),
            Job::Regions(regions) => regions.perform().map(Outcome::Regions),
            Job::Relay(relay) => relay.perform().map(Outcome::Relay),
            Job::Pair(pair) => pair.perform().map(Outcome::Pair),
            Job::OwnType(own) => own.perform().map(Outcome::OwnType),
        }
    }
}

impl Whole {
    fn run(&self) -> Result<Vec<WholeReport>, CouldNotRun> {
        let given = self.inputs.as_deref().map(Given::read).transpose()?.unwrap_or_default();
        let (first, branches) = self.branch(Branch::Then, &given)?;
        let mut reports = vec![first];
        if branches {
            reports.push(self.branch(Branch::Else, &given)?.0);
        }
        Ok(reports)
    }

    fn branch(&self, branch: Branch, given: &Given) -> Result<(WholeReport, bool), CouldNotRun> {
        let start = Instant::now();
        let mut prepared = prepare(load(&Side::of(&self.model))?, branch)?;
        prepared.sized(&self.sizes);
        let (assumptions, branches) = (prepared.assumptions.clone(), prepared.branches);
        let narrow = prepared.narrow.clone();
        let loaded = Loaded::parse(prepared, &[])?;
        let given = given.by_name(&loaded.inputs())?;
        let (inputs, run) = loaded.fit(&self.sizes.with(&given))?;
        let values = seeded_inputs(&inputs, self.seed, &given)?;
        let load_seconds = start.elapsed().as_secs_f64();
        let start = Instant::now();
        let outputs = run.run(&values)?;
        let run_seconds = start.elapsed().as_secs_f64();
        let outputs = outputs.iter().map(|(name, value)| summary(name, value)).collect();
        let report = WholeReport { inputs, outputs, assumptions, narrow, load_seconds, run_seconds };
        Ok((report, branches))
    }
}

fn summary(name: &str, value: &Array) -> Summary {
    let mut summary = Summary { name: name.to_owned(), dims: value.dims.clone(), nan: 0, infinite: 0, largest: 0.0 };
    let mut count = |number: f64| {
        if number.is_nan() {
            summary.nan += 1;
        } else if number.is_infinite() {
            summary.infinite += 1;
        } else {
            summary.largest = summary.largest.max(number.abs());
        }
    };
    match &value.data {
        Data::Float(all) => all.iter().for_each(|&number| count(number)),
        Data::Int(all) => all.iter().for_each(|&number| count(number as f64)),
        Data::Bool(all) => all.iter().for_each(|&truth| count(u8::from(truth).into())),
    }
    summary
}
