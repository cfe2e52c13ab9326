//! Gemm, DequantizeLinear and the scales of Upsample.

use super::super::proto::{attribute, cast, constant, doubles, float, input, int, label, make, with_ints};
use super::Writer;
use crate::onnx::NodeProto;
use crate::onnx::tensor_proto::DataType;

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

    fn scaled(&mut self, value: String, factor: Option<f32>, wanted: &str) -> String {
        match factor {
            Some(factor) if factor != 1.0 => {
                let factor = self.scalar(factor.into(), wanted);
                self.emit("Mul", &[&value, &factor], &format!("{wanted}/scaled"))
            }
            _ => value,
        }
    }

    /// `(x − zero_point)·scale`, exact but for the last product. Per axis it needs to know how many
    /// axes follow; where it does not, the engine's operator runs, in f32.
    pub(crate) fn dequantize(&mut self, node: &NodeProto) -> bool {
        let (Some(x), Some(scale)) = (input(node, 0), input(node, 1)) else {
            return false;
        };
        let output = label(node).to_owned();
        let trailing = self.shapes.get(scale).and_then(|dims| match dims.as_slice() {
            [] | [1] => Some(None),
            [_] => self.trailing(x, int(node, "axis").unwrap_or(1)).map(Some),
            _ => None,
        });
        let Some(trailing) = trailing else {
            self.narrow(node.clone(), &[1], &[0]);
            return true;
        };
        let wide = |writer: &mut Writer, name: &str, wanted: &str| {
            let wide = writer.names.fresh(wanted);
            writer.nodes.push(cast(name, DataType::Double, &wide));
            wide
        };
        let mut value = wide(self, x, &format!("{output}/wide"));
        let mut scale = scale.to_owned();
        let mut zero = input(node, 2).map(|zero| wide(self, zero, &format!("{output}/zero")));
        if let Some(trailing) = trailing {
            let mut shape = vec![-1];
            shape.resize(trailing.saturating_add(1), 1);
            let shape = self.numbers(&shape, &format!("{output}/shape"));
            scale = self.emit("Reshape", &[&scale, &shape], &format!("{output}/scale"));
            zero = zero.map(|zero| self.emit("Reshape", &[&zero, &shape], &format!("{output}/zero/shaped")));
        }
        if let Some(zero) = zero {
            value = self.emit("Sub", &[&value, &zero], &format!("{output}/difference"));
        }
        self.finish("Mul", &[&value, &scale], &output);
        true
    }

    /// How many axes of a value follow this one.
    fn trailing(&self, value: &str, axis: i64) -> Option<usize> {
        if axis < 0 {
            return usize::try_from(axis.checked_neg()?.checked_sub(1)?).ok().filter(|&n| n < 64);
        }
        let rank = self.shapes.get(value)?.len();
        rank.checked_sub(1)?.checked_sub(usize::try_from(axis).ok()?)
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
