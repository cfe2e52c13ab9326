//! Verdicts as text.

use super::{STAYS, WELL, WRONG, counted, name, row, seconds, styled};
use crate::report::VerifyReport;
use crate::verify::{Execution, Outcome, Site, SiteNode, Tap, Tier, Verdict};

/// Places and differences that are shown without being asked for all.
const SHOWN: usize = 10;

/// Why a verdict is not a proof, if it is not: evidence is missing, or the whole models were not run.
pub fn unverified(verdict: &Verdict) -> Option<String> {
    if let Execution::NotRun { reason, .. } = &verdict.execution {
        return Some(crate::error::printable(reason));
    }
    if verdict.outcome != Outcome::NotJudged {
        return None;
    }
    let site = verdict.sites.iter().find(|s| s.outcome == Outcome::NotJudged);
    let reason = site.map(|s| format!("{} at `{}`", s.reason.as_deref().unwrap_or("no evidence"), s.value));
    let difference = || verdict.differences.first().map(|d| format!("{} at {}", d.what, d.place));
    Some(crate::error::printable(&reason.or_else(difference).unwrap_or_else(|| "evidence is missing".to_owned())))
}

/// A verdict in a line.
pub fn verdict_line(verdict: &Verdict) -> String {
    let said = match (verdict.outcome, unverified(verdict)) {
        (Outcome::Differs, _) => styled(WRONG, verdict.outcome.words()),
        (outcome, Some(why)) => format!("{}: {why}", styled(STAYS, outcome.words())),
        (outcome, None) => styled(WELL, outcome.words()),
    };
    let mut parts = vec![said];
    if let Some((worst, site)) = worst(verdict) {
        parts.push(format!("worst {worst:.2} of the limit at {}", name(&site.value)));
    }
    if let Execution::Ran { engine, outputs_equal, .. } = &verdict.execution {
        parts.push(format!("{}: {} bit-equal", name(engine), counted(*outputs_equal as u64, "output")));
    }
    parts.join("; ")
}

fn worst(verdict: &Verdict) -> Option<(f64, &Site)> {
    let ran = verdict.sites.iter().filter_map(|s| s.worst.map(|w| (w, s)));
    ran.max_by(|(a, _), (b, _)| a.total_cmp(b))
}

/// The answer to `verify`. `verbose` lists every place, not only those that are wrong.
pub fn verdict(report: &VerifyReport, verbose: bool) -> String {
    let verdict = &report.verdict;
    let mut text = format!("{} | {}\n", name(&report.before), name(&report.after));
    text.push_str(&row("verdict", verdict_line(verdict)));
    if verdict.outcome == Outcome::EqualWithinRounding {
        text.push_str(&row("tier", tier(verdict)));
    }
    if !verdict.sites.is_empty() {
        let wrong = verdict.sites.iter().filter(|s| s.outcome >= Outcome::NotJudged).count();
        text.push_str(&row("folds", format!("{}, {wrong} not shown to be right", verdict.sites.len())));
    }
    let mut listed: Vec<&Site> = verdict.sites.iter().filter(|s| verbose || s.outcome >= Outcome::NotJudged).collect();
    let limit = if verbose { usize::MAX } else { SHOWN };
    // What is wrong comes before what could not be judged because of it.
    listed.sort_by_key(|site| std::cmp::Reverse(site.outcome));
    for difference in verdict.differences.iter().take(limit) {
        text.push_str(&format!(
            "  {} {}: {}\n",
            styled(WRONG, "differs"),
            name(&difference.place),
            crate::error::printable(&difference.what)
        ));
    }
    more(&mut text, verdict.differences.len(), limit);
    listed.iter().take(limit).for_each(|site| text.push_str(&place(site)));
    more(&mut text, listed.len(), limit);
    text.push_str(&runs(&verdict.execution));
    text.push_str(&super::own::rows(verdict, verbose));
    for (label, said) in [("again", &report.again), ("saved", &report.saved)] {
        text.extend(said.iter().map(|said| row(label, crate::error::printable(said))));
    }
    text.push_str(&row("time", seconds(report.seconds)));
    text
}

fn more(text: &mut String, count: usize, limit: usize) {
    if count > limit {
        text.push_str(&format!("  and {} more (-v lists them)\n", count - limit));
    }
}

fn tier(verdict: &Verdict) -> String {
    match (verdict.tier, verdict.rounded_once) {
        (Tier::Own, _) => "exact: each folded constant is rounded once".to_owned(),
        (Tier::Foreign, Some(true)) => "8 units of roundoff; --exact holds, too".to_owned(),
        (Tier::Foreign, Some(false)) => "8 units of roundoff; --exact does not hold".to_owned(),
        (Tier::Foreign, None) => "8 units of roundoff".to_owned(),
    }
}

fn place(site: &Site) -> String {
    let style = match site.outcome {
        Outcome::Equal | Outcome::EqualWithinRounding => WELL,
        Outcome::NotJudged => STAYS,
        Outcome::Differs => WRONG,
    };
    let mut line = format!("  {} {} at {}", styled(style, site.outcome.words()), name(site.node()), name(&site.value));
    let operators = |nodes: &[SiteNode]| nodes.iter().map(|node| node.operator.as_str()).collect::<Vec<_>>().join(", ");
    line.push_str(&format!(" ({} | {})", operators(&site.before), operators(&site.after)));
    if let Some(reason) = &site.reason {
        line.push_str(&format!(": {}", crate::error::printable(reason)));
    }
    if let Some(certificate) = &site.certificate {
        line.push_str(&format!("; constants {:.2} of the limit", certificate.worst));
    }
    if let Some(alone) = &site.alone {
        line.push_str(&match &alone.skipped {
            Some(why) => format!("; not run alone: {}", crate::error::printable(why)),
            None => format!("; alone {:.2} (control {:.2})", alone.worst(), alone.control),
        });
    }
    if let Some(worst) = site.worst {
        line.push_str(&format!("; {worst:.2} of the limit"));
    }
    if let Some(place) = &site.place {
        line.push_str(&format!(" at {}", crate::error::printable(place)));
    }
    line + "\n"
}

fn runs(execution: &Execution) -> String {
    match execution {
        Execution::Ran { engine, samples, seed, data_sets, taps, inputs, assumptions, outputs_equal } => {
            let from = seed.map_or_else(|| "inputs as given".to_owned(), |s| format!("seed {s}"));
            let equal = counted(*outputs_equal as u64, "output");
            let mut text =
                row("run", format!("{}, {}, {from}: {equal} bit-equal", name(engine), counted(*samples as u64, "sample")));
            data_sets.iter().for_each(|set| text.push_str(&row("test data", name(set))));
            taps.iter().for_each(|found| text.push_str(&row("tap", tap(found))));
            inputs.iter().for_each(|i| text.push_str(&row("input", name(i))));
            assumptions.iter().for_each(|a| text.push_str(&row("assumed", crate::error::printable(a))));
            text
        }
        Execution::NotRun { reason, .. } => row("run", format!("no: {}", crate::error::printable(reason))),
        Execution::NotNeeded => row("run", "not needed"),
    }
}

fn tap(found: &Tap) -> String {
    let place = found.place.as_ref().map(|place| format!(" {}", crate::error::printable(place))).unwrap_or_default();
    match found.largest {
        Some(0.0) => format!("{}: equal bit for bit", name(&found.value)),
        Some(largest) => {
            format!("{}: differs by at most {largest:.3e}, of at most {:.3e}{place}", name(&found.value), found.magnitude)
        }
        None => format!("{}: cannot be compared{place}", name(&found.value)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Difference;

    fn sample() -> Verdict {
        let node = |operator: &str| SiteNode { index: 0, operator: operator.into(), name: "conv1".into(), outputs: vec![] };
        let site = Site {
            value: "y".into(),
            before: vec![node("Conv"), node("BatchNormalization")],
            after: vec![node("Conv")],
            changed: vec!["W".into()],
            rounding: None,
            worst: Some(0.42),
            place: Some("[0,1]: 1 for 1.5".into()),
            certificate: None,
            alone: None,
            outcome: Outcome::EqualWithinRounding,
            reason: None,
        };
        let execution = Execution::Ran {
            engine: "tract 0".into(),
            samples: 1,
            seed: Some(3),
            data_sets: vec![],
            taps: vec![],
            inputs: vec!["x float[1,2]".into()],
            assumptions: vec!["N = 1".into()],
            outputs_equal: 1,
        };
        let outcome = Outcome::EqualWithinRounding;
        let (sites, differences, own_type) = (vec![site], vec![], vec![]);
        Verdict { outcome, tier: Tier::Foreign, rounded_once: Some(true), sites, differences, execution, own_type }
    }

    fn report(verdict: Verdict) -> VerifyReport {
        let (schema, version) = (crate::report::schema("verify"), "0".to_owned());
        VerifyReport { schema, version, before: "a".into(), after: "b".into(), verdict, again: None, saved: None, seconds: 0.5 }
    }

    #[test]
    fn a_line_says_worst_and_engine() {
        let line = anstream::adapter::strip_str(&verdict_line(&sample())).to_string();
        assert_eq!(line, "equal within rounding; worst 0.42 of the limit at y; tract 0: 1 output bit-equal");
    }

    #[test]
    fn what_is_wrong_is_listed_and_what_is_right_only_on_request() {
        let mut wrong = sample();
        assert!(!verdict(&report(sample()), false).contains("conv1"));
        assert!(verdict(&report(sample()), true).contains("conv1"));
        wrong.outcome = Outcome::Differs;
        wrong.sites[0].outcome = Outcome::Differs;
        wrong.differences.push(Difference { place: "node `n`".into(), what: "an attribute".into() });
        let text = anstream::adapter::strip_str(&verdict(&report(wrong), false)).to_string();
        assert!(
            text.contains("differs conv1 at y (Conv, BatchNormalization | Conv); 0.42 of the limit at [0,1]: 1 for 1.5"),
            "{text}"
        );
        assert!(text.contains("differs node `n`: an attribute"), "{text}");
    }

    #[test]
    fn a_model_that_was_not_run_is_unverified() {
        let mut verdict = sample();
        assert_eq!(unverified(&verdict), None);
        verdict.execution = Execution::NotRun { reason: "an operator".into(), second: false };
        assert_eq!(unverified(&verdict).as_deref(), Some("an operator"));
        verdict.execution = Execution::NotNeeded;
        verdict.outcome = Outcome::NotJudged;
        verdict.sites[0].outcome = Outcome::NotJudged;
        verdict.sites[0].reason = Some("NaN on both sides".into());
        assert_eq!(unverified(&verdict).as_deref(), Some("NaN on both sides at `y`"));
    }
}
