//! Random small graphs as text: nodes follow one another, constants are small numbers over powers of two.

mod absorb;
mod carry;
mod measure;
mod nested;
mod parallel;

use std::fmt::Write as _;

/// Scales are divided by when a map crosses a sum, so they are powers of two.
const POWERS: [f64; 6] = [1.0, -1.0, 0.5, 2.0, -4.0, -0.25];

/// A graph that grows node by node.
struct Maker {
    opset: i64,
    ir_version: i64,
    /// What is chosen, one byte a choice; the state says what these do not.
    choices: std::vec::IntoIter<u8>,
    state: u64,
    nodes: String,
    constants: Vec<String>,
    outputs: Vec<String>,
    count: usize,
    /// How many nodes make integers.
    measures: usize,
    /// The extents of the graph's input.
    input: Vec<usize>,
    /// Whether a condition is an input, too.
    asks: bool,
    /// Within the graph of a node: its own initializers.
    inner: Option<Vec<String>>,
    /// The current value, its channels and its other extents.
    value: String,
    channels: usize,
    spatial: Vec<usize>,
}

impl Maker {
    fn pick(&mut self, count: usize) -> usize {
        match self.choices.next() {
            Some(choice) => usize::from(choice) % count,
            None => self.draw(count),
        }
    }

    /// As [`Maker::pick`], of numbers, on which the graph does not depend.
    fn draw(&mut self, count: usize) -> usize {
        self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.state >> 33) as usize % count
    }

    fn number(&mut self) -> f64 {
        [1.0, -1.0, 0.5, 2.0, -0.5, 1.5, -3.0, 0.25][self.draw(8)]
    }

    /// A constant of small numbers; `choices` restricts them.
    fn constant(&mut self, dims: &[usize], choices: &[f64]) -> String {
        let name = format!("k{}", self.constants.len());
        let count: usize = dims.iter().product();
        let values: Vec<String> = (0..count)
            .map(|_| if choices.is_empty() { self.number() } else { choices[self.draw(choices.len())] })
            .map(|v| format!("{v:?}"))
            .collect();
        if self.pick(6) == 0 {
            return self.computed(&name, dims, &values);
        }
        if let Some(own) = self.constant_inside(dims, &values) {
            return own;
        }
        let dims = if dims.is_empty() { String::new() } else { format!("[{}]", list(dims)) };
        self.constants.push(format!("double{dims} {name} = {{{}}}", values.join(", ")));
        name
    }

    /// A weight, which may be quantised.
    fn weight(&mut self, dims: &[usize]) -> String {
        if self.opset < 13 || self.pick(3) != 0 {
            return self.constant(dims, &[]);
        }
        let name = format!("k{}", self.constants.len());
        // The integers may stand in another order of axes than the weight.
        let turned = if self.pick(3) == 0 { self.pick(dims.len()) } else { 0 };
        let stored = [&dims[turned..], &dims[..turned]].concat();
        let axis = self.pick(dims.len() + 1);
        let along = stored.get(axis).map_or(String::new(), |size| format!("[{size}]"));
        let count = stored.get(axis).copied().unwrap_or(1);
        let mut integers = |count: usize| (0..count).map(|_| self.draw(8).to_string()).collect::<Vec<_>>().join(", ");
        let (numbers, zeros) = (integers(dims.iter().product()), integers(count));
        let scales: Vec<String> = (0..count).map(|_| format!("{:?}", [1.0, 0.5, 2.0, 0.25][self.draw(4)])).collect();
        let zero = if self.pick(2) == 0 { format!(", {name}z") } else { String::new() };
        self.constants.push(format!("uint8[{}] {name}q = {{{numbers}}}", list(&stored)));
        self.constants.push(format!("double{along} {name}s = {{{}}}", scales.join(", ")));
        self.constants.push(format!("uint8{along} {name}z = {{{zeros}}}"));
        let axis = if along.is_empty() { String::new() } else { format!(" <axis = {axis}>") };
        let made = if turned == 0 { name.clone() } else { format!("{name}d") };
        writeln!(self.nodes, "{made} = DequantizeLinear{axis} ({name}q, {name}s{zero})").unwrap();
        if turned > 0 {
            let order: Vec<usize> = (0..dims.len()).map(|at| (at + dims.len() - turned) % dims.len()).collect();
            writeln!(self.nodes, "{name} = Transpose <perm = [{}]> ({made})", list(&order)).unwrap();
        }
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
        writeln!(self.nodes, "{name} = {}", text.replace(" <>", "")).unwrap();
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
        match self.pick(27) {
            kind @ 0..=4 => self.map_of(kind, &x),
            5 => {
                self.plain(&x);
            }
            6 if self.outputs.len() < 2 => self.outputs.push(x),
            10 if !self.spatial.is_empty() => self.pool(&x),
            11 => self.regroup(&x),
            12 => self.branches(&x),
            13 => self.parallel(&x),
            14..=18 => self.carried(&x),
            19 => self.normalised(&x),
            20 => self.cut(&x),
            21 if self.opset >= 19 && self.spatial.len() == 2 => self.deformed(&x),
            21 => self.matrix(&x),
            22 | 23 => self.measured(&x),
            24 => self.nested(&x),
            25 => self.row(&x),
            _ if self.spatial.is_empty() => self.product(&x),
            _ => self.convolution(&x),
        }
    }

    /// A map of each channel, or of all.
    fn map_of(&mut self, kind: usize, x: &str) {
        match kind {
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
            _ => {
                let shape = self.channel_shape();
                let k = self.constant(&shape, &[1.0, 2.0, -0.5, 4.0]);
                self.node(&format!("Div ({x}, {k})"));
            }
        }
    }

    fn pool(&mut self, x: &str) {
        let rank = self.spatial.len();
        let area: usize = self.spatial.iter().product();
        let window = list(&vec![2; rank]);
        let (ones, twos) = (list(&vec![1; 2 * rank]), list(&vec![2; rank]));
        match self.pick(6) {
            // The mean of a power of two is exact.
            0 if area.is_power_of_two() => {
                self.node(&format!("GlobalAveragePool ({x})"));
                self.spatial.fill(1);
            }
            // Windows with holes that reach over the border; where an extent is one, they see nothing but padding.
            3 if self.opset >= 10 => {
                self.node(&format!("MaxPool <kernel_shape = [{window}], dilations = [{twos}], pads = [{ones}]> ({x})"));
            }
            // Windows at the border have one element in two, four or eight, or are the mean of those that they have.
            4 => {
                let counts = self.pick(2);
                self.node(&format!(
                    "AveragePool <kernel_shape = [{window}], pads = [{ones}], count_include_pad = {counts}> ({x})"
                ));
                self.spatial.iter_mut().for_each(|e| *e += 1);
            }
            // Each sees an element, even of one alone.
            5 => {
                self.node(&format!("MaxPool <kernel_shape = [{window}], pads = [{ones}]> ({x})"));
                self.spatial.iter_mut().for_each(|e| *e += 1);
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
        let out = 1 + self.pick(2);
        let mut made = vec![];
        for _ in 0..2 {
            made.push(self.pointwise(x, out));
        }
        self.join(made, out);
    }

    fn product(&mut self, x: &str) {
        let (inward, out) = (self.channels, 1 + self.pick(4));
        if self.pick(3) == 0 {
            let w = self.weight(&[inward, out]);
            self.node(&format!("MatMul ({x}, {w})"));
        } else {
            let transposed = self.pick(2);
            let w = self.weight(&if transposed == 1 { [out, inward] } else { [inward, out] });
            let shapes: [&[usize]; 5] = [&[], &[out], &[1, out], &[2, 1], &[2, out]];
            let bias = match self.pick(7) {
                at @ 0..=4 => self.constant(shapes[at], &[]),
                _ if self.opset < 11 => self.constant(shapes[1], &[]),
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
        let pad = if transposed && kernel == 1 { 0 } else { self.pick(2) };
        let dims = if transposed { [self.channels, out / group] } else { [out, self.channels / group] };
        let w = self.weight(&[&dims[..], &vec![kernel; self.spatial.len()]].concat());
        let bias = if self.pick(2) == 0 { format!(", {}", self.constant(&[out], &[])) } else { String::new() };
        let pads = list(&vec![pad; 2 * self.spatial.len()]);
        let operator = if transposed { "ConvTranspose" } else { "Conv" };
        self.node(&format!("{operator} <group = {group}, pads = [{pads}]> ({x}, {w}{bias})"));
        for extent in &mut self.spatial {
            *extent = if transposed { *extent + kernel - 1 - 2 * pad } else { *extent + 2 * pad + 1 - kernel };
        }
        self.channels = out;
    }
}

fn list(numbers: &[usize]) -> String {
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

/// The graph of a seed, as text.
pub fn graph(seed: u64) -> String {
    made(seed, vec![])
}

/// The graph of choices, one byte each.
pub fn chosen(choices: &[u8]) -> String {
    made(choices.len() as u64, choices.to_vec())
}

fn made(seed: u64, choices: Vec<u8>) -> String {
    let opset = [9, 13, 18, 23][seed as usize % 4];
    let mut maker = Maker {
        opset,
        // Before IR 4 every initializer is an input.
        ir_version: if opset == 9 && seed & 4 == 0 { 3 } else { 8 },
        choices: choices.into_iter(),
        state: seed ^ 0x9e37_79b9_7f4a_7c15,
        nodes: String::new(),
        constants: vec![],
        outputs: vec![],
        count: 0,
        measures: 0,
        input: vec![],
        asks: false,
        inner: None,
        value: "x".into(),
        channels: 0,
        spatial: vec![],
    };
    maker.pick(1);
    maker.channels = 1 + maker.pick(4);
    maker.spatial = [vec![], vec![4], vec![4, 2]][maker.pick(3)].clone();
    maker.input = [vec![2, maker.channels], maker.spatial.clone()].concat();
    let input = maker.declared();
    for _ in 0..3 + maker.pick(6) {
        maker.step();
    }
    if maker.pick(4) == 0 {
        maker.recur();
    }
    let last = maker.value.clone();
    writeln!(maker.nodes, "y = Relu ({last})").unwrap();
    let extra: String = maker.outputs.iter().filter(|o| *o != "x").enumerate().fold(String::new(), |mut all, (i, o)| {
        writeln!(maker.nodes, "z{i} = Identity ({o})").unwrap();
        write!(all, ", double[] z{i}").unwrap();
        all
    });
    let listed = maker.ir_version < 4;
    let names = maker.constants.iter().filter_map(|constant| constant.split(" = ").next()).filter(|_| listed);
    let asks = maker.asks.then_some("bool condition");
    let inputs: String = asks.into_iter().chain(names).map(|name| format!(", {name}")).collect();
    let constants = if maker.constants.is_empty() { String::new() } else { format!("<{}>", maker.constants.join(",\n ")) };
    let (nodes, ir_version) = (&maker.nodes, maker.ir_version);
    format!(
        "<ir_version: {ir_version}, opset_import: [\"\" : {opset}]>\n\
         g (double[{input}] x{inputs}) => (double[] y{extra})\n{constants}\n{{ {nodes} }}"
    )
}
