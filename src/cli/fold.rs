//! `bnfold fold`: fold a model, verify the result under its temporary name, and only then put it in its place.

use std::io::{self, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Instant;

use bnfold::api::certificate::{self, Certificate};
use bnfold::api::judged::{self, Step, Terms, Tried};
use bnfold::fold::Staged;
use bnfold::model::Graph;
use bnfold::report::{FoldReport, text};
use bnfold::verify::{Tier, Verdict, VerifyOptions};
use bnfold::{Error, ErrorKind, Result};

use super::activity::Activity;
use super::arguments::{Fold, Format};
use super::console::{self, Console};
use super::files;
use super::input::{self, Input};
use super::status::Status;

/// Where the result goes.
enum Target {
    File(PathBuf),
    Stream,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::File(path) => write!(f, "{}", path.display()),
            Target::Stream => f.write_str("standard output"),
        }
    }
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
    let refusal = tried.refusal(arguments.allow_unverified).map(named);
    let mut report = tried.report(&input, target.to_string())?;
    let Tried { prepared, staged, left_out, .. } = tried;
    let failed = left_out.iter().any(|left| left.wrong) && prepared.plan.folds().is_empty();
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
    let mut writing = Some(Activity::begin(console, "writing", Some(input.census().bytes)));
    let mut verifying = None;
    let mut step = |step| match step {
        Step::Written(done) => writing.iter_mut().for_each(|shown| shown.reached(done)),
        Step::Judging => verifying = Some(Activity::begin(console, "verifying", None)),
        Step::Judged => verifying = None,
    };
    judged::tried(&terms(arguments), graph, (before, place), &mut step)
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

/// How the library carries out what the arguments say.
fn terms(arguments: &Fold) -> Terms {
    let options = VerifyOptions { freeze: arguments.planning.freeze_initializers, ..arguments.runs.options(Tier::Own) };
    Terms {
        plan: arguments.planning.options(),
        verify: (!arguments.no_verify).then_some(options),
        allow_unverified: arguments.allow_unverified,
        // Without a change there is nothing to judge, unless somebody wants it in writing.
        idle: arguments.certificate.is_some(),
        save_failure: arguments.save_failure.clone(),
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
    let options = terms(arguments).verify.unwrap_or_default();
    certificate::of(input, (file, staged, Path::new(&target.to_string())), &options, verdict).map(Some)
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
