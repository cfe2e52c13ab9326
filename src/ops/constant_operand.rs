//! What Mul, Add, Sub and Div share: one operand is a constant that aligns with one axis of the other operand.
//!
//! A constant of `C` numbers is not per channel because it has `C` numbers: operands align at the last axis. It is a map only
//! if the result has the other operand's own shape, which must be known. Opsets before 7 align by `broadcast` and `axis`.

use super::Stop;
use crate::double_double::DoubleDouble;
use crate::law::Reason;
use crate::map::{Affine, Placed};
use crate::model::{NodeView, Shape};

/// A constant operand: where it is, how it aligns, and its numbers.
pub(super) struct Operand {
    /// The operand that is not constant.
    pub data: usize,
    /// The operand that is.
    pub input: usize,
    /// The constant's shape.
    pub dims: Vec<u64>,
    /// The rank of the other operand, if known.
    pub rank: Option<usize>,
    /// The axis of the other operand along which the numbers run.
    pub axis: Option<usize>,
    /// The numbers.
    pub values: Vec<DoubleDouble>,
}

impl Operand {
    /// The map with these coefficients along the constant's axis.
    pub fn place(&self, scale: Vec<DoubleDouble>, shift: Vec<DoubleDouble>) -> Placed {
        Placed::of(self.axis, Affine::new(scale, shift))
    }
}

/// Reads the constant operand of a node with two operands.
pub(super) fn read(node: &NodeView<'_>) -> Result<Operand, Stop> {
    let input = match (node.is_constant(0), node.is_constant(1)) {
        (false, true) => 1,
        (true, false) => 0,
        // Arithmetic of two constants is a constant; of none it is not a map by constants.
        (true, true) => return Err(Reason::NotAffine.into()),
        (false, false) => {
            node.constant(1)?;
            return Err(Reason::NotConstant.into());
        }
    };
    let data = 1 - input;
    let (dims, _) = node.constant(input)?;
    let shape = node.input(data).and_then(|fact| fact.shape.as_deref());
    let axis = align(node, dims, shape, input)?;
    let dims = dims.to_vec();
    let values = node.elements.floats(input)?;
    if values.is_empty() {
        return Err(Reason::Attribute.into());
    }
    if values.iter().any(|v| !v.is_finite()) {
        return Err(Reason::NonFinite.into());
    }
    Ok(Operand { data, input, dims, rank: shape.map(Shape::rank), axis, values })
}

/// The axis of the other operand with which the constant aligns; `None` for one number.
fn align(node: &NodeView<'_>, dims: &[u64], shape: Option<&Shape>, input: usize) -> Result<Option<usize>, Stop> {
    let mut long = dims.iter().enumerate().filter(|(_, d)| **d != 1);
    let (first, second) = (long.next(), long.next());
    if second.is_some() {
        return Err(Reason::PerElement.into());
    }
    if dims.is_empty() {
        return Ok(None);
    }
    let rank = shape.ok_or(Reason::UnknownShape)?.rank();
    let start = if node.opset < 7 && node.has("axis") {
        // Only the second operand broadcasts, from `axis` on.
        let axis = node.int("axis", 0)?;
        let axis = if axis < 0 { axis + rank as i64 } else { axis };
        usize::try_from(axis).ok().filter(|axis| input == 1 && axis + dims.len() <= rank).ok_or(Reason::Attribute)?
    } else {
        rank.checked_sub(dims.len()).ok_or(Reason::PerElement)?
    };
    let Some((position, size)) = first else { return Ok(None) };
    let axis = start + position;
    match shape.map(|s| s.dim(axis).known()) {
        Some(Some(own)) if own == *size => Ok(Some(axis)),
        Some(Some(_)) => Err(Reason::PerElement.into()),
        _ => Err(Reason::UnknownShape.into()),
    }
}

/// The shape of the result of two operands.
pub(super) fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let (a, b) = (node.input(0)?.shape.as_deref()?, node.input(1)?.shape.as_deref()?);
    if node.opset < 7 { Some(a.clone()) } else { a.broadcast(b) }
}
