//! Folds a model and tells what was done: `cargo run --example fold -- MODEL OUT`.
//!
//! Without arguments it folds the model that is in the repository.
// What a program says goes to standard output.
#![allow(clippy::print_stdout)]

use std::error::Error;
use std::path::PathBuf;

use bnfold::Fold;

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args_os().skip(1).map(PathBuf::from);
    let model = words.next().unwrap_or_else(|| concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/ppocr_cls.onnx").into());
    let output = words.next().unwrap_or_else(|| std::env::temp_dir().join("folded.onnx"));
    let report = Fold::new().quick(true).file(&model, &output)?;
    let (folded, before, after) = (report.folded, report.before, report.after);
    println!("{} -> {}", report.input, report.output);
    println!("  {} of {} BatchNormalization folded", folded.batch_normalizations, before.batch_normalizations);
    println!("  {} -> {} nodes, {} -> {} bytes", before.nodes, after.nodes, before.bytes, after.bytes);
    for group in &report.kept {
        println!("  {} stay: {}; {}", group.batch_normalizations.len() + group.other.len(), group.sentence, group.advice);
    }
    if let Some(verdict) = &report.verdict {
        println!("  {}", verdict.outcome.words());
    }
    Ok(())
}
