//! A failure saved as a small pair of models, and the command that shows it again.

use std::path::Path;

#[cfg(feature = "tract")]
use super::shell::quoted;
use crate::error::Result;
use crate::verify::{Verdict, VerifyOptions};

/// Saves the first place that fails and judges what was saved. Returns what is to be said about it.
///
/// # Errors
/// A file cannot be written, or the place has a form that cannot be cut out.
#[cfg(feature = "tract")]
pub fn save(folder: &Path, (before, after): (&Path, &Path), verdict: &Verdict, options: &VerifyOptions) -> Result<String> {
    use std::io::Write as _;

    use crate::error::Error;
    use crate::verify::{Outcome, failure, verify};
    use crate::write::{AtomicFile, Publication};

    let Some(found) = failure::first(before, after, verdict, options)? else {
        return Ok("nothing was saved: no fold is wrong by itself".to_owned());
    };
    std::fs::create_dir_all(folder).map_err(|e| Error::unwritten("cannot create the folder", e).file(folder))?;
    let paths = failure::FILES.map(|name| folder.join(name));
    let mut all = Publication::new();
    for (path, bytes) in paths.iter().zip(&found.files) {
        let mut file = AtomicFile::create(path, 0o644)?;
        file.write_all(bytes).map_err(|e| Error::unwritten("cannot write", e).file(path))?;
        all.add(file);
    }
    all.publish(false)?;
    let ([first, second, inputs, _], value) = (paths, found.value);
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
    let command = format!("cd {} && bnfold {}", quoted(folder), failure::command(verdict.tier));
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
    let what = "this was built without tract, so that no failure can be saved";
    Err(crate::Error::new(crate::ErrorKind::Target, what))
}
