//! The law of operators that cut a value into pieces, or select some of its positions: a map before the cut is cut, too; one
//! behind a piece is the identity where the piece has nothing.

use super::carry::{Carry, Pairs, Way, Wire, spread};
use super::{Port, Reason, Step};
use crate::map::Placed;

impl Carry {
    /// The axes of the one input along which the operator selects positions.
    pub fn selected(&self) -> Vec<usize> {
        let [wire] = &self.wires[..] else { return vec![] };
        wire.lanes.iter().filter(|lane| matches!(lane.pairs, Pairs::List(..))).map(|lane| lane.input).collect()
    }

    /// A map of all that is selected along an axis, with the identity where nothing is.
    pub fn narrowed(&self, map: &Placed, axis: usize) -> Option<Placed> {
        let lane = self.wires.first()?.lanes.iter().find(|lane| lane.input == axis)?;
        let Pairs::List(_, _, selected) = lane.pairs else { return None };
        let Way::Pairs(pairs, count) = lane.pairs.backward() else { return None };
        Some(Placed::of(Some(axis), spread(&map.map.expand(selected)?, &pairs, count)?))
    }

    /// The pieces of a map before a cut.
    pub(super) fn cut(&self, map: &Placed) -> Result<Step, Reason> {
        let piece = |wire: &Wire| Ok((Port::Output(wire.port), self.along(wire, map)?));
        Ok(Step { moves: self.wires.iter().map(piece).collect::<Result<_, Reason>>()?, ..Step::default() })
    }

    /// A map behind one piece: the identity on the others.
    pub(super) fn uncut(&self, wire: &Wire, map: &Placed) -> Result<Step, Reason> {
        let lane = wire.lanes.iter().find(|lane| lane.pairs != Pairs::Same).ok_or(self.elsewhere)?;
        if map.axis.is_some_and(|axis| axis != lane.output) {
            return Err(Reason::PartOfValue);
        }
        let Way::Pairs(pairs, count) = lane.pairs.backward() else { return Err(Reason::UnknownShape) };
        let own = map.map.expand(pairs.len()).ok_or(self.elsewhere)?;
        let map = spread(&own, &pairs, count).ok_or(self.elsewhere)?;
        Ok(Step { moves: vec![(Port::Input(0), Placed::of(Some(lane.input), map))], ..Step::default() })
    }
}
