//! Both models run hand in hand, and what came of each site.

use std::collections::BTreeSet;

use rayon::prelude::*;

use super::{Certified, Evidence, Execution, Graph, Legal, Outcome, Side, Site, Verdict, VerifyOptions, not_run, plain};
use super::{alone, own, pair, request};
use crate::engine::{self, CouldNotRun, ENGINE, InputSpec};
use crate::model::{Payload, ScopeId};
use crate::verify::certify::certify;
use crate::verify::region::{Settings, Shapes};
use crate::verify::{Difference, Runner, Tap};
use crate::verify::{Done, Guard, Job, Limits, Relay, RelayReport, SiteReport, TapReport, VERB, in_child};

pub(in crate::verify) fn executed(
    verdict: &mut Verdict,
    graphs: (&Graph<'_>, &Graph<'_>),
    sites: &mut [Evidence],
    sides: &(Side, Side),
    options: &VerifyOptions,
) -> crate::Result<()> {
    let mut relay = request::relay(graphs, sites, sides, options);
    let report = match run(Job::Relay(relay.clone()), graphs, options) {
        Ok(Done::Relay(report)) => Ok(report),
        Ok(_) => Err(CouldNotRun::Child("it answered another question".to_owned())),
        Err(reason) => Err(reason),
    };
    if let Ok(report) = &report {
        shaped(&mut relay, graphs, sites, report, options)?;
    }
    let alone = alone::run(&relay, report.as_ref().ok(), graphs, options);
    let open = sites.iter().any(|(_, certified)| matches!(certified, Certified::OtherForm(_)));
    verdict.own_type = own::run((&relay, open), report.as_ref().ok(), graphs, options);
    let report = match report {
        Ok(report) => report,
        Err(reason) => {
            super::no_answer(verdict, &reason);
            if options.regions && matches!(reason, CouldNotRun::Engine(_)) {
                pair::evidence(verdict, graphs, sides, options);
            }
            let asked = is_asked_for(&reason, options);
            not_run(verdict, graphs, sites, (reason.to_string(), reason.is_of_the_second()));
            let whole = sites.len();
            let own = verdict.sites.iter_mut().rev().take(whole).rev().zip(sites).enumerate();
            for (index, (site, (_, certified))) in own {
                alone::enter(site, certified, &alone, (index, !asked));
            }
            return Ok(());
        }
    };
    let mut once = true;
    for found in &report.sites {
        let Some(legal) = sites.get(found.plan) else { continue };
        once &=
            found.worst_once <= 1.0 && found.apart.is_none() && !matches!(&legal.1, Certified::Certificate(c) if c.once > 1.0);
        let mut site = judged(graphs, &legal.0, found);
        super::certified(&mut site, &legal.1);
        once &= alone::enter(&mut site, &legal.1, &alone, (found.plan, false));
        verdict.sites.push(site);
    }
    let met: BTreeSet<usize> = report.sites.iter().map(|found| found.plan).collect();
    for (index, legal) in sites.iter().enumerate() {
        if !met.contains(&index) {
            let why = "no run came by it";
            let mut site = super::not_executed(graphs, legal, why);
            once &= alone::enter(&mut site, &legal.1, &alone, (index, true));
            verdict.sites.push(site);
        }
    }
    for (output, place) in &report.outputs_apart {
        let what = format!("is not equal bit for bit, although all before it is: {place}");
        verdict.differences.push(Difference { place: format!("output `{output}`"), what });
    }
    verdict.rounded_once = Some(once);
    verdict.execution = Execution::Ran {
        engine: ENGINE.to_owned(),
        samples: report.samples,
        seed: report.seeded.then_some(options.seed),
        data_sets: report.data_sets.clone(),
        taps: report.taps.iter().map(tap).collect(),
        inputs: report.inputs.iter().map(input).collect(),
        assumptions: assumptions(&report),
        outputs_equal: report.outputs_equal,
    };
    Ok(())
}

/// Takes in the shapes that a run has found: some sites can be tested by their constants, and alone, only with them.
fn shaped(
    relay: &mut Relay,
    graphs: (&Graph<'_>, &Graph<'_>),
    sites: &mut [Evidence],
    report: &RelayReport,
    options: &VerifyOptions,
) -> crate::Result<()> {
    for found in &report.sites {
        let (Some(plan), Some((site, _))) = (relay.sites.get_mut(found.plan), sites.get_mut(found.plan)) else { continue };
        plan.shapes.clone_from(&found.shapes);
        plan.settings.clone_from(&found.settings);
        site.shapes.clone_from(&found.shapes);
        site.settings.clone_from(&found.settings);
    }
    let again = report.sites.par_iter().map(|found| match sites.get(found.plan) {
        Some((site, certified)) => again(graphs, (site, certified), found, options),
        None => Ok(None),
    });
    let again: Vec<_> = again.collect();
    for (found, again) in report.sites.iter().zip(again) {
        if let (Some(again), Some((_, certified))) = (again?, sites.get_mut(found.plan))
            && (again.is_wrong() || matches!(certified, Certified::OtherForm(_)))
        {
            *certified = again;
        }
    }
    Ok(())
}

/// What the constants of a site say with what a run has found; nothing where that is what they said before.
fn again(
    graphs: (&Graph<'_>, &Graph<'_>),
    (site, certified): (&Legal, &Certified),
    found: &SiteReport,
    options: &VerifyOptions,
) -> crate::Result<Option<Certified>> {
    let at = |shapes: &Shapes, settings: &Settings, products| {
        let site = Legal { shapes: shapes.clone(), settings: settings.clone(), products, ..site.clone() };
        certify(graphs.0, graphs.1, &site, options.tier)
    };
    let mut new = None;
    if matches!(certified, Certified::OtherForm(_)) {
        new = Some(at(&found.shapes, &found.settings, site.products)?);
    }
    // What was tested at one size is tested at the others, too.
    for (shapes, settings) in &found.others {
        let now = new.as_ref().unwrap_or(certified);
        if !matches!(now, Certified::Certificate(c) if c.worst <= 1.0 && !c.is_one_by_one()) {
            break;
        }
        // The runs at these sizes have shown it already; the slow reference says it once more where that costs little.
        let again = at(shapes, settings, site.products >> 6)?;
        if again.is_wrong() {
            new = Some(again);
        }
    }
    Ok(new)
}

pub(super) fn sizes(options: &VerifyOptions) -> engine::Sizes {
    let shapes = |all: &[(String, Vec<usize>)]| all.iter().cloned().collect();
    engine::Sizes {
        symbols: options.dims.iter().cloned().collect(),
        shapes: shapes(&options.shapes),
        values: shapes(&options.values),
        ..engine::Sizes::default()
    }
}

/// The extents that the first file leaves open and fixes all the same; none where it cannot be read, which is told elsewhere.
pub(super) fn fixed(graph: &Graph<'_>) -> engine::bind::Fixed {
    let open = !crate::verify::align::fixed_inputs(graph, ScopeId(0));
    if open { crate::verify::measure::fixed(graph).unwrap_or_default() } else { engine::bind::Fixed::new() }
}

/// Whether somebody has said on what to run and that cannot be done: then nothing else stands in for it.
fn is_asked_for(reason: &CouldNotRun, options: &VerifyOptions) -> bool {
    let said = options.inputs.is_some() || !options.dims.is_empty() || !options.shapes.is_empty();
    said && !matches!(reason, CouldNotRun::Operator { .. })
}

pub(super) fn run(job: Job, graphs: (&Graph<'_>, &Graph<'_>), options: &VerifyOptions) -> Result<Done, CouldNotRun> {
    let limits = limits(graphs, options);
    if options.runner != Runner::InProcess && holds_both(&job) {
        let needed = bytes(graphs.0).saturating_add(bytes(graphs.1));
        if needed > limits.memory {
            let told = format!("about {} MB for both models alone, and may have {} MB", needed >> 20, limits.memory >> 20);
            return Err(CouldNotRun::Memory(told));
        }
    }
    match &options.runner {
        Runner::InProcess => job.perform(),
        Runner::Program(program) => in_child(&Guard { command: vec![program.clone(), VERB.into()], limits }, &job),
        Runner::Itself => in_child(&Guard::new(limits)?, &job),
    }
}

/// Whether both models are in memory at once: then it is known before anything is read when there is too little.
fn holds_both(job: &Job) -> bool {
    matches!(job, Job::Relay(_) | Job::Pair(_) | Job::OwnType(_))
}

/// The bytes that a run reads of a model: the file, and what its tensors have in side files.
fn bytes(graph: &Graph<'_>) -> u64 {
    let outside = graph.tensors.iter().map(|tensor| match &tensor.payload {
        Payload::Bytes { file: 1.., range } => range.end - range.start,
        _ => 0,
    });
    outside.fold(graph.model.len(), u64::saturating_add)
}

pub(super) fn limits(graphs: (&Graph<'_>, &Graph<'_>), options: &VerifyOptions) -> Limits {
    let files =
        |graph: &Graph<'_>| graph.model.sides().iter().map(|side| side.len()).fold(graph.model.len(), u64::saturating_add);
    let mut limits = Limits::for_models(files(graphs.0).max(files(graphs.1)));
    limits.seconds = options.timeout;
    limits.memory = options.memory.unwrap_or(limits.memory);
    limits
}

fn judged((a, b): (&Graph<'_>, &Graph<'_>), legal: &Legal, found: &SiteReport) -> Site {
    let mut site = plain(a, b, &legal.region, found.value.clone());
    super::described(&mut site, (a, b), legal);
    site.worst = Some(found.worst);
    site.place.clone_from(&found.place);
    (site.outcome, site.reason) = match (&found.apart, found.worst > 1.0, &found.unjudged) {
        (Some(why), ..) => (Outcome::Differs, Some(why.clone())),
        (None, true, _) => (Outcome::Differs, Some("the difference is beyond the rounding of the constants".to_owned())),
        (None, false, Some(why)) => (Outcome::NotJudged, Some(why.clone())),
        (None, false, None) => (Outcome::EqualWithinRounding, None),
    };
    site
}

fn tap(found: &TapReport) -> Tap {
    let TapReport { value, largest, magnitude, place } = found.clone();
    Tap { value, largest, magnitude, place }
}

pub(super) fn input(spec: &InputSpec) -> String {
    let dims: Vec<String> = spec.dims.iter().map(usize::to_string).collect();
    format!("{}: {}[{}]", spec.name, crate::model::tensor::type_name(spec.element), dims.join(","))
}

pub(super) fn assumed(sentences: &[String], inputs: &[InputSpec]) -> Vec<String> {
    let mut all = sentences.to_vec();
    for spec in inputs {
        let mut sizes: Vec<(&String, Vec<String>)> = vec![];
        for (name, size) in &spec.assumed {
            match sizes.iter_mut().find(|(known, _)| *known == name) {
                Some((_, all)) => all.push(size.to_string()),
                None => sizes.push((name, vec![size.to_string()])),
            }
        }
        all.extend(sizes.iter().map(|(name, all)| format!("{name} of input `{}` is {}", spec.name, all.join(", then "))));
    }
    all
}

fn assumptions(report: &RelayReport) -> Vec<String> {
    assumed(&report.assumptions, &report.inputs)
}
