//! The law of operators that hand a map on: `f(A x) = A' f(x)`.
//!
//! A map runs along one axis. How an operator moves positions along its axes is a correspondence: pairs of a position on the
//! input's axis and a position on the output's axis that hold the same numbers. A map passes if every position on the other
//! side gets one pair of coefficients from all its partners; positions without a partner get the identity.

use super::{Fill, Port, Reason, Step};
use crate::double_double::DoubleDouble;
use crate::map::{Affine, MOST_CHANNELS, Placed};

/// An operator that hands maps on.
#[derive(Clone, Debug, PartialEq)]
pub struct Carry {
    /// The connected inputs that carry; where the operator cuts, the connected outputs.
    pub wires: Vec<Wire>,
    /// Which maps pass.
    pub passes: Passes,
    /// What several wires do together.
    pub together: Together,
    /// A number that the operator puts beside the positions of its input.
    pub fill: Option<Fill>,
    /// Why a map stays that runs along an axis without a lane: it is another axis, or nobody knows where it goes.
    pub elsewhere: Reason,
}

/// An input that carries, and how its axes correspond to those of the output; where the operator cuts, an output.
#[derive(Clone, Debug, PartialEq)]
pub struct Wire {
    /// The number of the input or output.
    pub port: usize,
    /// Axes that correspond.
    pub lanes: Vec<Lane>,
    /// The factor of the input in a sum.
    pub gain: DoubleDouble,
}

impl Wire {
    /// A wire whose input counts once.
    pub fn new(port: usize, lanes: Vec<Lane>) -> Wire {
        Wire { port, lanes, gain: DoubleDouble::ONE }
    }
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

impl Lane {
    /// An axis that stays what it is.
    pub fn same(axis: usize) -> Lane {
        Lane { input: axis, output: axis, pairs: Pairs::Same }
    }
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
    /// Nobody knows.
    Unknown,
}

/// Which maps an operator hands on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Passes {
    /// Whether a scale may be negative or zero, or why not.
    pub falling: Result<(), Reason>,
    /// The factor by which a shift grows on its way to the output, or why it does not pass.
    pub shift: Result<f64, Reason>,
}

/// What an operator does with several inputs, or outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Together {
    /// There is one input, or the output holds each of them as a part: Concat.
    Parts,
    /// Each output holds a part of the input: Split.
    Cut,
    /// The output is their sum, each with its gain: a scale goes to all, a shift to the first.
    Sum,
    /// The output is their product: a scale goes to one of them.
    Product,
    /// Each element of the output is one of theirs: a map goes to all.
    Choice,
}

impl Passes {
    /// Every map.
    pub const ALL: Passes = Passes { falling: Ok(()), shift: Ok(1.0) };
    /// Rising maps, as a maximum hands them on.
    pub const RISING: Passes = Passes { falling: Err(Reason::FallingScale), shift: Ok(1.0) };
    /// Scales, as a product hands them on.
    pub const SCALE: Passes = Passes { falling: Ok(()), shift: Err(Reason::ShiftThroughScale) };
    /// Positive scales, as an activation that is linear on both sides of zero hands them on.
    pub const POSITIVE_SCALE: Passes = Passes { falling: Err(Reason::FallingScale), shift: Err(Reason::ShiftThroughActivation) };
}

impl Carry {
    /// An operator with several inputs or outputs.
    pub fn of(wires: Vec<Wire>, passes: Passes, together: Together) -> Carry {
        Carry { wires, passes, together, fill: None, elsewhere: Reason::OtherAxis }
    }

    /// An operator with one input, and which of its axes correspond.
    pub fn one(lanes: Vec<Lane>, passes: Passes) -> Carry {
        Carry::of(vec![Wire::new(0, lanes)], passes, Together::Parts)
    }

    /// The same operator, of which not all is known that decides where axes go.
    pub fn with_unknown_axes(self) -> Carry {
        Carry { elsewhere: Reason::UnknownShape, ..self }
    }

    /// An operator with one input that keeps batch and channels and nothing else.
    pub fn channels(passes: Passes) -> Carry {
        Carry::one((0..2).map(Lane::same).collect(), passes)
    }

    /// An operator with one input whose axes stay what they are.
    pub fn unary(rank: Option<usize>, passes: Passes) -> Carry {
        // Without a rank nothing is known but that axes stay; no tensor has more than this many.
        Carry::one((0..rank.unwrap_or(16)).map(Lane::same).collect(), passes)
    }

    pub(super) fn push(&self, at: Port, map: &Placed) -> Result<Step, Reason> {
        if map.map.scale.iter().any(|s| *s <= 0.0) {
            self.passes.falling?;
        }
        let growth = match self.passes.shift {
            Ok(growth) => DoubleDouble::new(growth),
            Err(_) if map.map.has_no_shift() => DoubleDouble::ONE,
            Err(reason) => return Err(reason),
        };
        let alone = if map.beside.is_empty() { self.moved(at, map, growth) } else { Err(self.elsewhere) };
        let mut step = match alone {
            Err(reason) if reason == self.elsewhere => {
                let growth = if matches!(at, Port::Input(_)) { growth } else { DoubleDouble::ONE / growth };
                self.jointly(at, &grown(map, growth)).ok_or(reason)?
            }
            alone => alone?,
        };
        if let Some(fill) = &self.fill {
            step.parameters.extend(fill.follow(at, map)?);
        }
        Ok(step)
    }

    fn moved(&self, at: Port, map: &Placed, growth: DoubleDouble) -> Result<Step, Reason> {
        let wire = |port: usize| self.wires.iter().find(|w| w.port == port).ok_or(Reason::UnknownOperator);
        match (at, self.together) {
            (Port::Output(output), Together::Cut) => self.uncut(wire(output)?, &grown(map, DoubleDouble::ONE / growth)),
            (Port::Input(0), Together::Cut) => self.cut(&grown(map, growth)),
            (Port::Output(0), _) => self.backward(&grown(map, DoubleDouble::ONE / growth)),
            (Port::Input(input), _) => self.forward(wire(input)?, &grown(map, growth)),
            (Port::Output(_), _) => Err(Reason::UnknownOperator),
        }
    }

    fn backward(&self, map: &Placed) -> Result<Step, Reason> {
        let part = |wire: &Wire| match map.axis {
            None => Ok(map.clone()),
            Some(axis) => {
                let lanes = wire.lanes.iter().filter(|l| l.output == axis);
                through(lanes, map, |lane| (lane.input, lane.pairs.backward())).ok_or(self.elsewhere)
            }
        };
        let mut step = Step::default();
        if self.together == Together::Product {
            let found = self.wires.iter().find_map(|wire| Some((Port::Input(wire.port), part(wire).ok()?)));
            step.moves.push(found.ok_or(self.elsewhere)?);
            return Ok(step);
        }
        for (number, wire) in self.wires.iter().enumerate() {
            let mut part = part(wire)?;
            if self.together == Together::Sum {
                let share = if number == 0 { DoubleDouble::ONE / wire.gain } else { DoubleDouble::ZERO };
                part.map.shift.iter_mut().for_each(|t| *t *= share);
            }
            step.moves.push((Port::Input(wire.port), part));
        }
        Ok(step)
    }

    fn forward(&self, wire: &Wire, map: &Placed) -> Result<Step, Reason> {
        let alone = self.wires.len() == 1;
        match self.together {
            // A scale would have to be divided out of the other terms.
            Together::Sum if !alone && !map.map.has_no_scale() => return Err(Reason::PartOfValue),
            Together::Choice if !alone => return Err(Reason::PartOfValue),
            Together::Sum | Together::Choice | Together::Product => return self.out(grown(&self.along(wire, map)?, wire.gain)),
            Together::Parts | Together::Cut => {}
        }
        let placed = self.along(wire, map)?;
        // A part of the output has another map than the rest: only an axis that tells them apart can say so.
        let partial = |lane: &Lane| lane.output == placed.axis.unwrap_or(usize::MAX) && matches!(lane.pairs, Pairs::Part { .. });
        if !alone && !wire.lanes.iter().any(partial) {
            return Err(Reason::PartOfValue);
        }
        self.out(placed)
    }

    pub(super) fn along(&self, wire: &Wire, map: &Placed) -> Result<Placed, Reason> {
        let parts = wire
            .lanes
            .iter()
            .find_map(|lane| if let Pairs::Part { count, .. } = lane.pairs { Some((lane.input, count)) } else { None });
        let map = match (map.axis, parts) {
            (None, Some((axis, count))) => &Placed::of(Some(axis), map.map.expand(count).ok_or(Reason::UnknownShape)?),
            (None, None) => return Ok(map.clone()),
            (Some(_), _) => map,
        };
        let lanes = wire.lanes.iter().filter(|l| Some(l.input) == map.axis);
        through(lanes, map, |lane| (lane.output, lane.pairs.forward())).ok_or(self.elsewhere)
    }

    fn out(&self, placed: Placed) -> Result<Step, Reason> {
        Ok(Step { moves: vec![(Port::Output(0), placed)], ..Step::default() })
    }
}

fn grown(map: &Placed, growth: DoubleDouble) -> Placed {
    let shift = map.map.shift.iter().map(|t| *t * growth).collect();
    Placed { map: Affine { scale: map.map.scale.clone(), shift }, ..map.clone() }
}

/// The correspondence in the direction of travel.
pub(super) enum Way {
    /// The same positions.
    Same,
    /// Pairs of positions from and to, and the number of positions arrived at.
    Pairs(Vec<(usize, usize)>, usize),
}

impl Pairs {
    fn forward(&self) -> Way {
        match self {
            Pairs::Same => Way::Same,
            Pairs::Unknown => Way::Pairs(vec![], usize::MAX),
            Pairs::Part { start, count, total } => Way::Pairs(run(*count, |i| (i, start + i)), *total),
            Pairs::Digits { input, output } => digits(input, output),
            Pairs::List(pairs, _, to) => Way::Pairs(pairs.clone(), *to),
        }
    }

    pub(super) fn backward(&self) -> Way {
        match self {
            Pairs::Same => Way::Same,
            Pairs::Unknown => Way::Pairs(vec![], usize::MAX),
            Pairs::Part { start, count, .. } => Way::Pairs(run(*count, |i| (start + i, i)), *count),
            Pairs::Digits { input, output } => digits(output, input),
            Pairs::List(pairs, from, _) => Way::Pairs(pairs.iter().map(|(i, o)| (*o, *i)).collect(), *from),
        }
    }
}

/// The pairs of a part; none of one that is too long for any map.
fn run(count: usize, pair: impl Fn(usize) -> (usize, usize)) -> Vec<(usize, usize)> {
    if count > MOST_CHANNELS { vec![] } else { (0..count).map(pair).collect() }
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
fn through<'l>(lanes: impl Iterator<Item = &'l Lane>, map: &Placed, direction: impl Fn(&Lane) -> (usize, Way)) -> Option<Placed> {
    for lane in lanes {
        let (axis, way) = direction(lane);
        let moved = match way {
            Way::Same => Some(map.map.clone()),
            Way::Pairs(pairs, count) => spread(&map.map, &pairs, count),
        };
        if let Some(moved) = moved {
            return Some(Placed::of(Some(axis), moved));
        }
    }
    None
}

/// Coefficients for `count` positions from those of their partners; `None` where partners disagree.
pub(super) fn spread(map: &Affine, pairs: &[(usize, usize)], count: usize) -> Option<Affine> {
    if count > MOST_CHANNELS {
        return None;
    }
    let mut found: Vec<Option<(DoubleDouble, DoubleDouble)>> = vec![None; count];
    for (from, to) in pairs {
        let own = (*map.scale.get(*from)?, *map.shift.get(*from)?);
        let slot = found.get_mut(*to)?;
        if slot.is_some_and(|other| other != own) {
            return None;
        }
        *slot = Some(own);
    }
    let (scale, shift) = found.into_iter().map(|pair| pair.unwrap_or((DoubleDouble::ONE, DoubleDouble::ZERO))).unzip();
    Some(Affine { scale, shift })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double_double::exactly;

    fn map(axis: usize, scale: &[f64]) -> Placed {
        Placed::of(Some(axis), Affine::new(exactly(scale), exactly(&vec![0.5; scale.len()])))
    }

    fn merged() -> Carry {
        // [N, 2, 3] -> [N, 6]
        let lane =
            |at: usize| Lane { input: at + 1, output: 1, pairs: Pairs::Digits { input: (vec![2, 3], at), output: (vec![6], 0) } };
        Carry::one(vec![lane(0), lane(1)], Passes::ALL)
    }

    #[test]
    fn flattening_repeats_and_unflattening_merges_repeats() {
        let out = merged().push(Port::Input(0), &map(1, &[2.0, 3.0])).unwrap().moves;
        assert_eq!(out, [(Port::Output(0), map(1, &[2.0, 2.0, 2.0, 3.0, 3.0, 3.0]))]);
        let back = merged().push(Port::Output(0), &map(1, &[2.0, 2.0, 2.0, 3.0, 3.0, 3.0])).unwrap().moves;
        assert_eq!(back, [(Port::Input(0), map(1, &[2.0, 3.0]))]);
        let inner = merged().push(Port::Output(0), &map(1, &[1.0, 2.0, 3.0, 1.0, 2.0, 3.0])).unwrap().moves;
        assert_eq!(inner, [(Port::Input(0), map(2, &[1.0, 2.0, 3.0]))]);
    }

    #[test]
    fn unflattening_without_repeats_runs_along_both_axes() {
        let whole = map(1, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
        let both = Placed { beside: vec![(2, 3)], ..whole.clone() };
        assert_eq!(merged().push(Port::Output(0), &whole).unwrap().moves, [(Port::Input(0), both.clone())]);
        assert_eq!(merged().push(Port::Input(0), &both).unwrap().moves, [(Port::Output(0), whole.clone())]);
        // Seven positions are none of these.
        assert_eq!(merged().push(Port::Output(0), &map(1, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0])), Err(Reason::OtherAxis));
    }

    #[test]
    fn extents_of_other_products_have_no_pairs() {
        let none = |way: Way| matches!(way, Way::Pairs(pairs, usize::MAX) if pairs.is_empty());
        assert!(none(digits(&(vec![2, 3], 0), &(vec![4], 0))));
        assert!(none(digits(&(vec![LONGEST_RUN, 2], 0), &(vec![2 * LONGEST_RUN], 0))), "too many to spell out");
        assert!(!none(digits(&(vec![2, 3], 0), &(vec![6], 0))));
    }

    #[test]
    fn maps_have_so_many_channels_at_most() {
        assert_eq!(run(MOST_CHANNELS, |at| (at, at)).len(), MOST_CHANNELS);
        assert_eq!(run(MOST_CHANNELS + 1, |at| (at, at)).len(), 0);
        let map = Affine::new(exactly(&[2.0]), exactly(&[0.5]));
        assert_eq!(spread(&map, &[(0, 1)], MOST_CHANNELS).map(|all| all.len()), Some(MOST_CHANNELS));
        assert_eq!(spread(&map, &[(0, 1)], MOST_CHANNELS + 1), None);
    }

    #[test]
    fn what_does_not_pass_is_refused() {
        let relu = Carry::unary(Some(4), Passes::POSITIVE_SCALE);
        assert_eq!(relu.push(Port::Output(0), &map(1, &[1.0, 2.0])), Err(Reason::ShiftThroughActivation));
        let scale = Placed::of(Some(1), Affine::new(exactly(&[1.0, -2.0]), exactly(&[0.0])));
        assert_eq!(relu.push(Port::Output(0), &scale), Err(Reason::FallingScale));
    }
}
