//! Removes BatchNormalization from trained ONNX models and proves that the model still computes the same.
//!
//! At inference BatchNormalization is one affine map per channel, `y = s·x + t` with `s = γ/√(σ²+ε)` and `t = β − s·μ`
//! (Ioffe and Szegedy 2015). What is linear beside it can absorb the map into its constants. The pipeline:
//!
//! 1. [`model::Model::open`] reads a file's graph and leaves the weights where they are.
//! 2. [`model::Graph::build`] resolves names; [`plan::plan`] decides what is folded, and says why the rest is kept.
//! 3. [`edit::lower`] turns the plan into edits of bytes; [`mod@write`] copies the file with the edits.
//! 4. [`verify`] judges two files by code that shares no algebra with the steps before.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[cfg(feature = "tract")]
pub mod beside;
pub mod constants;
pub mod double_double;
pub mod edit;
#[cfg(feature = "tract")]
pub mod engine;
pub mod error;
pub mod faults;
pub mod fold;
pub mod law;
pub mod map;
pub mod model;
pub mod ops;
pub mod plan;
pub mod reference;
pub mod report;
pub mod sample;
pub mod verify;
pub mod wire;
pub mod write;

pub use error::{Error, ErrorKind, Result};

/// The ONNX messages, compiled from `proto/onnx.proto`.
#[allow(missing_docs, clippy::all)]
pub mod onnx {
    include!(concat!(env!("OUT_DIR"), "/onnx.rs"));
}
