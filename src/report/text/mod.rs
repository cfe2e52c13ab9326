//! Reports as text for people: aligned, with styles that the output stream removes where nobody sees them, and never the
//! bytes of a name that could move a cursor.

mod check;
mod diff;
mod fold;
mod own;
mod sites;
mod sweep;
mod verdict;
mod wrap;

use std::fmt::Display;

use anstyle::{AnsiColor, Style};

use crate::error;

pub use check::{Detail, check_summary, checked, left};
pub use diff::diff;
pub use fold::{fold, folds};
pub use sites::inspect;
pub use sweep::{swept, swept_summary};
pub use verdict::{verdict, verdict_line};
pub use wrap::wrapped;

pub use super::evidence::{at, evidence, unverified};

/// What stands out.
pub const BOLD: Style = Style::new().bold();
/// What is well.
pub const WELL: Style = AnsiColor::Green.on_default();
/// What deserves a look.
pub const STAYS: Style = AnsiColor::Yellow.on_default();
/// What is wrong.
pub const WRONG: Style = AnsiColor::Red.on_default().bold();

/// In the place of a target's name: nothing is to be written.
pub const NOWHERE: &str = "nowhere, as asked";

/// The column at which values begin.
const COLUMN: usize = 22;

/// The longest name that is shown whole.
const LONGEST_NAME: usize = 60;

fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// A line `  label   value`.
fn row(label: &str, value: impl Display) -> String {
    format!("  {label:<width$}{value}\n", width = COLUMN - 2)
}

/// A name out of a model, safe to print; a very long one loses its middle.
pub fn name(text: &str) -> String {
    let safe = error::printable(text);
    let count = safe.chars().count();
    if count <= LONGEST_NAME {
        return safe;
    }
    let half = LONGEST_NAME / 2 - 1;
    let (head, tail): (String, String) = (safe.chars().take(half).collect(), safe.chars().skip(count - half).collect());
    format!("{head}..{tail}")
}

/// Some names of many.
pub fn some_names<'n>(names: impl ExactSizeIterator<Item = &'n String>, limit: usize) -> String {
    let more = names.len().saturating_sub(limit);
    let mut shown: Vec<String> = names.take(limit).map(|n| name(n)).collect();
    if more > 0 {
        shown.push(format!("and {more} more"));
    }
    shown.join(", ")
}

/// A count with groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `before -> after`, or the one number if nothing changed; growth is told apart.
pub(super) fn change(before: u64, after: u64) -> String {
    match after.checked_sub(before) {
        Some(0) => grouped(before),
        Some(more) => format!("{} -> {} (+{})", grouped(before), grouped(after), grouped(more)),
        None => format!("{} -> {}", grouped(before), grouped(after)),
    }
}

fn seconds(seconds: f64) -> String {
    if seconds < 1.0 { format!("{:.0} ms", seconds * 1000.0) } else { format!("{seconds:.1} s") }
}

/// `1 node`, `2 nodes`.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 12, 999, 1000, 1_234_567].map(grouped).join(" "), "0 12 999 1,000 1,234,567");
    }

    #[test]
    fn long_names_lose_their_middle_and_control_characters() {
        assert_eq!(name("a\u{1b}b"), "a\\u{1b}b");
        let long = format!("head{}tail", "x".repeat(100));
        assert_eq!(name(&long).chars().count(), LONGEST_NAME);
        assert!(name(&long).starts_with("head") && name(&long).ends_with("tail"));
    }

    #[test]
    fn names_are_cut_to_a_few() {
        let names: Vec<String> = (0..5).map(|i| format!("n{i}")).collect();
        assert_eq!(some_names(names.iter(), 3), "n0, n1, n2, and 2 more");
        assert_eq!(some_names(names[..2].iter(), 3), "n0, n1");
    }
}
