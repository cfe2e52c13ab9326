//! What makes a file invalid although it can be read and evaluated: the reference looks only at what it needs.

use std::collections::BTreeSet;

use crate::onnx::attribute_proto::AttributeType;
use crate::onnx::tensor_proto::DataLocation;
use crate::onnx::{AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, TensorProto};

/// Why a model is invalid; `None` if nothing was found.
pub(in crate::faults) fn unsound(model: &ModelProto) -> Option<String> {
    let imports = model.opset_import.iter().map(|import| if import.domain() == "ai.onnx" { "" } else { import.domain() });
    if let Some(twice) = twice(imports) {
        return Some(format!("two operator sets of the domain `{twice}`"));
    }
    if let Some(import) = model.opset_import.iter().find(|import| !(1..=28).contains(&import.version())) {
        return Some(format!("no operator set {}", import.version()));
    }
    let standard = |node: &NodeProto| node.domain().is_empty() || node.domain() == "ai.onnx";
    let imported = model.opset_import.iter().any(|import| matches!(import.domain(), "" | "ai.onnx"));
    if !imported && model.graph.iter().flat_map(|graph| &graph.node).any(standard) {
        return Some("no operator set of the standard domain".into());
    }
    if !(3..=14).contains(&model.ir_version()) {
        return Some("no such version of the format".into());
    }
    let called = |f: &FunctionProto| format!("{}.{}.{}", f.domain(), f.name(), f.overload());
    let names: Vec<String> = model.functions.iter().map(called).collect();
    if twice(names.iter().map(String::as_str)).is_some() {
        return Some("two functions of one name".into());
    }
    let functions = model.functions.iter().find_map(in_function);
    functions.or_else(|| in_graph(model.graph.as_ref()?, &BTreeSet::new()))
}

fn twice<'n>(names: impl Iterator<Item = &'n str>) -> Option<String> {
    let mut seen = BTreeSet::new();
    names.into_iter().find(|name| !seen.insert(*name)).map(str::to_owned)
}

fn in_function(function: &FunctionProto) -> Option<String> {
    let names = function.attribute.iter().map(String::as_str).chain(function.attribute_proto.iter().map(|a| a.name()));
    if twice(names).is_some() || twice(function.input.iter().map(String::as_str)).is_some() {
        return Some("a name of a function twice".into());
    }
    let made = function.input.iter().cloned().collect();
    in_nodes(&function.node, made).or_else(|| function.attribute_proto.iter().find_map(in_attribute))
}

fn in_graph(graph: &GraphProto, outer: &BTreeSet<String>) -> Option<String> {
    if twice(graph.input.iter().map(|v| v.name())).is_some() || twice(graph.output.iter().map(|v| v.name())).is_some() {
        return Some("an input or output twice".into());
    }
    if graph.input.iter().chain(&graph.output).any(|value| value.name().is_empty()) {
        return Some("an input or output without a name".into());
    }
    let sparse = graph.sparse_initializer.iter().filter_map(|s| s.values.as_ref());
    if graph.sparse_initializer.iter().any(|s| s.values.is_none() || s.indices.is_none()) {
        return Some("a sparse tensor without values or indices".into());
    }
    let stored = || graph.initializer.iter().chain(sparse.clone());
    if twice(stored().map(|t| t.name())).is_some() || stored().any(|t| t.name().is_empty()) {
        return Some("two initializers of one name, or one without".into());
    }
    let sparse_parts = graph.sparse_initializer.iter().flat_map(|s| s.values.iter().chain(&s.indices));
    if let Some(why) = graph.initializer.iter().chain(sparse_parts).find_map(in_tensor) {
        return Some(why);
    }
    let mut made = outer.clone();
    made.extend(graph.input.iter().map(|v| v.name().to_owned()).chain(stored().map(|t| t.name().to_owned())));
    in_nodes(&graph.node, made)
}

fn in_nodes(nodes: &[NodeProto], mut made: BTreeSet<String>) -> Option<String> {
    for node in nodes {
        if let Some(missing) = node.input.iter().find(|input| !input.is_empty() && !made.contains(*input)) {
            return Some(format!("nothing before it computes `{missing}`"));
        }
        if twice(node.attribute.iter().map(|a| a.name())).is_some() {
            return Some("an attribute twice".into());
        }
        if node.domain().is_empty() && node.input.len() > most_inputs(node.op_type()) {
            return Some(format!("a {} with {} inputs", node.op_type(), node.input.len()));
        }
        let why = node
            .attribute
            .iter()
            .find_map(|a| in_attribute(a).or_else(|| a.g.iter().chain(&a.graphs).find_map(|g| in_graph(g, &made))));
        if why.is_some() {
            return why;
        }
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            if !made.insert(output.clone()) {
                return Some(format!("`{output}` is computed twice"));
            }
        }
    }
    None
}

/// How many inputs an operator has at most, in any operator set.
fn most_inputs(operator: &str) -> usize {
    match operator {
        "Abs" | "Acos" | "Acosh" | "ArgMax" | "ArgMin" | "Asin" | "Asinh" | "Atan" | "Atanh" | "AveragePool" | "Cast"
        | "Ceil" | "Celu" | "ConstantOfShape" | "Cos" | "Cosh" | "DepthToSpace" | "Elu" | "Erf" | "Exp" | "Flatten" | "Floor"
        | "Gelu" | "GlobalAveragePool" | "GlobalMaxPool" | "HardSigmoid" | "HardSwish" | "Identity" | "If" | "IsInf"
        | "IsNaN" | "LeakyRelu" | "Log" | "LogSoftmax" | "LpPool" | "MaxPool" | "Mish" | "Neg" | "Not" | "Reciprocal"
        | "Relu" | "Round" | "Selu" | "Shape" | "Sigmoid" | "Sign" | "Sin" | "Sinh" | "Size" | "Softmax" | "Softplus"
        | "Softsign" | "SpaceToDepth" | "Sqrt" | "Swish" | "Tan" | "Tanh" | "ThresholdedRelu" | "Transpose" => 1,
        "Add" | "And" | "CastLike" | "Div" | "Equal" | "Expand" | "Gather" | "Greater" | "GreaterOrEqual" | "GridSample"
        | "Less" | "LessOrEqual" | "MatMul" | "Mod" | "Mul" | "Or" | "PRelu" | "Pow" | "RMSNormalization" | "ReduceL1"
        | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax" | "ReduceMean" | "ReduceMin" | "ReduceProd"
        | "ReduceSum" | "ReduceSumSquare" | "Reshape" | "Split" | "Squeeze" | "Sub" | "Unsqueeze" | "Upsample" | "Xor" => 2,
        "Clip"
        | "Conv"
        | "ConvTranspose"
        | "DequantizeLinear"
        | "Dropout"
        | "Gemm"
        | "GroupNormalization"
        | "InstanceNormalization"
        | "LayerNormalization"
        | "QuantizeLinear"
        | "Range"
        | "Tile"
        | "Where" => 3,
        "Pad" | "Resize" => 4,
        "BatchNormalization" | "DeformConv" | "Slice" => 5,
        "GRU" | "RNN" => 6,
        "LSTM" => 8,
        _ => usize::MAX,
    }
}

/// An attribute holds what its type says, and nothing else.
fn in_attribute(attribute: &AttributeProto) -> Option<String> {
    let holds = [
        (attribute.f.is_some(), AttributeType::Float),
        (attribute.i.is_some(), AttributeType::Int),
        (attribute.s.is_some(), AttributeType::String),
        (attribute.t.is_some(), AttributeType::Tensor),
        (attribute.g.is_some(), AttributeType::Graph),
        (attribute.sparse_tensor.is_some(), AttributeType::SparseTensor),
        (attribute.tp.is_some(), AttributeType::TypeProto),
        (!attribute.floats.is_empty(), AttributeType::Floats),
        (!attribute.ints.is_empty(), AttributeType::Ints),
        (!attribute.strings.is_empty(), AttributeType::Strings),
        (!attribute.tensors.is_empty(), AttributeType::Tensors),
        (!attribute.graphs.is_empty(), AttributeType::Graphs),
        (!attribute.sparse_tensors.is_empty(), AttributeType::SparseTensors),
        (!attribute.type_protos.is_empty(), AttributeType::TypeProtos),
    ];
    let said = attribute.r#type();
    let lists = matches!(
        said,
        AttributeType::Floats | AttributeType::Ints | AttributeType::Strings | AttributeType::Tensors | AttributeType::Graphs
    );
    let referred = !attribute.ref_attr_name().is_empty();
    let fine = holds.iter().all(|(there, kind)| if *kind == said { *there || lists || referred } else { !there });
    let unnamed = attribute.name().is_empty() || said == AttributeType::Undefined;
    let sparse = attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors).flat_map(|s| s.values.iter().chain(&s.indices));
    let tensors = attribute.t.iter().chain(&attribute.tensors).chain(sparse);
    if !fine || unnamed {
        Some("an attribute that does not hold what its type says".into())
    } else {
        tensors.into_iter().find_map(in_tensor)
    }
}

/// A tensor holds its elements in the one field of its type.
fn in_tensor(tensor: &TensorProto) -> Option<String> {
    let fields = [
        (tensor.raw_data.is_some(), true),
        (!tensor.float_data.is_empty(), matches!(tensor.data_type(), 1 | 14)),
        (!tensor.double_data.is_empty(), matches!(tensor.data_type(), 11 | 15)),
        (!tensor.int64_data.is_empty(), tensor.data_type() == 7),
        (!tensor.uint64_data.is_empty(), matches!(tensor.data_type(), 12 | 13)),
        (!tensor.string_data.is_empty(), tensor.data_type() == 8),
        (!tensor.int32_data.is_empty(), !matches!(tensor.data_type(), 1 | 7 | 8 | 11..=15)),
    ];
    let there = fields.iter().filter(|(there, _)| *there).count();
    let fits = fields.iter().all(|(there, fits)| !there || *fits);
    let elements: i64 = tensor.dims.iter().try_fold(1_i64, |all, d| all.checked_mul(*d)).unwrap_or(-1);
    if tensor.segment.is_some() || tensor.data_location() != DataLocation::Default {
        return None;
    }
    (!fits || there > 1 || there == 0 && elements != 0 || elements < 0).then(|| format!("the elements of `{}`", tensor.name()))
}
