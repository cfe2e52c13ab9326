//! Sites that can be run alone only with what a run has found, or written in other operators: right ones are judged by every
//! layer, and a wrong constant is seen by the constants and by the site alone.

use crate::judged::{alone, change, decode, fold, inexact, judge, right, wrong_at};
use bnfold::verify::Outcome;
use prost::Message as _;

/// A model, the place of its fold, the input of its node that holds a folded constant, and the error that is put into it.
struct Case {
    name: &'static str,
    text: &'static str,
    value: &'static str,
    made_by: &'static str,
    input: usize,
    error: f64,
}

const CASES: [Case; 8] = [
    Case {
        name: "computed offsets and a computed mask",
        text: r#"<ir_version: 9, opset_import: ["" : 19]>
            g (float[1,2,7,7] x) => (float[1,3,7,7] y)
            <float[12,2,3,3] k = dyadic(1), float[6,2,1,1] l = dyadic(2), float[3,2,3,2] w = dyadic(3), float[3] b = dyadic(4),
             float[3] s = positive(5), float[3] t = dyadic(6), float[3] m = dyadic(7), float[3] v = square(8)>
            { o = Conv <pads = [1,1,1,1]> (x, k)  n = Conv (x, l)  a = Sigmoid (n)
              c = DeformConv <pads = [1,1,1,0]> (x, w, o, b, a)
              y = BatchNormalization (c, s, t, m, v) }"#,
        value: "y",
        made_by: "y",
        input: 1,
        error: 1e-4,
    },
    Case {
        // Taken for magnitudes, they would point out of the plane, where no difference is allowed.
        name: "offsets that point back",
        text: r#"<ir_version: 9, opset_import: ["" : 19]>
            g (float[1,2,9,9] x) => (float[1,3,9,9] y)
            <float[2,2,1,1] k = dyadic(1), float[2] l = {-6, -6}, float[3,2,1,1] w = dyadic(3), float[3] s = positive(5),
             float[3] t = {0, 0, 0}, float[3] m = {0, 0, 0}, float[3] v = square(8)>
            { o = Conv (x, k, l)  c = DeformConv (x, w, o)  y = BatchNormalization (c, s, t, m, v) }"#,
        value: "y",
        made_by: "y",
        input: 1,
        error: 1e-4,
    },
    Case {
        name: "states of a computed shape",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[4,2,3] x) => (y, l)
            <float[3] t = dyadic(1), float[1,8,3] w = dyadic(2), float[1,8,2] r = dyadic(3), float[1,16] b = dyadic(4),
             int64[1] one = {1}, int64[1] two = {2}>
            { a = Add (x, t)  e = Shape (a)  n = Gather (e, one)  f = Concat <axis = 0> (one, n, two)  h = ConstantOfShape (f)
              y, l = LSTM <hidden_size = 2> (a, w, r, b, "", h, h) }"#,
        value: "l",
        made_by: "y",
        input: 3,
        error: 1e-4,
    },
    Case {
        name: "a GRU that runs backward",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[4,2,3] x) => (y)
            <float[3] t = positive(1), float[1,6,3] w = dyadic(2), float[1,6,2] r = dyadic(3), float[1,12] b = dyadic(4)>
            { a = Mul (x, t)  y = GRU <hidden_size = 2, direction = "reverse"> (a, w, r, b) }"#,
        value: "y",
        made_by: "y",
        input: 1,
        error: 1e-4,
    },
    Case {
        name: "a shape that is computed",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,4,4] x) => (float[1,3,16] y)
            <float[3,2,1,1] w = dyadic(1), float[3] s = positive(5), float[3] t = dyadic(6), float[3] m = dyadic(7),
             float[3] v = square(8), int64[1] zero = {0}, int64[2] rest = {3, -1}>
            { c = Conv (x, w)  e = Shape (x)  n = Gather (e, zero)  f = Concat <axis = 0> (n, rest)  d = Reshape (c, f)
              y = BatchNormalization (d, s, t, m, v) }"#,
        value: "y",
        made_by: "c_folded",
        input: 1,
        error: 1e-4,
    },
    Case {
        name: "a shape of its own",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,4,2] x) => (float[1,4,3] y)
            <float[2,3] w = dyadic(1), float[3] k = positive(5)>
            { c = MatMul (x, w)  e = Shape (c)  f = Flatten <axis = 2> (c)  r = Reshape (f, e)  y = Mul (r, k) }"#,
        value: "y",
        made_by: "c_folded",
        input: 1,
        error: 1e-4,
    },
    Case {
        name: "branches of other extents",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,24,24] x) => (float[1,3,12,12] y)
            <float[3,2,1,1] w = dyadic(1), float[3,2,1,1] k = dyadic(2), float[3] s = positive(5), float[3] t = dyadic(6),
             float[3] m = dyadic(7), float[3] v = square(8)>
            { p = MaxPool <kernel_shape = [2,2], strides = [2,2]> (x)  c = Conv <strides = [2,2]> (x, w)  d = Conv (p, k)
              a = Add (c, d)  y = BatchNormalization (a, s, t, m, v) }"#,
        value: "y",
        made_by: "c_folded",
        input: 1,
        error: 1e-4,
    },
    Case {
        name: "double",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (double[1,2,6,6] x) => (double[1,3,6,6] y)
            <double[3,2,3,3] w = dyadic(1), double[3] s = positive(5), double[3] t = dyadic(6), double[3] m = dyadic(7),
             double[3] v = square(8)>
            { c = Conv <pads = [1,1,1,1]> (x, w)  y = BatchNormalization (c, s, t, m, v) }"#,
        value: "y",
        made_by: "y",
        input: 1,
        error: 1e-10,
    },
];

#[test]
fn each_is_run_alone_and_shows_a_wrong_constant() {
    let mut as_found = 0;
    for Case { name, text, value, made_by, input, error } in CASES {
        let bytes = inexact(text);
        let folded = fold(&bytes);
        assert_ne!(bytes, folded, "{name}: nothing was folded");
        let verdict = judge(&bytes, &folded);
        right(name, &verdict);
        let (shares, run) = alone(&verdict);
        assert_eq!(run, verdict.sites.len(), "{name}: {verdict:#?}");
        assert!(shares.iter().all(|share| *share <= 1.0) && shares[1] > 0.0, "{name}: {shares:?}");
        for site in &verdict.sites {
            let certificate = site.certificate.as_ref().unwrap_or_else(|| panic!("{name}: {site:#?}"));
            assert!(certificate.worst <= 1.0, "{name}: {certificate:?}");
            as_found += usize::from(certificate.notes.iter().any(|note| note.contains("at the sizes of the run")));
        }

        let mut wrong = decode(&folded);
        let graph = wrong.graph.as_mut().unwrap();
        change(graph, made_by, input, |all| all[0] += error * all[0].abs().max(1e-2));
        let verdict = judge(&bytes, &wrong.encode_to_vec());
        wrong_at(name, &verdict, value);
        let site = verdict.sites.iter().find(|site| site.outcome == Outcome::Differs).unwrap();
        let share = site.alone.as_ref().unwrap();
        assert!(share.skipped.is_none() && share.worst() > 1.0, "{name}: {share:?}");
        let certificate = site.certificate.as_ref().unwrap();
        assert!(certificate.worst > 1.0, "{name}: {certificate:?}");
    }
    assert!(as_found > 1, "what a run has found was needed for {as_found} of them");
}
