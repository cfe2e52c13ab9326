//! What `check` found, as text: a block for each file and a last line.

use super::sites::foldable;
use super::{BOLD, STAYS, WRONG, some_names, styled};
use crate::error::printable;
use crate::report::{CheckReport, CheckedFile};

/// How many findings of a file are shown unless all are asked for.
const EXAMPLES: usize = 3;

/// How much is said of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// A line for a file that fails.
    Line,
    /// Some findings, how many more, the command.
    Some,
    /// Every finding, and files in which all is well.
    All,
}

/// What is left to fold: `35 BatchNormalization and 37 other maps`.
pub fn left((normalizations, others): (usize, usize)) -> String {
    let others_are = if others == 1 { "map" } else { "maps" };
    match (normalizations, others) {
        (0, others) => format!("{others} {others_are}"),
        (normalizations, 0) => format!("{normalizations} BatchNormalization"),
        (normalizations, others) => format!("{normalizations} BatchNormalization and {others} other {others_are}"),
    }
}

/// The block of a file; empty where nothing is to be said. What went wrong with a file is said elsewhere.
pub fn checked(file: &CheckedFile, strict: bool, detail: Detail) -> String {
    let lines = lines(file, strict, detail);
    let fails = !file.findings.is_empty() || strict && !file.warnings.is_empty();
    let silent = match detail {
        Detail::Line => !fails,
        Detail::Some => lines.is_empty(),
        Detail::All => false,
    };
    if silent || file.error.is_some() {
        return String::new();
    }
    let head = match (file.findings.len(), file.warnings.len(), file.known) {
        (1.., ..) => format!("{} left to fold", left(file.counts())),
        (0, 1.., _) => "worth a look".to_owned(),
        (0, 0, 0) => "nothing left to fold".to_owned(),
        (0, 0, known) => format!("nothing new to fold, {known} in the baseline"),
    };
    let file = styled(BOLD, printable(&file.file));
    if detail == Detail::Line {
        let rest: String = lines.iter().map(|line| format!("; {line}")).collect();
        return format!("{file}: {head}{rest}\n");
    }
    let rest: String = lines.iter().map(|line| format!("  {line}\n")).collect();
    format!("{file}: {head}\n{rest}")
}

fn lines(file: &CheckedFile, strict: bool, detail: Detail) -> Vec<String> {
    let label = if strict { styled(WRONG, "stays:") } else { styled(STAYS, "warning:") };
    if detail == Detail::Line {
        return file.warnings.iter().filter(|_| strict).map(|warning| format!("{label} {}", warning.reason)).collect();
    }
    let shown = if detail == Detail::All { usize::MAX } else { EXAMPLES };
    let mut lines: Vec<String> = file.findings.iter().take(shown).map(foldable).collect();
    if let Some(more) = file.findings.len().checked_sub(shown).filter(|more| *more > 0) {
        lines.push(format!("and {more} more (-v lists them)"));
    }
    for warning in &file.warnings {
        let nodes = some_names(warning.nodes.iter(), shown);
        lines.push(format!("{label} {nodes}: {} [{}]; {}", warning.sentence, warning.reason, warning.advice));
    }
    lines.extend(file.unproved.as_ref().map(|why| format!("no finding: {}", printable(why))));
    lines.extend(file.command.as_ref().map(|command| format!("run: {command}")));
    lines
}

/// The last line: what all of it comes to.
pub fn check_summary(report: &CheckReport) -> String {
    let unread = report.files.iter().filter(|file| file.error.is_some()).count();
    let checked = report.files.len() - unread;
    let mut text = format!("{checked} checked");
    let concerned = report.files.iter().filter(|file| !file.findings.is_empty()).count();
    match report.counts() {
        // Of what could not be read nobody knows it.
        (0, 0) if checked == 0 => {}
        (0, 0) => text.push_str(", nothing left to fold"),
        counts => text.push_str(&format!(", {} left to fold in {concerned}", left(counts))),
    }
    let warned = report.files.iter().filter(|file| !file.warnings.is_empty()).count();
    match (warned, report.strict) {
        (0, _) => {}
        (_, true) => text.push_str(&format!(", {warned} with what --strict does not let pass")),
        (1, false) => text.push_str(", 1 with a warning"),
        (_, false) => text.push_str(&format!(", {warned} with warnings")),
    }
    match report.files.iter().map(|file| file.known).sum::<u64>() {
        0 => {}
        known => text.push_str(&format!(", {known} known from the baseline")),
    }
    if unread > 0 {
        text.push_str(&format!(", {unread} not checked"));
    }
    text + "\n"
}
