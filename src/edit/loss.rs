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
use crate::model::tensor::Parts;
use crate::model::{Element, Graph};
use crate::plan::{Channels, Run};

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

/// Reads a weight at most once; `None` means that it survives. `seen` is what the kernel saw, if it ran: what did not overflow
/// there is not looked for again.
///
/// # Errors
/// The file cannot be read.
pub fn loss(graph: &Graph<'_>, factored: &Factored, seen: Option<Damage>) -> Result<Option<Reason>> {
    let tensor = graph.tensor(factored.tensor);
    if seen.is_none() && tensor.lies_within(graph.model, &harmless(factored))? {
        return Ok(None);
    }
    let mut look = Look::new(factored, seen.is_none_or(|damage| damage.overflow));
    match tensor.parts(graph.model) {
        Some(parts) => look.sample(parts)?,
        None => tensor.blocks(graph.model, &mut |first, block| look.at(first, block))?,
    }
    if !look.element.round(look.largest).is_finite() {
        return Ok(Some(Reason::Overflow));
    }
    Ok(look.channels.iter().any(|channel| look.lossy(channel.small, channel)).then_some(Reason::Underflow))
}

/// A look at the weights of all channels.
struct Look<'a> {
    element: Element,
    walk: Channels,
    out: &'a [DoubleDouble],
    /// Empty if no input has a factor of its own.
    input: &'a [DoubleDouble],
    channels: Vec<Channel>,
    /// The weights of each channel.
    size: u64,
    /// Whether an overflow is looked for.
    overflow: bool,
    /// The largest magnitude that was found.
    largest: f64,
}

impl<'a> Look<'a> {
    fn new(factored: &'a Factored, overflow: bool) -> Self {
        let walk = if factored.input.is_empty() { factored.channels.without_inputs() } else { factored.channels.clone() };
        let mut channels = vec![Channel::default(); walk.outputs()];
        for (channel, shift) in channels.iter_mut().zip(&factored.shift) {
            channel.square = if shift.is_finite() { shift * shift } else { 0.0 };
        }
        let size = factored.rescale.elements() / channels.len().max(1) as u64;
        let element = factored.rescale.element();
        Self { element, walk, out: &factored.out, input: &factored.input, channels, size, overflow, largest: 0.0 }
    }

    /// Whether so many small weights are too many for a channel.
    fn lossy(&self, small: u64, channel: &Channel) -> bool {
        let unit = self.element.unit_roundoff();
        let step = self.element.smallest_subnormal() / 2.0;
        let allowed = (LARGEST_LOSS * LARGEST_LOSS - 1.0) * unit * unit;
        // Both sides over the square of the step, which by itself is below the smallest f64 for wide types.
        small > 0 && small as f64 > allowed * (channel.square.sqrt() / step).powi(2)
    }

    /// Whether a channel is large enough even if all its weights were small: it needs no further look.
    fn known(&self, channel: usize) -> bool {
        !self.overflow && self.channels.get(channel).is_some_and(|channel| !self.lossy(self.size, channel))
    }

    /// Looks at weights in steps that grow while none is skipped: what is known of a channel after its first weights need not
    /// be asked of the rest, which is not even read.
    fn sample(&mut self, mut parts: Parts<'_>) -> Result<()> {
        let (mut at, mut count) = (0, PART);
        while at < parts.elements() {
            let run = self.walk.runs(at, LONGEST).next().filter(|run| run.out.1 == 0 && self.known(run.out.0));
            if let Some(run) = run {
                (at, count) = (at + run.count as u64, PART);
                continue;
            }
            let part = parts.read(at, count)?;
            self.at(at, part);
            (at, count) = (at + part.len() as u64, LONGEST.min(2 * count));
        }
        Ok(())
    }

    /// Looks at the weights from number `first` on.
    fn at(&mut self, first: u64, block: &[f64]) {
        let mut rest = block;
        let runs: Vec<Run> = self.walk.runs(first, block.len()).collect();
        for run in runs {
            let (weights, later) = rest.split_at(run.count);
            rest = later;
            let factor = |i: usize| {
                let factor = |factors: &[DoubleDouble], (at, step): (usize, usize)| {
                    factors.get(at + i * step).map_or(1.0, |f| f.nearest())
                };
                factor(self.out, run.out) * factor(self.input, run.input)
            };
            if run.out.1 == 0 && run.input.1 == 0 {
                let factor = factor(0);
                for part in weights.chunks(PART) {
                    if self.known(run.out.0) {
                        break;
                    }
                    self.add(run.out.0, part, factor);
                }
                continue;
            }
            for (i, weight) in weights.iter().enumerate() {
                let factor = factor(i);
                self.add(run.out.0 + i * run.out.1, std::slice::from_ref(weight), factor);
            }
        }
    }

    fn add(&mut self, channel: usize, weights: &[f64], factor: f64) {
        if let Some(channel) = self.channels.get_mut(channel) {
            self.largest = self.largest.max(add(channel, weights, factor, self.element));
        }
    }
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

/// The most weights that are read at a time.
const LONGEST: usize = 32 << 10;

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
