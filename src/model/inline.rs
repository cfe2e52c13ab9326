//! A model whose calls of functions are replaced by the functions' bodies, as pieces of the file that it was read from.
//!
//! A value of a body is called `output/function/value`, output being the first output of the call. What a node says beside
//! names and references to attributes is copied as it is.

mod expand;

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::error::{Error, ErrorKind, Result};
use crate::model::functions::{Functions, nodes};
use crate::model::graph::is_standard_domain;
use crate::model::{Model, text};
use crate::onnx::{FunctionProto, GraphProto, ModelProto, NodeProto};
use crate::wire::splice::{Edit, Piece, splice};
use crate::wire::{Field, Fields, Window, varint};

use expand::{Expander, Names};

/// A bound on what inlining may grow to: functions that call functions double at each level.
const MOST_NODES: usize = 200_000;

/// The model with its calls replaced; `None` if there is no call that can be.
///
/// # Errors
/// A function that calls itself, and a file that cannot be read.
pub(super) fn pieces(model: &Model) -> Result<Option<Vec<Piece>>> {
    if model.proto.functions.is_empty() {
        return Ok(None);
    }
    let functions = Functions::of(&model.proto)?;
    let (goes, imports) = inlined(&model.proto, &functions);
    let Some(graph) = model.proto.graph.as_ref().filter(|_| goes.iter().any(|goes| *goes)) else { return Ok(None) };
    let mut expander = Expander { model, functions: &functions, goes: &goes, taken: taken(&model.proto) };
    let mut edits = Vec::new();
    expander.graph_nodes(&graph.node, &model.scan.graph, &Names::outside(), &mut edits)?;
    let all = 0..model.len();
    let defined = fields(model, all.clone())?.into_iter().filter(|f| f.holds(25));
    for (_, field) in goes.iter().zip(defined).filter(|(goes, _)| **goes) {
        edits.push(Edit { parent: all.clone(), at: field.range, with: vec![] });
    }
    for (domain, version) in imports {
        let import = crate::onnx::OperatorSetIdProto { version: Some(version), ..Default::default() };
        let mut content = text_field(1, domain);
        content.extend(prost::Message::encode_to_vec(&import));
        edits.push(Edit { parent: all.clone(), at: all.end..all.end, with: vec![Piece::Bytes(field(8, &content))] });
    }
    let pieces = splice(model.file(0), all, edits)
        .map_err(|e| Error::new(ErrorKind::Graph, format!("the functions cannot be inlined: {e}")))?;
    Ok(Some(pieces))
}

/// Which functions go, and operator sets that the model must then import because their bodies do.
///
/// A function stays if it imports another version of an operator set than the model, or if a call hands a graph over; all stay
/// if the result would have more than [`MOST_NODES`] nodes.
pub(super) fn inlined<'m>(model: &'m ModelProto, functions: &Functions<'m>) -> (Vec<bool>, BTreeMap<&'m str, i64>) {
    let mut imports: BTreeMap<&str, i64> = model.opset_import.iter().map(|o| (plain_domain(o.domain()), o.version())).collect();
    let known: BTreeSet<&str> = imports.keys().copied().collect();
    let mut goes = vec![false; functions.len()];
    let mut called = vec![false; functions.len()];
    let bodies = model.functions.iter().map(|f| &f.node);
    let mut refused = Vec::new();
    for node in bodies.chain(model.graph.iter().map(|g| &g.node)).flat_map(|list| nodes(list)) {
        let Some(index) = functions.called(node) else { continue };
        called[index] = true;
        // A graph that is handed over sees the values where the call stands.
        if node.attribute.iter().any(|a| a.g.is_some() || !a.graphs.is_empty()) {
            refused.push(index);
        }
    }
    for (index, function) in model.functions.iter().enumerate() {
        let own = function.opset_import.iter().map(|o| (plain_domain(o.domain()), o.version()));
        let fits = own.clone().all(|(domain, version)| imports.get(domain).is_none_or(|v| *v == version));
        goes[index] = called[index] && fits && !refused.contains(&index) && is_plain(function);
        if goes[index] {
            imports.extend(own);
        }
    }
    // What a function that stays calls must stay as well.
    let mut stay: Vec<usize> = (0..goes.len()).filter(|index| !goes[*index]).collect();
    while let Some(index) = stay.pop() {
        let called = functions.get(index).into_iter().flat_map(|f| nodes(&f.node)).filter_map(|n| functions.called(n));
        for called in called {
            if std::mem::replace(&mut goes[called], false) {
                stay.push(called);
            }
        }
    }
    imports.retain(|domain, _| !known.contains(domain));
    if model.graph.as_ref().is_some_and(|graph| size(graph, functions, &goes) > MOST_NODES) {
        goes.fill(false);
    }
    (goes, imports)
}

/// Whether a body has only what can be renamed: no sparse constants and no annotations in nested graphs.
fn is_plain(function: &FunctionProto) -> bool {
    let plain = |graph: &GraphProto| graph.sparse_initializer.is_empty() && graph.quantization_annotation.is_empty();
    let all = nodes(&function.node);
    let mut graphs = all.iter().flat_map(|n| &n.attribute).flat_map(|a| a.g.iter().chain(&a.graphs));
    graphs.all(plain)
}

fn plain_domain(domain: &str) -> &str {
    if is_standard_domain(domain) { "" } else { domain }
}

/// How many nodes there will be.
pub(super) fn size(graph: &GraphProto, functions: &Functions<'_>, goes: &[bool]) -> usize {
    let mut known = vec![None; goes.len()];
    let count = |list: &[NodeProto], known: &[Option<usize>]| {
        nodes(list).into_iter().try_fold(0usize, |sum, node| {
            let called = functions.called(node).filter(|index| goes.get(*index) == Some(&true));
            let size = called.map_or(Some(1), |index| known.get(index).copied().flatten())?;
            Some(sum.saturating_add(size))
        })
    };
    // No function calls itself, so each round knows more until all are known.
    loop {
        let mut found = false;
        for index in 0..known.len() {
            if known[index].is_none() {
                known[index] = functions.get(index).and_then(|f| count(&f.node, &known));
                found |= known[index].is_some();
            }
        }
        if !found {
            return count(&graph.node, &known).unwrap_or(usize::MAX);
        }
    }
}

/// Every name of a value in the file.
pub(super) fn taken(model: &ModelProto) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut graphs: Vec<&GraphProto> = model.graph.iter().collect();
    while let Some(graph) = graphs.pop() {
        names.extend(graph.input.iter().chain(&graph.value_info).map(|v| v.name().to_owned()));
        names.extend(graph.initializer.iter().map(|t| t.name().to_owned()));
        for node in &graph.node {
            names.extend(node.output.iter().cloned());
            graphs.extend(node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs)));
        }
    }
    names
}

/// The fields of a message.
fn fields(model: &Model, message: Range<u64>) -> Result<Vec<Field>> {
    let mut window = Window::new(model.file(0));
    let mut fields = Fields::new(&mut window, message);
    let mut found = Vec::new();
    while let Some(field) = fields.next()? {
        found.push(field);
    }
    Ok(found)
}

/// Tag and length of a field whose content follows.
fn header(number: u32, len: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    varint::encode(u64::from(number) << 3 | 2, &mut bytes);
    varint::encode(len, &mut bytes);
    bytes
}

pub(super) fn field(number: u32, content: &[u8]) -> Vec<u8> {
    let mut bytes = header(number, content.len() as u64);
    bytes.extend_from_slice(content);
    bytes
}

pub(super) fn text_field(number: u32, name: &str) -> Vec<u8> {
    field(number, &text::encode(name))
}

/// Pieces as the content of a field.
fn wrap(number: u32, content: Vec<Piece>) -> Vec<Piece> {
    let len = content.iter().map(Piece::len).sum();
    std::iter::once(Piece::Bytes(header(number, len))).chain(content).collect()
}
