//! `bnfold check`: the step of a pipeline that fails while something is left to fold. Nothing is written.

use bnfold::Result;
use bnfold::fold;
use bnfold::report::{self, CheckReport, CheckedFile, SiteReport, text};

use super::activity::Activity;
use super::arguments::{Check, Format, Planning};
use super::console::Console;
use super::files::{self, Found};
use super::status::Status;

/// Runs the verb.
///
/// # Errors
/// A path that does not exist; that a file cannot be read is part of the result.
pub fn run(arguments: &Check, console: &Console) -> anyhow::Result<Status> {
    let mut report = CheckReport { schema: report::schema("check"), version: report::VERSION.to_owned(), files: vec![] };
    let mut status = Status::Well;
    for found in files::models(&arguments.paths)? {
        let mut file = CheckedFile { file: found.path.display().to_string(), findings: vec![], command: None, error: None };
        match findings(&found, &arguments.planning, console) {
            Ok(findings) if findings.is_empty() => {}
            Ok(findings) => {
                status = status.max(Status::Finding);
                file.findings = findings;
                let path = files::quoted(&found.path);
                let words = ["bnfold", "fold", "--in-place"].map(str::to_owned).into_iter().chain(arguments.planning.quoted());
                file.command = Some(words.chain([path]).collect::<Vec<_>>().join(" "));
            }
            Err(error) => {
                status = Status::CouldNot;
                console.error(&error);
                file.error = Some(error.to_string());
            }
        }
        if console.format == Format::Text {
            say(&file, console)?;
        }
        report.files.push(file);
    }
    match console.format {
        Format::Json => console.json(&report)?,
        Format::Text if !console.quiet => console.text(&summary(&report))?,
        Format::Text => {}
    }
    Ok(status)
}

fn findings(found: &Found, planning: &Planning, console: &Console) -> Result<Vec<SiteReport>> {
    let _shown = Activity::begin(console, "reading", None);
    let input = planning.open(&found.path)?;
    let named = |e: bnfold::Error| e.file(&input.name);
    let graph = planning.graph(&input.model).map_err(named)?;
    let names: Vec<String> = input.model.sides().iter().map(|s| s.location.clone()).collect();
    let prepared = fold::prepare_examined(&graph, &planning.options(), &names).map_err(named)?;
    Ok(report::sites(&prepared.plan).into_iter().filter(SiteReport::changes).collect())
}

fn say(file: &CheckedFile, console: &Console) -> Result<()> {
    for finding in &file.findings {
        console.text(&text::finding(file, finding))?;
    }
    if console.verbose && file.findings.is_empty() && file.error.is_none() {
        console.text(&text::checked(file))?;
    }
    Ok(())
}

fn summary(report: &CheckReport) -> String {
    let files = report.files.len();
    let left: usize = report.files.iter().map(|f| f.findings.len()).sum();
    let concerned = report.files.iter().filter(|f| !f.findings.is_empty()).count();
    let unread = report.files.iter().filter(|f| f.error.is_some()).count();
    let mut text = format!("{files} checked");
    match left {
        0 => text.push_str(", nothing left to fold"),
        left => text.push_str(&format!(", {left} left to fold in {concerned}")),
    }
    if unread > 0 {
        text.push_str(&format!(", {unread} not readable"));
    }
    text + "\n"
}
