//! What several tests need: folding in memory, evaluating by the slow reference, seeded inputs.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::{BTreeMap, BTreeSet};

use bnfold::model::Model;
use bnfold::onnx::{ModelProto, tensor_shape_proto::dimension, type_proto};
use bnfold::reference::{Array, Data};
use prost::Message as _;

pub fn model_of(bytes: &[u8]) -> ModelProto {
    ModelProto::decode(bytes).unwrap()
}

/// Folds a model in memory.
pub fn fold(bytes: &[u8]) -> Vec<u8> {
    fold_with(bytes, &bnfold::plan::Options::default())
}

pub fn fold_with(bytes: &[u8], options: &bnfold::plan::Options) -> Vec<u8> {
    let model = Model::from_bytes(bytes.to_vec()).unwrap();
    let graph = bnfold::constants::build(&model).unwrap();
    let mut out = Vec::new();
    bnfold::fold::write_to(&graph, options, &mut out).unwrap();
    out
}

/// Every value of a model, by the slow reference.
pub fn evaluate(bytes: &[u8], inputs: &BTreeMap<String, Array>) -> BTreeMap<String, Array> {
    bnfold::reference::evaluate(&model_of(bytes), inputs).unwrap()
}

/// Every value of the folded model that the original has, too, is the same in both.
pub fn names_mean_one_thing(folded: &[u8], before: &BTreeMap<String, Array>, after: &BTreeMap<String, Array>, place: &str) {
    for name in names(folded) {
        if let (Some(one), Some(two)) = (before.get(&name), after.get(&name)) {
            assert!(is_same(one, two), "`{name}` is something else in the folded model: {place}");
        }
    }
}

/// What the nodes of a folded model make that means what it meant.
pub fn names(folded: &[u8]) -> Vec<String> {
    // A weight keeps its name, also where it is dequantised and transposed.
    let nodes = model_of(folded).graph.unwrap().node;
    let mut weights = BTreeSet::new();
    for node in &nodes {
        if node.op_type() == "DequantizeLinear" || node.op_type() == "Transpose" && weights.contains(&node.input[0]) {
            weights.extend(&node.output);
        }
    }
    nodes.iter().flat_map(|n| &n.output).filter(|name| !weights.contains(name)).cloned().collect()
}

/// Whether two values are the same, bit for bit but for the sign of zero and of what is no number. All numbers here are whole ones
/// over powers of two, which products and sums keep as they are until a double has no digit left: only such a one may be rounded.
pub fn is_same(one: &Array, two: &Array) -> bool {
    let (Data::Float(a), Data::Float(b)) = (&one.data, &two.data) else { return one == two };
    let is_full = |number: f64| number.is_finite() && number.to_bits().trailing_zeros() < 2;
    let largest = a.iter().filter(|number| number.is_finite()).fold(0.0_f64, |most, number| most.max(number.abs()));
    let is_rounded = |(a, b): (&f64, &f64)| (is_full(*a) || is_full(*b)) && (a - b).abs() <= largest * 2f64.powi(-44);
    let alike = |(a, b): (&f64, &f64)| a == b || a.is_nan() && b.is_nan() || is_rounded((a, b));
    one.dims == two.dims && a.len() == b.len() && a.iter().zip(b).all(alike)
}

/// A seeded sequence of small integers over four.
pub fn dyadic(state: &mut u64) -> f64 {
    *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
    ((*state >> 40) % 33) as f64 / 4.0 - 4.0
}

/// Dyadic inputs; symbolic dimensions are 2.
pub fn random_inputs(model: &ModelProto, seed: u64) -> BTreeMap<String, Array> {
    let graph = model.graph.as_ref().unwrap();
    let mut state = seed.wrapping_mul(977).wrapping_add(13);
    let mut inputs = BTreeMap::new();
    for input in graph.input.iter().filter(|i| graph.initializer.iter().all(|t| t.name() != i.name())) {
        let Some(type_proto::Value::TensorType(tensor)) = &input.r#type.as_ref().unwrap().value else { panic!("not a tensor") };
        let dim = |d: &bnfold::onnx::tensor_shape_proto::Dimension| match d.value {
            Some(dimension::Value::DimValue(size)) => size as usize,
            _ => 2,
        };
        let dims: Vec<usize> = tensor.shape.as_ref().unwrap().dim.iter().map(dim).collect();
        let count: usize = dims.iter().product();
        let data = match tensor.elem_type() {
            9 => Data::Bool((0..count).map(|_| dyadic(&mut state) > 0.0).collect()),
            6 | 7 => Data::Int((0..count).map(|_| dyadic(&mut state).abs() as i64).collect()),
            _ => Data::Float((0..count).map(|_| dyadic(&mut state)).collect()),
        };
        inputs.insert(input.name().to_owned(), Array { dims, data });
    }
    inputs
}
