//! What of a region tells shapes, which are the same whatever the numbers are.

use std::collections::BTreeSet;

use super::form::Form;
use crate::model::Graph;
use crate::model::graph::asks_for_shape;
use crate::verify::align::Region;

/// What a region makes, by its names in the first and in the second file, but for shapes: those are no numbers that rounding
/// could change.
pub(crate) fn numbers(graph: &Graph<'_>, region: &Region) -> Vec<(String, String)> {
    let shapes = region.before.iter().map(|n| graph.node(*n)).filter(|n| asks_for_shape(n.proto));
    let shapes: Vec<&String> = shapes.flat_map(|node| &node.proto.output).collect();
    let pairs = region.outputs.iter().zip(&region.outputs_after).filter(|(name, _)| !shapes.contains(name));
    pairs.map(|(one, two)| (one.clone(), two.clone())).collect()
}

/// The nodes without those that only tell a shape to others outside.
pub(crate) fn without_shapes(graph: &Graph<'_>, mut forms: Vec<Form>) -> Vec<Form> {
    let read: BTreeSet<_> = forms.iter().flat_map(|form| graph.node(form.node).inputs.iter().flatten().copied()).collect();
    let aside = |form: &Form| {
        asks_for_shape(graph.node(form.node).proto)
            && !graph.node(form.node).outputs.iter().flatten().any(|value| read.contains(value))
    };
    forms.retain(|form| !aside(form));
    forms
}
