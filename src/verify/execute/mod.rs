//! Models run by tract, in f64: evidence from an engine that reads ONNX with other eyes than ours.
//!
//! A model is flattened, looked over, widened and rewritten by one pure function ([`prepare`]),
//! then run in the engine's typed form, where every ONNX node still stands on its own. Because the
//! engine can abort, hang and eat memory on hostile models, the program runs it in a child process
//! ([`in_child`]); a library user without that program may run in process.
//!
//! Knows nothing of folding. A model that cannot be run is no verdict: [`CouldNotRun`].

mod array;
mod bind;
mod check;
mod computed;
mod convert;
mod engine;
mod error;
mod flatten;
mod given;
mod guard;
mod inputs;
mod job;
mod lint;
mod load;
mod operators;
mod own;
mod prepare;
mod proto;
mod region;
mod relay;
mod rewrite;
mod run;
#[cfg(test)]
mod tests;
mod widen;

pub use array::{Array, Data};
pub use bind::{InputSpec, OPEN_SIZES, Sizes, bind_inputs};
pub use engine::ENGINE;
pub use error::CouldNotRun;
pub use flatten::{Branch, Flat, flatten};
pub use given::{Given, data_sets};
pub use guard::{Guard, Limits, VERB, child_main, in_child};
pub use inputs::{SplitMix64, read_npz, seeded_inputs};
pub use job::{Job, Outcome, Summary, Whole, WholeReport};
pub use load::load;
pub use own::{Engine, OwnReport, OwnType};
pub use prepare::{Prepared, prepare};
pub use region::{RegionReport, Regions, Units};
pub(crate) use relay::NARROWED;
pub use relay::{Member, Relay, RelayReport, SitePlan, SiteReport, TapReport};
pub use run::{Loaded, Run};
pub use widen::Floats;

/// Two things done at once, each in a thread. One that panics could not be run.
fn beside<A: Send, B: Send>(
    one: impl FnOnce() -> Result<A, CouldNotRun>,
    two: impl FnOnce() -> Result<B, CouldNotRun> + Send,
) -> (Result<A, CouldNotRun>, Result<B, CouldNotRun>) {
    std::thread::scope(|scope| {
        let two = scope.spawn(two);
        let one = one();
        (one, two.join().unwrap_or_else(|_| Err(CouldNotRun::Panic("in a thread".to_owned()))))
    })
}
