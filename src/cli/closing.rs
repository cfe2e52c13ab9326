//! The last line of a run that does not end with 0: what it comes to, and what can be done about it.

use std::collections::BTreeSet;
use std::path::Path;

use bnfold::api::shell::quoted;
use bnfold::report::{CheckReport, Counts, FoldReport, RecheckReport, SweepOutcome, SweepReport, text};
use bnfold::verify::{Execution, Outcome, Verdict};
use bnfold::{Error, ErrorKind};

use super::arguments::Verify;

/// Ends what is said of a fold that is wrong.
const REPORT_IT: &str = "this is a fault of bnfold; please report it with the model's graph";

fn unverified(what: String, remedy: String) -> Error {
    Error::new(ErrorKind::Unverified, what).remedy(remedy)
}

/// Two models that differ; without a second one the first and its fold, which is not kept.
pub fn differs(before: &Path, after: Option<&Path>) -> Error {
    let Some(after) = after else { return unverified("its fold differs".to_owned(), REPORT_IT.to_owned()).file(before) };
    let name = text::name(&before.display().to_string());
    unverified(format!("it does not compute what {name} does"), anew(before)).file(after)
}

fn anew(before: &Path) -> String {
    format!("`bnfold fold {} -o OUT` writes what is shown to be right", quoted(before))
}

/// Two models that differ, or of which nobody can tell.
pub fn judged(verdict: &Verdict, (before, after): (&Path, &Path), arguments: &Verify) -> Option<Error> {
    let name = text::name(&before.display().to_string());
    let error = match verdict.outcome {
        Outcome::Equal | Outcome::EqualWithinRounding => return None,
        Outcome::Differs => return Some(differs(before, Some(after))),
        Outcome::NotJudged => {
            let why = text::unverified(verdict).unwrap_or_default();
            let proved = verdict.sites.iter().all(|site| site.outcome < Outcome::NotJudged);
            let is_strict = arguments.strict && proved && matches!(verdict.execution, Execution::NotRun { .. });
            let remedy = match () {
                () if is_strict => "without --strict the constants, and each fold run alone, are enough".to_owned(),
                () if arguments.runs.quick => "leave out --quick".to_owned(),
                // Where an option helps, the reason has named it.
                () if why.contains("--") => String::new(),
                () => anew(before),
            };
            let error = Error::new(ErrorKind::Unverified, format!("whether it computes what {name} does is not known: {why}"));
            if remedy.is_empty() { error } else { error.remedy(remedy) }
        }
    };
    Some(error.file(after))
}

/// A certificate that does not hold.
pub fn rechecked(report: &RecheckReport) -> Error {
    let said = format!("it says: {}", report.outcome);
    let why = report.refuted.first().map_or(said, |first| format!("it does not hold: {first}"));
    unverified(why, "judge the models anew with `bnfold verify BEFORE AFTER --certificate FILE`".to_owned())
        .file(Path::new(&report.certificate))
}

/// What is left to fold, or deserves a look. Who is `quiet` has seen no commands.
pub fn checked(report: &CheckReport, quiet: bool) -> Error {
    let counts = report.counts();
    if counts != (0, 0) {
        let what = format!("{} left to fold", text::left(counts));
        let named = if quiet { "that `check` names without -q" } else { "that are named" };
        return Error::new(ErrorKind::Choice, what)
            .remedy(format!("run the commands {named}, or accept it with --write-baseline"));
    }
    // All of them at once: whoever allows one after the other starts the check as often.
    let warnings = report.files.iter().flat_map(|file| &file.warnings);
    let reasons: BTreeSet<String> = warnings.map(|warning| format!("--allow {}", warning.reason)).collect();
    let what = "there is what deserves a look, and --strict does not let it pass";
    let all = reasons.into_iter().collect::<Vec<_>>().join(" ");
    Error::new(ErrorKind::Choice, what).remedy(format!("mend it, or accept it with {all}"))
}

/// Models that differ, broke the program, or could not be folded.
pub fn swept(report: &SweepReport) -> Option<Error> {
    let of = |outcome| report.models.iter().find(|model| model.outcome == outcome).map(|model| (model, report.count(outcome)));
    let said = |(model, count): (&bnfold::report::SweptModel, usize), what: &str, remedy: &str| {
        let more = if count > 1 { format!(", as {} more do", count - 1) } else { String::new() };
        unverified(format!("{what}{more}"), remedy.to_owned()).file(Path::new(&model.file))
    };
    let differs = of(SweepOutcome::Differs).map(|found| said(found, "its fold differs", REPORT_IT));
    let crashed = || of(SweepOutcome::Crashed).map(|found| said(found, "it makes the program crash", REPORT_IT));
    let failed =
        || of(SweepOutcome::Failed).map(|found| said(found, "it could not be folded", "its line says why and what to do"));
    differs.or_else(crashed).or_else(failed)
}

/// Faults that were taken for right folds, or not judged.
pub fn tested(counts: Counts) -> Option<Error> {
    let of = |count: usize, what: &str| format!("{count} of {} faults {what}", counts.seeded);
    match (counts.missed, counts.not_judged) {
        (0, 0) => None,
        (0, open) => Some(unverified(of(open, "could not be judged"), "another --seed draws others".to_owned())),
        (missed, _) => Some(unverified(of(missed, "were taken for right folds"), REPORT_IT.to_owned())),
    }
}

/// A model of which nothing was folded, because no fold was shown to be right.
pub fn left_out(report: &FoldReport) -> Option<Error> {
    let first = report.left_out.first()?;
    let count = report.left_out.len();
    let folds = if count == 1 { "the one fold".to_owned() } else { format!("all {count} folds") };
    let error = match report.left_out.iter().find(|left| left.wrong) {
        Some(wrong) => unverified(format!("{folds} had to be left out: {}: {}", wrong.node, wrong.why), REPORT_IT.to_owned()),
        None => {
            let (right, them) = if count == 1 { ("it is", "it") } else { ("they are", "them") };
            let what = format!("{folds} had to be left out, as nobody can tell whether {right} right: {}", first.why);
            let error = Error::new(ErrorKind::Unverified, what);
            let remedy = format!("--allow-unverified writes {them} all the same");
            if first.why.contains("--") { error } else { error.remedy(remedy) }
        }
    };
    Some(error.file(Path::new(&report.input)))
}
