//! Whether a scaled weight survives its own type: nothing overflows, and no channel loses its digits among the smallest numbers.
//!
//! The loss of a channel is `√Σ(ulp(w*)/2)² / √Σ w*²` over its exact weights `w*`: the relative error that rounding them may
//! bring. A normal number brings at most one unit `u` of the type, so what counts are numbers below the normal ones, of which
//! each brings half the smallest number. Beyond four units in all, folded weights have fallen into subnormals. A weight that was
//! below them before has no digits to lose, and where a shift is added to the channel, what is lost beside it is not seen.

use std::ops::RangeInclusive;

use crate::double_double::DoubleDouble;
use crate::edit::Factored;
use crate::edit::rescale::Damage;
use crate::error::Result;
use crate::law::Reason;
use crate::model::{Element, Graph};

/// Units of roundoff that a channel may lose.
const LARGEST_LOSS: f64 = 4.0;

/// What is known of a channel after some of its weights.
#[derive(Clone, Copy, Default)]
struct Channel {
    /// Exact weights that are below the normal numbers and were not, or that become zero.
    small: u64,
    /// The sum of the squares of the exact weights and of the shift.
    square: f64,
}

/// Reads a weight once; `None` means that it survives. `seen` is what the kernel saw, if it ran: what did not overflow there
/// is not looked for again.
///
/// # Errors
/// The file cannot be read.
pub fn loss(graph: &Graph<'_>, factored: &Factored, seen: Option<Damage>) -> Result<Option<Reason>> {
    let element = factored.rescale.element();
    if seen.is_none() && graph.tensor(factored.tensor).lies_within(graph.model, &harmless(factored))? {
        return Ok(None);
    }
    let (walk, inputs) = match factored.input.is_empty() {
        true => (factored.channels.without_inputs(), &[][..]),
        false => (factored.channels.clone(), &factored.input[..]),
    };
    let mut channels = vec![Channel::default(); walk.outputs()];
    for (channel, shift) in channels.iter_mut().zip(&factored.shift) {
        channel.square = if shift.is_finite() { shift * shift } else { 0.0 };
    }
    let mut largest: f64 = 0.0;
    let unit = element.unit_roundoff();
    let step = element.smallest_subnormal() / 2.0;
    let allowed = (LARGEST_LOSS * LARGEST_LOSS - 1.0) * unit * unit;
    // Both sides over the square of the step, which by itself is below the smallest f64 for wide types.
    let lossy = |small: u64, channel: &Channel| small > 0 && small as f64 > allowed * (channel.square.sqrt() / step).powi(2);
    // A channel that is large enough even if all its weights were small needs no further look.
    let size = factored.rescale.elements() / channels.len().max(1) as u64;
    let overflow = seen.is_none_or(|damage| damage.overflow);
    let known = |channel: &Channel| !overflow && !lossy(size, channel);
    graph.tensor(factored.tensor).blocks(graph.model, &mut |first, block| {
        let mut rest = block;
        for run in walk.runs(first, block.len()) {
            let (weights, later) = rest.split_at(run.count);
            rest = later;
            let factor = |factors: &[DoubleDouble], (at, step): (usize, usize), i: usize| {
                factors.get(at + i * step).map_or(1.0, |f| f.nearest())
            };
            if run.out.1 == 0 && run.input.1 == 0 {
                let factor = factor(&factored.out, run.out, 0) * factor(inputs, run.input, 0);
                if let Some(channel) = channels.get_mut(run.out.0) {
                    for part in weights.chunks(PART) {
                        if known(channel) {
                            break;
                        }
                        largest = largest.max(add(channel, part, factor, element));
                    }
                }
                continue;
            }
            for (i, weight) in weights.iter().enumerate() {
                let factor = factor(&factored.out, run.out, i) * factor(inputs, run.input, i);
                if let Some(channel) = channels.get_mut(run.out.0 + i * run.out.1) {
                    largest = largest.max(add(channel, std::slice::from_ref(weight), factor, element));
                }
            }
        }
    })?;
    if !element.round(largest).is_finite() {
        return Ok(Some(Reason::Overflow));
    }
    Ok(channels.iter().any(|channel| lossy(channel.small, channel)).then_some(Reason::Underflow))
}

/// Magnitudes between which no weight can leave the normal numbers, whichever factors it meets; far enough from the ends of the
/// type that no rounding matters. Empty if the factors leave none.
fn harmless(factored: &Factored) -> RangeInclusive<f64> {
    let element = factored.rescale.element();
    let (mut least, mut most) = (1.0f64, 1.0f64);
    for factors in [&factored.out, &factored.input].into_iter().filter(|factors| !factors.is_empty()) {
        let magnitudes = factors.iter().map(|factor| factor.nearest().abs());
        // Times zero everything is zero, which is no loss; what is no number leaves the range empty.
        least *= magnitudes.clone().filter(|magnitude| *magnitude != 0.0).fold(f64::INFINITY, f64::min);
        most *= magnitudes.fold(0.0, |most, magnitude| if magnitude > most || magnitude.is_nan() { magnitude } else { most });
    }
    2.0 * element.smallest_normal() / least..=element.max() / 2.0 / most
}

/// How many weights are looked at before the next question whether that was enough.
const PART: usize = 256;

/// How many weights are looked at side by side.
const LANES: usize = 8;

/// Adds weights that share a factor. Returns the largest finite magnitude among the products of finite weights; an infinite
/// product of finite numbers counts as the largest.
fn add(channel: &mut Channel, weights: &[f64], factor: f64, element: Element) -> f64 {
    let (normal, vanishes) = (element.smallest_normal(), element.smallest_subnormal() / 2.0);
    // Sums that do not wait for each other: one sum in order would take as long as reading the file.
    let (mut small, mut square, mut largest) = ([0u64; LANES], [0.0; LANES], [0.0f64; LANES]);
    let mut look = |lane: usize, weight: f64| {
        let exact = (weight * factor).abs();
        let known = if weight.is_finite() { exact } else { 0.0 };
        small[lane] += u64::from(exact < normal && exact > 0.0 && (weight.abs() >= normal || exact <= vanishes));
        square[lane] += known * known;
        largest[lane] = if known > largest[lane] { known } else { largest[lane] };
    };
    let (blocks, rest) = weights.as_chunks::<LANES>();
    for block in blocks {
        (0..LANES).for_each(|lane| look(lane, block[lane]));
    }
    rest.iter().enumerate().for_each(|(lane, weight)| look(lane, *weight));
    channel.small += small.iter().sum::<u64>();
    channel.square += square.iter().sum::<f64>();
    largest.into_iter().fold(0.0, f64::max)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_the_normal_numbers_is_counted() {
        let normal = Element::F16.smallest_normal();
        let small = |weight: f64, factor: f64| {
            let mut channel = Channel::default();
            let largest = add(&mut channel, &[weight], factor, Element::F16);
            assert_eq!((largest, channel.square), ((weight * factor).abs(), (weight * factor).powi(2)));
            channel.small
        };
        assert_eq!(small(2.0 * normal, 0.5), 0, "the smallest normal number");
        assert_eq!(small(2.0 * normal, -0.375), 1);
        assert_eq!(small(0.5 * normal, 0.5), 0, "it was none before");
        assert_eq!(small(0.5 * normal, 2f64.powi(-12)), 1, "nothing is left");
        assert_eq!(small(normal, 0.0), 0, "times zero everything is zero");
        let mut channel = Channel::default();
        let weights: Vec<f64> = (0..19).map(|at| f64::from(at) - 4.0).collect();
        assert_eq!(add(&mut channel, &weights, 0.5, Element::F16), 7.0);
        assert_eq!(channel.square, weights.iter().map(|weight| weight * weight / 4.0).sum::<f64>());
        assert_eq!(add(&mut channel, &[f64::INFINITY, 1.0], 2.0, Element::F16), 2.0);
    }
}
