//! What is folded, and why the rest is kept: a pure function of the graph.

mod blind;
mod blocks;
mod branches;
mod calls;
mod channels;
mod choice;
mod draft;
mod forms;
mod fused;
mod lift;
mod merged;
mod normalized;
mod quantised;
mod readers;
mod route;
mod samples;
mod substitute;
mod view;
mod walk;

use std::collections::{BTreeMap, BTreeSet};

pub use branches::SAMPLES as BRANCHES;
pub use channels::{Channels, Run};
pub use choice::{Options, Partial, Substitute, is_meant, operator, target};
pub use draft::{Draft, DraftTensor, Fold, Left};
pub use forms::made as forms;
pub use lift::{Lifted, Signature};
pub use merged::{MOST_ELEMENTS, Merged};
pub use quantised::{Factors, Requantised, Zeros, requantised};
pub use route::{Kept, Route, Way};
pub use samples::SAMPLES;
pub use view::View;

use crate::double_double::nearest;
use crate::engines::Form;
use crate::error::Result;
use crate::law::{Constants as _, Host, Law, Map, Reason};
use crate::model::{Graph, NodeId, ScopeId, ScopeKind};
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
    /// Whether the node adds a constant to a product that has no other place for a bias: it is that bias, and stays as such.
    pub fn is_bias(&self, view: &View<'_>) -> bool {
        let made = |data| view.draft.producer(view.graph, view.draft.input(view.graph, self.site, data)?);
        let adds = matches!(view.graph.node(self.site).proto.op_type(), "Add" | "Sub");
        let law = view.law(self.site);
        let behind = |map: &Map| made(map.data).is_some_and(|(node, _)| node == self.back.node);
        adds && self.back.reason == Reason::NoBias && matches!(&law, Ok(Law::Map(map)) if behind(map))
    }

    /// The refusal that got further: one by another node says more than one by the site itself.
    pub fn main(&self) -> Kept {
        let rank = |kept: &Kept| match kept.reason {
            Reason::NoReader => 0,
            Reason::GraphInput | Reason::GraphOutput | Reason::FunctionBorder => 1,
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
    let candidates: Vec<NodeId> = (0..graph.nodes.len()).map(NodeId).filter(|id| may_be_map(graph, *id)).collect();
    let fused: BTreeSet<NodeId> = candidates.iter().copied().filter(|id| fused::is_half_of_gelu(graph, *id)).collect();
    let asked = options.excluded.iter().rev().copied();
    // The end of a LayerNormalization stays one, whatever it takes in.
    let stay = candidates.iter().filter(|id| fused.contains(id) || fused::ends_layer_normalization(graph, **id));
    let excluded = stay.map(|id| (*id, Reason::PartOfOperator)).chain(asked).collect();
    let Options { partial, substitute, keep_branches, normalizations, .. } = *options;
    let choice = Choice::of(graph, options, fused, excluded)?;
    let as_they_are = BTreeSet::new();
    let mut search = Search { choice, calls: &calls, partial, substitute, branches: !keep_branches, normalizations, as_they_are };
    loop {
        let mut view = View::new(graph, options, calls.binding(graph, None));
        search.settle(&mut view, &candidates)?;
        let mut planned = |function: ScopeId, call: usize| {
            let mut other = View::new(graph, options, calls.binding(graph, Some((function, call))));
            let within = |node: &&NodeId| graph.root(graph.node(**node).scope) == function;
            let sites: Vec<NodeId> = candidates.iter().filter(within).copied().collect();
            search.settle(&mut other, &sites)?;
            let kept = search.stays(&other, &sites);
            search.substitute(&mut other, &kept);
            forms::rephrase(&mut other, &calls);
            let elements = Elements::of_function(&other, function);
            Ok((other.draft, elements))
        };
        let kept = search.stays(&view, &candidates);
        // Before constants are handed over to calls, as those of substitutes go the same way.
        search.substitute(&mut view, &kept);
        forms::rephrase(&mut view, &calls);
        search.spell_out(&mut view, &kept);
        match lift::lift(&view, &calls, partial, &mut planned)? {
            Ok(lifted) => {
                view.check()?;
                return Ok(Plan { view, kept, lifted });
            }
            // Each time there are more of them, so this ends.
            Err(refused) => {
                search.choice.excluded.extend(refused.folds.into_iter().map(|site| (site, Reason::FunctionParameter)));
                search.as_they_are.extend(refused.substitutes);
            }
        }
    }
}

/// What decides where maps move.
struct Search<'c> {
    choice: Choice,
    calls: &'c Calls,
    partial: Partial,
    substitute: Option<Substitute>,
    /// Whether branches of one value become one.
    branches: bool,
    /// Whether normalisations hand their maps on.
    normalizations: bool,
    /// BatchNormalizations that no other operator takes the place of.
    as_they_are: BTreeSet<NodeId>,
}

impl Search<'_> {
    /// Records folds until nothing more moves.
    fn settle(&self, view: &mut View<'_>, candidates: &[NodeId]) -> Result<()> {
        let graph = view.graph;
        // BatchNormalizations first: a constant Add before one must not move into it while it could itself be taken in.
        let normalises = |site: &NodeId| graph.node(*site).proto.op_type() == "BatchNormalization";
        let movable = candidates.iter().copied().filter(|site| self.choice.moves(*site));
        let (first, then): (Vec<_>, Vec<_>) = movable.partition(normalises);
        loop {
            let before = view.draft.folds.len();
            for site in first.iter().chain(&then).copied() {
                self.whole(view, site, false)?;
            }
            if view.draft.folds.len() > before {
                continue;
            }
            for site in first.iter().copied() {
                self.whole(view, site, true)?;
            }
            if view.draft.folds.len() > before {
                continue;
            }
            view.forget_blocks();
            for site in first.iter().copied() {
                if let Some(route) = self.scale_alone(view, site).filter(|_| self.slower(view, site).is_none()) {
                    view.decide(|draft| draft.with(graph, route));
                }
                view.check()?;
            }
            if view.draft.folds.len() == before {
                self.merge(view)?;
            }
            if view.draft.folds.len() == before {
                self.hand_over(view)?;
            }
            // What a fold has brought to a convolution has its rank.
            if view.draft.folds.len() == before && view.ranks_of_readers() {
                view.learn();
                continue;
            }
            if view.draft.folds.len() == before {
                return Ok(());
            }
        }
    }

    /// Records the way of a whole map, if it has one. A BatchNormalization is divided among other maps only where those did not
    /// go into it.
    fn whole(&self, view: &mut View<'_>, site: NodeId, divided: bool) -> Result<()> {
        if view.draft.is_removed(site) {
            return Ok(());
        }
        let is_map = |node: &NodeId| matches!(view.law(*node), Ok(Law::Map(_)));
        let normalises = view.graph.node(site).proto.op_type() == "BatchNormalization";
        let divides = |route: &Route| normalises && route.into.len() > 1 && route.into.iter().all(is_map);
        let way = |way| route::route(view, &self.choice, site, way).ok().filter(|route| divided || !divides(route));
        if let Some(route) = way(Way::Back).or_else(|| way(Way::Ahead)) {
            let graph = view.graph;
            view.decide(|draft| draft.with(graph, route));
        }
        view.check()
    }

    /// Makes one operator of branches of one value.
    fn merge(&self, view: &mut View<'_>) -> Result<()> {
        if !self.branches {
            return Ok(());
        }
        let (graph, before) = (view.graph, view.draft.folds.len());
        let may = |node| self.may_merge(graph, node);
        for top in branches::tops(view).into_iter().filter(|top| self.choice.moves(*top)) {
            while let Ok(Some(merge)) = branches::merge(view, top, &may) {
                view.decide(|draft| draft.merge(graph, merge));
                if view.draft.is_removed(top) {
                    break;
                }
            }
            view.check()?;
        }
        // What became one operator may stand behind another: the next round asks that.
        let seconds = if view.draft.folds.len() == before { branches::seconds(view) } else { vec![] };
        for second in seconds {
            if let Some(row) = branches::row(view, second, &may) {
                view.decide(|draft| draft.join(graph, row));
            }
            view.check()?;
        }
        if view.draft.folds.len() > before {
            view.learn();
        }
        Ok(())
    }

    /// Lets normalisations hand their scale and bias to what follows.
    fn hand_over(&self, view: &mut View<'_>) -> Result<()> {
        let graph = view.graph;
        let may = |site: &NodeId| self.normalizations && normalized::may_be(graph, *site) && self.may_merge(graph, *site);
        for site in (0..graph.nodes.len()).map(NodeId).filter(may).filter(|site| self.choice.folds(*site)) {
            if let Some(route) = normalized::route(view, &self.choice, site) {
                view.decide(|draft| draft.with(graph, route));
            }
            view.check()?;
        }
        Ok(())
    }

    /// Whether a node may be a part of branches that become one.
    fn may_merge(&self, graph: &Graph<'_>, node: NodeId) -> bool {
        self.choice.refuses(graph, node).is_none() && !self.choice.excluded.contains_key(&node)
    }

    /// The way of a BatchNormalization's scale without its shift, if it pays: an Add in its place computes less, but no
    /// constant should be stored twice for it.
    fn scale_alone(&self, view: &View<'_>, site: NodeId) -> Option<Route> {
        if self.partial == Partial::Never || view.draft.is_removed(site) || !self.calls.see(view.graph, site) {
            return None;
        }
        let pays = |route: &Route| self.partial == Partial::Always || !route::copies(view, route);
        let part = |way| route::part(view, &self.choice, site, way).ok().filter(pays);
        part(Way::Back).or_else(|| part(Way::Ahead))
    }

    /// Why an Add that is left would be slower than the BatchNormalization is, for who runs it and did not ask for it.
    fn slower(&self, view: &View<'_>, site: NodeId) -> Option<Reason> {
        let avoided = |form: &Form| self.partial != Partial::Always && view.target.avoids(*form);
        forms::of_rest(view, site).into_iter().find(avoided).and_then(Form::reason)
    }

    /// Makes other operators of the BatchNormalizations that stay and that nobody asked to leave as they are.
    fn substitute(&self, view: &mut View<'_>, kept: &[Stay]) {
        let (Some(form), graph) = (self.substitute, view.graph) else { return };
        let may = |site| self.choice.folds(site) && !self.as_they_are.contains(&site) && self.calls.see(graph, site);
        for site in kept.iter().map(|stay| stay.site).filter(|site| may(*site)) {
            if let Ok(parameters) = substitute::substitute(view, site, form) {
                view.decide(|mut draft| {
                    draft.substitute(graph, site, form, parameters);
                    draft
                });
            }
        }
    }

    /// Gives maps that stay one constant in place of the nodes that compute it for them alone, if the file changes anyway.
    fn spell_out(&self, view: &mut View<'_>, kept: &[Stay]) {
        let graph = view.graph;
        let may = |site: &NodeId| {
            let at = graph.root(graph.node(*site).scope);
            self.choice.moves(*site) && graph.scope(at).kind == ScopeKind::Main
        };
        if view.draft.folds.is_empty() {
            return;
        }
        for site in kept.iter().map(|stay| stay.site).filter(may) {
            let Ok(Law::Map(Map { host: Host::Factor { input, .. } | Host::Term { input, .. }, .. })) = view.law(site) else {
                continue;
            };
            let known = view.draft.input(graph, site, input).and_then(|value| graph.constant(value).ok());
            let Some((tensor, way)) = known.filter(|_| !view.draft.tensors.contains_key(&(site, input))) else { continue };
            let alone = way.iter().all(|value| view.draft.uses(graph, *value).len() == 1);
            let computed = graph.tensor(tensor).recipe().is_some_and(|recipe| !recipe.quantised);
            let value = view.constants(site).array(input);
            if let (true, Ok(value)) = (alone && computed, value) {
                view.draft.tensors.insert((site, input), DraftTensor::Dense { value, donor: None });
                view.draft.spelled.insert(site);
            }
        }
    }

    /// The nodes of `sites` with a map that stay.
    fn stays(&self, view: &View<'_>, sites: &[NodeId]) -> Vec<Stay> {
        let mut sums = BTreeMap::new();
        let left = sites.iter().filter(|site| !view.draft.is_removed(**site));
        left.filter_map(|site| self.stay(view, *site, &mut sums)).collect()
    }

    /// A map that is kept at a sum could become one with the other terms, or it is told why not. By sum, `sums` has the answer, which
    /// is the same for all its terms.
    fn apart(&self, view: &View<'_>, kept: Kept, sums: &mut BTreeMap<NodeId, Option<Reason>>) -> Kept {
        let graph = view.graph;
        if kept.reason != Reason::PartOfValue || !self.branches {
            return kept;
        }
        let top = branches::top(view, kept.node);
        let refused = || branches::merge(view, top, &|node| self.may_merge(graph, node)).err();
        sums.entry(top).or_insert_with(refused).map_or(kept, |reason| Kept { reason, ..kept })
    }

    /// Why a node with a map stays; `None` if it has none.
    fn stay(&self, view: &View<'_>, site: NodeId, sums: &mut BTreeMap<NodeId, Option<Reason>>) -> Option<Stay> {
        let both = |reason| Some(Stay { site, back: Kept { reason, node: site }, ahead: Kept { reason, node: site } });
        if let Some(reason) = self.choice.excluded.get(&site) {
            return both(*reason);
        }
        let listed = ops::find(view.graph.node(site).proto.op_type()).is_some_and(|o| o.always_listed);
        if !listed && !matches!(view.law(site), Ok(Law::Map(_))) {
            return None;
        }
        if !self.choice.folds(site) {
            return both(Reason::LeftOut);
        }
        match (route::route(view, &self.choice, site, Way::Back), route::route(view, &self.choice, site, Way::Ahead)) {
            (Err(back), Err(ahead)) => match self.slower(view, site).filter(|_| self.scale_alone(view, site).is_some()) {
                // It is the refusal that decided: the scale alone would have gone.
                Some(reason) => both(reason),
                None => Some(Stay { site, back, ahead: self.apart(view, ahead, sums) }),
            },
            _ => None,
        }
    }
}

/// Scales and shifts of a map, a number for each channel.
pub type Coefficients = (Vec<f64>, Vec<f64>);

/// The map of each node that has one by constants, as the file has it: scales and shifts, one pair for each channel.
///
/// # Errors
/// A file that cannot be read.
pub fn maps(graph: &Graph<'_>, options: &Options) -> Result<BTreeMap<NodeId, Coefficients>> {
    let calls = Calls::of(graph)?;
    let view = View::new(graph, options, calls.binding(graph, None));
    let map = |id| match view.law(id) {
        Ok(Law::Map(map)) => Some((id, (nearest(&map.placed.map.scale), nearest(&map.placed.map.shift)))),
        _ => None,
    };
    let found = (0..graph.nodes.len()).map(NodeId).filter(|id| may_be_map(graph, *id)).filter_map(map).collect();
    view.check().map(|()| found)
}

/// Whether a node's operator may be a map; the law decides.
fn may_be_map(graph: &Graph<'_>, id: NodeId) -> bool {
    let node = graph.node(id);
    node.standard && matches!(node.proto.op_type(), "BatchNormalization" | "Mul" | "Add" | "Sub" | "Div" | "Sum")
}
