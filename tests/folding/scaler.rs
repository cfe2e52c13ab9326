//! Scaler of `ai.onnx.ml`: it folds like the difference and the product that it is, and is what it was where nothing folds.

use crate::support::{evaluate, fold, model_of, random_inputs};

/// A model with these nodes; `s` is the scaled input.
fn model(scaled: &str, nodes: &str) -> Vec<u8> {
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : 17, "ai.onnx.ml" : 1]>
           g (float[2,3] x) => (float[] y)
           <float[3] o = {{1, -2, 0.5}}, float[3] f = {{0.5, 2, -4}}, float[3,4] w = dyadic(1), float[4] b = dyadic(2),
            float[3] t = dyadic(3)>
           {{ {scaled} {nodes} }}"#
    );
    bnfold::sample::encode(&text).unwrap()
}

const SCALER: &str = "s = ai.onnx.ml.Scaler <offset = [1.0, -2.0, 0.5], scale = [0.5, 2.0, -4.0]> (x)";
const WRITTEN_OUT: &str = "d = Sub (x, o) s = Mul (d, f)";

fn operators(bytes: &[u8]) -> Vec<String> {
    model_of(bytes).graph.unwrap().node.iter().map(|node| node.op_type().to_owned()).collect()
}

#[test]
fn a_scaler_goes_into_what_follows() {
    for nodes in ["m = MatMul (s, w) y = Add (m, b)", "y = Gemm (s, w, b)", "c = Cast <to = 1> (s) y = Gemm (c, w)"] {
        let folded = fold(&model(SCALER, nodes));
        assert!(operators(&folded).iter().all(|operator| ["MatMul", "Add", "Gemm", "Cast"].contains(&&operator[..])), "{nodes}");
        let plain = model(WRITTEN_OUT, nodes);
        let inputs = random_inputs(&model_of(&plain), 1);
        assert_eq!(evaluate(&plain, &inputs)["y"], evaluate(&folded, &inputs)["y"], "{nodes}");
    }
}

#[test]
fn where_nothing_folds_the_file_is_the_file() {
    let bytes = model(SCALER, "r = Abs (s) y = Gemm (r, w, b)");
    assert!(fold(&bytes) == bytes);
}

#[test]
fn where_others_fold_the_scaler_is_put_back() {
    let bytes = model(SCALER, "r = Abs (s) k = Mul (r, t) y = Gemm (k, w, b)");
    assert_eq!(operators(&fold(&bytes)), ["Scaler", "Abs", "Gemm"]);
}
