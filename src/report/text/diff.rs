//! What a fold changes, as a list: nodes that go, nodes that become others, nodes that get other constants.

use std::collections::BTreeSet;

use super::sites::{foldable, node};
use super::{STAYS, WELL, WRONG, styled};
use crate::error::printable;
use crate::report::{Fate, FoldReport, SiteReport};

/// Lines that begin with `-` (goes), `~` (becomes another) or `+` (gets other constants).
pub fn diff(report: &FoldReport) -> String {
    let mut text = format!("{} -> {}\n", printable(&report.input), printable(&report.output));
    let changes = || report.sites.iter().filter(|site| site.changes());
    for site in changes() {
        let sign = if site.is_folded() { styled(WRONG, "-") } else { styled(STAYS, "~") };
        text.push_str(&format!("{sign} {}\n", foldable(site)));
    }
    let into = |site: &SiteReport| match &site.fate {
        Fate::Folded { into, .. } | Fate::Partly { into, .. } | Fate::Relieved { into, .. } => into.iter().map(node).collect(),
        Fate::Replaced { .. } | Fate::Kept { .. } => Vec::new(),
    };
    let hosts: BTreeSet<String> = changes().flat_map(into).collect();
    for host in hosts {
        text.push_str(&format!("{} {host} gets other constants\n", styled(WELL, "+")));
    }
    if changes().next().is_none() {
        text.push_str("nothing changes\n");
    }
    text
}
