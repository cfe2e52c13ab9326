//! Models run by tract, in f64: evidence from an engine that reads ONNX with other eyes than ours.
//!
//! A model is flattened, looked over, widened and rewritten by one pure function (`prepare`),
//! then run in the engine's typed form, where every ONNX node still stands on its own. Because the
//! engine can abort, hang and eat memory on hostile models, the program runs it in a child process
//! ([`crate::verify::in_child`]); a library user without that program may run in process.
//!
//! Knows nothing of folding. A model that cannot be run is no verdict: [`CouldNotRun`].

pub(crate) mod array;
pub(crate) mod bind;
pub(crate) mod check;
pub(crate) mod computed;
pub(crate) mod convert;
pub(crate) mod cost;
pub(crate) mod error;
mod evaluate;
pub(crate) mod flatten;
pub(crate) mod framework;
pub(crate) mod given;
pub(crate) mod inputs;
pub(crate) mod lint;
pub(crate) mod load;
pub(crate) mod opaque;
pub(crate) mod operators;
pub(crate) mod own_op;
pub(crate) mod prepare;
pub(crate) mod proto;
pub(crate) mod rewrite;
pub(crate) mod run;
#[cfg(test)]
mod tests;
mod typed;
pub(crate) mod widen;

pub use array::{Array, Data};
pub use bind::{InputSpec, Sizes, agreed, declared};
pub use error::CouldNotRun;
pub use flatten::{Branch, Flat, flatten};
pub use framework::ENGINE;
pub use given::{Given, data_sets};
pub(crate) use inputs::fitting;
pub use inputs::{SplitMix64, read_npz, seeded_inputs};
pub use load::load;
pub use prepare::{Prepared, foreseen, prepare};
pub use run::{Loaded, Run};
pub use widen::Floats;

/// Two things done at once, each in a thread. One that panics could not be run.
pub(crate) fn beside<A: Send, B: Send>(
    one: impl FnOnce() -> Result<A, CouldNotRun>,
    two: impl FnOnce() -> Result<B, CouldNotRun> + Send,
) -> (Result<A, CouldNotRun>, Result<B, CouldNotRun>) {
    std::thread::scope(|scope| {
        let two = scope.spawn(two);
        let one = one();
        (one, two.join().unwrap_or_else(|payload| Err(CouldNotRun::panicked(&*payload))))
    })
}
