//! What is done with any bytes, and what must hold then whatever they are: the bodies of the fuzz targets, which `tests/replay.rs`
//! runs over stored and drawn bytes.
//!
//! Each says whether its bytes came to the point, so that who draws them sees that they do.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod below;
pub mod models;

/// A target.
pub struct Target {
    /// As `cargo fuzz run` calls it.
    pub name: &'static str,
    /// Panics if something does not hold.
    pub body: fn(&[u8]) -> bool,
    /// Whether the bytes are a model, behind so many that choose.
    pub reads_models: bool,
    pub choices: usize,
}

const fn model(name: &'static str, choices: usize, body: fn(&[u8]) -> bool) -> Target {
    Target { name, body, reads_models: true, choices }
}

const fn bytes(name: &'static str, body: fn(&[u8]) -> bool) -> Target {
    Target { name, body, reads_models: false, choices: 0 }
}

/// All targets.
pub const TARGETS: &[Target] = &[
    model("inspect", 0, models::inspect),
    model("fold", 0, models::fold),
    model("certify", 0, models::certify),
    model("pair", 2, models::pair),
    model("splice", 8, below::splice),
    bytes("graphs", models::graphs),
    bytes("changed", models::changed),
    bytes("numbers", below::numbers),
    bytes("certificate", below::certificate),
];
