//! The extents of what a node makes, from those of what it reads (the sections "Outputs" of ONNX's operators).

use super::view::{View, axis};
use super::{Extent, Extents, moves, windows};

fn one() -> Option<Extent> {
    Some(Extent::number(1))
}

/// The extents of each output, as far as they are known.
pub(super) fn follow(view: &View<'_, '_>) -> Option<Vec<Extents>> {
    let single = match view.operator {
        "Abs"
        | "BatchNormalization"
        | "Cast"
        | "Ceil"
        | "Celu"
        | "Clip"
        | "Cos"
        | "CumSum"
        | "DequantizeLinear"
        | "Dropout"
        | "Elu"
        | "Erf"
        | "Exp"
        | "Floor"
        | "Gelu"
        | "GroupNormalization"
        | "HardSigmoid"
        | "HardSwish"
        | "Identity"
        | "InstanceNormalization"
        | "LRN"
        | "LayerNormalization"
        | "LeakyRelu"
        | "Log"
        | "LogSoftmax"
        | "LpNormalization"
        | "MeanVarianceNormalization"
        | "Mish"
        | "Neg"
        | "Not"
        | "PRelu"
        | "QuantizeLinear"
        | "RMSNormalization"
        | "Reciprocal"
        | "Relu"
        | "Round"
        | "Selu"
        | "Sigmoid"
        | "Sign"
        | "Sin"
        | "Softmax"
        | "Softplus"
        | "Softsign"
        | "Sqrt"
        | "Swish"
        | "Tanh"
        | "ThresholdedRelu"
        | "ScatterElements"
        | "ScatterND"
        | "Trilu" => view.shape(0)?.clone(),
        // Samples or regions, with the channels of the data.
        "GridSample" | "RoiAlign" => {
            let shape = view.shape(0)?;
            (0..shape.len()).map(|axis| if axis == 1 { shape.get(1)?.clone() } else { None }).collect()
        }
        "Add" | "And" | "Div" | "Equal" | "Greater" | "GreaterOrEqual" | "Less" | "LessOrEqual" | "Max" | "Mean" | "Min"
        | "Mod" | "Mul" | "Or" | "Pow" | "Sub" | "Sum" | "Where" | "Xor" => elementwise(view)?,
        operator if windows::OPERATORS.contains(&operator) => windows::follow(view)?,
        "GlobalAveragePool" | "GlobalMaxPool" | "GlobalLpPool" => {
            view.shape(0)?.iter().enumerate().map(|(axis, extent)| if axis < 2 { extent.clone() } else { one() }).collect()
        }
        "Gemm" => gemm(view)?,
        "MatMul" => product(view.shape(0)?, view.shape(1)?)?,
        "Einsum" => einsum(view)?,
        "ReduceMean" | "ReduceSum" | "ReduceMax" | "ReduceMin" | "ReduceProd" | "ReduceL1" | "ReduceL2" | "ReduceLogSum"
        | "ReduceLogSumExp" | "ReduceSumSquare" => reduced(view)?,
        "LSTM" | "GRU" | "RNN" => return recurrent(view),
        "Split" => return moves::split(view),
        _ => moves::follow(view)?,
    };
    Some(vec![single])
}

/// The extent of an axis along which two are put beside each other, one of them repeated if it is one.
pub(super) fn wider(one: Option<&Extent>, two: Option<&Extent>) -> Option<Extent> {
    let number = |extent: Option<&Extent>| extent.and_then(Extent::as_number);
    match (number(one), number(two)) {
        _ if one == two => one.cloned(),
        (Some(1), _) => two.cloned(),
        (_, Some(1)) => one.cloned(),
        // The other is the same or one.
        (Some(_), _) => one.cloned(),
        (_, Some(_)) => two.cloned(),
        _ => None,
    }
}

/// The extents of several values of which some are repeated to be like the others.
pub(super) fn broadcast<'s>(shapes: impl IntoIterator<Item = &'s Extents>) -> Extents {
    shapes.into_iter().fold(vec![], |all: Extents, shape| {
        let rank = all.len().max(shape.len());
        let at = |shape: &Extents, axis: usize| match (axis + shape.len()).checked_sub(rank) {
            Some(axis) => shape.get(axis).cloned().flatten(),
            None => one(),
        };
        (0..rank).map(|axis| wider(at(&all, axis).as_ref(), at(shape, axis).as_ref())).collect()
    })
}

fn elementwise(view: &View<'_, '_>) -> Option<Extents> {
    // Up to operator set 6 a second operand could be put at an axis.
    if view.opset < 7 && view.has("broadcast") {
        return view.shape(0).cloned();
    }
    let shapes: Vec<&Extents> = (0..view.node.inputs.len()).map(|input| view.shape(input)).collect::<Option<_>>()?;
    Some(broadcast(shapes))
}

fn gemm(view: &View<'_, '_>) -> Option<Extents> {
    let side = |input: usize, transposed: &str, axis: usize| {
        let axis = if view.int(transposed, 0) != 0 { 1 - axis } else { axis };
        view.shape(input).and_then(|shape| shape.get(axis)?.clone())
    };
    Some(vec![side(0, "transA", 0), side(1, "transB", 1)])
}

fn product(a: &Extents, b: &Extents) -> Option<Extents> {
    let ([before @ .., rows, _], [others @ .., _, columns]) = (&a[..], &b[..]) else { return None };
    let mut all = broadcast([&before.to_vec(), &others.to_vec()]);
    all.extend([rows.clone(), columns.clone()]);
    Some(all)
}

/// Each letter of the result is an axis of one of the operands.
fn einsum(view: &View<'_, '_>) -> Option<Extents> {
    let equation: Vec<u8> = view.string("equation").iter().copied().filter(|c| *c != b' ').collect();
    let equation = String::from_utf8(equation).ok()?;
    let (operands, result) = equation.split_once("->")?;
    if equation.contains('.') {
        return None;
    }
    let operands: Vec<&str> = operands.split(',').collect();
    // Some read ONNX so that an extent of one is repeated.
    let extent = |letter: char| {
        let axes = operands.iter().enumerate().filter_map(|(at, letters)| Some((at, letters.find(letter)?)));
        let mut all = axes.map(|(operand, axis)| view.shape(operand)?.get(axis)?.clone());
        let first = all.next()?;
        all.fold(first, |wide, extent| wider(wide.as_ref(), extent.as_ref()))
    };
    Some(result.chars().map(extent).collect())
}

fn reduced(view: &View<'_, '_>) -> Option<Extents> {
    let shape = view.shape(0)?;
    let axes = view.list("axes", 1).ok()?;
    let keeps = view.int("keepdims", 1) != 0;
    let axes = match axes.filter(|axes| !axes.is_empty()) {
        None if view.int("noop_with_empty_axes", 0) != 0 => return Some(shape.clone()),
        None => (0..shape.len()).collect(),
        Some(axes) => axes.iter().map(|at| axis(*at, shape.len())).collect::<Option<Vec<_>>>()?,
    };
    let kept = shape.iter().enumerate().filter(|(axis, _)| keeps || !axes.contains(axis));
    Some(kept.map(|(axis, extent)| if axes.contains(&axis) { one() } else { extent.clone() }).collect())
}

/// The sequence of states, the last state and, of an LSTM, the last cell (ONNX LSTM 14, `layout` 0).
fn recurrent(view: &View<'_, '_>) -> Option<Vec<Extents>> {
    let [length, batch, _] = &view.shape(0)?[..] else { return None };
    let [directions, ..] = &view.shape(1)?[..] else { return None };
    let hidden = view.shape(2)?.get(2)?;
    if view.int("layout", 0) != 0 {
        return None;
    }
    let last = vec![directions.clone(), batch.clone(), hidden.clone()];
    Some(vec![vec![length.clone(), directions.clone(), batch.clone(), hidden.clone()], last.clone(), last])
}
