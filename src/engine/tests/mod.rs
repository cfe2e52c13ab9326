//! Small models through the whole room: prepared, run by the engine, and compared with results worked out by hand.

mod nested;
mod opaque;
mod refused;
mod rewritten;

use std::collections::BTreeMap;

use prost::Message;

use super::*;
use crate::onnx::ModelProto;
use crate::sample;

fn model(text: &str) -> ModelProto {
    let bytes = sample::encode(text).unwrap_or_else(|error| panic!("{error} in {text}"));
    ModelProto::decode(bytes.as_slice()).unwrap()
}

fn floats(dims: &[usize], values: &[f64]) -> Array {
    Array::float(dims, values.to_vec())
}

/// Runs a model on these inputs and returns its outputs and these taps.
fn run_model(
    model: ModelProto,
    branch: Branch,
    inputs: &[(&str, Array)],
    taps: &[&str],
) -> Result<BTreeMap<String, Array>, CouldNotRun> {
    let taps: Vec<String> = taps.iter().map(|&tap| tap.to_owned()).collect();
    let loaded = Loaded::parse(prepare(model, branch)?, &taps)?;
    let given: BTreeMap<String, Array> = inputs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    let shapes = given.iter().map(|(name, value)| (name.clone(), value.dims.clone())).collect();
    let (specs, run) = loaded.fit(&Sizes { shapes, ..Sizes::default() })?;
    run.run(&seeded_inputs(&specs, 1, &given)?)
}

fn run(text: &str, inputs: &[(&str, Array)]) -> BTreeMap<String, Array> {
    run_model(model(text), Branch::Then, inputs, &[]).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// Asserts values that are exact in f64.
fn gives(text: &str, inputs: &[(&str, Array)], output: &str, expected: &Array) {
    assert_eq!(run(text, inputs).get(output), Some(expected), "{text}");
}

#[test]
fn every_float_type_is_widened_exactly_and_run_in_f64() {
    // 1 + 2^-30 is lost in f32; the sum of all four types is not.
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        widths (double[2] x, float[2] w) => (double[2] y)
        <float[2] a = {0.1, 2}, float16[2] h = {0.5, 3.0}, bfloat16[2] b = {0.25, 4.0}>
        { ad = Cast <to: int = 11> (a)  hd = Cast <to: int = 11> (h)  bd = Cast <to: int = 11> (b)
          wd = Cast <to: int = 11> (w)
          s1 = Add (x, ad)  s2 = Add (s1, hd)  s3 = Add (s2, bd)  y = Add (s3, wd) }"#;
    let x = 1.0 + 2.0_f64.powi(-30);
    let inputs = [("x", floats(&[2], &[x, x])), ("w", floats(&[2], &[0.0, 0.0]))];
    let expected = floats(&[2], &[x + f64::from(0.1_f32) + 0.5 + 0.25, x + 2.0 + 3.0 + 4.0]);
    gives(text, &inputs, "y", &expected);
}

#[test]
fn inputs_and_initializers_can_be_tapped() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        taps (float[2] x) => (float[2] y) <float[2] w = {2, 3}> { h = Mul (x, w)  y = Add (h, w) }"#;
    let x = floats(&[2], &[5.0, 7.0]);
    let taps = ["x", "w", "h"];
    let values = run_model(model(text), Branch::Then, &[("x", x.clone())], &taps).unwrap();
    assert_eq!(values.keys().collect::<Vec<_>>(), ["h", "w", "x", "y"]);
    assert_eq!(values.get("x"), Some(&x));
    assert_eq!(values.get("w"), Some(&floats(&[2], &[2.0, 3.0])));
    assert_eq!(values.get("h"), Some(&floats(&[2], &[10.0, 21.0])));
    assert_eq!(values.get("y"), Some(&floats(&[2], &[12.0, 24.0])));
    let error = run_model(model(text), Branch::Then, &[("x", x)], &["nowhere"]).unwrap_err();
    assert_eq!(error.to_string(), "nothing makes the value `nowhere`");
}

#[test]
fn empty_trailing_inputs_and_batch_normalization() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        plain (float[1,1,2,2] x) => (float[1,2,2,2] y)
        <float[2,1,1,1] w = {2, -4}, float[2] s = {1, 2}, float[2] b = {0.5, 0}, float[2] m = {1, 0}, float[2] v = {4, 0.25}>
        { c = Conv (x, w, "")
          y = BatchNormalization <epsilon: float = 0.0> (c, s, b, m, v) }"#;
    let x = floats(&[1, 1, 2, 2], &[1.0, 2.0, 3.0, 4.0]);
    let expected = floats(&[1, 2, 2, 2], &[1.0, 2.0, 3.0, 4.0, -16.0, -32.0, -48.0, -64.0]);
    gives(text, &[("x", x)], "y", &expected);
}

#[test]
fn drawn_values_are_the_same_everywhere_and_fit_the_declared_type() {
    let spec = |name: &str, element: i32| InputSpec { name: name.to_owned(), element, dims: vec![1000], assumed: Vec::new() };
    let specs = [spec("half", 10), spec("x", 1), spec("index", 7), spec("truth", 9)];
    let values = seeded_inputs(&specs, 7, &BTreeMap::new()).unwrap();
    assert_eq!(values, seeded_inputs(&specs, 7, &BTreeMap::new()).unwrap());
    assert_ne!(values, seeded_inputs(&specs, 8, &BTreeMap::new()).unwrap());
    let alone = seeded_inputs(&specs[1..2], 7, &BTreeMap::new()).unwrap();
    assert_eq!(values.get("x"), alone.get("x"), "a value does not depend on the other inputs");
    let Some(Data::Float(x)) = values.get("x").map(|value| &value.data) else { panic!() };
    assert!(x.iter().all(|&number| f64::from(number as f32) == number));
    let (negative, large) = (x.iter().filter(|&&n| n < 0.0).count(), x.iter().filter(|&&n| n > 1.0).count());
    assert!((200..300).contains(&negative) && (40..120).contains(&large), "{negative} {large}");
    let Some(Data::Int(index)) = values.get("index").map(|value| &value.data) else { panic!() };
    assert!(index.iter().all(|number| [0, 1].contains(number)) && index.contains(&0) && index.contains(&1));
}

#[test]
fn given_values_must_fit() {
    let specs = [InputSpec { name: "x".to_owned(), element: 1, dims: vec![2], assumed: Vec::new() }];
    let given = |value: Array| BTreeMap::from([("x".to_owned(), value)]);
    let values = seeded_inputs(&specs, 1, &given(floats(&[2], &[0.1, 2.0]))).unwrap();
    assert_eq!(values.get("x"), Some(&floats(&[2], &[f64::from(0.1_f32), 2.0])));
    let error = seeded_inputs(&specs, 1, &given(floats(&[3], &[1.0; 3]))).unwrap_err();
    assert_eq!(error.to_string(), "input `x`: the value has shape [3], not [2]");
}

#[test]
fn npz_files_are_read_in_both_orders() {
    use npyz::WriterBuilder;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inputs.npz");
    let mut writer = npyz::npz::NpzWriter::create(&path).unwrap();
    for (name, order) in [("rows", npyz::Order::C), ("columns", npyz::Order::Fortran)] {
        let array = writer.array::<f32>(name, Default::default()).unwrap();
        let mut file = array.order(order).default_dtype().shape(&[2, 3]).begin_nd().unwrap();
        file.extend([0.0_f32, 1.0, 2.0, 3.0, 4.0, 5.0]).unwrap();
        file.finish().unwrap();
    }
    drop(writer);
    let arrays = read_npz(&path).unwrap();
    assert_eq!(arrays.get("rows"), Some(&floats(&[2, 3], &[0.0, 1.0, 2.0, 3.0, 4.0, 5.0])));
    assert_eq!(arrays.get("columns"), Some(&floats(&[2, 3], &[0.0, 2.0, 4.0, 1.0, 3.0, 5.0])));
}

#[test]
fn external_data_is_read_beside_the_model_and_nowhere_else() {
    use crate::onnx::StringStringEntryProto;
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        side (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add (x, w) }"#;
    let outside = tempfile::tempdir().unwrap();
    let folder = outside.path().join("models");
    std::fs::create_dir(&folder).unwrap();
    let bytes: Vec<u8> = [9.0_f32, 3.0, 4.0].iter().flat_map(|number| number.to_le_bytes()).collect();
    std::fs::write(folder.join("weights.bin"), &bytes).unwrap();
    std::fs::write(outside.path().join("weights.bin"), &bytes).unwrap();
    let written = |location: &str, offset: &str, length: &str| {
        let mut model = model(text);
        let tensor = &mut model.graph.as_mut().unwrap().initializer[0];
        tensor.raw_data = None;
        tensor.float_data.clear();
        tensor.data_location = Some(1);
        tensor.external_data = [("location", location), ("offset", offset), ("length", length)]
            .map(|(key, value)| StringStringEntryProto { key: Some(key.to_owned()), value: Some(value.to_owned()) })
            .to_vec();
        std::fs::write(folder.join("model.onnx"), model.encode_to_vec()).unwrap();
        load(&crate::verify::side::Side::of(&folder.join("model.onnx")))
    };
    let loaded = written("weights.bin", "4", "8").unwrap();
    let values = run_model(loaded, Branch::Then, &[("x", floats(&[2], &[0.5, 0.5]))], &[]).unwrap();
    assert_eq!(values.get("y"), Some(&floats(&[2], &[3.5, 4.5])));
    for (location, offset, length) in [("../weights.bin", "4", "8"), ("weights.bin", "4", "9"), ("weights.bin", "13", "0")] {
        let error = written(location, offset, length).unwrap_err().to_string();
        assert!(error.starts_with("tensor `w`: external data: "), "{error}");
    }
    assert!(prepare(model(text), Branch::Then).is_ok());
}

#[test]
fn a_job_does_both_branches_and_finds_a_size() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        picture (bool c, float[N,1,H,W] x) => (y) <float[1,1,60,60] w = fill(1)>
        { y = If (c) < then_branch = a () => (t) { t = Conv (x, w) }, else_branch = b () => (t) { t = MaxPool <kernel_shape = [200, 4]> (x) } > }"#;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, sample::encode(text).unwrap()).unwrap();
    let whole = crate::verify::Whole { model: path, sizes: Sizes::default(), inputs: None, seed: 3 };
    let Ok(crate::verify::Done::Whole(reports)) = crate::verify::Job::Whole(whole).perform() else { panic!() };
    let dims: Vec<_> = reports.iter().map(|report| report.inputs[1].dims.clone()).collect();
    assert_eq!(dims, [[2, 1, 60, 80], [2, 1, 204, 272]], "as large as the widest window of what is run, and no two alike");
    assert_eq!(reports[0].outputs[0].dims, [2, 1, 1, 21]);
    assert_eq!(reports[1].inputs[1].assumed.len(), 3);
    assert!(reports.iter().all(|report| report.outputs[0].nan == 0 && report.outputs[0].largest > 0.0));
}

#[test]
fn a_batch_normalization_of_constants_or_without_use_is_no_obstacle() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        aside (float[1,2] x) => (float[1,2] y)
        <float[1,2] k = {3, 5}, float[2] s = {1, 2}, float[2] b = {0.5, 0}, float[2] m = {1, 0}, float[2] v = {4, 0.25}>
        { c = BatchNormalization <epsilon: float = 0.0> (k, s, b, m, v)  y = Add (x, c)
          unused = BatchNormalization (x, s, b, m, v) }"#;
    gives(text, &[("x", floats(&[1, 2], &[1.0, 1.0]))], "y", &floats(&[1, 2], &[2.5, 21.0]));
}

#[test]
fn constants_that_differ_in_the_sign_of_a_zero_stay_apart() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        zeros (float[2] x) => (float[2] y, float[2] z) <float[2] a = {0, 0}, float[2] b = {-0.0, -0.0}>
        { y = Div (x, a)  z = Div (x, b) }"#;
    let made = run(text, &[("x", floats(&[2], &[1.0, -1.0]))]);
    assert_eq!(made.get("y"), Some(&floats(&[2], &[f64::INFINITY, f64::NEG_INFINITY])));
    assert_eq!(made.get("z"), Some(&floats(&[2], &[f64::NEG_INFINITY, f64::INFINITY])));
}
