//! Removes BatchNormalization from trained ONNX models and proves that the model still computes the same.
//!
//! At inference BatchNormalization is one affine map per channel, `y = s·x + t` with `s = γ/√(σ²+ε)` and `t = β − s·μ`
//! (Ioffe and Szegedy 2015). What is linear beside it can absorb the map into its constants.
//!
//! # Fold a file
//!
//! The result is judged before it is written; the target is the old file or the complete new one.
//!
//! ```standalone_crate
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(folder.path())?;
//! # std::fs::write("model.onnx", bnfold::sample::encode(bnfold::sample::CONV_BATCH_NORMALIZATION).unwrap())?;
//! let report = bnfold::fold_file("model.onnx", "folded.onnx")?;
//! println!("{} of {} folded", report.folded.batch_normalizations, report.before.batch_normalizations);
//! for group in &report.kept {
//!     println!("{:?} stay: {}; {}", group.batch_normalizations, group.sentence, group.advice);
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Fold in memory
//!
//! ```
//! # let model = bnfold::sample::encode(bnfold::sample::CONV_BATCH_NORMALIZATION).unwrap();
//! let (folded, report) = bnfold::fold_bytes(model)?;
//! assert_eq!(report.after.batch_normalizations, 0);
//! # Ok::<(), bnfold::Error>(())
//! ```
//!
//! # Choose
//!
//! [`Fold`] and [`Verify`] have the options of the command line under the same names. A name that the model has not is an error
//! that tells the nearest one.
//!
//! ```
//! use bnfold::{ErrorKind, Fold};
//!
//! # let model = bnfold::sample::encode(bnfold::sample::CONV_BATCH_NORMALIZATION).unwrap();
//! let error = Fold::new().skip("conv_1").quick(true).bytes(model).unwrap_err();
//! assert_eq!(error.kind, ErrorKind::Choice);
//! println!("{error}"); // file, place, what is wrong, and what to do about it
//! ```
//!
//! # Judge, and look
//!
//! ```standalone_crate
//! use bnfold::Outcome;
//!
//! # let folder = tempfile::tempdir()?;
//! # std::env::set_current_dir(folder.path())?;
//! # std::fs::write("model.onnx", bnfold::sample::encode(bnfold::sample::CONV_BATCH_NORMALIZATION).unwrap())?;
//! # bnfold::fold_file("model.onnx", "folded.onnx")?;
//! let verdict = bnfold::verify("model.onnx", "folded.onnx")?;
//! assert!(verdict.outcome <= Outcome::EqualWithinRounding);
//!
//! let left = bnfold::inspect("folded.onnx")?;
//! assert!(left.sites.is_empty(), "something could still be folded");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # The engine
//!
//! Models are run by tract, in f64, as a part of the judgement. A program decides where: by default that is its own process, in
//! which a hostile model can hang or use up the memory; [`Fold::engine`] and [`Verify::engine`] name a `bnfold` program, which
//! runs it in a process with limits. The running program is never started again by itself.
//!
//! # Features
//!
//! | feature | what it adds |
//! | --- | --- |
//! | `tract` (default) | runs of the models; without it, the judgement rests on structure and constants |
//! | `remote` | without `tract`: the program that [`Fold::engine`] names judges, so that the engine need not be built |
//! | `certificate` | [`Fold::certificate`], [`Verify::certificate`] |
//! | `serde` | reports and verdicts can be serialised; their layouts are in `docs/json.md` |
//! | `cli` (default) | the program |
//! | `ort` | onnxruntime as a second engine, for information |
//!
//! # What is stable
//!
//! What is documented here. The rooms of the house, from which the program, the tests and the benchmarks are made, can be
//! reached but are hidden; they change without notice.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

#[doc(hidden)]
pub mod api;
#[cfg(feature = "tract")]
#[doc(hidden)]
pub mod beside;
#[doc(hidden)]
pub mod constants;
#[doc(hidden)]
pub mod double_double;
#[doc(hidden)]
pub mod edit;
#[cfg(feature = "tract")]
#[doc(hidden)]
pub mod engine;
#[doc(hidden)]
pub mod engines;
#[doc(hidden)]
pub mod error;
#[doc(hidden)]
pub mod faults;
#[doc(hidden)]
pub mod fold;
#[doc(hidden)]
pub mod law;
#[doc(hidden)]
pub mod map;
#[doc(hidden)]
pub mod model;
#[doc(hidden)]
pub mod ops;
#[doc(hidden)]
pub mod plan;
#[doc(hidden)]
pub mod reference;
pub mod report;
#[doc(hidden)]
pub mod sample;
#[doc(hidden)]
pub mod verify;
#[doc(hidden)]
pub mod wire;
#[doc(hidden)]
pub mod write;

pub use api::{Direction, Fold, Verify, fold_bytes, fold_file, inspect, verify};
pub use engines::Target;
pub use error::{Error, ErrorKind, Result};
pub use fold::ExternalData;
pub use plan::{Partial, Substitute as Lower, target};
pub use verify::{
    Alone, Certificate, Deviation, Difference, Execution, Outcome, OwnOutput, OwnType, Rounding, Site, SiteNode, Tap, Tier,
    Verdict, WholeRun,
};

/// The ONNX messages, compiled from `proto/onnx.proto`.
#[doc(hidden)]
#[allow(missing_docs, clippy::all)]
pub mod onnx {
    include!(concat!(env!("OUT_DIR"), "/onnx.rs"));
}
