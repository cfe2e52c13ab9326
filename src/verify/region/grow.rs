//! Regions that are a fold only together: a tool that keeps a value's name while its meaning changes splits one fold in two.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Graph, NodeId, Use, ValueId};
use crate::verify::align::Region;

/// Joins a region with those that read its output, if nobody else reads it in either file: which regions, and what they are
/// together. `through`: with nodes, too, that are the same in both files.
pub(crate) fn joined(
    (a, b): (&Graph<'_>, &Graph<'_>),
    regions: &[Region],
    region: &Region,
    through: bool,
) -> Option<(BTreeSet<usize>, Region)> {
    let ([name], true) = (&region.outputs[..], region.outputs == region.outputs_after) else { return None };
    // Those in the same graph: what reads the value from a nested graph is no part of one fold with it.
    let owner = |nodes: fn(&Region) -> &[NodeId]| {
        let beside = regions.iter().enumerate().filter(|(_, other)| other.scopes == region.scopes);
        let pairs = beside.flat_map(|(index, other)| nodes(other).iter().map(move |n| (*n, index)));
        pairs.collect::<BTreeMap<NodeId, usize>>()
    };
    let here = readers(a, &region.before, name, &owner(|r| &r.before))?;
    let there = readers(b, &region.after, name, &owner(|r| &r.after))?;
    let members: BTreeSet<usize> = here.0.union(&there.0).copied().collect();
    let alike = matched((a, &here.1), (b, &there.1), region)?;
    if members.is_empty() && alike.is_empty() || !alike.is_empty() && !through {
        return None;
    }
    let all = together(region, members.iter().filter_map(|index| regions.get(*index)).chain(&alike), name);
    Some((members, all))
}

/// The regions that read a value, and nodes in none; `None` if it is read otherwise, too.
fn readers(
    graph: &Graph<'_>,
    nodes: &[NodeId],
    name: &str,
    owners: &BTreeMap<NodeId, usize>,
) -> Option<(BTreeSet<usize>, BTreeSet<NodeId>)> {
    let made = nodes.iter().flat_map(|n| graph.node(*n).outputs.iter().flatten());
    let value: ValueId = made.copied().find(|v| graph.value(*v).name == name)?;
    let scope = graph.value(value).scope;
    let mut found = (BTreeSet::new(), BTreeSet::new());
    for user in &graph.value(value).uses {
        let Use::Node(node, _) = user else { return None };
        match owners.get(node) {
            Some(region) => {
                found.0.insert(*region);
            }
            None if graph.node(*node).scope == scope && !nodes.contains(node) => {
                found.1.insert(*node);
            }
            None => return None,
        }
    }
    Some(found)
}

/// Nodes that stand in both files under the same name, each as a region by itself; `None` if one stands in one file only.
fn matched(
    (a, ours): (&Graph<'_>, &BTreeSet<NodeId>),
    (b, theirs): (&Graph<'_>, &BTreeSet<NodeId>),
    region: &Region,
) -> Option<Vec<Region>> {
    let name = |graph: &Graph<'_>, node: NodeId| graph.node(node).proto.output.first().cloned();
    let others: BTreeMap<_, NodeId> = theirs.iter().map(|node| (name(b, *node), *node)).collect();
    let mut found = Vec::new();
    for node in ours {
        let other = *others.get(&name(a, *node))?;
        let values = |all: &[Option<ValueId>]| all.iter().flatten().copied().collect::<Vec<_>>();
        let open = |value: &ValueId| a.constant(*value).is_err();
        let named = |value: ValueId| a.value(value).name.to_owned();
        let outputs: Vec<String> = values(&a.node(*node).outputs).into_iter().map(named).collect();
        found.push(Region {
            scopes: region.scopes,
            before: vec![*node],
            after: vec![other],
            inputs: values(&a.node(*node).inputs).into_iter().filter(open).map(named).collect(),
            outputs_after: outputs.clone(),
            outputs,
        });
    }
    (others.len() == found.len()).then_some(found)
}

fn together<'r>(first: &Region, parts: impl Iterator<Item = &'r Region>, hidden: &str) -> Region {
    let mut all = first.clone();
    for region in parts {
        all.before.extend(&region.before);
        all.after.extend(&region.after);
        all.inputs.extend(region.inputs.iter().cloned());
        all.outputs.extend(region.outputs.iter().cloned());
    }
    all.before.sort_unstable();
    all.after.sort_unstable();
    all.outputs.retain(|name| name != hidden);
    all.inputs.retain(|name| name != hidden);
    all.inputs.sort_unstable();
    all.inputs.dedup();
    all.outputs.sort_unstable();
    all.outputs_after.clone_from(&all.outputs);
    all
}
