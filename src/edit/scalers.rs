//! A Scaler that was read as a difference and a product is a Scaler again where no fold has touched them.

use std::ops::Range;

use crate::edit::Lowering;
use crate::model::{NodeId, Origin, Scaler, ScopeId};
use crate::wire::splice::{Edit, Piece};

impl Lowering<'_, '_> {
    /// Edits that put Scalers back.
    pub(super) fn scalers(&mut self) {
        self.out.idle = self.out.edits.is_empty() && self.out.sides.is_empty();
        let model = self.graph.model;
        let edits: Vec<Edit> = model.scalers().iter().filter_map(|scaler| self.put_back(scaler)).flatten().collect();
        self.out.edits.extend(edits);
    }

    /// Edits that put a Scaler back; none where one of the nodes that it was read as is changed or goes, or one beside them.
    fn put_back(&self, scaler: &Scaler) -> Option<Vec<Edit>> {
        let main = self.graph.scope(ScopeId(0));
        let product = self.maker(self.graph.lookup(ScopeId(0), &scaler.output)?)?;
        let input = |node: NodeId, at: usize| self.maker(self.graph.node(node).inputs.get(at).copied().flatten()?);
        let difference = input(product, 0)?;
        let nodes = [input(difference, 1)?, input(product, 1)?, difference, product];
        let spans = nodes.map(|node| &self.graph.node(node).span.span);
        // What is put in beside a node may belong to it.
        let beside = |at: &Range<u64>, own: &Range<u64>| at.is_empty() && own.start <= at.start && at.start <= own.end;
        let meets = |at: &Range<u64>, own: &Range<u64>| beside(at, own) || at.start < own.end && own.start < at.end;
        if self.out.edits.iter().any(|edit| spans.iter().any(|span| meets(&edit.at, &span.field))) {
            return None;
        }
        let mut with = vec![Piece::Bytes(scaler.bytes.clone())];
        let remove = |span| Edit { parent: main.span.piece_of(span), at: span.field.clone(), with: std::mem::take(&mut with) };
        Some(spans.map(remove).into())
    }

    fn maker(&self, value: crate::model::ValueId) -> Option<NodeId> {
        match self.graph.value(value).origin {
            Origin::Node(node, _) if self.graph.node(node).scope == ScopeId(0) => Some(node),
            _ => None,
        }
    }
}
