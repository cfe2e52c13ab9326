//! A source put together from pieces of another one, read without being written anywhere.

use std::io;

use super::Source;
use super::splice::Piece;

/// Pieces of a source, and bytes between them, as one source.
#[derive(Debug)]
pub struct Spliced<S> {
    source: S,
    /// Each piece with the offset at which it begins here.
    pieces: Vec<(u64, Piece)>,
    len: u64,
}

impl<S: Source> Spliced<S> {
    /// The pieces one after the other. `None` if they cannot be counted, or if one of them is made only when it is written.
    pub fn new(source: S, pieces: Vec<Piece>) -> Option<Spliced<S>> {
        let mut len = 0u64;
        let mut placed = Vec::with_capacity(pieces.len());
        for piece in pieces {
            if matches!(piece, Piece::Lazy { .. }) {
                return None;
            }
            let start = len;
            len = len.checked_add(piece.len())?;
            placed.push((start, piece));
        }
        Some(Spliced { source, pieces: placed, len })
    }

    /// The source that pieces are taken from.
    pub fn source(&self) -> &S {
        &self.source
    }
}

impl<S: Source> Source for Spliced<S> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let end = offset.checked_add(buffer.len() as u64);
        if end.is_none_or(|end| end > self.len) {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut at = self.pieces.partition_point(|(start, _)| *start <= offset).saturating_sub(1);
        let (mut rest, mut offset) = (buffer, offset);
        while !rest.is_empty() {
            let (start, piece) = self.pieces.get(at).ok_or(io::ErrorKind::UnexpectedEof)?;
            let skip = offset.saturating_sub(*start);
            let count = usize::try_from(piece.len().saturating_sub(skip)).unwrap_or(usize::MAX).min(rest.len());
            let (now, later) = rest.split_at_mut(count);
            match piece {
                Piece::Copy(range) => self.source.read_exact_at(now, range.start.saturating_add(skip))?,
                Piece::Bytes(bytes) => bytes.as_slice().read_exact_at(now, skip)?,
                Piece::Lazy { .. } => return Err(io::ErrorKind::Unsupported.into()),
            }
            (rest, offset, at) = (later, offset.saturating_add(count as u64), at + 1);
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_range_is_that_of_the_pieces_in_a_row() {
        let source: Vec<u8> = (0..50).collect();
        let pieces =
            vec![Piece::Copy(10..13), Piece::Bytes(vec![]), Piece::Bytes(vec![90, 91]), Piece::Copy(0..1), Piece::Copy(40..50)];
        let expected = [&source[10..13], &[90, 91], &source[..1], &source[40..]].concat();
        let spliced = Spliced::new(source, pieces).unwrap();
        assert_eq!(spliced.len(), expected.len() as u64);
        for start in 0..=expected.len() {
            for end in start..=expected.len() {
                let mut found = vec![0; end - start];
                spliced.read_exact_at(&mut found, start as u64).unwrap();
                assert_eq!(found, expected[start..end], "{start}..{end}");
            }
        }
        assert!(spliced.read_exact_at(&mut [0; 2], spliced.len() - 1).is_err());
        assert!(spliced.read_exact_at(&mut [0; 1], u64::MAX).is_err());
        assert!(Spliced::new(vec![0u8], vec![Piece::Lazy { index: 0, len: 1 }]).is_none());
    }
}
