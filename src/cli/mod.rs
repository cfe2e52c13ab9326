//! The command line: arguments, one file a verb, exit status.
//!
//! Verbs put library calls in order and say what came of it. They hold no knowledge of models, folding or judging.

mod activity;
mod arguments;
mod certificate;
mod check;
mod closing;
mod console;
mod files;
mod fold;
mod input;
mod inspect;
mod manual;
mod named;
mod planning;
mod report;
mod runs;
mod selftest;
mod signals;
mod status;
mod sweep;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::{CommandFactory as _, FromArgMatches as _};

use arguments::{Arguments, Verb};
use console::Console;
use status::Status;

/// Runs the program.
pub fn run() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().collect();
    let parsed = Arguments::command().try_get_matches_from(&words);
    let parsed = parsed.and_then(|matches| Ok((Arguments::from_arg_matches(&matches)?, matches)));
    let (mut arguments, matches) = match parsed {
        Ok(parsed) => parsed,
        Err(answer) => {
            // Help goes to standard output and is no error; if nobody reads either, there is nobody to tell.
            let _ = answer.print();
            return if answer.use_stderr() { Status::CouldNot.into() } else { Status::Well.into() };
        }
    };
    match check::config::completed(&words, &matches) {
        Ok(completed) => arguments = completed.unwrap_or(arguments),
        Err(error) => {
            Console::new(&arguments.common).error(&error);
            return Status::CouldNot.into();
        }
    }
    let console = Console::new(&arguments.common);
    if let Err(error) = understood(&arguments) {
        console.error(&error);
        return Status::CouldNot.into();
    }
    signals::watch();
    let result: anyhow::Result<Status> = match &arguments.verb {
        Verb::Fold(own) => fold::run(own, &console),
        Verb::Verify(own) => verify::run(own, &console),
        Verb::Inspect(own) => inspect::run(own, &console),
        Verb::Check(own) => check::run(own, &console),
        Verb::Report(own) => report::run(own, &console),
        Verb::Sweep(own) => sweep::run(own, &console),
        Verb::Selftest(own) => selftest::run(own, &console),
        Verb::Completions(own) => manual::completions(own, &console),
        Verb::Man(own) => manual::man(own, &console),
    };
    match result {
        Ok(status) => status.into(),
        Err(error) if console::is_broken_pipe(&error) => Status::Well.into(),
        Err(error) => {
            console.error(&error);
            Status::CouldNot.into()
        }
    }
}

/// Whether the verb knows the form in which its result is wanted.
fn understood(arguments: &Arguments) -> bnfold::Result<()> {
    use arguments::Format;
    match (&arguments.verb, arguments.common.format) {
        (Verb::Check(_), _) | (_, Format::Text | Format::Json) => Ok(()),
        (..) => {
            let error = bnfold::Error::new(bnfold::ErrorKind::Choice, "of all verbs only `check` writes this format");
            Err(error.at("--format").remedy("take --format json"))
        }
    }
}
