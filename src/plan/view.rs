//! The graph with a draft laid over it. Every question is answered by the draft first and by the graph second, so that a
//! later fold sees the weights of an earlier one although nothing was changed.

use std::cell::RefCell;

use crate::error::{Error, Result};
use crate::law::{Array, Constants, Law, Reason, Role};
use crate::model::node_view::Elements;
use crate::model::{ConstantFact, Fault, Graph, InputFact, NodeId, NodeView, NotConstant, Shape, Unreadable, ValueId, tensor};
use crate::ops::{self, Stop};
use crate::plan::draft::{Draft, DraftTensor};

/// Graph and draft.
pub struct View<'a> {
    /// The graph as read.
    pub graph: &'a Graph<'a>,
    /// What was decided.
    pub draft: Draft,
    /// The shapes of values; folding does not change them.
    shapes: Vec<Option<Shape>>,
    assume_inference: bool,
    /// The first fault of file or system, which ends the run.
    failure: RefCell<Option<Error>>,
}

impl<'a> View<'a> {
    /// The graph with an empty draft, its shapes inferred.
    pub fn new(graph: &'a Graph<'a>, assume_inference: bool) -> View<'a> {
        let shapes = (0..graph.values.len()).map(|v| graph.declared_shape(ValueId(v))).collect();
        let mut view = View { graph, draft: Draft::new(graph), shapes, assume_inference, failure: RefCell::new(None) };
        for (id, node) in graph.nodes.iter().enumerate() {
            let Some(Some(output)) = node.outputs.first() else { continue };
            if !node.standard {
                continue;
            }
            let inferred = match node.constant {
                Some(tensor) => Some(Shape::known(&graph.tensor(tensor).dims)),
                None => {
                    let elements = NodeElements { view: &view, node: NodeId(id) };
                    view.node_view(NodeId(id), &elements).and_then(|v| ops::shapes::infer(&v))
                }
            };
            if let Some(inferred) = inferred {
                let known = &mut view.shapes[output.0];
                *known = match known.take() {
                    Some(declared) => declared.meet(&inferred),
                    None => Some(inferred),
                };
            }
        }
        view
    }

    /// The shape of a value, if its rank is known.
    pub fn shape(&self, value: ValueId) -> Option<&Shape> {
        self.shapes.get(value.0).and_then(Option::as_ref)
    }

    /// Fails if reading a file failed while the view was asked.
    ///
    /// # Errors
    /// The first failure.
    pub fn check(&self) -> Result<()> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// A node as its operator sees it; `None` if its operator set has no version.
    fn node_view<'v>(&'v self, id: NodeId, elements: &'v dyn Elements) -> Option<NodeView<'v>> {
        let node = self.graph.node(id);
        let mut connected = node.inputs.len();
        // A bias that a fold added stands behind the inputs that the file has.
        if let Some((&(_, last), _)) = self.draft.tensors.range((id, 0)..=(id, usize::MAX)).next_back() {
            connected = connected.max(last + 1);
        }
        Some(NodeView {
            op_type: self.draft.operators.get(&id).copied().unwrap_or_else(|| node.proto.op_type()),
            opset: self.graph.scope(node.scope).opset?,
            proto: node.proto,
            dropped: self.draft.dropped.get(&id).map_or(&[], |d| d),
            inputs: (0..connected).map(|input| self.input_fact(id, input)).collect(),
            outputs: node.outputs.iter().map(Option::is_some).collect(),
            assume_inference: self.assume_inference,
            output_shape: self.draft.output(self.graph, id).and_then(|v| self.shape(v).cloned()),
            elements,
        })
    }

    fn input_fact(&self, node: NodeId, input: usize) -> Option<InputFact> {
        let value = self.draft.input(self.graph, node, input);
        if let Some(DraftTensor::Dense { value: array, .. }) = self.draft.tensors.get(&(node, input)) {
            let element = value.and_then(|v| self.stored(v).ok()).map_or_else(|| self.weight_element(node), |fact| fact.element);
            let data_type = element.map_or(0, tensor::data_type);
            let constant = Ok(ConstantFact { dims: array.dims.clone(), element, data_type });
            return Some(InputFact { shape: Some(Shape::known(&array.dims)), constant });
        }
        let value = value?;
        Some(InputFact { shape: self.shape(value).cloned(), constant: self.stored(value) })
    }

    fn stored(&self, value: ValueId) -> std::result::Result<ConstantFact, NotConstant> {
        let tensor = self.graph.tensor(self.graph.constant(value)?.0);
        Ok(ConstantFact { dims: tensor.dims.clone(), element: tensor.element(), data_type: tensor.data_type })
    }

    /// The float type of a node's first constant, which is the type of everything a fold adds to it.
    pub fn weight_element(&self, node: NodeId) -> Option<crate::model::Element> {
        let inputs = 0..self.graph.node(node).inputs.len();
        inputs.filter_map(|input| self.stored(self.draft.input(self.graph, node, input)?).ok()?.element).next()
    }

    /// The float type of an input as it will be written.
    pub fn input_element(&self, node: NodeId, input: usize) -> Option<crate::model::Element> {
        let stored = self.draft.input(self.graph, node, input).and_then(|v| self.stored(v).ok());
        stored.and_then(|fact| fact.element).or_else(|| self.weight_element(node))
    }

    /// The law of a node.
    ///
    /// # Errors
    /// Why it has none.
    pub fn law(&self, id: NodeId) -> std::result::Result<Law, Reason> {
        let elements = NodeElements { view: self, node: id };
        let node = self.graph.node(id);
        if !node.standard {
            return Err(Reason::UnknownOperator);
        }
        let view = self.node_view(id, &elements).ok_or(Reason::Opset)?;
        let operator = ops::find(view.op_type).ok_or(Reason::UnknownOperator)?;
        if !operator.opsets.contains(&view.opset) {
            return Err(Reason::Opset);
        }
        (operator.read)(&view).map_err(|stop| match stop {
            Stop::Reason(reason) => reason,
            Stop::Failed(error) => self.fail(error),
        })
    }

    /// The constants of a node, for a law.
    pub fn constants(&self, node: NodeId) -> impl Constants + '_ {
        NodeElements { view: self, node }
    }

    fn fail(&self, error: Error) -> Reason {
        self.failure.borrow_mut().get_or_insert(error);
        Reason::ConstantForm
    }
}

/// The elements of a node's constants, draft first.
struct NodeElements<'v, 'a> {
    view: &'v View<'a>,
    node: NodeId,
}

impl NodeElements<'_, '_> {
    fn tensor(&self, input: usize) -> std::result::Result<&crate::model::Tensor, Fault> {
        let graph = self.view.graph;
        let value = self.view.draft.input(graph, self.node, input).ok_or(Fault::Unreadable(Unreadable::Missing(input)))?;
        let constant = graph.constant(value).map_err(|why| Fault::Unreadable(Unreadable::NotConstant(input, why)))?;
        Ok(graph.tensor(constant.0))
    }
}

impl Elements for NodeElements<'_, '_> {
    fn floats(&self, input: usize) -> std::result::Result<Vec<f64>, Fault> {
        if let Some(DraftTensor::Dense { value, .. }) = self.view.draft.tensors.get(&(self.node, input)) {
            return Ok(value.values.clone());
        }
        let tensor = self.tensor(input)?;
        if tensor.element().is_none() {
            return Err(Fault::Unreadable(Unreadable::NotFloat(input)));
        }
        tensor.floats(self.view.graph.model).map_err(Fault::Failed)
    }

    fn integers(&self, input: usize) -> std::result::Result<Vec<i64>, Fault> {
        self.tensor(input)?.integers(self.view.graph.model).map_err(|_| Fault::Unreadable(Unreadable::NotFloat(input)))
    }

    fn booleans(&self, input: usize) -> std::result::Result<Vec<bool>, Fault> {
        self.tensor(input)?.booleans(self.view.graph.model).map_err(|_| Fault::Unreadable(Unreadable::NotFloat(input)))
    }
}

impl Constants for NodeElements<'_, '_> {
    fn array(&self, input: usize) -> std::result::Result<Array, Reason> {
        if let Some(DraftTensor::Dense { value, .. }) = self.view.draft.tensors.get(&(self.node, input)) {
            return Ok(value.clone());
        }
        let reason = |fault: Fault| match fault {
            Fault::Unreadable(unreadable) => ops::reason(&unreadable),
            Fault::Failed(error) => self.view.fail(error),
        };
        let dims = self.tensor(input).map_err(reason)?.dims.clone();
        Ok(Array { dims, values: self.floats(input).map_err(reason)? })
    }

    fn contract(&self, input: usize, axes: &[(Role, u64)], shift: &[f64]) -> std::result::Result<Vec<f64>, Reason> {
        let (out, inward) = match self.view.draft.tensors.get(&(self.node, input)) {
            Some(DraftTensor::Factored { out, input, .. }) => (&out[..], &input[..]),
            Some(DraftTensor::Dense { .. }) => return Err(Reason::ConstantForm),
            None => (&[][..], &[][..]),
        };
        let tensor = self.tensor(input).map_err(|_| Reason::NotConstant)?;
        let terms: Vec<f64> = shift.iter().enumerate().map(|(i, t)| t * inward.get(i).copied().unwrap_or(1.0)).collect();
        let mut sum = Contraction::new(axes, &terms);
        tensor.blocks(self.view.graph.model, &mut |first, block| sum.add(first, block)).map_err(|error| self.view.fail(error))?;
        let sums = sum.sums.iter().enumerate().map(|(o, s)| s * out.get(o).copied().unwrap_or(1.0)).collect();
        Ok(sums)
    }
}

/// `Σ W·t` over a weight that arrives in blocks.
struct Contraction<'t> {
    /// Per axis, outermost first: extent, step of the output channel, step of the input channel.
    axes: Vec<(u64, usize, usize)>,
    terms: &'t [f64],
    sums: Vec<f64>,
}

impl<'t> Contraction<'t> {
    fn new(axes: &[(Role, u64)], terms: &'t [f64]) -> Self {
        let steps = channel_steps(axes);
        let outs =
            axes.iter().filter(|(role, _)| matches!(role, Role::Out | Role::Group)).map(|(_, size)| *size).product::<u64>();
        Contraction { axes: steps, terms, sums: vec![0.0; usize::try_from(outs).unwrap_or(0)] }
    }

    fn add(&mut self, first: u64, block: &[f64]) {
        let run = self.axes.last().map_or(1, |a| a.0).max(1);
        let mut at = 0;
        while at < block.len() {
            let element = first + at as u64;
            let (mut rest, mut out, mut input) = (element, 0, 0);
            for (size, out_step, in_step) in self.axes.iter().rev() {
                let index = (rest % size) as usize;
                rest /= size;
                out += index * out_step;
                input += index * in_step;
            }
            let (_, out_step, in_step) = self.axes.last().copied().unwrap_or((1, 0, 0));
            let count = ((run - element % run) as usize).min(block.len() - at);
            for (i, w) in block[at..at + count].iter().enumerate() {
                let term = self.terms.get(input + i * in_step).copied().unwrap_or(0.0);
                if let Some(sum) = self.sums.get_mut(out + i * out_step) {
                    *sum += w * term;
                }
            }
            at += count;
        }
    }
}

/// Per axis: its extent, and how far the output and the input channel move per step along it; groups are counted through.
pub fn channel_steps(axes: &[(Role, u64)]) -> Vec<(u64, usize, usize)> {
    let extent = |label: Role| axes.iter().filter(|(role, _)| *role == label).map(|(_, size)| *size as usize).product::<usize>();
    let (out, input) = (extent(Role::Out), extent(Role::In));
    let steps = axes.iter().map(|(role, size)| match role {
        Role::Group => (*size, out, input),
        Role::Out => (*size, 1, 0),
        Role::In => (*size, 0, 1),
        Role::Sum | Role::Free => (*size, 0, 0),
    });
    steps.collect()
}
