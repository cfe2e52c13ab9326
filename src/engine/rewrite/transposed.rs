//! Automatic pads of a ConvTranspose as the pads that they are: the engine refuses them where along some axis there is nothing to
//! pad, as with windows as long as their stride.

use std::collections::HashMap;

use crate::engine::proto::{attribute, ints, text, with_ints};
use crate::onnx::{GraphProto, NodeProto};

/// The windows of the constant weights of a graph.
pub(super) struct Windows(HashMap<String, Vec<i64>>);

impl Windows {
    pub fn of(graph: &GraphProto) -> Windows {
        let weights = graph.initializer.iter().filter_map(|t| Some((t.name().to_owned(), t.dims.get(2..)?.to_vec())));
        Windows(weights.collect())
    }

    /// Writes the pads out where they are alike before and behind, so that the mode does not matter: the output is as long as the
    /// input times its stride, which leaves the window less the stride (ONNX ConvTranspose 11, `auto_pad`).
    pub fn padded(&self, node: NodeProto) -> NodeProto {
        let automatic = text(&node, "auto_pad").is_some_and(|mode| mode.starts_with(b"SAME"));
        if node.op_type() != "ConvTranspose" || !automatic || attribute(&node, "output_shape").is_some() {
            return node;
        }
        match self.halves(&node) {
            Some(halves) => {
                let mut node = with_ints(node, "pads", &[halves.clone(), halves].concat());
                node.attribute.retain(|attribute| attribute.name() != "auto_pad");
                node
            }
            None => node,
        }
    }

    /// Half of what is to be padded along each axis.
    fn halves(&self, node: &NodeProto) -> Option<Vec<i64>> {
        let stored = || node.input.get(1).and_then(|weight| self.0.get(weight)).map(Vec::as_slice);
        let window = ints(node, "kernel_shape").or_else(stored)?;
        let whole = |(axis, taps): (usize, &i64)| {
            let of = |name: &str, default: i64| ints(node, name).map_or(Some(default), |all| all.get(axis).copied());
            let reach = taps.checked_sub(1)?.checked_mul(of("dilations", 1)?)?.checked_add(1)?;
            reach.checked_add(of("output_padding", 0)?)?.checked_sub(of("strides", 1)?)
        };
        let half = |whole: i64| (whole >= 0 && whole % 2 == 0).then_some(whole / 2);
        window.iter().enumerate().map(|at| whole(at).and_then(half)).collect()
    }
}
