//! Paths as a user means them, and words of commands that can be pasted into a shell.

use std::path::Path;

use crate::error;

/// The words of a command, to be pasted into a shell.
pub fn command(words: impl IntoIterator<Item = std::ffi::OsString>) -> String {
    let words = words.into_iter().map(|word| self::word(&word));
    std::iter::once("bnfold".to_owned()).chain(words).collect::<Vec<_>>().join(" ")
}

/// A word of a command.
pub fn word(word: &std::ffi::OsStr) -> String {
    let text = word.to_string_lossy();
    match text.split_once('=') {
        Some((option, value)) if option.starts_with("--") => {
            format!("{option}={}", quoted(Path::new(value)).trim_start_matches("./"))
        }
        // What begins with a sign is an option of ours, not a file.
        _ if text.starts_with("--") => text.into_owned(),
        _ => quoted(Path::new(word)),
    }
}

/// A path as an argument that can be pasted into a shell.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let text = if text.starts_with('-') { format!("./{text}") } else { text };
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | '_' | '-' | '+' | ',' | ':' | '@' | '%' | '=');
    if !text.is_empty() && text.chars().all(plain) {
        return text;
    }
    format!("'{}'", error::printable(&text).replace('\'', r"'\''"))
}

/// Whether two paths name the same file.
pub fn same(a: &Path, b: &Path) -> bool {
    match (a.canonicalize(), b.canonicalize()) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_quoted_for_a_shell() {
        assert_eq!(quoted(Path::new("a/b-1.onnx")), "a/b-1.onnx");
        assert_eq!(quoted(Path::new("-a")), "./-a");
        assert_eq!(quoted(Path::new("it's $x")), r"'it'\''s $x'");
    }
}
