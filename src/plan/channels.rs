//! Where the channels of a weight are: a walk over its elements in runs along which they move evenly.

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

    /// The same, where nobody asks for the input channel: runs are longer.
    #[must_use]
    pub fn without_inputs(&self) -> Self {
        let mut steps: Vec<(u64, usize, usize)> = Vec::new();
        for (size, out, _) in &self.steps {
            match steps.last_mut() {
                Some((before, 0, _)) if *out == 0 => *before *= size,
                _ => steps.push((*size, *out, 0)),
            }
        }
        Channels { steps }
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
        let mut at = 0;
        std::iter::from_fn(move || {
            if at >= count {
                return None;
            }
            let element = first + at as u64;
            let (mut rest, mut out, mut input) = (element, 0, 0);
            for (size, out_step, in_step) in self.steps.iter().rev() {
                let index = (rest % (*size).max(1)) as usize;
                rest /= (*size).max(1);
                out += index * out_step;
                input += index * in_step;
            }
            let (size, out_step, in_step) = self.steps.last().copied().unwrap_or((1, 0, 0));
            let left = size.max(1) - element % size.max(1);
            let length = usize::try_from(left).unwrap_or(usize::MAX).min(count - at);
            at += length;
            Some(Run { count: length, out: (out, out_step), input: (input, in_step) })
        })
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
    fn without_inputs_runs_are_longer() {
        let axes = [(Role::Group, 1), (Role::Out, 4), (Role::In, 5), (Role::Sum, 9)];
        let runs: Vec<Run> = Channels::new(&axes).without_inputs().runs(10, 100).collect();
        assert_eq!(runs.iter().map(|r| (r.count, r.out.0)).collect::<Vec<_>>(), [(35, 0), (45, 1), (20, 2)]);
    }
}
