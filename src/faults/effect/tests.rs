use super::*;

fn model(body: &str) -> Vec<u8> {
    crate::sample::encode(&format!(
        r#"<ir_version: 8, opset_import: ["" : 17]>
        net (float[n,2,h,w] x) => (float[] y)
        <float[2,2,1,1] w0 = dyadic(1), float[2] b = {{-2000, 0.25}}, float[2,2,1,1] v = {{1, 2, 3, 4}}, float[2,2,1,1] u = {{1.5, 2, 3, 4}},
         float big = {{8.5e37}}, float small = {{1.1764706e-38}}, int64[3] flat = {{0, 2, -1}}, int64[3] one = {{1, 2, -1}},
         float[1,2,1,1] s = {{2, 2}}, float low = {{0}}, float high = {{6}}, float[1,2,1,1] t = {{1, 1}}>
        {{ {body} }}"#
    ))
    .unwrap()
}

fn effect(right: &str, wrong: &str) -> Effect {
    let oracle = Oracle::new(&model(right), &model(right), 3).unwrap();
    assert_eq!(oracle.effect(&model(right)), Effect::Unchanged);
    oracle.effect(&model(wrong))
}

fn changes(right: &str, wrong: &str) {
    let found = effect(right, wrong);
    assert!(matches!(found, Effect::Changed(_)), "{found:?} for {wrong}");
}

#[test]
fn what_is_behind_a_closed_gate_is_seen() {
    changes("c = Conv (x, w0, b) r = Relu (c) y = Conv (r, v)", "c = Conv (x, w0, b) r = Relu (c) y = Conv (r, u)");
}

#[test]
fn what_holds_for_one_size_is_seen() {
    changes("y = Reshape (x, flat)", "y = Reshape (x, one)");
}

#[test]
fn bounds_that_a_factor_passed_are_seen() {
    changes("c = Clip (x, low, high) y = Mul (c, s)", "c = Mul (x, s) y = Clip (c, low, high)");
}

#[test]
fn overflow_of_the_own_type_is_seen_and_a_power_of_two_is_none() {
    let right = "y = Identity (x)";
    changes(right, "k = Mul (x, big) l = Mul (k, big) m = Mul (l, small) y = Mul (m, small)");
    assert_eq!(effect("y = Mul (x, s)", "y = Add (x, x)"), Effect::Unchanged);
}

#[test]
fn invalid_files_are_excluded_and_other_interfaces_are_changes() {
    let found = effect("y = Relu (x)", "z = Relu (y) y = Relu (x)");
    assert!(matches!(found, Effect::Excluded(_)), "{found:?}");
    let oracle = Oracle::new(&model("y = Relu (x)"), &model("y = Relu (x)"), 2).unwrap();
    let mut renamed = ModelProto::decode(&model("y = Relu (x)")[..]).unwrap();
    renamed.graph.as_mut().unwrap().output[0].name = Some("x".into());
    assert!(matches!(oracle.effect(&renamed.encode_to_vec()), Effect::Changed(_)));
    assert!(oracle.trials() > 8);
}

#[test]
fn what_overflows_in_the_first_model_alone_is_no_change_in_a_type_with_a_short_exponent() {
    let half = |body: &str| {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            net (float16[n,2] x) => (float16[] y) <float16 big = {{16384.0}}, float16 small = {{0.00006103515625}}> {{ {body} }}"#
        );
        crate::sample::encode(&text).unwrap()
    };
    let (right, wrong) = (half("y = Identity (x)"), half("k = Mul (x, big) y = Mul (k, small)"));
    let oracle = || Oracle::new(&right, &right, 3).unwrap();
    assert!(matches!(oracle().effect(&wrong), Effect::Changed(_)));
    assert_eq!(oracle().of_the_first().effect(&wrong), Effect::Unchanged);
    assert!(matches!(oracle().of_the_first().effect(&half("y = Mul (x, big)")), Effect::Changed(_)));
}
