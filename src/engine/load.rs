//! A model file with all that belongs to it, in memory.

use std::fs;
use std::path::{Path, PathBuf};

use prost::Message;

use super::CouldNotRun;
use crate::model::order::in_order;
use crate::model::{Model, external, scaler};
use crate::onnx::tensor_proto::DataLocation;
use crate::onnx::{GraphProto, ModelProto, NodeProto, TensorProto};
use crate::verify::side::Side;
use crate::wire::Source;

/// Reads a model and its external data, as [`Side::open`] reads it.
///
/// # Errors
/// Files that cannot be read or are no ONNX model, and external data that leaves the model's
/// folder, is no regular file or is too short.
pub fn load(side: &Side) -> Result<ModelProto, CouldNotRun> {
    let Side { file: path, moved, wording } = side;
    let bytes = fs::read(path).map_err(|error| CouldNotRun::file(path, error))?;
    let decoded = |bytes: &[u8]| {
        ModelProto::decode(bytes).map_err(|error| CouldNotRun::file(path, format_args!("it is no ONNX model: {error}")))
    };
    let mut model = decoded(&bytes)?;
    drop(bytes);
    if !model.functions.is_empty() || !in_order(&model) || scaler::occurs(&model) {
        model = decoded(&aligned(path, moved)?)?;
    }
    let folder = Folder { path: path.parent().unwrap_or(Path::new("")), moved };
    if let Some(graph) = model.graph.as_mut() {
        wording.apply(graph);
        read_graph(graph, &folder)?;
    }
    let functions = model.functions.iter_mut();
    functions.flat_map(|function| &mut function.node).try_for_each(|node| read_node(node, &folder))?;
    Ok(model)
}

/// The bytes of a model with its functions inlined, its nodes in order and its Scalers written out, as it is aligned and judged.
fn aligned(path: &Path, moved: &[(String, PathBuf)]) -> Result<Vec<u8>, CouldNotRun> {
    let model = Model::open_moved(path, moved).and_then(Model::inlined).map_err(|e| CouldNotRun::Model(e.to_string()))?;
    let mut bytes = vec![0; usize::try_from(model.len()).map_err(|error| CouldNotRun::file(path, error))?];
    model.file(0).read_exact_at(&mut bytes, 0).map_err(|error| CouldNotRun::file(path, error))?;
    Ok(bytes)
}

/// Where side files are.
struct Folder<'p> {
    path: &'p Path,
    moved: &'p [(String, PathBuf)],
}

fn read_graph(graph: &mut GraphProto, folder: &Folder<'_>) -> Result<(), CouldNotRun> {
    graph.initializer.iter_mut().try_for_each(|tensor| read_tensor(tensor, folder))?;
    graph.node.iter_mut().try_for_each(|node| read_node(node, folder))
}

fn read_node(node: &mut NodeProto, folder: &Folder<'_>) -> Result<(), CouldNotRun> {
    for attribute in &mut node.attribute {
        attribute.t.iter_mut().chain(&mut attribute.tensors).try_for_each(|tensor| read_tensor(tensor, folder))?;
        attribute.g.iter_mut().chain(&mut attribute.graphs).try_for_each(|graph| read_graph(graph, folder))?;
    }
    Ok(())
}

fn read_tensor(tensor: &mut TensorProto, folder: &Folder<'_>) -> Result<(), CouldNotRun> {
    if tensor.data_location() != DataLocation::External {
        return Ok(());
    }
    let bytes = external(tensor, folder)
        .map_err(|why| CouldNotRun::Tensor { tensor: tensor.name().to_owned(), why: format!("external data: {why}") })?;
    tensor.raw_data = Some(bytes);
    tensor.external_data.clear();
    tensor.data_location = None;
    Ok(())
}

fn external(tensor: &TensorProto, folder: &Folder<'_>) -> Result<Vec<u8>, String> {
    let entry = external::entry(tensor).map_err(|error| error.to_string())?;
    let moved = folder.moved.iter().find(|(location, _)| *location == entry.location);
    let file = match moved {
        Some((_, path)) => external::open_named(path),
        None => external::open(folder.path, &entry.location),
    };
    let file = file.map_err(|error| error.to_string())?;
    let rest = file.len().checked_sub(entry.offset).ok_or("the offset is past the end")?;
    let length = entry.length.unwrap_or(rest);
    if length > rest {
        return Err(format!("{length} bytes from {} reach past the end", entry.offset));
    }
    let mut bytes = vec![0; usize::try_from(length).map_err(|_| "it is too large")?];
    file.source.read_exact_at(&mut bytes, entry.offset).map_err(|error| format!("{}: {error}", file.path.display()))?;
    Ok(bytes)
}
