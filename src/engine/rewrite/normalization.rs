//! Normalisations that the engine computes in f32 inside, as the ONNX specification writes them.

use super::super::proto::{float, input, int, label, make, with_ints};
use super::Writer;
use crate::onnx::NodeProto;

/// What ONNX's normalisations add to the variance where nothing is said.
const EPSILON: f32 = 1e-5;

impl Writer {
    /// `(x − mean)/√(variance + epsilon)·scale + bias` over the last axes. Without knowing the
    /// rank that can be said only for an axis counted from the end.
    pub(crate) fn layer_normalization(&mut self, node: &NodeProto) -> bool {
        let (Some(x), Some(scale)) = (input(node, 0), input(node, 1)) else {
            return false;
        };
        let Some(axes) = last_axes(node) else {
            return false;
        };
        let output = label(node);
        let mean = self.mean(x, &axes, &format!("{output}/mean"));
        let centred = self.emit("Sub", &[x, &mean], &format!("{output}/centred"));
        let (normal, deviation) = self.over_deviation(&centred, &axes, node, output);
        for (index, operator, value) in [(1, "Identity", &mean), (2, "Reciprocal", &deviation)] {
            if let Some(statistic) = node.output.get(index).filter(|name| !name.is_empty()) {
                self.finish(operator, &[value], statistic);
            }
        }
        let Some(bias) = input(node, 2) else {
            self.finish("Mul", &[&normal, scale], output);
            return true;
        };
        let scaled = self.emit("Mul", &[&normal, scale], &format!("{output}/scaled"));
        self.finish("Add", &[&scaled, bias], output);
        true
    }

    /// `x/√(mean of squares + epsilon)·scale` over the last axes.
    pub(crate) fn root_mean_square(&mut self, node: &NodeProto) -> bool {
        let (Some(x), Some(scale), Some(axes)) = (input(node, 0), input(node, 1), last_axes(node)) else {
            return false;
        };
        let output = label(node);
        let (normal, _) = self.over_deviation(x, &axes, node, output);
        self.finish("Mul", &[&normal, scale], output);
        true
    }

    /// As opset 21 has it, with a scale and a bias for each channel.
    pub(crate) fn group_normalization(&mut self, node: &NodeProto) -> bool {
        let (Some(x), Some(scale), Some(bias)) = (input(node, 0), input(node, 1), input(node, 2)) else {
            return false;
        };
        let channels = match self.shapes.get(scale).map(Vec::as_slice) {
            Some([channels]) if self.opset >= 21 => *channels,
            _ => return false,
        };
        let output = label(node);
        let named = |what: &str| format!("{output}/{what}");
        let shape = self.emit("Shape", &[x], &named("shape"));
        let groups = self.numbers(&[0, int(node, "num_groups").unwrap_or(1), -1], &named("groups"));
        let grouped = self.emit("Reshape", &[x, &groups], &named("grouped"));
        let mean = self.mean(&grouped, &[-1], &named("mean"));
        let centred = self.emit("Sub", &[&grouped, &mean], &named("centred"));
        let (normal, _) = self.over_deviation(&centred, &[-1], node, output);
        let split = self.numbers(&[0, channels, -1], &named("split"));
        let normal = self.emit("Reshape", &[&normal, &split], &named("channels"));
        let column = self.numbers(&[-1, 1], &named("column"));
        let scale = self.emit("Reshape", &[scale, &column], &named("scale"));
        let bias = self.emit("Reshape", &[bias, &column], &named("bias"));
        let scaled = self.emit("Mul", &[&normal, &scale], &named("scaled"));
        let shifted = self.emit("Add", &[&scaled, &bias], &named("shifted"));
        self.finish("Reshape", &[&shifted, &shape], output);
        true
    }

    /// `x/√(mean of x² + epsilon)`, and that root.
    fn over_deviation(&mut self, x: &str, axes: &[i64], node: &NodeProto, output: &str) -> (String, String) {
        let epsilon = float(node, "epsilon").unwrap_or(EPSILON);
        let epsilon = self.scalar(epsilon.into(), &format!("{output}/epsilon"));
        let squares = self.emit("Mul", &[x, x], &format!("{output}/squares"));
        let variance = self.mean(&squares, axes, &format!("{output}/variance"));
        let sum = self.emit("Add", &[&variance, &epsilon], &format!("{output}/sum"));
        let deviation = self.emit("Sqrt", &[&sum], &format!("{output}/deviation"));
        (self.emit("Div", &[x, &deviation], &format!("{output}/normal")), deviation)
    }

    fn mean(&mut self, x: &str, axes: &[i64], wanted: &str) -> String {
        if self.opset >= 18 {
            let axes = self.numbers(axes, &format!("{wanted}/axes"));
            return self.emit("ReduceMean", &[x, &axes], wanted);
        }
        let output = self.names.fresh(wanted);
        self.nodes.push(with_ints(make("ReduceMean", &[x], &output), "axes", axes));
        output
    }
}

fn last_axes(node: &NodeProto) -> Option<Vec<i64>> {
    let axis = int(node, "axis").unwrap_or(-1);
    (-64..0).contains(&axis).then(|| (axis..0).collect())
}
