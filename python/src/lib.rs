//! `bnfold._native`: the library as Python calls it. What is seen of it is the package `bnfold`, which is written in Python.
//!
//! Options come as JSON and reports go as JSON, in the layouts of the command line. The global lock is released while anything
//! lasts. Models in memory are read where they are, and a result is written into the bytes that Python gets.

mod options;

use std::path::PathBuf;
use std::sync::Arc;

use bnfold::api::input::Shared;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::pybacked::PyBackedBytes;
use pyo3::types::PyBytes;
use serde::Serialize;

use options::{FoldOptions, VerifyOptions};

pyo3::create_exception!(_native, NativeError, pyo3::exceptions::PyException, "What went wrong, as (text, fields as JSON).");

/// What is told of an error.
#[derive(Serialize)]
struct Told<'e> {
    kind: String,
    file: Option<String>,
    place: Option<&'e str>,
    what: &'e str,
    remedy: Option<&'e str>,
    source: Option<String>,
}

fn raised(error: &bnfold::Error) -> PyErr {
    let told = Told {
        kind: format!("{:?}", error.kind),
        file: error.file.as_ref().map(|file| file.display().to_string()),
        place: error.place.as_deref(),
        what: &error.what,
        remedy: error.remedy.as_deref(),
        source: error.source.as_ref().map(ToString::to_string),
    };
    NativeError::new_err((error.to_string(), serde_json::to_string(&told).unwrap_or_default()))
}

fn encoded(report: &impl Serialize) -> PyResult<String> {
    serde_json::to_string(report).map_err(|error| PyValueError::new_err(error.to_string()))
}

fn shared(model: PyBackedBytes) -> Shared {
    Arc::new(model)
}

/// Folds a file; without an output the model is replaced.
#[pyfunction]
#[pyo3(signature = (model, output, options))]
fn fold_file(py: Python<'_>, model: PathBuf, output: Option<PathBuf>, options: &str) -> PyResult<String> {
    let fold = FoldOptions::read(options)?.fold().map_err(|error| raised(&error))?;
    let report = py.detach(|| match &output {
        Some(output) => fold.file(&model, output),
        None => fold.in_place(&model),
    });
    encoded(&report.map_err(|error| raised(&error))?)
}

/// Folds bytes. The result is absent where nothing was changed.
#[pyfunction]
fn fold_bytes(py: Python<'_>, model: PyBackedBytes, options: &str) -> PyResult<(Option<Py<PyBytes>>, String)> {
    let fold = FoldOptions::read(options)?.fold().map_err(|error| raised(&error))?;
    let model = shared(model);
    let (result, report) = py.detach(|| {
        let (mut result, mut broken) = (None, None);
        let report = fold.shared(&model, &mut |length, fill| {
            let mut filled = Ok(());
            let made = Python::attach(|py| {
                let bytes = PyBytes::new_with(py, length, |buffer| {
                    filled = py.detach(|| fill(buffer));
                    Ok(())
                });
                bytes.map(Bound::unbind)
            });
            match made {
                Ok(bytes) => result = Some(bytes),
                // The caller hears of Python's own error, here it only has to end.
                Err(error) => broken = Some(error),
            }
            filled
        });
        match broken {
            Some(error) => Err(error),
            None => Ok((result, report)),
        }
    })?;
    let report = report.map_err(|error| raised(&error))?;
    Ok((result, encoded(&report)?))
}

/// Judges two files.
#[pyfunction]
fn verify_files(py: Python<'_>, before: PathBuf, after: PathBuf, options: &str) -> PyResult<String> {
    let verify = VerifyOptions::read(options)?.verify();
    let verdict = py.detach(|| verify.files(&before, &after));
    encoded(&verdict.map_err(|error| raised(&error))?)
}

/// Judges two models in memory.
#[pyfunction]
fn verify_bytes(py: Python<'_>, before: PyBackedBytes, after: PyBackedBytes, options: &str) -> PyResult<String> {
    let verify = VerifyOptions::read(options)?.verify();
    let (before, after) = (shared(before), shared(after));
    let verdict = py.detach(|| verify.shared(before, after));
    encoded(&verdict.map_err(|error| raised(&error))?)
}

/// Looks into a file.
#[pyfunction]
fn inspect_file(py: Python<'_>, model: PathBuf, options: &str) -> PyResult<String> {
    let fold = FoldOptions::read(options)?.fold().map_err(|error| raised(&error))?;
    encoded(&py.detach(|| fold.inspect(&model)).map_err(|error| raised(&error))?)
}

/// Looks into a model in memory.
#[pyfunction]
fn inspect_bytes(py: Python<'_>, model: PyBackedBytes, options: &str) -> PyResult<String> {
    let fold = FoldOptions::read(options)?.fold().map_err(|error| raised(&error))?;
    let model = shared(model);
    encoded(&py.detach(|| fold.inspect_shared(model)).map_err(|error| raised(&error))?)
}

/// The module.
#[pymodule]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("NativeError", module.py().get_type::<NativeError>())?;
    module.add("version", bnfold::report::VERSION)?;
    module.add_function(wrap_pyfunction!(fold_file, module)?)?;
    module.add_function(wrap_pyfunction!(fold_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(verify_files, module)?)?;
    module.add_function(wrap_pyfunction!(verify_bytes, module)?)?;
    module.add_function(wrap_pyfunction!(inspect_file, module)?)?;
    module.add_function(wrap_pyfunction!(inspect_bytes, module)?)
}
