//! Names that the user gives where many models are meant: what one of them lacks is not asked of it, what none has is a mistake.

use std::collections::BTreeSet;

use bnfold::model::{Graph, ScopeId};
use bnfold::{Error, ErrorKind, plan, verify};

use super::arguments::{Planning, Runs};
use super::files::Found;

/// What was asked for, and which of it some model had.
pub struct Named<'a> {
    planning: &'a Planning,
    runs: &'a Runs,
    seen: BTreeSet<(&'static str, String)>,
    models: usize,
}

impl<'a> Named<'a> {
    /// What these options name.
    pub fn new(planning: &'a Planning, runs: &'a Runs) -> Named<'a> {
        Named { planning, runs, seen: BTreeSet::new(), models: 0 }
    }

    /// Whether anything is named that a model could lack.
    pub fn is_empty(&self) -> bool {
        self.names().is_empty()
    }

    fn names(&self) -> Vec<(&'static str, &'a str)> {
        let (planning, runs) = (self.planning, self.runs);
        let skip = planning.skip.iter().map(|name| ("node", name));
        let only = planning.only.iter().map(|name| ("pattern", name));
        let dims = runs.dim.iter().map(|(name, _)| ("dimension", name));
        let shapes = runs.input_shape.iter().map(|(name, _)| ("input", name));
        let taps = runs.tap.iter().map(|name| ("value", name));
        skip.chain(only).chain(dims).chain(shapes).chain(taps).map(|(kind, name)| (kind, name.as_str())).collect()
    }

    /// What of it concerns one model; `None` where only nodes of other models are meant.
    pub fn of(&mut self, graph: &Graph<'_>) -> Option<(Planning, Runs)> {
        self.models += 1;
        let (inputs, symbols) = verify::sized_names(graph);
        let has = |kind: &str, name: &str| match kind {
            "node" => plan::is_meant(graph, name, true),
            "pattern" => plan::is_meant(graph, name, false),
            "dimension" => symbols.contains(name),
            "input" => inputs.contains(name),
            _ => graph.lookup(ScopeId(0), name).is_some(),
        };
        let had: BTreeSet<(&'static str, String)> =
            self.names().into_iter().filter(|(kind, name)| has(kind, name)).map(|(kind, name)| (kind, name.to_owned())).collect();
        let keep = |kind: &'static str, name: &str| had.contains(&(kind, name.to_owned()));
        let (mut planning, mut runs) = (self.planning.clone(), self.runs.clone());
        planning.skip.retain(|name| keep("node", name));
        planning.only.retain(|name| keep("pattern", name));
        runs.dim.retain(|(name, _)| keep("dimension", name));
        runs.input_shape.retain(|(name, _)| keep("input", name));
        runs.tap.retain(|name| keep("value", name));
        self.seen.extend(had);
        (self.planning.only.is_empty() || !planning.only.is_empty()).then_some((planning, runs))
    }

    /// The first name that no model had, if any model was read.
    pub fn unknown(&self) -> Option<Error> {
        let missing = |(kind, name): &(&'static str, &str)| !self.seen.contains(&(*kind, (*name).to_owned()));
        let (kind, name) = self.names().into_iter().find(missing).filter(|_| self.models > 0)?;
        let (what, remedy) = match kind {
            "node" | "pattern" => (
                format!("no model has a node `{name}`"),
                "`bnfold inspect -v` lists the nodes of a model that can be folded; others have the names that a viewer shows",
            ),
            "dimension" => (format!("no model has a dimension `{name}` at its inputs"), "correct --dim"),
            "input" => (format!("no model has an input `{name}`"), "correct --input-shape"),
            _ => (format!("no model has a value `{name}`"), "correct --tap"),
        };
        Some(Error::new(ErrorKind::Choice, what).remedy(remedy))
    }
}

/// For each of many models the options as they concern it, or nothing where nodes of other models are meant. What cannot be read
/// keeps them all, and says so itself later. Beside them the first name that none of the models has.
pub fn options(models: &[&Found], planning: &Planning, runs: &Runs) -> (Vec<Option<(Planning, Runs)>>, Option<Error>) {
    let mut named = Named::new(planning, runs);
    if named.is_empty() {
        return (models.iter().map(|_| Some((planning.clone(), runs.clone()))).collect(), None);
    }
    let mut one = |found: &&Found| {
        let Ok(input) = planning.open(&found.path) else { return Some((planning.clone(), runs.clone())) };
        match planning.graph(&input.model) {
            Ok(graph) => named.of(&graph),
            Err(_) => Some((planning.clone(), runs.clone())),
        }
    };
    let options = models.iter().map(&mut one).collect();
    (options, named.unknown())
}
