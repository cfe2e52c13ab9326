//! The law of tables of constants, of which a node hands rows on: `y = T[i, …]`. A map behind goes into the table, whichever row
//! is asked for; nothing comes from before it.

use super::mix::apply;
use super::{Array, Constants, Parameter, Port, Reason, Role, Step};
use crate::map::Placed;

/// Elements up to which a table takes a shift in: its numbers are held for that, while those that are multiplied are not.
const MOST_HELD: u64 = 1 << 22;

/// A node that hands on rows of a constant.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// The input that is the table.
    pub input: usize,
    /// Its extents.
    pub dims: Vec<u64>,
    /// The axis along which rows are chosen.
    pub axis: usize,
    /// How many axes stand in its place.
    pub chosen: usize,
}

impl Table {
    pub(super) fn push(&self, constants: &dyn Constants, at: Port, map: &Placed) -> Result<Step, Reason> {
        if at != Port::Output(0) {
            return Err(Reason::UnknownOperator);
        }
        let axis = match map.axis {
            None => None,
            Some(axis) if axis < self.axis => Some(axis),
            Some(axis) if axis >= self.axis + self.chosen => Some(axis + 1 - self.chosen),
            Some(_) => return Err(Reason::OtherAxis),
        };
        let count = axis.map_or(Some(1), |axis| self.dims.get(axis).copied()).ok_or(Reason::OtherAxis)?;
        let map = usize::try_from(count).ok().and_then(|count| map.map.expand(count)).ok_or(Reason::OtherAxis)?;
        if map.has_no_shift() {
            let role = |(at, size): (usize, &u64)| (if Some(at) == axis { Role::Out } else { Role::Free }, *size);
            let axes = self.dims.iter().enumerate().map(role).collect();
            let parameter = Parameter::Scale { input: self.input, axes, label: Role::Out, factor: map.scale };
            return Ok(Step { parameters: vec![parameter], ..Step::default() });
        }
        let held = self.dims.iter().try_fold(1u64, |n, size| n.checked_mul(*size)).is_some_and(|count| count <= MOST_HELD);
        if !held {
            return Err(Reason::NoBias);
        }
        let old = constants.array(self.input)?;
        if old.values.iter().any(|value| !value.is_finite()) {
            return Err(Reason::NonFinite);
        }
        let value = match axis {
            Some(axis) => apply(&old, &map, self.dims.len(), axis)?,
            None => {
                Array { values: old.values.iter().map(|value| map.scale[0] * *value + map.shift[0]).collect(), dims: old.dims }
            }
        };
        Ok(Step { parameters: vec![Parameter::Replace { input: self.input, value }], ..Step::default() })
    }
}
