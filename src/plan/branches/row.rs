//! Two convolutions in a row, or two products of matrices, with nothing between: one operator, whose weight is the product of
//! theirs. That is done only where there are afterwards fewer parameters and products than before.
//!
//! One of the two has a kernel of one tap that reads where it writes; the other one, the host, keeps its attributes. What a host
//! pads with zeros must have been zero before it: then the first has no bias.

use std::collections::BTreeSet;
use std::ops::{AddAssign, Mul};

use super::build::{Change, parameters};
use super::term::Weight;
use crate::double_double::{DoubleDouble, exactly, nearest};
use crate::law::{Array, Bias, Law, Mix, Parameter, Reason, Role, Step, apply};
use crate::map::Affine;
use crate::model::{Element, NodeId, Use};
use crate::ops::window::Window;
use crate::plan::merged::{Layout, Merged, Part, Source};
use crate::plan::route::{Way, check_types};
use crate::plan::view::View;

/// A weight of more elements is not made: each is held until it is written.
const MOST_ELEMENTS: u64 = 1 << 22;

/// Weights are not multiplied where that takes more steps.
const MOST_PRODUCTS: u64 = 1 << 28;

/// Two operators that become one.
#[derive(Clone, Debug)]
pub struct Row {
    /// The one that goes.
    pub gone: NodeId,
    /// The input that it mixes.
    pub data: usize,
    /// Where the other one stands.
    pub way: Way,
    /// The other one.
    pub host: NodeId,
    /// Its weight and the input where it stands.
    pub weight: (usize, Merged),
    /// What else changes in it.
    pub parameters: Vec<Parameter>,
}

/// The nodes that stand directly behind another of their kind, in order.
pub(in crate::plan) fn seconds(view: &View<'_>) -> Vec<NodeId> {
    (0..view.graph.nodes.len()).map(NodeId).filter(|node| first(view, *node).is_some()).collect()
}

/// The node of the same kind and graph that makes what a node reads, and whose value nobody else reads.
fn first(view: &View<'_>, second: NodeId) -> Option<(NodeId, usize)> {
    let (graph, draft) = (view.graph, &view.draft);
    let convolves = |node: NodeId| match graph.node(node).proto.op_type() {
        "Conv" if graph.node(node).standard => Some(true),
        "Gemm" | "MatMul" if graph.node(node).standard => Some(false),
        _ => None,
    };
    let own = convolves(second).filter(|_| !draft.is_removed(second))?;
    let made = |input: usize| {
        let value = draft.input(graph, second, input)?;
        let (node, output) = draft.producer(graph, value)?;
        let alone = draft.uses(graph, value) == [Use::Node(second, input)] && !view.is_blind(Some(value));
        let alike = convolves(node) == Some(own) && graph.node(node).scope == graph.node(second).scope;
        (alone && alike && output == 0).then_some((node, input))
    };
    (0..2).find_map(made)
}

/// How a node and the one before it become one; nothing if they stay two.
pub(in crate::plan) fn row(view: &View<'_>, second: NodeId, may: &dyn Fn(NodeId) -> bool) -> Option<Row> {
    let (first, data) = first(view, second).filter(|(first, _)| may(*first) && may(second))?;
    let weight = |node| match view.law(node) {
        Ok(Law::Mix(mix)) => Weight::of(view, node, &mix).ok(),
        _ => None,
    };
    let pair = Pair { view, nodes: (first, second), first: weight(first)?, second: weight(second)? };
    if pair.second.mix.data != data || !pair.meet() {
        return None;
    }
    pair.first_taken_in().or_else(|| pair.second_taken_in())
}

/// Two operators in a row.
struct Pair<'x, 'a> {
    view: &'x View<'a>,
    nodes: (NodeId, NodeId),
    first: Weight,
    second: Weight,
}

impl Pair<'_, '_> {
    /// Whether the channels that the first makes are those that the second reads.
    fn meet(&self) -> bool {
        self.first.axes.0 == self.second.axes.1 && self.first.merged.layout.channels.0 == self.second.merged.layout.channels.1
    }

    /// The groups whose channels stay among themselves in both.
    fn groups(&self) -> usize {
        let (mut a, mut b) = (self.first.merged.layout.groups, self.second.merged.layout.groups);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        a
    }

    fn elements(&self) -> u64 {
        self.first.merged.layout.elements().saturating_add(self.second.merged.layout.elements())
    }

    fn first_taken_in(&self) -> Option<Row> {
        let (host, gone) = (&self.first, &self.second);
        let fits = host.axes.0 == gone.axes.0 && gone.windows.iter().all(Window::is_point);
        // Both compute as many positions.
        fits.then(|| self.one(host, Way::Back, self.elements()))?
    }

    fn second_taken_in(&self) -> Option<Row> {
        let (gone, host) = (&self.first, &self.second);
        let zero = gone.bias.as_ref().is_none_or(|bias| bias.values.iter().all(|value| *value == 0.0));
        let exact = zero || host.windows.iter().all(Window::is_unpadded);
        let fits = host.axes.1 == gone.axes.1 && gone.windows.iter().all(Window::is_point) && exact;
        // Where the host makes more positions than it reads, what the first computed for each of them counts less.
        let shrinks = host.windows.iter().all(Window::shrinks);
        fits.then(|| self.one(host, Way::Ahead, if shrinks { self.elements() } else { host.merged.layout.elements() }))?
    }

    /// The host in the place of both, if its weight has fewer elements than that many.
    fn one(&self, host: &Weight, way: Way, limit: u64) -> Option<Row> {
        let (node, gone, data) = match way {
            Way::Back => (self.nodes.0, self.nodes.1, self.second.mix.data),
            Way::Ahead => (self.nodes.1, self.nodes.0, self.first.mix.data),
        };
        let channels = (self.second.merged.layout.channels.0, self.first.merged.layout.channels.1);
        let (axes, layout) = resized(host, channels).filter(|_| host.merged.layout.groups == self.groups())?;
        let count = layout.elements();
        let between = self.second.merged.layout.channels.1 / self.second.merged.layout.groups;
        let products = count.checked_mul(between as u64)?;
        if count >= limit || count > MOST_ELEMENTS || products > MOST_PRODUCTS {
            return None;
        }
        let element = self.view.input_element(node, host.mix.weight)?;
        let (values, shift) = self.multiplied(&layout, element)?;
        let kernel = if host.windows.is_empty() { &[] } else { layout.dims.get(2..)? };
        let part = Part::of(Source::Held(values.clone().into()), &axes, kernel);
        let merged = Merged { parts: vec![part], layout };
        merged.survive(&values, element).ok()?;
        let change = Change { weight: Some((host.mix.weight, merged)), parameters: self.rest(node, host, shift).ok()? };
        let (before, after) = parameters(self.view, node, &change, &BTreeSet::from([gone]));
        let Change { weight: Some(weight), parameters } = change else { return None };
        (after < before).then_some(Row { gone, data, way, host: node, weight, parameters })
    }

    /// The product of the weights, and what the first one's bias becomes behind the second.
    fn multiplied(&self, layout: &Layout, element: Element) -> Option<(Vec<DoubleDouble>, Vec<DoubleDouble>)> {
        let elements = |weight: &Weight| self.view.checked(weight.merged.elements(self.view.graph)).ok();
        let (one, two) = (elements(&self.first)?, elements(&self.second)?);
        let shift = channels(&self.first)?;
        // The digits of a double are enough for a result that has half of them.
        let values = if element == Element::F64 {
            self.product(layout, &one, &two)
        } else {
            exactly(&self.product(layout, &nearest(&one), &nearest(&two)))
        };
        let (inner, taps) = (&self.second.merged.layout, self.second.merged.layout.taps());
        let sum = |out: usize| {
            let reads = |middle: usize| Some((inner.between(out, middle)?, *shift.get(middle)?));
            let terms = (0..inner.channels.1).filter_map(reads);
            let each = terms.flat_map(|(at, shift)| two.get(at..at + taps).into_iter().flatten().map(move |w| *w * shift));
            each.fold(DoubleDouble::ZERO, |sum, term| sum + term)
        };
        let own = channels(&self.second)?;
        Some((values, own.iter().enumerate().map(|(out, own)| *own + sum(out)).collect()))
    }

    /// `Σ second[o, m]·first[m, i]`, where one of the two has several taps at most.
    fn product<N>(&self, layout: &Layout, one: &[N], two: &[N]) -> Vec<N>
    where
        N: Copy + Default + Mul<Output = N> + AddAssign,
    {
        let mut values = vec![N::default(); usize::try_from(layout.elements()).unwrap_or(0)];
        let (first, second) = (&self.first.merged.layout, &self.second.merged.layout);
        let (inner, outer, taps) = (first.taps(), second.taps(), layout.taps());
        for out in 0..second.channels.0 {
            for (middle, behind) in (0..second.channels.1).filter_map(|m| Some((m, second.between(out, m)?))) {
                for (input, before) in (0..first.channels.1).filter_map(|i| Some((i, first.between(middle, i)?))) {
                    let Some(at) = layout.between(out, input) else { continue };
                    let factors =
                        two[behind..behind + outer].iter().flat_map(|b| one[before..before + inner].iter().map(|a| *b * *a));
                    values[at..at + taps].iter_mut().zip(factors).for_each(|(sum, term)| *sum += term);
                }
            }
        }
        values
    }

    /// What changes beside the weight.
    fn rest(&self, node: NodeId, host: &Weight, shift: Vec<DoubleDouble>) -> Result<Vec<Parameter>, Reason> {
        let mut parameters = Vec::new();
        if host.mix.gain != 1.0 {
            parameters.push(Parameter::Drop("alpha"));
        }
        let (input, rank, axis, gain, operator) = match &host.mix.bias {
            Bias::Input { input, present, rank, axis, gain } if *present || shift.iter().any(|term| *term != 0.0) => {
                (*input, *rank, *axis, gain.1.filter(|_| gain.0 != 1.0), None)
            }
            _ if shift.iter().all(|term| *term == 0.0) => return Ok(parameters),
            Bias::Becoming { operator, input, axis } => (*input, 2, *axis, None, Some(*operator)),
            _ => return Err(Reason::NoBias),
        };
        let none = Array { dims: vec![], values: vec![DoubleDouble::ZERO] };
        let map = Affine::new(vec![DoubleDouble::ONE], shift);
        parameters.push(Parameter::Replace { input, value: apply(&none, &map, rank, axis)? });
        check_types(self.view, node, &Step { parameters: parameters.clone(), ..Step::default() })?;
        parameters.extend(operator.map(Parameter::Become));
        parameters.extend(gain.map(Parameter::Drop));
        Ok(parameters)
    }
}

/// The bias as one number for each channel, if it is that.
fn channels(weight: &Weight) -> Option<Vec<DoubleDouble>> {
    let count = weight.merged.layout.channels.0;
    let Some(bias) = &weight.bias else { return Some(vec![DoubleDouble::ZERO; count]) };
    let Bias::Input { rank, axis, .. } = weight.mix.bias else { return None };
    if let [one] = bias.values[..] {
        return Some(vec![one; count]);
    }
    let along = bias.dims.len().checked_sub(rank.checked_sub(axis)?)?;
    (bias.values.len() == count && bias.dims.get(along) == Some(&(count as u64))).then(|| bias.values.clone())
}

/// The axes and the layout of a weight with other channels of output and input, groups counted through.
fn resized(weight: &Weight, (out, input): (usize, usize)) -> Option<(Vec<(Role, u64)>, Layout)> {
    let Mix { axes, .. } = &weight.mix;
    let groups = weight.merged.layout.groups;
    let size = |role: Role, old: u64| match role {
        Role::Out => (out / groups) as u64,
        Role::In => (input / groups) as u64,
        Role::Group | Role::Sum | Role::Free => old,
    };
    let axes: Vec<(Role, u64)> = axes.iter().map(|(role, old)| (*role, size(*role, *old))).collect();
    let (dims, kernel) = if weight.windows.is_empty() {
        (axes.iter().map(|(_, size)| *size).collect(), vec![])
    } else {
        let kernel = weight.merged.layout.dims.get(2..)?.to_vec();
        ([vec![out as u64, (input / groups) as u64], kernel.clone()].concat(), kernel)
    };
    let layout = Layout::new(&axes, &kernel, &dims);
    Some((axes, layout))
}
