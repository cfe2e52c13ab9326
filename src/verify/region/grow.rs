//! Regions that are a fold only together: a tool that keeps a value's name while its meaning changes splits one fold in two.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Graph, NodeId, Use, ValueId};
use crate::verify::align::Region;

/// Joins the first of the regions that are half a fold with those that read its output, if nobody else reads it in either
/// file. `None` if there is no such region.
pub(super) fn joined(a: &Graph<'_>, b: &Graph<'_>, regions: &[Region], halves: &BTreeSet<usize>) -> Option<Vec<Region>> {
    for index in halves {
        let Some(region) = regions.get(*index) else { continue };
        // Those in the same graph: what reads the value from a nested graph is no part of one fold with it.
        let owner = |nodes: fn(&Region) -> &[NodeId]| {
            let beside = regions.iter().enumerate().filter(|(_, other)| other.scopes == region.scopes);
            let pairs = beside.flat_map(|(index, other)| nodes(other).iter().map(move |n| (*n, index)));
            pairs.collect::<BTreeMap<NodeId, usize>>()
        };
        let owners = (owner(|r| &r.before), owner(|r| &r.after));
        let [name] = &region.outputs[..] else { continue };
        let Some(here) = readers(a, &region.before, name, &owners.0) else { continue };
        let Some(there) = readers(b, &region.after, name, &owners.1) else { continue };
        let mut members: BTreeSet<usize> = here.union(&there).copied().collect();
        if members.is_empty() || members.contains(index) {
            continue;
        }
        members.insert(*index);
        return Some(join(regions, &members, name));
    }
    None
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

fn join(regions: &[Region], members: &BTreeSet<usize>, hidden: &str) -> Vec<Region> {
    let (mut kept, mut joined) = (Vec::new(), None::<Region>);
    for (index, region) in regions.iter().enumerate() {
        match (members.contains(&index), joined.as_mut()) {
            (false, _) => kept.push(region.clone()),
            (true, None) => joined = Some(region.clone()),
            (true, Some(all)) => {
                all.before.extend(&region.before);
                all.after.extend(&region.after);
                all.inputs.extend(region.inputs.iter().cloned());
                all.outputs.extend(region.outputs.iter().cloned());
            }
        }
    }
    if let Some(mut all) = joined {
        all.before.sort_unstable();
        all.after.sort_unstable();
        all.outputs.retain(|name| name != hidden);
        all.inputs.retain(|name| name != hidden);
        all.inputs.sort_unstable();
        all.inputs.dedup();
        all.outputs.sort_unstable();
        kept.push(all);
    }
    kept.sort_by_key(|r| (r.scopes, r.before.clone(), r.after.clone()));
    kept
}
