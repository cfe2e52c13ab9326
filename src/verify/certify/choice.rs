//! What a region reads that is no data: sizes, conditions, states, and where it reads.

use std::collections::BTreeSet;

use super::small;
use crate::model::graph::asks_for_shape;
use crate::model::{Graph, ValueId};
use crate::verify::region::Form;
use crate::verify::table;

/// Whether a node reads, from something that is no constant, what it chooses by: no number that random ones could stand for.
pub(super) fn chooses(graph: &Graph<'_>, forms: &[Form], form: &Form, settings: &BTreeSet<&str>) -> bool {
    let node = graph.node(form.node);
    let shapes = forms.iter().map(|form| graph.node(form.node)).filter(|node| asks_for_shape(node.proto));
    let shapes: Vec<ValueId> = shapes.flat_map(|node| node.outputs.iter().flatten().copied()).collect();
    let fixed = |value: ValueId| settings.contains(graph.value(value).name) || shapes.contains(&value);
    let unknown = |value: ValueId| graph.constant(value).is_err() && !fixed(value);
    let open = |input: usize| node.inputs.get(input).copied().flatten().is_some_and(unknown);
    // Of a table every row is asked for.
    let choice = if small::is_table(form) { table::Inputs::None } else { table::row(&form.operator).choice };
    (0..node.inputs.len()).any(|input| choice.has(input) && open(input))
}

/// Whether a value says where a DeformConv reads. Any number may.
pub(super) fn moves(graph: &Graph<'_>, forms: &[Form], value: ValueId) -> bool {
    let offsets = |form: &Form| form.operator == "DeformConv" && graph.node(form.node).inputs.get(2) == Some(&Some(value));
    forms.iter().any(offsets)
}
