//! The ONNX project's own node tests, run by the engine in f64: what it gives must be what ONNX expects. The table of
//! operators that may run was made from these.
//!
//! `BNFOLD_BACKEND_TESTS` names a folder with one folder a case: `model.onnx`, `0/input_0.pb` …, `0/output_0.pb` ….
#![cfg(feature = "tract")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

use std::collections::BTreeMap;
use std::path::Path;

use bnfold::engine::{Array, Branch, CouldNotRun, Data, Loaded, Sizes, load, prepare, seeded_inputs};
use bnfold::onnx::{ModelProto, TensorProto};
use prost::Message;

/// Where the engine is known to differ, and why that is let pass.
const KNOWN: &[(&str, &str)] = &[
    ("test_reduce_max_empty_set", "the maximum of nothing is the least finite number"),
    ("test_reduce_min_empty_set", "the minimum of nothing is the largest finite number"),
    ("test_averagepool_2d_ceil_last_window_starts_on_pad", "the expected values have four digits"),
    ("test_attention", "a softmax over nothing but minus infinity"),
    ("test_dynamicquantizelinear_expanded", "the scale keeps the bits of f64, and a tie is none any more"),
];

fn tensor(path: &Path) -> Option<TensorProto> {
    TensorProto::decode(std::fs::read(path).ok()?.as_slice()).ok()
}

/// A tensor as an array, by way of a model that gives it out.
fn array(tensor: TensorProto) -> Result<Array, CouldNotRun> {
    let mut model = ModelProto::default();
    let graph = model.graph.get_or_insert_default();
    graph.initializer.push(TensorProto { name: Some("value".to_owned()), ..tensor });
    let run = Loaded::parse(prepare(model, Branch::Then)?, &["value".to_owned()])?.bind(&[])?;
    Ok(run.run(&BTreeMap::new())?.remove("value").unwrap())
}

fn case(folder: &Path, constants: bool) -> Result<BTreeMap<String, (Array, Array, f64)>, CouldNotRun> {
    let mut model = load(&bnfold::verify::side::Side::of(&folder.join("model.onnx")))?;
    let graph = model.graph.as_mut().unwrap();
    let (mut given, mut kept) = (BTreeMap::new(), Vec::new());
    for (index, input) in std::mem::take(&mut graph.input).into_iter().enumerate() {
        let name = input.name().to_owned();
        let value = tensor(&folder.join(format!("0/input_{index}.pb")));
        match value {
            Some(value) if constants && index > 0 => graph.initializer.push(TensorProto { name: Some(name), ..value }),
            Some(value) => {
                given.insert(name, array(value)?);
                kept.push(input);
            }
            None => kept.push(input),
        }
    }
    graph.input = kept;
    let outputs: Vec<String> = graph.output.iter().map(|output| output.name().to_owned()).collect();
    let prepared = prepare(model, Branch::Then)?;
    if !prepared.assumptions.is_empty() || !prepared.drawn().is_empty() {
        return Err(CouldNotRun::Model("it is run as something else than it computes".to_owned()));
    }
    let shapes = given.iter().map(|(name, value)| (name.clone(), value.dims.clone())).collect();
    let (specs, run) = Loaded::parse(prepared, &[])?.fit(&Sizes { shapes, ..Sizes::default() })?;
    let mut found = run.run(&seeded_inputs(&specs, 1, &given)?)?;
    let mut pairs = BTreeMap::new();
    for (index, name) in outputs.into_iter().enumerate() {
        let Some(expected) = tensor(&folder.join(format!("0/output_{index}.pb"))) else { continue };
        // f16 and bf16 are expected as narrow arithmetic gives them.
        let tolerance = match expected.data_type() {
            10 => 1e-3,
            16 => 1e-2,
            _ => 2e-5,
        };
        let value = found.remove(&name).unwrap();
        pairs.insert(name, (value, array(expected)?, tolerance));
    }
    Ok(pairs)
}

fn numbers(array: &Array) -> Vec<f64> {
    match &array.data {
        Data::Float(all) => all.clone(),
        Data::Int(all) => all.iter().map(|&number| number as f64).collect(),
        Data::Bool(all) => all.iter().map(|&truth| f64::from(u8::from(truth))).collect(),
    }
}

fn differs(found: &Array, expected: &Array, tolerance: f64) -> bool {
    let (all, wanted) = (numbers(found), numbers(expected));
    let scale = wanted.iter().filter(|number| number.is_finite()).fold(0.0_f64, |most, number| most.max(number.abs()));
    let close = |(a, b): (&f64, &f64)| a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= tolerance * scale;
    found.dims != expected.dims
        || std::mem::discriminant(&found.data) != std::mem::discriminant(&expected.data)
        || !all.iter().zip(&wanted).all(close)
}

#[test]
fn what_runs_gives_what_onnx_expects() {
    let Some(folder) = std::env::var_os("BNFOLD_BACKEND_TESTS") else {
        eprintln!("skipped: BNFOLD_BACKEND_TESTS is not set");
        return;
    };
    let mut folders: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    let (mut equal, mut wrong) = (0, Vec::new());
    for folder in &folders {
        let name = folder.file_name().unwrap().to_string_lossy().into_owned();
        // What must be constant for the engine is an input in many cases.
        let Ok(pairs) = case(folder, false).or_else(|_| case(folder, true)) else { continue };
        assert!(!pairs.is_empty(), "{name} has no data");
        match pairs.values().any(|(found, expected, tolerance)| differs(found, expected, *tolerance)) {
            false => equal += 1,
            true if KNOWN.iter().any(|(known, _)| name.trim_start_matches("node_").starts_with(known)) => {}
            true => wrong.push(name),
        }
    }
    assert!(wrong.is_empty(), "{} cases differ: {wrong:?}", wrong.len());
    assert!(equal * 3 >= folders.len(), "only {equal} of {} cases ran", folders.len());
    eprintln!("{equal} of {} cases ran and were equal", folders.len());
}
