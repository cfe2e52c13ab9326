//! A fold that is staged under a temporary name and judged there: what is not shown to be right is left out, and all is tried
//! again. Nothing is published here.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::input::{self, Input};
use crate::error::{Error, ErrorKind, Result};
use crate::fold::{self, ExternalData, Place, Prepared, Staged};
use crate::model::{Graph, NodeId, ScopeId};
use crate::plan::{self, Plan};
use crate::report::{self, Census, FoldReport, Folded, InspectReport, KeptGroup, LeftOut, evidence};
use crate::verify::{Outcome, SiteNode, Tier, Verdict, VerifyOptions};

/// How a fold is carried out.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    /// What is folded.
    pub plan: plan::Options,
    /// How the result is judged; `None` means not at all.
    pub verify: Option<VerifyOptions>,
    /// Whether a fold may stay that could not be judged.
    pub allow_unverified: bool,
    /// Whether the result is judged also where nothing is changed.
    pub idle: bool,
    /// The folder into which the first fold that is wrong is saved.
    pub save_failure: Option<PathBuf>,
    /// Where the result has elements that are not in the model file.
    pub external: ExternalData,
    /// Whether the result is looked at and thrown away.
    pub passing: bool,
}

/// What a fold is at, for who shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// So many bytes of the file that is being written are done.
    Written(u64),
    /// The result is being judged, with so many folds.
    Judging(usize),
    /// It has been judged.
    Judged,
}

/// A fold that was staged and judged, and not published.
pub struct Tried<'a> {
    /// What is folded, without what was left out.
    pub prepared: Prepared<'a>,
    /// The result under its temporary name.
    pub staged: Staged,
    /// What was folded and left out again.
    pub dropped: Vec<NodeId>,
    /// The same, with what was found.
    pub left_out: Vec<LeftOut>,
    /// What is said of the result, if anything was judged.
    pub verdict: Option<Verdict>,
    /// Where a failure was saved.
    pub saved: Option<String>,
}

impl Tried<'_> {
    /// Why the result is not to be written, if it is so.
    pub fn refusal(&self, allow_unverified: bool) -> Option<Error> {
        self.verdict.as_ref().and_then(|verdict| refusal(verdict, allow_unverified))
    }

    /// Whether the result is wrong.
    pub fn differs(&self) -> bool {
        self.verdict.as_ref().is_some_and(|verdict| verdict.outcome == Outcome::Differs)
    }

    /// What was left out, in words.
    pub fn left_out(&self) -> String {
        let all: Vec<String> = self.dropped.iter().map(|node| self.prepared.plan.view.graph.describe(*node)).collect();
        format!("left out as not verified: {}", all.join(", "))
    }

    /// The report of a model from `input` that goes to a place of this name. It is not yet written.
    ///
    /// # Errors
    /// The result cannot be read again.
    pub fn report(&self, input: &Input, output: String) -> Result<FoldReport> {
        let unchanged = self.prepared.is_unchanged();
        let after = if unchanged { input.census() } else { input::census(&self.staged.model, side_bytes(&self.staged))? };
        let mut report = described(input, output, &self.prepared, after);
        let graph = self.prepared.plan.view.graph;
        report.sides = self.staged.sides.iter().map(|(name, _)| name.clone()).collect();
        report.dropped = self.dropped.iter().map(|node| graph.describe(*node)).collect();
        report.left_out.clone_from(&self.left_out);
        report.verdict.clone_from(&self.verdict);
        report.saved.clone_from(&self.saved);
        Ok(report)
    }
}

/// What was done with a model from `input`, before anything is judged or written.
pub fn described(input: &Input, output: String, prepared: &Prepared<'_>, after: Census) -> FoldReport {
    let sites = report::sites(&prepared.plan);
    FoldReport {
        schema: report::schema("fold"),
        version: report::VERSION.to_owned(),
        input: input.name.display().to_string(),
        output,
        written: false,
        unchanged: prepared.is_unchanged(),
        sorted: input.model.is_sorted(),
        before: input.census(),
        after,
        sides: vec![],
        folded: Folded::of(&sites),
        kept: KeptGroup::of(&sites),
        dropped: vec![],
        left_out: vec![],
        engines: report::engines(&prepared.plan),
        sites,
        verdict: None,
        saved: None,
        seconds: 0.0,
    }
}

/// What a plan makes of the model from `input`, and whether it is known not to run; nothing is written.
pub fn inspected(input: &Input, plan: &Plan<'_>) -> InspectReport {
    let (inputs, outputs) = report::interfaces(&input.model.proto);
    InspectReport {
        schema: report::schema("inspect"),
        version: report::VERSION.to_owned(),
        file: input.name.display().to_string(),
        census: input.census(),
        inputs,
        outputs,
        sites: report::sites(plan),
        foreseen: crate::verify::foreseen(plan.view.graph),
    }
}

/// Folds the file `before` to a temporary name beside `place` and judges it; what is not right is left out and all is tried again.
///
/// # Errors
/// What the caller asked for is not there; a file that cannot be read or written.
pub fn tried<'a>(
    terms: &Terms,
    graph: &'a Graph<'a>,
    (before, place): (&Path, &Path),
    step: &mut dyn FnMut(Step),
) -> Result<Tried<'a>> {
    let asked = terms.verify.clone().unwrap_or_else(|| VerifyOptions { tier: Tier::Own, ..VerifyOptions::default() });
    crate::verify::asked(graph, &asked)?;
    let (mut verdict, mut saved, mut found) = (None, None::<String>, BTreeMap::new());
    let shown = std::cell::RefCell::new(step);
    let mut judge = |prepared: &Prepared<'_>, staged: &Staged| {
        let wanted = terms.verify.as_ref().filter(|_| terms.idle || !prepared.is_unchanged());
        verdict = None;
        if let Some(options) = wanted {
            // The first failure is saved, those of later attempts are not.
            let folder = terms.save_failure.as_deref().filter(|_| saved.is_none());
            let (found, kept) = judged(options, (before, staged, prepared.plan.folds().len()), folder, *shown.borrow_mut())?;
            (verdict, saved) = (Some(found), saved.take().or(kept));
        }
        let failing = verdict.as_ref().map(|verdict| failing(prepared, verdict, terms.allow_unverified)).unwrap_or_default();
        let nodes = failing.keys().copied().collect();
        found.extend(failing);
        Ok(nodes)
    };
    let mut progress = |done| shown.borrow_mut()(Step::Written(done));
    let place = Place { target: place, external: &terms.external, passing: terms.passing };
    let (prepared, staged, dropped) = fold::stage_judged(graph, &terms.plan, place, &mut progress, &mut judge)?;
    let left_out = dropped.iter().filter_map(|node| {
        let (wrong, why) = found.get(&node.0).cloned()?;
        Some(LeftOut { node: graph.describe(*node), wrong, why })
    });
    let left_out = left_out.collect();
    Ok(Tried { prepared, staged, dropped, left_out, verdict, saved })
}

fn judged(
    options: &VerifyOptions,
    (before, staged, folds): (&Path, &Staged, usize),
    save_failure: Option<&Path>,
    step: &mut dyn FnMut(Step),
) -> Result<(Verdict, Option<String>)> {
    step(Step::Judging(folds));
    let judged = super::judge((before, &staged.model), &moved(options, staged), save_failure);
    step(Step::Judged);
    judged
}

/// The same options for a result that is still under its temporary name.
pub fn moved(options: &VerifyOptions, staged: &Staged) -> VerifyOptions {
    VerifyOptions { moved_sides: staged.sides.clone(), ..options.clone() }
}

/// The nodes of places to leave out, by number, each with whether it is wrong and what was found: those that fail, and those that
/// could not be judged, unless that is allowed.
fn failing(prepared: &Prepared<'_>, verdict: &Verdict, allow_unverified: bool) -> BTreeMap<usize, (bool, String)> {
    let graph = prepared.plan.view.graph;
    let wrong = |outcome| match outcome {
        Outcome::Differs => Some(true),
        Outcome::NotJudged => (!allow_unverified).then_some(false),
        _ => None,
    };
    // Where the files do not match: the folds at the value that is named.
    let unproved = if verdict.outcome == Outcome::NotJudged && !allow_unverified { &verdict.unmatched[..] } else { &[] };
    let mut found = BTreeMap::new();
    for (difference, wrong) in verdict.differences.iter().map(|d| (d, true)).chain(unproved.iter().map(|d| (d, false))) {
        let here = |node: &NodeId| {
            let outputs = &graph.node(*node).proto.output;
            difference.place == graph.describe(*node) || outputs.iter().any(|o| difference.place.contains(&format!("`{o}`")))
        };
        let folds = prepared.plan.folds().iter();
        let blamed = folds.filter(|f| std::iter::once(&f.site).chain(&f.into).chain(&f.through).any(here));
        let why = format!("{}: {}", difference.place, difference.what);
        found.extend(blamed.map(|fold| (fold.site.0, (wrong, why.clone()))));
    }
    // Of operators that became one it may be any where none is named.
    if let Some(difference) = unproved.first().filter(|_| found.is_empty()) {
        let why = format!("{}: {}", difference.place, difference.what);
        found.extend(prepared.plan.view.draft.merged.iter().map(|site| (site.0, (false, why.clone()))));
    }
    // What is not judged only because the files do not match elsewhere may be, once they do.
    let beside = !unproved.is_empty() && !found.is_empty();
    let sites = verdict.sites.iter().filter(|site| !beside || site.outcome == Outcome::Differs);
    // Models are judged with their functions inlined, so that numbers are others; names in the main graph are not.
    let numbered = graph.model.is_inlined() || graph.model.proto.functions.is_empty();
    let made = |at: usize| graph.nodes.get(at).filter(|n| n.scope == ScopeId(0)).and_then(|n| n.proto.output.first());
    for (site, wrong) in sites.filter_map(|site| Some((site, wrong(site.outcome)?))) {
        let is = |at: &usize| {
            let same = |node: &SiteNode| node.outputs.first() == made(*at);
            if numbered {
                site.before.iter().any(|n| n.index == *at)
            } else {
                made(*at).is_some() && site.before.iter().any(same)
            }
        };
        for at in (0..graph.nodes.len()).filter(is) {
            found.entry(at).or_insert_with(|| (wrong, evidence::why(verdict, site)));
        }
    }
    found
}

/// Why a result is not written, if a verdict forbids it.
fn refusal(verdict: &Verdict, allow_unverified: bool) -> Option<Error> {
    if verdict.outcome == Outcome::Differs {
        // A constant or a run shows it: only then is it known to be a wrong fold.
        let found = evidence::evidence(verdict).unwrap_or_default();
        let what = format!("the folded model differs from the original, so nothing was written: {found}");
        return Some(
            Error::new(ErrorKind::Unverified, what).remedy("this is a fault of bnfold; please report it with the model's graph"),
        );
    }
    let why = evidence::unverified(verdict).filter(|_| !allow_unverified)?;
    let what = format!("the result could not be verified, so nothing was written: {why}");
    Some(Error::new(ErrorKind::Unverified, what).remedy("--allow-unverified writes it all the same"))
}

fn side_bytes(staged: &Staged) -> u64 {
    staged.sides.iter().filter_map(|(_, path)| path.metadata().ok()).map(|m| m.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verify::Execution;

    #[test]
    fn what_differs_is_never_written_and_what_is_unverified_only_on_request() {
        let verdict = |outcome, execution| Verdict {
            outcome,
            tier: Tier::Own,
            rounded_once: None,
            sites: vec![],
            differences: vec![],
            unmatched: vec![],
            execution,
            own_type: vec![],
        };
        let not_run = || Execution::NotRun { reason: "r".into(), second: false };
        let table = [
            (verdict(Outcome::EqualWithinRounding, Execution::NotNeeded), false, false),
            (verdict(Outcome::EqualWithinRounding, not_run()), false, false),
            (verdict(Outcome::NotJudged, Execution::NotNeeded), true, false),
            (verdict(Outcome::Differs, Execution::NotNeeded), true, true),
        ];
        for (verdict, usually, allowed) in table {
            let refused = (refusal(&verdict, false).is_some(), refusal(&verdict, true).is_some());
            assert_eq!(refused, (usually, allowed), "{verdict:?}");
        }
    }
}
