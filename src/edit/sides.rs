//! References to side files: the result has its own, so every reference is written anew; checksums of what changed go.

use std::collections::BTreeSet;

use crate::edit::{Lowering, message};
use crate::error::{Error, ErrorKind, Result};
use crate::model::scan::{Nested, Span, TensorSpan};
use crate::model::{Graph, Home, NodeId, Payload, ScopeId, ValueId};
use crate::onnx::TensorProto;
use crate::onnx::tensor_proto::DataLocation;
use crate::wire::splice::{Edit, Piece};

impl Lowering<'_, '_> {
    /// Points every tensor with elements in a side file to the name that the file has in the result.
    pub(super) fn side_names(&mut self, names: &[String], dead: &BTreeSet<ValueId>) -> Result<()> {
        let model = self.graph.model;
        if model.sides().is_empty() || model.sides().iter().zip(names).all(|(side, name)| side.location == *name) {
            return Ok(());
        }
        let changed: BTreeSet<usize> = self.out.sides.iter().map(|s| s.file).collect();
        let tensors = external_tensors(self.graph, dead);
        for External { proto, span, .. } in &tensors {
            let span = &span.span;
            if !self.out.inlined.contains(&span.payload) && !self.moved.contains_key(&span.payload.start) {
                self.rename_side(proto, span, names, &changed)?;
            }
        }
        self.expect_all(tensors.len(), dead)
    }

    /// Sparse tensors and lists of tensors are not walked; a reference from there would be left behind.
    pub(super) fn expect_all(&self, found: usize, dead: &BTreeSet<ValueId>) -> Result<()> {
        if found + dead_external(self.graph, dead) != count_external(self.graph.model) {
            return Err(Error::new(ErrorKind::Target, "a sparse tensor or a list of tensors has elements in a side file")
                .remedy("store the model with its tensors inside the file first"));
        }
        Ok(())
    }

    fn rename_side(&mut self, proto: &TensorProto, span: &Span, names: &[String], changed: &BTreeSet<usize>) -> Result<()> {
        let location = proto.external_data.iter().rev().find(|e| e.key() == "location").map_or("", |e| e.value());
        let sides = self.graph.model.sides();
        let Some(file) = sides.iter().position(|s| s.location == location) else { return Err(self.lost("a side file")) };
        let name = names.get(file).ok_or_else(|| self.lost("a side file's name"))?;
        let own_change = self.out.sides.iter().any(|s| s.file == file + 1 && reads(proto, s.range.start));
        let fields = message::fields(self.graph.model, &span.payload)?;
        for (entry, field) in proto.external_data.iter().zip(fields.iter().filter(|f| f.holds(13))) {
            let with = match entry.key() {
                "location" => {
                    let mut content = message::text_field(1, "location");
                    content.extend(message::text_field(2, name));
                    vec![Piece::Bytes(message::field(13, &content))]
                }
                "checksum" if changed.contains(&(file + 1)) => vec![],
                key if key.starts_with("prepacked") && own_change => vec![],
                _ => continue,
            };
            self.out.edits.push(Edit { parent: span.payload.clone(), at: field.range.clone(), with });
        }
        Ok(())
    }
}

/// Whether a tensor's elements begin at this offset of its side file.
fn reads(proto: &TensorProto, offset: u64) -> bool {
    let own = proto.external_data.iter().rev().find(|e| e.key() == "offset").map_or("0", |e| e.value());
    own.trim().parse() == Ok(offset)
}

fn is_external(proto: &TensorProto) -> bool {
    proto.data_location() == DataLocation::External
}

fn count_external(model: &crate::model::Model) -> usize {
    let mut count = 0;
    let mut graphs: Vec<_> = model.proto.graph.iter().collect();
    let mut nodes: Vec<_> = model.proto.functions.iter().flat_map(|f| &f.node).collect();
    while !graphs.is_empty() || !nodes.is_empty() {
        for graph in std::mem::take(&mut graphs) {
            count += graph.initializer.iter().filter(|t| is_external(t)).count();
            let sparse = graph.sparse_initializer.iter().flat_map(|s| s.values.iter().chain(&s.indices));
            count += sparse.filter(|t| is_external(t)).count();
            nodes.extend(&graph.node);
        }
        for attribute in std::mem::take(&mut nodes).into_iter().flat_map(|n| &n.attribute) {
            count += attribute.t.iter().chain(&attribute.tensors).filter(|t| is_external(t)).count();
            graphs.extend(attribute.g.iter().chain(&attribute.graphs));
        }
    }
    count
}

/// A tensor that has its elements in a side file.
pub(super) struct External<'g> {
    pub proto: &'g TensorProto,
    pub span: TensorSpan,
    pub home: Home,
}

/// The messages that go with dead values.
pub(super) fn homes(graph: &Graph<'_>, dead: &BTreeSet<ValueId>) -> BTreeSet<Home> {
    dead.iter().filter_map(|v| dead_home(graph, *v)).collect()
}

/// Tensors of a graph that have their elements in a side file and stay.
pub(super) fn external_tensors<'g>(graph: &Graph<'g>, dead: &BTreeSet<ValueId>) -> Vec<External<'g>> {
    let gone = homes(graph, dead);
    let mut found = Vec::new();
    for (id, scope) in graph.scopes.iter().enumerate() {
        let initializers = scope.graph.map_or(&[][..], |proto| &proto.initializer);
        for (index, (proto, span)) in initializers.iter().zip(&scope.span.initializers).enumerate() {
            let home = Home::Initializer { scope: ScopeId(id), index };
            if is_external(proto) && !gone.contains(&home) {
                found.push(External { proto, span: span.clone(), home });
            }
        }
    }
    for (id, node) in graph.nodes.iter().enumerate() {
        for (attribute, nested) in &node.span.nested {
            let home = Home::Constant { node: NodeId(id), attribute: *attribute };
            let proto = node.proto.attribute.get(*attribute).and_then(|a| a.t.as_ref());
            if let (Nested::Tensor(span), Some(proto)) = (nested, proto)
                && is_external(proto)
                && !gone.contains(&home)
            {
                found.push(External { proto, span: span.clone(), home });
            }
        }
    }
    found
}

/// The message that goes with a dead value.
fn dead_home(graph: &Graph<'_>, value: ValueId) -> Option<Home> {
    let (tensor, way) = graph.constant(value).ok()?;
    (way.len() == 1).then(|| graph.tensor(tensor).home)
}

fn dead_external(graph: &Graph<'_>, dead: &BTreeSet<ValueId>) -> usize {
    let tensors = dead.iter().filter_map(|v| graph.constant(*v).ok()).filter(|(_, way)| way.len() == 1);
    tensors.filter(|(t, _)| matches!(graph.tensor(*t).payload, Payload::Bytes { file, .. } if file > 0)).count()
}
