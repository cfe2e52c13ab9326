//! The summary of a fold: at most a screen.

use super::{BOLD, NOWHERE, STAYS, WELL, change, counted, grouped, name, row, seconds, some_names, styled, verdict_line};
use crate::report::{EngineNote, EnginesReport, Fate, FoldReport, KeptGroup, SiteReport, text};

/// The last line of several folds.
pub fn folds(reports: &[FoldReport]) -> String {
    let normalizations: u64 = reports.iter().map(|report| report.folded.batch_normalizations).sum();
    let others: u64 = reports.iter().map(|report| report.folded.other).sum();
    let written = reports.iter().filter(|report| report.written).count();
    let models = counted(reports.len() as u64, "model");
    format!("{models}, {written} written; folded {} BatchNormalization and {} other\n", grouped(normalizations), grouped(others))
}

/// Groups of reasons that a summary shows.
const GROUPS: usize = 6;
/// Names that a group shows.
const NAMES: usize = 3;

/// What became of nodes that are no BatchNormalization.
fn others(text: &mut String, report: &FoldReport, verbose: bool) {
    let stay: usize = report.kept.iter().map(|g| g.other.len()).sum();
    let changed = |is: fn(&SiteReport) -> bool| report.sites.iter().filter(|site| is(site)).count() as u64;
    let joined = changed(|site| site.is_folded() && matches!(&*site.node.operator, "Conv" | "Gemm" | "MatMul"));
    let maps = report.folded.other - joined;
    if maps > 0 || verbose && stay > 0 {
        text.push_str(&row("Mul, Add, Sub, Div", format!("{maps} folded, {stay} kept")));
    }
    if joined > 0 {
        text.push_str(&row("in a row", format!("{} became one with the next", counted(joined, "operator"))));
    }
    let relieved = changed(|site| matches!(site.fate, Fate::Relieved { .. }));
    if relieved > 0 {
        text.push_str(&row(
            "handed on",
            format!("scale, and bias where it has a place, of {}", counted(relieved, "normalization")),
        ));
    }
}

/// The summary of a fold. `verbose` adds every node with a map and the other affine operators that stay.
pub fn fold(report: &FoldReport, verbose: bool) -> String {
    let mut text = format!("{} -> {}\n", styled(BOLD, name(&report.input)), styled(BOLD, name(&report.output)));
    result(&mut text, report);
    text.push_str(&row("nodes", change(report.before.nodes, report.after.nodes)));
    normalizations(&mut text, report);
    others(&mut text, report, verbose);
    kept(&mut text, &report.kept, verbose);
    text.push_str(&row("parameters", grown(report.before.parameters, report.after.parameters)));
    text.push_str(&row("bytes", grown(report.before.bytes, report.after.bytes)));
    text.push_str(&row("verdict", verdict(report)));
    if let Some(verdict) = report.verdict.as_ref().filter(|_| verbose) {
        text.push_str(&super::own::rows(verdict, verbose));
    }
    left_out(&mut text, report, verbose);
    text.push_str(&engines(&report.engines, report.unchanged, verbose));
    if let Some(saved) = &report.saved {
        text.push_str(&row("saved", crate::error::printable(saved)));
    }
    if report.output == NOWHERE {
        text.push_str(&row("written", "no, as asked"));
    }
    text.push_str(&row("time", seconds(report.seconds)));
    if verbose {
        for site in &report.sites {
            text.push_str(&super::sites::site(site));
        }
    }
    text
}

/// What was written, and what is to be known of it at once.
fn result(text: &mut String, report: &FoldReport) {
    if !report.sides.is_empty() {
        text.push_str(&row("side files", some_names(report.sides.iter(), NAMES)));
    }
    if !report.written && report.output != NOWHERE {
        text.push_str(&row("result", styled(text::WRONG, "nothing was written") + ", as this was not shown to be right"));
    }
    if report.unchanged {
        let said = match report.before.batch_normalizations {
            _ if !report.left_out.is_empty() => "no fold was shown to be right",
            0 => "nothing to fold",
            _ => "nothing can be folded",
        };
        text.push_str(&row("result", format!("{said}; a copy, byte for byte")));
    }
    if report.sorted {
        text.push_str(&row("order", "nodes stood before what they read, which ONNX does not allow; they are sorted now"));
    }
}

/// How many BatchNormalizations went, and how.
fn normalizations(text: &mut String, report: &FoldReport) {
    let (counts, all) = (report.folded, report.before.batch_normalizations);
    let mut folded = format!("{} of {all} folded", counts.batch_normalizations);
    for (count, into) in [(counts.partly, "in part, to an Add"), (counts.replaced, "replaced")] {
        if count > 0 {
            folded.push_str(&format!(", {count} {into}"));
        }
    }
    let gone = counts.batch_normalizations + counts.partly + counts.replaced;
    let style = if gone == all { WELL } else { STAYS };
    text.push_str(&row("BatchNormalization", styled(style, folded)));
}

/// Folds that were not shown to be right, and why.
fn left_out(text: &mut String, report: &FoldReport, verbose: bool) {
    if report.dropped.is_empty() {
        return;
    }
    let said = counted(report.dropped.len() as u64, "fold") + " not shown to be right";
    text.push_str(&row("left out", styled(text::WRONG, said)));
    text.push_str(&row("", some_names(report.dropped.iter(), NAMES)));
    let limit = if verbose { usize::MAX } else { NAMES };
    for left in report.left_out.iter().take(limit) {
        text.push_str(&row("", format!("{}: {}", name(&left.node), crate::error::printable(&left.why))));
    }
    if report.left_out.iter().any(|left| left.wrong) {
        text.push_str(&row("", "that the result is wrong with a fold is a fault of bnfold; please report it with the graph"));
    }
}

/// A change of a number of which nobody expects that a fold makes it larger.
fn grown(before: u64, after: u64) -> String {
    let said = change(before, after);
    match said.split_once(" (+") {
        Some((numbers, more)) => format!("{numbers} {}", styled(STAYS, format!("(+{more}"))),
        None => said,
    }
}

/// In which engines the result is known to do as the original, and what the others do.
fn engines(report: &EnginesReport, unchanged: bool, verbose: bool) -> String {
    let total = report.as_before.len() + report.otherwise.iter().filter(|note| note.effect != "before").count();
    if unchanged || total == 0 {
        return String::new();
    }
    let all = if verbose || report.as_before.len() <= NAMES {
        report.as_before.join(", ")
    } else {
        format!("{} of engines", counted(report.as_before.len() as u64, "measured version"))
    };
    let mut text = if all.is_empty() { String::new() } else { row("engines", format!("as the original in {all}")) };
    for note in report.otherwise.iter().filter(|note| verbose && note.effect == "before") {
        text.push_str(&row("", format!("{} {}", note.engine, note.what)));
    }
    let others: Vec<&EngineNote> = report.otherwise.iter().filter(|note| note.effect != "before").collect();
    for same in others.chunk_by(|one, other| (&one.form, &one.effect) == (&other.form, &other.effect)) {
        let engines: Vec<&str> = same.iter().map(|note| note.engine.as_str()).collect();
        let what = same.first().map(|note| format!("{}, {}", styled(STAYS, &note.effect), note.form)).unwrap_or_default();
        text.push_str(&row("", format!("{what}: {}", engines.join(", "))));
        for note in same.iter().filter(|_| verbose) {
            text.push_str(&row("", format!("  {} {}", note.engine, note.what)));
        }
    }
    text
}

fn verdict(report: &FoldReport) -> String {
    match &report.verdict {
        Some(verdict) => verdict_line(verdict),
        None if report.unchanged => styled(WELL, "the same bytes"),
        None => styled(STAYS, "not verified, as asked"),
    }
}

fn kept(text: &mut String, groups: &[KeptGroup], verbose: bool) {
    let of = |g: &KeptGroup| g.batch_normalizations.len() + if verbose { g.other.len() } else { 0 };
    let shown: Vec<&KeptGroup> = groups.iter().filter(|g| of(g) > 0).collect();
    let limit = if verbose { usize::MAX } else { GROUPS };
    for group in shown.iter().take(limit) {
        text.push_str(&row("kept", format!("{} {}: {}", of(group), styled(STAYS, &group.reason), group.sentence)));
        let others = if verbose { &group.other[..] } else { &[] };
        let names: Vec<&String> = group.batch_normalizations.iter().chain(others).collect();
        text.push_str(&row("", some_names(names.into_iter(), NAMES)));
    }
    if shown.len() > limit {
        let more = counted((shown.len() - limit) as u64, "more reason");
        text.push_str(&row("kept", format!("{more}; `bnfold inspect` shows all")));
    }
}
