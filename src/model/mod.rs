//! The model as read.

pub mod number;
