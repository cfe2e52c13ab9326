//! The fuzz targets. What each does with its bytes is shared with the tests, which replay it without a fuzzer.

#[path = "../../tests/maker/mod.rs"]
pub mod maker;
#[path = "../../tests/support/mod.rs"]
pub mod support;
#[path = "../../tests/targets/mod.rs"]
pub mod targets;
#[path = "../../tests/visible/mod.rs"]
pub mod visible;

/// Runs the body of a target on what the fuzzer has drawn. A program holds but one of them, as the fuzzer looks at the counters of all
/// that is in it after each run.
///
/// What is done side by side elsewhere is done by the fuzzer's own thread: to wake another one takes longer than a small model does,
/// and coverage would depend on which of them comes first.
pub fn run(body: fn(&[u8]) -> bool, data: &[u8]) {
    static ONE_THREAD: std::sync::Once = std::sync::Once::new();
    ONE_THREAD.call_once(|| {
        rayon::ThreadPoolBuilder::new().num_threads(1).use_current_thread().build_global().expect("nothing has run before");
    });
    body(data);
}
