//! Nodes as the engine is to have them: what it lacks as operators of our own, Gemm as a product and a sum and Mean as a sum and
//! a quotient, which it has in f64, and casts around what it has in f32 only.

mod linear;
mod transposed;

use super::opaque::{self, Opaque};
use super::operators::{Treatment, treatment};
use super::own_op;
use super::proto::{Names, cast, constant, doubles, label, make, with_text};
use crate::onnx::tensor_proto::DataType;
use crate::onnx::{GraphProto, NodeProto};
use transposed::Windows;

/// Rewrites the nodes of a flat, widened graph. Values keep their names; new ones begin with the name of the value that they
/// help to make. Returns the nodes that are left to run with the 24 bits of f32, by the first value that each makes.
pub(crate) fn graph(graph: &mut GraphProto, opset: i64, opaque: &[Opaque]) -> Vec<String> {
    let mut writer = Writer { names: Names::of(graph), nodes: Vec::new(), opset, narrow: Vec::new() };
    for node in trimmed(graph) {
        writer.node(node, opaque);
    }
    graph.node = writer.nodes;
    writer.narrow
}

/// What the engine must be told of a flat graph that keeps its types: how resizing worked in its opset.
pub(crate) fn as_stored(graph: &mut GraphProto, opset: i64) {
    let mut writer = Writer { names: Names::of(graph), nodes: Vec::new(), opset, narrow: Vec::new() };
    for node in trimmed(graph) {
        match node.op_type() {
            "Upsample" => writer.resize(node, &[1]),
            "Resize" => writer.resize(node, &[1, 2]),
            _ => writer.nodes.push(node),
        }
    }
    graph.node = writer.nodes;
}

/// The nodes without names for inputs that are not connected behind the last that is, and with pads in numbers where the engine
/// needs them so.
fn trimmed(graph: &mut GraphProto) -> Vec<NodeProto> {
    let windows = Windows::of(graph);
    let mut nodes = std::mem::take(&mut graph.node);
    for node in &mut nodes {
        while node.input.last().is_some_and(String::is_empty) {
            node.input.pop();
        }
    }
    nodes.into_iter().map(|node| windows.padded(node)).collect()
}

struct Writer {
    names: Names,
    nodes: Vec<NodeProto>,
    opset: i64,
    narrow: Vec<String>,
}

impl Writer {
    fn node(&mut self, node: NodeProto, opaque: &[Opaque]) {
        if let Some(own) = opaque.iter().find(|own| own.label == label(&node)) {
            return self.nodes.push(opaque::node(node, own));
        }
        match treatment(&node, self.opset) {
            Treatment::Narrow { inputs, outputs } => self.narrow(node, inputs, outputs),
            Treatment::Rewrite if node.op_type() == "Mean" => self.mean(&node),
            Treatment::Rewrite => self.gemm(&node),
            Treatment::Reference => self.nodes.push(own_op::node(&node, self.opset)),
            Treatment::Native | Treatment::Opaque => self.nodes.push(node),
        }
    }

    /// Only scales and regions are narrowed, the data keeps its type.
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
}
