//! Nets of ten families with seeded sizes and numbers, in every float type; one in four is cold: large biases, small variances.

use std::fmt::Write as _;

use bnfold::onnx::{ModelProto, TensorProto};
use prost::Message as _;

use crate::judged::{decode, numbers, store};

pub const FAMILIES: [&str; 10] =
    ["plain", "residual", "separable", "pre-activation", "mlp", "one axis", "transposed", "wide", "forward", "second reader"];

/// A seeded sequence of numbers.
pub struct Draw(u64);

impl Draw {
    pub fn new(seed: u64) -> Draw {
        Draw(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1)
    }

    pub fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, count: usize) -> usize {
        ((self.bits() >> 33) % count as u64) as usize
    }

    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// Nearly normal: the sum of uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..6).map(|_| self.between(-1.0, 1.0)).sum::<f64>() / 2.0_f64.sqrt()
    }
}

/// A net that grows node by node. Names of constants begin with what they are.
struct Maker {
    draw: Draw,
    element: &'static str,
    nodes: String,
    constants: Vec<String>,
    outputs: Vec<String>,
    count: usize,
    at: String,
    channels: usize,
}

impl Maker {
    fn constant(&mut self, role: &str, dims: &[usize]) -> String {
        let name = format!("{role}_{}", self.constants.len());
        let dims: Vec<String> = dims.iter().map(usize::to_string).collect();
        self.constants.push(format!("{}[{}] {name} = fill(0.0)", self.element, dims.join(",")));
        name
    }

    fn node(&mut self, text: &str) -> String {
        self.count += 1;
        let name = format!("v{}", self.count);
        writeln!(self.nodes, "{name} = {text}").unwrap();
        self.at.clone_from(&name);
        name
    }

    fn normalization(&mut self) -> String {
        let c = self.channels;
        let [s, b, m, v] = ["scale", "beta", "mean", "variance"].map(|role| self.constant(role, &[c]));
        let epsilon = ["", " <epsilon = 0.001>", " <epsilon = 0.01>"][self.draw.below(3)];
        let x = self.at.clone();
        self.node(&format!("BatchNormalization{epsilon} ({x}, {s}, {b}, {m}, {v})"))
    }

    fn relu(&mut self) -> String {
        let x = self.at.clone();
        self.node(&format!("Relu ({x})"))
    }

    /// A convolution over so many axes; `pad` keeps the extent.
    fn convolution(&mut self, out: usize, kernel: usize, groups: usize, axes: usize, pad: bool) -> String {
        let kernels = vec![kernel; axes];
        let w = self.constant("weight", &[&[out, self.channels / groups][..], &kernels].concat());
        let bias = if self.draw.below(2) == 0 { format!(", {}", self.constant("bias", &[out])) } else { String::new() };
        let pads = vec![if pad { (kernel / 2).to_string() } else { "0".to_owned() }; 2 * axes].join(", ");
        let x = self.at.clone();
        self.channels = out;
        self.node(&format!("Conv <group = {groups}, pads = [{pads}]> ({x}, {w}{bias})"))
    }

    fn transposed(&mut self, out: usize, kernel: usize, groups: usize) -> String {
        let w = self.constant("weight", &[self.channels, out / groups, kernel, kernel]);
        let bias = if self.draw.below(2) == 0 { format!(", {}", self.constant("bias", &[out])) } else { String::new() };
        let x = self.at.clone();
        self.channels = out;
        self.node(&format!("ConvTranspose <group = {groups}, strides = [2, 2]> ({x}, {w}{bias})"))
    }

    fn gemm(&mut self, out: usize) -> String {
        let inward = self.channels;
        let transposed = self.draw.below(2);
        let w = self.constant("weight", &if transposed == 1 { [out, inward] } else { [inward, out] });
        let bias = if self.draw.below(3) > 0 { format!(", {}", self.constant("bias", &[out])) } else { String::new() };
        let (alpha, beta) = ([0.5, 1.0, 1.7][self.draw.below(3)], [2.0, 1.0, 0.3][self.draw.below(3)]);
        let x = self.at.clone();
        self.channels = out;
        self.node(&format!("Gemm <alpha = {alpha:?}, beta = {beta:?}, transB = {transposed}> ({x}, {w}{bias})"))
    }

    fn product(&mut self, out: usize) -> String {
        let w = self.constant("weight", &[self.channels, out]);
        let x = self.at.clone();
        self.channels = out;
        self.node(&format!("MatMul ({x}, {w})"))
    }

    fn output(&mut self, value: String) {
        if !self.outputs.contains(&value) {
            self.outputs.push(value);
        }
    }

    fn body(&mut self, family: &str) {
        let depth = 1 + self.draw.below(3);
        let c = 2 * (1 + self.draw.below(4));
        match family {
            "plain" => (0..depth + 1).for_each(|_| self.block(c, 3)),
            "wide" => (0..2).for_each(|i| self.block(24 + 8 * i, 3)),
            "residual" => {
                self.block(c, 3);
                for _ in 0..depth {
                    let skip = self.at.clone();
                    self.block(c, 3);
                    self.convolution(c, 3, 1, 2, true);
                    let branch = self.normalization();
                    self.node(&format!("Add ({branch}, {skip})"));
                    self.relu();
                }
            }
            "separable" => {
                self.block(c, 1);
                for _ in 0..depth {
                    self.convolution(c, 3, c, 2, true);
                    self.normalization();
                    self.relu();
                    self.block(c, 1);
                }
            }
            "pre-activation" => {
                for _ in 0..depth + 1 {
                    self.normalization();
                    self.relu();
                    self.convolution(c, 3, 1, 2, true);
                    self.normalization();
                    self.relu();
                    self.convolution(c, 1, 1, 2, false);
                }
            }
            "mlp" => {
                for i in 0..depth + 1 {
                    if i % 2 == 0 {
                        self.gemm(c + i)
                    } else {
                        self.product(c)
                    };
                    self.normalization();
                    self.relu();
                }
            }
            "one axis" => {
                for _ in 0..depth + 1 {
                    self.convolution(c, 3, if self.channels.is_multiple_of(2) { 2 } else { 1 }, 1, true);
                    self.normalization();
                    self.relu();
                }
            }
            "transposed" => {
                self.block(c, 1);
                let groups = [1, 2][self.draw.below(2)];
                self.transposed(2 * c, 2, 2);
                self.normalization();
                self.relu();
                self.transposed(c, 3, groups);
                self.normalization();
            }
            "forward" => self.forward(c),
            _ => self.second(c),
        }
    }

    fn block(&mut self, c: usize, kernel: usize) {
        self.convolution(c, kernel, 1, 2, true);
        self.normalization();
        self.relu();
    }

    fn forward(&mut self, c: usize) {
        self.block(c, 1);
        self.normalization();
        self.convolution(c, 3, 2, 2, false);
        self.relu();
        self.normalization();
        self.convolution(c, 3, 1, 2, true);
        self.relu();
        let x = self.at.clone();
        self.node(&format!("GlobalAveragePool ({x})"));
        let x = self.at.clone();
        self.node(&format!("Flatten ({x})"));
        self.normalization();
        self.gemm(c + 1);
    }

    fn second(&mut self, c: usize) {
        self.block(c, 1);
        // The result of a convolution that something else reads, too.
        let inner = self.convolution(c, 3, 1, 2, true);
        self.normalization();
        let outer = self.relu();
        self.node(&format!("Sigmoid ({inner})"));
        let x = self.at.clone();
        self.node(&format!("Add ({x}, {outer})"));
        // A normalization that two convolutions read.
        let both = self.normalization();
        let one = self.convolution(c, 1, 1, 2, false);
        (self.at, self.channels) = (both, c);
        let two = self.convolution(c, 1, 1, 2, false);
        self.node(&format!("Mul ({one}, {two})"));
    }

    /// A fold that must not be, beside the rest: one of its constants is NaN, or a variance negative.
    fn poisoned(&mut self, channels: usize) {
        (self.at, self.channels) = ("x".to_owned(), channels);
        self.relu();
        self.convolution(2, 1, 1, 2, false);
        let role = ["nan", "negative"][self.draw.below(2)];
        let [s, b, m] = ["scale", "beta", "mean"].map(|r| self.constant(r, &[2]));
        let v = self.constant(role, &[2]);
        let x = self.at.clone();
        let name = self.node(&format!("BatchNormalization ({x}, {s}, {b}, {m}, {v})"));
        self.output(name);
    }
}

/// A net: its family, the text that it was made from and the model.
pub struct Net {
    pub family: &'static str,
    pub element: &'static str,
    pub bytes: Vec<u8>,
}

pub fn net(index: usize) -> Net {
    let mut draw = Draw::new(index as u64 + 1);
    draw.bits();
    let family = FAMILIES[index % FAMILIES.len()];
    let element = ["float", "float", "float", "float", "float", "float16", "bfloat16", "double"][draw.below(8)];
    let channels = 2 * (1 + draw.below(3));
    let extent = 5 + draw.below(3);
    let input = match family {
        "mlp" => vec![3, channels],
        "one axis" => vec![1, channels, extent],
        _ => vec![1, channels, extent, extent],
    };
    let (at, outputs) = ("x".to_owned(), vec![]);
    let mut maker = Maker { draw, element, nodes: String::new(), constants: vec![], outputs, count: 0, at, channels };
    maker.body(family);
    let last = maker.at.clone();
    maker.output(last);
    if input.len() == 4 && maker.draw.below(4) == 0 {
        maker.poisoned(channels);
    }
    let dims: Vec<String> = input.iter().map(usize::to_string).collect();
    let outputs: Vec<String> = maker.outputs.iter().map(|o| format!("{element}[] {o}")).collect();
    let text = format!(
        "<ir_version: 8, opset_import: [\"\" : 15]>\nnet ({element}[{}] x) => ({})\n<{}>\n{{ {} }}",
        dims.join(","),
        outputs.join(", "),
        maker.constants.join(",\n "),
        maker.nodes
    );
    let mut model = decode(&bnfold::sample::encode(&text).unwrap_or_else(|e| panic!("{e}\n{text}")));
    let cold = maker.draw.below(4) == 0 && element != "float16";
    fill(&mut model, &mut maker.draw, cold);
    Net { family, element, bytes: model.encode_to_vec() }
}

fn fill(model: &mut ModelProto, draw: &mut Draw, cold: bool) {
    for tensor in &mut model.graph.as_mut().unwrap().initializer {
        let role = tensor.name().split('_').next().unwrap().to_owned();
        let values: Vec<f64> = numbers(tensor).iter().map(|_| number(&role, tensor, draw, cold)).collect();
        store(tensor, &values);
        if role == "nan" || role == "negative" {
            let mut values = numbers(tensor);
            values[1] = if role == "nan" { f64::NAN } else { -0.5 };
            store(tensor, &values);
        }
    }
}

fn number(role: &str, tensor: &TensorProto, draw: &mut Draw, cold: bool) -> f64 {
    let shrink = if cold { 10.0_f64.powf(draw.between(-3.0, 0.0)) } else { 1.0 };
    let grow = if cold { 10.0_f64.powf(draw.between(0.0, 3.5)) } else { 1.0 };
    match role {
        "weight" => {
            let count: i64 = tensor.dims.iter().product();
            let outputs = tensor.dims.first().copied().unwrap_or(1).max(1);
            draw.normal() / (count as f64 / outputs as f64).sqrt()
        }
        "bias" | "beta" => draw.normal() * grow,
        "mean" => draw.normal(),
        "scale" => {
            let sign = if draw.below(6) == 0 { -1.0 } else { 1.0 };
            let faint = if draw.below(12) == 0 { 1e-3 } else { 1.0 };
            sign * faint * draw.between(0.3, 1.7)
        }
        _ => draw.between(0.2, 2.5) * shrink,
    }
}
