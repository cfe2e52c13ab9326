//! Targets that read models, or make them of their bytes.

use bnfold::faults::effect::{Effect, Oracle};
use bnfold::faults::walk::Walk;
use bnfold::model::Model;
use bnfold::plan::Options;
use bnfold::verify::{Execution, Outcome, Tier, Verdict, VerifyOptions};

use crate::{maker, support, visible};

/// Any bytes: an error, or a report that says of each site where it goes or why it stays.
pub fn inspect(data: &[u8]) -> bool {
    let Ok(report) = bnfold::Fold::new().inspect_bytes(data) else { return false };
    for site in &report.sites {
        assert!(site.changes() || site.refusal().is_some(), "{site:?}");
    }
    true
}

fn folded(bytes: Vec<u8>) -> bnfold::Result<Vec<u8>> {
    let model = Model::from_bytes(bytes)?;
    let graph = bnfold::constants::build(&model)?;
    let mut out = Vec::new();
    bnfold::fold::write_to(&graph, &Options::default(), &mut out)?;
    Ok(out)
}

/// Any bytes: an error or a fold, and a fold opens and folds to itself.
pub fn fold(data: &[u8]) -> bool {
    let Ok(once) = folded(data.to_vec()) else { return false };
    let twice = folded(once.clone()).expect("what was written opens and folds");
    assert_eq!(once, twice, "folding twice is folding once");
    true
}

/// Any bytes that fold: no part of the judge calls the fold wrong. What it cannot judge, it may leave open.
pub fn certify(data: &[u8]) -> bool {
    let Ok(out) = folded(data.to_vec()) else { return false };
    let Ok(verdict) = judged(data, &out, Tier::Own) else { return false };
    assert_ne!(verdict.outcome, Outcome::Differs, "{verdict:#?}");
    true
}

/// What the files alone say of two models; nothing is run.
pub fn judged(before: &[u8], after: &[u8], tier: Tier) -> bnfold::Result<Verdict> {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = [("a.onnx", before), ("b.onnx", after)].map(|(name, bytes)| {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    });
    bnfold::verify::verify(&one, &two, &VerifyOptions { tier, run: false, ..VerifyOptions::default() })
}

/// Whether constants and structure alone call two models the same.
fn is_accepted(verdict: &Verdict) -> bool {
    let proved = |site: &bnfold::Site| site.outcome != Outcome::Differs && site.worst.is_some_and(|worst| worst <= 1.0);
    match verdict.outcome {
        Outcome::Equal => true,
        Outcome::EqualWithinRounding => panic!("nothing was run: {verdict:#?}"),
        Outcome::Differs => false,
        Outcome::NotJudged => {
            matches!(verdict.execution, Execution::NotNeeded | Execution::NotRun { second: false, .. })
                && verdict.differences.is_empty()
                && verdict.unmatched.is_empty()
                && verdict.sites.iter().all(proved)
        }
    }
}

/// A number that follows from bytes.
fn seed(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Any bytes as a model, against itself and against itself with one change: a verdict, and none that calls a model other than itself.
pub fn pair(data: &[u8]) -> bool {
    let Some((choice, data)) = data.split_first_chunk::<2>() else { return false };
    if Model::from_bytes(data.to_vec()).is_ok_and(|model| bnfold::verify::graph(&model, false).is_err()) {
        return false;
    }
    let Ok(same) = judged(data, data, Tier::Own) else { return false };
    assert_eq!(same.outcome, Outcome::Equal, "a model is another than itself: {same:#?}");
    let changed = Walk::new(data).and_then(|walk| walk.draw(seed(choice)));
    let Some(damage) = changed else { return false };
    judged(data, &damage.bytes, Tier::Foreign).is_ok_and(|verdict| !is_accepted(&verdict))
}

/// A graph of the operators that fold, one byte a choice, in numbers so small that arithmetic is exact: a fold is the same function,
/// bit for bit.
pub fn graphs(data: &[u8]) -> bool {
    let text = maker::chosen(data);
    visible::same_function(&text, seed(data)) > 0
}

/// A graph, its fold, and one change of that: what changes the function is not accepted.
pub fn changed(data: &[u8]) -> bool {
    let Some((choice, data)) = data.split_first_chunk::<2>() else { return false };
    let before = bnfold::sample::encode(&maker::chosen(data)).unwrap();
    let after = support::fold(&before);
    if after == before {
        // A change of a model that has no fold is what `pair` looks at.
        return false;
    }
    let Some(damage) = Walk::new(&after).and_then(|walk| walk.draw(seed(choice))) else { return false };
    if folded(damage.bytes.clone()).is_err() {
        return false;
    }
    let Ok(verdict) = judged(&before, &damage.bytes, Tier::Foreign) else { return false };
    if !is_accepted(&verdict) {
        return true;
    }
    let Ok(oracle) = Oracle::new(&before, &after, 2) else { return false };
    let effect = oracle.effect(&damage.bytes);
    assert!(!matches!(effect, Effect::Changed(_)), "{}: {effect:?}\n{verdict:#?}", damage.place);
    true
}
