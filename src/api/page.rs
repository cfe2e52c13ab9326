//! What the page of `report` shows beside the other reports: the numbers of maps and the ranges of weights, read out of the files.

use std::path::Path;

use super::input::Input;
use super::judged::{self, Step, Terms};
use super::scratch::Scratch;
use crate::constants;
use crate::error::Result;
use crate::model::{Graph, Model, TensorId};
use crate::plan::{self, Options};
use crate::report;
use crate::report::html::{Channels, Page, Ranges, extremes, page};
use crate::verify::{SiteNode, Verdict, VerifyOptions};

/// Weights with more elements are not read for a picture.
const LARGEST: u64 = 1 << 26;

/// A page about a fold of `input` that is tried, judged and thrown away, and whether it is shown to be right.
///
/// # Errors
/// The model cannot be read, or an option names what it has not.
pub fn tried(input: &Input, graph: &Graph<'_>, terms: &Terms, step: &mut dyn FnMut(Step)) -> Result<(String, Option<Verdict>)> {
    let mut scratch = None;
    let place = super::input::folder(&mut scratch)?.join("output.onnx");
    let before = input.file(&mut scratch)?;
    let tried = judged::tried(terms, graph, (&before, &place), step)?;
    let report = tried.report(input, String::new())?;
    let after = Model::open(&tried.staged.model);
    let ranges = match (&after, &report.verdict) {
        // Side files have other names until a result is published.
        (Ok(after), Some(verdict)) => ranges(graph, &constants::build(after)?, verdict),
        _ => vec![],
    };
    let text = page(&Page {
        before: input.name.display().to_string(),
        after: None,
        census: (report.before, report.after),
        sites: &report.sites,
        channels: channels(&tried.prepared.plan, graph, &terms.plan)?,
        ranges,
        verdict: report.verdict.as_ref(),
    });
    Ok((text, report.verdict))
}

/// A page about two files, and the verdict on them.
///
/// # Errors
/// A model cannot be read.
pub fn compared(
    input: &Input,
    graph: &Graph<'_>,
    after: &Path,
    options: &VerifyOptions,
    plan: &Options,
) -> Result<(String, Verdict)> {
    let mut scratch: Option<Scratch> = None;
    let before = input.file(&mut scratch)?;
    let (verdict, _) = super::judge((&before, after), options, None)?;
    let second = Input::open(after)?;
    let other = constants::build(&second.model)?;
    let planned = plan::plan(graph, plan)?;
    let text = page(&Page {
        before: input.name.display().to_string(),
        after: Some(after.display().to_string()),
        census: (input.census(), second.census()),
        sites: &report::sites(&planned),
        channels: channels(&planned, graph, plan)?,
        ranges: ranges(graph, &other, &verdict),
        verdict: Some(&verdict),
    });
    Ok((text, verdict))
}

/// The numbers of each site's map, in the order of the report's sites.
fn channels(planned: &plan::Plan<'_>, graph: &Graph<'_>, options: &Options) -> Result<Vec<Option<Channels>>> {
    let mut maps = plan::maps(graph, options)?;
    let numbers = |(scale, shift)| Channels { scale, shift };
    Ok(report::site_nodes(planned).iter().map(|node| maps.remove(node).map(numbers)).collect())
}

/// The ranges of weights at the places of a verdict where the same operator stands in both files.
fn ranges(before: &Graph<'_>, after: &Graph<'_>, verdict: &Verdict) -> Vec<Ranges> {
    let pair = |(first, second): (&SiteNode, &SiteNode)| {
        let (a, b) = (weight(before, first)?, weight(after, second)?);
        let (from, to) = (range(before, a)?, range(after, b)?);
        (from != to).then(|| Ranges { node: first.name.clone(), before: from, after: to })
    };
    let same = verdict.sites.iter().flat_map(|site| {
        let second = |first: &SiteNode| site.after.iter().find(|node| node.operator == first.operator);
        site.before.iter().filter_map(move |first| Some((first, second(first)?)))
    });
    same.filter_map(pair).collect()
}

/// The weight of a node: its second input, where that is a constant.
fn weight(graph: &Graph<'_>, node: &SiteNode) -> Option<TensorId> {
    let found = graph.nodes.get(node.index).filter(|found| found.proto.op_type() == node.operator)?;
    let value = *found.inputs.get(1)?.as_ref()?;
    let same = found.proto.output.first() == node.outputs.first();
    graph.constant(value).ok().filter(|_| same).map(|(tensor, _)| tensor)
}

fn range(graph: &Graph<'_>, tensor: TensorId) -> Option<(f64, f64)> {
    let tensor = graph.tensor(tensor);
    let elements = if tensor.elements() <= LARGEST { tensor.floats(graph.model).ok()? } else { return None };
    extremes(&elements)
}
