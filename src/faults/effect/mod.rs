//! What a damage did to the function, decided by the slow reference alone: both models are evaluated at several sizes, on inputs that
//! open and close each gate, and in their own types where their numbers come near the ends of the range.
//!
//! It is careful: what lies between rounding and a clear difference is neither, and nothing is held against it.

mod inputs;
mod own;
pub(super) mod sound;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;

use crate::model::Element;
use crate::onnx::{ModelProto, NodeProto, TypeProto};
use crate::reference::{Array, Data, ReferenceError, evaluate};
use own::Types;

/// What a damage did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The function is another one, and how that was seen.
    Changed(String),
    /// Nothing is different beyond rounding.
    Unchanged,
    /// Something is different, but not by so much that it could not be rounding.
    Unclear,
    /// The file is invalid or cannot be evaluated.
    Excluded(String),
}

/// A difference of less than this part of the largest magnitude is none.
const SAME: f64 = 1e-6;

/// The most constants times places that are evaluated, and the most nodes.
const MOST_WORK: i64 = 4_000_000;
const MOST_NODES: usize = 400;

/// Operators whose results jump, so that a rounding may be seen in full.
const JUMPS: [&str; 17] = [
    "ArgMax",
    "ArgMin",
    "TopK",
    "Floor",
    "Ceil",
    "Round",
    "Sign",
    "Greater",
    "Less",
    "GreaterOrEqual",
    "LessOrEqual",
    "Equal",
    "QuantizeLinear",
    "DynamicQuantizeLinear",
    "NonZero",
    "Hardmax",
    "Mod",
];

/// Why there is nothing to hold a damage against.
const NOT_THE_SAME: &str = "the models do not compute the same";

/// What is known of the undamaged models.
pub struct Oracle {
    original: ModelProto,
    types: Types,
    trials: Vec<Trial>,
    outputs: Vec<String>,
    interface: Interface,
    /// What inputs and outputs are declared to be. Other extents there say what may be given, not what is computed.
    shaped: Vec<Option<TypeProto>>,
    /// From which part of the largest magnitude on a difference is clear.
    clear: f64,
    /// On how many inputs a change must be seen.
    wanted: usize,
    /// Whether what is damaged is the first of two models that are compared.
    first: bool,
}

/// One set of inputs with what the original makes of them.
struct Trial {
    inputs: BTreeMap<String, Array>,
    outputs: Vec<Array>,
    /// The largest magnitude that each output has on ordinary inputs of the same sizes, or on these.
    scales: Vec<f64>,
    /// How far the right fold is from it, in parts of that.
    rounding: Vec<f64>,
    what: String,
}

/// Inputs with types, and outputs with types, by name.
type Interface = (BTreeMap<String, i32>, BTreeMap<String, i32>);

impl Oracle {
    /// Evaluates a model and another that computes the same, at up to so many sets of sizes.
    ///
    /// # Errors
    /// Why the effect of damages cannot be decided: the reference does not evaluate them, or they are not the same.
    pub fn new(original: &[u8], right: &[u8], sizes: usize) -> Result<Oracle, String> {
        let decode = |bytes: &[u8]| ModelProto::decode(bytes).map_err(|e| e.to_string());
        let (original, right) = (decode(original)?, decode(right)?);
        let graph = original.graph.as_ref().ok_or("a model without a graph")?;
        if inputs::work(graph) > MOST_WORK || graph.node.len() > MOST_NODES {
            return Err("the slow reference would take too long".into());
        }
        let outputs: Vec<String> = graph.output.iter().map(|output| output.name().to_owned()).collect();
        let types = Types::of(&original);
        let jumps = all_nodes(&original).iter().any(|node| JUMPS.contains(&node.op_type()) || jumps(node));
        let clear = match types.narrowest() {
            Element::F16 => 5e-2,
            Element::BF16 => 0.3,
            _ => 1e-3,
        };
        let interface = interface(&original);
        let shaped = shaped(&original);
        let mut oracle = Oracle {
            shaped,
            types,
            trials: vec![],
            outputs,
            interface,
            clear,
            wanted: if jumps { 3 } else { 1 },
            first: false,
            original,
        };
        let right_types = Types::of(&right);
        let mut kept = 0;
        let mut failure = "the inputs cannot be made".to_owned();
        for assignment in inputs::assignments(&oracle.original) {
            if kept == sizes {
                break;
            }
            match oracle.at_sizes(&assignment, &right, &right_types) {
                Ok(trials) if trials.is_empty() => failure = "no inputs stay within the range of the type".to_owned(),
                Ok(trials) => {
                    oracle.trials.extend(trials);
                    kept += 1;
                }
                // What differs at one of the sizes is no right fold, whatever others show.
                Err(why) if why == NOT_THE_SAME => return Err(why),
                Err(why) => failure = why,
            }
        }
        if oracle.trials.is_empty() { Err(failure) } else { Ok(oracle) }
    }

    /// The trials at one assignment of sizes.
    fn at_sizes(&self, sizes: &inputs::Sizes, right: &ModelProto, right_types: &Types) -> Result<Vec<Trial>, String> {
        let mut trials = Vec::new();
        let mut ordinary = vec![0.0; self.outputs.len()];
        for (family, what) in inputs::FAMILIES.iter().enumerate() {
            let inputs = inputs::drawn(&self.original, sizes, family).ok_or("the inputs cannot be made")?;
            let one = evaluate(&self.original, &inputs).map_err(|e| e.to_string())?;
            let two = evaluate(right, &inputs).map_err(|e| format!("the right fold: {e}"))?;
            if !self.types.holds(&one) || !right_types.holds(&two) {
                continue;
            }
            let outputs = self.picked(&one).ok_or("an output is missing")?;
            let others = self.picked(&two).ok_or("an output is missing")?;
            if family == 0 {
                ordinary = outputs.iter().map(largest).collect();
            }
            let scales: Vec<f64> = outputs.iter().zip(&ordinary).map(|(output, scale)| largest(output).max(*scale)).collect();
            let rounding: Vec<f64> = outputs.iter().zip(&others).zip(&scales).map(|((a, b), s)| distance(a, b, *s)).collect();
            let apart = rounding.iter().any(|r| !r.is_finite() || *r > self.clear);
            if apart && family == 0 && self.wanted == 1 {
                return Err(NOT_THE_SAME.to_owned());
            }
            if apart {
                // Both cannot be held against one another here: what is ill conditioned, or jumps.
                continue;
            }
            let extents: Vec<String> = sizes.iter().map(|(name, size)| format!("{name}={size}")).collect();
            trials.push(Trial { inputs, outputs, scales, rounding, what: format!("{what} inputs, {}", extents.join(" ")) });
        }
        Ok(trials)
    }

    fn picked(&self, values: &BTreeMap<String, Array>) -> Option<Vec<Array>> {
        self.outputs.iter().map(|name| values.get(name).cloned()).collect()
    }

    /// Says that what is damaged is the first of two models: where that overflows alone, in a type with a short exponent, a fold that
    /// takes the overflow away is right.
    #[must_use]
    pub fn of_the_first(self) -> Oracle {
        Oracle { first: true, ..self }
    }

    /// How many sets of inputs there are.
    pub fn trials(&self) -> usize {
        self.trials.len()
    }

    /// What a damage did to the function.
    pub fn effect(&self, damaged: &[u8]) -> Effect {
        let Ok(model) = ModelProto::decode(damaged) else { return Effect::Excluded("it does not decode".into()) };
        if let Some(why) = sound::unsound(&model) {
            return Effect::Excluded(why);
        }
        if let Some(effect) = self.declared(&model) {
            return effect;
        }
        let mut seen: Vec<(String, String)> = Vec::new();
        let (mut failed, mut unclear) = (Vec::new(), false);
        for trial in &self.trials {
            match evaluate(&model, &trial.inputs) {
                Err(ReferenceError::Unsupported(what)) => {
                    return Effect::Excluded(format!("the reference does not evaluate {what}"));
                }
                Err(error) => failed.push(format!("{error} ({})", trial.what)),
                Ok(values) => match self.compared(trial, &values) {
                    Effect::Changed(how) => seen.push((how, trial.what.clone())),
                    Effect::Unclear => unclear = true,
                    _ => {}
                },
            }
            if seen.len() >= self.wanted && failed.is_empty() && self.wanted == 1 {
                break;
            }
        }
        if failed.len() == self.trials.len() {
            return Effect::Excluded(failed.swap_remove(0));
        }
        match (failed.first(), seen.first()) {
            (Some(error), _) => Effect::Changed(format!("it does not run: {error}")),
            (None, Some((how, what))) if seen.len() >= self.wanted => Effect::Changed(format!("{how}, {what}")),
            (None, Some(_)) => Effect::Unclear,
            _ if unclear || self.shaped != shaped(&model) => Effect::Unclear,
            _ => self.by_range(&model).map_or(Effect::Unchanged, Effect::Changed),
        }
    }

    /// What the declarations alone decide.
    fn declared(&self, model: &ModelProto) -> Option<Effect> {
        let (inputs, outputs) = interface(model);
        let apart = |a: &BTreeMap<String, i32>, b: &BTreeMap<String, i32>| {
            a.keys().ne(b.keys())
                || a.iter().any(|(name, kind)| b.get(name).is_some_and(|other| *kind > 0 && *other > 0 && other != kind))
        };
        if apart(&self.interface.0, &inputs) || apart(&self.interface.1, &outputs) {
            return Some(Effect::Changed("inputs or outputs have other names or types".into()));
        }
        if trained(&self.original) == 0 && trained(model) > 0 {
            return Some(Effect::Changed("a BatchNormalization trains".into()));
        }
        None
    }

    fn compared(&self, trial: &Trial, values: &BTreeMap<String, Array>) -> Effect {
        let mut unclear = false;
        for (index, (name, expected)) in self.outputs.iter().zip(&trial.outputs).enumerate() {
            let Some(value) = values.get(name) else { return Effect::Changed(format!("`{name}` is missing")) };
            if value.dims != expected.dims {
                return Effect::Changed(format!("`{name}` has the shape {:?} for {:?}", value.dims, expected.dims));
            }
            let (scale, rounding) = (trial.scales.get(index).copied().unwrap_or(1.0), trial.rounding.get(index).copied());
            let apart = distance(expected, value, scale);
            let rounding = rounding.unwrap_or(0.0);
            if apart > self.clear.max(1e3 * rounding) {
                return Effect::Changed(format!("`{name}` is off by {apart:.2e} of {scale:.2e}"));
            }
            unclear |= apart > SAME.max(10.0 * rounding);
        }
        if unclear { Effect::Unclear } else { Effect::Unchanged }
    }

    /// What is seen where each result is rounded to its own type: overflow, and numbers that lose their digits.
    fn by_range(&self, model: &ModelProto) -> Option<String> {
        let types = Types::of(model);
        for trial in &self.trials {
            let values = evaluate(model, &trial.inputs).ok()?;
            if types.roomy(model, &values) {
                continue;
            }
            let rounded = own::evaluate(model, &types, &trial.inputs)?;
            let expected = own::evaluate(&self.original, &self.types, &trial.inputs)?;
            for ((name, exact), scale) in self.outputs.iter().zip(&trial.outputs).zip(&trial.scales) {
                let (wrong, right) = (rounded.get(name)?, expected.get(name)?);
                let noise = distance(exact, right, *scale);
                let apart = if self.first && self.types.narrowest() == Element::F16 {
                    distance(right, &finite(wrong, right), *scale)
                } else {
                    distance(right, wrong, *scale)
                };
                if noise < 0.02 && apart > 0.1_f64.max(self.clear) {
                    return Some(format!("`{name}` is off by {apart:.2e} of {scale:.2e} in its own type, {}", trial.what));
                }
            }
        }
        None
    }
}

/// A value with the elements of another in place of those that are not finite.
fn finite(one: &Array, other: &Array) -> Array {
    let (Data::Float(a), Data::Float(b)) = (&one.data, &other.data) else { return one.clone() };
    let elements = a.iter().zip(b).map(|(a, b)| if a.is_finite() { *a } else { *b });
    if one.dims == other.dims { Array::float(one.dims.clone(), elements.collect()) } else { one.clone() }
}

/// The largest finite magnitude.
fn largest(array: &Array) -> f64 {
    match &array.data {
        Data::Float(values) => values.iter().filter(|v| v.is_finite()).fold(0.0, |most, v| v.abs().max(most)),
        _ => 1.0,
    }
}

/// The largest difference of an element in parts of a magnitude; infinite where one of two is no number.
fn distance(one: &Array, two: &Array, scale: f64) -> f64 {
    if one.dims != two.dims {
        return f64::INFINITY;
    }
    let scale = if scale > 0.0 { scale } else { 1.0 };
    match (&one.data, &two.data) {
        (Data::Float(a), Data::Float(b)) => a.iter().zip(b).fold(0.0, |most: f64, (a, b)| {
            if a == b || a.is_nan() && b.is_nan() {
                return most;
            }
            let apart = (a - b).abs() / scale;
            if apart.is_nan() { f64::INFINITY } else { most.max(apart) }
        }),
        (Data::Int(a), Data::Int(b)) if a == b => 0.0,
        (Data::Bool(a), Data::Bool(b)) if a == b => 0.0,
        _ => f64::INFINITY,
    }
}

fn interface(model: &ModelProto) -> Interface {
    let Some(graph) = &model.graph else { return Interface::default() };
    let stored: BTreeSet<&str> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
    let entry = |value: &crate::onnx::ValueInfoProto| (value.name().to_owned(), own::declared(value));
    let inputs = graph.input.iter().filter(|input| !stored.contains(input.name())).map(entry).collect();
    (inputs, graph.output.iter().map(entry).collect())
}

fn shaped(model: &ModelProto) -> Vec<Option<TypeProto>> {
    let Some(graph) = &model.graph else { return vec![] };
    graph.input.iter().chain(&graph.output).map(|value| value.r#type.clone()).collect()
}

/// Every node, nested ones and those of functions included.
fn all_nodes(model: &ModelProto) -> Vec<&NodeProto> {
    let mut queue: Vec<&NodeProto> =
        model.graph.iter().flat_map(|g| &g.node).chain(model.functions.iter().flat_map(|f| &f.node)).collect();
    let mut found = Vec::new();
    while let Some(node) = queue.pop() {
        found.push(node);
        queue.extend(node.attribute.iter().flat_map(|a| a.g.iter().chain(&a.graphs)).flat_map(|g| &g.node));
    }
    found
}

/// Whether a node makes integers or truth values from floats.
fn jumps(node: &NodeProto) -> bool {
    node.op_type() == "Cast" && node.attribute.iter().any(|a| a.name() == "to" && !matches!(a.i(), 1 | 10 | 11 | 16))
}

/// How many nodes are in training form.
fn trained(model: &ModelProto) -> usize {
    let opset =
        model.opset_import.iter().find(|import| matches!(import.domain(), "" | "ai.onnx")).map_or(1, |import| import.version());
    let trains = |node: &&&NodeProto| {
        let states = node.attribute.iter().any(|a| a.name() == "training_mode" && a.i() == 1);
        let outputs = node.output.iter().skip(1).any(|output| !output.is_empty());
        node.op_type() == "BatchNormalization" && (states || opset < 14 && opset > 6 && outputs)
    };
    all_nodes(model).iter().filter(trains).count()
}
