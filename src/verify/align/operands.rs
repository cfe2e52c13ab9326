//! Two nodes side by side: whether they are the same but for the values or the constants that they read.

use super::{attributes, canonical, held, order, signs};
use crate::error::Result;
use crate::model::{Graph, Node, NodeId, ValueId};
use crate::verify::constants;
use crate::verify::measure::{self, Integers, Measures};

/// A file as it is aligned: its graph, and what is known of integers that it computes from extents. Those of values that have
/// the same name in both files must be the same or unknown.
#[derive(Clone, Copy)]
pub(crate) struct Read<'x, 'm> {
    pub graph: &'x Graph<'m>,
    pub measures: &'x Measures,
}

impl Read<'_, '_> {
    /// The integers of a value, whether they are a constant or computed, if they are known.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn integers(&self, value: ValueId) -> Result<Option<Integers>> {
        match self.measures.integers(value) {
            Some(known) => Ok(Some(known.clone())),
            None => measure::constant(self.graph, value),
        }
    }
}

/// The inputs at which two nodes that are the same otherwise read other constants; `None` if something else differs.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn apart(a: (Read<'_, '_>, NodeId), b: (Read<'_, '_>, NodeId)) -> Result<Option<Vec<usize>>> {
    if !same_outputs(a, b) {
        return Ok(None);
    }
    let Some(operands) = operands(a, b)? else { return Ok(None) };
    let same = operands.values.iter().all(|(x, y)| full_name(a.0.graph, *x) == full_name(b.0.graph, *y));
    Ok(same.then_some(operands.constants))
}

/// The values that two nodes read at the same inputs, if that is all in which they differ; `None` if something else differs.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn same_but_names(a: (Read<'_, '_>, NodeId), b: (Read<'_, '_>, NodeId)) -> Result<Option<Vec<(ValueId, ValueId)>>> {
    // Nested graphs are aligned where their nodes match by name.
    if a.0.graph.node(a.1).proto.attribute.iter().any(|attribute| attribute.g.is_some() || !attribute.graphs.is_empty()) {
        return Ok(None);
    }
    if !same_outputs(a, b) {
        return Ok(None);
    }
    let operands = operands(a, b)?;
    Ok(operands.filter(|operands| operands.constants.is_empty()).map(|operands| operands.values))
}

fn full_name<'m>(graph: &Graph<'m>, value: ValueId) -> (String, &'m str) {
    let at = graph.value(value);
    (graph.scope_path(at.scope), at.name)
}

/// Whether the outputs of two nodes have the same names; one that nobody reads need not stand in the other.
fn same_outputs(a: (Read<'_, '_>, NodeId), b: (Read<'_, '_>, NodeId)) -> bool {
    let (one, two) = (&a.0.graph.node(a.1).outputs, &b.0.graph.node(b.1).outputs);
    if !same_count((a.0.graph.node(a.1), one), (b.0.graph.node(b.1), two)) {
        return false;
    }
    let output = |all: &[Option<ValueId>], index: usize| all.get(index).copied().flatten();
    (0..one.len().max(two.len())).all(|index| match (output(one, index), output(two, index)) {
        (Some(x), Some(y)) => a.0.graph.value(x).name == b.0.graph.value(y).name,
        (Some(alone), None) => a.0.graph.value(alone).uses.is_empty(),
        (None, Some(alone)) => b.0.graph.value(alone).uses.is_empty(),
        (None, None) => true,
    })
}

/// Whether two nodes have as many outputs as each other, where that says what an operator does: a BatchNormalization with more than
/// one was in training form up to operator set 13, a Split cuts into as many parts, and of operators that are not ONNX's own nobody
/// knows.
fn same_count((one, ours): (&Node<'_>, &[Option<ValueId>]), (two, theirs): (&Node<'_>, &[Option<ValueId>])) -> bool {
    let decides = |node: &Node<'_>| {
        let operator = node.proto.op_type();
        !node.standard && node.calls.is_none() || matches!(operator, "BatchNormalization" | "Split")
    };
    !decides(one) && !decides(two) || ours.iter().map(Option::is_some).eq(theirs.iter().map(Option::is_some))
}

/// The operands of two nodes side by side.
pub(crate) struct Operands {
    /// Inputs at which the constants differ.
    pub constants: Vec<usize>,
    /// Values at the other inputs.
    pub values: Vec<(ValueId, ValueId)>,
}

/// The operands of two nodes that are alike in all else but the names of their outputs; `None` if they are not.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn operands(a: (Read<'_, '_>, NodeId), b: (Read<'_, '_>, NodeId)) -> Result<Option<Operands>> {
    let other_words = match order::same(a, b)? {
        None => signs::same(a, b)?,
        found => found,
    };
    if let Some(pair) = other_words {
        return Ok(Some(Operands { constants: vec![], values: vec![pair] }));
    }
    let (one, two) = (a.0.graph.node(a.1), b.0.graph.node(b.1));
    let domain = |n: &Node<'_>| if n.proto.domain() == "ai.onnx" { String::new() } else { n.proto.domain().to_owned() };
    if one.proto.op_type() != two.proto.op_type()
        || domain(one) != domain(two)
        || one.proto.overload() != two.proto.overload()
        || canonical(one.proto) != canonical(two.proto)
        || attributes::contradicts(b.0.graph, two) && !attributes::contradicts(a.0.graph, one)
    {
        return Ok(None);
    }
    let mut found = Operands { constants: Vec::new(), values: Vec::new() };
    for input in 0..one.inputs.len().max(two.inputs.len()) {
        let at = |n: &Node<'_>| n.inputs.get(input).copied().flatten();
        let (x, y) = match (at(one), at(two)) {
            (None, None) => continue,
            (Some(x), Some(y)) => (x, y),
            _ => return Ok(None),
        };
        match (a.0.graph.constant(x), b.0.graph.constant(y)) {
            (Ok((x, _)), Ok((y, _))) => {
                if !constants::same((a.0.graph, x), (b.0.graph, y))? {
                    found.constants.push(input);
                }
            }
            _ if let (Some(one), Some(two)) = (a.0.integers(x)?, b.0.integers(y)?)
                && one == two => {}
            (Err(_), Err(_)) => found.values.push((x, y)),
            _ => return Ok(None),
        }
    }
    Ok(held::same_in_nodes((a.0.graph, a.1), (b.0.graph, b.1))?.then_some(found))
}
