//! One file of a check: what `fold` would write, as far as that is known or asked for.

use std::sync::Mutex;

use bnfold::api::judged::{self, Terms};
use bnfold::model::Graph;
use bnfold::report::{self, CheckedFile, SiteReport};
use bnfold::verify::foreseen;
use bnfold::{ExternalData, Result, fold};

use crate::cli::arguments::{Check, Planning, Runs};
use crate::cli::files::{self, Found};
use crate::cli::input::{self, Input};
use crate::cli::named::Named;

/// Enters what could be folded in a model, and what stays and is worth a look.
///
/// # Errors
/// The file cannot be read or is not a model; with a proof also a fold that is wrong.
pub fn look(file: &mut CheckedFile, found: &Found, arguments: &Check, named: &Mutex<Named<'_>>) -> Result<()> {
    let input = arguments.planning.open(&found.path)?;
    let of_file = |e: bnfold::Error| e.file(&input.name);
    let graph = arguments.planning.graph(&input.model).map_err(of_file)?;
    // A thread that broke down while it held the names leaves them as they are.
    let concerned = named.lock().unwrap_or_else(std::sync::PoisonError::into_inner).of(&graph);
    let Some((planning, runs)) = concerned else { return Ok(()) };
    bnfold::verify::asked(&graph, &runs.options(bnfold::verify::Tier::Own)).map_err(of_file)?;
    let plan = fold::examine(&graph, &planning.options()).map_err(of_file)?;
    let sites = report::sites(&plan);
    // What follows is asked of the graph; other files are looked at beside this one, and there may be many.
    drop(plan);
    file.warnings = report::warnings(&sites, &arguments.allow);
    let mut findings = changes(sites);
    if let Some(most) = arguments.max_growth.filter(|_| !findings.is_empty()) {
        // Only the bytes that a fold would write tell it.
        let prepared = fold::prepare_examined(&graph, &planning.options(), &fold::as_they_are(&input.model)).map_err(of_file)?;
        let (growth, count) = (grown(&prepared, &input), findings.len());
        if growth > most {
            file.unproved =
                Some(format!("{count} could be folded, but the file would grow by {growth:.1} %, and --max-growth is {most} %"));
            return Ok(());
        }
    }
    // What is known not to run is tried at once: `fold` may leave all of it or a part.
    if !findings.is_empty() && (arguments.prove || foreseen(&graph).is_some()) {
        let all = findings.len();
        let (proved, why) = proved((&planning, &runs), (&input, &graph)).map_err(of_file)?;
        findings = proved;
        file.unproved = (findings.len() < all).then_some(why);
    }
    if !arguments.operators.is_empty() {
        findings.retain(|site| arguments.operators.iter().any(|operator| operator.eq_ignore_ascii_case(&site.node.operator)));
    }
    if !findings.is_empty() {
        let words = ["bnfold", "fold", "--in-place"].map(str::to_owned).into_iter().chain(planning.quoted()).chain(runs.quoted());
        file.command = Some(words.chain([files::quoted(&found.path)]).collect::<Vec<_>>().join(" "));
    }
    file.findings = findings;
    Ok(())
}

/// By how many percent the model file would grow.
fn grown(prepared: &fold::Prepared<'_>, input: &Input) -> f64 {
    let (before, after) = (input.model.len() as f64, prepared.bytes() as f64);
    if before > 0.0 { (after / before - 1.0) * 100.0 } else { 0.0 }
}

fn changes(sites: Vec<SiteReport>) -> Vec<SiteReport> {
    sites.into_iter().filter(SiteReport::changes).collect()
}

/// What `fold` would write, and why it is not more.
fn proved((planning, runs): (&Planning, &Runs), (input, graph): (&Input, &Graph<'_>)) -> Result<(Vec<SiteReport>, String)> {
    let mut scratch = None;
    let folder = input::folder(&mut scratch)?;
    let before = input.file(&mut scratch)?;
    let terms = Terms {
        plan: planning.options(),
        verify: Some(runs.of_fold(planning)),
        // Nothing is kept, so that nothing need be copied.
        external: ExternalData::Share,
        passing: true,
        ..Terms::default()
    };
    let tried = judged::tried(&terms, graph, (&before, &folder.join("output.onnx")), &mut |_| {})?;
    match tried.refusal(false) {
        Some(refusal) if tried.differs() => Err(refusal),
        Some(refusal) => Ok((vec![], refusal.what)),
        None => Ok((changes(report::sites(&tried.prepared.plan)), tried.left_out())),
    }
}
