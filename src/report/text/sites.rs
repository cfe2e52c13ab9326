//! Nodes with a map, as lines.

use super::{BOLD, STAYS, WELL, counted, name, styled};
use crate::report::{Direction, Fate, InspectReport, NodeName, Refusal, SiteReport};

/// How many inputs and how many outputs are shown.
const INTERFACES: usize = 6;

/// What could be folded in a model. `verbose` lists the other affine operators that stay, too.
pub fn inspect(report: &InspectReport, command: &str, verbose: bool) -> String {
    let census = report.census;
    let mut text = format!(
        "{}: {}, {} BatchNormalization, {}\n",
        styled(BOLD, name(&report.file)),
        counted(census.nodes, "node"),
        census.batch_normalizations,
        counted(census.parameters, "parameter")
    );
    for (label, interfaces) in [("input", &report.inputs), ("output", &report.outputs)] {
        for one in interfaces.iter().take(if verbose { usize::MAX } else { INTERFACES }) {
            text.push_str(&format!("  {label:<7}{}: {}\n", name(&one.name), name(&one.r#type)));
        }
        if let Some(more) = interfaces.len().checked_sub(INTERFACES).filter(|more| *more > 0 && !verbose) {
            text.push_str(&format!("  {label:<7}and {more} more (-v lists them)\n"));
        }
    }
    let listed = |s: &&SiteReport| verbose || s.is_batch_normalization() || s.changes();
    for site in report.sites.iter().filter(listed) {
        text.push_str(&self::site(site));
    }
    let hidden = report.sites.iter().filter(|s| !listed(s)).count() as u64;
    if hidden > 0 {
        let verb = if hidden == 1 { "stays" } else { "stay" };
        text.push_str(&format!("{} {verb}, too (-v lists them)\n", counted(hidden, "other affine operator")));
    }
    let folded = report.sites.iter().filter(|s| s.changes()).count();
    match folded {
        0 => text.push_str("nothing can be folded\n"),
        count => text.push_str(&format!("{count} can be folded: {command}\n")),
    }
    if let Some(why) = report.foreseen.as_ref().filter(|_| folded > 0) {
        let why = crate::error::printable(why);
        text.push_str(&format!("the model does not run whole, so some may be left out as unverified: {why}\n"));
    }
    text
}

/// One node: a line if it goes, else both refusals with what could be done.
pub(super) fn site(site: &SiteReport) -> String {
    match &site.fate {
        Fate::Folded { into, .. } if into.is_empty() => {
            format!("  {} {}, as it changes nothing\n", node(&site.node), styled(WELL, "goes"))
        }
        Fate::Folded { direction, into, through } => {
            let line = format!("  {} {} {} {}", node(&site.node), styled(WELL, "folds"), way(*direction), nodes(into));
            line + &passing(through) + "\n"
        }
        Fate::Partly { direction, into, through, back, ahead } => {
            let folds = styled(WELL, "folds in part");
            let line = format!("  {} {folds}: its scale {} {}", node(&site.node), way(*direction), nodes(into));
            line + &passing(through) + "; its shift stays as an Add\n" + &refusals(back, ahead)
        }
        Fate::Relieved { bias, into, through } => {
            let line = format!("  {} {} ahead into {}", node(&site.node), styled(WELL, handing(*bias)), nodes(into));
            line + &passing(through) + "\n"
        }
        Fate::Replaced { operators, back, ahead } => {
            let head = format!("  {} {} {}\n", node(&site.node), styled(STAYS, "becomes"), operators.join(" and "));
            head + &refusals(back, ahead)
        }
        Fate::Kept { back, ahead, .. } => {
            let head = format!("  {} {}\n", node(&site.node), styled(STAYS, "stays"));
            head + &refusals(back, ahead)
        }
    }
}

fn passing(through: &[NodeName]) -> String {
    if through.is_empty() { String::new() } else { format!(", through {}", nodes(through)) }
}

fn refusals(back: &Refusal, ahead: &Refusal) -> String {
    if back == ahead { refusal("both ways", back) } else { refusal("back", back) + &refusal("ahead", ahead) }
}

/// Who refused, and under it why and what could be done.
fn refusal(label: &str, refusal: &Refusal) -> String {
    let mut text = format!("    {label:<10} {} at {}\n", styled(STAYS, &refusal.reason), node(&refusal.node));
    text.push_str(&format!("    {:<10} {}", "", refusal.sentence));
    let advice = refusal.advice.strip_prefix("nothing; ").unwrap_or(&refusal.advice);
    if advice != "nothing" {
        text.push_str(&format!(";\n    {:<10} {advice}", ""));
    }
    text + "\n"
}

/// A site as an item of a list: the node and what becomes of it.
pub(super) fn foldable(site: &SiteReport) -> String {
    let into = match &site.fate {
        Fate::Folded { into, .. } if into.is_empty() => "goes, as it changes nothing".to_owned(),
        Fate::Folded { direction, into, .. } => format!("folds {} {}", way(*direction), nodes(into)),
        Fate::Partly { direction, into, .. } => format!("folds in part {} {}", way(*direction), nodes(into)),
        Fate::Relieved { bias, into, .. } => format!("{} ahead into {}", handing(*bias), nodes(into)),
        Fate::Replaced { operators, .. } => format!("becomes {}", operators.join(" and ")),
        Fate::Kept { .. } => "stays".to_owned(),
    };
    format!("{} {into}", node(&site.node))
}

fn handing(bias: bool) -> &'static str {
    if bias { "hands its scale and bias on" } else { "hands its scale on" }
}

fn way(direction: Direction) -> &'static str {
    match direction {
        Direction::Back => "back into",
        Direction::Ahead => "ahead into",
    }
}

fn nodes(nodes: &[NodeName]) -> String {
    nodes.iter().map(node).collect::<Vec<_>>().join(", ")
}

/// Name, as --skip takes it, and operator; a node without a name has its operator in the name already.
pub(super) fn node(node: &NodeName) -> String {
    let unnamed = |part: &str| part.strip_prefix(node.operator.as_str()).is_some_and(|rest| rest.starts_with(" -> "));
    if node.name.rsplit('/').any(unnamed) || unnamed(&node.name) {
        return crate::error::printable(&node.name);
    }
    format!("{} ({})", crate::error::printable(&node.name), name(&node.operator))
}
