//! How far rounding may move a model: its constants moved by a few units of roundoff, at random.

use crate::engine::SplitMix64;
use crate::engine::widen::format;
use crate::onnx::tensor_proto::DataType;
use crate::onnx::{GraphProto, ModelProto, NodeProto, TensorProto};
use crate::verify::Tier;

/// The unit roundoff of the coarsest float type among the constants and inputs of a model.
pub(super) fn coarsest_unit(model: &ModelProto) -> f64 {
    let mut unit = f64::EPSILON / 2.0;
    let mut element = |element: i32| {
        let format = DataType::try_from(element).ok().and_then(format);
        unit = unit.max(format.map_or(0.0, |format| format.unit_roundoff()));
    };
    model.graph.iter().for_each(|graph| of_graph(graph, &mut element));
    model.functions.iter().flat_map(|function| &function.node).for_each(|node| of_node(node, &mut element));
    unit
}

fn of_graph(graph: &GraphProto, element: &mut dyn FnMut(i32)) {
    use crate::onnx::type_proto::Value;
    graph.initializer.iter().for_each(|tensor| element(tensor.data_type()));
    for input in &graph.input {
        if let Some(Value::TensorType(tensor)) = input.r#type.as_ref().and_then(|declared| declared.value.as_ref()) {
            element(tensor.elem_type());
        }
    }
    graph.node.iter().for_each(|node| of_node(node, element));
}

fn of_node(node: &NodeProto, element: &mut dyn FnMut(i32)) {
    for attribute in &node.attribute {
        attribute.t.iter().chain(&attribute.tensors).for_each(|tensor| element(tensor.data_type()));
        attribute.g.iter().chain(&attribute.graphs).for_each(|graph| of_graph(graph, element));
    }
}

/// Moves every constant of a flat graph in f64 by the units that a fold by another tool may be off, up or down at random.
/// Numbers of few binary digits stay: they may be sizes, bounds and positions, which nobody rounds.
pub(super) fn dither(graph: &mut GraphProto, unit: f64, seed: u64) {
    let step = Tier::Foreign.units() * unit;
    for tensor in &mut graph.initializer {
        moved(tensor, step, seed);
    }
    for node in &mut graph.node {
        let label = node.output.first().cloned().unwrap_or_default();
        for tensor in node.attribute.iter_mut().filter_map(|attribute| attribute.t.as_mut()) {
            tensor.name = Some(label.clone());
            moved(tensor, step, seed);
            tensor.name = None;
        }
    }
}

fn moved(tensor: &mut TensorProto, step: f64, seed: u64) {
    /// All but three digits behind the first.
    const REST: u64 = (1 << 49) - 1;
    if tensor.data_type() != i32::from(DataType::Double) {
        return;
    }
    let mut random = SplitMix64::new(seed, tensor.name());
    let bytes = tensor.raw_data.iter_mut().flat_map(|bytes| bytes.chunks_exact_mut(8));
    for chunk in bytes {
        let number = <[u8; 8]>::try_from(&*chunk).map_or(0.0, f64::from_le_bytes);
        let sign = if random.bits() >> 63 == 0 { 1.0 } else { -1.0 };
        if number.to_bits() & REST != 0 && number.is_finite() {
            chunk.copy_from_slice(&(number * (1.0 + sign * step)).to_le_bytes());
        }
    }
}
