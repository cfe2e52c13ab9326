//! From a plan to edits of bytes.

pub mod rescale;
