//! The model that a verb works on: a file or standard input.

use std::io::Read as _;
use std::path::{Path, PathBuf};

use prost::Message as _;

use bnfold::model::{Model, scan};
use bnfold::onnx::ModelProto;
use bnfold::report::Census;
use bnfold::wire::{FileSource, Source as _, Window};
use bnfold::{Error, ErrorKind, Result};

use super::scratch::Scratch;

/// What stands for the path of what comes from standard input.
const STANDARD_INPUT: &str = "standard input";

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

/// Whether a path stands for standard input or output.
pub fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

impl Input {
    /// Opens a model. `-` reads standard input to its end.
    ///
    /// # Errors
    /// The file cannot be read or is not a model.
    pub fn open(path: &Path) -> Result<Input> {
        if !is_stream(path) {
            return Ok(Input { model: Model::open(path)?, name: path.to_path_buf(), before: None });
        }
        let name = PathBuf::from(STANDARD_INPUT);
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes).map_err(|e| Error::io("cannot read", e).file(&name))?;
        Ok(Input { model: Model::from_bytes(bytes).map_err(|e| e.file(&name))?, name, before: None })
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
        Census::of(&self.model.proto, &self.model.scan, self.model.len().saturating_add(sides))
    }

    /// A file with the model: its own, or a copy of what came from standard input.
    ///
    /// # Errors
    /// The copy cannot be written.
    pub fn file(&self, scratch: &mut Option<Scratch>) -> Result<PathBuf> {
        if let Some(path) = &self.model.path {
            return Ok(path.clone());
        }
        let path = folder(scratch)?.join("input.onnx");
        let bytes = self.model.file(0);
        let failed = |e| Error::io("cannot keep a copy of standard input", e).file(&path);
        let mut content = vec![0; usize::try_from(bytes.len()).unwrap_or(0)];
        bytes.read_exact_at(&mut content, 0).map_err(failed)?;
        std::fs::write(&path, content).map_err(failed)?;
        Ok(path)
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
    let found = scan::scan(&mut Window::new(&source), source.len()).map_err(|e| e.file(path))?;
    let proto = ModelProto::decode(&found.skeleton[..])
        .map_err(|e| Error::new(ErrorKind::Wire, format!("the messages of the result do not decode: {e}")).file(path))?;
    Ok(Census::of(&proto, &found, source.len().saturating_add(sides)))
}
