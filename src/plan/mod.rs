//! What is folded, and why the rest is kept: a pure function of the graph.

mod calls;
mod channels;
mod choice;
mod draft;
mod lift;
mod route;
mod samples;
mod substitute;
mod view;

use std::collections::BTreeMap;

pub use channels::{Channels, Run};
pub use choice::{Options, Partial, Substitute};
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
use choice::Choice;
use lift::Elements;

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

/// Decides what is folded: whole maps first, back before ahead, nodes in the order of the graph, until nothing more moves;
/// then scales alone, which may let whole maps move again.
///
/// # Errors
/// A file that cannot be read, or an option that names what is not there. What cannot be folded is no error.
pub fn plan<'a>(graph: &'a Graph<'a>, options: &Options) -> Result<Plan<'a>> {
    let calls = Calls::of(graph)?;
    let choice = Choice::of(graph, options)?;
    let candidates: Vec<NodeId> = (0..graph.nodes.len()).map(NodeId).filter(|id| may_be_map(graph, *id)).collect();
    let mut excluded: BTreeMap<NodeId, Reason> = options.excluded.iter().rev().copied().collect();
    let left_out = candidates.iter().filter(|site| !choice.folds(**site));
    left_out.for_each(|site| drop(excluded.entry(*site).or_insert(Reason::LeftOut)));
    loop {
        let mut view = View::new(graph, options.assume_inference, calls.binding(graph, None));
        settle(&mut view, &choice, &candidates, &excluded)?;
        let mut planned = |function: ScopeId, call: usize| {
            let mut other = View::new(graph, options.assume_inference, calls.binding(graph, Some((function, call))));
            let within = |node: &&NodeId| graph.root(graph.node(**node).scope) == function;
            settle(&mut other, &choice, &candidates.iter().filter(within).copied().collect::<Vec<_>>(), &excluded)?;
            let elements = Elements::of_function(&other, function);
            Ok((other.draft, elements))
        };
        let kept = kept(&view, &choice, &candidates, &excluded);
        if let Some(form) = options.substitute {
            let chosen = |stay: &&Stay| excluded.get(&stay.site) != Some(&Reason::LeftOut);
            replace(&mut view, kept.iter().filter(chosen), form);
        }
        match lift::lift(&view, &calls, &mut planned)? {
            Ok(lifted) => {
                view.check()?;
                return Ok(Plan { view, kept, lifted });
            }
            // Each time there are more of them, so this ends.
            Err(sites) => excluded.extend(sites.into_iter().map(|site| (site, Reason::FunctionParameter))),
        }
    }
}

/// Records folds until nothing more moves.
fn settle(view: &mut View<'_>, choice: &Choice, candidates: &[NodeId], excluded: &BTreeMap<NodeId, Reason>) -> Result<()> {
    let graph = view.graph;
    // BatchNormalizations first: a constant Add before one must not move into it while it could itself be taken in.
    let normalises = |site: &NodeId| graph.node(*site).proto.op_type() == "BatchNormalization";
    let movable = candidates.iter().copied().filter(|site| !excluded.contains_key(site));
    let (first, then): (Vec<_>, Vec<_>) = movable.partition(normalises);
    loop {
        let before = view.draft.folds.len();
        for site in first.iter().chain(&then).copied() {
            if view.draft.is_removed(site) {
                continue;
            }
            let whole = |way| route::route(view, choice, site, way).ok();
            if let Some(route) = whole(Way::Back).or_else(|| whole(Way::Ahead)) {
                view.draft = std::mem::take(&mut view.draft).with(graph, route);
            }
            view.check()?;
        }
        if view.draft.folds.len() > before {
            continue;
        }
        for site in first.iter().copied() {
            if let Some(route) = scale_alone(view, choice, site) {
                view.draft = std::mem::take(&mut view.draft).with(graph, route);
            }
            view.check()?;
        }
        if view.draft.folds.len() == before {
            return Ok(());
        }
    }
}

/// The way of a BatchNormalization's scale without its shift, if it pays: an Add in its place computes less, but no constant
/// should be stored twice for it. A function's body may be called with other constants each time, so there it stays.
fn scale_alone(view: &View<'_>, choice: &Choice, site: NodeId) -> Option<Route> {
    if choice.partial == Partial::Never || view.draft.is_removed(site) || !is_in_main(view.graph, site) {
        return None;
    }
    let pays = |route: &Route| choice.partial == Partial::Always || !route::copies(view, route);
    let part = |way| route::part(view, choice, site, way).ok().filter(pays);
    part(Way::Back).or_else(|| part(Way::Ahead))
}

/// Makes other operators of the BatchNormalizations that stay and that nobody asked to leave as they are.
fn replace<'s>(view: &mut View<'_>, stays: impl Iterator<Item = &'s Stay>, form: Substitute) {
    let graph = view.graph;
    for stay in stays.filter(|stay| is_in_main(graph, stay.site)) {
        if let Ok(parameters) = substitute::substitute(view, stay.site, form) {
            view.draft.substitute(graph, stay.site, form, &parameters);
        }
    }
}

/// Whether a node stands in the main graph or a graph nested in it, not in a function.
fn is_in_main(graph: &Graph<'_>, node: NodeId) -> bool {
    graph.root(graph.node(node).scope) == ScopeId(0)
}

/// The nodes with a map that stay, with what was said of them.
fn kept(view: &View<'_>, choice: &Choice, candidates: &[NodeId], excluded: &BTreeMap<NodeId, Reason>) -> Vec<Stay> {
    let mut kept = Vec::new();
    for site in candidates.iter().copied().filter(|site| !view.draft.is_removed(*site)) {
        let listed = ops::find(view.graph.node(site).proto.op_type()).is_some_and(|o| o.always_listed);
        let is_map = || listed || matches!(view.law(site), Ok(Law::Map(_)));
        let own = |reason| Kept { reason, node: site };
        match excluded.get(&site) {
            Some(Reason::LeftOut) if !is_map() => {}
            Some(reason) => kept.push(Stay { site, back: own(*reason), ahead: own(*reason) }),
            None if !is_map() => {}
            None => {
                let both = (route::route(view, choice, site, Way::Back), route::route(view, choice, site, Way::Ahead));
                if let (Err(back), Err(ahead)) = both {
                    kept.push(Stay { site, back, ahead });
                }
            }
        }
    }
    kept
}

/// Whether a node's operator may be a map; the law decides.
fn may_be_map(graph: &Graph<'_>, id: NodeId) -> bool {
    let node = graph.node(id);
    node.standard && matches!(node.proto.op_type(), "BatchNormalization" | "Mul" | "Add" | "Sub" | "Div")
}
