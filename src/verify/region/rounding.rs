//! What the rounding of a side's constants may do: their types, and how many of them stand one behind the other.

use std::collections::BTreeMap;

use super::form::Form;
use crate::model::{Element, Graph, ValueId};

/// The coarsest type of a side's constants; `None` if it has none.
pub(crate) fn coarsest(graph: &Graph<'_>, forms: &[Form]) -> Option<Element> {
    elements(graph, forms).max_by(|x, y| x.unit_roundoff().total_cmp(&y.unit_roundoff()))
}

/// The finest one.
pub(crate) fn finest(graph: &Graph<'_>, forms: &[Form]) -> Option<Element> {
    elements(graph, forms).min_by(|x, y| x.unit_roundoff().total_cmp(&y.unit_roundoff()))
}

fn elements(graph: &Graph<'_>, forms: &[Form]) -> impl Iterator<Item = Element> {
    forms.iter().flat_map(|form| &form.constants).filter_map(|(_, tensor)| graph.tensor(*tensor).element())
}

/// The longest row of rounded constants between a region's inputs and its outputs. What one node adds and the next multiplies
/// is rounded twice.
pub(super) fn roundings(graph: &Graph<'_>, forms: &[Form]) -> usize {
    depths(graph, forms).into_values().max().unwrap_or(1).max(1)
}

/// How many rounded constants stand one after the other before each value of a region.
pub(crate) fn depths(graph: &Graph<'_>, forms: &[Form]) -> BTreeMap<ValueId, usize> {
    let mut depth: BTreeMap<ValueId, usize> = BTreeMap::new();
    for form in forms {
        let node = graph.node(form.node);
        let before = node.inputs.iter().flatten().filter_map(|v| depth.get(v));
        // What is wrong with one factor is wrong with the product beside what is wrong with the other.
        let read = match (form.constants.is_empty(), form.operator.as_str()) {
            (true, "MatMul" | "Mul") => before.sum(),
            _ => before.max().copied().unwrap_or(0),
        };
        let here = match (form.constants.is_empty(), form.operator.as_str()) {
            (true, _) => read,
            (false, "Add" | "Sub") => read.max(1),
            (false, _) => read.saturating_add(1),
        };
        depth.extend(node.outputs.iter().flatten().map(|v| (*v, here)));
    }
    depth
}
