//! The command line program; see `bnfold --help`.
#![forbid(unsafe_code)]
#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used, clippy::panic))]

mod cli;

use std::process::ExitCode;

/// A graph is many small pieces of memory, and asking the system's allocator for them is a third of the work of a plan.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // The engine's child is this program under a verb that no user types, and so is the judge of a library without an engine;
    // they come before everything else.
    #[cfg(feature = "tract")]
    if std::env::args_os().nth(1).is_some_and(|verb| verb == bnfold::verify::VERB) {
        return bnfold::verify::child_main(std::io::stdin().lock(), std::io::stdout().lock()).into();
    }
    if std::env::args_os().nth(1).is_some_and(|verb| verb == bnfold::api::remote::VERB) {
        return bnfold::api::remote::answer(std::io::stdin().lock(), std::io::stdout().lock()).into();
    }
    cli::run()
}
