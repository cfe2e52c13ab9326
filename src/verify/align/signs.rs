//! `x − c` and `x + (−c)`, which are the same number for number (IEEE 754, section 6.3).

use super::Read;
use crate::error::Result;
use crate::model::{NodeId, ValueId};
use crate::verify::constants;

/// What two such nodes read.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn same(a: (Read<'_, '_>, NodeId), b: (Read<'_, '_>, NodeId)) -> Result<Option<(ValueId, ValueId)>> {
    let (one, two) = (a.0.graph.node(a.1), b.0.graph.node(b.1));
    let operators = (one.proto.op_type(), two.proto.op_type());
    // Up to operator set 6 the second operand could be put at an axis.
    let plain = |read: &Read<'_, '_>, id: NodeId| {
        let node = read.graph.node(id);
        node.standard && node.proto.attribute.is_empty() && read.graph.scope(node.scope).opset.is_some_and(|version| version >= 7)
    };
    if !matches!(operators, ("Sub", "Add") | ("Add", "Sub")) || !plain(&a.0, a.1) || !plain(&b.0, b.1) {
        return Ok(None);
    }
    let ([Some(x), Some(c)], [Some(y), Some(d)]) = (&one.inputs[..], &two.inputs[..]) else { return Ok(None) };
    let (Ok((c, _)), Ok((d, _))) = (a.0.graph.constant(*c), b.0.graph.constant(*d)) else { return Ok(None) };
    if a.0.graph.constant(*x).is_ok() || b.0.graph.constant(*y).is_ok() {
        return Ok(None);
    }
    Ok(constants::opposite((a.0.graph, c), (b.0.graph, d))?.then_some((*x, *y)))
}
