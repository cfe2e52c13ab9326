//! What the judge states of the folds of all samples, and of those with a change somewhere, number for number: whatever a limit, a
//! bound or a draw became, it is seen here. `BLESS=1 cargo test --test verify stated` writes the list anew.

use std::fmt::Write as _;

use crate::judged::{fold, inexact, options};
use bnfold::faults::walk::Walk;
use bnfold::sample::Sample;
use bnfold::verify::{Tier, VerifyOptions, verify};

const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/stated.txt");
/// Changes of each fold that leave a model, and how many are tried for them.
const CHANGES: usize = 3;
const TRIED: u64 = 12;
/// The samples are shared out among as many tests.
const PARTS: usize = 8;

fn samples() -> Vec<(&'static str, &'static Sample)> {
    let own = bnfold::ops::OPERATORS.iter().flat_map(|operator| operator.samples.iter().map(|sample| (operator.name, sample)));
    let walked = bnfold::plan::SAMPLES.iter().map(|sample| ("walker", sample));
    let others = bnfold::plan::BRANCHES.iter().map(|sample| ("branches", sample));
    own.chain(walked).chain(others).chain(bnfold::constants::SAMPLES.iter().map(|sample| ("constants", sample))).collect()
}

/// What is said of two models without running them, in one line: the numbers of each site, and a number that stands for the reasons.
fn line(case: &str, (before, after): (&[u8], &[u8]), tier: Tier) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let [one, two] = [("a.onnx", before), ("b.onnx", after)].map(|(name, bytes)| {
        std::fs::write(folder.path().join(name), bytes).unwrap();
        folder.path().join(name)
    });
    let verdict = verify(&one, &two, &VerifyOptions { tier, run: false, ..options() }).ok()?;
    let mut text = format!("    {case}: {:?}", verdict.outcome);
    for site in &verdict.sites {
        let numbers = site.certificate.as_ref().map(|c| [c.worst, c.once, c.ulp, c.units, c.shift_units]);
        let all = [site.worst, site.rounding.as_ref().map(|rounding| rounding.unit * rounding.roundings as f64)];
        let all = all.into_iter().flatten().chain(numbers.into_iter().flatten());
        write!(text, ", {} {:?}", site.value, site.outcome).unwrap();
        all.for_each(|number| write!(text, " {number:.3e}").unwrap());
    }
    let reasons = verdict.sites.iter().filter_map(|site| site.reason.as_deref());
    let others = verdict.differences.iter().chain(&verdict.unmatched);
    let said = reasons.chain(others.flat_map(|other| [&*other.place, &*other.what])).flat_map(str::bytes);
    let hash = said.fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    let apart = verdict.differences.len() + verdict.unmatched.len();
    writeln!(text, ", {apart} apart, {hash:08x}").unwrap();
    Some(text)
}

fn stated((operator, sample): (&str, &Sample)) -> String {
    let mut text = format!("{operator}, {}\n", sample.name);
    let before = inexact(sample.text);
    let after = fold(&before);
    if after != before {
        let tiers = [("own", Tier::Own), ("foreign", Tier::Foreign)];
        text.extend(tiers.iter().filter_map(|(case, tier)| line(case, (&before, &after), *tier)));
    }
    let damages = (0..TRIED).filter_map(|seed| Walk::new(&after)?.draw(seed));
    text.extend(damages.filter_map(|damage| line(&damage.place, (&before, &damage.bytes), Tier::Foreign)).take(CHANGES));
    text + "\n"
}

fn list(part: usize) -> String {
    samples().into_iter().skip(part).step_by(PARTS).map(stated).collect()
}

#[test]
fn the_list_is_of_all_samples() {
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(LIST, (0..PARTS).map(list).collect::<String>()).unwrap();
    }
    let stored = std::fs::read_to_string(LIST).unwrap();
    let found: Vec<&str> = stored.lines().filter(|line| !line.is_empty() && !line.starts_with(' ')).collect();
    let wanted = (0..PARTS).flat_map(|part| samples().into_iter().skip(part).step_by(PARTS));
    assert_eq!(found, wanted.map(|(operator, sample)| format!("{operator}, {}", sample.name)).collect::<Vec<_>>());
}

fn as_stored(part: usize) {
    let stored = std::fs::read_to_string(LIST).unwrap();
    for sample in samples().into_iter().skip(part).step_by(PARTS) {
        let found = stated(sample);
        assert!(stored.contains(&found), "not in the list:\n{found}");
    }
}

macro_rules! parts {
    ($($name:ident $part:literal)*) => { $(#[test] fn $name() { as_stored($part); })* };
}

parts! { part_0 0 part_1 1 part_2 2 part_3 3 part_4 4 part_5 5 part_6 6 part_7 7 }
