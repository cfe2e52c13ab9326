//! Which changed inputs share a result, and which of the results may not survive in their type.

use std::collections::BTreeSet;

use super::{Change, Reader, Settler};
use crate::model::{ScopeId, TensorId};
use crate::plan::{DraftTensor, Plan};

/// Changed inputs that get one constant: the stored one, its change, and who reads the result.
pub(super) type Group<'p> = (Option<TensorId>, &'p DraftTensor, Vec<Reader>);

/// Weights that a plan rescales or sums up, without a place: those that may not survive it. Quantised ones take new scales in.
pub(in crate::edit) fn weights<'p>(plan: &'p Plan<'_>) -> impl Iterator<Item = Change<'p>> {
    let settler = Settler::new(plan);
    let changed = groups(plan).into_iter().filter(|(_, content, _)| !matches!(content, DraftTensor::Dense { .. }));
    changed.filter_map(move |(base, content, readers)| {
        let first = *readers.first()?;
        let stored = base.and_then(|base| plan.view.graph.tensor(base).element());
        let element = stored.or_else(|| settler.element(first))?;
        let plain = settler.quantised(content, &readers).is_none();
        plain.then(|| Change { content, base, element, reader: plan.lifted.reader(first) })
    })
}

/// Changed inputs that read the same stored constant and change it in the same way share one result.
pub(super) fn groups<'p>(plan: &'p Plan<'_>) -> Vec<Group<'p>> {
    let (graph, draft) = (plan.view.graph, &plan.view.draft);
    let mut groups: Vec<Group<'p>> = Vec::new();
    let mut by_key: BTreeSet<(Key, usize)> = BTreeSet::new();
    for ((node, input), content) in plan.tensors().into_iter().filter(|((node, _), _)| !draft.is_removed(*node)) {
        let base = draft.input(graph, node, input).and_then(|v| graph.constant(v).ok()).map(|(tensor, _)| tensor);
        // Calls may share what they did not give before, too, where all of them see it.
        let key = base.map_or_else(|| shared(plan, (node, input)).map(Key::Parameter), |base| Some(Key::Stored(base)));
        let alike = key.into_iter().flat_map(|key| by_key.range((key, 0)..=(key, usize::MAX)));
        match alike.map(|(_, group)| *group).find(|g| groups[*g].1 == content) {
            Some(group) => groups[group].2.push((node, input)),
            None => {
                by_key.extend(key.map(|key| (key, groups.len())));
                groups.push((base, content, vec![(node, input)]));
            }
        }
    }
    groups
}

/// What changed inputs must have in common to share a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// The stored constant.
    Stored(TensorId),
    /// Where a function's body reads it, and the graph of the calls.
    Parameter((Reader, ScopeId)),
}

fn shared(plan: &Plan<'_>, reader: Reader) -> Option<(Reader, ScopeId)> {
    let inside = plan.lifted.inside.get(&reader)?;
    Some((inside.reader, plan.view.graph.node(reader.0).scope))
}
