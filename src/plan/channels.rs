//! Where the channels of a weight are: a walk over its elements in runs along which they move evenly.

use std::ops::{AddAssign, Mul};

use crate::law::Role;

/// How output and input channels move along the axes of a weight; groups are counted through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Channels {
    /// Per axis, outermost first: its extent, and the steps of the output and of the input channel.
    steps: Vec<(u64, usize, usize)>,
}

/// Neighbouring elements, and the channels of the first one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// How many elements.
    pub count: usize,
    /// The output channel of the first, and its step from one to the next.
    pub out: (usize, usize),
    /// The input channel of the first, and its step from one to the next.
    pub input: (usize, usize),
}

impl Channels {
    /// The channels of a weight with these axes.
    pub fn new(axes: &[(Role, u64)]) -> Self {
        let extent =
            |label: Role| axes.iter().filter(|(role, _)| *role == label).map(|(_, size)| *size as usize).product::<usize>();
        let (out, input) = (extent(Role::Out), extent(Role::In));
        let steps = axes.iter().map(|(role, size)| match role {
            Role::Group => (*size, out, input),
            Role::Out => (*size, 1, 0),
            Role::In => (*size, 0, 1),
            Role::Sum | Role::Free => (*size, 0, 0),
        });
        Channels { steps: steps.collect() }
    }

    /// The channels along any axes, outermost first, each with its extent and the steps of the output and of the input channel:
    /// what moves as along one axis is one, so that runs are long.
    pub fn of(axes: impl IntoIterator<Item = (u64, usize, usize)>) -> Self {
        let mut steps: Vec<(u64, usize, usize)> = Vec::new();
        for (size, out, input) in axes.into_iter().filter(|(size, ..)| *size != 1) {
            match steps.last_mut() {
                Some((before, o, i)) if *o == out * size as usize && *i == input * size as usize => {
                    (*before, *o, *i) = (*before * size, out, input);
                }
                _ => steps.push((size, out, input)),
            }
        }
        Channels { steps }
    }

    /// The same, where nobody asks for the input channel: runs are longer.
    #[must_use]
    pub fn without_inputs(&self) -> Self {
        Channels::of(self.steps.iter().map(|(size, out, _)| (*size, *out, 0)))
    }

    /// Per axis: its extent, and the steps of the output and of the input channel.
    pub fn steps(&self) -> &[(u64, usize, usize)] {
        &self.steps
    }

    /// The number of output channels.
    pub fn outputs(&self) -> usize {
        self.steps.iter().map(|(size, out, _)| (*size as usize).saturating_sub(1) * out).sum::<usize>() + 1
    }

    /// The runs of `count` elements from number `first` on.
    pub fn runs(&self, first: u64, count: usize) -> impl Iterator<Item = Run> + '_ {
        let (mut at, mut out, mut input) = (vec![0; self.steps.len()], 0, 0);
        let mut rest = first;
        for (at, (size, out_step, in_step)) in at.iter_mut().zip(&self.steps).rev() {
            *at = rest % (*size).max(1);
            rest /= (*size).max(1);
            out += *at as usize * out_step;
            input += *at as usize * in_step;
        }
        let mut left = count;
        std::iter::from_fn(move || {
            let (size, out_step, in_step) = self.steps.last().copied().unwrap_or((u64::MAX, 0, 0));
            let room = size.max(1) - at.last().copied().unwrap_or(0);
            let count = usize::try_from(room).unwrap_or(usize::MAX).min(left);
            let run = Run { count, out: (out, out_step), input: (input, in_step) };
            left -= count;
            let mut steps = count as u64;
            for (at, (size, out_step, in_step)) in at.iter_mut().zip(&self.steps).rev() {
                *at += steps;
                out += steps as usize * out_step;
                input += steps as usize * in_step;
                if *at < *size {
                    break;
                }
                *at = 0;
                out -= *size as usize * out_step;
                input -= *size as usize * in_step;
                steps = 1;
            }
            (count > 0).then_some(run)
        })
    }

    /// Adds to each output channel what a block of elements from number `first` on makes of one term for each input channel.
    pub fn contract<N>(&self, (first, block): (u64, &[f64]), terms: &[N], sums: &mut [N])
    where
        N: Copy + Default + From<f64> + Mul<Output = N> + AddAssign,
    {
        let mut rest = block;
        for run in self.runs(first, block.len()) {
            let (weights, later) = rest.split_at(run.count);
            rest = later;
            let ((out, out_step), (input, in_step)) = (run.out, run.input);
            let terms = terms.get(input..).unwrap_or_default();
            let sums = sums.get_mut(out..).unwrap_or_default();
            match (out_step, in_step) {
                // The usual cases by themselves: a row times the terms, and one term times a row.
                (0, 1) => {
                    if let Some(sum) = sums.first_mut() {
                        weights.iter().zip(terms).for_each(|(weight, term)| *sum += N::from(*weight) * *term);
                    }
                }
                (1, 0) => {
                    let term = terms.first().copied().unwrap_or_default();
                    sums.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += N::from(*weight) * term);
                }
                _ => {
                    for (i, weight) in weights.iter().enumerate() {
                        let term = terms.get(i * in_step).copied().unwrap_or_default();
                        if let Some(sum) = sums.get_mut(i * out_step) {
                            *sum += N::from(*weight) * term;
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_every_element_with_its_channels() {
        // A grouped transposed convolution: two groups of two inputs and three outputs, two taps.
        let axes = [(Role::Group, 2), (Role::In, 2), (Role::Out, 3), (Role::Sum, 2)];
        let channels = Channels::new(&axes);
        assert_eq!(channels.outputs(), 6);
        for first in 0..24 {
            let mut element = first;
            for run in channels.runs(first as u64, 24 - first) {
                for i in 0..run.count {
                    let (group, input, out) = (element / 12, element / 6 % 2, element / 2 % 3);
                    assert_eq!(run.out.0 + i * run.out.1, group * 3 + out);
                    assert_eq!(run.input.0 + i * run.input.1, group * 2 + input);
                    element += 1;
                }
            }
            assert_eq!(element, 24);
        }
    }

    #[test]
    fn contractions_agree_whichever_way_the_channels_run() {
        // The same product of a matrix and a vector, from rows, from columns, and along a diagonal of groups.
        let (weights, terms) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, 10.0, 100.0]);
        let sums = |axes: &[(u64, usize, usize)], block: &[f64]| {
            let mut sums = [0.0; 3];
            Channels::of(axes.iter().copied()).contract((0, block), &terms, &mut sums);
            sums
        };
        assert_eq!(sums(&[(2, 1, 0), (3, 0, 1)], &weights), [321.0, 654.0, 0.0]);
        assert_eq!(sums(&[(3, 0, 1), (2, 1, 0)], &[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]), [321.0, 654.0, 0.0]);
        assert_eq!(sums(&[(3, 1, 1)], &weights[..3]), [1.0, 20.0, 300.0]);
    }

    #[test]
    fn what_moves_as_one_axis_is_one() {
        let runs = |axes: &[(u64, usize, usize)]| Channels::of(axes.iter().copied()).runs(0, 60).collect::<Vec<_>>();
        let run = |count, out, input| Run { count, out, input };
        assert_eq!(runs(&[(1, 9, 9), (3, 20, 0), (20, 1, 0)]), [run(60, (0, 1), (0, 0))]);
        assert_eq!(runs(&[(2, 1, 0), (5, 0, 6), (6, 0, 1)]), [run(30, (0, 0), (0, 1)), run(30, (1, 0), (0, 1))]);
        assert_eq!(runs(&[(60, 1, 1)]), [run(60, (0, 1), (0, 1))]);
        assert_eq!(Channels::of([(1, 1, 1)]).runs(0, 1).collect::<Vec<_>>(), [run(1, (0, 0), (0, 0))]);
    }

    #[test]
    fn without_inputs_runs_are_longer() {
        let axes = [(Role::Group, 1), (Role::Out, 4), (Role::In, 5), (Role::Sum, 9)];
        let runs: Vec<Run> = Channels::new(&axes).without_inputs().runs(10, 100).collect();
        assert_eq!(runs.iter().map(|r| (r.count, r.out.0)).collect::<Vec<_>>(), [(35, 0), (45, 1), (20, 2)]);
    }
}
