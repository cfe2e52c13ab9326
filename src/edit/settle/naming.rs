//! Names of what a plan makes: unlike every name of the file and each other.

use std::collections::HashSet;

use super::Settler;
use crate::model::{Graph, NodeId};
use crate::plan::Substitute;

/// Every name of the file: new ones must differ from all of them, in whatever graph they stand.
fn names<'m>(graph: &Graph<'m>) -> HashSet<&'m str> {
    let mut names: HashSet<&str> = graph.values.iter().map(|v| v.name).collect();
    names.extend(graph.nodes.iter().map(|n| n.proto.name()));
    for scope in &graph.scopes {
        if let Some(proto) = scope.graph {
            names.extend(proto.value_info.iter().map(|v| v.name()));
        }
    }
    names
}

impl Settler<'_, '_> {
    /// A name like those of the node's other constants, unlike any name of the file.
    pub(super) fn new_name(&mut self, (node, input): (NodeId, usize)) -> String {
        let graph = self.graph();
        let named = |input: usize| self.draft().input(graph, node, input).map(|v| graph.value(v).name);
        let wanted =
            match (named(input), (0..2).rev().filter_map(|i| named(i).filter(|_| graph.node(node).inputs.len() > i)).next()) {
                (Some(own), _) => format!("{own}_folded"),
                (None, Some(weight)) => match weight.strip_suffix("weight") {
                    Some(stem) => format!("{stem}bias"),
                    None => format!("{weight}_bias"),
                },
                (None, None) => "folded_bias".to_owned(),
            };
        self.unlike_any(&wanted)
    }

    /// A name unlike any of the file and unlike all that were made here; it is taken from now on.
    pub(super) fn unlike_any(&mut self, wanted: &str) -> String {
        let names = self.names.get_or_init(|| names(self.plan.view.graph));
        // What was taken stays taken: of each name that is wanted, the numbers go on where they were.
        let mut count = self.given.get(wanted).copied().unwrap_or(0);
        loop {
            let name = if count == 0 { wanted.to_owned() } else { format!("{wanted}_{count}") };
            count += 1;
            if !names.contains(name.as_str()) && !self.given.contains_key(&name) {
                self.given.insert(name.clone(), 1);
                self.given.insert(wanted.to_owned(), count);
                return name;
            }
        }
    }

    /// Values that a map has passed: still there, but something else.
    pub(super) fn rename(&mut self) {
        for value in &self.draft().changed {
            if self.draft().producer(self.graph(), *value).is_some() {
                let name = self.unlike_any(&format!("{}_folded", self.graph().value(*value).name));
                self.out.renamed.insert(*value, name);
            }
        }
    }

    /// What a Mul hands to the Add that was one BatchNormalization with it.
    pub(super) fn divide(&mut self) {
        for (node, form) in &self.draft().substituted {
            if let (Substitute::MulAdd, Some(made)) = (form, self.draft().output(self.graph(), *node, 0)) {
                let name = self.unlike_any(&format!("{}_scaled", self.graph().value(made).name));
                self.out.between.insert(*node, name);
            }
        }
    }
}
