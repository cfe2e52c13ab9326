//! `bnfold inspect`: what can be folded into what, and why the rest stays.

use bnfold::api::judged;
use bnfold::fold;
use bnfold::report::text;

use super::activity::Activity;
use super::arguments::{Format, Inspect};
use super::console::Console;
use super::files;
use super::input;
use super::status::Status;

/// Runs the verb.
///
/// # Errors
/// The model cannot be read.
pub fn run(arguments: &Inspect, console: &Console) -> anyhow::Result<Status> {
    let input = arguments.planning.open(&arguments.model)?;
    let named = |e: bnfold::Error| e.file(&input.name);
    let graph = arguments.planning.graph(&input.model).map_err(named)?;
    let report = {
        let _shown = Activity::begin(console, "reading", None);
        let plan = fold::examine(&graph, &arguments.planning.options()).map_err(named)?;
        let report = judged::inspected(&input, &plan);
        // The process ends soon: what it holds goes with it, faster than piece by piece.
        std::mem::forget(plan);
        report
    };
    let model = if input::is_stream(&arguments.model) { "-".to_owned() } else { files::quoted(&arguments.model) };
    let words = ["bnfold", "fold", &model, "-o", "OUT"].map(str::to_owned).into_iter().chain(arguments.planning.quoted());
    let command = words.collect::<Vec<_>>().join(" ");
    std::mem::forget(graph);
    std::mem::forget(input.model);
    match console.format {
        Format::Json => console.json(&report)?,
        _ => console.report(&text::inspect(&report, &command, console.verbose))?,
    }
    Ok(Status::Well)
}
