//! Random small graphs of all operators that fold, in numbers so small that f64 arithmetic is exact: a fold must give the same
//! function bit for bit. The long form: `BNFOLD_GRAPHS=20000 cargo test --release --test random_graphs`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::fmt::Write as _;

use bnfold::model::Model;
use proptest::prelude::*;
use support::{evaluate, fold, model_of, random_inputs};

/// Scales are divided by when a map crosses a sum, so they are powers of two.
const POWERS: [f64; 6] = [1.0, -1.0, 0.5, 2.0, -4.0, -0.25];

/// A graph that grows node by node.
struct Maker {
    state: u64,
    nodes: String,
    constants: Vec<String>,
    outputs: Vec<String>,
    count: usize,
    /// The current value, its channels and its other extents.
    value: String,
    channels: usize,
    spatial: Vec<usize>,
}

impl Maker {
    fn pick(&mut self, count: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % count
    }

    fn number(&mut self) -> f64 {
        [1.0, -1.0, 0.5, 2.0, -0.5, 1.5, -3.0, 0.25][self.pick(8)]
    }

    /// A constant of small numbers; `choices` restricts them.
    fn constant(&mut self, dims: &[usize], choices: &[f64]) -> String {
        let name = format!("k{}", self.constants.len());
        let count: usize = dims.iter().product();
        let values: Vec<String> = (0..count)
            .map(|_| if choices.is_empty() { self.number() } else { choices[self.pick(choices.len())] })
            .map(|v| format!("{v:?}"))
            .collect();
        if self.pick(6) == 0 {
            return self.computed(&name, dims, &values);
        }
        let dims = if dims.is_empty() { String::new() } else { format!("[{}]", list(dims)) };
        self.constants.push(format!("double{dims} {name} = {{{}}}", values.join(", ")));
        name
    }

    /// A constant that nodes compute from another.
    fn computed(&mut self, name: &str, dims: &[usize], values: &[String]) -> String {
        let minus: Vec<String> = values.iter().map(|v| format!("{:?}", -v.parse::<f64>().unwrap())).collect();
        let (stored, values, text) = match self.pick(3) {
            0 => (dims.iter().rev().copied().collect(), values, format!("Transpose ({name}raw)")),
            1 => (dims.to_vec(), &minus[..], format!("Neg ({name}raw)")),
            _ => {
                self.constants.push(format!("int64[{}] {name}dims = {{{}}}", dims.len(), list(dims)));
                (vec![values.len()], values, format!("Reshape ({name}raw, {name}dims)"))
            }
        };
        let stored = if stored.is_empty() { String::new() } else { format!("[{}]", list(&stored)) };
        self.constants.push(format!("double{stored} {name}raw = {{{}}}", values.join(", ")));
        writeln!(self.nodes, "{name} = {text}").unwrap();
        name.to_owned()
    }

    fn node(&mut self, text: &str) {
        self.count += 1;
        let name = format!("v{}", self.count);
        writeln!(self.nodes, "{name} = {text}").unwrap();
        self.value = name;
    }

    /// A constant shape that aligns with the channels, or a single number.
    fn channel_shape(&mut self) -> Vec<usize> {
        let tail = vec![1; self.spatial.len()];
        match self.pick(4) {
            0 => vec![],
            1 => [vec![1, self.channels], tail].concat(),
            2 if tail.is_empty() => vec![self.channels],
            _ => [vec![self.channels], tail].concat(),
        }
    }

    fn step(&mut self) {
        let x = self.value.clone();
        match self.pick(14) {
            0 | 1 => {
                let c = self.channels;
                let s = self.constant(&[c], &POWERS);
                let [b, m] = [0; 2].map(|_| self.constant(&[c], &[]));
                let v = self.constant(&[c], &[1.0, 4.0, 0.25]);
                self.node(&format!("BatchNormalization <epsilon = 0.0> ({x}, {s}, {b}, {m}, {v})"));
            }
            2 => {
                let shape = self.channel_shape();
                let k = self.constant(&shape, &POWERS);
                let text = if self.pick(2) == 0 { format!("Mul ({x}, {k})") } else { format!("Mul ({k}, {x})") };
                self.node(&text);
            }
            3 => {
                let shape = self.channel_shape();
                let k = self.constant(&shape, &[]);
                let text =
                    [format!("Add ({x}, {k})"), format!("Sub ({x}, {k})"), format!("Sub ({k}, {x})")][self.pick(3)].clone();
                self.node(&text);
            }
            4 => {
                let shape = self.channel_shape();
                let k = self.constant(&shape, &[1.0, 2.0, -0.5, 4.0]);
                self.node(&format!("Div ({x}, {k})"));
            }
            5 => {
                let text = [format!("Identity ({x})"), format!("Dropout ({x})"), format!("Relu ({x})")][self.pick(3)].clone();
                self.node(&text);
            }
            6 if self.outputs.len() < 2 => self.outputs.push(x),
            10 if !self.spatial.is_empty() => self.pool(&x),
            11 => self.regroup(&x),
            12 | 13 => self.branches(&x),
            _ if self.spatial.is_empty() => self.product(&x),
            _ => self.convolution(&x),
        }
    }

    fn pool(&mut self, x: &str) {
        let rank = self.spatial.len();
        let area: usize = self.spatial.iter().product();
        let window = list(&vec![2; rank]);
        match self.pick(3) {
            // The mean of a power of two is exact.
            0 if area.is_power_of_two() => {
                self.node(&format!("GlobalAveragePool ({x})"));
                self.spatial.fill(1);
            }
            kind if self.spatial.iter().all(|e| *e > 1) => {
                let operator = if kind == 1 { "MaxPool" } else { "AveragePool" };
                self.node(&format!("{operator} <kernel_shape = [{window}]> ({x})"));
                self.spatial.iter_mut().for_each(|e| *e -= 1);
            }
            _ => self.node(&format!("LeakyRelu <alpha = 0.5> ({x})")),
        }
    }

    fn regroup(&mut self, x: &str) {
        match (self.pick(3), self.spatial.len()) {
            (0, 2) => {
                self.node(&format!("Transpose <perm = [0, 1, 3, 2]> ({x})"));
                self.spatial.swap(0, 1);
            }
            (1, 1..) => {
                self.node(&format!("Flatten ({x})"));
                self.channels *= self.spatial.drain(..).product::<usize>();
            }
            (_, 2) => {
                let shape = format!("r{}", self.constants.len());
                self.constants.push(format!("int64[3] {shape} = {{0, {}, -1}}", self.channels));
                self.node(&format!("Reshape ({x}, {shape})"));
                self.spatial = vec![self.spatial[0] * self.spatial[1]];
            }
            _ => self.node(&format!("Relu ({x})")),
        }
    }

    /// Two linear operators beside each other, put together again.
    fn branches(&mut self, x: &str) {
        let joined = self.pick(3);
        let out = 1 + self.pick(2);
        let mut made = vec![];
        for _ in 0..2 {
            let kernel = vec![1; self.spatial.len()];
            let (dims, operator) = match kernel.is_empty() {
                true => (vec![self.channels, out], "Gemm"),
                false => ([vec![out, self.channels], kernel].concat(), "Conv"),
            };
            let w = self.constant(&dims, &[]);
            self.node(&format!("{operator} ({x}, {w})"));
            made.push(self.value.clone());
        }
        let both = made.join(", ");
        self.node(&match joined {
            0 => format!("Concat <axis = 1> ({both})"),
            1 => format!("Add ({both})"),
            _ => format!("Sum ({both})"),
        });
        self.channels = if joined == 0 { 2 * out } else { out };
    }

    fn product(&mut self, x: &str) {
        let (inward, out) = (self.channels, 1 + self.pick(4));
        if self.pick(3) == 0 {
            let w = self.constant(&[inward, out], &[]);
            self.node(&format!("MatMul ({x}, {w})"));
        } else {
            let transposed = self.pick(2);
            let w = self.constant(&if transposed == 1 { [out, inward] } else { [inward, out] }, &[]);
            let shapes: [&[usize]; 5] = [&[], &[out], &[1, out], &[2, 1], &[2, out]];
            let bias = match self.pick(7) {
                at @ 0..=4 => self.constant(shapes[at], &[]),
                _ => String::new(),
            };
            let (alpha, beta) = (self.number(), self.number());
            let c = if bias.is_empty() { String::new() } else { format!(", {bias}") };
            self.node(&format!("Gemm <alpha = {alpha:?}, beta = {beta:?}, transB = {transposed}> ({x}, {w}{c})"));
        }
        self.channels = out;
    }

    fn convolution(&mut self, x: &str) {
        let group = if self.channels.is_multiple_of(2) { 1 + self.pick(2) } else { 1 };
        let out = group * (1 + self.pick(2));
        let transposed = self.pick(3) == 0;
        let smallest = self.spatial.iter().copied().min().unwrap_or(1);
        let kernel = 1 + self.pick(2).min(smallest - 1);
        let pad = if transposed { 0 } else { self.pick(2) };
        let dims = if transposed { [self.channels, out / group] } else { [out, self.channels / group] };
        let w = self.constant(&[&dims[..], &vec![kernel; self.spatial.len()]].concat(), &[]);
        let bias = if self.pick(2) == 0 { format!(", {}", self.constant(&[out], &[])) } else { String::new() };
        let pads = list(&vec![pad; 2 * self.spatial.len()]);
        let operator = if transposed { "ConvTranspose" } else { "Conv" };
        self.node(&format!("{operator} <group = {group}, pads = [{pads}]> ({x}, {w}{bias})"));
        for extent in &mut self.spatial {
            *extent = if transposed { *extent + kernel - 1 } else { *extent + 2 * pad + 1 - kernel };
        }
        self.channels = out;
    }
}

fn list(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

fn graph(seed: u64) -> String {
    let mut maker = Maker {
        state: seed ^ 0x9e37_79b9_7f4a_7c15,
        nodes: String::new(),
        constants: vec![],
        outputs: vec![],
        count: 0,
        value: "x".into(),
        channels: 0,
        spatial: vec![],
    };
    maker.pick(1);
    maker.channels = 1 + maker.pick(4);
    maker.spatial = [vec![], vec![4], vec![4, 2]][maker.pick(3)].clone();
    let input = [vec![2, maker.channels], maker.spatial.clone()].concat();
    for _ in 0..2 + maker.pick(5) {
        maker.step();
    }
    let last = maker.value.clone();
    writeln!(maker.nodes, "y = Relu ({last})").unwrap();
    let extra: String = maker.outputs.iter().filter(|o| *o != "x").enumerate().fold(String::new(), |mut all, (i, o)| {
        writeln!(maker.nodes, "z{i} = Identity ({o})").unwrap();
        write!(all, ", double[] z{i}").unwrap();
        all
    });
    let constants = if maker.constants.is_empty() { String::new() } else { format!("<{}>", maker.constants.join(",\n ")) };
    let nodes = &maker.nodes;
    format!(
        "<ir_version: 8, opset_import: [\"\" : 13]>\ng (double[{}] x) => (double[] y{extra})\n{constants}\n{{ {nodes} }}",
        list(&input)
    )
}

/// Folds the graph of a seed and compares. Returns how many nodes went.
fn check(seed: u64) -> usize {
    let text = graph(seed);
    let bytes = bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{e}\n{text}"));
    let folded = fold(&bytes);
    let twice = fold(&folded);
    if twice != folded {
        let nodes = |b: &[u8]| {
            model_of(b)
                .graph
                .unwrap()
                .node
                .iter()
                .map(|n| format!("{:?} = {}({:?})", n.output, n.op_type(), n.input))
                .collect::<Vec<_>>()
        };
        panic!("seed {seed}: folding twice is not folding once\n{text}\n{:#?}\n{:#?}", nodes(&folded), nodes(&twice));
    }
    let inputs = random_inputs(&model_of(&bytes), seed);
    let (before, after) = (evaluate(&bytes, &inputs), evaluate(&folded, &inputs));
    support::names_mean_one_thing(&folded, &before, &after, &text);
    for output in &model_of(&bytes).graph.unwrap().output {
        assert_eq!(before[output.name()], after[output.name()], "seed {seed}, output {}\n{text}", output.name());
    }
    let model = Model::from_bytes(folded.clone()).unwrap();
    bnfold::constants::build(&model).unwrap();
    model_of(&bytes).graph.unwrap().node.len() - model_of(&folded).graph.unwrap().node.len()
}

fn cases() -> u32 {
    std::env::var("BNFOLD_GRAPHS").ok().and_then(|n| n.parse().ok()).unwrap_or(500)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_fold_is_the_same_function(seed: u64) {
        check(seed);
    }
}

#[test]
fn most_graphs_have_something_to_fold() {
    let folded = (0..200).filter(|seed| check(*seed) > 0).count();
    assert!(folded > 120, "{folded} of 200");
}
