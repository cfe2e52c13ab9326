//! A node with what is known of what it reads.

use super::{Extent, Extents, Integers, Measures};
use crate::error::{ErrorKind, Result};
use crate::model::{Graph, Node, NodeId, ValueId};
use crate::onnx::AttributeProto;

/// Longer lists are no shapes.
pub(super) const LONGEST: usize = 64;

/// ONNX's number of a type that extents are computed in.
pub(super) const INT32: i32 = 6;
/// As [`INT32`].
pub(super) const INT64: i32 = 7;
/// As [`INT32`].
pub(super) const BOOL: i32 = 9;

/// A node with what is known of what it reads.
pub(super) struct View<'x, 'm> {
    pub graph: &'x Graph<'m>,
    pub id: NodeId,
    pub node: &'x Node<'m>,
    pub operator: &'x str,
    pub opset: i64,
    pub known: &'x Measures,
    shapes: Vec<Option<Extents>>,
    integers: Vec<Option<Integers>>,
}

impl<'x, 'm> View<'x, 'm> {
    pub fn new(graph: &'x Graph<'m>, id: NodeId, known: &'x Measures) -> Result<Self> {
        let node = graph.node(id);
        let (mut shapes, mut integers) = (Vec::new(), Vec::new());
        for input in &node.inputs {
            let Some(value) = *input else {
                shapes.push(None);
                integers.push(None);
                continue;
            };
            if let Ok((tensor, _)) = graph.constant(value) {
                let dims = &graph.tensor(tensor).dims;
                shapes.push(Some(dims.iter().map(|dim| i64::try_from(*dim).ok().map(Extent::number)).collect()));
                integers.push(constant(graph, value)?);
            } else {
                shapes.push(known.shapes.get(&value).cloned());
                integers.push(known.integers.get(&value).cloned());
            }
        }
        let opset = graph.scope(node.scope).opset.unwrap_or(1);
        Ok(View { graph, id, node, operator: node.proto.op_type(), opset, known, shapes, integers })
    }

    /// The extents of an input.
    pub fn shape(&self, input: usize) -> Option<&Extents> {
        self.shapes.get(input)?.as_ref()
    }

    /// The integers of an input.
    pub fn integers(&self, input: usize) -> Option<&Integers> {
        self.integers.get(input)?.as_ref()
    }

    /// The integers of an input that are the same for all inputs of the model.
    pub fn numbers(&self, input: usize) -> Option<Vec<i64>> {
        self.integers(input)?.numbers()
    }

    pub fn is_connected(&self, input: usize) -> bool {
        self.node.inputs.get(input).is_some_and(Option::is_some)
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.node.proto.attribute.iter().find(|a| a.name() == name)
    }

    pub fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    pub fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |a| a.i())
    }

    pub fn string(&self, name: &str) -> &[u8] {
        self.attribute(name).map_or(b"", |a| a.s())
    }

    pub fn ints(&self, name: &str) -> Option<&[i64]> {
        self.attribute(name).map(|a| &a.ints[..])
    }

    pub fn floats(&self, name: &str) -> Option<Vec<f64>> {
        self.attribute(name).map(|a| a.floats.iter().map(|number| f64::from(*number)).collect())
    }

    /// The floats of an input that is a short constant.
    pub fn factors(&self, input: usize) -> Option<Vec<f64>> {
        let value = self.node.inputs.get(input).copied().flatten()?;
        let (tensor, _) = self.graph.constant(value).ok()?;
        let tensor = self.graph.tensor(tensor);
        (tensor.element().is_some() && tensor.elements() <= LONGEST as u64).then(|| tensor.floats(self.graph.model).ok())?
    }

    /// A list that is an attribute up to some operator set and an input from it on; `Err` where it is given but not known.
    pub fn list(&self, name: &str, input: usize) -> std::result::Result<Option<Vec<i64>>, ()> {
        if self.is_connected(input) {
            return self.numbers(input).map(Some).ok_or(());
        }
        Ok(self.ints(name).map(<[i64]>::to_vec))
    }
}

/// An axis that is counted from the end if it is negative.
pub(super) fn axis(axis: i64, rank: usize) -> Option<usize> {
    let rank = i64::try_from(rank).ok()?;
    usize::try_from(if axis < 0 { axis + rank } else { axis }).ok().filter(|axis| (*axis as i64) < rank)
}

/// The integers of a constant: few ones.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn constant(graph: &Graph<'_>, value: ValueId) -> Result<Option<Integers>> {
    let Ok((tensor, _)) = graph.constant(value) else { return Ok(None) };
    let tensor = graph.tensor(tensor);
    if tensor.elements() > LONGEST as u64 {
        return Ok(None);
    }
    let numbers = match tensor.data_type {
        INT32 | INT64 => tensor.integers(graph.model),
        BOOL => tensor.booleans(graph.model).map(|all| all.into_iter().map(i64::from).collect()),
        _ => return Ok(None),
    };
    match numbers {
        Ok(numbers) => Ok(Some(Integers {
            data_type: tensor.data_type,
            dims: tensor.dims.iter().map(|dim| usize::try_from(*dim).unwrap_or(usize::MAX)).collect(),
            elements: numbers.into_iter().map(|number| Some(Extent::number(number))).collect(),
        })),
        // What cannot be computed is nothing that is known.
        Err(error) if error.kind == ErrorKind::Tensor => Ok(None),
        Err(error) => Err(error),
    }
}
