//! What a run costs, told from the extents before it is paid, and whether the extents show every tap of a window.

use std::collections::HashMap;

use tract_onnx::prelude::TypedModel;
use tract_onnx::tract_core::ops::Cost as Unit;
use tract_onnx::tract_core::ops::cnn::{Conv, MaxPool, PoolSpec, SumPool};

use crate::onnx::{GraphProto, NodeProto};

/// What a run costs, about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cost {
    /// Products and sums.
    pub products: u64,
    /// The bytes of the largest node: what it reads, makes, and sets out for its kernel.
    pub bytes: u64,
}

/// No larger size is tried beyond it, for the sake of windows that are seen in part only.
const PAYABLE: Cost = Cost { products: 3_000_000_000, bytes: 256 << 20 };

impl Cost {
    /// The cost of a graph.
    pub fn of(typed: &TypedModel) -> Cost {
        let mut cost = Cost::default();
        for node in typed.nodes() {
            let Ok((inputs, outputs)) = typed.node_facts(node.id) else { continue };
            let units = node.op().as_typed().and_then(|operator| operator.cost(&inputs).ok()).unwrap_or_default();
            let products = units.iter().filter(|(unit, _)| matches!(unit, Unit::FMA(_) | Unit::Div(_)));
            let products = products.filter_map(|(_, number)| u64::try_from(number.to_i64().ok()?).ok());
            cost.products = products.fold(cost.products, u64::saturating_add);
            let volume = |dims: Option<&[usize]>| dims.map_or(0, |dims| product(dims.iter().copied()));
            let held = inputs.iter().chain(&outputs).map(|fact| volume(fact.shape.as_concrete()));
            let mut elements = held.fold(0, u64::saturating_add);
            if let (Some(conv), Some(made)) = (node.op_as::<Conv>(), outputs.first().and_then(|fact| fact.shape.as_concrete())) {
                // Every place has a column of what its window reads, one image at a time.
                let spec = &conv.pool_spec;
                let column = product(spec.kernel_shape.iter().copied()).saturating_mul(spec.input_channels as u64);
                let channels = spec.output_channels.max(1) as u64;
                let images = made.first().copied().unwrap_or(1).max(1) as u64;
                elements = elements.saturating_add(column.saturating_mul(volume(Some(made)) / channels / images));
            }
            cost.bytes = cost.bytes.max(elements.saturating_mul(8));
        }
        cost
    }

    /// Whether it is more than what is paid for a better view.
    pub fn is_beyond(self) -> bool {
        !self.is_within(PAYABLE)
    }

    /// Whether neither is more than in another.
    pub fn is_within(self, limit: Cost) -> bool {
        self.products <= limit.products && self.bytes <= limit.bytes
    }
}

fn product(mut factors: impl Iterator<Item = usize>) -> u64 {
    factors.try_fold(1_u64, |product, factor| product.checked_mul(factor as u64)).unwrap_or(u64::MAX)
}

/// Whether each window finds as much in what it reads, without padding, as it is wide.
pub(crate) fn shows_every_tap(typed: &TypedModel) -> bool {
    typed.nodes().iter().all(|node| {
        let pool = node
            .op_as::<Conv>()
            .map(|operator| &operator.pool_spec)
            .or_else(|| node.op_as::<MaxPool>().map(|operator| &operator.pool_spec))
            .or_else(|| node.op_as::<SumPool>().map(|operator| &operator.pool_spec));
        let input = node.inputs.first().and_then(|input| typed.outlet_fact(*input).ok());
        let (Some(pool), Some(shape)) = (pool, input.and_then(|fact| fact.shape.as_concrete())) else { return true };
        shape.iter().skip(2).enumerate().all(|(axis, size)| *size >= window(pool, axis))
    })
}

fn window(pool: &PoolSpec, axis: usize) -> usize {
    let taps = pool.kernel_shape.get(axis).copied().unwrap_or(1);
    taps.saturating_sub(1).saturating_mul(pool.dilation(axis)).saturating_add(1)
}

/// The widest window of a graph's convolutions and pools.
pub(crate) fn reach(graph: &GraphProto) -> usize {
    let weights: HashMap<&str, &[i64]> = graph.initializer.iter().map(|tensor| (tensor.name(), &tensor.dims[..])).collect();
    let windows = graph.node.iter().filter(|node| matches!(node.op_type(), "Conv" | "MaxPool" | "AveragePool" | "LpPool"));
    windows.map(|node| widest(node, &weights)).max().unwrap_or(1)
}

fn widest(node: &NodeProto, weights: &HashMap<&str, &[i64]>) -> usize {
    let numbers = |name: &str| node.attribute.iter().find(|a| a.name() == name).map(|attribute| &attribute.ints[..]);
    let weight = || weights.get(node.input.get(1)?.as_str())?.get(2..);
    let taps = numbers("kernel_shape").or_else(weight).unwrap_or_default();
    let dilations = numbers("dilations").unwrap_or_default();
    let one = |(axis, taps): (usize, &i64)| {
        let reach = (taps - 1).saturating_mul(dilations.get(axis).copied().unwrap_or(1)).saturating_add(1);
        usize::try_from(reach).unwrap_or(1)
    };
    taps.iter().enumerate().map(one).max().unwrap_or(1)
}
