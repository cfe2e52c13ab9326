//! Operators that the engine has in f32 only, written so that they run in f64, and casts around
//! those for which that is not worth it.

mod activation;
mod deform;
mod linear;
mod normalization;
mod recurrent;

use std::collections::HashMap;

pub(crate) use recurrent::can_be_written;

use super::operators::{Treatment, treatment};
use super::proto::{Names, cast, constant, doubles, label, longs, make, with_int, with_text};
use crate::onnx::tensor_proto::DataType;
use crate::onnx::{GraphProto, NodeProto};

/// Rewrites the nodes of a flat, widened graph. Values keep their names; new ones begin with the
/// name of the value that they help to make. Returns the nodes that are left to run with the 24
/// bits of f32, by the first value that each makes.
pub(crate) fn graph(graph: &mut GraphProto, opset: i64) -> Vec<String> {
    let mut writer = Writer { names: Names::of(graph), nodes: Vec::new(), shapes: shapes(graph), opset, narrow: Vec::new() };
    for mut node in std::mem::take(&mut graph.node) {
        while node.input.last().is_some_and(String::is_empty) {
            node.input.pop();
        }
        writer.node(node);
    }
    graph.node = writer.nodes;
    writer.narrow
}

/// What the engine must be told of a flat graph that keeps its types: how resizing worked in its opset.
pub(crate) fn as_stored(graph: &mut GraphProto, opset: i64) {
    let mut writer = Writer { names: Names::of(graph), nodes: Vec::new(), shapes: HashMap::new(), opset, narrow: Vec::new() };
    for mut node in std::mem::take(&mut graph.node) {
        while node.input.last().is_some_and(String::is_empty) {
            node.input.pop();
        }
        match (treatment(node.op_type()), node.op_type()) {
            (Treatment::Narrow { inputs, .. }, "Upsample" | "Resize") => writer.resize(node, inputs),
            _ => writer.nodes.push(node),
        }
    }
    graph.node = writer.nodes;
}

/// The dims of the constants.
fn shapes(graph: &GraphProto) -> HashMap<String, Vec<i64>> {
    let initializers = graph.initializer.iter().map(|tensor| (tensor.name().to_owned(), tensor.dims.clone()));
    let constants = graph.node.iter().filter(|node| node.op_type() == "Constant").filter_map(|node| {
        let value = node.attribute.iter().find_map(|attribute| attribute.t.as_ref())?;
        Some((label(node).to_owned(), value.dims.clone()))
    });
    initializers.chain(constants).collect()
}

struct Writer {
    names: Names,
    nodes: Vec<NodeProto>,
    shapes: HashMap<String, Vec<i64>>,
    opset: i64,
    narrow: Vec<String>,
}

impl Writer {
    fn node(&mut self, node: NodeProto) {
        match (treatment(node.op_type()), node.op_type()) {
            (Treatment::Narrow { inputs, .. }, "Upsample" | "Resize") => self.resize(node, inputs),
            (Treatment::Narrow { .. }, "LSTM" | "GRU" | "RNN") if self.recurrent(&node) => {}
            (Treatment::Narrow { inputs, outputs }, _) => self.narrow(node, inputs, outputs),
            (Treatment::Rewrite, _) if self.rewritten(&node) => {}
            (treatment, operator) => {
                if treatment == Treatment::Rewrite || operator == "GridSample" {
                    self.narrow.push(label(&node).to_owned());
                }
                self.nodes.push(node);
            }
        }
    }

    /// Whether it wrote the node out; if not, it runs as the engine has it.
    fn rewritten(&mut self, node: &NodeProto) -> bool {
        match node.op_type() {
            "DequantizeLinear" => return self.dequantize(node),
            "DeformConv" => return self.deform(node),
            "Gemm" => self.gemm(node),
            "GroupNormalization" => return self.group_normalization(node),
            "LayerNormalization" => return self.layer_normalization(node),
            "RMSNormalization" => return self.root_mean_square(node),
            _ => return self.activation(node),
        }
        true
    }

    /// Only scales and regions are narrowed, the data stays f64; but inside, the engine has 24 bits.
    fn resize(&mut self, node: NodeProto, inputs: &[usize]) {
        let mut node = match node.op_type() {
            "Upsample" => self.with_scales(node),
            _ => node,
        };
        if self.opset < 11 {
            // Until then positions were rounded down, which the engine must be told.
            node = with_text(node, "nearest_mode", "floor");
        }
        self.narrow(node, inputs, &[]);
    }

    fn narrow(&mut self, mut node: NodeProto, inputs: &[usize], outputs: &[usize]) {
        let label = label(&node).to_owned();
        self.narrow.push(label.clone());
        for &index in inputs {
            if let Some(name) = node.input.get_mut(index).filter(|name| !name.is_empty()) {
                let narrow = self.names.fresh(&format!("{label}/input{index}/f32"));
                self.nodes.push(cast(name, DataType::Float, &narrow));
                *name = narrow;
            }
        }
        let mut after = Vec::new();
        for &index in outputs {
            if let Some(name) = node.output.get_mut(index).filter(|name| !name.is_empty()) {
                let narrow = self.names.fresh(&format!("{name}/f32"));
                after.push(cast(&narrow, DataType::Double, name));
                *name = narrow;
            }
        }
        self.nodes.push(node);
        self.nodes.append(&mut after);
    }

    /// One operator on named inputs, with a name made for its output.
    fn emit(&mut self, operator: &str, inputs: &[&str], wanted: &str) -> String {
        let output = self.names.fresh(wanted);
        self.nodes.push(make(operator, inputs, &output));
        output
    }

    /// One operator that makes a value of the model.
    fn finish(&mut self, operator: &str, inputs: &[&str], output: &str) {
        self.nodes.push(make(operator, inputs, output));
    }

    fn scalar(&mut self, value: f64, wanted: &str) -> String {
        let output = self.names.fresh(wanted);
        self.nodes.push(constant(doubles(&[], &[value]), &output));
        output
    }

    fn numbers(&mut self, values: &[i64], wanted: &str) -> String {
        let output = self.names.fresh(wanted);
        let length = i64::try_from(values.len()).unwrap_or(i64::MAX);
        self.nodes.push(constant(longs(&[length], values), &output));
        output
    }

    /// These positions of an axis.
    fn picked(&mut self, value: &str, positions: &[i64], axis: i64, wanted: &str) -> String {
        let positions = self.numbers(positions, &format!("{wanted}/positions"));
        let output = self.names.fresh(wanted);
        self.nodes.push(with_int(make("Gather", &[value, &positions], &output), "axis", axis));
        output
    }

    /// One position of an axis, without the axis.
    fn one(&mut self, value: &str, position: i64, axis: i64, wanted: &str) -> String {
        let index = self.names.fresh(&format!("{wanted}/index"));
        self.nodes.push(constant(longs(&[], &[position]), &index));
        let output = self.names.fresh(wanted);
        self.nodes.push(with_int(make("Gather", &[value, &index], &output), "axis", axis));
        output
    }

    fn joined(&mut self, parts: &[&str], wanted: &str) -> String {
        let output = self.names.fresh(wanted);
        self.nodes.push(with_int(make("Concat", parts, &output), "axis", 0));
        output
    }

    fn wide(&mut self, value: &str, wanted: &str) -> String {
        let output = self.names.fresh(wanted);
        self.nodes.push(cast(value, DataType::Double, &output));
        output
    }
}
