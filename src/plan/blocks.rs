//! Values that engines with a blocked layout hold in it: what a convolution of images in float makes, and what is made of that
//! element by element, by pools, by nearest neighbours and by putting together. The layout is left for an Add of a constant,
//! not for a BatchNormalization.

use crate::model::{Element, Graph, Node, NodeId, Use, ValueId};
use crate::plan::draft::Draft;
use crate::plan::view::View;

/// The channels of a block. A convolution that reads fewer leaves the layout by itself.
const BLOCK: u64 = 16;

/// Activations that run in the layout, or as a part of the operator before them.
const ACTIVATIONS: &[&str] = &["Clip", "HardSigmoid", "LeakyRelu", "Relu", "Sigmoid", "Tanh"];

/// Operators that keep the layout of the one value that they read.
const ALONE: &[&str] = &["AveragePool", "BatchNormalization", "GlobalAveragePool", "GlobalMaxPool", "Identity", "MaxPool"];

/// Operators that keep it if all that they read has it.
const TOGETHER: &[&str] = &["Add", "Concat", "Mul", "Sum"];

/// By value, whether it has the layout by now.
pub(super) fn blocked(graph: &Graph<'_>, draft: &Draft) -> Vec<bool> {
    let mut found = vec![false; graph.values.len()];
    for (id, node) in graph.nodes.iter().enumerate().map(|(at, node)| (NodeId(at), node)) {
        if !node.standard || draft.is_removed(id) {
            continue;
        }
        let has = |input: usize| draft.input(graph, id, input).is_some_and(|value| found[value.0]);
        let operator = draft.operators.get(&id).copied().unwrap_or_else(|| node.proto.op_type());
        let keeps = match operator {
            "Conv" => true,
            "Resize" | "Upsample" => repeats(node) && has(0),
            _ if ACTIVATIONS.contains(&operator) || ALONE.contains(&operator) => has(0),
            _ => TOGETHER.contains(&operator) && (0..node.inputs.len()).all(has),
        };
        if keeps && let Some(output) = draft.output(graph, id, 0) {
            found[output.0] = true;
        }
    }
    found
}

/// Whether a node repeats elements, the first one at the lower places.
fn repeats(node: &Node<'_>) -> bool {
    let says = |name: &str, word: &str| {
        let given = node.proto.attribute.iter().find(|attribute| attribute.name() == name);
        given.map(|attribute| attribute.s() == word.as_bytes())
    };
    let old = node.proto.op_type() == "Upsample" || node.inputs.len() < 3;
    let floor = says("coordinate_transformation_mode", "asymmetric") == Some(true) && says("nearest_mode", "floor") == Some(true);
    says("mode", "nearest") != Some(false) && (old || floor)
}

/// Whether an Add in the place of this BatchNormalization would leave the layout for itself alone: where the value has it and a
/// reader would keep it, which an activation does with any number of channels.
pub(super) fn leaves(view: &View<'_>, site: NodeId) -> bool {
    let graph = view.graph;
    let input = |at: usize| view.draft.input(graph, site, at);
    let images = |value: ValueId| view.blocked(value) && view.shape(value).is_none_or(|shape| shape.rank() == 4);
    if !input(0).is_some_and(images) || view.weight_element(site) != Some(Element::F32) {
        return false;
    }
    let scale = input(1).and_then(|scale| view.stored(scale).ok());
    let whole = scale.is_none_or(|scale| scale.dims.iter().product::<u64>() >= BLOCK);
    let keeps = |user: &Use| {
        let Use::Node(reader, _) = user else { return false };
        let operator = graph.node(*reader).proto.op_type();
        let others = || operator == "Conv" || operator == "Resize" || ALONE.contains(&operator) || TOGETHER.contains(&operator);
        graph.node(*reader).standard && (ACTIVATIONS.contains(&operator) || whole && others())
    };
    view.draft.output(graph, site, 0).is_some_and(|made| view.draft.uses(graph, made).iter().any(keeps))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::plan::Options;
    use crate::plan::calls::Binding;

    fn asked<T>(text: &str, what: impl Fn(&Graph<'_>) -> T) -> T {
        let model = Model::from_bytes(crate::sample::encode(text).unwrap()).unwrap();
        what(&Graph::build(&model).unwrap())
    }

    #[test]
    fn elements_are_repeated_by_the_nearest_at_the_lower_place() {
        let found = |opset: i64, node: &str| {
            let text = format!(
                r#"<ir_version: 8, opset_import: ["" : {opset}]> g (float[1,2,3,3] x) => (float[] y)
                   <float[4] s = {{1,1,2,2}}, int64[4] n = {{1,2,6,6}}> {{ y = {node} }}"#
            );
            asked(&text, |graph| repeats(graph.node(NodeId(0))))
        };
        let floor = r#"mode = "nearest", coordinate_transformation_mode = "asymmetric", nearest_mode = "floor""#;
        assert!(found(13, &format!(r#"Resize <{floor}> (x, "", s)"#)));
        assert!(found(13, &format!(r#"Resize <{floor}> (x, "", "", n)"#)));
        assert!(!found(13, r#"Resize <mode = "nearest"> (x, "", s)"#));
        assert!(!found(13, r#"Resize <mode = "nearest"> (x, "", "", n)"#));
        assert!(found(10, r#"Resize <mode = "nearest"> (x, s)"#));
        assert!(!found(10, r#"Resize <mode = "linear"> (x, s)"#));
    }

    #[test]
    fn only_what_a_convolution_made_in_float_leaves_the_layout() {
        let found = |kind: &str, value: &str| {
            let text = format!(
                r#"<ir_version: 8, opset_import: ["" : 17]> g ({kind}[1,16,3,3] x) => ({kind}[] y)
                   <{kind}[16,16,1,1] w = dyadic(1), {kind}[16] s = dyadic(2), {kind}[16] v = square(3)>
                   {{ c = Conv (x, w) n = BatchNormalization ({value}, s, s, s, v) y = Relu (n) z = Relu (c) }}"#
            );
            asked(&text, |graph| leaves(&View::new(graph, &Options::default(), Binding::default()), NodeId(1)))
        };
        assert!(found("float", "c"));
        assert!(!found("float", "x"), "no image");
        assert!(!found("double", "c"), "another type");
    }
}
