//! The operators that the engine may run, and how each comes to run in f64.
//!
//! The table was made by running the ONNX project's own node tests through this room, every float
//! widened: what gave the expected values in f64 is native. What the engine has in f32 only, lacks, or computes
//! otherwise than ONNX says, the slow reference evaluates; what that lacks, too, is opaque.

use super::proto::{attribute, float, graphs, int, is_standard, text};
use super::widen::Floats;
use crate::onnx::NodeProto;
use crate::reference;

/// How a node is made to run in f64.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Treatment {
    /// The engine has it in f64.
    Native,
    /// The engine has it in f32 only, and the reference lacks it: these inputs are narrowed before it and these outputs
    /// widened after it. Alike on both sides, so equal bits in are equal bits out.
    Narrow {
        /// The positions of the inputs that are floats.
        inputs: &'static [usize],
        /// The positions of the outputs that are floats.
        outputs: &'static [usize],
    },
    /// Written out in operators that the engine has in f64.
    Rewrite,
    /// Evaluated by the slow reference.
    Reference,
    /// Nobody has it: what it makes is drawn at random.
    Opaque,
}

const NATIVE: &[&str] = &[
    "Abs",
    "Acos",
    "Acosh",
    "Add",
    "And",
    "ArgMax",
    "ArgMin",
    "Asin",
    "Asinh",
    "Atan",
    "Atanh",
    "AveragePool",
    "BatchNormalization",
    "BitwiseAnd",
    "BitwiseNot",
    "BitwiseOr",
    "BitwiseXor",
    "Cast",
    "CastLike",
    "Ceil",
    "Clip",
    "Concat",
    "Constant",
    "ConstantOfShape",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "Cos",
    "Cosh",
    "CumSum",
    "DepthToSpace",
    "Div",
    "Dropout",
    "Einsum",
    "Elu",
    "Equal",
    "Exp",
    "Expand",
    "EyeLike",
    "Flatten",
    "Floor",
    "Gather",
    "GatherElements",
    "GatherND",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "Greater",
    "GreaterOrEqual",
    "Hardmax",
    "Identity",
    "InstanceNormalization",
    "LRN",
    "Less",
    "LessOrEqual",
    "Log",
    "LogSoftmax",
    "LpNormalization",
    "MatMul",
    "MatMulInteger",
    "Max",
    "MaxPool",
    "MeanVarianceNormalization",
    "Min",
    "Mish",
    "Mod",
    "Mul",
    "Neg",
    "NonZero",
    "Not",
    "OneHot",
    "Or",
    "PRelu",
    "Pow",
    "Range",
    "Reciprocal",
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
    "Relu",
    "Reshape",
    "RotaryEmbedding",
    "Scatter",
    "ScatterElements",
    "ScatterND",
    "Shape",
    "Shrink",
    "Sign",
    "Sin",
    "Sinh",
    "Size",
    "Slice",
    "Softmax",
    "Softplus",
    "Softsign",
    "SpaceToDepth",
    "Split",
    "Sqrt",
    "Squeeze",
    "Sub",
    "Sum",
    "Tan",
    "Tanh",
    "ThresholdedRelu",
    "Tile",
    "TopK",
    "Transpose",
    "Trilu",
    "Unsqueeze",
    "Where",
    "Xor",
];

/// The treatment of a node in f64.
pub(crate) fn treatment(node: &NodeProto, opset: i64) -> Treatment {
    let narrow = |inputs, outputs| Treatment::Narrow { inputs, outputs };
    let nested = graphs(node).next().is_some();
    if !is_standard(node.domain()) || nested {
        return Treatment::Opaque;
    }
    match node.op_type() {
        "Gemm" | "Mean" => Treatment::Rewrite,
        "DynamicQuantizeLinear" => narrow(&[0], &[1]),
        "NonMaxSuppression" => narrow(&[0, 1, 3, 4], &[]),
        "QLinearConv" | "QLinearMatMul" => narrow(&[1, 4, 6], &[]),
        operator if NATIVE.contains(&operator) && as_written(node, opset, Floats::Double).is_ok() => Treatment::Native,
        operator if reference::evaluates(operator) => Treatment::Reference,
        _ => Treatment::Opaque,
    }
}

/// Whether the engine has an operator in some float type.
pub(crate) fn is_known(operator: &str) -> bool {
    const STORED: &[&str] = &[
        "Celu",
        "DequantizeLinear",
        "DynamicQuantizeLinear",
        "Erf",
        "GRU",
        "Gelu",
        "Gemm",
        "GridSample",
        "GroupNormalization",
        "HardSigmoid",
        "HardSwish",
        "IsInf",
        "IsNaN",
        "LSTM",
        "LayerNormalization",
        "LeakyRelu",
        "Mean",
        "NonMaxSuppression",
        "Pad",
        "QLinearConv",
        "QLinearMatMul",
        "QuantizeLinear",
        "RMSNormalization",
        "RNN",
        "Resize",
        "Round",
        "Selu",
        "Sigmoid",
        "Swish",
        "Upsample",
    ];
    NATIVE.contains(&operator) || STORED.contains(&operator)
}

/// Whether the engine computes a node of an operator that it has as ONNX says, with these floats; else why not.
pub(crate) fn as_written(node: &NodeProto, opset: i64, floats: Floats) -> Result<(), &'static str> {
    if opset < 7 && int(node, "broadcast") == Some(1) && attribute(node, "axis").is_some() {
        return Err("the engine does not read the axis of opset 6 broadcasting");
    }
    match node.op_type() {
        "BatchNormalization" => batch_normalization(node, opset),
        "Pad" => pad(node),
        "PRelu" if opset < 7 => Err("the engine does not read slopes per channel as opset 6 does"),
        "LSTM" | "GRU" | "RNN" => recurrent(node),
        "SpaceToDepth" if attribute(node, "mode").is_some() => Err("the engine does not read its mode"),
        "Resize" if text(node, "coordinate_transformation_mode") == Some(b"tf_crop_and_resize") => {
            Err("tf_crop_and_resize was not compared")
        }
        "DequantizeLinear" | "QuantizeLinear" if floats == Floats::Stored && int(node, "block_size").unwrap_or(0) != 0 => {
            Err("blocked quantisation is not supported")
        }
        _ => Ok(()),
    }
}

/// The engine pads with the constant wherever one is stated, whatever the mode. Nor does it cut: in f64, where that may come, the
/// reference pads.
fn pad(node: &NodeProto) -> Result<(), &'static str> {
    match text(node, "mode") {
        Some(b"wrap") => Err("the mode wrap is not supported"),
        None | Some(b"constant") => Ok(()),
        Some(_) if node.input.get(2).is_some_and(|constant| !constant.is_empty()) => {
            Err("the engine does not read its mode beside a constant")
        }
        Some(_) => Ok(()),
    }
}

/// The engine reads neither `training_mode` nor `is_test`.
fn batch_normalization(node: &NodeProto, opset: i64) -> Result<(), &'static str> {
    if int(node, "training_mode").unwrap_or(0) != 0 {
        return Err("it is in training mode");
    }
    if opset < 7 && int(node, "is_test").unwrap_or(0) == 0 {
        return Err("it is in training mode, as is_test is not 1");
    }
    if opset < 9 && int(node, "spatial").unwrap_or(1) == 0 {
        return Err("spatial = 0 is not supported");
    }
    if node.output.iter().skip(1).any(|name| !name.is_empty()) {
        return Err("it gives out batch statistics, as in training");
    }
    if float(node, "epsilon").is_some_and(|epsilon| !epsilon.is_finite()) {
        return Err("epsilon is not finite");
    }
    Ok(())
}

/// The engine runs a reverse network forward and always takes the default activations.
fn recurrent(node: &NodeProto) -> Result<(), &'static str> {
    if text(node, "direction") == Some(b"reverse") {
        return Err("the engine does not read the direction");
    }
    let usual: &[&[u8]] = match node.op_type() {
        "LSTM" => &[b"Sigmoid", b"Tanh", b"Tanh"],
        "GRU" => &[b"Sigmoid", b"Tanh"],
        _ => &[b"Tanh"],
    };
    let activations = attribute(node, "activations").map(|all| all.strings.as_slice());
    let unusual = activations.is_some_and(|all| all.chunks(usual.len()).any(|direction| direction.iter().ne(usual.iter())));
    if unusual {
        return Err("the engine does not read the activations");
    }
    if attribute(node, "clip").is_some() || int(node, "input_forget").unwrap_or(0) != 0 {
        return Err("the engine reads neither clip nor input_forget");
    }
    Ok(())
}
