//! `bnfold sweep`: every model under folders, folded and verified. Each runs in a process of its own, so that one that breaks
//! the program is a line and not the end.

mod shard;

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rayon::prelude::*;

use bnfold::api::scratch::Scratch;
use bnfold::report::{self, FoldReport, SweepOutcome, SweepReport, SweptModel, text};
use bnfold::verify::Outcome;
use bnfold::{Error, Result};

use super::activity::Activity;
use super::arguments::{Format, Planning, Runs, Sweep};
use super::closing;
use super::console::Console;
use super::files::{self, Found};
use super::fold::apart;
use super::named;
use super::signals::Told;
use super::status::Status;
pub use shard::Shard;

/// Runs the verb.
///
/// # Errors
/// A path that does not exist, a folder that cannot be written. What happens to a model is part of the result.
pub fn run(arguments: &Sweep, console: &Console) -> anyhow::Result<Status> {
    if arguments.merge {
        return said(&shard::merged(&arguments.paths)?, false, console);
    }
    let (mut found, wrong) = files::models(&arguments.paths);
    wrong.iter().for_each(|error| console.error(error));
    if let Some(folder) = &arguments.out_dir {
        found = apart(found, folder)?;
    }
    let whole = found.len();
    if let Some(shard) = &arguments.shard {
        found = shard.of(found);
    }
    let all: Vec<&Found> = found.iter().collect();
    let (options, unknown) = named::options(&all, &arguments.planning, &arguments.runs);
    // Of a part of the models nobody can say that no model has a name.
    if let Some(error) = unknown.filter(|_| arguments.shard.is_none()) {
        return Err(error.into());
    }
    let jobs: Vec<Job> = found.into_iter().zip(options).collect();
    let models = swept(&jobs, arguments, console)?;
    let (schema, version) = (report::schema("sweep"), report::VERSION.to_owned());
    let (shard, whole) = (arguments.shard.map(|shard| shard.to_string()), arguments.shard.map(|_| whole));
    let report = SweepReport { schema, version, shard, whole, models };
    said(&report, !wrong.is_empty(), console)
}

/// Every model, so many at a time as the user wants; each is told as soon as it is done.
fn swept(jobs: &[Job], arguments: &Sweep, console: &Console) -> anyhow::Result<Vec<SweptModel>> {
    let (count, done) = (jobs.len(), AtomicUsize::new(0));
    let one = |(one, options): &Job| -> anyhow::Result<SweptModel> {
        let shown = Activity::model(console, &one.path, (done.load(Ordering::Relaxed) + 1, count));
        let model = match options {
            Some((planning, runs)) => sweep(one, arguments, (planning, runs))?,
            None => not_meant(one),
        };
        drop(shown);
        done.fetch_add(1, Ordering::Relaxed);
        let is_well = matches!(model.outcome, SweepOutcome::Well | SweepOutcome::Unverified);
        if console.format == Format::Text && !(console.quiet && is_well) {
            console.report(&text::swept(&model, console.verbose))?;
        }
        Ok(model)
    };
    let failed = |e| Error::io("cannot start threads", std::io::Error::other(e));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(arguments.jobs)).build().map_err(failed)?;
    pool.install(|| jobs.par_iter().map(one).collect())
}

fn said(report: &SweepReport, unread: bool, console: &Console) -> anyhow::Result<Status> {
    match console.format {
        Format::Json => console.json(report)?,
        _ if !console.quiet => console.report(&text::swept_summary(report))?,
        _ => {}
    }
    closing::swept(report).iter().for_each(|error| console.error(error));
    let any = |outcome| report.count(outcome) > 0;
    Ok(match () {
        () if any(SweepOutcome::Differs) || any(SweepOutcome::Crashed) => Status::Finding,
        () if any(SweepOutcome::Failed) || unread => Status::CouldNot,
        () => Status::Well,
    })
}

/// A model, and the options as they concern it.
type Job = (Found, Option<(Planning, Runs)>);

fn not_meant(found: &Found) -> SweptModel {
    let message = Some("no node of it is meant by --only".to_owned());
    let file = found.path.display().to_string();
    SweptModel { file, outcome: SweepOutcome::Well, message, report: None, seconds: 0.0 }
}

/// Folds and verifies one model.
fn sweep(found: &Found, arguments: &Sweep, named: (&Planning, &Runs)) -> Result<SweptModel> {
    let started = Instant::now();
    let scratch = if arguments.out_dir.is_none() { Some(Scratch::new()?) } else { None };
    let folder = match (&arguments.out_dir, &scratch) {
        (Some(folder), _) => folder.clone(),
        (None, Some(scratch)) => scratch.path().to_path_buf(),
        (None, None) => PathBuf::new(),
    };
    let output = folder.join(&found.below);
    if let Some(parent) = output.parent() {
        std::fs::create_dir_all(parent).map_err(|e| Error::unwritten("cannot create the folder", e).file(parent))?;
    }
    let answer = fold(found, &output, arguments, named)?;
    let file = found.path.display().to_string();
    let mut model = SweptModel { file, outcome: SweepOutcome::Well, message: None, report: None, seconds: 0.0 };
    judge(&mut model, &answer);
    model.seconds = started.elapsed().as_secs_f64();
    Ok(model)
}

/// Runs `bnfold fold` in a process of its own.
fn fold(found: &Found, output: &Path, arguments: &Sweep, (planning, runs): (&Planning, &Runs)) -> Result<Output> {
    let failed = |e| Error::io("cannot start a process of our own", e);
    let mut command = Command::new(std::env::current_exe().map_err(failed)?);
    command.args(["fold", "--format=json", "--color=never"]);
    // What is kept is only what was shown to be right; what is thrown away may be folded all the same, to tell what is there.
    match (arguments.no_verify, &arguments.out_dir) {
        (true, _) => drop(command.arg("--no-verify")),
        (false, None) => drop(command.arg("--allow-unverified")),
        (false, Some(_)) => {}
    }
    command.args(planning.words());
    command.args(runs.arguments()).arg("-o").arg(output).arg("--").arg(&found.path);
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
    let _told = Told::of(&child);
    child.wait_with_output().map_err(failed)
}

/// What the process said and how it ended.
fn judge(model: &mut SweptModel, answer: &Output) {
    let said = String::from_utf8_lossy(&answer.stderr).into_owned();
    let lines = || said.lines().filter(|l| !l.trim().is_empty());
    model.report = serde_json::from_slice::<FoldReport>(&answer.stdout).ok();
    (model.outcome, model.message) = match (answer.status.code(), &model.report) {
        (Some(0 | 1), Some(report)) => (outcome(report), None),
        (Some(2), _) => {
            let first = lines().find_map(|l| l.strip_prefix("error: ")).unwrap_or("no message");
            let own = first.strip_prefix(&format!("{}: ", model.file)).unwrap_or(first);
            (SweepOutcome::Failed, Some(own.to_owned()))
        }
        _ => {
            // What a panic says first is where; the message follows.
            let message = lines().take(2).collect::<Vec<_>>().join(" ");
            (SweepOutcome::Crashed, Some(format!("{}: {message}", answer.status)))
        }
    };
}

fn outcome(report: &FoldReport) -> SweepOutcome {
    if report.left_out.iter().any(|left| left.wrong) {
        return SweepOutcome::Differs;
    }
    match &report.verdict {
        _ if !report.left_out.is_empty() => SweepOutcome::Unverified,
        None => {
            if report.unchanged {
                SweepOutcome::Well
            } else {
                SweepOutcome::Unverified
            }
        }
        Some(verdict) if verdict.outcome == Outcome::Differs => SweepOutcome::Differs,
        Some(verdict) if text::unverified(verdict).is_some() => SweepOutcome::Unverified,
        Some(_) => SweepOutcome::Well,
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;

    /// What the wait status `raw` and these words make of a model.
    fn judged(raw: i32, out: &str, err: &str) -> SweptModel {
        let mut model =
            SweptModel { file: "m.onnx".into(), outcome: SweepOutcome::Well, message: None, report: None, seconds: 0.0 };
        judge(&mut model, &Output { status: ExitStatus::from_raw(raw), stdout: out.into(), stderr: err.into() });
        model
    }

    fn report(unchanged: bool, outcome: Option<Outcome>) -> String {
        let verdict = outcome.map(|outcome| {
            let execution = "not-needed";
            serde_json::json!({"outcome": outcome, "tier": "own", "sites": [], "differences": [], "execution": execution})
        });
        let census = serde_json::json!({"nodes": 1, "batch_normalizations": 1, "parameters": 1, "bytes": 1});
        serde_json::json!({
            "schema": "", "version": "", "input": "", "output": "", "written": true, "unchanged": unchanged,
            "before": census, "after": census, "folded": {"batch_normalizations": 1, "other": 0}, "kept": [], "sites": [],
            "verdict": verdict, "seconds": 0.0
        })
        .to_string()
    }

    #[test]
    fn what_breaks_down_is_a_line() {
        let panic = judged(101 << 8, "", "thread 'main' panicked at a.rs:1:1:\nwhat it said\nnote: more");
        assert_eq!(panic.outcome, SweepOutcome::Crashed);
        assert!(panic.message.unwrap().contains("panicked at a.rs:1:1: what it said"));
        assert_eq!(judged(11, "", "").outcome, SweepOutcome::Crashed, "a signal");
        assert_eq!(judged(0, "no report", "").outcome, SweepOutcome::Crashed, "an answer that is none");
        let failed = judged(2 << 8, "", "error: m.onnx: the file is empty\n");
        assert_eq!((failed.outcome, failed.message.as_deref()), (SweepOutcome::Failed, Some("the file is empty")));
    }

    #[test]
    fn verdicts_decide() {
        let table = [
            (false, Some(Outcome::EqualWithinRounding), SweepOutcome::Well),
            (false, Some(Outcome::NotJudged), SweepOutcome::Unverified),
            (false, Some(Outcome::Differs), SweepOutcome::Differs),
            (false, None, SweepOutcome::Unverified),
            (true, None, SweepOutcome::Well),
        ];
        for (unchanged, outcome, expected) in table {
            let model = judged(if outcome == Some(Outcome::Differs) { 1 << 8 } else { 0 }, &report(unchanged, outcome), "");
            assert_eq!(model.outcome, expected, "{outcome:?}");
        }
    }
}
