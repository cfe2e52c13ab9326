//! Both models run whole, hand in hand: evidence that two files compute the same between and at the places where they differ.
//!
//! The second model runs as it is. The first runs with the result of each site replaced by what the second model had there, so
//! that nothing of a site's rounding reaches what comes after it: everything between sites must then be equal bit for bit. What
//! the first model's own site makes of its input is compared with what the second had, on the scale of the absolute model: the
//! site's nodes with every constant, and the input, replaced by its magnitude.
//!
//! Knows sites as lists of nodes and numbers; it does not know what a fold is.

mod edit;
mod follow;
mod judge;
mod lead;
mod post;
mod sizes;
mod watch;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::path::PathBuf;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::engine::CouldNotRun;
use crate::engine::array::Array;
use crate::engine::bind::{Fixed, InputSpec, Sizes};
use crate::engine::given::Given;
use crate::verify::region::{Settings, Shapes};
use crate::verify::side::Side;
use follow::Follower;
pub(crate) use judge::index as position;
use sizes::{Pair, Runs};

/// What is to be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Relay {
    /// The first model.
    pub before: Side,
    /// The second model.
    pub after: Side,
    /// Whether initializers that are also inputs are taken for constants.
    pub freeze: bool,
    /// Where the models differ.
    pub sites: Vec<SitePlan>,
    /// How many units of roundoff a constant may be off.
    pub units: f64,
    /// The same, for constants that were rounded once.
    pub units_once: f64,
    /// What the user says about sizes.
    pub sizes: Sizes,
    /// Extents that are open in the first model and that its constants fix.
    pub fixed: Fixed,
    /// A file or folder with values for some or all inputs, as [`Given`] reads it.
    pub inputs: Option<PathBuf>,
    /// Folders of the same kind, each for a run more; those that do not fit are left out.
    pub data_sets: Vec<PathBuf>,
    /// Values of both main graphs whose difference is wanted.
    pub taps: Vec<String>,
    /// The seed of the values for the others.
    pub seed: u64,
    /// How many runs with different seeds.
    pub samples: usize,
    /// The largest integer that a site reads in one of the files only: smaller sizes may not show it. 0 if there is none.
    pub beyond: usize,
    /// Bytes that a run may take; 0 says that nobody counts.
    pub memory: u64,
}

/// A place where the models differ.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SitePlan {
    /// Its nodes in the first model.
    pub before: Vec<Member>,
    /// Its nodes in the second model.
    pub after: Vec<Member>,
    /// The values at which both agree again, by name in the graph of the first and of the second model.
    pub outputs: Vec<(String, String)>,
    /// The unit roundoff of its constants.
    pub unit: f64,
    /// How many rounded constants follow one another.
    pub roundings: usize,
    /// The smallest number of its constants' type.
    pub smallest: f64,
    /// How many of its constants lost digits because they are that small.
    pub lost: u64,
    /// The largest magnitude that its second side's constants add.
    pub shift: f64,
    /// The shapes of what it reads, by name in the first model, where they are known from a run.
    pub shapes: Shapes,
    /// What it reads beside data (a computed shape, the first state of a recurrence, where taps read), as a run has found it.
    pub settings: Settings,
    /// Whether its constants say that it is right, at all sizes.
    pub everywhere: bool,
}

/// A node of a site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its number: nodes are counted as they stand in the file, nested graphs right after their node, functions last.
    pub node: usize,
    /// The name of its output in its graph.
    pub output: String,
    /// Which of its inputs are parameters.
    pub parameters: Vec<usize>,
}

/// What came of a [`Relay`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RelayReport {
    /// The inputs with their sizes.
    pub inputs: Vec<InputSpec>,
    /// How many sets of inputs were run.
    pub samples: usize,
    /// Whether values were drawn for any input.
    pub seeded: bool,
    /// The sets of test data that were run, by name.
    pub data_sets: Vec<String>,
    /// What was taken for granted, one sentence each.
    pub assumptions: Vec<String>,
    /// The differences of values that were asked for.
    pub taps: Vec<TapReport>,
    /// Every site that was run; one in a function that is called twice is there twice.
    pub sites: Vec<SiteReport>,
    /// How many outputs were equal bit for bit in all runs.
    pub outputs_equal: usize,
    /// Outputs that were not, each with where.
    pub outputs_apart: Vec<(String, String)>,
}

/// How far a value of the second model is from the first's, each model run by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TapReport {
    /// The value.
    pub value: String,
    /// The largest difference of an element; absent if the values cannot be compared.
    pub largest: Option<f64>,
    /// The largest magnitude in the first model.
    pub magnitude: f64,
    /// Where the largest difference is.
    pub place: Option<String>,
}

/// What came of a site.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SiteReport {
    /// Its position among the sites that were asked for.
    pub plan: usize,
    /// Its first value, with the way to it where it is nested.
    pub value: String,
    /// The largest difference in units of its limit.
    pub worst: f64,
    /// The largest difference in units of the limit for constants that were rounded once.
    pub worst_once: f64,
    /// Where the largest difference was: index, found, expected, limit.
    pub place: Option<String>,
    /// What is wrong there beyond a number.
    pub apart: Option<String>,
    /// Why nothing can be said of it.
    pub unjudged: Option<String>,
    /// The shapes of what it reads, by name in its graph.
    pub shapes: Shapes,
    /// What it reads beside data, by name in its graph, as far as that is small.
    pub settings: Settings,
    /// The same of runs with other sizes.
    pub others: Vec<(Shapes, Settings)>,
}

/// The type in which the products of absolute models are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Digits {
    /// f32: for limits that are not reached.
    Single,
    /// f64.
    Double,
}

/// Up to which share of a limit singles say enough.
const CLEAR: f64 = 0.99;

impl SiteReport {
    /// Whether no digits of a limit would say anything else.
    fn is_clear(&self) -> bool {
        let near = CLEAR..2.0 - CLEAR;
        self.worst < CLEAR && !near.contains(&self.worst_once) && self.apart.is_none() && self.unjudged.is_none()
    }
}

impl Relay {
    /// Runs both models hand in hand, on each set of inputs, with each branch of every If and, where extents are open, with
    /// two sizes for each.
    ///
    /// # Errors
    /// Why one of them could not be run.
    pub fn perform(&self) -> Result<RelayReport, CouldNotRun> {
        match self.performed(Digits::Single) {
            Ok(report) if !report.sites.iter().all(SiteReport::is_clear) => self.performed(Digits::Double),
            // What the engine lacks in one type it may have in the other; all else would be the same again.
            Err(CouldNotRun::Engine(_) | CouldNotRun::Panic(_)) => self.performed(Digits::Double),
            answer => answer,
        }
    }

    fn performed(&self, digits: Digits) -> Result<RelayReport, CouldNotRun> {
        let given = self.inputs.as_deref().map(Given::read).transpose()?.unwrap_or_default();
        let pairs = Pair::all(self, digits)?;
        let mut gathered = Gathered::default();
        let samples = Runs::new(self, &pairs, &given).perform(self.samples, &mut gathered)?;
        for set in &self.data_sets {
            let name = set.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let mut found = Gathered::default();
            match Given::read(set).and_then(|given| Runs::new(self, &pairs, &given).perform(1, &mut found)) {
                Ok(_) => {
                    let specs = std::mem::take(&mut found.report.inputs);
                    gathered.absorb(found, &specs);
                    gathered.report.inputs = specs;
                    gathered.report.data_sets.push(name);
                }
                Err(error) => gathered.report.assumptions.push(format!("{name} does not belong to the model: {error}")),
            }
        }
        let mut report = gathered.report(samples);
        report.assumptions.sort_unstable();
        report.assumptions.dedup();
        Ok(report)
    }

    /// Whether the constants of all sites say that these are right at all sizes.
    fn everywhere(&self) -> bool {
        self.sites.iter().all(|site| site.everywhere)
    }
}

fn gone(name: &str) -> CouldNotRun {
    CouldNotRun::Model(format!("the run gave no value for `{name}`"))
}

/// What a thread says that was stopped as another could not go on.
const STOPPED: &str = "it was stopped, as another run was";

/// The value of an input.
fn given(values: &BTreeMap<String, Arc<Array>>, name: &str) -> Result<Arc<Array>, CouldNotRun> {
    values.get(name).cloned().ok_or_else(|| gone(name))
}

/// Results of several runs, merged.
#[derive(Default)]
struct Gathered {
    sites: BTreeMap<(usize, String), SiteReport>,
    outputs: BTreeMap<String, Option<String>>,
    report: RelayReport,
}

impl Gathered {
    fn site(&mut self, report: SiteReport) {
        match self.sites.entry((report.plan, report.value.clone())) {
            Entry::Vacant(entry) => {
                entry.insert(report);
            }
            Entry::Occupied(mut entry) => {
                let old = entry.get_mut();
                if report.worst > old.worst || old.place.is_none() {
                    old.place = report.place;
                }
                old.worst = old.worst.max(report.worst);
                old.worst_once = old.worst_once.max(report.worst_once);
                old.apart = old.apart.take().or(report.apart);
                old.unjudged = old.unjudged.take().or(report.unjudged);
                let found = (report.shapes, report.settings);
                if old.shapes != found.0 && old.others.iter().all(|(shapes, _)| *shapes != found.0) {
                    old.others.push(found);
                }
                old.others.extend(report.others);
            }
        }
    }

    fn tap(&mut self, found: TapReport) {
        match self.report.taps.iter_mut().find(|tap| tap.value == found.value) {
            Some(tap) if tap.largest.is_some_and(|old| found.largest.is_none_or(|new| new > old)) => *tap = found,
            Some(_) => {}
            None => self.report.taps.push(found),
        }
    }

    fn output(&mut self, name: &str, apart: Option<String>) {
        let old = self.outputs.entry(name.to_owned()).or_default();
        *old = old.take().or(apart);
    }

    /// An opaque node that does not read the same in both models: its few bits may be equal all the same.
    fn apart(&mut self, name: &str, why: String) {
        self.outputs.insert(name.to_owned(), Some(why));
    }

    /// Takes in what was found with inputs of these sizes.
    fn absorb(&mut self, found: Gathered, specs: &[InputSpec]) {
        found.sites.into_values().for_each(|site| self.site(site));
        found.report.taps.into_iter().for_each(|tap| self.tap(tap));
        found.outputs.into_iter().for_each(|(name, apart)| self.output(&name, apart));
        self.report.seeded |= found.report.seeded;
        self.report.assumptions.extend(found.report.assumptions);
        if self.report.inputs.is_empty() {
            self.report.inputs = specs.to_vec();
        }
        // Each size that was taken for an open extent is told.
        for (known, spec) in self.report.inputs.iter_mut().zip(specs) {
            for size in &spec.assumed {
                if !known.assumed.contains(size) {
                    known.assumed.push(size.clone());
                }
            }
        }
    }

    fn report(self, samples: usize) -> RelayReport {
        let mut report = self.report;
        report.samples = samples;
        report.sites = self.sites.into_values().collect();
        report.outputs_equal = self.outputs.values().filter(|apart| apart.is_none()).count();
        report.outputs_apart = self.outputs.into_iter().filter_map(|(name, apart)| Some((name, apart?))).collect();
        report
    }
}
