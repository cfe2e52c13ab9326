//! `bnfold verify`: the judge of two files.

use std::time::Instant;

use bnfold::report::{self, VerifyReport, text};
use bnfold::verify::{Execution, Outcome, Tier, Verdict, VerifyOptions};
use bnfold::{Error, ErrorKind};

use super::activity::Activity;
use super::arguments::{Format, Verify};
use super::console::Console;
use super::input;
use super::status::Status;

/// Runs the verb.
///
/// # Errors
/// A model cannot be read.
pub fn run(arguments: &Verify, console: &Console) -> anyhow::Result<Status> {
    let started = Instant::now();
    for path in [&arguments.before, &arguments.after] {
        if input::is_stream(path) {
            return Err(Error::new(ErrorKind::Target, "verify reads files, not standard input").remedy("name a file").into());
        }
    }
    let tier = if arguments.exact { Tier::Own } else { Tier::Foreign };
    let verdict = {
        let _shown = Activity::begin(console, "verifying", None);
        let options = VerifyOptions { freeze: arguments.freeze_initializers, ..arguments.runs.options(tier) };
        bnfold::verify::verify(&arguments.before, &arguments.after, &options)?
    };
    let status = status(&verdict, arguments.strict);
    let report = VerifyReport {
        schema: report::schema("verify"),
        version: report::VERSION.to_owned(),
        before: arguments.before.display().to_string(),
        after: arguments.after.display().to_string(),
        verdict,
        seconds: started.elapsed().as_secs_f64(),
    };
    match console.format {
        Format::Json => console.json(&report)?,
        Format::Text if console.quiet && status == Status::Well => {}
        Format::Text => console.text(&text::verdict(&report, console.verbose))?,
    }
    Ok(status)
}

fn status(verdict: &Verdict, strict: bool) -> Status {
    let not_run = matches!(verdict.execution, Execution::NotRun { .. });
    match verdict.outcome {
        Outcome::Differs => Status::Finding,
        Outcome::NotJudged => Status::CouldNot,
        _ if strict && not_run => Status::CouldNot,
        Outcome::Equal | Outcome::EqualWithinRounding => Status::Well,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_follows_from_outcome_and_execution() {
        let verdict = |outcome, execution| Verdict {
            outcome,
            tier: Tier::Own,
            rounded_once: None,
            sites: vec![],
            differences: vec![],
            execution,
        };
        let not_run = || Execution::NotRun { reason: "r".into() };
        let table = [
            (Outcome::Equal, Execution::NotNeeded, Status::Well, Status::Well),
            (Outcome::EqualWithinRounding, not_run(), Status::Well, Status::CouldNot),
            (Outcome::EqualWithinRounding, Execution::NotNeeded, Status::Well, Status::Well),
            (Outcome::NotJudged, not_run(), Status::CouldNot, Status::CouldNot),
            (Outcome::Differs, not_run(), Status::Finding, Status::Finding),
        ];
        for (outcome, execution, lenient, strict) in table {
            let verdict = verdict(outcome, execution);
            assert_eq!((status(&verdict, false), status(&verdict, true)), (lenient, strict), "{verdict:?}");
        }
    }
}
