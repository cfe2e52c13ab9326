//! Attributes as they count: without remarks, without nested graphs (which are compared as graphs), and without those that
//! say what holds anyway, since some tools write defaults out.

use std::collections::BTreeSet;

use prost::Message as _;

use crate::model::graph::is_standard_domain;
use crate::model::{Graph, Node};
use crate::onnx::{AttributeProto, NodeProto};

/// The attributes of a node that make a difference, each as bytes; what tensors hold is compared by [`super::held`].
pub(crate) fn canonical(node: &NodeProto) -> BTreeSet<Vec<u8>> {
    node.attribute.iter().filter(|a| !is_default(node, a)).map(encoded).collect()
}

/// An attribute as it counts.
pub(super) fn encoded(attribute: &AttributeProto) -> Vec<u8> {
    let plain = AttributeProto {
        doc_string: None,
        g: None,
        graphs: vec![],
        t: None,
        tensors: vec![],
        sparse_tensor: None,
        sparse_tensors: vec![],
        ..attribute.clone()
    };
    plain.encode_to_vec()
}

/// Integers that stand for an attribute that is not there, in every version of the operator that knows it.
const INTEGERS: [(&str, &[(&str, i64)]); 30] = [
    ("ArgMax", &[("axis", 0), ("keepdims", 1), ("select_last_index", 0)]),
    ("ArgMin", &[("axis", 0), ("keepdims", 1), ("select_last_index", 0)]),
    ("AveragePool", &[("ceil_mode", 0), ("count_include_pad", 0)]),
    ("BatchNormalization", &[("is_test", 0), ("spatial", 1), ("training_mode", 0)]),
    ("Cast", &[("saturate", 1)]),
    ("Conv", &[("group", 1)]),
    ("ConvTranspose", &[("group", 1)]),
    ("CumSum", &[("exclusive", 0), ("reverse", 0)]),
    ("DeformConv", &[("group", 1), ("offset_group", 1)]),
    ("DequantizeLinear", &[("axis", 1), ("block_size", 0), ("output_dtype", 0)]),
    ("Flatten", &[("axis", 1)]),
    ("GRU", &[("layout", 0), ("linear_before_reset", 0)]),
    ("Gather", &[("axis", 0)]),
    ("GatherElements", &[("axis", 0)]),
    ("GatherND", &[("batch_dims", 0)]),
    ("Gemm", &[("transA", 0), ("transB", 0)]),
    ("GridSample", &[("align_corners", 0)]),
    ("LSTM", &[("input_forget", 0), ("layout", 0)]),
    ("LayerNormalization", &[("axis", -1), ("stash_type", 1)]),
    ("LpNormalization", &[("axis", -1), ("p", 2)]),
    ("MaxPool", &[("ceil_mode", 0), ("storage_order", 0)]),
    ("NonMaxSuppression", &[("center_point_box", 0)]),
    ("OneHot", &[("axis", -1)]),
    ("QuantizeLinear", &[("axis", 1), ("block_size", 0), ("output_dtype", 0), ("precision", 0), ("saturate", 1)]),
    ("Reshape", &[("allowzero", 0)]),
    ("Resize", &[("antialias", 0), ("exclude_outside", 0)]),
    ("RoiAlign", &[("output_height", 1), ("output_width", 1), ("sampling_ratio", 0)]),
    ("Shape", &[("start", 0)]),
    ("TopK", &[("axis", -1), ("largest", 1), ("sorted", 1)]),
    ("Trilu", &[("upper", 1)]),
];

/// The same of fractions.
const FRACTIONS: [(&str, &[(&str, f32)]); 13] = [
    ("BatchNormalization", &[("epsilon", 1e-5), ("momentum", 0.9)]),
    ("Celu", &[("alpha", 1.0)]),
    ("Elu", &[("alpha", 1.0)]),
    ("Gemm", &[("alpha", 1.0), ("beta", 1.0)]),
    ("HardSigmoid", &[("alpha", 0.2), ("beta", 0.5)]),
    ("InstanceNormalization", &[("epsilon", 1e-5)]),
    ("LRN", &[("alpha", 1e-4), ("beta", 0.75), ("bias", 1.0)]),
    ("LayerNormalization", &[("epsilon", 1e-5)]),
    ("LeakyRelu", &[("alpha", 0.01)]),
    ("Resize", &[("cubic_coeff_a", -0.75), ("extrapolation_value", 0.0)]),
    ("RoiAlign", &[("spatial_scale", 1.0)]),
    ("Shrink", &[("bias", 0.0), ("lambd", 0.5)]),
    ("ThresholdedRelu", &[("alpha", 1.0)]),
];

/// The same of words.
const WORDS: [(&str, &[(&str, &str)]); 11] = [
    ("DepthToSpace", &[("mode", "DCR")]),
    ("Gelu", &[("approximate", "none")]),
    ("GridSample", &[("padding_mode", "zeros")]),
    ("LSTM", &[("direction", "forward")]),
    ("Pad", &[("mode", "constant")]),
    (
        "Resize",
        &[
            ("coordinate_transformation_mode", "half_pixel"),
            ("keep_aspect_ratio_policy", "stretch"),
            ("mode", "nearest"),
            ("nearest_mode", "round_prefer_floor"),
        ],
    ),
    ("RoiAlign", &[("coordinate_transformation_mode", "half_pixel"), ("mode", "avg")]),
    ("ScatterElements", &[("reduction", "none")]),
    ("ScatterND", &[("reduction", "none")]),
    ("SpaceToDepth", &[("mode", "DCR")]),
    ("Upsample", &[("mode", "nearest")]),
];

/// Whether what a node says of its windows contradicts its weight, or is not said of each axis: nothing runs it.
pub(crate) fn contradicts(graph: &Graph<'_>, node: &Node<'_>) -> bool {
    let list = |name: &str| node.proto.attribute.iter().find(|a| a.name() == name).map(|a| &a.ints[..]);
    let weight = || node.inputs.get(1).copied().flatten().and_then(|weight| graph.constant(weight).ok());
    let window: Option<Vec<i64>> = match node.proto.op_type() {
        "Conv" | "ConvTranspose" => weight().map(|(weight, _)| {
            graph.tensor(weight).dims.iter().skip(2).map(|size| i64::try_from(*size).unwrap_or(i64::MAX)).collect()
        }),
        "MaxPool" | "AveragePool" | "LpPool" => list("kernel_shape").map(<[i64]>::to_vec),
        _ => None,
    };
    let Some(window) = window.filter(|_| node.standard) else { return false };
    let lengths = [("strides", 1), ("dilations", 1), ("output_padding", 1), ("pads", 2)];
    list("kernel_shape").is_some_and(|stated| stated != window)
        || lengths.iter().any(|(name, sides)| list(name).is_some_and(|stated| stated.len() != sides * window.len()))
}

/// What a table says of an attribute.
fn listed<T: Copy>(table: &[(&str, &[(&str, T)])], operator: &str, name: &str) -> Option<T> {
    let (_, attributes) = table.iter().find(|(other, _)| *other == operator)?;
    attributes.iter().find(|(other, _)| *other == name).map(|(_, value)| *value)
}

/// Whether an attribute says what its operator does without it, in every version of the operator (ONNX operator schemas).
fn is_default(node: &NodeProto, attribute: &AttributeProto) -> bool {
    if !attribute.ref_attr_name().is_empty() || !is_standard_domain(node.domain()) {
        return false;
    }
    let (operator, name) = (node.op_type(), attribute.name());
    let windows = matches!(operator, "Conv" | "ConvTranspose" | "MaxPool" | "AveragePool");
    let all = |value: i64| attribute.ints.iter().all(|i| *i == value);
    match name {
        "auto_pad" if windows => return attribute.s() == b"NOTSET",
        "pads" | "output_padding" if windows => return all(0),
        "strides" | "dilations" if windows => return all(1),
        // The weight says it as well.
        "kernel_shape" if matches!(operator, "Conv" | "ConvTranspose") => return true,
        "keepdims" if operator.starts_with("Reduce") => return attribute.i == Some(1),
        "noop_with_empty_axes" if operator.starts_with("Reduce") => return attribute.i == Some(0),
        _ => {}
    }
    listed(&INTEGERS, operator, name).is_some_and(|value| attribute.i == Some(value))
        || listed(&FRACTIONS, operator, name).is_some_and(|value| attribute.f.map(f32::to_bits) == Some(value.to_bits()))
        || listed(&WORDS, operator, name).is_some_and(|value| attribute.s.as_deref() == Some(value.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(operator: &str, attributes: Vec<AttributeProto>) -> NodeProto {
        NodeProto { op_type: Some(operator.into()), attribute: attributes, ..NodeProto::default() }
    }

    #[test]
    fn a_default_that_is_written_out_makes_no_difference() {
        let ints =
            |name: &str, ints: &[i64]| AttributeProto { name: Some(name.into()), ints: ints.to_vec(), ..Default::default() };
        let int = |name: &str, i| AttributeProto { name: Some(name.into()), i: Some(i), ..Default::default() };
        let bare = canonical(&node("Conv", vec![]));
        assert_eq!(canonical(&node("Conv", vec![ints("strides", &[1, 1]), ints("pads", &[0, 0, 0, 0]), int("group", 1)])), bare);
        assert_ne!(canonical(&node("Conv", vec![ints("strides", &[2, 1])])), bare);
        assert_ne!(canonical(&node("Resize", vec![int("group", 1)])), canonical(&node("Resize", vec![])));
    }
    #[test]
    fn defaults_that_onnxruntime_writes_out_make_no_difference_and_others_do() {
        let float = |name: &str, f| AttributeProto { name: Some(name.into()), f: Some(f), ..Default::default() };
        let int = |name: &str, i| AttributeProto { name: Some(name.into()), i: Some(i), ..Default::default() };
        let word = |name: &str, s: &str| AttributeProto {
            name: Some(name.into()),
            s: Some(s.as_bytes().to_vec()),
            ..Default::default()
        };
        let same = |operator: &str, attribute: AttributeProto| {
            canonical(&node(operator, vec![attribute])) == canonical(&node(operator, vec![]))
        };
        assert!(same("BatchNormalization", float("momentum", 0.9)));
        assert!(!same("BatchNormalization", float("momentum", 0.1)));
        assert!(same("BatchNormalization", float("epsilon", 1e-5)) && !same("BatchNormalization", float("epsilon", 1e-3)));
        assert!(same("Gather", int("axis", 0)) && !same("Gather", int("axis", 1)));
        // Its default depends on the version.
        assert!(!same("Softmax", int("axis", 1)) && !same("Softmax", int("axis", -1)));
        assert!(same("Resize", word("mode", "nearest")) && !same("Resize", word("mode", "linear")));
        assert!(same("ReduceMean", int("keepdims", 1)) && !same("ReduceMean", int("keepdims", 0)));
        let elsewhere = |attributes| NodeProto { domain: Some("elsewhere".into()), ..node("Gather", attributes) };
        assert_ne!(canonical(&elsewhere(vec![int("axis", 0)])), canonical(&elsewhere(vec![])));
    }
}
