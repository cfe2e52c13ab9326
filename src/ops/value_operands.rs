//! What operators share that put values together element by element: how their axes correspond after broadcasting.

use std::ops::Range;

use super::Stop;
use crate::double_double::DoubleDouble;
use crate::law::{Carry, Lane, Pairs, Passes, Reason, Together, Wire};
use crate::map::MOST_CHANNELS;
use crate::model::NodeView;

/// The law of a sum of values.
pub(super) fn sum(node: &NodeView<'_>) -> Result<Carry, Stop> {
    let wires = wires(node, 0..node.inputs.len())?;
    Ok(Carry::of(wires, Passes::ALL, Together::Sum))
}

/// The law of a difference of two values.
pub(super) fn difference(node: &NodeView<'_>) -> Result<Carry, Stop> {
    let mut wires = wires(node, 0..2)?;
    wires[1].gain = -DoubleDouble::ONE;
    Ok(Carry::of(wires, Passes::ALL, Together::Sum))
}

/// The law of a product of two values.
pub(super) fn product(node: &NodeView<'_>) -> Result<Carry, Stop> {
    Ok(Carry::of(wires(node, 0..2)?, Passes::SCALE, Together::Product))
}

/// The inputs that carry. Axes align at the last one; where extents are known to be the same, maps pass.
pub(super) fn wires(node: &NodeView<'_>, inputs: Range<usize>) -> Result<Vec<Wire>, Stop> {
    if node.opset < 7 {
        return Err(Reason::UnknownShape.into());
    }
    let output = node.output_shape.as_deref().ok_or(Reason::UnknownShape)?;
    let mut wires = Vec::new();
    for input in inputs {
        let shape = node.shape(input)?;
        let new = output.rank().checked_sub(shape.rank()).ok_or(Reason::UnknownShape)?;
        let mut lanes = Vec::new();
        for axis in 0..shape.rank() {
            let pairs = match (shape.dim(axis).known(), output.dim(axis + new).known()) {
                (Some(own), Some(all)) if own == all => Pairs::Same,
                (Some(1), Some(all)) if all <= MOST_CHANNELS as u64 => {
                    Pairs::List((0..all as usize).map(|i| (0, i)).collect(), 1, all as usize)
                }
                _ => continue,
            };
            lanes.push(Lane { input: axis, output: axis + new, pairs });
        }
        wires.push(Wire::new(input, lanes));
    }
    Ok(wires)
}
