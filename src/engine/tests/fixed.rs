//! Extents that a model leaves open and its constants fix.

use super::*;
use crate::onnx::tensor_shape_proto::dimension::Value::{DimParam, DimValue};
use crate::onnx::type_proto::Value;

/// The extents of the inputs of a model with these nodes, 0 for one that stays open.
fn extents(inputs: &str, nodes: &str) -> Vec<Vec<i64>> {
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : 17]> g ({inputs}) => (float[] y)
        <float[2,3,1,1] w = fill(1), float[4,5] m = fill(1), float[6] v = fill(1), float[7,1] k = fill(1), float[1,8,9] l = fill(1)>
        {{ {nodes} }}"#
    );
    let signature = prepare(model(&text), Branch::Then).unwrap().signature.graph.unwrap();
    let size = |dim: &crate::onnx::tensor_shape_proto::Dimension| match dim.value.as_ref() {
        Some(DimValue(size)) => *size,
        Some(DimParam(_)) | None => 0,
    };
    let dims = |input: &crate::onnx::ValueInfoProto| match input.r#type.as_ref().and_then(|declared| declared.value.as_ref()) {
        Some(Value::TensorType(tensor)) => tensor.shape.iter().flat_map(|shape| &shape.dim).map(size).collect(),
        _ => vec![],
    };
    signature.input.iter().map(dims).collect()
}

#[test]
fn constants_fix_what_is_open() {
    for (input, nodes, expected) in [
        ("float[N,c,H,W] x", "r = Relu (x) y = Conv (r, w)", vec![0, 3, 0, 0]),
        ("float[N,c,H,W] x", "y = Conv <group = 2> (x, w)", vec![0, 6, 0, 0]),
        ("float[N,c,H,W] x", "y = ConvTranspose (x, w)", vec![0, 2, 0, 0]),
        ("float[N,c,H] x", "y = BatchNormalization (x, v, v, v, v)", vec![0, 6, 0]),
        ("float[N,c] x", "y = Gemm (x, m)", vec![0, 4]),
        ("float[N,c] x", "y = Gemm <transA = 1, transB = 1> (x, m)", vec![5, 0]),
        ("float[N,T,c] x", "y = MatMul (x, m)", vec![0, 0, 4]),
        ("float[N,c,T] x", "y = MatMul (m, x)", vec![0, 5, 0]),
        ("float[T,N,c] x", r#"y, h = GRU <hidden_size = 3> (x, l, l)"#, vec![0, 0, 9]),
        ("float[N,T,c] x", r#"y = Einsum <equation = "btc, co -> bto"> (x, m)"#, vec![0, 0, 4]),
        // What is repeated most likely is not.
        ("float[N,c,T] x", "a = Mul (x, k) y = Relu (a)", vec![0, 7, 0]),
        // Behind what moves axes nothing is known, and what is fixed stays.
        ("float[N,c,H,W] x", "t = Transpose (x) y = Conv (t, w)", vec![0, 0, 0, 0]),
        ("float[N,5,H,W] x", "y = Conv (x, w)", vec![0, 5, 0, 0]),
    ] {
        assert_eq!(extents(input, nodes), [expected], "{nodes}");
    }
    let same = extents("float[N,c,H,W] x, float[c,T] z", "a = Conv (x, w) y = MatMul (z, z)");
    assert_eq!(same, [vec![0, 3, 0, 0], vec![3, 0]], "one symbol has one size");
}
