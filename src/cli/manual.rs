//! `bnfold completions` and `bnfold man`: made of the same definition as the help.

use clap::CommandFactory as _;

use super::arguments::{Arguments, Completions, Man};
use super::console::Console;
use super::status::Status;
use bnfold::{Error, ErrorKind};

/// Writes what a shell reads to complete words of a command.
///
/// # Errors
/// Standard output cannot be written.
pub fn completions(arguments: &Completions, console: &Console) -> anyhow::Result<Status> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut Arguments::command(), "bnfold", &mut script);
    written(script, console)
}

/// Writes a page of the manual: of the program, or of a command.
///
/// # Errors
/// There is no such command, or standard output cannot be written.
pub fn man(arguments: &Man, console: &Console) -> anyhow::Result<Status> {
    let mut program = Arguments::command();
    program.build();
    let page = match &arguments.command {
        None => program,
        Some(name) => named(&program, name)?,
    };
    let mut text = Vec::new();
    clap_mangen::Man::new(page)
        .source(concat!("bnfold ", env!("CARGO_PKG_VERSION")))
        .render(&mut text)
        .map_err(|e| Error::io("cannot write the page", e))?;
    written(text, console)
}

fn named(program: &clap::Command, name: &str) -> bnfold::Result<clap::Command> {
    let found = program.find_subcommand(name).filter(|found| !found.is_hide_set());
    let found = found.map(|found| found.clone().version(env!("CARGO_PKG_VERSION")));
    found.ok_or_else(|| {
        let known: Vec<&str> = program.get_subcommands().map(clap::Command::get_name).collect();
        let error = Error::new(ErrorKind::Choice, format!("there is no command `{name}`"));
        error.remedy(format!("the commands are {}", known.join(", ")))
    })
}

fn written(bytes: Vec<u8>, console: &Console) -> anyhow::Result<Status> {
    console.text(&String::from_utf8_lossy(&bytes))?;
    Ok(Status::Well)
}
