//! The law of operators that cut a value into pieces: a map before the cut is cut, too; maps behind the pieces are put together.

use super::carry::{Carry, Pairs, Way, Wire, spread};
use super::{Port, Reason, Step};
use crate::map::Placed;

impl Carry {
    /// The pieces of a map before a cut.
    pub(super) fn cut(&self, map: &Placed) -> Result<Step, Reason> {
        let piece = |wire: &Wire| Ok((Port::Output(wire.port), self.along(wire, map)?));
        Ok(Step { moves: self.wires.iter().map(piece).collect::<Result<_, Reason>>()?, ..Step::default() })
    }

    /// One number behind a part of a value, as one for each position of that part, so that the other positions stay as they are.
    pub fn spelt_out(&self, map: &Placed) -> Option<Placed> {
        let lanes = self.wires.iter().filter(|_| map.axis.is_none()).flat_map(|wire| &wire.lanes);
        let parts = lanes.filter_map(|lane| match lane.pairs {
            Pairs::List(_, _, count) => Some((lane.output, count)),
            _ => None,
        });
        let (axis, count) = parts.into_iter().next()?;
        Some(Placed { axis: Some(axis), map: map.map.expand(count)? })
    }

    /// Maps behind pieces, by output, as one map before the cut. Pieces behind which there is none stay as they are.
    pub(super) fn join(&self, maps: &[(usize, Placed)]) -> Result<Step, Reason> {
        let first = maps.first().map(|(_, map)| map).ok_or(Reason::UnknownOperator)?;
        let behind_all = self.wires.iter().all(|wire| maps.iter().any(|(port, map)| *port == wire.port && map == first));
        if behind_all && maps.len() == self.wires.len() && !self.is_cut_along(first.axis) {
            return Ok(Step { moves: vec![(Port::Input(0), first.clone())], ..Step::default() });
        }
        let mut all: Option<Placed> = None;
        for (port, map) in maps {
            let wire = self.wires.iter().find(|wire| wire.port == *port).ok_or(Reason::UnknownOperator)?;
            let own = self.uncut(wire, map)?;
            all = Some(match all {
                Some(others) => own.after(&others).ok_or(Reason::PartOfValue)?,
                None => own,
            });
        }
        Ok(Step { moves: all.map(|map| (Port::Input(0), map)).into_iter().collect(), ..Step::default() })
    }

    /// Whether the pieces are told apart by their positions on an axis.
    fn is_cut_along(&self, axis: Option<usize>) -> bool {
        axis.is_some_and(|axis| self.wires.iter().flat_map(|w| &w.lanes).any(|l| l.output == axis && l.pairs != Pairs::Same))
    }

    /// A map behind one piece: the identity on the others.
    fn uncut(&self, wire: &Wire, map: &Placed) -> Result<Placed, Reason> {
        let lane = wire.lanes.iter().find(|lane| lane.pairs != Pairs::Same).ok_or(self.elsewhere)?;
        if map.axis.is_some_and(|axis| axis != lane.output) {
            return Err(Reason::PartOfValue);
        }
        let Way::Pairs(pairs, count) = lane.pairs.backward() else { return Err(Reason::UnknownShape) };
        let own = map.map.expand(pairs.len()).ok_or(self.elsewhere)?;
        let map = spread(&own, &pairs, count).ok_or(self.elsewhere)?;
        Ok(Placed { axis: Some(lane.input), map })
    }
}
