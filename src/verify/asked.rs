//! What the caller asks for by name or file, held against a model before anything else: what cannot be had is a mistake of the
//! call, and never a model that does not run.

use std::collections::BTreeSet;
use std::path::Path;

use super::VerifyOptions;
use super::taps::distance;
use crate::engine::{self, CouldNotRun, Given, InputSpec, Sizes, fitting};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Graph, ScopeId};
use crate::onnx::ModelProto;

/// Refuses sizes, shapes, values and taps that a model has no place for, with what there is.
///
/// # Errors
/// A dimension, an input or a value that the model has not; a shape or values in conflict with what it declares or with each
/// other; a file of inputs that cannot be read.
pub fn asked(graph: &Graph<'_>, options: &VerifyOptions) -> Result<()> {
    let model = &graph.model.proto;
    let of_file = |error: Error| match &graph.model.path {
        Some(path) => error.file(path),
        None => error,
    };
    sizes(model, options).map_err(of_file)?;
    for tap in &options.taps {
        if graph.lookup(ScopeId(0), tap).is_none() {
            let values = graph.nodes.iter().filter(|node| node.scope == ScopeId(0)).flat_map(|node| &node.proto.output);
            let error = Error::new(ErrorKind::Choice, format!("there is no value `{tap}` to tap"));
            return Err(of_file(nearest(error, tap, values.map(String::as_str))));
        }
    }
    Ok(())
}

/// Calls of functions are not written out to more nodes than these, unless the file itself has more, only to foresee something.
const MOST_NODES: usize = 100_000;

/// Why a model is known not to run whole before anything is tried, so that no fold of it would be proved; `None` says nothing.
pub fn foreseen(graph: &Graph<'_>) -> Option<String> {
    if !graph.model.proto.functions.is_empty() && graph.model.expanded() > graph.nodes.len().max(MOST_NODES) {
        return None;
    }
    engine::foreseen(&graph.model.proto).err().map(|why| why.to_string())
}

/// The names that sizes can be given for: inputs, and symbolic dimensions of them.
pub fn sized_names(graph: &Graph<'_>) -> (BTreeSet<String>, BTreeSet<String>) {
    let (inputs, symbols) = engine::declared(&graph.model.proto).unwrap_or_default();
    (inputs.keys().map(|name| (*name).to_owned()).collect(), symbols.into_iter().map(str::to_owned).collect())
}

fn sizes(model: &ModelProto, options: &VerifyOptions) -> Result<()> {
    let sizes = Sizes {
        symbols: options.dims.iter().cloned().collect(),
        shapes: options.shapes.iter().cloned().collect(),
        ..Sizes::default()
    };
    let (inputs, symbols) = engine::declared(model).map_err(|why| mistaken(&why))?;
    if let Some(name) = sizes.symbols.keys().find(|name| !symbols.contains(name.as_str())) {
        let all: Vec<&str> = symbols.iter().copied().collect();
        let what = match all.is_empty() {
            true => format!("there is no dimension `{name}`: the sizes of its inputs have no names"),
            false => format!("there is no dimension `{name}` at its inputs, only: {}", all.join(", ")),
        };
        let error = Error::new(ErrorKind::Choice, what);
        return Err(nearest(error, name, all.into_iter()));
    }
    let unknown = |name: &str, why: CouldNotRun| match inputs.contains_key(name) {
        true => mistaken(&why),
        false => nearest(mistaken(&why), name, inputs.keys().copied()),
    };
    let refused = |why: CouldNotRun| match &why {
        CouldNotRun::Input { input, .. } => unknown(&input.clone(), why),
        _ => mistaken(&why),
    };
    engine::agreed(model, &sizes).map_err(refused)?;
    let Some(path) = &options.inputs else { return Ok(()) };
    let given = read(path)?;
    let order: Vec<&str> = model.graph.iter().flat_map(|graph| &graph.input).map(|input| input.name()).collect();
    let order: Vec<&str> = order.into_iter().filter(|name| inputs.contains_key(name)).collect();
    let from = |why: CouldNotRun| refused(why).remedy(format!("correct {} or name another file", path.display()));
    let given = given.by_name(&order).map_err(from)?;
    engine::agreed(model, &sizes.with(&given)).map_err(from)?;
    for (name, value) in &given {
        let shape = sizes.shapes.get(name).unwrap_or(&value.dims).clone();
        let element = inputs.get(name.as_str()).copied().unwrap_or(0);
        fitting(&InputSpec { name: name.clone(), element, dims: shape, assumed: vec![] }, value).map_err(from)?;
    }
    Ok(())
}

fn read(path: &Path) -> Result<Given> {
    std::fs::metadata(path).map_err(|e| Error::io("cannot open", e).file(path).remedy("check the path"))?;
    Given::read(path).map_err(|why| mistaken(&why).remedy("inputs are npz, npy or pb files, or a folder of them"))
}

fn mistaken(why: &CouldNotRun) -> Error {
    Error::new(ErrorKind::Choice, why.to_string())
}

/// Names the most similar of the names that there are, if it is similar at all.
fn nearest<'n>(error: Error, wanted: &str, known: impl Iterator<Item = &'n str>) -> Error {
    let far = |name: &str| distance(&wanted.to_lowercase(), &name.to_lowercase());
    let found = known.filter(|name| !name.is_empty()).min_by_key(|name| (far(name), name.len()));
    match found.filter(|name| far(name) * 2 <= wanted.chars().count()) {
        Some(name) => error.remedy(format!("the nearest is `{name}`")),
        None => error,
    }
}
