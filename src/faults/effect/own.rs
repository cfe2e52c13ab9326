//! Models in their own types: what type each value of floats has, whether numbers stay inside of it, and an evaluation that rounds
//! each node's result.

use std::collections::BTreeMap;

use crate::model::Element;
use crate::model::tensor::element;
use crate::onnx::{ModelProto, NodeProto, ValueInfoProto, type_proto};
use crate::reference::{self, Array, Data};

/// The types of values of floats, by name.
pub(super) struct Types(BTreeMap<String, Element>);

/// The element type that a value is declared with; 0 if it is not.
pub(super) fn declared(value: &ValueInfoProto) -> i32 {
    match value.r#type.as_ref().and_then(|kind| kind.value.as_ref()) {
        Some(type_proto::Value::TensorType(tensor)) => tensor.elem_type(),
        _ => 0,
    }
}

impl Types {
    pub fn of(model: &ModelProto) -> Types {
        let mut types = BTreeMap::new();
        let Some(graph) = &model.graph else { return Types(types) };
        let stated = graph.input.iter().map(|v| (v.name(), declared(v)));
        let stored = graph.initializer.iter().map(|t| (t.name(), t.data_type()));
        types.extend(stated.chain(stored).filter_map(|(name, kind)| Some((name.to_owned(), element(kind)?))));
        for node in &graph.node {
            if let Some(kind) = made(node, &types) {
                types.extend(node.output.iter().map(|output| (output.clone(), kind)));
            }
        }
        Types(types)
    }

    pub fn narrowest(&self) -> Element {
        self.0.values().copied().min_by_key(|kind| kind.precision()).unwrap_or(Element::F32)
    }

    fn kind(&self, name: &str) -> Element {
        self.0.get(name).copied().unwrap_or(Element::F32)
    }

    /// Whether every value is inside the range of its type, with room for sums.
    pub fn holds(&self, values: &BTreeMap<String, Array>) -> bool {
        values.iter().all(|(name, value)| extremes(value).1 < self.kind(name).max() / 16.0)
    }

    /// Whether no value and no constant is near an end of the range of its type.
    pub fn roomy(&self, model: &ModelProto, values: &BTreeMap<String, Array>) -> bool {
        let within = |name: &str, value: &Array| {
            let (least, most) = extremes(value);
            let kind = self.kind(name);
            most < kind.max() / 16.0 && least > kind.smallest_normal() * 16.0
        };
        let stored = model.graph.iter().flat_map(|g| &g.initializer).filter(|t| element(t.data_type()).is_some());
        values.iter().all(|(name, value)| within(name, value))
            && stored.filter_map(|t| Some((t.name(), Array::from_tensor(t).ok()?))).all(|(name, value)| within(name, &value))
    }
}

/// The smallest magnitude beside 0 and the largest; infinity counts as largest, NaN not at all.
fn extremes(value: &Array) -> (f64, f64) {
    let Data::Float(values) = &value.data else { return (f64::INFINITY, 0.0) };
    values.iter().filter(|v| !v.is_nan()).fold((f64::INFINITY, 0.0), |(least, most): (f64, f64), v| {
        let size = v.abs();
        (if size > 0.0 { least.min(size) } else { least }, most.max(size))
    })
}

fn made(node: &NodeProto, types: &BTreeMap<String, Element>) -> Option<Element> {
    let attribute = |name: &str| node.attribute.iter().find(|a| a.name() == name);
    match node.op_type() {
        "Cast" => element(attribute("to")?.i() as i32),
        "Constant" | "ConstantOfShape" => element(attribute("value")?.t.as_ref()?.data_type()),
        "CastLike" => types.get(node.input.get(1)?).copied(),
        _ => node.input.iter().find_map(|input| types.get(input)).copied(),
    }
}

/// Evaluates the main graph node by node and rounds each result to its type; `None` where a node cannot be evaluated by itself.
pub(super) fn evaluate(model: &ModelProto, types: &Types, inputs: &BTreeMap<String, Array>) -> Option<BTreeMap<String, Array>> {
    let graph = model.graph.as_ref()?;
    let opset = model.opset_import.iter().find(|import| matches!(import.domain(), "" | "ai.onnx"))?.version();
    let mut values = inputs.clone();
    for tensor in &graph.initializer {
        values.insert(tensor.name().to_owned(), Array::from_tensor(tensor).ok()?);
    }
    for node in &graph.node {
        if !matches!(node.domain(), "" | "ai.onnx") {
            return None;
        }
        let arguments: Vec<Option<Array>> = node.input.iter().map(|name| values.get(name).cloned()).collect();
        let results = reference::node(node, opset, &arguments).ok()?;
        for (name, mut result) in node.output.iter().zip(results) {
            if let Data::Float(numbers) = &mut result.data {
                let kind = types.kind(name);
                numbers.iter_mut().for_each(|number| *number = kind.round(*number));
            }
            values.insert(name.clone(), result);
        }
    }
    Some(values)
}
