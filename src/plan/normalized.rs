//! Normalisations by statistics of their input (LayerNormalization and its kin) hand their scale and bias to what follows, where
//! every reader takes them in: `core(x)·gamma + beta` stays as `core(x)`. Those who quantise transformers want it so, as scales that
//! differ from channel to channel are then in the weights.

use crate::double_double::DoubleDouble;
use crate::law::{Host, Law, Reason, Step, Tail};
use crate::map::{Affine, Placed};
use crate::model::{Graph, NodeId};
use crate::plan::choice::Choice;
use crate::plan::route::{Kept, Rest, Route, Way, check_types, copies};
use crate::plan::view::View;
use crate::plan::walk::walk;

/// Whether a node's operator may be such a normalisation; the law decides.
pub(super) fn may_be(graph: &Graph<'_>, id: NodeId) -> bool {
    let node = graph.node(id);
    node.standard && node.proto.op_type().ends_with("Normalization") && node.proto.op_type() != "BatchNormalization"
}

/// The way of a normalisation's map into what follows, or that of its scale alone, if no constant is stored twice for it. A weight
/// must be among what takes it in, and no other scale: then nothing would be won.
pub(super) fn route(view: &View<'_>, choice: &Choice, site: NodeId) -> Option<Route> {
    let Ok(Law::Tail(tail)) = view.law(site) else { return None };
    let placed = tail.map(&view.constants(site)).ok().filter(|placed| placed.map.is_finite() && !placed.map.is_identity())?;
    if !choice.goes(Way::Ahead) || view.is_blind(view.draft.input(view.graph, site, 0)) {
        return None;
    }
    let wins = |route: &Route| {
        let scales = |node: &NodeId| matches!(view.law(*node), Ok(Law::Map(map)) if !matches!(map.host, Host::Term { .. }));
        let weighs = |node: &NodeId| matches!(view.law(*node), Ok(Law::Mix(_)));
        route.into.iter().any(weighs) && !route.into.iter().any(scales) && !copies(view, route)
    };
    let whole = ahead(view, choice, (site, &tail), (&placed, &[DoubleDouble::ZERO]));
    whole.ok().filter(wins).or_else(|| {
        let Affine { scale, shift } = &placed.map;
        let alone = Placed::of(placed.axis, Affine::new(scale.clone(), vec![DoubleDouble::ZERO]));
        let terms: Vec<DoubleDouble> = shift.iter().zip(scale).map(|(term, scale)| *term / *scale).collect();
        let moves = scale.iter().all(|scale| *scale != 0.0) && !placed.map.has_no_scale() && !placed.map.has_no_shift();
        let part = moves.then(|| ahead(view, choice, (site, &tail), (&alone, &terms)));
        part?.ok().filter(wins)
    })
}

/// The way of a map that leaves a shift behind.
fn ahead(
    view: &View<'_>,
    choice: &Choice,
    (site, tail): (NodeId, &Tail),
    (map, left): (&Placed, &[DoubleDouble]),
) -> Result<Route, Kept> {
    let own = |reason| Kept { reason, node: site };
    let (parameters, without) = tail.rest(&view.constants(site), left).map_err(own)?;
    let mut route = walk(view, choice, (site, 0), Way::Ahead, map)?;
    check_types(view, site, &Step { parameters: parameters.clone(), ..Step::default() }).map_err(own)?;
    let made = view.draft.output(view.graph, site, 0).ok_or_else(|| own(Reason::NoReader))?;
    route.changed.push(made);
    route.rest = Some(Rest::Normalization { parameters, without, shift: !map.map.has_no_shift() });
    Ok(route)
}
