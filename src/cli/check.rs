//! `bnfold check`: the step of a pipeline that fails while something is left to fold. Nothing is written.

use bnfold::law::Reason;
use bnfold::model::Graph;
use bnfold::report::{self, CheckReport, CheckedFile, SiteReport, text};
use bnfold::verify::foreseen;
use bnfold::{Result, fold};

use super::activity::Activity;
use super::arguments::{Check, Fold, Format, Planning, Runs};
use super::console::Console;
use super::files::{self, Found};
use super::fold::tried;
use super::input::{self, Input};
use super::named::Named;
use super::status::Status;

/// Runs the verb.
///
/// # Errors
/// A name that no model has. That a path or file cannot be read is part of the result.
pub fn run(arguments: &Check, console: &Console) -> anyhow::Result<Status> {
    let mut report = CheckReport { schema: report::schema("check"), version: report::VERSION.to_owned(), files: vec![] };
    let mut status = Status::Well;
    let (found, wrong) = files::models(&arguments.paths);
    for error in wrong {
        status = Status::CouldNot;
        console.error(&error);
        let file = error.file.as_ref().map_or_else(|| "-".to_owned(), |file| file.display().to_string());
        report.files.push(CheckedFile { error: Some(error.to_string()), ..CheckedFile::new(file) });
    }
    let mut named = Named::new(&arguments.planning, &arguments.runs);
    for found in found {
        let mut file = CheckedFile::new(found.path.display().to_string());
        match look(&mut file, &found, arguments, &mut named, console) {
            Ok(()) if file.findings.is_empty() => {}
            Ok(()) => status = status.max(Status::Finding),
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
    if let Some(error) = named.unknown() {
        return Err(error.into());
    }
    match console.format {
        Format::Json => console.json(&report)?,
        Format::Text if !console.quiet => console.text(&summary(&report))?,
        Format::Text => {}
    }
    Ok(status)
}

/// Enters what could be folded in a model: what `fold` would write, as far as that is known or asked for.
fn look(file: &mut CheckedFile, found: &Found, arguments: &Check, named: &mut Named<'_>, console: &Console) -> Result<()> {
    let _shown = Activity::begin(console, "reading", None);
    let input = arguments.planning.open(&found.path)?;
    let of_file = |e: bnfold::Error| e.file(&input.name);
    let graph = arguments.planning.graph(&input.model).map_err(of_file)?;
    let Some((planning, runs)) = named.of(&graph) else { return Ok(()) };
    bnfold::verify::asked(&graph, &runs.options(bnfold::verify::Tier::Own)).map_err(of_file)?;
    let names: Vec<String> = input.model.sides().iter().map(|s| s.location.clone()).collect();
    let prepared = fold::prepare_examined(&graph, &planning.options(), &names).map_err(of_file)?;
    let waits = |site: &&SiteReport| {
        site.is_batch_normalization() && site.refusal().is_some_and(|refusal| refusal.reason == Reason::Overridable.code())
    };
    file.overridable = report::sites(&prepared.plan).iter().filter(waits).count() as u64;
    let mut findings = changes(&prepared);
    // What is known not to run is tried at once: `fold` may leave all of it or a part.
    if !findings.is_empty() && (arguments.prove || foreseen(&graph).is_some()) {
        let all = findings.len();
        let (proved, why) = proved((&planning, &runs), (&input, &graph), found, console).map_err(of_file)?;
        findings = proved;
        file.unproved = (findings.len() < all).then_some(why);
    }
    if !findings.is_empty() {
        let words = ["bnfold", "fold", "--in-place"].map(str::to_owned).into_iter().chain(planning.quoted()).chain(runs.quoted());
        file.command = Some(words.chain([files::quoted(&found.path)]).collect::<Vec<_>>().join(" "));
    }
    file.findings = findings;
    Ok(())
}

fn changes(prepared: &fold::Prepared<'_>) -> Vec<SiteReport> {
    report::sites(&prepared.plan).into_iter().filter(SiteReport::changes).collect()
}

/// What `fold` would write, and why it is not more.
fn proved(
    (planning, runs): (&Planning, &Runs),
    (input, graph): (&Input, &Graph<'_>),
    found: &Found,
    console: &Console,
) -> Result<(Vec<SiteReport>, String)> {
    let mut scratch = None;
    let folder = input::folder(&mut scratch)?;
    let arguments = Fold::unwritten(found.path.clone(), planning.clone(), runs.clone());
    let before = input.file(&mut scratch)?;
    let tried = tried(&arguments, (input, graph), (&before, &folder.join("output.onnx")), console)?;
    match tried.refusal() {
        Some(refusal) if tried.differs() => Err(refusal),
        Some(refusal) => Ok((vec![], refusal.what)),
        None => Ok((changes(&tried.prepared), tried.left_out())),
    }
}

fn say(file: &CheckedFile, console: &Console) -> Result<()> {
    for finding in &file.findings {
        console.text(&text::finding(file, finding))?;
    }
    if file.unproved.is_some() && !console.quiet || console.verbose && file.findings.is_empty() && file.error.is_none() {
        console.text(&text::checked(file))?;
    }
    Ok(())
}

fn summary(report: &CheckReport) -> String {
    let unread = report.files.iter().filter(|f| f.error.is_some()).count();
    let files = report.files.len() - unread;
    let left: usize = report.files.iter().map(|f| f.findings.len()).sum();
    let concerned = report.files.iter().filter(|f| !f.findings.is_empty()).count();
    let mut text = format!("{files} checked");
    match left {
        0 => text.push_str(", nothing left to fold"),
        left => text.push_str(&format!(", {left} left to fold in {concerned}")),
    }
    match report.files.iter().map(|f| f.overridable).sum::<u64>() {
        0 => {}
        count => text.push_str(&format!(", {count} BatchNormalization kept as overridable (--freeze-initializers)")),
    }
    if unread > 0 {
        text.push_str(&format!(", {unread} not checked"));
    }
    text + "\n"
}
