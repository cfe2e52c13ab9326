//! A fold that a judge refuses is left out, and nothing else. No fold of ours fails, so the judge is played here.

use bnfold::fold::stage_judged;
use bnfold::model::{Graph, Model};
use bnfold::plan::Options;

const TWO: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x) => (float[1,2,4,4] y)
    <float[2,2,1,1] W = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = {1, -0.5}, float[2] v = {0.25, 1}>
    { c = Conv (x, W)  d = BatchNormalization <epsilon = 0.0> (c, s, b, m, v)  e = Relu (d)
      f = Conv (e, W)  y = BatchNormalization <epsilon = 0.0> (f, s, b, m, v) }"#;

#[test]
fn what_is_refused_is_left_out_and_judged_again() {
    let folder = tempfile::tempdir().unwrap();
    let (source, target) = (folder.path().join("a.onnx"), folder.path().join("b.onnx"));
    std::fs::write(&source, bnfold::sample::encode(TWO).unwrap()).unwrap();
    let model = Model::open(&source).unwrap();
    let graph = Graph::build(&model).unwrap();
    let mut rounds = Vec::new();
    let mut judge = |prepared: &bnfold::fold::Prepared<'_>, staged: &bnfold::fold::Staged| {
        let left = Model::open(&staged.model)?.proto.graph.unwrap().node.len();
        rounds.push((prepared.plan.folds().len(), left));
        // The second place: its nodes stand at 3 and 4.
        Ok(if rounds.len() == 1 { vec![3, 4] } else { vec![3] })
    };
    let (prepared, staged, dropped) = stage_judged(&graph, &Options::default(), &target, &mut |_| {}, &mut judge).unwrap();
    staged.publish(false).unwrap();
    assert_eq!(rounds, [(2, 3), (1, 4)]);
    assert_eq!(dropped.iter().map(|node| node.0).collect::<Vec<_>>(), [4]);
    let kept = &prepared.plan.kept;
    assert_eq!(kept.iter().map(|stay| stay.main().reason.code()).collect::<Vec<_>>(), ["unverified"]);
    let nodes = Model::open(&target).unwrap().proto.graph.unwrap().node;
    assert_eq!(nodes.iter().map(|n| n.op_type()).collect::<Vec<_>>(), ["Conv", "Relu", "Conv", "BatchNormalization"]);
}

const BRANCHES: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x) => (float[1,2,4,4] y)
    <float[2,2,3,3] W = dyadic(1), float[2] s = dyadic(2), float[2] b = dyadic(3), float[2] m = {1, -0.5}, float[2] v = {0.25, 1}>
    { c = Conv <pads = [1,1,1,1]> (x, W)  d = Add (c, x)  y = BatchNormalization <epsilon = 0.0> (d, s, b, m, v) }"#;

#[test]
fn a_judge_that_refuses_everything_is_not_asked_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("a.onnx");
    for text in [TWO, BRANCHES] {
        std::fs::write(&source, bnfold::sample::encode(text).unwrap()).unwrap();
        let model = Model::open(&source).unwrap();
        let graph = Graph::build(&model).unwrap();
        let mut rounds = 0;
        let mut judge = |_: &bnfold::fold::Prepared<'_>, _: &bnfold::fold::Staged| {
            rounds += 1;
            assert!(rounds < 10);
            Ok((0..5).collect())
        };
        let target = folder.path().join("b.onnx");
        let (prepared, ..) = stage_judged(&graph, &Options::default(), &target, &mut |_| {}, &mut judge).unwrap();
        assert!(prepared.is_unchanged());
    }
}
