//! What comes out against the same parts put together in memory.

use proptest::prelude::*;

use super::*;
use crate::edit::rescale::{Axis, Damage, Rescale};
use crate::model::number::Element;
use crate::write::Rescaled;

fn pattern(len: usize) -> Vec<u8> {
    // Exponents in the middle, so that products neither overflow nor vanish, in each format.
    (0..len as u32)
        .map(|i| if i % 2 == 0 { (i.wrapping_mul(0x9e37_79b9) >> 24) as u8 } else { 0x38 + (i >> 7) as u8 % 6 })
        .collect()
}

/// A file that several threads write.
struct Shared(File);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Shared {
    fn file(&self) -> Option<&File> {
        Some(&self.0)
    }
}

fn written(source: &Vec<u8>, pieces: &[Piece], lazies: &[Rescaled]) -> Vec<u8> {
    let mut sink = Stream(Vec::new());
    let mut seen = vec![0];
    write_with(1, source, pieces, lazies, &mut sink, &mut |bytes| seen.push(bytes)).unwrap();
    assert!(seen.is_sorted());
    assert_eq!(seen.last(), Some(&(sink.0.len() as u64)));
    for threads in [2, 3, 40] {
        let mut shared = Shared(tempfile::tempfile().unwrap());
        let mut seen = vec![0];
        write_with(threads, source, pieces, lazies, &mut shared, &mut |bytes| seen.push(bytes)).unwrap();
        assert!(seen.is_sorted());
        assert_eq!(seen.last(), Some(&(sink.0.len() as u64)));
        let mut bytes = vec![0; sink.0.len()];
        shared.0.read_exact_at(&mut bytes, 0).unwrap();
        assert_eq!(shared.0.metadata().unwrap().len(), bytes.len() as u64);
        assert!(bytes == sink.0, "{threads} threads");
    }
    sink.0
}

fn by_columns(element: Element, elements: u64) -> Rescale {
    let factor = (0..elements).map(|i| [0.75, 1.0, -1.5, 1.25, 0.625][i as usize % 5]).collect();
    Rescale::new(element, vec![Axis { size: elements, steps: vec![1] }], vec![factor]).unwrap()
}

#[test]
fn a_tensor_may_lie_anywhere_in_source_and_result() {
    const LONG: u64 = WINDOW as u64;
    let source = pattern(3 * WINDOW);
    for element in [Element::F16, Element::BF16, Element::F32, Element::F64] {
        let size = element.size() as u64;
        for (shift, before) in [(0, 0), (1, 0), (0, 1), (3, LONG - 1), (7, LONG - 3), (5, LONG + 5), (4091, 2 * LONG - 7)] {
            for elements in [1, 2, LONG / size - 1, LONG / size, LONG / size + 1] {
                let range = shift..shift + elements * size;
                let rescale = by_columns(element, elements);
                let lazies = [Rescaled::new(&source, range.clone(), Some(&rescale)).unwrap()];
                let len = lazies[0].len();
                let pieces = [Piece::Copy(0..before), Piece::Lazy { index: 0, len }, Piece::Bytes(vec![9; 3])];
                let actual = written(&source, &pieces, &lazies);
                let mut expected = source[..before as usize].to_vec();
                let mut tensor = source[shift as usize..range.end as usize].to_vec();
                let damage = rescale.apply(0, &mut tensor);
                expected.extend(tensor);
                expected.extend([9; 3]);
                assert!(actual == expected, "{element:?} of {elements} at {shift} to {before}");
                assert_eq!(lazies[0].damage(), damage);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(60) })]

    #[test]
    fn pieces_of_all_sizes_come_out_in_order(
        parts in prop::collection::vec((0..3usize, 0..40u64, 0..5000u64, prop::bool::weighted(0.3)), 0..40),
    ) {
        let source = pattern(400_000);
        let rescales: Vec<Rescale> = (0..40).map(|index| by_columns(Element::F32, index * 500)).collect();
        let (mut pieces, mut expected, mut lazies) = (Vec::new(), Vec::new(), Vec::new());
        for (kind, large, small, exact) in parts {
            let len = if exact { large * 10_000 } else { small };
            match kind {
                0 => {
                    let range = small / 7..(small / 7 + len).min(400_000);
                    expected.extend_from_slice(&source[range.start as usize..range.end as usize]);
                    pieces.push(Piece::Copy(range));
                }
                1 => {
                    let bytes = vec![large as u8; len as usize];
                    expected.extend_from_slice(&bytes);
                    pieces.push(Piece::Bytes(bytes));
                }
                _ => {
                    let rescale = &rescales[large as usize];
                    let range = small..small + 4 * rescale.elements();
                    let mut tensor = source[small as usize..range.end as usize].to_vec();
                    rescale.apply(0, &mut tensor);
                    expected.extend(tensor);
                    pieces.push(Piece::Lazy { index: lazies.len(), len: range.end - range.start });
                    lazies.push(Rescaled::new(&source, range, Some(rescale)).unwrap());
                }
            }
        }
        prop_assert!(written(&source, &pieces, &lazies) == expected);
    }
}

#[test]
fn damage_within_any_window_is_reported() {
    let mut source = vec![0; 4 * WINDOW];
    source[3 * WINDOW..3 * WINDOW + 4].copy_from_slice(&f32::MAX.to_le_bytes());
    let elements = WINDOW as u64;
    let rescale = Rescale::new(Element::F32, vec![Axis { size: elements, steps: vec![0] }], vec![vec![2.0]]).unwrap();
    let lazies = [Rescaled::new(&source, 0..4 * elements, Some(&rescale)).unwrap()];
    written(&source, &[Piece::Lazy { index: 0, len: 4 * elements }], &lazies);
    assert_eq!(lazies[0].damage(), Damage { overflow: true, underflow: false });
}

#[test]
fn a_range_that_does_not_fit_its_shape_is_refused() {
    let source = vec![0; 100];
    let rescale = by_columns(Element::F32, 10);
    for end in [0, 39, 41, 44] {
        assert_eq!(Rescaled::new(&source, 0..end, Some(&rescale)).err().unwrap().kind, ErrorKind::Tensor);
    }
    #[allow(clippy::reversed_empty_ranges)]
    let backwards = Rescaled::new(&source, 50..10, Some(&rescale));
    assert_eq!(backwards.err().unwrap().kind, ErrorKind::Tensor);
}

#[test]
fn what_cannot_be_made_or_read_is_an_error() {
    let source = vec![7; 1000];
    let rescale = by_columns(Element::F32, 10);
    let fail = |pieces: &[Piece], source: &Vec<u8>| {
        let short = vec![0; 39];
        let lazies = [Rescaled::new(&short, 0..40, Some(&rescale)).unwrap()];
        write_pieces(source, pieces, &lazies, &mut Stream(Vec::new()), &mut |_| {}).unwrap_err().kind
    };
    assert_eq!(fail(&[Piece::Copy(990..1001)], &source), ErrorKind::Changed);
    assert_eq!(fail(&[Piece::Lazy { index: 0, len: 40 }], &source), ErrorKind::Changed);
    assert_eq!(fail(&[Piece::Lazy { index: 0, len: 41 }], &source), ErrorKind::Target);
    assert_eq!(fail(&[Piece::Lazy { index: 1, len: 40 }], &source), ErrorKind::Target);
    assert_eq!(fail(&[Piece::Copy(0..u64::MAX), Piece::Copy(0..u64::MAX)], &source), ErrorKind::Target);
}

/// A sink that takes so many bytes.
struct Full(usize);

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(self.0);
        self.0 -= taken;
        if taken == 0 { Err(io::ErrorKind::StorageFull.into()) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Full {
    fn path(&self) -> Option<&Path> {
        Some(Path::new("full.onnx"))
    }
}

#[test]
fn a_full_sink_names_its_file_and_the_remedy() {
    let source = pattern(WINDOW + 100);
    let pieces = [Piece::Copy(0..source.len() as u64)];
    let nothing: &[Rescaled] = &[];
    for room in [0, 1, WINDOW, WINDOW + 99] {
        let error = write_pieces(&source, &pieces, nothing, &mut Full(room), &mut |_| {}).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("full.onnx: cannot write") && text.contains("free some space"), "{text}");
    }
    write_pieces(&source, &pieces, nothing, &mut Full(WINDOW + 100), &mut |_| {}).unwrap();
}
