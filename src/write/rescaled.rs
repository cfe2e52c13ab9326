//! The payload of a tensor, multiplied on its way from the source to the result.

use std::io;
use std::ops::Range;

use super::copy::{Lazy, Scratch};
use crate::edit::rescale::{Damage, Rescale};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::Source;

/// A stored tensor that is read, multiplied and forgotten block by block.
pub struct Rescaled<'a> {
    source: &'a dyn Source,
    range: Range<u64>,
    rescale: &'a Rescale,
    damage: Damage,
}

impl<'a> Rescaled<'a> {
    /// The tensor whose elements lie at `range` of `source`.
    ///
    /// # Errors
    /// [`ErrorKind::Tensor`] when the range has not exactly the bytes of the elements of `rescale`.
    pub fn new(source: &'a dyn Source, range: Range<u64>, rescale: &'a Rescale) -> Result<Self> {
        // The product was checked when the kernel was made.
        let expected = rescale.elements().saturating_mul(rescale.element().size() as u64);
        let actual = range.end.saturating_sub(range.start);
        if actual != expected {
            let what = format!("the tensor has {actual} bytes, its shape asks for {expected}");
            return Err(Error::new(ErrorKind::Tensor, what));
        }
        Ok(Self { source, range, rescale, damage: Damage::default() })
    }

    /// The damage to the elements made so far.
    #[must_use]
    pub fn damage(&self) -> Damage {
        self.damage
    }
}

impl Lazy for Rescaled<'_> {
    fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// An element that is cut by the edge of a window is read and multiplied for both windows.
    fn fill(&mut self, offset: u64, out: &mut [u8], scratch: &mut Scratch) -> io::Result<()> {
        let size = self.rescale.element().size() as u64;
        let first = offset / size;
        // The length is a multiple of the size of an element, so rounding up stays within it.
        let end = (offset + out.len() as u64).next_multiple_of(size);
        let start = self.range.start + first * size;
        let length = usize::try_from(end - first * size).map_err(|_| io::ErrorKind::InvalidInput)?;
        let whole = scratch.room(start, length);
        if whole.len() < length {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.source.read_exact_at(whole, start)?;
        self.damage |= self.rescale.apply(first, whole);
        let skipped = (offset - first * size) as usize;
        let wanted = whole.get(skipped..skipped + out.len());
        out.copy_from_slice(wanted.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }
}
