//! The parts of an answer put together: sites as they are reported, and which outcome weighs more.

use crate::model::{Graph, NodeId, TensorId};
use crate::verify::align::Region;
use crate::verify::certify::Certified;
use crate::verify::region::Site as Legal;
use crate::verify::side::Side;
use crate::verify::wording::Wording;
use crate::verify::{Certificate, Execution, NOT_RUN, Outcome, Rounding, Site, SiteNode, Verdict, VerifyOptions, constants};

/// The outcome that follows from all parts: what differs weighs more than what is not judged, and that more than the rest.
pub(super) fn outcome(verdict: &Verdict) -> Outcome {
    let sites = verdict.sites.iter().map(|site| site.outcome).max().unwrap_or(Outcome::Equal);
    let rest = match verdict.execution {
        // Where all nodes are the same but those of sites, each of which its constants prove one by one and a run alone bears out,
        // that stands without a run of the whole; the answer says that there was none.
        Execution::NotRun { second: true, .. } | Execution::SideBySide { .. } => Outcome::NotJudged,
        Execution::NotRun { .. } if sites != Outcome::EqualWithinRounding => Outcome::NotJudged,
        _ if !verdict.unmatched.is_empty() => Outcome::NotJudged,
        _ => Outcome::Equal,
    };
    if verdict.differences.is_empty() { sites.max(rest) } else { Outcome::Differs }
}

/// Where sites are not run alone, no layer but the run of the whole stands behind what constants do not prove one by one; and
/// its numbers need not come by what is wrong.
pub(super) fn hurried(verdict: &mut Verdict) {
    for site in verdict.sites.iter_mut().filter(|site| site.outcome == Outcome::EqualWithinRounding) {
        if !site.certificate.as_ref().is_some_and(Certificate::is_one_by_one) {
            let why = "its constants do not decide it one by one, and it was not run alone, as --quick leaves that out";
            (site.outcome, site.reason) = (Outcome::NotJudged, Some(why.to_owned()));
        }
    }
}

/// Names values of the second file as it does, where nodes are listed: who reads that looks them up there.
pub(super) fn named_as_in_the_file(verdict: &mut Verdict, wording: &Wording) {
    let original = wording.original();
    for node in verdict.sites.iter_mut().flat_map(|site| &mut site.after) {
        for name in &mut node.outputs {
            if let Some(old) = original.get(name.as_str()) {
                (*old).clone_into(name);
            }
        }
    }
}

/// A site of which nothing can be said.
pub(super) fn unjudged(a: &Graph<'_>, b: &Graph<'_>, region: &Region, why: &str) -> Site {
    let value = region.outputs.first().cloned().unwrap_or_default();
    let value = match a.scope_path(region.scopes.0).as_str() {
        "" => value,
        path => format!("{path}/{value}"),
    };
    let mut site = plain(a, b, region, value);
    site.reason = Some(why.to_owned());
    site
}

fn plain(a: &Graph<'_>, b: &Graph<'_>, region: &Region, value: String) -> Site {
    let node = |g: &Graph<'_>, id: NodeId| {
        let proto = g.node(id).proto;
        let outputs = proto.output.clone();
        SiteNode { index: id.0, operator: proto.op_type().to_owned(), name: g.describe(id), outputs }
    };
    Site {
        value,
        before: region.before.iter().map(|id| node(a, *id)).collect(),
        after: region.after.iter().map(|id| node(b, *id)).collect(),
        changed: vec![],
        rounding: None,
        worst: None,
        place: None,
        certificate: None,
        alone: None,
        outcome: Outcome::NotJudged,
        reason: None,
    }
}

/// Enters what a site's constants are: those that are new, and what their rounding may do.
fn described(site: &mut Site, (a, b): (&Graph<'_>, &Graph<'_>), legal: &Legal) {
    let known: Vec<TensorId> = legal.forms.0.iter().flat_map(|form| &form.constants).map(|(_, tensor)| *tensor).collect();
    for form in &legal.forms.1 {
        for (input, tensor) in &form.constants {
            // What cannot be read again is told apart by nobody; the certificate has read it before.
            let is_known = known.iter().any(|old| constants::same((a, *old), (b, *tensor)).unwrap_or(false));
            let name = b.node(form.node).proto.input.get(*input).cloned().unwrap_or_default();
            if !is_known && !site.changed.contains(&name) {
                site.changed.push(name);
            }
        }
    }
    site.rounding = Some(Rounding { unit: legal.unit, roundings: legal.roundings, lost: legal.lost });
}

/// A site that was not run within the whole: its constants, and what it makes alone, are all that is known.
pub(super) fn not_executed((a, b): (&Graph<'_>, &Graph<'_>), (legal, found): &Evidence, why: &str) -> Site {
    let mut site = unjudged(a, b, &legal.region, why);
    described(&mut site, (a, b), legal);
    certified(&mut site, found);
    site
}

/// A site, and what its constants say.
pub(super) type Evidence = (Legal, Certified);

/// Enters what the constants of a site say into what is said of it. A constant beyond its limit differs, whatever a run says;
/// what is no constant is shown by a run or not at all.
pub(super) fn certified(site: &mut Site, found: &Certified) {
    let reason = match found {
        Certified::Certificate(certificate) => {
            site.certificate = Some(Certificate::clone(certificate));
            match &certificate.place {
                Some(place) if certificate.worst > 1.0 => place.to_string(),
                _ => return,
            }
        }
        Certified::Differs(why) => {
            if site.outcome != Outcome::Differs {
                site.outcome = Outcome::NotJudged;
            }
            site.reason = Some(why.clone());
            return;
        }
        // What runs show holds for what was run.
        Certified::OtherForm(why) => {
            if site.outcome == Outcome::EqualWithinRounding {
                (site.outcome, site.reason) = (Outcome::NotJudged, Some(why.clone()));
            }
            return;
        }
    };
    site.outcome = Outcome::Differs;
    site.reason = Some(reason);
}

/// Runs both models and enters what came of it.
#[cfg(not(feature = "tract"))]
pub(super) fn executed(
    verdict: &mut Verdict,
    graphs: (&Graph<'_>, &Graph<'_>),
    sites: &mut [Evidence],
    _: &(Side, Side),
    _: &VerifyOptions,
) -> crate::Result<()> {
    not_run(verdict, graphs, sites, (WITHOUT.to_owned(), false));
    Ok(())
}

/// Runs both models side by side and enters what came of it.
#[cfg(not(feature = "tract"))]
pub(super) fn side_by_side(verdict: &mut Verdict, _: (&Graph<'_>, &Graph<'_>), _: &(Side, Side), _: &VerifyOptions) {
    verdict.execution = Execution::NotRun { reason: WITHOUT.to_owned(), second: false };
}

#[cfg(not(feature = "tract"))]
const WITHOUT: &str = "this program was built without tract";

fn not_run(verdict: &mut Verdict, (a, b): (&Graph<'_>, &Graph<'_>), sites: &[Evidence], (reason, second): (String, bool)) {
    verdict.sites.extend(sites.iter().map(|site| not_executed((a, b), site, NOT_RUN)));
    verdict.execution = Execution::NotRun { reason, second };
}

#[cfg(feature = "tract")]
mod alone;
#[cfg(feature = "tract")]
mod own;
#[cfg(feature = "tract")]
mod pair;
#[cfg(feature = "tract")]
pub(super) use pair::side_by_side;
#[cfg(feature = "tract")]
mod request;
#[cfg(feature = "tract")]
pub(super) use run::executed;

#[cfg(feature = "tract")]
mod run {
    use std::collections::BTreeSet;

    use rayon::prelude::*;

    use super::{Certified, Evidence, Execution, Graph, Legal, Outcome, Side, Site, Verdict, VerifyOptions, not_run, plain};
    use super::{alone, own, request};
    use crate::engine::{self, CouldNotRun, ENGINE, InputSpec};
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
        verdict.own_type = own::run(&relay, report.as_ref().ok(), graphs, options);
        let report = match report {
            Ok(report) => report,
            Err(reason) => {
                let asked = is_asked_for(&reason, options);
                not_run(verdict, graphs, sites, (reason.to_string(), matches!(reason, CouldNotRun::Second(_))));
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
            once &= found.worst_once <= 1.0
                && found.apart.is_none()
                && !matches!(&legal.1, Certified::Certificate(c) if c.once > 1.0);
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

    /// Whether somebody has said on what to run and that cannot be done: then nothing else stands in for it.
    fn is_asked_for(reason: &CouldNotRun, options: &VerifyOptions) -> bool {
        let said = options.inputs.is_some() || !options.dims.is_empty() || !options.shapes.is_empty();
        said && !matches!(reason, CouldNotRun::Operator { .. })
    }

    pub(super) fn run(job: Job, graphs: (&Graph<'_>, &Graph<'_>), options: &VerifyOptions) -> Result<Done, CouldNotRun> {
        let limits = limits(graphs, options);
        match &options.runner {
            Runner::InProcess => job.perform(),
            Runner::Program(program) => in_child(&Guard { command: vec![program.clone(), VERB.into()], limits }, &job),
            Runner::Itself => in_child(&Guard::new(limits)?, &job),
        }
    }

    pub(super) fn limits(graphs: (&Graph<'_>, &Graph<'_>), options: &VerifyOptions) -> Limits {
        let bytes = |graph: &Graph<'_>| {
            let model = graph.model;
            model.sides().iter().map(|side| side.len()).fold(model.len(), u64::saturating_add)
        };
        let mut limits = Limits::for_models(bytes(graphs.0).max(bytes(graphs.1)));
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
}
