//! Nodes that nobody can compute: the same numbers for the same inputs, others for others, and a sentence where none can be.

use super::*;

fn made(node: &str, x: [f64; 2]) -> Result<BTreeMap<String, Array>, CouldNotRun> {
    let text = format!(
        r#"<ir_version: 8, opset_import: ["" : 17, "custom" : 1]> some (double[1,2] x, double[1,2] z) => (y) {{ {node} }}"#
    );
    run_model(model(&text), Branch::Then, &[("x", floats(&[1, 2], &x)), ("z", floats(&[1, 2], &[5.0, 6.0]))], &[])
}

fn of(node: &str, x: [f64; 2]) -> Array {
    made(node, x).unwrap_or_else(|why| panic!("{why} in {node}")).remove("y").unwrap()
}

#[test]
fn equal_bits_in_are_equal_bits_out_and_others_are_others() {
    let base = of("y = custom.Relu (x, z)", [1.0, -2.0]);
    assert_eq!(base.dims, [1, 2]);
    assert_ne!(base, floats(&[1, 2], &[1.0, 0.0]), "it is not the Relu of ONNX");
    assert_eq!(of("w = Identity (x)  y = custom.Relu (w, z)", [1.0, -2.0]), base);
    let next = f64::from_bits(1.0_f64.to_bits() + 1);
    for (node, x) in [
        ("y = custom.Relu (x, z)", [next, -2.0]),
        ("y = custom.Relu (z, x)", [1.0, -2.0]),
        ("y = custom.Relu (x)", [1.0, -2.0]),
        (r#"y = custom.Relu (x, "", z)"#, [1.0, -2.0]),
        ("y = custom.Relu <alpha: float = 2.0> (x, z)", [1.0, -2.0]),
        ("y = custom.Elu (x, z)", [1.0, -2.0]),
    ] {
        assert_ne!(of(node, x), base, "{node}");
    }
    let both = of("a = RandomNormalLike (x)  b = RandomNormalLike (x)  y = Sub (a, b)", [1.0, -2.0]);
    assert_ne!(both, floats(&[1, 2], &[0.0, 0.0]), "two random nodes are not one");
}

#[test]
fn shapes_are_declared_or_given_or_told_to_be_missing() {
    let error = made("y = RandomNormal <shape = [-1]> ()", [0.0; 2]).unwrap_err().to_string();
    assert!(error.contains("--value-shape y:"), "{error}");
    let error =
        made("p = custom.Plugin (x)  w = Transpose <perm = [0, 2, 1]> (p)  y = Add (w, x)", [0.0; 2]).unwrap_err().to_string();
    assert!(error.contains("custom.Plugin at the node that makes `p`") && error.contains("--value-shape p:"), "{error}");
    let text = r#"<ir_version: 8, opset_import: ["" : 17, "custom" : 1]>
        some (double[n,2] x) => (double[n,3] y, bool[2] t) { y, t, u = custom.Plugin (x) }"#;
    let mut prepared = prepare(model(text), Branch::Then).unwrap();
    let (values, shapes) = ([("u".to_owned(), vec![7])].into(), [("x".to_owned(), vec![4, 2])].into());
    let sizes = Sizes { values, shapes, ..Sizes::default() };
    prepared.sized(&sizes);
    assert_eq!(prepared.assumptions, ["`y` (custom.Plugin) is opaque: its outputs are drawn at random"]);
    let (specs, run) = Loaded::parse(prepared, &["u".to_owned()]).unwrap().fit(&sizes).unwrap();
    let found = run.run(&seeded_inputs(&specs, 1, &BTreeMap::new()).unwrap()).unwrap();
    assert_eq!(["y", "t", "u"].map(|name| found[name].dims.clone()), [vec![4, 3], vec![2], vec![7]]);
    let mut other = prepare(model(text), Branch::Then).unwrap();
    other.sized(&Sizes { values: [("nosuch".to_owned(), vec![7])].into(), ..sizes.clone() });
    let error = Loaded::parse(other, &[]).unwrap().fit(&sizes).map(drop).unwrap_err().to_string();
    assert!(error.contains("`nosuch`"), "{error}");
}

#[test]
fn sequences_go_through() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> some (double[1,2] x) => (double[1,2] y) <int64 i = {0}>
        { s = SequenceConstruct (x, x)  q = Identity (s)  y = SequenceAt (q, i)  n = SequenceLength (s) }"#;
    assert_eq!(run(text, &[("x", floats(&[1, 2], &[1.0, 2.0]))])["y"].dims, [1, 2]);
}
