//! Nodes that hand a value on as it is (x·1, x + 0, a BatchNormalization or a Dropout that does nothing, an Identity) and that
//! one of two files has no more: what reads them reads what they read, and is the same node otherwise.
//!
//! Whatever the numbers are, both files then compute the same; only a zero may have the other sign.

use std::collections::{BTreeMap, BTreeSet};

use super::align::{Alignment, Read, Region, operands};
use super::certify;
use super::measure::Measures;
use crate::error::Result;
use crate::model::{Graph, NodeId, ScopeId, ValueId};

/// Takes the regions out of an alignment in which nothing but such nodes went or came.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn settle(a: &Graph<'_>, b: &Graph<'_>, alignment: &mut Alignment) -> Result<()> {
    let mut kept = Vec::new();
    let mut measures = None;
    for region in std::mem::take(&mut alignment.regions) {
        let mut nodes = region.before.iter().map(|id| (a, *id)).chain(region.after.iter().map(|id| (b, *id)));
        let found: Result<bool> =
            nodes.try_fold(false, |found, (graph, id)| Ok(found || certify::hands_on(graph, id)?.is_some()));
        let gone = found? && {
            let known = match measures.take() {
                Some(known) => known,
                None => (Measures::of(a)?, Measures::of(b)?),
            };
            let (one, two) = measures.insert(known);
            is_settled(Read { graph: a, measures: one }, Read { graph: b, measures: two }, &region)?
        };
        if !gone {
            kept.push(region);
        }
    }
    alignment.regions = kept;
    Ok(())
}

/// One side of a region.
struct Side {
    /// What hands on what.
    handed: BTreeMap<ValueId, ValueId>,
    made: BTreeSet<ValueId>,
    /// The other nodes.
    left: Vec<NodeId>,
}

impl Side {
    /// `fails`: a node that hands on counts only where it takes whatever comes.
    fn of(read: Read<'_, '_>, nodes: &[NodeId], fails: bool) -> Result<Side> {
        let mut side = Side { handed: BTreeMap::new(), made: BTreeSet::new(), left: vec![] };
        let graph = read.graph;
        for id in nodes {
            let outputs = graph.node(*id).outputs.iter().flatten();
            side.made.extend(outputs);
            match certify::hands_on(graph, *id)? {
                Some((data, made, as_is))
                    if (as_is || is_as_large(read, data, made)) && !(fails && asks_for_channels(read, *id, data)) =>
                {
                    side.handed.insert(made, data);
                }
                _ => side.left.push(*id),
            }
        }
        Ok(side)
    }

    /// The value that is handed on.
    fn source(&self, value: ValueId) -> ValueId {
        let next = |value: &ValueId| self.handed.get(value).copied();
        // Nodes are in order, so that this ends.
        std::iter::successors(Some(value), next).take(self.handed.len() + 1).last().unwrap_or(value)
    }
}

/// Whether a node fails for values with another number of channels, and nothing tells that they have as many: a BatchNormalization,
/// and an operand that is put at an axis, as up to operator set 6.
fn asks_for_channels(read: Read<'_, '_>, id: NodeId, data: ValueId) -> bool {
    let node = read.graph.node(id);
    let operand = node.inputs.get(1).copied().flatten().and_then(|operand| read.graph.constant(operand).ok());
    let count = operand.and_then(|(tensor, _)| i64::try_from(read.graph.tensor(tensor).elements()).ok());
    let channels = read.measures.extent(data, 1).and_then(|extent| extent.as_number());
    let is_put_at_an_axis = node.proto.attribute.iter().any(|a| a.name() == "broadcast") && count != Some(1);
    is_put_at_an_axis || node.proto.op_type() == "BatchNormalization" && (count.is_none() || channels != count)
}

/// Whether the constant does not repeat the value to make it larger.
fn is_as_large(read: Read<'_, '_>, data: ValueId, made: ValueId) -> bool {
    read.measures.extents(data).is_some_and(|extents| read.measures.extents(made) == Some(extents))
}

fn is_settled(a: Read<'_, '_>, b: Read<'_, '_>, region: &Region) -> Result<bool> {
    let (ours, theirs) = (Side::of(a, &region.before, false)?, Side::of(b, &region.after, true)?);
    if ours.left.len() != theirs.left.len() || ours.handed.is_empty() && theirs.handed.is_empty() {
        return Ok(false);
    }
    let mut pairs: BTreeMap<ValueId, ValueId> = BTreeMap::new();
    let name = |graph: &Graph<'_>, value: ValueId| {
        let at = graph.value(value);
        (graph.scope_path(at.scope), at.name.to_owned())
    };
    let same = |pairs: &BTreeMap<ValueId, ValueId>, x: ValueId, y: ValueId| {
        let (x, y) = (ours.source(x), theirs.source(y));
        match pairs.get(&x) {
            Some(found) => *found == y,
            None => !ours.made.contains(&x) && !theirs.made.contains(&y) && name(a.graph, x) == name(b.graph, y),
        }
    };
    let mut taken = BTreeSet::new();
    for one in &ours.left {
        let mut partner = None;
        for two in theirs.left.iter().filter(|two| !taken.contains(*two)) {
            if is_nested(a.graph, *one) || made(a.graph, *one).len() != made(b.graph, *two).len() {
                continue;
            }
            let Some(found) = operands((a, *one), (b, *two))? else { continue };
            if found.constants.is_empty() && found.values.iter().all(|(x, y)| same(&pairs, *x, *y)) {
                partner = Some(*two);
                break;
            }
        }
        let Some(two) = partner else { return Ok(false) };
        taken.insert(two);
        let outputs = made(a.graph, *one).into_iter().zip(made(b.graph, two));
        for pair in outputs {
            match pair {
                (Some(x), Some(y)) => {
                    pairs.insert(x, y);
                }
                (None, None) => {}
                _ => return Ok(false),
            }
        }
    }
    let outputs = region.outputs.iter().zip(&region.outputs_after);
    let value = |graph: &Graph<'_>, scope: ScopeId, name: &str| graph.lookup(scope, name);
    Ok(outputs.into_iter().all(|(one, two)| match (value(a.graph, region.scopes.0, one), value(b.graph, region.scopes.1, two)) {
        (Some(x), Some(y)) => same(&pairs, x, y),
        _ => false,
    }))
}

/// Nested graphs are aligned where their nodes match by name.
fn is_nested(graph: &Graph<'_>, node: NodeId) -> bool {
    graph.node(node).proto.attribute.iter().any(|attribute| attribute.g.is_some() || !attribute.graphs.is_empty())
}

fn made(graph: &Graph<'_>, node: NodeId) -> Vec<Option<ValueId>> {
    graph.node(node).outputs.clone()
}
