//! The copy: windows of the result are put together from pieces and written one after the other.
//!
//! A window ends where the *result* has a multiple of 256 KiB, so that the file system gets whole blocks; the source is
//! read at whatever offset that asks for. Memory that has the same position within a page as the bytes have within the
//! file is filled faster by the system, and moving bytes from there to their place in the window costs little, because
//! both are in the cache then.

use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

use crate::error::{Error, ErrorKind, Result};
use crate::wire::Source;
use crate::wire::splice::{self, Piece};

/// What is written at a time. Smaller costs calls, larger leaves the cache.
const WINDOW: usize = 256 << 10;

/// The position of memory and of file offsets is compared within this much.
const PAGE: usize = 4096;

/// Bytes that are made when they are written.
pub trait Lazy {
    /// How many bytes there will be.
    fn len(&self) -> u64;

    /// Whether there will be none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the bytes from `offset` on that fill `out`. Windows come in order and do not overlap; they may cut a
    /// number in two.
    ///
    /// # Errors
    /// What reading the old bytes reports.
    fn fill(&mut self, offset: u64, out: &mut [u8], scratch: &mut Scratch) -> io::Result<()>;
}

impl<L: Lazy + ?Sized> Lazy for Box<L> {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn fill(&mut self, offset: u64, out: &mut [u8], scratch: &mut Scratch) -> io::Result<()> {
        (**self).fill(offset, out, scratch)
    }
}

/// Where a result goes, from its first byte to its last.
pub trait Sink: Write {
    /// Announces how many bytes will come.
    ///
    /// # Errors
    /// What the system reports when there is no room for them.
    fn reserve(&mut self, len: u64) -> io::Result<()> {
        let _ = len;
        Ok(())
    }

    /// The file that is written, for messages.
    fn path(&self) -> Option<&Path> {
        None
    }
}

/// Any writer as a [`Sink`]: standard output, or bytes in memory.
#[derive(Debug, Default)]
pub struct Stream<W>(pub W);

impl<W: Write> Write for Stream<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> Sink for Stream<W> {}

/// Memory in which every offset of a file has a place at the same position within a page.
#[derive(Debug)]
pub struct Scratch {
    bytes: Vec<u8>,
    /// Where the first page begins.
    start: usize,
}

impl Scratch {
    /// Room for a window and a number more at each end.
    pub(super) fn new() -> Self {
        let bytes = vec![0; WINDOW + 3 * PAGE];
        let start = bytes.as_ptr().addr().wrapping_neg() % PAGE;
        Self { bytes, start }
    }

    /// Room for `length` bytes of a file, which begin at `offset` there; nothing if that is more than a window.
    pub fn room(&mut self, offset: u64, length: usize) -> &mut [u8] {
        let start = self.start + (offset % PAGE as u64) as usize;
        start.checked_add(length).and_then(|end| self.bytes.get_mut(start..end)).unwrap_or_default()
    }

    /// Fills `out` from `offset` on.
    pub(super) fn read(&mut self, source: &dyn Source, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let room = self.room(offset, out.len());
        if room.len() < out.len() {
            return source.read_exact_at(out, offset);
        }
        source.read_exact_at(room, offset)?;
        out.copy_from_slice(room);
        Ok(())
    }
}

/// Writes `pieces` to `sink`: ranges from `source`, bytes as they are, and what `lazies` make, of which each is the whole
/// of the piece with its index. Calls `progress` with the number of bytes written so far, after each window.
///
/// # Errors
/// [`ErrorKind::Io`] when reading or writing fails; an error of the sink names its file, one of the source does not.
/// [`ErrorKind::Changed`] when the source is shorter than the pieces say. [`ErrorKind::Target`] when a piece has no
/// producer or another length than its producer, or the lengths cannot be summed.
pub fn write_pieces<L: Lazy>(
    source: &dyn Source,
    pieces: &[Piece],
    lazies: &mut [L],
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let total = check(pieces, lazies)?;
    sink.reserve(total).map_err(|error| write_failed(error, sink))?;
    let mut scratch = Scratch::new();
    let mut assembled = Scratch::new();
    let mut cursor = Cursor { pieces, done: 0 };
    let mut written = 0;
    while written < total {
        // The result begins at a multiple of a window, so every full window ends at one.
        let length = (total - written).min(WINDOW as u64) as usize;
        let window = assembled.room(0, length);
        let mut filled = 0;
        while filled < length {
            let Some((piece, part)) = cursor.take((length - filled) as u64) else {
                return Err(Error::new(ErrorKind::Target, "the parts of the result are shorter than their sum"));
            };
            let end = filled + (part.end - part.start) as usize;
            let out = window.get_mut(filled..end).unwrap_or_default();
            fill(source, piece, &part, lazies, out, &mut scratch).map_err(read_failed)?;
            filled = end;
        }
        sink.write_all(window).map_err(|error| write_failed(error, sink))?;
        written += length as u64;
        progress(written);
    }
    sink.flush().map_err(|error| write_failed(error, sink))
}

/// The sum of the lengths.
fn check<L: Lazy>(pieces: &[Piece], lazies: &[L]) -> Result<u64> {
    for piece in pieces {
        if let Piece::Lazy { index, len } = piece {
            let made = lazies.get(*index).map(Lazy::len);
            if made != Some(*len) {
                let what = format!("part {index} of the result has {len} bytes, its producer makes {}", made.unwrap_or(0));
                return Err(Error::new(ErrorKind::Target, what));
            }
        }
    }
    splice::total(pieces).ok_or_else(|| Error::new(ErrorKind::Target, "the result is longer than can be counted"))
}

/// How far the pieces have been used up.
struct Cursor<'a> {
    pieces: &'a [Piece],
    /// The bytes of the first piece that are done.
    done: u64,
}

impl<'a> Cursor<'a> {
    /// The next piece that has bytes left, and which of its bytes to take, at most `wanted`.
    fn take(&mut self, wanted: u64) -> Option<(&'a Piece, Range<u64>)> {
        loop {
            let piece = self.pieces.first()?;
            let left = piece.len() - self.done;
            if left == 0 {
                self.pieces = self.pieces.get(1..)?;
                self.done = 0;
                continue;
            }
            let part = self.done..self.done + left.min(wanted);
            self.done = part.end;
            return Some((piece, part));
        }
    }
}

fn fill<L: Lazy>(
    source: &dyn Source,
    piece: &Piece,
    part: &Range<u64>,
    lazies: &mut [L],
    out: &mut [u8],
    scratch: &mut Scratch,
) -> io::Result<()> {
    match piece {
        Piece::Copy(range) => scratch.read(source, range.start + part.start, out),
        Piece::Bytes(bytes) => {
            // A part of a vector in memory has bounds that fit.
            let bytes = bytes.get(part.start as usize..part.end as usize);
            out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
            Ok(())
        }
        Piece::Lazy { index, .. } => match lazies.get_mut(*index) {
            Some(lazy) => lazy.fill(part.start, out, scratch),
            None => Err(io::ErrorKind::UnexpectedEof.into()),
        },
    }
}

fn read_failed(error: io::Error) -> Error {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        let what = "the file became shorter while it was copied";
        return Error::new(ErrorKind::Changed, what).remedy("run again when nothing else writes to it");
    }
    Error::io("cannot read", error)
}

fn write_failed(error: io::Error, sink: &dyn Sink) -> Error {
    let error = super::place::failed("cannot write", error);
    match sink.path() {
        Some(path) => error.file(path),
        None => error,
    }
}

#[cfg(test)]
mod tests;
