//! What follows from the extents of a model's inputs alone: the extents of values, and the integers that are computed from
//! extents.
//!
//! Exporters compute sizes at run time that other tools write down as numbers, and both say the same. What a file remarks about
//! values in between is not believed. All holds for inputs that the model can take: where an operator would fail, nothing is
//! claimed. This must not know what a fold is, nor what stands in the other file.

mod extent;
#[cfg(feature = "tract")]
mod fixed;
mod integers;
mod moves;
mod shapes;
mod view;
mod windows;

use std::collections::{BTreeMap, BTreeSet};

use crate::error::Result;
use crate::model::{Dim, Graph, Node, NodeId, Origin, ScopeId, Shape, ValueId};
pub use extent::Extent;
#[cfg(feature = "tract")]
pub(crate) use fixed::fixed;
use view::View;
pub(crate) use view::constant;

/// The extents of a value; none for an axis of which nothing is known.
pub(crate) type Extents = Vec<Option<Extent>>;

/// Integers or truth values, row-major; none for one that is not known.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Integers {
    /// ONNX's number of the element type.
    pub data_type: i32,
    /// The shape.
    pub dims: Vec<usize>,
    /// The elements; truth values are zero and one.
    pub elements: Vec<Option<Extent>>,
}

impl Integers {
    /// The numbers, if all of them are the same for all inputs.
    pub fn numbers(&self) -> Option<Vec<i64>> {
        self.elements.iter().map(|element| element.as_ref()?.as_number()).collect()
    }

    fn is_known(&self) -> bool {
        self.elements.iter().all(Option::is_some)
    }
}

/// What is known of one file.
#[derive(Debug, Default)]
pub struct Measures {
    shapes: BTreeMap<ValueId, Extents>,
    integers: BTreeMap<ValueId, Integers>,
    /// Numbers that are the extent of something, which none is that is less than nothing.
    natural: BTreeSet<Extent>,
    /// Those of them that windows leave, which are more than nothing where a window has room.
    windows: BTreeSet<Extent>,
}

impl Measures {
    /// Follows the extents of the inputs through the main graph and into others.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(graph: &Graph<'_>) -> Result<Measures> {
        let mut all = Measures::default();
        for input in &graph.scope(ScopeId(0)).inputs {
            let value = graph.value(*input);
            // A default says nothing of what a caller gives instead.
            if let (Origin::Input { .. }, Some(shape)) = (value.origin, value.declared.and_then(Shape::declared)) {
                let extents = shape.0.iter().enumerate().map(|(axis, dim)| match dim {
                    Dim::Known(size) if *size > 0 => i64::try_from(*size).ok().map(Extent::number),
                    _ => Some(Extent::axis(value.name, axis)),
                });
                all.shapes.insert(*input, extents.collect());
            }
        }
        for id in &graph.scope(ScopeId(0)).nodes {
            all.follow(graph, *id)?;
        }
        // What nested graphs and functions are given is not known; what is around them is by now.
        for id in graph.scopes.iter().skip(1).flat_map(|scope| &scope.nodes) {
            all.follow_nested(graph, *id)?;
        }
        Ok(all)
    }

    /// Follows the extents of what a node of the main graph reads to what it makes.
    fn follow(&mut self, graph: &Graph<'_>, id: NodeId) -> Result<()> {
        let node = graph.node(id);
        if !is_plain(node) {
            return Ok(());
        }
        let view = View::new(graph, id, self)?;
        let (shapes, integers) = (shapes::follow(&view).unwrap_or_default(), integers::follow(&view).unwrap_or_default());
        for (value, shape) in node.outputs.iter().zip(shapes) {
            self.natural.extend(shape.iter().flatten().cloned());
            if windows::OPERATORS.contains(&node.proto.op_type()) {
                // Behind samples and channels.
                self.windows.extend(shape.iter().skip(2).flatten().cloned());
            }
            self.shapes.extend(value.map(|value| (value, shape)));
        }
        for (value, found) in node.outputs.iter().zip(integers) {
            let Some(value) = value else { continue };
            // What the elements are says what the extents are.
            let dims = found.dims.iter().map(|dim| i64::try_from(*dim).ok().map(Extent::number));
            self.shapes.insert(*value, dims.collect());
            self.integers.insert(*value, found);
        }
        Ok(())
    }

    /// The same in another graph, which may never run: nothing follows from it for what is around it.
    fn follow_nested(&mut self, graph: &Graph<'_>, id: NodeId) -> Result<()> {
        let node = graph.node(id);
        if is_plain(node) {
            let shapes = shapes::follow(&View::new(graph, id, self)?).unwrap_or_default();
            self.shapes.extend(node.outputs.iter().zip(shapes).filter_map(|(value, shape)| Some(((*value)?, shape))));
        }
        Ok(())
    }

    /// The extents of a value, if all of them are known.
    pub fn extents(&self, value: ValueId) -> Option<Vec<&Extent>> {
        self.shapes.get(&value)?.iter().map(Option::as_ref).collect()
    }

    /// The extents of a value as far as they are known; none if it is not even known how many there are.
    pub(crate) fn shape(&self, value: ValueId) -> Option<&[Option<Extent>]> {
        self.shapes.get(&value).map(Vec::as_slice)
    }

    /// The extent of an axis of a value, if it is known.
    pub fn extent(&self, value: ValueId, axis: usize) -> Option<&Extent> {
        self.shapes.get(&value)?.get(axis)?.as_ref()
    }

    /// The shapes of values by name, for some sizes of what is open: larger than most windows, and alike along the same axis of all inputs alone.
    pub(crate) fn assumed(&self, graph: &Graph<'_>) -> BTreeMap<String, Vec<usize>> {
        const SMALLEST: usize = 33;
        let mut inputs = BTreeMap::new();
        for input in &graph.scope(ScopeId(0)).inputs {
            let value = graph.value(*input);
            let Some(shape) = value.declared.and_then(Shape::declared) else { continue };
            let size = |(axis, dim): (usize, &Dim)| match (axis, dim.known().and_then(|size| usize::try_from(size).ok())) {
                (_, Some(size)) => Some(size),
                // Along the first axis samples are stacked, most often.
                (0, None) => Some(2),
                (axis, None) => Some(SMALLEST + 2 * axis),
            };
            let dims: Option<Vec<usize>> = shape.0.iter().enumerate().map(size).collect();
            inputs.extend(dims.map(|dims| (value.name.to_owned(), dims)));
        }
        let of = |value: &ValueId| {
            if graph.value(*value).scope != ScopeId(0) {
                return None;
            }
            let sizes = self.extents(*value)?.into_iter().map(|extent| usize::try_from(extent.value(&inputs)?).ok());
            Some((graph.value(*value).name.to_owned(), sizes.collect::<Option<Vec<usize>>>().filter(|dims| !dims.contains(&0))?))
        };
        self.shapes.keys().filter_map(of).collect()
    }

    /// The integers of a value that is no constant, if all of them are known.
    pub fn integers(&self, value: ValueId) -> Option<&Integers> {
        self.integers.get(&value).filter(|found| found.is_known())
    }

    /// Whether it is certain that a number is not less than nothing.
    fn is_natural(&self, number: &Extent) -> bool {
        number.is_natural() || self.natural.contains(number)
    }

    /// Whether it is certain that a number is more than nothing, if nothing is empty.
    pub(crate) fn is_size(&self, number: &Extent) -> bool {
        number.is_positive() || self.windows.contains(number)
    }

    /// Takes back what is claimed of the integers of a value.
    fn forget(&mut self, value: ValueId) {
        self.integers.remove(&value);
    }
}

/// Whether a node is what its operator says.
fn is_plain(node: &Node<'_>) -> bool {
    node.standard && node.proto.attribute.iter().all(|a| a.ref_attr_name().is_empty())
}

/// What is known of two files. Of values that have the same name in both nothing is claimed where not the same is known of both:
/// readers take them for the same.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn between(a: &Graph<'_>, b: &Graph<'_>) -> Result<(Measures, Measures)> {
    let (mut ours, mut theirs) = (Measures::of(a)?, Measures::of(b)?);
    for (at, value) in a.values.iter().enumerate().filter(|(_, value)| value.scope == ScopeId(0)) {
        let Some(other) = b.lookup(ScopeId(0), value.name) else { continue };
        // Constants are compared by what they are and not by name.
        let constant = a.constant(ValueId(at)).is_ok() || b.constant(other).is_ok();
        if !constant && ours.integers(ValueId(at)) != theirs.integers(other) {
            ours.forget(ValueId(at));
            theirs.forget(other);
        }
    }
    Ok((ours, theirs))
}
