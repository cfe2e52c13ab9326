//! Nodes that can be written otherwise: automatic pads as the pads that they are, a type that is asked for as that type, and the
//! definition of an operator as the operator.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message as _;

use super::{numbers, outputs, products, rows};
use crate::model::{Graph, Node, Origin, ScopeId, ValueId};
use crate::onnx::attribute_proto::AttributeType;
use crate::onnx::{AttributeProto, NodeProto};
use crate::verify::align::Read;
use crate::verify::region::types;

/// The nodes of the main graph that are written otherwise, as messages, by the first value that each makes.
pub(super) fn otherwise(read: Read<'_, '_>) -> BTreeMap<String, Vec<u8>> {
    let graph = read.graph;
    let nodes = graph.scope(ScopeId(0)).nodes.iter().map(|id| graph.node(*id)).filter(|node| node.standard);
    let written = nodes.filter_map(|node| {
        let proto = match node.proto.op_type() {
            "Mul" => hard_swish(graph, node).or_else(|| turned(graph, node)),
            "Add" => turned(graph, node),
            "CastLike" => typed(graph, node),
            "Conv" | "MaxPool" | "AveragePool" => padded(read, node),
            "LSTM" | "GRU" | "RNN" => unstarted(read, node),
            "Reshape" => rows::reshape(read, node),
            "Transpose" => rows::transpose(graph, node),
            _ => None,
        };
        Some((node.proto.output.first()?.clone(), proto?))
    });
    let mut written: BTreeMap<String, NodeProto> = written.collect();
    let mut pairs = Pairs::of(&written);
    for id in &graph.scope(ScopeId(0)).nodes {
        for pair in [products::written(read, *id), numbers::written(read, *id)].into_iter().flatten() {
            if pairs.admit(&pair) {
                written.extend(pair);
            }
        }
    }
    outputs::direct(read, &pairs.members, &mut written);
    written.into_iter().map(|(name, proto)| (name, proto.encode_to_vec())).collect()
}

/// Two nodes that are written otherwise together: the value between them is another one then, so that nobody else may read it or
/// be written by what it was.
struct Pairs {
    /// What both nodes make, of all pairs.
    members: BTreeSet<String>,
    between: BTreeSet<String>,
    /// What is read by nodes that are written otherwise, and by which.
    read: BTreeSet<(String, String)>,
}

impl Pairs {
    fn of(written: &BTreeMap<String, NodeProto>) -> Pairs {
        let read = written.iter().flat_map(|(name, node)| node.input.iter().map(move |input| (input.clone(), name.clone())));
        Pairs { members: BTreeSet::new(), between: BTreeSet::new(), read: read.collect() }
    }

    /// Takes in a pair, if it has nothing to do with any other node that is written otherwise.
    fn admit(&mut self, pair: &[(String, NodeProto); 2]) -> bool {
        let [(between, _), (last, _)] = pair;
        let own = |name: &String| name == between || name == last;
        let from = (between.clone(), String::new());
        let is_read = self.read.range(from..).take_while(|(input, _)| input == between).any(|(_, reader)| !own(reader));
        let reads = || pair.iter().flat_map(|(name, node)| node.input.iter().map(move |input| (input.clone(), name.clone())));
        let reads_another = reads().any(|(input, _)| self.between.contains(&input));
        if is_read || reads_another || self.members.contains(between) || self.members.contains(last) {
            return false;
        }
        self.members.extend([between.clone(), last.clone()]);
        self.between.insert(between.clone());
        self.read.extend(reads());
        true
    }
}

fn attribute<'n>(node: &Node<'n>, name: &str) -> Option<&'n AttributeProto> {
    node.proto.attribute.iter().find(|a| a.name() == name)
}

/// `x · HardSigmoid(x)` with 1/6 and 1/2 is what HardSwish is defined as (ONNX HardSwish 14).
fn hard_swish(graph: &Graph<'_>, node: &Node<'_>) -> Option<NodeProto> {
    let [Some(one), Some(two)] = node.inputs[..] else { return None };
    [(one, two, 0), (two, one, 1)].into_iter().find_map(|(data, gate, at)| {
        let Origin::Node(maker, 0) = graph.value(gate).origin else { return None };
        let maker = graph.node(maker);
        let is = |name: &str, default: f32, wanted: f32| attribute(maker, name).map_or(default, |a| a.f()) == wanted;
        let fits = maker.proto.op_type() == "HardSigmoid"
            && maker.standard
            && maker.inputs.first() == Some(&Some(data))
            && is("alpha", 0.2, 1.0 / 6.0)
            && is("beta", 0.5, 0.5);
        fits.then(|| NodeProto {
            op_type: Some("HardSwish".to_owned()),
            input: node.proto.input.get(at).cloned().into_iter().collect(),
            attribute: vec![],
            ..node.proto.clone()
        })
    })
}

/// A CastLike as the Cast that it is, where the type of what it asks is known: of that value nothing else is read.
fn typed(graph: &Graph<'_>, node: &Node<'_>) -> Option<NodeProto> {
    let to = types::of(graph, node.inputs.get(1).copied().flatten()?)?;
    let stated = AttributeProto {
        name: Some("to".to_owned()),
        r#type: Some(AttributeType::Int.into()),
        i: Some(i64::from(to)),
        ..AttributeProto::default()
    };
    Some(NodeProto {
        op_type: Some("Cast".to_owned()),
        input: node.proto.input.first().cloned().into_iter().collect(),
        attribute: node.proto.attribute.iter().cloned().chain([stated]).collect(),
        ..node.proto.clone()
    })
}

/// A sum or product of a constant and a value, the value first.
fn turned(graph: &Graph<'_>, node: &Node<'_>) -> Option<NodeProto> {
    let [Some(one), Some(two)] = node.inputs[..] else { return None };
    let mut proto = node.proto.clone();
    proto.input.swap(0, 1);
    // Up to operator set 6 only the second operand is repeated to be like the first.
    let symmetric = graph.scope(node.scope).opset.unwrap_or(1) >= 7;
    (symmetric && graph.constant(one).is_ok() && graph.constant(two).is_err()).then_some(proto)
}

/// A recurrent node without the states that it starts from, where they are zeros as by default (ONNX LSTM 14, GRU 14, RNN 14).
fn unstarted(read: Read<'_, '_>, node: &Node<'_>) -> Option<NodeProto> {
    let graph = read.graph;
    // With another batch than what is read they fail.
    let by_batch = attribute(node, "layout").is_some_and(|layout| layout.i() != 0);
    let axis = usize::from(!by_batch);
    let batch = |value: ValueId| read.measures.extent(value, axis);
    let fits = |value: ValueId| batch(value).is_some() && batch(value) == node.inputs.first().copied().flatten().and_then(batch);
    let is_zero = |value: ValueId| {
        let Origin::Node(maker, _) = graph.value(value).origin else { return false };
        let filled = graph.node(maker);
        let made = value;
        let value = attribute(filled, "value").is_some().then(|| graph.attribute_tensor(maker));
        let zeros = match value {
            None => true,
            Some(value) => value.is_some_and(|v| v.floats(graph.model).is_ok_and(|all| all.iter().all(|number| *number == 0.0))),
        };
        filled.standard && filled.proto.op_type() == "ConstantOfShape" && zeros && fits(made)
    };
    let states: Vec<usize> = (5..7).filter(|input| node.inputs.get(*input).copied().flatten().is_some_and(is_zero)).collect();
    let mut proto = node.proto.clone();
    for state in &states {
        proto.input.get_mut(*state)?.clear();
    }
    while proto.input.last().is_some_and(String::is_empty) {
        proto.input.pop();
    }
    (!states.is_empty()).then_some(proto)
}

/// A node with automatic pads, with the pads that these are for the sizes that its input is known to have (ONNX `auto_pad`): a
/// number is made for each stride that is begun, and what is missing is put half before and half behind, the odd one behind where
/// the mode is SAME_UPPER.
fn padded(read: Read<'_, '_>, node: &Node<'_>) -> Option<NodeProto> {
    let mode = attribute(node, "auto_pad")?.s();
    let upper = match mode {
        b"SAME_UPPER" => true,
        b"SAME_LOWER" => false,
        _ => return None,
    };
    let sizes = read.measures.extents(node.inputs.first().copied().flatten()?)?;
    let (mut begins, mut ends) = (Vec::new(), Vec::new());
    for (axis, taps) in kernel(read.graph, node)?.into_iter().enumerate() {
        let size = sizes.get(axis + 2)?.as_number()?;
        let of = |name: &str| attribute(node, name).map_or(Some(1), |a| a.ints.get(axis).copied());
        let (stride, dilation) = (of("strides")?, of("dilations")?);
        if stride < 1 || size < 1 {
            return None;
        }
        let reach = taps.checked_sub(1)?.checked_mul(dilation)?.checked_add(1)?;
        let last = ((size - 1) / stride).checked_mul(stride)?;
        let missing = last.checked_add(reach)?.checked_sub(size)?;
        // Runtimes crop what a pool sees where its windows are shorter than their stride, and leave its dilations out.
        if node.proto.op_type() != "Conv" && (missing < 0 || dilation != 1) {
            return None;
        }
        let missing = missing.max(0);
        let fewer = missing / 2;
        begins.push(if upper { fewer } else { missing - fewer });
        ends.push(if upper { missing - fewer } else { fewer });
    }
    let pads = AttributeProto {
        name: Some("pads".to_owned()),
        r#type: Some(AttributeType::Ints.into()),
        ints: [begins, ends].concat(),
        ..AttributeProto::default()
    };
    let kept = node.proto.attribute.iter().filter(|a| !matches!(a.name(), "auto_pad" | "pads")).cloned();
    Some(NodeProto { attribute: kept.chain([pads]).collect(), ..node.proto.clone() })
}

/// The size of a window.
fn kernel(graph: &Graph<'_>, node: &Node<'_>) -> Option<Vec<i64>> {
    if let Some(stated) = attribute(node, "kernel_shape") {
        return Some(stated.ints.clone());
    }
    let (weight, _) = graph.constant(node.inputs.get(1).copied().flatten()?).ok()?;
    graph.tensor(weight).dims.iter().skip(2).map(|size| i64::try_from(*size).ok()).collect()
}
