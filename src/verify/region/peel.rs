//! Tools that give the folded value the name of what it replaces change every reader's input as well. Such a reader is the same
//! node in both files; peeled off, it says which value of the one file is which of the other.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::model::graph::asks_for_shape;
use crate::model::{Graph, NodeId, Use, ValueId};
use crate::verify::align::{self, Read, Region};

/// The region without the nodes that are the same but for the names of what they read from it, and whether others of the region
/// read such a value, too, so that it may be one in between; `None` if there are none, or if the names do not pair.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn peeled(first: Read<'_, '_>, second: Read<'_, '_>, region: &Region) -> Result<Option<(Region, bool)>> {
    let (a, b) = (first.graph, second.graph);
    let made = |graph: &Graph<'_>, nodes: &[NodeId]| {
        nodes.iter().flat_map(|n| graph.node(*n).outputs.iter().flatten().copied()).collect::<BTreeSet<ValueId>>()
    };
    let (ours, theirs) = (made(a, &region.before), made(b, &region.after));
    let made_first = |graph: &Graph<'_>, node: NodeId| graph.node(node).proto.output.first().cloned();
    let others: BTreeMap<_, _> = region.after.iter().map(|node| (made_first(b, *node), *node)).collect();
    let mut renamed: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    let mut gone = (BTreeSet::new(), BTreeSet::new());
    for one in &region.before {
        // A shape says nothing about the numbers of the value that it is read from.
        if asks_for_shape(a.node(*one).proto) {
            continue;
        }
        let Some(two) = others.get(&made_first(a, *one)) else { continue };
        let Some(pairs) = align::same_but_names((first, *one), (second, *two))? else { continue };
        let (inside, outside): (Vec<_>, Vec<_>) = pairs.into_iter().partition(|(x, y)| ours.contains(x) && theirs.contains(y));
        let alike =
            |(x, y): &(ValueId, ValueId)| a.value(*x).name == b.value(*y).name && !ours.contains(x) && !theirs.contains(y);
        if inside.is_empty() || !outside.iter().all(alike) {
            continue;
        }
        for (x, y) in inside {
            if renamed.insert(x, y).is_some_and(|old| old != y) {
                return Ok(None);
            }
        }
        gone.0.insert(*one);
        gone.1.insert(*two);
    }
    if gone.0.is_empty() {
        return Ok(None);
    }
    let left =
        |nodes: &[NodeId], gone: &BTreeSet<NodeId>| nodes.iter().filter(|n| !gone.contains(n)).copied().collect::<Vec<_>>();
    let (before, after) = (left(&region.before, &gone.0), left(&region.after, &gone.1));
    let reads = |graph: &Graph<'_>, nodes: &[NodeId], value: &ValueId| {
        nodes.iter().any(|node| graph.node(*node).inputs.contains(&Some(*value)))
    };
    let between = renamed.iter().any(|(x, y)| reads(a, &before, x) || reads(b, &after, y));
    Ok(paired(a, b, region, (before, after), &renamed).map(|core| (core, between)))
}

/// The region of the nodes that are left, if both sides read the same and make values that pair one to one.
fn paired(
    a: &Graph<'_>,
    b: &Graph<'_>,
    region: &Region,
    (before, after): (Vec<NodeId>, Vec<NodeId>),
    renamed: &BTreeMap<ValueId, ValueId>,
) -> Option<Region> {
    let (ours, theirs) = (Ends::of(a, &before), Ends::of(b, &after));
    if ours.inputs != theirs.inputs || ours.outputs.len() != theirs.outputs.len() || before.is_empty() || after.is_empty() {
        return None;
    }
    let mut left = theirs.outputs.clone();
    let mut pairs = Vec::new();
    for value in &ours.outputs {
        let name = a.value(*value).name;
        let other = renamed.get(value).copied().or_else(|| left.iter().find(|v| b.value(**v).name == name).copied())?;
        if !left.remove(&other) {
            return None;
        }
        pairs.push((name.to_owned(), b.value(other).name.to_owned()));
    }
    pairs.sort_unstable();
    let (outputs, outputs_after) = pairs.into_iter().unzip();
    let inputs = ours.inputs.into_iter().collect();
    Some(Region { scopes: region.scopes, before, after, inputs, outputs, outputs_after })
}

/// What nodes read from outside, and what others read from them.
struct Ends {
    inputs: BTreeSet<String>,
    outputs: BTreeSet<ValueId>,
}

impl Ends {
    fn of(graph: &Graph<'_>, nodes: &[NodeId]) -> Ends {
        let made: BTreeSet<ValueId> = nodes.iter().flat_map(|n| graph.node(*n).outputs.iter().flatten().copied()).collect();
        let read = nodes.iter().flat_map(|n| graph.node(*n).inputs.iter().flatten());
        let outside = read.filter(|v| !made.contains(v) && graph.constant(**v).is_err());
        let inputs = outside.map(|v| graph.value(*v).name.to_owned()).collect();
        let inside = |user: &Use| matches!(user, Use::Node(n, _) if nodes.contains(n));
        let outputs = made.iter().filter(|v| graph.value(**v).uses.iter().any(|u| !inside(u))).copied().collect();
        Ends { inputs, outputs }
    }
}
