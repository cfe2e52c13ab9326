//! The engine's graphs built node by node, in time that grows with the nodes. The engine's own builders look through all that is
//! there for each node that they add: for a constant that is equal, and for a name that is taken.
//!
//! Each node is translated in a graph of its own, in which what it reads are sources that know what is known of them. So no two
//! constants are ever taken for one, either: the engine holds those equal that differ in the sign of a zero.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap};

use tract_onnx::model::ParsingContext;
use tract_onnx::pb;
use tract_onnx::prelude::{InferenceFact, InferenceModel, OutletId, TVec, TypedFact, TypedModel};
use tract_onnx::tract_core::model::{Fact, Node};
use tract_onnx::tract_core::ops::konst::Const;
use tract_onnx::tract_hir::infer::{Factoid, InferenceNode};
use tract_onnx::tract_hir::internal::*;

use super::run::guarded;
use super::{CouldNotRun, framework};

/// A flat graph, as the engine reads it.
///
/// # Errors
/// What the engine says of an operator, and a value that nothing makes.
pub(super) fn parsed(proto: pb::ModelProto) -> Result<InferenceModel, CouldNotRun> {
    match guarded(|| wired(proto))? {
        (_, Some(name)) => Err(CouldNotRun::Model(format!("nothing makes the value `{name}`"))),
        (model, None) => Ok(model),
    }
}

/// A flat graph with its edges, and the first value that nothing makes. Constants are given up one by one, so that none is
/// there twice.
fn wired(mut proto: pb::ModelProto) -> TractResult<(InferenceModel, Option<String>)> {
    let graph = proto.graph.get_or_insert_default();
    let (given, made) = (std::mem::take(&mut graph.initializer), std::mem::take(&mut graph.node));
    let inputs: Vec<String> = graph.input.iter().map(|input| input.name.clone()).collect();
    let framework = framework::framework();
    let version = proto.opset_import.iter().find(|import| matches!(&*import.domain, "" | "ai.onnx"));
    let version = version.map_or(0, |import| import.version);
    let context = ParsingContext {
        onnx_operator_set_version: version,
        framework,
        model: &proto,
        parent_graphs: vec![],
        model_dir: None,
        template: InferenceModel::default(),
    };
    let mut model = InferenceModel::default();
    let mut outlets: HashMap<String, OutletId> = HashMap::new();
    for tensor in given {
        let value = context.load_tensor(&tensor)?.into_arc_tensor();
        let fact = InferenceFact::from(TypedFact::try_from(value.clone())?);
        let at = model.add_node(&tensor.name, Const::new(value)?, tvec!(fact))?;
        outlets.insert(tensor.name, at.into());
    }
    for name in inputs {
        if let Entry::Vacant(place) = outlets.entry(name) {
            let source = model.add_source(place.key(), InferenceFact::default())?;
            place.insert(source);
        }
    }
    let first = model.nodes().len();
    for node in &made {
        let builder = framework.op_register.0.get(&node.op_type);
        let builder = builder.ok_or_else(|| format_err!("Unimplemented({})", node.op_type))?;
        let (operator, _) = builder(&context, node).with_context(|| format!("Building node {}", node.name))?;
        let names: Vec<&String> = node.output.iter().filter(|name| !name.is_empty()).collect();
        let at = model.add_node(&node.name, operator, names.iter().map(|_| InferenceFact::default()).collect())?;
        for (slot, name) in names.into_iter().enumerate() {
            outlets.insert(name.clone(), OutletId::new(at, slot));
            model.set_outlet_label(OutletId::new(at, slot), name.clone())?;
        }
    }
    for (at, node) in made.iter().enumerate() {
        for (slot, name) in node.input.iter().filter(|name| !name.is_empty()).enumerate() {
            let Some(outlet) = outlets.get(name) else { return Ok((model, Some(name.clone()))) };
            model.add_edge(*outlet, InletId::new(first + at, slot))?;
        }
    }
    Ok((model, None))
}

/// The typed form of what some values of a graph need, all inputs of which have a size.
pub(super) fn typed(mut model: InferenceModel, wanted: &[OutletId]) -> TractResult<TypedModel> {
    let inputs = std::mem::take(&mut model.inputs);
    let needed = order(model.nodes(), wanted, |_| true)?;
    analyse(&mut model, &needed)?;
    let mut typed = TypedModel { symbols: model.symbols.clone(), ..TypedModel::default() };
    let mut outlets: HashMap<OutletId, OutletId> = HashMap::new();
    // Inputs stay, even those that nobody reads.
    let inputs_alone = inputs.iter().map(|input| input.node);
    for at in needed.into_iter().chain(inputs_alone) {
        if outlets.contains_key(&OutletId::new(at, 0)) {
            continue;
        }
        let node = model.node(at);
        let made = translated(&model, node, &mut typed, &outlets).with_context(|| format!("Translating node {node}"))?;
        outlets.extend(made.into_iter().enumerate().map(|(slot, outlet)| (OutletId::new(at, slot), outlet)));
    }
    let find = |outlet: &OutletId| outlets.get(outlet).copied().ok_or_else(|| format_err!("nothing makes {outlet:?}"));
    typed.inputs = inputs.iter().map(find).collect::<TractResult<_>>()?;
    typed.outputs = wanted.iter().map(find).collect::<TractResult<_>>()?;
    Ok(typed)
}

/// Finds types and shapes of what these nodes read and make, until nothing new is found. What constants are is known.
fn analyse(model: &mut InferenceModel, needed: &[usize]) -> TractResult<()> {
    let mut open: BTreeSet<usize> = needed.iter().copied().filter(|at| !model.node(*at).op_is::<Const>()).collect();
    let all = open.clone();
    while let Some(at) = open.pop_first() {
        let changed = inferred(model, at).with_context(|| format!("Failed analyse for node {}", model.node(at)))?;
        for outlet in changed {
            let made = model.node(outlet.node).outputs.get(outlet.slot);
            let readers = made.into_iter().flat_map(|made| &made.successors).map(|reader| reader.node);
            open.extend(readers.chain([outlet.node]).filter(|other| *other != at && all.contains(other)));
        }
    }
    Ok(())
}

/// Whether an operator that needs an axis of channels reads or makes a value that has none: of some the engine does not ask.
fn lacks_channels(operator: &str, ranks: [Option<usize>; 2]) -> bool {
    const CHANNELS: [&str; 5] = ["BatchNorm", "ConvHir", "ConvTranspose", "MaxPool", "SumPool"];
    CHANNELS.contains(&operator) && ranks.into_iter().flatten().any(|rank| rank < 2)
}

/// Lets a node say what follows from what is known of its inputs and outputs. Returns of which of them more is known now.
fn inferred(model: &mut InferenceModel, at: usize) -> TractResult<Vec<OutletId>> {
    let node = model.node(at);
    let made = (0..node.outputs.len()).map(|slot| OutletId::new(at, slot));
    let outlets: Vec<OutletId> = node.inputs.iter().copied().chain(made).collect();
    let (read, count) = (node.inputs.len(), node.op.nboutputs()?);
    ensure!(count + read == outlets.len(), "Wrong number of outputs. Op says {count}, node says {}.", outlets.len() - read);
    let known = outlets.iter().map(|outlet| model.outlet_fact(*outlet).cloned()).collect::<TractResult<Vec<_>>>()?;
    let rank = |at: usize| known.get(at).and_then(|fact| usize::try_from(fact.shape.rank().concretize()?).ok());
    ensure!(!lacks_channels(&node.op.name(), [rank(0), rank(read)]), "{} of a value without channels", node.op.name());
    let (inputs, outputs) = known.split_at(read);
    let (inputs, outputs, _) = model.node_mut(at).op.infer(inputs.iter().collect(), outputs.iter().collect(), tvec!())?;
    let mut changed = Vec::new();
    for ((outlet, old), found) in outlets.into_iter().zip(&known).zip(inputs.iter().chain(&outputs)) {
        // Of a constant all is known, and to compare it takes its whole length.
        if model.node(outlet.node).op_is::<Const>() {
            continue;
        }
        let unified = old.unify(found)?;
        if unified != *old {
            model.set_outlet_fact(outlet, unified)?;
            changed.push(outlet);
        }
    }
    Ok(changed)
}

/// A node as nodes of the typed graph: what it makes there.
fn translated(
    model: &InferenceModel,
    node: &InferenceNode,
    typed: &mut TypedModel,
    outlets: &HashMap<OutletId, OutletId>,
) -> TractResult<TVec<OutletId>> {
    // A source is an input, whatever it is; what has a state has effects beside its results.
    let is_plain = !InferenceModel::is_source(&node.op) && node.op.state(&EvalContext::out_of_plan())?.is_none();
    let known = node.outputs.iter().map(|output| output.fact.value.concretize());
    if let (true, Some(values)) = (is_plain, known.collect::<Option<Vec<_>>>()) {
        let constant = |(slot, value): (usize, Arc<Tensor>)| {
            let fact = TypedFact::try_from(value.clone())?;
            Ok(typed.add_node(format!("{}.{slot}", node.name), Const::new(value)?, tvec!(fact))?.into())
        };
        return values.into_iter().enumerate().map(constant).collect();
    }
    let mut own = TypedModel { symbols: model.symbols.clone(), ..TypedModel::default() };
    let (mut mapping, mut read) = (HashMap::new(), Vec::new());
    for input in &node.inputs {
        if let Entry::Vacant(place) = mapping.entry(*input) {
            let outlet = *outlets.get(input).ok_or_else(|| format_err!("an input is not there"))?;
            let fact = typed.outlet_fact(outlet)?.clone();
            let rank = node.inputs.first().filter(|first| *first == input).map(|_| fact.rank());
            ensure!(!lacks_channels(&node.op.name(), [rank, None]), "{} of a value without channels", node.op.name());
            place.insert(own.add_source(format!("read by {} {}", node.name, read.len()), fact)?);
            read.push(outlet);
        }
    }
    let made = node.op.to_typed(model, node, &mut own, &mapping)?;
    let first = typed.nodes().len();
    let place = |outlet: OutletId| match read.get(outlet.node) {
        Some(read) => *read,
        None => OutletId::new(first + outlet.node - read.len(), outlet.slot),
    };
    for Node { name, inputs, op, outputs, .. } in own.nodes.into_iter().skip(read.len()) {
        outputs.iter().try_for_each(|output| output.fact.consistent())?;
        let at = typed.add_node(name, op, outputs.into_iter().map(|output| output.fact).collect())?;
        for (slot, input) in inputs.into_iter().enumerate() {
            typed.add_edge(place(input), InletId::new(at, slot))?;
        }
    }
    Ok(made.into_iter().map(place).collect())
}

/// The nodes that some values need, each behind what it reads, of those that are asked for.
pub(super) fn order<F, O>(
    nodes: &[Node<F, O>],
    outlets: &[OutletId],
    asked: impl Fn(&Node<F, O>) -> bool,
) -> TractResult<Vec<usize>>
where
    F: Fact + Clone + 'static,
    O: std::fmt::Debug + std::fmt::Display + AsRef<dyn Op> + AsMut<dyn Op> + Clone + 'static,
{
    let mut order = Vec::new();
    let mut seen = vec![false; nodes.len()];
    let mut seen_first = |at: usize| seen.get_mut(at).is_some_and(|seen| !std::mem::replace(seen, true));
    for outlet in outlets {
        // A node, and which of its inputs comes next.
        let mut open = vec![];
        if seen_first(outlet.node) {
            open.push((outlet.node, 0));
        }
        while let Some((at, next)) = open.pop() {
            let node = nodes.get(at).ok_or_else(|| format_err!("no node {at}"))?;
            match node.inputs.get(next) {
                Some(input) => {
                    open.push((at, next + 1));
                    if seen_first(input.node) {
                        open.push((input.node, 0));
                    }
                }
                None if asked(node) => order.push(at),
                None => {}
            }
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::lacks_channels;

    #[test]
    fn what_needs_channels_has_two_axes_as_far_as_is_known() {
        assert!(!lacks_channels("BatchNorm", [Some(2), None]) && !lacks_channels("Relu", [Some(0), Some(0)]));
        for operator in ["BatchNorm", "ConvHir", "ConvTranspose", "MaxPool", "SumPool"] {
            assert!(lacks_channels(operator, [None, Some(1)]) && lacks_channels(operator, [Some(0), Some(3)]), "{operator}");
        }
    }
}
