//! What is folded, and why the rest is kept: a pure function of the graph.

mod channels;
mod choice;
mod draft;
mod route;
mod samples;
mod substitute;
mod view;

use std::collections::BTreeSet;

pub use channels::{Channels, Run};
pub use choice::{Options, Partial, Substitute};
pub use draft::{Draft, DraftTensor, Fold};
pub use route::{Kept, Route, Way};
pub use samples::SAMPLES;
pub use view::View;

use crate::error::Result;
use crate::law::{Law, Reason};
use crate::model::{Graph, NodeId};
use crate::ops;
use choice::Choice;

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

    /// Makes other operators of the BatchNormalizations that stay and that nobody asked to leave as they are.
    fn substitute(&mut self, choice: &Choice, form: Substitute) {
        let (graph, view) = (self.view.graph, &mut self.view);
        for stay in self.kept.iter().filter(|stay| choice.folds(stay.site)) {
            if let Ok(parameters) = substitute::substitute(view, stay.site, form) {
                view.draft.substitute(graph, stay.site, form, &parameters);
            }
        }
    }
}

/// Decides what is folded: whole maps first, back before ahead, nodes in the order of the graph, until nothing more moves;
/// then scales alone, which may let whole maps move again.
///
/// # Errors
/// A file that cannot be read, or an option that names what is not there. What cannot be folded is no error.
pub fn plan<'a>(graph: &'a Graph<'a>, options: &Options) -> Result<Plan<'a>> {
    let choice = Choice::of(graph, options)?;
    let mut view = View::new(graph, options.assume_inference);
    let candidates: Vec<NodeId> = (0..graph.nodes.len()).map(NodeId).filter(|id| may_be_map(graph, *id)).collect();
    let lossy: BTreeSet<NodeId> = options.excluded.iter().map(|(node, _)| *node).collect();
    // BatchNormalizations first: a constant Add before one must not move into it while it could itself be taken in.
    let normalises = |site: &NodeId| graph.node(*site).proto.op_type() == "BatchNormalization";
    let movable = candidates.iter().copied().filter(|site| !lossy.contains(site) && choice.folds(*site));
    let (first, then): (Vec<_>, Vec<_>) = movable.partition(normalises);
    loop {
        let before = view.draft.folds.len();
        for site in first.iter().chain(&then).copied() {
            if view.draft.is_removed(site) {
                continue;
            }
            let whole = |way| route::route(&view, &choice, site, way).ok();
            if let Some(route) = whole(Way::Back).or_else(|| whole(Way::Ahead)) {
                view.draft = std::mem::take(&mut view.draft).with(graph, route);
            }
            view.check()?;
        }
        if view.draft.folds.len() > before {
            continue;
        }
        for site in first.iter().copied() {
            if let Some(route) = scale_alone(&view, &choice, site, options.partial) {
                view.draft = std::mem::take(&mut view.draft).with(graph, route);
            }
            view.check()?;
        }
        if view.draft.folds.len() == before {
            break;
        }
    }
    let mut plan = Plan { kept: vec![], view };
    for site in candidates.into_iter().filter(|site| !plan.view.draft.is_removed(*site)) {
        plan.kept.extend(stay(&plan.view, &choice, site, options));
    }
    if let Some(form) = options.substitute {
        plan.substitute(&choice, form);
    }
    plan.view.check()?;
    Ok(plan)
}

/// The way of a BatchNormalization's scale without its shift, if it pays: an Add in its place computes less, but no constant
/// should be stored twice for it.
fn scale_alone(view: &View<'_>, choice: &Choice, site: NodeId, partial: Partial) -> Option<Route> {
    if partial == Partial::Never || view.draft.is_removed(site) {
        return None;
    }
    let pays = |route: &Route| partial == Partial::Always || !route::copies(view, route);
    let part = |way| route::part(view, choice, site, way).ok().filter(pays);
    part(Way::Back).or_else(|| part(Way::Ahead))
}

/// Why a node with a map stays; `None` if it has none.
fn stay(view: &View<'_>, choice: &Choice, site: NodeId, options: &Options) -> Option<Stay> {
    let own = |reason| Kept { reason, node: site };
    let both = |reason| Some(Stay { site, back: own(reason), ahead: own(reason) });
    if let Some((_, reason)) = options.excluded.iter().find(|(node, _)| *node == site) {
        return both(*reason);
    }
    let listed = ops::find(view.graph.node(site).proto.op_type()).is_some_and(|o| o.always_listed);
    if !listed && !matches!(view.law(site), Ok(Law::Map(_))) {
        return None;
    }
    if !choice.folds(site) {
        return both(Reason::LeftOut);
    }
    match (route::route(view, choice, site, Way::Back), route::route(view, choice, site, Way::Ahead)) {
        (Err(back), Err(ahead)) => Some(Stay { site, back, ahead }),
        _ => None,
    }
}

/// Whether a node's operator may be a map; the law decides.
fn may_be_map(graph: &Graph<'_>, id: NodeId) -> bool {
    let node = graph.node(id);
    node.standard && matches!(node.proto.op_type(), "BatchNormalization" | "Mul" | "Add" | "Sub" | "Div")
}
