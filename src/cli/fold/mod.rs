//! `bnfold fold`: fold a model, verify the result under its temporary name, and only then put it in its place.

mod target;

use std::io::{self, Write as _};
use std::path::Path;
use std::time::Instant;

use bnfold::api::certificate::{self, Certificate};
use bnfold::api::judged::{self, Step, Terms, Tried};
use bnfold::fold::Staged;
use bnfold::model::Graph;
use bnfold::report::{self, FoldReport, FoldReports, SiteReport, text};
use bnfold::verify::Verdict;
use bnfold::{Error, ErrorKind, ExternalData, Result};

use super::activity::Activity;
use super::arguments::{Fold, Format, Planning, Runs};
use super::closing;
use super::console::{self, Console};
use super::files::Found;
use super::input::{self, Input};
use super::named;
use super::status::Status;
pub use target::apart;
use target::{Jobs, Target};

/// Runs the verb.
///
/// # Errors
/// The model cannot be read or the result not be written; then the target is as it was. Of several models each is tried, and what
/// went wrong with one is said.
pub fn run(arguments: &Fold, console: &Console) -> anyhow::Result<Status> {
    match target::jobs(arguments)? {
        Jobs::One(model, target) => {
            let options = (&arguments.planning, &arguments.runs);
            let (report, refusal) = fold(arguments, options, (&model, &target), console)?;
            let text = match console.format {
                Format::Json => console::encode(&report)?,
                _ => spoken(arguments, &report, console),
            };
            say(&text, &target, console)?;
            Ok(status(&report, refusal.as_ref(), console))
        }
        Jobs::Several(jobs, wrong) => {
            wrong.iter().for_each(|error| console.error(error));
            let all = several(arguments, &jobs, console)?;
            Ok(if wrong.is_empty() { all } else { Status::CouldNot })
        }
    }
}

/// Folds model after model.
fn several(arguments: &Fold, jobs: &[(Found, Target)], console: &Console) -> anyhow::Result<Status> {
    let models: Vec<&Found> = jobs.iter().map(|(found, _)| found).collect();
    let (options, unknown) = named::options(&models, &arguments.planning, &arguments.runs);
    if let Some(error) = unknown {
        return Err(error.into());
    }
    let (mut status_of_all, mut reports) = (Status::Well, Vec::new());
    for ((found, target), options) in jobs.iter().zip(&options) {
        let Some((planning, runs)) = options else { continue };
        match fold(arguments, (planning, runs), (&found.path, target), console) {
            Err(error) => {
                status_of_all = Status::CouldNot;
                console.error(&error);
            }
            Ok((report, refusal)) => {
                if console.format == Format::Text {
                    console.report(&spoken(arguments, &report, console))?;
                }
                status_of_all = status_of_all.max(status(&report, refusal.as_ref(), console));
                reports.push(report);
            }
        }
    }
    match console.format {
        Format::Json => {
            let (schema, version) = (report::schema("folds"), report::VERSION.to_owned());
            console.json(&FoldReports { schema, version, reports })?;
        }
        _ if !console.quiet => console.report(&text::folds(&reports))?,
        _ => {}
    }
    Ok(status_of_all)
}

/// Folds one model to its target, and says why it was not written if so.
fn fold(
    arguments: &Fold,
    options: (&Planning, &Runs),
    (model, target): (&Path, &Target),
    console: &Console,
) -> Result<(FoldReport, Option<Error>)> {
    let started = Instant::now();
    let input = options.0.open(model)?;
    let named = |e: Error| e.file(&input.name);
    if matches!(target, Target::Stream) && !input.model.sides().is_empty() && arguments.external_data != ExternalData::Inline {
        let error = Error::new(ErrorKind::Target, "a model with side files cannot be written to standard output");
        return Err(named(error.remedy("name an output file, or put all into the model with --external-data inline")));
    }
    let graph = options.0.graph(&input.model).map_err(named)?;
    let mut scratch = None;
    let place = match target {
        Target::File(path) => path.clone(),
        Target::Stream | Target::Nowhere => input::folder(&mut scratch)?.join("output.onnx"),
    };
    if let (Some(_), Some(folder)) = (&arguments.out_dir, place.parent()) {
        std::fs::create_dir_all(folder).map_err(|e| Error::unwritten("cannot create the folder", e).file(folder))?;
    }
    let before = input.file(&mut scratch)?;
    let terms = Terms { passing: matches!(target, Target::Nowhere), ..terms(arguments, options) };
    let tried = tried(&terms, (&input, &graph), (&before, &place), console).map_err(named)?;
    let refusal = tried.refusal(arguments.allow_unverified).map(named);
    let mut report = tried.report(&input, target.to_string())?;
    let staged = tried.staged;
    report.written = refusal.is_none() && !matches!(target, Target::Nowhere);
    if refusal.is_none() {
        let certificate = certified(arguments, &input, (&before, &staged, target), report.verdict.as_ref()).map_err(named)?;
        match target {
            Target::Stream => copy_out(&staged.model)?,
            Target::Nowhere => {}
            // What is already there need not be replaced by itself.
            Target::File(_) if arguments.in_place && report.unchanged => {}
            Target::File(_) => staged.publish(arguments.fsync)?,
        }
        if let (Some(path), Some(certificate)) = (&arguments.certificate, certificate) {
            certificate::write(path, &certificate)?;
        }
    }
    report.seconds = started.elapsed().as_secs_f64();
    Ok((report, refusal))
}

fn status(report: &FoldReport, refusal: Option<&Error>, console: &Console) -> Status {
    if let Some(error) = refusal {
        console.error(error);
        return Status::Finding;
    }
    // What could not be judged or is not right stays, as what cannot be folded does; where nothing else was to be folded, that is
    // the finding.
    let nothing_else = !report.sites.iter().any(SiteReport::changes);
    match closing::left_out(report).filter(|_| nothing_else) {
        Some(error) => {
            console.error(&error);
            Status::Finding
        }
        None => Status::Well,
    }
}

/// What is said of a fold to a person.
fn spoken(arguments: &Fold, report: &FoldReport, console: &Console) -> String {
    if arguments.diff {
        return text::diff(report);
    }
    if console.quiet { String::new() } else { text::fold(report, console.verbose) }
}

/// Folds `before` to a temporary name beside `place` and judges it; what is not right is left out and all is tried again.
///
/// # Errors
/// What the caller asked for is not there; a file that cannot be read or written.
fn tried<'a>(
    terms: &Terms,
    (input, graph): (&Input, &'a Graph<'a>),
    (before, place): (&Path, &Path),
    console: &Console,
) -> Result<Tried<'a>> {
    let mut writing = Some(Activity::begin(console, "writing", Some(input.census().bytes)));
    let mut verifying = None;
    let mut step = |step| match step {
        Step::Written(done) => writing.iter_mut().for_each(|shown| shown.reached(done)),
        Step::Judging(folds) => {
            writing = None;
            verifying = Some(Activity::verifying(console, folds));
        }
        Step::Judged => verifying = None,
    };
    judged::tried(terms, graph, (before, place), &mut step)
}

/// How the library carries out what the arguments say.
fn terms(arguments: &Fold, (planning, runs): (&Planning, &Runs)) -> Terms {
    Terms {
        plan: planning.options(),
        verify: (!arguments.no_verify).then(|| runs.of_fold(planning)),
        allow_unverified: arguments.allow_unverified,
        // Without a change there is nothing to judge, unless somebody wants it in writing.
        idle: arguments.certificate.is_some(),
        save_failure: arguments.save_failure.clone(),
        external: arguments.external_data.clone(),
        passing: false,
    }
}

/// What is written about the result, if that is asked for: bound to the files as they are before they get their names.
fn certified(
    arguments: &Fold,
    input: &Input,
    (file, staged, target): (&Path, &Staged, &Target),
    verdict: Option<&Verdict>,
) -> Result<Option<Certificate>> {
    let (Some(_), Some(verdict)) = (&arguments.certificate, verdict) else { return Ok(None) };
    let options = terms(arguments, (&arguments.planning, &arguments.runs)).verify.unwrap_or_default();
    certificate::of(input, (file, staged, Path::new(&target.to_string())), &options, verdict).map(Some)
}

fn copy_out(model: &Path) -> Result<()> {
    let mut file = std::fs::File::open(model).map_err(|e| Error::io("cannot read the result again", e))?;
    let mut out = io::stdout().lock();
    io::copy(&mut file, &mut out).and_then(|_| out.flush()).map_err(console::stdout_failed)
}

fn say(text: &str, target: &Target, console: &Console) -> Result<()> {
    match target {
        Target::File(_) | Target::Nowhere => console.report(text),
        Target::Stream => {
            console.aside(text);
            Ok(())
        }
    }
}
