//! One of two files that are judged: where it is, and in which words it is read.

use std::path::{Path, PathBuf};

use super::wording::Wording;
use crate::error::Result;
use crate::model::Model;

/// One of two files that are judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Side {
    /// The model.
    pub file: PathBuf,
    /// Side files that are under other names than the model says: location in the model, and path.
    pub moved: Vec<(String, PathBuf)>,
    /// Names that it is read with.
    pub wording: Wording,
}

impl Side {
    /// A file as it stands.
    pub fn of(file: &Path) -> Side {
        Side { file: file.to_owned(), ..Side::default() }
    }

    /// Opens the file: its functions inlined, as they are a way of writing a model down, and in these words.
    ///
    /// # Errors
    /// As [`Model::open`] and [`Model::inlined`], with the file named.
    pub fn open(&self) -> Result<Model> {
        let model = Model::open_moved(&self.file, &self.moved).and_then(Model::inlined);
        model.map(|model| self.wording.put(model)).map_err(|e| e.file(&self.file))
    }
}
