//! Files that contradict themselves on how many axes a value has: a constant that is laid out by a wrong number of them is another
//! one once the model runs.

use super::View;
use crate::model::graph::Origin;
use crate::model::{Node, NodeId, Shape, ValueId};

/// What of a file's declarations is believed, less and less.
const BELIEVED: [fn(&Origin) -> bool; 2] = [
    // Tools leave what is remarked of values between nodes as it was, and engines do not hold the values to it.
    |origin| matches!(origin, Origin::Input { .. }),
    |_| false,
];

impl View<'_> {
    /// Takes in what nodes tell, and believes less of what the file declares while that contradicts them.
    pub(super) fn learn_without_contradiction(&mut self) {
        self.learn();
        for believed in BELIEVED {
            if !self.contradicted && !self.is_read_otherwise() {
                return;
            }
            let graph = self.graph;
            let shape = |value: ValueId| match believed(&graph.value(value).origin) {
                true => graph.declared_shape(value),
                false => graph.constant_shape(value),
            };
            self.shapes = (0..graph.values.len()).map(|value| shape(ValueId(value))).collect();
            self.extents.clear();
            self.contradicted = false;
            self.learn();
        }
    }

    /// Whether a node reads a value that has, as far as is known, another number of axes than its operator takes.
    fn is_read_otherwise(&self) -> bool {
        let otherwise = |node: &Node<'_>| {
            let read = node.inputs.first().copied().flatten().and_then(|value| self.shape(value)).map(Shape::rank);
            node.standard && read.zip(self.axes_taken(node)).is_some_and(|(read, taken)| read != taken)
        };
        self.graph.nodes.iter().enumerate().any(|(id, node)| !self.draft.is_removed(NodeId(id)) && otherwise(node))
    }

    /// How many axes an operator takes, if it takes but one number of them.
    fn axes_taken(&self, node: &Node<'_>) -> Option<usize> {
        match node.proto.op_type() {
            "Conv" | "ConvTranspose" | "DeformConv" => self.shape(node.inputs.get(1).copied().flatten()?).map(Shape::rank),
            "AveragePool" | "LpPool" | "MaxPool" => {
                let window = node.proto.attribute.iter().find(|attribute| attribute.name() == "kernel_shape")?;
                Some(window.ints.len() + 2)
            }
            "DepthToSpace" | "SpaceToDepth" => Some(4),
            "Gemm" => Some(2),
            _ => None,
        }
    }
}
