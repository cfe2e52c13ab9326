//! Constants that belong to a larger operator: runtimes know GELU and LayerNormalization by the operators that exporters write for
//! them and compute them as one. A fold that takes a constant out of them makes a node less and a slower model.

use crate::model::{Graph, Node, NodeId, Origin, Use, ValueId};

/// Whether a node is the multiplication by one number in `x · ½ · (1 + erf(x / √2))`, in any order, or in its form with tanh
/// (Hendrycks and Gimpel 2016).
pub(super) fn is_half_of_gelu(graph: &Graph<'_>, id: NodeId) -> bool {
    let node = graph.node(id);
    let (&[Some(a), Some(b)], Some(made)) = (&node.inputs[..], node.outputs.first().copied().flatten()) else { return false };
    let value = match (is_number(graph, a), is_number(graph, b)) {
        (true, false) => b,
        (false, true) => a,
        _ => return false,
    };
    let multiplied = |value| maker(graph, value, &["Mul"]).is_some_and(|node| reads_gate(graph, node));
    let meets_gate = || graph.value(made).uses.iter().any(|user| is_product(graph, *user));
    is(node, &["Mul"]) && (is_gate(graph, value) || multiplied(value) || meets_gate())
}

/// Whether a node is the multiplication or the addition of constants that ends a LayerNormalization, `(x − mean) / √(variance + ε)
/// · scale + bias` (Ba, Kiros and Hinton 2016).
pub(super) fn ends_layer_normalization(graph: &Graph<'_>, id: NodeId) -> bool {
    let node = graph.node(id);
    let computed = |node: &Node<'_>| match node.inputs[..] {
        [Some(a), Some(b)] => match (graph.constant(a).is_ok(), graph.constant(b).is_ok()) {
            (true, false) => Some(b),
            (false, true) => Some(a),
            _ => None,
        },
        _ => None,
    };
    let Some(value) = computed(node) else { return false };
    let scaled = || maker(graph, value, &["Mul"]).and_then(computed);
    match node.proto.op_type() {
        "Mul" => is(node, &["Mul"]) && is_normalized(graph, value),
        "Add" => is(node, &["Add"]) && (is_normalized(graph, value) || scaled().is_some_and(|v| is_normalized(graph, v))),
        _ => false,
    }
}

/// Whether a value is divided by the root of a mean and one number.
fn is_normalized(graph: &Graph<'_>, value: ValueId) -> bool {
    let input = |node: &Node<'_>, at: usize| node.inputs.get(at).copied().flatten();
    let root = maker(graph, value, &["Div"]).and_then(|node| maker(graph, input(node, 1)?, &["Sqrt"]));
    let Some(sum) = root.and_then(|node| maker(graph, input(node, 0)?, &["Add"])) else { return false };
    let parts = || sum.inputs.iter().flatten();
    parts().any(|value| is_number(graph, *value)) && parts().any(|value| maker(graph, *value, &["ReduceMean"]).is_some())
}

fn is(node: &Node<'_>, operators: &[&str]) -> bool {
    node.standard && operators.contains(&node.proto.op_type())
}

/// Whether a value is one constant number.
fn is_number(graph: &Graph<'_>, value: ValueId) -> bool {
    graph.constant(value).is_ok_and(|(tensor, _)| graph.tensor(tensor).elements() == 1)
}

/// The node that makes a value, if it is one of these operators.
fn maker<'g, 'm>(graph: &'g Graph<'m>, value: ValueId, operators: &[&str]) -> Option<&'g Node<'m>> {
    match graph.value(value).origin {
        Origin::Node(node, _) => Some(graph.node(node)).filter(|node| is(node, operators)),
        _ => None,
    }
}

/// Whether a value is one number more than an erf or a tanh.
fn is_gate(graph: &Graph<'_>, value: ValueId) -> bool {
    let inputs = maker(graph, value, &["Add"]).into_iter().flat_map(|add| add.inputs.iter().flatten().copied());
    let inputs: Vec<ValueId> = inputs.collect();
    inputs.iter().any(|value| maker(graph, *value, &["Erf", "Tanh"]).is_some())
        && inputs.iter().any(|value| is_number(graph, *value))
}

fn reads_gate(graph: &Graph<'_>, node: &Node<'_>) -> bool {
    node.inputs.iter().flatten().any(|value| is_gate(graph, *value))
}

fn is_product(graph: &Graph<'_>, user: Use) -> bool {
    let Use::Node(node, _) = user else { return false };
    is(graph.node(node), &["Mul"]) && reads_gate(graph, graph.node(node))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;

    /// Whether the node that makes `h` is the half of a GELU.
    fn found(nodes: &str) -> bool {
        asked(nodes, is_half_of_gelu)
    }

    fn asked(nodes: &str, what: fn(&Graph<'_>, NodeId) -> bool) -> bool {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1,2,3,3] x) => (float[] y)
               <float r = {{1.5}}, float one = {{1}}, float half = {{0.5}}, float[2,1,1] many = {{0.5, 2}}>
               {{ d = Mul (x, r) e = Erf (d) a = Add (e, one) {nodes} }}"#
        );
        let model = Model::from_bytes(crate::sample::encode(&text).unwrap()).unwrap();
        let graph = Graph::build(&model).unwrap();
        let named = |id: &usize| graph.nodes[*id].proto.output[0] == "h";
        what(&graph, NodeId((0..graph.nodes.len()).find(named).unwrap()))
    }

    #[test]
    fn the_half_is_found_wherever_it_stands() {
        assert!(found("p = Mul (x, a) h = Mul (p, half) y = Relu (h)"));
        assert!(found("h = Mul (half, a) y = Mul (x, h)"));
        assert!(found("h = Mul (x, half) y = Mul (h, a)"));
    }

    #[test]
    fn the_end_of_a_layer_normalization_is_found() {
        let ends = |nodes: &str| {
            let before = "m = ReduceMean (d) v = Add (m, one) s = Sqrt (v) n = Div (x, s)";
            asked(&format!("{before} {nodes}"), ends_layer_normalization)
        };
        assert!(ends("h = Mul (n, many) y = Relu (h)"));
        assert!(ends("k = Mul (many, n) h = Add (k, many) y = Relu (h)"));
        assert!(ends("h = Add (n, many) y = Relu (h)"));
        assert!(!ends("k = Mul (n, many) q = Relu (k) h = Mul (q, many) y = Relu (h)"));
        assert!(!ends("q = Div (x, m) h = Mul (q, many) y = Relu (h)"));
        assert!(!ends("h = Mul (n, x) y = Relu (h)"));
        assert!(!ends("w = Add (d, one) t = Sqrt (w) k = Div (x, t) h = Mul (k, many) y = Relu (h)"), "no mean");
        assert!(!ends("w = Add (m, d) t = Sqrt (w) k = Div (x, t) h = Mul (k, many) y = Relu (h)"), "no number");
    }

    #[test]
    fn other_products_are_none() {
        assert!(!found("p = Mul (x, a) h = Mul (p, many) y = Relu (h)"));
        assert!(!found("p = Mul (x, e) h = Mul (p, half) y = Relu (h)"));
        assert!(!found("h = Mul (x, half) y = Add (h, a)"));
        assert!(!found("p = Mul (x, a) q = Relu (p) h = Mul (q, half) y = Relu (h)"));
    }
}
