//! Changed constants as edits of bytes: factors are applied while the file is written, small numbers are rounded here, once.

use std::collections::BTreeSet;

use crate::double_double::nearest;
use crate::edit::rescale::{Axis, Rescale};
use crate::edit::settle::{Change, Place, Store, ZeroPoints};
use crate::edit::{Factored, Lowering, Scaled, SideEdit};
use crate::edit::{loss, message};
use crate::error::{Error, ErrorKind, Result};
use crate::law::Reason;
use crate::model::integers::whole;
use crate::model::scan::{DataSpan, Nested, TensorSpan};
use crate::model::{Graph, Home, NodeId, Payload, ScopeId, ScopeKind, Tensor, TensorId};
use crate::plan::{Channels, DraftTensor};
use crate::wire::splice::{Edit, Piece};

impl Lowering<'_, '_> {
    /// Edits that write a changed constant where it belongs.
    pub(super) fn store(&mut self, store: &Store<'_>) -> Result<()> {
        match &store.place {
            Place::Message(tensor) => self.store_in_place(store, *tensor),
            Place::New { name, .. } => {
                let payload = self.payload(store)?;
                let name = name.clone();
                self.store_new(store, &name, payload)
            }
        }
    }

    /// Why a changed constant does not survive in its type, if it does not. What is written as it is was looked at while it was
    /// planned.
    pub(super) fn loss(&self, change: &Change<'_>) -> Result<Option<Reason>> {
        match change.content {
            DraftTensor::Dense { .. } => Ok(None),
            DraftTensor::Sum(merged) => Ok(merged.survives(self.graph, change.element)?.err()),
            DraftTensor::Factored { .. } => loss::loss(self.graph, &self.factored(change)?, None),
        }
    }

    /// The new elements, little-endian: bytes, or a promise to scale stored ones.
    fn payload(&mut self, store: &Store<'_>) -> Result<Piece> {
        match &*store.content {
            DraftTensor::Dense { value, .. } => {
                let mut bytes = Vec::with_capacity(value.values.len() * store.element.size());
                store.element.encode(&nearest(&value.values), &mut bytes);
                Ok(Piece::Bytes(bytes))
            }
            DraftTensor::Sum(merged) => {
                let values = merged.elements(self.graph)?;
                if let Err(reason) = merged.survive(&values, store.element) {
                    self.out.hurt.push((store.reader.0, reason));
                }
                let mut bytes = Vec::with_capacity(values.len() * store.element.size());
                store.element.encode(&nearest(&values), &mut bytes);
                Ok(Piece::Bytes(bytes))
            }
            DraftTensor::Factored { .. } => {
                let factored = self.factored(&store.change())?;
                let tensor = self.graph.tensor(factored.tensor);
                if let Payload::Bytes { file, range } = &tensor.payload {
                    return Ok(self.scaled(*file, range.clone(), factored));
                }
                let mut bytes = Vec::new();
                store.element.encode(&tensor.floats(self.graph.model)?, &mut bytes);
                if factored.rescale.apply(0, &mut bytes).any() {
                    self.out.held.push(factored);
                }
                Ok(Piece::Bytes(bytes))
            }
        }
    }

    fn scaled(&mut self, file: usize, range: std::ops::Range<u64>, factored: Factored) -> Piece {
        let len = range.end - range.start;
        self.out.scaled.push(Scaled { file, range, factored: Some(factored) });
        Piece::Lazy { index: self.out.scaled.len() - 1, len }
    }

    /// The factors of a weight along its axes.
    fn factored(&self, change: &Change<'_>) -> Result<Factored> {
        let (DraftTensor::Factored { axes, out, input }, Some(tensor)) = (change.content, change.base) else {
            return Err(self.lost("a factor's weight"));
        };
        let mut factors = Vec::new();
        let mut used = [false; 2];
        for (slot, factor) in [out, input].into_iter().enumerate() {
            if !factor.is_empty() {
                factors.push(factor.clone());
                used[slot] = true;
            }
        }
        let steps = |(size, out, input): (u64, usize, usize)| {
            let both = [out, input];
            Axis { size, steps: both.iter().zip(used).filter(|(_, used)| *used).map(|(step, _)| *step).collect() }
        };
        let channels = Channels::new(axes);
        let axes = channels.steps().iter().copied().map(steps).collect();
        let rescale = Rescale::new(change.element, axes, factors).map_err(|e| self.lost(&e.to_string()))?;
        let shift = self.shift(change.reader, channels.outputs())?;
        Ok(Factored { tensor, rescale, channels, out: out.clone(), input: input.clone(), shift, reader: change.reader })
    }

    /// What a convolution or a Gemm will add to each of its channels; empty if that is not known.
    fn shift(&self, (node, weight): (NodeId, usize), channels: usize) -> Result<Vec<f64>> {
        const BIAS: usize = 2;
        let (at, draft) = (self.graph.node(node), &self.plan.view.draft);
        let scaled = at.proto.attribute.iter().any(|a| a.name() == "beta")
            && !draft.dropped.get(&node).is_some_and(|dropped| dropped.contains(&"beta"));
        let is_gemm = match draft.operators.get(&node).copied().unwrap_or_else(|| at.proto.op_type()) {
            "Conv" | "ConvTranspose" => false,
            "Gemm" if !scaled => true,
            _ => return Ok(vec![]),
        };
        let (dims, shift) = match self.plan.tensor((node, BIAS)) {
            Some(DraftTensor::Dense { value, .. }) => (&value.dims, nearest(&value.values)),
            Some(DraftTensor::Factored { .. } | DraftTensor::Sum(_)) => return Ok(vec![]),
            None => {
                let value = draft.input(self.graph, node, BIAS);
                let tensor = value.and_then(|value| self.graph.constant(value).ok()).map(|(tensor, _)| self.graph.tensor(tensor));
                let Some(tensor) = tensor.filter(|tensor| tensor.element().is_some()) else { return Ok(vec![]) };
                (&tensor.dims, tensor.floats(self.graph.model)?)
            }
        };
        // The channels of a Gemm are the columns of what it makes, or its rows if the weight stands on the left.
        let along = match (is_gemm, weight, &dims[..]) {
            (true, 0, [rows, 1]) => *rows,
            (true, 0, _) => 0,
            (true, _, [.., columns]) => *columns,
            (..) => shift.len() as u64,
        };
        Ok(if shift.len() == channels && along == channels as u64 { shift } else { vec![] })
    }

    fn store_in_place(&mut self, store: &Store<'_>, into: TensorId) -> Result<()> {
        let tensor = self.graph.tensor(into);
        if self.moves(tensor) {
            let (payload, span) = (self.payload(store)?, self.tensor_span(tensor)?);
            self.moved.insert(span.span.payload.start, payload);
            return Ok(());
        }
        if let Payload::Bytes { file, range } = &tensor.payload {
            if *file > 0 && self.shares_its_range(into) {
                return self.move_inline(store, tensor);
            }
            let payload = self.payload(store)?;
            if *file > 0 {
                self.out.sides.push(SideEdit { file: *file, range: range.clone(), with: payload });
                return Ok(());
            }
            let span = self.tensor_span(tensor)?;
            let data = span.data.first().ok_or_else(|| self.lost("elements"))?.clone();
            let parent = self.data_parent(tensor, &span);
            let field = message::wrap(data.number, vec![payload]);
            self.out.edits.push(Edit { parent, at: data.span.field, with: field });
            return Ok(());
        }
        let payload = self.payload(store)?;
        if let (Home::Constant { node, .. }, Payload::Inline(_) | Payload::Whole(_)) = (tensor.home, &tensor.payload) {
            return self.replace_number_attribute(node, tensor, store, payload);
        }
        let span = self.tensor_span(tensor)?;
        let parent = span.span.payload.clone();
        for DataSpan { span, .. } in &span.data {
            self.out.edits.push(Edit { parent: parent.clone(), at: span.field.clone(), with: vec![] });
        }
        let end = parent.end;
        self.out.edits.push(Edit { parent, at: end..end, with: message::wrap(9, vec![payload]) });
        Ok(())
    }

    /// A Constant that was given by numbers gets a tensor in their place.
    fn replace_number_attribute(&mut self, node: NodeId, tensor: &Tensor, store: &Store<'_>, payload: Piece) -> Result<()> {
        let span = self.graph.node(node).span.span.payload.clone();
        let fields = message::fields(self.graph.model, &span)?;
        let attribute = fields.iter().find(|f| f.holds(5)).ok_or_else(|| self.lost("the attribute"))?;
        let value = message::tensor_field(5, "", message::data_type(store.element), &tensor.dims, payload);
        self.out.edits.push(Edit { parent: span, at: attribute.range.clone(), with: message::value_attribute(value) });
        Ok(())
    }

    /// A constant in a side file whose bytes other constants use as well moves into the model file.
    fn move_inline(&mut self, store: &Store<'_>, tensor: &Tensor) -> Result<()> {
        let payload = self.payload(store)?;
        let span = self.tensor_span(tensor)?;
        let parent = span.span.payload.clone();
        for field in message::fields(self.graph.model, &parent)? {
            if matches!(field.number, 13 | 14) {
                self.out.edits.push(Edit { parent: parent.clone(), at: field.range, with: vec![] });
            }
        }
        let end = parent.end;
        self.out.inlined.push(parent.clone());
        self.out.edits.push(Edit { parent, at: end..end, with: message::wrap(9, vec![payload]) });
        Ok(())
    }

    fn store_new(&mut self, store: &Store<'_>, name: &str, payload: Piece) -> Result<()> {
        let Place::New { scope, before, .. } = &store.place else { return Ok(()) };
        self.constant((*scope, *before), name, message::data_type(store.element), &store.dims, payload)
    }

    /// Zero points that are all the same.
    pub(super) fn zero_points(&mut self, zeros: &ZeroPoints) -> Result<()> {
        let whole = whole(zeros.data_type).ok_or_else(|| self.lost("the type of a zero point"))?;
        let payload = Piece::Bytes(whole.repeated(zeros.of.value, zeros.of.count));
        self.constant(zeros.place, &zeros.name, zeros.data_type, &[zeros.of.count as u64], payload)
    }

    /// A new constant of a graph: an initializer where it may have one. A function may not, and up to IR 3 neither may a body,
    /// as an initializer must be an input there; they get a Constant before the node that reads it.
    fn constant(
        &mut self,
        (scope, before): (ScopeId, NodeId),
        name: &str,
        data_type: i32,
        dims: &[u64],
        payload: Piece,
    ) -> Result<()> {
        let at = self.graph.scope(scope);
        let node_field = match at.kind {
            ScopeKind::Function(_) => Some(7),
            ScopeKind::Nested { .. } if self.graph.model.proto.ir_version() < 4 => Some(1),
            _ => None,
        };
        if let Some(number) = node_field {
            let span = &self.graph.node(before).span.span;
            let tensor = message::tensor_field(5, "", data_type, dims, payload);
            let with = message::constant_node(number, name, tensor);
            let start = span.field.start;
            self.out.edits.push(Edit { parent: at.span.piece_of(span), at: start..start, with });
            return Ok(());
        }
        let piece = at.span.last_piece();
        let inside = |span: &TensorSpan| piece.start <= span.span.field.start && span.span.field.end <= piece.end;
        let last = at.span.initializers.iter().rev().find(|s| inside(s)).map_or(piece.end, |s| s.span.field.end);
        let with = match self.outside(&payload) {
            Some(fields) => vec![Piece::Bytes(message::outside_field(5, name, data_type, dims, &fields))],
            None => message::tensor_field(5, name, data_type, dims, payload),
        };
        self.out.edits.push(Edit { parent: piece.clone(), at: last..last, with });
        if self.lists_initializers_as_inputs(scope) {
            let end = at.span.inputs.last().filter(|s| s.field.end <= piece.end).map_or(piece.end, |s| s.field.end);
            let with = vec![Piece::Bytes(message::input_field(name, data_type, dims))];
            self.out.edits.push(Edit { parent: piece, at: end..end, with });
        }
        Ok(())
    }

    /// The message of a constant: the initializer, or the tensor in a Constant's attribute.
    pub(super) fn tensor_span(&self, tensor: &Tensor) -> Result<TensorSpan> {
        let found = match tensor.home {
            Home::Initializer { scope, index } => self.graph.scope(scope).span.initializers.get(index).cloned(),
            Home::Constant { node, attribute } => {
                let nested = self.graph.node(node).span.nested.iter().find(|(at, _)| *at == attribute);
                nested.and_then(|(_, n)| if let Nested::Tensor(span) = n { Some(span.clone()) } else { None })
            }
            Home::Computed { .. } => None,
        };
        found.ok_or_else(|| self.lost(&format!("constant `{}`", tensor.name)))
    }

    /// The message that has the elements as a field: the tensor, or for `value_floats` the attribute around it.
    fn data_parent(&self, tensor: &Tensor, span: &TensorSpan) -> std::ops::Range<u64> {
        match (tensor.home, span.data.first()) {
            (Home::Constant { node, .. }, Some(data)) if data.span.field == span.span.field => {
                let node = self.graph.node(node).span.span.payload.clone();
                let fields = message::fields(self.graph.model, &node).unwrap_or_default();
                let holds =
                    |f: &&crate::wire::Field| f.payload.start <= data.span.field.start && data.span.field.end <= f.payload.end;
                fields.iter().find(holds).map_or(node, |f| f.payload.clone())
            }
            _ => span.span.payload.clone(),
        }
    }

    /// Whether another constant uses bytes of the same side file that overlap.
    fn shares_its_range(&self, id: TensorId) -> bool {
        self.shared.get_or_init(|| shared(self.graph)).contains(&id)
    }

    pub(super) fn lost(&self, what: &str) -> Error {
        Error::new(ErrorKind::Graph, format!("a plan does not fit its model: {what} was not found"))
            .remedy("this is a fault of bnfold; please report it with the model's graph")
    }
}

/// Constants in side files whose bytes others use as well.
fn shared(graph: &Graph<'_>) -> BTreeSet<TensorId> {
    let mut ranges: Vec<(usize, u64, u64, TensorId)> = Vec::new();
    for (id, tensor) in graph.tensors.iter().enumerate() {
        if let Payload::Bytes { file, range } = &tensor.payload
            && *file > 0
            && !range.is_empty()
        {
            ranges.push((*file, range.start, range.end, TensorId(id)));
        }
    }
    ranges.sort_unstable();
    let mut shared = BTreeSet::new();
    // Of those before, the one that reaches furthest.
    let mut furthest: Option<(usize, u64, TensorId)> = None;
    for (file, start, end, id) in ranges {
        match furthest {
            Some((of, reaches, other)) if of == file && start < reaches => {
                shared.extend([id, other]);
                furthest = Some(if end > reaches { (file, end, id) } else { (of, reaches, other) });
            }
            _ => furthest = Some((file, end, id)),
        }
    }
    shared
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::model::Model;

    #[test]
    fn constants_share_bytes_where_their_ranges_overlap() {
        let constants = ["a", "b", "c", "d", "e", "f"];
        let declared: Vec<String> = constants.iter().map(|name| format!("float {name} = {{1}}")).collect();
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g (float x) => (float y) <{}> {{ y = Add (x, a) }}"#,
            declared.join(", ")
        );
        let model = Model::from_bytes(crate::sample::encode(&text).unwrap()).unwrap();
        let mut graph = Graph::build(&model).unwrap();
        let ranges = [(1, 0..40), (1, 8..16), (1, 12..20), (1, 40..48), (2, 0..8), (0, 0..8)];
        for (tensor, (file, range)) in graph.tensors.iter_mut().zip(ranges) {
            tensor.payload = Payload::Bytes { file, range };
        }
        assert_eq!(shared(&graph), BTreeSet::from([TensorId(0), TensorId(1), TensorId(2)]));
    }
}
