//! `bnfold verify`: the judge of two files.

use std::path::Path;
use std::time::Instant;

use bnfold::api::certificate as stated;
use bnfold::api::{demand_a_run, failure, shell};
use bnfold::model::Model;
use bnfold::report::{self, Census, VerifyReport, text};
use bnfold::verify::{Outcome, Tier, Verdict, VerifyOptions};
use bnfold::{Error, ErrorKind};

use super::activity::Activity;
use super::arguments::{Format, Verify};
use super::certificate;
use super::closing;
use super::console::Console;
use super::input;
use super::status::Status;

/// Runs the verb.
///
/// # Errors
/// A model cannot be read.
pub fn run(arguments: &Verify, console: &Console) -> anyhow::Result<Status> {
    if let Some(path) = &arguments.recheck {
        return certificate::recheck(path, arguments, console);
    }
    let (Some(before), Some(after)) = (&arguments.before, &arguments.after) else { return Ok(Status::CouldNot) };
    let started = Instant::now();
    for path in [before, after] {
        if input::is_stream(path) {
            return Err(Error::new(ErrorKind::Target, "verify reads files, not standard input").remedy("name a file").into());
        }
    }
    let tier = if arguments.exact { Tier::Own } else { Tier::Foreign };
    let options = VerifyOptions { freeze: arguments.freeze_initializers, ..arguments.runs.options(tier) };
    let mut verdict = {
        let _shown = Activity::begin(console, "verifying", None);
        bnfold::verify::verify(before, after, &options)?
    };
    if arguments.strict && verdict.outcome == Outcome::EqualWithinRounding {
        demand_a_run(&mut verdict);
    }
    if let Some(path) = &arguments.certificate {
        let subject = |path: &Path| stated::subject(path, &Model::open(path)?);
        stated::write(path, &stated::stated(subject(before)?, subject(after)?, &options, &verdict)?)?;
    }
    let saved = match &arguments.save_failure {
        Some(folder) if verdict.outcome == Outcome::Differs => Some(failure::save(folder, (before, after), &verdict, &options)?),
        _ => None,
    };
    let again = (verdict.outcome >= Outcome::NotJudged).then(|| again(arguments, before, after));
    let status = status(&verdict);
    let swapped = status != Status::Well && are_swapped(before, after)?;
    let closing = closing::judged(&verdict, (before, after), arguments);
    let report = VerifyReport {
        schema: report::schema("verify"),
        version: report::VERSION.to_owned(),
        before: before.display().to_string(),
        after: after.display().to_string(),
        verdict,
        again,
        saved,
        seconds: started.elapsed().as_secs_f64(),
    };
    match console.format {
        Format::Json => console.json(&report)?,
        _ if console.quiet && status == Status::Well => {}
        _ => console.report(&text::verdict(&report, console.verbose))?,
    }
    let swapped = swapped.then(|| {
        let error = Error::new(ErrorKind::Target, "the second model has more BatchNormalization than the first");
        error.remedy("name the model before the fold first")
    });
    swapped.or(closing).iter().for_each(|error| console.error(error));
    Ok(status)
}

/// Whether it looks as if the files were named the other way round.
fn are_swapped(before: &Path, after: &Path) -> bnfold::Result<bool> {
    let count = |path: &Path| Model::open(path).map(|m| Census::of(&m.proto, &m.scan, 0).batch_normalizations);
    Ok(count(after)? > count(before)?)
}

/// The command of this verification, with its seed.
fn again(arguments: &Verify, before: &Path, after: &Path) -> String {
    let flags =
        [(arguments.exact, "--exact"), (arguments.strict, "--strict"), (arguments.freeze_initializers, "--freeze-initializers")];
    let flags = flags.into_iter().filter(|(given, _)| *given).map(|(_, word)| word.into());
    let files = [before, after].map(|path| path.as_os_str().to_owned());
    shell::command(std::iter::once("verify".into()).chain(files).chain(flags).chain(arguments.runs.arguments()))
}

fn status(verdict: &Verdict) -> Status {
    match verdict.outcome {
        Outcome::Differs => Status::Finding,
        Outcome::NotJudged => Status::CouldNot,
        Outcome::Equal | Outcome::EqualWithinRounding => Status::Well,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bnfold::verify::Execution;

    #[test]
    fn the_status_follows_from_the_outcome_and_who_is_strict_wants_a_run() {
        let verdict = |outcome, execution| Verdict {
            outcome,
            tier: Tier::Own,
            rounded_once: None,
            sites: vec![],
            differences: vec![],
            unmatched: vec![],
            execution,
            own_type: vec![],
        };
        let not_run = || Execution::NotRun { reason: "r".into(), second: false };
        let table = [
            (Outcome::Equal, Execution::NotNeeded, Status::Well, Status::Well),
            (Outcome::EqualWithinRounding, not_run(), Status::Well, Status::CouldNot),
            (Outcome::EqualWithinRounding, Execution::NotNeeded, Status::Well, Status::Well),
            (Outcome::NotJudged, not_run(), Status::CouldNot, Status::CouldNot),
        ];
        for (outcome, execution, lenient, strict) in table {
            let mut verdict = verdict(outcome, execution);
            assert_eq!(status(&verdict), lenient, "{verdict:?}");
            demand_a_run(&mut verdict);
            assert_eq!(status(&verdict), strict, "{verdict:?}");
        }
        assert_eq!(status(&verdict(Outcome::Differs, not_run())), Status::Finding);
    }
}
