//! What a plan has decided so far: topology and constants as they will be, as data beside the graph that stays as it is.
//!
//! [`Draft::with`] is the one place where a choice is recorded. Numbers keep twice the digits of a double through any number of folds.

mod merge;

use std::collections::{BTreeMap, BTreeSet};

pub use merge::{Merge, Place};

use crate::double_double::DoubleDouble;
use crate::law::{Array, Parameter, Role};
use crate::model::{Graph, NodeId, Use, ValueId};
use crate::plan::channels::Channels;
use crate::plan::choice::Substitute;
use crate::plan::merged::Merged;
use crate::plan::route::{Rest, Route, Way};

/// A constant input as the draft has it.
#[derive(Clone, Debug, PartialEq)]
pub enum DraftTensor {
    /// The stored tensor times factors: large weights are never held.
    Factored {
        /// Label and extent of each axis.
        axes: Vec<(Role, u64)>,
        /// One factor per output channel; empty means none.
        out: Vec<DoubleDouble>,
        /// One factor per input channel; empty means none.
        input: Vec<DoubleDouble>,
    },
    /// Other numbers.
    Dense {
        /// The numbers.
        value: Array,
        /// A constant that the fold leaves without readers and whose place the numbers may take.
        donor: Option<ValueId>,
    },
    /// A sum of stored tensors.
    Sum(Box<Merged>),
}

impl DraftTensor {
    /// How many elements it has.
    pub fn elements(&self) -> u64 {
        match self {
            DraftTensor::Factored { axes, .. } => axes.iter().map(|(_, size)| *size).product(),
            DraftTensor::Dense { value, .. } => value.values.len() as u64,
            DraftTensor::Sum(merged) => merged.layout.elements(),
        }
    }
}

/// One recorded fold.
#[derive(Clone, Debug, PartialEq)]
pub struct Fold {
    /// The node whose map was moved and that is gone.
    pub site: NodeId,
    /// Where the map went.
    pub way: Way,
    /// The nodes whose constants took it in.
    pub into: Vec<NodeId>,
    /// The nodes that handed it on unchanged.
    pub through: Vec<NodeId>,
    /// What is left of the node.
    pub left: Left,
}

/// What is left of a node whose map moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Left {
    /// Nothing.
    Nothing,
    /// An Add of what is left of the shift, as only the scale moved.
    Term,
    /// A normalisation that scales by one; whether a shift moved, too.
    Normalization(bool),
}

/// The state after some folds.
#[derive(Clone, Debug, Default)]
pub struct Draft {
    /// Folds in order.
    pub folds: Vec<Fold>,
    /// Sites of folds that made one operator of branches.
    pub merged: BTreeSet<NodeId>,
    /// By node: whether it is gone.
    removed: Vec<bool>,
    /// By node, where changed: inputs that now read another value.
    inputs: BTreeMap<(NodeId, usize), Option<ValueId>>,
    /// By value, where changed: who produces it now (`None`: nobody, it is gone).
    producers: BTreeMap<ValueId, Option<(NodeId, usize)>>,
    /// By node and output, where changed: the value that it is now.
    outputs: BTreeMap<(NodeId, usize), ValueId>,
    /// By value, where changed: who uses it now.
    uses: BTreeMap<ValueId, Vec<Use>>,
    /// Changed constants.
    pub tensors: BTreeMap<(NodeId, usize), DraftTensor>,
    /// Nodes that became another operator.
    pub operators: BTreeMap<NodeId, &'static str>,
    /// Values that are something else than in the file and need another name: a name means one thing in both files.
    pub changed: BTreeSet<ValueId>,
    /// Attributes that are removed.
    pub dropped: BTreeMap<NodeId, Vec<&'static str>>,
    /// Maps that stay and have one constant where nodes computed it.
    pub spelled: BTreeSet<NodeId>,
    /// BatchNormalizations that stay as other operators.
    pub substituted: BTreeMap<NodeId, Substitute>,
}

impl Draft {
    /// The graph as it is.
    pub fn new(graph: &Graph<'_>) -> Draft {
        Draft { removed: vec![false; graph.nodes.len()], ..Draft::default() }
    }

    /// Whether a node is gone.
    pub fn is_removed(&self, node: NodeId) -> bool {
        self.removed.get(node.0).copied().unwrap_or(false)
    }

    /// The value at an input of a node.
    pub fn input(&self, graph: &Graph<'_>, node: NodeId, input: usize) -> Option<ValueId> {
        match self.inputs.get(&(node, input)) {
            Some(changed) => *changed,
            None => graph.node(node).inputs.get(input).copied().flatten(),
        }
    }

    /// Whether an input has been taken out.
    pub fn is_unconnected(&self, node: NodeId, input: usize) -> bool {
        self.inputs.get(&(node, input)) == Some(&None)
    }

    /// The node that produces a value, and at which output.
    pub fn producer(&self, graph: &Graph<'_>, value: ValueId) -> Option<(NodeId, usize)> {
        match (self.producers.get(&value), graph.value(value).origin) {
            (Some(changed), _) => *changed,
            (None, crate::model::Origin::Node(node, output)) => Some((node, output)),
            _ => None,
        }
    }

    /// The value at an output of a node.
    pub fn output(&self, graph: &Graph<'_>, node: NodeId, output: usize) -> Option<ValueId> {
        self.outputs.get(&(node, output)).copied().or_else(|| graph.node(node).outputs.get(output).copied().flatten())
    }

    /// Who uses a value.
    pub fn uses<'a>(&'a self, graph: &'a Graph<'_>, value: ValueId) -> &'a [Use] {
        self.uses.get(&value).unwrap_or(&graph.value(value).uses)
    }

    /// Inputs that read another value than in the file, or none any more.
    pub fn changed_inputs(&self) -> impl Iterator<Item = (NodeId, usize, Option<ValueId>)> + '_ {
        self.inputs.iter().map(|((node, input), value)| (*node, *input, *value))
    }

    /// Values that another node produces than in the file, or none any more.
    pub fn changed_producers(&self) -> impl Iterator<Item = (ValueId, Option<(NodeId, usize)>)> + '_ {
        self.producers.iter().map(|(value, producer)| (*value, *producer))
    }

    /// The draft after one more fold. Every fold removes one node or makes an Add of a BatchNormalization, so planning ends.
    #[must_use]
    pub fn with(mut self, graph: &Graph<'_>, route: Route) -> Draft {
        debug_assert!(!self.is_removed(route.site), "a site is folded once");
        let turned = !matches!(route.rest, Some(Rest::Term(_))) || !self.operators.contains_key(&route.site);
        debug_assert!(turned, "a site becomes an Add once");
        let node = graph.node(route.site);
        let donor = (node.proto.op_type() == "BatchNormalization").then(|| self.input(graph, route.site, 2)).flatten();
        for (at, parameters) in route.changes {
            for parameter in parameters {
                self.record(at, parameter, donor);
            }
        }
        self.changed.extend(route.changed);
        let left = match route.rest {
            Some(Rest::Term(rest)) => {
                self.remain(graph, (route.site, 2), rest, donor);
                Left::Term
            }
            Some(Rest::Normalization { parameters, without, shift }) => {
                parameters.into_iter().for_each(|parameter| self.record(route.site, parameter, None));
                without.into_iter().for_each(|input| self.unconnect(graph, (route.site, input)));
                Left::Normalization(shift)
            }
            None => {
                self.remove(graph, (route.site, route.data), route.way);
                Left::Nothing
            }
        };
        let fold = Fold { site: route.site, way: route.way, into: route.into, through: route.through, left };
        for (site, data) in route.alike {
            self.remove(graph, (site, data), route.way);
            self.folds.push(Fold { site, ..fold.clone() });
        }
        self.folds.push(fold);
        self
    }

    /// Records that a BatchNormalization which stays becomes another operator.
    pub fn substitute(&mut self, graph: &Graph<'_>, site: NodeId, form: Substitute, parameters: Vec<Parameter>) {
        self.substituted.insert(site, form);
        self.remain(graph, (site, 3), parameters, None);
    }

    /// The groups of a convolution that takes a BatchNormalization's place.
    pub fn groups(&self, site: NodeId) -> Option<u64> {
        self.substituted.get(&site).filter(|form| **form == Substitute::DepthwiseConv)?;
        match self.tensors.get(&(site, 1)) {
            Some(DraftTensor::Dense { value, .. }) => value.dims.first().copied(),
            _ => None,
        }
    }

    /// Makes of a BatchNormalization what `rest` says, which reads the first inputs alone and has none of its attributes.
    fn remain(&mut self, graph: &Graph<'_>, (site, inputs): (NodeId, usize), rest: Vec<Parameter>, donor: Option<ValueId>) {
        for parameter in rest {
            self.record(site, parameter, donor);
        }
        let attributes = ["consumed_inputs", "epsilon", "is_test", "momentum", "spatial", "training_mode"];
        self.dropped.entry(site).or_default().extend(attributes);
        for input in inputs..graph.node(site).inputs.len() {
            self.unconnect(graph, (site, input));
        }
    }

    /// Takes an input out.
    fn unconnect(&mut self, graph: &Graph<'_>, (node, input): (NodeId, usize)) {
        if let Some(value) = self.input(graph, node, input) {
            self.forget(graph, value, Use::Node(node, input));
        }
        self.inputs.insert((node, input), None);
        self.tensors.remove(&(node, input));
    }

    /// Takes a node out; what it read from `data` and what it made become one value.
    fn remove(&mut self, graph: &Graph<'_>, (site, data): (NodeId, usize), way: Way) {
        let (read, made) = (self.input(graph, site, data), self.output(graph, site, 0));
        if let Some(removed) = self.removed.get_mut(site.0) {
            *removed = true;
        }
        for input in 0..graph.node(site).inputs.len() {
            if let Some(value) = self.input(graph, site, input) {
                self.forget(graph, value, Use::Node(site, input));
            }
        }
        if let (Some(read), Some(made)) = (read, made) {
            match way {
                // The value behind the site keeps its name: the producer of the value before makes it now.
                Way::Back => {
                    let producer = self.producer(graph, read);
                    if let Some(end) = producer {
                        self.outputs.insert(end, made);
                    }
                    self.producers.insert(made, producer);
                    self.producers.insert(read, None);
                    // Nodes that look at its shape.
                    self.redirect(graph, read, made);
                }
                // The value before the site keeps its name: readers of the value behind read it now.
                Way::Ahead => {
                    self.redirect(graph, made, read);
                    self.producers.insert(made, None);
                }
            }
        }
    }

    /// Points all nodes that read one value at another.
    fn redirect(&mut self, graph: &Graph<'_>, from: ValueId, to: ValueId) {
        for user in self.uses(graph, from).to_vec() {
            if let Use::Node(reader, input) = user {
                self.inputs.insert((reader, input), Some(to));
                self.forget(graph, from, user);
                self.uses.entry(to).or_insert_with(|| graph.value(to).uses.clone()).push(user);
            }
        }
    }

    fn forget(&mut self, graph: &Graph<'_>, value: ValueId, user: Use) {
        let others = || graph.value(value).uses.iter().copied().filter(|u| *u != user).collect();
        self.uses.entry(value).and_modify(|uses| uses.retain(|u| *u != user)).or_insert_with(others);
    }

    fn record(&mut self, node: NodeId, parameter: Parameter, donor: Option<ValueId>) {
        match parameter {
            Parameter::Drop(attribute) => self.dropped.entry(node).or_default().push(attribute),
            Parameter::Become(operator) => {
                self.operators.insert(node, operator);
            }
            Parameter::Replace { input, value } => {
                self.tensors.insert((node, input), DraftTensor::Dense { value, donor });
            }
            Parameter::Scale { input, axes, label, factor } => {
                let fresh = || DraftTensor::Factored { axes: axes.clone(), out: vec![], input: vec![] };
                match self.tensors.entry((node, input)).or_insert_with(fresh) {
                    DraftTensor::Factored { out, input, .. } => multiply(if label == Role::Out { out } else { input }, &factor),
                    DraftTensor::Sum(merged) => merged.parts.iter_mut().for_each(|part| part.scale(label, &factor)),
                    DraftTensor::Dense { value, .. } => {
                        let (out, inward) = if label == Role::Out { (&factor[..], &[][..]) } else { (&[][..], &factor[..]) };
                        multiply_all(&mut value.values, &axes, out, inward);
                    }
                }
            }
        }
    }
}

/// All numbers of a weight times the factors of their channels.
pub(super) fn multiply_all(values: &mut [DoubleDouble], axes: &[(Role, u64)], out: &[DoubleDouble], input: &[DoubleDouble]) {
    let factor = |factors: &[DoubleDouble], at: usize| factors.get(at).copied().unwrap_or(DoubleDouble::ONE);
    let mut rest = values.iter_mut();
    for run in Channels::new(axes).runs(0, rest.len()) {
        for (i, value) in rest.by_ref().take(run.count).enumerate() {
            *value *= factor(out, run.out.0 + i * run.out.1) * factor(input, run.input.0 + i * run.input.1);
        }
    }
}

/// Factors times more of them; an empty list means none.
pub(super) fn multiply(factors: &mut Vec<DoubleDouble>, more: &[DoubleDouble]) {
    if factors.is_empty() {
        factors.extend(more);
    } else {
        factors.iter_mut().zip(more).for_each(|(old, new)| *old *= *new);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double_double::exactly;

    #[test]
    fn each_number_is_multiplied_by_the_factors_of_its_channels() {
        let (out, input) = (exactly(&[2.0, 3.0]), exactly(&[5.0, 7.0, 11.0]));
        let of = |axes: &[(Role, u64)], out: &[DoubleDouble], input: &[DoubleDouble]| {
            let mut values = exactly(&[1.0; 6]);
            multiply_all(&mut values, axes, out, input);
            values
        };
        let (rows, columns) = ([(Role::Out, 2), (Role::In, 3)], [(Role::In, 3), (Role::Out, 2)]);
        assert_eq!(of(&rows, &out, &input), exactly(&[10.0, 14.0, 22.0, 15.0, 21.0, 33.0]));
        assert_eq!(of(&columns, &out, &input), exactly(&[10.0, 15.0, 14.0, 21.0, 22.0, 33.0]));
        assert_eq!(of(&rows, &out, &[]), exactly(&[2.0, 2.0, 2.0, 3.0, 3.0, 3.0]));
        assert_eq!(of(&rows, &[], &input), exactly(&[5.0, 7.0, 11.0, 5.0, 7.0, 11.0]));
    }
}
