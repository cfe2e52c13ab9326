//! Which models are folded, and where each result goes. What is certainly a mistake is refused before anything is read.

use std::collections::BTreeSet;
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};

use bnfold::{Error, ErrorKind, ExternalData, Result};

use crate::cli::arguments::Fold;
use crate::cli::files::{self, Found};
use crate::cli::input;

/// Where a result goes.
pub enum Target {
    File(PathBuf),
    Stream,
    Nowhere,
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Target::File(path) => write!(f, "{}", path.display()),
            Target::Stream => f.write_str("standard output"),
            Target::Nowhere => f.write_str(bnfold::report::text::NOWHERE),
        }
    }
}

/// What is to be done.
pub enum Jobs {
    /// One model, named as it is.
    One(PathBuf, Target),
    /// Models with their targets, and what is wrong with paths that were named.
    Several(Vec<(Found, Target)>, Vec<Error>),
}

/// The models that are meant, with their targets.
///
/// # Errors
/// No target, or one that does not fit the models.
pub fn jobs(arguments: &Fold) -> Result<Jobs> {
    let unwritten = arguments.dry_run || arguments.diff;
    if arguments.output.is_none() && !arguments.in_place && arguments.out_dir.is_none() && !unwritten {
        return Err(untargeted(&arguments.models));
    }
    if let ([model], None) = (&arguments.models[..], &arguments.out_dir)
        && (!model.is_dir() || arguments.output.is_some())
        && (input::is_stream(model) || model.exists() || !files::is_pattern(model))
    {
        return Ok(Jobs::One(model.clone(), single(arguments, model)?));
    }
    let refused = [
        (arguments.output.is_some(), "-o", "name a folder with --out-dir, or replace the models with --in-place"),
        (arguments.certificate.is_some(), "--certificate", "fold the model alone that it is for"),
        (arguments.save_failure.is_some(), "--save-failure", "fold the model alone that is wrong"),
    ];
    if let Some((_, option, remedy)) = refused.iter().find(|(given, ..)| *given) {
        return Err(Error::new(ErrorKind::Target, "one file cannot be for several models").at(*option).remedy(*remedy));
    }
    let (mut found, wrong) = files::models(&arguments.models);
    if let ExternalData::File(name) = &arguments.external_data
        && found.len() > 1
    {
        let what = format!("the side file `{name}` cannot be that of several models");
        return Err(Error::new(ErrorKind::Target, what).remedy("fold the models one by one, or choose keep, share or inline"));
    }
    if let Some(folder) = &arguments.out_dir {
        found = apart(found, folder)?;
    }
    let target = |found: &Found| match &arguments.out_dir {
        _ if arguments.dry_run => Target::Nowhere,
        Some(folder) => Target::File(folder.join(&found.below)),
        None if arguments.in_place => Target::File(found.path.clone()),
        None => Target::Nowhere,
    };
    Ok(Jobs::Several(found.into_iter().map(|found| (target(&found), found)).map(|(t, f)| (f, t)).collect(), wrong))
}

fn single(arguments: &Fold, model: &Path) -> Result<Target> {
    if arguments.dry_run {
        return Ok(Target::Nowhere);
    }
    let refuse = |what: &str, remedy: &str| Error::new(ErrorKind::Target, what).remedy(remedy);
    let Some(output) = &arguments.output else {
        if !arguments.in_place {
            return Ok(Target::Nowhere);
        }
        if input::is_stream(model) {
            return Err(refuse("standard input cannot be replaced", "name an output with -o"));
        }
        return Ok(Target::File(model.to_path_buf()));
    };
    if input::is_stream(output) {
        if io::stdout().is_terminal() {
            return Err(refuse("a model is not written to a terminal", "redirect standard output, or name a file with -o"));
        }
        if let ExternalData::File(name) = &arguments.external_data {
            let what = format!("the side file `{name}` has no folder if the model goes to standard output");
            return Err(refuse(&what, "name a file with -o, or put all into the model with --external-data inline"));
        }
        return Ok(Target::Stream);
    }
    if !input::is_stream(model) && files::same(model, output) {
        return Err(refuse("the output is the input", "use --in-place instead of -o to replace it").file(output));
    }
    Ok(Target::File(output.clone()))
}

/// Nobody said where the result goes.
fn untargeted(models: &[PathBuf]) -> Error {
    let error = Error::new(ErrorKind::Target, "nothing says where the result goes");
    let named = |path: &Path| files::quoted(path);
    match models {
        [model, output] if !output.exists() => {
            error.remedy(format!("did you mean `bnfold fold {} -o {}`?", named(model), named(output)))
        }
        [model] if !input::is_stream(model) && !model.is_dir() => {
            let output = model.with_extension("folded.onnx");
            error.remedy(format!("name a file, for example -o {}, or replace the model with --in-place", named(&output)))
        }
        [_] => error.remedy("name a file with -o, or a folder with --out-dir"),
        _ => error.remedy("name a folder with --out-dir, or replace the models with --in-place"),
    }
}

/// The models that are no results themselves, of an earlier run or of another part of this one. No two results may take one place.
///
/// # Errors
/// Two would, or all models are results.
pub fn apart(mut found: Vec<Found>, folder: &Path) -> Result<Vec<Found>> {
    let refuse = |what: &str| Error::new(ErrorKind::Target, what);
    let any = !found.is_empty();
    // A folder that is not there yet has no models.
    if let Ok(results) = folder.canonicalize() {
        let folder_of = |model: &Path| std::path::absolute(model).ok()?.parent()?.canonicalize().ok();
        found.retain(|model| !folder_of(&model.path).is_some_and(|parent| parent.starts_with(&results)));
    }
    if any && found.is_empty() {
        return Err(refuse("all models are in the folder for the results").file(folder).remedy("name another with --out-dir"));
    }
    let mut seen = BTreeSet::new();
    match found.iter().find(|f| !seen.insert(&f.below)) {
        None => Ok(found),
        Some(twice) => {
            let place = folder.join(&twice.below);
            Err(refuse("two models would be written here").file(&place).remedy("take their folders one after the other"))
        }
    }
}
