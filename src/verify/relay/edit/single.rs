//! The products of absolute models in f32. A limit needs few digits, and the engine multiplies singles many times faster.

use super::{Digits, Forcing, Member, stored};
use crate::engine::proto::cast;
use crate::onnx::tensor_proto::DataType;
use crate::onnx::{GraphProto, NodeProto};

/// The most products that are added up: with n of them the sum of singles is off by less than n units of 2⁻²⁴, so by less than
/// what a run with doubles is asked for again ([`CLEAR`](crate::verify::relay::CLEAR)).
const MOST_SUMMED: i64 = 1 << 16;

impl Forcing {
    /// Whether a node of a graph multiplies by a constant weight, and adds up few enough products.
    pub(super) fn is_short(&self, graph: &GraphProto, node: &NodeProto, member: &Member) -> bool {
        let weight = node.input.get(1).and_then(|name| self.constants.get(name));
        let Some(weight) = weight.filter(|_| self.digits == Digits::Single && member.parameters.contains(&1)) else {
            return false;
        };
        let Some(dims) = stored(graph, *weight).map(|tensor| &tensor.dims) else { return false };
        let summed = match node.op_type() {
            "Conv" => dims.iter().skip(1).product(),
            "ConvTranspose" => dims.iter().enumerate().filter(|(axis, _)| *axis != 1).map(|(_, size)| size).product(),
            "MatMul" => dims.iter().rev().nth(1).copied().unwrap_or(1),
            _ => return false,
        };
        (0..=MOST_SUMMED).contains(&summed)
    }

    /// A value as singles.
    pub(super) fn narrowed(&mut self, name: &str) -> String {
        let made = self.names.fresh(&format!("{name}/single"));
        self.added.push(cast(name, DataType::Float, &made));
        made
    }

    /// Makes what a node of singles gives doubles again, under the name that it had.
    pub(super) fn widened(&mut self, node: &mut NodeProto) {
        for output in &mut node.output {
            let single = self.names.fresh(&format!("{output}/single"));
            self.added.push(cast(&single, DataType::Double, output));
            *output = single;
        }
    }
}
