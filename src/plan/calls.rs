//! What functions are called with. A body is planned once for each of its calls, with that call's arguments in the place of its
//! parameters; it changes only if every call asks for the same change.

use std::collections::BTreeMap;

use crate::error::Result;
use crate::model::functions::Arguments;
use crate::model::{Graph, NodeId, ScopeId, ScopeKind, ValueId};

/// More calls of one function than this are not looked at: each is a plan of its own.
const MOST_CALLS: usize = 512;

/// The calls of each function that has any, by the scope of its body.
#[derive(Debug, Default)]
pub struct Calls {
    by_function: BTreeMap<ScopeId, Vec<NodeId>>,
}

/// The arguments that stand for parameters while a view looks into the bodies: those of one call of each function.
#[derive(Debug, Default)]
pub struct Binding<'a> {
    values: BTreeMap<ValueId, ValueId>,
    attributes: BTreeMap<ScopeId, Arguments<'a>>,
}

impl Calls {
    /// The calls in a graph, of functions that could as well be inlined: of others nobody could see whether a change is right.
    ///
    /// # Errors
    /// Functions that call themselves.
    pub fn of(graph: &Graph<'_>) -> Result<Calls> {
        let inlinable = graph.model.inlinable()?;
        let mut bodies = BTreeMap::new();
        for (id, scope) in graph.scopes.iter().enumerate() {
            if let ScopeKind::Function(index) = scope.kind
                && inlinable.get(index) == Some(&true)
            {
                bodies.insert(index, ScopeId(id));
            }
        }
        let mut by_function: BTreeMap<ScopeId, Vec<NodeId>> = BTreeMap::new();
        for (id, node) in graph.nodes.iter().enumerate() {
            if let Some(body) = node.calls.and_then(|index| bodies.get(&index)) {
                by_function.entry(*body).or_default().push(NodeId(id));
            }
        }
        by_function.retain(|_, calls| calls.len() <= MOST_CALLS);
        Ok(Calls { by_function })
    }

    /// Whether nothing is hidden of what a node is given: it stands in no function, or in one whose calls are all here.
    pub fn see(&self, graph: &Graph<'_>, node: NodeId) -> bool {
        let root = graph.root(graph.node(node).scope);
        !matches!(graph.scope(root).kind, ScopeKind::Function(_)) || self.by_function.contains_key(&root)
    }

    /// The functions that are called, with their calls.
    pub fn all(&self) -> impl Iterator<Item = (ScopeId, &[NodeId])> {
        self.by_function.iter().map(|(body, calls)| (*body, &calls[..]))
    }

    /// The arguments of the first call of each function; of `chosen`, those of its call number so-and-so.
    pub fn binding<'a>(&self, graph: &'a Graph<'a>, chosen: Option<(ScopeId, usize)>) -> Binding<'a> {
        let mut binding = Binding::default();
        for (body, calls) in &self.by_function {
            let at = chosen.filter(|(function, _)| function == body).map_or(0, |(_, at)| at);
            if let Some(call) = calls.get(at) {
                binding.bind(graph, *body, *call);
            }
        }
        binding
    }
}

impl<'a> Binding<'a> {
    fn bind(&mut self, graph: &'a Graph<'a>, body: ScopeId, call: NodeId) {
        let (scope, node) = (graph.scope(body), graph.node(call));
        let in_function = matches!(graph.scope(graph.root(node.scope)).kind, ScopeKind::Function(_));
        for (parameter, argument) in scope.inputs.iter().zip(&node.inputs) {
            // What a body hands on may be another thing each time that the body itself is called.
            if let Some(argument) = argument.filter(|v| !in_function || graph.constant(*v).is_ok()) {
                self.values.insert(*parameter, argument);
            }
        }
        if let Some(function) = node.calls.and_then(|index| graph.model.proto.functions.get(index)) {
            self.attributes.insert(body, Arguments::of(function, node.proto));
        }
    }

    /// The argument that stands for a parameter.
    pub fn argument(&self, parameter: ValueId) -> Option<ValueId> {
        self.values.get(&parameter).copied()
    }

    /// The attributes that the function around a node was called with.
    pub fn attributes(&self, graph: &Graph<'_>, scope: ScopeId) -> Option<&Arguments<'a>> {
        self.attributes.get(&graph.root(scope))
    }
}
