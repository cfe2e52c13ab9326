//! `bnfold fold`: fold a model, verify the result under its temporary name, and only then put it in its place.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use bnfold::fold::{self, Prepared, Staged};
use bnfold::model::{Graph, Model, NodeId, ScopeId};
use bnfold::report::certificate::Certificate;
use bnfold::report::{self, Census, FoldReport, Folded, KeptGroup, LeftOut, text};
use bnfold::verify::{Outcome, SiteNode, Tier, Verdict, VerifyOptions};
use bnfold::{Error, ErrorKind, Result};

use super::activity::Activity;
use super::arguments::{Fold, Format};
use super::certificate;
use super::console::{self, Console};
use super::failure;
use super::files;
use super::input::{self, Input};
use super::status::Status;

/// Where the result goes.
enum Target {
    File(PathBuf),
    Stream,
}

/// Runs the verb.
///
/// # Errors
/// The model cannot be read or the result not be written; then the target is as it was.
pub fn run(arguments: &Fold, console: &Console) -> anyhow::Result<Status> {
    let started = Instant::now();
    let target = target(arguments)?;
    let input = arguments.planning.open(&arguments.model)?;
    let named = |e: Error| e.file(&input.name);
    if matches!(target, Target::Stream) && !input.model.sides().is_empty() {
        let error = Error::new(ErrorKind::Target, "a model with side files cannot be written to standard output");
        return Err(named(error.remedy("name an output file")).into());
    }
    let graph = arguments.planning.graph(&input.model).map_err(named)?;
    let mut scratch = None;
    let place = match &target {
        Target::File(path) => path.clone(),
        Target::Stream => input::folder(&mut scratch)?.join("output.onnx"),
    };
    let before = input.file(&mut scratch)?;
    let tried = tried(arguments, (&input, &graph), (&before, &place), console).map_err(named)?;
    let Tried { prepared, staged, dropped, left_out, verdict, saved } = tried;
    let refusal = verdict.as_ref().and_then(|v| refusal(v, arguments.allow_unverified)).map(named);
    let after = if prepared.is_unchanged() { input.census() } else { input::census(&staged.model, side_bytes(&staged))? };
    let mut report = describe(&input, &target, &prepared, after);
    report.dropped = dropped.iter().map(|node| graph.describe(*node)).collect();
    let failed = left_out.iter().any(|left| left.wrong) && prepared.plan.folds().is_empty();
    report.left_out = left_out;
    report.verdict = verdict;
    report.saved = saved;
    report.written = refusal.is_none();
    if refusal.is_none() {
        let certificate = certified(arguments, &input, (&before, &staged, &target), report.verdict.as_ref()).map_err(named)?;
        match &target {
            Target::Stream => copy_out(&staged.model)?,
            // What is already there need not be replaced by itself.
            Target::File(_) if arguments.in_place && report.unchanged => {}
            Target::File(_) => staged.publish(arguments.fsync)?,
        }
        if let (Some(path), Some(certificate)) = (&arguments.certificate, certificate) {
            certificate::write(path, &certificate)?;
        }
    }
    report.seconds = started.elapsed().as_secs_f64();
    say(&report, &target, console)?;
    if let Some(error) = refusal {
        console.error(&error);
        return Ok(Status::Finding);
    }
    // What could not be judged or is not right stays, as what cannot be folded does; where nothing else was to be folded, that is
    // the finding.
    Ok(if failed { Status::Finding } else { Status::Well })
}

/// A fold that was staged and judged, and not published.
pub struct Tried<'a> {
    /// What is folded, without what was left out.
    pub prepared: Prepared<'a>,
    /// The result under its temporary name.
    staged: Staged,
    /// What was folded and left out again.
    dropped: Vec<NodeId>,
    /// The same, with what was found.
    left_out: Vec<LeftOut>,
    /// What is said of the result, if anything was judged.
    verdict: Option<Verdict>,
    /// Where a failure was saved.
    saved: Option<String>,
}

impl Tried<'_> {
    /// Why the result would not be written, if it is so.
    pub fn refusal(&self) -> Option<Error> {
        self.verdict.as_ref().and_then(|verdict| refusal(verdict, false))
    }

    /// Whether the result is wrong.
    pub fn differs(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.outcome == Outcome::Differs)
    }

    /// What was left out, in words.
    pub fn left_out(&self) -> String {
        let all: Vec<String> = self.dropped.iter().map(|node| self.prepared.plan.view.graph.describe(*node)).collect();
        format!("left out as not verified: {}", all.join(", "))
    }
}

/// Folds `before` to a temporary name beside `place` and judges it; what is not right is left out and all is tried again.
///
/// # Errors
/// What the caller asked for is not there; a file that cannot be read or written.
pub fn tried<'a>(
    arguments: &Fold,
    (input, graph): (&Input, &'a Graph<'a>),
    (before, place): (&Path, &Path),
    console: &Console,
) -> Result<Tried<'a>> {
    bnfold::verify::asked(graph, &arguments.runs.options(Tier::Own))?;
    let (mut verdict, mut saved, mut found) = (None, None, BTreeMap::new());
    let mut shown = Activity::begin(console, "writing", Some(input.census().bytes));
    let mut judge = |prepared: &Prepared<'_>, staged: &Staged| {
        // Without a change there is nothing to judge, unless somebody wants it in writing.
        let idle = prepared.is_unchanged() && arguments.certificate.is_none();
        verdict = if arguments.no_verify || idle { None } else { Some(judged(arguments, before, staged, console)?) };
        if let (Some(folder), Some(verdict), None) = (&arguments.save_failure, &verdict, &saved)
            && verdict.outcome == Outcome::Differs
        {
            saved = Some(failure::save(folder, (before, &staged.model), verdict, &options(arguments, staged))?);
        }
        let failing = verdict.as_ref().map(|verdict| failing(prepared, verdict, arguments)).unwrap_or_default();
        let nodes = failing.keys().copied().collect();
        found.extend(failing);
        Ok(nodes)
    };
    let (prepared, staged, dropped) =
        fold::stage_judged(graph, &arguments.planning.options(), place, &mut |done| shown.reached(done), &mut judge)?;
    let left_out = dropped.iter().filter_map(|node| {
        let (wrong, why) = found.get(&node.0).cloned()?;
        Some(LeftOut { node: graph.describe(*node), wrong, why })
    });
    let left_out = left_out.collect();
    Ok(Tried { prepared, staged, dropped, left_out, verdict, saved })
}

/// Where the result goes; what is certainly a mistake is refused before anything is read.
fn target(arguments: &Fold) -> Result<Target> {
    let refuse = |what: &str, remedy: &str| Error::new(ErrorKind::Target, what).remedy(remedy);
    let Some(output) = &arguments.output else {
        if input::is_stream(&arguments.model) {
            return Err(refuse("standard input cannot be replaced", "name an output with -o"));
        }
        return Ok(Target::File(arguments.model.clone()));
    };
    if input::is_stream(output) {
        if io::stdout().is_terminal() {
            return Err(refuse("a model is not written to a terminal", "redirect standard output, or name a file with -o"));
        }
        return Ok(Target::Stream);
    }
    if !input::is_stream(&arguments.model) && files::same(&arguments.model, output) {
        return Err(refuse("the output is the input", "use --in-place instead of -o to replace it").file(output));
    }
    Ok(Target::File(output.clone()))
}

fn options(arguments: &Fold, staged: &Staged) -> VerifyOptions {
    let mut options = arguments.runs.options(Tier::Own);
    options.moved_sides.clone_from(&staged.sides);
    options.freeze = arguments.planning.freeze_initializers;
    options
}

fn judged(arguments: &Fold, before: &Path, staged: &Staged, console: &Console) -> Result<Verdict> {
    let _shown = Activity::begin(console, "verifying", None);
    bnfold::verify::verify(before, &staged.model, &options(arguments, staged))
}

/// The nodes of places to leave out, by number, each with whether it is wrong and what was found: those that fail, and those that
/// could not be judged, unless that is allowed.
fn failing(prepared: &Prepared<'_>, verdict: &Verdict, arguments: &Fold) -> BTreeMap<usize, (bool, String)> {
    let graph = prepared.plan.view.graph;
    let wrong = |outcome| match outcome {
        Outcome::Differs => Some(true),
        Outcome::NotJudged => (!arguments.allow_unverified).then_some(false),
        _ => None,
    };
    let mut found = BTreeMap::new();
    // Models are judged with their functions inlined, so that numbers are others; names in the main graph are not.
    let numbered = graph.model.is_inlined() || graph.model.proto.functions.is_empty();
    let made = |at: usize| graph.nodes.get(at).filter(|n| n.scope == ScopeId(0)).and_then(|n| n.proto.output.first());
    for (site, wrong) in verdict.sites.iter().filter_map(|site| Some((site, wrong(site.outcome)?))) {
        let is = |at: &usize| {
            let same = |node: &SiteNode| node.outputs.first() == made(*at);
            if numbered {
                site.before.iter().any(|n| n.index == *at)
            } else {
                made(*at).is_some() && site.before.iter().any(same)
            }
        };
        found.extend((0..graph.nodes.len()).filter(is).map(|at| (at, (wrong, text::at(site)))));
    }
    // Where the files do not match: the folds at the value that is named; of sums that became one operator it may be any.
    let unproved =
        if verdict.outcome == Outcome::NotJudged && !arguments.allow_unverified { &verdict.unmatched[..] } else { &[] };
    if let Some(difference) = unproved.first() {
        let why = format!("{}: {}", difference.place, difference.what);
        found.extend(prepared.plan.view.draft.merged.iter().map(|site| (site.0, (false, why.clone()))));
    }
    let differences = verdict.differences.iter().map(|difference| (difference, true));
    for (difference, wrong) in differences.chain(unproved.iter().map(|difference| (difference, false))) {
        let here = |node: &NodeId| {
            let outputs = &graph.node(*node).proto.output;
            difference.place == graph.describe(*node) || outputs.iter().any(|o| difference.place.contains(&format!("`{o}`")))
        };
        let folds = prepared.plan.folds().iter();
        let blamed = folds.filter(|f| std::iter::once(&f.site).chain(&f.into).chain(&f.through).any(here));
        let why = format!("{}: {}", difference.place, difference.what);
        found.extend(blamed.map(|fold| (fold.site.0, (wrong, why.clone()))));
    }
    found
}

/// What is written about the result, if that is asked for: bound to the files as they are before they get their names.
fn certified(
    arguments: &Fold,
    input: &Input,
    (file, staged, target): (&Path, &Staged, &Target),
    verdict: Option<&Verdict>,
) -> Result<Option<Certificate>> {
    let (Some(_), Some(verdict)) = (&arguments.certificate, verdict) else { return Ok(None) };
    let name = match target {
        Target::File(path) => path.clone(),
        Target::Stream => PathBuf::from("standard output"),
    };
    let mut after = certificate::subject(&name, &Model::open_moved(&staged.model, &staged.sides)?)?;
    for side in &mut after.sides {
        // They have other names until they are published.
        let known = staged.sides.iter().find(|(_, path)| path.file_name() == Path::new(&side.file).file_name());
        side.file = known.map_or_else(|| side.file.clone(), |(name, _)| name.clone());
    }
    let before = certificate::subject(&input.name, &Model::open(file)?)?;
    input.model.check_unchanged()?;
    let conditions = certificate::conditions(&options(arguments, staged))?;
    Ok(Some(Certificate::new(before, after, conditions, verdict.clone())))
}

/// Why a result is not written, if a verdict forbids it.
fn refusal(verdict: &Verdict, allow_unverified: bool) -> Option<Error> {
    if verdict.outcome == Outcome::Differs {
        // A constant or a run shows it: only then is it known to be a wrong fold.
        let found = text::evidence(verdict).unwrap_or_default();
        let what = format!("the folded model differs from the original, so nothing was written: {found}");
        return Some(
            Error::new(ErrorKind::Target, what).remedy("this is a fault of bnfold; please report it with the model's graph"),
        );
    }
    let why = text::unverified(verdict).filter(|_| !allow_unverified)?;
    let what = format!("the result could not be verified, so nothing was written: {why}");
    Some(Error::new(ErrorKind::Target, what).remedy("--allow-unverified writes it all the same"))
}

fn side_bytes(staged: &Staged) -> u64 {
    staged.sides.iter().filter_map(|(_, path)| path.metadata().ok()).map(|m| m.len()).sum()
}

fn describe(input: &Input, target: &Target, prepared: &Prepared<'_>, after: Census) -> FoldReport {
    let sites = report::sites(&prepared.plan);
    let output = match target {
        Target::File(path) => path.display().to_string(),
        Target::Stream => "standard output".to_owned(),
    };
    FoldReport {
        schema: report::schema("fold"),
        version: report::VERSION.to_owned(),
        input: input.name.display().to_string(),
        output,
        written: false,
        unchanged: prepared.is_unchanged(),
        sorted: input.model.is_sorted(),
        before: input.census(),
        after,
        folded: Folded::of(&sites),
        kept: KeptGroup::of(&sites),
        dropped: vec![],
        left_out: vec![],
        sites,
        verdict: None,
        saved: None,
        seconds: 0.0,
    }
}

fn copy_out(model: &Path) -> Result<()> {
    let mut file = std::fs::File::open(model).map_err(|e| Error::io("cannot read the result again", e))?;
    let mut out = io::stdout().lock();
    io::copy(&mut file, &mut out).and_then(|_| out.flush()).map_err(console::stdout_failed)
}

fn say(report: &FoldReport, target: &Target, console: &Console) -> Result<()> {
    let text = match console.format {
        Format::Json => console::encode(report)?,
        _ if console.quiet => return Ok(()),
        _ => text::fold(report, console.verbose),
    };
    match target {
        Target::File(_) => console.text(&text),
        Target::Stream => {
            console.aside(&text);
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use bnfold::verify::Execution;

    use super::*;

    #[test]
    fn what_differs_is_never_written_and_what_is_unverified_only_on_request() {
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
            (verdict(Outcome::EqualWithinRounding, Execution::NotNeeded), false, false),
            (verdict(Outcome::EqualWithinRounding, not_run()), false, false),
            (verdict(Outcome::NotJudged, Execution::NotNeeded), true, false),
            (verdict(Outcome::Differs, Execution::NotNeeded), true, true),
        ];
        for (verdict, usually, allowed) in table {
            let refused = (refusal(&verdict, false).is_some(), refusal(&verdict, true).is_some());
            assert_eq!(refused, (usually, allowed), "{verdict:?}");
        }
    }
}
