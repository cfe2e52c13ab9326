//! Which parts of two files are the same, and the regions where they are not, from the files alone.
//!
//! Nodes are the same when operator, attributes, the values that they read and produce (by name) and the constants that they
//! read (by content) are. What stands in one file only is joined into regions: through values that exist in one file only, and
//! where both files produce the same value. Nothing is run and nothing is computed here.

mod attributes;
mod declared;
mod held;
mod operands;
mod order;
mod regions;
mod signs;
mod unknown;
mod versions;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use attributes::{canonical, contradicts};
pub(crate) use declared::fixed_inputs;
pub(crate) use operands::{Operands, Read, apart, operands, same_but_names};
pub(crate) use order::{is_static, keeps_order, never_fails};
#[cfg(feature = "tract")]
pub(crate) use versions::changed;

use crate::error::Result;
use crate::model::{Graph, Node, NodeId, Origin, ScopeId, ScopeKind, Use, ValueId};
use crate::verify::constants;
use crate::verify::measure::Measures;
use crate::verify::verdict::Difference;

/// A part of the graphs where the two files differ and that both enter and leave by the same values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Region {
    /// The graph in the first and in the second file.
    pub scopes: (ScopeId, ScopeId),
    /// Nodes of the first file, in order.
    pub before: Vec<NodeId>,
    /// Nodes of the second file, in order.
    pub after: Vec<NodeId>,
    /// Names of values that are read, constants left out.
    pub inputs: Vec<String>,
    /// Names of values that are produced and read elsewhere, in the first file.
    pub outputs: Vec<String>,
    /// The same values in the second file, where they may have other names.
    pub outputs_after: Vec<String>,
}

/// Two files side by side.
#[derive(Debug, Default)]
pub struct Alignment {
    /// Where they differ by a region.
    pub regions: Vec<Region>,
    /// Where they could not be matched otherwise.
    pub differences: Vec<Difference>,
    /// Where they are seen to differ from outside: inputs, outputs, constants that are visible.
    pub interface: Vec<Difference>,
    /// How many nodes are the same.
    pub same: usize,
}

/// Aligns two files as they stand.
///
/// # Errors
/// A file that cannot be read.
pub fn align(a: &Graph<'_>, b: &Graph<'_>) -> Result<Alignment> {
    let nothing = Measures::default();
    align_measured(Read { graph: a, measures: &nothing }, Read { graph: b, measures: &nothing })
}

/// Aligns two files of which something is known.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn align_measured(a: Read<'_, '_>, b: Read<'_, '_>) -> Result<Alignment> {
    let measures = (a.measures, b.measures);
    let (a, b) = (a.graph, b.graph);
    let alive = (alive(a), alive(b));
    let mut aligner = Aligner { a, b, measures, alive, out: Alignment::default() };
    aligner.files()?;
    let functions = aligner.functions()?;
    let mut pairs = vec![(ScopeId(0), ScopeId(0))];
    pairs.extend(functions);
    while let Some(pair) = pairs.pop() {
        aligner.interface(pair);
        let nested = aligner.scope(pair)?;
        pairs.extend(nested);
    }
    aligner.out.regions.sort_by_key(|r| (r.scopes, r.before.clone(), r.after.clone()));
    Ok(aligner.out)
}

struct Aligner<'x, 'm> {
    a: &'x Graph<'m>,
    b: &'x Graph<'m>,
    /// What is known of integers in each file.
    measures: (&'x Measures, &'x Measures),
    /// Nodes whose results matter, in each file.
    alive: (BTreeSet<NodeId>, BTreeSet<NodeId>),
    out: Alignment,
}

/// The nodes from which something reaches an output, in all scopes.
fn alive(graph: &Graph<'_>) -> BTreeSet<NodeId> {
    let maker = |value: ValueId| if let Origin::Node(node, _) = graph.value(value).origin { Some(node) } else { None };
    let is_read = |node: &NodeId| {
        // By an output of a graph, or by an annotation.
        let named = |value: &ValueId| graph.value(*value).uses.iter().any(|user| !matches!(user, Use::Node(..)));
        graph.node(*node).outputs.iter().flatten().any(named)
    };
    let owners: BTreeMap<NodeId, Vec<NodeId>> = graph.scopes.iter().fold(BTreeMap::new(), |mut found, scope| {
        if let ScopeKind::Nested { node, .. } = scope.kind {
            found.entry(node).or_insert_with(Vec::new).extend(&scope.nodes);
        }
        found
    });
    let mut left: Vec<NodeId> = (0..graph.nodes.len()).map(NodeId).filter(is_read).collect();
    let mut alive = BTreeSet::new();
    while let Some(node) = left.pop() {
        if alive.insert(node) {
            left.extend(graph.node(node).inputs.iter().flatten().filter_map(|value| maker(*value)));
            left.extend(owners.get(&node).into_iter().flatten());
            // What stands in a graph matters only as the node around it does, and that it does is not followed further.
            if let ScopeKind::Nested { node, .. } = graph.scope(graph.node(node).scope).kind {
                left.push(node);
            }
        }
    }
    alive
}

/// Whether a node only makes integers that are known, which are compared where they are read; outputs of that name are the same.
fn is_measured(measures: &Measures, node: &Node<'_>) -> bool {
    node.outputs.iter().flatten().all(|value| measures.integers(*value).is_some())
}

/// Whether a node only makes a constant, which is compared where it is read.
pub(crate) fn is_constant_node(graph: &Graph<'_>, node: &Node<'_>) -> bool {
    node.outputs.first().copied().flatten().is_some_and(|v| graph.constant(v).is_ok())
}

fn first_output<'m>(node: &Node<'m>) -> &'m str {
    node.proto.output.iter().find(|o| !o.is_empty()).map_or("", |o| o)
}

impl Aligner<'_, '_> {
    fn differs(&mut self, place: impl Into<String>, what: impl Into<String>) {
        self.out.differences.push(Difference { place: place.into(), what: what.into() });
    }

    /// What of the main graph is seen from outside; of others it is one more place that does not match.
    fn differs_outside(&mut self, scope: ScopeId, place: impl Into<String>, what: impl Into<String>) {
        let all = if scope == ScopeId(0) { &mut self.out.interface } else { &mut self.out.differences };
        all.push(Difference { place: place.into(), what: what.into() });
    }

    /// What holds for the whole file.
    fn files(&mut self) -> Result<()> {
        if !versions::alike(self.a, self.b) {
            self.differs("the model", "the operator sets that are imported differ");
        }
        if !unknown::same(self.a.model, self.b.model)? {
            self.differs("the model", "fields that are not in ONNX's schema differ");
        }
        Ok(())
    }

    fn functions(&mut self) -> Result<Vec<(ScopeId, ScopeId)>> {
        let named = |g: &Graph<'_>| {
            let mut found = BTreeMap::new();
            for (id, scope) in g.scopes.iter().enumerate() {
                if let ScopeKind::Function(index) = scope.kind
                    && let Some(f) = g.model.proto.functions.get(index)
                {
                    found.insert((f.domain().to_owned(), f.name().to_owned(), f.overload().to_owned()), ScopeId(id));
                }
            }
            found
        };
        let (mut ours, theirs) = (named(self.a), named(self.b));
        let mut pairs = Vec::new();
        for (name, there) in theirs {
            match ours.remove(&name) {
                Some(here) => {
                    if !self.same_head(here, there)? {
                        self.differs(format!("function {}:{}", name.0, name.1), "the attributes or operator sets differ");
                    }
                    pairs.push((here, there));
                }
                None => self.differs(format!("function {}:{}", name.0, name.1), "only the second model has it"),
            }
        }
        for name in ours.into_keys() {
            self.differs(format!("function {}:{}", name.0, name.1), "only the first model has it");
        }
        Ok(pairs)
    }

    /// Whether two functions take the same attributes, with the same defaults, and mean the same operators.
    fn same_head(&self, a: ScopeId, b: ScopeId) -> Result<bool> {
        let attributes = |g: &Graph<'_>, id: ScopeId| {
            let ScopeKind::Function(index) = g.scope(id).kind else { return None };
            let function = g.model.proto.functions.get(index)?;
            let names: BTreeSet<String> = function.attribute.iter().cloned().collect();
            Some((names, function.attribute_proto.iter().map(attributes::encoded).collect::<BTreeSet<_>>()))
        };
        let same = attributes(self.a, a) == attributes(self.b, b) && versions::alike_in_functions((self.a, a), (self.b, b));
        Ok(same && held::same_in_functions((self.a, a), (self.b, b))?)
    }

    /// Inputs and outputs: names, order, types, and defaults of inputs that have one.
    fn interface(&mut self, (a, b): (ScopeId, ScopeId)) {
        let place = match self.a.scope_path(a).as_str() {
            "" => "the main graph".to_owned(),
            path => path.to_owned(),
        };
        let inputs = |g: &Graph<'_>, id: ScopeId| {
            let open = g.scope(id).inputs.iter().filter(|v| matches!(g.value(**v).origin, Origin::Input { .. }));
            open.map(|v| (g.value(*v).name.to_owned(), declared::opened(g.value(*v).declared))).collect::<Vec<_>>()
        };
        let apart = |what: &str, found: String| format!("the {what} differ in name, order or type: {found}");
        let split = |all: Vec<(String, Vec<u8>)>| all.into_iter().unzip::<_, _, Vec<String>, Vec<Vec<u8>>>();
        let ((ours, types), (theirs, others)) = (split(inputs(self.a, a)), split(inputs(self.b, b)));
        if let Some(found) = declared::first_apart(&ours, &theirs, |at| types.get(at) != others.get(at)) {
            self.differs_outside(a, place.clone(), apart("inputs", found));
        }
        let names =
            |g: &Graph<'_>, id: ScopeId| g.scope(id).outputs.iter().map(|v| g.value(*v).name.to_owned()).collect::<Vec<_>>();
        let (ours, theirs) = (declared::outputs(self.a, a), declared::outputs(self.b, b));
        let fixed = declared::fixed_inputs(self.a, a);
        let known = |index: usize| self.measures.0.shape(*self.a.scope(a).outputs.get(index)?);
        let unlike = |index: usize| match (ours.get(index), theirs.get(index)) {
            (Some(x), Some(y)) => !declared::alike(x, y, fixed, known(index)),
            (None, None) => false,
            _ => true,
        };
        if let Some(found) = declared::first_apart(&names(self.a, a), &names(self.b, b), unlike) {
            self.differs_outside(a, place, apart("outputs", found));
        }
    }

    /// The nodes of one graph of each file. Returns the graphs nested in nodes that stand in both.
    fn scope(&mut self, (a, b): (ScopeId, ScopeId)) -> Result<Vec<(ScopeId, ScopeId)>> {
        self.constant_values((a, b))?;
        for name in held::sparse_apart((self.a, a), (self.b, b))? {
            self.differs(name, "a sparse constant differs");
        }
        let nodes = |g: &Graph<'_>, measures: &Measures, id: ScopeId| {
            let live = g.scope(id).nodes.iter().filter(|n| !is_constant_node(g, g.node(**n)));
            live.filter(|n| !is_measured(measures, g.node(**n))).copied().collect::<Vec<_>>()
        };
        let (ours, theirs) = (nodes(self.a, self.measures.0, a), nodes(self.b, self.measures.1, b));
        let by_output: BTreeMap<&str, NodeId> = theirs.iter().map(|n| (first_output(self.b.node(*n)), *n)).collect();
        let (mut only_a, mut matched, mut nested) = (Vec::new(), BTreeSet::new(), Vec::new());
        for node in ours {
            let other = by_output.get(first_output(self.a.node(node))).copied();
            match other {
                Some(other) if self.same_node(node, other)? => {
                    matched.insert(other);
                    self.out.same += 1;
                    nested.extend(self.nested_pairs(node, other));
                }
                _ => only_a.push(node),
            }
        }
        let mut only_b: Vec<NodeId> = theirs.into_iter().filter(|n| !matched.contains(n)).collect();
        // What nobody reads makes no difference, and tools take it out.
        only_a.retain(|n| self.alive.0.contains(n));
        only_b.retain(|n| self.alive.1.contains(n));
        self.regions((a, b), &only_a, &only_b);
        Ok(nested)
    }

    /// Constants that are visible as such: graph outputs and defaults of inputs.
    fn constant_values(&mut self, (a, b): (ScopeId, ScopeId)) -> Result<()> {
        // Up to IR 3 constants stand among the inputs as well; nobody outside sees those.
        let open = |g: &Graph<'_>, id: ScopeId| {
            let inputs = g.scope(id).inputs.iter().filter(|v| matches!(g.value(**v).origin, Origin::Input { .. }));
            inputs.chain(&g.scope(id).outputs).copied().collect::<Vec<_>>()
        };
        let pairs = open(self.a, a).into_iter().zip(open(self.b, b));
        let mut found = Vec::new();
        for (one, two) in pairs {
            let tensor = |g: &Graph<'_>, v: ValueId| match g.value(v).origin {
                Origin::Input { default } => default,
                _ => g.constant(v).ok().map(|(t, _)| t),
            };
            let same = match (tensor(self.a, one), tensor(self.b, two)) {
                (Some(x), Some(y)) => constants::same((self.a, x), (self.b, y))?,
                (None, None) => true,
                _ => false,
            };
            if !same {
                found.push((self.a.value(one).name.to_owned(), matches!(self.a.value(one).origin, Origin::Input { .. })));
            }
        }
        for (name, is_default) in found {
            match is_default {
                true => self.differs_outside(a, name, "a constant that is seen from outside differs"),
                // An output may be computed in one file, or rounded otherwise: a run shows it.
                false => self.differs(format!("output `{name}`"), "is a constant that the other file has not"),
            }
        }
        Ok(())
    }

    fn same_node(&self, a: NodeId, b: NodeId) -> Result<bool> {
        let read = (Read { graph: self.a, measures: self.measures.0 }, Read { graph: self.b, measures: self.measures.1 });
        Ok(apart((read.0, a), (read.1, b))?.is_some_and(|inputs| inputs.is_empty()))
    }

    fn nested_pairs(&mut self, a: NodeId, b: NodeId) -> Vec<(ScopeId, ScopeId)> {
        let of = |g: &Graph<'_>, node: NodeId| {
            let inside = |s: &crate::model::Scope<'_>| match s.kind {
                ScopeKind::Nested { node: owner, attribute } if owner == node => Some(attribute.to_owned()),
                _ => None,
            };
            let mut found: BTreeMap<String, Vec<ScopeId>> = BTreeMap::new();
            for (id, scope) in g.scopes.iter().enumerate() {
                if let Some(attribute) = inside(scope) {
                    found.entry(attribute).or_default().push(ScopeId(id));
                }
            }
            found
        };
        let (ours, theirs) = (of(self.a, a), of(self.b, b));
        let lengths = |m: &BTreeMap<String, Vec<ScopeId>>| m.iter().map(|(k, v)| (k.clone(), v.len())).collect::<Vec<_>>();
        if lengths(&ours) != lengths(&theirs) {
            let place = self.a.describe(a);
            self.differs(place, "the nested graphs differ in number");
        }
        let pairs = ours
            .into_iter()
            .filter_map(|(name, list)| Some(list.into_iter().zip(theirs.get(&name)?.clone()).collect::<Vec<_>>()));
        pairs.flatten().collect()
    }
}
