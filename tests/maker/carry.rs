//! Operators that hand maps on.

use std::fmt::Write as _;

use super::{Maker, list};

impl Maker {
    /// A constant of whole numbers.
    pub fn whole(&mut self, numbers: &[i64]) -> String {
        let name = format!("k{}", self.constants.len());
        let values: Vec<String> = numbers.iter().map(i64::to_string).collect();
        self.constants.push(format!("int64[{}] {name} = {{{}}}", numbers.len(), values.join(", ")));
        name
    }

    /// Numbers that are an attribute before an operator set and an input from it on: the text before and behind the data.
    fn numbers(&mut self, name: &str, from: i64, numbers: &[i64]) -> (String, String) {
        if self.opset < from {
            let values: Vec<String> = numbers.iter().map(i64::to_string).collect();
            return (format!("{name} = [{}]", values.join(", ")), String::new());
        }
        (String::new(), format!(", {}", self.whole(numbers)))
    }

    /// Something that does little.
    pub fn plain(&mut self, x: &str) {
        let slope = [vec![self.channels], vec![1; self.spatial.len()]].concat();
        let text = match self.pick(6) {
            0 => format!("Identity ({x})"),
            1 => format!("Dropout ({x})"),
            2 => format!("Cast <to = 11> ({x})"),
            3 => format!("PRelu ({x}, {})", self.constant(&slope, &[])),
            4 if self.opset < 11 => format!("Clip <min = 0.0> ({x})"),
            4 => format!("Clip ({x}, {})", self.constant(&[], &[0.0])),
            _ => format!("Relu ({x})"),
        };
        self.node(&text);
    }

    pub fn carried(&mut self, x: &str) {
        match (self.pick(13), self.spatial.len()) {
            (0, _) => self.slice(x),
            (1, _) => {
                let count = 1 + self.pick(3);
                let order: Vec<i64> = (0..count).map(|_| self.pick(self.channels) as i64).collect();
                let order = self.whole(&order);
                self.node(&format!("Gather <axis = 1> ({x}, {order})"));
                self.channels = count;
            }
            (2, rank) if self.channels < 8 => {
                let mut times = vec![1; rank + 2];
                times[1 + self.pick(rank + 1)] = 2;
                self.channels *= times[1] as usize;
                self.spatial.iter_mut().zip(&times[2..]).for_each(|(extent, times)| *extent *= *times as usize);
                let times = self.whole(&times);
                self.node(&format!("Tile ({x}, {times})"));
            }
            (3, _) => {
                let wanted: Vec<i64> = self.spatial.iter().map(|extent| if *extent == 1 { 2 } else { 1 }).collect();
                self.spatial.iter_mut().filter(|extent| **extent == 1).for_each(|extent| *extent = 2);
                let wanted = self.whole(&[vec![1, self.channels as i64], wanted].concat());
                self.node(&format!("Expand ({x}, {wanted})"));
            }
            (4, 1..) => self.enlarge(x),
            (5, 2) if self.spatial.iter().all(|extent| extent % 2 == 0) && self.channels < 8 => {
                self.node(&format!("SpaceToDepth <blocksize = 2> ({x})"));
                self.channels *= 4;
                self.spatial.iter_mut().for_each(|extent| *extent /= 2);
            }
            (6, 2) if self.channels.is_multiple_of(4) => {
                let mode = if self.opset < 11 { "" } else { [", mode = \"CRD\"", ", mode = \"DCR\""][self.pick(2)] };
                self.node(&format!("DepthToSpace <blocksize = 2{mode}> ({x})"));
                self.channels /= 4;
                self.spatial.iter_mut().for_each(|extent| *extent *= 2);
            }
            (7, 1) => {
                let (attribute, input) = self.numbers("axes", 13, &[3]);
                self.node(&format!("Unsqueeze <{attribute}> ({x}{input})"));
                self.spatial.push(1);
            }
            (8, rank @ 1..) if self.spatial[rank - 1] == 1 => {
                let (attribute, input) = self.numbers("axes", 13, &[rank as i64 + 1]);
                self.node(&format!("Squeeze <{attribute}> ({x}{input})"));
                self.spatial.pop();
            }
            (9, rank @ 1..) => self.reduce(x, rank),
            (10 | 11, 1..) => self.pad(x),
            (12, 1..) => {
                self.node(&format!("GlobalMaxPool ({x})"));
                self.spatial.fill(1);
            }
            _ => self.plain(x),
        }
    }

    fn slice(&mut self, x: &str) {
        let extents = [vec![2, self.channels], self.spatial.clone()].concat();
        let axis = 1 + self.pick(extents.len() - 1);
        let extent = extents[axis] as i64;
        let start = self.pick(extents[axis]) as i64;
        let (end, step) = match self.pick(3) {
            0 => (extent, 1),
            1 => (i64::from(i32::MAX), 1 + self.pick(2) as i64),
            _ if self.opset >= 10 => (-extent - 1, -1 - self.pick(2) as i64),
            _ => (start + 1, 1),
        };
        let step = if self.opset < 10 { 1 } else { step };
        let count = if step > 0 { (end.min(extent) - start + step - 1) / step } else { start / -step + 1 };
        if self.opset < 10 {
            self.node(&format!("Slice <axes = [{axis}], starts = [{start}], ends = [{end}]> ({x})"));
        } else {
            let [starts, ends, axes, steps] = [start, end, axis as i64, step].map(|number| self.whole(&[number]));
            self.node(&format!("Slice ({x}, {starts}, {ends}, {axes}, {steps})"));
        }
        match axis {
            1 => self.channels = count as usize,
            axis => self.spatial[axis - 2] = count as usize,
        }
    }

    fn enlarge(&mut self, x: &str) {
        if self.spatial.iter().any(|extent| *extent > 4) {
            return self.plain(x);
        }
        // Batch and channels stay.
        let by = format!("k{}", self.constants.len());
        let factors = vec!["2.0"; self.spatial.len()].join(", ");
        self.constants.push(format!("double[{}] {by} = {{1.0, 1.0, {factors}}}", self.spatial.len() + 2));
        let nearest = "mode = \"nearest\", coordinate_transformation_mode = \"asymmetric\", nearest_mode = \"floor\"";
        let linear = self.pick(2) == 0;
        let text = match self.opset {
            ..=9 => format!("Upsample <mode = \"nearest\"> ({x}, {by})"),
            _ if linear => format!("Resize <mode = \"linear\"> ({x}, \"\", {by})"),
            _ => format!("Resize <{nearest}> ({x}, \"\", {by})"),
        };
        self.node(&text);
        self.spatial.iter_mut().for_each(|extent| *extent *= 2);
    }

    fn reduce(&mut self, x: &str, rank: usize) {
        let extent = self.spatial[rank - 1];
        if self.pick(3) == 0 {
            let operator = ["ReduceMax", "ReduceMin"][self.pick(2)];
            return self.reduced(operator, 18, x, rank);
        }
        // A shift is divided by the number of terms.
        if !extent.is_power_of_two() {
            return self.plain(x);
        }
        let (operator, from) = if self.pick(2) == 0 { ("ReduceMean", 18) } else { ("ReduceSum", 13) };
        self.reduced(operator, from, x, rank);
    }

    fn reduced(&mut self, operator: &str, from: i64, x: &str, rank: usize) {
        let keep = self.pick(2);
        let (attribute, input) = self.numbers("axes", from, &[rank as i64 + 1]);
        let comma = if attribute.is_empty() { "" } else { ", " };
        self.node(&format!("{operator} <keepdims = {keep}{comma}{attribute}> ({x}{input})"));
        self.spatial.pop();
        if keep == 1 {
            self.spatial.push(1);
        }
    }

    fn pad(&mut self, x: &str) {
        let rank = self.spatial.len();
        let pads: Vec<i64> = (0..2 * rank).map(|_| self.pick(2) as i64).collect();
        let mode = ["constant", "constant", "edge", "reflect"][self.pick(4)];
        if mode == "reflect" && self.spatial.contains(&1) {
            return self.plain(x);
        }
        let (begin, end) = pads.split_at(rank);
        self.spatial.iter_mut().zip(begin.iter().zip(end)).for_each(|(extent, (a, b))| *extent += (a + b) as usize);
        let all = [&[0, 0], begin, &[0, 0], end].concat();
        let (attribute, input) = self.numbers("pads", 11, &all);
        let comma = if attribute.is_empty() { "" } else { ", " };
        let number = self.number();
        let (attribute, input) = match self.pick(2) {
            0 if mode == "constant" && self.opset < 11 => (format!("{attribute}{comma}value = {number:?}"), input),
            0 if mode == "constant" => (attribute, format!("{input}, {}", self.constant(&[], &[number]))),
            _ => (attribute, input),
        };
        let comma = if attribute.is_empty() { "" } else { ", " };
        self.node(&format!("Pad <mode = \"{mode}\"{comma}{attribute}> ({x}{input})"));
    }

    /// Two pieces, of which the second goes on.
    pub fn cut(&mut self, x: &str) {
        if self.channels < 2 {
            return self.plain(x);
        }
        let first = 1 + self.pick(self.channels - 1);
        let rest = self.channels - first;
        let (attribute, input) = self.numbers("split", 13, &[first as i64, rest as i64]);
        let comma = if attribute.is_empty() { "" } else { ", " };
        self.count += 1;
        let (p, q) = (format!("p{}", self.count), format!("q{}", self.count));
        writeln!(self.nodes, "{p}, {q} = Split <axis = 1{comma}{attribute}> ({x}{input})").unwrap();
        let out = 1 + self.pick(2);
        match self.pick(3) {
            0 => {
                self.value = q;
                self.channels = rest;
            }
            1 if self.outputs.len() < 2 => {
                self.outputs.push(p);
                self.value = q;
                self.channels = rest;
            }
            _ => {
                let made = [(p, first), (q, rest)].map(|(piece, channels)| {
                    self.channels = channels;
                    self.pointwise(&piece, out)
                });
                self.join(made.to_vec(), out);
            }
        }
    }

    /// Puts values of the same shape together.
    pub fn join(&mut self, made: Vec<String>, out: usize) {
        let both = made.join(", ");
        let which = if let Some(last) = self.spatial.last() { (last.to_string(), *last) } else { ("2, 1".to_owned(), 2) };
        self.channels = out;
        let text = match self.pick(7) {
            0 => {
                self.channels = 2 * out;
                format!("Concat <axis = 1> ({both})")
            }
            1 => format!("Add ({both})"),
            2 => format!("Sum ({both})"),
            3 => format!("Sub ({both})"),
            4 => format!("Mean ({both})"),
            5 => {
                let name = format!("k{}", self.constants.len());
                let values: Vec<usize> = (0..which.1).map(|_| self.pick(2)).collect();
                self.constants.push(format!("bool[{}] {name} = {{{}}}", which.0, list(&values)));
                format!("Where ({name}, {both})")
            }
            _ => {
                // A product of two values of any size would not be exact.
                self.node(&format!("Sign ({})", made[1]));
                format!("Mul ({}, {})", made[0], self.value)
            }
        };
        self.node(&text);
    }
}
