//! What is folded, and why the rest is kept: a pure function of the graph.

mod draft;
mod route;
mod samples;
mod view;

use std::collections::BTreeSet;

pub use draft::{Draft, DraftTensor, Fold};
pub use route::{Kept, Route, Way};
pub use samples::SAMPLES;
pub use view::{View, channel_steps};

use crate::error::Result;
use crate::law::{Law, Reason};
use crate::model::{Graph, NodeId};
use crate::ops;

/// What the user may choose.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// BatchNormalizations of opset 6 and older without `is_test` are meant for inference.
    pub assume_inference: bool,
    /// Nodes that are not folded, by number, with the reason.
    pub excluded: Vec<(NodeId, Reason)>,
}

/// A node with a map that stays.
#[derive(Clone, Debug)]
pub struct Stay {
    /// The node.
    pub site: NodeId,
    /// Why the map cannot go to the producer of its input.
    pub back: Kept,
    /// Why it cannot go to the readers of its output.
    pub ahead: Kept,
}

impl Stay {
    /// The refusal that got further: one by another node says more than one by the site itself.
    pub fn main(&self) -> Kept {
        let rank = |kept: &Kept| match kept.reason {
            Reason::NoReader => 0,
            Reason::GraphInput | Reason::GraphOutput => 1,
            Reason::UnknownOperator => 2,
            Reason::SeveralReaders | Reason::CrossesScope => 3,
            _ => 4,
        };
        if rank(&self.ahead) > rank(&self.back) { self.ahead } else { self.back }
    }
}

/// A plan: the draft with its folds, and what stays.
pub struct Plan<'a> {
    /// Graph and draft.
    pub view: View<'a>,
    /// Nodes with a map that stay, in the order of the graph.
    pub kept: Vec<Stay>,
}

impl Plan<'_> {
    /// The folds, in order.
    pub fn folds(&self) -> &[Fold] {
        &self.view.draft.folds
    }
}

/// Decides what is folded. Back is tried before ahead, nodes in the order of the graph, until nothing more moves.
///
/// # Errors
/// A file that cannot be read. What cannot be folded is no error.
pub fn plan<'a>(graph: &'a Graph<'a>, options: &Options) -> Result<Plan<'a>> {
    let mut view = View::new(graph, options.assume_inference);
    let candidates: Vec<NodeId> = (0..graph.nodes.len()).map(NodeId).filter(|id| may_be_map(graph, *id)).collect();
    let excluded: BTreeSet<NodeId> = options.excluded.iter().map(|(node, _)| *node).collect();
    loop {
        let before = view.draft.folds.len();
        // BatchNormalizations first: a constant Add before one must not move into it while it could itself be taken in.
        let normalises = |site: &NodeId| graph.node(*site).proto.op_type() == "BatchNormalization";
        let (first, then): (Vec<_>, Vec<_>) = candidates.iter().copied().partition(normalises);
        for site in first.into_iter().chain(then).filter(|site| !excluded.contains(site)) {
            if view.draft.is_removed(site) {
                continue;
            }
            if let Ok(route) = route::route(&view, site, Way::Back).or_else(|_| route::route(&view, site, Way::Ahead)) {
                view.draft = std::mem::take(&mut view.draft).with(graph, route);
            }
            view.check()?;
        }
        if view.draft.folds.len() == before {
            break;
        }
    }
    let mut kept = Vec::new();
    for site in candidates.into_iter().filter(|site| !view.draft.is_removed(*site)) {
        if let Some((_, reason)) = options.excluded.iter().find(|(node, _)| *node == site) {
            let own = Kept { reason: *reason, node: site };
            kept.push(Stay { site, back: own, ahead: own });
            continue;
        }
        let listed = ops::find(graph.node(site).proto.op_type()).is_some_and(|o| o.always_listed);
        if !listed && !matches!(view.law(site), Ok(Law::Map(_))) {
            continue;
        }
        if let (Err(back), Err(ahead)) = (route::route(&view, site, Way::Back), route::route(&view, site, Way::Ahead)) {
            kept.push(Stay { site, back, ahead });
        }
    }
    view.check()?;
    Ok(Plan { view, kept })
}

/// Whether a node's operator may be a map; the law decides.
fn may_be_map(graph: &Graph<'_>, id: NodeId) -> bool {
    let node = graph.node(id);
    node.standard && matches!(node.proto.op_type(), "BatchNormalization" | "Mul" | "Add" | "Sub" | "Div")
}
