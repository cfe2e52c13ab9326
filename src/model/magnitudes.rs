//! Whether the numbers of a tensor lie between two magnitudes: told from their bits, at the speed of reading them.

use std::ops::RangeInclusive;

use crate::error::Result;
use crate::model::{Element, Model, Payload, Tensor};

/// Bytes that are looked at at a time.
const BLOCK: u64 = 128 << 10;

impl Tensor {
    /// Whether each element that is not zero has a magnitude in `range`; NaN has none.
    ///
    /// # Errors
    /// As [`Tensor::blocks`].
    pub fn lies_within(&self, model: &Model, range: &RangeInclusive<f64>) -> Result<bool> {
        if range.is_empty() {
            return Ok(false);
        }
        let (Payload::Bytes { file, range: place }, Some(element)) = (&self.payload, self.element()) else {
            // What fills a tensor need not be looked at more than once.
            if let Payload::Computed(recipe) = &self.payload
                && let Some(fill) = recipe.fill(model)?
            {
                return Ok(fill == 0.0 || range.contains(&fill.abs()));
            }
            let mut within = true;
            let fits = |value: &f64| *value == 0.0 || range.contains(&value.abs());
            self.blocks(model, &mut |_, block| within = within && block.iter().all(fits))?;
            return Ok(within);
        };
        let limits = (least(element, *range.start()), most(element, *range.end()));
        let source = model.file(*file);
        let mut bytes = vec![0; usize::try_from(BLOCK.min(place.end - place.start)).unwrap_or(0)];
        let mut at = place.start;
        while at < place.end {
            let count = BLOCK.min(place.end - at);
            let part = &mut bytes[..count as usize];
            source.read_exact_at(part, at).map_err(|e| self.unreadable(e))?;
            if leaves(element, part, limits) {
                return Ok(false);
            }
            at += count;
        }
        Ok(true)
    }
}

/// Whether a stored number is not zero and its bits without the sign are not between two others. Bits of magnitudes are ordered as
/// these are; infinity and NaN come last.
fn leaves(element: Element, bytes: &[u8], (least, most): (u64, u64)) -> bool {
    match element {
        Element::F16 | Element::BF16 => any(bytes, (least as u16, most as u16), |b| u16::from_le_bytes(b) & (u16::MAX >> 1)),
        Element::F32 => any(bytes, (least as u32, most as u32), |b| u32::from_le_bytes(b) & (u32::MAX >> 1)),
        Element::F64 => any(bytes, (least, most), |b| u64::from_le_bytes(b) & (u64::MAX >> 1)),
    }
}

/// Without a branch, so that many are looked at at once.
fn any<T, const N: usize>(bytes: &[u8], (least, most): (T, T), magnitude: impl Fn([u8; N]) -> T) -> bool
where
    T: Copy + Default + PartialOrd,
{
    let outside = |found, value: T| found | (value > most) | (value < least) & (value != T::default());
    bytes.as_chunks().0.iter().map(|bytes| magnitude(*bytes)).fold(false, outside)
}

/// The bits of the smallest number that is not below a magnitude.
fn least(element: Element, magnitude: f64) -> u64 {
    let near = bits(element, magnitude);
    near + u64::from(element.round(magnitude) < magnitude)
}

/// The bits of the largest finite number that is not above a magnitude.
fn most(element: Element, magnitude: f64) -> u64 {
    let magnitude = magnitude.min(element.max());
    let near = bits(element, magnitude);
    near - u64::from(element.round(magnitude) > magnitude)
}

fn bits(element: Element, magnitude: f64) -> u64 {
    let mut stored = Vec::with_capacity(8);
    element.encode(&[magnitude], &mut stored);
    stored.resize(8, 0);
    stored.try_into().map_or(0, u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_say_what_numbers_say() {
        for element in [Element::F16, Element::BF16, Element::F32, Element::F64] {
            let (normal, tiny, max) = (element.smallest_normal(), element.smallest_subnormal(), element.max());
            let values = [0.0, -0.0, tiny, normal, -normal, 0.1, -0.75, 1.0, 3.0, max, -max, f64::INFINITY, f64::NAN];
            let ends = [0.0, tiny / 3.0, tiny, normal * 1.3, 0.3, 0.75, 1.0, 2.9, max, f64::INFINITY];
            for value in values {
                let mut bytes = Vec::new();
                element.encode(&[value], &mut bytes);
                let stored = element.round(value);
                for (low, high) in ends.iter().flat_map(|low| ends.map(|high| (*low, high))) {
                    let finite = stored == 0.0 || stored.is_finite() && (low..=high).contains(&stored.abs());
                    let found = low > high || leaves(element, &bytes, (least(element, low), most(element, high)));
                    assert_eq!(!found, finite && low <= high, "{element:?} {value:e} in {low:e}..={high:e}");
                }
            }
        }
    }
}
