//! The bound of the judge's table of operators: what is read moved by one unit never moves what is made by more than the same
//! share of the absolute model, for each operator, with slopes, modes, coefficients and pads drawn at random.

use std::collections::BTreeMap;

use bnfold::onnx::NodeProto;
use bnfold::onnx::type_proto::Value;
use bnfold::reference::{Array, Data, evaluate, node};
use bnfold::verify::table::{Bound, OPERATORS, Sign, absolute, row, sign};

use crate::judged::decode;

const UNIT: f64 = 1.0 / (1 << 24) as f64;

struct Draw(u64);

impl Draw {
    fn number(&mut self) -> f64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[(self.number() * all.len() as f64) as usize]
    }
}

/// How many factors of a product move, and the node. Names that begin with x are data, with w parameters, with v positive ones,
/// with z constants that stay and yet move, with q conditions, with o places that are read.
fn cases(draw: &mut Draw) -> Vec<(f64, String)> {
    let slope = draw.of(&[0.1, 1.5, 4.0, 50.0, 1000.0, -0.25, -4.0, -50.0]);
    let (low, high) = draw.of(&[(-1.0, 0.5), (0.0, 6.0), (1.0, 2.0), (-3.0, -1.0)]);
    let cubic = draw.of(&[-0.75, -0.5, -3.0, 0.5, 2.0]);
    let coordinates = draw.of(&["half_pixel", "align_corners", "asymmetric", "pytorch_half_pixel"]);
    let (outside, mode) = (draw.of(&[0, 1]), draw.of(&["nearest", "linear", "cubic"]));
    let pad = draw.of(&["constant", "reflect", "edge"]);
    let value = draw.of(&[-3.0, 0.0, 2.0]);
    let (alpha, beta) = (draw.of(&[-0.7, 2.0]), draw.of(&[-3.0, 0.5]));
    let counted = draw.of(&[0, 1]);
    let x = "float[1,2,4,4] x";
    let case = |roundings: f64, opset: i64, inputs: &str, constants: &str, node: &str| {
        let text = format!(r#"<ir_version: 8, opset_import: ["" : {opset}]> g ({inputs}) => (y) <{constants}> {{ y = {node} }}"#);
        (roundings, text)
    };
    let one = |inputs: &str, constants: &str, node: &str| case(1.0, 17, inputs, constants, node);
    let two = |inputs: &str, node: &str| case(2.0, 17, inputs, "", node);
    let same = format!("{x}, float[1,2,4,4] xx");
    let channel = format!("{x}, float[2,1,1] w");
    vec![
        one(&same, "", "Add (x, xx)"),
        one(&same, "", "Sub (x, xx)"),
        two(&same, "Mul (x, xx)"),
        two(&channel, "Div (x, w)"),
        one(&same, "", "Sum (x, xx)"),
        one(&same, "", "Mean (x, xx)"),
        one(&same, "", "Concat <axis = 1> (x, xx)"),
        one(x, "", &format!("AveragePool <kernel_shape = [2,3], pads = [1,1,0,1], count_include_pad = {counted}> (x)")),
        one(x, "", "MaxPool <kernel_shape = [2,2], pads = [1,0,0,1]> (x)"),
        one(x, "", "GlobalMaxPool (x)"),
        one(x, "", "GlobalAveragePool (x)"),
        case(
            3.0,
            17,
            &format!("{x}, float[2] w, float[2] wb, float[2] wm, float[2] v"),
            "",
            "BatchNormalization (x, w, wb, wm, v)",
        ),
        one(x, "", "Cast <to = 11> (x)"),
        one(&format!("{x}, float zl, float zh"), "", "Clip (x, zl, zh)"),
        one(&format!("{x}, float zl"), "", "Clip (x, zl)"),
        one(&format!("{x}, float zh"), "", r#"Clip (x, "", zh)"#),
        case(1.0, 10, x, "", &format!("Clip <min = {low:?}, max = {high:?}> (x)")),
        one(x, "", "Clip (x)"),
        two(&format!("{x}, float[3,2,2,2] w, float[3] wb"), "Conv <pads = [1,0,0,1]> (x, w, wb)"),
        two(&format!("{x}, float[2,3,2,2] w, float[3] wb"), "ConvTranspose <strides = [2,2]> (x, w, wb)"),
        case(
            3.0,
            19,
            &format!("{x}, float[3,2,2,2] w, float[1,8,3,3] o, float[3] wb, float[1,4,3,3] xm"),
            "",
            "DeformConv (x, w, o, wb, xm)",
        ),
        one("float[1,4,2,2] x", "", "DepthToSpace <blocksize = 2> (x)"),
        one(x, "", "SpaceToDepth <blocksize = 2> (x)"),
        one(x, "", "Dropout (x)"),
        two("float[3,4] x, float[4,5] w", r#"Einsum <equation = "ij,jk->ik"> (x, w)"#),
        two("float[3,4] x, float[4,5] w", "MatMul (x, w)"),
        two("float[3,4] x, float[4,5] w, float[5] wb", &format!("Gemm <alpha = {alpha:?}, beta = {beta:?}> (x, w, wb)")),
        one("float[2,1,4] x", "int64[3] s = {2, 3, 4}", "Expand (x, s)"),
        one(x, "", "Flatten (x)"),
        one(x, "int64[2] s = {3, 1}", "Gather <axis = 2> (x, s)"),
        one(x, "", "Identity (x)"),
        one(x, "", "Neg (x)"),
        one(x, "", "Relu (x)"),
        one(x, "", &format!("LeakyRelu <alpha = {slope:?}> (x)")),
        two(&channel, "PRelu (x, w)"),
        one(x, "int64[8] s = {0,0,1,2,0,0,1,0}", &format!(r#"Pad <mode = "{pad}"> (x, s)"#)),
        one(&format!("{x}, float w"), "int64[8] s = {0,0,1,2,0,0,1,0}", "Pad (x, s, w)"),
        case(1.0, 10, x, "", &format!("Pad <pads = [0,0,1,2,0,0,1,0], value = {value:?}> (x)")),
        one(x, "", "ReduceMax <axes = [2]> (x)"),
        one(x, "int64[1] s = {3}", "ReduceMin (x, s)"),
        one(x, "", "ReduceMean <axes = [2]> (x)"),
        one(x, "int64[1] s = {3}", "ReduceSum (x, s)"),
        one(x, "int64[2] s = {2, 16}", "Reshape (x, s)"),
        one(
            x,
            "float[4] s = {1, 1, 1.7, 2.3}",
            &format!(
                r#"Resize <mode = "{mode}", cubic_coeff_a = {cubic:?}, coordinate_transformation_mode = "{coordinates}", exclude_outside = {outside}> (x, "", s)"#
            ),
        ),
        case(
            1.0,
            17,
            x,
            "float[8] r = {0, 0, -0.2, 0.1, 1, 1, 0.9, 1.4}, float[4] s = {1, 1, 1.5, 2}",
            &format!(
                r#"Resize <mode = "cubic", coordinate_transformation_mode = "tf_crop_and_resize", extrapolation_value = {value:?}> (x, r, s)"#
            ),
        ),
        case(1.0, 9, x, "float[4] s = {1, 1, 1.5, 2}", r#"Upsample <mode = "linear"> (x, s)"#),
        one(x, "int64[1] a = {1}, int64[1] b = {3}, int64[1] c = {2}", "Slice (x, a, b, c)"),
        one(x, "int64[2] s = {1, 3}", "Split <axis = 2> (x, s)"),
        one("float[2,1,3] x", "int64[1] s = {1}", "Squeeze (x, s)"),
        one(x, "int64[1] s = {0}", "Unsqueeze (x, s)"),
        one(x, "int64[4] s = {1, 1, 2, 1}", "Tile (x, s)"),
        one(x, "", "Transpose <perm = [0,2,3,1]> (x)"),
        one(&format!("bool[1,2,4,4] q, {same}"), "", "Where (q, x, xx)"),
    ]
}

fn mapped(array: &Array, mut how: impl FnMut(f64) -> f64) -> Array {
    match &array.data {
        Data::Float(all) => Array { dims: array.dims.clone(), data: Data::Float(all.iter().map(|v| how(*v)).collect()) },
        _ => array.clone(),
    }
}

fn run(nodes: &[NodeProto], opset: i64, values: &BTreeMap<String, Array>, text: &str) -> Vec<f64> {
    let mut values = values.clone();
    for one in nodes {
        let inputs: Vec<Option<Array>> = one.input.iter().map(|name| values.get(name).cloned()).collect();
        let made = node(one, opset, &inputs).unwrap_or_else(|e| panic!("{e} in {text}"));
        values.extend(one.output.iter().cloned().zip(made));
    }
    match &values["y"].data {
        Data::Float(all) => all.clone(),
        other => panic!("{other:?} in {text}"),
    }
}

#[test]
fn nothing_moves_by_more_than_the_bound() {
    let mut draw = Draw(0x1234_5678_9abc_def1);
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..40 {
        for (roundings, text) in cases(&mut draw) {
            let model = decode(&bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{e} in {text}")));
            let opset = model.opset_import[0].version();
            let graph = model.graph.clone().unwrap();
            let one = graph.node[0].clone();
            seen.insert(one.op_type().to_owned());
            // The constants are settings, as the reference reads them.
            let mut constants = model.clone();
            let body = constants.graph.as_mut().unwrap();
            let names: Vec<String> = body.initializer.iter().map(|tensor| tensor.name().to_owned()).collect();
            body.node = names.iter().map(|name| plain("Identity", name, &format!("{name}/read"))).collect();
            (body.input, body.output) = (vec![], vec![]);
            let read = evaluate(&constants, &BTreeMap::new()).unwrap_or_else(|e| panic!("{e} in {text}"));
            let settings = names.iter().map(|name| (name.clone(), read[&format!("{name}/read")].clone()));
            let (mut first, mut moved, mut sizes): (BTreeMap<_, _>, BTreeMap<_, _>, BTreeMap<_, _>) =
                (settings.clone().collect(), settings.clone().collect(), settings.collect());
            for input in &graph.input {
                let Some(Value::TensorType(tensor)) = input.r#type.as_ref().and_then(|t| t.value.as_ref()) else { panic!() };
                let dims: Vec<usize> = tensor.shape.iter().flat_map(|s| &s.dim).map(extent).collect();
                let count = dims.iter().product();
                let name = input.name();
                let kind = name.as_bytes()[0];
                let mut number = || match kind {
                    b'v' => 0.1 + draw.number(),
                    b'o' => 2.0 * draw.number() - 1.0,
                    b'x' if draw.number() < 0.4 => 0.0,
                    b'w' if one.op_type() == "PRelu" => draw.of(&[0.2, 1.0, 5.0, 50.0, -4.0]),
                    _ => (0.1 + draw.number()) * draw.of(&[-1.0, 1.0, -8.0]),
                };
                let values: Vec<f64> = (0..count).map(|_| number()).collect();
                if kind == b'q' {
                    let all = Array { dims, data: Data::Bool(values.iter().map(|v| *v > 0.0).collect()) };
                    for side in [&mut first, &mut moved, &mut sizes] {
                        side.insert(name.to_owned(), all.clone());
                    }
                    continue;
                }
                let mut array = Array { dims, data: Data::Float(values) };
                if name == "zh" && first.contains_key("zl") {
                    // No lower than the other bound, and more than a unit away from it.
                    let Data::Float(low) = &first["zl"].data else { panic!() };
                    array.data = Data::Float(vec![low[0] + 0.5 + draw.number()]);
                }
                let at = one.input.iter().position(|read| read == name).unwrap();
                let size = match kind {
                    b'x' => mapped(&array, f64::abs),
                    b'w' | b'v' => match sign(one.op_type(), at) {
                        Sign::Positive => mapped(&array, f64::abs),
                        Sign::Negative => mapped(&array, |v| -v.abs()),
                        Sign::Kept => array.clone(),
                    },
                    _ => array.clone(),
                };
                assert_eq!(row(one.op_type()).data.has(at) && kind != b'w' && kind != b'v', kind == b'x', "`{name}` in {text}");
                let other = match kind {
                    b'o' => array.clone(),
                    _ => mapped(&array, |v| v * (1.0 + UNIT * draw.of(&[-1.0, 1.0]))),
                };
                first.insert(name.to_owned(), array);
                moved.insert(name.to_owned(), other);
                sizes.insert(name.to_owned(), size);
            }
            let mut count = 0;
            let bounds = absolute(one.clone(), &mut |what| {
                count += 1;
                format!("{what}/{count}")
            });
            let before = run(std::slice::from_ref(&one), opset, &first, &text);
            let after = run(std::slice::from_ref(&one), opset, &moved, &text);
            let bound = run(&bounds, opset, &sizes, &text);
            assert_eq!((after.len(), bound.len()), (before.len(), before.len()), "{text}");
            for ((old, new), most) in before.iter().zip(&after).zip(&bound) {
                assert!(old.abs() <= most * (1.0 + 1e-12) + 1e-300, "{old} is larger than {most} in {text}");
                let limit = roundings * UNIT * most * (1.0 + 1e-6) + 1e-13 * most;
                assert!((old - new).abs() <= limit, "{old} became {new}, {} of the limit, in {text}", (old - new).abs() / limit);
            }
        }
    }
    // What is a size of its own, and what makes no numbers.
    let other = |name: &str| matches!(row(name).bound, Bound::Resizing | Bound::Recurrence) || matches!(name, "Shape" | "Size");
    let missing: Vec<_> = OPERATORS.iter().map(|(name, _)| *name).filter(|name| !other(name) && !seen.contains(*name)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

fn extent(dim: &bnfold::onnx::tensor_shape_proto::Dimension) -> usize {
    match dim.value {
        Some(bnfold::onnx::tensor_shape_proto::dimension::Value::DimValue(size)) => size as usize,
        _ => panic!("an open extent"),
    }
}

fn plain(operator: &str, input: &str, output: &str) -> NodeProto {
    NodeProto {
        op_type: Some(operator.to_owned()),
        input: vec![input.to_owned()],
        output: vec![output.to_owned()],
        ..NodeProto::default()
    }
}
