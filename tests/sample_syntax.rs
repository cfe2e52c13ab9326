//! Texts without our additions mean to us what they mean to the ONNX project's own parser.
//!
//! Needs a Python with the package onnx, named by the environment variable `BNFOLD_PYTHON`.
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use std::io::Write;
use std::process::{Command, Stdio};

use bnfold::onnx::{GraphProto, ModelProto, NodeProto, TensorProto};
use prost::Message;

const TEXTS: &[&str] = &[
    r#"<ir_version: 8, opset_import: ["" : 17, "custom" : 1], producer_name: "p",
        producer_version: "2", domain: "d", model_version: 5, doc_string: "a \"b\"",
        metadata_props: ["k": "v", "l": ""]> # a remark
    g (float[1,N,?] x, int64 s, bfloat16[] u, float[2] W = {1, -0.5}) => (bool[0] "y:0", z)
    <double[2] d = {0.1, -1e-3}, float e = {3}, float[0,2] n = {}, float[2] v,
     float[3] t = {inf, -inf, 16777217}, int64[2] i = {-4, 9223372036854775807},
     int32[1] j = {-4}, int8[2] k = {-128, 127}, uint8[1] l = {255}, int16[1] m = {-3},
     uint16[1] o = {65535}, bool[2] p = {1, 0}, uint32[1] q = {3},
     uint64[1] r = {18446744073709551615}, string[2] a = {"a", ""},
     float[2] w = ["location": "w.bin", "offset": "8"]>
    { [first] a, "" = Dropout (x, "", t)
      "b/c" = custom.deep.Op:other <k = -3, f = 0.1, h: float = 2, c = -inf> (a)
      d = Add (a, "b/c") <axis = 1>
      e = Op <s = "SAME", l = [1, -2], m = [1.0, -2.5], n: floats = [1, 2], o = ["a", "b"],
              p: ints = [], q: int = 1, r: string = "x">(d) }"#,
    r#"<ir_version: 3, opset_import: ["" : 7]>
    g (bool c, float[2] x) => (float[2] y)
    { y = If <then_branch: graph = t () => (float[2] a) <float[2] k = {1, 2}> { a = Add (x, k) },
              else_branch = e () => (float[2] b)
              { q = Constant <value = float[2] {1, 2}> ()
                r = Constant <value: tensor = int64[1] n = {3}> ()
                b = Add (x, q) }> (c) }"#,
    r#"<ir_version: 8, opset_import: ["" : 17, "f" : 1]> g (float[2] x) => (float[2] y) { y = f.First (x) }
    <domain: "f", opset_import: ["" : 17], overload: "o", doc_string: "d">
    First <al, be: float = 1.5> (x, float[2] w) => (y) <float[N] t>
    { t = LeakyRelu <alpha: float = @al> (x)  y = Op <beta = @be> (t) }
    <domain: "f"> Second () => (z) { z = Constant <value_int = 1> () }"#,
];

/// Unset and empty mean the same for names and domains; their parser sets them, ours leaves them.
fn plain_graph(graph: &mut GraphProto) {
    graph.node.iter_mut().for_each(plain_node);
    graph.initializer.iter_mut().for_each(plain_tensor);
}

fn plain_node(node: &mut NodeProto) {
    node.domain = node.domain.take().filter(|domain| !domain.is_empty());
    for attribute in &mut node.attribute {
        attribute.t.iter_mut().for_each(plain_tensor);
        attribute.g.iter_mut().for_each(plain_graph);
    }
}

fn plain_tensor(tensor: &mut TensorProto) {
    tensor.name = tensor.name.take().filter(|name| !name.is_empty());
}

fn plain(bytes: &[u8]) -> ModelProto {
    let mut model = ModelProto::decode(bytes).unwrap();
    model.graph.iter_mut().for_each(plain_graph);
    for function in &mut model.functions {
        function.node.iter_mut().for_each(plain_node);
    }
    model
}

#[test]
fn official_texts_mean_the_same() {
    let Some(python) = std::env::var_os("BNFOLD_PYTHON") else {
        eprintln!("skipped: BNFOLD_PYTHON is not set");
        return;
    };
    for text in TEXTS {
        let mut child =
            Command::new(&python).arg("tests/data/parse_text.py").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "the official parser refuses {text}");
        let ours = bnfold::sample::encode(text).unwrap();
        assert_eq!(plain(&ours), plain(&output.stdout));
    }
}
