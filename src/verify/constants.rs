//! Constants of two files compared by what they are: type, shape and elements, wherever and however they are stored.

use crate::error::Result;
use crate::model::{Graph, Model, Payload, Tensor, TensorId};
use crate::wire::Source;

/// Bytes per comparison.
const BLOCK: u64 = 128 << 10;

/// Whether two constants are the same, bit for bit.
///
/// # Errors
/// A file that cannot be read.
pub fn same(a: (&Graph<'_>, TensorId), b: (&Graph<'_>, TensorId)) -> Result<bool> {
    let (one, two) = (a.0.tensor(a.1), b.0.tensor(b.1));
    if one.data_type != two.data_type || one.dims != two.dims {
        return Ok(false);
    }
    match (&one.payload, &two.payload) {
        (Payload::Bytes { file: f, range: r }, Payload::Bytes { file: g, range: s }) => {
            if r.end - r.start != s.end - s.start {
                return Ok(false);
            }
            same_bytes(a.0.model.file(*f), r.start, b.0.model.file(*g), s.start, r.end - r.start)
        }
        (Payload::Opaque, Payload::Opaque) => Ok(false),
        _ => Ok(elements(one, a.0.model)? == elements(two, b.0.model)?),
    }
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

/// Elements as bit patterns, for the rare forms.
fn elements(tensor: &Tensor, model: &Model) -> Result<Vec<u64>> {
    if tensor.element().is_some() {
        return Ok(tensor.floats(model)?.iter().map(|v| v.to_bits()).collect());
    }
    match tensor.data_type {
        9 => Ok(tensor.booleans(model)?.iter().map(|v| u64::from(*v)).collect()),
        _ => Ok(tensor.integers(model)?.iter().map(|v| *v as u64).collect()),
    }
}
