//! Branches of one value that meet in a sum.

use super::{Maker, POWERS, list};

impl Maker {
    /// Some linear maps of a value, with as many outputs as it has.
    pub fn parallel(&mut self, x: &str) {
        // One map at most: scales are divided by elsewhere, and the sum of two may be no power of two.
        let map = self.pick(3);
        let mut made = if map < 2 { vec![self.map(x)] } else { vec![] };
        for _ in made.len()..2 + self.pick(3) {
            made.push(self.branch(x));
        }
        let whole = self.pick(3) == 0;
        let text = format!("Sum ({})", made.join(", "));
        if whole {
            return self.node(&text);
        }
        while made.len() > 1 {
            let at = self.pick(made.len());
            let (one, two) = (made.swap_remove(at), made.pop().unwrap());
            let operator = ["Add", "Add", "Sub"][self.pick(3)];
            self.node(&format!("{operator} ({one}, {two})"));
            made.push(self.value.clone());
        }
    }

    /// Two linear operators in a row, one of them without taps.
    pub fn row(&mut self, x: &str) {
        let (wide, narrow) = (self.channels + 1 + self.pick(4), 1 + self.pick(3));
        let first = self.pick(2) == 0 || self.spatial.is_empty();
        if first {
            self.pointwise(x, wide);
            self.channels = wide;
        } else {
            self.convolution(x);
        }
        // What is added between becomes a bias, and may meet padding.
        if self.pick(2) == 0 {
            let (kind, x) = (self.pick(4), self.value.clone());
            self.map_of(kind, &x);
        }
        let between = self.value.clone();
        if first && !self.spatial.is_empty() && self.pick(3) > 0 {
            return self.convolution(&between);
        }
        self.pointwise(&between, narrow);
        self.channels = narrow;
    }

    /// A map of each channel, or none.
    fn map(&mut self, x: &str) -> String {
        match self.pick(3) {
            0 => return x.to_owned(),
            1 => {
                let c = self.channels;
                let [s, b, m] = [&POWERS[..], &[], &[]].map(|choices| self.constant(&[c], choices));
                let v = self.constant(&[c], &[1.0, 4.0, 0.25]);
                self.node(&format!("BatchNormalization <epsilon = 0.0> ({x}, {s}, {b}, {m}, {v})"));
            }
            _ => {
                let k = self.constant(&[], &POWERS);
                self.node(&format!("Mul ({x}, {k})"));
            }
        }
        self.value.clone()
    }

    /// A linear map of a value that leaves its extents.
    fn branch(&mut self, x: &str) -> String {
        let (c, rank) = (self.channels, self.spatial.len());
        match self.pick(4) {
            0 if rank == 0 => {
                let w = self.weight(&[c, c]);
                self.node(&format!("MatMul ({x}, {w})"));
            }
            _ if rank == 0 => {
                let (w, k, alpha) = (self.weight(&[c, c]), self.constant(&[c], &[]), self.number());
                self.node(&format!("Gemm <alpha = {alpha:?}, transB = 1> ({x}, {w}, {k})"));
            }
            0 => {
                let (window, pads) = (list(&vec![2; rank]), list(&[vec![1; rank], vec![0; rank]].concat()));
                self.node(&format!("AveragePool <kernel_shape = [{window}], pads = [{pads}], count_include_pad = 1> ({x})"));
            }
            kind => {
                let group = if kind == 1 { c } else { 1 };
                let kernel: Vec<usize> = (0..rank).map(|_| 1 + self.pick(4)).collect();
                let before: Vec<usize> = kernel.iter().map(|taps| if kind == 2 { self.pick(*taps) } else { taps / 2 }).collect();
                let behind = kernel.iter().zip(&before).map(|(taps, before)| taps - 1 - before).collect::<Vec<_>>();
                let w = self.weight(&[&[c, c / group][..], &kernel].concat());
                let bias = if self.pick(2) == 0 { format!(", {}", self.constant(&[c], &[])) } else { String::new() };
                let pads = list(&[before, behind].concat());
                self.node(&format!("Conv <group = {group}, pads = [{pads}]> ({x}, {w}{bias})"));
            }
        }
        self.value.clone()
    }
}
