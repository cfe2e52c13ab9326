//! What the judge knows of extents and of integers that are computed from them, against what the reference computes: over random
//! graphs and the ONNX project's operator tests, with the extents of the inputs as they are declared and with all of them open.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod maker;
mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bnfold::model::{Graph, Model};
use bnfold::onnx::tensor_shape_proto::dimension::Value as Size;
use bnfold::onnx::type_proto::Value as Kind;
use bnfold::onnx::{ModelProto, NodeProto, TensorProto};
use bnfold::reference::{Array, Data, evaluate};
use bnfold::verify::measure::Measures;
use prost::Message;
use support::{model_of, random_inputs};

/// How much was known.
#[derive(Default)]
struct Known {
    values: usize,
    shapes: BTreeMap<String, usize>,
    integers: usize,
}

/// Compares what is claimed of each value with what it is for these inputs.
fn check(place: &str, model: &ModelProto, inputs: &BTreeMap<String, Array>, known: &mut Known) {
    let Ok(values) = evaluate(model, inputs) else { return };
    let read = Model::from_bytes(model.encode_to_vec()).unwrap();
    let Ok(graph) = Graph::build(&read) else { return };
    let measures = Measures::of(&graph).unwrap();
    let shapes = inputs.iter().map(|(name, value)| (name.clone(), value.dims.clone())).collect();
    for node in graph.nodes.iter().filter(|node| node.scope.0 == 0) {
        for value in node.outputs.iter().flatten() {
            let name = graph.value(*value).name;
            let Some(found) = values.get(name) else { continue };
            known.values += 1;
            if let Some(extents) = measures.extents(*value) {
                let claimed: Vec<Option<i64>> = extents.iter().map(|extent| extent.value(&shapes)).collect();
                let dims: Vec<Option<i64>> = found.dims.iter().map(|dim| Some(*dim as i64)).collect();
                let text: Vec<String> = extents.iter().map(ToString::to_string).collect();
                assert_eq!(claimed, dims, "{place}: {} makes `{name}` of {text:?}", node.proto.op_type());
                *known.shapes.entry(node.proto.op_type().to_owned()).or_default() += 1;
            }
            if let Some(integers) = measures.integers(*value) {
                let claimed: Option<Vec<i64>> = integers.elements.iter().map(|e| e.as_ref()?.value(&shapes)).collect();
                let numbers = match &found.data {
                    Data::Int(numbers) => numbers.clone(),
                    Data::Bool(truths) => truths.iter().map(|truth| i64::from(*truth)).collect(),
                    Data::Float(_) => panic!("{place}: `{name}` is no list of integers"),
                };
                assert_eq!(integers.dims, found.dims, "{place}: {} makes `{name}`", node.proto.op_type());
                assert_eq!(claimed, Some(numbers), "{place}: {} makes `{name}`", node.proto.op_type());
                known.integers += 1;
            }
        }
    }
}

/// The model without the extents of its inputs.
fn opened(mut model: ModelProto) -> ModelProto {
    let graph = model.graph.as_mut().unwrap();
    for (index, input) in graph.input.iter_mut().enumerate() {
        let Some(Kind::TensorType(tensor)) = input.r#type.as_mut().and_then(|kind| kind.value.as_mut()) else { continue };
        for (axis, dim) in tensor.shape.iter_mut().flat_map(|shape| shape.dim.iter_mut().enumerate()) {
            dim.value = Some(Size::DimParam(format!("n{index}_{axis}")));
        }
    }
    model
}

#[test]
fn what_is_claimed_of_random_graphs_is_so() {
    let count = std::env::var("BNFOLD_GRAPHS").ok().and_then(|n| n.parse().ok()).unwrap_or(600);
    let (mut fixed, mut open) = (Known::default(), Known::default());
    for seed in 0..count {
        let model = model_of(&bnfold::sample::encode(&maker::graph(seed)).unwrap());
        let inputs = random_inputs(&model, seed);
        check(&format!("seed {seed}"), &model, &inputs, &mut fixed);
        check(&format!("seed {seed}, open"), &opened(model), &inputs, &mut open);
    }
    let share = |known: &Known| known.shapes.values().sum::<usize>() as f64 / known.values as f64;
    assert!(share(&fixed) > 0.9, "{} of fixed shapes, {:?}", share(&fixed), fixed.shapes);
    assert!(share(&open) > 0.6, "{} of open shapes, {:?}", share(&open), open.shapes);
    assert!(open.integers as u64 > count / 20, "{} lists of integers", open.integers);
}

#[test]
fn nothing_is_claimed_of_sizes_that_could_stand_for_something_else() {
    // For three columns the list says that the rows are what is left.
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        sizes (float[4,3] x) => (float[A,B] y)
        <int64 one = {1}, int64 four = {4}, int64[1] first = {0}, int64[1] two = {2}>
        { h = Shape (x)  d = Gather (h, one)  e = Sub (d, four)  u = Unsqueeze (e, first)  l = Concat <axis = 0> (u, two)
          y = Reshape (x, l) }"#;
    let model = model_of(&bnfold::sample::encode(text).unwrap());
    let inputs = random_inputs(&model, 1);
    for model in [opened(model.clone()), model] {
        let mut known = Known::default();
        check("rows that are left", &model, &inputs, &mut known);
        assert!(known.integers >= 4, "{}", known.integers);
    }
}

/// A default of an input is of one shape, what a caller gives instead of another.
#[test]
fn a_default_says_nothing_of_what_is_given_instead() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        given (float[2] x, float[N] d) => (float[A] y, int64[B] h) <float[N] e = {1, 2, 3}> { y = Relu (d)  h = Shape (d) }"#;
    let mut model = model_of(&bnfold::sample::encode(&text.replace("float[N] e", "float[3] e")).unwrap());
    model.graph.as_mut().unwrap().initializer[0].name = Some("d".to_owned());
    let mut inputs = random_inputs(&model, 1);
    inputs.insert("x".to_owned(), Array::float([2], vec![1.0, 2.0]));
    inputs.insert("d".to_owned(), Array::float([5], vec![0.5; 5]));
    let mut known = Known::default();
    check("given", &model, &inputs, &mut known);
    assert_eq!(known.integers, 1);
}

/// Nothing of this is a model that runs, and nothing of it may stop the program.
#[test]
fn hostile_numbers_are_no_reason_to_stop() {
    for body in [
        "y = Slice (x, zero, end, zero, zero)",
        "t = Slice (x, zero, zero, zero)  y = Slice (t, back, start, zero, back)",
        "t = Slice (x, zero, zero, zero)  y = Slice (t, start, end, zero, back)",
        "c = Conv <kernel_shape = [9, 9]> (x, w)  y = Slice (c, back, start, two, back)",
        "y = Split <axis = 0> (x)",
        "h = Shape (x)  t = Mul (h, start)  d = Div (t, back)  y = Add (d, start)",
        "h = Shape (x)  t = Sub (start, h)  d = Div (t, h)  y = Mod (d, zero)",
        "y = Add (hollow, hollow2)",
        "h = Shape (x)  y = Add (h, hollow)",
        "y = ConstantOfShape (wide)",
        "y = Transpose <perm = [9223372036854775807, -1, 0, 0]> (x)",
        "y = Concat <axis = -9223372036854775808> (x, x)",
        "y = Flatten <axis = -9223372036854775808> (x)",
    ] {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            hostile (float[2,3,4,5] x) => (float[A] y)
            <int64[1] zero = {{0}}, int64[1] two = {{2}}, int64[1] back = {{-1}}, int64[1] end = {{9223372036854775807}},
             int64[1] start = {{-9223372036854775808}}, int64[1] hollow = {{0}},
             int64[1] hollow2 = {{0}}, int64[3] wide = {{4294967296, 4294967296, 4294967296}},
             float[3,3,9,9] w = fill(1)>
            {{ {body} }}"#
        );
        let bytes = bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
        let mut model = model_of(&bytes);
        let graph = model.graph.as_mut().unwrap();
        for (name, dims) in [("hollow", [0, 1 << 40, 1]), ("hollow2", [0, 1, 1 << 40])] {
            let tensor = graph.initializer.iter_mut().find(|tensor| tensor.name() == name).unwrap();
            *tensor = TensorProto { name: tensor.name.take(), dims: dims.to_vec(), data_type: Some(7), ..TensorProto::default() };
        }
        let nothing = NodeProto { op_type: Some("Split".into()), input: vec!["x".into()], ..NodeProto::default() };
        graph.node.push(nothing);
        for model in [opened(model.clone()), std::mem::take(&mut model)] {
            let read = Model::from_bytes(model.encode_to_vec()).unwrap();
            if let Ok(graph) = Graph::build(&read) {
                Measures::of(&graph).unwrap();
            }
        }
    }
}

fn tensors(folder: &Path, kind: &str) -> Vec<TensorProto> {
    let files = (0..).map(|index| folder.join(format!("{kind}_{index}.pb"))).take_while(|file| file.exists());
    files.map(|file| TensorProto::decode(fs::read(file).unwrap().as_slice()).unwrap()).collect()
}

/// The names and values of the inputs; `None` where some are no tensors.
fn inputs(model: &ModelProto, folder: &Path) -> Option<BTreeMap<String, Array>> {
    let graph = model.graph.as_ref()?;
    let values = tensors(folder, "input");
    (graph.initializer.is_empty() && values.len() == graph.input.len()).then_some(())?;
    let pairs = graph.input.iter().zip(&values);
    pairs.map(|(input, value)| Some((input.name().to_owned(), Array::from_tensor(value).ok()?))).collect()
}

/// Inputs of integers become constants, as sizes and axes mostly are.
fn stated(model: &ModelProto, folder: &Path) -> Option<ModelProto> {
    let mut model = model.clone();
    let graph = model.graph.as_mut()?;
    let values = tensors(folder, "input");
    let names: Vec<String> = graph.input.iter().map(|input| input.name().to_owned()).collect();
    for (name, mut value) in names.into_iter().zip(values) {
        // The first input is what is worked on.
        if matches!(value.data_type(), 6 | 7 | 9) && graph.input.first().is_some_and(|first| first.name() != name) {
            value.name = Some(name.clone());
            graph.initializer.push(value);
            graph.input.retain(|input| input.name() != name);
        }
    }
    (!graph.initializer.is_empty()).then_some(model)
}

#[test]
fn what_is_claimed_of_the_operator_tests_is_so() {
    let Some(root) = std::env::var_os("BNFOLD_BACKEND_TESTS") else {
        eprintln!("skipped: BNFOLD_BACKEND_TESTS is not set");
        return;
    };
    let (mut fixed, mut open) = (Known::default(), Known::default());
    let mut folders: Vec<_> = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path()).collect();
    folders.sort();
    for folder in folders {
        let Ok(bytes) = fs::read(folder.join("model.onnx")) else { continue };
        let Ok(model) = ModelProto::decode(&bytes[..]) else { continue };
        let data = folder.join("0");
        let Some(all) = inputs(&model, &data) else { continue };
        let place = folder.display().to_string();
        check(&place, &model, &all, &mut fixed);
        check(&place, &opened(model.clone()), &all, &mut open);
        if let Some(stated) = stated(&model, &data) {
            check(&format!("{place}, stated"), &stated, &all, &mut fixed);
            check(&format!("{place}, stated and open"), &opened(stated), &all, &mut open);
        }
    }
    assert!(fixed.shapes.len() >= 100, "{} operators: {:?}", fixed.shapes.len(), fixed.shapes);
    assert!(open.shapes.len() >= 90, "{} operators: {:?}", open.shapes.len(), open.shapes);
}
