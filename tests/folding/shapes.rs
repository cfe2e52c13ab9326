//! What the folding half knows of shapes and types, against what the reference computes.

#[path = "../maker/mod.rs"]
mod maker;

use std::collections::BTreeMap;

use crate::support::{model_of, random_inputs};
use bnfold::model::{Dim, Model, Shape};
use bnfold::ops::OPERATORS;
use bnfold::plan::Options;
use bnfold::reference::{Data, evaluate};

/// What is known of each value that is computed, by name; it must be so.
fn known(place: &str, text: &str) -> BTreeMap<String, Shape> {
    let bytes = bnfold::sample::encode(text).unwrap_or_else(|e| panic!("{e} in {text}"));
    let of = model_of(&bytes);
    // Windows that see nothing but padding are no numbers of a value.
    let Ok(values) = evaluate(&of, &random_inputs(&of, 3)) else { return BTreeMap::new() };
    let model = Model::from_bytes(bytes).unwrap();
    let graph = bnfold::constants::build(&model).unwrap();
    let plan = bnfold::fold::examine(&graph, &Options::default()).unwrap();
    let (mut found, mut symbols) = (BTreeMap::new(), BTreeMap::new());
    for node in graph.nodes.iter().filter(|node| node.scope.0 == 0) {
        for value in node.outputs.iter().flatten() {
            let name = graph.value(*value).name;
            let Some(computed) = values.get(name) else { continue };
            let place = format!("{place}: {} makes `{name}`", node.proto.op_type());
            if plan.view.value_element(*value).is_some() {
                assert!(matches!(computed.data, Data::Float(_)), "{place}, which is of no float type");
            }
            let Some(shape) = plan.view.shape(*value) else { continue };
            assert_eq!(shape.rank(), computed.dims.len(), "{place}");
            for (dim, size) in shape.0.iter().zip(&computed.dims) {
                match dim {
                    Dim::Known(known) => assert_eq!(*known, *size as u64, "{place}: {:?}", computed.dims),
                    Dim::Symbol(symbol) => {
                        assert_eq!(symbols.entry(*symbol).or_insert(*size), size, "{place}: {:?}", computed.dims)
                    }
                    Dim::Unknown => {}
                }
            }
            found.insert(name.to_owned(), shape.clone());
        }
    }
    found
}

#[test]
fn what_is_known_of_shapes_is_so() {
    let samples = OPERATORS.iter().flat_map(|operator| operator.samples.iter().map(|sample| (operator.name, sample)));
    let others = bnfold::plan::SAMPLES.iter().chain(bnfold::constants::SAMPLES).map(|sample| ("", sample));
    for (operator, sample) in samples.chain(others) {
        if matches!(sample.expect, bnfold::sample::Expect::Folded { .. }) {
            known(&format!("{operator}, {}", sample.name), sample.text);
        }
    }
    for seed in 0..300 {
        known(&seed.to_string(), &maker::graph(seed));
    }
}

/// A value of four axes, and integers that tables are made of.
fn model(nodes: &str) -> String {
    format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[2,4,8,6] x) => (float[] y)
        <float[3,4,3,2] w = dyadic(1), float[4,3,2,3] u = dyadic(2), int64[1] one = {{1}}, int64[1] two = {{2}}, int64[1] three = {{3}},
         int64[2] pair = {{2, 2}}, int64[1] rest = {{-1}}, int64[2,2] ends = {{0, 3, 1, 2}}, int64[1] zero = {{0}}>
        {{ {nodes} }}"#
    )
}

#[test]
fn every_extent_behind_a_window_is_known() {
    let windows = |operator: &str, kernel: &str, attributes: &str| {
        let nodes = format!("y = {operator} <{attributes}> (x{kernel})");
        let shape = &known(&nodes, &model(&nodes))["y"];
        assert!(shape.0.iter().all(|dim| dim.known().is_some()), "{nodes}: {shape:?}");
    };
    let moves = [
        "strides = [1,1]",
        "strides = [2,3]",
        "strides = [3,2], pads = [1,0,2,1]",
        "dilations = [2,3], pads = [0,1,1,1]",
        "strides = [2,2], dilations = [3,1], pads = [2,1,0,0]",
    ];
    for attributes in moves {
        windows("Conv", ", w", attributes);
        windows("ConvTranspose", ", u", attributes);
        windows("MaxPool", "", &format!("kernel_shape = [3,2], {attributes}"));
    }
    for automatic in ["SAME_UPPER", "SAME_LOWER", "VALID"] {
        for strides in ["1,1", "2,2", "3,2"] {
            let attributes = format!(r#"auto_pad = "{automatic}", strides = [{strides}]"#);
            windows("Conv", ", w", &attributes);
            windows("AveragePool", "", &format!("kernel_shape = [2,3], {attributes}"));
        }
    }
    windows("ConvTranspose", ", u", "strides = [2,3], output_padding = [1,2]");
    windows("ReduceMax", "", "keepdims = 0");
    windows("ReduceMean", "", "axes = [1,-1]");
    windows("DepthToSpace", "", "blocksize = 2");
    windows("SpaceToDepth", "", "blocksize = 2");
    windows("MaxPool", "", "kernel_shape = [2,3], strides = [2,3], ceil_mode = 1");
}

#[test]
fn every_extent_that_a_table_names_is_known() {
    for nodes in [
        "k = Size (x)  t = Reshape (k, one)  y = Reshape (x, t)",
        "c = ConstantOfShape <value = int64[1] {4}> (one)  t = Concat <axis = 0> (two, c, rest)  y = Reshape (x, t)",
        "c = ConstantOfShape <value = int64[1] {2}> (pair)  e = Reshape (c, rest)  t = Concat <axis = 0> (e, rest)  y = Reshape (x, t)",
        "s = Shape (x)  e = Gather (s, ends)  t = Reshape (e, rest)  y = Reshape (x, t)",
        "s = Shape (x)  p = ReduceProd <axes = [0]> (s)  y = Reshape (x, p)",
        "s = Shape <start = 1, end = -1> (x)  p = ReduceProd <keepdims = 0> (s)  q = Unsqueeze (p, zero)  t = Concat <axis = 0> (q, rest)  y = Reshape (x, t)",
        "s = Shape (x)  e = Reshape (s, pair)  f = Transpose (e)  t = Reshape (f, rest)  y = Reshape (x, t)",
        "s = Shape (x)  h = Slice (s, two, three)  d = Div (h, two)  m = Mul (d, two)  a = Add (m, one)  b = Sub (a, one)  t = Concat <axis = 0> (b, rest)  y = Reshape (x, t)",
        "s = Shape (x)  h = Gather (s, two)  g = Max (h, three)  l = Min (g, h)  t = Concat <axis = 0> (l, rest)  y = Reshape (x, t)",
    ] {
        let all = known(nodes, &model(nodes));
        let shape = all.get("y").unwrap_or_else(|| panic!("nothing is known of `y` in {nodes}"));
        assert!(shape.0.iter().all(|dim| dim.known().is_some()), "{nodes}: {shape:?}");
    }
}

#[test]
fn operands_broadcast_from_version_7_on() {
    for opset in [7, 13] {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : {opset}]> g (float[1,4] x, float[3,1] z) => (float[] y) {{ y = Add (x, z) }}"#
        );
        assert_eq!(known(&text, &text)["y"], Shape::known(&[3, 4]));
    }
}

#[test]
fn comparisons_are_of_no_float_type() {
    for operator in ["Less", "Greater", "LessOrEqual", "GreaterOrEqual", "Equal"] {
        let nodes = format!("c = {operator} (x, x)  y = Where (c, x, x)");
        assert!(known(&nodes, &model(&nodes)).contains_key("c"), "{operator}");
    }
}

/// Engines hold no value between nodes to what the file remarks of it, so that a number of axes which a reader cannot take lays out
/// no constant. The `If` tells nothing of what it makes.
#[test]
fn a_rank_that_a_reader_contradicts_is_not_believed() {
    let text = |remark: &str, readers: &str| {
        format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,2,2] x, bool b) => (float[] y)
            <float[{remark}] a, float[3,2,1,1] w = dyadic(1), float[2,3] k = dyadic(6), float[2] s = {{2, 0.5}}, float[2] t = {{1, -3}},
             float[2] m = dyadic(4), float[2] v = {{1, 4}}>
            {{ a = If (b) < then_branch = one () => (float[] p) {{ p = Relu (x) }}, else_branch = two () => (float[] q) {{ q = Neg (x) }} >
               n = BatchNormalization <epsilon = 0.0> (a, s, t, m, v)
               r = Relu (n)
               {readers} }}"#
        )
    };
    let convolution = "y = Conv (r, w)";
    let product = "o = MaxPool <kernel_shape = [2, 2]> (r) f = Flatten (o) y = Gemm (f, k)";
    for (remark, readers) in ["1,2,2,2", "1,2", "1,2,2"].into_iter().flat_map(|remark| [(remark, convolution), (remark, product)])
    {
        let before = bnfold::sample::encode(&text(remark, readers)).unwrap();
        let after = crate::support::fold(&before);
        assert_eq!(before == after, remark != "1,2,2,2", "[{remark}], {readers}");
        let inputs = random_inputs(&model_of(&before), 5);
        let y = |bytes: &[u8]| evaluate(&model_of(bytes), &inputs).unwrap()["y"].clone();
        assert!(crate::support::is_same(&y(&before), &y(&after)), "[{remark}], {readers}");
    }
}
