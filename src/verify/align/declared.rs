//! What files declare of their outputs. Shapes that follow from fixed inputs are remarks, which some tools add.

use crate::model::{Graph, Origin, ScopeId};
use crate::onnx::tensor_shape_proto::dimension::Value as Size;
use crate::onnx::type_proto::{Tensor, Value as Kind};
use crate::onnx::{TypeProto, ValueInfoProto};
use crate::verify::measure::Extent;
use prost::Message as _;

/// What a graph declares of its outputs.
pub(super) fn outputs<'m>(graph: &Graph<'m>, scope: ScopeId) -> &'m [ValueInfoProto] {
    graph.scope(scope).graph.map_or(&[][..], |graph| &graph.output)
}

/// Whether each input that somebody outside gives has a fixed shape, so that all shapes are what they are.
pub(crate) fn fixed_inputs(graph: &Graph<'_>, scope: ScopeId) -> bool {
    let mut inputs = graph.scope(scope).inputs.iter().map(|v| graph.value(*v));
    inputs.all(|value| !matches!(value.origin, Origin::Input { .. }) || tensor(value.declared).is_some_and(is_fixed))
}

fn tensor(declared: Option<&TypeProto>) -> Option<&Tensor> {
    match declared?.value.as_ref()? {
        Kind::TensorType(tensor) => Some(tensor),
        _ => None,
    }
}

fn is_fixed(tensor: &Tensor) -> bool {
    tensor.shape.as_ref().is_some_and(|shape| shape.dim.iter().all(|dim| given(&dim.value).is_some()))
}

/// A type as it counts: an extent that is left open is, in whatever words.
pub(super) fn opened(declared: Option<&TypeProto>) -> Vec<u8> {
    let Some(declared) = declared else { return vec![] };
    let mut plain = TypeProto { denotation: None, ..declared.clone() };
    if let Some(Kind::TensorType(tensor)) = plain.value.as_mut() {
        let dims = tensor.shape.iter_mut().flat_map(|shape| &mut shape.dim);
        for dim in dims {
            // What an extent is called, or stands for, changes nothing.
            dim.denotation = None;
            dim.value = given(&dim.value).map(Size::DimValue);
        }
    }
    plain.encode_to_vec()
}

/// What is the first to differ of two lists of names, whose types may differ where the names are the same.
pub(super) fn first_apart(ours: &[String], theirs: &[String], is_apart: impl Fn(usize) -> bool) -> Option<String> {
    let named = |name: Option<&String>| name.map_or_else(|| "none".to_owned(), |name| format!("`{name}`"));
    (0..ours.len().max(theirs.len())).find_map(|index| match (ours.get(index), theirs.get(index)) {
        (Some(one), Some(two)) if one == two => is_apart(index).then(|| format!("the types of `{one}`")),
        (one, two) => Some(format!("{} against {}", named(one), named(two))),
    })
}

/// The extent that is said.
fn given(size: &Option<Size>) -> Option<i64> {
    if let Some(Size::DimValue(size)) = size { Some(*size).filter(|size| *size > 0) } else { None }
}

/// Whether two declarations say the same; where inputs are `fixed`, or a size is `known`, one that is left open in one of them may
/// stand in the other.
pub(super) fn alike(one: &ValueInfoProto, two: &ValueInfoProto, fixed: bool, known: Option<&[Option<Extent>]>) -> bool {
    if opened(one.r#type.as_ref()) == opened(two.r#type.as_ref()) {
        return true;
    }
    let (Some(one), Some(two)) = (tensor(one.r#type.as_ref()), tensor(two.r#type.as_ref())) else { return false };
    let shapes = match (&one.shape, &two.shape) {
        (Some(one), Some(two)) => {
            let sizes = one.dim.iter().zip(&two.dim).map(|(x, y)| (given(&x.value), given(&y.value)));
            let is = |axis: usize, size: i64| known.and_then(|known| known.get(axis)?.as_ref()?.as_number()) == Some(size);
            let same = |(axis, (x, y)): (usize, (Option<i64>, Option<i64>))| match (x, y) {
                (None, None) => true,
                (Some(x), Some(y)) => x == y,
                (Some(size), None) | (None, Some(size)) => fixed || is(axis, size),
            };
            one.dim.len() == two.dim.len() && sizes.enumerate().all(same)
        }
        // Which shape is not said is open in all its extents, as many as are known.
        (Some(shape), None) | (None, Some(shape)) => {
            let sizes = || shape.dim.iter().map(|dim| given(&dim.value)).enumerate();
            let fits = |known: &[Option<Extent>]| {
                let is = |(axis, size): (usize, i64)| known.get(axis).and_then(|known| known.as_ref()?.as_number()) == Some(size);
                known.len() == shape.dim.len() && sizes().filter_map(|(axis, size)| Some((axis, size?))).all(is)
            };
            fixed || known.is_some_and(fits)
        }
        (None, None) => true,
    };
    one.elem_type == two.elem_type && shapes
}
