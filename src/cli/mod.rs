//! The command line: arguments, one file a verb, exit status.
//!
//! Verbs put library calls in order and say what came of it. They hold no knowledge of models, folding or judging.

mod activity;
mod arguments;
mod certificate;
mod check;
mod console;
mod failure;
mod files;
mod fold;
mod input;
mod inspect;
mod named;
mod planning;
mod scratch;
mod selftest;
mod signals;
mod status;
mod sweep;
mod verify;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Verb};
use console::Console;
use status::Status;

/// Runs the program.
pub fn run() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => {
            // Help goes to standard output and is no error; if nobody reads either, there is nobody to tell.
            let _ = answer.print();
            return if answer.use_stderr() { Status::CouldNot.into() } else { Status::Well.into() };
        }
    };
    let console = Console::new(&arguments.common);
    signals::watch();
    let result: anyhow::Result<Status> = match &arguments.verb {
        Verb::Fold(own) => fold::run(own, &console),
        Verb::Verify(own) => verify::run(own, &console),
        Verb::Inspect(own) => inspect::run(own, &console),
        Verb::Check(own) => check::run(own, &console),
        Verb::Sweep(own) => sweep::run(own, &console),
        Verb::Selftest(own) => selftest::run(own, &console),
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
