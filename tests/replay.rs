//! The fuzz targets without a fuzzer: bytes that broke something once, and bytes that are drawn, over each of them. The long form is
//! `fuzz/`; `BNFOLD_REPLAY=100000 cargo test --test replay` draws more.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod maker;
mod support;
mod targets;
mod visible;

use bnfold::ops::OPERATORS;
use bnfold::plan::SAMPLES;
use targets::{TARGETS, Target};

/// A seeded sequence of numbers.
struct Draw(u64);

impl Draw {
    fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) % count.max(1) as u64) as usize
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

fn models() -> Vec<Vec<u8>> {
    let samples = OPERATORS.iter().flat_map(|operator| operator.samples).chain(SAMPLES);
    samples.map(|sample| bnfold::sample::encode(sample.text).unwrap()).collect()
}

/// A model with some bytes changed, taken out, or written twice.
fn damaged(draw: &mut Draw, models: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = models[draw.below(models.len())].clone();
    for _ in 0..draw.below(4) {
        let at = draw.below(bytes.len());
        match draw.below(4) {
            0 => drop(bytes.drain(at..(at + draw.below(4)).min(bytes.len()))),
            1 => bytes.insert(at, draw.below(256) as u8),
            2 => bytes[at] ^= 1 << draw.below(8),
            _ => bytes[at] = draw.below(256) as u8,
        }
    }
    bytes
}

fn replay(target: &Target, models: &[Vec<u8>]) {
    let stored = format!("{}/fuzz/regressions/{}", env!("CARGO_MANIFEST_DIR"), target.name);
    for file in std::fs::read_dir(stored).into_iter().flatten() {
        let path = file.unwrap().path();
        println!("{}", path.display());
        (target.body)(&std::fs::read(&path).unwrap());
    }
    let wanted = std::env::var("BNFOLD_REPLAY").ok().and_then(|n| n.parse().ok()).unwrap_or(300);
    let mut draw = Draw(wanted as u64);
    let mut reached = 0;
    for _ in 0..wanted {
        let data = match target.reads_models {
            true => [draw.bytes(target.choices), damaged(&mut draw, models)].concat(),
            false => {
                let count = draw.below(64);
                draw.bytes(count)
            }
        };
        // What breaks it is kept, to be looked at and to be stored.
        let broken = std::env::temp_dir().join(format!("bnfold-replay-{}", target.name));
        std::fs::write(&broken, &data).unwrap();
        reached += usize::from((target.body)(&data));
        std::fs::remove_file(&broken).unwrap();
    }
    println!("{}: {reached} of {wanted} came to the point", target.name);
    assert!(reached * 20 > wanted, "{}: {reached} of {wanted} came to the point", target.name);
}

/// `BNFOLD_SEEDS=DIR` writes what a fuzzer begins with, a folder a target: the samples, and the models in `BNFOLD_CORPUS`.
#[test]
fn seeds_are_written() {
    let Some(folder) = std::env::var_os("BNFOLD_SEEDS").map(std::path::PathBuf::from) else { return };
    let mut models = models();
    let corpus = std::env::var("BNFOLD_CORPUS").unwrap_or_default();
    for entry in corpus.split(':').filter(|f| !f.is_empty()).flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "onnx") {
            models.extend(std::fs::read(path).ok().filter(|bytes| bytes.len() < 8192));
        }
    }
    let mut draw = Draw(1);
    for target in TARGETS {
        let own = folder.join(target.name);
        std::fs::create_dir_all(&own).unwrap();
        for (number, model) in models.iter().enumerate() {
            let bytes = match target.reads_models {
                true => [draw.bytes(target.choices), model.clone()].concat(),
                false => draw.bytes(16 + number),
            };
            std::fs::write(own.join(number.to_string()), bytes).unwrap();
        }
    }
}

#[test]
fn no_bytes_break_a_target() {
    let models = models();
    TARGETS.iter().for_each(|target| replay(target, &models));
}
