//! The terms of a sum: sums that only another sum reads are one with it.

use std::collections::BTreeMap;

use crate::model::{NodeId, Use, ValueId};
use crate::plan::draft::Place;
use crate::plan::view::View;

/// How many sums one below the other are looked at.
pub(super) const DEEPEST: usize = 256;

/// A term.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leaf {
    /// Where it is read.
    pub at: Place,
    /// The value.
    pub value: ValueId,
    /// Whether it is taken away.
    pub negative: bool,
}

/// A sum with its terms.
#[derive(Debug, Default)]
pub(super) struct Tree {
    /// The nodes, each before those that it reads.
    pub sums: Vec<NodeId>,
    /// Per node: its operands.
    operands: Vec<Vec<Operand>>,
    /// The terms.
    pub leaves: Vec<Leaf>,
    /// The number of the term that is read at a place.
    numbers: BTreeMap<Place, usize>,
}

#[derive(Clone, Copy, Debug)]
enum Operand {
    Leaf(usize),
    Sum(usize),
}

/// Whether a node is a sum of values; of values and constants where these are asked for, too.
pub(super) fn is_sum(view: &View<'_>, node: NodeId, constants: bool) -> bool {
    let at = view.graph.node(node);
    let adds = at.standard && matches!(at.proto.op_type(), "Add" | "Sub" | "Sum") && !view.draft.is_removed(node);
    // Before opset 7 operands align by attributes.
    let aligns = || view.graph.scope(at.scope).opset.is_some_and(|opset| opset >= 7);
    let operands = || (0..at.inputs.len()).filter_map(|input| view.draft.input(view.graph, node, input));
    adds && aligns() && operands().count() > 1 && (constants || !operands().any(|value| view.constant(value).is_ok()))
}

impl Tree {
    /// The tree of a sum whose nodes `are` such that may change.
    pub fn of(view: &View<'_>, top: NodeId, are: &dyn Fn(NodeId) -> bool) -> Tree {
        let mut tree = Tree::default();
        tree.grow(view, (top, false, 0), are);
        tree
    }

    fn grow(&mut self, view: &View<'_>, (sum, negative, depth): (NodeId, bool, usize), are: &dyn Fn(NodeId) -> bool) -> usize {
        let index = self.sums.len();
        self.sums.push(sum);
        self.operands.push(vec![]);
        let node = view.graph.node(sum);
        for input in 0..node.inputs.len() {
            let Some(value) = view.draft.input(view.graph, sum, input) else { continue };
            let negative = negative != (input == 1 && node.proto.op_type() == "Sub");
            let maker = view.draft.producer(view.graph, value).map(|(maker, _)| maker);
            let only = view.draft.uses(view.graph, value) == [Use::Node(sum, input)];
            // A constant stays beside one other operand, where the sum is a map of it.
            let apart = node.proto.op_type() == "Sum" && maker.is_some_and(|maker| !is_sum(view, maker, false));
            let only = only && !apart && depth < DEEPEST;
            let inner = maker.filter(|maker| only && view.graph.node(*maker).scope == node.scope && are(*maker));
            let operand = match inner {
                Some(inner) => Operand::Sum(self.grow(view, (inner, negative, depth + 1), are)),
                None => {
                    self.numbers.insert((sum, input), self.leaves.len());
                    self.leaves.push(Leaf { at: (sum, input), value, negative });
                    Operand::Leaf(self.leaves.len() - 1)
                }
            };
            if let Some(operands) = self.operands.get_mut(index) {
                operands.push(operand);
            }
        }
        index
    }

    /// The number of the term that is read at a place.
    pub fn number(&self, place: Place) -> Option<usize> {
        self.numbers.get(&place).copied()
    }

    /// Whether a sum without these terms is still one: nothing is left that is taken away from nothing.
    pub fn may_lose(&self, view: &View<'_>, lost: &dyn Fn(usize) -> bool) -> bool {
        (0..self.sums.len()).all(|sum| {
            let subtracts = self.sums.get(sum).is_some_and(|node| view.graph.node(*node).proto.op_type() == "Sub");
            let left: Vec<bool> = self.operands.get(sum).into_iter().flatten().map(|one| self.is_left(*one, lost)).collect();
            !subtracts || left != [false, true]
        })
    }

    fn is_left(&self, operand: Operand, lost: &dyn Fn(usize) -> bool) -> bool {
        match operand {
            Operand::Leaf(leaf) => !lost(leaf),
            Operand::Sum(sum) => self.operands.get(sum).into_iter().flatten().any(|one| self.is_left(*one, lost)),
        }
    }

    /// The sums among whose terms, however deep, are some of these, which are in order.
    pub fn above(&self, terms: &[usize]) -> Vec<NodeId> {
        let touched = |sum: &usize| self.operands.get(*sum).into_iter().flatten().any(|one| self.holds(*one, terms));
        (0..self.sums.len()).filter(touched).filter_map(|sum| self.sums.get(sum).copied()).collect()
    }

    fn holds(&self, operand: Operand, terms: &[usize]) -> bool {
        match operand {
            Operand::Leaf(leaf) => terms.binary_search(&leaf).is_ok(),
            Operand::Sum(sum) => self.operands.get(sum).into_iter().flatten().any(|one| self.holds(*one, terms)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Graph, Model};
    use crate::plan::Options;
    use crate::plan::calls::Binding;

    #[test]
    fn a_tree_is_as_deep_as_it_may_be() {
        let chain = 2 * DEEPEST;
        let adds: String = (1..=chain).map(|at| format!("v{at} = Add (v{}, v0) ", at - 1)).collect();
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) {{ v0 = Relu (x) {adds} y = Relu (v{chain}) }}"#
        );
        let model = Model::from_bytes(crate::sample::encode(&text).unwrap()).unwrap();
        let graph = Graph::build(&model).unwrap();
        let view = View::new(&graph, &Options::default(), Binding::default());
        let tree = Tree::of(&view, NodeId(chain), &|node| is_sum(&view, node, false));
        assert_eq!(tree.sums.len(), DEEPEST + 1);
        assert_eq!(tree.leaves.len(), DEEPEST + 2);
    }
}
