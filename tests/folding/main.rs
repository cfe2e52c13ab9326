//! What is folded, what is not, and why.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod choice;
mod constants;
mod drop_failing;
mod engines;
mod functions;
#[path = "../judged/mod.rs"]
mod judged;
mod normalizations;
#[cfg(feature = "tract")]
mod quantised;
mod scaler;
mod shapes;
mod stays;
mod stored;
#[path = "../support/mod.rs"]
mod support;
