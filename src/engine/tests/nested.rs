//! Functions, If, Loop and Scan made flat.

use super::*;

const IF: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    choice (bool c, float[2] x) => (float[2] y) <float[2] w = {2, 3}>
    { h = Add (x, w)
      y = If (c) <
        then_branch = a () => (float[2] t) <float[2] v = {10, 20}> { k = Mul (h, v)  t = Add (k, w) },
        else_branch = b () => (float[2] t) <float[2] v = {100, 200}> { k = Mul (h, v)  t = Sub (k, w) }
      > }"#;

#[test]
fn an_if_is_one_of_its_branches_and_captures_outer_values() {
    let x = [("c", Array { dims: vec![], data: Data::Bool(vec![false]) }), ("x", floats(&[2], &[1.0, 1.0]))];
    let values = run_model(model(IF), Branch::Then, &x, &["y/then_branch/k"]).unwrap();
    assert_eq!(values.get("y"), Some(&floats(&[2], &[32.0, 83.0])));
    assert_eq!(values.get("y/then_branch/k"), Some(&floats(&[2], &[30.0, 80.0])));
    let values = run_model(model(IF), Branch::Else, &x, &[]).unwrap();
    assert_eq!(values.get("y"), Some(&floats(&[2], &[298.0, 797.0])));
    let flat = flatten(model(IF), Branch::Else, true).unwrap();
    assert!(flat.branches);
    assert_eq!(flat.assumptions, ["every If takes its else branch"]);
}

#[test]
fn a_loop_is_one_iteration() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        looped (float[2] x) => (float[2] last, float[n,2] all)
        <int64 trips = {5}, bool go = {1}, float[2] w = {2, 3}>
        { last, all = Loop (trips, go, x) <
            body = b (int64 i, bool c, float[2] v) => (bool d, float[2] n, float[2] s) {
              d = Identity (c)  f = Cast <to: int = 1> (i)  m = Mul (v, w)  n = Add (m, f)  s = Neg (n) }
          > }"#;
    let values = run(text, &[("x", floats(&[2], &[1.0, 10.0]))]);
    assert_eq!(values.get("last"), Some(&floats(&[2], &[2.0, 30.0])));
    assert_eq!(values.get("all"), Some(&floats(&[1, 2], &[-2.0, -30.0])));
    assert_eq!(flatten(model(text), Branch::Then, true).unwrap().assumptions, ["every Loop runs its body once"]);
}

#[test]
fn a_scan_is_one_step_from_the_end_that_it_starts_at() {
    let text = |direction: u8| {
        format!(
            r#"<ir_version: 8, opset_import: ["" : 12]>
            scanned (float[2] x, float[2,3] s) => (float[2] last, float[2,n] all)
            {{ last, all = Scan (x, s) <
                num_scan_inputs: int = 1, scan_input_axes = [1], scan_output_axes = [1], scan_input_directions = [{direction}],
                body = b (float[2] v, float[2] e) => (float[2] n, float[2] o) {{ n = Add (v, e)  o = Mul (v, e) }}
              > }}"#
        )
    };
    let inputs = [("x", floats(&[2], &[1.0, 2.0])), ("s", floats(&[2, 3], &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]))];
    let values = run(&text(0), &inputs);
    assert_eq!(values.get("last"), Some(&floats(&[2], &[2.0, 6.0])));
    assert_eq!(values.get("all"), Some(&floats(&[2, 1], &[1.0, 8.0])));
    let values = run(&text(1), &inputs);
    assert_eq!(values.get("last"), Some(&floats(&[2], &[4.0, 8.0])));
}

const FUNCTION: &str = r#"<ir_version: 8, opset_import: ["" : 17, "local" : 1]>
    caller (float[2] x) => (float[2] y, float[2] z)
    { y = local.Twice <slope: float = 0.5> (x)  z = local.Twice <slope: float = 0.25> (y) }
    <domain: "local", opset_import: ["" : 17]>
    Twice <slope> (a) => (b) { h = LeakyRelu <alpha: float = @slope> (a)  b = Add (h, h) }"#;

#[test]
fn functions_are_inlined_with_their_attributes() {
    let x = floats(&[2], &[-4.0, 1.0]);
    let values = run_model(model(FUNCTION), Branch::Then, &[("x", x)], &["y/Twice/h", "z/Twice/h"]).unwrap();
    assert_eq!(values.get("y/Twice/h"), Some(&floats(&[2], &[-2.0, 1.0])));
    assert_eq!(values.get("y"), Some(&floats(&[2], &[-4.0, 2.0])));
    assert_eq!(values.get("z/Twice/h"), Some(&floats(&[2], &[-1.0, 2.0])));
    assert_eq!(values.get("z"), Some(&floats(&[2], &[-2.0, 4.0])));
}

#[test]
fn functions_that_cannot_be_inlined_are_refused() {
    let mut other = model(FUNCTION);
    other.functions[0].opset_import[0].version = Some(6);
    let error = flatten(other, Branch::Then, true).unwrap_err().to_string();
    assert!(error.contains("the function imports opset 6, the model opset 17"), "{error}");
    let mut endless = model(FUNCTION);
    endless.functions[0].node[1].op_type = Some("Twice".to_owned());
    endless.functions[0].node[1].domain = Some("local".to_owned());
    let error = flatten(endless, Branch::Then, true).unwrap_err().to_string();
    assert!(error.contains("operator local.Twice") && error.contains("calls itself"), "{error}");
    let mut twins = model(FUNCTION);
    twins.functions.push(twins.functions[0].clone());
    let error = flatten(twins, Branch::Then, true).unwrap_err().to_string();
    assert_eq!(error, "two functions have the same name");
}

#[test]
fn a_model_that_is_flat_is_told_without_a_copy_and_stays_as_it_is() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        plain (float[2] x) => (float[2] y) <float[2] w = {2, 3}> { h = Add (x, w)  y = Relu (h) }"#;
    let (plain, nested) = (model(text), model(IF));
    assert_eq!(flatten(plain.clone(), Branch::Then, true).unwrap().model.graph.as_ref(), flatten::flat(&plain));
    assert_eq!(flatten::flat(&nested), None);
}
