//! What is fed into a region: zeros, dense random numbers, impulses.

use crate::engine::array::{Array, Data, count};
use crate::engine::inputs::SplitMix64;
use crate::verify::certify::layout::Layout;

/// What a sample is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing but what the region adds.
    Zeros,
    /// No number is zero, so that every channel and every tap is excited.
    Dense,
    /// One number of each group of channels, so that no two meet in an output.
    Impulse,
}

impl Kind {
    pub fn words(self) -> &'static str {
        match self {
            Kind::Zeros => "zeros",
            Kind::Dense => "dense random numbers",
            Kind::Impulse => "an impulse",
        }
    }
}

const DENSE: usize = 3;
const IMPULSE: f64 = 1024.0;
/// Channels of a group that get an impulse.
const CHANNELS: usize = 8;
/// Impulses in all; there are more only where strides are wide.
const IMPULSES: usize = 64;
/// Numbers in all samples together.
const MOST: usize = 1 << 24;

/// The kinds of the samples for inputs of these layouts, zeros first. Where all constants are proved one by one, impulses have no
/// fault to find among them, and one shows where the engine puts its taps.
pub(super) fn kinds<'l>(layouts: impl Iterator<Item = &'l Layout>, proved: bool) -> Vec<Kind> {
    let impulses = layouts.map(|layout| if count(&layout.dims).is_some_and(|n| n <= MOST / 128) { impulses(layout) } else { 0 });
    let most = if proved { 1 } else { IMPULSES };
    let mut kinds = vec![Kind::Zeros];
    kinds.extend([Kind::Dense; DENSE]);
    kinds.extend(vec![Kind::Impulse; impulses.max().unwrap_or(0).min(most)]);
    kinds
}

fn grouped(layout: &Layout) -> usize {
    let channels = layout.channels.and_then(|axis| layout.dims.get(axis)).copied().unwrap_or(1);
    channels / layout.groups.max(1)
}

fn impulses(layout: &Layout) -> usize {
    let phases = layout.phases.iter().fold(1_usize, |all, (_, phases)| all.saturating_mul(*phases));
    grouped(layout).min(CHANNELS).saturating_mul(phases).min(IMPULSES)
}

/// Sample number `index` of an input.
pub(super) fn sample(layout: &Layout, kinds: &[Kind], index: usize, random: &mut SplitMix64) -> Option<Array> {
    let length = count(&layout.dims)?;
    if layout.choice {
        // Up to two positions away, on a position here and there.
        let far = |far: f64, at: usize| if at.is_multiple_of(4) { far.round() } else { far };
        let values = (0..length).map(|at| far(4.0 * random.unit() - 2.0, at)).collect();
        return Some(Array { dims: layout.dims.clone(), data: Data::Float(values) });
    }
    let mut values = vec![0.0; length];
    match kinds.get(index)? {
        Kind::Zeros => {}
        Kind::Dense => {
            let axis = layout.channels.unwrap_or(0);
            let inner: usize = layout.dims.iter().skip(axis + 1).product();
            let channels = layout.dims.get(axis).copied().unwrap_or(1).max(1);
            let wide = index == DENSE;
            let factors: Vec<f64> =
                (0..channels).map(|_| if wide { 10_f64.powf(2.0 * random.unit() - 1.0) } else { 1.0 }).collect();
            for (at, value) in values.iter_mut().enumerate() {
                let sign = if random.bits() >> 63 == 0 { 1.0 } else { -1.0 };
                let factor = factors.get(at / inner.max(1) % channels).copied().unwrap_or(1.0);
                *value = sign * (0.5 + 0.5 * random.unit()) * factor;
            }
        }
        Kind::Impulse => {
            let number = index.checked_sub(DENSE + 1)?;
            impulse(layout, number, &mut values);
        }
    }
    Some(Array { dims: layout.dims.clone(), data: Data::Float(values) })
}

/// Channels take turns, spread over each group; then phases.
fn impulse(layout: &Layout, number: usize, values: &mut [f64]) {
    let each = grouped(layout).max(1);
    let turns = each.min(CHANNELS);
    let (turn, mut phase) = (number % turns, number / turns);
    let channel = turn * each / turns;
    let spatial = layout.dims.len().saturating_sub(layout.phases.len());
    let mut position = vec![0; layout.dims.len()];
    for (axis, (first, phases)) in layout.phases.iter().enumerate() {
        if let (Some(place), Some(dim)) = (position.get_mut(spatial + axis), layout.dims.get(spatial + axis)) {
            *place = (first + phase % (*phases).max(1)).min(dim.saturating_sub(1));
        }
        phase /= (*phases).max(1);
    }
    for group in 0..layout.groups.max(1) {
        if let Some(place) = layout.channels.and_then(|axis| position.get_mut(axis)) {
            *place = group * each + channel;
        }
        let at = position.iter().zip(&layout.dims).fold(0, |at, (place, dim)| at * dim + place);
        if let Some(value) = values.get_mut(at) {
            *value = IMPULSE;
        }
    }
}

/// Samples side by side along an axis that is 1 in each of them.
pub(super) fn stacked(samples: &[Array], back: usize) -> Option<Array> {
    let first = samples.first()?;
    let axis = first.dims.len().checked_sub(back + 1)?;
    let inner: usize = first.dims.iter().skip(axis).product();
    let parts: Option<Vec<&Vec<f64>>> =
        samples.iter().map(|sample| if let Data::Float(all) = &sample.data { Some(all) } else { None }).collect();
    let parts = parts?;
    let outer: usize = first.dims.iter().take(axis).product();
    let mut values = Vec::with_capacity(outer * inner * parts.len());
    for at in 0..outer {
        for part in &parts {
            values.extend_from_slice(part.get(at * inner..(at + 1) * inner)?);
        }
    }
    let mut dims = first.dims.clone();
    *dims.get_mut(axis)? = samples.len();
    Some(Array { dims, data: Data::Float(values) })
}

/// The samples again, out of what was made of them side by side.
pub(super) fn unstacked(all: &Array, back: usize, samples: usize) -> Option<Vec<Array>> {
    let axis = all.dims.len().checked_sub(back + 1)?;
    if all.dims.get(axis) != Some(&samples) {
        return None;
    }
    let Data::Float(values) = &all.data else { return None };
    let inner: usize = all.dims.iter().skip(axis + 1).product();
    let outer: usize = all.dims.iter().take(axis).product();
    let mut dims = all.dims.clone();
    *dims.get_mut(axis)? = 1;
    let one = |sample: usize| {
        let mut part = Vec::with_capacity(outer * inner);
        for at in 0..outer {
            let start = (at * samples + sample) * inner;
            part.extend_from_slice(values.get(start..start + inner)?);
        }
        Some(Array { dims: dims.clone(), data: Data::Float(part) })
    };
    (0..samples).map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stacked_comes_apart_again() {
        let numbers = |first: f64| Data::Float((0..6).map(|i| first + f64::from(i)).collect());
        let part = |first: f64| Array { dims: vec![2, 1, 3], data: numbers(first) };
        let parts = [part(0.0), part(10.0), part(20.0)];
        let all = stacked(&parts, 1).unwrap();
        assert_eq!(all.dims, [2, 3, 3]);
        assert_eq!(unstacked(&all, 1, 3).unwrap(), parts);
        assert_eq!(unstacked(&all, 1, 2), None);
    }

    #[test]
    fn impulses_meet_every_phase_and_group() {
        let phases = vec![(1, 2), (1, 2)];
        let layout = Layout {
            dims: vec![1, 4, 4, 4],
            stack: Some((3, 3)),
            channels: Some(1),
            groups: 2,
            phases,
            summed: 18,
            choice: false,
        };
        let impulses = |kinds: &[Kind]| kinds.iter().filter(|kind| **kind == Kind::Impulse).count();
        assert_eq!(impulses(&kinds([&layout].into_iter(), true)), 1);
        let kinds = kinds([&layout].into_iter(), false);
        assert_eq!(impulses(&kinds), 8);
        let mut seen = vec![0.0; 64];
        for index in 4..kinds.len() {
            let sample = sample(&layout, &kinds, index, &mut SplitMix64::new(0, "")).unwrap();
            let Data::Float(values) = sample.data else { panic!() };
            assert_eq!(values.iter().sum::<f64>(), 2.0 * IMPULSE);
            seen.iter_mut().zip(values).for_each(|(seen, value)| *seen += value);
        }
        assert_eq!(seen.iter().filter(|value| **value == IMPULSE).count(), 16);
    }
}
