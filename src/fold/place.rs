//! Where a result goes, and where it has the elements that its original keeps in side files. What would replace a file that others
//! need is refused here, before anything is written.

use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use crate::edit::Storage;
use crate::error::{Error, ErrorKind, Result};
use crate::model::Model;

/// Where a result has elements that are not in the model file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ExternalData {
    /// Each side file of the original is copied beside the result, with what changes in its place.
    #[default]
    Keep,
    /// The result refers to the original's side files and brings one with the changed tensors alone. They must be in the folder of
    /// the result or below it. It takes time and room for what changes alone.
    Share,
    /// Everything is in the model file, which cannot be larger than 2 GiB.
    Inline,
    /// One side file of this name beside the result has all that the original has in side files, and each initializer of 1 KiB and
    /// more that was in the model file.
    File(String),
}

impl FromStr for ExternalData {
    type Err = Error;

    fn from_str(text: &str) -> Result<ExternalData> {
        match text {
            "keep" => Ok(ExternalData::Keep),
            "share" => Ok(ExternalData::Share),
            "inline" => Ok(ExternalData::Inline),
            // What is misspelt is no file.
            _ if !text.contains('.') => {
                Err(Error::new(ErrorKind::Choice, format!("`{text}` is neither keep, share, inline nor a file"))
                    .remedy("name a file with an ending, for example weights.data"))
            }
            _ => named(text).map(|()| ExternalData::File(text.to_owned())),
        }
    }
}

/// Whether this names a file beside the result.
fn named(name: &str) -> Result<()> {
    let plain = Path::new(name).components().map(|part| matches!(part, Component::Normal(_))).eq([true]);
    if plain && !name.contains(['/', '\\', '\0', ':']) {
        return Ok(());
    }
    Err(Error::new(ErrorKind::Choice, format!("`{name}` does not name a file beside the result"))
        .remedy("name it without a folder, for example weights.data"))
}

/// Where a result is put.
#[derive(Clone, Copy, Debug)]
pub struct Place<'p> {
    /// The model file.
    pub target: &'p Path,
    /// Where its elements are.
    pub external: &'p ExternalData,
    /// Whether the result is looked at and thrown away, so that what it refers to need not be where a reader would find it.
    pub passing: bool,
}

impl<'p, P: AsRef<Path> + ?Sized> From<&'p P> for Place<'p> {
    fn from(target: &'p P) -> Place<'p> {
        Place { target: target.as_ref(), external: &ExternalData::Keep, passing: false }
    }
}

impl Place<'_> {
    /// A file of this name beside the result.
    pub(super) fn beside(&self, name: &str) -> PathBuf {
        self.target.parent().unwrap_or(Path::new("")).join(name)
    }

    /// How the result keeps what the model has in side files.
    ///
    /// # Errors
    /// The side files cannot be referred to from there; a file would be replaced that the model or others need.
    pub(super) fn storage(&self, model: &Model) -> Result<Storage> {
        let stem = self.target.file_name().map_or_else(|| "model.onnx".to_owned(), |n| n.to_string_lossy().into_owned());
        let numbered = |index: usize| if index == 0 { format!("{stem}.data") } else { format!("{stem}.{index}.data") };
        let sides = model.sides();
        let storage = match self.external {
            ExternalData::Share if !sides.is_empty() => {
                let locations = self.locations(model)?;
                // The side file of an earlier fold may be among those that are shared.
                let free = |name: &String| !locations.contains(name) && !sides.iter().any(|s| same(&s.path, &self.beside(name)));
                let own = (0..=2 * sides.len()).map(numbered).find(free).unwrap_or_default();
                Storage::Share { locations, own }
            }
            ExternalData::Inline => Storage::Inline,
            ExternalData::File(name) => {
                named(name)?;
                Storage::One(name.clone())
            }
            ExternalData::Keep | ExternalData::Share => Storage::Keep((0..sides.len()).map(numbered).collect()),
        };
        self.refuse_own_files(model, &storage)?;
        Ok(storage)
    }

    /// What the result calls the side files of the model.
    fn locations(&self, model: &Model) -> Result<Vec<String>> {
        let as_they_are = || Ok(model.sides().iter().map(|side| side.location.clone()).collect());
        if self.passing {
            return as_they_are();
        }
        let folder = self.beside("");
        let folder = if folder.as_os_str().is_empty() { PathBuf::from(".") } else { folder };
        let real = folder.canonicalize().map_err(|e| Error::io("cannot find the folder of the result", e).file(&folder))?;
        let location = |side: &crate::model::external::SideFile| {
            if same(&side.path, &folder.join(&side.location)) {
                return Ok(side.location.clone());
            }
            let path = side.path.canonicalize().ok();
            let below = path.as_deref().and_then(|path| path.strip_prefix(&real).ok()).and_then(Path::to_str);
            below.filter(|below| !below.contains('\\')).map(str::to_owned).ok_or_else(|| {
                let what =
                    format!("the side file `{}` is outside of the folder of the result, which cannot refer to it", side.location);
                Error::new(ErrorKind::Target, what)
                    .file(self.target)
                    .remedy("write the result beside the model, or copy what is needed with --external-data keep")
            })
        };
        model.sides().iter().map(location).collect()
    }

    /// Writing over a file of the input would destroy what it, or what other models, may read.
    fn refuse_own_files(&self, model: &Model, storage: &Storage) -> Result<()> {
        let refuse = |what: &str, path: &Path, remedy: &str| Err(Error::new(ErrorKind::Target, what).file(path).remedy(remedy));
        let is_side = |path: &Path| model.sides().iter().any(|side| same(&side.path, path));
        let is_model = |path: &Path| model.path.as_deref().is_some_and(|model| same(model, path));
        if is_side(self.target) {
            return refuse("the output is a side file of the input", self.target, "name another output");
        }
        let names = match storage {
            // A model that is replaced is replaced with its side files.
            Storage::Keep(_) if is_model(self.target) => &[][..],
            Storage::Keep(names) => names,
            Storage::Share { own, .. } | Storage::One(own) => std::slice::from_ref(own),
            Storage::Inline => &[],
        };
        for path in names.iter().map(|name| self.beside(name)) {
            if path == self.target || same(&path, self.target) || is_model(&path) {
                return refuse("the side file of the result would replace a model", &path, "name another file");
            }
            if is_side(&path) {
                return refuse("the side file of the result would replace one of the input", &path, "name another file");
            }
        }
        Ok(())
    }
}

fn same(a: &Path, b: &Path) -> bool {
    matches!((a.canonicalize(), b.canonicalize()), (Ok(a), Ok(b)) if a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_names_of_files_are_told_apart_and_paths_are_neither() {
        let read = |text: &str| text.parse::<ExternalData>();
        assert_eq!(read("keep").unwrap(), ExternalData::Keep);
        assert_eq!(read("share").unwrap(), ExternalData::Share);
        assert_eq!(read("inline").unwrap(), ExternalData::Inline);
        assert_eq!(read("w.data").unwrap(), ExternalData::File("w.data".into()));
        for text in ["", "shared", "a/w.data", "../w.data", "/w.data", ".", "..", "./w.data", "a\\w.data", "c:w.data", "w.data/"]
        {
            assert_eq!(read(text).unwrap_err().kind, ErrorKind::Choice, "{text}");
        }
    }
}
