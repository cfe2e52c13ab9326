//! One pass over a file: where everything is, and a skeleton for prost.
//!
//! The skeleton is the file without the elements of its tensors, without unknown fields, and without known fields whose wire
//! form is not the schema's (the reference parser takes those for unknown, prost refuses them). The pass reads through a
//! window and skips payloads, so its cost grows with the number of fields, not with the size of the weights.
//! It knows the schema as a table and nothing of what operators mean.

use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};
use crate::model::text;
use crate::wire::{Field, Window, WireType, varint};

/// How the schema stores a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Varint,
    Fixed32,
    Fixed64,
    Text,
    Bytes,
    Message(usize),
}

/// A message of the schema: its name and each field's number, form, and whether it repeats.
pub(crate) struct Message {
    pub name: &'static str,
    pub fields: &'static [(u32, Form, bool)],
}

mod schema {
    use super::{Form, Message};
    include!(concat!(env!("OUT_DIR"), "/schema.rs"));
}

/// Graphs may nest this deep; deeper files are refused before they can exhaust the stack.
const DEEPEST_GRAPH: usize = 30;

/// Messages may nest this deep, as prost has it.
const DEEPEST_MESSAGE: usize = 99;

/// The room that a skeleton has before it is known how long it is.
const MOST_ROOM: u64 = 16 << 20;

/// A field of a message: all of it, tag included, and its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// From the tag to the end.
    pub field: Range<u64>,
    /// The content.
    pub payload: Range<u64>,
}

/// Elements of a tensor: one field that holds some or all of them.
#[derive(Clone, Debug)]
pub struct DataSpan {
    /// Field number in `TensorProto` (4 float_data, 5 int32_data, 7 int64_data, 9 raw_data, 10 double_data, 11 uint64_data),
    /// or in `AttributeProto` (7 floats, 8 ints).
    pub number: u32,
    /// Where it is.
    pub span: Span,
    /// Whether the payload is a run (packed or raw) or a single element.
    pub run: bool,
}

/// Where a tensor's message and elements are.
#[derive(Clone, Debug)]
pub struct TensorSpan {
    /// The tensor's field in its parent.
    pub span: Span,
    /// Its elements.
    pub data: Vec<DataSpan>,
}

/// What an attribute holds besides numbers.
#[derive(Clone, Debug)]
pub enum Nested {
    /// `t`, or the elements of `floats` or `ints` (then the span is the attribute's own).
    Tensor(TensorSpan),
    /// `g`, or one of `graphs`.
    Graph(Box<GraphSpan>),
}

/// Where a node is, and what its attributes nest.
#[derive(Clone, Debug)]
pub struct NodeSpan {
    /// The node's field in its graph.
    pub span: Span,
    /// By position of the attribute in the node.
    pub nested: Vec<(usize, Nested)>,
}

/// Where the parts of a graph or function are. A graph that the file gives in several pieces is their concatenation.
#[derive(Clone, Debug, Default)]
pub struct GraphSpan {
    /// Payload ranges of the pieces.
    pub pieces: Vec<Range<u64>>,
    /// Nodes.
    pub nodes: Vec<NodeSpan>,
    /// Initializers.
    pub initializers: Vec<TensorSpan>,
    /// Inputs (for functions: none, their names are text).
    pub inputs: Vec<Span>,
    /// Outputs.
    pub outputs: Vec<Span>,
    /// Types of values in between.
    pub value_infos: Vec<Span>,
    /// Whether it is a function, whose fields have other numbers.
    pub is_function: bool,
}

impl GraphSpan {
    /// The payload of the piece that holds a field, which is the parent an edit of that field must name.
    pub fn piece_of(&self, span: &Span) -> Range<u64> {
        let holds = |piece: &&Range<u64>| piece.start <= span.field.start && span.field.end <= piece.end;
        self.pieces.iter().find(holds).cloned().unwrap_or_else(|| self.last_piece())
    }

    /// The payload of the last piece, where new fields go.
    pub fn last_piece(&self) -> Range<u64> {
        self.pieces.last().cloned().unwrap_or_default()
    }
}

/// The result of the pass.
#[derive(Debug, Default)]
pub struct Scan {
    /// What prost decodes as a `ModelProto`.
    pub skeleton: Vec<u8>,
    /// The main graph.
    pub graph: GraphSpan,
    /// The functions, in order.
    pub functions: Vec<GraphSpan>,
    /// Fields of the model message that the schema knows, for telling foreign files apart.
    pub known_fields: usize,
    /// Fields that the skeleton has not: the schema does not know them, or in another form.
    pub unknown_fields: usize,
}

/// What the schema says of a field of a message of some kind, if it knows it in this form.
pub(crate) fn form(kind: usize, field: &Field) -> Option<Form> {
    let (_, form, repeated) = schema::MESSAGES.get(kind)?.fields.iter().find(|(number, ..)| *number == field.number)?;
    fits(*form, *repeated, field.wire_type).then_some(*form)
}

/// The name of a kind of message.
pub(crate) fn kind_name(kind: usize) -> &'static str {
    schema::MESSAGES.get(kind).map_or("", |message| message.name)
}

/// The kind of message of this name.
pub(crate) fn message(name: &str) -> usize {
    schema::MESSAGES.iter().position(|m| m.name == name).unwrap_or(usize::MAX)
}

/// Reads a file of `len` bytes.
///
/// # Errors
/// Bytes that are no protobuf message, with their offset; graphs nested deeper than this program follows.
pub fn scan(window: &mut Window<'_>, len: u64) -> Result<Scan> {
    let mut scanner = Scanner { window, kinds: Kinds::new(), scan: Scan::default(), level: 0 };
    // Room that is not used costs nothing but addresses.
    let mut skeleton = Vec::with_capacity(len.min(MOST_ROOM) as usize);
    let model = scanner.kinds.model;
    scanner.message(model, 0..len, &mut skeleton, &mut Place::Model, 0)?;
    Ok(Scan { skeleton, ..scanner.scan })
}

struct Kinds {
    model: usize,
    graph: usize,
    function: usize,
    node: usize,
    attribute: usize,
    tensor: usize,
}

impl Kinds {
    fn new() -> Self {
        Kinds {
            model: message("ModelProto"),
            graph: message("GraphProto"),
            function: message("FunctionProto"),
            node: message("NodeProto"),
            attribute: message("AttributeProto"),
            tensor: message("TensorProto"),
        }
    }
}

/// Where spans of the current message are recorded.
enum Place<'a> {
    Model,
    Graph(&'a mut GraphSpan),
    Node(&'a mut NodeSpan, usize),
    Attribute(&'a mut NodeSpan, usize),
    Tensor(&'a mut TensorSpan),
    /// A message whose parts nobody edits.
    Elsewhere,
}

struct Scanner<'w, 's> {
    window: &'w mut Window<'s>,
    kinds: Kinds,
    scan: Scan,
    level: usize,
}

/// Whether a field on the wire has the form that the schema gives it; repeated numbers may be packed or not.
fn fits(form: Form, repeated: bool, wire: WireType) -> bool {
    match form {
        Form::Varint => wire == WireType::Varint || repeated && wire == WireType::Length,
        Form::Fixed32 => wire == WireType::Fixed32 || repeated && wire == WireType::Length,
        Form::Fixed64 => wire == WireType::Fixed64 || repeated && wire == WireType::Length,
        Form::Text | Form::Bytes | Form::Message(_) => wire == WireType::Length,
    }
}

fn put_length(out: &mut Vec<u8>, number: u32, bytes: &[u8]) {
    varint::encode(u64::from(number) << 3 | 2, out);
    varint::encode(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

/// How many bytes the length of a nested message has in the skeleton, whatever it is, so that it can be filled in afterwards.
const LENGTH_BYTES: usize = 5;

/// Begins a nested message; the result is where its content begins.
fn begin(out: &mut Vec<u8>, number: u32) -> usize {
    varint::encode(u64::from(number) << 3 | 2, out);
    out.extend_from_slice(&[0; LENGTH_BYTES]);
    out.len()
}

/// Fills in the length of the message whose content begins at `start` and ends here.
fn end(out: &mut [u8], start: usize) {
    let mut length = out.len() - start;
    let place = start.checked_sub(LENGTH_BYTES).and_then(|first| out.get_mut(first..start)).unwrap_or_default();
    for (at, byte) in place.iter_mut().enumerate() {
        *byte = (length & 0x7f) as u8 | if at + 1 < LENGTH_BYTES { 0x80 } else { 0 };
        length >>= 7;
    }
}

impl Scanner<'_, '_> {
    /// Copies one message to the skeleton and records its parts at `place`.
    fn message(&mut self, kind: usize, range: Range<u64>, out: &mut Vec<u8>, place: &mut Place<'_>, depth: usize) -> Result<()> {
        if self.level >= DEEPEST_MESSAGE {
            return Err(too_deep(&format!("messages are nested more than {DEEPEST_MESSAGE} deep"), range.start));
        }
        self.level += 1;
        let mut rest = range;
        while let Some(field) = self.window.field(rest.clone())? {
            rest.start = field.range.end;
            let Some(form) = form(kind, &field) else {
                self.scan.unknown_fields += 1;
                continue;
            };
            if kind == self.kinds.model {
                self.scan.known_fields += 1;
            }
            if self.is_payload(kind, &field) {
                record_payload(&field, place);
                continue;
            }
            match form {
                Form::Message(inner) => self.nested(inner, &field, out, place, depth)?,
                Form::Text => self.window.with(field.payload.clone(), &mut |bytes| match text::plain(bytes) {
                    true => put_length(out, field.number, bytes),
                    false => put_length(out, field.number, text::decode(bytes).as_bytes()),
                })?,
                _ => self.window.append(field.range.clone(), out)?,
            }
        }
        self.level -= 1;
        Ok(())
    }

    fn is_payload(&self, kind: usize, field: &Field) -> bool {
        let tensor = kind == self.kinds.tensor && matches!(field.number, 4 | 5 | 7 | 9 | 10 | 11);
        // `floats` of a Constant; other operators' lists are short and stay in the skeleton as well.
        tensor || kind == self.kinds.attribute && field.number == 7 && field.payload.end - field.payload.start > 4096
    }

    fn nested(&mut self, kind: usize, field: &Field, out: &mut Vec<u8>, place: &mut Place<'_>, depth: usize) -> Result<()> {
        let span = Span { field: field.range.clone(), payload: field.payload.clone() };
        let start = begin(out, field.number);
        let payload = field.payload.clone();
        match place {
            Place::Model if kind == self.kinds.graph => {
                let mut graph = std::mem::take(&mut self.scan.graph);
                graph.pieces.push(payload.clone());
                self.message(kind, payload, out, &mut Place::Graph(&mut graph), depth + 1)?;
                self.scan.graph = graph;
            }
            Place::Model if kind == self.kinds.function => {
                let mut function = GraphSpan { pieces: vec![payload.clone()], is_function: true, ..GraphSpan::default() };
                self.message(kind, payload, out, &mut Place::Graph(&mut function), depth + 1)?;
                self.scan.functions.push(function);
            }
            Place::Graph(graph) if kind == self.kinds.node => {
                let mut node = NodeSpan { span, nested: Vec::new() };
                self.message(kind, payload, out, &mut Place::Node(&mut node, 0), depth)?;
                graph.nodes.push(node);
            }
            Place::Graph(graph) if kind == self.kinds.tensor => {
                let mut tensor = TensorSpan { span, data: Vec::new() };
                self.message(kind, payload, out, &mut Place::Tensor(&mut tensor), depth)?;
                graph.initializers.push(tensor);
            }
            Place::Graph(graph) => {
                match schema::MESSAGES.get(kind).map(|m| m.name) {
                    Some("ValueInfoProto") if graph.is_function => graph.value_infos.push(span),
                    Some("ValueInfoProto") if field.number == 11 => graph.inputs.push(span),
                    Some("ValueInfoProto") if field.number == 12 => graph.outputs.push(span),
                    Some("ValueInfoProto") => graph.value_infos.push(span),
                    _ => {}
                }
                self.message(kind, payload, out, &mut Place::Elsewhere, depth)?;
            }
            Place::Node(node, count) if kind == self.kinds.attribute => {
                self.message(kind, payload, out, &mut Place::Attribute(node, *count), depth)?;
                *count += 1;
            }
            Place::Attribute(node, count) if kind == self.kinds.tensor && field.number == 5 => {
                let mut tensor = TensorSpan { span, data: Vec::new() };
                self.message(kind, payload, out, &mut Place::Tensor(&mut tensor), depth)?;
                // protobuf merges a message that stands twice.
                match node.nested.last_mut() {
                    Some((last, Nested::Tensor(first))) if last == count => first.data.append(&mut tensor.data),
                    _ => node.nested.push((*count, Nested::Tensor(tensor))),
                }
            }
            Place::Attribute(node, count) if kind == self.kinds.graph => {
                if depth >= DEEPEST_GRAPH {
                    return Err(too_deep(&format!("graphs are nested more than {DEEPEST_GRAPH} deep"), field.range.start));
                }
                let (node, count) = (&mut **node, *count);
                self.nested_graph(field, out, node, count, depth)?;
            }
            _ => self.message(kind, payload, out, &mut Place::Elsewhere, depth)?,
        }
        end(out, start);
        Ok(())
    }

    /// `g`, which protobuf merges when it stands twice, or one of `graphs`, which do not merge.
    fn nested_graph(
        &mut self,
        field: &Field,
        out: &mut Vec<u8>,
        node: &mut NodeSpan,
        attribute: usize,
        depth: usize,
    ) -> Result<()> {
        let earlier = node.nested.iter().rposition(|(at, n)| *at == attribute && matches!(n, Nested::Graph(_)));
        let mut graph = match earlier.filter(|_| field.number == 6).map(|at| node.nested.remove(at)) {
            Some((_, Nested::Graph(graph))) => graph,
            _ => Box::default(),
        };
        graph.pieces.push(field.payload.clone());
        let kind = self.kinds.graph;
        self.message(kind, field.payload.clone(), out, &mut Place::Graph(&mut graph), depth + 1)?;
        node.nested.push((attribute, Nested::Graph(graph)));
        Ok(())
    }
}

fn too_deep(what: &str, offset: u64) -> Error {
    Error::new(ErrorKind::Graph, what)
        .at(format!("byte {offset}"))
        .remedy("models are not made like this; the file is damaged or hostile")
}

fn record_payload(field: &Field, place: &mut Place<'_>) {
    let span = Span { field: field.range.clone(), payload: field.payload.clone() };
    let data = DataSpan { number: field.number, span: span.clone(), run: field.wire_type == WireType::Length };
    match place {
        Place::Tensor(tensor) => {
            // Elements nearly always stand in one field.
            if tensor.data.is_empty() {
                tensor.data.reserve_exact(1);
            }
            tensor.data.push(data);
        }
        Place::Attribute(node, count) => node.nested.push((*count, Nested::Tensor(TensorSpan { span, data: vec![data] }))),
        _ => {}
    }
}
