//! What attributes hold that is not read with the messages: tensors, sparse tensors and long lists, compared as values wherever
//! their bytes are.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::error::Result;
use crate::model::scan::{DataSpan, Span, TensorSpan};
use crate::model::{Graph, Model, NodeId, ScopeId, ScopeKind};
use crate::onnx::{AttributeProto, SparseTensorProto, TensorProto};
use crate::verify::constants::{self, Stored};
use crate::wire::{Field, Window, WireType};

/// What one attribute holds.
#[derive(Default)]
struct Held<'m> {
    tensors: Vec<(&'m TensorProto, TensorSpan)>,
    sparse: Vec<Sparse<'m>>,
    /// What is compared byte by byte: the numbers of a list of floats that is not among the messages, and messages that stand twice,
    /// which protobuf merges.
    bytes: Vec<Range<u64>>,
}

/// A sparse tensor: its dimensions, values and where those are.
type Sparse<'m> = (&'m SparseTensorProto, [TensorSpan; 2]);

/// Attributes, and the messages that have them as fields of this number.
struct Owner<'m> {
    model: &'m Model,
    attributes: &'m [AttributeProto],
    messages: Vec<Range<u64>>,
    number: u32,
}

/// Whether the attributes of two nodes hold the same beside what is read with the messages.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn same_in_nodes(a: (&Graph<'_>, NodeId), b: (&Graph<'_>, NodeId)) -> Result<bool> {
    fn of<'m>((graph, id): (&Graph<'m>, NodeId)) -> Owner<'m> {
        let node = graph.node(id);
        let attributes = &node.proto.attribute;
        Owner { model: graph.model, attributes, messages: vec![node.span.span.payload.clone()], number: 5 }
    }
    same(&of(a), &of(b))
}

/// As [`same_in_nodes`], of the defaults that functions give attributes.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn same_in_functions(a: (&Graph<'_>, ScopeId), b: (&Graph<'_>, ScopeId)) -> Result<bool> {
    fn of<'m>((graph, id): (&Graph<'m>, ScopeId)) -> Owner<'m> {
        let scope = graph.scope(id);
        let function = if let ScopeKind::Function(index) = scope.kind { graph.model.proto.functions.get(index) } else { None };
        let attributes = function.map_or(&[][..], |function| &function.attribute_proto);
        Owner { model: graph.model, attributes, messages: scope.span.pieces.clone(), number: 11 }
    }
    same(&of(a), &of(b))
}

fn same(a: &Owner<'_>, b: &Owner<'_>) -> Result<bool> {
    let (one, two) = (held(a)?, held(b)?);
    if one.len() != two.len() {
        return Ok(false);
    }
    for ((name, x), (other, y)) in one.iter().zip(&two) {
        let alike = name == other
            && x.tensors.len() == y.tensors.len()
            && x.sparse.len() == y.sparse.len()
            && constants::same_ranges((a.model, &x.bytes), (b.model, &y.bytes))?;
        if !alike {
            return Ok(false);
        }
        for ((one, x), (two, y)) in x.tensors.iter().zip(&y.tensors) {
            if !constants::same_stored(&Stored::new(one, x, a.model), &Stored::new(two, y, b.model))? {
                return Ok(false);
            }
        }
        for (x, y) in x.sparse.iter().zip(&y.sparse) {
            if !same_sparse((x, a.model), (y, b.model))? {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

fn held<'m>(owner: &Owner<'m>) -> Result<BTreeMap<&'m str, Held<'m>>> {
    let holds =
        |a: &AttributeProto| a.t.is_some() || !a.tensors.is_empty() || a.sparse_tensor.is_some() || !a.sparse_tensors.is_empty();
    // A list that is long is not among the messages, nor a part of one.
    let is_list = |a: &AttributeProto| !a.floats.is_empty() || a.r#type() == crate::onnx::attribute_proto::AttributeType::Floats;
    let mut all = BTreeMap::new();
    if !owner.attributes.iter().any(|a| holds(a) || is_list(a)) {
        return Ok(all);
    }
    let mut window = Window::new(owner.model.file(0));
    for message in &owner.messages {
        for field in messages(&mut window, message.clone(), owner.number)? {
            let parts = fields(&mut window, field.payload)?;
            let name = parts.iter().rfind(|part| part.number == 1).map(|part| window.bytes(part.payload.clone())).transpose()?;
            let name = name.map(|name| crate::model::text::decode(&name)).unwrap_or_default();
            let Some(attribute) = owner.attributes.iter().find(|a| a.name() == name) else { continue };
            let mut found = Held::default();
            let spans = |number: u32| parts.iter().filter(move |part| part.number == number);
            for (number, protos) in [(5, attribute.t.as_slice()), (10, &attribute.tensors[..])] {
                for (proto, part) in protos.iter().zip(spans(number)) {
                    found.tensors.push((proto, span(&mut window, part)?));
                }
            }
            for (number, protos) in [(22, attribute.sparse_tensor.as_slice()), (23, &attribute.sparse_tensors[..])] {
                for (proto, part) in protos.iter().zip(spans(number)) {
                    found.sparse.push((proto, sparse_span(&mut window, part.payload.clone())?));
                }
            }
            let numbers =
                |part: &Field| if part.wire_type == WireType::Length { (part.payload.end - part.payload.start) / 4 } else { 1 };
            let missing = spans(7).map(numbers).sum::<u64>() != attribute.floats.len() as u64;
            let twice = |number: u32| spans(number).count() > 1;
            for number in
                [(7, missing), (5, twice(5)), (22, twice(22))].into_iter().filter_map(|(number, is)| is.then_some(number))
            {
                found.bytes.extend(spans(number).map(|part| part.payload.clone()));
            }
            all.insert(attribute.name(), found);
        }
    }
    Ok(all)
}

/// The sparse constants of a graph by what they are called.
fn initializers<'m>(graph: &Graph<'m>, id: ScopeId) -> Result<BTreeMap<&'m str, Sparse<'m>>> {
    let scope = graph.scope(id);
    let mut all = BTreeMap::new();
    let protos = scope.graph.map_or(&[][..], |graph| &graph.sparse_initializer);
    if protos.is_empty() {
        return Ok(all);
    }
    let mut window = Window::new(graph.model.file(0));
    let mut places = Vec::new();
    for piece in &scope.span.pieces {
        places.extend(messages(&mut window, piece.clone(), 15)?);
    }
    for (proto, place) in protos.iter().zip(places) {
        let name = proto.values.as_ref().map_or("", TensorProto::name);
        all.insert(name, (proto, sparse_span(&mut window, place.payload)?));
    }
    Ok(all)
}

/// The names of sparse constants that are not the same in two graphs.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn sparse_apart(a: (&Graph<'_>, ScopeId), b: (&Graph<'_>, ScopeId)) -> Result<Vec<String>> {
    let (ours, theirs) = (initializers(a.0, a.1)?, initializers(b.0, b.1)?);
    let mut names: Vec<&str> = ours.keys().chain(theirs.keys()).copied().collect();
    names.sort_unstable();
    names.dedup();
    // One that nobody reads makes no difference.
    let is_read = |(graph, scope): (&Graph<'_>, ScopeId), name: &str| {
        graph.lookup(scope, name).is_some_and(|value| !graph.value(value).uses.is_empty())
    };
    let mut apart = Vec::new();
    for name in names.into_iter().filter(|name| is_read(a, name) || is_read(b, name)) {
        let same = match (ours.get(name), theirs.get(name)) {
            (Some(one), Some(two)) => same_sparse((one, a.0.model), (two, b.0.model))?,
            _ => false,
        };
        if !same {
            apart.push(name.to_owned());
        }
    }
    Ok(apart)
}

fn same_sparse((one, a): (&Sparse<'_>, &Model), (two, b): (&Sparse<'_>, &Model)) -> Result<bool> {
    if one.0.dims != two.0.dims {
        return Ok(false);
    }
    let parts = |sparse: &SparseTensorProto| [sparse.values.clone(), sparse.indices.clone()];
    for ((x, at), (y, other)) in parts(one.0).iter().zip(&one.1).zip(parts(two.0).iter().zip(&two.1)) {
        let same = match (x, y) {
            (Some(x), Some(y)) => constants::same_stored(&Stored::new(x, at, a), &Stored::new(y, other, b))?,
            (None, None) => true,
            _ => false,
        };
        if !same {
            return Ok(false);
        }
    }
    Ok(true)
}

fn fields(window: &mut Window<'_>, range: Range<u64>) -> Result<Vec<Field>> {
    let (mut rest, mut all) = (range, Vec::new());
    while let Some(field) = window.field(rest.clone())? {
        rest.start = field.range.end;
        all.push(field);
    }
    Ok(all)
}

fn messages(window: &mut Window<'_>, range: Range<u64>, number: u32) -> Result<Vec<Field>> {
    let all = fields(window, range)?.into_iter();
    Ok(all.filter(|field| field.number == number && field.wire_type == WireType::Length).collect())
}

/// Where the elements of a tensor are.
fn span(window: &mut Window<'_>, tensor: &Field) -> Result<TensorSpan> {
    let data = fields(window, tensor.payload.clone())?.into_iter().filter(|f| matches!(f.number, 4 | 5 | 7 | 9 | 10 | 11));
    let data = data.map(|field| DataSpan {
        number: field.number,
        run: field.wire_type == WireType::Length,
        span: Span { field: field.range, payload: field.payload },
    });
    Ok(TensorSpan { span: Span { field: tensor.range.clone(), payload: tensor.payload.clone() }, data: data.collect() })
}

/// The same of the values and indices of a sparse tensor.
fn sparse_span(window: &mut Window<'_>, message: Range<u64>) -> Result<[TensorSpan; 2]> {
    let none = || TensorSpan { span: Span { field: 0..0, payload: 0..0 }, data: vec![] };
    let mut found = [none(), none()];
    for (place, number) in found.iter_mut().zip([1, 2]) {
        for field in messages(window, message.clone(), number)? {
            let part = span(window, &field)?;
            place.data.extend(part.data);
            place.span = part.span;
        }
    }
    Ok(found)
}
