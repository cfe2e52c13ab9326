//! A node with a map, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};

use crate::engines::Row;
use crate::law::Reason;
use crate::model::{Graph, NodeId, Origin};
use crate::plan::{Fold, Kept, Left, Plan, Stay, Substitute, Way};

/// A node as a person looks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct NodeName {
    /// Its name, or else operator and first output; with the way to its graph unless that is the main one.
    pub name: String,
    /// Its operator.
    pub operator: String,
}

/// Where a map goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Direction {
    /// Into what produces the node's input.
    Back,
    /// Into what reads its output.
    Ahead,
}

/// Why a map cannot go one way.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct Refusal {
    /// The reason's code, a stable word.
    pub reason: String,
    /// The node that refused.
    pub node: NodeName,
    /// What the matter is, as a clause.
    pub sentence: String,
    /// What the user could change.
    pub advice: String,
    /// Whether the node reads the same value, and so stands neither before nor behind.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub beside: bool,
}

/// What becomes of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(tag = "status", rename_all = "kebab-case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub enum Fate {
    /// It is folded, and the node goes.
    Folded {
        /// Where the map goes.
        direction: Direction,
        /// The nodes whose constants take it in.
        into: Vec<NodeName>,
        /// The nodes that hand it on.
        through: Vec<NodeName>,
    },
    /// Its scale is folded, and an Add of what is left of its shift stays.
    Partly {
        /// Where the scale goes.
        direction: Direction,
        /// The nodes whose constants take it in.
        into: Vec<NodeName>,
        /// The nodes that hand it on.
        through: Vec<NodeName>,
        /// Why the shift cannot go back.
        back: Refusal,
        /// Why it cannot go ahead.
        ahead: Refusal,
    },
    /// Its scale is folded; the node stays, a normalisation.
    Relieved {
        /// Whether its bias is folded, too.
        bias: bool,
        /// The nodes whose constants take them in.
        into: Vec<NodeName>,
        /// The nodes that hand them on.
        through: Vec<NodeName>,
    },
    /// The node stays, as another operator.
    Replaced {
        /// The operators in its place.
        operators: Vec<String>,
        /// Why it cannot go back.
        back: Refusal,
        /// Why it cannot go ahead.
        ahead: Refusal,
    },
    /// The node stays.
    Kept {
        /// The direction that got further.
        main: Direction,
        /// Why it cannot go back.
        back: Refusal,
        /// Why it cannot go ahead.
        ahead: Refusal,
    },
}

/// A node with a map, and what becomes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct SiteReport {
    /// The node.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub node: NodeName,
    /// What becomes of it.
    #[cfg_attr(feature = "serde", serde(flatten))]
    pub fate: Fate,
}

impl SiteReport {
    /// Whether the node is a BatchNormalization.
    pub fn is_batch_normalization(&self) -> bool {
        self.node.operator == "BatchNormalization"
    }

    /// Whether the node goes.
    pub fn is_folded(&self) -> bool {
        matches!(self.fate, Fate::Folded { .. })
    }

    /// Whether only its scale goes.
    pub fn is_partly_folded(&self) -> bool {
        matches!(self.fate, Fate::Partly { .. })
    }

    /// Whether a fold does something with it.
    pub fn changes(&self) -> bool {
        !matches!(self.fate, Fate::Kept { .. })
    }

    /// The refusal that got further, if the node stays.
    pub fn refusal(&self) -> Option<&Refusal> {
        match &self.fate {
            Fate::Folded { .. } | Fate::Partly { .. } | Fate::Relieved { .. } | Fate::Replaced { .. } => None,
            Fate::Kept { main: Direction::Back, back, .. } => Some(back),
            Fate::Kept { main: Direction::Ahead, ahead, .. } => Some(ahead),
        }
    }
}

/// Every node of a plan that has a map, in the order of the graph.
pub fn sites(plan: &Plan<'_>) -> Vec<SiteReport> {
    let graph = plan.view.graph;
    ends(plan).into_iter().map(|(node, end)| SiteReport { node: name(graph, node), fate: fate(plan, &end) }).collect()
}

/// The same nodes by their numbers, in the same order.
pub fn site_nodes(plan: &Plan<'_>) -> Vec<NodeId> {
    ends(plan).into_keys().collect()
}

/// What a plan says of a node: that it stays, or a fold, and why the rest of the node stays.
enum End<'p> {
    Stay(&'p Stay),
    Fold(&'p Fold, Option<&'p Stay>),
}

fn ends<'p>(plan: &'p Plan<'_>) -> BTreeMap<NodeId, End<'p>> {
    let stays: BTreeMap<NodeId, &Stay> = plan.kept.iter().map(|stay| (stay.site, stay)).collect();
    let listed = stays.values().filter(|stay| !stay.is_bias(&plan.view));
    let mut ends: BTreeMap<NodeId, End<'_>> = listed.map(|stay| (stay.site, End::Stay(stay))).collect();
    // A node whose scale was folded first and whose shift followed has two folds; the later one says more.
    for fold in plan.folds() {
        let stay = stays.get(&fold.site).filter(|_| fold.left == Left::Term);
        ends.insert(fold.site, End::Fold(fold, stay.copied()));
    }
    ends
}

fn fate(plan: &Plan<'_>, end: &End<'_>) -> Fate {
    let (fold, stay) = match end {
        End::Stay(stay) => return kept(plan, stay),
        End::Fold(fold, stay) => (fold, stay),
    };
    let direction = match fold.way {
        Way::Back => Direction::Back,
        Way::Ahead => Direction::Ahead,
    };
    let names = |nodes: &[NodeId]| nodes.iter().map(|n| name(plan.view.graph, *n)).collect();
    let (into, through) = (names(&fold.into), names(&fold.through));
    match (stay, fold.left) {
        (Some(stay), _) => {
            let (back, ahead) = (refusal(plan, stay.site, stay.back), refusal(plan, stay.site, stay.ahead));
            Fate::Partly { direction, into, through, back, ahead }
        }
        (None, Left::Normalization(bias)) => Fate::Relieved { bias, into, through },
        (None, Left::Nothing | Left::Term) => Fate::Folded { direction, into, through },
    }
}

fn kept(plan: &Plan<'_>, stay: &Stay) -> Fate {
    let (back, ahead) = (refusal(plan, stay.site, stay.back), refusal(plan, stay.site, stay.ahead));
    let words = |operators: &[&str]| operators.iter().map(|o| (*o).to_owned()).collect();
    match plan.view.draft.substituted.get(&stay.site) {
        Some(Substitute::MulAdd) => Fate::Replaced { operators: words(&["Mul", "Add"]), back, ahead },
        Some(Substitute::DepthwiseConv) => Fate::Replaced { operators: words(&["Conv"]), back, ahead },
        None => Fate::Kept { main: if stay.main() == stay.back { Direction::Back } else { Direction::Ahead }, back, ahead },
    }
}

fn name(graph: &Graph<'_>, node: NodeId) -> NodeName {
    NodeName { name: graph.describe(node), operator: graph.node(node).proto.op_type().to_owned() }
}

/// Whether what `site` reads comes from `node`, among nodes in the order in which they are computed.
fn is_before(graph: &Graph<'_>, node: NodeId, site: NodeId) -> bool {
    let (mut open, mut seen) = (vec![site], BTreeSet::from([site]));
    while let Some(next) = open.pop() {
        let made = graph.node(next).inputs.iter().flatten().filter_map(|value| match graph.value(*value).origin {
            Origin::Node(maker, _) => Some(maker),
            _ => None,
        });
        for maker in made.filter(|maker| *maker >= node) {
            if maker == node {
                return true;
            }
            if seen.insert(maker) {
                open.push(maker);
            }
        }
    }
    false
}

fn refusal(plan: &Plan<'_>, site: NodeId, kept: Kept) -> Refusal {
    let (graph, reason) = (plan.view.graph, kept.reason);
    let seen: Vec<String> = plan.view.target.behind(reason).map(Row::clause).collect();
    let mut sentence = std::iter::once(reason.sentence().to_owned()).chain(seen).collect::<Vec<_>>().join(": ");
    let beside = reason == Reason::SeveralReaders && kept.node != site && !is_before(graph, kept.node, site);
    if beside {
        sentence.push_str(": this node is one");
    }
    // A graph needs an output: its only one is not to be removed.
    let only = reason == Reason::GraphOutput && graph.scope(graph.node(kept.node).scope).outputs.len() == 1;
    Refusal {
        reason: reason.code().to_owned(),
        node: name(graph, kept.node),
        sentence,
        advice: if only { "nothing" } else { reason.advice() }.to_owned(),
        beside,
    }
}
