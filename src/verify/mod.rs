//! The judge of two files. It may read models as everybody does; it shares no algebra with what folds them: nothing of `map`,
//! `law`, `ops`, `plan` or `edit` is used here.

pub mod align;
#[cfg(feature = "tract")]
mod alone;
#[cfg_attr(not(feature = "tract"), path = "unasked.rs")]
mod asked;
pub mod certify;
mod compose;
pub mod computed;
mod constants;
#[cfg(feature = "tract")]
pub mod failure;
mod files;
#[cfg(feature = "tract")]
mod guard;
#[cfg(feature = "tract")]
mod job;
pub mod measure;
#[cfg(feature = "tract")]
mod pair;
pub mod region;
#[cfg(feature = "tract")]
pub(crate) mod relay;
pub mod side;
#[cfg(feature = "tract")]
mod slowly;
#[doc(hidden)]
pub mod table;
mod taps;
mod together;
mod trial;
mod vanished;
pub mod verdict;
pub mod wording;

use std::path::{Path, PathBuf};

use crate::model::{Graph, Model, ScopeKind, ValueId};
#[cfg(feature = "tract")]
pub use alone::{RegionReport, Regions, Units};
pub use asked::{asked, foreseen, sized_names};
use files::{Files, Found};
#[cfg(feature = "tract")]
pub use guard::{Guard, Limits, VERB, child_main, in_child};
#[cfg(feature = "tract")]
pub use job::{Job, Outcome as Done, Summary, Whole, WholeReport};
#[cfg(feature = "tract")]
pub use pair::{Pair, PairReport, PairRun};
#[cfg(feature = "tract")]
pub use relay::{Member, Relay, RelayReport, SitePlan, SiteReport, TapReport};
use side::Side;
pub(crate) use verdict::NOT_RUN;
pub use verdict::{
    Alone, Certificate, Deviation, Difference, Execution, Outcome, OwnOutput, OwnType, Rounding, Site, SiteNode, Tap, Tier,
    Verdict, WholeRun,
};

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
    /// Shapes of values that nodes without a meaning here make, by name.
    pub values: Vec<(String, Vec<usize>)>,
    /// A file of inputs (npz, npy, pb) or a folder with them.
    pub inputs: Option<PathBuf>,
    /// Values whose difference is wanted, by name.
    pub taps: Vec<String>,
    /// The seed of synthetic inputs.
    pub seed: u64,
    /// How many sets of synthetic inputs.
    pub samples: usize,
    /// Seconds that a run may take.
    pub timeout: u64,
    /// Bytes of address space that a run may take; absent means half of what is free.
    pub memory: Option<u64>,
    /// Side files of the second model that are still under other names: location and path.
    pub moved_sides: Vec<(String, PathBuf)>,
    /// Whether initializers that are also inputs are taken for constants, as the user says that nobody overrides them.
    pub freeze: bool,
    /// Whether the models are run at all.
    pub run: bool,
    /// Whether each place where they differ is run alone, too.
    pub regions: bool,
    /// Whether both models are also run in the types that they have, as information.
    pub own_type: bool,
    /// The library of onnxruntime that does the same, too; for programs that were built with the feature `ort`.
    pub ort_library: Option<PathBuf>,
    /// Whether it does so with all its optimisations, too, as they are when a model is deployed.
    pub ort_optimised: bool,
    /// The process that runs them.
    pub runner: Runner,
}

/// The process that runs models. The engine can crash, hang and eat memory on hostile models.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[non_exhaustive]
pub enum Runner {
    /// A child of the running program, which must answer to the verb `__execute`.
    Itself,
    /// A child that is this program: `bnfold` at another place.
    Program(PathBuf),
    /// No child, which is the default as it asks nothing of the caller's program: for models that are trusted. There are no
    /// limits of time and memory then.
    #[default]
    InProcess,
}

impl VerifyOptions {
    /// The graph of a model as these options read it.
    fn graph<'m>(&self, model: &'m Model) -> crate::Result<Graph<'m>> {
        graph(model, self.freeze)
    }
}

/// The graph of a model as the judge reads it: what is computed from constants is a constant.
///
/// # Errors
/// As [`Graph::build`].
pub fn graph(model: &Model, freeze: bool) -> crate::Result<Graph<'_>> {
    let mut graph = if freeze { Graph::build_frozen(model) } else { Graph::build(model) }?;
    graph.compute(computed::evaluate);
    Ok(graph)
}

impl Default for VerifyOptions {
    fn default() -> Self {
        VerifyOptions {
            tier: Tier::Foreign,
            dims: vec![],
            shapes: vec![],
            values: vec![],
            inputs: None,
            taps: vec![],
            seed: 0,
            samples: 1,
            timeout: 600,
            memory: None,
            moved_sides: vec![],
            freeze: false,
            run: true,
            regions: true,
            own_type: true,
            ort_library: None,
            ort_optimised: false,
            runner: Runner::default(),
        }
    }
}

/// Judges two models: first the files, then, where they differ only by what may be folds, by running both.
///
/// # Errors
/// A file that cannot be read. That models differ or cannot be run is no error but the answer.
pub fn verify(before: &Path, after: &Path, options: &VerifyOptions) -> crate::Result<Verdict> {
    files::compare(before, after, options, |files| judge(files, options))
}

/// Whether files match but for what may be folds.
fn nothing_is_said(verdict: &Verdict) -> bool {
    verdict.differences.is_empty() && verdict.unmatched.is_empty() && verdict.sites.is_empty()
}

/// What is said of files of which nothing is open but what is no fold and may be the same in other words, if a run says how large
/// it is and it is shown to be the same there.
fn shown_by_a_run(
    verdict: &Verdict,
    graphs: (&Graph<'_>, &Graph<'_>),
    (sites, open): (&[compose::Evidence], &[(compose::Evidence, Difference)]),
    sides: &(Side, Side),
    options: &VerifyOptions,
) -> crate::Result<Option<Verdict>> {
    if open.is_empty() || !nothing_is_said(verdict) || !options.run || !options.regions {
        return Ok(None);
    }
    let mut all: Vec<compose::Evidence> = sites.iter().chain(open.iter().map(|(evidence, _)| evidence)).cloned().collect();
    let mut verdict = verdict.clone();
    compose::executed(&mut verdict, graphs, &mut all, sides, options)?;
    let shown = verdict.differences.is_empty() && verdict.sites.iter().all(|site| site.outcome == Outcome::EqualWithinRounding);
    Ok(shown.then_some(verdict))
}

/// Runs the models: hand in hand only where all else is the same, else side by side.
fn run(
    verdict: &mut Verdict,
    graphs: (&Graph<'_>, &Graph<'_>),
    sites: &mut [compose::Evidence],
    sides: &(Side, Side),
    options: &VerifyOptions,
) -> crate::Result<()> {
    let matched = nothing_is_said(verdict);
    let reason = match (matched, options.run) {
        (_, false) => Some("not run, as was asked"),
        (false, _) => Some("not run hand in hand, as the models are not matched elsewhere"),
        (true, true) => None,
    };
    match reason {
        Some(reason) => {
            verdict.sites.extend(sites.iter().map(|s| compose::not_executed(graphs, s, reason)));
            if options.run && !matched && verdict.differences.is_empty() {
                compose::side_by_side(verdict, graphs, sides, options);
            }
            Ok(())
        }
        None if sites.is_empty() => Ok(()),
        None => compose::executed(verdict, graphs, sites, sides, options),
    }
}

fn judge(files: Files<'_, '_>, options: &VerifyOptions) -> crate::Result<Verdict> {
    let Files { sides, graphs: (a, b), found } = files;
    let Found { interface, unmatched, unjudged, mut sites, open, .. } = found;
    let mut verdict = Verdict {
        outcome: Outcome::Equal,
        tier: options.tier,
        rounded_once: None,
        sites: unjudged.iter().map(|(region, why)| compose::unjudged(a, b, region, why)).collect(),
        differences: interface,
        unmatched,
        execution: Execution::NotNeeded,
        own_type: vec![],
    };
    if let Some(shown) = shown_by_a_run(&verdict, (a, b), (&sites, &open), sides, options)? {
        verdict = shown;
    } else {
        verdict.unmatched.extend(open.into_iter().map(|(_, difference)| difference));
        run(&mut verdict, (a, b), &mut sites, sides, options)?;
    }
    a.model.check_unchanged()?;
    b.model.check_unchanged()?;
    compose::named_as_in_the_file(&mut verdict, &sides.1.wording);
    if !options.regions {
        compose::hurried(&mut verdict);
    }
    verdict.outcome = compose::outcome(&verdict);
    let reworded = |side: &Side| !side.wording.nodes.is_empty();
    if verdict.outcome < Outcome::NotJudged && options.run && options.regions && (reworded(&sides.0) || reworded(&sides.1)) {
        // What is said of nodes that were written otherwise has to hold of the files as they stand.
        compose::evidence(&mut verdict, (a, b), sides, options);
        verdict.outcome = compose::outcome(&verdict);
    }
    if verdict.outcome == Outcome::Differs && verdict.differences.is_empty() && !compose::is_certain(&verdict, a) {
        // Who computes such constants in float finds others: what counts is what comes of them.
        if options.run && options.regions {
            compose::evidence(&mut verdict, (a, b), sides, options);
        }
        if verdict.differences.is_empty() {
            compose::doubted(&mut verdict);
        }
        verdict.outcome = compose::outcome(&verdict);
    }
    // Where a model chooses by itself, the engine may have gone another way.
    let chooses = |graph: &Graph<'_>| graph.scopes.iter().any(|scope| matches!(scope.kind, ScopeKind::Nested { .. }));
    if verdict.outcome == Outcome::NotJudged
        && !chooses(a)
        && !chooses(b)
        && !is_rewritten(a, b)
        && let Some(overflow) = compose::overflowed(&verdict)
        && !has_nan(b)?
    {
        verdict.differences.push(overflow);
        verdict.outcome = compose::outcome(&verdict);
    }
    Ok(verdict)
}

/// Whether a constant holds what is no number: engines do not agree on what a maximum makes of it.
fn has_nan(graph: &Graph<'_>) -> crate::Result<bool> {
    let tensors =
        (0..graph.values.len()).filter_map(|at| graph.constant(ValueId(at)).ok()).map(|(tensor, _)| graph.tensor(tensor));
    for tensor in tensors.filter(|tensor| tensor.element().is_some()) {
        let mut found = false;
        tensor.blocks(graph.model, &mut |_, block| found |= block.iter().any(|number| number.is_nan()))?;
        if found {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether the second model has an operator with exponents in it that the first has not: an engine may make more of them, or less,
/// than another, and what overflows so is no fault of the model.
fn is_rewritten(a: &Graph<'_>, b: &Graph<'_>) -> bool {
    const EXPONENTS: &[&str] = &[
        "Celu",
        "Elu",
        "Erf",
        "Exp",
        "Gelu",
        "LogSoftmax",
        "Mish",
        "Pow",
        "ReduceLogSumExp",
        "ReduceL2",
        "Selu",
        "Sigmoid",
        "Softmax",
        "Softplus",
        "Swish",
        "Tanh",
    ];
    let has =
        |graph: &Graph<'_>, operator: &str| graph.nodes.iter().any(|node| node.standard && node.proto.op_type() == operator);
    EXPONENTS.iter().any(|operator| has(b, operator) && !has(a, operator))
}
