//! The engine's operators, and those that stand for what it lacks.

use std::sync::LazyLock;

use tract_onnx::Onnx;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb::NodeProto;
use tract_onnx::tract_hir::infer::InferenceOp;
use tract_onnx::tract_hir::internal::{TractResult, format_err};

use super::{opaque, own_op};

/// The engine and its version, as reports name it.
pub const ENGINE: &str = "tract 0.23.9";

/// The engine as it is used here: declared shapes of inner values are not believed.
pub(crate) fn framework() -> &'static Onnx {
    static FRAMEWORK: LazyLock<Onnx> = LazyLock::new(|| {
        let mut framework = tract_onnx::onnx().with_ignore_value_info(true);
        framework.op_register.insert("Upsample", upsample);
        framework.op_register.insert(own_op::OPERATOR, own_op::build);
        framework.op_register.insert(opaque::OPERATOR, opaque::at_random::build);
        framework
    });
    &FRAMEWORK
}

/// Upsample became Resize in opset 10, with the same inputs and meaning.
fn upsample(context: &ParsingContext, node: &NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let resize = context.framework.op_register.0.get("Resize");
    let resize = resize.ok_or_else(|| format_err!("the engine has no Resize"))?;
    let mut context = context.clone();
    context.onnx_operator_set_version = 10;
    resize(&context, node)
}

#[cfg(test)]
mod tests {
    /// The version in the name is the one that is built in.
    #[test]
    fn the_engine_is_named_with_its_version() {
        let manifest = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let version = super::ENGINE.trim_start_matches("tract ");
        assert!(manifest.contains(&format!("tract-onnx = {{ version = \"={version}\"")));
    }
}
