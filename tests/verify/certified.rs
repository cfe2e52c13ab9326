//! Certificates: what the constants of a fold are, held against what those of the first model ask for. Nothing is run.

use crate::judged::{change, corpus, decode, fold, inexact};
use bnfold::model::{Graph, Model};
use bnfold::ops::OPERATORS;
use bnfold::sample::Expect;
use bnfold::verify::certify::{Certified, certify};
use bnfold::verify::{self, Certificate, Tier, align, region};
use prost::Message as _;

/// The certificates of all sites, by the first value that each makes.
fn certified(before: &[u8], after: &[u8], tier: Tier) -> Vec<(String, Certified)> {
    let open = |bytes: &[u8]| Model::from_bytes(bytes.to_vec()).and_then(Model::inlined).unwrap();
    let (a, b) = (open(before), open(after));
    let (a, b) = (verify::graph(&a, false).unwrap(), verify::graph(&b, false).unwrap());
    let alignment = align::align(&a, &b).unwrap();
    assert!(alignment.differences.is_empty(), "{:?}", alignment.differences);
    let judged = region::judge(&a, &b, &alignment).unwrap();
    assert!(judged.differences.is_empty(), "{:?}", judged.differences);
    let named = |site: &region::Site| (site.region.outputs[0].clone(), certify(&a, &b, site, tier).unwrap());
    judged.sites.iter().map(named).collect()
}

/// The only certificate.
fn certificate(before: &[u8], after: &[u8], tier: Tier) -> Certificate {
    match certified(before, after, tier).remove(0).1 {
        Certified::Certificate(certificate) => *certificate,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_every_operator_folds_is_certified() {
    let mut count = [0, 0];
    let walked = bnfold::plan::SAMPLES.iter().chain(bnfold::constants::SAMPLES);
    for sample in OPERATORS.iter().flat_map(|o| o.samples).chain(walked) {
        if !matches!(sample.expect, Expect::Folded { .. } | Expect::Partly { .. }) {
            continue;
        }
        // A CastLike is matched once it is written as a Cast, which comes before what is asked here.
        if sample.text.contains("CastLike") {
            continue;
        }
        // Scales of integers are never doubles.
        let wide = sample.text.replace("float[", "double[").replace("float ", "double ");
        for text in [sample.text, &wide].iter().take(if wide.contains("DequantizeLinear") { 1 } else { 2 }) {
            let bytes = inexact(text);
            let folded = fold(&bytes);
            for (value, found) in certified(&bytes, &folded, Tier::Own) {
                match found {
                    Certified::Certificate(found) => {
                        assert!(found.worst <= 1.0 && found.tier == Some(Tier::Own), "{text}: {value}: {found:?}");
                        count[0] += 1;
                    }
                    Certified::OtherForm(why) => {
                        eprintln!("{}: {value}: {why}", sample.name);
                        count[1] += 1;
                    }
                    Certified::Differs(why) => panic!("{text}: {why}"),
                }
            }
        }
    }
    eprintln!("{count:?}");
    assert!(count[0] > 60, "{count:?}");
}

const WORKED: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    worked (float[1,2,1,1] x) => (float[1,1,1,1] y)
    <float[1,2,1,1] w = {0.7, -1.3}, float[1] b = {0.25}, float[1] s = {1.1}, float[1] t = {-0.4}, float[1] m = {0.05}, float[1] v = {0.9}>
    { c = Conv (x, w, b)  y = BatchNormalization <epsilon = 0.001> (c, s, t, m, v) }"#;

#[test]
fn the_worked_example_has_its_numbers() {
    let bytes = bnfold::sample::encode(WORKED).unwrap();
    let folded = fold(&bytes);
    let right = certificate(&bytes, &folded, Tier::Own);
    assert_eq!(right.tier, Some(Tier::Own));
    assert!((right.ulp - 0.048).abs() < 0.0005, "{right:?}");
    let shift = 0.351 / 0.5001;
    assert!((right.worst - shift).abs() < 0.002, "{right:?}");
    let place = right.place.unwrap();
    assert!((place.expected + 0.168_228_363_266_612_1).abs() < 1e-15, "{place:?}");
    // Epsilon forgotten: weights off by 9,318 u, the bias by 2,888 u·K.
    let forgotten = decode(&bnfold::sample::encode(&WORKED.replace("0.001", "0.0")).unwrap()).encode_to_vec();
    let wrong = certificate(&bytes, &fold(&forgotten), Tier::Own);
    assert_eq!(wrong.tier, None);
    assert!((wrong.units - 9318.0).abs() < 1.0, "{wrong:?}");
    assert!((wrong.ulp - 7559.0).abs() < 1.0, "{wrong:?}");
    assert!((wrong.shift_units - 2888.0).abs() < 1.0, "{wrong:?}");
}

#[test]
fn one_wrong_weight_is_named() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[1,2,5,5] x) => (float[1,4,5,5] y)
        <float[4,2,3,3] w = dyadic(1), float[4] s = dyadic(2), float[4] b = dyadic(3), float[4] m = dyadic(4), float[4] v = square(5)>
        { c = Conv <pads = [1, 1, 1, 1]> (x, w)  y = BatchNormalization (c, s, b, m, v) }"#;
    let bytes = inexact(text);
    let mut wrong = decode(&fold(&bytes));
    change(wrong.graph.as_mut().unwrap(), "y", 1, |w| w[3 * 18 + 9 + 5] *= 1.0 + 1e-5);
    for tier in [Tier::Own, Tier::Foreign] {
        let found = certificate(&bytes, &wrong.encode_to_vec(), tier);
        let place = found.place.unwrap();
        assert_eq!((found.tier, place.index.as_slice()), (None, &[3, 1, 1, 2][..]), "{place:?}");
        assert!(place.to_string().starts_with("constant `"), "{place}");
    }
}

#[test]
fn a_wrong_constant_of_a_recurrence_is_not_hidden_by_its_activations() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (float[1,3,4] x) => (float[] y)
        <float[1,8,3] w = dyadic(1), float[1,8,2] r = dyadic(2), float[1,16] bias = dyadic(3), float[3] s = dyadic(4),
         float[3] b = dyadic(5), float[3] m = dyadic(6), float[3] v = square(7)>
        { n = BatchNormalization (x, s, b, m, v)  t = Transpose <perm = [2, 0, 1]> (n)
          y = LSTM <hidden_size = 2> (t, w, r, bias) }"#;
    let bytes = inexact(text);
    let folded = fold(&bytes);
    assert_eq!(certificate(&bytes, &folded, Tier::Own).tier, Some(Tier::Own));
    // Of the input, of the recurrence, and of both halves of the bias.
    for (input, element) in [(1, 4), (2, 5), (3, 2), (3, 11)] {
        let mut wrong = decode(&folded);
        change(wrong.graph.as_mut().unwrap(), "y", input, |values| values[element] += 1e-4);
        for tier in [Tier::Own, Tier::Foreign] {
            let found = certificate(&bytes, &wrong.encode_to_vec(), tier);
            assert!(found.tier.is_none() && found.worst > 1.0, "input {input}, element {element}: {found:?}");
        }
    }
}

#[test]
fn what_a_recurrence_begins_with_is_looked_at_to_the_last_digit() {
    let lstm = |body: &str, [c, p]: [f64; 2], w: &str, h: &str| {
        let text = format!(
            r#"<ir_version: 8, opset_import: ["" : 17]> g (float[1,3,2] x, float[1,3,2] u, float[1,3,2] v) => (float[] y)
            <float[1,8,2] w = {{{w}}}, float[1,8,2] r = dyadic(2), float[1,16] b = dyadic(3), float[2] k = {{2, 4}},
             float[1,3,2] c = fill({c}), float[1,6] p = fill({p})>
            {{ {body} y = LSTM <hidden_size = 2> (t, w, r, b, "", {h}, c, p) }}"#
        );
        bnfold::sample::encode(&text).unwrap()
    };
    let all = |one: &str, two: &str| vec![format!("{one}, {two}"); 8].join(", ");
    let before = lstm("t = Mul (x, k)", [0.5, 0.25], &all("1", "2"), "u");
    let after = |values, h| lstm("t = Identity (x)", values, &all("2", "8"), h);
    let verdict = crate::judged::judge(&before, &after([0.5, 0.25], "u"));
    assert_eq!(verdict.outcome, bnfold::verify::Outcome::EqualWithinRounding);
    for (values, h) in [([0.500001, 0.25], "u"), ([0.5, 0.250001], "u"), ([0.5, 0.25], "v")] {
        let verdict = crate::judged::judge(&before, &after(values, h));
        assert!(verdict.outcome >= bnfold::verify::Outcome::NotJudged, "{values:?} {h}: {verdict:#?}");
    }
}

/// `BNFOLD_CORPUS` names a folder of models: each is folded, and the constants of every fold are judged.
#[test]
fn a_corpus_of_models_is_certified() {
    let Some(files) = corpus() else { return };
    let target = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for path in files {
        let model = Model::open(&path).unwrap();
        let graph = Graph::build(&model).unwrap();
        let target = target.path().join("folded.onnx");
        let (_, staged) = bnfold::fold::stage(&graph, &bnfold::plan::Options::default(), &target, &mut |_| {}).unwrap();
        let started = std::time::Instant::now();
        let folded = Model::open_moved(&staged.model, &staged.sides).unwrap();
        let folded = Graph::build(&folded).unwrap();
        let alignment = align::align(&graph, &folded).unwrap();
        let judged = region::judge(&graph, &folded, &alignment).unwrap();
        let structure = started.elapsed();
        let (mut ulp, mut once, mut units, mut other) = (0.0_f64, 0.0_f64, 0.0_f64, 0);
        for site in &judged.sites {
            match certify(&graph, &folded, site, Tier::Own).unwrap() {
                Certified::Certificate(found) => {
                    (ulp, once, units) = (ulp.max(found.ulp), once.max(found.once), units.max(found.shift_units));
                    if found.tier != Some(Tier::Own) {
                        wrong.push(format!("{}: {found:?}", path.display()));
                    }
                }
                Certified::OtherForm(why) => {
                    other += 1;
                    eprintln!("  other form at {}: {why}", site.region.outputs[0]);
                }
                Certified::Differs(why) => wrong.push(format!("{}: {why}", path.display())),
            }
        }
        let certified = started.elapsed() - structure;
        eprintln!(
            "{}: {} sites, {other} of another form, {once:.4} of the limit, {ulp:.4} ulp, {units:.3} u·K, L0 {structure:.2?}, L1 {certified:.2?}",
            path.file_name().unwrap().display(),
            judged.sites.len()
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A region's form, the value that it makes, and which of the constants there is the bias.
struct Case {
    name: &'static str,
    shapes: &'static str,
    constants: &'static str,
    body: &'static str,
    made: &'static str,
    bias: Option<usize>,
}

const NORMAL: &str = "s = dyadic(2), float[C] b = dyadic(3), float[C] m = dyadic(4), float[C] v = square(5)";

const CASES: &[Case] = &[
    Case {
        name: "Conv with groups and a bias",
        shapes: "float[1,4,5,5] x) => (float[1,6,5,5] y",
        constants: "float[6,2,3,3] w = dyadic(1), float[6] k = dyadic(7), float[6] NORMAL",
        body: "c = Conv <group = 2, pads = [1, 1, 1, 1]> (x, w, k)  y = BatchNormalization (c, s, b, m, v)",
        made: "y",
        bias: Some(2),
    },
    Case {
        name: "ConvTranspose with groups",
        shapes: "float[1,4,3,3] x) => (float[1,6,7,7] y",
        constants: "float[4,3,3,3] w = dyadic(1), float[6] NORMAL",
        body: "c = ConvTranspose <group = 2, strides = [2, 2]> (x, w)  y = BatchNormalization (c, s, b, m, v)",
        made: "y",
        bias: Some(2),
    },
    Case {
        name: "Gemm with factors and a transposed weight",
        shapes: "float[2,4] x) => (float[2,3] y",
        constants: "float[3,4] w = dyadic(1), float[3] k = dyadic(7), float[3] NORMAL",
        body: "c = Gemm <alpha = 0.5, beta = 2.0, transB = 1> (x, w, k)  y = BatchNormalization (c, s, b, m, v)",
        made: "y",
        bias: Some(2),
    },
    Case {
        name: "MatMul and Add",
        shapes: "float[2,4] x) => (float[2,3] y",
        constants: "float[4,3] w = dyadic(1), float[3] k = dyadic(7), float[3] NORMAL",
        body: "c = MatMul (x, w)  d = Add (c, k)  y = BatchNormalization (d, s, b, m, v)",
        made: "y",
        bias: Some(2),
    },
    Case {
        name: "before a Conv without padding",
        shapes: "float[1,4,5,5] x) => (float[1,6,3,3] y",
        constants: "float[6,2,3,3] w = dyadic(1), float[6] k = dyadic(7), float[4] NORMAL",
        body: "n = BatchNormalization (x, s, b, m, v)  y = Conv <group = 2> (n, w, k)",
        made: "y",
        bias: Some(2),
    },
    Case {
        name: "before a Gemm",
        shapes: "float[2,4] x) => (float[2,3] y",
        constants: "float[4,3] w = dyadic(1), float[4] NORMAL",
        body: "n = BatchNormalization (x, s, b, m, v)  y = Gemm (n, w)",
        made: "y",
        bias: Some(2),
    },
    Case {
        name: "a Mul and an Add behind a Conv",
        shapes: "float[1,2,5,5] x) => (float[1,6,3,3] y",
        constants: "float[6,2,3,3] w = dyadic(1), float[6,1,1] p = dyadic(7), float[6,1,1] q = dyadic(8)",
        body: "c = Conv (x, w)  d = Mul (c, p)  y = Add (d, q)",
        made: "y",
        bias: Some(2),
    },
    Case {
        name: "a BatchNormalization on both sides",
        shapes: "float[1,4,5,5] x) => (float[1,4,3,3] y",
        constants: "float[4,4,3,3] w = dyadic(1), float[4] NORMAL",
        body: "n = BatchNormalization (x, s, b, m, v)  c = Conv (n, w)  y = BatchNormalization (c, s, b, m, v)",
        made: "y",
        bias: Some(2),
    },
    Case {
        name: "two BatchNormalizations",
        shapes: "float[1,4,5,5] x) => (float[1,4,5,5] y",
        constants: "float[4] u = dyadic(9), float[4] NORMAL",
        body: "n = BatchNormalization (x, s, b, m, v)  y = BatchNormalization (n, u, b, m, v)",
        made: "y",
        bias: Some(2),
    },
];

#[test]
fn every_form_is_certified_and_every_fault_in_it_is_named() {
    for (case, ty) in CASES.iter().flat_map(|case| ["float", "float16", "bfloat16", "double"].map(|ty| (case, ty))) {
        let channels = case.constants.split("float[").find(|part| part.contains("NORMAL")).map_or("1", |part| &part[..1]);
        let constants = case.constants.replace("NORMAL", &NORMAL.replace('C', channels));
        let text = format!(r#"<ir_version: 8, opset_import: ["" : 17]> g ({}) <{constants}> {{ {} }}"#, case.shapes, case.body);
        let bytes = inexact(&text.replace("float[", &format!("{ty}[")));
        let folded = fold(&bytes);
        let (place, tier) = (format!("{} in {ty}", case.name), Tier::Own);
        let right = certificate(&bytes, &folded, tier);
        assert_eq!(right.tier, Some(Tier::Own), "{place}: {right:?}");
        assert!(right.worst <= 1.0, "{place}: {right:?}");
        // What is 64 places off is beyond both tiers; what is one place off only beyond the strict one.
        let place_of = |value: f64, places: f64| {
            let digits = match ty {
                "float" => 23,
                "float16" => 10,
                "bfloat16" => 7,
                _ => 52,
            };
            places * 2f64.powi(value.abs().log2().floor() as i32 - digits)
        };
        for (input, element) in [Some((1, 5)), case.bias.map(|bias| (bias, 2))].into_iter().flatten() {
            let element = if input == 1
                && case.body.matches("Conv").count() + case.body.matches("Mat").count() + case.body.matches("Gemm").count() == 0
            {
                2
            } else {
                element
            };
            for (places, expected) in [
                (if ty == "double" { 4096.0 } else { 64.0 }, None),
                (if ty == "double" { 0.0 } else { 1.5 }, Some(Tier::Foreign)),
            ] {
                if places == 0.0 {
                    continue;
                }
                let mut wrong = decode(&folded);
                let mut name = String::new();
                let graph = wrong.graph.as_mut().unwrap();
                name.push_str(&crate::judged::maker(graph, case.made).input[input]);
                change(graph, case.made, input, |w| w[element] += place_of(w[element], places));
                let found = certificate(&bytes, &wrong.encode_to_vec(), tier);
                if input == 1 {
                    assert_eq!(found.tier, expected, "{place}: {input}: {found:?}");
                } else {
                    assert_ne!(found.tier, Some(Tier::Own), "{place}: {input}: {found:?}");
                }
                let spot = found.place.unwrap();
                assert_eq!(spot.constant.as_deref(), Some(name.as_str()), "{place}: {spot:?}");
                if input == 2 {
                    assert_eq!(spot.index, [element as u64], "{place}: {spot:?}");
                }
            }
        }
    }
}

#[test]
fn a_bias_that_cancels_is_judged_by_what_cancels() {
    // The mean is the bias, almost: what is left has few digits of its own, and that is no fault.
    let text = |k: &str| {
        format!(
            r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,1,3,3] x) => (float[1,1,3,3] y)
            <float[1,1,1,1] w = {{0.7}}, float[1] k = {{{k}}}, float[1] s = {{1.1}}, float[1] b = {{0.0001}}, float[1] m = {{1234.5678}}, float[1] v = {{0.9}}>
            {{ c = Conv (x, w, k)  y = BatchNormalization <epsilon = 0.001> (c, s, b, m, v) }}"#
        )
    };
    let bytes = bnfold::sample::encode(&text("1234.5677")).unwrap();
    let folded = fold(&bytes);
    let right = certificate(&bytes, &folded, Tier::Own);
    assert_eq!(right.tier, Some(Tier::Own), "{right:?}");
    // In single precision the sum is off by thousands of its own places, and right for what it is.
    let mut foreign = decode(&folded);
    change(foreign.graph.as_mut().unwrap(), "y", 2, |b| {
        let s = 1.1_f32 / (0.9_f32 + 1e-3).sqrt();
        b[0] = f64::from((1234.5677_f32 * s) + (0.0001_f32 - 1234.5678_f32 * s));
    });
    let found = certificate(&bytes, &foreign.encode_to_vec(), Tier::Foreign);
    assert_eq!(found.tier, Some(Tier::Foreign), "{found:?}");
    assert!(found.shift_units > 0.0 && found.worst <= 1.0, "{found:?}");
    change(foreign.graph.as_mut().unwrap(), "y", 2, |b| b[0] += 3.0 * 8.0 * 1400.0 * 2f64.powi(-23));
    assert_eq!(certificate(&bytes, &foreign.encode_to_vec(), Tier::Foreign).tier, None);
}
