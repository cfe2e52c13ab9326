//! Changes of a decoded model: other constants, other inputs, nodes that go.

use crate::faults::recipe::constant;
use crate::model::{Element, Graph, NodeId, Origin, ScopeId};
use crate::onnx::{ModelProto, NodeProto, TensorProto};

/// A model with the graph that it is the message of.
pub(super) struct Patch<'g, 'm> {
    graph: &'g Graph<'m>,
    model: ModelProto,
}

impl<'g, 'm> Patch<'g, 'm> {
    pub fn new(graph: &'g Graph<'m>, model: &ModelProto) -> Self {
        Patch { graph, model: model.clone() }
    }

    pub fn finished(self) -> ModelProto {
        self.model
    }

    /// The message of a node.
    pub fn node(&mut self, id: NodeId) -> Option<&mut NodeProto> {
        let graph = self.model.graph.as_mut()?;
        let mut left = id.0;
        let functions = self.model.functions.iter_mut().flat_map(|f| &mut f.node);
        graph.node.iter_mut().chain(functions).find_map(|node| numbered(node, &mut left))
    }

    /// Puts other numbers at an input of a node, rounded to the type of the constant there; a new bias has a number for each
    /// of `channels`.
    pub fn constant(&mut self, id: NodeId, input: usize, values: &[f64], channels: usize) -> Option<()> {
        let node = self.graph.node(id);
        let (element, dims) = match constant(self.graph, node, input).map(|tensor| self.graph.tensor(tensor)) {
            Some(tensor) if tensor.elements() == values.len() as u64 => (tensor.element()?, tensor.dims.clone()),
            Some(tensor) => (tensor.element()?, vec![channels as u64]),
            None => (super::recipe::element(self.graph, node)?, vec![channels as u64]),
        };
        let mut tensor = encoded(element, &dims, values)?;
        if let Some(place) = self.own_initializer(id, input) {
            tensor.name.clone_from(&place.name);
            *place = tensor;
            return Some(());
        }
        let name = self.fresh();
        tensor.name = Some(name.clone());
        self.model.graph.as_mut()?.initializer.push(tensor);
        let inputs = &mut self.node(id)?.input;
        inputs.resize(inputs.len().max(input + 1), String::new());
        *inputs.get_mut(input)? = name;
        Some(())
    }

    /// The initializer of the main graph that only this input reads.
    fn own_initializer(&mut self, id: NodeId, input: usize) -> Option<&mut TensorProto> {
        let value = self.graph.value(self.graph.node(id).inputs.get(input).copied().flatten()?);
        let alone = matches!(value.origin, Origin::Initializer(_)) && value.scope == ScopeId(0) && value.uses.len() == 1;
        let initializers = &mut self.model.graph.as_mut().filter(|_| alone)?.initializer;
        initializers.iter_mut().find(|tensor| tensor.name() == value.name)
    }

    fn fresh(&self) -> String {
        let taken = |name: &str| {
            let added = self.model.graph.iter().flat_map(|g| &g.initializer).any(|t| t.name() == name);
            added || self.graph.values.iter().any(|v| v.name == name)
        };
        (0_usize..).map(|number| format!("wrong_{number}")).find(|name| !taken(name)).unwrap_or_default()
    }

    /// Lets everything in the main graph that reads one value read another.
    pub fn redirect(&mut self, from: &str, to: &str) {
        let nodes = self.model.graph.iter_mut().flat_map(|graph| &mut graph.node);
        nodes.for_each(|node| redirect(node, from, to));
    }

    /// Takes the node out of the main graph that makes a value.
    pub fn remove(&mut self, output: &str) {
        if let Some(graph) = self.model.graph.as_mut() {
            graph.node.retain(|node| node.output.iter().all(|o| o != output));
        }
    }
}

fn redirect(node: &mut NodeProto, from: &str, to: &str) {
    node.input.iter_mut().filter(|input| *input == from).for_each(|input| to.clone_into(input));
    let nested = node.attribute.iter_mut().flat_map(|a| a.g.iter_mut().chain(&mut a.graphs));
    nested.flat_map(|graph| &mut graph.node).for_each(|node| redirect(node, from, to));
}

/// The node that is so many further on: nested graphs come right after their node.
fn numbered<'n>(node: &'n mut NodeProto, left: &mut usize) -> Option<&'n mut NodeProto> {
    if *left == 0 {
        return Some(node);
    }
    *left -= 1;
    let nested = node.attribute.iter_mut().flat_map(|a| a.g.iter_mut().chain(&mut a.graphs));
    nested.flat_map(|graph| &mut graph.node).find_map(|node| numbered(node, left))
}

fn encoded(element: Element, dims: &[u64], values: &[f64]) -> Option<TensorProto> {
    let mut bytes = Vec::new();
    element.encode(values, &mut bytes);
    Some(TensorProto {
        dims: dims.iter().map(|d| i64::try_from(*d).ok()).collect::<Option<_>>()?,
        data_type: Some(crate::model::tensor::data_type(element)),
        raw_data: Some(bytes),
        ..TensorProto::default()
    })
}
