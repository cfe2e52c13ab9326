//! Regions that are wrong each by itself and may be right together: a value that keeps its name while its meaning moves, as where
//! a factor goes out of one operator and into another behind a gate, splits one change in two.

use std::collections::BTreeSet;

use super::Tier;
use super::align::{Read, Region};
use super::certify::{self, Certified};
use super::region::{self, Form, Site};
use super::verdict::{Deviation, Difference};
use crate::error::Result;
use crate::model::{Graph, NodeId};

/// Through how many rows of nodes that are the same in both files a region grows.
const FARTHEST: usize = 8;

/// How many wrong regions are asked for: where more are wrong, the files are different ones.
const MOST: usize = 64;

/// A region, and what is known of it.
pub(super) struct Part {
    /// The region.
    pub site: Site,
    /// What its constants, or a trial, say.
    pub certified: Certified,
    /// What is said of it if it is not proved, where it is no fold by its operators.
    pub difference: Option<Difference>,
}

impl Part {
    /// Whether both sides are shown to be the same.
    pub fn is_proved(&self) -> bool {
        matches!(&self.certified, Certified::Certificate(certificate) if certificate.worst <= 1.0)
    }

    /// Whether both sides are the same nodes, with a constant that is beyond its limit.
    pub fn has_another_constant(&self) -> bool {
        let operators = |forms: &'_ [Form]| forms.iter().map(|form| form.operator.clone()).collect::<Vec<_>>();
        let named = |place: &Deviation| place.constant.is_some();
        let (before, after) = &self.site.forms;
        operators(before) == operators(after)
            && matches!(&self.certified, Certified::Certificate(c) if c.worst > 1.0 && c.place.as_ref().is_some_and(named))
    }

    fn is_wrong(&self) -> bool {
        self.certified.is_wrong() || self.difference.is_some() && !self.is_proved()
    }
}

/// Joins wrong regions with wrong ones behind them, and with what stands between, where they are proved together.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn joined(read: (Read<'_, '_>, Read<'_, '_>), parts: &mut Vec<Part>, tier: Tier) -> Result<()> {
    parts.sort_by_key(|part| part.site.region.before.clone());
    // From the last one on, so that what is mended by less is not taken for a part of more, whose limit is wider.
    let (mut left, mut asked) = (parts.len(), 0);
    while let Some(at) = left.checked_sub(1).filter(|_| asked < MOST) {
        left = at;
        let wrong = parts.get(at).is_some_and(Part::is_wrong);
        asked += usize::from(wrong);
        if let Some((members, joined)) = if wrong { union(read, parts, at, tier)? } else { None } {
            let mut index = 0..;
            parts.retain(|_| index.next().is_none_or(|index| !members.contains(&index)));
            parts.push(joined);
            left = parts.len();
        }
    }
    Ok(())
}

/// What a wrong region is together with those behind it: which ones, and the whole.
fn union(
    (a, b): (Read<'_, '_>, Read<'_, '_>),
    parts: &[Part],
    first: usize,
    tier: Tier,
) -> Result<Option<(BTreeSet<usize>, Part)>> {
    let regions: Vec<Region> = parts.iter().map(|part| part.site.region.clone()).collect();
    let Some(mut region) = regions.get(first).cloned() else { return Ok(None) };
    let mut members = BTreeSet::from([first]);
    let wrong: BTreeSet<usize> = (0..parts.len()).filter(|at| parts.get(*at).is_some_and(Part::is_wrong)).collect();
    // What is wrong at two outputs may be right where they are put together.
    let several = region.outputs.len() > 1;
    let mut open = None;
    for _ in 0..FARTHEST {
        let Some((more, all)) = region::joined((a.graph, b.graph), &regions, &region, true) else { break };
        // What is wrong by itself is not mended by what is right, but where that takes a part alone.
        let takes = all.before.iter().any(|node| !region.before.contains(node) && takes_a_part(a.graph, *node));
        let mut hopeful = several || takes || more.iter().filter_map(|index| parts.get(*index)).any(Part::is_wrong);
        region = all;
        members.extend(more);
        let beside = wrong.difference(&members).copied().collect();
        if let Some((makers, all)) = region::with_makers((a.graph, b.graph), &regions, &beside, &region) {
            region = all;
            members.extend(makers);
            hopeful = true;
        }
        if !hopeful {
            continue;
        }
        let Some(site) = region::in_other_words(a, b, &region)? else { break };
        let certified = certify::certify(a.graph, b.graph, &site, tier)?;
        let difference = members.iter().filter_map(|index| parts.get(*index)).find_map(|part| part.difference.clone());
        let whole = Part { site, certified, difference };
        if whole.is_proved() {
            return Ok(Some((members, whole)));
        }
        // A fold that waits for the sizes of a run is proved there, or not at all. What alone is a fold by itself, and wrong, stays so.
        let folds = |index: &&usize| parts.get(**index).is_some_and(|part| part.is_wrong() && part.difference.is_none());
        if matches!(whole.certified, Certified::OtherForm(_))
            && members.iter().filter(folds).count() != 1
            && let Some(site) = region::as_fold(a, b, &region)?
        {
            open = Some((members.clone(), Part { site, difference: None, ..whole }));
        }
    }
    Ok(open)
}

/// Whether a node takes a part of a value, always the same: what is wrong in the rest is wrong nowhere.
fn takes_a_part(graph: &Graph<'_>, node: NodeId) -> bool {
    let node = graph.node(node);
    let fixed = node.inputs.iter().skip(1).flatten().all(|value| graph.constant(*value).is_ok());
    fixed && ["Gather", "Slice", "Split"].contains(&node.proto.op_type())
}
