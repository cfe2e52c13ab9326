//! Every feature of the syntax, read back through prost.
#![allow(clippy::unwrap_used, clippy::panic)]

use half::{bf16, f16};
use prost::Message;

use super::{SyntaxError, encode};
use crate::onnx::attribute_proto::AttributeType;
use crate::onnx::tensor_shape_proto::dimension::Value as Extent;
use crate::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, TypeProto, type_proto};

fn model(text: &str) -> ModelProto {
    let bytes = encode(text).unwrap_or_else(|error| panic!("{error}"));
    ModelProto::decode(bytes.as_slice()).unwrap()
}

fn graph(text: &str) -> GraphProto {
    model(text).graph.unwrap()
}

/// The attribute of the only node of a graph.
fn attribute(text: &str) -> AttributeProto {
    let node = graph(&format!("g (x) => (y) {{ y = Op <{text}> (x) }}"));
    node.node[0].attribute[0].clone()
}

/// The only initializer of a graph.
fn constant(text: &str) -> TensorProto {
    graph(&format!("g (x) => (y) <{text}> {{}}")).initializer[0].clone()
}

fn error(text: &str) -> SyntaxError {
    encode(text).unwrap_err()
}

fn tensor_type(kind: &Option<TypeProto>) -> type_proto::Tensor {
    match kind.clone().unwrap().value.unwrap() {
        type_proto::Value::TensorType(tensor) => tensor,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_header_is_kept() {
    let model = model(
        r#"<ir_version: 8, opset_import: ["" : 17, "custom" : 1], producer_name: "p",
            producer_version: "2", domain: "d", model_version: 5, doc_string: "a \"b\"",
            metadata_props: ["k": "v", "l": ""]> # a remark
        g () => () {}"#,
    );
    assert_eq!(model.ir_version, Some(8));
    let opsets: Vec<_> = model.opset_import.iter().map(|o| (o.domain(), o.version())).collect();
    assert_eq!(opsets, [("", 17), ("custom", 1)]);
    assert_eq!((model.producer_name(), model.producer_version()), ("p", "2"));
    assert_eq!((model.domain(), model.model_version()), ("d", 5));
    assert_eq!(model.doc_string(), "a \"b\"");
    let entries: Vec<_> = model.metadata_props.iter().map(|e| (e.key(), e.value())).collect();
    assert_eq!(entries, [("k", "v"), ("l", "")]);
}

#[test]
fn types_have_numbers_symbols_and_unknown_extents() {
    let graph = graph(r#"g (float[1,N,?] x, int64 s, bfloat16[] u, z) => (bool[0] "y:0") <double[2] v> {}"#);
    let x = tensor_type(&graph.input[0].r#type);
    assert_eq!(x.elem_type, Some(1));
    let extents: Vec<_> = x.shape.unwrap().dim.into_iter().map(|dim| dim.value).collect();
    let expected = [Some(Extent::DimValue(1)), Some(Extent::DimParam("N".to_string())), None];
    assert_eq!(extents, expected);
    let s = tensor_type(&graph.input[1].r#type);
    assert_eq!((s.elem_type(), s.shape.unwrap().dim.len()), (7, 0));
    let u = tensor_type(&graph.input[2].r#type);
    assert_eq!((u.elem_type(), u.shape), (16, None));
    assert_eq!((graph.input[3].name(), graph.input[3].r#type.clone()), ("z", None));
    assert_eq!(graph.output[0].name(), "y:0");
    assert_eq!(graph.value_info[0].name(), "v");
    assert_eq!(tensor_type(&graph.value_info[0].r#type).elem_type(), 11);
}

#[test]
fn constants_stand_in_their_typed_fields() {
    let tensor = constant("float[2,2] W = {1, -0.5, 1e-3, inf}");
    assert_eq!((tensor.name(), tensor.data_type(), &tensor.dims[..]), ("W", 1, &[2, 2][..]));
    assert_eq!(tensor.float_data, [1.0, -0.5, 1e-3, f32::INFINITY]);
    assert!(tensor.raw_data.is_none());
    assert_eq!(constant("double[1] W = {0.1}").double_data, [0.1]);
    let half = constant("float16[2] W = {0.1, -2.0}").int32_data;
    assert_eq!(half, [0.1, -2.0].map(|v| i32::from(f16::from_f64(v).to_bits())));
    let brain = constant("bfloat16[1] W = {0.1}").int32_data;
    assert_eq!(brain, [i32::from(bf16::from_f64(0.1).to_bits())]);
    assert_eq!(constant("int64[2] W = {-4, 9223372036854775807}").int64_data, [-4, i64::MAX]);
    assert_eq!(constant("int32[1] W = {-4}").int32_data, [-4]);
    assert_eq!(constant("int16[1] W = {-4}").int32_data, [-4]);
    assert_eq!(constant("uint16[1] W = {65535}").int32_data, [65535]);
    assert_eq!(constant("int8[2] W = {-128, 127}").int32_data, [-128, 127]);
    assert_eq!(constant("uint8[1] W = {255}").int32_data, [255]);
    assert_eq!(constant("bool[2] W = {1, 0}").int32_data, [1, 0]);
    assert_eq!(constant("uint32[1] W = {3}").uint64_data, [3]);
    assert_eq!(constant("uint64[1] W = {18446744073709551615}").uint64_data, [u64::MAX]);
    assert_eq!(constant(r#"string[2] W = {"a", ""}"#).string_data, [b"a".to_vec(), vec![]]);
}

#[test]
fn scalars_and_empty_constants() {
    for text in ["float c = {2}", "float[] c = {2}"] {
        let tensor = constant(text);
        assert_eq!((tensor.dims.len(), &tensor.float_data[..]), (0, &[2.0][..]));
    }
    let tensor = constant("float[0,3] c = {}");
    assert_eq!((&tensor.dims[..], tensor.float_data.len()), (&[0, 3][..], 0));
}

#[test]
fn a_constant_may_lie_in_another_file() {
    let tensor = constant(r#"float[2] W = ["location": "w.bin", "offset": "8"]"#);
    assert_eq!(tensor.data_location(), crate::onnx::tensor_proto::DataLocation::External);
    assert_eq!(tensor.external_data[1].value(), "8");
}

fn generated(text: &str) -> Vec<f32> {
    let raw = constant(&format!("float[500] W = {text}")).raw_data.unwrap();
    raw.chunks(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect()
}

#[test]
fn generated_floats_are_dyadic_and_depend_on_the_seed_alone() {
    let dyadic = generated("dyadic(7)");
    assert!(dyadic.iter().all(|v| v.fract().abs() * 4.0 % 1.0 == 0.0 && *v != 0.0));
    assert_eq!(dyadic.iter().copied().fold(f32::MIN, f32::max), 2.0);
    assert_eq!(dyadic.iter().copied().fold(f32::MAX, f32::min), -2.0);
    assert_eq!(dyadic, generated("dyadic(7)"));
    assert_ne!(dyadic, generated("dyadic(8)"));
    assert!(generated("positive(7)").iter().all(|v| *v > 0.0 && *v <= 2.0));
    let squares = generated("square(7)");
    for wanted in [0.0625, 0.25, 1.0, 4.0, 16.0] {
        assert!(squares.contains(&wanted));
    }
    assert!(squares.iter().all(|v| v.sqrt() * v.sqrt() == *v));
    assert_eq!(generated("fill(-0.5)"), vec![-0.5; 500]);
}

#[test]
fn generated_constants_suit_their_element_type() {
    let raw = |text: &str| constant(text).raw_data.unwrap();
    assert_eq!(raw("double[1] W = fill(2)"), 2.0_f64.to_le_bytes());
    assert_eq!(raw("float16[1] W = fill(2)"), f16::from_f64(2.0).to_le_bytes());
    assert_eq!(raw("bfloat16[1] W = fill(2.0)"), bf16::from_f64(2.0).to_le_bytes());
    assert_eq!(raw("int64[1] W = fill(-2)"), (-2_i64).to_le_bytes());
    assert_eq!(raw("int32[1] W = fill(-2)"), (-2_i32).to_le_bytes());
    assert_eq!(raw("uint16[1] W = fill(2)"), 2_u16.to_le_bytes());
    assert_eq!(raw("bool[2] W = fill(1)"), [1, 1]);
    let bytes = raw("int8[200] W = dyadic(3)");
    assert!(bytes.iter().all(|b| (1..=8).contains(&b.cast_signed().abs())));
    assert_eq!(raw("uint8[4] W = positive(3)").len(), 4);
    assert!(error("g (x) => (y) <uint8[99] W = dyadic(3)> {}").message.contains("suit"));
    assert!(error("g (x) => (y) <string[1] W = dyadic(3)> {}").message.contains("suit"));
    assert!(error("g (x) => (y) <int64[99] W = square(3)> {}").message.contains("suit"));
}

#[test]
fn an_initializer_may_be_an_input_too() {
    let graph = graph("g (float[1] x, float[2] W = {1, 2}) => (y) {}");
    assert_eq!(graph.input[1].name(), "W");
    assert_eq!(graph.initializer[0].float_data, [1.0, 2.0]);
}

#[test]
fn nodes_have_names_domains_and_gaps() {
    let graph = graph(
        r#"g (x) => (y) {
            [first] a, "" = Dropout (x, "", t)
            "b/c" = custom.deep.Op:other (a)
            ["n 2"] = Op ()
            d = Add (a, "b/c") <axis = 1> }"#,
    );
    let names = |node: &NodeProto| (node.input.join(","), node.output.join(","));
    let nodes = &graph.node;
    assert_eq!(names(&nodes[0]), ("x,,t".to_string(), "a,".to_string()));
    assert_eq!((nodes[0].name(), nodes[0].domain.clone()), ("first", None));
    assert_eq!((nodes[1].op_type(), nodes[1].domain()), ("Op", "custom.deep"));
    assert_eq!((nodes[1].overload(), nodes[1].output[0].as_str()), ("other", "b/c"));
    assert_eq!((nodes[2].name(), nodes[2].input.len(), nodes[2].output.len()), ("n 2", 0, 0));
    assert_eq!(nodes[3].attribute[0].i(), 1);
}

#[test]
fn attributes_of_every_kind() {
    let int = attribute("k = -3");
    assert_eq!((int.name(), int.i(), int.r#type()), ("k", -3, AttributeType::Int));
    let float = attribute("k = 0.1");
    assert_eq!((float.f(), float.r#type()), (0.1, AttributeType::Float));
    assert_eq!(attribute("k: float = 2").f(), 2.0);
    assert_eq!(attribute("k = -inf").f(), f32::NEG_INFINITY);
    let string = attribute(r#"k = "SAME_UPPER""#);
    assert_eq!((string.s(), string.r#type()), (&b"SAME_UPPER"[..], AttributeType::String));
    let ints = attribute("k = [1, -2]");
    assert_eq!((&ints.ints[..], ints.r#type()), (&[1, -2][..], AttributeType::Ints));
    let floats = attribute("k = [1.0, -2.5]");
    assert_eq!((&floats.floats[..], floats.r#type()), (&[1.0, -2.5][..], AttributeType::Floats));
    assert_eq!(attribute("k: floats = [1, 2]").floats, [1.0, 2.0]);
    assert_eq!(attribute(r#"k = ["a", "b"]"#).strings, [b"a", b"b"]);
    assert_eq!(attribute("k: ints = []").r#type(), AttributeType::Ints);
}

#[test]
fn tensor_attributes_may_be_named_and_generated() {
    let plain = attribute("value = float[2] {1, 2}");
    assert_eq!(plain.r#type(), AttributeType::Tensor);
    assert_eq!((plain.t.clone().unwrap().name, &plain.t.unwrap().float_data[..]), (None, &[1.0, 2.0][..]));
    let named = attribute("value: tensor = int64[1] n = {3}").t.unwrap();
    assert_eq!((named.name(), &named.int64_data[..]), ("n", &[3][..]));
    let drawn = attribute("value = double[4] dyadic(1)").t.unwrap();
    assert_eq!(drawn.raw_data.unwrap().len(), 32);
}

#[test]
fn graphs_in_attributes_have_their_own_initializers() {
    let text = r#"then_branch: graph = t () => (float[2] y) <float[2] k = {1, 2}>
        { i = If <else_branch = e () => (q) { q = Neg (x) }> (c)  y = Add (i, k) }"#;
    let branch = attribute(text);
    assert_eq!(branch.r#type(), AttributeType::Graph);
    let branch = branch.g.unwrap();
    assert_eq!((branch.name(), branch.initializer[0].name()), ("t", "k"));
    let nested = branch.node[0].attribute[0].g.clone().unwrap();
    assert_eq!(nested.node[0].op_type(), "Neg");
}

#[test]
fn functions_have_attributes_defaults_and_references() {
    let model = model(
        r#"<ir_version: 8, opset_import: ["" : 17, "f" : 1]> g (x) => (y) { y = f.First (x) }
        <domain: "f", opset_import: ["" : 17], overload: "o", doc_string: "d">
        First <al, be: float = 1.5> (x, float[2] w) => (y) <float[N] t>
        { t = LeakyRelu <alpha: float = @al> (x)  y = Op <beta = @be> (t) }
        Second () => (z) { z = Constant <value_int = 1> () }"#,
    );
    let first = &model.functions[0];
    assert_eq!((first.name(), first.domain(), first.overload()), ("First", "f", "o"));
    assert_eq!((first.doc_string(), first.opset_import[0].version()), ("d", 17));
    assert_eq!((first.attribute.join(","), first.attribute_proto[0].f()), ("al".to_string(), 1.5));
    assert_eq!((first.input.join(","), first.output.join(",")), ("x,w".to_string(), "y".to_string()));
    let typed: Vec<_> = first.value_info.iter().map(|value| value.name()).collect();
    assert_eq!(typed, ["w", "t"]);
    let reference = &first.node[0].attribute[0];
    assert_eq!((reference.ref_attr_name(), reference.r#type()), ("al", AttributeType::Float));
    assert_eq!(first.node[1].attribute[0].r#type, None);
    assert_eq!((model.functions[1].name(), model.functions[1].node.len()), ("Second", 1));
}

#[test]
fn errors_say_where_and_what() {
    let found = error("<ir_version: 8>\ng (float[2] x) => (y)\n  <float[2] W = {1}> {}");
    assert_eq!((found.line, found.column), (3, 17));
    assert_eq!(found.message, "1 elements where the dims ask for 2");
    let found = error("g (x) => (y) { y = Add (x, x }");
    assert_eq!(found.to_string(), "line 1, column 30: expected `)`, found `}`");
    let cases = [
        ("<size: 8> g () => () {}", "not a property"),
        ("g () => () <float[N] W = {1}> {}", "a number for each extent"),
        ("g () => () <float[-1] W = {}> {}", "negative"),
        ("g () => () <float[99999,99999] W = fill(1)> {}", "too many"),
        ("g () => () <float[1] W = zeros(1)> {}", "dyadic"),
        ("g () => () <W = {1}> {}", "needs a type"),
        ("g () => () <float16[1] W = {1}> {}", "bit pattern"),
        ("g () => () <uint8[1] W = {256}> {}", "from 0 to 255"),
        ("g () => () <float[1] W = {1e}> {}", "invalid float"),
        ("g () => () <float[1] W = {\"a\"}> {}", "expected a number"),
        ("g () => () { y = Op <k = []> () }", "needs its kind"),
        ("g () => () { y = Op <k = [1, 2.0]> () }", "one kind"),
        ("g () => () { y = Op <k: int = 2.0> () }", "declared"),
        ("g () => () { y = Op <k: text = 2.0> () }", "kind of attribute"),
        ("g () => () { y = Op <k = \"a> () }", "not closed"),
        ("g () => () { y = Op <k = -> () }", "expected a number or a string"),
        ("g () => (", "identifier"),
        ("", "identifier"),
    ];
    for (text, part) in cases {
        let found = error(text);
        assert!(found.message.contains(part), "{text}: {found}");
    }
}

#[test]
fn nesting_ends_before_the_stack_does() {
    let text = "g () => () { y = If <b = ".repeat(10_000);
    assert_eq!(error(&text).message, "graphs are nested too deeply");
}

/// Whatever a text is cut or changed to, the answer is bytes or an error.
#[test]
fn damaged_texts_do_not_panic() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> # é
        g (float[1,N,?] x, float[2] W = {1, -0.5}) => ("y:é") <int8[3] k = dyadic(-7)>
        { [n] a, "" = f.Op:o <p = [1, 2], q = @r, s = "t", b = h () => (z) {}> (x, W) }"#;
    for (place, character) in text.char_indices() {
        let (before, rest) = text.split_at(place);
        let _ = encode(before);
        let behind = &rest[character.len_utf8()..];
        for other in ["", "\"", "(", "-", "é", "9", "{", "<", ",", "\\"] {
            let _ = encode(&format!("{before}{other}{behind}"));
        }
    }
}
