//! `bnfold selftest`: faults of every kind seeded into the folds of the user's own model, to see that the verdict finds them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Instant;

use bnfold::faults::effect::{Effect, Oracle};
use bnfold::faults::walk::Walk;
use bnfold::faults::{Fault, Seeding, Subject};
use bnfold::model::Model;
use bnfold::report::{self, Counts, FaultKind, SelftestReport, text};
use bnfold::verify::{Outcome, Tier, Verdict, VerifyOptions, verify};
use bnfold::{Error, ErrorKind, Result, fold};
use prost::Message as _;

use super::activity::Activity;
use super::arguments::{Format, Selftest};
use super::closing;
use super::console::Console;
use super::input::{self, Input};
use super::status::Status;

/// Runs the verb.
///
/// # Errors
/// The model cannot be read, has nothing to fold, or its right fold is not shown to be right.
pub fn run(arguments: &Selftest, console: &Console) -> anyhow::Result<Status> {
    let started = Instant::now();
    let input = arguments.planning.open(&arguments.model)?;
    let report = test(arguments, &input, started, console).map_err(|e| e.file(&input.name))?;
    match console.format {
        Format::Json => console.json(&report)?,
        _ if console.quiet && status(report.all) == Status::Well => {}
        _ => console.text(&table(&report, console.verbose))?,
    }
    closing::tested(report.all).iter().for_each(|error| console.error(error));
    Ok(status(report.all))
}

fn status(counts: Counts) -> Status {
    match (counts.missed, counts.not_judged) {
        (0, 0) => Status::Well,
        (0, _) => Status::CouldNot,
        _ => Status::Finding,
    }
}

fn test(arguments: &Selftest, input: &Input, started: Instant, console: &Console) -> Result<SelftestReport> {
    let mut scratch = None;
    let before = input.file(&mut scratch)?;
    let folder = input::folder(&mut scratch)?;
    let target = folder.join("folded.onnx");
    let graph = arguments.planning.graph(&input.model)?;
    bnfold::verify::asked(&graph, &arguments.runs.options(Tier::Own))?;
    let (prepared, staged) = fold::stage(&graph, &arguments.planning.options(), &target, &mut |_| {})?;
    if prepared.is_unchanged() {
        let what = "there is nothing to fold in it, so there is no fold to seed a fault in";
        return Err(Error::new(ErrorKind::Target, what).remedy("bnfold inspect says why"));
    }
    staged.publish(false)?;
    let freeze = arguments.planning.freeze_initializers;
    let options = VerifyOptions { freeze, own_type: false, ..arguments.runs.options(Tier::Own) };
    let shown = Activity::begin(console, "judging the right fold", None);
    let right = verify(&before, &target, &options)?;
    if right.outcome == Outcome::Differs {
        let what = "the right fold is refused, so that the faults would show nothing";
        return Err(Error::new(ErrorKind::Target, what).remedy("bnfold verify says where"));
    }
    let after = Model::open(&target)?;
    let after = arguments.planning.graph(&after)?;
    let subject = Subject::new(&graph, &after)?;
    let wrong_file = folder.join("wrong.onnx");
    let mut number = 0;
    let judge = &mut |wrong: &[u8]| {
        number += 1;
        shown.counted((number, usize::from(arguments.count)), "seeding faults");
        judge(wrong, &before, &wrong_file, &options)
    };
    let read = |path: &Path| std::fs::read(path).map_err(|e| Error::io("cannot read the model again", e).file(path));
    let walked = walked(arguments, (&read(&before)?, &read(&target)?), judge);
    let mut kinds = seeded(arguments, &subject, walked.iter().map(|kind| kind.counts.seeded).sum(), judge)?;
    kinds.extend(walked);
    let mut all = Counts::default();
    kinds.iter().for_each(|kind| all.add(kind.counts));
    Ok(SelftestReport {
        schema: report::schema("selftest"),
        version: report::VERSION.to_owned(),
        input: input.name.display().to_string(),
        folds: subject.sites(),
        seed: arguments.runs.seed,
        all,
        kinds,
        seconds: started.elapsed().as_secs_f64(),
    })
}

/// One fault of each kind in turn, until there are enough.
fn seeded(
    arguments: &Selftest,
    subject: &Subject<'_, '_>,
    walked: usize,
    judge: &mut dyn FnMut(&[u8]) -> Result<Verdict>,
) -> Result<Vec<FaultKind>> {
    let mut counts = BTreeMap::<usize, Counts>::new();
    let (mut made, mut round) = (walked, 0_u64);
    loop {
        let before = made;
        for (index, fault) in Fault::ALL.iter().enumerate() {
            if made == usize::from(arguments.count) {
                break;
            }
            // What applied nowhere will not do so later.
            if round > 0 && !counts.contains_key(&index) {
                continue;
            }
            let seed = arguments.runs.seed.wrapping_mul(1_000_003).wrapping_add(round << 8 | index as u64);
            match subject.seed(*fault, seed)? {
                Seeding::DoesNotApply => continue,
                Seeding::WithinRounding => counts.entry(index).or_default().excluded += 1,
                Seeding::Wrong(wrong) => {
                    made += counts.entry(index).or_default().judged(judge(&wrong.model.encode_to_vec()));
                }
            }
        }
        // What applies nowhere, or is always within rounding, would go on for ever.
        if made == before {
            break;
        }
        round += 1;
    }
    let kind = |(index, counts): (usize, Counts)| Some(FaultKind { fault: Fault::ALL.get(index)?.name(), counts });
    Ok(counts.into_iter().filter_map(kind).collect())
}

/// Half of the faults are changes of one thing anywhere in the right fold, where the slow reference can tell what they do.
fn walked(
    arguments: &Selftest,
    (before, after): (&[u8], &[u8]),
    judge: &mut dyn FnMut(&[u8]) -> Result<Verdict>,
) -> Vec<FaultKind> {
    let wanted = usize::from(arguments.count) / 2;
    let mut counts = BTreeMap::<String, Counts>::new();
    let (Ok(oracle), Some(walk)) = (Oracle::new(before, after, 2), Walk::new(after)) else { return vec![] };
    let mut made = 0;
    for attempt in 0..8 * wanted as u64 {
        if made == wanted {
            break;
        }
        let Some(damage) = walk.draw(arguments.runs.seed.wrapping_mul(1_000_003).wrapping_add(attempt)) else { continue };
        let opens = Model::from_bytes(damage.bytes.clone()).is_ok();
        let row = counts.entry(format!("{} (one change)", damage.kind)).or_default();
        match oracle.effect(&damage.bytes) {
            Effect::Changed(_) if opens => made += row.judged(judge(&damage.bytes)),
            _ => row.excluded += 1,
        }
    }
    counts.into_iter().map(|(fault, counts)| FaultKind { fault, counts }).collect()
}

fn judge(wrong: &[u8], before: &Path, file: &Path, options: &VerifyOptions) -> Result<Verdict> {
    std::fs::write(file, wrong).map_err(|e| Error::unwritten("cannot write a wrong model", e).file(file))?;
    // What the files alone show to be wrong takes a moment; a run, of which there may be hundreds, some seconds.
    let looked = verify(before, file, &VerifyOptions { run: false, ..options.clone() })?;
    if looked.outcome == Outcome::Differs { Ok(looked) } else { verify(before, file, options) }
}

/// A line for each kind of which faults were judged; with `verbose` also for those that were none.
fn table(report: &SelftestReport, verbose: bool) -> String {
    let mut out = format!("{}\n", text::name(&report.input));
    let width = report.kinds.iter().map(|kind| kind.fault.chars().count()).max().unwrap_or(0).max("fault".len());
    out.push_str(&format!("  {:<width$}  seeded  structure  execution  missed  not judged  excluded\n", "fault"));
    let mut line = |name: &str, c: Counts| {
        out.push_str(&format!(
            "  {name:<width$}  {:>6}  {:>9}  {:>9}  {:>6}  {:>10}  {:>8}\n",
            c.seeded, c.by_structure, c.by_execution, c.missed, c.not_judged, c.excluded
        ));
    };
    let listed = |kind: &&FaultKind| kind.counts.seeded > 0 || verbose;
    report.kinds.iter().filter(listed).for_each(|kind| line(&kind.fault, kind.counts));
    line("all", report.all);
    let caught = report.all.by_structure + report.all.by_execution;
    out.push_str(&format!(
        "  {caught} of {} in {} were found (seed {}) in {:.1} s\n",
        text::counted(report.all.seeded as u64, "fault"),
        text::counted(report.folds as u64, "fold"),
        report.seed,
        report.seconds
    ));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_a_finding_and_what_is_not_judged_no_success() {
        let status = |missed, not_judged| status(Counts { missed, not_judged, ..Counts::default() });
        assert_eq!([status(0, 0), status(0, 1), status(1, 0), status(1, 1)].map(|s| s as u8), [0, 2, 1, 1]);
    }
}
