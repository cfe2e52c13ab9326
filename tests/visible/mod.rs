//! Windows that see nothing but padding, which the slow reference refuses: for the evaluation the padding of a MaxPool is written
//! out as what a maximum gives of nothing, minus infinity, as runtimes do. Folds of such graphs are compared here.
#![allow(dead_code, clippy::unwrap_used, clippy::panic)]

use std::cell::LazyCell;
use std::collections::BTreeMap;

use bnfold::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, attribute_proto::AttributeType};
use bnfold::reference::Array;

use crate::support::{fold, is_same, model_of, names, random_inputs};
use magnitude::{is_rounded, jumps};

pub mod magnitude;

/// As [`compared`]. Returns how many nodes went.
pub fn same_function(text: &str, seed: u64) -> usize {
    let (bytes, folded) = compared(text, seed);
    if bytes == folded {
        return 0;
    }
    model_of(&bytes).graph.unwrap().node.len() - model_of(&folded).graph.unwrap().node.len()
}

/// Folds the graph of a text, in which arithmetic is exact, once and twice, and compares all outputs on inputs that follow from a
/// seed. Returns the model, and what it was folded to.
pub fn compared(text: &str, seed: u64) -> (Vec<u8>, Vec<u8>) {
    let bytes = bnfold::sample::encode(text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let folded = fold(&bytes);
    if folded == bytes {
        // The same bytes are the same function, and fold to themselves.
        return (bytes, folded);
    }
    let twice = fold(&folded);
    if twice != folded {
        let nodes = |b: &[u8]| listed(&model_of(b).graph.unwrap());
        panic!("seed {seed}: folding twice is not folding once\n{text}\n{:#?}\n{:#?}", nodes(&folded), nodes(&twice));
    }
    let model = model_of(&bytes);
    let inputs = random_inputs(&model, seed);
    let outputs: Vec<String> = model.graph.iter().flat_map(|graph| &graph.output).map(|o| o.name().to_owned()).collect();
    let sizes = LazyCell::new(|| magnitude::magnitudes(&model, &inputs));
    let (before, after) = (evaluate(model.clone(), &inputs), evaluate(model_of(&folded), &inputs));
    let shared = names(&folded).into_iter().filter(|name| before.contains_key(name) && after.contains_key(name));
    for name in shared.chain(outputs) {
        let (one, two) = (&before[&name], &after[&name]);
        let is_near = || sizes.get(&name).map_or_else(|| is_same(one, two), |sizes| is_rounded(one, two, sizes));
        let is_right = one == two || is_near();
        if !is_right && sign_of(&model, &name).is_some_and(|read| jumps([one, two], &before[read], &sizes[read])) {
            // What reads such a sign is another number in either model.
            break;
        }
        assert!(is_right, "seed {seed}, value {name}: {one:?} became {two:?}\n{text}");
    }
    (bytes, folded)
}

/// What a value is the sign of, if it is one.
fn sign_of<'m>(model: &'m ModelProto, value: &str) -> Option<&'m String> {
    let nodes = model.graph.iter().flat_map(|graph| &graph.node);
    nodes.filter(|node| node.op_type() == "Sign" && node.output[0] == value).find_map(|node| node.input.first())
}

/// The nodes of a graph, with those of nodes' graphs behind them.
fn listed(graph: &GraphProto) -> Vec<String> {
    let inner = |node: &NodeProto| node.attribute.iter().filter_map(|a| a.g.as_ref()).flat_map(listed).collect::<Vec<_>>();
    let one = |node: &NodeProto| format!("{:?} = {}({:?})", node.output, node.op_type(), node.input);
    graph.node.iter().flat_map(|node| [vec![one(node)], inner(node)].concat()).collect()
}

/// Every value of a model, whatever its windows see.
fn evaluate(mut model: ModelProto, inputs: &BTreeMap<String, Array>) -> BTreeMap<String, Array> {
    let opset = model.opset_import[0].version();
    pad(model.graph.as_mut().unwrap(), opset);
    bnfold::reference::evaluate(&model, inputs).unwrap()
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
