//! Regions that are a fold only together: a tool that keeps a value's name while its meaning changes splits one fold in two.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Graph, NodeId, Use, ValueId};
use crate::verify::align::Region;

/// Joins a region with those that read its output, if nobody else reads it in either file: which regions, and what they are
/// together.
pub(super) fn joined(a: &Graph<'_>, b: &Graph<'_>, regions: &[Region], index: usize) -> Option<(BTreeSet<usize>, Region)> {
    let region = regions.get(index)?;
    let ([name], true) = (&region.outputs[..], region.outputs == region.outputs_after) else { return None };
    // Those in the same graph: what reads the value from a nested graph is no part of one fold with it.
    let owner = |nodes: fn(&Region) -> &[NodeId]| {
        let beside = regions.iter().enumerate().filter(|(_, other)| other.scopes == region.scopes);
        let pairs = beside.flat_map(|(index, other)| nodes(other).iter().map(move |n| (*n, index)));
        pairs.collect::<BTreeMap<NodeId, usize>>()
    };
    let here = readers(a, &region.before, name, &owner(|r| &r.before))?;
    let there = readers(b, &region.after, name, &owner(|r| &r.after))?;
    let mut members: BTreeSet<usize> = here.union(&there).copied().collect();
    if members.is_empty() || !members.insert(index) {
        return None;
    }
    let all = together(regions, &members, name)?;
    Some((members, all))
}

/// The regions that read a value; `None` if somebody else does.
fn readers(graph: &Graph<'_>, nodes: &[NodeId], name: &str, owners: &BTreeMap<NodeId, usize>) -> Option<BTreeSet<usize>> {
    let made = nodes.iter().flat_map(|n| graph.node(*n).outputs.iter().flatten());
    let value: ValueId = made.copied().find(|v| graph.value(*v).name == name)?;
    let reader = |user: &Use| match user {
        Use::Node(node, _) => owners.get(node).copied(),
        _ => None,
    };
    graph.value(value).uses.iter().map(reader).collect()
}

fn together(regions: &[Region], members: &BTreeSet<usize>, hidden: &str) -> Option<Region> {
    let mut parts = members.iter().filter_map(|index| regions.get(*index));
    let mut all = parts.next()?.clone();
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
    Some(all)
}
