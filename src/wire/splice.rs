//! Changes a message by changing a list of byte ranges.
//!
//! Only the headers on the way to an edit are read. What no edit touches stays a range to be
//! copied, so that unknown fields, the order of fields and redundant encodings survive. Nested
//! messages are finished before the length of the message around them is written, so that the
//! length of the result is known before its first byte is.

use std::cmp::Reverse;
use std::iter::Peekable;
use std::ops::Range;
use std::vec::IntoIter;

use super::varint;
use super::{Field, MAX_DEPTH, MAX_LENGTH, Source, Window, WireError, WireErrorKind, WireType};

/// A part of the new bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// A range of the source.
    Copy(Range<u64>),
    /// These bytes.
    Bytes(Vec<u8>),
    /// Bytes that are produced when they are written.
    Lazy {
        /// Which producer, in the numbering of the caller.
        index: usize,
        /// How many bytes it will produce.
        len: u64,
    },
}

impl Piece {
    /// How many bytes the piece stands for.
    #[must_use]
    pub fn len(&self) -> u64 {
        match self {
            Self::Copy(range) => range.end.saturating_sub(range.start),
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Lazy { len, .. } => *len,
        }
    }

    /// Whether the piece stands for no byte at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One change of one message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// The payload of the message that changes. It names the message: a position alone would
    /// not, because the end of a message is also the start of the field after it.
    pub parent: Range<u64>,
    /// The fields that are removed, whole; or, when empty, where fields are inserted: the start
    /// of a field of the parent, or the parent's end.
    pub at: Range<u64>,
    /// What takes their place: whole fields.
    pub with: Vec<Piece>,
}

/// Why edits cannot be applied.
#[derive(Debug, thiserror::Error)]
pub enum SpliceError {
    /// The source is broken on the way to an edit.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// An edit names a parent which is no message of the source.
    #[error("no message has its content at bytes {}..{}", .0.start, .0.end)]
    NoSuchMessage(Range<u64>),
    /// An edit does not begin and end where fields of its parent do.
    #[error("no field begins or ends at byte {0} of the message that is edited")]
    NotAField(u64),
    /// An edit changes what another one has removed.
    #[error("two edits overlap at byte {0}")]
    Overlap(u64),
    /// An edit copies bytes that the source does not have.
    #[error("bytes {}..{} lie outside of the source", .0.start, .0.end)]
    OutOfSource(Range<u64>),
    /// The result has a message that no reader of protocol buffers accepts.
    #[error("the result would have a message of 2 GiB or more")]
    TooLong,
}

/// The bytes of the message `root` of `source` after `edits`, as pieces. Neighbouring ranges are
/// joined; a header whose length does not change is kept as it is, even if it is not minimal.
///
/// Edits may come in any order. Of several insertions at one place the order is kept, and they
/// precede what replaces the field that begins there.
///
/// # Errors
/// [`SpliceError`] when an edit does not fit the source or another edit, or when a message
/// becomes longer than [`MAX_LENGTH`].
pub fn splice(source: &dyn Source, root: Range<u64>, mut edits: Vec<Edit>) -> Result<Vec<Piece>, SpliceError> {
    for edit in &edits {
        check(edit, source.len())?;
    }
    // At one position the deepest message comes first: its end is there, the start of a field of
    // the message around it comes after.
    edits.sort_by_key(|edit| (edit.at.start, Reverse(edit.parent.start), edit.at.end));
    let edits = edits.into_iter().peekable();
    let mut splicer = Splicer { window: Window::new(source), edits };
    let new = splicer.message(&root, 0)?;
    match splicer.edits.next() {
        Some(edit) => Err(SpliceError::NoSuchMessage(edit.parent)),
        None => Ok(new.pieces),
    }
}

/// The number of bytes that `pieces` stand for, if it can be counted.
#[must_use]
pub fn total(pieces: &[Piece]) -> Option<u64> {
    pieces.iter().try_fold(0, |sum: u64, piece| sum.checked_add(piece.len()))
}

fn check(edit: &Edit, source: u64) -> Result<(), SpliceError> {
    let Edit { parent, at, with } = edit;
    if parent.start > parent.end || parent.end > source {
        return Err(SpliceError::NoSuchMessage(parent.clone()));
    }
    for position in [at.start, at.end] {
        if position < parent.start || position > parent.end || at.start > at.end {
            return Err(SpliceError::NotAField(position));
        }
    }
    for piece in with {
        match piece {
            Piece::Copy(range) if range.start > range.end || range.end > source => {
                return Err(SpliceError::OutOfSource(range.clone()));
            }
            _ => {}
        }
    }
    Ok(())
}

fn contains(outer: &Range<u64>, inner: &Range<u64>) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

/// Pieces with their total length; neighbours of one kind are joined.
#[derive(Default)]
struct Output {
    pieces: Vec<Piece>,
    len: u64,
}

impl Output {
    fn push(&mut self, piece: Piece) -> Result<(), SpliceError> {
        if piece.is_empty() {
            return Ok(());
        }
        let len = self.len.checked_add(piece.len());
        self.len = len.filter(|&len| len <= MAX_LENGTH).ok_or(SpliceError::TooLong)?;
        match (self.pieces.last_mut(), piece) {
            (Some(Piece::Copy(last)), Piece::Copy(next)) if last.end == next.start => {
                last.end = next.end;
            }
            (Some(Piece::Bytes(last)), Piece::Bytes(next)) => last.extend(next),
            (_, piece) => self.pieces.push(piece),
        }
        Ok(())
    }

    fn extend(&mut self, pieces: Vec<Piece>) -> Result<(), SpliceError> {
        pieces.into_iter().try_for_each(|piece| self.push(piece))
    }
}

struct Splicer<'a> {
    window: Window<'a>,
    edits: Peekable<IntoIter<Edit>>,
}

impl Splicer<'_> {
    /// Applies all edits within one message and returns its new payload.
    fn message(&mut self, payload: &Range<u64>, depth: usize) -> Result<Output, SpliceError> {
        if depth > MAX_DEPTH {
            return Err(WireErrorKind::TooDeep.at(payload.start).into());
        }
        let mut new = Output::default();
        // What lies before it has been copied, replaced or removed; a field begins here.
        let mut done = payload.start;
        while let Some(edit) = self.edits.peek().filter(|edit| contains(payload, &edit.parent)) {
            if edit.parent != *payload {
                let parent = edit.parent.clone();
                let field = self.child(done..payload.end, &parent)?;
                new.push(Piece::Copy(done..field.range.start))?;
                let inner = self.message(&field.payload, depth + 1)?;
                self.header(&field, inner.len, &mut new)?;
                new.extend(inner.pieces)?;
                done = field.range.end;
            } else if let Some(Edit { at, with, .. }) = self.edits.next() {
                self.reach(done..payload.end, at.start)?;
                new.push(Piece::Copy(done..at.start))?;
                new.extend(with)?;
                self.reach(at.start..payload.end, at.end)?;
                done = at.end;
            }
        }
        new.push(Piece::Copy(done..payload.end))?;
        Ok(new)
    }

    /// Walks over whole fields from the start of `rest` to `target`.
    fn reach(&mut self, mut rest: Range<u64>, target: u64) -> Result<(), SpliceError> {
        if target < rest.start {
            return Err(SpliceError::Overlap(target));
        }
        while rest.start < target {
            let field = self.window.field(rest.clone())?;
            rest.start = field.ok_or(SpliceError::NotAField(target))?.range.end;
        }
        if rest.start == target { Ok(()) } else { Err(SpliceError::NotAField(target)) }
    }

    /// The field among `rest` within which the message `parent` lies.
    fn child(&mut self, mut rest: Range<u64>, parent: &Range<u64>) -> Result<Field, SpliceError> {
        if parent.start < rest.start {
            return Err(SpliceError::Overlap(parent.start));
        }
        while let Some(field) = self.window.field(rest.clone())? {
            if field.wire_type == WireType::Length && contains(&field.payload, parent) {
                return Ok(field);
            }
            if field.range.end > parent.start {
                break;
            }
            rest.start = field.range.end;
        }
        Err(SpliceError::NoSuchMessage(parent.clone()))
    }

    /// The tag and the length of a message that has `len` bytes now.
    fn header(&mut self, field: &Field, len: u64, new: &mut Output) -> Result<(), SpliceError> {
        let header = field.range.start..field.payload.start;
        if len == field.payload.end - field.payload.start {
            return new.push(Piece::Copy(header));
        }
        let mut bytes = self.window.bytes(header)?;
        let tag = bytes.iter().take_while(|&&byte| byte & 0x80 != 0).count() + 1;
        bytes.truncate(tag);
        varint::encode(len, &mut bytes);
        new.push(Piece::Bytes(bytes))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
