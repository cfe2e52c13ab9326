//! Whether a scaled weight survives its own type: nothing overflows, and no channel loses its digits among the smallest numbers.
//!
//! The loss of a channel is `√Σ(ulp(w*)/2)² / √Σ w*²` over its exact weights `w*`: the relative error that rounding them must
//! bring. Beyond four units of the type, folded weights have fallen into subnormals.

use crate::edit::Factored;
use crate::error::Result;
use crate::law::Reason;
use crate::model::{Element, Graph};

/// Units of roundoff that a channel may lose.
const LARGEST_LOSS: f64 = 4.0;

/// Reads a weight once; `None` means that it survives.
///
/// # Errors
/// The file cannot be read.
pub fn loss(graph: &Graph<'_>, factored: &Factored) -> Result<Option<Reason>> {
    let element = factored.rescale.element();
    let channels = factored.outputs.iter().map(|(extent, step)| extent.saturating_sub(1) * *step as u64).sum::<u64>() + 1;
    let mut errors = vec![0.0; usize::try_from(channels).unwrap_or(0)];
    let mut sizes = errors.clone();
    let mut overflow = false;
    graph.tensor(factored.tensor).blocks(graph.model, &mut |first, block| {
        for (index, number) in block.iter().enumerate() {
            let at = first + index as u64;
            let exact = number * factored.rescale.coefficient(at);
            overflow |= number.is_finite() && !element.round(exact).is_finite();
            let channel = factored.channel(at);
            if let (Some(error), Some(size), true) = (errors.get_mut(channel), sizes.get_mut(channel), exact != 0.0) {
                *error += half_ulp(element, exact).powi(2);
                *size += exact * exact;
            }
        }
    })?;
    if overflow {
        return Ok(Some(Reason::Overflow));
    }
    let lossy = |(error, size): (&f64, &f64)| error.sqrt() > LARGEST_LOSS * element.unit_roundoff() * size.sqrt();
    Ok(errors.iter().zip(&sizes).any(lossy).then_some(Reason::Underflow))
}

/// Half the distance of neighbouring numbers of a type around `value`.
fn half_ulp(element: Element, value: f64) -> f64 {
    let exponent = (((value.abs().to_bits() >> 52) as i32) - 1023).max(-1074);
    let ulp = 2f64.powi(exponent) * element.unit_roundoff() * 2.0;
    ulp.max(element.smallest_subnormal()) / 2.0
}

impl Factored {
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
