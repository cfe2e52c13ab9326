//! Verdicts as text.

use super::{STAYS, WELL, WRONG, counted, name, row, seconds, styled};
use crate::report::VerifyReport;
use crate::report::evidence::{evidence, sides, unverified};
use crate::verify::{Execution, Outcome, Site, Tap, Tier, Verdict, WholeRun};

/// Places and differences that are shown without being asked for all.
const SHOWN: usize = 10;

/// A verdict in a line.
pub fn verdict_line(verdict: &Verdict) -> String {
    let words = verdict.outcome.words();
    let said = match (verdict.outcome, &verdict.execution) {
        (Outcome::Differs, _) => {
            let between = if verdict.sites.iter().any(|site| site.outcome == Outcome::Differs) { " " } else { ": " };
            let found = evidence(verdict).map(|found| format!("{between}{found}")).unwrap_or_default();
            return format!("{}{found}", styled(WRONG, words));
        }
        (Outcome::NotJudged, _) => format!("{}: {}", styled(STAYS, words), unverified(verdict).unwrap_or_default()),
        (_, Execution::NotRun { reason, .. }) => {
            let reason = crate::error::printable(reason);
            format!("{} by each constant and each fold run alone; the whole was not run: {reason}", styled(STAYS, words))
        }
        _ => styled(WELL, words),
    };
    let mut parts = vec![said];
    if let Some((worst, site)) = worst(verdict) {
        parts.push(format!("worst {} at {}", of(worst, limit(verdict.tier)), name(&site.value)));
    }
    if let Execution::Ran { engine, outputs_equal, .. } = &verdict.execution {
        parts.push(format!("{}: {}", name(engine), forced(*outputs_equal)));
    }
    parts.join("; ")
}

/// A share of a limit; what is no number, or is where nothing may be off, stands as the largest one.
fn share(share: f64) -> String {
    if share < f64::MAX { format!("{share:.2}") } else { "beyond any limit".to_owned() }
}

/// A share with the limit that it is of; beyond it so many times the limit.
fn of(worst: f64, limit: &str) -> String {
    let between = if worst > 1.0 { "times" } else { "of" };
    if worst < f64::MAX { format!("{} {between} {limit}", share(worst)) } else { share(worst) }
}

/// Outputs of the first model that were equal where it went on from what the second had at each fold.
fn forced(outputs: usize) -> String {
    if outputs == 0 {
        return "every output is made by a fold".to_owned();
    }
    format!("everything outside the folds equal bit for bit ({})", counted(outputs as u64, "output"))
}

/// The limit that shares are told of.
fn limit(tier: Tier) -> &'static str {
    match tier {
        Tier::Own => "the limit of one rounding",
        Tier::Foreign => "the limit of 8 roundings",
    }
}

/// The largest share of a limit of the tier that was asked for, by whichever layer.
fn worst(verdict: &Verdict) -> Option<(f64, &Site)> {
    let shares = |site: &Site| {
        let alone = site.alone.as_ref().filter(|alone| alone.skipped.is_none()).map(crate::verify::Alone::worst);
        let all = [site.worst, alone, site.certificate.as_ref().map(|certificate| certificate.worst)];
        all.into_iter().flatten().reduce(f64::max)
    };
    let all = verdict.sites.iter().filter_map(|site| Some((shares(site)?, site)));
    all.max_by(|(a, _), (b, _)| a.total_cmp(b))
}

/// The answer to `verify`. `verbose` lists every place, not only those that are wrong.
pub fn verdict(report: &VerifyReport, verbose: bool) -> String {
    let verdict = &report.verdict;
    let mut text = format!("{} | {}\n", name(&report.before), name(&report.after));
    text.push_str(&row("verdict", verdict_line(verdict)));
    if verdict.outcome == Outcome::EqualWithinRounding {
        text.push_str(&row("limit", tier(verdict)));
    }
    if !verdict.sites.is_empty() {
        text.push_str(&row("folds", folds(&verdict.sites)));
    }
    let mut listed: Vec<&Site> = verdict.sites.iter().filter(|s| verbose || s.outcome >= Outcome::NotJudged).collect();
    let limit = if verbose { usize::MAX } else { SHOWN };
    // What is wrong comes before what could not be judged because of it.
    listed.sort_by_key(|site| std::cmp::Reverse(site.outcome));
    for (style, word, all) in [(WRONG, "differs", &verdict.differences), (STAYS, "not matched", &verdict.unmatched)] {
        for found in all.iter().take(limit) {
            let what = crate::error::printable(&found.what);
            text.push_str(&format!("  {}: {}: {what}\n", styled(style, word), name(&found.place)));
        }
        more(&mut text, all.len(), limit);
    }
    listed.iter().take(limit).for_each(|site| text.push_str(&place(site)));
    more(&mut text, listed.len(), limit);
    text.push_str(&runs(verdict));
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

/// How many folds are right, how many wrong, and how many nobody can tell.
fn folds(sites: &[Site]) -> String {
    let count = |is: fn(Outcome) -> bool| sites.iter().filter(|site| is(site.outcome)).count();
    let right = count(|outcome| outcome < Outcome::NotJudged);
    let others = [(count(|o| o == Outcome::Differs), "wrong"), (count(|o| o == Outcome::NotJudged), "not judged")];
    let others = others.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}"));
    format!("{right} right{}", others.collect::<String>())
}

/// The limit of a constant in the tier asked for, and whether the stricter one holds, too.
fn tier(verdict: &Verdict) -> String {
    match (verdict.tier, verdict.rounded_once) {
        (Tier::Own, _) => "one rounding of each folded constant (--exact)".to_owned(),
        (Tier::Foreign, Some(true)) => "8 roundings of each folded constant; that of --exact, one, holds, too".to_owned(),
        (Tier::Foreign, Some(false)) => "8 roundings of each folded constant; that of --exact, one, does not hold".to_owned(),
        (Tier::Foreign, None) => "8 roundings of each folded constant".to_owned(),
    }
}

fn place(site: &Site) -> String {
    let style = match site.outcome {
        Outcome::Equal | Outcome::EqualWithinRounding => WELL,
        Outcome::NotJudged => STAYS,
        Outcome::Differs => WRONG,
    };
    let mut line = format!("  {} {} at {}", styled(style, site.outcome.words()), name(site.node()), name(&site.value));
    line.push_str(&format!(" ({})", sides(site)));
    if let Some(reason) = &site.reason {
        line.push_str(&format!(": {}", crate::error::printable(reason)));
    }
    if let Some(certificate) = &site.certificate {
        line.push_str(&format!("; constants {}", of(certificate.worst, "the limit")));
    }
    if let Some(alone) = &site.alone {
        line.push_str(&match &alone.skipped {
            Some(why) => format!("; not run alone: {}", crate::error::printable(why)),
            None => format!("; run alone {}", of(alone.worst(), "the limit")),
        });
    }
    if let Some(worst) = site.worst {
        line.push_str(&format!("; in the whole {}", of(worst, "the limit")));
    }
    if let Some(place) = &site.place {
        line.push_str(&format!(" at {}", crate::error::printable(place)));
    }
    line + "\n"
}

fn runs(verdict: &Verdict) -> String {
    let outcome = verdict.outcome;
    match &verdict.execution {
        Execution::Ran { engine, samples, seed, data_sets, taps, inputs, assumptions, outputs_equal } => {
            let from = seed.map_or_else(|| "inputs as given".to_owned(), |s| format!("seed {s}"));
            let samples = counted(*samples as u64, "sample");
            // Outputs are compared behind folds that are fed with each other's values, which says little where one is wrong.
            let equal = if outcome == Outcome::Differs { String::new() } else { format!(": {}", forced(*outputs_equal)) };
            let mut text = row("run", format!("{}, {samples}, {from}{equal}", name(engine)));
            data_sets.iter().for_each(|set| text.push_str(&row("test data", name(set))));
            taps.iter().for_each(|found| text.push_str(&row("tap", tap(found))));
            inputs.iter().for_each(|i| text.push_str(&row("input", name(i))));
            assumptions.iter().for_each(|a| text.push_str(&row("assumed", crate::error::printable(a))));
            text
        }
        Execution::SideBySide { engine, runs, assumptions } => {
            let mut text = row("run", format!("{}, side by side, each by itself", name(engine)));
            runs.iter().for_each(|run| text.push_str(&row("", side_by_side(run))));
            assumptions.iter().for_each(|a| text.push_str(&row("assumed", crate::error::printable(a))));
            text
        }
        // What the verdict's own line has said already is not said again.
        Execution::NotRun { reason, .. } => {
            let reason = crate::error::printable(reason);
            let is_said = verdict_line(verdict).contains(&reason);
            row("run", format!("no: {}", if is_said { "see the verdict" } else { &reason }))
        }
        Execution::NotNeeded => row("run", "skipped: the files alone decide"),
    }
}

fn side_by_side(run: &WholeRun) -> String {
    let from = run.seed.map_or_else(|| "inputs as given".to_owned(), |seed| format!("seed {seed}"));
    let from = if run.numbers.is_empty() { from } else { format!("{from}, {}", run.numbers) };
    let counts = [(run.agree.len(), "agree"), (run.apart.len(), "differ"), (run.unclear.len(), "cannot be told")];
    let said = counts.iter().filter(|(count, _)| *count > 0);
    let said = said.map(|(count, what)| format!("{} {what}", counted(*count as u64, "output"))).collect::<Vec<_>>();
    format!("{from}, {}: {}", name(&run.inputs.join(", ")), said.join(", "))
}

fn tap(found: &Tap) -> String {
    let place = found.place.as_ref().map(|place| format!(" {}", crate::error::printable(place))).unwrap_or_default();
    let value = name(&found.value);
    match found.largest {
        Some(0.0) => format!("{value}: equal bit for bit"),
        Some(largest) => format!("{value}: differs by at most {largest:.3e}, of at most {:.3e}{place}", found.magnitude),
        None => format!("{value}: cannot be compared{place}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::{Difference, NOT_RUN, SiteNode};

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
        let (sites, differences, unmatched, own_type) = (vec![site], vec![], vec![], vec![]);
        Verdict { outcome, tier: Tier::Foreign, rounded_once: Some(true), sites, differences, unmatched, execution, own_type }
    }

    fn report(verdict: Verdict) -> VerifyReport {
        let (schema, version) = (crate::report::schema("verify"), "0".to_owned());
        VerifyReport { schema, version, before: "a".into(), after: "b".into(), verdict, again: None, saved: None, seconds: 0.5 }
    }

    #[test]
    fn a_line_says_worst_and_engine() {
        let line = anstream::adapter::strip_str(&verdict_line(&sample())).to_string();
        assert_eq!(
            line,
            "equal within rounding; worst 0.42 of the limit of 8 roundings at y; tract 0: everything outside the folds equal bit for bit (1 output)"
        );
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
            text.contains(
                "differs conv1 at y (Conv, BatchNormalization | Conv); in the whole 0.42 of the limit at [0,1]: 1 for 1.5"
            ),
            "{text}"
        );
        assert!(text.contains("differs: node `n`: an attribute"), "{text}");
    }

    #[test]
    fn what_lacks_evidence_begins_with_that() {
        let line = |verdict: &Verdict| anstream::adapter::strip_str(&verdict_line(verdict)).to_string();
        let mut verdict = sample();
        assert_eq!(unverified(&verdict), None);
        verdict.execution = Execution::NotRun { reason: "an operator".into(), second: false };
        assert_eq!(unverified(&verdict), None);
        assert!(
            line(&verdict).starts_with(
                "equal within rounding by each constant and each fold run alone; the whole was not run: an operator"
            )
        );
        verdict.outcome = Outcome::NotJudged;
        verdict.sites[0].outcome = Outcome::NotJudged;
        verdict.sites[0].reason = Some(NOT_RUN.into());
        assert_eq!(unverified(&verdict).as_deref(), Some("an operator"));
        verdict.execution = Execution::NotNeeded;
        verdict.sites[0].reason = Some("NaN on both sides".into());
        assert_eq!(unverified(&verdict).as_deref(), Some("NaN on both sides at `y`"));
        let (place, what) = ("value `c`".to_owned(), "became another".to_owned());
        verdict.unmatched.push(Difference { place, what });
        let run = WholeRun { seed: Some(0), agree: vec!["y".into()], ..WholeRun::default() };
        verdict.execution = Execution::SideBySide { engine: "e".into(), runs: vec![run.clone(), run], assumptions: vec![] };
        let said =
            "not judged: the files cannot be matched at value `c`: became another; run whole on 2 sets of inputs they agree";
        assert!(line(&verdict).starts_with(said), "{}", line(&verdict));
    }

    #[test]
    fn what_differs_is_shown() {
        let mut verdict = sample();
        verdict.outcome = Outcome::Differs;
        (verdict.sites[0].outcome, verdict.sites[0].worst) = (Outcome::Differs, Some(2.0));
        verdict.sites[0].reason = Some("beyond rounding".into());
        assert_eq!(
            evidence(&verdict).as_deref(),
            Some("at `y` (Conv, BatchNormalization | Conv): beyond rounding ([0,1]: 1 for 1.5)")
        );
        assert!(!verdict_line(&verdict).contains("bit for bit"));
        verdict.sites[0].worst = Some(f64::MAX);
        let text = anstream::adapter::strip_str(&super::verdict(&report(verdict), false)).to_string();
        assert!(text.contains("; in the whole beyond any limit at [0,1]: 1 for 1.5"), "{text}");
        assert!(text.contains("  folds               0 right, 1 wrong\n") && !text.contains("bit for bit"), "{text}");
        assert_eq!((of(2.0, "the limit"), of(0.5, "the limit")), ("2.00 times the limit".into(), "0.50 of the limit".into()));
    }
}
