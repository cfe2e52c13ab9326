//! A process of its own for the engine, which on hostile models aborts, hangs or eats memory.
//!
//! The parent starts the program itself with a hidden verb, an empty environment, the request on
//! standard input; the child limits its memory before it opens anything and answers on standard
//! output. Whatever ends the child otherwise becomes a [`CouldNotRun`].

use std::io::{Read, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::job::{Job, Outcome};
use crate::engine::CouldNotRun;

/// Stands in the environment of a child: no child starts another, so that a program which does not know the verb, started as
/// its own child, cannot start itself without end.
pub const MARK: &str = "BNFOLD_CHILD";

/// The verb that makes the program a child: `bnfold __execute`.
pub const VERB: &str = "__execute";

/// What a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Bytes of address space. Not enforced on systems without such a limit.
    pub memory: u64,
    /// Seconds until the child is killed.
    pub seconds: u64,
}

impl Limits {
    /// The default for models of so many bytes, external data included: ten minutes, and half of the memory that is free;
    /// where nobody says what is free, 4 GiB and 12 times the models.
    ///
    /// A model in f32 takes 5 times its file at the worst moment (both the file's tensors and the engine's in f64).
    pub fn for_models(bytes: u64) -> Limits {
        let usual = bytes.saturating_mul(12).saturating_add(4 << 30);
        let memory = free().map_or(usual, |free| (free / 2).max(1 << 30));
        Limits { memory, seconds: 600 }
    }
}

/// The memory that programs may still ask for.
fn free() -> Option<u64> {
    kilobytes("/proc/meminfo", "MemAvailable:")
}

/// What the system tells under a name, in bytes.
fn kilobytes(file: &str, name: &str) -> Option<u64> {
    let told = std::fs::read_to_string(file).ok()?;
    let line = told.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// How to start a child.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The program and its arguments; it must call [`child_main`].
    pub command: Vec<PathBuf>,
    /// What the child may use.
    pub limits: Limits,
}

impl Guard {
    /// The running program as its own child, with [`VERB`].
    ///
    /// A library user whose program does not answer to that verb names the `bnfold` program in
    /// `command`, or does without a guard and calls [`Job::perform`].
    ///
    /// # Errors
    /// If the running program's path is not known.
    pub fn new(limits: Limits) -> Result<Guard, CouldNotRun> {
        let program = std::env::current_exe().map_err(|error| CouldNotRun::Child(format!("its path is not known: {error}")))?;
        Ok(Guard { command: vec![program, VERB.into()], limits })
    }
}

#[derive(Serialize, Deserialize)]
struct Request {
    limits: Limits,
    job: Job,
}

/// No report is near this long; a child that writes more is not ours.
const LONGEST_ANSWER: u64 = 256 << 20;

/// Does a job in a child process.
///
/// # Errors
/// Why the model could not be run: the child's own answer, or how the child ended.
pub fn in_child(guard: &Guard, job: &Job) -> Result<Outcome, CouldNotRun> {
    let failed = |what: &str, error: &dyn std::fmt::Display| CouldNotRun::Child(format!("{what}: {error}"));
    if std::env::var_os(MARK).is_some() {
        let what = format!("this program is a child itself ({MARK} is set), and answers to `{VERB}` in no other way");
        return Err(CouldNotRun::Child(what));
    }
    let request =
        serde_json::to_vec(&Request { limits: guard.limits, job: job.clone() }).map_err(|error| failed("the request", &error))?;
    let [program, arguments @ ..] = guard.command.as_slice() else {
        return Err(CouldNotRun::Child("no program is named".to_owned()));
    };
    let mut child = Command::new(program)
        .args(arguments)
        .env_clear()
        .env(MARK, "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|error| failed(&program.display().to_string(), &error))?;
    let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
    // A child that does not read must not hold us, and one that is gone is judged by its status.
    std::thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(&request)));
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        let mut answer = Vec::new();
        let read = stdout.map(|stdout| stdout.take(LONGEST_ANSWER).read_to_end(&mut answer));
        sender.send(read.map(|read| read.map(|_| answer)))
    });
    let answer = receiver.recv_timeout(Duration::from_secs(guard.limits.seconds));
    if !matches!(answer, Ok(Some(Ok(_)))) {
        // It may be gone already; then there is nothing to kill.
        child.kill().unwrap_or_default();
    }
    // Who ignores how children end is not told it: then the answer alone counts.
    let status = child.wait().ok();
    match answer {
        Ok(Some(Ok(answer))) => understood(&answer, status, guard.limits),
        Ok(Some(Err(error))) => Err(failed("its answer", &error)),
        Err(RecvTimeoutError::Timeout) => Err(CouldNotRun::Timeout { seconds: guard.limits.seconds }),
        Ok(None) | Err(RecvTimeoutError::Disconnected) => Err(CouldNotRun::Child("it has no standard output".to_owned())),
    }
}

fn understood(answer: &[u8], status: Option<ExitStatus>, limits: Limits) -> Result<Outcome, CouldNotRun> {
    #[cfg(unix)]
    if let Some(signal) = status.as_ref().and_then(std::os::unix::process::ExitStatusExt::signal) {
        return Err(CouldNotRun::Signal { signal, memory: limits.memory });
    }
    match (serde_json::from_slice::<Result<Outcome, CouldNotRun>>(answer), status) {
        (Ok(outcome), _) => outcome,
        (Err(error), Some(status)) => Err(CouldNotRun::Child(format!("it ended with {status} and no answer: {error}"))),
        (Err(_), None) => {
            let what = format!("it ended without an answer; its memory was limited to {} bytes; give --memory", limits.memory);
            Err(CouldNotRun::Child(what))
        }
    }
}

/// What the program does under [`VERB`]: one request from `input`, one answer to `output`. Returns
/// the exit status.
///
/// It limits the whole process; call it from nowhere else.
pub fn child_main(mut input: impl Read, output: impl Write) -> u8 {
    let mut asked = Vec::new();
    let read = input.read_to_end(&mut asked);
    let Some(request) = read.ok().and_then(|_| serde_json::from_slice::<Request>(&asked).ok()) else {
        return 2;
    };
    let answer = limit(request.limits).and_then(|()| performed(&request.job));
    u8::from(respond(&answer, output).is_err())
}

fn performed(job: &Job) -> Result<Outcome, CouldNotRun> {
    catch_unwind(AssertUnwindSafe(|| job.perform())).unwrap_or_else(|payload| Err(CouldNotRun::panicked(&*payload)))
}

fn respond(answer: &Result<Outcome, CouldNotRun>, mut output: impl Write) -> Result<(), serde_json::Error> {
    serde_json::to_writer(&mut output, answer)?;
    output.flush().map_err(serde_json::Error::io)
}

/// Address space, no core files (they would hold the model), and processor time, in case the
/// parent is gone when the time is up.
#[cfg(unix)]
fn limit(limits: Limits) -> Result<(), CouldNotRun> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    // Address space that the allocator has laid hands on before counts, too; without any beside it no thread can begin.
    let memory = limits.memory.max(mapped().saturating_add(STACKS));
    let wanted = [(Resource::As, memory), (Resource::Core, 0), (Resource::Cpu, limits.seconds.saturating_add(1))];
    for (resource, most) in wanted {
        let now = getrlimit(resource);
        let most = now.maximum.map_or(most, |maximum| maximum.min(most));
        setrlimit(resource, Rlimit { current: Some(most), maximum: Some(most) })
            .map_err(|error| CouldNotRun::Child(format!("its limits: {error}")))?;
    }
    Ok(())
}

/// Room for the stacks of threads.
#[cfg(unix)]
const STACKS: u64 = 256 << 20;

/// The address space that this process has, if the system tells it.
#[cfg(unix)]
fn mapped() -> u64 {
    kilobytes("/proc/self/status", "VmSize:").unwrap_or(0)
}

#[cfg(not(unix))]
fn limit(_: Limits) -> Result<(), CouldNotRun> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    use super::super::job::Whole;
    use super::*;

    fn job() -> Job {
        Job::Whole(Whole { model: "there is no such model.onnx".into(), sizes: Default::default(), inputs: None, seed: 1 })
    }

    /// A child that a shell plays.
    fn played(script: &str, seconds: u64) -> Result<Outcome, CouldNotRun> {
        let command = ["/bin/sh", "-c", script].map(PathBuf::from).to_vec();
        in_child(&Guard { command, limits: Limits { memory: 1 << 30, seconds } }, &job())
    }

    #[test]
    fn a_child_that_hangs_is_killed() {
        let start = std::time::Instant::now();
        assert_eq!(played("exec /bin/sleep 100", 1), Err(CouldNotRun::Timeout { seconds: 1 }));
        assert!(start.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn a_child_that_dies_is_reported_with_its_signal() {
        let error = played("kill -SEGV $$", 20);
        assert_eq!(error, Err(CouldNotRun::Signal { signal: 11, memory: 1 << 30 }));
    }

    #[test]
    fn a_child_that_talks_nonsense_is_reported() {
        for script in ["echo nonsense", "exit 3", ":"] {
            let error = played(script, 20).unwrap_err();
            assert!(matches!(error, CouldNotRun::Child(_)), "{script}: {error}");
        }
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let limits = Limits { memory: 1 << 30, seconds: 1 };
        let guard = Guard { command: vec!["/no/such/program".into()], limits };
        let error = in_child(&guard, &job()).unwrap_err().to_string();
        assert!(error.contains("/no/such/program"), "{error}");
    }

    #[test]
    fn the_childs_answer_comes_through() {
        let script = r#"cat >/dev/null; echo '{"Err":{"timeout":{"seconds":7}}}'"#;
        assert_eq!(played(script, 20), Err(CouldNotRun::Timeout { seconds: 7 }));
        assert!(played("test -z \"$PATH\" || env | grep -q TRACT", 20).is_err());
    }

    #[test]
    fn a_child_is_marked_so_that_it_starts_no_other() {
        let script = format!("test -n \"${MARK}\" && echo '{{\"Err\":{{\"timeout\":{{\"seconds\":7}}}}}}'");
        assert_eq!(played(&script, 20), Err(CouldNotRun::Timeout { seconds: 7 }));
    }

    #[test]
    fn a_request_is_answered() {
        let error = performed(&job()).unwrap_err();
        let mut answer = Vec::new();
        respond(&Err(error.clone()), &mut answer).unwrap();
        let status = Command::new("/bin/true").status().unwrap();
        let limits = Limits::for_models(0);
        assert_eq!(understood(&answer, Some(status), limits), Err(error.clone()));
        assert_eq!(understood(&answer, None, limits), Err(error.clone()));
        assert!(error.to_string().contains("there is no such model.onnx"), "{error}");
    }
}
