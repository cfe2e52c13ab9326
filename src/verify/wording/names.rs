//! Which value of the second file is which of the first: what is computed alike from what is the same, what the same nodes
//! read, and, failing that, what has the same name.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::classes::{Classes, Kind};
use crate::error::Result;
use crate::model::{Graph, NodeId, Origin, ScopeId, Use, ValueId};
use crate::verify::align::{Operands, Read, is_constant_node, operands};

/// How often readers may change their minds about one value; some never agree.
const CHANGES: usize = 4;

type Side<'x, 'm> = (Read<'x, 'm>, &'x Classes);

/// Names for values of the second file's main graph, by the names that they have.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn guess(a: Side<'_, '_>, b: Side<'_, '_>, kept: &[String]) -> Result<BTreeMap<String, String>> {
    let mut guesser = Guesser::new(a, b);
    // A guess lets more values be found, which lets more be guessed.
    loop {
        guesser.forward();
        if !guesser.backward()? {
            return Ok(guesser.renamed(kept));
        }
    }
}

struct Guesser<'x, 'm> {
    a: Side<'x, 'm>,
    b: Side<'x, 'm>,
    /// Values of the first file by name.
    named: BTreeMap<&'m str, ValueId>,
    /// Nodes of the first file by what they are.
    known: BTreeMap<Kind<ValueId>, NodeId>,
    /// What readers said of values of the second file, and how often they said something else.
    said: BTreeMap<ValueId, (ValueId, usize)>,
    /// The value of the first file, by that of the second.
    pairs: BTreeMap<ValueId, ValueId>,
    /// Values of the second file that are computed alike in the first.
    proven: BTreeSet<ValueId>,
    /// Nodes that were compared, whose constants are not read again.
    compared: BTreeMap<(NodeId, NodeId), Option<Rc<Operands>>>,
}

/// What all readers take a value for; those that read the same constants as in the first file know better.
fn agreed(taken: &BTreeSet<(bool, ValueId)>) -> Option<ValueId> {
    let same = taken.iter().any(|(same, _)| *same);
    let all: BTreeSet<ValueId> = taken.iter().filter(|(alike, _)| *alike == same).map(|(_, x)| *x).collect();
    all.first().copied().filter(|_| all.len() == 1)
}

impl<'x, 'm> Guesser<'x, 'm> {
    fn new(a: Side<'x, 'm>, b: Side<'x, 'm>) -> Self {
        let main = |value: &&crate::model::graph::Value<'m>| value.scope == ScopeId(0);
        let values = a.0.graph.values.iter().enumerate().filter(|(_, value)| main(value));
        let named = values.map(|(id, value)| (value.name, ValueId(id))).collect();
        let known = a.1.kinds.iter().rev().map(|(node, kind)| (kind.clone(), *node)).collect();
        Guesser {
            a,
            b,
            named,
            known,
            said: BTreeMap::new(),
            pairs: BTreeMap::new(),
            proven: BTreeSet::new(),
            compared: BTreeMap::new(),
        }
    }

    /// The nodes of the second file's main graph that compute.
    fn nodes(&self) -> impl Iterator<Item = NodeId> + use<'x, 'm> {
        let graph = self.b.0.graph;
        graph.scope(ScopeId(0)).nodes.iter().copied().filter(|id| !is_constant_node(graph, graph.node(*id)))
    }

    /// The value of the first file that a value of the second is by its name.
    fn by_name(&self, value: ValueId) -> Option<ValueId> {
        let found = *self.named.get(self.b.0.graph.value(value).name)?;
        self.a.0.graph.constant(found).is_err().then(|| self.a.1.of(found))
    }

    /// Pairs values from the inputs on.
    fn forward(&mut self) {
        self.pairs.clear();
        self.proven.clear();
        for input in &self.b.0.graph.scope(ScopeId(0)).inputs {
            if let Some(found) = self.by_name(*input) {
                self.pairs.insert(*input, found);
                self.proven.insert(*input);
            }
        }
        for id in self.nodes() {
            let outputs = &self.b.0.graph.node(id).outputs;
            let alike = self.b.1.kinds.get(&id).and_then(|kind| kind.renumbered(|value| self.pairs.get(value).copied()));
            let twin = alike.and_then(|kind| self.known.get(&kind)).map(|twin| self.a.0.graph.node(*twin));
            for (index, value) in outputs.iter().enumerate().filter_map(|(index, value)| Some((index, (*value)?))) {
                let found = twin.and_then(|twin| twin.outputs.get(index).copied().flatten());
                if found.is_some() {
                    self.proven.insert(value);
                }
                let found = found.or_else(|| self.said.get(&value).map(|(found, _)| *found)).or_else(|| self.by_name(value));
                if let Some(found) = found {
                    self.pairs.insert(value, self.a.1.of(found));
                }
            }
        }
    }

    /// Asks nodes that stand in both files what they read, readers before those who make what they read. Returns whether anything
    /// new was heard.
    fn backward(&mut self) -> Result<bool> {
        let makers = self.makers();
        let others = self.others(&makers)?;
        // By value of the second file: what its readers take it for, and whether they read the same constants.
        let mut heard: BTreeMap<ValueId, BTreeSet<(bool, ValueId)>> = BTreeMap::new();
        let mut news = false;
        let ids: Vec<NodeId> = self.nodes().collect();
        for id in ids.into_iter().rev() {
            // All that read what it makes were asked before.
            for value in self.b.0.graph.node(id).outputs.iter().flatten() {
                let Some(one) = heard.get(value).and_then(agreed) else { continue };
                let known = self.pairs.get(value) == Some(&one) || self.proven.contains(value);
                if known || !others.contains(value) && self.is_made_alike(&makers, *value)? {
                    continue;
                }
                let (last, changes) = self.said.get(value).copied().unwrap_or((*value, 0));
                if changes < CHANGES && (changes == 0 || last != one) {
                    self.said.insert(*value, (one, changes + 1));
                    self.pairs.insert(*value, one);
                    news = true;
                }
            }
            let Some(operands) = self.partner(&makers, id)? else { continue };
            for (x, y) in &operands.values {
                heard.entry(self.b.1.of(*y)).or_default().insert((operands.constants.is_empty(), self.a.1.of(*x)));
            }
        }
        Ok(news)
    }

    /// Values of the second file that are not what their names say: the node that makes them reads other constants than in the
    /// first, or only such values make the difference.
    fn others(&mut self, makers: &BTreeMap<ValueId, NodeId>) -> Result<BTreeSet<ValueId>> {
        let mut others = BTreeSet::new();
        let ids: Vec<NodeId> = self.nodes().collect();
        for id in ids {
            let is_other = match self.partner(makers, id)? {
                Some(operands) => !operands.constants.is_empty() || operands.values.iter().any(|(_, y)| others.contains(y)),
                // The same operator in another form: with a bias, say.
                None => self
                    .namesake(makers, id)
                    .is_some_and(|other| self.a.0.graph.node(other).proto.op_type() == self.b.0.graph.node(id).proto.op_type()),
            };
            if is_other {
                others.extend(self.b.0.graph.node(id).outputs.iter().flatten().copied());
            }
        }
        Ok(others)
    }

    /// The nodes of the first file by what they make first.
    fn makers(&self) -> BTreeMap<ValueId, NodeId> {
        let graph = self.a.0.graph;
        let nodes = graph.scope(ScopeId(0)).nodes.iter().rev();
        let made = nodes.filter_map(|id| Some((self.a.1.of(graph.node(*id).outputs.iter().flatten().next().copied()?), *id)));
        made.collect()
    }

    /// What this node reads and the node of the first file that makes the same by the pairs of values so far, if they are alike
    /// in all else.
    fn partner(&mut self, makers: &BTreeMap<ValueId, NodeId>, id: NodeId) -> Result<Option<Rc<Operands>>> {
        let Some(other) = self.namesake(makers, id) else { return Ok(None) };
        if let Some(known) = self.compared.get(&(other, id)) {
            return Ok(known.clone());
        }
        let found = operands((self.a.0, other), (self.b.0, id))?.map(Rc::new);
        self.compared.insert((other, id), found.clone());
        Ok(found)
    }

    /// The node of the first file that makes the same by the pairs of values so far.
    fn namesake(&self, makers: &BTreeMap<ValueId, NodeId>, id: NodeId) -> Option<NodeId> {
        let first = self.b.0.graph.node(id).outputs.iter().flatten().next()?;
        makers.get(self.pairs.get(first)?).copied()
    }

    /// Whether the node that makes a value stands in both files, with the same constants and on the same values: then it is what
    /// its name says, whatever its readers take it for.
    fn is_made_alike(&mut self, makers: &BTreeMap<ValueId, NodeId>, value: ValueId) -> Result<bool> {
        let Origin::Node(maker, _) = self.b.0.graph.value(value).origin else { return Ok(true) };
        let Some(operands) = self.partner(makers, maker)? else { return Ok(false) };
        let same = |(x, y): &(ValueId, ValueId)| self.pairs.get(y) == Some(&self.a.1.of(*x));
        Ok(operands.constants.is_empty() && operands.values.iter().all(same))
    }

    /// The names that follow, without those that somebody else has.
    fn renamed(&self, kept: &[String]) -> BTreeMap<String, String> {
        let (a, b) = (self.a.0.graph, self.b.0.graph);
        let local = |graph: &Graph<'_>, value: ValueId| {
            let outside = |user: &Use| match user {
                Use::Node(node, _) => graph.node(*node).scope != ScopeId(0),
                Use::Output(..) | Use::Annotation(_) => true,
            };
            let at = graph.value(value);
            matches!(at.origin, Origin::Node(..)) && !at.uses.iter().any(outside) && !kept.iter().any(|name| name == at.name)
        };
        let twin = |value: &ValueId| self.b.1.of(*value) != *value;
        let wanted = self.pairs.iter().filter(|(theirs, ours)| !twin(theirs) && local(b, **theirs) && local(a, **ours));
        let mut renamed: BTreeMap<String, String> = BTreeMap::new();
        let mut given = BTreeSet::new();
        for (theirs, ours) in wanted {
            let (old, new) = (b.value(*theirs).name, a.value(*ours).name);
            if old != new && given.insert(new) {
                renamed.insert(old.to_owned(), new.to_owned());
            }
        }
        // A name that stays where it is cannot be given away; taking one back may free no other, so once more until all fit.
        let names: BTreeSet<&str> = b.values.iter().map(|value| value.name).collect();
        loop {
            let clash =
                |(old, new): &(&String, &String)| old != new && names.contains(new.as_str()) && !renamed.contains_key(*new);
            let Some(old) = renamed.iter().find(clash).map(|(old, _)| old.clone()) else { return renamed };
            renamed.remove(&old);
        }
    }
}
