//! The parts of an answer put together: sites as they are reported, and which outcome weighs more.

use crate::model::{Graph, NodeId, TensorId};
use crate::verify::align::Region;
use crate::verify::certify::Certified;
use crate::verify::region::Site as Legal;
use crate::verify::side::Side;
use crate::verify::wording::Wording;
use crate::verify::{
    Certificate, Difference, Execution, NOT_RUN, Outcome, OwnOutput, OwnType, Rounding, Site, SiteNode, Verdict, VerifyOptions,
    constants,
};

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

/// Whether a site that differs reads no constants of which runtimes make other digits.
pub(super) fn is_certain(verdict: &Verdict, graph: &Graph<'_>) -> bool {
    let is_summed = |node: &SiteNode| {
        let constants = graph.node(NodeId(node.index)).inputs.iter().flatten().filter_map(|value| graph.constant(*value).ok());
        constants.into_iter().any(|(tensor, _)| graph.tensor(tensor).recipe().is_some_and(|recipe| recipe.summed))
    };
    verdict.sites.iter().any(|site| site.outcome == Outcome::Differs && !site.before.iter().any(is_summed))
}

/// Takes back that sites differ.
pub(super) fn doubted(verdict: &mut Verdict) {
    for site in verdict.sites.iter_mut().filter(|site| site.outcome == Outcome::Differs) {
        let found = site.reason.take().unwrap_or_default();
        site.outcome = Outcome::NotJudged;
        site.reason =
            Some(format!("{found}; but the first model computes its constants, and runtimes find other digits of sums"));
    }
}

/// Where nothing decides: an output that overflows in the second model's own type and not in the first's is a difference that was
/// seen. What is right in f64, where all else is computed, may be wrong by its range alone.
pub(super) fn overflowed(verdict: &Verdict) -> Option<Difference> {
    let found = |run: &'_ OwnType| run.outputs.iter().find(|output| output.overflowed > 0).cloned();
    let (run, OwnOutput { value, large, .. }) = verdict.own_type.iter().find_map(|run| Some((run, found(run)?)))?;
    let numbers = if large { ", on numbers up to 2^33 times as large as ordinary ones (2^6 times in float16)" } else { "" };
    let on = format!("{}{numbers}", run.inputs.join(", "));
    let what = format!("overflows in its own type and does not in the first model; both run whole by {} on {on}", run.engine);
    Some(Difference { place: format!("output `{value}`"), what })
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
    site.rounding = Some(Rounding { unit: legal.element.unit_roundoff(), roundings: legal.roundings, lost: legal.lost });
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

/// What both models show side by side.
#[cfg(not(feature = "tract"))]
pub(super) fn evidence(_: &mut Verdict, _: (&Graph<'_>, &Graph<'_>), _: &(Side, Side), _: &VerifyOptions) {}

#[cfg(not(feature = "tract"))]
const WITHOUT: &str = "this program was built without tract";

fn not_run(verdict: &mut Verdict, (a, b): (&Graph<'_>, &Graph<'_>), sites: &[Evidence], (reason, second): (String, bool)) {
    verdict.sites.extend(sites.iter().map(|site| not_executed((a, b), site, NOT_RUN)));
    verdict.execution = Execution::NotRun { reason, second };
}

/// That the second model contradicts the specification where the first one runs is a difference, and no lack of an engine.
#[cfg(feature = "tract")]
fn no_answer(verdict: &mut Verdict, reason: &crate::engine::CouldNotRun) {
    let crate::engine::CouldNotRun::NoAnswer(why) = reason else { return };
    let (place, what) = ("the second model".to_owned(), format!("has no answer where the first has one: {why}"));
    verdict.differences.push(super::Difference { place, what });
}

#[cfg(feature = "tract")]
mod alone;
#[cfg(feature = "tract")]
mod own;
#[cfg(feature = "tract")]
mod pair;
#[cfg(feature = "tract")]
pub(super) use pair::{evidence, side_by_side};
#[cfg(feature = "tract")]
mod request;
#[cfg(feature = "tract")]
pub(super) use run::executed;

#[cfg(feature = "tract")]
mod run;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Tier;

    fn answer(unmatched: bool, differs: bool) -> Outcome {
        let place = |is: bool| {
            let place = Difference { place: "node 1".into(), what: "an other operator".into() };
            is.then_some(place).into_iter().collect::<Vec<_>>()
        };
        let execution = Execution::Ran {
            engine: "tract 0".into(),
            samples: 1,
            seed: None,
            data_sets: vec![],
            taps: vec![],
            inputs: vec![],
            assumptions: vec![],
            outputs_equal: 1,
        };
        let (sites, own_type, rounded_once) = (vec![], vec![], None);
        let (differences, unmatched) = (place(differs), place(unmatched));
        let all = Verdict {
            outcome: Outcome::Equal,
            tier: Tier::Own,
            rounded_once,
            sites,
            differences,
            unmatched,
            execution,
            own_type,
        };
        outcome(&all)
    }

    #[test]
    fn what_was_not_matched_is_not_equal_whatever_was_run() {
        assert_eq!(answer(false, false), Outcome::Equal);
        assert_eq!(answer(true, false), Outcome::NotJudged);
        assert_eq!(answer(false, true), Outcome::Differs);
        assert_eq!(answer(true, true), Outcome::Differs);
    }
}
