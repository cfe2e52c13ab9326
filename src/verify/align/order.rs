//! Flatten and Reshape in each other's words: both hand the same elements on in the same order, and differ in the sizes that
//! they give them alone.

use super::Read;
use super::declared::fixed_inputs;
use crate::error::{ErrorKind, Result};
use crate::model::{Graph, Node, NodeId, ScopeId, Use, ValueId};
use crate::verify::constants;
use crate::verify::measure::Extent;

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
    let known = a.0.graph.node(a.1).outputs.first().copied().flatten().and_then(|value| a.0.measures.shape(value));
    let (a, b) = ((a.0.graph, a.1), (b.0.graph, b.1));
    let operators = (a.0.node(a.1).proto.op_type(), b.0.node(b.1).proto.op_type());
    if !matches!(operators, ("Flatten", "Reshape") | ("Reshape", "Flatten") | ("Reshape", "Reshape")) {
        return Ok(None);
    }
    let read = |(graph, node): (&Graph<'_>, NodeId)| graph.node(node).inputs.first().copied().flatten();
    let (Some(x), Some(y), Some(one), Some(two)) = (read(a), read(b), sizes(a)?, sizes(b)?) else { return Ok(None) };
    let alike = one.len() == two.len() && {
        let is_last = one.last() != two.last();
        let other: Vec<_> = one.into_iter().zip(two).enumerate().filter(|(_, (one, two))| one != two).collect();
        let is = |axis: usize, size: u64| {
            let known = known.and_then(|shape| shape.get(axis)?.as_ref()?.as_number());
            known.is_some_and(|known| u64::try_from(known) == Ok(size))
        };
        match other[..] {
            [] => true,
            // The number of elements says what is left.
            [(_, (_, Size::Rest))] => true,
            [(axis, (Size::Rest, Size::Fixed(size)))] => is(axis, size) || is_last && is_demanded(a, size),
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
    (a.0.measures.extents(one)? == b.0.measures.extents(two)? && never_fails(b.0, b.0.graph.node(b.1))).then_some((x, y))
}

/// Whether a node that hands all elements on in order does so for all inputs: what fails for some is no other word for what does not.
pub(crate) fn never_fails(read: Read<'_, '_>, node: &Node<'_>) -> bool {
    let input = |at: usize| node.inputs.get(at).copied().flatten();
    let int = |name: &str| node.proto.attribute.iter().find(|a| a.name() == name).map_or(0, |a| a.i());
    let shape = input(0).and_then(|data| read.measures.shape(data));
    match (node.proto.op_type(), shape) {
        ("Flatten" | "Unsqueeze" | "Identity", _) => true,
        // Of an empty list runtimes make either no axis or all of them.
        ("Squeeze", Some(shape)) => axes(read, node).filter(|axes| !axes.is_empty()).is_some_and(|axes| {
            let place = |axis: i64| usize::try_from(if axis < 0 { axis + shape.len() as i64 } else { axis }).ok();
            let extent = |axis: i64| shape.get(place(axis)?)?.as_ref()?.as_number();
            axes.into_iter().all(|axis| extent(axis) == Some(1))
        }),
        ("Reshape", Some(shape)) => {
            let sizes = input(1).and_then(|sizes| read.integers(sizes).ok().flatten());
            let is_size = |size: &Extent| size.as_number().is_some() || read.measures.is_size(size);
            let fills = |sizes: &[Option<Extent>]| fills(shape, sizes, int("allowzero") == 0);
            sizes.is_some_and(|sizes| sizes.elements.iter().flatten().all(is_size) && fills(&sizes.elements))
        }
        _ => false,
    }
}

/// The axes that a node names, by an attribute or a constant.
fn axes(read: Read<'_, '_>, node: &Node<'_>) -> Option<Vec<i64>> {
    let stated = node.proto.attribute.iter().find(|a| a.name() == "axes").map(|a| a.ints.clone());
    let given = || read.integers(node.inputs.get(1).copied().flatten()?).ok().flatten()?.numbers();
    stated.or_else(given)
}

/// Whether as many elements as there are fit into these sizes, whatever the extents are.
fn fills(shape: &[Option<Extent>], sizes: &[Option<Extent>], copies: bool) -> bool {
    let mut from: Vec<Option<Option<Extent>>> = shape.iter().cloned().map(Some).collect();
    let (mut wanted, mut rest) = (Some(Extent::number(1)), false);
    for (axis, size) in sizes.iter().enumerate() {
        let Some(size) = size else { return false };
        match size.as_number() {
            Some(0) if copies => match from.get_mut(axis).and_then(Option::take) {
                Some(_) => {}
                None => return false,
            },
            Some(-1) => rest = true,
            _ => match from.iter_mut().find(|own| matches!(own, Some(Some(own)) if own == size)) {
                Some(own) => *own = None,
                None => wanted = wanted.and_then(|wanted| wanted.times(size)),
            },
        }
    }
    let (left, Some(wanted)) = (from.into_iter().flatten(), wanted) else { return false };
    // Of an extent that is not known it is not known either what divides it.
    let known = left.clone().flatten().try_fold(Extent::number(1), |all, extent| all.times(&extent));
    match rest {
        true => known.is_some_and(|known| known.is_multiple_of(&wanted)),
        false => left.clone().all(|extent| extent.is_some()) && known == Some(wanted),
    }
}

/// Whether all extents are what they are whatever the inputs hold: these are fixed, and no node makes extents of numbers.
pub(crate) fn is_static(graph: &Graph<'_>) -> bool {
    const BY_NUMBERS: &[&str] =
        &["Compress", "If", "ImageDecoder", "Loop", "NonMaxSuppression", "NonZero", "Scan", "StringSplit", "Unique"];
    const BY_SIZES: &[&str] = &[
        "AffineGrid",
        "CenterCropPad",
        "Col2Im",
        "DFT",
        "Expand",
        "MaxUnpool",
        "OneHot",
        "Pad",
        "Reshape",
        "Resize",
        "STFT",
        "SequenceAt",
        "Slice",
        "Split",
        "SplitToSequence",
        "Squeeze",
        "Tile",
        "TopK",
        "Unsqueeze",
        "Upsample",
    ];
    const FILLED: &[&str] = &["BlackmanWindow", "ConstantOfShape", "HammingWindow", "HannWindow", "MelWeightMatrix", "Range"];
    let makes = |node: &Node<'_>| {
        let open = |input: usize| node.inputs.get(input).copied().flatten().is_some_and(|value| graph.constant(value).is_err());
        let sized = BY_SIZES.contains(&node.proto.op_type()) || node.proto.op_type().starts_with("Reduce");
        let filled = FILLED.contains(&node.proto.op_type()) && (0..node.inputs.len()).any(open);
        !node.standard || BY_NUMBERS.contains(&node.proto.op_type()) || filled || sized && (1..node.inputs.len()).any(open)
    };
    fixed_inputs(graph, ScopeId(0)) && !graph.nodes.iter().any(makes)
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
                && reader.scope == graph.node(id).scope
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
