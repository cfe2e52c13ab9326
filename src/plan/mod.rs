//! What is folded, and why the rest is kept: a pure function of the graph.

mod calls;
mod channels;
mod draft;
mod lift;
mod route;
mod samples;
mod view;

use std::collections::BTreeMap;

pub use channels::{Channels, Run};
pub use draft::{Draft, DraftTensor, Fold};
pub use lift::{Lifted, Signature};
pub use route::{Kept, Route, Way};
pub use samples::SAMPLES;
pub use view::View;

use crate::error::Result;
use crate::law::{Law, Reason};
use crate::model::{Graph, NodeId, ScopeId};
use crate::ops;
use calls::Calls;
use lift::Elements;

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
    /// The changed constants where they stand.
    pub lifted: Lifted,
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
    let calls = Calls::of(graph)?;
    let candidates: Vec<NodeId> = (0..graph.nodes.len()).map(NodeId).filter(|id| may_be_map(graph, *id)).collect();
    let mut excluded: BTreeMap<NodeId, Reason> = options.excluded.iter().rev().copied().collect();
    loop {
        let mut view = View::new(graph, options.assume_inference, calls.binding(graph, None));
        settle(&mut view, &candidates, &excluded)?;
        let mut planned = |function: ScopeId, call: usize| {
            let mut other = View::new(graph, options.assume_inference, calls.binding(graph, Some((function, call))));
            let within = |node: &&NodeId| graph.root(graph.node(**node).scope) == function;
            settle(&mut other, &candidates.iter().filter(within).copied().collect::<Vec<_>>(), &excluded)?;
            let elements = Elements::of_function(&other, function);
            Ok((other.draft, elements))
        };
        match lift::lift(&view, &calls, &mut planned)? {
            Ok(lifted) => {
                let kept = kept(&view, &candidates, &excluded);
                view.check()?;
                return Ok(Plan { view, kept, lifted });
            }
            // Each time there are more of them, so this ends.
            Err(sites) => excluded.extend(sites.into_iter().map(|site| (site, Reason::FunctionParameter))),
        }
    }
}

/// Records folds until nothing more moves.
fn settle(view: &mut View<'_>, candidates: &[NodeId], excluded: &BTreeMap<NodeId, Reason>) -> Result<()> {
    let graph = view.graph;
    loop {
        let before = view.draft.folds.len();
        // BatchNormalizations first: a constant Add before one must not move into it while it could itself be taken in.
        let normalises = |site: &NodeId| graph.node(*site).proto.op_type() == "BatchNormalization";
        let (first, then): (Vec<_>, Vec<_>) = candidates.iter().copied().partition(normalises);
        for site in first.into_iter().chain(then).filter(|site| !excluded.contains_key(site)) {
            if view.draft.is_removed(site) {
                continue;
            }
            if let Ok(route) = route::route(view, site, Way::Back).or_else(|_| route::route(view, site, Way::Ahead)) {
                view.draft = std::mem::take(&mut view.draft).with(graph, route);
            }
            view.check()?;
        }
        if view.draft.folds.len() == before {
            return Ok(());
        }
    }
}

/// The nodes with a map that stay, with what was said of them.
fn kept(view: &View<'_>, candidates: &[NodeId], excluded: &BTreeMap<NodeId, Reason>) -> Vec<Stay> {
    let mut kept = Vec::new();
    for site in candidates.iter().copied().filter(|site| !view.draft.is_removed(*site)) {
        if let Some(reason) = excluded.get(&site) {
            let own = Kept { reason: *reason, node: site };
            kept.push(Stay { site, back: own, ahead: own });
            continue;
        }
        let listed = ops::find(view.graph.node(site).proto.op_type()).is_some_and(|o| o.always_listed);
        if !listed && !matches!(view.law(site), Ok(Law::Map(_))) {
            continue;
        }
        if let (Err(back), Err(ahead)) = (route::route(view, site, Way::Back), route::route(view, site, Way::Ahead)) {
            kept.push(Stay { site, back, ahead });
        }
    }
    kept
}

/// Whether a node's operator may be a map; the law decides.
fn may_be_map(graph: &Graph<'_>, id: NodeId) -> bool {
    let node = graph.node(id);
    node.standard && matches!(node.proto.op_type(), "BatchNormalization" | "Mul" | "Add" | "Sub" | "Div")
}
