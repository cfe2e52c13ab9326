//! One side of a region, node after node, on several draws at once. What comes out of a node that is no polynomial, the caller
//! says.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Read, changed};
use crate::onnx::{ModelProto, NodeProto};
use crate::reference::{Array, node_of};

/// A value in every draw. A constant is the same array in all of them.
pub(super) type Drawn = Vec<Rc<Array>>;
/// Values by name.
pub(super) type Values = BTreeMap<String, Drawn>;
/// What a node reads; none where an input is not connected.
pub(super) type Inputs<'v> = [Option<&'v Drawn>];
/// What comes out of node number so many, if it is no polynomial.
pub(super) type Cut<'c> = dyn FnMut(usize, &NodeProto, &Inputs<'_>) -> Read<Option<Drawn>> + 'c;

/// The value of every name.
pub(super) fn walk(model: &ModelProto, sources: Values, draws: usize, cut: &mut Cut<'_>) -> Read<Values> {
    walk_within(model, sources, draws, cut, &BTreeMap::new())
}

/// The value of every name, where numbers as large as the end of a value's type are infinite, and so is what is made of them.
pub(super) fn walk_within(
    model: &ModelProto,
    sources: Values,
    draws: usize,
    cut: &mut Cut<'_>,
    ends: &BTreeMap<String, f64>,
) -> Read<Values> {
    let Some(graph) = &model.graph else { return Err("a region without nodes".into()) };
    let opset = model.opset_import.first().map_or(1, |import| import.version());
    let within = |(name, drawn): (String, Drawn)| match ends.get(&name) {
        Some(end) => (name, drawn.iter().map(|array| Rc::new(ended(array, *end))).collect()),
        None => (name, drawn),
    };
    let mut values: Values = sources.into_iter().map(within).collect();
    for tensor in &graph.initializer {
        let array = Rc::new(Array::from_tensor(tensor).map_err(|why| why.to_string())?);
        values.entry(tensor.name().to_owned()).or_insert_with(|| vec![array; draws]);
    }
    for (index, node) in graph.node.iter().enumerate() {
        let inputs = node.input.iter().map(|name| match name.as_str() {
            "" => Ok(None),
            name => values.get(name).map(Some).ok_or_else(|| format!("nothing makes `{name}` in the region")),
        });
        let inputs = inputs.collect::<Read<Vec<_>>>()?;
        let made = match cut(index, node, &inputs)? {
            Some(made) => vec![made],
            None => plain(node, opset, &inputs, draws)?,
        };
        let named = node.output.iter().cloned().zip(made).filter(|(name, _)| !name.is_empty());
        let named: Vec<_> = named.map(within).collect();
        values.extend(named);
    }
    Ok(values)
}

/// An array in which all that is not below an end is infinite.
fn ended(array: &Array, end: f64) -> Array {
    changed(array.clone(), |number| if number.abs() < end { number } else { f64::INFINITY })
}

/// The outputs of a node by the reference.
fn plain(node: &NodeProto, opset: i64, inputs: &Inputs<'_>, draws: usize) -> Read<Vec<Drawn>> {
    let of = |draw: usize| inputs.iter().map(|input| input.and_then(|all| all.get(draw)).cloned()).collect::<Vec<_>>();
    let first = of(0);
    let mut made: Vec<Drawn> = Vec::new();
    for draw in 0..draws {
        let now = of(draw);
        let same = |(one, two): (&Option<Rc<Array>>, &Option<Rc<Array>>)| match (one, two) {
            (Some(one), Some(two)) => Rc::ptr_eq(one, two),
            (one, two) => one.is_none() && two.is_none(),
        };
        if draw > 0 && first.iter().zip(&now).all(same) {
            made.iter_mut().for_each(|all| all.extend(all.first().cloned()));
            continue;
        }
        let outputs = node_of(node, opset, &now).map_err(|why| format!("{} {why}", node.op_type()))?;
        for (at, output) in outputs.into_iter().enumerate() {
            if at == made.len() {
                made.push(Drawn::new());
            }
            made.get_mut(at).into_iter().for_each(|all| all.push(Rc::new(output.clone())));
        }
    }
    Ok(made)
}
