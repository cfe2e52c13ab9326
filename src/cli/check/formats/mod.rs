//! What `check` found, for the services that show it. Each form has a file; names out of models and paths are escaped as the
//! form demands.

mod github;
mod junit;
mod markdown;
mod sarif;

pub use github::{github, summarise};
pub use junit::junit;
pub use markdown::markdown;
pub use sarif::sarif;

use bnfold::report::{CheckedFile, text};

/// How many nodes a message names.
const EXAMPLES: usize = 3;

/// What is left to fold in a file, in a sentence with examples and the command that mends it.
fn sentence(file: &CheckedFile) -> String {
    let command = file.command.as_ref().map(|command| format!(". Run: {command}")).unwrap_or_default();
    format!("{} left to fold: {}{command}", text::left(file.counts()), findings(file))
}

/// The first nodes that could be folded.
fn findings(file: &CheckedFile) -> String {
    some(file.findings.iter().map(|site| &site.node.name))
}

/// A warning in a sentence.
fn warned(warning: &bnfold::report::Warning) -> String {
    format!("{}: {}; {}", some(warning.nodes.iter()), warning.sentence, warning.advice)
}

fn some<'n>(names: impl ExactSizeIterator<Item = &'n String>) -> String {
    text::some_names(names, EXAMPLES)
}

/// A path as services expect it: from the current folder, with `/` between folders.
fn path(file: &CheckedFile) -> String {
    let text = file.file.replace('\\', "/");
    text.strip_prefix("./").map(str::to_owned).unwrap_or(text)
}
