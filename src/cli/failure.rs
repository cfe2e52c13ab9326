//! Failures: how to see one again, and one saved as a small pair of models.

use std::path::Path;

use bnfold::Result;
use bnfold::verify::{Verdict, VerifyOptions};

use super::files;

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
            format!("{option}={}", files::quoted(Path::new(value)).trim_start_matches("./"))
        }
        // What begins with a sign is an option of ours, not a file.
        _ if text.starts_with("--") => text.into_owned(),
        _ => files::quoted(Path::new(word)),
    }
}

/// Saves the first place that fails and judges what was saved. Returns what is to be said about it.
///
/// # Errors
/// A file cannot be written, or the place has a form that cannot be cut out.
#[cfg(feature = "tract")]
pub fn save(folder: &Path, (before, after): (&Path, &Path), verdict: &Verdict, options: &VerifyOptions) -> Result<String> {
    use bnfold::verify::{Outcome, failure, verify};
    let Some(value) = failure::save(before, after, verdict, options, folder)? else {
        return Ok("nothing was saved: no fold is wrong by itself".to_owned());
    };
    let [first, second, inputs, _] = failure::FILES.map(|name| folder.join(name));
    let alone = VerifyOptions {
        tier: verdict.tier,
        inputs: Some(inputs),
        timeout: options.timeout,
        memory: options.memory,
        runner: options.runner.clone(),
        own_type: false,
        ..VerifyOptions::default()
    };
    let again = verify(&first, &second, &alone)?;
    let command = format!("cd {} && bnfold {}", files::quoted(folder), failure::command(verdict.tier));
    Ok(match again.outcome {
        Outcome::Differs => format!("`{value}` alone: {command}"),
        _ => format!("`{value}` alone, which is not refused by itself ({}): {command}", again.outcome.words()),
    })
}

/// Without the engine nothing is saved.
///
/// # Errors
/// Always.
#[cfg(not(feature = "tract"))]
pub fn save(_: &Path, _: (&Path, &Path), _: &Verdict, _: &VerifyOptions) -> Result<String> {
    let what = "this program was built without tract, so that no failure can be saved";
    Err(bnfold::Error::new(bnfold::ErrorKind::Target, what))
}
