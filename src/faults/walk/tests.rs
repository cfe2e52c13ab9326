use super::*;

const NET: &str = r#"<ir_version: 8, opset_import: ["" : 17, "own" : 1]>
    net (float[n,2,h,h] x) => (float[] y)
    <float[2,2,1,1] w = dyadic(1), float[2] b = dyadic(2), float low = {0}, float high = {6}, int64[2] axes = {2, 3}, float f = {1.5}>
    { c = Conv (x, w, b)
      r = Clip (c, low, high)
      p = LeakyRelu <alpha = 0.5> (r)
      s = own.twice (p)
      m = Mul (s, f)
      y = ReduceSum (m, axes) }
    <domain: "own", opset_import: ["" : 17]> twice (a) => (o) { o = Add (a, a) }"#;

#[test]
fn a_message_is_written_as_it_was_read() {
    let bytes = crate::sample::encode(NET).unwrap();
    let message = Message::decode(schema::index("ModelProto"), &bytes, DEEPEST).unwrap();
    assert_eq!(message.encode(), bytes);
    assert!(Message::decode(schema::index("ModelProto"), &bytes[..bytes.len() - 1], DEEPEST).is_none());
}

#[test]
fn every_field_that_a_model_has_is_reached() {
    let bytes = crate::sample::encode(NET).unwrap();
    let walk = Walk::new(&bytes).unwrap();
    let kinds: BTreeSet<String> = (0..6000).filter_map(|seed| walk.draw(seed)).map(|damage| damage.kind).collect();
    for wanted in [
        "NodeProto.input altered",
        "NodeProto.input exchanged",
        "NodeProto.output added",
        "NodeProto.op_type altered",
        "AttributeProto.f altered",
        "TensorProto.raw_data altered",
        "OperatorSetIdProto.version altered",
        "GraphProto.node removed",
        "FunctionProto.node removed",
        "Tensor.elem_type altered",
        "Dimension.dim_param altered",
        "GraphProto.sparse_initializer added",
        "ModelProto.doc_string added",
        "a factor carried",
    ] {
        assert!(kinds.contains(wanted), "{wanted}: {kinds:#?}");
    }
}

#[test]
fn one_change_is_one_change_and_a_seed_gives_the_same_again() {
    let bytes = crate::sample::encode(NET).unwrap();
    let walk = Walk::new(&bytes).unwrap();
    for seed in 0..500 {
        let (Some(one), Some(two)) = (walk.draw(seed), walk.draw(seed)) else { continue };
        assert_eq!(one.bytes, two.bytes);
        assert_ne!(one.bytes, bytes);
    }
}
