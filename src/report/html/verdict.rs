//! The verdict place by place, each against its limit.

use maud::{Markup, html};

use crate::error::printable;
use crate::report::text::unverified;
use crate::verify::{Execution, Outcome, Site, Verdict};

/// How many places are listed.
const LISTED: usize = 400;

/// The section.
pub fn section(verdict: &Verdict) -> Markup {
    let mut sites: Vec<&Site> = verdict.sites.iter().collect();
    // What is wrong comes first, then what is nearest to its limit.
    let rank = |site: &Site| (site.outcome == Outcome::Differs, site.outcome == Outcome::NotJudged, site.worst.unwrap_or(0.0));
    sites.sort_by(|a, b| rank(b).partial_cmp(&rank(a)).unwrap_or(std::cmp::Ordering::Equal));
    let others = verdict.differences.iter().map(|d| (d, "differs")).chain(verdict.unmatched.iter().map(|d| (d, "not matched")));
    html! {
        section {
            h2 { "The verdict, place by place" }
            p { (run(verdict)) }
            @if let Some(why) = unverified(verdict) { p { (printable(&why)) } }
            @for (difference, what) in others {
                p { strong.wrong { (what) } " " b { (printable(&difference.place)) } " " (printable(&difference.what)) }
            }
            @if !sites.is_empty() {
                div.scroll { table {
                    thead { tr { th { "value" } th { "became" } th { "found" } th { "of the limit" } th { "" } } }
                    tbody { @for site in sites.iter().take(LISTED) { (row(site)) } }
                } }
            }
            @if sites.len() > LISTED { p { "and " (sites.len() - LISTED) " more." } }
        }
    }
}

fn run(verdict: &Verdict) -> String {
    match &verdict.execution {
        Execution::Ran { engine, .. } => {
            format!("Both models were run by {} beside the comparison of constants.", printable(engine))
        }
        Execution::NotRun { reason, .. } => format!("The models were not run as a whole: {}", printable(reason)),
        Execution::NotNeeded => "The files alone decide; nothing was run.".to_owned(),
        _ => "Both models were run side by side.".to_owned(),
    }
}

fn row(site: &Site) -> Markup {
    let class = match site.outcome {
        Outcome::Differs => "wrong",
        Outcome::NotJudged => "stays",
        _ => "well",
    };
    let operators = |nodes: &[crate::verify::SiteNode]| nodes.iter().map(|n| n.operator.as_str()).collect::<Vec<_>>().join(", ");
    let became = format!("{} → {}", operators(&site.before), operators(&site.after));
    let share = site.worst.map(|worst| if worst.is_finite() { format!("{worst:.3}") } else { "beyond".to_owned() });
    let width = site.worst.map_or(0.0, |worst| (worst * 100.0).clamp(0.5, 100.0));
    html! {
        tr {
            td { (printable(&site.value)) }
            td { (printable(&became)) }
            td { span class=(class) { (site.outcome.words()) } @if let Some(reason) = &site.reason { ": " (printable(reason)) } }
            td { (share.unwrap_or_else(|| "—".to_owned())) }
            td {
                svg.range viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true" {
                    rect.track x="0" y="1" width="100" height="6" {}
                    rect class=(class) x="0" y="1" width=(format!("{width:.1}")) height="6" {}
                }
            }
        }
    }
}
