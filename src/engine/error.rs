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
    /// The first of two models, which contradicts the specification: what it does not take is no input, and shows nothing.
    #[error("the first model has no answer: {0}")]
    FirstHasNone(String),
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

/// The engine prints whole graphs and tensors into its messages.
const LONGEST: usize = 600;

impl CouldNotRun {
    /// What the engine said when it gave up: the whole trail of its errors, and what it began with. The trail is about the
    /// engine's own rooms; people are told the cause and the value at which it was.
    pub(crate) fn engine(trail: &str, cause: &str) -> CouldNotRun {
        if speaks_of_memory(trail) {
            return CouldNotRun::Memory(shortened(cause));
        }
        let said = plain(cause);
        match node(trail).filter(|node| !said.contains(node)) {
            Some(node) => CouldNotRun::Engine(format!("{} (at `{node}`)", shortened(&said))),
            None => CouldNotRun::Engine(shortened(&said)),
        }
    }

    /// What was said in a panic. It may be of memory that was not to be had.
    pub(crate) fn panicked(payload: &(dyn std::any::Any + Send)) -> CouldNotRun {
        let said = payload.downcast_ref::<String>().map(String::as_str).or_else(|| payload.downcast_ref::<&str>().copied());
        let said = said.unwrap_or("without a word");
        if speaks_of_memory(said) { CouldNotRun::Memory(shortened(said)) } else { CouldNotRun::Panic(shortened(said)) }
    }

    /// Whether it is the second of two models alone that cannot be run.
    pub(crate) fn is_of_the_second(&self) -> bool {
        matches!(self, CouldNotRun::Second(_) | CouldNotRun::NoAnswer(_))
    }

    /// A file that could not be read.
    pub(crate) fn file(path: &std::path::Path, error: impl std::fmt::Display) -> CouldNotRun {
        CouldNotRun::Model(format!("{}: {error}", path.display()))
    }
}

/// Whether the engine or the allocator speaks of memory that was not to be had; a thread needs some, too.
fn speaks_of_memory(said: &str) -> bool {
    let words = ["failed to allocate", "memory allocation", "capacity overflow", "out of memory", "failed to spawn thread"];
    words.iter().any(|words| said.contains(words))
}

/// The first node that the engine names, as in `node #5 "z" Reshape`: there it was at.
fn node(trail: &str) -> Option<&str> {
    trail
        .split('#')
        .skip(1)
        .find_map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()).strip_prefix(" \"")?.split('"').next())
}

/// Sizes as numbers, where the engine prints what holds them: `Val(3)`.
fn plain(cause: &str) -> String {
    let mut parts = cause.split("Val(");
    let mut said = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once(')') {
            Some((number, rest)) if number.chars().all(|c| c.is_ascii_digit()) => said.push_str(&format!("{number}{rest}")),
            _ => said.push_str(&format!("Val({part}")),
        }
    }
    said
}

fn shortened(message: &str) -> String {
    match message.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", message.get(..end).unwrap_or_default()),
        None => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_trail_of_errors_people_are_told_the_cause_and_the_place() {
        let trail =
            "Failed analyse for node #5 \"z\" Reshape: Infering facts: Applying rule GivenRule { x }: [Val(1)] vs [Val(25), N]";
        assert_eq!(
            CouldNotRun::engine(trail, "[Val(1)] vs [Val(25), N]").to_string(),
            "the engine (tract) gave up: [1] vs [25, N] (at `z`)"
        );
        assert_eq!(CouldNotRun::engine("no", "Val(N) of #3"), CouldNotRun::Engine("Val(N) of #3".to_owned()));
        assert_eq!(CouldNotRun::engine("#3 \"z\" Add: z is gone", "z is gone"), CouldNotRun::Engine("z is gone".to_owned()));
    }

    #[test]
    fn a_lack_of_memory_is_no_panic() {
        let said = |said: &str| CouldNotRun::panicked(&said.to_owned());
        assert!(matches!(said("failed to allocate Layout { size: 4605345792, align: 64 (1 << 6) }"), CouldNotRun::Memory(_)));
        assert!(said("memory allocation of 8 bytes failed").to_string().ends_with("; give --memory"));
        assert_eq!(said("an index"), CouldNotRun::Panic("an index".to_owned()));
        assert_eq!(CouldNotRun::panicked(&"a word"), CouldNotRun::Panic("a word".to_owned()));
        assert!(matches!(CouldNotRun::engine("Evaluating #3: failed to allocate", "a"), CouldNotRun::Memory(_)));
    }
}
