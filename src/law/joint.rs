//! Maps that run along several axes at once: what one axis becomes where a Reshape divides it, until another joins its parts.
//!
//! Between the two, axes may change places, as in a channel shuffle, so the parts come together in another order. Coefficients
//! are row-major over the axes of the map, which stand in the order of the value's axes.

use super::{Carry, Lane, Pairs, Port, Step, Together};
use crate::map::{Affine, Placed};

/// An axis of a value and its extent.
type Axis = (usize, u64);

impl Placed {
    /// The axes of a map that runs along at least one.
    fn axes(&self) -> Option<Vec<Axis>> {
        let inner: u64 = self.beside.iter().map(|(_, extent)| *extent).product();
        let first = (self.axis?, (self.map.len() as u64).checked_div(inner)?);
        Some(std::iter::once(first).chain(self.beside.iter().copied()).collect())
    }

    /// A map along axes in any order, coefficients row-major in that order.
    fn along(axes: &[Axis], map: &Affine) -> Option<Placed> {
        let mut order: Vec<usize> = (0..axes.len()).collect();
        order.sort_by_key(|at| axes[*at].0);
        if order.windows(2).any(|pair| axes[pair[0]].0 == axes[pair[1]].0) {
            return None;
        }
        let mut steps = vec![1usize; axes.len()];
        for at in (1..axes.len()).rev() {
            steps[at - 1] = steps[at].checked_mul(usize::try_from(axes[at].1).ok()?)?;
        }
        let mut from = vec![0usize];
        for at in &order {
            let extent = usize::try_from(axes[*at].1).ok()?;
            from =
                from.iter().flat_map(|base| (0..extent).map(move |i| (base, i))).map(|(base, i)| base + i * steps[*at]).collect();
        }
        let pick = |values: &[_]| from.iter().map(|at| values.get(*at).copied()).collect::<Option<Vec<_>>>();
        let map = Affine { scale: pick(&map.scale)?, shift: pick(&map.shift)? };
        let mut sorted = order.iter().map(|at| axes[*at]);
        Some(Placed { axis: Some(sorted.next()?.0), map, beside: sorted.collect() })
    }
}

impl Carry {
    /// As one axis passes, for the axes of a map together; each must go on whole.
    pub(super) fn jointly(&self, at: Port, map: &Placed) -> Option<Step> {
        let ([wire], Together::Parts, Some(axes)) = (&self.wires[..], self.together, map.axes()) else {
            return None;
        };
        let backward = matches!(at, Port::Output(_));
        let mut arrived: Vec<Axis> = Vec::new();
        let mut next = 0;
        while let Some((axis, extent)) = axes.get(next).copied() {
            let here = |lane: &&Lane| if backward { lane.output == axis } else { lane.input == axis };
            let lane = wire.lanes.iter().find(here)?;
            let (to, (from_run, to_run)) = match (&lane.pairs, backward) {
                (Pairs::Same, true) => (lane.input, ((vec![extent], 0), (vec![extent], 0))),
                (Pairs::Same, false) => (lane.output, ((vec![extent], 0), (vec![extent], 0))),
                (Pairs::Digits { input, output }, true) => (lane.input, (output.clone(), input.clone())),
                (Pairs::Digits { input, output }, false) => (lane.output, (input.clone(), output.clone())),
                _ => return None,
            };
            // The run must begin with this axis of the map and have no others but those that follow it.
            let (first, start) = (axis.checked_sub(from_run.1)?, to.checked_sub(to_run.1)?);
            let run: Vec<Axis> = from_run.0.iter().enumerate().map(|(i, e)| (first + i, *e)).filter(|(_, e)| *e != 1).collect();
            if run.is_empty() || axes.get(next..next + run.len()) != Some(&run[..]) {
                return None;
            }
            next += run.len();
            arrived.extend(to_run.0.iter().enumerate().map(|(i, e)| (start + i, *e)).filter(|(_, e)| *e != 1));
        }
        let placed = Placed::along(&arrived, &map.map)?;
        let port = if backward { Port::Input(wire.port) } else { Port::Output(0) };
        Some(Step { moves: vec![(port, placed)], ..Step::default() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double_double::exactly;

    fn carry(lanes: Vec<Lane>) -> Carry {
        Carry::one(lanes, super::super::Passes::ALL)
    }

    /// `[n, 6] -> [n, 2, 3] -> [n, 3, 2] -> [n, 6]`.
    fn shuffle() -> [Carry; 3] {
        let parts = |a: u64, b: u64| Pairs::Digits { input: (vec![6], 0), output: (vec![a, b], 0) };
        let join = |at: usize| Pairs::Digits { input: (vec![3, 2], at), output: (vec![6], 0) };
        [
            carry(vec![Lane::same(0), Lane { input: 1, output: 1, pairs: parts(2, 3) }]),
            carry(vec![
                Lane::same(0),
                Lane { input: 1, output: 2, pairs: Pairs::Same },
                Lane { input: 2, output: 1, pairs: Pairs::Same },
            ]),
            carry(vec![
                Lane::same(0),
                Lane { input: 1, output: 1, pairs: join(0) },
                Lane { input: 2, output: 1, pairs: join(1) },
            ]),
        ]
    }

    #[test]
    fn parts_of_channels_change_places() {
        let map = |scale: &[f64]| Placed::of(Some(1), Affine::new(exactly(scale), exactly(&[0.5; 6])));
        let (before, behind) = (map(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), map(&[1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
        let step = |carry: &Carry, at: Port, placed: &Placed| carry.jointly(at, placed).unwrap().moves.pop().unwrap().1;
        assert_eq!(shuffle().iter().fold(before.clone(), |placed, carry| step(carry, Port::Input(0), &placed)), behind);
        assert_eq!(shuffle().iter().rev().fold(behind, |placed, carry| step(carry, Port::Output(0), &placed)), before);
    }

    #[test]
    fn axes_that_the_map_has_not_are_not_joined() {
        // [6, 2] is one axis of 12, which the map of 6 does not cover.
        let digits = |at: usize| Pairs::Digits { input: (vec![6, 2], at), output: (vec![12], 0) };
        let joined = carry(vec![Lane { input: 0, output: 0, pairs: digits(0) }, Lane { input: 1, output: 0, pairs: digits(1) }]);
        let map = Placed::of(Some(0), Affine::new(exactly(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), exactly(&[0.0; 6])));
        assert_eq!(joined.jointly(Port::Input(0), &map), None);
    }
}
