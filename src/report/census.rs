//! What a model consists of, in numbers: main graph, nested graphs and functions together.

use crate::model::graph::is_standard_domain;
use crate::model::scan::{GraphSpan, Nested, NodeSpan, Scan};
use crate::onnx::{GraphProto, ModelProto, NodeProto};

/// Counts over a model: main graph, nested graphs and functions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Census {
    /// Nodes.
    pub nodes: u64,
    /// BatchNormalization nodes of ONNX's own operator set.
    pub batch_normalizations: u64,
    /// Elements of initializers and of Constant nodes.
    pub parameters: u64,
    /// Bytes of the model file and its side files.
    pub bytes: u64,
}

impl Census {
    /// Counts a model; `bytes` is the size of its files.
    pub fn of(model: &ModelProto, scan: &Scan, bytes: u64) -> Census {
        let own = |f: &&crate::onnx::FunctionProto| is_standard_domain(f.domain()) && f.name() == "BatchNormalization";
        let mut counter =
            Counter { census: Census { bytes, ..Census::default() }, replaced: model.functions.iter().any(|f| own(&f)) };
        if let Some(graph) = &model.graph {
            counter.graph(graph, &scan.graph);
        }
        for (function, span) in model.functions.iter().zip(&scan.functions) {
            counter.nodes(&function.node, span);
        }
        counter.census
    }
}

struct Counter {
    census: Census,
    /// Whether a function of the model takes the place of ONNX's BatchNormalization.
    replaced: bool,
}

impl Counter {
    fn graph(&mut self, graph: &GraphProto, span: &GraphSpan) {
        for tensor in &graph.initializer {
            self.parameters(elements(&tensor.dims));
        }
        for sparse in &graph.sparse_initializer {
            self.parameters(sparse.values.as_ref().map_or(0, |v| elements(&v.dims)));
        }
        self.nodes(&graph.node, span);
    }

    fn nodes(&mut self, nodes: &[NodeProto], graph: &GraphSpan) {
        for (node, span) in nodes.iter().zip(&graph.nodes) {
            self.census.nodes += 1;
            let standard = is_standard_domain(node.domain());
            if standard && node.op_type() == "BatchNormalization" && !self.replaced {
                self.census.batch_normalizations += 1;
            }
            if standard && node.op_type() == "Constant" {
                self.parameters(constant(node, span));
            }
            for (position, attribute) in node.attribute.iter().enumerate() {
                let nested = span.nested.iter().filter(|(at, _)| *at == position);
                let spans = nested.filter_map(|(_, n)| if let Nested::Graph(g) = n { Some(&**g) } else { None });
                for (graph, span) in attribute.g.iter().chain(&attribute.graphs).zip(spans) {
                    self.graph(graph, span);
                }
            }
        }
    }

    fn parameters(&mut self, elements: u64) {
        self.census.parameters = self.census.parameters.saturating_add(elements);
    }
}

/// The number of elements of a shape; what cannot be counted counts nothing.
fn elements(dims: &[i64]) -> u64 {
    let count = dims.iter().try_fold(1u64, |n, d| u64::try_from(*d).ok().and_then(|d| n.checked_mul(d)));
    count.unwrap_or(0)
}

/// The number of elements of a Constant. Long lists of floats stay in the file, where their bytes tell the number.
fn constant(node: &NodeProto, span: &NodeSpan) -> u64 {
    let Some(attribute) = node.attribute.first() else { return 0 };
    match (attribute.name(), &attribute.t, &attribute.sparse_tensor) {
        (_, Some(tensor), _) => elements(&tensor.dims),
        (_, _, Some(sparse)) => sparse.values.as_ref().map_or(0, |v| elements(&v.dims)),
        ("value_float" | "value_int" | "value_string", ..) => 1,
        _ => {
            let left = span.nested.iter().filter_map(|(at, n)| if let (0, Nested::Tensor(t)) = (at, n) { Some(t) } else { None });
            let bytes: u64 = left.flat_map(|t| &t.data).map(|d| d.span.payload.end - d.span.payload.start).sum();
            (attribute.floats.len() + attribute.ints.len() + attribute.strings.len()) as u64 + bytes / 4
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::Model;
    use crate::sample;

    use super::*;

    #[test]
    fn nested_graphs_and_functions_count() {
        let text = r#"<ir_version: 8, opset_import: ["" : 17, "f" : 1]>
            g (bool c, float[1,2] x) => (float[1,2] y)
            <float[2] s = {1, 2}, float[2] v = {1, 1}>
            { k = Constant <value = float[3] {1, 2, 3}> ()
              n = f.Norm (x)
              y = If <then_branch: graph = t () => (float[1,2] a) { a = BatchNormalization (n, s, s, s, v) },
                      else_branch: graph = e () => (float[1,2] b) { b = Identity (n) }> (c) }
            <domain: "f", opset_import: ["" : 17]> Norm (x) => (z)
            { s = Constant <value_floats = [1.0, 2.0]> ()
              z = BatchNormalization (x, s, s, s, s) }"#;
        let model = Model::from_bytes(sample::encode(text).unwrap()).unwrap();
        let census = Census::of(&model.proto, &model.scan, 7);
        assert_eq!(census, Census { nodes: 7, batch_normalizations: 2, parameters: 9, bytes: 7 });
    }

    #[test]
    fn long_lists_of_floats_are_counted_by_their_bytes() {
        let numbers = vec!["0.5"; 3000].join(", ");
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1] x) => (float[3000] y)
            {{ k = Constant <value_floats = [{numbers}]> ()  y = Add (x, k) }}"#
        );
        let model = Model::from_bytes(sample::encode(&text).unwrap()).unwrap();
        assert_eq!(Census::of(&model.proto, &model.scan, 0).parameters, 3000);
    }
}
