//! Shapes: enough to know ranks and channel axes, also across operators that have no law of their own.
//!
//! What is not certain is unknown.

use super::{Stop, conv, extents, find, matmul, split, window};
use crate::law::{Carry, Passes, Reason};
use crate::model::{Dim, Element, Extent, NodeView, Shape, tensor};

/// The shape of an output of a node, as far as its operator tells.
pub fn infer(node: &NodeView<'_>, output: usize) -> Option<Shape> {
    if output > 0 {
        return match node.op_type {
            "Split" => split::piece(node, output),
            "DynamicQuantizeLinear" => Some(Shape(vec![])),
            _ => None,
        };
    }
    if let Some(operator) = find(node.op_type) {
        return (operator.shape)(node);
    }
    match node.op_type {
        "Elu" | "Selu" | "Celu" | "Gelu" | "Mish" | "Swish" | "Sigmoid" | "HardSigmoid" | "HardSwish" | "Tanh" | "Softplus"
        | "Softsign" | "Erf" | "Exp" | "Log" | "Sqrt" | "Abs" | "Neg" | "Reciprocal" | "Floor" | "Ceil" | "Round" | "Sign"
        | "Softmax" | "LogSoftmax" | "LRN" | "QuantizeLinear" | "DequantizeLinear" | "ThresholdedRelu" => {
            node.input(0)?.owned_shape()
        }
        "Max" | "Min" if node.inputs.len() == 2 => broadcast(node),
        "Pow" | "Mod" | "And" | "Or" | "Xor" | "Equal" | "Less" | "Greater" | "LessOrEqual" | "GreaterOrEqual" => broadcast(node),
        "Not" | "CastLike" | "IsNaN" | "IsInf" | "CumSum" => node.input(0)?.owned_shape(),
        "ReduceProd" | "ReduceL1" | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceSumSquare" => reduced(node),
        "DynamicQuantizeLinear" => node.input(0)?.owned_shape(),
        "MatMulInteger" => matmul::shape(node),
        "ConvInteger" => conv::shape(node),
        "Shape" => Some(Shape(vec![extents::length(node).map_or(Dim::Unknown, Dim::Known)])),
        "Size" => Some(Shape(vec![])),
        "ConstantOfShape" => Some(extents::described(&extents::given(node, 0)?)),
        "LpPool" => pooled(node),
        "GlobalLpPool" => global(node),
        _ => None,
    }
}

/// The float type of an output of a node: that of its input, unless its operator is known to make another.
pub fn element(node: &NodeView<'_>, output: usize) -> Option<Element> {
    let of = |input: usize| node.input(input)?.element;
    match (node.op_type, output) {
        ("Split", _) => of(0),
        ("DynamicQuantizeLinear", 1) => Some(Element::F32),
        (_, 1..) => None,
        ("Cast", _) => tensor::element(i32::try_from(node.int("to", 0).ok()?).ok()?),
        ("CastLike" | "Where", _) => of(1),
        ("Shape" | "Size" | "QuantizeLinear" | "DequantizeLinear" | "Not" | "IsNaN" | "IsInf", _) => None,
        ("Equal" | "Less" | "Greater" | "LessOrEqual" | "GreaterOrEqual", _) => None,
        ("Conv" | "ConvTranspose" | "Gemm" | "MatMul" | "Add" | "Sub" | "Mul" | "Div", _) => of(0).or_else(|| of(1)),
        _ if find(node.op_type).is_some() || infer(node, output).is_some() => of(0),
        _ => None,
    }
}

/// An axis counted from the front.
pub(super) fn normal(axis: i64, rank: usize) -> Option<usize> {
    usize::try_from(if axis < 0 { axis + rank as i64 } else { axis }).ok().filter(|axis| *axis < rank)
}

/// Channels and batch stay, everything else has one position.
pub(super) fn global(node: &NodeView<'_>) -> Option<Shape> {
    let mut shape = node.input(0)?.owned_shape()?;
    shape.0.iter_mut().skip(2).for_each(|d| *d = Dim::Known(1));
    Some(shape)
}

/// Two axes: the extents before `axis`, and the others.
pub(super) fn flattened(node: &NodeView<'_>) -> Option<Shape> {
    let shape = node.input(0)?.owned_shape()?;
    let axis = node.int("axis", 1).ok()?;
    let axis = usize::try_from(if axis < 0 { axis + shape.rank() as i64 } else { axis }).ok()?;
    let (before, behind) = (shape.0.get(..axis)?, shape.0.get(axis..)?);
    let product = |dims: &[Dim]| match dims {
        [one] => *one,
        dims => dims.iter().try_fold(1u64, |n, d| n.checked_mul(d.known()?)).map_or(Dim::Unknown, Dim::Known),
    };
    Some(Shape(vec![product(before), product(behind)]))
}

/// The order of axes of a Transpose; reversed if it does not say.
pub(super) fn order(node: &NodeView<'_>, rank: usize) -> Option<Vec<usize>> {
    let given = node.ints("perm").ok()?;
    let reversed: Vec<i64> = (0..rank as i64).rev().collect();
    let given = if given.is_empty() { &reversed[..] } else { given };
    let order = given.iter().map(|axis| usize::try_from(*axis).ok().filter(|a| *a < rank)).collect::<Option<Vec<usize>>>()?;
    let mut seen = order.clone();
    seen.sort_unstable();
    seen.dedup();
    (seen.len() == rank).then_some(order)
}

/// Axes in another order.
pub(super) fn transposed(node: &NodeView<'_>) -> Option<Shape> {
    let shape = node.input(0)?.shape.as_deref()?;
    Some(Shape(order(node, shape.rank())?.into_iter().map(|axis| shape.dim(axis)).collect()))
}

/// The axes that an operator is given, by attribute before `opset` and by input from there on.
fn axes(node: &NodeView<'_>, opset: i64, rank: usize) -> Option<Vec<usize>> {
    let given = match node.opset < opset {
        true => node.ints("axes").ok()?.to_vec(),
        false if node.input(1).is_some() => node.elements.integers(1).ok()?,
        false => vec![],
    };
    given.into_iter().map(|axis| normal(axis, rank)).collect()
}

/// Axes of extent one left out; without a list, all of them, which must be known.
pub(super) fn squeezed(node: &NodeView<'_>) -> Option<Shape> {
    let shape = node.input(0)?.shape.as_deref()?;
    let mut gone = axes(node, 13, shape.rank())?;
    if gone.is_empty() {
        shape.0.iter().all(|d| d.known().is_some()).then_some(())?;
        gone = (0..shape.rank()).filter(|axis| shape.dim(*axis) == Dim::Known(1)).collect();
    }
    Some(Shape(shape.0.iter().enumerate().filter(|(axis, _)| !gone.contains(axis)).map(|(_, d)| *d).collect()))
}

/// Axes of extent one put in.
pub(super) fn unsqueezed(node: &NodeView<'_>) -> Option<Shape> {
    let shape = node.input(0)?.shape.as_deref()?;
    let count = if node.opset < 13 { node.ints("axes").ok()?.len() } else { node.elements.integers(1).ok()?.len() };
    let rank = shape.rank() + count;
    let new = axes(node, 13, rank)?;
    let mut old = shape.0.iter();
    let dims = (0..rank).map(|axis| if new.contains(&axis) { Some(Dim::Known(1)) } else { old.next().copied() });
    dims.collect::<Option<Vec<Dim>>>().map(Shape)
}

/// The axes of a reduction, and whether they stay with one position.
fn reduction_axes(node: &NodeView<'_>, rank: usize) -> Option<(Vec<usize>, bool)> {
    let by_input = if node.op_type == "ReduceSum" { 13 } else { 18 };
    let given = axes(node, by_input, rank)?;
    if given.is_empty() && node.int("noop_with_empty_axes", 0).ok()? != 0 {
        return None;
    }
    let all = (0..rank).collect();
    Some((if given.is_empty() { all } else { given }, node.int("keepdims", 1).ok()? != 0))
}

/// The axes of a reduction.
pub(super) fn reduced_axes(node: &NodeView<'_>, rank: usize) -> Option<Vec<usize>> {
    reduction_axes(node, rank).map(|(gone, _)| gone)
}

/// The shape of a reduction.
pub(super) fn reduced(node: &NodeView<'_>) -> Option<Shape> {
    let shape = node.input(0)?.shape.as_deref()?;
    let (gone, keep) = reduction_axes(node, shape.rank())?;
    let dims = shape.0.iter().enumerate().filter(|(axis, _)| keep || !gone.contains(axis));
    Some(Shape(dims.map(|(axis, d)| if gone.contains(&axis) { Dim::Known(1) } else { *d }).collect()))
}

/// The law of a reduction: axes that are not reduced correspond.
pub(super) fn reduction(node: &NodeView<'_>, passes: Passes) -> Result<Carry, Stop> {
    let rank = node.shape(0)?.rank();
    let (gone, keep) = reduction_axes(node, rank).ok_or(Reason::UnknownShape)?;
    let mut carry = Carry::unary(Some(rank), passes);
    carry.wires[0].lanes.retain(|lane| !gone.contains(&lane.input));
    for lane in carry.wires[0].lanes.iter_mut().filter(|_| !keep) {
        lane.output -= gone.iter().filter(|axis| **axis < lane.input).count();
    }
    Ok(carry)
}

/// The law of a reduction to the largest or smallest number. Of nothing, that is a number of its own, which no map may reach.
pub(super) fn extreme(node: &NodeView<'_>) -> Result<Carry, Stop> {
    if node.input(0).is_some_and(|x| x.shape.as_deref().is_some_and(|shape| shape.0.contains(&Dim::Known(0)))) {
        return Err(Reason::UnknownShape.into());
    }
    reduction(node, Passes::RISING)
}

/// How many numbers a reduction puts together.
pub(super) fn terms(node: &NodeView<'_>) -> Option<u64> {
    let shape = node.input(0)?.shape.as_deref()?;
    let (gone, _) = reduction_axes(node, shape.rank())?;
    gone.iter().try_fold(1u64, |n, axis| n.checked_mul(shape.dim(*axis).known()?)).filter(|n| *n > 0)
}

pub(super) fn broadcast(node: &NodeView<'_>) -> Option<Shape> {
    let mut shape = node.input(0)?.owned_shape()?;
    for input in 1..node.inputs.len() {
        shape = shape.broadcast(node.input(input)?.shape.as_deref()?)?;
    }
    Some(shape)
}

/// Spatial extents change, batch and channels stay.
pub(super) fn pooled(node: &NodeView<'_>) -> Option<Shape> {
    let mut shape = node.input(0)?.owned_shape()?;
    let kernel = node.ints("kernel_shape").ok()?;
    for (axis, dim) in shape.0.iter_mut().skip(2).enumerate() {
        let taps = kernel.get(axis).and_then(|taps| u64::try_from(*taps).ok()).map_or(Dim::Unknown, Dim::Known);
        *dim = window::behind(node, *dim, taps, (axis, kernel.len()));
    }
    Some(shape)
}

/// The shape that a Reshape asks for; 0 takes the extent over, −1 is what is left.
pub(super) fn reshaped(node: &NodeView<'_>) -> Option<Shape> {
    let Some(wanted) = extents::given(node, 1) else {
        // A list of unknown numbers has a length.
        let [Dim::Known(rank)] = node.input(1)?.shape.as_deref()?.0[..] else { return None };
        return usize::try_from(rank).ok().filter(|rank| *rank <= 64).map(Shape::of_rank);
    };
    let x = node.input(0)?.shape.as_deref();
    let zero_is_zero = node.int("allowzero", 0).ok()? != 0;
    let mut shape = extents::described(&wanted);
    for (axis, (dim, extent)) in shape.0.iter_mut().zip(&wanted).enumerate() {
        if *extent == Extent::Number(0) && !zero_is_zero {
            *dim = x.map_or(Dim::Unknown, |x| x.dim(axis));
        }
    }
    if let (Some(open), Some(x)) = (wanted.iter().position(|extent| *extent == Extent::Number(-1)), x) {
        let rest: Vec<Dim> = shape.0.iter().enumerate().filter(|(axis, _)| *axis != open).map(|(_, d)| *d).collect();
        shape.0[open] = quotient(&x.0, &rest).unwrap_or(Dim::Unknown);
    }
    Some(shape)
}

/// The one extent that makes a product of others as large as another product.
fn quotient(all: &[Dim], others: &[Dim]) -> Option<Dim> {
    let known = |dims: &[Dim]| dims.iter().filter_map(|d| d.known()).try_fold(1u64, |n, d| n.checked_mul(d));
    let mut symbols: Vec<Dim> = all.iter().filter(|d| d.known().is_none()).copied().collect();
    for dim in others.iter().filter(|d| d.known().is_none()) {
        let at = symbols.iter().position(|symbol| symbol.same(*dim))?;
        symbols.swap_remove(at);
    }
    let (all, others) = (known(all)?, known(others)?);
    let number = all.checked_div(others).filter(|number| number.checked_mul(others) == Some(all))?;
    match (&symbols[..], number) {
        ([], number) => Some(Dim::Known(number)),
        ([symbol], 1) => Some(*symbol),
        _ => None,
    }
}

pub(super) fn concatenated(node: &NodeView<'_>) -> Option<Shape> {
    let mut shape = node.input(0)?.owned_shape()?;
    let axis = node.int("axis", 1).ok()?;
    let axis = usize::try_from(if axis < 0 { axis + shape.rank() as i64 } else { axis }).ok().filter(|a| *a < shape.rank())?;
    for input in 1..node.inputs.len() {
        let next = node.input(input)?.shape.as_deref().filter(|s| s.rank() == shape.rank())?;
        let sum = shape.dim(axis).known().zip(next.dim(axis).known()).and_then(|(a, b)| a.checked_add(b));
        let mut others = (shape.clone(), next.clone());
        others.0.0[axis] = Dim::Unknown;
        others.1.0[axis] = Dim::Unknown;
        shape = others.0.meet(&others.1)?;
        shape.0[axis] = sum.map_or(Dim::Unknown, Dim::Known);
    }
    Some(shape)
}
