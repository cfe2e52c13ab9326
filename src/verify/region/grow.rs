//! Regions that are a fold only together: a tool that keeps a value's name while its meaning changes splits one fold in two.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{Graph, NodeId, Use, ValueId};
use crate::verify::align::Region;

/// Joins a region with those that read its outputs, where nobody else reads one in either file: which regions, and what they are
/// together. `through`: with nodes, too, that are the same in both files; and where a region has several outputs.
pub(crate) fn joined(
    (a, b): (&Graph<'_>, &Graph<'_>),
    regions: &[Region],
    region: &Region,
    through: bool,
) -> Option<(BTreeSet<usize>, Region)> {
    if region.outputs != region.outputs_after || region.outputs.len() != 1 && !through {
        return None;
    }
    // Those in the same graph: what reads the value from a nested graph is no part of one fold with it.
    let owner = |nodes: fn(&Region) -> &[NodeId]| {
        let beside = regions.iter().enumerate().filter(|(_, other)| other.scopes == region.scopes);
        let pairs = beside.flat_map(|(index, other)| nodes(other).iter().map(move |n| (*n, index)));
        pairs.collect::<BTreeMap<NodeId, usize>>()
    };
    let (ours, theirs) = (owner(|r| &r.before), owner(|r| &r.after));
    let (mut members, mut alike, mut hidden) = (BTreeSet::new(), BTreeMap::new(), BTreeSet::new());
    for name in &region.outputs {
        let read = (readers(a, &region.before, name, &ours), readers(b, &region.after, name, &theirs));
        let (Some(here), Some(there)) = read else { continue };
        let Some(same) = matched((a, &here.1), (b, &there.1), region) else { continue };
        members.extend(here.0.union(&there.0).copied());
        alike.extend(same.into_iter().map(|one| (one.before.clone(), one)));
        hidden.insert(name.as_str());
    }
    if members.is_empty() && alike.is_empty() || !alike.is_empty() && !through {
        return None;
    }
    let all = together(region, members.iter().filter_map(|index| regions.get(*index)).chain(alike.values()), &hidden);
    Some((members, all))
}

/// Joins a region with those of others that make what it reads: which ones, and what they are together.
pub(crate) fn with_makers(
    (a, b): (&Graph<'_>, &Graph<'_>),
    regions: &[Region],
    others: &BTreeSet<usize>,
    region: &Region,
) -> Option<(BTreeSet<usize>, Region)> {
    let makes = |other: &Region| {
        let made = |name: &String| region.inputs.contains(name);
        other.scopes == region.scopes && other.outputs == other.outputs_after && other.outputs.iter().any(made)
    };
    let members: BTreeSet<usize> = others.iter().copied().filter(|at| regions.get(*at).is_some_and(makes)).collect();
    let parts = || members.iter().filter_map(|index| regions.get(*index));
    let nodes = |of: fn(&Region) -> &[NodeId]| parts().chain([region]).flat_map(of).copied().collect::<BTreeSet<NodeId>>();
    let (ours, theirs) = (nodes(|r| &r.before), nodes(|r| &r.after));
    let within = |graph: &Graph<'_>, nodes: &BTreeSet<NodeId>, name: &str| {
        let made = nodes.iter().flat_map(|n| graph.node(*n).outputs.iter().flatten());
        let uses = made.copied().find(|v| graph.value(*v).name == name).map(|v| &graph.value(v).uses);
        uses.is_some_and(|uses| uses.iter().all(|user| matches!(user, Use::Node(node, _) if nodes.contains(node))))
    };
    let made = parts().flat_map(|part| &part.outputs).map(String::as_str);
    let hidden: BTreeSet<&str> = made.filter(|name| within(a, &ours, name) && within(b, &theirs, name)).collect();
    (!members.is_empty()).then(|| (members.clone(), together(region, parts(), &hidden)))
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
            None if nodes.contains(node) => {}
            None if graph.node(*node).scope == scope => {
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

fn together<'r>(first: &Region, parts: impl Iterator<Item = &'r Region>, hidden: &BTreeSet<&str>) -> Region {
    let mut all = first.clone();
    for region in parts {
        all.before.extend(&region.before);
        all.after.extend(&region.after);
        all.inputs.extend(region.inputs.iter().cloned());
        all.outputs.extend(region.outputs.iter().cloned());
    }
    for nodes in [&mut all.before, &mut all.after] {
        nodes.sort_unstable();
        nodes.dedup();
    }
    let made: BTreeSet<String> = all.outputs.iter().cloned().collect();
    all.inputs.retain(|name| !made.contains(name));
    all.inputs.sort_unstable();
    all.inputs.dedup();
    all.outputs = made.into_iter().filter(|name| !hidden.contains(name.as_str())).collect();
    all.outputs_after.clone_from(&all.outputs);
    all
}
