//! Values of one file that are computed alike: the same operator on the same values and small constants.

use std::collections::{BTreeMap, BTreeSet};

use super::aliases;
use crate::error::{ErrorKind, Result};
use crate::model::{Graph, Node, NodeId, ScopeId, TensorId, ValueId};
use crate::verify::align::{Read, canonical, is_constant_node};
use crate::verify::constants;
use crate::verify::measure::Integers;

/// Larger constants are told apart by what they are called.
const SMALL: u64 = 256;

/// What a node is but for the names of values. Values are numbered as `N` does.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Kind<N> {
    operator: String,
    attributes: BTreeSet<Vec<u8>>,
    inputs: Vec<Input<N>>,
    outputs: usize,
}

/// What a node reads.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Input<N> {
    /// Nothing.
    Open,
    /// A value.
    Value(N),
    /// A constant: type, dimensions and bits.
    Constant(i32, Vec<u64>, Vec<u64>),
    /// Integers that are known, whether they are a constant or computed.
    Integers(Integers),
}

impl<N: Clone> Kind<N> {
    /// The same with values numbered otherwise; `None` if one has no number.
    pub(super) fn renumbered<M>(&self, number: impl Fn(&N) -> Option<M>) -> Option<Kind<M>> {
        let inputs = self.inputs.iter().map(|input| {
            Some(match input {
                Input::Open => Input::Open,
                Input::Value(value) => Input::Value(number(value)?),
                Input::Constant(kind, dims, bits) => Input::Constant(*kind, dims.clone(), bits.clone()),
                Input::Integers(known) => Input::Integers(known.clone()),
            })
        });
        let inputs = inputs.collect::<Option<_>>()?;
        Some(Kind { operator: self.operator.clone(), attributes: self.attributes.clone(), inputs, outputs: self.outputs })
    }
}

/// The values of the main graph, each with the first that is computed alike.
pub(super) struct Classes {
    /// By value: the first of its class.
    first: BTreeMap<ValueId, ValueId>,
    /// By node of the main graph: what it is; absent for nodes that may compute something else each time or read large constants.
    pub(super) kinds: BTreeMap<NodeId, Kind<ValueId>>,
}

impl Classes {
    /// The first value of the class of one.
    pub(super) fn of(&self, value: ValueId) -> ValueId {
        self.first.get(&value).copied().unwrap_or(value)
    }

    /// Values that the first of their class can stand for.
    pub(super) fn twins(&self, graph: &Graph<'_>, kept: &BTreeSet<&str>) -> BTreeMap<String, String> {
        let name = |value: ValueId| graph.value(value).name.to_owned();
        let pairs = self.first.iter().filter(|(value, first)| value != first && !kept.contains(graph.value(**value).name));
        pairs.map(|(value, first)| (name(*value), name(*first))).collect()
    }
}

/// Finds what is computed alike in the main graph.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn number(read: Read<'_, '_>) -> Result<Classes> {
    let graph = read.graph;
    let mut classes = Classes { first: BTreeMap::new(), kinds: BTreeMap::new() };
    let mut known: BTreeMap<Kind<ValueId>, NodeId> = BTreeMap::new();
    for id in &graph.scope(ScopeId(0)).nodes {
        let node = graph.node(*id);
        if is_constant_node(graph, node) {
            continue;
        }
        if let (Some(source), Some(Some(made))) = (aliases::source(read, node), node.outputs.first()) {
            let first = classes.of(source);
            classes.first.insert(*made, first);
            continue;
        }
        let Some(kind) = kind(read, node)?.and_then(|kind| kind.renumbered(|value| Some(classes.of(*value)))) else {
            continue;
        };
        match known.get(&kind) {
            Some(twin) => {
                let pairs = node.outputs.iter().zip(&graph.node(*twin).outputs);
                classes.first.extend(pairs.filter_map(|(value, first)| Some(((*value)?, (*first)?))));
            }
            None => {
                known.insert(kind.clone(), *id);
            }
        }
        classes.kinds.insert(*id, kind);
    }
    Ok(classes)
}

/// Operators that compute something else each time.
fn is_random(operator: &str) -> bool {
    operator.starts_with("Random") || matches!(operator, "Bernoulli" | "Multinomial" | "Dropout")
}

fn kind(read: Read<'_, '_>, node: &Node<'_>) -> Result<Option<Kind<ValueId>>> {
    let graph = read.graph;
    // The elements of tensors in attributes are not read with the node.
    let plain = node.proto.attribute.iter().all(|a| {
        a.g.is_none()
            && a.graphs.is_empty()
            && a.t.is_none()
            && a.tensors.is_empty()
            && a.sparse_tensor.is_none()
            && a.ref_attr_name().is_empty()
    });
    if !node.standard || !plain || is_random(node.proto.op_type()) {
        return Ok(None);
    }
    let mut inputs = Vec::with_capacity(node.inputs.len());
    for input in &node.inputs {
        let Some(value) = input else {
            inputs.push(Input::Open);
            continue;
        };
        let known = read.integers(*value)?;
        inputs.push(match graph.constant(*value) {
            _ if known.is_some() => known.map_or(Input::Open, Input::Integers),
            Err(_) => Input::Value(*value),
            Ok((tensor, _)) => match small(graph, tensor)? {
                Some(constant) => constant,
                None => return Ok(None),
            },
        });
    }
    while inputs.last() == Some(&Input::Open) {
        inputs.pop();
    }
    let outputs = node.outputs.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
    let (operator, attributes) = (node.proto.op_type().to_owned(), canonical(node.proto));
    Ok(Some(Kind { operator, attributes, inputs, outputs }))
}

fn small(graph: &Graph<'_>, id: TensorId) -> Result<Option<Input<ValueId>>> {
    let tensor = graph.tensor(id);
    if tensor.elements() > SMALL {
        return Ok(None);
    }
    match constants::bits(tensor, graph.model) {
        Ok(bits) => Ok(Some(Input::Constant(tensor.data_type, tensor.dims.clone(), bits))),
        Err(error) if error.kind == ErrorKind::Tensor => Ok(None),
        Err(error) => Err(error),
    }
}
