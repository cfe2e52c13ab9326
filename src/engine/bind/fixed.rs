//! Extents that a model leaves open and its constants fix, stated where it declares its inputs.

use std::collections::BTreeMap;

use super::is_symbol;
use crate::onnx::tensor_shape_proto::dimension::Value::{DimParam, DimValue};
use crate::onnx::type_proto::Value;
use crate::onnx::{ModelProto, ValueInfoProto, tensor_shape_proto};

/// By input and axis, how long it is: at another size the model does not run, so that no other is looked for.
pub(crate) type Fixed = BTreeMap<String, BTreeMap<usize, usize>>;

/// States these extents, and those of the same symbols.
pub(crate) fn state(signature: &mut ModelProto, fixed: &Fixed) {
    let mut symbols = BTreeMap::new();
    for input in signature.graph.iter_mut().flat_map(|graph| &mut graph.input) {
        let Some(sizes) = fixed.get(input.name()) else { continue };
        for (axis, dim) in dims(input).enumerate().filter(|(_, dim)| !matches!(dim, Some(DimValue(size)) if *size > 0)) {
            let Some(size) = sizes.get(&axis).and_then(|size| i64::try_from(*size).ok()) else { continue };
            if let Some(DimParam(symbol)) = dim.replace(DimValue(size)) {
                symbols.insert(symbol, size);
            }
        }
    }
    for dim in signature.graph.iter_mut().flat_map(|graph| &mut graph.input).flat_map(dims) {
        let size = if let Some(DimParam(symbol)) = &*dim { symbols.get(symbol).filter(|_| is_symbol(symbol)) } else { None };
        if let Some(size) = size {
            *dim = Some(DimValue(*size));
        }
    }
}

fn dims(input: &mut ValueInfoProto) -> impl Iterator<Item = &mut Option<tensor_shape_proto::dimension::Value>> {
    let shape = input.r#type.as_mut().and_then(|declared| match declared.value.as_mut() {
        Some(Value::TensorType(tensor)) => tensor.shape.as_mut(),
        _ => None,
    });
    shape.into_iter().flat_map(|shape| &mut shape.dim).map(|dim| &mut dim.value)
}
