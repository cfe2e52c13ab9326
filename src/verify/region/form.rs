//! A node of a region: which operators may stand there, and which of their inputs are parameters.

use super::types;
use crate::error::Result;
use crate::model::{Graph, Node, NodeId, TensorId};
use crate::verify::align::contradicts;

/// A node that may belong to a fold.
#[derive(Clone, Debug)]
pub struct Form {
    /// The node.
    pub node: NodeId,
    /// Its operator.
    pub operator: String,
    /// How much of an affine map it is by itself, as a fold removes or simplifies them: a BatchNormalization is more than the
    /// product and the sum that can stand for it; 0 is none.
    pub affine: u8,
    /// Its parameters: input and constant.
    pub constants: Vec<(usize, TensorId)>,
    /// Whether its map is NaN or infinite although its constants are not: a variance that has no root.
    pub broken: bool,
}

pub(crate) type Read<T> = std::result::Result<T, String>;

/// Reads a node; or says why it cannot be part of a fold.
///
/// # Errors
/// A file that cannot be read.
pub fn read(graph: &Graph<'_>, id: NodeId) -> Result<Read<Form>> {
    let node = graph.node(id);
    let mut form = match parameters(graph, node) {
        Ok((affine, constants)) => {
            // A Sum of two, one of them constant, is an Add.
            let adds = node.proto.op_type() == "Sum" && affine > 0;
            let operator = if adds { "Add" } else { node.proto.op_type() }.to_owned();
            Form { node: id, operator, affine, constants, broken: false }
        }
        Err(why) => return Ok(Err(why)),
    };
    if node.proto.attribute.iter().any(|a| !a.ref_attr_name().is_empty()) {
        return Ok(Err("refers to an attribute of the function around it".into()));
    }
    if counts(graph, node) {
        return Ok(Err("computes with whole numbers, which overflow".into()));
    }
    if node.proto.op_type() == "Cast" && !is_exact(graph, node) {
        return Ok(Err("is a Cast to a type that may not hold every number".into()));
    }
    if node.proto.op_type() == "Dropout"
        && let Err(why) = dropout(graph, node)?
    {
        return Ok(Err(why));
    }
    if node.proto.op_type() == "BatchNormalization" {
        form.broken = rootless(graph, node, &form)?;
    }
    Ok(Ok(form))
}

/// Whether a node makes new whole numbers of others.
fn counts(graph: &Graph<'_>, node: &Node<'_>) -> bool {
    let operands = match node.proto.op_type() {
        "AveragePool" | "ReduceMean" | "ReduceSum" => 1,
        "Add" | "Sub" | "Mul" | "Div" | "MatMul" | "Gemm" | "Einsum" | "Sum" | "Mean" => node.inputs.len(),
        _ => 0,
    };
    let mut types = node.inputs.iter().take(operands).flatten().filter_map(|value| types::of(graph, *value));
    types.any(types::is_whole)
}

/// Whether a Cast hands every number on as it is, as far as is known.
fn is_exact(graph: &Graph<'_>, node: &Node<'_>) -> bool {
    let from = node.inputs.first().copied().flatten().and_then(|value| types::of(graph, value));
    from.zip(types::to(node)).is_some_and(|(from, to)| types::holds(to, from))
}

fn constant(graph: &Graph<'_>, node: &Node<'_>, input: usize) -> Option<TensorId> {
    let value = node.inputs.get(input).copied().flatten()?;
    graph.constant(value).ok().map(|(tensor, _)| tensor)
}

fn connected(node: &Node<'_>, input: usize) -> bool {
    node.inputs.get(input).copied().flatten().is_some()
}

/// How much of an affine map the operator is, and its parameters.
fn parameters(graph: &Graph<'_>, node: &Node<'_>) -> Read<(u8, Vec<(usize, TensorId)>)> {
    if !node.standard {
        // onnxruntime writes operators of its own into what it has optimised, from its extended level on.
        let own = node.proto.domain() == "com.microsoft";
        let remedy = if own { " (save the model at onnxruntime's basic level, ORT_ENABLE_BASIC)" } else { "" };
        return Err(format!("is an operator of another domain{remedy}"));
    }
    if contradicts(graph, node) {
        return Err(format!("({}) says of its windows what does not fit its weight, or not each axis", node.proto.op_type()));
    }
    let outputs = node.outputs.iter().flatten().count();
    let several = matches!(node.proto.op_type(), "Split" | "LSTM" | "GRU" | "RNN");
    if outputs == 0 || !several && (outputs != 1 || node.outputs.first().copied().flatten().is_none()) {
        return Err(format!("({}) has more outputs than one", node.proto.op_type()));
    }
    let one_of_two = || match (constant(graph, node, 0), constant(graph, node, 1)) {
        (Some(tensor), None) if connected(node, 1) => Ok((0, tensor)),
        (None, Some(tensor)) if connected(node, 0) => Ok((1, tensor)),
        _ => Err(format!("({}) has not exactly one constant operand", node.proto.op_type())),
    };
    let parameter = |input: usize| {
        constant(graph, node, input)
            .map(|tensor| (input, tensor))
            .ok_or_else(|| format!("({}) has no constant at input {input}", node.proto.op_type()))
    };
    let (affine, found) = match node.proto.op_type() {
        "Conv" | "ConvTranspose" => {
            let weight = parameter(1)?;
            let shift = constant(graph, node, 2);
            let found = [weight].into_iter().chain(shift.map(|tensor| (2, tensor))).collect();
            (u8::from(is_map(node, &graph.tensor(weight.1).dims)), found)
        }
        "DeformConv" => {
            let mut found = vec![parameter(1)?];
            if connected(node, 3) {
                found.push(parameter(3)?);
            }
            (0, found)
        }
        "Gemm" => {
            let shift = constant(graph, node, 2);
            (0, [one_of_two()?].into_iter().chain(shift.map(|tensor| (2, tensor))).collect())
        }
        // Linear in each of its values, of which a fold may change one.
        "MatMul" if constant(graph, node, 0).is_none() && constant(graph, node, 1).is_none() => (0, vec![]),
        "MatMul" => (0, vec![one_of_two()?]),
        "BatchNormalization" => {
            inference(graph, node)?;
            (3, (1..5).map(parameter).collect::<Read<Vec<_>>>()?)
        }
        // A sum or product of values is no map, but maps pass it.
        "Add" | "Sub" | "Mul" if constant(graph, node, 0).is_none() && constant(graph, node, 1).is_none() => (0, vec![]),
        "Mul" | "Add" | "Sub" => (1, vec![one_of_two()?]),
        "Sum" => {
            let all: Vec<_> = (0..node.inputs.len()).filter_map(|input| Some((input, constant(graph, node, input)?))).collect();
            (u8::from(node.inputs.len() == 2 && all.len() == 1), all)
        }
        "Div" => (1, vec![parameter(1)?]),
        "PRelu" | "RMSNormalization" => (0, vec![parameter(1)?]),
        "Einsum" if node.inputs.len() == 2 => (0, vec![one_of_two()?]),
        "InstanceNormalization" | "GroupNormalization" | "LayerNormalization" => {
            let mut found = vec![parameter(1)?];
            if connected(node, 2) {
                found.push(parameter(2)?);
            }
            (0, found)
        }
        "LSTM" | "GRU" | "RNN" => {
            let mut found = vec![parameter(1)?, parameter(2)?];
            if connected(node, 3) {
                found.push(parameter(3)?);
            }
            (0, found)
        }
        // The number that is put beside may follow a map.
        "Pad" if connected(node, 2) => (0, vec![parameter(2)?]),
        "Where" if constant(graph, node, 1).is_some() || constant(graph, node, 2).is_some() => {
            return Err("(Where) has a constant among its values".into());
        }
        "Identity" | "Dropout" | "Neg" | "Relu" | "LeakyRelu" | "Clip" | "MaxPool" | "AveragePool" | "GlobalMaxPool"
        | "GlobalAveragePool" | "ReduceMax" | "ReduceMean" | "ReduceMin" | "ReduceSum" | "Reshape" | "Flatten" | "Squeeze"
        | "Unsqueeze" | "Transpose" | "Concat" | "Pad" | "DepthToSpace" | "Mean" | "Split" | "Slice" | "Gather" | "Cast"
        | "Resize" | "Upsample" | "SpaceToDepth" | "Tile" | "Expand" | "Where" | "Shape" | "Size" => (0, vec![]),
        other => return Err(format!("is a {other}")),
    };
    // A table of constants is a parameter: each number that says a row gives that row.
    let found = match (node.proto.op_type(), constant(graph, node, 0), constant(graph, node, 1)) {
        ("Gather", Some(table), None) if connected(node, 1) => vec![(0, table)],
        _ => found,
    };
    let data = usize::from(node.proto.op_type() == "Where");
    let data_is_constant = !matches!(found.first(), Some((0, _))) && constant(graph, node, data).is_some();
    if data_is_constant || !connected(node, 0) {
        return Err(format!("({}) reads constants alone", node.proto.op_type()));
    }
    if let Some((input, _)) = found.iter().find(|(_, tensor)| graph.tensor(*tensor).element().is_none()) {
        return Err(format!("({}) has a constant at input {input} that is not of a float type", node.proto.op_type()));
    }
    Ok((affine, found))
}

fn int(node: &Node<'_>, name: &str) -> Option<i64> {
    node.proto.attribute.iter().find(|a| a.name() == name).map(|a| a.i())
}

/// Whether a Conv with a weight of this shape does no more than scale and shift each channel.
fn is_map(node: &Node<'_>, weight: &[u64]) -> bool {
    let list = |name: &str| node.proto.attribute.iter().find(|a| a.name() == name).map_or(&[][..], |a| &a.ints);
    let automatic = node.proto.attribute.iter().any(|a| a.name() == "auto_pad" && !matches!(a.s(), b"NOTSET" | b"VALID"));
    let [channels, ones @ ..] = weight else { return false };
    node.proto.op_type() == "Conv"
        && i64::try_from(*channels).ok() == Some(int(node, "group").unwrap_or(1))
        && ones.iter().all(|size| *size == 1)
        && list("strides").iter().all(|stride| *stride == 1)
        && list("pads").iter().all(|pad| *pad == 0)
        && !automatic
}

/// Which form of BatchNormalization uses its stored statistics, by operator set.
fn inference(graph: &Graph<'_>, node: &Node<'_>) -> Read<()> {
    let opset = graph.scope(node.scope).opset.unwrap_or(1);
    let spatial = int(node, "spatial").unwrap_or(1) != 0;
    match opset {
        ..=6 if int(node, "is_test").unwrap_or(0) == 0 => Err("is a BatchNormalization in training form".into()),
        14.. if int(node, "training_mode").unwrap_or(0) != 0 => Err("is a BatchNormalization in training form".into()),
        ..=8 if !spatial => Err("is a BatchNormalization per activation".into()),
        _ => Ok(()),
    }
}

/// Whether a Dropout hands its input on.
pub(crate) fn dropout(graph: &Graph<'_>, node: &Node<'_>) -> Result<Read<()>> {
    let opset = graph.scope(node.scope).opset.unwrap_or(1);
    let trains = || Err("is a Dropout that may be training".to_owned());
    if opset < 7 {
        return Ok(if int(node, "is_test").unwrap_or(0) == 0 { trains() } else { Ok(()) });
    }
    if opset < 12 || !connected(node, 2) {
        return Ok(Ok(()));
    }
    let Some(mode) = constant(graph, node, 2).map(|tensor| graph.tensor(tensor)).filter(|mode| mode.data_type == 9) else {
        return Ok(trains());
    };
    Ok(if mode.booleans(graph.model)?.iter().any(|on| *on) { trains() } else { Ok(()) })
}

/// Whether a variance and epsilon have no root, or one of zero.
fn rootless(graph: &Graph<'_>, node: &Node<'_>, form: &Form) -> Result<bool> {
    let epsilon = node.proto.attribute.iter().find(|a| a.name() == "epsilon").map_or(1e-5_f32, |a| a.f());
    let Some((_, variance)) = form.constants.iter().find(|(input, _)| *input == 4) else { return Ok(true) };
    let variance = graph.tensor(*variance).floats(graph.model)?;
    Ok(variance.iter().any(|v| (v + f64::from(epsilon)).partial_cmp(&0.0) != Some(std::cmp::Ordering::Greater)))
}
