//! What a verdict rests on, in a sentence: why nothing is judged, what shows a difference, what was found at a place.

use crate::verify::{Execution, NOT_RUN, Outcome, Site, SiteNode, Verdict};

/// Why nothing is judged, if that is so: where evidence is missing, and what there is.
pub fn unverified(verdict: &Verdict) -> Option<String> {
    if verdict.outcome != Outcome::NotJudged {
        return None;
    }
    let site = || verdict.sites.iter().find(|s| s.outcome == Outcome::NotJudged);
    let why = match (&verdict.execution, verdict.unmatched.first()) {
        (Execution::NotRun { reason, second: true }, _) => reason.clone(),
        (execution, Some(place)) => {
            format!("the files cannot be matched at {}: {}; {}", place.place, place.what, shown(execution))
        }
        (execution, None) => match (site(), execution) {
            (Some(site), Execution::NotRun { reason, .. }) if site.reason.as_deref() == Some(NOT_RUN) => reason.clone(),
            (Some(site), _) => format!("{} at `{}`", site.reason.as_deref().unwrap_or("no evidence"), site.value),
            (None, Execution::NotRun { reason, .. }) => reason.clone(),
            (None, _) => "evidence is missing".to_owned(),
        },
    };
    Some(crate::error::printable(&why))
}

/// What runs of the whole models say where they cannot be matched.
fn shown(execution: &Execution) -> String {
    match execution {
        Execution::SideBySide { runs, .. } => {
            let unclear = runs.iter().find_map(|run| run.unclear.first());
            let said = unclear.map_or_else(|| "agree, which is no proof".to_owned(), |why| format!("leave open: {why}"));
            format!("run whole on {} they {said}", of_inputs(runs.len()))
        }
        Execution::NotRun { reason, .. } => format!("not run: {reason}"),
        Execution::Ran { .. } | Execution::NotNeeded => "not run whole side by side".to_owned(),
    }
}

/// What shows that models differ: the first place, with what was found there.
pub fn evidence(verdict: &Verdict) -> Option<String> {
    let site = verdict.sites.iter().find(|site| site.outcome == Outcome::Differs);
    let said = site.map(at).or_else(|| verdict.differences.first().map(|found| format!("{}: {}", found.place, found.what)));
    said.map(|said| crate::error::printable(&said)).filter(|_| verdict.outcome == Outcome::Differs)
}

/// Why a place is not shown to be right: what was found there, or why nothing was run.
pub fn why(verdict: &Verdict, site: &Site) -> String {
    match &verdict.execution {
        Execution::NotRun { reason, .. } if site.reason.as_deref() == Some(NOT_RUN) => {
            crate::error::printable(&format!("at `{}` ({}): {reason}", site.value, sides(site)))
        }
        _ => at(site),
    }
}

/// A place and what was found there.
pub fn at(site: &Site) -> String {
    let place = site.place.as_ref().filter(|_| site.worst.is_some_and(|worst| worst > 1.0));
    let found = place.map(|place| format!(" ({place})")).unwrap_or_default();
    let reason = site.reason.as_deref().unwrap_or("beyond its limit");
    crate::error::printable(&format!("at `{}` ({}): {reason}{found}", site.value, sides(site)))
}

/// The operators of both sides.
pub(super) fn sides(site: &Site) -> String {
    let operators = |nodes: &[SiteNode]| nodes.iter().map(|node| node.operator.as_str()).collect::<Vec<_>>().join(", ");
    format!("{} | {}", operators(&site.before), operators(&site.after))
}

fn of_inputs(sets: usize) -> String {
    format!("{sets} set{} of inputs", if sets == 1 { "" } else { "s" })
}
