//! Protocol buffer bytes: bounded reads, field ranges, and a splice that recomputes lengths.
//!
//! A file is never held in memory. [`Window`] reads what is asked for and skips the rest,
//! [`Fields`] walks the fields of a message, and [`splice::splice`] turns a list of edits into
//! the pieces of the new file.
//!
//! This module must not know ONNX: it has no field numbers, no names and no meaning.

mod error;
mod field;
mod source;
pub mod splice;
mod spliced;
pub mod varint;
mod window;

pub use error::{WireError, WireErrorKind};
pub use field::{Field, Fields, WireType};
#[cfg(unix)]
pub use source::FileSource;
pub use source::Source;
pub use spliced::Spliced;
pub use window::Window;

/// How deep messages or groups may be nested, the limit of the reference parsers.
pub const MAX_DEPTH: usize = 100;

/// The longest message that the reference parsers accept, in bytes.
pub const MAX_LENGTH: u64 = i32::MAX as u64;
