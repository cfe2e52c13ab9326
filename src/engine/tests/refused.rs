//! What the engine would run without a word and get wrong.

use super::*;

/// The reason why a model of these nodes, from `x` to `y`, is not run.
fn refusal(opset: i64, nodes: &str) -> String {
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : {opset}, "custom" : 1]>
        refused (float[1,2,4,4] x) => (y) <float[2] s = {{1, 2}}, float[2] v = {{1, 4}}> {{ {nodes} }}"#
    );
    prepare(model(&text), Branch::Then).unwrap_err().to_string()
}

#[test]
fn silent_mistakes_of_the_engine_are_refused_beforehand() {
    let cases = [
        (
            17,
            r#"y = MaxPool <kernel_shape = [2, 2], auto_pad: string = "SAME_UPPER", pads = [0, 0, 1, 1]> (x)"#,
            "both auto_pad and pads",
        ),
        (17, "y = MaxPool <kernel_shape = [2, 2], strides = [0, 1]> (x)", "strides are not positive"),
        (17, "y = Relu (x) y = Neg (x)", "the value `y` is made twice"),
    ];
    for (opset, nodes, reason) in cases {
        let error = refusal(opset, nodes);
        assert!(error.contains(reason), "{nodes}: {error}");
    }
}

#[test]
fn values_that_nobody_makes_are_named() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> loose (float[2] x) => (float[2] y) { y = Add (x, z) }"#;
    let error = run_model(model(text), Branch::Then, &[], &[]).unwrap_err();
    assert_eq!(error.to_string(), "nothing makes the value `z`");
}

#[test]
fn panics_of_the_engine_are_caught() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        bad (float[2,2] x) => (float[2,2] y) { y = Transpose <perm = [0, 7]> (x) }"#;
    let error = run_model(model(text), Branch::Then, &[], &[]).unwrap_err();
    assert!(matches!(error, CouldNotRun::Panic(_) | CouldNotRun::Engine(_)), "{error}");
}

#[test]
fn tensors_that_lie_about_their_size_are_refused() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        lie (float[2] x) => (float[2] y) <float[2] w = {1, 2}> { y = Add (x, w) }"#;
    let mut short = model(text);
    short.graph.as_mut().unwrap().initializer[0].dims = vec![3];
    let error = prepare(short, Branch::Then).unwrap_err().to_string();
    assert!(error.starts_with("tensor `w`: "), "{error}");
    for dims in [vec![-2], vec![i64::MAX, i64::MAX, 16]] {
        let mut wild = model(text);
        wild.graph.as_mut().unwrap().initializer[0].dims = dims;
        let error = prepare(wild, Branch::Then).unwrap_err().to_string();
        assert!(error.starts_with("tensor `w`: dims"), "{error}");
    }
}

#[test]
fn windows_larger_than_their_input_are_refused() {
    for (kernel, fits) in [("[5, 1]", true), ("[6, 1]", false)] {
        for operator in ["MaxPool", "AveragePool"] {
            let text = format!(
                r#"<ir_version: 8, opset_import: ["" : 17]> pool (float[1,1,4,4] x) => (y)
                {{ y = {operator} <kernel_shape = {kernel}, pads = [1, 0, 0, 0]> (x) }}"#
            );
            let result = run_model(model(&text), Branch::Then, &[], &[]);
            assert_eq!(result.is_ok(), fits, "{text}: {result:?}");
        }
    }
}
