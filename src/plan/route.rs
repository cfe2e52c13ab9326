//! One map's way: a work-list of `push`, all or nothing, without changing anything.
//!
//! The walker checks what the graph must satisfy (readers, graph outputs, captures, scopes); laws check what operators must.

use crate::double_double::DoubleDouble;
use crate::law::{Array, Host, Law, Parameter, Port, Reason, Step, push};
use crate::map::{Affine, Placed};
use crate::model::graph::asks_for_shape;
use crate::model::{Element, NodeId, Origin, Use, ValueId};
use crate::plan::choice::Choice;
use crate::plan::view::View;

/// The direction in which a map leaves its node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Into what produces the node's input.
    Back,
    /// Into what reads its output.
    Ahead,
}

/// A complete way: recording it cannot fail.
#[derive(Clone, Debug)]
pub struct Route {
    /// The node whose map moves.
    pub site: NodeId,
    /// The input that it maps.
    pub data: usize,
    /// The direction.
    pub way: Way,
    /// What changes in other nodes.
    pub changes: Vec<(NodeId, Vec<Parameter>)>,
    /// The nodes that took the map in.
    pub into: Vec<NodeId>,
    /// The nodes that handed it on unchanged.
    pub through: Vec<NodeId>,
    /// Values on the way that are something else afterwards.
    pub changed: Vec<ValueId>,
    /// What the site becomes, where only its scale moves; `None`: nothing of it stays.
    pub rest: Option<Vec<Parameter>>,
}

/// Why a map stays, and which node refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Why.
    pub reason: Reason,
    /// The node that refused; the site itself if the fact concerns it alone.
    pub node: NodeId,
}

/// A map on its way, at the port of a node or value that it is about to enter.
enum Travel {
    /// To the producer of a value; the map came from this use of it.
    Back(ValueId, Placed, NodeId),
    /// To all readers of a value, made by this node.
    Ahead(ValueId, Placed, NodeId),
}

/// The way of the map of `site`, or who refused.
///
/// # Errors
/// The refusal that stops it.
pub(super) fn route(view: &View<'_>, choice: &Choice, site: NodeId, way: Way) -> Result<Route, Kept> {
    let own = |reason| Kept { reason, node: site };
    match view.law(site).map_err(own)? {
        Law::Map(_) if !choice.goes(way) => Err(own(Reason::LeftOut)),
        // What changes nothing is taken in by nobody: it goes.
        Law::Map(map) if map.placed.map.is_identity() => vanish(view, (site, map.data), way),
        Law::Map(map) => walk(view, choice, (site, map.data), way, map.placed),
        _ => Err(own(Reason::NotAffine)),
    }
}

/// The way of the scale alone of a BatchNormalization, which then adds what is left of the shift: `s·x + t` is
/// `s·(x + t/s)` where the scale goes ahead, and itself where `s·x` comes from behind.
///
/// # Errors
/// The refusal that stops the scale, or keeps the node from becoming an Add.
pub(super) fn part(view: &View<'_>, choice: &Choice, site: NodeId, way: Way) -> Result<Route, Kept> {
    let own = |reason| Kept { reason, node: site };
    let Law::Map(map) = view.law(site).map_err(own)? else { return Err(own(Reason::NotAffine)) };
    if !matches!(map.host, Host::Statistics { .. }) || map.placed.map.has_no_scale() {
        return Err(own(Reason::NotAffine));
    }
    if !choice.goes(way) {
        return Err(own(Reason::LeftOut));
    }
    let rest = remainder(view, site, &map.placed, way).map_err(own)?;
    let scale = Placed { axis: map.placed.axis, map: Affine::new(map.placed.map.scale, vec![DoubleDouble::ZERO]) };
    let mut route = walk(view, choice, (site, map.data), way, scale)?;
    // A whole map takes the value beside it away; here it stays and is something else.
    route.changed.extend(match way {
        Way::Back => view.draft.input(view.graph, site, map.data),
        Way::Ahead => view.draft.output(view.graph, site, 0),
    });
    route.rest = Some(rest);
    Ok(route)
}

/// What makes an Add of a BatchNormalization: the term that stays, spelt out so that it aligns with the channels.
fn remainder(view: &View<'_>, site: NodeId, placed: &Placed, way: Way) -> Result<Vec<Parameter>, Reason> {
    let node = view.graph.node(site);
    // Before opset 7 an Add aligns by attributes that a BatchNormalization has not.
    if view.graph.scope(node.scope).opset.is_none_or(|opset| opset < 7) {
        return Err(Reason::Opset);
    }
    one_type(view, site)?;
    let Affine { scale, shift } = &placed.map;
    let terms: Vec<DoubleDouble> = match way {
        Way::Back => shift.clone(),
        Way::Ahead if scale.iter().any(|s| *s == 0.0) => return Err(Reason::ZeroScale),
        Way::Ahead => shift.iter().zip(scale).map(|(t, s)| *t / *s).collect(),
    };
    let known = |value: Option<ValueId>| value.and_then(|v| view.shape(v)).map(crate::model::Shape::rank);
    let rank = known(view.draft.input(view.graph, site, 0)).or_else(|| known(view.draft.output(view.graph, site, 0)));
    let mut dims = vec![terms.len() as u64];
    dims.resize(rank.and_then(|rank| rank.checked_sub(placed.axis.unwrap_or(0))).ok_or(Reason::UnknownShape)?, 1);
    let rest = vec![Parameter::Become("Add"), Parameter::Replace { input: 1, value: Array { dims, values: terms } }];
    check_types(view, site, &Step { parameters: rest.clone(), moves: vec![] })?;
    Ok(rest)
}

/// What happens to a map that is the identity: what it reads and what it makes become one value, which has one of both names.
fn vanish(view: &View<'_>, (site, data): (NodeId, usize), way: Way) -> Result<Route, Kept> {
    let nobody = || Kept { reason: Reason::NoReader, node: site };
    match way {
        Way::Back => {
            producer(view, view.draft.input(view.graph, site, data).ok_or_else(nobody)?, site)?;
        }
        Way::Ahead => {
            readers(view, view.draft.output(view.graph, site, 0).ok_or_else(nobody)?, site)?;
        }
    }
    Ok(Route { site, data, way, changes: vec![], into: vec![], through: vec![], changed: vec![], rest: None })
}

/// The way of a map that begins at `site`, whose input number `data` it maps.
fn walk(view: &View<'_>, choice: &Choice, (site, data): (NodeId, usize), way: Way, placed: Placed) -> Result<Route, Kept> {
    let own = |reason| Kept { reason, node: site };
    let first = match way {
        Way::Back => view.draft.input(view.graph, site, data).map(|v| Travel::Back(v, placed, site)),
        Way::Ahead => view.draft.output(view.graph, site, 0).map(|v| Travel::Ahead(v, placed, site)),
    };
    let first = first.ok_or_else(|| own(Reason::NoReader))?;
    let mut route = Route { site, data, way, changes: vec![], into: vec![], through: vec![], changed: vec![], rest: None };
    let mut work = vec![first];
    let mut visited = vec![site];
    while let Some(travel) = work.pop() {
        let arrivals = match &travel {
            Travel::Back(value, _, from) => vec![producer(view, *value, *from)?],
            Travel::Ahead(value, _, from) => readers(view, *value, *from)?,
        };
        let (Travel::Back(_, placed, _) | Travel::Ahead(_, placed, _)) = &travel;
        for (arrived, port) in arrivals {
            let refused = |reason| Kept { reason, node: arrived };
            if visited.contains(&arrived) {
                return Err(refused(Reason::SeveralReaders));
            }
            visited.push(arrived);
            if let Some(reason) = choice.refuses(view.graph, arrived) {
                return Err(refused(reason));
            }
            let law = view.law(arrived).map_err(refused)?;
            let step = push(&law, &view.constants(arrived), port, placed).map_err(refused)?;
            check_types(view, arrived, &step).map_err(refused)?;
            (if step.parameters.is_empty() && !step.moves.is_empty() { &mut route.through } else { &mut route.into })
                .push(arrived);
            let several = step.moves.len() > 1;
            for (port, placed) in step.moves.into_iter().filter(|(_, placed)| !placed.map.is_identity()) {
                let value = match port {
                    Port::Input(input) => view.draft.input(view.graph, arrived, input),
                    Port::Output(output) => view.draft.output(view.graph, arrived, output),
                };
                let value = value.ok_or_else(|| refused(Reason::NoReader))?;
                route.changed.push(value);
                let ahead = matches!(port, Port::Output(_));
                if several && ahead && view.draft.uses(view.graph, value).iter().all(|user| looks_at_shape(view, *user)) {
                    // A piece of which nobody reads the elements.
                    continue;
                }
                work.push(match port {
                    Port::Input(_) => Travel::Back(value, placed, arrived),
                    Port::Output(_) => Travel::Ahead(value, placed, arrived),
                });
            }
            if !step.parameters.is_empty() {
                route.changes.push((arrived, step.parameters));
            }
        }
    }
    Ok(route)
}

/// Whether a use asks for nothing but the shape of a value, which no map changes.
pub(super) fn looks_at_shape(view: &View<'_>, user: Use) -> bool {
    let Use::Node(node, _) = user else { return false };
    let node = view.graph.node(node);
    node.standard && asks_for_shape(node.proto)
}

/// The producer of a value, if nobody but `from` reads it.
fn producer(view: &View<'_>, value: ValueId, from: NodeId) -> Result<(NodeId, Port), Kept> {
    let keep = |reason, node| Err(Kept { reason, node });
    let Some((node, output)) = view.draft.producer(view.graph, value) else {
        let reason = match view.graph.value(value).origin {
            Origin::Input { .. } => Reason::GraphInput,
            _ => Reason::NotAffine,
        };
        return keep(reason, from);
    };
    let scope = view.graph.node(node).scope;
    if scope != view.graph.node(from).scope {
        return keep(Reason::CrossesScope, node);
    }
    let mut readings = 0;
    for user in view.draft.uses(view.graph, value) {
        match user {
            Use::Node(reader, _) if *reader == from => readings += 1,
            Use::Node(reader, _) if view.graph.node(*reader).scope != scope => return keep(Reason::CrossesScope, *reader),
            Use::Node(..) if looks_at_shape(view, *user) => {}
            Use::Node(reader, _) => return keep(Reason::SeveralReaders, *reader),
            Use::Output(at, _) if *at == scope => return keep(Reason::GraphOutput, node),
            Use::Output(..) => return keep(Reason::CrossesScope, node),
            Use::Annotation(_) => return keep(Reason::Annotated, node),
        }
    }
    if readings != 1 {
        return keep(Reason::SeveralReaders, from);
    }
    Ok((node, Port::Output(output)))
}

/// All readers of a value's elements, if they are nodes of the same graph.
fn readers(view: &View<'_>, value: ValueId, from: NodeId) -> Result<Vec<(NodeId, Port)>, Kept> {
    let keep = |reason, node| Err(Kept { reason, node });
    let scope = view.graph.node(from).scope;
    let mut found = Vec::new();
    for user in view.draft.uses(view.graph, value) {
        match user {
            Use::Node(reader, input) if view.graph.node(*reader).scope == scope => {
                if !looks_at_shape(view, *user) {
                    found.push((*reader, Port::Input(*input)));
                }
            }
            Use::Node(reader, _) => return keep(Reason::CrossesScope, *reader),
            Use::Output(at, _) if *at == scope => return keep(Reason::GraphOutput, from),
            Use::Output(..) => return keep(Reason::CrossesScope, from),
            Use::Annotation(_) => return keep(Reason::Annotated, from),
        }
    }
    if found.is_empty() { keep(Reason::NoReader, from) } else { Ok(found) }
}

/// Numbers that a step puts into constants must be numbers of the constants' type.
pub(super) fn check_types(view: &View<'_>, node: NodeId, step: &Step) -> Result<(), Reason> {
    for parameter in &step.parameters {
        match parameter {
            Parameter::Replace { input, value } => {
                let element = view.input_element(node, *input).ok_or(Reason::NotFloat)?;
                if value.values.iter().any(|v| !v.is_finite()) {
                    return Err(Reason::NonFinite);
                }
                if value.values.iter().any(|v| !element.round(v.nearest()).is_finite()) {
                    return Err(Reason::Overflow);
                }
            }
            Parameter::Scale { factor, .. } if factor.iter().any(|f| !f.is_finite()) => return Err(Reason::NonFinite),
            Parameter::Scale { input, axes, label, factor } => {
                view.computes(node, *input)?;
                view.requantises((node, *input), axes, *label, factor)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The float type of a BatchNormalization's value and constants, which from opset 15 on may be several: what takes its place
/// has one.
pub(super) fn one_type(view: &View<'_>, site: NodeId) -> Result<Element, Reason> {
    let opset = view.graph.scope(view.graph.node(site).scope).opset.unwrap_or(0);
    let element = view.input_element(site, 1).ok_or(Reason::NotFloat)?;
    let made = view.draft.output(view.graph, site, 0).ok_or(Reason::NoReader)?;
    if opset < 15 || view.value_element(made) == Some(element) { Ok(element) } else { Err(Reason::NotFloat) }
}

/// Whether a way changes a constant that others read, too, so that the file would hold it twice.
pub(super) fn copies(view: &View<'_>, route: &Route) -> bool {
    route.changes.iter().any(|(node, parameters)| {
        parameters.iter().any(|parameter| {
            let (Parameter::Scale { input, .. } | Parameter::Replace { input, .. }) = parameter else { return false };
            let value = view.draft.input(view.graph, *node, *input);
            value.is_some_and(|value| view.draft.uses(view.graph, value).len() > 1)
        })
    })
}
