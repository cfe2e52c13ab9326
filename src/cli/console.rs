//! What is said, and where: results on standard output, everything else on standard error.

use std::io::{self, Write};

use serde::Serialize;

use super::arguments::{Color, Common, Format};
use bnfold::report::text::{self, WRONG};
use bnfold::{Error, Result};

/// The user's wishes about output.
#[derive(Clone, Copy, Debug)]
pub struct Console {
    /// How results are written.
    pub format: Format,
    /// Only what is wrong.
    pub quiet: bool,
    /// More than usual.
    pub verbose: bool,
    /// The columns of the terminal to which results go, if they go to one.
    width: Option<usize>,
}

impl Console {
    /// Takes the wishes from the arguments and sets colours for the whole program.
    pub fn new(common: &Common) -> Console {
        let choice = match common.color {
            Color::Auto if cannot_move() => anstream::ColorChoice::Never,
            Color::Auto => anstream::ColorChoice::Auto,
            Color::Always => anstream::ColorChoice::Always,
            Color::Never => anstream::ColorChoice::Never,
        };
        choice.write_global();
        let width = terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0));
        Console { format: common.format, quiet: common.quiet, verbose: common.verbose, width }
    }

    /// Writes a report for people, with lines that fit the terminal if it goes to one.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn report(&self, report: &str) -> Result<()> {
        match self.width.filter(|_| self.format == Format::Text) {
            Some(width) => self.text(&text::wrapped(report, width)),
            None => self.text(report),
        }
    }

    /// Writes a result as text.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn text(&self, text: &str) -> Result<()> {
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(stdout_failed)
    }

    /// Writes a result for programs.
    ///
    /// # Errors
    /// Standard output cannot be written.
    pub fn json(&self, report: &impl Serialize) -> Result<()> {
        self.text(&encode(report)?)
    }

    /// Writes to standard error, as a report beside a result that takes standard output.
    pub fn aside(&self, text: &str) {
        // Whoever closed standard error does not want to know.
        let _ = anstream::stderr().write_all(text.as_bytes());
    }

    /// The line that says what went wrong. The text of an error contains that of its source.
    pub fn error(&self, error: &impl std::fmt::Display) {
        self.aside(&format!("{WRONG}error:{WRONG:#} {error}\n"));
    }

    /// Whether what lasts is shown while it lasts.
    pub fn shows_progress(&self) -> bool {
        !self.quiet && io::IsTerminal::is_terminal(&io::stderr())
    }
}

/// A report as JSON.
///
/// # Errors
/// It cannot be encoded.
pub fn encode(report: &impl Serialize) -> Result<String> {
    let text = serde_json::to_string_pretty(report).map_err(|e| Error::io("cannot encode the report", e.into()))?;
    Ok(text + "\n")
}

/// Whether the terminal calls itself dumb and nobody forces colours. anstream colours such a one where `CI` is set.
fn cannot_move() -> bool {
    let is = |name: &str, wanted: fn(&std::ffi::OsStr) -> bool| std::env::var_os(name).is_some_and(|value| wanted(&value));
    is("TERM", |term| term == "dumb") && !is("CLICOLOR_FORCE", |force| !force.is_empty())
}

/// Standard output failed.
pub fn stdout_failed(error: io::Error) -> Error {
    Error::unwritten("cannot write to standard output", error)
}

/// Whether the reader of standard output went away, which is the reader's right.
pub fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Error>().and_then(|e| e.source.as_ref()).is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}
