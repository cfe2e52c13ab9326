//! Both models run whole, side by side, on the same inputs and at several sizes, each computing everything by itself, and
//! compared output by output: what is asked where two files cannot be matched by structure.
//!
//! Agreement proves nothing, as the difference may hide where no input came. A difference is evidence, if it is larger than
//! what rounding can do to right models; how the tolerance is chosen stands in [`compare`].

mod compare;
mod dither;
mod guess;
mod numbers;
mod sizes;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::side::Side;
use super::slowly;
use crate::engine::array::{Array, fingerprint};
use crate::engine::bind::{Asked, Fixed, InputSpec, Sizes, choices, state};
use crate::engine::cost::Cost;
use crate::engine::flatten::Branch;
use crate::engine::given::Given;
use crate::engine::inputs::seeded_inputs;
use crate::engine::load::load;
use crate::engine::prepare::prepare_edited;
use crate::engine::proto::{graphs, opset};
use crate::engine::run::Loaded;
use crate::engine::{CouldNotRun, beside, computed};
use compare::{Answer, Tolerance};
use numbers::{OTHERS, Sort};

/// With how many seeds a model that chooses is asked whether it has an answer, and how often any model is asked in all.
const SEEDS: u64 = 4;
const LOOKS: usize = 8;
/// What a model may cost then: each look is a fraction of a second.
const SMALL: Cost = Cost { products: 1 << 22, bytes: 16 << 20 };
/// What a look at larger sizes may cost.
const AFFORDED: Cost = Cost { products: 1 << 26, bytes: 64 << 20 };
/// How many runs with different sizes, or different values where no size is open.
const RUNS: usize = 2;

/// What is to be compared.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Pair {
    /// The first model.
    pub before: Side,
    /// The second model.
    pub after: Side,
    /// Whether initializers that are also inputs are taken for constants.
    pub freeze: bool,
    /// What the user says about sizes.
    pub sizes: Sizes,
    /// Extents that are open in the first model and that its constants fix.
    pub fixed: Fixed,
    /// A file or folder with values for some or all inputs, as [`Given`] reads it.
    pub inputs: Option<PathBuf>,
    /// The seed of the values for the others.
    pub seed: u64,
}

/// What came of a [`Pair`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PairReport {
    /// Every run that both models took.
    pub runs: Vec<PairRun>,
    /// What was taken for granted, and what is worth knowing beside, one sentence each.
    pub notes: Vec<String>,
}

/// Both models on one set of inputs.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct PairRun {
    /// The seed of the values; absent if all are the user's.
    pub seed: Option<u64>,
    /// What sort of numbers was drawn; empty for ordinary ones.
    pub numbers: String,
    /// The inputs with their sizes.
    pub inputs: Vec<InputSpec>,
    /// Outputs that agree within the tolerance.
    pub agree: Vec<String>,
    /// Outputs that differ beyond it, each with place, found and expected.
    pub apart: Vec<(String, String)>,
    /// Outputs of which neither can be said, each with why.
    pub unclear: Vec<(String, String)>,
}

/// A model in the engine, with what decides how exact it is.
struct Opened {
    loaded: Loaded,
    branches: bool,
    unit: f64,
    jumps: bool,
    /// The version of the standard operator set, of which the engine reads some alike.
    version: i64,
    /// Whether there is an If or a loop, of which the engine runs each branch, and each body once.
    chooses: bool,
    /// Outputs that follow from a node whose meaning nobody knows, each with that node: in what both models make of it nothing is
    /// seen but that it is the same.
    drawn: BTreeMap<String, String>,
    /// Such nodes: what stands for the operator, and the value that stands for what it reads.
    opaque: Vec<(u64, String)>,
    assumptions: Vec<String>,
}

impl Pair {
    /// Runs both models at two sizes, or on two sets of values, with each branch of every If.
    ///
    /// # Errors
    /// Why one of them could not be run.
    pub fn perform(&self) -> Result<PairReport, CouldNotRun> {
        let mut report = PairReport::default();
        if self.branch(Branch::Then, &mut report)? {
            self.branch(Branch::Else, &mut report)?;
        }
        report.notes.sort_unstable();
        report.notes.dedup();
        Ok(report)
    }

    /// Both models with one of the branches of every If. Returns whether there is one.
    fn branch(&self, branch: Branch, report: &mut PairReport) -> Result<bool, CouldNotRun> {
        let (one, two) = beside(|| self.open(&self.before, branch, None), || self.open(&self.after, branch, None));
        let (one, two) = match (one, two) {
            (Ok(one), Ok(two)) => (one, two),
            (Ok(one), Err(error)) => return Err(self.unopened(&one, CouldNotRun::Second(error.to_string()))),
            (Err(error), Ok(two)) => return Err(self.unopened(&two, error)),
            (Err(error), Err(_)) => return Err(error),
        };
        report.notes.extend(one.assumptions.iter().chain(&two.assumptions).cloned());
        let given = self.inputs.as_deref().map(Given::read).transpose()?.unwrap_or_default();
        let given = given.by_name(&one.loaded.inputs())?;
        let choices = sizes::choices(one.loaded.signature(), &self.sizes.with(&given));
        let unit = one.unit.max(two.unit);
        let runner = Runner { pair: self, branch, one: &one, two: &two, unit, given: &given };
        let (mut ran, mut proper) = (0_usize, 0_usize);
        let (mut neither, mut second, mut sized) = (None, None, None);
        for (index, choice) in choices.all.iter().enumerate() {
            if ran == RUNS {
                break;
            }
            // Where nothing is open, another set of values is drawn for each run.
            let seed = self.seed.wrapping_add(if choices.open { 0 } else { index as u64 });
            match runner.run(choice, seed, Sort::Ordinary)? {
                Found::Run(run) => {
                    (ran, proper) = (ran + 1, proper + usize::from(index < choices.proper));
                    let drawn = run.seed.is_some();
                    sized = sized.or(drawn.then_some(choice));
                    report.runs.push(run);
                    if !drawn {
                        break;
                    }
                }
                Found::Neither(error) => neither = neither.or(Some(error)),
                Found::First(_, _, Some(why)) => return Err(why),
                Found::First(specs, error, None) => second = second.or(Some((told(&specs), error))),
            }
        }
        if let Some((at, error)) = second {
            if ran == 0 {
                return Err(CouldNotRun::Second(format!("{error}; {at}")));
            }
            report.notes.push(format!("the first model runs and the second does not, at {at}: {error}"));
        }
        if ran == 0 {
            let error = neither.unwrap_or_else(|| CouldNotRun::Model("there is no size to try".to_owned()));
            return Err(self.unopened(&two, error));
        }
        // What reaches farther than the smallest sizes that both take is looked at only where those say nothing.
        if let Some(large) = choices.large.filter(|_| report.runs.iter().all(|run| run.apart.is_empty()))
            && runner.affords(&large)?
            && let Found::Run(run) = runner.run(&large, self.seed, Sort::Ordinary)?
        {
            report.runs.push(run);
        }
        // What ordinary numbers leave closed likewise.
        if let Some(choice) = sized.filter(|_| report.runs.iter().all(|run| run.apart.is_empty())) {
            for sort in OTHERS {
                if let Found::Run(run) = runner.run(choice, self.seed, sort)? {
                    report.runs.push(run);
                }
            }
        }
        if runner.guesses() && branch == Branch::Then && report.runs.iter().all(|run| run.apart.is_empty()) {
            runner.ask_again(&mut report.runs)?;
        }
        if choices.open && proper < RUNS {
            let what =
                "the models were found to run at no two sets of sizes where open extents differ from one another and none is 1";
            report.notes.push(what.to_owned());
        }
        Ok(one.branches)
    }

    /// Why one model cannot be opened by the engine, which opens the other: it may contradict what it should say.
    fn unopened(&self, other: &Opened, error: CouldNotRun) -> CouldNotRun {
        let asked = |sizes: &Sizes, seed: u64| {
            let specs = choices(other.loaded.signature(), sizes, Asked::default()).ok()?.into_iter().next()?;
            let run = other.loaded.bind(&specs).ok()?;
            // What is large says no more than what is small, and takes the reference longer.
            run.cost().is_within(SMALL).then_some(())?;
            let values = seeded_inputs(&specs, seed, &BTreeMap::new()).ok()?;
            run.run(&values).ok()?;
            slowly::both((&self.before, &self.after), self.freeze, (&specs, &values), run.cost())
        };
        // The branch of an If that is wrong may be taken by other inputs alone.
        let seeds = if other.chooses { SEEDS } else { 1 };
        let sizes = sizes::choices(other.loaded.signature(), &self.sizes).all;
        let all = sizes.iter().flat_map(|sizes| (0..seeds).map(move |seed| (sizes, self.seed.wrapping_add(seed))));
        all.filter_map(|(sizes, seed)| asked(sizes, seed)).take(LOOKS).find_map(Result::err).unwrap_or(error)
    }

    /// What the slow reference makes of inputs that one model takes, or what the other contradicts there.
    fn slowly(&self, one: &Opened, specs: &[InputSpec], values: &Values) -> Option<Result<(Values, Values), CouldNotRun>> {
        let cost = one.loaded.bind(specs).ok()?.cost();
        slowly::both((&self.before, &self.after), self.freeze, (specs, values), cost)
    }

    fn open(&self, side: &Side, branch: Branch, dithered: Option<f64>) -> Result<Opened, CouldNotRun> {
        let mut model = load(side)?;
        computed::settle(&mut model, side, self.freeze)?;
        let (unit, version) = (dither::coarsest_unit(&model), opset(&model));
        let nodes = model.graph.iter().flat_map(|graph| &graph.node).chain(model.functions.iter().flat_map(|f| &f.node));
        let chooses = nodes.into_iter().any(|node| graphs(node).next().is_some());
        let mut jumps = false;
        let mut prepared = prepare_edited(model, branch, &mut |graph| {
            if let Some(operator) = compare::random(graph) {
                let why = "it draws numbers at random".to_owned();
                return Err(CouldNotRun::Operator { operator, node: String::new(), why });
            }
            jumps = compare::jumps(graph);
            if let Some(unit) = dithered {
                dither::dither(graph, unit, self.seed);
            }
            Ok(())
        })?;
        let unit = if prepared.narrow.is_empty() { unit } else { unit.max(f64::from(f32::EPSILON) / 2.0) };
        let (branches, assumptions, drawn) = (prepared.branches, prepared.assumptions.clone(), prepared.drawn_outputs());
        let opaque: Vec<(u64, String)> = prepared.opaque.iter().map(|node| (node.function, node.read.clone())).collect();
        let taps: Vec<String> = opaque.iter().map(|(_, read)| read.clone()).collect();
        state(&mut prepared.signature, &self.fixed);
        let loaded = Loaded::parse(prepared, &taps)?;
        Ok(Opened { loaded, branches, unit, jumps, version, chooses, drawn, opaque, assumptions })
    }
}

/// What came of one choice of sizes.
enum Found {
    Run(PairRun),
    /// The first model does not run with them.
    Neither(CouldNotRun),
    /// The first model does, the second does not; and what it contradicts.
    First(Vec<InputSpec>, CouldNotRun, Option<CouldNotRun>),
}

impl Opened {
    /// Takes what stands for the reading of opaque nodes from what was made, as an order that both models have.
    fn asked(&self, made: &mut Values) -> Vec<(u64, Option<u64>)> {
        let mut all: Vec<_> =
            self.opaque.iter().map(|(of, read)| (*of, made.remove(read).map(|value| fingerprint(&value)))).collect();
        all.sort_unstable();
        all
    }
}

struct Runner<'x> {
    pair: &'x Pair,
    branch: Branch,
    one: &'x Opened,
    two: &'x Opened,
    unit: f64,
    given: &'x BTreeMap<String, Array>,
}

type Values = BTreeMap<String, Array>;

impl Runner<'_> {
    /// Whether the first model runs at these sizes and both take little to do so.
    fn affords(&self, sizes: &Sizes) -> Result<bool, CouldNotRun> {
        let all = choices(self.one.loaded.signature(), sizes, Asked::default())?;
        let Some(specs) = all.into_iter().next() else { return Ok(false) };
        let is_cheap = |loaded: &Loaded| loaded.bind(&specs).is_ok_and(|run| run.cost().is_within(AFFORDED));
        Ok(is_cheap(&self.one.loaded) && is_cheap(&self.two.loaded))
    }

    fn run(&self, sizes: &Sizes, seed: u64, sort: Sort) -> Result<Found, CouldNotRun> {
        // No extent is left open here, so that there is one choice.
        let all = choices(self.one.loaded.signature(), sizes, Asked::default())?;
        let specs = all.into_iter().next().ok_or_else(|| CouldNotRun::Model("there is no size to try".to_owned()))?;
        // Values for sizes that the first model does not take are not drawn: they can be many.
        let first = match self.one.loaded.bind(&specs) {
            Ok(first) => first,
            Err(error) => return Ok(Found::Neither(error)),
        };
        let mut values = seeded_inputs(&specs, seed, self.given)?;
        sort.apply(&specs, &mut values, self.given);
        let mut expected = match first.run(&values) {
            Ok(expected) => expected,
            Err(error) => return Ok(Found::Neither(error)),
        };
        let mut found = match made(&self.two.loaded, &specs, &values) {
            Ok(found) => found,
            Err(error) => {
                let why = self.pair.slowly(self.one, &specs, &values).and_then(Result::err).filter(CouldNotRun::is_of_the_second);
                return Ok(Found::First(specs, error, why));
            }
        };
        let known = self.one.asked(&mut expected) == self.two.asked(&mut found);
        let drawn = specs.iter().any(|spec| !self.given.contains_key(&spec.name));
        let mut run =
            PairRun { seed: drawn.then_some(seed), numbers: sort.words().to_owned(), inputs: specs, ..PairRun::default() };
        let mut tolerance = Tolerance::of(self.unit, self.one.jumps || self.two.jumps, &values);
        if expected.iter().any(|(name, expected)| found.get(name).is_none_or(|found| tolerance.is_beyond(found, expected))) {
            // What rounding can do to the first model's outputs is asked only where it matters.
            let moved = self.pair.open(&self.pair.before, self.branch, Some(self.unit));
            tolerance.dithered = moved.and_then(|moved| made(&moved.loaded, &run.inputs, &values)).ok();
        }
        for (name, expected) in &expected {
            let name = name.clone();
            let drawn = self.one.drawn.get(&name).or(self.two.drawn.get(&name)).filter(|_| !known);
            match (found.get(&name).map(|found| tolerance.compare(&name, found, expected)), drawn) {
                (Some(Answer::Agree), _) => run.agree.push(name),
                (Some(_), Some(node)) => {
                    let why = format!(
                        "it follows from `{node}`, whose meaning is not known and which need not read the same in both models"
                    );
                    run.unclear.push((name, why));
                }
                (Some(Answer::Apart(place)), None) => run.apart.push((name, place)),
                (Some(Answer::Unclear(why)), None) => run.unclear.push((name, why)),
                (None, _) => run.unclear.push((name, "the second model gave no value for it".to_owned())),
            }
        }
        if !run.apart.is_empty() {
            self.confirm(&mut run, &values, &tolerance);
        }
        Ok(Found::Run(run))
    }
}

fn made(loaded: &Loaded, specs: &[InputSpec], values: &Values) -> Result<Values, CouldNotRun> {
    loaded.bind(specs)?.run(values)
}

/// Inputs with their shapes.
pub(super) fn told(specs: &[InputSpec]) -> String {
    let one = |spec: &InputSpec| {
        let dims: Vec<String> = spec.dims.iter().map(usize::to_string).collect();
        format!("{}: {}[{}]", spec.name, crate::model::tensor::type_name(spec.element), dims.join(","))
    };
    specs.iter().map(one).collect::<Vec<_>>().join(", ")
}
