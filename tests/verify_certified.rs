//! Certificates: what the constants of a fold are, held against what those of the first model ask for. Nothing is run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stderr)]

mod judged;

use bnfold::model::{Graph, Model};
use bnfold::ops::OPERATORS;
use bnfold::sample::Expect;
use bnfold::verify::certify::{Certified, certify};
use bnfold::verify::{Certificate, Tier, align, region};
use judged::{change, decode, fold, inexact};
use prost::Message as _;

/// The certificates of all sites, by the first value that each makes.
fn certified(before: &[u8], after: &[u8], tier: Tier) -> Vec<(String, Certified)> {
    let (a, b) = (Model::from_bytes(before.to_vec()).unwrap(), Model::from_bytes(after.to_vec()).unwrap());
    let (a, b) = (Graph::build(&a).unwrap(), Graph::build(&b).unwrap());
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
    let walked = bnfold::plan::SAMPLES.iter();
    for sample in OPERATORS.iter().flat_map(|o| o.samples).chain(walked) {
        if !matches!(sample.expect, Expect::Folded { .. }) {
            continue;
        }
        let bytes = inexact(sample.text);
        let folded = fold(&bytes);
        for (value, found) in certified(&bytes, &folded, Tier::Own) {
            match found {
                Certified::Certificate(found) => {
                    assert!(found.worst <= 1.0 && found.tier == Some(Tier::Own), "{}: {value}: {found:?}", sample.text);
                    count[0] += 1;
                }
                Certified::OtherForm(why) => {
                    eprintln!("{}: {value}: {why}", sample.name);
                    count[1] += 1;
                }
                Certified::Differs(why) => panic!("{}: {why}", sample.text),
            }
        }
    }
    eprintln!("{count:?}");
    assert!(count[0] > 30, "{count:?}");
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
    assert!((place.expected + 0.168_228_363_266_612_11).abs() < 1e-15, "{place:?}");
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

/// `BNFOLD_CORPUS` names a folder of models: each is folded, and the constants of every fold are judged.
#[test]
fn a_corpus_of_models_is_certified() {
    let Some(folder) = std::env::var_os("BNFOLD_CORPUS") else {
        eprintln!("skipped: BNFOLD_CORPUS is not set");
        return;
    };
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "onnx"));
    files.sort();
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
