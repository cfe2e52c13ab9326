//! The samples that stand beside the operators: each folds to exactly the same function, or stays for the reason that it names.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use std::collections::BTreeSet;

use bnfold::law::Reason;
use bnfold::model::{Model, NodeId};
use bnfold::ops::OPERATORS;
use bnfold::plan::Partial;
use bnfold::sample::{Expect, Sample};
use support::{evaluate, fold, model_of, random_inputs};

/// The reasons that were given for nodes of a model.
fn reasons(bytes: &[u8]) -> BTreeSet<&'static str> {
    let model = Model::from_bytes(bytes.to_vec()).unwrap();
    let graph = bnfold::constants::build(&model).unwrap();
    let prepared =
        bnfold::fold::prepare_examined(&graph, &bnfold::plan::Options::default(), &bnfold::edit::Storage::default()).unwrap();
    let examined = bnfold::fold::examine(&graph, &bnfold::plan::Options::default()).unwrap();
    assert_eq!(examined.folds(), prepared.plan.folds(), "a plan without bytes is the plan with them");
    let mut found: BTreeSet<&str> =
        prepared.plan.kept.iter().flat_map(|s| [s.back.reason.code(), s.ahead.reason.code()]).collect();
    for node in 0..graph.nodes.len() {
        if let Err(reason) = prepared.plan.view.law(NodeId(node)) {
            found.insert(reason.code());
        }
    }
    found
}

fn left(bytes: &[u8]) -> Vec<String> {
    model_of(bytes).graph.unwrap().node.iter().map(|n| n.op_type().to_owned()).filter(|n| n != "Constant").collect()
}

fn check(operator: &str, sample: &Sample) {
    let place = format!("{operator}, {}", sample.name);
    if std::env::var("BNFOLD_SAMPLE").is_ok_and(|wanted| !place.contains(&wanted)) {
        return;
    }
    let bytes = bnfold::sample::encode(sample.text).unwrap_or_else(|e| panic!("{place}: {e}"));
    let folded = fold(&bytes);
    match sample.expect {
        Expect::Folded { left: expected } | Expect::Partly { left: expected, .. } => {
            if let Expect::Partly { reason, .. } = sample.expect {
                assert!(reasons(&bytes).contains(reason), "{place}: {:?} instead of {reason}", reasons(&bytes));
                let whole = bnfold::plan::Options { partial: Partial::Never, ..Default::default() };
                assert_eq!(support::fold_with(&bytes, &whole), bytes, "{place}: nothing moves whole");
            }
            assert_eq!(left(&folded), expected, "{place}: {:?}", reasons(&bytes));
            for seed in 0..3 {
                let inputs = random_inputs(&model_of(&bytes), seed);
                let (before, after) = (evaluate(&bytes, &inputs), evaluate(&folded, &inputs));
                support::names_mean_one_thing(&folded, &before, &after, &place);
                for output in &model_of(&bytes).graph.unwrap().output {
                    assert_eq!(before[output.name()], after[output.name()], "{place}: {}", output.name());
                }
            }
        }
        Expect::Kept(code) => {
            assert!(Reason::ALL.iter().any(|r| r.code() == code), "{place}: no reason has the code {code}");
            assert!(reasons(&bytes).contains(code), "{place}: {:?} instead of {code}", reasons(&bytes));
            assert_eq!(folded, bytes, "{place}: what is kept must not change the file");
        }
    }
}

#[test]
fn every_sample_does_what_it_says() {
    let (mut count, mut failed) = (0, 0);
    for operator in OPERATORS {
        let names: BTreeSet<&str> = operator.samples.iter().map(|s| s.name).collect();
        assert_eq!(names.len(), operator.samples.len(), "{}: two samples of one name", operator.name);
        assert!(
            operator.samples.iter().any(|s| matches!(s.expect, Expect::Folded { .. })),
            "{} has no sample that folds",
            operator.name
        );
        for sample in operator.samples {
            failed += usize::from(std::panic::catch_unwind(|| check(operator.name, sample)).is_err());
            count += 1;
        }
    }
    for sample in bnfold::plan::SAMPLES {
        check("the walker", sample);
        count += 1;
    }
    for sample in bnfold::plan::BRANCHES {
        check("branches", sample);
        count += 1;
    }
    for sample in bnfold::constants::SAMPLES {
        check("constants", sample);
        count += 1;
    }
    assert_eq!(failed, 0, "of {count} samples");
    assert!(count > 50, "{count} samples");
}

#[test]
fn every_reason_has_a_sample_that_names_it() {
    let samples = OPERATORS
        .iter()
        .flat_map(|o| o.samples)
        .chain(bnfold::plan::SAMPLES)
        .chain(bnfold::plan::BRANCHES)
        .chain(bnfold::constants::SAMPLES);
    let mut named: BTreeSet<&str> = samples
        .filter_map(|s| if let Expect::Kept(code) | Expect::Partly { reason: code, .. } = s.expect { Some(code) } else { None })
        .collect();
    // The text form of models has no quantization annotations; the next test raises this one.
    assert!(named.insert("annotated"));
    // No fold of ours fails; `tests/folding/drop_failing.rs` has a judge that refuses one.
    assert!(named.insert("unverified"));
    // What raises this one is a weight of more than 16 Mi elements.
    assert!(named.insert("too-large"));
    // These are raised by options: tests/folding/choice.rs and tests/folding/quantised.rs.
    assert!(named.insert("left-out"));
    assert!(named.insert("negative-scale"));
    // These by engines: tests/folding/engines.rs.
    assert!(named.insert("scale-per-channel"));
    assert!(named.insert("rounded-product"));
    assert!(named.insert("product-with-term"));
    assert!(named.insert("scale-per-column"));
    assert!(named.insert("add-left"));
    assert!(named.insert("add-in-blocks"));
    let all: BTreeSet<&str> = Reason::ALL.iter().map(|r| r.code()).collect();
    assert_eq!(all, named);
}

#[test]
fn a_value_that_a_quantization_annotation_names_stays() {
    let text = OPERATORS.iter().find(|o| o.name == "Conv").unwrap().samples[0].text;
    let mut model = model_of(&bnfold::sample::encode(text).unwrap());
    let annotation = bnfold::onnx::TensorAnnotation { tensor_name: Some("c".into()), ..Default::default() };
    model.graph.as_mut().unwrap().quantization_annotation.push(annotation);
    let bytes = prost::Message::encode_to_vec(&model);
    assert!(reasons(&bytes).contains("annotated"));
    assert_eq!(fold(&bytes), bytes);
}

#[test]
fn folding_twice_is_folding_once() {
    for sample in OPERATORS
        .iter()
        .flat_map(|o| o.samples)
        .chain(bnfold::plan::SAMPLES)
        .chain(bnfold::plan::BRANCHES)
        .chain(bnfold::constants::SAMPLES)
    {
        let once = fold(&bnfold::sample::encode(sample.text).unwrap());
        assert_eq!(fold(&once), once, "{}", sample.name);
    }
}

#[test]
fn frozen_initializers_are_constants_and_no_inputs_any_more() {
    let sample = OPERATORS.iter().flat_map(|o| o.samples).find(|s| s.name == "statistics that a caller may override").unwrap();
    let bytes = bnfold::sample::encode(sample.text).unwrap();
    let model = Model::from_bytes(bytes.clone()).unwrap();
    let graph = bnfold::constants::build_frozen(&model).unwrap();
    let mut folded = Vec::new();
    bnfold::fold::write_to(&graph, &bnfold::plan::Options::default(), &mut folded).unwrap();
    assert_eq!(left(&folded), ["Conv"]);
    let inputs: Vec<String> = model_of(&folded).graph.unwrap().input.iter().map(|i| i.name().to_owned()).collect();
    assert_eq!(inputs, ["x"]);
    let inputs = random_inputs(&model_of(&bytes), 5);
    assert_eq!(evaluate(&bytes, &inputs)["y"], evaluate(&folded, &inputs)["y"]);
}
