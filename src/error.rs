//! What is wrong with a file or with reading and writing it: place and remedy.
//!
//! A BatchNormalization that cannot be folded is never an error; that is a [`crate::law::Reason`]. The two never convert.

use std::fmt;
use std::io::ErrorKind as IoKind;
use std::path::{Path, PathBuf};

use crate::wire::WireError;

/// Result of everything that touches files.
pub type Result<T> = std::result::Result<T, Error>;

/// A broken file, an operation of the system that failed, or a wish that cannot be met: what, where, and what to do about it.
///
/// Its text contains all of it, that of [`source`](std::error::Error::source) too: a program that prints the chain of errors
/// itself prints [`Error::what`] instead.
#[derive(Debug)]
#[non_exhaustive]
pub struct Error {
    /// What kind of fault it is, for programs.
    pub kind: ErrorKind,
    /// The file, where one is known.
    pub file: Option<PathBuf>,
    /// The place in it: a byte offset, or graph, node, tensor.
    pub place: Option<String>,
    /// What is wrong, in a sentence without a full stop.
    pub what: String,
    /// What the user can do about it.
    pub remedy: Option<String>,
    /// The system's own error.
    pub source: Option<std::io::Error>,
}

/// Kinds of [`Error`].
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum ErrorKind {
    /// The operating system refused.
    Io,
    /// Not an ONNX file.
    Foreign,
    /// The bytes are not a protobuf message.
    Wire,
    /// The message is well-formed, the graph is not.
    Graph,
    /// A tensor contradicts itself.
    Tensor,
    /// A side file is missing, too short or not allowed.
    ExternalData,
    /// The file changed while it was read.
    Changed,
    /// The result cannot be written in this form or at this place.
    Target,
    /// What the user named does not exist.
    Choice,
    /// The result was not shown to be right, so it was not written.
    Unverified,
}

impl Error {
    /// An error with a sentence that says what is wrong.
    pub fn new(kind: ErrorKind, what: impl Into<String>) -> Self {
        Error { kind, file: None, place: None, what: what.into(), remedy: None, source: None }
    }

    /// An error of the system while doing `what`.
    pub fn io(what: impl Into<String>, source: std::io::Error) -> Self {
        Error { source: Some(source), ..Error::new(ErrorKind::Io, what) }
    }

    /// An error of the system while changing files, with what the user can do about it.
    pub fn unwritten(what: impl Into<String>, source: std::io::Error) -> Self {
        let remedy = match source.kind() {
            IoKind::NotFound => "create the folder first",
            IoKind::NotADirectory => "a part of the path is a file; name a folder",
            IoKind::PermissionDenied => "check the permissions of the folder, or write elsewhere",
            IoKind::ReadOnlyFilesystem => "the file system is read-only; write elsewhere",
            IoKind::StorageFull | IoKind::QuotaExceeded => "free some space, or write elsewhere",
            IoKind::FileTooLarge => "the file system or a limit does not allow files of this size; write elsewhere",
            _ => "see whether the file system is well, or write elsewhere",
        };
        Error::io(what, source).remedy(remedy)
    }

    /// Names the place.
    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    /// Names the remedy.
    #[must_use]
    pub fn remedy(mut self, remedy: impl Into<String>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }

    /// Names the file unless one is named already.
    #[must_use]
    pub fn file(mut self, file: &Path) -> Self {
        self.file.get_or_insert_with(|| file.to_path_buf());
        self
    }
}

impl Error {
    /// Names the file `to` where it names `from`, which the user has never seen.
    #[must_use]
    pub(crate) fn renamed(mut self, from: &Path, to: &Path) -> Self {
        if self.file.as_deref() == Some(from) {
            self.file = Some(to.to_path_buf());
        }
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(f, "{}: ", printable(&file.display().to_string()))?;
        }
        if let Some(place) = &self.place {
            write!(f, "{}: ", printable(place))?;
        }
        write!(f, "{}", printable(&self.what))?;
        if let Some(source) = &self.source {
            write!(f, ": {source}")?;
        }
        if let Some(remedy) = &self.remedy {
            write!(f, "; {}", printable(remedy))?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.source.as_ref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}

impl From<WireError> for Error {
    fn from(error: WireError) -> Self {
        Error::new(ErrorKind::Wire, error.kind.to_string())
            .at(format!("byte {}", error.offset))
            .remedy("the file is damaged or was cut off; export or download it again")
    }
}

/// A name out of a model, safe to print: control and direction characters are escaped, very long names are cut.
pub fn printable(text: &str) -> String {
    const LONGEST: usize = 400;
    let mut safe = String::with_capacity(text.len().min(LONGEST));
    for (count, c) in text.chars().enumerate() {
        if count == LONGEST {
            safe.push('…');
            break;
        }
        let direction = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || direction || crate::model::text::is_escape(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_file_place_and_remedy() {
        let error = Error::new(ErrorKind::Graph, "value `x` has two producers")
            .at("node `a`")
            .remedy("rename one")
            .file(Path::new("m.onnx"));
        assert_eq!(error.to_string(), "m.onnx: node `a`: value `x` has two producers; rename one");
    }

    #[test]
    fn names_are_printed_safely() {
        assert_eq!(printable("a\u{1b}[31m\u{202e}b"), "a\\u{1b}[31m\\u{202e}b");
        assert_eq!(printable(&"x".repeat(1000)).chars().count(), 401);
    }
}
