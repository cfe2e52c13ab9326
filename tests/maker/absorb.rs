//! Operators that take maps in, beside the convolutions and products.

use super::Maker;

impl Maker {
    /// A linear operator without taps, from `self.channels` to `out`.
    pub fn pointwise(&mut self, x: &str, out: usize) -> String {
        let kernel = vec![1; self.spatial.len()];
        let (dims, operator) = match kernel.is_empty() {
            true => (vec![self.channels, out], "Gemm"),
            false => ([vec![out, self.channels], kernel].concat(), "Conv"),
        };
        let w = self.constant(&dims, &[]);
        // A Gemm could not do without before.
        let c = if self.opset < 11 && operator == "Gemm" { format!(", {}", self.constant(&[out], &[])) } else { String::new() };
        self.node(&format!("{operator} ({x}, {w}{c})"));
        self.value.clone()
    }

    /// A convolution whose taps read between positions.
    pub fn deformed(&mut self, x: &str) {
        let [height, width] = self.spatial[..] else { return self.plain(x) };
        let group = if self.channels.is_multiple_of(2) { 1 + self.pick(2) } else { 1 };
        let out = group * (1 + self.pick(2));
        let w = self.constant(&[out, self.channels / group, 1, 2], &[]);
        let offset = self.constant(&[2, 4, height, width + 1], &[]);
        let bias = if self.pick(2) == 0 { self.constant(&[out], &[]) } else { "\"\"".to_owned() };
        let mask =
            if self.pick(2) == 0 { format!(", {}", self.constant(&[2, 2, height, width + 1], &[])) } else { String::new() };
        self.node(&format!("DeformConv <group = {group}, pads = [0, 1, 0, 1]> ({x}, {w}, {offset}, {bias}{mask})"));
        (self.channels, self.spatial) = (out, vec![height, width + 1]);
    }

    /// A matrix beside the channels, or against them.
    pub fn matrix(&mut self, x: &str) {
        let [extent] = self.spatial[..] else { return self.plain(x) };
        let out = 1 + self.pick(3);
        let (rows, columns) = (self.constant(&[out, self.channels], &[]), self.constant(&[extent, out], &[]));
        match self.pick(4) {
            0 => {
                self.node(&format!("MatMul ({rows}, {x})"));
                self.channels = out;
            }
            1 if self.opset >= 12 => {
                self.node(&format!("Einsum <equation = \"ncl,oc->nol\"> ({x}, {rows})"));
                self.channels = out;
            }
            2 if self.opset >= 12 => {
                self.node(&format!("Einsum <equation = \"lo,ncl->nco\"> ({columns}, {x})"));
                self.spatial = vec![out];
            }
            _ => {
                self.node(&format!("MatMul ({x}, {columns})"));
                self.spatial = vec![out];
            }
        }
    }

    /// A normalisation of pairs of a number and its opposite: what it makes of them is exactly one and minus one.
    pub fn normalised(&mut self, x: &str) {
        let count = self.channels * self.spatial.iter().product::<usize>();
        let name = match self.pick(4) {
            0 if self.opset >= 17 => "LayerNormalization",
            1 if self.opset >= 18 => "GroupNormalization",
            2 if self.opset >= 23 => "RMSNormalization",
            _ => "InstanceNormalization",
        };
        if count > 16 {
            return self.plain(x);
        }
        let shape = self.whole(&[0, count as i64, 1]);
        self.node(&format!("Reshape ({x}, {shape})"));
        let value = self.value.clone();
        match self.opset {
            ..=10 => self.node(&format!("Clip <min = 0.5> ({value})")),
            _ => {
                let half = self.constant(&[], &[0.5]);
                self.node(&format!("Clip ({value}, {half})"));
            }
        }
        let positive = self.value.clone();
        self.node(&format!("Neg ({positive})"));
        let negative = self.value.clone();
        self.node(&format!("Concat <axis = 2> ({positive}, {negative})"));
        (self.channels, self.spatial) = (count, vec![2]);
        if name != "RMSNormalization" && self.pick(2) == 0 {
            let k = self.constant(&[count, 1], &[]);
            self.node(&format!("Add ({}, {k})", self.value));
        }
        let last = matches!(name, "LayerNormalization" | "RMSNormalization");
        let numbers = if last { 2 } else { count };
        let gamma = self.constant(&[numbers], &[]);
        let beta = if name == "RMSNormalization" { String::new() } else { format!(", {}", self.constant(&[numbers], &[])) };
        let groups = if name == "GroupNormalization" { format!(", num_groups = {count}") } else { String::new() };
        self.node(&format!("{name} <epsilon = 0.0{groups}> ({}, {gamma}{beta})", self.value));
    }

    /// One step of a recurrence, behind which nothing is exact any more.
    pub fn recur(&mut self) {
        if !self.spatial.is_empty() {
            let value = self.value.clone();
            self.node(&format!("Flatten ({value})"));
            self.channels *= self.spatial.drain(..).product::<usize>();
        }
        if self.channels > 16 {
            return;
        }
        let shape = self.whole(&[1, 2, self.channels as i64]);
        self.node(&format!("Reshape ({}, {shape})", self.value));
        if self.pick(2) == 0 {
            let k = self.constant(&[self.channels], &super::POWERS);
            self.node(&format!("Mul ({}, {k})", self.value));
            let k = self.constant(&[self.channels], &[]);
            self.node(&format!("Add ({}, {k})", self.value));
        }
        let (name, gates) = [("LSTM", 4), ("GRU", 3), ("RNN", 1)][self.pick(3)];
        let directions = 1 + self.pick(2);
        let w = self.constant(&[directions, 2 * gates, self.channels], &[]);
        let r = self.constant(&[directions, 2 * gates, 2], &[]);
        let bias = if self.pick(2) == 0 { format!(", {}", self.constant(&[directions, 4 * gates], &[])) } else { String::new() };
        let direction = ["forward", "bidirectional"][directions - 1];
        let x = self.value.clone();
        self.node(&format!("{name} <hidden_size = 2, direction = \"{direction}\"> ({x}, {w}, {r}{bias})"));
    }
}
