//! The judge: what it must accept, refuse and leave open, and what it says then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

#[cfg(feature = "tract")]
mod accepted;
#[cfg(feature = "tract")]
mod alone;
#[cfg(feature = "tract")]
#[path = "../bound/mod.rs"]
mod bound;
mod certified;
mod claims;
#[cfg(feature = "tract")]
mod evidence;
#[cfg(feature = "tract")]
mod extents;
#[cfg(feature = "tract")]
mod faults;
#[cfg(feature = "tract")]
mod foreign;
#[path = "../judged/mod.rs"]
mod judged;
#[cfg(feature = "tract")]
mod meeting;
#[cfg(feature = "tract")]
mod merged;
mod ranges;
#[cfg(feature = "tract")]
mod relay;
#[cfg(feature = "tract")]
mod right;
mod sizes;
#[cfg(feature = "tract")]
mod stored;
mod wording;
