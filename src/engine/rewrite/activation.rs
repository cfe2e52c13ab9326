//! Functions of one value, as the ONNX specification writes them.

use super::super::proto::{float, input, int, label, text, with_float};
use super::Writer;
use crate::onnx::NodeProto;

impl Writer {
    /// Whether the node is one of these functions.
    pub(crate) fn activation(&mut self, node: &NodeProto) -> bool {
        let Some(x) = input(node, 0) else {
            return false;
        };
        let output = label(node);
        match node.op_type() {
            "Sigmoid" => self.sigmoid(x, output),
            "Swish" => {
                let inner = match float(node, "alpha") {
                    Some(alpha) if alpha != 1.0 => self.times(x, alpha.into(), output, "alpha"),
                    _ => x.to_owned(),
                };
                let gate = self.names.fresh(&format!("{output}/gate"));
                self.sigmoid(&inner, &gate);
                self.finish("Mul", &[x, &gate], output);
            }
            "HardSigmoid" => {
                let alpha = float(node, "alpha").unwrap_or(0.2);
                let beta = float(node, "beta").unwrap_or(0.5);
                self.gate(x, alpha.into(), beta.into(), output);
            }
            "HardSwish" => {
                let gate = self.names.fresh(&format!("{output}/gate"));
                self.gate(x, 1.0 / 6.0, 0.5, &gate);
                self.finish("Mul", &[x, &gate], output);
            }
            "LeakyRelu" => {
                let alpha = float(node, "alpha").unwrap_or(0.01);
                let product = self.times(x, alpha.into(), output, "alpha");
                let operator = if alpha > 1.0 { "Min" } else { "Max" };
                self.finish(operator, &[x, &product], output);
            }
            "Celu" => self.celu(x, float(node, "alpha").unwrap_or(1.0).into(), output),
            // The engine's defaults are shorter than those of ONNX.
            "Selu" if self.opset >= 6 => {
                let mut node = node.clone();
                for (name, default) in [("alpha", 1.673_263_2), ("gamma", 1.050_701)] {
                    if float(&node, name).is_none() {
                        node = with_float(node, name, default);
                    }
                }
                self.nodes.push(node);
            }
            "Gelu" => match text(node, "approximate") {
                Some(b"tanh") => self.gelu_by_tanh(x, output),
                _ => self.gelu(x, output),
            },
            "IsNaN" => {
                let same = self.emit("Equal", &[x, x], &format!("{output}/same"));
                self.finish("Not", &[&same], output);
            }
            "IsInf" => self.is_inf(x, node, output),
            "Round" => self.round(x, output),
            _ => return false,
        }
        true
    }

    fn times(&mut self, x: &str, factor: f64, output: &str, what: &str) -> String {
        let factor = self.scalar(factor, &format!("{output}/{what}"));
        self.emit("Mul", &[x, &factor], &format!("{output}/{what}/product"))
    }

    /// `1 / (1 + exp(−x))`.
    pub(crate) fn sigmoid(&mut self, x: &str, output: &str) {
        let negative = self.emit("Neg", &[x], &format!("{output}/negative"));
        let power = self.emit("Exp", &[&negative], &format!("{output}/exp"));
        let one = self.scalar(1.0, &format!("{output}/one"));
        let sum = self.emit("Add", &[&power, &one], &format!("{output}/sum"));
        self.finish("Div", &[&one, &sum], output);
    }

    /// `max(0, x) + min(0, alpha·(exp(x/alpha) − 1))`.
    fn celu(&mut self, x: &str, alpha: f64, output: &str) {
        let [alpha, zero, one] =
            [(alpha, "alpha"), (0.0, "zero"), (1.0, "one")].map(|(value, name)| self.scalar(value, &format!("{output}/{name}")));
        let ratio = self.emit("Div", &[x, &alpha], &format!("{output}/ratio"));
        let power = self.emit("Exp", &[&ratio], &format!("{output}/exp"));
        let below = self.emit("Sub", &[&power, &one], &format!("{output}/below"));
        let scaled = self.emit("Mul", &[&below, &alpha], &format!("{output}/scaled"));
        let negative = self.emit("Min", &[&scaled, &zero], &format!("{output}/negative"));
        let positive = self.emit("Max", &[x, &zero], &format!("{output}/positive"));
        self.finish("Add", &[&positive, &negative], output);
    }

    /// `max(0, min(1, alpha·x + beta))`.
    fn gate(&mut self, x: &str, alpha: f64, beta: f64, output: &str) {
        let product = self.times(x, alpha, output, "alpha");
        let [beta, zero, one] =
            [(beta, "beta"), (0.0, "zero"), (1.0, "one")].map(|(value, name)| self.scalar(value, &format!("{output}/{name}")));
        let sum = self.emit("Add", &[&product, &beta], &format!("{output}/sum"));
        let upper = self.emit("Min", &[&sum, &one], &format!("{output}/upper"));
        self.finish("Max", &[&upper, &zero], output);
    }

    /// `x/2 · (1 + erf(x/√2))`; the error function alone is narrowed.
    fn gelu(&mut self, x: &str, output: &str) {
        let scaled = self.times(x, std::f64::consts::FRAC_1_SQRT_2, output, "scaled");
        let erf = self.names.fresh(&format!("{output}/erf"));
        self.narrow(super::make("Erf", &[&scaled], &erf), &[0], &[0]);
        self.half_of_one_plus(x, &erf, output);
    }

    /// `x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³)))`.
    fn gelu_by_tanh(&mut self, x: &str, output: &str) {
        let square = self.emit("Mul", &[x, x], &format!("{output}/square"));
        let cube = self.emit("Mul", &[&square, x], &format!("{output}/cube"));
        let cube = self.times(&cube, 0.044_715, output, "cubic");
        let sum = self.emit("Add", &[x, &cube], &format!("{output}/sum"));
        let factor = std::f64::consts::FRAC_2_SQRT_PI * std::f64::consts::FRAC_1_SQRT_2;
        let inner = self.times(&sum, factor, output, "inner");
        let tanh = self.emit("Tanh", &[&inner], &format!("{output}/tanh"));
        self.half_of_one_plus(x, &tanh, output);
    }

    fn half_of_one_plus(&mut self, x: &str, value: &str, output: &str) {
        let one = self.scalar(1.0, &format!("{output}/one"));
        let sum = self.emit("Add", &[value, &one], &format!("{output}/plus"));
        let half = self.times(x, 0.5, output, "half");
        self.finish("Mul", &[&half, &sum], output);
    }

    fn is_inf(&mut self, x: &str, node: &NodeProto, output: &str) {
        let wanted = |name| int(node, name).unwrap_or(1) != 0;
        let infinity = self.scalar(f64::INFINITY, &format!("{output}/infinity"));
        let compared = match (wanted("detect_positive"), wanted("detect_negative")) {
            (true, true) => self.emit("Abs", &[x], &format!("{output}/abs")),
            (true, false) => x.to_owned(),
            (false, true) => self.emit("Neg", &[x], &format!("{output}/negative")),
            (false, false) => {
                let differ = self.emit("Equal", &[x, x], &format!("{output}/same"));
                let not = self.emit("Not", &[&differ], &format!("{output}/not"));
                return self.finish("And", &[&differ, &not], output);
            }
        };
        self.finish("Equal", &[&compared, &infinity], output);
    }

    /// To the nearest whole number, halves to even: 1.5·2^52 leaves no room for a fraction. Beyond
    /// 2^51 a number is taken as it is.
    fn round(&mut self, x: &str, output: &str) {
        let magic = self.scalar(1.5 * 2.0_f64.powi(52), &format!("{output}/magic"));
        let most = self.scalar(2.0_f64.powi(51), &format!("{output}/most"));
        let up = self.emit("Add", &[x, &magic], &format!("{output}/up"));
        let whole = self.emit("Sub", &[&up, &magic], &format!("{output}/whole"));
        let size = self.emit("Abs", &[x], &format!("{output}/size"));
        let small = self.emit("Less", &[&size, &most], &format!("{output}/small"));
        self.finish("Where", &[&small, &whole, x], output);
    }
}
