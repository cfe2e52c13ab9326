//! What the user may choose, and which nodes of a graph that concerns.

use std::collections::{BTreeMap, BTreeSet};

use crate::engines::{Asked, ENGINES, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::law::Reason;
use crate::model::{Graph, NodeId};
use crate::ops;
use crate::plan::route::Way;

/// What the user may choose.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// BatchNormalizations of opset 6 and older without `is_test` are meant for inference.
    pub assume_inference: bool,
    /// No scale of quantised weights may become negative, which ONNX allows and some runtimes do not.
    pub positive_scales: bool,
    /// Nodes that are not folded, by number, with the reason.
    pub excluded: Vec<(NodeId, Reason)>,
    /// Whether a scale moves without its shift.
    pub partial: Partial,
    /// Nodes that stay as they are, by name or by an output: neither folded nor changed.
    pub skip: Vec<String>,
    /// The nodes that are folded, by patterns of their names with `*` and `?`; empty means all.
    pub only: Vec<String>,
    /// The only direction in which maps move; `None` means both.
    pub way: Option<Way>,
    /// The operators that take maps in or hand them on; empty means all.
    pub rules: Vec<String>,
    /// Whether branches of one value, and operators in a row, stay apart that could become one operator.
    pub keep_branches: bool,
    /// Whether normalisations by statistics of their input hand their scale and bias to what follows.
    pub normalizations: bool,
    /// What becomes of BatchNormalizations that stay.
    pub substitute: Option<Substitute>,
    /// The engines that must not lose by a fold.
    pub target: Target,
}

/// Whether a BatchNormalization of which only the scale can move becomes an Add.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Partial {
    /// It stays.
    Never,
    /// Where no constant must be stored twice for it.
    #[default]
    Auto,
    /// Wherever it is exact.
    Always,
}

/// What a target without BatchNormalization has in its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Substitute {
    /// A Mul and an Add.
    MulAdd,
    /// A Conv with a group for each channel and a kernel of one tap.
    DepthwiseConv,
}

/// The options of a graph, by number.
pub(super) struct Choice {
    skipped: BTreeSet<NodeId>,
    /// Nodes whose map stays, with the reason.
    pub(super) excluded: BTreeMap<NodeId, Reason>,
    /// Nodes whose constants belong to a larger operator and are what they are.
    fused: BTreeSet<NodeId>,
    only: Option<BTreeSet<NodeId>>,
    rules: Option<BTreeSet<&'static str>>,
    way: Option<Way>,
}

impl Choice {
    /// Looks the names up.
    ///
    /// # Errors
    /// A name that the graph has not, or an operator that takes no part in folds; with the nearest one.
    pub(super) fn of(
        graph: &Graph<'_>,
        options: &Options,
        fused: BTreeSet<NodeId>,
        excluded: BTreeMap<NodeId, Reason>,
    ) -> Result<Choice> {
        let mut skipped = BTreeSet::new();
        for wanted in &options.skip {
            let found = matching(graph, |name| name == wanted);
            if found.is_empty() {
                return Err(unknown(("node", wanted), all_names(graph), NAMES));
            }
            skipped.extend(found);
        }
        let mut only = BTreeSet::new();
        for pattern in &options.only {
            let found = matching(graph, |name| fits(pattern, name));
            if found.is_empty() {
                return Err(unknown(("node", pattern), all_names(graph), NAMES));
            }
            only.extend(found);
        }
        let mut rules = BTreeSet::new();
        for rule in &options.rules {
            rules.insert(operator(rule)?);
        }
        let chosen = |given: bool, set| given.then_some(set);
        let only = chosen(!options.only.is_empty(), only);
        Ok(Choice { skipped, excluded, fused, only, rules: (!options.rules.is_empty()).then_some(rules), way: options.way })
    }

    /// Whether the map of a node may move, for all that is known of it.
    pub(super) fn moves(&self, site: NodeId) -> bool {
        self.folds(site) && !self.excluded.contains_key(&site)
    }

    /// Whether the user lets the map of a node move.
    pub(super) fn folds(&self, site: NodeId) -> bool {
        !self.skipped.contains(&site) && self.only.as_ref().is_none_or(|only| only.contains(&site))
    }

    /// Why a node may neither take a map in nor hand it on; `None` if it may.
    pub(super) fn refuses(&self, graph: &Graph<'_>, node: NodeId) -> Option<Reason> {
        let operator = graph.node(node).proto.op_type();
        let permitted = !self.skipped.contains(&node) && self.rules.as_ref().is_none_or(|rules| rules.contains(operator));
        match (permitted, self.fused.contains(&node)) {
            (false, _) => Some(Reason::LeftOut),
            (true, true) => Some(Reason::PartOfOperator),
            (true, false) => None,
        }
    }

    /// Whether maps may move this way.
    pub(super) fn goes(&self, way: Way) -> bool {
        self.way.is_none_or(|only| only == way)
    }
}

/// The names by which a user may call a node.
fn names<'g>(graph: &'g Graph<'_>, id: NodeId) -> impl Iterator<Item = String> + 'g {
    let proto = graph.node(id).proto;
    let own = std::iter::once(proto.name()).chain(proto.output.iter().map(String::as_str));
    own.filter(|name| !name.is_empty()).map(str::to_owned).chain(std::iter::once(graph.describe(id)))
}

fn matching(graph: &Graph<'_>, fits: impl Fn(&str) -> bool) -> Vec<NodeId> {
    (0..graph.nodes.len()).map(NodeId).filter(|id| names(graph, *id).any(|name| fits(&name))).collect()
}

/// The operator of this name, whatever its case, if it takes part in folds.
///
/// # Errors
/// There is none; with the nearest one.
pub fn operator(name: &str) -> Result<&'static str> {
    let found = ops::OPERATORS.iter().find(|operator| operator.name.eq_ignore_ascii_case(name));
    found.map(|operator| operator.name).ok_or_else(|| {
        let all: Vec<String> = ops::OPERATORS.iter().map(|operator| operator.name.to_owned()).collect();
        let remedy = format!("those that take part in folds are {}", all.join(", "));
        unknown(("operator", name), all, &remedy)
    })
}

/// The engines of these names, each with or without a version; `any` means all that were measured, `none` nothing more.
///
/// # Errors
/// There is none of a name; with all names and the nearest.
pub fn target(names: &[impl AsRef<str>]) -> Result<Target> {
    let mut target = Target { any: names.is_empty(), these: vec![] };
    for name in names.iter().map(AsRef::as_ref) {
        match (name, Asked::of(name)) {
            ("any", _) => target.any = true,
            ("none", _) => {}
            (_, Some(asked)) => target.these.push(asked),
            (_, None) => return Err(no_engine(name.split('@').next().unwrap_or_default())),
        }
    }
    Ok(target)
}

fn no_engine(wanted: &str) -> Error {
    let known: Vec<&str> = ENGINES.iter().map(|engine| engine.name).chain(["any", "none"]).collect();
    let nearest = known.iter().min_by_key(|name| distance(wanted, name)).copied().unwrap_or_default();
    let error = Error::new(ErrorKind::Choice, format!("there is no engine `{wanted}`; there are {}", known.join(", ")));
    error.remedy(format!("the nearest is `{nearest}`"))
}

/// Whether a name, or a pattern with `*` and `?`, means a node of the graph.
pub fn is_meant(graph: &Graph<'_>, pattern: &str, literally: bool) -> bool {
    let found = |id| names(graph, id).any(|name| if literally { name == pattern } else { fits(pattern, &name) });
    (0..graph.nodes.len()).map(NodeId).any(found)
}

fn all_names(graph: &Graph<'_>) -> Vec<String> {
    (0..graph.nodes.len()).flat_map(|id| names(graph, NodeId(id))).collect()
}

/// Where names of nodes are found.
const NAMES: &str = "`bnfold inspect -v` lists the nodes that can be folded; others have the names that a viewer shows";

fn unknown((what, wanted): (&str, &str), known: Vec<String>, otherwise: &str) -> Error {
    let error = Error::new(ErrorKind::Choice, format!("there is no {what} `{wanted}`"));
    let nearest = known.into_iter().map(|name| (distance(wanted, &name), name)).min();
    match nearest.filter(|(distance, _)| *distance * 2 <= wanted.chars().count()) {
        Some((_, name)) => error.remedy(format!("the nearest is `{name}`")),
        None => error.remedy(otherwise),
    }
}

/// How many characters must be put in, taken out or replaced to make one text of the other (Levenshtein 1966), whatever their
/// case.
fn distance(one: &str, two: &str) -> usize {
    let (one, two) = (one.to_lowercase(), two.to_lowercase());
    let mut row: Vec<usize> = (0..=two.chars().count()).collect();
    for (at, a) in one.chars().enumerate() {
        let mut corner = at;
        let mut left = at + 1;
        if let Some(first) = row.first_mut() {
            *first = left;
        }
        for (b, cell) in two.chars().zip(row.iter_mut().skip(1)) {
            let replaced = corner + usize::from(a != b);
            corner = *cell;
            left = replaced.min(left + 1).min(*cell + 1);
            *cell = left;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// Whether a name fits a pattern: `*` stands for any characters, `?` for one.
fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) = (pattern.chars().collect(), name.chars().collect());
    // By position in the name: whether what was read of the pattern fits that much of it.
    let mut reached = vec![false; name.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for sign in pattern {
        let mut before = false;
        for (at, here) in reached.iter_mut().enumerate() {
            let was = *here;
            let one = || before && (sign == '?' || at.checked_sub(1).and_then(|at| name.get(at)) == Some(&sign));
            *here = if sign == '*' { was || before } else { one() };
            before = if sign == '*' { *here } else { was };
        }
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_have_stars_and_question_marks() {
        let yes =
            [("a*", "abc"), ("*", ""), ("a?c", "abc"), ("*b*", "abc"), ("abc", "abc"), ("a**c", "abc"), ("/l*/b?", "/layer/b1")];
        assert!(yes.iter().all(|(pattern, name)| fits(pattern, name)));
        let no = [("a", "abc"), ("?", ""), ("a?", "abc"), ("b*", "abc"), ("", "a"), ("a*d", "abc")];
        assert!(no.iter().all(|(pattern, name)| !fits(pattern, name)));
    }

    #[test]
    fn the_nearest_name_is_the_one_with_the_fewest_changes() {
        let pairs = [("", "abc", 3), ("kitten", "sitting", 3), ("conv1", "Conv1", 0), ("abc", "abc", 0), ("bn_1", "bn1", 1)];
        for (one, two, expected) in pairs {
            assert_eq!(distance(one, two), expected, "{one}, {two}");
            assert_eq!(distance(two, one), expected, "{two}, {one}");
        }
    }
}
