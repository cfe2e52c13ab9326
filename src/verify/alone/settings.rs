//! What a region reads beside data, put into its small models as a run has found it.

use crate::engine::proto::{doubles, longs, raw};
use crate::onnx::tensor_proto::DataType;
use crate::onnx::{ModelProto, TensorProto};
use crate::reference::{Array, Data};
use crate::verify::region::Settings;

/// Stores them as initializers under their names, but for those that are inputs.
pub(super) fn store(model: &mut ModelProto, settings: &Settings, inputs: &[String]) {
    let Some(graph) = model.graph.as_mut() else { return };
    let stored = settings.iter().filter(|(name, _)| !inputs.contains(name));
    graph.initializer.extend(stored.map(|(name, setting)| TensorProto { name: Some(name.clone()), ..tensor(setting) }));
}

fn tensor(setting: &Array) -> TensorProto {
    let dims: Vec<i64> = setting.dims.iter().map(|&dim| i64::try_from(dim).unwrap_or(i64::MAX)).collect();
    match &setting.data {
        Data::Float(all) => doubles(&dims, all),
        Data::Int(all) => longs(&dims, all),
        Data::Bool(all) => raw(&dims, DataType::Bool, all.iter().map(|truth| u8::from(*truth)).collect()),
    }
}
