//! From a model as it is stored to one that the engine runs as real arithmetic, in f64.

use std::collections::{BTreeMap, HashSet};

use super::bind::Sizes;
use super::flatten::{Branch, flat, flatten};
use super::opaque::{self, Opaque};
use super::operators::{Treatment, treatment};
use super::proto::{graphs, opset};
use super::widen::{self, Floats};
use super::{CouldNotRun, lint, rewrite};
use crate::onnx::{GraphProto, ModelProto, NodeProto};

/// A model that the engine can run in f64. Values of the main graph keep their names.
#[derive(Debug, Clone)]
pub struct Prepared {
    /// One flat graph.
    pub model: ModelProto,
    /// What its floats are.
    pub floats: Floats,
    /// The inputs, without those that have an initializer, and the outputs, as they were declared.
    pub signature: ModelProto,
    /// Whether there was an If, so that the other branch is another model.
    pub branches: bool,
    /// The nodes that run with the 24 bits of f32 all the same, by the first value that each makes.
    pub narrow: Vec<String>,
    /// What was taken for granted, one sentence each.
    pub assumptions: Vec<String>,
    /// The nodes that nobody can compute.
    pub(crate) opaque: Vec<Opaque>,
    /// What the user says of the values that those make.
    pub(crate) sizes: Sizes,
}

impl Prepared {
    /// The nodes whose results are drawn at random, by the first value that each makes.
    pub fn drawn(&self) -> Vec<&str> {
        self.opaque.iter().map(|opaque| opaque.label.as_str()).collect()
    }

    /// The outputs that are computed from what is drawn at random, each with a node that draws.
    pub(crate) fn drawn_outputs(&self) -> BTreeMap<String, String> {
        let Some(graph) = &self.model.graph else { return BTreeMap::new() };
        let mut drawn: BTreeMap<&str, &str> = BTreeMap::new();
        for node in &graph.node {
            let own =
                |output: &String| self.opaque.iter().find(|opaque| opaque.makes(output)).map(|opaque| opaque.label.as_str());
            // A body may read any value around it.
            let body = graphs(node).next().is_some();
            let read = || match body {
                true => drawn.values().next().copied(),
                false => node.input.iter().find_map(|input| drawn.get(input.as_str()).copied()),
            };
            if let Some(label) = node.output.iter().find_map(own).or_else(read) {
                drawn.extend(node.output.iter().map(|output| (output.as_str(), label)));
            }
        }
        let outputs = graph.output.iter().filter_map(|output| drawn.get_key_value(output.name()));
        outputs.map(|(output, label)| ((*output).to_owned(), (*label).to_owned())).collect()
    }

    /// Takes what the user says of opaque values.
    pub(crate) fn sized(&mut self, sizes: &Sizes) {
        self.sizes.clone_from(sizes);
        self.assumptions.extend(self.opaque.iter().map(|opaque| opaque.assumption(sizes)));
    }
}

/// Makes a model ready to run: flattened, looked over, widened, rewritten. A pure function, so two
/// models that differ in one place differ in one place afterwards.
///
/// External data must have been read into the model before.
///
/// # Errors
/// What is invalid, what cannot be made flat, and what cannot be held in f64.
pub fn prepare(model: ModelProto, branch: Branch) -> Result<Prepared, CouldNotRun> {
    prepare_edited(model, branch, &mut |_| Ok(()))
}

/// As [`prepare`], with a step of the caller's between: the graph is flat and all floats are f64, but every node is still
/// as ONNX has it.
///
/// # Errors
/// As [`prepare`], and those of the step.
pub(crate) fn prepare_edited(
    model: ModelProto,
    branch: Branch,
    edit: &mut dyn FnMut(&mut GraphProto) -> Result<(), CouldNotRun>,
) -> Result<Prepared, CouldNotRun> {
    let flat = flatten(model, branch, true)?;
    let mut model = flat.model;
    let opset = opset(&model);
    let graph = model.graph.get_or_insert_default();
    opaque::inputs(graph);
    lint::graph(graph, opset, Floats::Double)?;
    let signature = declared(graph);
    let opaque = opaque(graph, opset);
    widen::graph(graph, Floats::Double)?;
    edit(graph)?;
    let narrow = rewrite::graph(graph, opset, &opaque);
    let (branches, assumptions) = (flat.branches, flat.assumptions);
    Ok(Prepared { model, floats: Floats::Double, signature, branches, narrow, assumptions, opaque, sizes: Sizes::default() })
}

/// The nodes of a flat graph that neither the engine nor the reference has.
fn opaque(graph: &GraphProto, opset: i64) -> Vec<Opaque> {
    let nodes = graph.node.iter().filter(|node| treatment(node, opset) == Treatment::Opaque);
    opaque::read(graph, &nodes.collect::<Vec<&NodeProto>>())
}

/// Looks a model over without its weights: what [`prepare`] refuses by operators and attributes alone.
///
/// # Errors
/// What the engine lacks, or would compute otherwise than ONNX says.
pub fn foreseen(model: &ModelProto) -> Result<(), CouldNotRun> {
    // The usual model would only be copied, name by name.
    if let Some(graph) = flat(model) {
        return lint::graph(graph, opset(model), Floats::Double);
    }
    let flat = flatten(model.clone(), Branch::Then, true)?.model;
    let opset = opset(&flat);
    flat.graph.as_ref().map_or(Ok(()), |graph| lint::graph(graph, opset, Floats::Double))
}

/// As [`prepare`], but every float keeps its type and every operator is the engine's own in that type: what is run is the
/// model as it is used, not what it means.
///
/// # Errors
/// As [`prepare`].
pub(crate) fn prepare_stored(model: ModelProto, branch: Branch) -> Result<Prepared, CouldNotRun> {
    let flat = flatten(model, branch, false)?;
    let mut model = flat.model;
    let opset = opset(&model);
    let graph = model.graph.get_or_insert_default();
    lint::graph(graph, opset, Floats::Stored)?;
    let signature = declared(graph);
    widen::graph(graph, Floats::Stored)?;
    rewrite::as_stored(graph, opset);
    let (branches, assumptions) = (flat.branches, flat.assumptions);
    let (opaque, sizes) = (vec![], Sizes::default());
    Ok(Prepared { model, floats: Floats::Stored, signature, branches, narrow: vec![], assumptions, opaque, sizes })
}

/// The inputs without those that have an initializer, and the outputs, of a graph.
pub(crate) fn declared(graph: &GraphProto) -> ModelProto {
    let constants: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
    let inputs = graph.input.iter().filter(|input| !constants.contains(input.name()));
    let graph = GraphProto { input: inputs.cloned().collect(), output: graph.output.clone(), ..GraphProto::default() };
    ModelProto { graph: Some(graph), ..ModelProto::default() }
}
