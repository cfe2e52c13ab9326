//! One map's way from its node to what takes it in, whole or its scale alone, or who refused it.

use std::collections::BTreeMap;

use crate::double_double::DoubleDouble;
use crate::engines::Form;
use crate::law::{Array, Constants as _, Host, Law, Parameter, Reason, Step};
use crate::map::{Affine, Placed};
use crate::model::{Element, NodeId, ValueId};
use crate::plan::choice::Choice;
use crate::plan::readers::{alone, readers};
use crate::plan::view::View;
use crate::plan::walk::walk;

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
    /// Nodes beside the site that are the same map and go with it, and the input that each maps.
    pub alike: Vec<(NodeId, usize)>,
    /// What the site becomes; `None`: nothing of it stays.
    pub rest: Option<Rest>,
}

/// What a site becomes that stays.
#[derive(Clone, Debug)]
pub enum Rest {
    /// An Add, as only its scale moves.
    Term(Vec<Parameter>),
    /// A normalisation that scales by one.
    Normalization {
        /// What is put at its inputs.
        parameters: Vec<Parameter>,
        /// The input that it does without.
        without: Option<usize>,
        /// Whether a shift moves, too.
        shift: bool,
    },
}

/// Why a map stays, and which node refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Why.
    pub reason: Reason,
    /// The node that refused; the site itself if the fact concerns it alone.
    pub node: NodeId,
}

impl Route {
    /// A way that has not begun.
    pub(super) fn at(site: NodeId, data: usize, way: Way) -> Route {
        Route { site, data, way, changes: vec![], into: vec![], through: vec![], changed: vec![], alike: vec![], rest: None }
    }
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
        Law::Map(map) if view.is_blind(view.draft.input(view.graph, site, map.data)) => Err(own(Reason::WindowOfPadding)),
        Law::Map(map) => walk(view, choice, (site, map.data), way, &map.placed),
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
    if view.is_blind(view.draft.input(view.graph, site, map.data)) {
        return Err(own(Reason::WindowOfPadding));
    }
    let rest = remainder(view, site, &map.placed, way).map_err(own)?;
    let scale = Placed::of(map.placed.axis, Affine::new(map.placed.map.scale, vec![DoubleDouble::ZERO]));
    let mut route = walk(view, choice, (site, map.data), way, &scale)?;
    // A whole map takes the value beside it away; here it stays and is something else.
    route.changed.extend(match way {
        Way::Back => view.draft.input(view.graph, site, map.data),
        Way::Ahead => view.draft.output(view.graph, site, 0),
    });
    route.rest = Some(Rest::Term(rest));
    Ok(route)
}

/// What makes an Add of a BatchNormalization: the term that stays, spelt out so that it aligns with the channels.
fn remainder(view: &View<'_>, site: NodeId, placed: &Placed, way: Way) -> Result<Vec<Parameter>, Reason> {
    let node = view.graph.node(site);
    // Before opset 7 an Add aligns by attributes that a BatchNormalization has not.
    if view.graph.scope(node.scope).opset.is_none_or(|opset| opset < 7) {
        return Err(Reason::Opset);
    }
    let element = one_type(view, site)?;
    let Affine { scale, shift } = &placed.map;
    let terms: Vec<DoubleDouble> = match way {
        Way::Back => shift.clone(),
        Way::Ahead if scale.iter().any(|s| *s == 0.0) => return Err(Reason::ZeroScale),
        Way::Ahead => shift.iter().zip(scale).map(|(t, s)| *t / *s).collect(),
    };
    let terms = alike(&terms, element);
    let known = |value: Option<ValueId>| value.and_then(|v| view.shape(v)).map(crate::model::Shape::rank);
    let rank = known(view.draft.input(view.graph, site, 0)).or_else(|| known(view.draft.output(view.graph, site, 0)));
    let rank = rank.filter(|rank| placed.axis.is_none_or(|axis| axis < *rank)).ok_or(Reason::UnknownShape)?;
    let dims = aligned(terms.len() as u64, placed.axis.unwrap_or(0), rank);
    let rest = vec![Parameter::Become("Add"), Parameter::Replace { input: 1, value: Array { dims, values: terms } }];
    check_types(view, site, &Step { parameters: rest.clone(), ..Step::default() })?;
    Ok(rest)
}

/// Numbers that are the same once they are written, each as the first of them; what is written as nothing is nothing. Else a fold of
/// what was written would find one number along an axis where this fold found two.
fn alike(numbers: &[DoubleDouble], element: Element) -> Vec<DoubleDouble> {
    let mut known = BTreeMap::from([0.0, -0.0].map(|zero: f64| (zero.to_bits(), DoubleDouble::ZERO)));
    numbers.iter().map(|number| *known.entry(element.round(number.nearest()).to_bits()).or_insert(*number)).collect()
}

/// The shape of a constant along an axis of a value. It has all axes of the value, as some engines are faster so, but where the
/// axis is the last one: there a constant of one axis is what others take for a bias.
pub(super) fn aligned(count: u64, axis: usize, rank: usize) -> Vec<u64> {
    let behind = rank.saturating_sub(axis + 1);
    let before = if behind == 0 { 0 } else { axis };
    [vec![1; before], vec![count], vec![1; behind]].concat()
}

/// What happens to a map that is the identity: what it reads and what it makes become one value, which has one of both names.
fn vanish(view: &View<'_>, (site, data): (NodeId, usize), way: Way) -> Result<Route, Kept> {
    let nobody = || Kept { reason: Reason::NoReader, node: site };
    let mut changed = vec![];
    match way {
        Way::Back => {
            alone(view, view.draft.input(view.graph, site, data).ok_or_else(nobody)?, site, &mut changed)?;
        }
        Way::Ahead => {
            readers(view, view.draft.output(view.graph, site, 0).ok_or_else(nobody)?, site, &mut changed)?;
        }
    }
    Ok(Route::at(site, data, way))
}

/// Numbers that a step puts into constants must be numbers of the constants' type.
pub(super) fn check_types(view: &View<'_>, node: NodeId, step: &Step) -> Result<(), Reason> {
    let scaled = step.parameters.iter().any(|parameter| matches!(parameter, Parameter::Scale { .. }));
    for parameter in &step.parameters {
        match parameter {
            Parameter::Replace { input, value } => {
                for weight in (0..2).filter(|_| *input == BIAS && !scaled) {
                    if let Some(scales) = view.scales(node, weight)? {
                        holds_bias(view, node, &scales, step)?;
                    }
                }
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
                if let Some(scales) = view.requantises((node, *input), axes, *label, factor)? {
                    holds_bias(view, node, &scales, step)?;
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// Where products have their bias.
const BIAS: usize = 2;

/// Whether the bias that a product has after a step is an int32 in units of its scales, those of what it reads and of its weight:
/// runtimes that compute in whole numbers store it so, and lose it without a word where it is not.
fn holds_bias(view: &View<'_>, node: NodeId, scales: &[f64], step: &Step) -> Result<(), Reason> {
    if !view.target.avoids(Form::QuantisedBias) {
        return Ok(());
    }
    fits_bias(view, node, scales, step)
}

/// As [`holds_bias`], whoever runs it.
pub(super) fn fits_bias(view: &View<'_>, node: NodeId, scales: &[f64], step: &Step) -> Result<(), Reason> {
    let made = view.draft.input(view.graph, node, 0).and_then(|read| view.draft.producer(view.graph, read));
    let Some((read, _)) = made.filter(|(read, _)| view.graph.node(*read).proto.op_type() == "DequantizeLinear") else {
        return Ok(());
    };
    let new = step.parameters.iter().find_map(|parameter| match parameter {
        Parameter::Replace { input: BIAS, value } => Some(Ok(value.clone())),
        _ => None,
    });
    let has_bias = || view.draft.input(view.graph, node, BIAS).is_some() || view.draft.tensors.contains_key(&(node, BIAS));
    let Some(bias) = new.or_else(|| has_bias().then(|| view.constants(node).array(BIAS))).transpose()? else { return Ok(()) };
    let steps = view.constants(read).array(1)?;
    let least = |all: &mut dyn Iterator<Item = f64>| all.map(f64::abs).fold(f64::INFINITY, f64::min);
    let step = least(&mut steps.values.iter().map(|step| step.nearest()));
    let paired = scales.len() == bias.values.len();
    let smallest = least(&mut scales.iter().copied());
    let fits = bias.values.iter().enumerate().all(|(channel, bias)| {
        let unit = step * if paired { scales[channel].abs() } else { smallest };
        bias.nearest().abs() <= f64::from(i32::MAX) * unit
    });
    if fits { Ok(()) } else { Err(Reason::QuantisedBias) }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::law::Role;
    use crate::model::{Graph, Model};
    use crate::plan::Options;
    use crate::plan::calls::Binding;

    #[test]
    fn a_factor_is_a_number() {
        let text = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1,2,3,3] x) => (float[] y) <float[2,2,1,1] w = dyadic(1)> { y = Conv (x, w) }"#;
        let model = Model::from_bytes(crate::sample::encode(text).unwrap()).unwrap();
        let graph = Graph::build(&model).unwrap();
        let view = View::new(&graph, &Options::default(), Binding::default());
        let checked = |factor: f64| {
            let axes = vec![(Role::Out, 2), (Role::In, 2), (Role::Sum, 1)];
            let factor = [1.0, factor].map(DoubleDouble::new).to_vec();
            let parameters = vec![Parameter::Scale { input: 1, axes, label: Role::Out, factor }];
            check_types(&view, NodeId(0), &Step { parameters, ..Step::default() })
        };
        assert_eq!(checked(-0.5), Ok(()));
        assert_eq!(checked(f64::INFINITY), Err(Reason::NonFinite));
        assert_eq!(checked(f64::NAN), Err(Reason::NonFinite));
    }

    #[test]
    fn numbers_that_are_the_same_once_they_are_written_are_one() {
        let of = |number: f64, rest: f64| DoubleDouble::new(number) + DoubleDouble::new(rest);
        let found =
            alike(&[of(4.0, 1e-20), of(4.0, 0.0), of(4.0, 1e-3), of(1e-60, 0.0), of(-1e-60, 0.0), of(0.0, 0.0)], Element::F32);
        assert_eq!(found[..3], [of(4.0, 1e-20), of(4.0, 1e-20), of(4.0, 1e-3)]);
        assert_eq!(found[3..], [DoubleDouble::ZERO; 3]);
    }
}
