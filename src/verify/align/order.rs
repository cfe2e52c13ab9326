//! Flatten and Reshape in each other's words: both hand the same elements on in the same order, and differ in the sizes that
//! they give them alone.

use super::Read;
use super::declared::fixed_inputs;
use crate::error::{ErrorKind, Result};
use crate::model::{Graph, Node, NodeId, ScopeId, Use, ValueId};
use crate::verify::constants;

/// A size of what comes out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// That of this axis of the input.
    Of(usize),
    /// A number.
    Fixed(u64),
    /// What is left.
    Rest,
}

/// What two such nodes read, if the second makes what the first does; `None` if they are no such nodes or it may not.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn same(a: (Read<'_, '_>, NodeId), b: (Read<'_, '_>, NodeId)) -> Result<Option<(ValueId, ValueId)>> {
    if let Some(pair) = same_extents(a, b) {
        return Ok(Some(pair));
    }
    let (a, b) = ((a.0.graph, a.1), (b.0.graph, b.1));
    let operators = (a.0.node(a.1).proto.op_type(), b.0.node(b.1).proto.op_type());
    if !matches!(operators, ("Flatten", "Reshape") | ("Reshape", "Flatten") | ("Reshape", "Reshape")) {
        return Ok(None);
    }
    let read = |(graph, node): (&Graph<'_>, NodeId)| graph.node(node).inputs.first().copied().flatten();
    let (Some(x), Some(y), Some(one), Some(two)) = (read(a), read(b), sizes(a)?, sizes(b)?) else { return Ok(None) };
    let alike = one.len() == two.len() && {
        let other: Vec<(Size, Size)> = one.into_iter().zip(two).filter(|(one, two)| one != two).collect();
        match other[..] {
            [] => true,
            // The number of elements says what is left.
            [(_, Size::Rest)] => true,
            [(Size::Rest, Size::Fixed(size))] => fixed_inputs(a.0, ScopeId(0)) || is_demanded(a, size),
            _ => false,
        }
    };
    Ok((alike && a.0.constant(x).is_err() && b.0.constant(y).is_err()).then_some((x, y)))
}

/// Whether a node hands all elements on in order, with other extents.
pub(crate) fn keeps_order(node: &Node<'_>) -> bool {
    node.standard && matches!(node.proto.op_type(), "Flatten" | "Reshape" | "Squeeze" | "Unsqueeze")
}

/// What two nodes read that hand on all elements in order, if what they make is known to have the same extents.
fn same_extents(a: (Read<'_, '_>, NodeId), b: (Read<'_, '_>, NodeId)) -> Option<(ValueId, ValueId)> {
    let ends = |(read, node): (Read<'_, '_>, NodeId)| {
        let node = read.graph.node(node);
        let data =
            node.inputs.first().copied().flatten().filter(|value| keeps_order(node) && read.graph.constant(*value).is_err())?;
        Some((data, node.outputs.first().copied().flatten()?))
    };
    let ((x, one), (y, two)) = (ends(a)?, ends(b)?);
    (a.0.measures.extents(one)? == b.0.measures.extents(two)?).then_some((x, y))
}

/// Whether a reader can take in what a node makes only if its last axis has this size: a product with a constant of so many rows.
/// Where nothing demands it, a size that is fixed in the second file alone fails for inputs that the first can take.
fn is_demanded((graph, id): (&Graph<'_>, NodeId), size: u64) -> bool {
    let made = graph.node(id).outputs.first().copied().flatten();
    made.is_some_and(|value| {
        graph.value(value).uses.iter().any(|user| {
            let Use::Node(reader, 0) = user else { return false };
            let reader = graph.node(*reader);
            let is_set = |name: &str| reader.proto.attribute.iter().any(|a| a.name() == name && a.i() != 0);
            let weight = reader.inputs.get(1).copied().flatten().and_then(|weight| graph.constant(weight).ok());
            let rows = usize::from(is_set("transB"));
            matches!(reader.proto.op_type(), "Gemm" | "MatMul")
                && reader.standard
                && !is_set("transA")
                && weight.is_some_and(|(weight, _)| {
                    matches!(graph.tensor(weight).dims[..], [_, _]) && graph.tensor(weight).dims.get(rows) == Some(&size)
                })
        })
    })
}

/// The sizes that a node gives, if they do not depend on the number of axes of its input (ONNX Flatten 1 and Reshape 5 on).
fn sizes((graph, id): (&Graph<'_>, NodeId)) -> Result<Option<Vec<Size>>> {
    let node = graph.node(id);
    let int = |name: &str, default: i64| node.proto.attribute.iter().find(|a| a.name() == name).map_or(default, |a| a.i());
    if !node.standard {
        return Ok(None);
    }
    if node.proto.op_type() == "Flatten" {
        return Ok(match int("axis", 1) {
            0 => Some(vec![Size::Fixed(1), Size::Rest]),
            1 => Some(vec![Size::Of(0), Size::Rest]),
            _ => None,
        });
    }
    let shape = node.inputs.get(1).copied().flatten().and_then(|value| graph.constant(value).ok());
    let Some(shape) = shape.map(|(tensor, _)| graph.tensor(tensor)).filter(|shape| shape.dims.len() == 1) else {
        return Ok(None);
    };
    let numbers = match constants::bits(shape, graph.model) {
        Ok(numbers) => numbers,
        Err(error) if error.kind == ErrorKind::Tensor => return Ok(None),
        Err(error) => return Err(error),
    };
    let copies = int("allowzero", 0) == 0;
    let size = |(axis, number): (usize, u64)| match number as i64 {
        0 if copies => Some(Size::Of(axis)),
        -1 => Some(Size::Rest),
        number => u64::try_from(number).ok().map(Size::Fixed),
    };
    Ok(numbers.into_iter().enumerate().map(size).collect())
}
