//! Constants of two files compared by what they are: type, shape and elements, wherever and however they are stored.

use crate::error::{ErrorKind, Result};
use crate::model::computed::Recipe;
use crate::model::{Graph, Model, Payload, Tensor, TensorId};
use crate::verify::align::canonical;
use crate::wire::Source;

/// Bytes per comparison.
const BLOCK: u64 = 128 << 10;

/// Whether two constants are the same, bit for bit.
///
/// # Errors
/// A file that cannot be read.
pub fn same(a: (&Graph<'_>, TensorId), b: (&Graph<'_>, TensorId)) -> Result<bool> {
    let mut budget = BUDGET;
    tensors((a.0.tensor(a.1), a.0.model), (b.0.tensor(b.1), b.0.model), &mut budget)
}

/// As [`same`], of tensors that stand in no graph.
///
/// # Errors
/// A file that cannot be read.
pub fn alike(one: (&Tensor, &Model), two: (&Tensor, &Model)) -> Result<bool> {
    tensors(one, two, &mut { BUDGET })
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
        _ => Ok(tensor.integers(model)?.iter().map(|v| *v as u64).collect()),
    }
}
