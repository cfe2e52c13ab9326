//! How large what is summed up may be: the values of a graph in which nothing takes anything away. Rounding is bounded by them, also
//! where large numbers cancel and leave one that has few digits again.

use std::collections::{BTreeMap, BTreeSet};

use bnfold::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, attribute_proto::AttributeType, type_proto};
use bnfold::reference::{Array, Data};

const FLOAT: i32 = 1;
const DOUBLE: i32 = 11;
const UINT8: i32 = 2;
/// No quantised number of a random graph, and no zero point, is larger.
const LARGEST_ZERO: u8 = 7;

/// Operators that make of larger numbers larger ones, and err by no more than what they read.
const MONOTONE: &[&str] = &[
    "Add",
    "AveragePool",
    "Cast",
    "Clip",
    "Concat",
    "Conv",
    "ConvTranspose",
    "DepthToSpace",
    "Div",
    "Dropout",
    "Einsum",
    "Expand",
    "Flatten",
    "Gather",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Identity",
    "If",
    "LeakyRelu",
    "Loop",
    "MatMul",
    "MaxPool",
    "Mean",
    "Mul",
    "Pad",
    "ReduceMax",
    "ReduceMean",
    "ReduceSum",
    "Relu",
    "Reshape",
    "Resize",
    "Sign",
    "Slice",
    "SpaceToDepth",
    "Split",
    "Squeeze",
    "Sum",
    "Tile",
    "Transpose",
    "Unsqueeze",
    "Upsample",
    "Where",
];

/// For each value of a model a bound of all that is summed up in it, but for those behind an operator that knows none.
pub fn magnitudes(model: &ModelProto, inputs: &BTreeMap<String, Array>) -> BTreeMap<String, Array> {
    let (mut larger, mut whole, mut unknown) = (model.clone(), BTreeSet::new(), BTreeSet::new());
    let graph = larger.graph.as_mut().unwrap();
    begin(graph, &mut whole);
    for node in std::mem::take(&mut graph.node) {
        let outputs = node.output.clone();
        match enlarged(node, &mut whole, &unknown) {
            Some(nodes) => graph.node.extend(nodes),
            None => unknown.extend(outputs),
        }
    }
    graph.output.retain(|output| !unknown.contains(output.name()));
    let large = |array: &Array| match &array.data {
        Data::Float(numbers) => Array::float(array.dims.clone(), numbers.iter().map(|number| number.abs()).collect()),
        _ => array.clone(),
    };
    super::evaluate(larger, &inputs.iter().map(|(name, array)| (name.clone(), large(array))).collect())
}

/// What some hundred roundings may do to a number, as a share of all that was summed up in it.
const ROUNDED: f64 = 1.0 / (1_u64 << 46) as f64;

/// Whether two signs differ only where rounding may have made of nothing a number of either sign.
pub fn jumps(signs: [&Array; 2], read: &Array, sizes: &Array) -> bool {
    let ([Data::Float(a), Data::Float(b)], Data::Float(read), Data::Float(sizes)) =
        (signs.map(|array| &array.data), &read.data, &sizes.data)
    else {
        return false;
    };
    let is_nothing = |(number, size): (&f64, &f64)| number.abs() <= size * ROUNDED;
    a.iter().zip(b).zip(read.iter().zip(sizes)).all(|((a, b), at)| a == b || is_nothing(at))
}

/// Whether two values differ by no more than rounding may have done where so much was summed up.
pub fn is_rounded(one: &Array, two: &Array, sizes: &Array) -> bool {
    let (Data::Float(a), Data::Float(b), Data::Float(sizes)) = (&one.data, &two.data, &sizes.data) else { return false };
    let alike = |((a, b), size): ((&f64, &f64), &f64)| a == b || a.is_nan() && b.is_nan() || (a - b).abs() <= size * ROUNDED;
    one.dims == two.dims && a.len() == sizes.len() && a.iter().zip(b).zip(sizes).all(alike)
}

/// Takes the signs off the constants of a graph. `whole` are the values that are no floats: they stay as they are.
fn begin(graph: &mut GraphProto, whole: &mut BTreeSet<String>) {
    for input in &graph.input {
        let Some(type_proto::Value::TensorType(tensor)) = input.r#type.as_ref().and_then(|kind| kind.value.as_ref()) else {
            continue;
        };
        if !matches!(tensor.elem_type(), FLOAT | DOUBLE) {
            whole.insert(input.name().to_owned());
        }
    }
    for tensor in &mut graph.initializer {
        if !positive(tensor) {
            whole.insert(tensor.name().to_owned());
        }
    }
}

/// A node that makes larger numbers; nothing where none is known, or where it reads what is not known.
fn enlarged(mut node: NodeProto, whole: &mut BTreeSet<String>, unknown: &BTreeSet<String>) -> Option<Vec<NodeProto>> {
    if node.input.iter().any(|name| unknown.contains(name)) {
        return None;
    }
    for graph in node.attribute.iter_mut().filter_map(|attribute| attribute.g.as_mut()) {
        begin(graph, whole);
        for inner in std::mem::take(&mut graph.node) {
            graph.node.extend(enlarged(inner, whole, unknown)?);
        }
    }
    let operator = node.op_type().to_owned();
    let computes = !matches!(&operator[..], "If" | "Loop" | "Where" | "DequantizeLinear");
    let counts = matches!(&operator[..], "Shape" | "Size") || node.input.first().is_some_and(|name| whole.contains(name));
    if operator == "Constant" {
        let value = node.attribute.iter_mut().find_map(|attribute| attribute.t.as_mut())?;
        if !positive(value) {
            whole.extend(node.output.clone());
        }
        return Some(vec![node]);
    }
    if computes && counts {
        whole.extend(node.output.clone());
        return Some(vec![node]);
    }
    for attribute in node.attribute.iter_mut().filter(|a| matches!(a.name(), "alpha" | "beta" | "value")) {
        attribute.f = attribute.f.map(f32::abs);
    }
    let beside = format!("{} beside", node.output[0]);
    match &operator[..] {
        "Sub" => node.op_type = Some("Add".into()),
        "Neg" => node.op_type = Some("Identity".into()),
        "ReduceMin" => node.op_type = Some("ReduceMax".into()),
        // Numbers without a sign, less their zero point.
        "DequantizeLinear" => node.input.truncate(2),
        // The mean is taken away.
        "BatchNormalization" => {
            let mean = std::mem::replace(&mut node.input[3], beside.clone());
            return Some(vec![made("Neg", vec![mean], &beside), node]);
        }
        "PRelu" => {
            let sum = made("Add", vec![node.input[0].clone(), beside.clone()], &node.output[0]);
            return Some(vec![made("Mul", node.input, &beside), sum]);
        }
        "Gemm" => {}
        "InstanceNormalization" | "GroupNormalization" | "LayerNormalization" | "RMSNormalization" => return Some(scaled(node)),
        "DeformConv" | "GRU" | "LSTM" | "RNN" => return Some(widest(node)),
        known => drop(MONOTONE.contains(&known).then_some(())?),
    }
    Some(vec![node])
}

fn made(operator: &str, input: Vec<String>, output: &str) -> NodeProto {
    NodeProto { op_type: Some(operator.into()), input, output: vec![output.into()], ..NodeProto::default() }
}

/// What a normalisation makes of pairs of a number and its opposite is one and minus one, and random graphs have no others. No number
/// there is smaller than a half, so that an error grows at most twice: what is read bounds it times scale, and bias.
fn scaled(node: NodeProto) -> Vec<NodeProto> {
    let (output, beside) = (&node.output[0], format!("{} beside", node.output[0]));
    let [x, gamma] = [0, 1].map(|input| node.input[input].clone());
    if matches!(node.op_type(), "LayerNormalization" | "RMSNormalization") {
        let bias = node.input.get(2).map_or(vec![], |beta| vec![beta.clone()]);
        let last = if bias.is_empty() { "Identity" } else { "Add" };
        return vec![made("Mul", vec![x, gamma], &beside), made(last, [vec![beside], bias].concat(), output)];
    }
    // Mean nothing and variance nothing, and one beside it.
    let epsilon = AttributeProto { name: Some("epsilon".into()), f: Some(1.0), ..super::kind(AttributeType::Float) };
    let nothing = made("Sub", vec![gamma.clone(); 2], &beside);
    let inputs = vec![x, gamma, node.input[2].clone(), beside.clone(), beside];
    vec![nothing, NodeProto { attribute: vec![epsilon], ..made("BatchNormalization", inputs, output) }]
}

/// What a node makes, and the largest number that it reads times the largest of its weight: gates let no more through, and taps
/// between positions read no more.
fn widest(mut node: NodeProto) -> Vec<NodeProto> {
    let output = std::mem::take(&mut node.output[0]);
    let [own, data, weight, product] = ["own", "data", "weight", "product"].map(|what| format!("{output} {what}"));
    let keep = AttributeProto { name: Some("keepdims".into()), i: Some(0), ..super::kind(AttributeType::Int) };
    let largest = |input: usize, name: &str| NodeProto {
        attribute: vec![keep.clone()],
        ..made("ReduceMax", vec![node.input[input].clone()], name)
    };
    let maxima = [largest(0, &data), largest(1, &weight)];
    let sums = [made("Mul", vec![data, weight], &product), made("Add", vec![own.clone(), product], &output)];
    node.output[0] = own;
    [&maxima[..], &[node], &sums].concat()
}

/// Takes the signs off a constant. Returns whether its numbers are floats.
fn positive(tensor: &mut TensorProto) -> bool {
    tensor.float_data.iter_mut().for_each(|number| *number = number.abs());
    tensor.double_data.iter_mut().for_each(|number| *number = number.abs());
    let mut raw = tensor.raw_data.take();
    match (tensor.data_type(), &mut raw) {
        (FLOAT, Some(bytes)) => bytes.iter_mut().skip(3).step_by(4).for_each(|byte| *byte &= 0x7f),
        (DOUBLE, Some(bytes)) => bytes.iter_mut().skip(7).step_by(8).for_each(|byte| *byte &= 0x7f),
        (UINT8, Some(bytes)) => bytes.iter_mut().for_each(|byte| *byte += LARGEST_ZERO),
        (UINT8, None) => tensor.int32_data.iter_mut().for_each(|number| *number += i32::from(LARGEST_ZERO)),
        _ => {}
    }
    tensor.raw_data = raw;
    matches!(tensor.data_type(), FLOAT | DOUBLE)
}
