//! Folds of what must be kept, as a tool makes them that does not look.

use crate::error::Result;
use crate::faults::patch::Patch;
use crate::faults::recipe::{self, Recipe, Step};
use crate::faults::{Fault, Wrong};
use crate::model::{Graph, NodeId, Origin, ScopeId, Use};
use crate::onnx::ModelProto;

/// BatchNormalizations of the main graph.
pub(super) fn candidates(graph: &Graph<'_>) -> Vec<NodeId> {
    let is = |id: &NodeId| graph.node(*id).standard && graph.node(*id).proto.op_type() == "BatchNormalization";
    graph.scopes.first().map(|main| main.nodes.iter().copied().filter(is).collect()).unwrap_or_default()
}

/// A BatchNormalization with the linear node before or behind it.
struct Pair<'g, 'm> {
    graph: &'g Graph<'m>,
    normalization: NodeId,
    linear: NodeId,
}

/// Folds a kept BatchNormalization all the same; `None` if the fault is not what keeps it.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn folded(graph: &Graph<'_>, model: &ModelProto, normalization: NodeId, fault: Fault) -> Result<Option<Wrong>> {
    let forward = fault == Fault::ForwardThroughPadding;
    let linear = if forward { reader(graph, normalization) } else { maker(graph, normalization) };
    let Some(linear) = linear else { return Ok(None) };
    let pair = Pair { graph, normalization, linear };
    let Some((mut recipe, _)) = recipe::read(graph, linear, &[normalization, linear])? else { return Ok(None) };
    if forward {
        let padded = pair.is_padded();
        let shifts = recipe.before.iter().any(|step| step.map().shift.iter().any(|t| *t != 0.0));
        return Ok(if padded && shifts { pair.forward(model, &recipe) } else { None });
    }
    if recipe.behind.is_empty() {
        // Something else reads the result of the linear node as well, so that it was not followed.
        let Some(step) = recipe::step(graph, graph.node(normalization), recipe.layout.outputs)? else { return Ok(None) };
        recipe.behind = vec![step];
    }
    let applies = match fault {
        Fault::SecondReader => pair.readers().len() > 1,
        Fault::NanMadeZero => without_nan(&mut recipe),
        Fault::NegativeVariance => without_sign(&mut recipe),
        _ => false,
    };
    Ok(if applies { pair.back(model, &recipe) } else { None })
}

fn maker(graph: &Graph<'_>, node: NodeId) -> Option<NodeId> {
    match graph.value(graph.node(node).inputs.first().copied().flatten()?).origin {
        Origin::Node(maker, _) if graph.node(maker).scope == ScopeId(0) => Some(maker),
        _ => None,
    }
}

fn reader(graph: &Graph<'_>, node: NodeId) -> Option<NodeId> {
    match graph.value(graph.node(node).outputs.first().copied().flatten()?).uses[..] {
        [Use::Node(reader, 0)] if graph.node(reader).scope == ScopeId(0) => Some(reader),
        _ => None,
    }
}

fn without_nan(recipe: &mut Recipe) -> bool {
    let mut any = false;
    let mut clean = |values: &mut Vec<f64>| {
        for value in values.iter_mut().filter(|v| v.is_nan()) {
            *value = 0.0;
            any = true;
        }
    };
    clean(&mut recipe.weight);
    recipe.bias.iter_mut().for_each(&mut clean);
    for step in recipe.behind.iter_mut() {
        if let Step::Normalization(s) = step {
            [&mut s.gamma, &mut s.beta, &mut s.mean, &mut s.variance].into_iter().for_each(&mut clean);
        }
    }
    any
}

fn without_sign(recipe: &mut Recipe) -> bool {
    let mut any = false;
    for step in recipe.behind.iter_mut() {
        if let Step::Normalization(s) = step {
            any |= s.variance.iter().any(|v| v + s.epsilon < 0.0);
            s.variance.iter_mut().for_each(|v| *v = v.abs());
        }
    }
    any
}

impl Pair<'_, '_> {
    fn is_padded(&self) -> bool {
        let attributes = &self.graph.node(self.linear).proto.attribute;
        let pads = attributes.iter().any(|a| a.name() == "pads" && a.ints.iter().any(|p| *p > 0));
        self.graph.node(self.linear).proto.op_type() == "Conv" && pads
    }

    fn readers(&self) -> Vec<Use> {
        let output = self.graph.node(self.linear).outputs.first().copied().flatten();
        output.map(|value| self.graph.value(value).uses.clone()).unwrap_or_default()
    }

    fn first_output(&self, node: NodeId) -> Option<String> {
        self.graph.node(node).proto.output.first().cloned()
    }

    fn put(&self, patch: &mut Patch<'_, '_>, recipe: &Recipe) -> Option<()> {
        let constants = recipe.constants();
        let channels = recipe.layout.outputs;
        patch.constant(self.linear, 1, &constants.weight, channels)?;
        if self.graph.node(self.linear).proto.op_type() == "MatMul" {
            // It has no bias that could be forgotten.
            return constants.bias.iter().all(|b| *b == 0.0).then_some(());
        }
        patch.constant(self.linear, 2, &constants.bias, channels)
    }

    /// The linear node takes the scale and the shift behind it, and its value is what it was not.
    fn back(&self, model: &ModelProto, recipe: &Recipe) -> Option<Wrong> {
        let (inner, outer) = (self.first_output(self.linear)?, self.first_output(self.normalization)?);
        let mut patch = Patch::new(self.graph, model);
        self.put(&mut patch, recipe)?;
        let is_output = |uses: &[Use]| uses.iter().any(|u| matches!(u, Use::Output(..)));
        if is_output(&self.readers()) {
            return None;
        }
        patch.remove(&outer);
        patch.redirect(&inner, &outer);
        let linear = model.graph.as_ref()?.node.iter().position(|n| n.output.contains(&inner))?;
        let mut model = patch.finished();
        *model.graph.as_mut()?.node.get_mut(linear)?.output.first_mut()? = outer.clone();
        Some(Wrong { model, values: self.near(&[inner, outer]), units: None })
    }

    /// The linear node takes the scale and the shift before it.
    fn forward(&self, model: &ModelProto, recipe: &Recipe) -> Option<Wrong> {
        let (inner, outer) = (self.first_output(self.normalization)?, self.first_output(self.linear)?);
        let source = self.graph.node(self.normalization).proto.input.first()?;
        let mut patch = Patch::new(self.graph, model);
        self.put(&mut patch, recipe)?;
        patch.remove(&inner);
        patch.redirect(&inner, source);
        let units = self.shift_in_units(recipe)?;
        Some(Wrong { model: patch.finished(), values: self.near(&[inner, outer]), units: Some(units) })
    }

    /// How large the shift is that must not pass the padding, in units of roundoff of the sums that it becomes a part of.
    fn shift_in_units(&self, recipe: &Recipe) -> Option<f64> {
        let unit = recipe::element(self.graph, self.graph.node(self.linear))?.unit_roundoff();
        let own = recipe.bias.clone().unwrap_or_else(|| vec![0.0; recipe.layout.outputs]);
        let folded = recipe.constants();
        let sums = folded.bias.iter().zip(&folded.size).zip(own);
        Some(sums.map(|((b, k), c)| (b - c * recipe.beta).abs() / (unit * k)).fold(0.0, f64::max))
    }

    /// These values and those of everything that reads the result of the linear node.
    fn near(&self, values: &[String]) -> Vec<String> {
        let read = self.readers().into_iter().filter_map(|user| match user {
            Use::Node(node, _) => self.first_output(node),
            _ => None,
        });
        values.iter().cloned().chain(read).collect()
    }
}
