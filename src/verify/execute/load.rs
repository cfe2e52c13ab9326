//! A model file with all that belongs to it, in memory.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path, PathBuf};

use prost::Message;

use super::CouldNotRun;
use crate::onnx::tensor_proto::DataLocation;
use crate::onnx::{GraphProto, ModelProto, NodeProto, TensorProto};

/// Reads a model and its external data.
///
/// # Errors
/// Files that cannot be read or are no ONNX model, and external data that leaves the model's
/// folder, is no regular file or is too short.
pub fn load(path: &Path) -> Result<ModelProto, CouldNotRun> {
    let bytes = fs::read(path).map_err(|error| CouldNotRun::file(path, error))?;
    let mut model = ModelProto::decode(bytes.as_slice())
        .map_err(|error| CouldNotRun::file(path, format_args!("it is no ONNX model: {error}")))?;
    drop(bytes);
    let folder = path.parent().unwrap_or(Path::new(""));
    if let Some(graph) = model.graph.as_mut() {
        read_graph(graph, folder)?;
    }
    let functions = model.functions.iter_mut();
    functions.flat_map(|function| &mut function.node).try_for_each(|node| read_node(node, folder))?;
    Ok(model)
}

fn read_graph(graph: &mut GraphProto, folder: &Path) -> Result<(), CouldNotRun> {
    graph.initializer.iter_mut().try_for_each(|tensor| read_tensor(tensor, folder))?;
    graph.node.iter_mut().try_for_each(|node| read_node(node, folder))
}

fn read_node(node: &mut NodeProto, folder: &Path) -> Result<(), CouldNotRun> {
    for attribute in &mut node.attribute {
        attribute.t.iter_mut().chain(&mut attribute.tensors).try_for_each(|tensor| read_tensor(tensor, folder))?;
        attribute.g.iter_mut().chain(&mut attribute.graphs).try_for_each(|graph| read_graph(graph, folder))?;
    }
    Ok(())
}

fn read_tensor(tensor: &mut TensorProto, folder: &Path) -> Result<(), CouldNotRun> {
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

fn external(tensor: &TensorProto, folder: &Path) -> Result<Vec<u8>, String> {
    let entry = |key: &str| tensor.external_data.iter().find(|entry| entry.key() == key).map(|entry| entry.value());
    let number = |key: &str| entry(key).map(|text| text.parse::<u64>().map_err(|_| format!("{key} {text:?}"))).transpose();
    let path = inside(folder, entry("location").ok_or("there is no location")?)?;
    let named = |error: std::io::Error| format!("{}: {error}", path.display());
    let mut file = File::open(&path).map_err(named)?;
    let metadata = file.metadata().map_err(named)?;
    if !metadata.is_file() {
        return Err(format!("{} is no regular file", path.display()));
    }
    let offset = number("offset")?.unwrap_or(0);
    let rest = metadata.len().checked_sub(offset).ok_or("the offset is past the end")?;
    let length = number("length")?.unwrap_or(rest);
    if length > rest {
        return Err(format!("{length} bytes from {offset} reach past the end"));
    }
    file.seek(SeekFrom::Start(offset)).map_err(named)?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes).map_err(named)?;
    Ok(bytes)
}

/// A path that stays in the model's folder, also through links.
fn inside(folder: &Path, location: &str) -> Result<PathBuf, String> {
    let relative = Path::new(location);
    if !relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(format!("{location:?} leads out of the model's folder"));
    }
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let whole = |path: &Path| path.canonicalize().map_err(|e| format!("{}: {e}", path.display()));
    let (folder, path) = (whole(folder)?, whole(&folder.join(relative))?);
    match path.starts_with(&folder) {
        true => Ok(path),
        false => Err(format!("{location:?} leads out of the model's folder")),
    }
}
