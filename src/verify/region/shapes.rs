//! What of a region tells shapes, which are the same whatever the numbers are.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use super::form::Form;
use crate::error::Result;
use crate::model::graph::asks_for_shape;
use crate::model::{Graph, ScopeId};
use crate::verify::align::Region;
use crate::verify::measure::{Extent, Extents, Measures};
use crate::verify::table;

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

/// What is known of the extents of what a region reads.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn extents(graph: &Graph<'_>, region: &Region, measures: &OnceLock<Measures>) -> Result<BTreeMap<String, Extents>> {
    let measures = of(graph, measures)?;
    let known = |name: &String| Some((name.clone(), measures.shape(graph.lookup(region.scopes.0, name)?)?.to_vec()));
    Ok(region.inputs.iter().filter_map(known).collect())
}

fn of<'m>(graph: &Graph<'_>, measures: &'m OnceLock<Measures>) -> Result<&'m Measures> {
    if let Some(measures) = measures.get() {
        return Ok(measures);
    }
    let found = Measures::of(graph)?;
    Ok(measures.get_or_init(|| found))
}

/// The sizes by which nodes lay elements out and that no constant says.
pub(crate) fn sizes_read(graph: &Graph<'_>, forms: &[Form]) -> BTreeSet<String> {
    let by_sizes = forms.iter().filter(|form| table::row(&form.operator).lays_out);
    let read = by_sizes.flat_map(|form| graph.node(form.node).inputs.iter().skip(1).flatten());
    read.filter(|value| graph.constant(**value).is_err()).map(|value| graph.value(*value).name.to_owned()).collect()
}

/// Sizes that a region reads and that are sums of products of extents, whatever the inputs are.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn followed(
    graph: &Graph<'_>,
    region: &Region,
    forms: &[Form],
    measures: &OnceLock<Measures>,
) -> Result<BTreeSet<String>> {
    let mut read = sizes_read(graph, forms);
    if read.is_empty() || region.scopes.0 != ScopeId(0) {
        return Ok(BTreeSet::new());
    }
    let measures = of(graph, measures)?;
    let is_steady = |name: &String| {
        let found = graph.lookup(ScopeId(0), name).and_then(|value| measures.integers(value));
        found.is_some_and(|found| found.elements.iter().flatten().all(Extent::is_steady))
    };
    read.retain(is_steady);
    Ok(read)
}
