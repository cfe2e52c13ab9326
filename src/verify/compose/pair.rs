//! Both models run side by side where their files cannot be matched, and what that adds to what is said of them.

use super::own;
use super::run::{fixed, run, sizes};
use super::{Graph, Outcome, Side, Verdict, VerifyOptions};
use crate::engine::{CouldNotRun, ENGINE};
use crate::verify::wording::Wording;
use crate::verify::{Difference, Done, Execution, Job, Pair, PairRun, WholeRun};

/// Runs both models side by side and enters what came of it.
pub(in crate::verify) fn side_by_side(
    verdict: &mut Verdict,
    graphs: (&Graph<'_>, &Graph<'_>),
    sides: &(Side, Side),
    options: &VerifyOptions,
) {
    let report = match run(Job::Pair(pair(graphs.0, sides, options)), graphs, options) {
        Ok(Done::Pair(report)) => Ok(report),
        Ok(_) => Err(CouldNotRun::Child("it answered another question".to_owned())),
        Err(reason) => Err(reason),
    };
    let report = match report {
        Ok(report) => report,
        Err(reason) => {
            let second = reason.is_of_the_second();
            super::no_answer(verdict, &reason);
            verdict.execution = Execution::NotRun { reason: reason.to_string(), second };
            return;
        }
    };
    verdict.differences.extend(report.runs.iter().flat_map(differences));
    if verdict.differences.is_empty() && !verdict.unmatched.is_empty() {
        // A constant may be another because something that is not matched makes up for it.
        for site in verdict.sites.iter_mut().filter(|site| site.outcome == Outcome::Differs) {
            site.outcome = Outcome::NotJudged;
            let found = site.reason.take().unwrap_or_default();
            site.reason = Some(format!("{found}; but the models, run whole, agree, and they are not matched elsewhere"));
        }
    }
    if verdict.differences.is_empty() {
        verdict.own_type = own::each(&own::plain((&sides.0, &sides.1), options), graphs, options);
    }
    let runs = report.runs.into_iter().map(told).collect();
    verdict.execution = Execution::SideBySide { engine: ENGINE.to_owned(), runs, assumptions: report.notes };
}

/// What both models show side by side, in their own words: a difference is evidence whatever was said before.
pub(in crate::verify) fn evidence(
    verdict: &mut Verdict,
    graphs: (&Graph<'_>, &Graph<'_>),
    sides: &(Side, Side),
    options: &VerifyOptions,
) {
    match run(Job::Pair(pair(graphs.0, sides, options)), graphs, options) {
        Ok(Done::Pair(report)) => verdict.differences.extend(report.runs.iter().flat_map(differences)),
        Ok(_) => {}
        Err(reason) => super::no_answer(verdict, &reason),
    }
}

fn pair(first: &Graph<'_>, sides: &(Side, Side), options: &VerifyOptions) -> Pair {
    // The files as they stand: what they are matched by is doubted here.
    let plain = |side: &Side| Side { wording: Wording::default(), ..side.clone() };
    Pair {
        before: plain(&sides.0),
        after: plain(&sides.1),
        freeze: options.freeze,
        sizes: sizes(options),
        fixed: fixed(first),
        inputs: options.inputs.clone(),
        seed: options.seed,
    }
}

fn differences(run: &PairRun) -> impl Iterator<Item = Difference> {
    let seed = run.seed.map_or_else(|| "the inputs that are given".to_owned(), |seed| format!("seed {seed}"));
    let seed = if run.numbers.is_empty() { seed } else { format!("{seed}, {}", run.numbers) };
    let on = format!("both models run whole on {seed}, {}", super::super::pair::told(&run.inputs));
    run.apart
        .iter()
        .map(move |(output, place)| Difference { place: format!("output `{output}`"), what: format!("{place}; {on}") })
}

fn told(run: PairRun) -> WholeRun {
    WholeRun {
        seed: run.seed,
        numbers: run.numbers,
        inputs: run.inputs.iter().map(super::run::input).collect(),
        agree: run.agree,
        apart: run.apart.into_iter().map(|(output, place)| format!("{output}: {place}")).collect(),
        unclear: run.unclear.into_iter().map(|(output, why)| format!("{output}: {why}")).collect(),
    }
}
