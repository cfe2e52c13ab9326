//! From a plan for bodies with the arguments of one call each to one for all calls: what changes in a parameter changes in the
//! arguments of every call, each with its own numbers.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::model::{Element, Graph, NodeId, ScopeId, Use, ValueId};
use crate::plan::Plan;
use crate::plan::calls::Calls;
use crate::plan::choice::{Partial, Substitute};
use crate::plan::draft::{Draft, DraftTensor, Fold, Left};
use crate::plan::view::View;

/// An input of a node.
pub type Port = (NodeId, usize);

/// A constant that is handed to a function: where the body reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Inside {
    /// The input in the body.
    pub reader: Port,
    /// The float type.
    pub element: Option<Element>,
}

/// How the inputs of a function change, and with them those of its calls.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// Inputs in the body that read a new parameter, each; the parameters follow the old ones in this order.
    pub added: Vec<Port>,
    /// Positions of parameters that nobody reads any more.
    pub unused: Vec<usize>,
    /// The calls.
    pub calls: Vec<NodeId>,
}

/// The changed constants of a plan where they stand: a parameter's at the calls.
#[derive(Clone, Debug, Default)]
pub struct Lifted {
    /// Changed constants that stand elsewhere than in the draft, by input: what calls hand over, and nothing where it was.
    pub moved: BTreeMap<Port, Option<DraftTensor>>,
    /// What stands at inputs of calls.
    pub inside: BTreeMap<Port, Inside>,
    /// Functions whose inputs change.
    pub signatures: BTreeMap<ScopeId, Signature>,
}

impl Lifted {
    /// The input that makes use of what is handed on at `port`; `port` itself if that is not a call's.
    pub fn reader(&self, port: Port) -> Port {
        self.inside.get(&port).map_or(port, |inside| inside.reader)
    }
}

impl Plan<'_> {
    /// Changed constants by the input that they stand at.
    pub fn tensors(&self) -> BTreeMap<Port, &DraftTensor> {
        let mut found: BTreeMap<_, _> = self.view.draft.tensors.iter().map(|(port, tensor)| (*port, tensor)).collect();
        for (port, moved) in &self.lifted.moved {
            match moved {
                Some(tensor) => found.insert(*port, tensor),
                None => found.remove(port),
            };
        }
        found
    }

    /// The changed constant that stands at an input.
    pub fn tensor(&self, port: Port) -> Option<&DraftTensor> {
        match self.lifted.moved.get(&port) {
            Some(moved) => moved.as_ref(),
            None => self.view.draft.tensors.get(&port),
        }
    }
}

/// What not every call of a function allows.
#[derive(Clone, Debug, Default)]
pub struct Refused {
    /// Folds, by site.
    pub folds: BTreeSet<NodeId>,
    /// BatchNormalizations that would become another operator.
    pub substitutes: BTreeSet<NodeId>,
}

impl Refused {
    fn is_empty(&self) -> bool {
        self.folds.is_empty() && self.substitutes.is_empty()
    }

    fn extend(&mut self, more: Refused) {
        self.folds.extend(more.folds);
        self.substitutes.extend(more.substitutes);
    }
}

/// A plan's constants where they stand, or what not every call allows.
///
/// `drafts` gives for a function and the number of one of its calls the draft with the arguments of that call.
///
/// # Errors
/// What planning reports.
pub fn lift(
    view: &View<'_>,
    calls: &Calls,
    partial: Partial,
    planned: &mut dyn FnMut(ScopeId, usize) -> Result<(Draft, Elements)>,
) -> Result<std::result::Result<Lifted, Refused>> {
    let (graph, draft) = (view.graph, &view.draft);
    let mut lifted = Lifted::default();
    let mut refused = Refused::default();
    for (function, callers) in calls.all() {
        let own = part(graph, draft, function);
        if own.folds.is_empty() && own.substituted.is_empty() {
            // Another call may allow what the first does not; one refusal is enough.
            continue;
        }
        let mut all = vec![(draft.clone(), Elements::of(view, &own))];
        for at in 1..callers.len() {
            all.push(planned(function, at)?);
        }
        let mut apart = Refused::default();
        for (other, _) in &all {
            apart.extend(own.apart(&part(graph, other, function)));
        }
        if apart.is_empty() {
            let body = Body { graph, draft, function, callers, all: &all, partial };
            let nodes = body.lift(&own, &mut lifted);
            nodes.into_iter().for_each(|node| apart.extend(own.changing(node)));
        }
        refused.extend(apart);
    }
    Ok(if refused.is_empty() { Ok(lifted) } else { Err(refused) })
}

/// The float types of changed inputs, as one call has them.
#[derive(Clone, Debug, Default)]
pub struct Elements(BTreeMap<Port, Element>);

impl Elements {
    /// Those of a part of a view's draft.
    fn of(view: &View<'_>, part: &Part) -> Elements {
        let of = |port: &Port| Some((*port, view.input_element(port.0, port.1)?));
        Elements(part.tensors.iter().filter_map(of).collect())
    }

    /// Those of a function's body in a view.
    pub fn of_function(view: &View<'_>, function: ScopeId) -> Elements {
        Elements::of(view, &part(view.graph, &view.draft, function))
    }
}

/// What a draft changes in one function, numbers left out.
#[derive(PartialEq)]
struct Part {
    folds: Vec<Fold>,
    tensors: BTreeSet<Port>,
    inputs: Vec<(NodeId, usize, Option<ValueId>)>,
    operators: Vec<(NodeId, &'static str)>,
    dropped: Vec<(NodeId, Vec<&'static str>)>,
    changed: Vec<ValueId>,
    removed: Vec<NodeId>,
    /// With the groups of a convolution, which stand in the body.
    substituted: Vec<(NodeId, Substitute, Option<u64>)>,
}

impl Part {
    /// What only one of two calls asks for; all of it where that does not tell them apart.
    fn apart(&self, other: &Part) -> Refused {
        if self == other {
            return Refused::default();
        }
        let only = |one: &Part, two: &Part| -> Refused {
            let folds = one.folds.iter().filter(|f| !two.folds.contains(f)).map(|f| f.site);
            let substitutes = one.substituted.iter().filter(|s| !two.substituted.contains(s)).map(|s| s.0);
            Refused { folds: folds.collect(), substitutes: substitutes.collect() }
        };
        let mut found = only(self, other);
        found.extend(only(other, self));
        if !found.folds.is_empty() {
            // What folds in one call alone is a substitute in the other alone, which may be right for both.
            found.substitutes.clear();
        }
        if found.is_empty() { self.all() } else { found }
    }

    /// What changed a node's constants.
    fn changing(&self, node: NodeId) -> Refused {
        if self.substituted.iter().any(|(site, ..)| *site == node) {
            return Refused { substitutes: [node].into(), ..Refused::default() };
        }
        let by = |f: &&Fold| f.into.contains(&node) || f.left != Left::Nothing && f.site == node;
        let folds: BTreeSet<NodeId> = self.folds.iter().filter(by).map(|f| f.site).collect();
        if folds.is_empty() { self.all() } else { Refused { folds, ..Refused::default() } }
    }

    fn all(&self) -> Refused {
        let folds = self.folds.iter().map(|f| f.site).collect();
        Refused { folds, substitutes: self.substituted.iter().map(|s| s.0).collect() }
    }
}

fn part(graph: &Graph<'_>, draft: &Draft, function: ScopeId) -> Part {
    let is = |node: NodeId| graph.root(graph.node(node).scope) == function;
    let substituted = draft.substituted.iter().filter(|(node, _)| is(**node));
    Part {
        folds: draft.folds.iter().filter(|f| is(f.site)).cloned().collect(),
        tensors: draft.tensors.keys().filter(|(node, _)| is(*node)).copied().collect(),
        inputs: draft.changed_inputs().filter(|(node, ..)| is(*node)).collect(),
        operators: draft.operators.iter().filter(|(node, _)| is(**node)).map(|(node, name)| (*node, *name)).collect(),
        dropped: draft.dropped.iter().filter(|(node, _)| is(**node)).map(|(node, d)| (*node, d.clone())).collect(),
        changed: draft.changed.iter().filter(|v| graph.root(graph.value(**v).scope) == function).copied().collect(),
        removed: draft.removed().filter(|node| is(*node)).collect(),
        substituted: substituted.map(|(node, form)| (*node, *form, draft.groups(*node))).collect(),
    }
}

/// One function, with the drafts of all its calls, which differ in numbers only.
struct Body<'x, 'a> {
    graph: &'x Graph<'a>,
    draft: &'x Draft,
    function: ScopeId,
    callers: &'x [NodeId],
    all: &'x [(Draft, Elements)],
    partial: Partial,
}

impl Body<'_, '_> {
    /// Moves what changes in parameters to the calls. Returns nodes whose constants cannot be had that way.
    fn lift(&self, own: &Part, lifted: &mut Lifted) -> Vec<NodeId> {
        let parameters = &self.graph.scope(self.function).inputs;
        let mut signature = Signature { calls: self.callers.to_vec(), ..Signature::default() };
        let mut refused = Vec::new();
        for port in &own.tensors {
            let value = self.draft.input(self.graph, port.0, port.1);
            match value.map(|v| (v, parameters.iter().position(|p| *p == v))) {
                Some((value, Some(position))) => {
                    // A parameter that another node reads as well cannot be two things.
                    let alone = self.draft.uses(self.graph, value) == [Use::Node(port.0, port.1)];
                    if alone && (self.may_copy(own, port.0) || !self.copies(*port, position)) {
                        self.hand_over(*port, position, lifted);
                    } else {
                        refused.push(port.0);
                    }
                }
                // What is made of parameters alone stays outside, as they did.
                _ if self.is_same_for_all(*port) && !(value.is_none() && self.is_made_of_parameter(*port)) => {}
                Some((_, None)) => refused.push(port.0),
                None => {
                    self.hand_over(*port, parameters.len() + signature.added.len(), lifted);
                    signature.added.push(*port);
                }
            }
        }
        let unused = |value: ValueId| {
            let was_used = !self.graph.value(value).uses.is_empty();
            was_used && self.draft.uses(self.graph, value).is_empty()
        };
        signature.unused = (0..parameters.len()).filter(|position| unused(parameters[*position])).collect();
        lifted.signatures.insert(self.function, signature);
        refused
    }

    /// Whether every call makes the same of a constant that stands in the body.
    fn is_same_for_all(&self, port: Port) -> bool {
        let first = self.all.first().and_then(|(draft, _)| draft.tensors.get(&port));
        let element = self.all.first().and_then(|(_, elements)| elements.0.get(&port));
        self.all.iter().all(|(draft, elements)| draft.tensors.get(&port) == first && elements.0.get(&port) == element)
    }

    fn is_made_of_parameter(&self, port: Port) -> bool {
        let parameters = &self.graph.scope(self.function).inputs;
        matches!(self.draft.tensors.get(&port), Some(DraftTensor::Dense { donor: Some(donor), .. }) if parameters.contains(donor))
    }

    /// Whether a constant of a node may be stored twice.
    fn may_copy(&self, own: &Part, node: NodeId) -> bool {
        self.partial != Partial::Auto || !own.folds.iter().any(|f| f.left != Left::Nothing && f.into.contains(&node))
    }

    /// Whether what the calls give at `position` has other readers, or becomes more than one thing.
    fn copies(&self, port: Port, position: usize) -> bool {
        let given = |call: NodeId| self.draft.input(self.graph, call, position);
        let same = |value: ValueId| self.callers.iter().zip(self.all).filter(move |(call, _)| given(**call) == Some(value));
        self.callers.iter().zip(self.all).any(|(call, (draft, _))| {
            let Some(value) = given(*call) else { return false };
            let others = self.draft.uses(self.graph, value).len() > same(value).count();
            others || same(value).any(|(_, (other, _))| other.tensors.get(&port) != draft.tensors.get(&port))
        })
    }

    /// The constants that the calls give at `position` become what the body asks for.
    fn hand_over(&self, port: Port, position: usize, lifted: &mut Lifted) {
        lifted.moved.insert(port, None);
        for (call, (draft, elements)) in self.callers.iter().zip(self.all) {
            let Some(mut content) = draft.tensors.get(&port).cloned() else { continue };
            if let DraftTensor::Dense { donor, .. } = &mut content {
                *donor = donor.map(|value| self.argument(*call, value).unwrap_or(value));
            }
            lifted.moved.insert((*call, position), Some(content));
            lifted.inside.insert((*call, position), Inside { reader: port, element: elements.0.get(&port).copied() });
        }
    }

    /// What a call gives for a parameter.
    fn argument(&self, call: NodeId, parameter: ValueId) -> Option<ValueId> {
        let position = self.graph.scope(self.function).inputs.iter().position(|p| *p == parameter)?;
        self.graph.node(call).inputs.get(position).copied().flatten()
    }
}
