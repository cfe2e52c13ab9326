//! How a sum loses terms that one of its other terms has taken in.

use crate::law::Parameter;
use crate::model::{Graph, NodeId, Use, ValueId};
use crate::plan::branches::Row;
use crate::plan::draft::{Draft, DraftTensor, Fold, Left};
use crate::plan::merged::Merged;
use crate::plan::route::Way;

/// An operand of a sum: the node and its input.
pub type Place = (NodeId, usize);

/// Terms of a sum that become one operator.
#[derive(Clone, Debug)]
pub struct Merge {
    /// The sums of the tree, each before those that it reads.
    pub sums: Vec<NodeId>,
    /// The node that takes the others in.
    pub host: NodeId,
    /// Its weight and the input where it stands; none if it has no weight.
    pub weight: Option<(usize, Merged)>,
    /// What else changes in it.
    pub parameters: Vec<Parameter>,
    /// The operands that become one.
    pub terms: Vec<Place>,
    /// The one of them that is left.
    pub place: Place,
    /// Nodes that nobody reads any more.
    pub unread: Vec<NodeId>,
    /// Those of them that are maps.
    pub maps: Vec<NodeId>,
    /// Sums whose values become others.
    pub touched: Vec<NodeId>,
}

impl Draft {
    /// The draft after a merge: there is one operand less, at least.
    #[must_use]
    pub fn merge(mut self, graph: &Graph<'_>, merge: Merge) -> Draft {
        let Merge { sums, host, weight, parameters, terms, place, unread, maps, touched } = merge;
        for parameter in parameters {
            self.record(host, parameter, None);
        }
        if let Some((input, merged)) = weight {
            self.tensors.insert((host, input), DraftTensor::Sum(Box::new(merged)));
        }
        for (sum, input) in terms.iter().copied() {
            self.read(graph, (sum, input), None);
        }
        let made = self.output(graph, host, 0);
        self.read(graph, place, made);
        self.changed.extend(made);
        let top = sums.first().copied();
        for sum in touched.iter().filter(|sum| Some(**sum) != top) {
            self.changed.extend(self.output(graph, *sum, 0));
        }
        for node in unread {
            self.discard(graph, node);
        }
        for sum in sums.iter().rev().filter(|sum| touched.contains(sum)) {
            self.shorten(graph, *sum, Some(*sum) == top);
        }
        // What goes names the fold, if a sum goes at all.
        let site = touched.iter().copied().find(|sum| self.is_removed(*sum)).or(top);
        self.merged.extend(maps.iter().copied().chain(site));
        let fold = |site, way| Fold { site, way, into: vec![host], through: vec![], left: Left::Nothing };
        self.folds.extend(maps.into_iter().map(|site| fold(site, Way::Ahead)).chain(site.map(|site| fold(site, Way::Back))));
        self
    }

    /// The draft after two operators in a row became one.
    #[must_use]
    pub fn join(mut self, graph: &Graph<'_>, row: Row) -> Draft {
        let Row { gone, data, way, host, weight: (input, merged), parameters } = row;
        for parameter in parameters {
            self.record(host, parameter, None);
        }
        self.tensors.insert((host, input), DraftTensor::Sum(Box::new(merged)));
        self.strip(gone);
        self.remove(graph, (gone, data), way);
        self.merged.insert(gone);
        self.folds.push(Fold { site: gone, way, into: vec![host], through: vec![], left: Left::Nothing });
        self
    }

    /// Forgets the changed constants of a node.
    fn strip(&mut self, node: NodeId) {
        let own: Vec<Place> = self.tensors.range((node, 0)..=(node, usize::MAX)).map(|(place, _)| *place).collect();
        for place in own {
            self.tensors.remove(&place);
        }
    }

    /// Nodes that are gone.
    pub fn removed(&self) -> impl Iterator<Item = NodeId> + '_ {
        self.removed.iter().enumerate().filter(|(_, removed)| **removed).map(|(id, _)| NodeId(id))
    }

    /// Lets an input read another value, or none.
    fn read(&mut self, graph: &Graph<'_>, (node, input): Place, value: Option<ValueId>) {
        let user = Use::Node(node, input);
        if let Some(old) = self.input(graph, node, input) {
            self.forget(graph, old, user);
        }
        self.inputs.insert((node, input), value);
        if let Some(value) = value {
            self.uses.entry(value).or_insert_with(|| graph.value(value).uses.clone()).push(user);
        }
    }

    /// Takes a node out of which nobody reads anything.
    fn discard(&mut self, graph: &Graph<'_>, node: NodeId) {
        for input in 0..graph.node(node).inputs.len() {
            self.read(graph, (node, input), None);
            self.inputs.remove(&(node, input));
        }
        for output in 0..graph.node(node).outputs.len() {
            if let Some(value) = self.output(graph, node, output) {
                self.producers.insert(value, None);
            }
        }
        self.strip(node);
        if let Some(removed) = self.removed.get_mut(node.0) {
            *removed = true;
        }
    }

    /// A changed constant goes with the value.
    fn hand_on(&mut self, from: Place, to: Place) {
        if let Some(tensor) = self.tensors.remove(&from) {
            self.tensors.insert(to, tensor);
        }
    }

    /// Moves the operands of a sum together. What has one operand is that operand; what has none is gone, and with it the operand
    /// of who read it.
    fn shorten(&mut self, graph: &Graph<'_>, sum: NodeId, is_top: bool) {
        let count = graph.node(sum).inputs.len();
        let left: Vec<(usize, ValueId)> = (0..count).filter_map(|at| Some((at, self.input(graph, sum, at)?))).collect();
        match left[..] {
            [] => {
                let readers = self.output(graph, sum, 0).map(|value| self.uses(graph, value).to_vec()).unwrap_or_default();
                for user in readers {
                    if let Use::Node(reader, input) = user {
                        self.read(graph, (reader, input), None);
                    }
                }
                self.discard(graph, sum);
            }
            // The value behind the whole sum keeps its name, which others may know.
            [(data, _)] if is_top => self.remove(graph, (sum, data), Way::Back),
            [(data, _)] => {
                let reader = self.output(graph, sum, 0).and_then(|value| self.uses(graph, value).first().copied());
                self.remove(graph, (sum, data), Way::Ahead);
                if let Some(Use::Node(reader, input)) = reader {
                    self.hand_on((sum, data), (reader, input));
                }
            }
            _ => {
                for (at, (old, value)) in left.into_iter().enumerate().filter(|(at, (old, _))| at != old) {
                    self.read(graph, (sum, old), None);
                    self.read(graph, (sum, at), Some(value));
                    self.hand_on((sum, old), (sum, at));
                }
            }
        }
    }
}
