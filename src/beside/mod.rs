//! Both models run whole in the types that they have, as they are used, and how far their outputs are from each other.
//!
//! Rounding differs between right models, and nets amplify it, so there is no limit that such a difference could be held
//! against. It is information and no judgement, but for one thing: where nothing else decides and the second model's numbers
//! overflow where the first's do not, that is a difference.

mod compare;
#[cfg(feature = "ort")]
mod onnxruntime;
mod tract;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::engine::array::Array;
use crate::engine::bind::{Asked, InputSpec, Sizes, choices};
use crate::engine::flatten::Branch;
use crate::engine::given::Given;
use crate::engine::inputs::{enlarge, seeded_inputs};
use crate::engine::{CouldNotRun, beside};
use crate::onnx::ModelProto;
use crate::verify::OwnOutput;
use crate::verify::side::Side;

/// What runs the models.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// The engine that is built in.
    Tract,
    /// onnxruntime.
    #[cfg(feature = "ort")]
    Onnxruntime {
        /// The file of its library.
        library: PathBuf,
        /// Whether with all its optimisations, as it is deployed, or with none.
        optimised: bool,
    },
}

/// What is to be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnType {
    /// The first model.
    pub before: Side,
    /// The second model.
    pub after: Side,
    /// What is known about sizes.
    pub sizes: Sizes,
    /// A file or folder with values for some or all inputs, as [`Given`] reads it.
    pub inputs: Option<PathBuf>,
    /// Folders of the same kind, each for a run more; those that do not fit are left out.
    pub data_sets: Vec<PathBuf>,
    /// The seed of the values for the others.
    pub seed: u64,
    /// How many runs with different seeds.
    pub samples: usize,
    /// Whether large numbers are run, too, to see whether they overflow in the second model alone.
    pub large: bool,
    /// What runs the models.
    pub engine: Engine,
}

/// What came of an [`OwnType`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct OwnReport {
    /// The engine and its version.
    pub engine: String,
    /// How many sets of inputs were run.
    pub samples: usize,
    /// The inputs of the first set with their sizes.
    pub inputs: Vec<InputSpec>,
    /// What was taken for granted, one sentence each.
    pub assumptions: Vec<String>,
    /// Every output.
    pub outputs: Vec<OwnOutput>,
}

/// A model in an engine.
trait InEngine: Send {
    /// The inputs and outputs as they were declared.
    fn signature(&self) -> &ModelProto;

    /// Makes it ready for inputs of these sizes, without running it.
    fn ready(&mut self, specs: &[InputSpec]) -> Result<(), CouldNotRun>;

    /// Runs it with inputs of these sizes and values. Returns its outputs.
    fn run(&mut self, specs: &[InputSpec], values: &BTreeMap<String, Array>) -> Result<BTreeMap<String, Array>, CouldNotRun>;
}

/// The first and the second model.
type Pair = (Box<dyn InEngine>, Box<dyn InEngine>);

impl OwnType {
    /// Runs both models at the same time, on each set of inputs; where the engine knows one branch of an If, with each.
    ///
    /// # Errors
    /// Why one of them could not be run.
    pub fn perform(&self) -> Result<OwnReport, CouldNotRun> {
        let mut report = OwnReport::default();
        let (samples, branches) = match &self.engine {
            Engine::Tract => {
                report.engine = crate::engine::ENGINE.to_owned();
                let (mut pair, branches, assumptions) = self.tract(Branch::Then)?;
                report.assumptions = assumptions;
                (self.sets(&mut pair, &mut report)?, branches)
            }
            #[cfg(feature = "ort")]
            Engine::Onnxruntime { library, optimised } => {
                report.engine = onnxruntime::load(library)? + if *optimised { ", optimised" } else { "" };
                let open = |side: &Side| onnxruntime::Session::open(side, *optimised);
                let (a, b) = beside(|| open(&self.before), || open(&self.after));
                let mut pair: Pair = (Box::new(a?), Box::new(of("second", b)?));
                (self.sets(&mut pair, &mut report)?, false)
            }
        };
        if branches {
            let (mut pair, ..) = self.tract(Branch::Else)?;
            self.sets(&mut pair, &mut report)?;
        }
        report.samples = samples;
        report.assumptions.sort_unstable();
        report.assumptions.dedup();
        Ok(report)
    }

    fn tract(&self, branch: Branch) -> Result<(Pair, bool, Vec<String>), CouldNotRun> {
        let open = |side: &Side| tract::Typed::open(side, branch);
        let (a, b) = beside(|| open(&self.before), || open(&self.after));
        // What one engine lacks it lacks in both.
        let (a, b) = (a?, of("second", b)?);
        let (branches, assumptions) = (b.branches, b.assumptions.clone());
        Ok(((Box::new(a), Box::new(b)), branches, assumptions))
    }

    /// Runs both on all sets of inputs. Returns how many there were.
    fn sets(&self, pair: &mut Pair, report: &mut OwnReport) -> Result<usize, CouldNotRun> {
        let given = self.inputs.as_deref().map(Given::read).transpose()?.unwrap_or_default();
        let mut count = 0;
        for sample in 0..self.samples.max(1) {
            let drawn = self.set(pair, (&given, Powers::default()), self.seed.wrapping_add(sample as u64), report)?;
            count += 1;
            if !drawn {
                // Nothing would change.
                break;
            }
        }
        for set in &self.data_sets {
            // Whose it is was said by the relay.
            let fits = Given::read(set).and_then(|given| self.set(pair, (&given, Powers::default()), self.seed, report));
            count += usize::from(fits.is_ok());
        }
        if self.large {
            self.overflow(pair, &given, report);
        }
        Ok(count)
    }

    /// Runs both on large numbers until those of the second overflow where those of the first do not, nor would if they were larger
    /// by as much as the judge lets numbers grow. What cannot be run says nothing.
    fn overflow(&self, pair: &mut Pair, given: &Given, report: &mut OwnReport) {
        for power in LARGE {
            if report.outputs.iter().any(|output| output.overflowed > 0) {
                return;
            }
            let mut large = |ahead| {
                let mut found = OwnReport::default();
                self.set(pair, (given, Powers { power, ahead }), self.seed, &mut found).ok().map(|_| found.outputs)
            };
            let Some(found) = large(0) else { return };
            if found.iter().any(|output| output.overflowed > 0)
                && let Some(ahead) = large(GROWN)
            {
                compare::overflowed((&found, &ahead), &mut report.outputs);
            }
        }
    }

    /// Runs both on one set of inputs, at the first size that both accept; what is drawn is scaled by powers of two.
    /// Returns whether any value was drawn.
    fn set(
        &self,
        pair: &mut Pair,
        (given, powers): (&Given, Powers),
        seed: u64,
        report: &mut OwnReport,
    ) -> Result<bool, CouldNotRun> {
        let (one, two) = (&mut pair.0, &mut pair.1);
        let signature = two.signature().clone();
        let inputs: Vec<&str> = signature.graph.iter().flat_map(|graph| &graph.input).map(|input| input.name()).collect();
        let given = given.by_name(&inputs)?;
        let sizes = self.sizes.with(&given);
        let mut refused = None;
        for specs in choices(&signature, &sizes, Asked::default())? {
            // Values for sizes that neither model takes are not drawn: they can be many.
            let results = match beside(|| one.ready(&specs), || two.ready(&specs)) {
                (Ok(()), Ok(())) => {
                    let mut values = seeded_inputs(&specs, seed, &given)?;
                    enlarge(&specs, &mut values, &given, powers.power);
                    let ahead = (powers.ahead > 0).then(|| {
                        let mut ahead = values.clone();
                        enlarge(&specs, &mut ahead, &given, powers.ahead);
                        ahead
                    });
                    let of_one = ahead.as_ref().unwrap_or(&values);
                    beside(|| one.run(&specs, of_one), || two.run(&specs, &values))
                }
                // A run can take long, and is for nothing where the other model has none.
                (one, two) => (one.map(|()| BTreeMap::new()), two.map(|()| BTreeMap::new())),
            };
            let error = match results {
                (Ok(expected), Ok(found)) => {
                    compare::outputs(&signature, &found, &expected, &mut report.outputs);
                    let drawn = specs.iter().any(|spec| !given.contains_key(&spec.name));
                    if report.inputs.is_empty() {
                        report.inputs = specs;
                    }
                    return Ok(drawn);
                }
                (Ok(_), Err(error)) => of("second", Err(error)),
                (Err(error), Ok(_)) => of("first", Err(error)),
                (Err(error), Err(_)) => Err(error),
            };
            let sized = specs.iter().all(|spec| spec.assumed.is_empty());
            refused = refused.or(Some(error));
            if sized {
                break;
            }
        }
        refused.unwrap_or_else(|| Err(CouldNotRun::Model("there is no size to try".to_owned())))
    }
}

/// The powers of two by which large numbers are larger than ordinary ones. Between what overflows in the second model and what
/// overflows in both there may be little room.
const LARGE: [i32; 4] = [33, 24, 16, 8];

/// The power of two by which numbers between nodes may be larger than in the first model.
const GROWN: i32 = 4;

/// The powers of two by which numbers that are drawn are larger than ordinary ones.
#[derive(Clone, Copy, Default)]
struct Powers {
    /// For both models.
    power: i32,
    /// For the first model beside that.
    ahead: i32,
}

/// Says of which model it is that something cannot be done, which can be done with the other.
fn of<T>(which: &str, found: Result<T, CouldNotRun>) -> Result<T, CouldNotRun> {
    found.map_err(|error| CouldNotRun::Model(format!("the {which} model: {error}")))
}
