//! A report as one page for a browser: nothing is fetched, nothing is sent. What came out first, then each node with a map as a
//! drawing, then the verdict place by place.

mod drawing;
mod plot;
mod verdict;

pub use plot::extremes;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use crate::error::printable;
use crate::report::text::change;
use crate::report::{Census, Direction, Fate, Refusal, SiteReport, VERSION};
use crate::verify::{Outcome, Verdict};

/// How many nodes have a drawing of their own; a page of ten thousand would be slow to show and nobody reads it.
const DRAWN: usize = 400;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");
/// Nothing is loaded from anywhere.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:";

/// The numbers of one map, one pair for each channel.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Channels {
    /// What a channel is multiplied by.
    pub scale: Vec<f64>,
    /// What is added to it then.
    pub shift: Vec<f64>,
}

/// The smallest and the largest number of a weight, before and after.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranges {
    /// The node that has the weight.
    pub node: String,
    /// Of the first model.
    pub before: (f64, f64),
    /// Of the second.
    pub after: (f64, f64),
}

/// What the page is about.
#[derive(Debug)]
pub struct Page<'a> {
    /// The first file.
    pub before: String,
    /// The second file; absent where it was only tried.
    pub after: Option<String>,
    /// Both in numbers.
    pub census: (Census, Census),
    /// Every node of the first model with a map, and what becomes of it.
    pub sites: &'a [SiteReport],
    /// By site, the numbers of its map where they are known.
    pub channels: Vec<Option<Channels>>,
    /// Weights that changed.
    pub ranges: Vec<Ranges>,
    /// What was shown of the second model.
    pub verdict: Option<&'a Verdict>,
}

/// The page as HTML.
pub fn page(page: &Page<'_>) -> String {
    let title = format!("bnfold: {}", printable(&page.before));
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                link rel="icon" href="data:,";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (printable(&page.before)) @if let Some(after) = &page.after { " → " (printable(after)) } }
                    (headline(page))
                }
                main {
                    (numbers(page.census))
                    (sites(page))
                    (plot::ranges(&page.ranges))
                    @if let Some(found) = page.verdict { (verdict::section(found)) }
                }
                footer { "bnfold " (VERSION) }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    markup.into_string()
}

fn headline(page: &Page<'_>) -> Markup {
    let normalizations = page.sites.iter().filter(|site| site.is_batch_normalization());
    let (all, gone) = normalizations.fold((0, 0), |(all, gone), site| (all + 1, gone + usize::from(site.is_folded())));
    let others = page.sites.iter().filter(|site| !site.is_batch_normalization() && site.is_folded()).count();
    let (class, words) = match page.verdict.map(|verdict| verdict.outcome) {
        Some(outcome @ Outcome::Differs) => ("wrong", outcome.words()),
        Some(outcome @ Outcome::NotJudged) => ("stays", outcome.words()),
        Some(outcome) => ("well", outcome.words()),
        None => ("stays", "not verified"),
    };
    html! {
        p.headline {
            strong class=(class) { (words) }
            " · " (gone) " of " (all) " BatchNormalization"
            @if others > 0 { " and " (others) " other maps" }
            @if page.after.is_some() { " could be folded by bnfold" } @else { " folded" }
        }
    }
}

fn numbers((before, after): (Census, Census)) -> Markup {
    let rows = [
        ("nodes", before.nodes, after.nodes),
        ("BatchNormalization", before.batch_normalizations, after.batch_normalizations),
        ("parameters", before.parameters, after.parameters),
        ("bytes", before.bytes, after.bytes),
    ];
    html! {
        section aria-label="The models in numbers" {
            dl.numbers { @for (label, before, after) in rows { div { dt { (label) } dd { (change(before, after).replace("->", "→")) } } } }
        }
    }
}

fn sites(page: &Page<'_>) -> Markup {
    let hidden = page.sites.len().saturating_sub(DRAWN);
    html! {
        section {
            h2 { "What folds into what" }
            @if page.sites.is_empty() { p { "No node of this model has a map." } }
            @if page.sites.len() > 8 {
                label.filter { "Find a node " input type="search" id="filter" placeholder="name, operator or reason"; }
            }
            @for (at, site) in page.sites.iter().take(DRAWN).enumerate() {
                (drawn(site, page.channels.get(at).and_then(Option::as_ref), at == 0))
            }
            @if hidden > 0 { p { "and " (hidden) " more; " code { "bnfold inspect -v" } " lists all." } }
        }
    }
}

/// A node with its drawing, what keeps it, and the numbers of its map; the first is open, so that one sees what is behind a line.
fn drawn(site: &SiteReport, channels: Option<&Channels>, first: bool) -> Markup {
    let (class, word) = match &site.fate {
        Fate::Folded { direction: Direction::Back, .. } => ("well", "folds back"),
        Fate::Folded { direction: Direction::Ahead, .. } => ("well", "folds ahead"),
        Fate::Partly { .. } => ("stays", "folds in part"),
        Fate::Relieved { .. } => ("well", "hands on"),
        Fate::Replaced { .. } => ("stays", "replaced"),
        Fate::Kept { .. } => ("stays", "stays"),
    };
    let refusals: Vec<(&str, &Refusal)> = match &site.fate {
        Fate::Folded { .. } | Fate::Relieved { .. } => vec![],
        Fate::Partly { back, ahead, .. } | Fate::Replaced { back, ahead, .. } | Fate::Kept { back, ahead, .. } => {
            vec![("backwards", back), ("ahead", ahead)]
        }
    };
    html! {
        details.site open[first] {
            summary {
                span class={ "word " (class) } { (word) } " "
                b { (printable(&site.node.name)) } " " small { (printable(&site.node.operator)) }
                @if let Some(refusal) = site.refusal() { " " small { (refusal.reason) } }
            }
            (drawing::drawing(site))
            @for (way, refusal) in refusals {
                p.refusal {
                    (way) ": " b { (printable(&refusal.node.name)) } " " code { (refusal.reason) } " " (refusal.sentence)
                    @if !refusal.advice.starts_with("nothing") { "; " (refusal.advice) }
                }
            }
            @if let Some(channels) = channels { (plot::channels(channels)) }
        }
    }
}
