//! Workflow commands of GitHub Actions, an annotation for each file, and the summary of the step.
//!
//! A model is a binary file, so an annotation has no line. A step shows about ten of each kind, which is why one stands for a
//! file and not for a node. <https://docs.github.com/actions/reference/workflow-commands-for-github-actions>

use std::io::Write as _;

use bnfold::report::{CheckReport, text};
use bnfold::{Error, Result};

use super::{path, sentence, warned};

/// An annotation for each file with findings or warnings, and for each that could not be read.
pub fn github(report: &CheckReport) -> String {
    let mut lines = String::new();
    for file in &report.files {
        let mut say = |level: &str, title: &str, message: &str| {
            let (file, title) = (property(&path(file)), property(title));
            lines.push_str(&format!("::{level} file={file},title={title}::{}\n", data(message)));
        };
        if let Some(error) = &file.error {
            say("error", "bnfold: not checked", error);
        }
        if !file.findings.is_empty() {
            say("error", "bnfold: left to fold", &sentence(file));
        }
        for warning in &file.warnings {
            let level = if report.strict { "error" } else { "warning" };
            say(level, &format!("bnfold: {}", warning.reason), &warned(warning));
        }
    }
    lines + &text::check_summary(report)
}

/// Adds a table to the summary of the step, where one is kept.
///
/// # Errors
/// The summary cannot be written.
pub fn summarise(report: &CheckReport) -> Result<()> {
    let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|file| !file.is_empty()) else { return Ok(()) };
    let failed = |e| Error::unwritten("cannot write the summary of the step", e).file(file.as_ref());
    let mut summary = std::fs::OpenOptions::new().create(true).append(true).open(&file).map_err(failed)?;
    summary.write_all(super::markdown(report).as_bytes()).map_err(failed)
}

/// The text of a command: percent signs and line ends are escaped.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property: what ends a property is escaped, too.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_is_escaped() {
        assert_eq!(data("50 %\r\nof a:b"), "50 %25%0D%0Aof a:b");
        assert_eq!(property("a:b,c\n"), "a%3Ab%2Cc%0A");
    }
}
