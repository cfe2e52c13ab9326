//! Extents of inputs that a model leaves open and its constants fix: the channels of a weight, the rows of a matrix. At another size
//! it does not run.

use std::collections::BTreeMap;

use super::Measures;
use crate::error::Result;
use crate::model::{Graph, Node, Origin, ScopeId};

/// By input of the main graph and axis, how long it is. What would be repeated counts as not repeated.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn fixed(graph: &Graph<'_>) -> Result<BTreeMap<String, BTreeMap<usize, usize>>> {
    let mut found: BTreeMap<String, BTreeMap<usize, usize>> = BTreeMap::new();
    let measures = Measures::of(graph)?;
    let nodes = || graph.scope(ScopeId(0)).nodes.iter().map(|id| graph.node(*id)).filter(|node| node.standard);
    // What is certain comes first, and stays.
    for likely in [false, true] {
        for node in nodes() {
            for (at, value) in node.inputs.iter().enumerate() {
                let Some((value, shape)) = value.and_then(|value| Some((value, measures.shape(value)?))) else { continue };
                if graph.constant(value).is_ok() {
                    continue;
                }
                let all = if likely { beside(graph, node, shape.len()) } else { by_weight(graph, node, at, shape.len()) };
                for (axis, size) in all {
                    let open = shape.get(axis).and_then(|extent| extent.as_ref()?.as_axis());
                    if let Some((input, axis)) = open.filter(|(input, _)| is_input(graph, input)) {
                        found.entry(input.to_owned()).or_default().entry(axis).or_insert(size);
                    }
                }
            }
        }
    }
    Ok(found)
}

fn is_input(graph: &Graph<'_>, name: &str) -> bool {
    graph.lookup(ScopeId(0), name).is_some_and(|value| matches!(graph.value(value).origin, Origin::Input { .. }))
}

fn dims(graph: &Graph<'_>, node: &Node<'_>, input: usize) -> Option<Vec<usize>> {
    let (tensor, _) = graph.constant(node.inputs.get(input).copied().flatten()?).ok()?;
    graph.tensor(tensor).dims.iter().map(|dim| usize::try_from(*dim).ok()).collect()
}

/// The extents of an input of a node that constants at others fix: axes and sizes.
fn by_weight(graph: &Graph<'_>, node: &Node<'_>, at: usize, rank: usize) -> Vec<(usize, usize)> {
    let int = |name: &str, default: i64| node.proto.attribute.iter().find(|a| a.name() == name).map_or(default, |a| a.i());
    let flag = |name: &str| int(name, 0) != 0;
    let one = |axis: Option<usize>, size: Option<usize>| axis.zip(size).into_iter().collect();
    let size = |input: usize, axis: usize| dims(graph, node, input)?.get(axis).copied();
    match (node.proto.op_type(), at) {
        ("Conv", 0) => {
            let groups = usize::try_from(int("group", 1)).ok();
            one(Some(1), size(1, 1).zip(groups).and_then(|(size, groups)| size.checked_mul(groups)))
        }
        ("ConvTranspose", 0) => one(Some(1), size(1, 0)),
        ("BatchNormalization" | "InstanceNormalization", 0) => one(Some(1), size(1, 0)),
        ("LSTM" | "GRU" | "RNN", 0) => one(rank.checked_sub(1), size(1, 2)),
        ("Gemm", 0) => one(Some(usize::from(!flag("transA"))), size(1, usize::from(flag("transB")))),
        ("MatMul", 0) => {
            let rows = dims(graph, node, 1).and_then(|dims| dims.len().checked_sub(2).or(dims.len().checked_sub(1)));
            one(rank.checked_sub(1), rows.and_then(|axis| size(1, axis)))
        }
        ("MatMul", 1) => one(rank.checked_sub(2), dims(graph, node, 0).and_then(|dims| dims.last().copied())),
        ("Einsum", _) => einsum(graph, node, at),
        _ => vec![],
    }
}

fn einsum(graph: &Graph<'_>, node: &Node<'_>, at: usize) -> Vec<(usize, usize)> {
    let equation = node.proto.attribute.iter().find(|a| a.name() == "equation").map_or(&b""[..], |a| a.s());
    let operands = equation.split(|letter| *letter == b'-').next().unwrap_or_default().split(|letter| *letter == b',');
    let operands: Vec<Vec<u8>> =
        operands.map(|letters| letters.iter().copied().filter(|letter| *letter != b' ').collect()).collect();
    let Some(own) = operands.get(at).filter(|own| !own.contains(&b'.')) else { return vec![] };
    let fixed = |letter: u8| {
        operands.iter().enumerate().find_map(|(other, letters)| {
            dims(graph, node, other)?.get(letters.iter().position(|found| *found == letter)?).copied()
        })
    };
    own.iter().enumerate().filter_map(|(axis, letter)| Some((axis, fixed(*letter)?))).collect()
}

/// What constants beside a value have more than one element along, counted from the last axis.
fn beside(graph: &Graph<'_>, node: &Node<'_>, rank: usize) -> Vec<(usize, usize)> {
    const REPEATING: &[&str] = &["Add", "Div", "Mul", "PRelu", "Sub", "Sum"];
    let inputs = if REPEATING.contains(&node.proto.op_type()) { 0..node.inputs.len() } else { 0..0 };
    let all = inputs.filter_map(|input| dims(graph, node, input)).flat_map(|dims| {
        let shorter = rank.checked_sub(dims.len());
        dims.into_iter().enumerate().filter_map(move |(axis, size)| Some((axis + shorter?, size)))
    });
    all.filter(|(_, size)| *size > 1).collect()
}

#[cfg(test)]
mod tests {
    use super::fixed;
    use crate::model::{Graph, Model};

    /// The extents of the first input, 0 for one that stays open.
    fn extents(inputs: &str, rank: usize, nodes: &str) -> Vec<usize> {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g ({inputs}) => (float[] y)
            <float[2,3,1,1] w = fill(1), float[4,5] m = fill(1), float[6] v = fill(1), float[7,1] k = fill(1), float[1,8,9] l = fill(1)>
            {{ {nodes} }}"#
        );
        let model = Model::from_bytes(crate::sample::encode(&text).unwrap()).unwrap();
        let found = fixed(&Graph::build(&model).unwrap()).unwrap();
        (0..rank).map(|axis| found.get("x").and_then(|sizes| sizes.get(&axis)).copied().unwrap_or(0)).collect()
    }

    #[test]
    fn constants_fix_what_is_open() {
        for (input, nodes, expected) in [
            ("float[N,c,H,W] x", "r = Relu (x) y = Conv (r, w)", vec![0, 3, 0, 0]),
            ("float[N,c,H,W] x", "y = Conv <group = 2> (x, w)", vec![0, 6, 0, 0]),
            ("float[N,c,H,W] x", "y = ConvTranspose (x, w)", vec![0, 2, 0, 0]),
            ("float[N,c,H] x", "y = BatchNormalization (x, v, v, v, v)", vec![0, 6, 0]),
            ("float[N,c] x", "y = Gemm (x, m)", vec![0, 4]),
            ("float[N,c] x", "y = Gemm <transA = 1, transB = 1> (x, m)", vec![5, 0]),
            ("float[N,T,c] x", "y = MatMul (x, m)", vec![0, 0, 4]),
            ("float[N,c,T] x", "y = MatMul (m, x)", vec![0, 5, 0]),
            ("float[T,N,c] x", "y, h = GRU <hidden_size = 3> (x, l, l)", vec![0, 0, 9]),
            ("float[N,T,c] x", r#"y = Einsum <equation = "btc, co -> bto"> (x, m)"#, vec![0, 0, 4]),
            ("float[N,H,W,c] x", "t = Transpose <perm = [0, 3, 1, 2]> (x) y = Conv (t, w)", vec![0, 0, 0, 3]),
            // What is repeated most likely is not; where a weight says otherwise, that counts.
            ("float[N,c,T] x", "a = Mul (x, k) y = Relu (a)", vec![0, 7, 0]),
            ("float[N,c,T] x", "a = Mul (x, k) y = BatchNormalization (x, v, v, v, v)", vec![0, 6, 0]),
            // What is fixed stays.
            ("float[N,5,H,W] x", "y = Conv (x, w)", vec![0, 0, 0, 0]),
        ] {
            assert_eq!(extents(input, expected.len(), nodes), expected, "{nodes}");
        }
    }
}
