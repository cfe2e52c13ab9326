//! Shapes of operators that have no law of their own: enough to know ranks and channel axes between those that have one.
//!
//! What is not certain is unknown.

use super::find;
use crate::model::{Dim, NodeView, Shape};

/// The shape of a node's first output, as far as its operator tells.
pub fn infer(node: &NodeView<'_>) -> Option<Shape> {
    if let Some(operator) = find(node.op_type) {
        return (operator.shape)(node);
    }
    let x = || node.input(0)?.shape.clone();
    match node.op_type {
        "Relu"
        | "LeakyRelu"
        | "PRelu"
        | "Elu"
        | "Selu"
        | "Celu"
        | "Gelu"
        | "Mish"
        | "Sigmoid"
        | "HardSigmoid"
        | "HardSwish"
        | "Tanh"
        | "Softplus"
        | "Softsign"
        | "Clip"
        | "Erf"
        | "Exp"
        | "Log"
        | "Sqrt"
        | "Abs"
        | "Neg"
        | "Reciprocal"
        | "Floor"
        | "Ceil"
        | "Round"
        | "Sign"
        | "Softmax"
        | "LogSoftmax"
        | "Cast"
        | "LRN"
        | "InstanceNormalization"
        | "LayerNormalization"
        | "GroupNormalization"
        | "RMSNormalization"
        | "QuantizeLinear"
        | "DequantizeLinear"
        | "ThresholdedRelu" => x(),
        "Sum" | "Mean" | "Max" | "Min" | "Pow" | "Where" => broadcast(node),
        "MaxPool" | "AveragePool" | "LpPool" | "Resize" | "Upsample" => pooled(node),
        "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => {
            let mut shape = x()?;
            shape.0.iter_mut().skip(2).for_each(|d| *d = Dim::Known(1));
            Some(shape)
        }
        "Flatten" => {
            let axis = node.int("axis", 1).ok()?;
            let shape = x()?;
            let axis = usize::try_from(if axis < 0 { axis + shape.rank() as i64 } else { axis }).ok()?;
            let product =
                |dims: &[Dim]| dims.iter().try_fold(1u64, |n, d| n.checked_mul(d.known()?)).map_or(Dim::Unknown, Dim::Known);
            Some(Shape(vec![product(shape.0.get(..axis)?), product(&shape.0[axis..])]))
        }
        "Transpose" => {
            let shape = x()?;
            let order = node.ints("perm").ok()?;
            let reversed: Vec<i64> = (0..shape.rank() as i64).rev().collect();
            let order = if order.is_empty() { &reversed[..] } else { order };
            let dims = order.iter().map(|axis| usize::try_from(*axis).ok().and_then(|a| shape.0.get(a).copied()));
            dims.collect::<Option<Vec<Dim>>>().filter(|dims| dims.len() == shape.rank()).map(Shape)
        }
        "Reshape" => reshaped(node),
        "Concat" => concatenated(node),
        _ => None,
    }
}

fn broadcast(node: &NodeView<'_>) -> Option<Shape> {
    let mut shape = node.input(0)?.shape.clone()?;
    for input in 1..node.inputs.len() {
        shape = shape.broadcast(node.input(input)?.shape.as_ref()?)?;
    }
    Some(shape)
}

/// Spatial extents change, batch and channels stay. Resize may change every axis, so only its rank is sure.
fn pooled(node: &NodeView<'_>) -> Option<Shape> {
    let mut shape = node.input(0)?.shape.clone()?;
    let kept = if matches!(node.op_type, "Resize" | "Upsample") { 0 } else { 2 };
    shape.0.iter_mut().skip(kept).for_each(|d| *d = Dim::Unknown);
    Some(shape)
}

/// The shape that a Reshape's constant asks for; 0 takes the extent over, −1 is what is left.
fn reshaped(node: &NodeView<'_>) -> Option<Shape> {
    let wanted = node.elements.integers(1).ok()?;
    let x = node.input(0)?.shape.as_ref();
    let zero_is_zero = node.int("allowzero", 0).ok()? != 0;
    let mut dims: Vec<Dim> = Vec::with_capacity(wanted.len());
    for (axis, extent) in wanted.iter().enumerate() {
        dims.push(match extent {
            0 if !zero_is_zero => x.map_or(Dim::Unknown, |x| x.dim(axis)),
            extent => u64::try_from(*extent).map_or(Dim::Unknown, Dim::Known),
        });
    }
    let known = |dims: &[Dim]| dims.iter().try_fold(1u64, |n, d| n.checked_mul(d.known()?));
    if let (Some(open), Some(all)) = (wanted.iter().position(|e| *e == -1), x.and_then(|x| known(&x.0))) {
        let rest: Vec<Dim> = dims.iter().enumerate().filter(|(axis, _)| *axis != open).map(|(_, d)| *d).collect();
        dims[open] = known(&rest).and_then(|rest| all.checked_div(rest)).map_or(Dim::Unknown, Dim::Known);
    }
    Some(Shape(dims))
}

fn concatenated(node: &NodeView<'_>) -> Option<Shape> {
    let mut shape = node.input(0)?.shape.clone()?;
    let axis = node.int("axis", 1).ok()?;
    let axis = usize::try_from(if axis < 0 { axis + shape.rank() as i64 } else { axis }).ok().filter(|a| *a < shape.rank())?;
    for input in 1..node.inputs.len() {
        let next = node.input(input)?.shape.as_ref().filter(|s| s.rank() == shape.rank())?;
        let sum = shape.dim(axis).known().zip(next.dim(axis).known()).and_then(|(a, b)| a.checked_add(b));
        let mut others = (shape.clone(), next.clone());
        others.0.0[axis] = Dim::Unknown;
        others.1.0[axis] = Dim::Unknown;
        shape = others.0.meet(&others.1)?;
        shape.0[axis] = sum.map_or(Dim::Unknown, Dim::Known);
    }
    Some(shape)
}
