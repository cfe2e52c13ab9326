//! Windows that see nothing but padding, which the slow reference refuses: for the evaluation the padding of a MaxPool is written
//! out as what a maximum gives of nothing, minus infinity, as runtimes do.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;

use bnfold::onnx::{AttributeProto, GraphProto, NodeProto, TensorProto, attribute_proto::AttributeType};
use bnfold::reference::Array;
use prost::Message as _;

use crate::support::{self, model_of};

/// Every value of a model, whatever its windows see.
pub fn evaluate(bytes: &[u8], inputs: &BTreeMap<String, Array>) -> BTreeMap<String, Array> {
    let mut model = model_of(bytes);
    let opset = model.opset_import[0].version();
    pad(model.graph.as_mut().unwrap(), opset);
    support::evaluate(&model.encode_to_vec(), inputs)
}

fn pad(graph: &mut GraphProto, opset: i64) {
    for mut node in std::mem::take(&mut graph.node) {
        node.attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut()).for_each(|inner| pad(inner, opset));
        let pads = node.attribute.iter().position(|a| node.op_type() == "MaxPool" && a.name() == "pads");
        if let Some(pads) = pads.map(|at| node.attribute.remove(at).ints) {
            let padded = format!("{} padded", node.output[0]);
            let (begin, end) = pads.split_at(pads.len() / 2);
            let all = [&[0, 0], begin, &[0, 0], end].concat();
            let mut added = if opset < 11 { by_attributes(all) } else { by_inputs(graph, &padded, all) };
            added.input.insert(0, node.input[0].clone());
            added.output.push(padded.clone());
            graph.node.push(added);
            node.input[0] = padded;
        }
        graph.node.push(node);
    }
}

fn by_attributes(pads: Vec<i64>) -> NodeProto {
    let ints = AttributeProto { name: Some("pads".into()), ints: pads, ..kind(AttributeType::Ints) };
    let number = AttributeProto { name: Some("value".into()), f: Some(f32::NEG_INFINITY), ..kind(AttributeType::Float) };
    NodeProto { op_type: Some("Pad".into()), attribute: vec![ints, number], ..NodeProto::default() }
}

fn kind(kind: AttributeType) -> AttributeProto {
    AttributeProto { r#type: Some(kind.into()), ..AttributeProto::default() }
}

fn by_inputs(graph: &mut GraphProto, name: &str, pads: Vec<i64>) -> NodeProto {
    let [amounts, number] = ["amounts", "number"].map(|what| format!("{name} {what}"));
    let (dims, int, double) = (vec![pads.len() as i64], Some(7), Some(11));
    let pads = TensorProto { name: Some(amounts.clone()), dims, data_type: int, int64_data: pads, ..TensorProto::default() };
    let least = vec![f64::NEG_INFINITY];
    let least = TensorProto { name: Some(number.clone()), data_type: double, double_data: least, ..TensorProto::default() };
    graph.initializer.extend([pads, least]);
    NodeProto { op_type: Some("Pad".into()), input: vec![amounts, number], ..NodeProto::default() }
}
