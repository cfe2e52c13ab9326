//! The element types of values, and which of them hold every number of another.

use crate::model::{Graph, Node, Origin, ValueId};
use crate::onnx::tensor_proto::DataType;
use crate::onnx::type_proto;

/// The element type of a value, if it follows from what inputs are declared as, from constants and from casts. What a file remarks
/// of values in between is not believed.
pub(crate) fn of(graph: &Graph<'_>, value: ValueId) -> Option<i32> {
    let mut at = value;
    loop {
        if let Ok((tensor, _)) = graph.constant(at) {
            return Some(graph.tensor(tensor).data_type);
        }
        let node = match graph.value(at).origin {
            Origin::Initializer(tensor) | Origin::Input { default: Some(tensor) } => return Some(graph.tensor(tensor).data_type),
            Origin::Input { default: None } => return declared(graph, at),
            Origin::Node(node, 0) => graph.node(node),
            Origin::Node(..) | Origin::Opaque => return None,
        };
        if !node.standard {
            return None;
        }
        if node.proto.op_type() == "Cast" {
            return to(node);
        }
        let inputs = alike(node)?.filter_map(|input| node.inputs.get(input).copied().flatten());
        // A constant says it at once.
        let found = inputs.clone().find(|input| graph.constant(*input).is_ok()).or_else(|| inputs.clone().next());
        at = found?;
    }
}

fn declared(graph: &Graph<'_>, value: ValueId) -> Option<i32> {
    match graph.value(value).declared?.value.as_ref()? {
        type_proto::Value::TensorType(tensor) => tensor.elem_type,
        _ => None,
    }
}

/// The type that a Cast makes.
pub(crate) fn to(node: &Node<'_>) -> Option<i32> {
    node.proto.attribute.iter().find(|a| a.name() == "to").and_then(|a| i32::try_from(a.i()).ok())
}

/// The inputs that have the type of the first output (`T` in ONNX's operator schemas).
fn alike(node: &Node<'_>) -> Option<std::ops::Range<usize>> {
    Some(match node.proto.op_type() {
        "Abs"
        | "AveragePool"
        | "Ceil"
        | "Celu"
        | "Compress"
        | "CumSum"
        | "DepthToSpace"
        | "Dropout"
        | "Elu"
        | "Erf"
        | "Exp"
        | "Expand"
        | "Flatten"
        | "Floor"
        | "Gather"
        | "GatherElements"
        | "GatherND"
        | "Gelu"
        | "GlobalAveragePool"
        | "GlobalLpPool"
        | "GlobalMaxPool"
        | "GridSample"
        | "HardSigmoid"
        | "HardSwish"
        | "Hardmax"
        | "Identity"
        | "LRN"
        | "LeakyRelu"
        | "Log"
        | "LogSoftmax"
        | "LpNormalization"
        | "LpPool"
        | "MaxPool"
        | "MeanVarianceNormalization"
        | "Mish"
        | "Neg"
        | "Pad"
        | "Reciprocal"
        | "ReduceL1"
        | "ReduceL2"
        | "ReduceLogSum"
        | "ReduceLogSumExp"
        | "ReduceMax"
        | "ReduceMean"
        | "ReduceMin"
        | "ReduceProd"
        | "ReduceSum"
        | "ReduceSumSquare"
        | "Relu"
        | "Reshape"
        | "Round"
        | "Selu"
        | "Shrink"
        | "Sigmoid"
        | "Sign"
        | "Sin"
        | "Slice"
        | "Softmax"
        | "Softplus"
        | "Softsign"
        | "SpaceToDepth"
        | "Split"
        | "Sqrt"
        | "Squeeze"
        | "Swish"
        | "Tan"
        | "Tanh"
        | "ThresholdedRelu"
        | "Tile"
        | "TopK"
        | "Transpose"
        | "Trilu"
        | "Unsqueeze"
        | "Upsample"
        | "Resize"
        | "BatchNormalization"
        | "LayerNormalization" => 0..1,
        "Add" | "Sub" | "Mul" | "Div" | "Conv" | "ConvTranspose" | "MatMul" | "PRelu" | "DeformConv" => 0..2,
        "Gemm" | "Clip" | "InstanceNormalization" | "GroupNormalization" => 0..3,
        "LSTM" | "GRU" | "RNN" => 0..4,
        "Concat" | "Max" | "Mean" | "Min" | "Sum" | "Einsum" => 0..node.inputs.len(),
        "Where" => 1..3,
        _ => return None,
    })
}

/// Whether a type is one of whole numbers.
pub(crate) fn is_whole(data_type: i32) -> bool {
    use DataType::{Int4, Int8, Int16, Int32, Int64, Uint4, Uint8, Uint16, Uint32, Uint64};
    let whole = [Int4, Int8, Int16, Int32, Int64, Uint4, Uint8, Uint16, Uint32, Uint64];
    DataType::try_from(data_type).is_ok_and(|found| whole.contains(&found))
}

/// Whether every number of one type is a number of another.
pub(crate) fn holds(wide: i32, narrow: i32) -> bool {
    // Digits before rounding begins, the exponent of the largest number and of the smallest.
    let float = |data_type| {
        Some(match DataType::try_from(data_type).ok()? {
            DataType::Float16 => (11, 15, -24),
            DataType::Bfloat16 => (8, 127, -133),
            DataType::Float => (24, 127, -149),
            DataType::Double => (53, 1023, -1074),
            _ => return None,
        })
    };
    // Digits beside the sign.
    let whole = |data_type| {
        Some(match DataType::try_from(data_type).ok()? {
            DataType::Bool => 1,
            DataType::Int8 => 7,
            DataType::Uint8 => 8,
            DataType::Int16 => 15,
            DataType::Uint16 => 16,
            DataType::Int32 => 31,
            DataType::Uint32 => 32,
            _ => return None,
        })
    };
    wide == narrow
        || match (float(wide), float(narrow), whole(narrow)) {
            (Some(wide), Some(narrow), _) => wide.0 >= narrow.0 && wide.1 >= narrow.1 && wide.2 <= narrow.2,
            (Some(wide), None, Some(digits)) => wide.0 >= digits,
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_holds_another_if_nothing_is_rounded() {
        let [float, half, brain, double, byte, int, long] = [1, 10, 16, 11, 2, 6, 7];
        for (wide, narrow) in [(float, half), (float, brain), (double, float), (half, half), (float, byte), (double, int)] {
            assert!(holds(wide, narrow), "{narrow} to {wide}");
            assert!(wide == narrow || !holds(narrow, wide), "{wide} to {narrow}");
        }
        assert!(!holds(half, brain) && !holds(brain, half) && !holds(float, int) && !holds(double, long) && !holds(long, float));
        assert!(holds(brain, byte) && !holds(brain, 4) && holds(long, long));
    }
}
