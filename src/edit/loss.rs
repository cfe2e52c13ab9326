//! Whether a scaled weight survives its own type: nothing overflows, and no channel loses its digits among the smallest numbers.
//!
//! The loss of a channel is `√Σ(ulp(w*)/2)² / √Σ w*²` over its exact weights `w*`: the relative error that rounding them must
//! bring. Beyond four units of the type, folded weights have fallen into subnormals.

use crate::edit::Scaled;
use crate::error::{Error, Result};
use crate::law::Reason;
use crate::model::{Element, Model};

/// Units of roundoff that a channel may lose.
const LARGEST_LOSS: f64 = 4.0;

/// Elements per block.
const BLOCK: u64 = 32 << 10;

/// Reads a weight once; `None` means that it survives.
///
/// # Errors
/// The file cannot be read.
pub fn loss(model: &Model, scaled: &Scaled) -> Result<Option<Reason>> {
    let element = scaled.rescale.element();
    let (size, source) = (element.size() as u64, model.file(scaled.file));
    let total = (scaled.range.end - scaled.range.start) / size;
    let channels = scaled.outputs.iter().map(|(extent, step)| (extent - 1) * *step as u64).sum::<u64>() + 1;
    let mut errors = vec![0.0; usize::try_from(channels).unwrap_or(0)];
    let mut sizes = errors.clone();
    let (mut numbers, mut at) = (Vec::new(), 0);
    while at < total {
        let count = BLOCK.min(total - at);
        let mut bytes = vec![0; (count * size) as usize];
        source.read_exact_at(&mut bytes, scaled.range.start + at * size).map_err(|e| Error::io("cannot read a weight", e))?;
        numbers.clear();
        element.decode(&bytes, &mut numbers);
        for (index, number) in numbers.iter().enumerate() {
            let exact = number * scaled.rescale.coefficient(at + index as u64);
            if number.is_finite() && !element.round(exact).is_finite() {
                return Ok(Some(Reason::Overflow));
            }
            let channel = scaled.channel(at + index as u64);
            if let (Some(error), Some(size), true) = (errors.get_mut(channel), sizes.get_mut(channel), exact != 0.0) {
                *error += (half_ulp(element, exact)).powi(2);
                *size += exact * exact;
            }
        }
        at += count;
    }
    let lossy = |(error, size): (&f64, &f64)| error.sqrt() > LARGEST_LOSS * element.unit_roundoff() * size.sqrt();
    Ok(errors.iter().zip(&sizes).any(lossy).then_some(Reason::Underflow))
}

/// Half the distance of neighbouring numbers of a type around `value`.
fn half_ulp(element: Element, value: f64) -> f64 {
    let exponent = ((value.abs().to_bits() >> 52) as i32 - 1023).max(-1074);
    let ulp = 2f64.powi(exponent) * element.unit_roundoff() * 2.0;
    ulp.max(element.smallest_subnormal()) / 2.0
}

impl Scaled {
    /// The output channel of an element.
    fn channel(&self, element: u64) -> usize {
        let (mut rest, mut channel) = (element, 0);
        for (extent, step) in self.outputs.iter().rev() {
            channel += (rest % extent) as usize * step;
            rest /= extent;
        }
        channel
    }
}
