//! From pieces to a file: a copy at the speed of the page cache, and a replacement that is whole or not at all.
//!
//! [`write_pieces`] copies ranges of a source, inserts new bytes and multiplies tensors on the way, through windows of
//! 256 KiB; nothing large is held. [`AtomicFile`] is a file that appears under its name only when it is complete.
//!
//! This module must not know why bytes change: it gets pieces and a kernel.

mod copy;
mod file;
mod place;
mod registry;
mod rescaled;

pub use copy::{Lazy, Sink, Stream, write_pieces};
pub use file::{AtomicFile, Publication};
pub use registry::{remove_temporary_files, temporary_files};
pub use rescaled::Rescaled;
