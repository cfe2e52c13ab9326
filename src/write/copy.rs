//! The copy: windows of the result are put together from pieces and written one after the other.
//!
//! A window ends where the *result* has a multiple of 256 KiB, so that the file system gets whole blocks; the source is
//! read at whatever offset that asks for. Windows do not depend on each other: into a file several threads read, multiply
//! and write each its own, so that a window stays in one processor's cache, and the bytes are the same with any number.

use std::fs::File;
use std::io::{self, Write};
use std::num::NonZero;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use crate::error::{Error, ErrorKind, Result};
use crate::wire::Source;
use crate::wire::splice::Piece;

/// What is written at a time. Smaller costs calls, larger leaves the cache.
const WINDOW: usize = 256 << 10;

/// Memory that begins a page is copied faster by the system.
const PAGE: usize = 4096;

/// With fewer bytes to make than these, other threads do not pay: they take time to start.
const LITTLE: u64 = 4 << 20;

/// More threads than this do not help: the system lets one of them write to a file at a time.
const MOST_THREADS: usize = 4;

/// Bytes that are made when they are written.
pub trait Lazy: Sync {
    /// How many bytes there will be.
    fn len(&self) -> u64;

    /// Whether there will be none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Makes the bytes from `offset` on that fill `out`. Every byte is asked for once, in any order and by any thread;
    /// a request may begin or end within a number.
    ///
    /// # Errors
    /// What reading the old bytes reports.
    fn fill(&self, offset: u64, out: &mut [u8]) -> io::Result<()>;
}

impl<L: Lazy + Send + ?Sized> Lazy for Box<L> {
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn fill(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        (**self).fill(offset, out)
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

    /// The file, if any part of it can be written at any time.
    fn file(&self) -> Option<&File> {
        None
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
    lazies: &[L],
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let made = pieces.iter().filter(|piece| matches!(piece, Piece::Lazy { .. }));
    let made = made.fold(0u64, |sum, piece| sum.saturating_add(piece.len()));
    let threads = if made < LITTLE { 1 } else { thread::available_parallelism().map_or(1, NonZero::get).min(MOST_THREADS) };
    write_with(threads, source, pieces, lazies, sink, progress)
}

/// [`write_pieces`] with so many threads, this one included.
fn write_with<L: Lazy>(
    threads: usize,
    source: &dyn Source,
    pieces: &[Piece],
    lazies: &[L],
    sink: &mut dyn Sink,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    let layout = Layout::new(source, pieces, lazies)?;
    sink.reserve(layout.total).map_err(|error| write_failed(error, sink))?;
    let written = match sink.file() {
        Some(file) if threads > 1 => layout.write_shared(file, threads, progress),
        _ => layout.write_alone(sink, progress),
    };
    written.and_then(|()| sink.flush().map_err(Failed::Write)).map_err(|failed| match failed {
        Failed::Read(error) => read_failed(error),
        Failed::Write(error) => write_failed(error, sink),
    })
}

/// Which side of the copy failed.
enum Failed {
    Read(io::Error),
    Write(io::Error),
}

/// A window's worth of memory.
struct Buffer {
    bytes: Vec<u8>,
    /// Where the first page begins.
    start: usize,
}

impl Buffer {
    fn new() -> Self {
        let bytes = vec![0; WINDOW + PAGE];
        let start = bytes.as_ptr().addr().wrapping_neg() % PAGE;
        Self { bytes, start }
    }

    fn window(&mut self, length: usize) -> &mut [u8] {
        self.bytes.get_mut(self.start..self.start + length.min(WINDOW)).unwrap_or_default()
    }
}

/// Which piece every byte of the result comes from.
struct Layout<'a, L> {
    source: &'a dyn Source,
    pieces: &'a [Piece],
    lazies: &'a [L],
    /// Where each piece begins in the result.
    starts: Vec<u64>,
    total: u64,
}

impl<'a, L: Lazy> Layout<'a, L> {
    fn new(source: &'a dyn Source, pieces: &'a [Piece], lazies: &'a [L]) -> Result<Self> {
        let mut starts = Vec::with_capacity(pieces.len());
        let mut total = 0u64;
        for piece in pieces {
            if let Piece::Lazy { index, len } = piece {
                let made = lazies.get(*index).map(Lazy::len);
                if made != Some(*len) {
                    let what = format!("part {index} of the result has {len} bytes, its producer makes {}", made.unwrap_or(0));
                    return Err(Error::new(ErrorKind::Target, what));
                }
            }
            starts.push(total);
            let sum = total.checked_add(piece.len());
            total = sum.ok_or_else(|| Error::new(ErrorKind::Target, "the result is longer than can be counted"))?;
        }
        Ok(Self { source, pieces, lazies, starts, total })
    }

    /// The length of the window that begins at `at`.
    fn window(&self, at: u64) -> usize {
        (self.total - at).min(WINDOW as u64) as usize
    }

    /// One window after the other.
    fn write_alone(&self, sink: &mut dyn Sink, progress: &mut dyn FnMut(u64)) -> std::result::Result<(), Failed> {
        let mut buffer = Buffer::new();
        let mut at = 0;
        while at < self.total {
            let window = buffer.window(self.window(at));
            self.assemble(at, window).map_err(Failed::Read)?;
            sink.write_all(window).map_err(Failed::Write)?;
            at += window.len() as u64;
            progress(at);
        }
        Ok(())
    }

    /// Each thread takes the next window that nobody has. Fewer threads are used if the system gives no more.
    fn write_shared(&self, file: &File, threads: usize, progress: &mut dyn FnMut(u64)) -> std::result::Result<(), Failed> {
        let (next, done) = (AtomicU64::new(0), AtomicU64::new(0));
        let work = |progress: &mut dyn FnMut(u64)| {
            let mut buffer = Buffer::new();
            loop {
                let at = next.fetch_add(WINDOW as u64, Ordering::Relaxed);
                if at >= self.total {
                    return Ok(());
                }
                let window = buffer.window(self.window(at));
                let written = self.assemble(at, window).map_err(Failed::Read);
                let written = written.and_then(|()| file.write_all_at(window, at).map_err(Failed::Write));
                if written.is_err() {
                    // What the others would still write is of no use.
                    next.store(self.total, Ordering::Relaxed);
                    return written;
                }
                let len = window.len() as u64;
                progress(done.fetch_add(len, Ordering::Relaxed) + len);
            }
        };
        thread::scope(|scope| {
            let start = |_| thread::Builder::new().spawn_scoped(scope, || work(&mut |_| {})).ok();
            let others: Vec<_> = (1..threads).filter_map(start).collect();
            let own = work(progress);
            let ended = |other: thread::ScopedJoinHandle<'_, std::result::Result<(), Failed>>| {
                other.join().unwrap_or_else(|_| Err(Failed::Read(io::ErrorKind::Interrupted.into())))
            };
            others.into_iter().map(ended).fold(own, std::result::Result::and)
        })?;
        progress(self.total);
        Ok(())
    }

    /// Fills `out` with the bytes of the result from `at` on.
    fn assemble(&self, mut at: u64, mut out: &mut [u8]) -> io::Result<()> {
        // The last piece that begins at or before `at`; pieces without bytes before it are passed over.
        let first = self.starts.partition_point(|&start| start <= at).saturating_sub(1);
        for (piece, start) in self.pieces.iter().zip(&self.starts).skip(first) {
            if out.is_empty() {
                break;
            }
            let offset = at - start;
            let length = (piece.len() - offset).min(out.len() as u64) as usize;
            let (now, later) = out.split_at_mut(length);
            self.part(piece, offset, now)?;
            at += length as u64;
            out = later;
        }
        Ok(())
    }

    /// Fills `out` with the bytes of one piece from `offset` on.
    fn part(&self, piece: &Piece, offset: u64, out: &mut [u8]) -> io::Result<()> {
        match piece {
            Piece::Copy(range) => self.source.read_exact_at(out, range.start + offset),
            Piece::Bytes(bytes) => {
                let bytes = bytes.get(offset as usize..).and_then(|bytes| bytes.get(..out.len()));
                out.copy_from_slice(bytes.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
            Piece::Lazy { index, .. } => match self.lazies.get(*index) {
                Some(lazy) => lazy.fill(offset, out),
                None => Err(io::ErrorKind::UnexpectedEof.into()),
            },
        }
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
    let error = Error::unwritten("cannot write", error);
    match sink.path() {
        Some(path) => error.file(path),
        None => error,
    }
}

#[cfg(test)]
mod tests;
