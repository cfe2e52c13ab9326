//! Two weights read side by side, block by block, so that neither is ever in memory as a whole.

use crate::error::{Error, Result};
use crate::model::{Element, Graph, Payload, Tensor, TensorId};
use crate::wire::Source;

/// Elements in a block.
const BLOCK: usize = 32 << 10;

struct Stream<'m> {
    from: From<'m>,
    bytes: Vec<u8>,
    numbers: Vec<f64>,
}

enum From<'m> {
    File(&'m dyn Source, u64, Element),
    Memory(Vec<f64>),
}

impl<'m> Stream<'m> {
    fn open(graph: &'m Graph<'_>, tensor: &Tensor) -> Result<Stream<'m>> {
        let from = match (&tensor.payload, tensor.element()) {
            (Payload::Bytes { file, range }, Some(element)) => From::File(graph.model.file(*file), range.start, element),
            // Typed fields are read whole; that form is only met in small models.
            _ => From::Memory(tensor.floats(graph.model)?),
        };
        Ok(Stream { from, bytes: Vec::new(), numbers: Vec::new() })
    }

    fn block(&mut self, at: u64, count: usize) -> Result<&[f64]> {
        match &self.from {
            From::File(source, start, element) => {
                let size = element.size();
                self.bytes.resize(count.saturating_mul(size), 0);
                let offset = at.saturating_mul(size as u64).saturating_add(*start);
                source.read_exact_at(&mut self.bytes, offset).map_err(|e| Error::io("cannot read a weight", e))?;
                self.numbers.clear();
                element.decode(&self.bytes, &mut self.numbers);
                Ok(&self.numbers)
            }
            From::Memory(all) => {
                let start = usize::try_from(at).unwrap_or(usize::MAX);
                Ok(all.get(start..).and_then(|rest| rest.get(..count)).unwrap_or_default())
            }
        }
    }
}

/// What is done with a block.
pub(super) type Each<'e> = dyn FnMut(u64, &[f64], &[f64]) + 'e;

/// Calls `each` with the index of a block's first element and the block of both tensors, which have the same shape.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn pairs(a: (&Graph<'_>, TensorId), b: (&Graph<'_>, TensorId), each: &mut Each<'_>) -> Result<()> {
    let (one, two) = (a.0.tensor(a.1), b.0.tensor(b.1));
    let total = one.elements().min(two.elements());
    let (mut ours, mut theirs) = (Stream::open(a.0, one)?, Stream::open(b.0, two)?);
    let mut at = 0;
    while at < total {
        let count = usize::try_from(total - at).unwrap_or(BLOCK).min(BLOCK);
        each(at, ours.block(at, count)?, theirs.block(at, count)?);
        at += count as u64;
    }
    Ok(())
}
