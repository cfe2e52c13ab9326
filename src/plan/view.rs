//! The graph with a draft laid over it. Every question is answered by the draft first and by the graph second, so that a
//! later fold sees the weights of an earlier one although nothing was changed.

mod doubt;
mod elements;
mod laws;

use std::borrow::Cow;
use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::double_double::{DoubleDouble, nearest};
use crate::engines::{Form, Target};
use crate::error::{Error, Result};
use crate::law::{Constants, Law, Reason, Role};
use crate::model::node_view::Elements;
use crate::model::{
    ConstantFact, Element, Graph, InputFact, Node, NodeId, NodeView, NotConstant, Shape, TensorId, ValueId, tensor,
};
use crate::ops::{self, Stop, extents::Extents};
use crate::plan::blind;
use crate::plan::blocks;
use crate::plan::calls::Binding;
use crate::plan::choice::Options;
use crate::plan::draft::{Draft, DraftTensor};
use crate::plan::forms;
use crate::plan::quantised::{Factors, requantised};
use elements::{NodeElements, fault};

/// Graph and draft.
pub struct View<'a> {
    /// The graph as read.
    pub graph: &'a Graph<'a>,
    /// What was decided.
    pub draft: Draft,
    /// The shapes of values; folding does not change them, but may tell more of them.
    shapes: Vec<Option<Shape>>,
    /// Their float types.
    types: Vec<Option<Element>>,
    /// What integer lists are that are computed from shapes.
    extents: BTreeMap<ValueId, Extents>,
    /// Values with elements that may come from no element.
    blind: BTreeSet<ValueId>,
    /// By value, whether engines with a blocked layout hold it so, once that is asked.
    blocked: OnceCell<Vec<bool>>,
    /// The laws of nodes where many maps may meet, each of which asks for them, since the draft or the shapes last changed.
    laws: RefCell<BTreeMap<NodeId, Arc<Law>>>,
    /// How many extents have symbols.
    symbols: u32,
    /// Values whose rank a reader has told: what contradicts itself is forgotten again, and not told twice.
    told: BTreeSet<ValueId>,
    /// Whether a node has told another rank of a value than the file.
    contradicted: bool,
    assume_inference: bool,
    positive_scales: bool,
    /// The engines that must not lose by a fold.
    pub target: Target,
    /// What stands for the parameters of functions.
    binding: Binding<'a>,
    /// The first fault of file or system, which ends the run.
    failure: RefCell<Option<Error>>,
}

/// What a node tells of an output, as far as it tells.
#[derive(Default)]
struct Inferred {
    shape: Option<Shape>,
    element: Option<Element>,
    extents: Option<Extents>,
}

impl<'a> View<'a> {
    /// The graph with an empty draft, its shapes inferred.
    pub fn new(graph: &'a Graph<'a>, options: &Options, binding: Binding<'a>) -> View<'a> {
        let shapes = (0..graph.values.len()).map(|v| graph.declared_shape(ValueId(v))).collect();
        let types = (0..graph.values.len()).map(|v| graph.declared_element(ValueId(v))).collect();
        let draft = Draft::new(graph);
        let Options { assume_inference, positive_scales, .. } = *options;
        let (target, failure) = (options.target.clone(), RefCell::new(None));
        let (extents, blind, symbols) = (BTreeMap::new(), BTreeSet::new(), 0);
        let mut view = View {
            graph,
            draft,
            shapes,
            types,
            extents,
            blind,
            blocked: OnceCell::new(),
            laws: RefCell::default(),
            symbols,
            told: BTreeSet::new(),
            contradicted: false,
            assume_inference,
            positive_scales,
            target,
            binding,
            failure,
        };
        view.learn_without_contradiction();
        view.ranks_of_readers();
        view.blind = blind::blind(&view);
        view
    }

    /// Takes in what nodes tell of shapes and types, which may be more once a node that tells nothing is gone.
    pub(super) fn learn(&mut self) {
        let (graph, mut symbols) = (self.graph, self.symbols);
        self.laws.take();
        for (id, node) in graph.nodes.iter().enumerate() {
            self.hand_over_facts(node);
            self.name_open(node.inputs.iter().flatten(), &mut symbols);
            if !node.standard || self.draft.is_removed(NodeId(id)) {
                continue;
            }
            for index in 0..node.outputs.len() {
                let Some(output) = self.draft.output(graph, NodeId(id), index) else { continue };
                let Inferred { shape, element, extents } = self.inferred(NodeId(id), index);
                self.extents.extend(extents.map(|list| (output, list)));
                if let Some(inferred) = shape {
                    let known = &mut self.shapes[output.0];
                    self.contradicted |= known.as_ref().is_some_and(|known| known.rank() != inferred.rank());
                    // Symbols are those of what is read: what stood here may have got its own when less was known.
                    *known = match known.take() {
                        Some(declared) => inferred.meet(&declared),
                        None => Some(inferred),
                    };
                }
                self.types[output.0] = self.types[output.0].or(element);
            }
            self.name_open(node.outputs.iter().flatten(), &mut symbols);
        }
        self.symbols = symbols;
    }

    /// Gives extents that are not known symbols, so that they can be told to be the same.
    fn name_open<'n>(&mut self, values: impl Iterator<Item = &'n ValueId>, next: &mut u32) {
        for value in values {
            if let Some(Some(shape)) = self.shapes.get_mut(value.0) {
                shape.name_open(next);
            }
        }
    }

    /// Parameters of a function that a node reads have the types and shapes of the call's arguments. What one call's symbols say
    /// may not hold in another.
    fn hand_over_facts(&mut self, node: &Node<'_>) {
        for value in node.inputs.iter().flatten() {
            let Some(argument) = self.binding.argument(*value) else { continue };
            let element = self.value_element(argument);
            if let Some(known @ None) = self.types.get_mut(value.0) {
                *known = element;
            }
            let shape = self.shape(argument).map(Shape::without_symbols);
            if let (Some(known @ None), Some(shape)) = (self.shapes.get_mut(value.0), shape) {
                *known = Some(shape);
            }
        }
    }

    /// What a convolution says of the value that it reads: its rank. Returns whether that was not known.
    pub(super) fn ranks_of_readers(&mut self) -> bool {
        let mut news = false;
        self.laws.take();
        for (id, node) in self.graph.nodes.iter().enumerate() {
            if !node.standard || !matches!(node.proto.op_type(), "Conv" | "ConvTranspose") || self.draft.is_removed(NodeId(id)) {
                continue;
            }
            let input = |at| self.draft.input(self.graph, NodeId(id), at);
            let (Some(value), Some(weight)) = (input(0), input(1)) else { continue };
            if self.shape(value).is_none()
                && let Some(rank) = self.shape(weight).map(Shape::rank)
                && self.told.insert(value)
            {
                self.shapes[value.0] = Some(Shape::of_rank(rank));
                news = true;
            }
        }
        news
    }

    /// The constant behind a value, with the call's arguments in the place of parameters.
    pub(super) fn constant(&self, value: ValueId) -> std::result::Result<TensorId, NotConstant> {
        match self.graph.source(value) {
            Err(NotConstant::Argument) => {
                self.binding.argument(value).map_or(Err(NotConstant::Argument), |argument| self.graph.source(argument))
            }
            found => found,
        }
    }

    /// What a node tells of an output.
    fn inferred(&self, id: NodeId, output: usize) -> Inferred {
        if let Some(tensor) = self.graph.node(id).constant {
            let tensor = self.graph.tensor(tensor);
            return Inferred { shape: Some(Shape::known(&tensor.dims)), element: tensor.element(), extents: None };
        }
        let elements = NodeElements { view: self, node: id };
        let Some(view) = self.node_view(id, &elements) else { return Inferred::default() };
        let (shape, element) = (ops::shapes::infer(&view, output), ops::shapes::element(&view, output));
        Inferred { shape, element, extents: (output == 0).then(|| ops::extents::infer(&view)).flatten() }
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
        while connected > 0 && self.draft.is_unconnected(id, connected - 1) {
            connected -= 1;
        }
        Some(NodeView {
            op_type: self.draft.operators.get(&id).copied().unwrap_or_else(|| node.proto.op_type()),
            opset: self.graph.scope(node.scope).opset?,
            proto: node.proto,
            arguments: self.binding.attributes(self.graph, node.scope),
            dropped: self.draft.dropped.get(&id).map_or(&[], |d| d),
            inputs: (0..connected).map(|input| self.input_fact(id, input)).collect(),
            outputs: node.outputs.iter().map(Option::is_some).collect(),
            assume_inference: self.assume_inference,
            output_shape: self.draft.output(self.graph, id, 0).and_then(|v| self.shape(v)).map(Cow::Borrowed),
            elements,
        })
    }

    fn input_fact(&self, node: NodeId, input: usize) -> Option<InputFact<'_>> {
        let value = self.draft.input(self.graph, node, input);
        let changed = match self.draft.tensors.get(&(node, input)) {
            Some(DraftTensor::Dense { value, .. }) => Some(&value.dims),
            Some(DraftTensor::Sum(merged)) => Some(&merged.layout.dims),
            Some(DraftTensor::Factored { .. }) | None => None,
        };
        if let Some(dims) = changed {
            let element = value.and_then(|v| self.stored(v).ok()).map_or_else(|| self.weight_element(node), |fact| fact.element);
            let data_type = element.map_or(0, tensor::data_type);
            let constant = Ok(ConstantFact { dims: Cow::Borrowed(dims), element, data_type });
            return Some(InputFact { shape: Some(Cow::Owned(Shape::known(dims))), element, constant, extents: None });
        }
        let value = value?;
        let (shape, element) = (self.shape(value).map(Cow::Borrowed), self.value_element(value));
        Some(InputFact { shape, element, constant: self.stored(value), extents: self.extents.get(&value).map(Vec::as_slice) })
    }

    pub(super) fn stored(&self, value: ValueId) -> std::result::Result<ConstantFact<'_>, NotConstant> {
        let tensor = self.graph.tensor(self.constant(value)?);
        Ok(ConstantFact { dims: Cow::Borrowed(&tensor.dims), element: tensor.element(), data_type: tensor.data_type })
    }

    /// The float type of a node's first constant, which is the type of everything a fold adds to it.
    pub fn weight_element(&self, node: NodeId) -> Option<Element> {
        let inputs = 0..self.graph.node(node).inputs.len();
        inputs.filter_map(|input| self.stored(self.draft.input(self.graph, node, input)?).ok()?.element).next()
    }

    /// The float type of an input as it will be written.
    pub fn input_element(&self, node: NodeId, input: usize) -> Option<Element> {
        let stored = self.draft.input(self.graph, node, input).and_then(|v| self.stored(v).ok());
        stored.and_then(|fact| fact.element).or_else(|| self.weight_element(node))
    }

    /// The float type of a value, as far as it is known.
    pub fn value_element(&self, value: ValueId) -> Option<Element> {
        self.types.get(value.0).copied().flatten()
    }

    /// The law of a node.
    ///
    /// # Errors
    /// Why it has none.
    pub fn law(&self, id: NodeId) -> std::result::Result<Law, Reason> {
        self.look(id, |view| {
            let operator = ops::find(view.op_type).ok_or_else(|| ops::refusal(view.op_type))?;
            if !operator.opsets.contains(&view.opset) {
                return Err(Reason::Opset.into());
            }
            (operator.read)(view)
        })
        .map(|law| forms::permitted(self, id, law))
    }

    /// What a reader of a node of ONNX's own operator set makes of it, or why nothing.
    pub(super) fn look<R>(
        &self,
        id: NodeId,
        read: impl FnOnce(&NodeView<'_>) -> std::result::Result<R, Stop>,
    ) -> std::result::Result<R, Reason> {
        let elements = NodeElements { view: self, node: id };
        if !self.graph.node(id).standard {
            return Err(Reason::UnknownOperator);
        }
        read(&self.node_view(id, &elements).ok_or(Reason::Opset)?).map_err(|stop| match stop {
            Stop::Reason(reason) => reason,
            Stop::Failed(error) => self.fail(error),
        })
    }

    /// What reading a file gave; a failure ends the run.
    pub(super) fn checked<T>(&self, read: Result<T>) -> std::result::Result<T, Reason> {
        read.map_err(|error| self.fail(error))
    }

    /// Whether elements of a value may come from no element, as where a window sees nothing but padding.
    pub(super) fn is_blind(&self, value: Option<ValueId>) -> bool {
        value.is_some_and(|value| self.blind.contains(&value))
    }

    /// The layouts of values are asked for anew, as the draft has changed.
    pub(super) fn forget_blocks(&mut self) {
        self.blocked = OnceCell::new();
    }

    /// Whether engines with a blocked layout hold a value so.
    pub(super) fn blocked(&self, value: ValueId) -> bool {
        self.blocked.get_or_init(|| blocks::blocked(self.graph, &self.draft)).get(value.0).copied().unwrap_or(false)
    }

    /// As [`ops::sees_all`].
    pub(super) fn sees_all(&self, id: NodeId, beside: Vec<(i64, i64)>) -> Option<bool> {
        let elements = NodeElements { view: self, node: id };
        ops::sees_all(&self.node_view(id, &elements).filter(|_| self.graph.node(id).standard)?, &beside)
    }

    /// As [`ops::padding`].
    pub(super) fn padding(&self, id: NodeId) -> Option<(f64, Vec<(i64, i64)>)> {
        let elements = NodeElements { view: self, node: id };
        ops::padding(&self.node_view(id, &elements).filter(|_| self.graph.node(id).standard)?)
    }

    /// Whether a constant that is computed has a value.
    ///
    /// # Errors
    /// Why not.
    pub fn computes(&self, node: NodeId, input: usize) -> std::result::Result<(), Reason> {
        let elements = NodeElements { view: self, node };
        let Ok(tensor) = elements.tensor(input) else { return Ok(()) };
        let Some(recipe) = tensor.recipe() else { return Ok(()) };
        let failed = |error| elements.reason(fault(tensor, input, error));
        recipe.check(self.graph.model).map_err(failed)
    }

    /// The scales of a quantised weight after they took in one more factor; nothing of one that is not quantised.
    ///
    /// # Errors
    /// Why not.
    pub fn requantises(
        &self,
        (node, input): (NodeId, usize),
        axes: &[(Role, u64)],
        label: Role,
        factor: &[DoubleDouble],
    ) -> std::result::Result<Option<Vec<f64>>, Reason> {
        let elements = NodeElements { view: self, node };
        let Ok(tensor) = elements.tensor(input) else { return Ok(None) };
        let Some(recipe) = tensor.recipe().filter(|recipe| recipe.quantised) else { return Ok(None) };
        let draft = self.draft.tensors.get(&(node, input));
        let factors = Factors::of(axes, draft).and(label, factor);
        let made = requantised(self.graph.model, recipe, &factors);
        let made = made.map_err(|error| elements.reason(fault(tensor, input, error)))??;
        if made.negative && self.positive_scales {
            return Err(Reason::NegativeScale);
        }
        let refused = forms::of_scales(self, node, (recipe, axes), &made).into_iter().find(|form| self.target.avoids(*form));
        refused.and_then(Form::reason).map_or_else(|| Ok(Some(nearest(&made.scale.values))), Err)
    }

    /// The scales of a quantised weight by now; nothing of one that is not quantised. Errors: why they are not known.
    pub(super) fn scales(&self, node: NodeId, input: usize) -> std::result::Result<Option<Vec<f64>>, Reason> {
        let (elements, model) = (NodeElements { view: self, node }, self.graph.model);
        let Ok(tensor) = elements.tensor(input) else { return Ok(None) };
        let Some(recipe) = tensor.recipe().filter(|recipe| recipe.dequantised().is_some()) else { return Ok(None) };
        let failed = |error| elements.reason(fault(tensor, input, error));
        if let draft @ Some(_) = self.draft.tensors.get(&(node, input)) {
            let made = requantised(model, recipe, &Factors::of(&[], draft)).map_err(failed)??;
            return Ok(Some(nearest(&made.scale.values)));
        }
        recipe.dequantised().map(|parts| parts.scale.floats(model)).transpose().map_err(failed)
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
