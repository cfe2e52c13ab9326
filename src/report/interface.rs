//! What a model takes and gives, as its file declares it.

use std::collections::BTreeSet;

use crate::model::tensor::type_name;
use crate::onnx::{ModelProto, TypeProto, ValueInfoProto, tensor_shape_proto::dimension, type_proto};

/// An input or an output of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Interface {
    /// Its name.
    pub name: String,
    /// Element type and extents, for example `float[N,3,224,224]`; `?` is an extent without a name, and no brackets stand where
    /// nothing is known of the shape.
    pub r#type: String,
}

/// The inputs of a model that a caller gives, without initializers that are also inputs, and its outputs.
pub fn interfaces(model: &ModelProto) -> (Vec<Interface>, Vec<Interface>) {
    let Some(graph) = &model.graph else { return (vec![], vec![]) };
    let mut given: BTreeSet<&str> = graph.input.iter().map(|input| input.name()).collect();
    graph.initializer.iter().for_each(|tensor| {
        given.remove(tensor.name());
    });
    let inputs = graph.input.iter().filter(|input| given.contains(input.name()));
    (inputs.map(interface).collect(), graph.output.iter().map(interface).collect())
}

fn interface(value: &ValueInfoProto) -> Interface {
    Interface { name: value.name().to_owned(), r#type: value.r#type.as_ref().map_or_else(|| "?".to_owned(), words) }
}

fn words(declared: &TypeProto) -> String {
    let inside = |element: &Option<Box<TypeProto>>| element.as_deref().map_or_else(|| "?".to_owned(), words);
    match &declared.value {
        Some(type_proto::Value::TensorType(tensor)) => {
            let dim = |dim: &crate::onnx::tensor_shape_proto::Dimension| match &dim.value {
                Some(dimension::Value::DimValue(size)) if *size >= 0 => size.to_string(),
                Some(dimension::Value::DimParam(name)) if !name.is_empty() => name.clone(),
                _ => "?".to_owned(),
            };
            let dims = tensor.shape.as_ref().map(|shape| shape.dim.iter().map(dim).collect::<Vec<_>>().join(","));
            let dims = dims.map_or_else(String::new, |dims| format!("[{dims}]"));
            format!("{}{dims}", type_name(tensor.elem_type()))
        }
        Some(type_proto::Value::SequenceType(sequence)) => format!("sequence of {}", inside(&sequence.elem_type)),
        Some(type_proto::Value::OptionalType(optional)) => format!("optional {}", inside(&optional.elem_type)),
        Some(type_proto::Value::MapType(map)) => format!("map to {}", inside(&map.value_type)),
        Some(type_proto::Value::SparseTensorType(sparse)) => format!("sparse {}", type_name(sparse.elem_type())),
        _ => "?".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Model;
    use crate::sample;

    #[test]
    fn names_types_and_extents_are_told_and_initializers_are_no_inputs() {
        let text = r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[N,3,?] x, float[3] w, int64 i, float[] s) => (float[N,3,7] y)
            <float[3] w = {1, 2, 3}>
            { y = Add (x, w) }"#;
        let model = Model::from_bytes(sample::encode(text).unwrap()).unwrap();
        let (inputs, outputs) = interfaces(&model.proto);
        let said = |all: &[Interface]| all.iter().map(|one| format!("{}: {}", one.name, one.r#type)).collect::<Vec<_>>();
        assert_eq!(said(&inputs), ["x: float[N,3,?]", "i: int64[]", "s: float"]);
        assert_eq!(said(&outputs), ["y: float[N,3,7]"]);
        let elem_type = Some(Box::new(model.proto.graph.unwrap().output[0].r#type.clone().unwrap()));
        let sequence = Some(type_proto::Value::SequenceType(Box::new(type_proto::Sequence { elem_type })));
        assert_eq!(words(&TypeProto { value: sequence, ..TypeProto::default() }), "sequence of float[N,3,7]");
    }
}
