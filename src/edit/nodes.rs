//! Changed and removed nodes, names and declarations as edits of bytes. A changed node keeps every field that is not named here.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use crate::edit::settle::{self, Dequantiser, DequantiserCopy, Settlement};
use crate::edit::{Lowering, message};
use crate::error::Result;
use crate::model::scan::{GraphSpan, Span};
use crate::model::{NodeId, ScopeId, ScopeKind, Use};
use crate::wire::Field;
use crate::wire::splice::{Edit, Piece};

/// What changes in one node.
#[derive(Default)]
struct NodeChange {
    /// By input, what it reads; nothing: the input goes, and with it all behind it.
    inputs: BTreeMap<usize, Option<String>>,
    outputs: BTreeMap<usize, String>,
    /// Inputs that are taken out, so that the ones behind move up.
    unused: BTreeSet<usize>,
    /// The axis along which it dequantises.
    axis: Option<u64>,
}

/// What changes in nodes.
type Changes = BTreeMap<NodeId, NodeChange>;
/// Values that are no more, by scope and name.
type Gone<'g> = BTreeSet<(ScopeId, &'g str)>;

impl<'g> Lowering<'_, 'g> {
    /// Edits for nodes that change, nodes that go, and declarations of values that go.
    pub(super) fn nodes(&mut self, settlement: &Settlement<'_>) -> Result<()> {
        let draft = &self.plan.view.draft;
        let (mut changes, mut gone) = (BTreeMap::new(), BTreeSet::new());
        self.values(settlement, &mut changes, &mut gone);
        self.signatures(settlement, &mut changes, &mut gone)?;
        for node in draft.operators.keys().chain(draft.dropped.keys()) {
            changes.entry(*node).or_default();
        }
        for dequantiser in &settlement.dequantisers {
            match &dequantiser.copy {
                None => changes.entry(dequantiser.node).or_default().axis = dequantiser.axis,
                Some(copy) => self.copy_dequantiser(dequantiser, copy)?,
            }
        }
        for (node, between) in &settlement.between {
            self.divide(*node, between, changes.entry(*node).or_default());
        }
        for (node, change) in changes.iter().filter(|(node, _)| !draft.is_removed(**node)) {
            self.change_node(*node, change)?;
        }
        self.removals(settlement, &mut gone);
        self.freeze();
        let renamed =
            settlement.renamed.iter().map(|(v, name)| ((self.graph.value(*v).scope, self.graph.value(*v).name), name.as_str()));
        self.declarations(&gone, &renamed.collect())
    }

    /// What nodes read and make by another name now, and values that nothing makes any more.
    fn values(&self, settlement: &Settlement<'_>, changes: &mut Changes, gone: &mut Gone<'g>) {
        let draft = &self.plan.view.draft;
        for (node, input, value) in draft.changed_inputs() {
            let name = value.map(|v| self.graph.value(v).name.to_owned());
            changes.entry(node).or_default().inputs.insert(input, name);
        }
        for ((node, input), name) in &settlement.reads {
            changes.entry(*node).or_default().inputs.insert(*input, Some(name.clone()));
        }
        for (value, producer) in draft.changed_producers() {
            match producer {
                Some((node, output)) => {
                    // A later fold may have renamed the same output again; the value that is still made wins.
                    changes.entry(node).or_default().outputs.insert(output, self.graph.value(value).name.to_owned());
                }
                None => {
                    gone.insert((self.graph.value(value).scope, self.graph.value(value).name));
                }
            }
        }
        for (value, name) in &settlement.renamed {
            if let Some((node, output)) = draft.producer(self.graph, *value) {
                changes.entry(node).or_default().outputs.insert(output, name.clone());
            }
            for user in draft.uses(self.graph, *value) {
                if let Use::Node(node, input) = user {
                    changes.entry(*node).or_default().inputs.insert(*input, Some(name.clone()));
                }
            }
        }
    }

    /// Parameters of functions that go, with what their calls give for them, and new ones.
    fn signatures(&mut self, settlement: &Settlement<'_>, changes: &mut Changes, gone: &mut Gone<'g>) -> Result<()> {
        for (function, signature) in &self.plan.lifted.signatures {
            let parameters = &self.graph.scope(*function).inputs;
            gone.extend(
                signature.unused.iter().filter_map(|at| parameters.get(*at)).map(|v| (*function, self.graph.value(*v).name)),
            );
            for call in &signature.calls {
                changes.entry(*call).or_default().unused.extend(&signature.unused);
            }
            let added = settlement.parameters.get(function).map_or(&[][..], |names| names);
            self.signature(*function, &signature.unused, added)?;
        }
        Ok(())
    }

    /// Nodes and initializers that go.
    fn removals(&mut self, settlement: &Settlement<'_>, gone: &mut Gone<'g>) {
        let mut removed: BTreeSet<NodeId> = self.plan.view.draft.removed().collect();
        removed.extend(settlement.dead.iter().filter_map(|value| settle::dead_node(self.graph, *value)));
        removed.extend(&settlement.replaced);
        for node in removed {
            let at = self.graph.node(node);
            self.remove(self.graph.scope(at.scope).span, &at.span.span);
        }
        for value in &settlement.dead {
            if let Some((scope, index)) = settle::dead_initializer(self.graph, *value) {
                self.remove_initializer(scope, index);
            }
            gone.insert((self.graph.value(*value).scope, self.graph.value(*value).name));
        }
    }

    fn remove(&mut self, graph: &GraphSpan, span: &Span) {
        self.out.edits.push(Edit { parent: graph.piece_of(span), at: span.field.clone(), with: vec![] });
    }

    fn remove_initializer(&mut self, scope: ScopeId, index: usize) {
        let at = self.graph.scope(scope);
        let Some(span) = at.span.initializers.get(index) else { return };
        self.remove(at.span, &span.span);
        if self.lists_initializers_as_inputs(scope) {
            let name = at.graph.and_then(|g| g.initializer.get(index)).map(|t| t.name());
            let inputs = at.graph.map_or(&[][..], |g| &g.input);
            for (_, span) in inputs.iter().zip(&at.span.inputs).filter(|(input, _)| Some(input.name()) == name) {
                self.remove(at.span, span);
            }
        }
    }

    /// Up to IR 3 every initializer of the main graph stands among its inputs, and only there is it a constant.
    pub(super) fn lists_initializers_as_inputs(&self, scope: ScopeId) -> bool {
        self.graph.scope(scope).kind == ScopeKind::Main && self.graph.model.proto.ir_version() < 4
    }

    /// What the user froze is no input any more, if the fold changes the file at all.
    fn freeze(&mut self) {
        let main = self.graph.scope(ScopeId(0));
        let Some(graph) = main.graph.filter(|_| self.graph.frozen && self.graph.model.proto.ir_version() >= 4) else { return };
        if self.plan.folds().is_empty() && self.plan.view.draft.substituted.is_empty() {
            return;
        }
        let names: BTreeSet<&str> = graph.initializer.iter().map(|t| t.name()).collect();
        for (_, span) in graph.input.iter().zip(&main.span.inputs).filter(|(input, _)| names.contains(input.name())) {
            self.remove(main.span, span);
        }
    }

    /// Types that the file declares for values that are no more, or that have another name now.
    fn declarations(&mut self, gone: &BTreeSet<(ScopeId, &str)>, renamed: &BTreeMap<(ScopeId, &str), &str>) -> Result<()> {
        for (index, scope) in self.graph.scopes.iter().enumerate() {
            let declared = match (scope.kind, scope.graph) {
                (ScopeKind::Function(f), _) => self.graph.model.proto.functions.get(f).map_or(&[][..], |f| &f.value_info),
                (_, Some(graph)) => &graph.value_info,
                _ => &[],
            };
            for (info, span) in declared.iter().zip(&scope.span.value_infos) {
                let key = (ScopeId(index), info.name());
                if gone.contains(&key) {
                    self.remove(scope.span, span);
                } else if let Some(name) = renamed.get(&key) {
                    for field in message::fields(self.graph.model, &span.payload)?.iter().filter(|f| f.holds(1)) {
                        let with = vec![Piece::Bytes(message::text_field(1, name))];
                        self.out.edits.push(Edit { parent: span.payload.clone(), at: field.range.clone(), with });
                    }
                }
            }
        }
        Ok(())
    }

    /// The parameters of a function: those that go, and new ones behind the others.
    fn signature(&mut self, function: ScopeId, unused: &[usize], added: &[String]) -> Result<()> {
        let parent = self.graph.scope(function).span.last_piece();
        let all = message::fields(self.graph.model, &parent)?;
        let old: Vec<&Field> = all.iter().filter(|f| f.holds(4)).collect();
        for field in unused.iter().filter_map(|position| old.get(*position)) {
            self.out.edits.push(Edit { parent: parent.clone(), at: field.range.clone(), with: vec![] });
        }
        let end = old.last().map_or(parent.end, |f| f.range.end);
        let new: Vec<u8> = added.iter().flat_map(|name| message::text_field(4, name)).collect();
        if !new.is_empty() {
            self.out.edits.push(Edit { parent, at: end..end, with: vec![Piece::Bytes(new)] });
        }
        Ok(())
    }

    fn change_node(&mut self, node: NodeId, change: &NodeChange) -> Result<()> {
        let parent = self.graph.node(node).span.span.payload.clone();
        let fields = message::fields(self.graph.model, &parent)?;
        let group = self.plan.view.draft.groups(node);
        let mut edit = |at: Range<u64>, with: Vec<u8>| {
            let with = if with.is_empty() { vec![] } else { vec![Piece::Bytes(with)] };
            self.out.edits.push(Edit { parent: parent.clone(), at, with });
        };
        let numbered = |number: u32| fields.iter().filter(move |f| f.holds(number)).collect::<Vec<&Field>>();
        for (at, with) in inputs(&numbered(1), change, parent.start) {
            edit(at, with);
        }
        let outputs = numbered(2);
        for (output, name) in &change.outputs {
            if let Some(field) = outputs.get(*output) {
                edit(field.range.clone(), message::text_field(2, name));
            }
        }
        if let Some(operator) = self.plan.view.draft.operators.get(&node)
            && let Some(field) = numbered(4).last()
        {
            edit(field.range.clone(), message::text_field(4, operator));
            // A BatchNormalization may name outputs that it has not; other operators may not.
            outputs.iter().skip(1).for_each(|field| edit(field.range.clone(), vec![]));
        }
        if let Some(group) = group {
            edit(parent.end..parent.end, message::int_attribute("group", group));
        }
        if let Some(axis) = change.axis {
            edit(parent.end..parent.end, message::int_attribute("axis", axis));
        }
        let dropped = self.plan.view.draft.dropped.get(&node);
        for (attribute, field) in self.graph.node(node).proto.attribute.iter().zip(numbered(5)) {
            let replaced = attribute.name() == "axis" && change.axis.is_some();
            if replaced || dropped.is_some_and(|d| d.contains(&attribute.name())) {
                edit(field.range.clone(), vec![]);
            }
        }
        Ok(())
    }

    /// Puts a Mul before a node that was a BatchNormalization and becomes an Add: it takes over what is read and the scale.
    fn divide(&mut self, node: NodeId, between: &str, change: &mut NodeChange) {
        let at = self.graph.node(node);
        let read = |input: usize| {
            let now = change.inputs.get(&input).cloned().flatten();
            now.or_else(|| at.inputs.get(input).copied().flatten().map(|v| self.graph.value(v).name.to_owned()))
        };
        let (Some(value), Some(scale), Some(shift)) = (read(0), read(1), read(2)) else { return };
        let number = if matches!(self.graph.scope(at.scope).kind, ScopeKind::Function(_)) { 7 } else { 1 };
        let with = vec![Piece::Bytes(message::node_field(number, "Mul", [&value, &scale], between))];
        let start = at.span.span.field.start;
        let parent = self.graph.scope(at.scope).span.piece_of(&at.span.span);
        self.out.edits.push(Edit { parent, at: start..start, with });
        change.inputs.extend([(0, Some(between.to_owned())), (1, Some(shift)), (2, None)]);
    }

    /// A second node that dequantises the same integers, beside the first.
    fn copy_dequantiser(&mut self, dequantiser: &Dequantiser, copy: &DequantiserCopy) -> Result<()> {
        let at = self.graph.node(dequantiser.node);
        let mut content: Vec<u8> = copy.inputs.iter().flat_map(|name| message::text_field(1, name)).collect();
        content.extend(message::text_field(2, &copy.output));
        let mut pieces = vec![Piece::Bytes(content)];
        let mut attributes = at.proto.attribute.iter();
        for field in message::fields(self.graph.model, &at.span.span.payload)? {
            let replaced = field.holds(5) && attributes.next().is_some_and(|a| a.name() == "axis") && dequantiser.axis.is_some();
            // A node's name is its own, and what nobody knows may be, too.
            if !replaced && matches!(field.number, 4..=8) {
                pieces.push(Piece::Copy(field.range));
            }
        }
        pieces.extend(dequantiser.axis.map(|axis| Piece::Bytes(message::int_attribute("axis", axis))));
        let number = if matches!(self.graph.scope(at.scope).kind, ScopeKind::Function(_)) { 7 } else { 1 };
        let end = at.span.span.field.end;
        let parent = self.graph.scope(at.scope).span.piece_of(&at.span.span);
        self.out.edits.push(Edit { parent, at: end..end, with: message::wrap(number, pieces) });
        Ok(())
    }
}

/// The edits of what a node reads, given the fields of its inputs and where its message begins.
fn inputs(fields: &[&Field], change: &NodeChange, start: u64) -> Vec<(Range<u64>, Vec<u8>)> {
    let (mut edits, mut added, mut next) = (Vec::new(), Vec::new(), fields.len());
    for (input, name) in &change.inputs {
        match (fields.get(*input), name) {
            (Some(_), _) if change.unused.contains(input) => {}
            (Some(field), Some(name)) => edits.push((field.range.clone(), message::text_field(1, name))),
            (Some(field), None) => edits.push((field.range.clone(), vec![])),
            (None, None) => {}
            (None, Some(name)) => {
                for _ in (next..*input).filter(|input| !change.unused.contains(input)) {
                    added.extend(message::text_field(1, ""));
                }
                added.extend(message::text_field(1, name));
                next = input + 1;
            }
        }
    }
    edits.extend(change.unused.iter().filter_map(|input| fields.get(*input)).map(|field| (field.range.clone(), vec![])));
    if !added.is_empty() {
        let at = fields.last().map_or(start, |field| field.range.end);
        edits.push((at..at, added));
    }
    edits
}
