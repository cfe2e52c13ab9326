//! Weights that are sums of others: each stored weight keeps its place in the file and is embedded, times its factors, when the sum
//! is asked for. Where an element goes is said in channels and taps, which mean the same in whatever weight it is embedded.

use std::sync::Arc;

use crate::double_double::{DoubleDouble, nearest};
use crate::error::Result;
use crate::law::{Reason, Role};
use crate::model::{Element, Graph, TensorId};
use crate::plan::channels::Channels;
use crate::plan::draft::multiply;

/// The sum of one weight is held in memory while it is computed, so that larger ones are not made: 256 MiB of sums.
pub const MOST_ELEMENTS: u64 = 1 << 24;

/// Units of roundoff that a channel may lose.
const LARGEST_LOSS: f64 = 4.0;

/// A weight that is a sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// Where its elements lie.
    pub layout: Layout,
    /// What it is the sum of.
    pub parts: Vec<Part>,
}

/// Where the element of an output channel, an input channel and a tap lies in a weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The shape of the weight.
    pub dims: Vec<u64>,
    /// How many groups there are.
    pub groups: usize,
    /// Output and input channels, groups counted through.
    pub channels: (usize, usize),
    /// From one output channel of a group to the next.
    out: usize,
    /// From one input channel of a group to the next.
    input: usize,
    /// From one tap to the next, along each axis.
    taps: Vec<usize>,
}

/// Where the elements of a part come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Every element is one.
    Ones,
    /// A weight of the file.
    Stored(TensorId),
    /// Numbers that were computed.
    Held(Arc<Vec<DoubleDouble>>),
}

/// A weight, or ones, embedded in a sum.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// Its elements, in the order of its axes.
    pub source: Source,
    /// Its axes, outermost first.
    pub lanes: Vec<Lane>,
    /// The tap at which its first one lies, along each axis.
    pub start: Vec<usize>,
    /// One factor per output channel; empty means none.
    pub out: Vec<DoubleDouble>,
    /// One factor per input channel; empty means none.
    pub input: Vec<DoubleDouble>,
}

/// An axis of a part: how far one step along it leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// How many positions it has.
    pub size: u64,
    /// In output channels.
    pub out: usize,
    /// In input channels.
    pub input: usize,
    /// In taps, along one axis.
    pub tap: Option<(usize, usize)>,
}

impl Layout {
    /// The layout of a weight with these axes, whose taps have these extents.
    pub fn new(axes: &[(Role, u64)], kernel: &[u64], dims: &[u64]) -> Layout {
        let of = |role: Role| axes.iter().filter(|(label, _)| *label == role).map(|(_, size)| *size as usize).product::<usize>();
        let (groups, out, input) = (of(Role::Group), of(Role::Out), of(Role::In));
        let behind = |role: Role| {
            let at = axes.iter().position(|(label, _)| *label == role).map_or(axes.len(), |at| at + 1);
            axes.iter().skip(at).map(|(_, size)| *size as usize).product::<usize>()
        };
        let taps = (0..kernel.len()).map(|axis| kernel.iter().skip(axis + 1).map(|k| *k as usize).product()).collect();
        let channels = (groups * out, groups * input);
        Layout { dims: dims.to_vec(), groups, channels, out: behind(Role::Out), input: behind(Role::In), taps }
    }

    /// How many elements there are.
    pub fn elements(&self) -> u64 {
        self.dims.iter().fold(1, |all, dim| all.saturating_mul(*dim))
    }

    /// How many taps there are, which lie side by side.
    pub fn taps(&self) -> usize {
        match self.taps.first() {
            Some(step) => step * self.dims.get(2).map_or(1, |size| *size as usize),
            None => 1,
        }
    }

    /// The number of the first tap from an input channel to an output channel; nothing where they are in different groups.
    pub fn between(&self, out: usize, input: usize) -> Option<usize> {
        self.place(&At { out, input, taps: vec![] })
    }

    /// The number of an element, whose channels are in one group.
    fn place(&self, at: &At) -> Option<usize> {
        let per_group = (self.channels.0 / self.groups.max(1), self.channels.1 / self.groups.max(1));
        let group = at.out / per_group.0.max(1);
        let input = at.input.checked_sub(group * per_group.1).filter(|input| *input < per_group.1)?;
        // A group is a run of output channels, and there are several only where these are outermost.
        let taps: usize = at.taps.iter().zip(&self.taps).map(|(tap, step)| tap * step).sum();
        Some(at.out * self.out + input * self.input + taps)
    }
}

/// Where an element of a part is.
struct At {
    out: usize,
    input: usize,
    taps: Vec<usize>,
}

impl Part {
    /// A weight with these axes, whose taps have these extents and lie at `start`, each `step` from the one before.
    pub fn of(source: Source, axes: &[(Role, u64)], kernel: &[u64]) -> Part {
        let mut lanes = Vec::new();
        for ((role, _), (size, out, input)) in axes.iter().zip(Channels::new(axes).steps()) {
            match role {
                Role::Sum => lanes.extend(kernel.iter().enumerate().map(|(axis, size)| Lane::tap(*size, axis))),
                _ => lanes.push(Lane { size: *size, out: *out, input: *input, tap: None }),
            }
        }
        Part { source, lanes, start: vec![0; kernel.len()], out: vec![], input: vec![] }
    }

    /// Ones from each channel to itself, at every tap of a kernel.
    pub fn ones(channels: usize, kernel: &[u64]) -> Part {
        let mut lanes = vec![Lane { size: channels as u64, out: 1, input: 1, tap: None }];
        lanes.extend(kernel.iter().enumerate().map(|(axis, size)| Lane::tap(*size, axis)));
        Part { source: Source::Ones, lanes, start: vec![0; kernel.len()], out: vec![], input: vec![] }
    }

    /// The part with its taps moved: along each axis, where the first one lies and how far apart they are.
    #[must_use]
    pub fn moved(mut self, taps: &[(usize, usize)]) -> Part {
        for (axis, step) in self.lanes.iter_mut().filter_map(|lane| lane.tap.as_mut()) {
            *step *= taps.get(*axis).map_or(1, |(_, step)| *step);
        }
        for (start, (first, step)) in self.start.iter_mut().zip(taps) {
            *start = first + *start * step;
        }
        self
    }

    /// The part times a factor for each channel with `label`.
    pub fn scale(&mut self, label: Role, factor: &[DoubleDouble]) {
        multiply(if label == Role::Out { &mut self.out } else { &mut self.input }, factor);
    }

    /// Hands every element on, with its place and its number.
    fn each(&self, graph: &Graph<'_>, take: &mut dyn FnMut(&At, DoubleDouble)) -> Result<()> {
        let mut position = vec![0u64; self.lanes.len()];
        let mut at = At { out: 0, input: 0, taps: self.start.clone() };
        let of = |factors: &[DoubleDouble], channel: usize| factors.get(channel).copied().unwrap_or(DoubleDouble::ONE);
        let mut one = |weight: DoubleDouble| {
            take(&at, weight * of(&self.out, at.out) * of(&self.input, at.input));
            for (position, lane) in position.iter_mut().zip(&self.lanes).rev() {
                *position += 1;
                let ends = *position == lane.size;
                lane.step(&mut at, if ends { lane.size as usize - 1 } else { 1 }, ends);
                if !ends {
                    break;
                }
                *position = 0;
            }
        };
        match &self.source {
            Source::Stored(source) => {
                let blocks = &mut |_: u64, block: &[f64]| block.iter().for_each(|weight| one(DoubleDouble::new(*weight)));
                return graph.tensor(*source).blocks(graph.model, blocks);
            }
            Source::Held(numbers) => numbers.iter().copied().for_each(one),
            Source::Ones => (0..self.lanes.iter().map(|lane| lane.size).product::<u64>()).for_each(|_| one(DoubleDouble::ONE)),
        }
        Ok(())
    }

    /// Hands the elements on in blocks, as doubles, each with the number of its first.
    fn blocks(&self, graph: &Graph<'_>, take: &mut dyn FnMut(u64, &[f64])) -> Result<()> {
        match &self.source {
            Source::Stored(source) => return graph.tensor(*source).blocks(graph.model, take),
            Source::Held(numbers) => take(0, &nearest(numbers)),
            Source::Ones => take(0, &vec![1.0; self.lanes.iter().map(|lane| lane.size).product::<u64>() as usize]),
        }
        Ok(())
    }

    /// Where its channels are.
    fn channels(&self) -> Channels {
        Channels::of(self.lanes.iter().map(|lane| (lane.size, lane.out, lane.input)))
    }

    /// Adds up the elements of each output channel, by themselves and by magnitude.
    fn add_up(&self, graph: &Graph<'_>, sums: &mut [Summed]) -> Result<()> {
        let channels = if self.input.is_empty() { self.channels().without_inputs() } else { self.channels() };
        let (out, input) = (nearest(&self.out), nearest(&self.input));
        let of = |factors: &[f64], channel: usize| factors.get(channel).copied().unwrap_or(1.0);
        self.blocks(graph, &mut |first, block| {
            let mut rest = block;
            for run in channels.runs(first, block.len()) {
                let (weights, later) = rest.split_at(run.count);
                rest = later;
                if run.out.1 == 0 && run.input.1 == 0 {
                    let factor = of(&out, run.out.0) * of(&input, run.input.0);
                    let (sum, size) = lanes(weights);
                    if let Some(channel) = sums.get_mut(run.out.0) {
                        channel.add(sum * factor, size * factor.abs());
                    }
                    continue;
                }
                for (i, weight) in weights.iter().enumerate() {
                    let (o, c) = (run.out.0 + i * run.out.1, run.input.0 + i * run.input.1);
                    let value = weight * of(&out, o) * of(&input, c);
                    if let Some(channel) = sums.get_mut(o) {
                        channel.add(value, value.abs());
                    }
                }
            }
        })
    }
}

/// The sum of an output channel's elements, and that of their magnitudes.
#[derive(Clone, Copy, Default)]
struct Summed {
    sum: f64,
    size: f64,
}

impl Summed {
    fn add(&mut self, sum: f64, size: f64) {
        self.sum += sum;
        self.size += size;
    }
}

/// Sums that do not wait for each other.
fn lanes(weights: &[f64]) -> (f64, f64) {
    let (mut sums, mut sizes) = ([0.0; 8], [0.0; 8]);
    let (blocks, rest) = weights.as_chunks::<8>();
    let mut add = |lane: usize, weight: f64| {
        sums[lane] += weight;
        sizes[lane] += weight.abs();
    };
    for block in blocks {
        (0..8).for_each(|lane| add(lane, block[lane]));
    }
    rest.iter().enumerate().for_each(|(lane, weight)| add(lane, *weight));
    (sums.iter().sum(), sizes.iter().sum())
}

impl Lane {
    fn tap(size: u64, axis: usize) -> Lane {
        Lane { size, out: 0, input: 0, tap: Some((axis, 1)) }
    }

    /// Moves a place by some steps, ahead or back.
    fn step(&self, at: &mut At, count: usize, back: bool) {
        let move_by = |from: &mut usize, step: usize| {
            *from = if back { from.saturating_sub(count * step) } else { *from + count * step };
        };
        move_by(&mut at.out, self.out);
        move_by(&mut at.input, self.input);
        if let Some((axis, step)) = self.tap
            && let Some(tap) = at.taps.get_mut(axis)
        {
            move_by(tap, step);
        }
    }
}

impl Merged {
    /// The elements, in order.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn elements(&self, graph: &Graph<'_>) -> Result<Vec<DoubleDouble>> {
        let mut values = vec![DoubleDouble::ZERO; self.layout.elements() as usize];
        for part in &self.parts {
            part.each(graph, &mut |at, value| {
                if let Some(sum) = self.layout.place(at).and_then(|place| values.get_mut(place)) {
                    *sum += value;
                }
            })?;
        }
        Ok(values)
    }

    /// `Σ W·shift` for each output channel.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn contract(&self, graph: &Graph<'_>, shift: &[DoubleDouble]) -> Result<Vec<DoubleDouble>> {
        let mut sums = vec![DoubleDouble::ZERO; self.layout.channels.0];
        for part in &self.parts {
            part.each(graph, &mut |at, value| {
                if let (Some(sum), Some(term)) = (sums.get_mut(at.out), shift.get(at.input)) {
                    *sum += value * *term;
                }
            })?;
        }
        Ok(sums)
    }

    /// Whether the elements are numbers of a type, and no output channel loses digits among the smallest of them. They are computed
    /// only where sums of their parts do not decide it.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn survives(&self, graph: &Graph<'_>, element: Element) -> Result<std::result::Result<(), Reason>> {
        if self.clearly_survives(graph, element)? {
            return Ok(Ok(()));
        }
        Ok(self.survive(&self.elements(graph)?, element))
    }

    /// Whether the sums of the parts' elements show that nothing is lost. No element is larger than the sum of all magnitudes of its
    /// channel. And the sum of a channel's n elements is at most √n times the root of the sum of their squares (Cauchy), so that a
    /// sum that is large enough shows that its digits are not among the smallest numbers, whichever of the n may be.
    fn clearly_survives(&self, graph: &Graph<'_>, element: Element) -> Result<bool> {
        // Products of doubles may be too small to be seen here.
        if element == Element::F64 {
            return Ok(false);
        }
        let outs = self.layout.channels.0.max(1);
        let mut sums = vec![Summed::default(); outs];
        let mut terms = 8.0;
        for part in &self.parts {
            part.add_up(graph, &mut sums)?;
            terms += part.lanes.iter().map(|lane| lane.size as f64).product::<f64>() / outs as f64;
        }
        let elements = self.layout.elements() as f64 / outs as f64;
        let enough = 2.0 * elements * (element.smallest_subnormal() / 2.0) / (LARGEST_LOSS * element.unit_roundoff());
        // What adding up doubles errs by at most.
        let err = terms * 4.0 * f64::EPSILON;
        Ok(sums.iter().all(|Summed { sum, size }| *size < element.max() / 2.0 && sum.abs() > enough + err * size))
    }

    /// Whether these are numbers of a type, and no output channel loses digits among the smallest of them. What a channel may lose is
    /// four units of roundoff of its weights.
    ///
    /// # Errors
    /// Why not.
    pub fn survive(&self, values: &[DoubleDouble], element: Element) -> std::result::Result<(), Reason> {
        if values.iter().any(|value| !value.is_finite()) {
            return Err(Reason::NonFinite);
        }
        if values.iter().any(|value| !element.round(value.nearest()).is_finite()) {
            return Err(Reason::Overflow);
        }
        let lost = |value: f64| value.abs() < element.smallest_normal() && element.round(value) != value;
        let channel = |at: usize| at / self.layout.out.max(1) % self.layout.channels.0.max(1);
        let mut sums = vec![(0.0f64, 0.0f64); self.layout.channels.0];
        for (at, value) in values.iter().map(|value| value.nearest()).enumerate() {
            if let Some((small, square)) = sums.get_mut(channel(at)) {
                *small += f64::from(u8::from(lost(value)));
                *square += value * value;
            }
        }
        let (unit, step) = (element.unit_roundoff(), element.smallest_subnormal() / 2.0);
        let lossy = |(small, square): &(f64, f64)| *small > 0.0 && small.sqrt() > LARGEST_LOSS * unit * (square.sqrt() / step);
        if sums.iter().any(lossy) { Err(Reason::Underflow) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests;
