//! What a fold does, done without a look at what stands between: a factor or a shift leaves one node and is taken back at another, so
//! that it goes through bounds, sums over open axes, casts, and out of the range of the type. Some of these are right.

use prost::Message as _;

use super::Damage;
use crate::faults::draw::Draw;
use crate::model::tensor::element;
use crate::onnx::{GraphProto, ModelProto, NodeProto, TensorProto};

/// Two powers that cancel: far out of the range of `float`, or not.
const FACTORS: [f64; 10] =
    [2.0, 0.5, -1.0, 4.0, 1024.0, 1.0 / 1024.0, 8.507_059_173_023_462e37, 1.175_494_350_822_287_5e-38, 1e5, 3.0];

/// How many places a shift is summed over, as a fold might assume.
const PLACES: [f64; 6] = [1.0, 1.0, 2.0, 7.0, 95.0, 96.0];

/// The elements of a stored tensor of floats.
fn numbers(tensor: &TensorProto) -> Option<Vec<f64>> {
    let format = element(tensor.data_type())?;
    let mut found = Vec::new();
    match tensor.raw_data.as_deref() {
        Some(bytes) if !bytes.is_empty() => format.decode(bytes, &mut found),
        _ => found.extend(tensor.float_data.iter().map(|v| f64::from(*v)).chain(tensor.double_data.iter().copied())),
    }
    let wanted: i64 = tensor.dims.iter().product();
    (found.len() as i64 == wanted && !found.is_empty()).then_some(found)
}

fn store(tensor: &mut TensorProto, values: &[f64]) -> Option<()> {
    let mut bytes = Vec::new();
    element(tensor.data_type())?.encode(values, &mut bytes);
    tensor.float_data.clear();
    tensor.double_data.clear();
    tensor.raw_data = Some(bytes);
    Some(())
}

fn initializer<'g>(graph: &'g mut GraphProto, name: &str) -> Option<&'g mut TensorProto> {
    graph.initializer.iter_mut().find(|tensor| tensor.name() == name && !name.is_empty())
}

fn integer(node: &NodeProto, name: &str, default: i64) -> i64 {
    node.attribute.iter().find(|a| a.name() == name).map_or(default, |a| a.i())
}

/// The axis of a linear node's weight along which its outputs, or its inputs, lie; `None` in groups.
fn axis(node: &NodeProto, rank: usize, outputs: bool) -> Option<usize> {
    match node.op_type() {
        "Conv" if outputs || integer(node, "group", 1) == 1 => Some(usize::from(!outputs)),
        "ConvTranspose" if integer(node, "group", 1) == 1 => Some(usize::from(outputs)),
        "Gemm" => Some(usize::from((integer(node, "transB", 0) == 1) != outputs)),
        "MatMul" => rank.checked_sub(if outputs { 1 } else { 2 }),
        _ => None,
    }
}

fn is_linear(node: &NodeProto) -> bool {
    matches!(node.op_type(), "Conv" | "ConvTranspose" | "Gemm" | "MatMul")
}

/// Pairs of nodes with constants, the second a few nodes behind the first, and the constants' names.
fn pairs(graph: &GraphProto) -> Vec<(usize, usize)> {
    let constant = |name: &String| graph.initializer.iter().any(|t| t.name() == name && element(t.data_type()).is_some());
    let holds = |node: &NodeProto| {
        let known = is_linear(node) || matches!(node.op_type(), "Mul" | "Add" | "BatchNormalization");
        known && node.input.iter().any(constant)
    };
    let mut found = Vec::new();
    for (first, node) in graph.node.iter().enumerate().filter(|(_, node)| holds(node)) {
        let mut reached = vec![node.output.first().cloned().unwrap_or_default()];
        let mut steps = 0;
        for (second, behind) in graph.node.iter().enumerate().skip(first + 1) {
            if steps == 6 || !behind.input.iter().any(|input| reached.contains(input)) {
                continue;
            }
            steps += 1;
            reached.extend(behind.output.iter().cloned());
            if holds(behind) {
                found.push((first, second));
            }
        }
    }
    found
}

/// A drawn factor or shift, carried between a drawn pair.
pub(super) fn draw(bytes: &[u8], draw: &mut Draw) -> Option<Damage> {
    let mut model = ModelProto::decode(bytes).ok()?;
    let graph = model.graph.as_mut()?;
    let (first, second) = *draw.one(&pairs(graph))?;
    let (front, behind) = (graph.node.get(first)?.clone(), graph.node.get(second)?.clone());
    let place = |what: String| {
        let name = |node: &NodeProto| format!("{} {}", node.op_type(), node.output.first().map_or("", String::as_str));
        format!("from {} to {}: {what}", name(&front), name(&behind))
    };
    let (kind, place) = if draw.below(3) == 0 {
        let shift = [0.5, 4.0, -2.0].get(draw.below(3)).copied()?;
        let places = *draw.one(&PLACES)?;
        let channel = moved(graph, &front, &behind, shift, places, draw)?;
        ("a shift carried", place(format!("{shift} at channel {channel}, taken back {places} times")))
    } else {
        let factor = *draw.one(&FACTORS)?;
        let channel =
            if draw.below(2) == 0 { one(graph, &front, &behind, factor, draw)? } else { all(graph, &front, &behind, factor)? };
        ("a factor carried", place(format!("{factor:e} {channel}")))
    };
    Some(Damage { kind: kind.to_owned(), place, bytes: model.encode_to_vec(), meaningless: false })
}

/// The constants of a node that its outputs are proportional to: weight and bias, scale and bias, or the only one.
fn proportional(node: &NodeProto) -> Vec<String> {
    let inputs: &[usize] = match node.op_type() {
        "Mul" => &[0, 1],
        "MatMul" => &[1],
        _ => &[1, 2],
    };
    inputs.iter().filter_map(|at| node.input.get(*at).cloned()).collect()
}

fn scale(graph: &mut GraphProto, name: &str, factor: f64, only: Option<(usize, usize)>) -> Option<()> {
    let tensor = initializer(graph, name)?;
    let mut values = numbers(tensor)?;
    let dims: Vec<usize> = tensor.dims.iter().map(|d| usize::try_from(*d).unwrap_or(0)).collect();
    let inner = |axis: usize| dims.iter().skip(axis + 1).product::<usize>().max(1);
    for (at, value) in values.iter_mut().enumerate() {
        let here = only.is_none_or(|(axis, index)| dims.get(axis).is_some_and(|d| at / inner(axis) % d == index));
        *value *= if here { factor } else { 1.0 };
    }
    store(tensor, &values)
}

/// Every channel takes the factor.
fn all(graph: &mut GraphProto, front: &NodeProto, behind: &NodeProto, factor: f64) -> Option<String> {
    if front.op_type() == "Add" || matches!(behind.op_type(), "Add" | "BatchNormalization") {
        return None;
    }
    let names = proportional(front);
    names.iter().filter_map(|name| scale(graph, name, factor, None)).count().checked_sub(1)?;
    let weights: Vec<String> = if behind.op_type() == "Mul" { proportional(behind) } else { vec![behind.input.get(1)?.clone()] };
    weights.iter().filter_map(|name| scale(graph, name, 1.0 / factor, None)).count().checked_sub(1)?;
    Some("everywhere".to_owned())
}

/// One channel takes the factor.
fn one(graph: &mut GraphProto, front: &NodeProto, behind: &NodeProto, factor: f64, draw: &mut Draw) -> Option<String> {
    if !is_linear(behind) || front.op_type() == "Add" {
        return None;
    }
    let weight = initializer(graph, behind.input.get(1)?)?;
    let inward = axis(behind, weight.dims.len(), false)?;
    let channels = usize::try_from(*weight.dims.get(inward)?).ok()?;
    let channel = draw.below(channels);
    for (at, name) in proportional(front).iter().enumerate() {
        let Some(tensor) = initializer(graph, name) else { continue };
        let along = if is_linear(front) && at == 0 {
            axis(front, tensor.dims.len(), true)?
        } else {
            tensor.dims.iter().position(|d| *d == channels as i64)?
        };
        (tensor.dims.get(along).copied() == Some(channels as i64)).then_some(())?;
        scale(graph, name, factor, Some((along, channel)))?;
    }
    scale(graph, behind.input.get(1)?, 1.0 / factor, Some((inward, channel)))?;
    Some(format!("at channel {channel}"))
}

/// One channel takes a shift, and the bias behind takes it back, as often as the shift is thought to be summed up.
fn moved(
    graph: &mut GraphProto,
    front: &NodeProto,
    behind: &NodeProto,
    shift: f64,
    places: f64,
    draw: &mut Draw,
) -> Option<usize> {
    let own = match front.op_type() {
        "Add" => front.input.iter().find(|name| graph.initializer.iter().any(|t| t.name() == name.as_str()))?,
        "Mul" | "MatMul" => return None,
        _ => front.input.get(2)?,
    };
    let (weight, bias) = (behind.input.get(1).filter(|_| is_linear(behind))?, behind.input.get(2)?);
    let tensor = initializer(graph, weight)?;
    let (values, dims) = (numbers(tensor)?, tensor.dims.clone());
    let (inward, outward) = (axis(behind, dims.len(), false)?, axis(behind, dims.len(), true)?);
    let inner = |axis: usize| dims.iter().skip(axis + 1).product::<i64>().max(1) as usize;
    let extent = |axis: usize| dims.get(axis).map_or(1, |d| *d as usize).max(1);
    let channel = draw.below(extent(inward));
    let add = |graph: &mut GraphProto, name: &str, each: &dyn Fn(usize) -> f64, wanted: usize| {
        let tensor = initializer(graph, name)?;
        let mut all = numbers(tensor).filter(|all| all.len() == wanted)?;
        all.iter_mut().enumerate().for_each(|(at, value)| *value += each(at));
        store(tensor, &all)
    };
    add(graph, own, &|at| if at == channel { shift } else { 0.0 }, extent(inward))?;
    let sum = |output: usize| {
        let here = |at: usize| at / inner(inward) % extent(inward) == channel && at / inner(outward) % extent(outward) == output;
        values.iter().enumerate().filter(|(at, _)| here(*at)).map(|(_, value)| value).sum::<f64>()
    };
    add(graph, bias, &|output| -shift * places * sum(output), extent(outward))?;
    Some(channel)
}
