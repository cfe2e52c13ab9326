//! How long a fold takes to write, as a ratio to `cp`. A measurement, not a test of behaviour:
//! `cargo test --release --test throughput -- --ignored --nocapture`, on a quiet machine.
#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use bnfold::edit::rescale::{Axis, Rescale};
use bnfold::model::Element;
use bnfold::wire::splice::Piece;
use bnfold::wire::{FileSource, Source};
use bnfold::write::{AtomicFile, Rescaled, write_pieces};

const TENSOR: u64 = 9 << 18;
const TENSORS: u64 = 48;
/// What stands between two tensors of a model, and how far a fold shifts the first one.
const HEADER: u64 = 52;
const SHIFT: usize = 37;
const ROUNDS: usize = 11;

fn model(path: &Path, element: Element) {
    let values: Vec<f64> = (0..TENSOR).map(|i| (((i * 2_654_435_761) >> 7) % 8191) as f64 / 1e5 + 0.003).collect();
    let mut tensor = Vec::new();
    element.encode(&values[..(TENSOR as usize / element.size())], &mut tensor);
    tensor.resize((TENSOR + HEADER) as usize, 0);
    std::fs::write(path, tensor.repeat(TENSORS as usize)).unwrap();
}

/// Writes the model with its first `rescaled` tensors multiplied, per row or per column.
fn fold(source: &Path, target: &Path, element: Element, rescaled: u64, columns: bool) {
    let source = FileSource::open(source).unwrap();
    let elements = TENSOR / element.size() as u64;
    let axis = |size, step| Axis { size, steps: vec![step] };
    let axes = if columns { vec![axis(elements / 512, 0), axis(512, 1)] } else { vec![axis(512, 1), axis(elements / 512, 0)] };
    let rescale = Rescale::new(element, axes, vec![vec![0.9973; 512]]).unwrap();
    let (mut pieces, mut lazies) = (vec![Piece::Bytes(vec![0; SHIFT])], Vec::new());
    for tensor in 0..TENSORS {
        let start = tensor * (TENSOR + HEADER);
        let end = start + TENSOR;
        if tensor < rescaled {
            pieces.push(Piece::Lazy { index: lazies.len(), len: TENSOR });
            lazies.push(Rescaled::new(&source, start..end, Some(&rescale)).unwrap());
        } else {
            pieces.push(Piece::Copy(start..end));
        }
        pieces.push(Piece::Copy(end..end + HEADER));
    }
    let mut file = AtomicFile::create(target, 0o644).unwrap();
    write_pieces(&source, &pieces, &lazies, &mut file, &mut |_| {}).unwrap();
    assert!(lazies.iter().all(|lazy| !lazy.damage().any()));
    file.publish(false).unwrap();
    assert_eq!(std::fs::metadata(target).unwrap().len(), source.len() + SHIFT as u64);
}

#[test]
#[ignore = "takes a while and means something only in release mode on a quiet machine"]
fn ratio_to_cp() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let (source, target) = (folder.path().join("model"), folder.path().join("folded"));
    for element in [Element::F32, Element::F16, Element::BF16] {
        model(&source, element);
        let names = ["cp", "nothing", "half", "all by rows", "all by columns"];
        let mut times = [const { Vec::<Duration>::new() }; 5];
        for round in 0..ROUNDS * 5 {
            // Another order in each round.
            let which = (round * (1 + round / 5 % 4) + round / 5) % 5;
            let _ = std::fs::remove_file(&target);
            let start = Instant::now();
            match which {
                0 => assert!(Command::new("cp").args([&source, &target]).status().unwrap().success()),
                1 => fold(&source, &target, element, 0, false),
                2 => fold(&source, &target, element, TENSORS / 2, false),
                _ => fold(&source, &target, element, TENSORS, which == 4),
            }
            times[which].push(start.elapsed());
        }
        let median = |times: &mut Vec<Duration>| {
            times.sort();
            times[times.len() / 2]
        };
        let times = times.each_mut().map(median);
        for (name, time) in names.iter().zip(times) {
            println!("{element:?} {name}: {time:.1?}, {:.2} x cp", time.as_secs_f64() / times[0].as_secs_f64());
        }
    }
}
