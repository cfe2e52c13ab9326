//! Shapes as exporters compute them: measured from a value, taken apart, put together again, and then reshaped to.

use std::fmt::Write as _;

use super::Maker;

impl Maker {
    /// The current value under a shape that nodes compute.
    pub fn measured(&mut self, x: &str) {
        let dims = self.dims();
        match (self.pick(6), &dims[1..]) {
            (0, [_, length]) => self.rows(x, *length),
            (1, [_, _, ..]) => {
                let joined = dims[1..].iter().product();
                self.reshaped(x, &[2, joined]);
            }
            (2, [channels, height, width]) => {
                let wanted = if self.pick(2) == 0 { [2, *channels, height * width] } else { [2, channels * height, *width] };
                self.reshaped(x, &wanted);
            }
            (3, rest) if rest.contains(&1) || self.pick(3) == 0 => {
                let wanted: Vec<usize> = dims.iter().map(|extent| if *extent == 1 { 2 } else { *extent }).collect();
                let shape = self.shape(x, &wanted, false);
                self.node(&format!("Expand ({x}, {shape})"));
                self.become_of(&wanted);
            }
            (4, [_]) => self.reshaped(x, &[dims[0], dims[1], 1]),
            _ => {
                // The axes behind the batch in another order, which is no transposition.
                let order = self.order(dims.len());
                let wanted: Vec<usize> = order.iter().map(|axis| dims[*axis]).collect();
                if self.pick(2) == 0 {
                    return self.reshaped(x, &wanted);
                }
                let whole = self.shape_of(x);
                let numbers: Vec<i64> = order.iter().map(|axis| self.either_end(*axis, dims.len())).collect();
                let order = self.whole(&numbers);
                let shape = self.integers(&format!("Gather ({whole}, {order})"));
                self.node(&format!("Reshape ({x}, {shape})"));
                self.become_of(&wanted);
            }
        }
    }

    /// Batch, channels and the other extents of the current value.
    fn dims(&self) -> Vec<usize> {
        [&[2, self.channels], &self.spatial[..]].concat()
    }

    fn become_of(&mut self, dims: &[usize]) {
        (self.channels, self.spatial) = (dims[1], dims[2..].to_vec());
    }

    /// An order of axes that leaves the batch first.
    fn order(&mut self, rank: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..rank).collect();
        for axis in 2..rank {
            let other = 1 + self.pick(axis);
            order.swap(axis, other);
        }
        order
    }

    fn reshaped(&mut self, x: &str, wanted: &[usize]) {
        let shape = self.shape(x, wanted, true);
        self.node(&format!("Reshape ({x}, {shape})"));
        self.become_of(wanted);
    }

    /// A product of rows that were put together and are taken apart again.
    fn rows(&mut self, x: &str, length: usize) {
        let (before, out) = (self.dims(), 1 + self.pick(3));
        let shape = self.shape(x, &[before[0] * before[1], length], true);
        self.node(&format!("Reshape ({x}, {shape})"));
        let (w, c) = (self.constant(&[length, out], &[]), self.constant(&[out], &[]));
        self.node(&format!("Gemm ({}, {w}, {c})", self.value));
        let product = self.value.clone();
        let rows = self.part(x, 0, 2);
        let last = self.whole(&[out as i64]);
        let shape = self.integers(&format!("Concat <axis = 0> ({rows}, {last})"));
        self.node(&format!("Reshape ({product}, {shape})"));
        self.spatial = vec![out];
    }

    /// A list of these numbers, put together from extents of values; `open` lets one be what the others leave.
    fn shape(&mut self, x: &str, wanted: &[usize], open: bool) -> String {
        let left = if open { self.pick(2 * wanted.len()) } else { wanted.len() };
        let parts: Vec<String> =
            (0..wanted.len()).map(|axis| if axis == left { self.whole(&[-1]) } else { self.extent(x, wanted[axis]) }).collect();
        let made = self.integers(&format!("Concat <axis = 0> ({})", parts.join(", ")));
        match self.pick(6) {
            0 => {
                let narrow = self.integers(&format!("Cast <to = 6> ({made})"));
                self.integers(&format!("Cast <to = 7> ({narrow})"))
            }
            _ => made,
        }
    }

    /// A list of one number.
    fn extent(&mut self, x: &str, wanted: usize) -> String {
        let dims = self.dims();
        let found =
            |all: &[usize]| all.iter().enumerate().filter(|(_, e)| **e == wanted).map(|(axis, _)| axis).collect::<Vec<_>>();
        let mut places: Vec<(String, usize, usize)> = found(&dims).into_iter().map(|a| (x.to_owned(), a, dims.len())).collect();
        let input = self.input.clone();
        places.extend(found(&input).into_iter().map(|axis| ("x".to_owned(), axis, input.len())));
        if places.is_empty() {
            return self.calculated(x, wanted);
        }
        let (value, axis, rank) = places[self.pick(places.len())].clone();
        match self.pick(5) {
            0 => self.part(&value, axis, axis + 1),
            1 => self.whole(&[wanted as i64]),
            2 => {
                let whole = self.shape_of(&value);
                let at = self.either_end(axis, rank);
                let at = self.whole(&[at]);
                self.integers(&format!("Gather ({whole}, {at})"))
            }
            _ => {
                let whole = self.shape_of(&value);
                let at = self.either_end(axis, rank);
                let at = self.scalar(at);
                let at = if self.pick(3) == 0 { self.there_and_back(&at) } else { at };
                let one = self.integers(&format!("Gather <axis = 0> ({whole}, {at})"));
                let one = if self.pick(4) == 0 { self.there_and_back(&one) } else { one };
                self.listed(&one)
            }
        }
    }

    /// A number that no extent is, from others.
    fn calculated(&mut self, x: &str, wanted: usize) -> String {
        let dims = self.dims();
        let pair =
            (0..dims.len()).flat_map(|a| (a + 1..dims.len()).map(move |b| (a, b))).find(|(a, b)| dims[*a] * dims[*b] == wanted);
        let total: usize = dims.iter().product();
        match pair {
            Some((a, b)) => {
                let (one, two) = (self.extent(x, dims[a]), self.extent(x, dims[b]));
                self.integers(&format!("Mul ({one}, {two})"))
            }
            None if total.is_multiple_of(wanted) => {
                let size = self.integers(&format!("Size ({x})"));
                let rest = self.scalar((total / wanted) as i64);
                let quotient = self.integers(&format!("Div ({size}, {rest})"));
                self.listed(&quotient)
            }
            None => self.whole(&[wanted as i64]),
        }
    }

    /// A number that becomes another and itself again.
    fn there_and_back(&mut self, number: &str) -> String {
        let pairs = [("Add", "Sub"), ("Sub", "Add"), ("Mul", "Div")];
        let (there, back) = pairs[self.pick(3)];
        let amount = 1 + self.pick(3) as i64;
        let amount = self.scalar(amount);
        let other = self.integers(&format!("{there} ({number}, {amount})"));
        self.integers(&format!("{back} ({other}, {amount})"))
    }

    fn shape_of(&mut self, value: &str) -> String {
        self.integers(&format!("Shape ({value})"))
    }

    /// Some extents of a value.
    fn part(&mut self, value: &str, from: usize, to: usize) -> String {
        if self.opset >= 15 && self.pick(2) == 0 {
            return self.integers(&format!("Shape <start = {from}, end = {to}> ({value})"));
        }
        let whole = self.shape_of(value);
        if self.opset < 10 {
            return self.integers(&format!("Slice <axes = [0], starts = [{from}], ends = [{to}]> ({whole})"));
        }
        let (from, to) = (self.whole(&[from as i64]), self.whole(&[to as i64]));
        let axes = if self.pick(2) == 0 { format!(", {}", self.whole(&[0])) } else { String::new() };
        self.integers(&format!("Slice ({whole}, {from}, {to}{axes})"))
    }

    /// A list of one scalar.
    fn listed(&mut self, scalar: &str) -> String {
        match self.pick(2) {
            0 => {
                let shape = self.whole(&[1]);
                self.integers(&format!("Reshape ({scalar}, {shape})"))
            }
            _ if self.opset < 13 => self.integers(&format!("Unsqueeze <axes = [0]> ({scalar})")),
            _ => {
                let axes = self.whole(&[0]);
                self.integers(&format!("Unsqueeze ({scalar}, {axes})"))
            }
        }
    }

    /// A position counted from the front or from the back; from the back only since the operator set that knows it.
    fn either_end(&mut self, axis: usize, rank: usize) -> i64 {
        if self.opset >= 11 && self.pick(3) == 0 { axis as i64 - rank as i64 } else { axis as i64 }
    }

    fn scalar(&mut self, number: i64) -> String {
        let name = format!("k{}", self.constants.len());
        self.constants.push(format!("int64 {name} = {{{number}}}"));
        name
    }

    /// A node that makes integers, beside the current value.
    fn integers(&mut self, text: &str) -> String {
        self.measures += 1;
        let name = format!("i{}", self.measures);
        writeln!(self.nodes, "{name} = {text}").unwrap();
        name
    }

    /// The input as the graph declares it: extents may be open.
    pub fn declared(&mut self) -> String {
        let mut dims: Vec<String> = self.input.iter().map(usize::to_string).collect();
        // The evaluation gives open extents two positions.
        if self.pick(3) == 0 {
            dims[0] = "N".to_owned();
        }
        if self.input.len() == 4 && self.pick(3) == 0 {
            dims[3] = "W".to_owned();
        }
        dims.join(", ")
    }
}
