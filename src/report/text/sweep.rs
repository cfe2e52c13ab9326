//! The lines of a sweep.

use super::{STAYS, WELL, WRONG, counted, grouped, seconds, verdict_line};
use crate::report::{FoldReport, KeptGroup, SweepOutcome, SweepReport, SweptModel};

/// A line for a model: name, folded, kept by reason, time, and the verdict where it is not that all is well or all is wanted.
pub fn swept(model: &SweptModel, all: bool) -> String {
    let (style, word) = match model.outcome {
        SweepOutcome::Well => (WELL, "ok"),
        SweepOutcome::Unverified => (STAYS, "unverified"),
        SweepOutcome::Differs => (WRONG, "DIFFERS"),
        SweepOutcome::Crashed => (WRONG, "CRASHED"),
        SweepOutcome::Failed => (WRONG, "failed"),
    };
    let mut line = format!("{style}{word:<10}{style:#} {}: ", crate::error::printable(&model.file));
    if let Some(report) = &model.report {
        line.push_str(&fold(report, all || model.outcome != SweepOutcome::Well));
    }
    if let Some(message) = &model.message {
        line.push_str(&crate::error::printable(message));
    }
    format!("{line}; {}\n", seconds(model.seconds))
}

fn fold(report: &FoldReport, all: bool) -> String {
    let mut text = format!("folded {} of {}", report.folded.batch_normalizations, report.before.batch_normalizations);
    text.push_str(&otherwise(report.folded.partly, report.folded.replaced));
    if report.folded.other > 0 {
        text.push_str(&format!(" and {} other", report.folded.other));
    }
    let kept: Vec<&KeptGroup> = report.kept.iter().filter(|g| !g.batch_normalizations.is_empty()).collect();
    if !kept.is_empty() {
        let groups: Vec<String> = kept.iter().map(|g| format!("{} {}", g.batch_normalizations.len(), g.reason)).collect();
        text.push_str(&format!("; kept {}", groups.join(", ")));
    }
    text.push_str("; ");
    text.push_str(&match &report.verdict {
        Some(verdict) if all => verdict_line(verdict),
        Some(verdict) => verdict.outcome.words().to_owned(),
        None if report.unchanged => "a copy, byte for byte".to_owned(),
        None => "not verified, as asked".to_owned(),
    });
    if let Some(first) = report.left_out.first() {
        let count = counted(report.left_out.len() as u64, "fold");
        let right = if report.left_out.len() == 1 { "it is" } else { "they are" };
        text.push_str(&format!(
            "; {count} left out, as nothing shows that {right} right: {}",
            crate::error::printable(&first.why)
        ));
    }
    if !report.written {
        text.push_str("; nothing was written");
    }
    text
}

/// What became of BatchNormalizations that neither go nor stay.
fn otherwise(partly: u64, replaced: u64) -> String {
    let said = [(partly, "in part"), (replaced, "replaced")];
    said.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {} {what}", grouped(*count))).collect()
}

/// The last lines of a sweep.
pub fn swept_summary(report: &SweepReport) -> String {
    let folds = || report.models.iter().filter_map(|m| m.report.as_ref());
    let folded: u64 = folds().map(|r| r.folded.batch_normalizations).sum();
    let found: u64 = folds().map(|r| r.before.batch_normalizations).sum();
    let other: u64 = folds().map(|r| r.folded.other).sum();
    let otherwise = otherwise(folds().map(|r| r.folded.partly).sum(), folds().map(|r| r.folded.replaced).sum());
    let time = seconds(report.models.iter().map(|m| m.seconds).fold(0.0, |all, one| all + one));
    let count = |outcome| report.count(outcome);
    format!(
        "{}: {} ok, {} unverified, {} differ, {} crashed, {} failed; folded {} of {} BatchNormalization{otherwise} and {} other; {time}\n",
        counted(report.models.len() as u64, "model"),
        count(SweepOutcome::Well),
        count(SweepOutcome::Unverified),
        count(SweepOutcome::Differs),
        count(SweepOutcome::Crashed),
        count(SweepOutcome::Failed),
        grouped(folded),
        grouped(found),
        grouped(other),
    )
}
