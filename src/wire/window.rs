//! Reads small things scattered over a large source without reading what lies between.

use std::io;
use std::ops::Range;

use super::{Source, WireError, WireErrorKind};

/// How much one refill reads: enough for hundreds of nodes, little beside a weight.
const CAPACITY: u64 = 16 << 10;

/// A reader over a source that keeps the last 16 KiB it read.
///
/// A walk that steps over large payloads costs one read per payload and no memory.
pub struct Window<'a> {
    source: &'a dyn Source,
    len: u64,
    start: u64,
    buffer: Vec<u8>,
}

impl<'a> Window<'a> {
    /// A window over `source`, which has read nothing yet.
    #[must_use]
    pub fn new(source: &'a dyn Source) -> Self {
        let len = source.len();
        Self { source, len, start: 0, buffer: Vec::new() }
    }

    /// The source under the window.
    #[must_use]
    pub fn source(&self) -> &'a dyn Source {
        self.source
    }

    /// The bytes of `range`.
    ///
    /// # Errors
    /// [`WireErrorKind::Truncated`] when the range does not lie within the source, before any
    /// memory is taken; [`WireErrorKind::Io`] when reading fails or memory is short.
    pub fn bytes(&mut self, range: Range<u64>) -> Result<Vec<u8>, WireError> {
        let mut out = Vec::new();
        self.append(range, &mut out)?;
        Ok(out)
    }

    /// Appends the bytes of `range` to `out`.
    ///
    /// # Errors
    /// As [`Window::bytes`]; `out` is then as it was.
    pub fn append(&mut self, range: Range<u64>, out: &mut Vec<u8>) -> Result<(), WireError> {
        let start = range.start;
        self.check(&range)?;
        let length = range.end - start;
        if length <= CAPACITY {
            out.extend_from_slice(self.peek(range)?);
            return Ok(());
        }
        let too_large = || WireErrorKind::Io(io::ErrorKind::OutOfMemory.into()).at(start);
        let length = usize::try_from(length).map_err(|_| too_large())?;
        out.try_reserve_exact(length).map_err(|_| too_large())?;
        let before = out.len();
        out.resize(before + length, 0);
        let read = self.source.read_exact_at(&mut out[before..], start);
        read.map_err(|error| {
            out.truncate(before);
            WireErrorKind::Io(error).at(start)
        })
    }

    /// Lends the bytes of `range`, without a copy where they are few.
    ///
    /// # Errors
    /// As [`Window::bytes`].
    pub fn with(&mut self, range: Range<u64>, read: &mut dyn FnMut(&[u8])) -> Result<(), WireError> {
        self.check(&range)?;
        if range.end - range.start <= CAPACITY {
            read(self.peek(range)?);
        } else {
            read(&self.bytes(range)?);
        }
        Ok(())
    }

    /// The bytes of a range of at most [`CAPACITY`] bytes, without a copy.
    pub(super) fn peek(&mut self, range: Range<u64>) -> Result<&[u8], WireError> {
        self.check(&range)?;
        let held = self.start..self.start + self.buffer.len() as u64;
        if range.start < held.start || range.end > held.end {
            self.refill(range.start)?;
        }
        // Both fit: the range lies within the buffer, or begins it and is no longer than it.
        let start = (range.start - self.start) as usize;
        let end = (range.end - self.start) as usize;
        self.buffer.get(start..end).ok_or_else(|| WireErrorKind::Truncated.at(range.start))
    }

    /// The first byte of a range of the source, if it is among what was read last.
    pub(super) fn held(&self, range: &Range<u64>) -> Option<u8> {
        let at = range.start.checked_sub(self.start).filter(|_| !range.is_empty() && range.end <= self.len)?;
        self.buffer.get(usize::try_from(at).ok()?).copied()
    }

    fn refill(&mut self, start: u64) -> Result<(), WireError> {
        let length = CAPACITY.min(self.len - start) as usize;
        self.start = start;
        self.buffer.resize(length, 0);
        let read = self.source.read_exact_at(&mut self.buffer, start);
        read.map_err(|error| {
            self.buffer.clear();
            WireErrorKind::Io(error).at(start)
        })
    }

    fn check(&self, range: &Range<u64>) -> Result<(), WireError> {
        if range.start > range.end || range.end > self.len {
            return Err(WireErrorKind::Truncated.at(range.start));
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn any_range_reads_what_the_source_holds() {
        let bytes: Vec<u8> = (0..100_000u32).map(|i| ((i * 7) >> 3) as u8).collect();
        let mut window = Window::new(&bytes);
        for step in 0..2000u64 {
            let start = step * step * 31 % 99_000;
            let end = (start + step * 17 % 40_000).min(100_000);
            let expected = &bytes[start as usize..end as usize];
            assert_eq!(window.bytes(start..end).unwrap(), expected, "{start}..{end}");
        }
    }

    #[test]
    #[allow(clippy::reversed_empty_ranges)]
    fn a_range_outside_of_the_source_is_refused_without_taking_memory() {
        let bytes = vec![0; 10];
        let mut window = Window::new(&bytes);
        for range in [5..11, 11..11, 5..u64::MAX, 7..5] {
            let error = window.bytes(range.clone()).unwrap_err();
            assert!(matches!(error.kind, WireErrorKind::Truncated), "{range:?}");
            assert_eq!(error.offset, range.start);
        }
    }
}
