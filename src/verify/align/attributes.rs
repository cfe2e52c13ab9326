//! Attributes as they count: without remarks, without nested graphs (which are compared as graphs), and without those that
//! say what holds anyway, since some tools write defaults out.

use std::collections::BTreeSet;

use prost::Message as _;

use crate::onnx::{AttributeProto, NodeProto};

/// The attributes of a node that make a difference, each as bytes.
pub(crate) fn canonical(node: &NodeProto) -> BTreeSet<Vec<u8>> {
    node.attribute.iter().filter(|a| !is_default(node.op_type(), a)).map(encoded).collect()
}

fn encoded(attribute: &AttributeProto) -> Vec<u8> {
    let mut plain = attribute.clone();
    plain.doc_string = None;
    plain.g = None;
    plain.graphs.clear();
    plain.encode_to_vec()
}

/// Whether an attribute says what its operator does without it, in every version of the operator (ONNX operator schemas).
fn is_default(operator: &str, attribute: &AttributeProto) -> bool {
    if !attribute.ref_attr_name().is_empty() {
        return false;
    }
    let windows = matches!(operator, "Conv" | "ConvTranspose" | "MaxPool" | "AveragePool");
    let all = |value: i64| attribute.ints.iter().all(|i| *i == value);
    let float = |value: f32| attribute.f().to_bits() == value.to_bits();
    match (operator, attribute.name()) {
        (_, "auto_pad") if windows => attribute.s() == b"NOTSET",
        (_, "pads" | "output_padding") if windows => all(0),
        (_, "strides" | "dilations") if windows => all(1),
        // The weight says it as well.
        ("Conv" | "ConvTranspose", "kernel_shape") => true,
        ("Conv" | "ConvTranspose", "group") => attribute.i() == 1,
        ("MaxPool", "ceil_mode" | "storage_order") | ("AveragePool", "ceil_mode" | "count_include_pad") => attribute.i() == 0,
        ("Gemm", "alpha" | "beta") => float(1.0),
        ("Gemm", "transA" | "transB") => attribute.i() == 0,
        ("BatchNormalization", "epsilon") => float(1e-5),
        ("BatchNormalization", "training_mode") => attribute.i() == 0,
        ("Flatten", "axis") => attribute.i() == 1,
        ("LeakyRelu", "alpha") => float(0.01),
        ("Reshape", "allowzero") => attribute.i() == 0,
        (operator, "keepdims") if operator.starts_with("Reduce") => attribute.i() == 1,
        _ => false,
    }
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
}
