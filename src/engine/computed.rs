//! What a model computes from constants replaced by its result, rounded after every operator as the judge
//! defines it: the engine, which runs everything in f64, would leave those roundings out.

use std::collections::{BTreeMap, BTreeSet};

use super::CouldNotRun;
use super::proto;
use crate::error::{ErrorKind, Result};
use crate::model::integers::whole;
use crate::model::{Element, Graph, Home, Model, NodeId, Origin, Tensor, Use};
use crate::onnx::tensor_proto::DataType;
use crate::onnx::{ModelProto, NodeProto, TensorProto};
use crate::verify::side::Side;

/// What becomes of a node: a Constant, or nothing if only such nodes read it.
type Change = Option<TensorProto>;

/// Replaces the nodes of a model, which is this side's, that compute constants. Those that cannot be evaluated stay.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn settle(model: &mut ModelProto, side: &Side, freeze: bool) -> std::result::Result<(), CouldNotRun> {
    let failed = |error: crate::Error| CouldNotRun::Model(error.to_string());
    // Nodes are counted as they stand with functions inlined, as the model is.
    let file = side.open().map_err(failed)?;
    let file_graph = crate::verify::graph(&file, freeze).map_err(failed)?;
    let changes = changes(&file_graph).map_err(failed)?;
    if changes.is_empty() {
        return Ok(());
    }
    let mut count = 0;
    if let Some(graph) = model.graph.as_mut() {
        replace(&mut graph.node, &changes, &mut count);
        let unread = unread(&file_graph, &changes);
        graph.initializer.retain(|tensor| !unread.contains(tensor.name()));
        graph.input.retain(|input| !unread.contains(input.name()));
    }
    model.functions.iter_mut().for_each(|function| replace(&mut function.node, &changes, &mut count));
    Ok(())
}

/// Initializers of the main graph that only replaced nodes read: the engine may not know their types.
fn unread<'m>(graph: &Graph<'m>, changes: &BTreeMap<usize, Change>) -> BTreeSet<&'m str> {
    let goes = |user: &Use| matches!(user, Use::Node(NodeId(reader), _) if changes.contains_key(reader));
    let initializers = graph.values.iter().filter(|value| value.scope.0 == 0 && matches!(value.origin, Origin::Initializer(_)));
    initializers.filter(|value| !value.uses.is_empty() && value.uses.iter().all(goes)).map(|value| value.name).collect()
}

fn changes(graph: &Graph<'_>) -> Result<BTreeMap<usize, Change>> {
    let mut changes = BTreeMap::new();
    // From the last on, so that it is known of every reader whether it goes.
    for (value, id) in graph.computed.iter().rev() {
        let Ok(constant) = id.map(|id| graph.tensor(id)) else { continue };
        let Home::Computed { node } = constant.home else { continue };
        let goes = |user: &Use| matches!(user, Use::Node(NodeId(reader), _) if changes.contains_key(reader));
        let change = match graph.value(*value).uses.iter().all(goes) {
            true => None,
            false => match stored(constant, graph.model) {
                Ok(stored) => Some(stored),
                Err(error) if error.kind == ErrorKind::Tensor => continue,
                Err(error) => return Err(error),
            },
        };
        changes.insert(node.0, change);
    }
    Ok(changes)
}

/// A computed constant as a message.
fn stored(constant: &Tensor, model: &Model) -> Result<TensorProto> {
    let mut bytes = Vec::new();
    let kind = match (constant.element(), constant.data_type) {
        // Wide enough for dequantised numbers, too, which are not rounded; everything is widened to this.
        (Some(_), _) => {
            Element::F64.encode(&constant.floats(model)?, &mut bytes);
            DataType::Double.into()
        }
        (None, 9) => {
            bytes.extend(constant.booleans(model)?.iter().map(|truth| u8::from(*truth)));
            DataType::Bool.into()
        }
        (None, kind) => {
            let numbers = constant.integers(model)?;
            bytes.extend(whole(kind).map(|whole| whole.pack(&numbers)).unwrap_or_default());
            kind
        }
    };
    let dims = constant.dims.iter().map(|dim| i64::try_from(*dim).unwrap_or(i64::MAX)).collect();
    Ok(TensorProto { dims, data_type: Some(kind), raw_data: Some(bytes), ..TensorProto::default() })
}

/// Nodes are counted as they stand in the file, nested graphs right after their node.
fn replace(nodes: &mut Vec<NodeProto>, changes: &BTreeMap<usize, Change>, count: &mut usize) {
    nodes.retain_mut(|node| {
        let change = changes.get(count);
        *count += 1;
        for graph in node.attribute.iter_mut().flat_map(|a| a.g.iter_mut().chain(&mut a.graphs)) {
            replace(&mut graph.node, changes, count);
        }
        if let Some(Some(value)) = change {
            let output = node.output.first().cloned().unwrap_or_default();
            *node = proto::constant(value.clone(), &output);
        }
        !matches!(change, Some(None))
    });
}
