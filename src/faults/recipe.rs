//! How the constants of one linear node come from the original's: the computation that faults depart from.
//!
//! It is a formulation of its own, and it is believed only where it gives what the right fold has.

use crate::error::Result;
use crate::faults::layout::Layout;
use crate::model::{Element, Graph, Node, NodeId, Origin, TensorId, Use, ValueId};

/// An affine map per channel, with the size of what its shift is the sum of.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Map {
    pub scale: Vec<f64>,
    pub shift: Vec<f64>,
    pub size: Vec<f64>,
}

/// The parameters of a BatchNormalization.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Statistics {
    pub gamma: Vec<f64>,
    pub beta: Vec<f64>,
    pub mean: Vec<f64>,
    pub variance: Vec<f64>,
    pub epsilon: f64,
}

impl Statistics {
    /// The map `γ/√(σ²+ε)·(x − μ) + β`.
    pub fn map(&self) -> Map {
        self.map_over(f64::sqrt)
    }

    /// The same with something else than a root.
    pub fn map_over(&self, root: fn(f64) -> f64) -> Map {
        let scale: Vec<f64> = self.gamma.iter().zip(&self.variance).map(|(g, v)| g / root(v + self.epsilon)).collect();
        let terms = || scale.iter().zip(&self.mean).zip(&self.beta);
        let shift = terms().map(|((s, m), b)| b - m * s).collect();
        let size = terms().map(|((s, m), b)| b.abs() + (m * s).abs()).collect();
        Map { scale, shift, size }
    }
}

/// A step of a region that is an affine map.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Normalization(Statistics),
    Plain(Map),
}

impl Step {
    pub fn map(&self) -> Map {
        match self {
            Step::Normalization(statistics) => statistics.map(),
            Step::Plain(map) => map.clone(),
        }
    }
}

/// The constants of a folded node.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Constants {
    pub weight: Vec<f64>,
    pub bias: Vec<f64>,
    /// The sum of the magnitudes of what each bias is the sum of.
    pub size: Vec<f64>,
}

/// Which channel's scale an element of the weight takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Indexing {
    Right,
    Ungrouped,
    OtherAxis,
}

/// A linear node of the original with the maps before and behind it.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub layout: Layout,
    pub weight: Vec<f64>,
    /// The node's own bias, one number an output; `None` if it has none.
    pub bias: Option<Vec<f64>>,
    pub alpha: f64,
    pub beta: f64,
    pub before: Vec<Step>,
    pub behind: Vec<Step>,
    pub indexing: Indexing,
}

impl Recipe {
    /// The folded constants.
    pub fn constants(&self) -> Constants {
        self.constants_of(&self.maps(&self.before), &self.maps(&self.behind))
    }

    pub fn maps(&self, steps: &[Step]) -> Vec<Map> {
        steps.iter().map(Step::map).collect()
    }

    /// The constants that these maps make.
    pub fn constants_of(&self, before: &[Map], behind: &[Map]) -> Constants {
        let inward = composed(before, self.layout.inputs);
        let outward = composed(behind, self.layout.outputs);
        let zero = || vec![0.0; self.layout.outputs];
        let mut bias: Vec<f64> = self.bias.as_ref().map_or_else(zero, |b| b.iter().map(|b| b * self.beta).collect());
        let mut size: Vec<f64> = bias.iter().map(|b| b.abs()).collect();
        let mut weight = Vec::with_capacity(self.weight.len());
        for (at, w) in self.weight.iter().enumerate() {
            let (input, output) = self.layout.channels(at);
            let (i, o) = match self.indexing {
                Indexing::Right => (input, output),
                Indexing::Ungrouped => self.layout.ungrouped(at),
                Indexing::OtherAxis => (output % self.layout.inputs, input % self.layout.outputs),
            };
            weight.push(w * get(&inward.scale, i) * get(&outward.scale, o));
            add(&mut bias, output, self.alpha * w * get(&inward.shift, i));
            add(&mut size, output, (self.alpha * w).abs() * get(&inward.size, i));
        }
        for (o, (b, k)) in bias.iter_mut().zip(&mut size).enumerate() {
            *b = *b * get(&outward.scale, o) + get(&outward.shift, o);
            *k = *k * get(&outward.scale, o).abs() + get(&outward.size, o);
        }
        Constants { weight, bias, size }
    }
}

fn get(values: &[f64], at: usize) -> f64 {
    values.get(at).copied().unwrap_or(f64::NAN)
}

fn add(values: &mut [f64], at: usize, term: f64) {
    if let Some(value) = values.get_mut(at) {
        *value += term;
    }
}

/// Maps one after the other.
fn composed(maps: &[Map], channels: usize) -> Map {
    let mut all = Map { scale: vec![1.0; channels], shift: vec![0.0; channels], size: vec![0.0; channels] };
    for map in maps {
        for c in 0..channels {
            let (s, t, k) = (get(&map.scale, c), get(&map.shift, c), get(&map.size, c));
            if let (Some(scale), Some(shift), Some(size)) = (all.scale.get_mut(c), all.shift.get_mut(c), all.size.get_mut(c)) {
                (*scale, *shift, *size) = (*scale * s, *shift * s + t, *size * s.abs() + k);
            }
        }
    }
    all
}

/// The constant at an input.
pub(super) fn constant(graph: &Graph<'_>, node: &Node<'_>, input: usize) -> Option<TensorId> {
    let value = node.inputs.get(input).copied().flatten()?;
    graph.constant(value).ok().map(|(tensor, _)| tensor)
}

/// The elements of the constant at an input; `None` if it is no constant of floats.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn floats(graph: &Graph<'_>, node: &Node<'_>, input: usize) -> Result<Option<Vec<f64>>> {
    match constant(graph, node, input).map(|id| graph.tensor(id)) {
        Some(tensor) if tensor.element().is_some() => Ok(Some(tensor.floats(graph.model)?)),
        _ => Ok(None),
    }
}

fn float(node: &Node<'_>, name: &str, default: f32) -> f64 {
    f64::from(node.proto.attribute.iter().find(|a| a.name() == name).map_or(default, |a| a.f()))
}

/// One number a channel, from as many or from one.
fn spread(values: Vec<f64>, channels: usize) -> Option<Vec<f64>> {
    match &values[..] {
        [one] => Some(vec![*one; channels]),
        _ => (values.len() == channels).then_some(values),
    }
}

/// Reads a node that is an affine map of so many channels. Nodes that hand their input on are maps that change nothing.
pub(super) fn step(graph: &Graph<'_>, node: &Node<'_>, channels: usize) -> Result<Option<Step>> {
    if node.proto.op_type() == "BatchNormalization" {
        let mut all = Vec::new();
        for input in 1..5 {
            let Some(values) = floats(graph, node, input)?.and_then(|values| spread(values, channels)) else { return Ok(None) };
            all.push(values);
        }
        let [gamma, beta, mean, variance] = <[Vec<f64>; 4]>::try_from(all).unwrap_or_default();
        let epsilon = float(node, "epsilon", 1e-5);
        return Ok(Some(Step::Normalization(Statistics { gamma, beta, mean, variance, epsilon })));
    }
    let constants = (floats(graph, node, 0)?, floats(graph, node, 1)?);
    let plain = |scale: f64, sign: f64, values: Vec<f64>| {
        let shift: Vec<f64> = spread(values, channels)?.iter().map(|v| sign * v).collect();
        let size = shift.iter().map(|v| v.abs()).collect();
        Some(Map { scale: vec![scale; channels], shift, size })
    };
    let factor = |values: Vec<f64>, inverse: bool| {
        let scale = spread(values, channels)?.iter().map(|v| if inverse { 1.0 / v } else { *v }).collect();
        Some(Map { scale, shift: vec![0.0; channels], size: vec![0.0; channels] })
    };
    let map = match (node.proto.op_type(), constants) {
        ("Identity" | "Dropout", _) => factor(vec![1.0], false),
        ("Mul", (Some(c), None) | (None, Some(c))) => factor(c, false),
        ("Div", (None, Some(c))) => factor(c, true),
        ("Add", (Some(c), None) | (None, Some(c))) => plain(1.0, 1.0, c),
        ("Sub", (None, Some(c))) => plain(1.0, -1.0, c),
        ("Sub", (Some(c), None)) => plain(-1.0, 1.0, c),
        _ => None,
    };
    Ok(map.map(Step::Plain))
}

/// The value that a node transforms.
fn data(graph: &Graph<'_>, node: &Node<'_>) -> Option<ValueId> {
    let first = node.inputs.first().copied().flatten()?;
    if graph.constant(first).is_err() { Some(first) } else { node.inputs.get(1).copied().flatten() }
}

/// The element type of a node's weight.
pub(super) fn element(graph: &Graph<'_>, node: &Node<'_>) -> Option<Element> {
    constant(graph, node, 1).and_then(|id| graph.tensor(id).element())
}

/// Reads a linear node as it stands, without maps.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn bare(graph: &Graph<'_>, id: NodeId) -> Result<Option<Recipe>> {
    let node = graph.node(id);
    let Some(tensor) = constant(graph, node, 1).map(|id| graph.tensor(id)) else { return Ok(None) };
    if constant(graph, node, 0).is_some() || tensor.element().is_none() {
        return Ok(None);
    }
    let Some(layout) = Layout::read(node, &tensor.dims) else { return Ok(None) };
    let bias = match node.inputs.get(2).copied().flatten() {
        None => None,
        Some(_) => match floats(graph, node, 2)?.and_then(|values| spread(values, layout.outputs)) {
            None => return Ok(None),
            bias => bias,
        },
    };
    let weight = tensor.floats(graph.model)?;
    let (alpha, beta) = match node.proto.op_type() {
        "Gemm" => (float(node, "alpha", 1.0), float(node, "beta", 1.0)),
        _ => (1.0, 1.0),
    };
    Ok(Some(Recipe { layout, weight, bias, alpha, beta, before: vec![], behind: vec![], indexing: Indexing::Right }))
}

/// Reads a linear node with the affine nodes beside it that belong to the same region. Returns the recipe and the value where
/// it ends.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn read(graph: &Graph<'_>, id: NodeId, region: &[NodeId]) -> Result<Option<(Recipe, ValueId)>> {
    let Some(mut recipe) = bare(graph, id)? else { return Ok(None) };
    let mut at = graph.node(id).inputs.first().copied().flatten();
    while let Some(value) = at {
        let Origin::Node(maker, _) = graph.value(value).origin else { break };
        if !region.contains(&maker) {
            break;
        }
        let Some(step) = step(graph, graph.node(maker), recipe.layout.inputs)? else { return Ok(None) };
        recipe.before.insert(0, step);
        at = data(graph, graph.node(maker));
    }
    let Some(mut end) = graph.node(id).outputs.first().copied().flatten() else { return Ok(None) };
    while let [Use::Node(reader, _)] = graph.value(end).uses[..] {
        if !region.contains(&reader) {
            break;
        }
        let Some(step) = step(graph, graph.node(reader), recipe.layout.outputs)? else { return Ok(None) };
        let Some(next) = graph.node(reader).outputs.first().copied().flatten() else { return Ok(None) };
        recipe.behind.push(step);
        end = next;
    }
    Ok(Some((recipe, end)))
}
