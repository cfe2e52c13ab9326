//! What stands in one file only, joined into regions.

use std::collections::{BTreeMap, BTreeSet};

use super::{Aligner, Region};
use crate::model::{Graph, NodeId, ScopeId, Use, ValueId};

impl Aligner<'_, '_> {
    pub(super) fn regions(&mut self, scopes: (ScopeId, ScopeId), only_a: &[NodeId], only_b: &[NodeId]) {
        if only_a.is_empty() && only_b.is_empty() {
            return;
        }
        // A result that nobody reads may give its name to another.
        let made = |g: &Graph<'_>, alive: &BTreeSet<NodeId>, id: ScopeId| {
            let values = g.scope(id).nodes.iter().filter(|n| alive.contains(n)).flat_map(|n| g.node(*n).outputs.iter().flatten());
            values.chain(&g.scope(id).inputs).map(|v| g.value(*v).name.to_owned()).collect::<BTreeSet<_>>()
        };
        let (in_a, in_b) = (made(self.a, &self.alive.0, scopes.0), made(self.b, &self.alive.1, scopes.1));
        let (seen_a, seen_b) = (seen(self.a, &self.alive.0, scopes.0), seen(self.b, &self.alive.1, scopes.1));
        let is_seen = |name: &str| seen_a.contains(name) || seen_b.contains(name);
        let survives = |name: &str| in_a.contains(name) && in_b.contains(name) && is_seen(name);
        let all: Vec<(bool, NodeId)> = only_a.iter().map(|n| (true, *n)).chain(only_b.iter().map(|n| (false, *n))).collect();
        let graph = |first: bool| if first { self.a } else { self.b };
        // Nodes meet at a name: of a value of one file only, or of a value that both produce.
        let mut groups = Groups::new(all.len());
        let mut at: BTreeMap<(u8, String), usize> = BTreeMap::new();
        for (index, (first, node)) in all.iter().enumerate() {
            let g = graph(*first);
            let outputs = g.node(*node).outputs.iter().flatten().map(|v| (g.value(*v).name, true));
            let inputs =
                g.node(*node).inputs.iter().flatten().filter(|v| g.constant(**v).is_err()).map(|v| (g.value(*v).name, false));
            for (name, produced) in outputs.chain(inputs) {
                let key = match (survives(name), produced) {
                    (true, true) => (2, name.to_owned()),
                    (true, false) => continue,
                    (false, _) => (u8::from(*first), name.to_owned()),
                };
                match at.get(&key) {
                    Some(other) => groups.join(index, *other),
                    None => {
                        at.insert(key, index);
                    }
                }
            }
        }
        for members in groups.all() {
            let pick = |first: bool| members.iter().filter(|i| all[**i].0 == first).map(|i| all[*i].1).collect::<Vec<_>>();
            self.region(scopes, pick(true), pick(false), &survives);
        }
    }

    /// One region: both sides must read and produce the same values, and nobody outside may read what is gone.
    fn region(&mut self, scopes: (ScopeId, ScopeId), before: Vec<NodeId>, after: Vec<NodeId>, survives: &dyn Fn(&str) -> bool) {
        let place = match (before.first(), after.first()) {
            (Some(node), _) => self.a.describe(*node),
            (None, Some(node)) => self.b.describe(*node),
            (None, None) => return,
        };
        let (inputs, outputs) = ends(self.a, &before, survives);
        let theirs = ends(self.b, &after, survives);
        if before.is_empty() || after.is_empty() {
            // A fold into what stands elsewhere leaves no node behind only if the value is handed on under its name.
            let side = if before.is_empty() { "second" } else { "first" };
            return self.differs(place, format!("only the {side} model has it"));
        }
        if (&inputs, &outputs) != (&theirs.0, &theirs.1) {
            let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join(", ");
            let what = format!(
                "differs from the second model in what it reads or produces: [{}] -> [{}] against [{}] -> [{}]",
                list(&inputs),
                list(&outputs),
                list(&theirs.0),
                list(&theirs.1)
            );
            return self.differs(place, what);
        }
        let (inputs, outputs): (_, Vec<String>) = (inputs.into_iter().collect(), outputs.into_iter().collect());
        let outputs_after = outputs.clone();
        self.out.regions.push(Region { scopes, before, after, inputs, outputs, outputs_after });
    }
}

/// The values of a graph that something reads whose results matter.
fn seen<'m>(g: &Graph<'m>, alive: &BTreeSet<NodeId>, id: ScopeId) -> BTreeSet<&'m str> {
    let matters = |user: &Use| if let Use::Node(node, _) = user { alive.contains(node) } else { true };
    let values = g.scope(id).nodes.iter().flat_map(|n| g.node(*n).outputs.iter().flatten()).chain(&g.scope(id).inputs);
    values.filter(|v| g.value(**v).uses.iter().any(matters)).map(|v| g.value(*v).name).collect()
}

/// What a set of nodes reads from outside and what it produces that survives.
fn ends(g: &Graph<'_>, nodes: &[NodeId], survives: &dyn Fn(&str) -> bool) -> (BTreeSet<String>, BTreeSet<String>) {
    let made: BTreeSet<ValueId> = nodes.iter().flat_map(|n| g.node(*n).outputs.iter().flatten().copied()).collect();
    let read = nodes.iter().flat_map(|n| g.node(*n).inputs.iter().flatten().copied());
    let inputs = read.filter(|v| !made.contains(v) && g.constant(*v).is_err()).map(|v| g.value(v).name.to_owned()).collect();
    let inside = |user: &Use| matches!(user, Use::Node(n, _) if nodes.contains(n));
    let seen = |v: &&ValueId| survives(g.value(**v).name) || g.value(**v).uses.iter().any(|u| !inside(u));
    (inputs, made.iter().filter(seen).map(|v| g.value(*v).name.to_owned()).collect())
}

/// Disjoint sets.
struct Groups(Vec<usize>);

impl Groups {
    fn new(count: usize) -> Self {
        Groups((0..count).collect())
    }

    fn root(&self, mut at: usize) -> usize {
        while self.0[at] != at {
            at = self.0[at];
        }
        at
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.0[a.max(b)] = a.min(b);
    }

    fn all(&self) -> Vec<Vec<usize>> {
        let mut sets: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for index in 0..self.0.len() {
            sets.entry(self.root(index)).or_default().push(index);
        }
        sets.into_values().collect()
    }
}
