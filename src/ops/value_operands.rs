//! What Add and Sum share where no operand is a constant: a sum of values of one shape.

use super::Stop;
use crate::law::{Carry, Lane, Pairs, Passes, Reason, Together, Wire};
use crate::model::NodeView;

/// The law of a sum of values. All must have the same known extent along an axis for a map along it to pass.
pub(super) fn read(node: &NodeView<'_>) -> Result<Carry, Stop> {
    if node.opset < 7 {
        return Err(Reason::UnknownShape.into());
    }
    let first = node.shape(0)?;
    let mut same: Vec<bool> = first.0.iter().map(|d| d.known().is_some()).collect();
    for input in 1..node.inputs.len() {
        let other = node.shape(input)?;
        if other.rank() != first.rank() {
            return Err(Reason::UnknownShape.into());
        }
        same.iter_mut().zip(first.0.iter().zip(&other.0)).for_each(|(same, (a, b))| *same &= a == b);
    }
    let lanes: Vec<Lane> =
        (0..first.rank()).filter(|a| same[*a]).map(|a| Lane { input: a, output: a, pairs: Pairs::Same }).collect();
    let wires = (0..node.inputs.len()).map(|input| Wire { input, lanes: lanes.clone() }).collect();
    Ok(Carry { wires, passes: Passes::ALL, together: Together::Sum })
}
