//! Why a model could not be run: an answer of its own, never a verdict about the model.

use serde::{Deserialize, Serialize};

/// Why a model could not be run. Nothing is said about whether the model is right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CouldNotRun {
    /// A node that the engine lacks, or computes otherwise than ONNX says.
    #[error("operator {operator} at the node that makes `{node}`: {why}")]
    Operator {
        /// The node's operator, with its domain unless that is the standard one.
        operator: String,
        /// The first value that the node makes.
        node: String,
        /// What is the matter.
        why: String,
    },
    /// The model as a whole.
    #[error("{0}")]
    Model(String),
    /// The second of two models, of which the first does run.
    #[error("the second model does not run, although the first does: {0}")]
    Second(String),
    /// The second of two models, which contradicts the specification where the first computes something.
    #[error("the second model has no answer where the first has one: {0}")]
    NoAnswer(String),
    /// A stored tensor that cannot be read or widened.
    #[error("tensor `{tensor}`: {why}")]
    Tensor {
        /// The tensor's name, or the node that holds it.
        tensor: String,
        /// What is the matter.
        why: String,
    },
    /// An input without a usable type, size or value.
    #[error("input `{input}`: {why}")]
    Input {
        /// The input's name.
        input: String,
        /// What is the matter, and what to do about it.
        why: String,
    },
    /// The engine gave up, in its own words.
    #[error("the engine (tract) gave up: {0}")]
    Engine(String),
    /// The engine panicked.
    #[error("the engine (tract) panicked: {0}")]
    Panic(String),
    /// It needs more memory than it may have.
    #[error("it needs more memory than it may have ({0}); give --memory")]
    Memory(String),
    /// The process that ran the model did not finish in time.
    #[error("it took longer than {seconds} seconds")]
    Timeout {
        /// The limit.
        seconds: u64,
    },
    /// The process that ran the model died.
    #[error("the process that ran the model ended with signal {signal}; its memory was limited to {memory} bytes; give --memory")]
    Signal {
        /// The signal's number.
        signal: i32,
        /// The limit of its address space.
        memory: u64,
    },
    /// The process that runs models could not be started or understood.
    #[error("the process that runs models: {0}")]
    Child(String),
}

impl CouldNotRun {
    /// Whether it is the second of two models alone that cannot be run.
    pub(crate) fn is_of_the_second(&self) -> bool {
        matches!(self, CouldNotRun::Second(_) | CouldNotRun::NoAnswer(_))
    }

    /// A file that could not be read.
    pub(crate) fn file(path: &std::path::Path, error: impl std::fmt::Display) -> CouldNotRun {
        CouldNotRun::Model(format!("{}: {error}", path.display()))
    }
}
