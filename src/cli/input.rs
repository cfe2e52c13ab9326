//! The model that a verb works on: a file or standard input.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bnfold::{Error, Result};

pub use bnfold::api::input::{Input, folder};

/// What stands for the path of what comes from standard input.
const STANDARD_INPUT: &str = "standard input";

/// Whether a path stands for standard input or output.
pub fn is_stream(path: &Path) -> bool {
    path.as_os_str() == "-"
}

/// Opens a model. `-` reads standard input to its end.
///
/// # Errors
/// The file cannot be read or is not a model.
pub fn open(path: &Path) -> Result<Input> {
    if !is_stream(path) {
        return Input::open(path);
    }
    let name = PathBuf::from(STANDARD_INPUT);
    let mut bytes = Vec::new();
    std::io::stdin().lock().read_to_end(&mut bytes).map_err(|e| Error::io("cannot read", e).file(&name))?;
    Input::of_bytes(Arc::new(bytes), &name)
}
