//! The verdict: whether two files hold the same model.
//!
//! Knows how models are read, and nothing of how they are folded.

#[cfg(feature = "tract")]
pub mod execute;
