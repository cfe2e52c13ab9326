//! A table for reviewers.

use bnfold::report::{CheckReport, text};

use super::{findings, warned};

/// A heading, a table of the files that deserve a look, and the commands that mend them.
pub fn markdown(report: &CheckReport) -> String {
    let mut page = format!("### bnfold: {}\n", text::check_summary(report).trim_end());
    let worth = |file: &&bnfold::report::CheckedFile| report.fails(file) || !file.warnings.is_empty();
    if report.files.iter().any(|file| worth(&file)) {
        page.push_str("\n| model | BatchNormalization | other maps | |\n| --- | ---: | ---: | --- |\n");
    }
    for file in report.files.iter().filter(worth) {
        let (normalizations, others) = file.counts();
        let notes = file.error.iter().map(|error| cell(error)).chain(file.warnings.iter().map(|warning| cell(&warned(warning))));
        let command = file.command.iter().flat_map(|command| [cell(&findings(file)), code(command)]);
        let notes = command.chain(notes).collect::<Vec<_>>().join("<br>");
        page.push_str(&format!("| {} | {normalizations} | {others} | {notes} |\n", code(&file.file)));
    }
    page
}

/// Text in a cell: what would end the cell, begin HTML or be read as markup is escaped.
fn cell(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '\n' | '\r' => safe.push(' '),
            '|' | '\\' | '`' | '*' | '_' | '[' | ']' => safe.extend(['\\', c]),
            c => safe.push(c),
        }
    }
    safe
}

/// Text as code in a cell: HTML, because between backticks a `|` would still end the cell and a backtick the code.
fn code(text: &str) -> String {
    format!("<code>{}</code>", cell(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_break_the_table() {
        assert_eq!(code("a|b`<i>"), r"<code>a\|b\`&lt;i&gt;</code>");
        assert_eq!(cell("x_y\nz"), r"x\_y z");
    }
}
