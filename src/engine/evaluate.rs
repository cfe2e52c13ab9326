//! A typed graph computed node by node: inputs are asked for when the first node reads them, what is wanted is handed out as
//! soon as it is there, and nothing is kept that no node reads any more.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use tract_onnx::prelude::{OutletId, TValue, TypedModel, TypedSimplePlan, TypedSimpleState};
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_hir::internal::{IntoTValue, SimplePlan, TractResult, tvec};

use super::CouldNotRun;
use super::run::guarded;
use super::typed::order;

/// A graph and the order in which it is computed.
pub(super) struct Steps {
    plan: Arc<TypedSimplePlan>,
    /// The nodes that what is wanted needs, without constants.
    order: Vec<usize>,
    /// What nobody reads after a step.
    done: Vec<Vec<usize>>,
    /// What is wanted, by node: slot and number.
    wanted: BTreeMap<usize, Vec<(usize, usize)>>,
    /// The number of each input, by node.
    inputs: HashMap<usize, usize>,
    /// The shapes of what is wanted.
    shapes: Vec<Option<Vec<usize>>>,
    /// Whether extents are known when it runs only: then the engine's own plan computes it.
    symbolic: bool,
}

impl Steps {
    /// The steps to all outputs of a graph, in their order as far as that can be.
    pub fn new(mut typed: TypedModel) -> TractResult<Steps> {
        let symbolic = typed.nodes().iter().flat_map(|node| &node.outputs).any(|o| o.fact.shape.as_concrete().is_none());
        let outlets = typed.outputs.clone();
        let order = order(typed.nodes(), &outlets, |node| !node.op_is::<Const>())?;
        let mut last: HashMap<usize, usize> = HashMap::new();
        for (step, at) in order.iter().enumerate() {
            last.extend(typed.node(*at).inputs.iter().map(|input| (input.node, step)));
            last.insert(*at, step);
        }
        let mut done = vec![Vec::new(); order.len()];
        for (node, step) in last.into_iter().filter(|(node, _)| !typed.node(*node).op_is::<Const>()) {
            done.get_mut(step).into_iter().for_each(|all: &mut Vec<usize>| all.push(node));
        }
        let mut wanted: BTreeMap<usize, Vec<(usize, usize)>> = BTreeMap::new();
        for (number, outlet) in outlets.iter().enumerate() {
            wanted.entry(outlet.node).or_default().push((outlet.slot, number));
        }
        let inputs = typed.inputs.iter().enumerate().map(|(number, outlet)| (outlet.node, number)).collect();
        let shape = |outlet: &OutletId| typed.outlet_fact(*outlet).ok()?.shape.as_concrete().map(<[usize]>::to_vec);
        let shapes = outlets.iter().map(shape).collect();
        if !symbolic {
            // The plan is for the values of constants alone; to order them itself it takes time that grows with the square.
            typed.select_output_outlets(&[])?;
        }
        Ok(Steps { plan: SimplePlan::new(typed)?, order, done, wanted, inputs, shapes, symbolic })
    }

    /// The graph.
    pub fn model(&self) -> &TypedModel {
        self.plan.model()
    }

    /// The numbers of the inputs that are asked for.
    pub fn reads(&self) -> impl Iterator<Item = usize> {
        let all = if self.symbolic { 0..self.inputs.len() } else { 0..0 };
        let steps = if self.symbolic { &[] } else { &self.order[..] };
        steps.iter().filter_map(|at| self.inputs.get(at).copied()).chain(all)
    }

    /// The shapes of what is wanted; none where one is known only when it runs.
    pub fn outputs(&self) -> &[Option<Vec<usize>>] {
        &self.shapes
    }

    /// Computes it. `feed` gives an input by its number, `visit` takes what is wanted by its number.
    pub fn run(
        &self,
        feed: &mut dyn FnMut(usize) -> Result<TValue, CouldNotRun>,
        visit: &mut dyn FnMut(usize, TValue) -> Result<(), CouldNotRun>,
    ) -> Result<(), CouldNotRun> {
        if self.symbolic {
            let inputs = (0..self.inputs.len()).map(feed).collect::<Result<_, CouldNotRun>>()?;
            let found = guarded(|| self.plan.run(inputs))?;
            return found.into_iter().enumerate().try_for_each(|(number, value)| visit(number, value));
        }
        // Constants are there from the beginning.
        for (at, all) in &self.wanted {
            let Some(constant) = self.model().node(*at).op_as::<Const>() else { continue };
            all.iter().try_for_each(|(_, number)| visit(*number, constant.val().clone().into_tvalue()))?;
        }
        let mut state: TypedSimpleState = guarded(|| self.plan.spawn())?;
        // A run of the plan would begin so; a node that reads constants alone may be the first.
        let nodes = self.model().nodes().iter();
        let constants = nodes.map(|node| node.op_as::<Const>().map(|constant| tvec![constant.val().clone().into_tvalue()]));
        state.turn_state.values = constants.collect();
        for (at, done) in self.order.iter().zip(&self.done) {
            match self.inputs.get(at) {
                Some(number) => {
                    let value = feed(*number)?;
                    guarded(|| state.set_input(*number, value))?;
                }
                None => guarded(|| state.compute_one(*at))?,
            }
            for (slot, number) in self.wanted.get(at).into_iter().flatten() {
                visit(*number, value(&state, OutletId::new(*at, *slot))?)?;
            }
            for node in done {
                if let Some(values) = state.turn_state.values.get_mut(*node) {
                    *values = None;
                }
            }
        }
        Ok(())
    }
}

fn value(state: &TypedSimpleState, outlet: OutletId) -> Result<TValue, CouldNotRun> {
    let values = state.turn_state.values.get(outlet.node).and_then(Option::as_ref);
    let value = values.and_then(|values| values.get(outlet.slot)).cloned();
    value.ok_or_else(|| CouldNotRun::Engine("a value is gone".to_owned()))
}
