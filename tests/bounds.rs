//! Small files that ask for much: each is answered with little memory and in little time, whatever it claims. `docs/reliability.md`
//! states the bounds.
#![cfg(all(feature = "cli", target_os = "linux"))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fmt::Write as _;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use bnfold::model::scan::scan;
use bnfold::wire::{Source, Window};

/// KiB of address space, and seconds of processor time. What these models would take without a bound is many times that.
const MEMORY: u64 = 1 << 20;
const SECONDS: u64 = 60;

const STATISTICS: &str = "float[2] s = {1, 2}, float[2] b = {1, 2}, float[2] m = {1, 2}, float[2] v = {1, 2}";

fn encoded(inputs: &str, constants: &str, nodes: &str) -> Vec<u8> {
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : 17]> g ({inputs}) => (float[] y) <{STATISTICS}{constants}> {{ {nodes} }}"#
    );
    bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{e}"))
}

/// So many nodes, one after the other, each made of the numbers of its value and of the next.
fn nodes(count: usize, node: impl Fn(usize, usize) -> String) -> String {
    (0..count).fold(String::new(), |mut all, at| {
        writeln!(all, "{}", node(at, at + 1)).unwrap();
        all
    })
}

const BN: &str = "c0 = BatchNormalization (x, s, b, m, v)";

fn models() -> Vec<(&'static str, Vec<u8>)> {
    let plain = "float[1,2,4] x";
    let concat = nodes(70, |at, next| format!("c{next} = Concat <axis = 1> (c{at}, c{at})"));
    let back = nodes(70, |at, next| format!("d{next} = Concat <axis = 1> (d{at}, d{at})"));
    let sums = nodes(150, |at, next| format!("c{next} = Add (c{at}, c{at})"));
    let chain = nodes(1500, |at, next| format!("c{next} = BatchNormalization (c{at}, s, b, m, v)"));
    let many = nodes(40, |at, _| format!("n{at} = BatchNormalization (x, s, b, m, v)"));
    let all: Vec<String> = (0..40).map(|at| format!("n{at}")).collect();
    let all = all.join(", ");
    let hollow = |dims: &str, rows: usize| {
        let convolutions = nodes(rows, |at, _| {
            format!("z{at} = ConstantOfShape (d)  c{at} = Conv (x, z{at})  y{at} = BatchNormalization (c{at}, s, b, m, v)")
        });
        encoded("float[] x", &format!(", int64[4] d = {dims}"), &format!("{convolutions} y = Relu (y0)"))
    };
    vec![
        ("channels that double ahead of a map", encoded(plain, "", &format!("{BN} {concat} y = Relu (c70)"))),
        (
            "channels that double behind a map",
            encoded(plain, ", float a = {2}", &format!("d0 = Relu (x) {back} y = Mul (d70, a)")),
        ),
        ("a value that is added to itself", encoded(plain, "", &format!("{BN} {sums} y = Relu (c150)"))),
        ("a long chain of maps", encoded(plain, "", &format!("{BN} {chain} y = Relu (c1500)"))),
        ("many maps in one sum", encoded(plain, "", &format!("{many} y = Sum ({all})"))),
        ("many maps side by side", encoded(plain, "", &format!("{many} y = Concat <axis = 1> ({all})"))),
        ("weights that are only claimed, larger than the file by far", hollow("{2, 1048576, 4, 4}", 300)),
        ("weights that are only claimed, and computed", hollow("{2, 65536, 2, 2}", 60)),
        (
            "a broadcast of one position to a million millions",
            encoded("float[1,2,1] x, float[1,2,1000000000000] z", "", &format!("{BN} y = Add (c0, z)")),
        ),
        (
            "a pad without end",
            encoded(plain, ", int64[6] p = {0, 0, 4611686018427387904, 0, 0, 0}", &format!("{BN} y = Pad (c0, p)")),
        ),
        ("a tile without end", encoded(plain, ", int64[3] r = {1, 4611686018427387904, 1}", &format!("{BN} y = Tile (c0, r)"))),
        ("functions that call twice what calls twice", doubling(60)),
        (
            "readers that tell two ranks of one value",
            encoded(
                "float[1,2,4,4] x, bool q",
                ", float[2,2,1,1] w = {1, 2, 3, 4}, float[1,1,1] k = {2}",
                "a = If (q) <then_branch = t () => (float[] c) { c = Relu (x) }, else_branch = e () => (float[] d) { d = Neg (x) }>
                 n = BatchNormalization (a, s, b, m, v)  z = Conv (n, w)  f = Mul (a, k)  u = Conv (f, b)  y = Add (z, u)",
            ),
        ),
    ]
}

/// A model with functions, each of which calls the next one twice.
fn doubling(count: usize) -> Vec<u8> {
    let text = r#"<ir_version: 8, opset_import: ["" : 17, "f" : 1]> g (float[1] x) => (float[1] y) { y = f.f0 (x) }"#;
    let mut model = support::model_of(&bnfold::sample::encode(text).unwrap());
    let call = model.graph.as_ref().unwrap().node[0].clone();
    for number in 0..count {
        let last = number + 1 == count;
        let node = |from: &str, to: &str| bnfold::onnx::NodeProto {
            op_type: Some(if last { "Relu".to_owned() } else { format!("f{}", number + 1) }),
            domain: Some(if last { "" } else { "f" }.to_owned()),
            input: vec![from.to_owned()],
            output: vec![to.to_owned()],
            ..call.clone()
        };
        model.functions.push(bnfold::onnx::FunctionProto {
            name: Some(format!("f{number}")),
            domain: Some("f".to_owned()),
            input: vec!["x".to_owned()],
            output: vec!["y".to_owned()],
            node: vec![node("x", "a"), node("a", "y")],
            opset_import: model.opset_import.clone(),
            ..Default::default()
        });
    }
    prost::Message::encode_to_vec(&model)
}

#[test]
fn what_small_files_ask_for_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in models() {
        assert!(bytes.len() < 200_000, "{name}");
        std::fs::write(folder.path().join("m.onnx"), &bytes).unwrap();
        for words in
            ["inspect -q m.onnx", "fold -q --no-verify m.onnx -o out.onnx", "fold -q --inline --no-verify m.onnx -o in.onnx"]
        {
            let line = format!("ulimit -v {MEMORY}; ulimit -t {SECONDS}; RAYON_NUM_THREADS=1 exec \"$0\" {words}");
            let mut command = Command::new("sh");
            command.current_dir(folder.path()).args(["-c", &line, env!("CARGO_BIN_EXE_bnfold")]);
            let answer = command.stdin(Stdio::null()).output().unwrap();
            let said = String::from_utf8_lossy(&answer.stderr);
            assert!(matches!(answer.status.code(), Some(0..=2)), "{name}, {words}: {:?}: {said}", answer.status);
            assert!(!said.contains("panicked") && !said.contains("memory allocation"), "{name}, {words}: {said}");
        }
    }
}

/// A quantised weight of 16 MB would be 128 MB of integers and as much again of numbers.
#[test]
fn integers_that_stay_are_not_read_to_see_whether_a_map_may_fold() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = encoded(
        "float[1,2,2048,2048] x",
        ", int8[2,2,1,1] q = {1, 2, 3, 4}, float[2] k = {0.5, 0.25}",
        "w = DequantizeLinear <axis = 0> (q, k)  c = Conv (x, w)  y = BatchNormalization (c, s, b, m, v)",
    );
    let mut model = support::model_of(&bytes);
    let weight = model.graph.as_mut().unwrap().initializer.iter_mut().find(|tensor| tensor.name() == "q").unwrap();
    weight.dims = vec![2, 2, 2048, 2048];
    weight.int32_data.clear();
    weight.raw_data = Some(vec![1; 2 * 2 * 2048 * 2048]);
    std::fs::write(folder.path().join("m.onnx"), prost::Message::encode_to_vec(&model)).unwrap();
    let line = "ulimit -v 200000; RAYON_NUM_THREADS=1 exec \"$0\" check m.onnx";
    let mut command = Command::new("sh");
    command.current_dir(folder.path()).args(["-c", line, env!("CARGO_BIN_EXE_bnfold")]);
    let answer = command.stdin(Stdio::null()).output().unwrap();
    let said = String::from_utf8_lossy(&answer.stdout);
    assert!(answer.status.code() == Some(1) && said.contains("1 BatchNormalization left to fold"), "{answer:?}");
}

/// Bytes that count how often they are read.
struct Counted(Vec<u8>, AtomicU64);

impl Source for Counted {
    fn len(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> std::io::Result<()> {
        self.1.fetch_add(buffer.len() as u64, Ordering::Relaxed);
        self.0.read_exact_at(buffer, offset)
    }
}

#[test]
fn to_open_a_file_reads_it_once() {
    let samples = bnfold::ops::OPERATORS.iter().flat_map(|operator| operator.samples).map(|sample| sample.text);
    let mut files: Vec<Vec<u8>> = samples.map(|text| bnfold::sample::encode(text).unwrap()).collect();
    files.extend(models().into_iter().map(|(_, bytes)| bytes));
    for bytes in files {
        let source = Counted(bytes, AtomicU64::new(0));
        let len = source.len();
        scan(&mut Window::new(&source), len).unwrap();
        let read = source.1.load(Ordering::Relaxed);
        assert!(read <= 2 * len + 4096, "{read} bytes were read of {len}");
    }
}
