//! A build script that stops the build while a model of the program could still be folded: put it into `build.rs`, with
//! `bnfold = { version = "…", default-features = false }` among the build dependencies. `cargo run --example check_build_rs`
//! looks at the model that is in the repository, and is not content with it.
// What a program says goes to standard output.
#![allow(clippy::print_stdout)]

use std::path::Path;
use std::process::ExitCode;

/// The models that the program embeds, relative to its `Cargo.toml`.
const MODELS: &[&str] = &["fixtures/ppocr_cls.onnx"];

fn main() -> ExitCode {
    let root = std::env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| ".".into());
    let mut all_well = true;
    for name in MODELS {
        let path = Path::new(&root).join(name);
        println!("cargo::rerun-if-changed={}", path.display());
        match left(&path) {
            Ok(0) => {}
            Ok(count) => {
                all_well = false;
                println!("cargo::error={name}: {count} nodes could be folded; run: bnfold fold --in-place {name}");
            }
            Err(error) => {
                all_well = false;
                println!("cargo::error={error}");
            }
        }
    }
    if all_well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many nodes could be folded.
fn left(path: &Path) -> bnfold::Result<usize> {
    Ok(bnfold::inspect(path)?.sites.iter().filter(|site| site.changes()).count())
}
