//! From the paths that the user named to model files, and to commands that can be pasted.

use std::path::{Path, PathBuf};

use bnfold::{Error, ErrorKind, Result};

pub use bnfold::api::shell::{quoted, same};

use super::input;

/// A model file that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The file.
    pub path: PathBuf,
    /// Its path below the folder that the user named, or its name.
    pub below: PathBuf,
}

/// The files that are meant: a file is meant as it is, of a folder every `.onnx` file below it, in the order of their names.
/// Hidden folders and links to folders are not entered. Beside them what is wrong with the paths: one that does not exist, a
/// folder that cannot be read, one without models. It keeps nobody from looking at the others.
pub fn models(paths: &[PathBuf]) -> (Vec<Found>, Vec<Error>) {
    let (mut found, mut wrong) = (Vec::new(), Vec::new());
    for path in paths {
        if input::is_stream(path) {
            let error = Error::new(ErrorKind::Target, "many models are read from files, not from standard input");
            wrong.push(error.remedy("name a file or a folder"));
            continue;
        }
        match path.metadata() {
            Err(_) if is_pattern(path) => match expanded(path) {
                Ok(mut all) => found.append(&mut all),
                Err(error) => wrong.push(error),
            },
            Err(e) => wrong.push(Error::io("cannot open", e).file(path).remedy("check the path")),
            Ok(metadata) if !metadata.is_dir() => {
                found.push(Found { path: path.clone(), below: path.file_name().map(PathBuf::from).unwrap_or_default() });
            }
            Ok(_) => {
                let before = (found.len(), wrong.len());
                walk(path, &mut found, &mut wrong);
                if (found.len(), wrong.len()) == before {
                    let error = Error::new(ErrorKind::Foreign, "there is no .onnx file in this folder").file(path);
                    wrong.push(error.remedy("name a folder with models"));
                }
            }
        }
    }
    (found, wrong)
}

/// Whether a name that no file has is meant as a pattern.
pub fn is_pattern(path: &Path) -> bool {
    path.to_str().is_some_and(|text| text.contains(['*', '?', '[']))
}

/// The files that fit a pattern, in the order of their names. Shells that expand patterns do so before; in quotes, in a
/// configuration and in shells that do not, it is left to us.
fn expanded(pattern: &Path) -> Result<Vec<Found>> {
    let error = |what: String| Error::new(ErrorKind::Foreign, what).file(pattern).remedy("correct the pattern, or name a folder");
    let hidden = glob::MatchOptions { require_literal_leading_dot: true, ..glob::MatchOptions::new() };
    let all = glob::glob_with(&pattern.to_string_lossy(), hidden).map_err(|e| error(format!("this is no pattern: {e}")))?;
    let files = all.filter_map(std::result::Result::ok).filter(|path| path.is_file());
    let found: Vec<Found> =
        files.map(|path| Found { below: path.file_name().map(PathBuf::from).unwrap_or_default(), path }).collect();
    if found.is_empty() { Err(error("no file fits this pattern".to_owned())) } else { Ok(found) }
}

fn walk(root: &Path, found: &mut Vec<Found>, wrong: &mut Vec<Error>) {
    let mut files = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        if let Err(error) = list(&folder, &mut folders, &mut files) {
            wrong.push(Error::io("cannot read the folder", error).file(&folder).remedy("ask for permission, or name its models"));
        }
    }
    files.sort();
    found.extend(files.into_iter().map(|path| {
        let below = path.strip_prefix(root).unwrap_or(&path).to_path_buf();
        Found { path, below }
    }));
}

fn list(folder: &Path, folders: &mut Vec<PathBuf>, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let (path, kind) = (entry.path(), entry.file_type()?);
        let is_model = path.extension().is_some_and(|e| e.eq_ignore_ascii_case("onnx"));
        if kind.is_dir() {
            if !entry.file_name().as_encoded_bytes().starts_with(b".") {
                folders.push(path);
            }
        } else if is_model && (kind.is_file() || path.metadata().is_ok_and(|m| m.is_file())) {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_searched_in_order_and_hidden_ones_are_not() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["b.onnx", "a/c.ONNX", "a/d.txt", ".git/e.onnx"] {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        let found = models(&[folder.path().to_path_buf(), folder.path().join("missing")]).0;
        let below: Vec<_> = found.iter().map(|f| f.below.to_str().unwrap()).collect();
        assert_eq!(below, ["a/c.ONNX", "b.onnx"]);
        assert_eq!(models(&[folder.path().join(".git/none"), folder.path().join("b.onnx")]).1.len(), 1);
        std::fs::create_dir(folder.path().join("empty")).unwrap();
        assert_eq!(models(&[folder.path().join("empty"), "-".into()]).1.len(), 2);
        let fits = |pattern: &str| models(&[folder.path().join(pattern)]);
        assert_eq!(fits("**/*.onnx").0.iter().map(|f| f.below.to_str().unwrap()).collect::<Vec<_>>(), ["b.onnx"]);
        assert_eq!((fits("*/?.ONNX").0.len(), fits("*.none").1.len(), fits("[").1.len()), (1, 1, 1));
    }
}
