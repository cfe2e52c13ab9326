//! Operators written out in others: exact where the numbers allow it, else within a few roundings of f64.

use super::*;

/// The values of `operator` at these points.
fn at(operator: &str, points: &[f64]) -> Vec<f64> {
    let count = points.len();
    let text = format!(
        r#"<ir_version: 10, opset_import: ["" : 24]> function (double[{count}] x) => (double[{count}] y) {{ y = {operator} (x) }}"#
    );
    let x = floats(&[count], points);
    match run(&text, &[("x", x)]).remove("y").map(|value| value.data) {
        Some(Data::Float(values)) => values,
        Some(Data::Bool(values)) => values.into_iter().map(|value| f64::from(u8::from(value))).collect(),
        other => panic!("{other:?}"),
    }
}

fn close(operator: &str, function: impl Fn(f64) -> f64) {
    let points = [-30.0, -4.0, -1.0, -0.25, 0.0, 0.5, 1.0, 3.0, 20.0];
    for (&x, value) in points.iter().zip(at(operator, &points)) {
        let expected = function(x);
        assert!(
            (value - expected).abs() <= 8.0 * f64::EPSILON * expected.abs().max(f64::MIN_POSITIVE),
            "{operator} at {x}: {value}, not {expected}"
        );
    }
}

#[test]
fn activations_have_the_precision_of_f64() {
    let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
    let alpha = f64::from(0.3_f32);
    close("Sigmoid", sigmoid);
    close("Swish <alpha: float = 0.5>", |x| x * sigmoid(0.5 * x));
    close("HardSigmoid <alpha: float = 0.25, beta: float = 0.5>", |x| (0.25 * x + 0.5).clamp(0.0, 1.0));
    close("HardSwish", |x| x * (x / 6.0 + 0.5).clamp(0.0, 1.0));
    close("LeakyRelu <alpha: float = 0.3>", |x| if x < 0.0 { alpha * x } else { x });
    close("LeakyRelu <alpha: float = 2.0>", |x| if x < 0.0 { 2.0 * x } else { x });
    close("LeakyRelu <alpha: float = -2.0>", |x| if x < 0.0 { -2.0 * x } else { x });
    close("Celu <alpha: float = 2.0>", |x| x.max(0.0) + (2.0 * ((x / 2.0).exp() - 1.0)).min(0.0));
    let (alpha, gamma) = (f64::from(1.673_263_2_f32), f64::from(1.050_701_f32));
    close("Selu", |x| gamma * if x > 0.0 { x } else { alpha * x.exp() - alpha });
}

#[test]
fn rounding_is_to_even_and_leaves_large_numbers() {
    let points = [-2.5, -1.5, -0.4, 0.5, 1.5, 2.5, 1e300, 4_503_599_627_370_497.0, f64::INFINITY];
    assert_eq!(at("Round", &points), [-2.0, -2.0, 0.0, 0.0, 2.0, 2.0, 1e300, 4_503_599_627_370_497.0, f64::INFINITY]);
    let odd = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0];
    assert_eq!(at("IsNaN", &odd), [1.0, 0.0, 0.0, 0.0]);
    assert_eq!(at("IsInf", &odd), [0.0, 1.0, 1.0, 0.0]);
    assert_eq!(at("IsInf <detect_negative: int = 0>", &odd), [0.0, 1.0, 0.0, 0.0]);
    assert_eq!(at("IsInf <detect_positive: int = 0>", &odd), [0.0, 0.0, 1.0, 0.0]);
}

#[test]
fn gemm_with_every_attribute() {
    let text = |attributes: &str, inputs: &str| {
        format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> gemm (float[2,2] x) => (float[2,2] y)
            <float[2,2] w = {{1, 2, 3, 5}}, float[2] c = {{8, 16}}> {{ y = Gemm {attributes} ({inputs}) }}"#
        )
    };
    let x = [("x", floats(&[2, 2], &[1.0, 0.5, -1.0, 2.0]))];
    let cases = [
        ("", "x, w", [2.5, 4.5, 5.0, 8.0]),
        ("<transA: int = 1>", "x, w", [-2.0, -3.0, 6.5, 11.0]),
        ("<transB: int = 1>", "x, w, c", [10.0, 21.5, 11.0, 23.0]),
        ("<alpha: float = 2.0, beta: float = 0.25>", "x, w, c", [7.0, 13.0, 12.0, 20.0]),
    ];
    for (attributes, inputs, expected) in cases {
        gives(&text(attributes, inputs), &x, "y", &floats(&[2, 2], &expected));
    }
}

#[test]
fn dequantisation_is_exact_per_tensor_and_per_axis() {
    let text = |scale: &str, rest: &str| {
        format!(
            r#"<ir_version: 10, opset_import: ["" : 19]> weights (float[2,2] x) => (float[2,2] y)
            <int8[2,2] q = {{1, -2, 3, 127}}, {scale}> {{ w = DequantizeLinear {rest}  y = Mul (x, w) }}"#
        )
    };
    let x = [("x", floats(&[2, 2], &[1.0; 4]))];
    let third = f64::from(0.3_f32);
    let expected = floats(&[2, 2], &[third, -2.0 * third, 3.0 * third, 127.0 * third]);
    gives(&text("float s = {0.3}", "(q, s)"), &x, "y", &expected);
    let expected = floats(&[2, 2], &[0.0, -3.0 * third, 3.0, 127.0]);
    let two = "float[2] s = {0.3, 1}, int8[2] z = {1, 0}";
    gives(&text(two, "<axis: int = 0> (q, s, z)"), &x, "y", &expected);
    let expected = floats(&[2, 2], &[0.0, -2.0, 2.0 * third, 127.0]);
    gives(&text(two, "<axis: int = -1> (q, s, z)"), &x, "y", &expected);
}

#[test]
fn layer_normalization_has_the_precision_of_f64() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        layer (double[1,4] x) => (double[1,4] y) <double[4] s = {1, 2, 3, 4}, double[4] b = {0.5, 0, 0, 0}>
        { y = LayerNormalization <epsilon: float = 0.0> (x, s, b) }"#;
    // Mean 3, variance 4.
    let expected = floats(&[1, 4], &[1.5, -2.0, 3.0, -4.0]);
    gives(text, &[("x", floats(&[1, 4], &[5.0, 1.0, 5.0, 1.0]))], "y", &expected);
}

#[test]
fn upsample_and_old_resize_round_down() {
    let attribute = r#"<ir_version: 4, opset_import: ["" : 8]> up (float[1,1,1,2] x) => (y)
        { y = Upsample <scales = [1.0, 1.0, 1.0, 4.0]> (x) }"#;
    let input = |operator: &str, opset: i64| {
        format!(
            r#"<ir_version: 4, opset_import: ["" : {opset}]> up (float[1,1,1,2] x) => (y)
            <float[4] s = {{1, 1, 1, 4}}> {{ y = {operator} (x, s) }}"#
        )
    };
    let x = [("x", floats(&[1, 1, 1, 2], &[1.0 / 3.0, 2.0]))];
    let third = f64::from((1.0_f64 / 3.0) as f32);
    let expected = floats(&[1, 1, 1, 8], &[third, third, third, third, 2.0, 2.0, 2.0, 2.0]);
    for text in [attribute, &input("Upsample", 9), &input("Resize", 10)] {
        gives(text, &x, "y", &expected);
    }
}

#[test]
fn what_still_runs_in_f32_is_named() {
    let narrow = |nodes: &str| {
        let text = format!(r#"<ir_version: 8, opset_import: ["" : 17]> some (float[4] x) => (z) {{ {nodes} }}"#);
        prepare(model(&text), Branch::Then).unwrap().narrow
    };
    assert_eq!(narrow("y = Erf (x)  z = Sigmoid (y)"), Vec::<String>::new());
    assert_eq!(narrow("z, s, p = DynamicQuantizeLinear (x)"), ["z"]);
}

#[test]
fn the_error_function_and_interpolation_have_the_precision_of_f64() {
    let erf = at("Erf", &[-3.0, 0.5, 1.0]);
    for (found, expected) in erf.iter().zip([-0.999_977_909_503_001_4, 0.520_499_877_813_046_5, 0.842_700_792_949_714_9]) {
        assert!((found - expected).abs() < 4.0 * f64::EPSILON, "{found}, not {expected}");
    }
    let resize = r#"<ir_version: 8, opset_import: ["" : 17]> some (double[1,1,1,2] x) => (y) <float[4] s = {1, 1, 1, 2}>
        { y = Resize <mode = "linear"> (x, "", s) }"#;
    let third = 1.0 / 3.0;
    let expected = floats(&[1, 1, 1, 4], &[third, 0.75 * third + 0.25, 0.25 * third + 0.75, 1.0]);
    gives(resize, &[("x", floats(&[1, 1, 1, 2], &[third, 1.0]))], "y", &expected);
    let grid = r#"<ir_version: 8, opset_import: ["" : 20]> some (double[1,1,1,2] x, double[1,1,1,2] g) => (y)
        { y = GridSample <mode = "linear", align_corners = 1> (x, g) }"#;
    let given = [("x", floats(&[1, 1, 1, 2], &[third, 1.0])), ("g", floats(&[1, 1, 1, 2], &[-0.5, 0.0]))];
    gives(grid, &given, "y", &floats(&[1, 1, 1, 1], &[0.75 * third + 0.25]));
}

/// Mean 2 and variance 4, of the batch, whatever the stored statistics are.
#[test]
fn batch_normalization_in_training_uses_the_batch() {
    for (opset, attributes, outputs) in [
        (6, "<epsilon = 0.0>", "y"),
        (7, "<epsilon = 0.0>", "y, m2, v2, sm, sv"),
        (9, "<epsilon = 0.0>", "y, m2, v2"),
        (14, "<epsilon = 0.0, training_mode = 1>", "y, m2, v2"),
        (15, "<epsilon = 0.0, training_mode = 1>", "y"),
    ] {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : {opset}]> some (double[2,1,1] x) => ({outputs})
            <double[1] s = {{3}}, double[1] b = {{1}}, double[1] m = {{10}}, double[1] v = {{100}}>
            {{ {outputs} = BatchNormalization {attributes} (x, s, b, m, v) }}"#
        );
        let found = run(&text, &[("x", floats(&[2, 1, 1], &[0.0, 4.0]))]);
        assert_eq!(found.get("y"), Some(&floats(&[2, 1, 1], &[-2.0, 4.0])), "{text}");
        let momentum = f64::from(0.9_f32);
        let moved = |old: f64, new: f64| floats(&[1], &[old * momentum + new * (1.0 - momentum)]);
        assert!(found.get("m2").is_none_or(|found| *found == moved(10.0, 2.0)), "{text}: {found:?}");
        assert!(found.get("v2").is_none_or(|found| *found == moved(100.0, 4.0)), "{text}: {found:?}");
        assert!(found.get("sv").is_none_or(|found| *found == floats(&[1], &[4.0])), "{text}: {found:?}");
    }
}

/// Every kind of recurrence, in every direction, from states that are given and that are not, against the slow reference.
#[test]
fn recurrences_have_the_precision_of_f64() {
    let cases = [
        ("RNN", 1, vec!["", "activations = [\"Relu\"]", "clip = 0.25"]),
        ("GRU", 3, vec!["", "linear_before_reset = 1", "activations = [\"Tanh\", \"Sigmoid\"]"]),
        ("LSTM", 4, vec!["", "input_forget = 1", "clip = 0.25", "activations = [\"Sigmoid\", \"Relu\", \"Sigmoid\"]"]),
    ];
    for (operator, gates, attributes) in cases {
        for attribute in attributes {
            for direction in ["forward", "reverse", "bidirectional"] {
                for (layout, opset) in [(0, 11), (1, 17)] {
                    for optional in [0, 1, 5, 7] {
                        recurrence(operator, gates, (attribute, direction, layout), opset, optional);
                    }
                }
            }
        }
    }
}

/// `optional` is how many of the optional inputs there are: none, a bias, states, peepholes.
fn recurrence(operator: &str, gates: usize, (attribute, direction, layout): (&str, &str, i64), opset: i64, optional: usize) {
    let (hidden, features, batch, steps) = (3, 2, 2, 4);
    let (directions, activations) = match direction {
        "bidirectional" => (2, attribute.replace(']', &format!(", {}", attribute.split('[').nth(1).unwrap_or_default()))),
        _ => (1, attribute.to_owned()),
    };
    let rows = gates * hidden;
    let lstm = operator == "LSTM";
    let inputs = match (optional, lstm) {
        (0, _) => "x, w, r",
        (1, _) => "x, w, r, b",
        (5, true) => r#"x, w, r, b, "", h, c"#,
        (7, true) => r#"x, w, r, "", "", "", c, p"#,
        (5, false) => r#"x, w, r, b, "", h"#,
        _ => r#"x, w, r, "", "", h"#,
    };
    let layout_attribute = if layout == 1 { ", layout = 1" } else { "" };
    let attributes = if activations.is_empty() { String::new() } else { format!(", {activations}") };
    let last = if lstm { ", l" } else { "" };
    let text = format!(
        r#"<ir_version: 7, opset_import: ["" : {opset}]> some (double[{x}] x, double[{s}] h, double[{s}] c) => (y, k{last})
        <double[{directions},{rows},{features}] w = dyadic(1), double[{directions},{rows},{hidden}] r = dyadic(2),
         double[{directions},{both}] b = dyadic(3), double[{directions},{peep}] p = dyadic(4)>
        {{ y, k{last} = {operator} <hidden_size = {hidden}, direction = "{direction}"{attributes}{layout_attribute}> ({inputs}) }}"#,
        x = if layout == 1 { format!("{batch},{steps},{features}") } else { format!("{steps},{batch},{features}") },
        s = if layout == 1 { format!("{batch},{directions},{hidden}") } else { format!("{directions},{batch},{hidden}") },
        both = 2 * rows,
        peep = 3 * hidden,
    );
    let x_dims = if layout == 1 { [batch, steps, features] } else { [steps, batch, features] };
    let s_dims = if layout == 1 { [batch, directions, hidden] } else { [directions, batch, hidden] };
    let wave = |dims: &[usize], start: f64| {
        let numbers = (0..dims.iter().product::<usize>()).map(|at| (start + at as f64 * 0.7).sin());
        numbers.collect::<Vec<_>>()
    };
    let given = [("x", x_dims, 0.0), ("h", s_dims, 1.0), ("c", s_dims, 2.0)];
    agrees(&text, &given.map(|(name, dims, start)| (name, dims.to_vec(), wave(&dims, start))), 1e-14);
}

/// Asserts that all is run in f64, and that the engine and the slow reference agree, relative to what is larger than 1.
fn agrees(text: &str, given: &[(&str, Vec<usize>, Vec<f64>)], within: f64) {
    use crate::reference;
    let proto = model(text);
    let ours: Vec<(&str, Array)> = given.iter().map(|(name, dims, values)| (*name, floats(dims, values))).collect();
    let theirs =
        given.iter().map(|(name, dims, values)| ((*name).to_owned(), reference::Array::float(dims.clone(), values.clone())));
    let expected = reference::evaluate(&proto, &theirs.collect()).unwrap_or_else(|why| panic!("{why} in {text}"));
    assert!(prepare(proto.clone(), Branch::Then).unwrap().narrow.is_empty(), "{text}");
    let found = run_model(proto, Branch::Then, &ours, &[]).unwrap_or_else(|why| panic!("{why} in {text}"));
    for (name, found) in &found {
        let expected = &expected[name];
        let (Data::Float(values), reference::Data::Float(wanted)) = (&found.data, &expected.data) else {
            panic!("{name} is no float in {text}");
        };
        assert_eq!(found.dims, expected.dims, "{name} in {text}");
        for (value, wanted) in values.iter().zip(wanted) {
            assert!((value - wanted).abs() <= within * wanted.abs().max(1.0), "{name}: {value}, not {wanted} in {text}");
        }
    }
}

/// Taps between positions, beyond the border and on it, with strides, dilations, pads, groups, a mask and a bias.
#[test]
fn deformable_convolutions_read_what_the_reference_reads() {
    let cases = [
        ("2,2,2,2", "", 8, "x, w, o", [3, 3]),
        ("2,2,3,2", "pads = [1, 0, 1, 1], strides = [2, 1]", 12, r#"x, w, o, b"#, [2, 4]),
        ("4,1,2,2", "dilations = [2, 1], group = 2", 8, r#"x, w, o, "", m"#, [2, 3]),
        ("2,2,2,1", "offset_group = 2, pads = [2, 1, 0, 1]", 8, "x, w, o, b, m", [5, 6]),
    ];
    for opset in [19, 22] {
        for (weight, attributes, offsets, inputs, [height, width]) in cases {
            let outputs = &weight[..1];
            let attributes = if attributes.is_empty() { String::new() } else { format!("<{attributes}>") };
            let text = format!(
                r#"<ir_version: 9, opset_import: ["" : {opset}]>
                some (double[2,2,4,4] x, double[2,{offsets},{height},{width}] o, double[2,{masks},{height},{width}] m) => (y)
                <double[{weight}] w = dyadic(1), double[{outputs}] b = dyadic(2)> {{ y = DeformConv {attributes} ({inputs}) }}"#,
                masks = offsets / 2,
            );
            let wave = |length: usize, scale: f64| (0..length).map(|at| scale * (at as f64 * 1.3).sin()).collect::<Vec<_>>();
            let mut o = wave(2 * offsets * height * width, 2.5);
            o.iter_mut().step_by(3).for_each(|offset| *offset = offset.round());
            let x = wave(64, 1.0);
            let m = wave(offsets * height * width, 1.5);
            let given = [
                ("x", vec![2, 2, 4, 4], x),
                ("o", vec![2, offsets, height, width], o),
                ("m", vec![2, offsets / 2, height, width], m),
            ];
            agrees(&text, &given, 1e-14);
        }
    }
}

/// The engine refuses automatic pads where along an axis there is nothing to pad.
#[test]
fn automatic_pads_of_a_transposed_convolution_that_are_none() {
    let made = |attributes: &str| {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g (double[1,1,2,2] x) => (double[1,1,H,W] y)
            <double[1,1,3,2] w = {{1, 2, 3, 4, 5, 6}}> {{ y = ConvTranspose <{attributes}> (x, w) }}"#
        );
        run(&text, &[("x", floats(&[1, 1, 2, 2], &[1.0, 10.0, 100.0, 1000.0]))]).remove("y").unwrap()
    };
    let expected = made("strides: ints = [1, 2], pads: ints = [1, 0, 1, 0]");
    assert_eq!(expected.dims, [1, 1, 2, 4]);
    for mode in ["SAME_UPPER", "SAME_LOWER"] {
        assert_eq!(made(&format!(r#"auto_pad: string = "{mode}", strides: ints = [1, 2]"#)), expected, "{mode}");
    }
}

#[test]
fn a_mean_of_values_whose_type_is_found_behind_it_alone() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[2,2] x, float[2] z) => (float[2,2] y)
        <float[2,2] w = {1, 2, 3, 4}> { m = Mean (x, z) y = MatMul (m, w) }"#;
    let read = [("x", floats(&[2, 2], &[1.0, 2.0, 3.0, 4.0])), ("z", floats(&[2], &[5.0, 6.0]))];
    gives(text, &read, "y", &floats(&[2, 2], &[15.0, 22.0, 19.0, 28.0]));
}

#[test]
fn a_sparse_constant_is_the_dense_one() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[3] x) => (float[3] y) { c = Constant () y = Add (x, c) }"#;
    let mut model = model(text);
    let tensor = |dims: &[i64], raw_data: Vec<u8>, data_type: i32| crate::onnx::TensorProto {
        dims: dims.to_vec(),
        data_type: Some(data_type),
        raw_data: Some(raw_data),
        ..Default::default()
    };
    let sparse = crate::onnx::SparseTensorProto {
        values: Some(tensor(&[1], 8.0_f32.to_le_bytes().to_vec(), 1)),
        indices: Some(tensor(&[1], 1_i64.to_le_bytes().to_vec(), 7)),
        dims: vec![3],
    };
    model.graph.as_mut().unwrap().node[0].attribute = vec![crate::onnx::AttributeProto {
        name: Some("sparse_value".to_owned()),
        r#type: Some(crate::onnx::attribute_proto::AttributeType::SparseTensor.into()),
        sparse_tensor: Some(sparse),
        ..Default::default()
    }];
    let made = run_model(model, Branch::Then, &[("x", floats(&[3], &[1.0, 2.0, 3.0]))], &[]).unwrap();
    assert_eq!(made.get("y"), Some(&floats(&[3], &[1.0, 10.0, 3.0])));
}
