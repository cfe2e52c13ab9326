//! What LSTM, GRU and RNN share: input weights `[directions, gates·hidden, inputs]` and a bias `[directions, 2·gates·hidden]`
//! whose first half belongs to them. Nothing behind reaches the products: each step goes through activations into the next.

use super::Stop;
use crate::law::{Bias, Law, Mix, Reason, Role};
use crate::model::{Dim, NodeView, Shape};

/// The law of the input weights. A step beyond a sequence's length is not read, so a shift does not reach it.
pub(super) fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let &[directions, gates, inputs] = node.constant(1)?.0 else { return Err(Reason::Attribute.into()) };
    let size = |n: u64| usize::try_from(n).map_err(|_| Reason::Attribute);
    let columns = gates.checked_mul(2).ok_or(Reason::Attribute)?;
    let bias = Bias::Rows { input: 3, present: node.input(3).is_some(), rows: size(directions)?, columns: size(columns)? };
    let outputs = directions.checked_mul(gates).ok_or(Reason::Attribute)?;
    Ok(Law::Mix(Mix {
        weight: 1,
        data: 0,
        axes: vec![(Role::Out, outputs), (Role::In, inputs)],
        out_axis: Err(Reason::UnknownOperator),
        in_axis: Ok(2),
        gain: 1.0,
        bias,
        shift_in: Ok(()),
        behind: Err(Reason::UnknownOperator),
        beside: vec![],
    }))
}

/// `[steps, directions, batch, hidden]`, or with `layout` 1 `[batch, steps, directions, hidden]`.
pub(super) fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let dim = |input: usize, axis: usize| {
        let shape = node.input(input).and_then(|fact| fact.shape.as_deref());
        shape.map_or(Dim::Unknown, |shape| shape.dim(axis))
    };
    let (directions, hidden) = (dim(1, 0), dim(2, 2));
    Some(Shape(match node.int("layout", 0).ok()? {
        0 => vec![dim(0, 0), directions, dim(0, 1), hidden],
        _ => vec![dim(0, 0), dim(0, 1), directions, hidden],
    }))
}
