//! Inputs for a model: extents for its open axes, and numbers that open and close what they meet.

use std::collections::BTreeMap;

use crate::faults::draw::Draw;
use crate::onnx::{GraphProto, ModelProto, ValueInfoProto, tensor_shape_proto::dimension, type_proto};
use crate::reference::{Array, Data};

/// Extents by the name of the axis.
pub(super) type Sizes = BTreeMap<String, usize>;

/// Sorts of numbers.
pub(super) const FAMILIES: [&str; 12] = [
    "ordinary",
    "other ordinary",
    "small",
    "large",
    "very large",
    "positive",
    "negative",
    "zero",
    "spiked",
    "by channel",
    "growing",
    "enormous",
];

/// The extents of an input, by name where they are open; `None` for what is no tensor of a known rank.
fn extents(value: &ValueInfoProto) -> Option<(i32, Vec<Result<usize, String>>)> {
    let Some(type_proto::Value::TensorType(tensor)) = &value.r#type.as_ref()?.value else { return None };
    let dims = tensor.shape.as_ref()?.dim.iter().enumerate().map(|(axis, dim)| match &dim.value {
        Some(dimension::Value::DimValue(size)) if *size > 0 => Ok(*size as usize),
        Some(dimension::Value::DimParam(name)) if !name.is_empty() => Err(name.clone()),
        _ => Err(format!("{}:{axis}", value.name())),
    });
    Some((tensor.elem_type(), dims.collect()))
}

/// How much there is to compute: constants, times the places of the largest input where they are used.
pub(super) fn work(graph: &GraphProto) -> i64 {
    let constants: i64 = graph.initializer.iter().map(|t| t.dims.iter().product::<i64>()).sum();
    let places = |input: &ValueInfoProto| match extents(input) {
        Some((_, dims)) => dims.iter().skip(2).map(|dim| dim.as_ref().map_or(12, |d| *d as i64)).product::<i64>(),
        None => 1,
    };
    constants.saturating_mul(graph.input.iter().map(places).max().unwrap_or(1))
}

/// The inputs that somebody has to give.
fn given(model: &ModelProto) -> Vec<&ValueInfoProto> {
    let Some(graph) = &model.graph else { return vec![] };
    graph.input.iter().filter(|input| graph.initializer.iter().all(|t| t.name() != input.name())).collect()
}

/// Extents of the first axes and of the others, in turn: different ones first, then equal ones, then what a tool might assume.
const SERIES: [([usize; 2], usize); 8] =
    [([2, 7], 1), ([3, 5], 1), ([1, 1], 0), ([4, 96], 0), ([2, 12], 4), ([2, 16], 0), ([3, 32], 0), ([2, 64], 0)];

/// Sizes to try, the more telling first. Without open axes there is one.
pub(super) fn assignments(model: &ModelProto) -> Vec<Sizes> {
    let mut open: Vec<(String, bool)> = Vec::new();
    for input in given(model) {
        let Some((_, dims)) = extents(input) else { continue };
        for (axis, name) in dims.iter().enumerate().filter_map(|(axis, dim)| Some((axis, dim.as_ref().err()?))) {
            if open.iter().all(|(other, _)| other != name) {
                open.push((name.clone(), axis == 0));
            }
        }
    }
    if open.is_empty() {
        return vec![Sizes::new()];
    }
    let sized = |((first, other), step): ((usize, usize), usize)| {
        let mut next = other;
        let each = |(name, is_first): &(String, bool)| {
            let size = if *is_first { first } else { next };
            next += if *is_first { 0 } else { step };
            (name.clone(), size)
        };
        open.iter().map(each).collect()
    };
    SERIES.iter().map(|(pair, step)| sized(((pair[0], pair[1]), *step))).collect()
}

/// Inputs of a family at these sizes; `None` where an input is no tensor of numbers.
pub(super) fn drawn(model: &ModelProto, sizes: &Sizes, family: usize) -> Option<BTreeMap<String, Array>> {
    let mut draw = Draw(0x5eed ^ (family as u64) << 20);
    let mut found = BTreeMap::new();
    for input in given(model) {
        let (kind, dims) = extents(input)?;
        let dims: Vec<usize> =
            dims.into_iter().map(|dim| dim.or_else(|name| sizes.get(&name).copied().ok_or(())).ok()).collect::<Option<_>>()?;
        let count: usize = dims.iter().product();
        if count > 1 << 16 {
            return None;
        }
        let inner: usize = dims.iter().skip(2).product::<usize>().max(1);
        let channels = dims.get(1).copied().unwrap_or(1).max(1);
        let data = match kind {
            1 | 10 | 11 | 16 => {
                Data::Float((0..count).map(|at| number(&mut draw, family, at, at / inner % channels, count)).collect())
            }
            9 => Data::Bool((0..count).map(|_| draw.below(2) == 1).collect()),
            2..=7 | 12 | 13 => Data::Int((0..count).map(|_| draw.below(3) as i64).collect()),
            _ => return None,
        };
        found.insert(input.name().to_owned(), Array { dims, data });
    }
    Some(found)
}

fn unit(draw: &mut Draw) -> f64 {
    (draw.below(1 << 20) as f64 + 0.5) / f64::from(1 << 20)
}

/// A number that is nearly normal, in single precision exactly.
fn normal(draw: &mut Draw) -> f64 {
    f64::from(((0..6).map(|_| 2.0 * unit(draw) - 1.0).sum::<f64>() / 2.0_f64.sqrt()) as f32)
}

fn number(draw: &mut Draw, family: usize, at: usize, channel: usize, count: usize) -> f64 {
    let value = normal(draw);
    let exact = |value: f64| f64::from(value as f32);
    match family {
        0 | 1 => value,
        2 => exact(value * 1e-3),
        3 => exact(value * 1e3),
        4 => exact(value * 1e6),
        5 => value.abs() * 4.0,
        6 => -value.abs() * 4.0,
        7 => 0.0,
        8 if draw.below(8) == 0 => exact(value * 3e4),
        9 => exact((value.abs() + 1.0) * [50.0, -50.0, 3000.0, -3000.0][(channel + draw_of(count)) % 4]),
        10 => exact(value * 10.0_f64.powf(at as f64 / count as f64 * 6.0)),
        11 => exact(value * 1e10),
        _ => value,
    }
}

/// Turns the signs of channels, other ones for other sizes.
fn draw_of(count: usize) -> usize {
    count / 3
}
