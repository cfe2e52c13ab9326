//! `bnfold report`: a page to look at, of a fold that is only tried, or of two files.

use bnfold::api::judged::{Step, Terms};
use bnfold::api::page;
use bnfold::verify::{Outcome, Tier, VerifyOptions};
use bnfold::write::AtomicFile;
use bnfold::{Error, ErrorKind};

use super::activity::Activity;
use super::arguments::{Format, Report};
use super::closing;
use super::console::Console;
use super::files;
use super::input;
use super::status::Status;

/// Runs the verb.
///
/// # Errors
/// A model cannot be read, or the page not be written.
pub fn run(arguments: &Report, console: &Console) -> anyhow::Result<Status> {
    let Some(place) = &arguments.output else { return Err(unplaced(&arguments.before).into()) };
    let output = (!input::is_stream(place)).then_some(place.as_path());
    for model in std::iter::once(&arguments.before).chain(&arguments.after) {
        if output.is_some_and(|output| files::same(model, output)) {
            let error = Error::new(ErrorKind::Target, "the page would replace the model").file(model);
            return Err(error.remedy("name another file for the page").into());
        }
    }
    let input = arguments.planning.open(&arguments.before)?;
    let named = |e: Error| e.file(&input.name);
    let graph = arguments.planning.graph(&input.model).map_err(named)?;
    let plan = arguments.planning.options();
    let (text, verdict) = match &arguments.after {
        Some(after) => {
            let _shown = Activity::begin(console, "verifying", None);
            let freeze = arguments.planning.freeze_initializers;
            let options = VerifyOptions { freeze, ..arguments.runs.options(Tier::Foreign) };
            let (text, verdict) = page::compared(&input, &graph, after, &options, &plan).map_err(named)?;
            (text, Some(verdict))
        }
        None => {
            let verify = (!arguments.no_verify).then(|| arguments.runs.of_fold(&arguments.planning));
            let terms = Terms { plan, verify, allow_unverified: true, passing: true, ..Terms::default() };
            let mut shown = Some(Activity::begin(console, "folding", None));
            let mut step = |step| match step {
                Step::Written(_) => {}
                Step::Judging(folds) => {
                    shown = None;
                    shown = Some(Activity::verifying(console, folds));
                }
                Step::Judged => shown = None,
            };
            page::tried(&input, &graph, &terms, &mut step).map_err(named)?
        }
    };
    match output {
        None => console.text(&text)?,
        Some(path) => {
            AtomicFile::of_text(path, &text)?;
            if !console.quiet && console.format == Format::Text {
                console.text(&format!("{}: written; open it in a browser\n", path.display()))?;
            }
        }
    }
    match verdict.filter(|verdict| verdict.outcome == Outcome::Differs) {
        Some(_) => {
            console.error(&closing::differs(&arguments.before, arguments.after.as_deref()));
            Ok(Status::Finding)
        }
        None => Ok(Status::Well),
    }
}

/// Nobody said where the page goes.
fn unplaced(model: &std::path::Path) -> Error {
    let error = Error::new(ErrorKind::Target, "nothing says where the page goes");
    if input::is_stream(model) {
        return error.remedy("name a file with -o");
    }
    error.remedy(format!("name a file, for example -o {}", files::quoted(&model.with_extension("html"))))
}
