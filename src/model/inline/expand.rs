//! One call replaced by the nodes of the body, with the names that they have there.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::{Edit, Error, ErrorKind, Functions, Model, Piece, Result, field, fields, nodes, splice, text_field, wrap};
use crate::model::scan::{GraphSpan, Nested, NodeSpan, Span};
use crate::onnx::{AttributeProto, FunctionProto, GraphProto, NodeProto};

/// What names mean where a node stands now.
pub(super) struct Names<'o> {
    /// New names by old ones; the empty name is an input that is not connected.
    new: BTreeMap<String, String>,
    outer: Option<&'o Names<'o>>,
    /// What begins the new names of a body's own values; absent outside of functions.
    prefix: Option<&'o str>,
    /// The attributes that the function is called with; absent outside of functions.
    arguments: Option<&'o BTreeMap<String, Argument>>,
}

/// An attribute that a function is called with: its message, which is empty if the bytes are not the file's.
pub(super) struct Argument {
    payload: Range<u64>,
}

impl Names<'_> {
    /// Outside of functions: every name stays.
    pub(super) fn outside() -> Names<'static> {
        Names { new: BTreeMap::new(), outer: None, prefix: None, arguments: None }
    }

    fn resolve(&self, name: &str) -> String {
        match (self.new.get(name), self.outer) {
            (Some(new), _) => new.clone(),
            (None, Some(outer)) => outer.resolve(name),
            (None, None) => name.to_owned(),
        }
    }

    fn own(&self, name: &str) -> String {
        self.prefix.map_or_else(|| name.to_owned(), |prefix| format!("{prefix}{name}"))
    }
}

pub(super) struct Expander<'x, 'm> {
    pub model: &'m Model,
    pub functions: &'x Functions<'m>,
    /// By function: whether its calls are replaced.
    pub goes: &'x [bool],
    /// Names that no new value may have.
    pub taken: BTreeSet<String>,
}

impl<'m> Expander<'_, 'm> {
    /// Edits of the nodes of a graph or nested graph.
    pub(super) fn graph_nodes(
        &mut self,
        list: &[NodeProto],
        span: &GraphSpan,
        names: &Names<'_>,
        edits: &mut Vec<Edit>,
    ) -> Result<()> {
        for (node, at) in list.iter().zip(&span.nodes) {
            match self.function(node) {
                Some((function, body)) => {
                    let with = self.call(node, at, function, body, names)?;
                    edits.push(Edit { parent: span.piece_of(&at.span), at: at.span.field.clone(), with });
                }
                None => self.node(node, at, names, edits)?,
            }
        }
        Ok(())
    }

    fn function(&self, node: &NodeProto) -> Option<(&'m FunctionProto, &'m GraphSpan)> {
        let index = self.functions.called(node).filter(|index| self.goes.get(*index) == Some(&true))?;
        Some((self.functions.get(index)?, self.model.scan.functions.get(index)?))
    }

    /// The nodes of a body in the place of a call, as fields of a graph.
    fn call(
        &mut self,
        node: &NodeProto,
        at: &NodeSpan,
        function: &FunctionProto,
        body: &GraphSpan,
        names: &Names<'_>,
    ) -> Result<Vec<Piece>> {
        let given: Vec<String> = node.input.iter().map(|name| resolved(names, name)).collect();
        let made: Vec<String> = node.output.iter().map(|name| resolved(names, name)).collect();
        let arguments = self.arguments(node, at, function, body, names)?;
        let prefix = self.prefix(&made, function);
        let mut inner = BTreeMap::new();
        for name in function.node.iter().flat_map(|n| &n.output).filter(|name| !name.is_empty()) {
            inner.insert(name.clone(), format!("{prefix}{name}"));
        }
        let mut aliases = Vec::new();
        for (position, name) in function.output.iter().enumerate() {
            let Some(out) = made.get(position).filter(|out| !out.is_empty()) else { continue };
            match inner.get_mut(name) {
                // Not twice: the second output of the same value is a copy.
                Some(own) if *own == format!("{prefix}{name}") => out.clone_into(own),
                _ => aliases.push((name, out)),
            }
        }
        // Functions have no initializers, so a name is either made in the body or given.
        for (position, name) in function.input.iter().enumerate() {
            inner.entry(name.clone()).or_insert_with(|| given.get(position).cloned().unwrap_or_default());
        }
        let names = Names { new: inner, outer: None, prefix: Some(&prefix), arguments: Some(&arguments) };
        let mut pieces = Vec::new();
        for (node, at) in function.node.iter().zip(&body.nodes) {
            if let Some((function, body)) = self.function(node) {
                pieces.extend(self.call(node, at, function, body, &names)?);
                continue;
            }
            let mut edits = Vec::new();
            self.node(node, at, &names, &mut edits)?;
            pieces.extend(wrap(1, self.spliced(&at.span.payload, edits)?));
        }
        for (name, out) in aliases {
            let mut identity = text_field(1, &names.resolve(name));
            identity.extend(text_field(2, out));
            identity.extend(text_field(4, "Identity"));
            pieces.push(Piece::Bytes(field(1, &identity)));
        }
        Ok(pieces)
    }

    /// What begins the names of a body's values, so that none of them is the name of another value.
    fn prefix(&mut self, made: &[String], function: &FunctionProto) -> String {
        let label = made.iter().find(|name| !name.is_empty()).map_or("", String::as_str);
        let wanted = format!("{label}/{}", function.name());
        let own = own_names(function);
        let mut count = 0u64;
        loop {
            let prefix = if count == 0 { format!("{wanted}/") } else { format!("{wanted}_{count}/") };
            if own.iter().all(|name| !self.taken.contains(&format!("{prefix}{name}"))) {
                self.taken.extend(own.iter().map(|name| format!("{prefix}{name}")));
                return prefix;
            }
            count += 1;
        }
    }

    /// The attributes that a function sees: those of the call, and defaults.
    fn arguments(
        &self,
        node: &NodeProto,
        at: &NodeSpan,
        function: &FunctionProto,
        body: &GraphSpan,
        names: &Names<'_>,
    ) -> Result<BTreeMap<String, Argument>> {
        let mut found = BTreeMap::new();
        let defaults = self.messages(&body.last_piece(), 11)?;
        for (attribute, payload) in function.attribute_proto.iter().zip(defaults) {
            found.insert(attribute.name().to_owned(), Argument { payload });
        }
        for (attribute, payload) in node.attribute.iter().zip(self.messages(&at.span.payload, 5)?) {
            let name = attribute.name().to_owned();
            if attribute.ref_attr_name().is_empty() {
                found.insert(name, Argument { payload });
            } else if let Some(outer) = names.arguments.and_then(|a| a.get(attribute.ref_attr_name())) {
                found.insert(name, Argument { payload: outer.payload.clone() });
            }
        }
        Ok(found)
    }

    /// The payloads of a message's fields that are messages of this number.
    fn messages(&self, parent: &Range<u64>, number: u32) -> Result<Vec<Range<u64>>> {
        let all = fields(self.model, parent.clone())?.into_iter();
        Ok(all.filter(|f| f.holds(number)).map(|f| f.payload).collect())
    }

    /// Edits of one node that stays a node.
    fn node(&mut self, node: &NodeProto, at: &NodeSpan, names: &Names<'_>, edits: &mut Vec<Edit>) -> Result<()> {
        if names.prefix.is_some() {
            self.named(node, at, names, edits)?;
        }
        for (position, attribute) in node.attribute.iter().enumerate() {
            let spans = at.nested.iter().filter(|(p, _)| *p == position);
            let spans = spans.filter_map(|(_, n)| if let Nested::Graph(span) = n { Some(&**span) } else { None });
            for (graph, span) in attribute.g.iter().chain(&attribute.graphs).zip(spans) {
                self.nested(graph, span, names, edits)?;
            }
        }
        Ok(())
    }

    /// New names and attributes of a node of a body.
    fn named(&self, node: &NodeProto, at: &NodeSpan, names: &Names<'_>, edits: &mut Vec<Edit>) -> Result<()> {
        let parent = &at.span.payload;
        let all = fields(self.model, parent.clone())?;
        let numbered = |number: u32| all.iter().filter(move |f| f.holds(number));
        let mut edit = |at: &Range<u64>, with: Vec<Piece>| edits.push(Edit { parent: parent.clone(), at: at.clone(), with });
        for (number, list) in [(1, &node.input), (2, &node.output)] {
            for (name, field) in list.iter().zip(numbered(number)) {
                edit(&field.range, vec![Piece::Bytes(text_field(number, &resolved(names, name)))]);
            }
        }
        for field in numbered(3).filter(|_| !node.name().is_empty()) {
            edit(&field.range, vec![Piece::Bytes(text_field(3, &names.own(node.name())))]);
        }
        for (attribute, field) in node.attribute.iter().zip(numbered(5)) {
            if !attribute.ref_attr_name().is_empty() {
                edit(&field.range, self.argument(attribute, names)?);
            }
        }
        Ok(())
    }

    /// The attribute that a reference stands for, under the name of the reference; nothing if the call does not give it.
    fn argument(&self, reference: &AttributeProto, names: &Names<'_>) -> Result<Vec<Piece>> {
        let Some(argument) = names.arguments.and_then(|a| a.get(reference.ref_attr_name())) else { return Ok(vec![]) };
        let parent = &argument.payload;
        let all = fields(self.model, parent.clone())?.into_iter();
        let gone = all.filter(|f| f.holds(1)).map(|f| Edit { parent: parent.clone(), at: f.range, with: vec![] });
        let name = Piece::Bytes(text_field(1, reference.name()));
        let mut content = vec![name];
        content.extend(self.spliced(parent, gone.collect())?);
        Ok(wrap(5, content))
    }

    /// A graph that nests in a node.
    fn nested(&mut self, graph: &GraphProto, span: &GraphSpan, outer: &Names<'_>, edits: &mut Vec<Edit>) -> Result<()> {
        let mut new = BTreeMap::new();
        if outer.prefix.is_some() {
            let inputs = graph.input.iter().map(|v| v.name());
            let made = graph.node.iter().flat_map(|n| &n.output).map(String::as_str);
            let all = inputs.chain(graph.initializer.iter().map(|t| t.name())).chain(made);
            new.extend(all.filter(|name| !name.is_empty()).map(|name| (name.to_owned(), outer.own(name))));
        }
        let names = Names { new, outer: Some(outer), prefix: outer.prefix, arguments: outer.arguments };
        if outer.prefix.is_some() {
            for (list, spans) in
                [(&graph.input, &span.inputs), (&graph.output, &span.outputs), (&graph.value_info, &span.value_infos)]
            {
                for (value, at) in list.iter().zip(spans) {
                    self.rename(at, 1, &names.resolve(value.name()), edits)?;
                }
            }
            for (tensor, at) in graph.initializer.iter().zip(&span.initializers) {
                self.rename(&at.span, 8, &names.resolve(tensor.name()), edits)?;
            }
        }
        self.graph_nodes(&graph.node, span, &names, edits)
    }

    /// Gives the name that a message has in field `number`.
    fn rename(&self, at: &Span, number: u32, name: &str, edits: &mut Vec<Edit>) -> Result<()> {
        for field in fields(self.model, at.payload.clone())?.into_iter().filter(|f| f.holds(number)) {
            let with = vec![Piece::Bytes(text_field(number, name))];
            edits.push(Edit { parent: at.payload.clone(), at: field.range, with });
        }
        Ok(())
    }

    fn spliced(&self, message: &Range<u64>, edits: Vec<Edit>) -> Result<Vec<Piece>> {
        splice(self.model.file(0), message.clone(), edits)
            .map_err(|e| Error::new(ErrorKind::Graph, format!("a function's body cannot be copied: {e}")))
    }
}

fn resolved(names: &Names<'_>, name: &str) -> String {
    if name.is_empty() { String::new() } else { names.resolve(name) }
}

/// Every name of a value that a body makes, in nested graphs too.
fn own_names(function: &FunctionProto) -> BTreeSet<&str> {
    let all = nodes(&function.node);
    let mut names: BTreeSet<&str> = all.iter().flat_map(|n| &n.output).map(String::as_str).collect();
    for graph in all.iter().flat_map(|n| &n.attribute).flat_map(|a| a.g.iter().chain(&a.graphs)) {
        names.extend(graph.input.iter().map(|v| v.name()).chain(graph.initializer.iter().map(|t| t.name())));
    }
    names
}
