//! The law of operators that hand a map on: `f(A x) = A' f(x)`.
//!
//! A map runs along one axis. How an operator moves positions along its axes is a correspondence: pairs of a position on the
//! input's axis and a position on the output's axis that hold the same numbers. A map passes if every position on the other
//! side gets one pair of coefficients from all its partners; positions without a partner get the identity.

use super::{Port, Reason, Step};
use crate::map::{Affine, Placed};

/// An operator that hands maps on.
#[derive(Clone, Debug, PartialEq)]
pub struct Carry {
    /// The connected inputs that carry.
    pub wires: Vec<Wire>,
    /// Which maps pass.
    pub passes: Passes,
    /// What several wires do together.
    pub together: Together,
}

/// An input that carries, and how its axes correspond to those of the output.
#[derive(Clone, Debug, PartialEq)]
pub struct Wire {
    /// The input.
    pub input: usize,
    /// Axes that correspond.
    pub lanes: Vec<Lane>,
}

/// An axis of an input and an axis of the output.
#[derive(Clone, Debug, PartialEq)]
pub struct Lane {
    /// The input's axis.
    pub input: usize,
    /// The output's axis.
    pub output: usize,
    /// Their positions.
    pub pairs: Pairs,
}

/// Positions on two axes that hold the same numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Pairs {
    /// Each position holds what the same position holds on the other side.
    Same,
    /// Input positions `0..count` are output positions from `start` on, of `total`.
    Part {
        /// The first output position.
        start: usize,
        /// How many input positions there are.
        count: usize,
        /// How many output positions there are.
        total: usize,
    },
    /// A run of axes of the input is the same numbers as a run of axes of the output, in row-major order.
    Digits {
        /// Extents on the input's side, and which of them is this lane's axis.
        input: (Vec<u64>, usize),
        /// Extents on the output's side, and which of them is this lane's axis.
        output: (Vec<u64>, usize),
    },
    /// The pairs, and how many positions there are on the input's and on the output's side.
    List(Vec<(usize, usize)>, usize, usize),
}

/// Which maps an operator hands on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passes {
    /// Whether a scale may be negative or zero, or why not.
    pub falling: Result<(), Reason>,
    /// The factor by which a shift grows on its way to the output, or why it does not pass.
    pub shift: Result<f64, Reason>,
}

/// What an operator does with several inputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// There is one input, or the output holds each of them as a part: Concat.
    Parts,
    /// The output is their sum: a scale goes to all, a shift to the first.
    Sum,
}

impl Passes {
    /// Every map.
    pub const ALL: Passes = Passes { falling: Ok(()), shift: Ok(1.0) };
}

impl Carry {
    /// An operator with one input whose axes stay what they are.
    pub fn unary(rank: Option<usize>, passes: Passes) -> Carry {
        // Without a rank nothing is known but that axes stay; no tensor has more than this many.
        let lanes = (0..rank.unwrap_or(16)).map(|axis| Lane { input: axis, output: axis, pairs: Pairs::Same }).collect();
        Carry { wires: vec![Wire { input: 0, lanes }], passes, together: Together::Parts }
    }

    pub(super) fn push(&self, at: Port, map: &Placed) -> Result<Step, Reason> {
        if map.map.scale.iter().any(|s| *s <= 0.0) {
            self.passes.falling?;
        }
        let growth = match self.passes.shift {
            Ok(growth) => growth,
            Err(_) if map.map.has_no_shift() => 1.0,
            Err(reason) => return Err(reason),
        };
        match at {
            Port::Output => self.backward(&grown(map, 1.0 / growth)),
            Port::Input(input) => {
                let wire = self.wires.iter().find(|w| w.input == input).ok_or(Reason::UnknownOperator)?;
                self.forward(wire, &grown(map, growth))
            }
        }
    }

    fn backward(&self, map: &Placed) -> Result<Step, Reason> {
        let mut step = Step::default();
        for (number, wire) in self.wires.iter().enumerate() {
            let mut part = match map.axis {
                None => map.clone(),
                Some(axis) => {
                    through(wire.lanes.iter().filter(|l| l.output == axis), map, |lane| (lane.input, lane.pairs.backward()))?
                }
            };
            if self.together == Together::Sum && number > 0 {
                part.map.shift.iter_mut().for_each(|t| *t = 0.0);
            }
            step.moves.push((Port::Input(wire.input), part));
        }
        Ok(step)
    }

    fn forward(&self, wire: &Wire, map: &Placed) -> Result<Step, Reason> {
        if self.together == Together::Sum && self.wires.len() > 1 {
            // A scale would have to be divided out of the other terms.
            return if map.map.has_no_scale() { self.out(self.along(wire, map)?) } else { Err(Reason::PartOfValue) };
        }
        let placed = self.along(wire, map)?;
        // A part of the output has another map than the rest: only an axis that tells them apart can say so.
        let partial = |lane: &Lane| lane.output == placed.axis.unwrap_or(usize::MAX) && matches!(lane.pairs, Pairs::Part { .. });
        if self.wires.len() > 1 && !wire.lanes.iter().any(partial) {
            return Err(Reason::PartOfValue);
        }
        self.out(placed)
    }

    fn along(&self, wire: &Wire, map: &Placed) -> Result<Placed, Reason> {
        let parts = wire
            .lanes
            .iter()
            .find_map(|lane| if let Pairs::Part { count, .. } = lane.pairs { Some((lane.input, count)) } else { None });
        let map = match (map.axis, parts) {
            (None, Some((axis, count))) => &Placed { axis: Some(axis), map: map.map.expand(count).ok_or(Reason::UnknownShape)? },
            (None, None) => return Ok(map.clone()),
            (Some(_), _) => map,
        };
        through(wire.lanes.iter().filter(|l| Some(l.input) == map.axis), map, |lane| (lane.output, lane.pairs.forward()))
    }

    fn out(&self, placed: Placed) -> Result<Step, Reason> {
        Ok(Step { moves: vec![(Port::Output, placed)], ..Step::default() })
    }
}

fn grown(map: &Placed, growth: f64) -> Placed {
    let shift = map.map.shift.iter().map(|t| t * growth).collect();
    Placed { axis: map.axis, map: Affine { scale: map.map.scale.clone(), shift } }
}

/// The correspondence in the direction of travel: pairs of positions from and to, and the number of positions arrived at.
enum Way {
    Same,
    Pairs(Vec<(usize, usize)>, usize),
}

impl Pairs {
    fn forward(&self) -> Way {
        match self {
            Pairs::Same => Way::Same,
            Pairs::Part { start, count, total } => Way::Pairs((0..*count).map(|i| (i, start + i)).collect(), *total),
            Pairs::Digits { input, output } => digits(input, output),
            Pairs::List(pairs, _, to) => Way::Pairs(pairs.clone(), *to),
        }
    }

    fn backward(&self) -> Way {
        match self {
            Pairs::Same => Way::Same,
            Pairs::Part { start, count, .. } => Way::Pairs((0..*count).map(|i| (start + i, i)).collect(), *count),
            Pairs::Digits { input, output } => digits(output, input),
            Pairs::List(pairs, from, _) => Way::Pairs(pairs.iter().map(|(i, o)| (*o, *i)).collect(), *from),
        }
    }
}

/// Longest run of elements whose positions are spelt out.
const LONGEST_RUN: u64 = 1 << 22;

fn digits(from: &(Vec<u64>, usize), to: &(Vec<u64>, usize)) -> Way {
    let all = from.0.iter().product::<u64>();
    if all > LONGEST_RUN || to.0.iter().product::<u64>() != all {
        return Way::Pairs(vec![], usize::MAX);
    }
    let digit = |(extents, at): &(Vec<u64>, usize), element: u64| {
        let below: u64 = extents[at + 1..].iter().product();
        (element / below.max(1) % extents[*at].max(1)) as usize
    };
    let mut pairs: Vec<(usize, usize)> = (0..all).map(|e| (digit(from, e), digit(to, e))).collect();
    pairs.dedup();
    Way::Pairs(pairs, to.0[to.1] as usize)
}

/// The map after the first lane that lets it pass.
fn through<'l>(
    lanes: impl Iterator<Item = &'l Lane>,
    map: &Placed,
    direction: impl Fn(&Lane) -> (usize, Way),
) -> Result<Placed, Reason> {
    for lane in lanes {
        let (axis, way) = direction(lane);
        let moved = match way {
            Way::Same => Some(map.map.clone()),
            Way::Pairs(pairs, count) => spread(&map.map, &pairs, count),
        };
        if let Some(moved) = moved {
            return Ok(Placed { axis: Some(axis), map: moved });
        }
    }
    Err(Reason::OtherAxis)
}

/// Coefficients for `count` positions from those of their partners; `None` where partners disagree.
fn spread(map: &Affine, pairs: &[(usize, usize)], count: usize) -> Option<Affine> {
    if count == usize::MAX {
        return None;
    }
    let mut found: Vec<Option<(f64, f64)>> = vec![None; count];
    for (from, to) in pairs {
        let own = (*map.scale.get(*from)?, *map.shift.get(*from)?);
        let slot = found.get_mut(*to)?;
        if slot.is_some_and(|other| other != own) {
            return None;
        }
        *slot = Some(own);
    }
    let (scale, shift) = found.into_iter().map(|pair| pair.unwrap_or((1.0, 0.0))).unzip();
    Some(Affine { scale, shift })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(axis: usize, scale: &[f64]) -> Placed {
        Placed { axis: Some(axis), map: Affine::new(scale.to_vec(), vec![0.5; scale.len()]) }
    }

    fn merged() -> Carry {
        // [N, 2, 3] -> [N, 6]
        let lane =
            |at: usize| Lane { input: at + 1, output: 1, pairs: Pairs::Digits { input: (vec![2, 3], at), output: (vec![6], 0) } };
        Carry { wires: vec![Wire { input: 0, lanes: vec![lane(0), lane(1)] }], passes: Passes::ALL, together: Together::Parts }
    }

    #[test]
    fn flattening_repeats_and_unflattening_needs_repeats() {
        let out = merged().push(Port::Input(0), &map(1, &[2.0, 3.0])).unwrap().moves;
        assert_eq!(out, [(Port::Output, map(1, &[2.0, 2.0, 2.0, 3.0, 3.0, 3.0]))]);
        let back = merged().push(Port::Output, &map(1, &[2.0, 2.0, 2.0, 3.0, 3.0, 3.0])).unwrap().moves;
        assert_eq!(back, [(Port::Input(0), map(1, &[2.0, 3.0]))]);
        let inner = merged().push(Port::Output, &map(1, &[1.0, 2.0, 3.0, 1.0, 2.0, 3.0])).unwrap().moves;
        assert_eq!(inner, [(Port::Input(0), map(2, &[1.0, 2.0, 3.0]))]);
        assert_eq!(merged().push(Port::Output, &map(1, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0])), Err(Reason::OtherAxis));
    }

    #[test]
    fn what_does_not_pass_is_refused() {
        let rising = Passes { falling: Err(Reason::FallingScale), shift: Err(Reason::ShiftThroughActivation) };
        let relu = Carry::unary(Some(4), rising);
        assert_eq!(relu.push(Port::Output, &map(1, &[1.0, 2.0])), Err(Reason::ShiftThroughActivation));
        let scale = Placed { axis: Some(1), map: Affine::new(vec![1.0, -2.0], vec![0.0]) };
        assert_eq!(relu.push(Port::Output, &scale), Err(Reason::FallingScale));
    }
}
