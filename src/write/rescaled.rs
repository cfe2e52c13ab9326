//! The payload of a tensor on its way from the source to the result, multiplied if there are factors.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use super::copy::Lazy;
use crate::edit::rescale::{Damage, Rescale};
use crate::error::{Error, ErrorKind, Result};
use crate::wire::Source;

/// A stored tensor that is read, multiplied if there are factors, and forgotten block by block.
pub struct Rescaled<'a> {
    source: &'a dyn Source,
    range: Range<u64>,
    rescale: Option<&'a Rescale>,
    overflow: AtomicBool,
    underflow: AtomicBool,
}

impl<'a> Rescaled<'a> {
    /// The tensor whose elements lie at `range` of `source`.
    ///
    /// # Errors
    /// [`ErrorKind::Tensor`] when the range has not exactly the bytes of the elements of `rescale`.
    pub fn new(source: &'a dyn Source, range: Range<u64>, rescale: Option<&'a Rescale>) -> Result<Self> {
        let actual = range.end.saturating_sub(range.start);
        // The product was checked when the kernel was made.
        let expected = rescale.map_or(actual, |r| r.elements().saturating_mul(r.element().size() as u64));
        if actual != expected {
            let what = format!("the tensor has {actual} bytes, its shape asks for {expected}");
            return Err(Error::new(ErrorKind::Tensor, what));
        }
        Ok(Self { source, range, rescale, overflow: false.into(), underflow: false.into() })
    }

    /// The damage to the elements made so far.
    #[must_use]
    pub fn damage(&self) -> Damage {
        // All threads that made elements have been joined when this is asked for.
        Damage { overflow: self.overflow.load(Ordering::Relaxed), underflow: self.underflow.load(Ordering::Relaxed) }
    }
}

impl Lazy for Rescaled<'_> {
    fn len(&self) -> u64 {
        self.range.end - self.range.start
    }

    /// An element that is cut by the edge of a window is read and multiplied for both windows.
    fn fill(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let Some(rescale) = self.rescale else { return self.source.read_exact_at(out, self.range.start + offset) };
        let size = rescale.element().size();
        let within = (offset % size as u64) as usize;
        let first = offset / size as u64;
        let head = if within == 0 { 0 } else { (size - within).min(out.len()) };
        let (begun, rest) = out.split_at_mut(head);
        if head > 0 {
            self.cut(rescale, first, within, begun)?;
        }
        let first = if head > 0 { first + 1 } else { first };
        let (whole, ended) = rest.split_at_mut(rest.len() / size * size);
        if !whole.is_empty() {
            self.whole(rescale, first, whole)?;
        }
        if ended.is_empty() { Ok(()) } else { self.cut(rescale, first + (whole.len() / size) as u64, 0, ended) }
    }
}

impl Rescaled<'_> {
    /// Makes elements from the one with index `first` on.
    fn whole(&self, rescale: &Rescale, first: u64, out: &mut [u8]) -> io::Result<()> {
        self.source.read_exact_at(out, self.range.start + first * rescale.element().size() as u64)?;
        let damage = rescale.apply(first, out);
        self.overflow.fetch_or(damage.overflow, Ordering::Relaxed);
        self.underflow.fetch_or(damage.underflow, Ordering::Relaxed);
        Ok(())
    }

    /// Makes a part of one element, from its byte `within` on.
    fn cut(&self, rescale: &Rescale, index: u64, within: usize, out: &mut [u8]) -> io::Result<()> {
        let mut element = [0; 8];
        let element = element.get_mut(..rescale.element().size()).unwrap_or_default();
        self.whole(rescale, index, element)?;
        let part = element.get(within..within + out.len());
        out.copy_from_slice(part.ok_or(io::ErrorKind::InvalidInput)?);
        Ok(())
    }
}
