use super::*;
use crate::model::Model;

const NET: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    net (float[1,4,6,6] x) => (float[] y, float[] z, float[] q)
    <float[4,2,3,3] w = dyadic(1), float[4] c = dyadic(20), float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4),
     float[4] v = square(5), float[4,3,2,2] w2 = dyadic(6), float[6] s2 = dyadic(8), float[6] b2 = dyadic(9),
     float[6] m2 = dyadic(10), float[6] v2 = square(11), float[6,6] w3 = dyadic(12), float[6] c3 = dyadic(13),
     float[6] s3 = dyadic(14), float[6] b3 = dyadic(15), float[6] m3 = dyadic(16), float[6] v3 = square(17),
     float[2,4,1,1] w4 = dyadic(18), float[2,4,1,1] w5 = dyadic(19), float[2,4,3,3] w6 = dyadic(21), float[2] nan = {1, nan},
     float[2] two = {1, 2}, float[2] negative = {1, -2}>
    { p = Conv <group = 2, pads = [1, 1, 1, 1]> (x, w, c)
      n = BatchNormalization <epsilon = 0.01> (p, s, b, m, v)
      r = Relu (n)
      t = ConvTranspose <group = 2> (r, w2)
      o = BatchNormalization (t, s2, b2, m2, v2)
      a = GlobalAveragePool (o)
      f = Flatten (a)
      g = Gemm <transB = 1, alpha = 0.5, beta = 2.0> (f, w3, c3)
      y = BatchNormalization <epsilon = 0.001> (g, s3, b3, m3, v3)
      i = Relu (x)
      k = BatchNormalization (i, s, b, m, v)
      l = Conv (k, w4)
      j = Conv (k, w5)
      z = Add (l, j)
      e = BatchNormalization (r, s, b, m, v)
      d = Conv <pads = [1, 1, 1, 1]> (e, w6)
      h = BatchNormalization (d, two, two, two, nan)
      u = Conv (r, w4)
      q0 = BatchNormalization (u, two, two, two, negative)
      u1 = Sigmoid (d)
      u2 = Mul (u1, q0)
      q1 = Conv (r, w5)
      q2 = BatchNormalization (q1, two, two, two, two)
      q3 = Add (q1, u2)
      q4 = Add (q2, q3)
      q = Add (q4, h) }"#;

/// The net with inexact constants, and its right fold, as bytes.
fn pair() -> (Vec<u8>, Vec<u8>) {
    let mut model = ModelProto::decode(&crate::sample::encode(NET).unwrap()[..]).unwrap();
    for (index, tensor) in model.graph.as_mut().unwrap().initializer.iter_mut().enumerate() {
        let factor = 1.0 + 0.137 / (index as f32 + 1.0);
        tensor.float_data.iter_mut().for_each(|v| *v *= factor);
        let scaled = |c: &[u8]| (f32::from_le_bytes(c.try_into().unwrap()) * factor).to_le_bytes();
        tensor.raw_data.iter_mut().for_each(|raw| *raw = raw.chunks_exact(4).flat_map(scaled).collect());
    }
    let bytes = model.encode_to_vec();
    let model = Model::from_bytes(bytes.clone()).unwrap();
    let mut folded = Vec::new();
    // Two readers of one value are to stay two.
    let whole = crate::plan::Options { partial: crate::plan::Partial::Never, keep_branches: true, ..Default::default() };
    crate::fold::write_to(&Graph::build(&model).unwrap(), &whole, &mut folded).unwrap();
    (bytes, folded)
}

fn with_subject(run: impl FnOnce(&Subject<'_, '_>)) {
    let (before, after) = pair();
    let (before, after) = (Model::from_bytes(before).unwrap(), Model::from_bytes(after).unwrap());
    let (before, after) = (Graph::build(&before).unwrap(), Graph::build(&after).unwrap());
    run(&Subject::new(&before, &after).unwrap());
}

#[test]
fn the_right_computation_is_understood_at_every_linear_node() {
    with_subject(|subject| {
        let folds: Vec<usize> = subject.sites.iter().map(|site| subject.folds(site).unwrap().len()).collect();
        // The two readers of `k` are one site.
        assert_eq!(folds.iter().sum::<usize>(), subject.sites.iter().map(|s| s.region.after.len()).sum::<usize>(), "{folds:?}");
        assert!(folds.contains(&2) && folds.len() >= 4, "{folds:?}");
    });
}

#[test]
fn every_kind_applies_somewhere_and_only_to_what_it_says() {
    with_subject(|subject| {
        for fault in Fault::ALL {
            let found = (0..20).map(|seed| subject.seed(fault, seed).unwrap());
            let wrong = found.filter_map(|s| if let Seeding::Wrong(wrong) = s { Some(wrong) } else { None }).next();
            if fault == Fault::FoldedIn(Element::F32) {
                assert!(wrong.is_none(), "the net is no wider");
                continue;
            }
            let Some(wrong) = wrong else { panic!("`{}` applies nowhere", fault.name()) };
            assert_ne!(wrong.model, subject.model, "{}", fault.name());
            assert!(!wrong.values.is_empty());
            let bytes = wrong.model.encode_to_vec();
            let model = Model::from_bytes(bytes).unwrap();
            Graph::build(&model).unwrap_or_else(|e| panic!("`{}` is no model: {e}", fault.name()));
        }
    });
}

#[test]
fn the_same_seed_gives_the_same_model() {
    with_subject(|subject| {
        let one = |seed| match subject.seed(Fault::Weight(0.1), seed).unwrap() {
            Seeding::Wrong(wrong) => Some(wrong.model.encode_to_vec()),
            _ => None,
        };
        assert_eq!(one(3), one(3));
        assert!((0..9).map(one).collect::<std::collections::BTreeSet<_>>().len() > 3);
    });
}

#[test]
fn one_weight_off_is_one_weight_off() {
    with_subject(|subject| {
        let Seeding::Wrong(wrong) = subject.seed(Fault::Weight(0.01), 1).unwrap() else { panic!() };
        let (right, wrong_graph) = (subject.model.graph.as_ref().unwrap(), wrong.model.graph.as_ref().unwrap());
        let numbers = |t: &crate::onnx::TensorProto| -> Vec<f32> {
            t.raw_data().chunks_exact(4).map(|c| f32::from_le_bytes(c.try_into().unwrap())).collect()
        };
        let pairs = right.initializer.iter().zip(&wrong_graph.initializer).map(|(a, b)| (numbers(a), numbers(b)));
        let apart: Vec<(f32, f32)> =
            pairs.flat_map(|(a, b)| a.into_iter().zip(b).filter(|(x, y)| x != y).collect::<Vec<_>>()).collect();
        let [(x, y)] = apart[..] else { panic!("{apart:?}") };
        assert!((y / x - 1.01).abs() < 1e-6);
        let units = wrong.units.unwrap();
        assert!((units * 2.0_f64.powi(-24) - 0.01).abs() < 1e-6, "{units}");
    });
}

#[test]
fn no_fault_makes_a_circle_where_a_fold_reads_what_its_own_result_gates() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        net (float[1,3,4,4] x) => (float[] y)
        <float[4,3,1,1] w = dyadic(1), float[2,4,1,1] p = dyadic(2), float[4,2,1,1] q = dyadic(3), float[2,4,1,1] v = dyadic(4),
         float[4] s = positive(5), float[4] b = dyadic(6), float[4] m = dyadic(7), float[4] k = square(8),
         float[1,4,1,1] t = positive(9)>
        { c = Conv (x, w)
          e = BatchNormalization (c, s, b, m, k)
          g = GlobalAveragePool (e)
          i = Conv (g, p)
          j = Relu (i)
          o = Conv (j, q)
          f = Sigmoid (o)
          u = Mul (e, f)
          z = Mul (u, t)
          y = Conv (z, v) }"#;
    let before = Model::from_bytes(crate::sample::encode(text).unwrap()).unwrap();
    let before = Graph::build(&before).unwrap();
    let mut folded = Vec::new();
    crate::fold::write_to(&before, &Default::default(), &mut folded).unwrap();
    let after = Model::from_bytes(folded).unwrap();
    let after = Graph::build(&after).unwrap();
    let subject = Subject::new(&before, &after).unwrap();
    let mut made = 0;
    for (seed, fault) in (0..40).flat_map(|seed| Fault::ALL.map(|fault| (seed, fault))) {
        let Seeding::Wrong(wrong) = subject.seed(fault, seed).unwrap() else { continue };
        let model = Model::from_bytes(wrong.model.encode_to_vec()).unwrap();
        Graph::build(&model).unwrap_or_else(|e| panic!("`{}` is no model: {e}", fault.name()));
        made += 1;
    }
    assert!(made > 40 && subject.sites() > 0);
}
