//! The fuzz targets. What each does with its bytes is shared with the tests, which replay it without a fuzzer.

#[path = "../../tests/maker/mod.rs"]
pub mod maker;
#[path = "../../tests/support/mod.rs"]
pub mod support;
#[path = "../../tests/targets/mod.rs"]
pub mod targets;
#[path = "../../tests/visible/mod.rs"]
pub mod visible;
