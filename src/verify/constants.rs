//! Constants of two files compared by what they are: type, shape and elements, wherever and however they are stored.

use std::ops::Range;

use crate::error::{ErrorKind, Result};
use crate::model::computed::Recipe;
use crate::model::scan::{Nested, TensorSpan};
use crate::model::small_float::small_float;
use crate::model::{Graph, Home, Model, Payload, ScopeId, Tensor, TensorId};
use crate::onnx::TensorProto;
use crate::verify::align::canonical;
use crate::wire::Source;

/// Bytes per comparison.
const BLOCK: u64 = 128 << 10;

/// A tensor as its message and where its elements are.
pub(crate) struct Stored<'x> {
    proto: &'x TensorProto,
    span: &'x TensorSpan,
    model: &'x Model,
}

impl<'x> Stored<'x> {
    pub fn new(proto: &'x TensorProto, span: &'x TensorSpan, model: &'x Model) -> Self {
        Stored { proto, span, model }
    }

    /// The message that holds a constant, if one does that says all of it.
    fn of(graph: &'x Graph<'_>, tensor: &Tensor) -> Option<Self> {
        let (proto, span) = match tensor.home {
            Home::Initializer { scope, index } => {
                let scope = graph.scopes.get(scope.0)?;
                (scope.graph?.initializer.get(index)?, scope.span.initializers.get(index)?)
            }
            Home::Constant { node, attribute } => {
                let node = graph.nodes.get(node.0)?;
                let span =
                    node.span.nested.iter().find_map(|(_, n)| if let Nested::Tensor(span) = n { Some(span) } else { None });
                (node.proto.attribute.get(attribute)?.t.as_ref()?, span?)
            }
            Home::Computed { .. } => return None,
        };
        Some(Stored::new(proto, span, graph.model))
    }
}

/// Whether two constants are the same, bit for bit.
///
/// # Errors
/// A file that cannot be read.
pub fn same(a: (&Graph<'_>, TensorId), b: (&Graph<'_>, TensorId)) -> Result<bool> {
    let (one, two) = (a.0.tensor(a.1), b.0.tensor(b.1));
    match (&one.payload, &two.payload) {
        (Payload::Opaque, _) | (_, Payload::Opaque) => match (Stored::of(a.0, one), Stored::of(b.0, two)) {
            (Some(one), Some(two)) => verbatim(&one, &two),
            _ => Ok(false),
        },
        (Payload::Whole(_), _) | (_, Payload::Whole(_)) if one.data_type == two.data_type => {
            Ok(one.dims == two.dims && one.integers(a.0.model)? == two.integers(b.0.model)?)
        }
        _ => alike((one, a.0.model), (two, b.0.model)),
    }
}

/// Whether two constants of a float type are the same with the other sign.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn opposite((a, one): (&Graph<'_>, TensorId), (b, two): (&Graph<'_>, TensorId)) -> Result<bool> {
    let (one, two) = (a.tensor(one), b.tensor(two));
    if one.element().is_none() || one.data_type != two.data_type || one.dims != two.dims {
        return Ok(false);
    }
    match (one.floats(a.model), two.floats(b.model)) {
        (Ok(one), Ok(two)) => Ok(one.iter().zip(&two).all(|(x, y)| x.to_bits() == (-y).to_bits())),
        (Err(error), _) | (_, Err(error)) if error.kind == ErrorKind::Tensor => Ok(false),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

/// As [`same`], of tensors that stand in no graph.
///
/// # Errors
/// A file that cannot be read.
pub fn alike(one: (&Tensor, &Model), two: (&Tensor, &Model)) -> Result<bool> {
    tensors(one, two, &mut { BUDGET })
}

/// As [`same`], of tensors that are no constants of a graph.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn same_stored(a: &Stored<'_>, b: &Stored<'_>) -> Result<bool> {
    let read = |stored: &Stored<'_>| {
        let home = Home::Initializer { scope: ScopeId(0), index: usize::MAX };
        match Tensor::new(stored.model, stored.proto, stored.span, home) {
            Ok(tensor) => Ok((!matches!(tensor.payload, Payload::Opaque)).then_some(tensor)),
            Err(error) if error.kind == ErrorKind::Tensor => Ok(None),
            Err(error) => Err(error),
        }
    };
    match (read(a)?, read(b)?) {
        (Some(one), Some(two)) => match alike((&one, a.model), (&two, b.model)) {
            Err(error) if error.kind == ErrorKind::Tensor => verbatim(a, b),
            other => other,
        },
        _ => verbatim(a, b),
    }
}

/// Whether two tensors of which not all is understood are written in the same way: strings, segments, unknown types.
fn verbatim(a: &Stored<'_>, b: &Stored<'_>) -> Result<bool> {
    let (one, two) = (a.proto, b.proto);
    let ranges = |stored: &Stored<'_>| stored.span.data.iter().map(|data| data.span.payload.clone()).collect::<Vec<_>>();
    let numbers = |stored: &Stored<'_>| stored.span.data.iter().map(|data| data.number).collect::<Vec<_>>();
    let alike = one.data_type == two.data_type
        && one.dims == two.dims
        && one.string_data == two.string_data
        && one.segment == two.segment
        // Who keeps such elements in a side file is not followed there.
        && one.external_data.is_empty()
        && two.external_data.is_empty()
        && numbers(a) == numbers(b);
    Ok(alike && same_ranges((a.model, &ranges(a)), (b.model, &ranges(b)))?)
}

/// Whether bytes of two files are the same, part by part.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn same_ranges((a, ours): (&Model, &[Range<u64>]), (b, theirs): (&Model, &[Range<u64>])) -> Result<bool> {
    let len = |range: &Range<u64>| range.end.saturating_sub(range.start);
    if ours.len() != theirs.len() || ours.iter().zip(theirs).any(|(one, two)| len(one) != len(two)) {
        return Ok(false);
    }
    for (one, two) in ours.iter().zip(theirs) {
        if !same_bytes(a.file(0), one.start, b.file(0), two.start, len(one))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Nodes that are compared before what they compute is.
const BUDGET: usize = 1 << 10;

fn tensors((one, a): (&Tensor, &Model), (two, b): (&Tensor, &Model), budget: &mut usize) -> Result<bool> {
    if one.data_type != two.data_type || one.dims != two.dims {
        return Ok(false);
    }
    match (&one.payload, &two.payload) {
        (Payload::Bytes { file: f, range: r }, Payload::Bytes { file: g, range: s }) => {
            if r.end - r.start != s.end - s.start {
                return Ok(false);
            }
            same_bytes(a.file(*f), r.start, b.file(*g), s.start, r.end - r.start)
        }
        (Payload::Opaque, Payload::Opaque) => Ok(false),
        // The same operators on the same constants need no look at what comes of them.
        (Payload::Computed(x), Payload::Computed(y)) if recipes((x, a), (y, b), budget)? => Ok(true),
        _ => match (bits(one, a), bits(two, b)) {
            (Ok(one), Ok(two)) => Ok(one == two),
            // What cannot be computed is no constant that could be the same.
            (Err(error), _) | (_, Err(error)) if error.kind == ErrorKind::Tensor && (computed(one) || computed(two)) => Ok(false),
            (Err(error), _) | (_, Err(error)) => Err(error),
        },
    }
}

fn computed(tensor: &Tensor) -> bool {
    tensor.recipe().is_some()
}

/// Whether two constants are computed by the same operators from the same constants.
fn recipes((one, a): (&Recipe, &Model), (two, b): (&Recipe, &Model), budget: &mut usize) -> Result<bool> {
    let Some(left) = budget.checked_sub(1) else { return Ok(false) };
    *budget = left;
    // What says something about a value that is no constant (its shape, its type) is no operator on constants.
    let about_others = |recipe: &Recipe| {
        let named = recipe.node.input.iter().map(|name| !name.is_empty());
        named.zip(&recipe.inputs).any(|(named, input)| named && input.is_none())
    };
    if about_others(one) || about_others(two) {
        return Ok(false);
    }
    let alike = one.opset == two.opset
        && one.node.op_type() == two.node.op_type()
        && canonical(&one.node) == canonical(&two.node)
        && one.inputs.len() == two.inputs.len();
    if !alike {
        return Ok(false);
    }
    let mut pairs = one.inputs.iter().zip(&two.inputs).chain([(&one.value, &two.value)]);
    pairs.try_fold(true, |same, pair| {
        Ok(same
            && match pair {
                (Some(one), Some(two)) => tensors((one, a), (two, b), budget)?,
                (None, None) => true,
                _ => false,
            })
    })
}

fn same_bytes(a: &dyn Source, a_start: u64, b: &dyn Source, b_start: u64, len: u64) -> Result<bool> {
    if a_start == b_start && a.identity().is_some_and(|file| b.identity() == Some(file)) {
        // The second model refers to the first one's side file.
        return Ok(true);
    }
    let failed = |e| crate::Error::io("cannot read a constant", e);
    let (mut one, mut two) = (vec![0; BLOCK.min(len) as usize], vec![0; BLOCK.min(len) as usize]);
    let mut at = 0;
    while at < len {
        let count = BLOCK.min(len - at) as usize;
        a.read_exact_at(&mut one[..count], a_start + at).map_err(failed)?;
        b.read_exact_at(&mut two[..count], b_start + at).map_err(failed)?;
        if one[..count] != two[..count] {
            return Ok(false);
        }
        at += count as u64;
    }
    Ok(true)
}

/// The elements of a constant as bit patterns.
///
/// # Errors
/// A file that cannot be read, a constant that cannot be computed.
pub fn bits(tensor: &Tensor, model: &Model) -> Result<Vec<u64>> {
    if tensor.element().is_some() {
        return Ok(tensor.floats(model)?.iter().map(|v| v.to_bits()).collect());
    }
    match tensor.data_type {
        9 => Ok(tensor.booleans(model)?.iter().map(|v| u64::from(*v)).collect()),
        kind if small_float(kind).is_some() => Ok(tensor.small_floats(model)?.iter().map(|v| v.to_bits()).collect()),
        _ => Ok(tensor.integers(model)?.iter().map(|v| *v as u64).collect()),
    }
}
