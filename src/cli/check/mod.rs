//! `bnfold check`: the step of a pipeline that fails while something is left to fold. Nothing is written but a baseline that is
//! asked for.

mod baseline;
pub mod config;
mod formats;
mod look;

use std::sync::Mutex;

use rayon::prelude::*;

use bnfold::report::{self, CheckReport, CheckedFile, text};

use super::activity::Activity;
use super::arguments::{Check, Format};
use super::closing;
use super::console::Console;
use super::files::{self, Found};
use super::named::Named;
use super::status::Status;
use baseline::Baseline;

/// Runs the verb.
///
/// # Errors
/// A name that no model has, a baseline that cannot be read or written. That a model cannot be read is part of the result.
pub fn run(arguments: &Check, console: &Console) -> anyhow::Result<Status> {
    if arguments.paths.is_empty() {
        let error = bnfold::Error::new(bnfold::ErrorKind::Choice, "no model is named");
        return Err(error.remedy(format!("name files or folders, or put `paths` into {}", config::NAME)).into());
    }
    for name in &arguments.operators {
        bnfold::plan::operator(name)?;
    }
    let baseline = if arguments.write_baseline { Baseline::before(arguments)? } else { Baseline::read(arguments)? };
    let files = checked(arguments, console)?;
    let schema = report::schema("check");
    let mut report = CheckReport { schema, version: report::VERSION.to_owned(), strict: arguments.strict, files };
    if arguments.write_baseline {
        return Ok(written(&baseline, &report, console)?);
    }
    for file in &mut report.files {
        baseline.forget(file);
    }
    say(&report, console)?;
    for gone in baseline.gone(&report) {
        console.aside(&format!("warning: {gone}\n"));
    }
    let status = report.files.iter().map(|file| status(&report, file)).max().unwrap_or(Status::Well);
    if status == Status::Finding {
        console.error(&closing::checked(&report, console.quiet));
    }
    Ok(status)
}

/// Every file that is meant, looked at, in order; with `--prove` one after the other, because a proof takes all there is.
fn checked(arguments: &Check, console: &Console) -> anyhow::Result<Vec<CheckedFile>> {
    let shown = Activity::begin(console, "reading", None);
    let (found, wrong) = files::models(&arguments.paths);
    let unread = wrong.iter().map(|error| {
        let file = error.file.as_ref().map_or_else(|| "-".to_owned(), |file| file.display().to_string());
        CheckedFile { error: Some(error.to_string()), ..CheckedFile::new(file) }
    });
    let named = Mutex::new(Named::new(&arguments.planning, &arguments.runs));
    let one = |found: &Found| {
        let mut file = CheckedFile::new(found.path.display().to_string());
        if let Err(error) = look::look(&mut file, found, arguments, &named) {
            file.error = Some(error.to_string());
        }
        file
    };
    let looked: Vec<CheckedFile> =
        if arguments.prove { found.iter().map(one).collect() } else { found.par_iter().map(one).collect() };
    drop(shown);
    let unknown = named.lock().map(|named| named.unknown()).unwrap_or_default();
    match unknown {
        Some(error) => Err(error.into()),
        None => Ok(unread.chain(looked).collect()),
    }
}

fn status(report: &CheckReport, file: &CheckedFile) -> Status {
    match (&file.error, report.fails(file)) {
        (Some(_), _) => Status::CouldNot,
        (None, true) => Status::Finding,
        (None, false) => Status::Well,
    }
}

fn written(baseline: &Baseline, report: &CheckReport, console: &Console) -> bnfold::Result<Status> {
    for file in report.files.iter().filter_map(|file| file.error.as_ref()) {
        console.error(file);
    }
    let (written, kept) = baseline.write(report)?;
    if !console.quiet {
        let (file, written) = (baseline.path.display(), text::counted(written as u64, "finding"));
        let kept = if kept > 0 { format!(", {kept} of files that were not looked at kept") } else { String::new() };
        let how = "the same command without --write-baseline reports what is not among them";
        console.report(&format!("{file}: {written} written{kept}; {how}\n"))?;
    }
    let unread = report.files.iter().any(|file| file.error.is_some());
    Ok(if unread { Status::CouldNot } else { Status::Well })
}

fn say(report: &CheckReport, console: &Console) -> anyhow::Result<()> {
    for error in report.files.iter().filter_map(|file| file.error.as_ref()) {
        console.error(error);
    }
    match console.format {
        Format::Json => console.json(report)?,
        Format::Text => {
            let detail = match (console.quiet, console.verbose) {
                (true, _) => text::Detail::Line,
                (false, true) => text::Detail::All,
                (false, false) => text::Detail::Some,
            };
            for file in &report.files {
                console.report(&text::checked(file, report.strict, detail))?;
            }
            if !console.quiet {
                console.report(&text::check_summary(report))?;
            }
        }
        Format::Github => {
            console.text(&formats::github(report))?;
            formats::summarise(report)?;
        }
        Format::Sarif => console.json(&formats::sarif(report))?,
        Format::Junit => console.text(&formats::junit(report)?)?,
        Format::Markdown => console.text(&formats::markdown(report))?,
    }
    Ok(())
}
