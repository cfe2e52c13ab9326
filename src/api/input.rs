//! The model that is worked on: a file, or bytes in memory.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use prost::Message as _;

use super::scratch::Scratch;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Model, scan};
use crate::onnx::ModelProto;
use crate::report::Census;
use crate::wire::{FileSource, Source, Window};

/// Bytes of a model that somebody else keeps, too.
pub type Shared = Arc<dyn AsRef<[u8]> + Send + Sync>;

/// Bytes of a file that are copied at a time.
const BLOCK: usize = 1 << 20;

/// A model and where it came from.
#[derive(Debug)]
pub struct Input {
    /// The model.
    pub model: Model,
    /// Its name in messages.
    pub name: PathBuf,
    /// The model in numbers with the size of its file, where it is no longer what the file says.
    before: Option<Census>,
}

impl Input {
    /// Opens a model file.
    ///
    /// # Errors
    /// The file cannot be read or is not a model.
    pub fn open(path: &Path) -> Result<Input> {
        let model = Model::open(path)?;
        let sides = model.sides().iter().map(|side| side.source.len()).sum();
        // Scalers are counted as the file has them.
        let before = if model.scalers().is_empty() { None } else { Some(census(path, sides)?) };
        Ok(Input { model, name: path.to_path_buf(), before })
    }

    /// Reads a model from memory; `name` stands for it in messages.
    ///
    /// # Errors
    /// The bytes are no model, or the model names side files, which memory does not have.
    pub fn of_bytes(bytes: Shared, name: &Path) -> Result<Input> {
        let read = || {
            let model = Model::from_shared(bytes)?;
            match model.side_locations()?.first() {
                Some(location) => {
                    let what =
                        format!("the model keeps weights in the side file `{location}`, which a model in memory does not have");
                    Err(Error::new(ErrorKind::ExternalData, what)
                        .remedy("give the path of the model file, or load the weights into it"))
                }
                None => Ok(Input { model, name: name.to_path_buf(), before: None }),
            }
        };
        read().map_err(|e| e.file(name))
    }

    /// The model with its functions inlined.
    ///
    /// # Errors
    /// The functions call themselves, or the result is too large.
    pub fn inlined(self) -> Result<Input> {
        let bytes = self.census().bytes;
        let Input { model, name, .. } = self;
        let inlined = Input { model: model.inlined().map_err(|e| e.file(&name))?, name, before: None };
        let before = Some(Census { bytes, ..inlined.census() });
        Ok(Input { before, ..inlined })
    }

    /// The model in numbers.
    pub fn census(&self) -> Census {
        if let Some(before) = self.before {
            return before;
        }
        let sides: u64 = self.model.sides().iter().map(|s| s.source.len()).sum();
        // What was read otherwise than it stands in its file has another size in memory.
        let file = self.model.path.as_deref().and_then(|path| path.metadata().ok()).map(|file| file.len());
        Census::of(&self.model.proto, &self.model.scan, file.unwrap_or(self.model.len()).saturating_add(sides))
    }

    /// A file with the model: its own, or a copy of what is in memory.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub fn file(&self, scratch: &mut Option<Scratch>) -> Result<PathBuf> {
        if let Some(path) = &self.model.path {
            return Ok(path.clone());
        }
        let path = folder(scratch)?.join("input.onnx");
        self.copy_to(&path).map_err(|e| Error::unwritten("cannot keep a copy of the model", e).file(&path))?;
        Ok(path)
    }

    /// A block at a time, so that no second copy is in memory.
    fn copy_to(&self, path: &Path) -> std::io::Result<()> {
        let (bytes, mut file) = (self.model.file(0), std::fs::File::create_new(path)?);
        let mut block = vec![0; BLOCK];
        let mut at = 0;
        while at < bytes.len() {
            let count = usize::try_from(bytes.len() - at).unwrap_or(BLOCK).min(BLOCK);
            let part = block.get_mut(..count).unwrap_or_default();
            bytes.read_exact_at(part, at)?;
            std::io::Write::write_all(&mut file, part)?;
            at += count as u64;
        }
        Ok(())
    }
}

/// The folder for what is only there while the program runs, made when it is first needed.
///
/// # Errors
/// The system does not allow it.
pub fn folder(scratch: &mut Option<Scratch>) -> Result<PathBuf> {
    let made = match scratch.take() {
        Some(made) => made,
        None => Scratch::new()?,
    };
    let path = made.path().to_path_buf();
    *scratch = Some(made);
    Ok(path)
}

/// A file that this program has just written, in numbers. Its side files are not opened: they may not yet have their names.
///
/// # Errors
/// The file cannot be read again.
pub fn census(path: &Path, sides: u64) -> Result<Census> {
    let source = FileSource::open(path).map_err(|e| Error::io("cannot read the result again", e).file(path))?;
    census_of(&source, sides).map_err(|e| e.file(path))
}

/// The same of bytes wherever they are.
///
/// # Errors
/// They cannot be read.
pub fn census_of(source: &dyn Source, sides: u64) -> Result<Census> {
    let found = scan::scan(&mut Window::new(source), source.len())?;
    let proto = ModelProto::decode(&found.skeleton[..])
        .map_err(|e| Error::new(ErrorKind::Wire, format!("the messages of the result do not decode: {e}")))?;
    Ok(Census::of(&proto, &found, source.len().saturating_add(sides)))
}
