//! Parallel branches: a sum whose terms are linear maps of one value becomes one operator.
//!
//! One of the terms, the host, takes the others in: a convolution whose window holds theirs (Ding et al. 2021), a product of
//! matrices, or a map of each channel where all are. Its weight becomes a sum of embedded ones, its bias the sum of theirs. That is
//! done only where there are afterwards no more operators, parameters and products than before.

mod build;
mod row;
mod samples;
mod term;
mod tree;

use std::collections::{BTreeMap, BTreeSet};

pub use row::Row;
pub(super) use row::{row, seconds};
pub use samples::SAMPLES;

use crate::law::Reason;
use crate::model::{NodeId, Use, ValueId};
use crate::plan::draft::{Merge, Place};
use crate::plan::readers::looks_at_shape;
use crate::plan::view::View;
use build::{Built, Member};
use term::{Core, Term};
use tree::{Leaf, Tree};

/// The sums of a graph that are not a part of another sum, each before those that its terms are made of.
pub(super) fn tops(view: &View<'_>) -> Vec<NodeId> {
    let sums = (0..view.graph.nodes.len()).rev().map(NodeId).filter(|node| tree::is_sum(view, *node, false));
    sums.filter(|node| whole(view, *node).is_none()).collect()
}

/// The sum that a sum is a part of, as far as sums are looked at.
pub(super) fn top(view: &View<'_>, sum: NodeId) -> NodeId {
    let above = std::iter::successors(Some(sum), |sum| whole(view, *sum));
    above.take(tree::DEEPEST).last().unwrap_or(sum)
}

/// The sum in the same graph that alone reads a sum.
fn whole(view: &View<'_>, sum: NodeId) -> Option<NodeId> {
    match view.draft.uses(view.graph, view.draft.output(view.graph, sum, 0)?) {
        [Use::Node(reader, _)] if view.graph.node(*reader).scope == view.graph.node(sum).scope => {
            tree::is_sum(view, *reader, false).then_some(*reader)
        }
        _ => None,
    }
}

/// How terms of a sum become one; nothing if no two are maps of one value. `may` says which nodes may change.
///
/// # Errors
/// Why terms that are maps of one value stay apart.
pub(super) fn merge(view: &View<'_>, top: NodeId, may: &dyn Fn(NodeId) -> bool) -> Result<Option<Merge>, Reason> {
    let mut refused = None;
    // Constants between are taken into terms where these have a place for them, and left where they are otherwise.
    for constants in [false, true] {
        let tree = Tree::of(view, top, &|node| may(node) && tree::is_sum(view, node, constants));
        let sum = Sum { view, tree: &tree };
        match sum.merge(may) {
            Ok(Some(merge)) => return Ok(Some(merge)),
            Ok(None) => {}
            Err(reason) => refused = refused.or(Some(reason)),
        }
    }
    refused.map_or(Ok(None), Err)
}

/// A sum that is looked at.
struct Sum<'x, 'a> {
    view: &'x View<'a>,
    tree: &'x Tree,
}

impl Sum<'_, '_> {
    /// Whether two terms may be maps of one value, as far as the graph tells without a look at numbers.
    fn may_meet(&self) -> bool {
        let mut seen = BTreeSet::new();
        let above = |leaf: &Leaf| term::above(self.view, leaf.value);
        self.tree.leaves.iter().flat_map(above).any(|value| !seen.insert(value))
    }

    fn merge(&self, may: &dyn Fn(NodeId) -> bool) -> Result<Option<Merge>, Reason> {
        if !self.may_meet() {
            return Ok(None);
        }
        let all: Vec<Vec<Term>> = self.tree.leaves.iter().map(|leaf| term::terms(self.view, leaf.value, may)).collect();
        // By value: the terms that are maps of it, and how many nodes they are away.
        let mut roots: BTreeMap<ValueId, (Vec<Member<'_>>, usize)> = BTreeMap::new();
        for (leaf, terms) in all.iter().enumerate() {
            for term in terms {
                let (members, far) = roots.entry(term.root).or_default();
                members.push(Member { leaf, term });
                *far += term.chain.len();
            }
        }
        let mut roots: Vec<(Vec<Member<'_>>, usize)> = roots.into_values().filter(|(members, _)| members.len() > 1).collect();
        roots.sort_by_key(|(members, far)| (std::cmp::Reverse(members.len()), *far));
        let mut refused = None;
        for (members, _) in &roots {
            if members.iter().any(|member| self.view.is_blind(Some(member.term.root))) {
                refused = refused.or(Some(Reason::WindowOfPadding));
                continue;
            }
            let hosts: BTreeSet<NodeId> = members.iter().filter_map(|member| member.term.reader()).collect();
            let mut found: Vec<Built> = Vec::new();
            for host in hosts {
                match self.build(members, host) {
                    Ok(built) => found.push(built),
                    Err(reason) => refused = refused.or(Some(reason)),
                }
                // No other takes in more, and there may be as many as there are terms.
                if found.last().is_some_and(|built| built.merge.terms.len() == members.len()) {
                    break;
                }
            }
            // The one that takes in most; of two, the one that stands first.
            found.sort_by_key(|built| std::cmp::Reverse(built.merge.terms.len()));
            if let Some(built) = found.into_iter().next() {
                return Ok(Some(built.merge));
            }
        }
        refused.map_or(Ok(None), Err)
    }

    /// Nodes of these terms that nobody reads once the terms are not read where they are; the host stays.
    fn unread(&self, members: &[Member<'_>], host: NodeId) -> BTreeSet<NodeId> {
        let mut unread = BTreeSet::new();
        loop {
            let before = unread.len();
            for node in members.iter().flat_map(|member| &member.term.chain).copied().filter(|node| *node != host) {
                let outputs = 0..self.view.graph.node(node).outputs.len();
                let made = outputs.filter_map(|output| self.view.draft.output(self.view.graph, node, output));
                if made.into_iter().all(|value| self.is_left(value, members, &unread).is_none()) {
                    unread.insert(node);
                }
            }
            if unread.len() == before {
                return unread;
            }
        }
    }

    /// Who reads a value beside these terms and nodes that go.
    fn is_left(&self, value: ValueId, members: &[Member<'_>], unread: &BTreeSet<NodeId>) -> Option<Use> {
        let goes = |user: &Use| match user {
            Use::Node(reader, input) => unread.contains(reader) || self.is_term((*reader, *input), members),
            _ => false,
        };
        self.view.draft.uses(self.view.graph, value).iter().find(|user| !goes(user)).copied()
    }

    /// Whether one of these terms is read at a place.
    fn is_term(&self, place: Place, members: &[Member<'_>]) -> bool {
        self.tree.number(place).is_some_and(|leaf| build::holds(members, leaf))
    }

    /// Whether a host may become something else: nobody else reads its elements.
    fn is_own(&self, host: NodeId, members: &[Member<'_>], unread: &BTreeSet<NodeId>) -> Result<(), Reason> {
        let made = self.view.draft.output(self.view.graph, host, 0).ok_or(Reason::NoReader)?;
        let term = |user: &Use| match user {
            Use::Node(reader, input) => {
                unread.contains(reader)
                    || self.is_term((*reader, *input), members)
                    || looks_at_shape(self.view, *user, 0, &mut vec![])
            }
            _ => false,
        };
        match self.view.draft.uses(self.view.graph, made).iter().find(|user| !term(user)) {
            None => Ok(()),
            Some(Use::Output(..)) => Err(Reason::GraphOutput),
            Some(Use::Annotation(_)) => Err(Reason::Annotated),
            Some(Use::Node(..)) => Err(Reason::SeveralReaders),
        }
    }
}
