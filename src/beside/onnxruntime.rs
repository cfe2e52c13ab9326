//! A model in onnxruntime, with or without its optimisations.
//!
//! The library is loaded when it is wanted, from where the user says. It runs in the process that has limits and an empty
//! environment, as the engine that is built in does.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use half::{bf16, f16};
use ort::session::SessionInputValue;
use ort::session::builder::GraphOptimizationLevel;
use ort::value::{DynValue, PrimitiveTensorElementType, Tensor, TensorElementType, ValueType};
use prost::Message as _;

use super::{CouldNotRun, InEngine};
use crate::engine::array::{Array, Data};
use crate::engine::bind::InputSpec;
use crate::engine::prepare::declared;
use crate::onnx::ModelProto;
use crate::onnx::tensor_proto::DataType;
use crate::verify::side::Side;

/// Loads the library. Returns the name of the engine with its version.
///
/// A process loads one library; a second call with another path finds the first.
///
/// # Errors
/// It cannot be loaded, or it is none of onnxruntime, or too old.
pub(super) fn load(library: &Path) -> Result<String, CouldNotRun> {
    // A path that is not absolute would be looked for beside this program first.
    let library = fs::canonicalize(library).map_err(|error| CouldNotRun::file(library, error))?;
    let environment = ort::init_from(&library).map_err(|error| CouldNotRun::Model(error.to_string()))?;
    environment.with_name("bnfold").with_telemetry(false).commit();
    Ok(format!("onnxruntime {}", version(ort::info(), &library)))
}

/// The version, which the library says of its branch, or else its file's name.
fn version(said: &str, library: &Path) -> String {
    let name = library.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let branch = said.split_once("git-branch=rel-").map(|(_, rest)| rest);
    let text = branch.or_else(|| name.split_once(".so.").map(|(_, rest)| rest)).unwrap_or_default();
    let version: String = text.chars().take_while(|sign| sign.is_ascii_digit() || *sign == '.').collect();
    if version.is_empty() { "of unknown version".to_owned() } else { version.trim_end_matches('.').to_owned() }
}

/// The model, ready to run with any sizes.
pub(super) struct Session {
    session: ort::session::Session,
    signature: ModelProto,
}

impl Session {
    /// Reads a model; what is under other names is handed over in memory, where onnxruntime takes two gigabytes.
    ///
    /// # Errors
    /// A file that cannot be read, and what onnxruntime says about it.
    pub(super) fn open(side: &Side, optimised: bool) -> Result<Session, CouldNotRun> {
        let path = &side.file;
        let decoded = |bytes: &[u8]| ModelProto::decode(bytes).map_err(|error| CouldNotRun::file(path, error));
        let mut builder = builder(optimised).map_err(gave_up)?;
        if side.moved.is_empty() {
            let model = decoded(&fs::read(path).map_err(|error| CouldNotRun::file(path, error))?)?;
            let signature = signature(&model);
            drop(model);
            let session = builder.commit_from_file(path).map_err(gave_up)?;
            return Ok(Session { session, signature });
        }
        let model = crate::engine::load::load(side)?;
        let signature = signature(&model);
        let bytes = model.encode_to_vec();
        drop(model);
        let session = builder.commit_from_memory(&bytes).map_err(gave_up)?;
        Ok(Session { session, signature })
    }
}

/// Without optimisations results are those of the nodes as they stand; they are added up in one order in any case.
fn builder(optimised: bool) -> ort::Result<ort::session::builder::SessionBuilder> {
    let builder = ort::session::Session::builder()?;
    let level = if optimised { GraphOptimizationLevel::All } else { GraphOptimizationLevel::Disable };
    let builder = builder.with_optimization_level(level)?;
    Ok(builder.with_intra_threads(1)?)
}

fn signature(model: &ModelProto) -> ModelProto {
    model.graph.as_ref().map(declared).unwrap_or_default()
}

/// What onnxruntime says, which may go over several lines.
fn gave_up(error: ort::Error) -> CouldNotRun {
    CouldNotRun::Model(format!("onnxruntime gave up: {}", error.to_string().lines().next().unwrap_or_default()))
}

impl InEngine for Session {
    fn signature(&self) -> &ModelProto {
        &self.signature
    }

    /// Sizes are known to it once it is run.
    fn ready(&mut self, _specs: &[InputSpec]) -> Result<(), CouldNotRun> {
        Ok(())
    }

    fn run(&mut self, specs: &[InputSpec], values: &BTreeMap<String, Array>) -> Result<BTreeMap<String, Array>, CouldNotRun> {
        let mut inputs: Vec<(String, SessionInputValue<'_>)> = Vec::new();
        for spec in specs {
            let wrong = |why: String| CouldNotRun::Input { input: spec.name.clone(), why };
            let value = values.get(&spec.name).ok_or_else(|| wrong("no value is given".to_owned()))?;
            let given = given(spec, value).map_err(|error| wrong(error.to_string()))?;
            inputs.push((spec.name.clone(), given.ok_or_else(|| wrong("no value of its type can be made".to_owned()))?));
        }
        let outputs = self.session.run(inputs).map_err(gave_up)?;
        let mut found = BTreeMap::new();
        for (name, value) in &outputs {
            // What is no tensor of numbers is left out, and said to be.
            if let Some(array) = array(&value).map_err(gave_up)? {
                found.insert(name.to_owned(), array);
            }
        }
        Ok(found)
    }
}

type Given = ort::Result<Option<SessionInputValue<'static>>>;

/// An input in its declared type; numbers are rounded to that already.
fn given(spec: &InputSpec, value: &Array) -> Given {
    let dims = &value.dims;
    match (&value.data, spec.data_type()) {
        (Data::Float(all), DataType::Float) => tensor(dims, all.iter().map(|&number| number as f32).collect()),
        (Data::Float(all), DataType::Double) => tensor(dims, all.clone()),
        (Data::Float(all), DataType::Float16) => tensor(dims, all.iter().map(|&number| f16::from_f64(number)).collect()),
        (Data::Float(all), DataType::Bfloat16) => tensor(dims, all.iter().map(|&number| bf16::from_f64(number)).collect()),
        (Data::Int(all), DataType::Int8) => tensor(dims, all.iter().map(|&number| number as i8).collect()),
        (Data::Int(all), DataType::Int16) => tensor(dims, all.iter().map(|&number| number as i16).collect()),
        (Data::Int(all), DataType::Int32) => tensor(dims, all.iter().map(|&number| number as i32).collect()),
        (Data::Int(all), DataType::Int64) => tensor(dims, all.clone()),
        (Data::Int(all), DataType::Uint8) => tensor(dims, all.iter().map(|&number| number as u8).collect()),
        (Data::Int(all), DataType::Uint16) => tensor(dims, all.iter().map(|&number| number as u16).collect()),
        (Data::Int(all), DataType::Uint32) => tensor(dims, all.iter().map(|&number| number as u32).collect()),
        (Data::Int(all), DataType::Uint64) => tensor(dims, all.iter().map(|&number| number as u64).collect()),
        (Data::Bool(all), DataType::Bool) => tensor(dims, all.clone()),
        _ => Ok(None),
    }
}

fn tensor<T: PrimitiveTensorElementType + Clone + std::fmt::Debug + 'static>(dims: &[usize], all: Vec<T>) -> Given {
    Ok(Some(Tensor::from_array((dims.to_vec(), all))?.into()))
}

/// A value as numbers, if it is a tensor of numbers.
fn array(value: &DynValue) -> ort::Result<Option<Array>> {
    let ValueType::Tensor { ty, .. } = value.dtype() else { return Ok(None) };
    Ok(Some(match ty {
        TensorElementType::Float32 => floats::<f32>(value, |number| number.into())?,
        TensorElementType::Float64 => floats::<f64>(value, |number| number)?,
        TensorElementType::Float16 => floats::<f16>(value, f16::to_f64)?,
        TensorElementType::Bfloat16 => floats::<bf16>(value, bf16::to_f64)?,
        TensorElementType::Int8 => whole::<i8>(value, |number| number.into())?,
        TensorElementType::Int16 => whole::<i16>(value, |number| number.into())?,
        TensorElementType::Int32 => whole::<i32>(value, |number| number.into())?,
        TensorElementType::Int64 => whole::<i64>(value, |number| number)?,
        TensorElementType::Uint8 => whole::<u8>(value, |number| number.into())?,
        TensorElementType::Uint16 => whole::<u16>(value, |number| number.into())?,
        TensorElementType::Uint32 => whole::<u32>(value, |number| number.into())?,
        // Beyond the signed range they wrap, as `Data::Int` says.
        TensorElementType::Uint64 => whole::<u64>(value, |number| number as i64)?,
        TensorElementType::Bool => {
            let (dims, all) = value.try_extract_tensor::<bool>()?;
            Array::bool(sizes(dims), all.to_vec())
        }
        _ => return Ok(None),
    }))
}

fn floats<T: PrimitiveTensorElementType + Copy>(value: &DynValue, number: fn(T) -> f64) -> ort::Result<Array> {
    let (dims, all) = value.try_extract_tensor::<T>()?;
    Ok(Array::float(sizes(dims), all.iter().map(|&element| number(element)).collect()))
}

fn whole<T: PrimitiveTensorElementType + Copy>(value: &DynValue, number: fn(T) -> i64) -> ort::Result<Array> {
    let (dims, all) = value.try_extract_tensor::<T>()?;
    Ok(Array::int(sizes(dims), all.iter().map(|&element| number(element)).collect()))
}

/// Tensors that exist have no negative sizes.
fn sizes(dims: &[i64]) -> Vec<usize> {
    dims.iter().map(|&dim| usize::try_from(dim).unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_that_of_the_branch_or_of_the_file() {
        let (branch, file) = ("ORT Build Info: git-branch=rel-1.19.2, git-commit-id=1", Path::new("/l/libonnxruntime.so.1.32.0"));
        assert_eq!(version(branch, file), "1.19.2");
        assert_eq!(version("git-branch=HEAD", file), "1.32.0");
        assert_eq!(version("", Path::new("/l/libonnxruntime.so")), "of unknown version");
    }

    #[test]
    fn what_is_no_library_is_said() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("libonnxruntime.so");
        assert!(load(&file).unwrap_err().to_string().contains("libonnxruntime.so"));
        fs::write(&file, "no library").unwrap();
        assert!(load(&file).is_err());
    }
}
