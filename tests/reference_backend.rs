//! The reference on the ONNX project's own test data.
//!
//! Needs the folder that `tests/data/backend_tests.py` writes, named by the environment variable
//! `BNFOLD_BACKEND_TESTS`.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bnfold::onnx::{ModelProto, TensorProto};
use bnfold::reference::{Array, Data, ReferenceError, evaluate};
use prost::Message;

/// Cases that the reference evaluated with onnx 1.23; fewer mean that it lost an operator.
const LEAST_CASES: usize = 1186;

/// Cases that another arithmetic than the expected values' own cannot meet, and why.
const EXCEPTIONS: &[(&str, &str)] =
    &[("node_test_dynamicquantizelinear_expanded", "a quotient lies within a float32 rounding of a tie")];

/// Cases whose expected values are written with four digits.
const FOUR_DIGITS: &[&str] = &["node_test_gridsample_bicubic", "node_test_averagepool_2d_ceil_last_window_starts_on_pad"];

fn tensors(folder: &Path, kind: &str) -> Vec<TensorProto> {
    let files = (0..).map(|index| folder.join(format!("{kind}_{index}.pb")));
    let files = files.take_while(|file| file.exists());
    files.map(|file| TensorProto::decode(fs::read(file).unwrap().as_slice()).unwrap()).collect()
}

/// Inputs go to the graph's inputs in order; in old files to those that are no initializers.
fn inputs(model: &ModelProto, folder: &Path) -> Result<BTreeMap<String, Array>, ReferenceError> {
    let graph = model.graph.as_ref().unwrap();
    let values = tensors(folder, "input");
    let is_constant = |name: &str| graph.initializer.iter().any(|tensor| tensor.name() == name);
    let names = graph.input.iter().map(|input| input.name());
    let names: Vec<&str> =
        if values.len() < graph.input.len() { names.filter(|name| !is_constant(name)).collect() } else { names.collect() };
    let pairs = names.iter().zip(&values);
    pairs.map(|(name, value)| Ok((name.to_string(), Array::from_tensor(value)?))).collect()
}

/// Half a unit in the last place of the type in which the expected values were computed, as a
/// share of the value, with room for a few operations.
fn precision(data_type: i32) -> f64 {
    match data_type {
        10 => 2e-3,
        16 => 1.6e-2,
        _ => 0.0,
    }
}

fn differs(found: &Array, expected: &TensorProto, tolerance: (f64, f64)) -> Option<String> {
    let wanted = match Array::from_tensor(expected) {
        Ok(wanted) => wanted,
        Err(error) => return Some(error.to_string()),
    };
    if found.dims != wanted.dims {
        return Some(format!("dims {:?}, expected {:?}", found.dims, wanted.dims));
    }
    let (Data::Float(a), Data::Float(b)) = (&found.data, &wanted.data) else {
        return (*found != wanted).then(|| format!("{:?}, expected {:?}", found.data, wanted.data));
    };
    let relative = tolerance.0.max(precision(expected.data_type()));
    let pairs = a.iter().zip(b).enumerate();
    let mut wrong = pairs.filter(|(_, (a, b))| {
        let is_same = a == b || a.is_nan() && b.is_nan();
        let is_close = b.is_finite() && (*a - *b).abs() <= tolerance.1 + relative * b.abs();
        !is_same && !is_close
    });
    wrong.next().map(|(index, (a, b))| format!("element {index} is {a}, expected {b}"))
}

/// Evaluates one data set; an error says what is not supported.
fn run(model: &ModelProto, folder: &Path, tolerance: (f64, f64)) -> Result<(), (bool, String)> {
    let error = |error: ReferenceError| (matches!(error, ReferenceError::Unsupported(_)), error.to_string());
    let inputs = inputs(model, folder).map_err(error)?;
    let values = evaluate(model, &inputs).map_err(error)?;
    for (output, expected) in model.graph.as_ref().unwrap().output.iter().zip(tensors(folder, "output")) {
        let found = values.get(output.name()).ok_or((false, "an output is missing".to_string()))?;
        if let Some(message) = differs(found, &expected, tolerance) {
            return Err((false, format!("{}: {message}", output.name())));
        }
    }
    Ok(())
}

#[test]
fn the_onnx_projects_own_test_data() {
    let Some(folder) = std::env::var_os("BNFOLD_BACKEND_TESTS") else {
        eprintln!("skipped: BNFOLD_BACKEND_TESTS is not set");
        return;
    };
    let (mut passed, mut left_out, mut failed) = (0, BTreeMap::new(), Vec::new());
    let mut cases: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    cases.sort();
    for case in cases {
        let model = ModelProto::decode(fs::read(case.join("model.onnx")).unwrap().as_slice()).unwrap();
        let stated = fs::read_to_string(case.join("tolerance.txt")).unwrap();
        let stated: Vec<f64> = stated.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let name = case.file_name().unwrap().to_str().unwrap();
        if EXCEPTIONS.iter().any(|(exception, _)| *exception == name) {
            continue;
        }
        let strictest = if FOUR_DIGITS.contains(&name) { 1e-3 } else { 1e-4 };
        let tolerance = (stated[0].min(strictest), stated[1].max(1e-6));
        let sets = (0..).map(|set| case.join(set.to_string())).take_while(|set| set.is_dir());
        match sets.map(|set| run(&model, &set, tolerance)).collect::<Result<Vec<()>, _>>() {
            Ok(sets) if sets.is_empty() => failed.push(format!("{}: no data", case.display())),
            Ok(_) => passed += 1,
            Err((true, message)) => *left_out.entry(message).or_insert(0) += 1,
            Err((false, message)) => failed.push(format!("{}: {message}", case.display())),
        }
    }
    eprintln!("{passed} cases pass; left out: {left_out:#?}");
    assert!(failed.is_empty(), "{} cases fail:\n{}", failed.len(), failed.join("\n"));
    assert!(passed >= LEAST_CASES, "only {passed} cases were evaluated");
}
