//! Where the result keeps elements: in side files as they were, in those of the original, inside, or all in one file.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::edit::sides::{External, external_tensors, homes};
use crate::edit::{Lowering, Scaled, message};
use crate::error::{Error, ErrorKind, Result};
use crate::model::scan::TensorSpan;
use crate::model::{Home, Payload, Tensor, ValueId};
use crate::wire::splice::{Edit, Piece};

/// What is smaller stays in the model file, where readers need its numbers to know shapes. ONNX's own tools draw the line here.
const LEAST: u64 = 1024;
/// From this size on a tensor begins a page of the disk, so that it can be mapped.
const LARGE: u64 = 1 << 20;
const PAGE: u64 = 4096;
/// What any number begins at.
const NUMBER: u64 = 16;

/// How the result keeps what the model has in side files.
#[derive(Clone, Debug)]
pub enum Storage {
    /// Each side file again, under these names, with what changes in its place.
    Keep(Vec<String>),
    /// The same side files under these names, and what changes in one of its own.
    Share {
        /// What the result calls the model's side files.
        locations: Vec<String>,
        /// The name of its own.
        own: String,
    },
    /// In the model file.
    Inline,
    /// In one side file of this name, and with it what is large in the model file.
    One(String),
}

impl Default for Storage {
    fn default() -> Storage {
        Storage::Keep(vec![])
    }
}

impl Storage {
    /// The name of the side file that the result has beside those of the model, if it may have one.
    pub fn own(&self) -> Option<&str> {
        match self {
            Storage::Share { own, .. } | Storage::One(own) => Some(own),
            Storage::Keep(_) | Storage::Inline => None,
        }
    }
}

impl Lowering<'_, '_> {
    /// Edits that bring elements where they are to be, once all changes are known.
    pub(super) fn stored(&mut self, dead: &BTreeSet<ValueId>) -> Result<()> {
        self.placed(dead)?;
        // What changes and was not found would be as it was.
        if self.moved.is_empty() { Ok(()) } else { Err(self.lost("a constant that changes")) }
    }

    fn placed(&mut self, dead: &BTreeSet<ValueId>) -> Result<()> {
        match self.storage {
            Storage::Keep(names) => self.side_names(names, dead),
            Storage::Share { locations, .. } => {
                self.side_names(locations, dead)?;
                let changed = external_tensors(self.graph, dead).into_iter();
                let changed = changed.filter(|tensor| self.moved.contains_key(&tensor.span.span.payload.start));
                changed.collect::<Vec<_>>().iter().try_for_each(|tensor| self.relocate(tensor, false))
            }
            Storage::Inline | Storage::One(_) => {
                let tensors = external_tensors(self.graph, dead);
                self.expect_all(tensors.len(), dead)?;
                let inside = matches!(self.storage, Storage::Inline);
                tensors.iter().try_for_each(|tensor| self.relocate(tensor, inside))?;
                if inside { Ok(()) } else { self.outward(dead) }
            }
        }
    }

    /// Whether a changed constant gets another place than its elements had; then where they go is for [`Lowering::stored`] to say.
    pub(super) fn moves(&self, tensor: &Tensor) -> bool {
        match (&tensor.payload, self.storage) {
            (_, Storage::Keep(_)) => false,
            (Payload::Bytes { file: 1.., .. }, _) => true,
            (_, Storage::One(_)) => is_large(tensor),
            _ => false,
        }
    }

    /// Takes elements into the result's own side file if a new constant of this size belongs there; says where in it they are.
    pub(super) fn outside(&mut self, payload: &Piece) -> Option<Vec<u8>> {
        let own = match self.storage {
            Storage::Share { .. } => !self.graph.model.sides().is_empty(),
            Storage::One(_) => true,
            Storage::Keep(_) | Storage::Inline => false,
        };
        (own && payload.len() >= LEAST).then(|| self.put(payload.clone()))
    }

    /// Appends elements to the result's own side file, and says in fields of a tensor where they are.
    fn put(&mut self, payload: Piece) -> Vec<u8> {
        let len = payload.len();
        let offset = self.own_len.next_multiple_of(if len >= LARGE { PAGE } else { NUMBER });
        if offset > self.own_len {
            self.out.own.push(Piece::Bytes(vec![0; (offset - self.own_len) as usize]));
        }
        self.out.own.push(payload);
        self.own_len = offset.saturating_add(len);
        message::external(self.storage.own().unwrap_or_default(), offset, len)
    }

    /// Brings a tensor from a side file, changed or not, into the model file or into the result's own side file.
    fn relocate(&mut self, tensor: &External<'_>, inside: bool) -> Result<()> {
        let External { proto, span, home } = tensor;
        let parent = span.span.payload.clone();
        for field in message::fields(self.graph.model, &parent)? {
            if matches!(field.number, 13 | 14) {
                self.out.edits.push(Edit { parent: parent.clone(), at: field.range, with: vec![] });
            }
        }
        let changed = self.moved.remove(&parent.start);
        let with = match (changed, &Tensor::new(self.graph.model, proto, span, *home)?.payload) {
            (Some(piece), _) if inside => message::wrap(9, vec![piece]),
            (Some(piece), _) => vec![Piece::Bytes(self.put(piece))],
            (None, Payload::Bytes { file, range }) if inside => message::wrap(9, vec![self.copied(*file, range)]),
            (None, Payload::Bytes { file, range }) => vec![Piece::Bytes(self.put_once(*file, range))],
            _ => {
                let what = format!("the elements of tensor `{}` are of a type that cannot be moved", proto.name());
                return Err(Error::new(ErrorKind::Target, what).remedy("leave --external-data out"));
            }
        };
        self.out.edits.push(Edit { parent: parent.clone(), at: parent.end..parent.end, with });
        Ok(())
    }

    /// Elements that tensors share in the model's files are shared in the result's, too.
    fn put_once(&mut self, file: usize, range: &Range<u64>) -> Vec<u8> {
        let key = (file, range.start, range.end);
        if let Some(known) = self.known.get(&key) {
            return known.clone();
        }
        let copied = self.copied(file, range);
        let fields = self.put(copied);
        self.known.insert(key, fields.clone());
        fields
    }

    /// A promise to copy elements as they are.
    fn copied(&mut self, file: usize, range: &Range<u64>) -> Piece {
        self.out.scaled.push(Scaled { file, range: range.clone(), factored: None });
        Piece::Lazy { index: self.out.scaled.len() - 1, len: range.end - range.start }
    }

    /// Large initializers leave the model file.
    fn outward(&mut self, dead: &BTreeSet<ValueId>) -> Result<()> {
        let (graph, gone) = (self.graph, homes(self.graph, dead));
        for tensor in graph.tensors.iter().filter(|tensor| is_large(tensor) && !gone.contains(&tensor.home)) {
            if let Payload::Bytes { range, .. } = &tensor.payload {
                self.move_out(&self.tensor_span(tensor)?, range)?;
            }
        }
        Ok(())
    }

    fn move_out(&mut self, span: &TensorSpan, range: &Range<u64>) -> Result<()> {
        let parent = span.span.payload.clone();
        // Where the elements are in the file is said once more if it is said at all.
        for field in message::fields(self.graph.model, &parent)? {
            if field.number == 14 || span.data.iter().any(|data| data.span.field == field.range) {
                self.out.edits.push(Edit { parent: parent.clone(), at: field.range, with: vec![] });
            }
        }
        let fields = match self.moved.remove(&parent.start) {
            Some(piece) => self.put(piece),
            None => self.put_once(0, range),
        };
        self.out.edits.push(Edit { parent: parent.clone(), at: parent.end..parent.end, with: vec![Piece::Bytes(fields)] });
        Ok(())
    }
}

/// Whether an initializer of the model file is large enough to leave it.
fn is_large(tensor: &Tensor) -> bool {
    let inside = |payload: &Payload| matches!(payload, Payload::Bytes { file: 0, range } if range.end - range.start >= LEAST);
    matches!(tensor.home, Home::Initializer { .. }) && inside(&tensor.payload)
}
