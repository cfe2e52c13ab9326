//! Gemm, Mean, and the scales of Upsample.

use super::super::proto::{attribute, constant, doubles, float, input, int, label, make, with_ints};
use super::Writer;
use crate::onnx::NodeProto;

impl Writer {
    /// `alpha·A'·B' + beta·C`.
    pub(crate) fn gemm(&mut self, node: &NodeProto) {
        let output = label(node);
        let [a, b] = [("transA", 0), ("transB", 1)].map(|(flag, index)| {
            let name = input(node, index).unwrap_or_default().to_owned();
            if int(node, flag).unwrap_or(0) == 0 {
                return name;
            }
            let transposed = self.names.fresh(&format!("{output}/{flag}"));
            self.nodes.push(with_ints(make("Transpose", &[&name], &transposed), "perm", &[1, 0]));
            transposed
        });
        let product = self.emit("MatMul", &[&a, &b], &format!("{output}/product"));
        let product = self.scaled(product, float(node, "alpha"), &format!("{output}/alpha"));
        let Some(c) = input(node, 2) else {
            return self.finish("Identity", &[&product], output);
        };
        let c = self.scaled(c.to_owned(), float(node, "beta"), &format!("{output}/beta"));
        self.finish("Add", &[&product, &c], output);
    }

    /// The sum of all, divided by their number. The engine's own Mean panics where it has not found the type of what comes out.
    pub(crate) fn mean(&mut self, node: &NodeProto) {
        let output = label(node);
        let inputs: Vec<&str> = node.input.iter().map(String::as_str).collect();
        let sum = self.emit("Sum", &inputs, &format!("{output}/sum"));
        let count = self.scalar(inputs.len() as f64, &format!("{output}/count"));
        self.finish("Div", &[&sum, &count], output);
    }

    fn scaled(&mut self, value: String, factor: Option<f32>, wanted: &str) -> String {
        match factor {
            Some(factor) if factor != 1.0 => {
                let factor = self.scalar(factor.into(), wanted);
                self.emit("Mul", &[&value, &factor], &format!("{wanted}/scaled"))
            }
            _ => value,
        }
    }

    /// In opsets 7 and 8 the scales are an attribute.
    pub(crate) fn with_scales(&mut self, mut node: NodeProto) -> NodeProto {
        let Some(scales) = attribute(&node, "scales") else {
            return node;
        };
        let scales: Vec<f64> = scales.floats.iter().map(|&scale| scale.into()).collect();
        let length = i64::try_from(scales.len()).unwrap_or(i64::MAX);
        let name = self.names.fresh(&format!("{}/scales", label(&node)));
        self.nodes.push(constant(doubles(&[length], &scales), &name));
        node.attribute.retain(|attribute| attribute.name() != "scales");
        node.input.truncate(1);
        node.input.push(name);
        node
    }
}
