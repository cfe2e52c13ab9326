//! Where changed constants go: in place if only the fold reads them, into a constant that the fold leaves without readers,
//! else under a new name beside the old one. And which constants nobody reads any more.

mod groups;
mod naming;
mod requantise;

use std::borrow::Cow;
use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use groups::groups;
pub(super) use groups::weights;
pub(super) use requantise::{Dequantiser, DequantiserCopy, ZeroPoints};

use crate::error::Result;
use crate::model::{Element, Graph, Home, NodeId, Origin, ScopeId, ScopeKind, TensorId, Use, ValueId};
use crate::plan::{Draft, DraftTensor, Plan};

/// An input of a node.
type Reader = (NodeId, usize);

/// A changed constant, wherever it is written.
pub(super) struct Change<'s> {
    /// The numbers.
    pub content: &'s DraftTensor,
    /// The stored constant that factors apply to.
    pub base: Option<TensorId>,
    /// The float type.
    pub element: Element,
    /// A node and input that read it, for messages.
    pub reader: Reader,
}

/// What constants become, and who reads it, where a place is still to be found.
type Fresh<'p> = Vec<(Cow<'p, DraftTensor>, Vec<Reader>)>;

/// Where a changed constant is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Into the message of this constant, whose shape it has.
    Message(TensorId),
    /// Into a new constant of a graph.
    New {
        /// Its name.
        name: String,
        /// The graph that gets it.
        scope: ScopeId,
        /// The node before which it must stand: the first that reads it.
        before: NodeId,
    },
}

/// A changed constant.
#[derive(Clone, Debug)]
pub(super) struct Store<'p> {
    /// The numbers.
    pub content: Cow<'p, DraftTensor>,
    /// The stored constant that factors apply to.
    pub base: Option<TensorId>,
    /// The float type.
    pub element: Element,
    /// The shape.
    pub dims: Vec<u64>,
    /// Where it goes.
    pub place: Place,
    /// A node and input that read it, for messages.
    pub reader: (NodeId, usize),
}

impl Store<'_> {
    /// The constant, wherever it is written.
    pub fn change(&self) -> Change<'_> {
        Change { content: &self.content, base: self.base, element: self.element, reader: self.reader }
    }
}

/// What lowering does with constants.
#[derive(Default)]
pub(super) struct Settlement<'p> {
    /// Changed constants.
    pub stores: Vec<Store<'p>>,
    /// Inputs of nodes that read another name than before.
    pub reads: BTreeMap<(NodeId, usize), String>,
    /// Constants that nobody reads any more.
    pub dead: BTreeSet<ValueId>,
    /// Nodes whose result is a stored constant now, under the same name.
    pub replaced: BTreeSet<NodeId>,
    /// New names of values that are something else than before.
    pub renamed: BTreeMap<ValueId, String>,
    /// Names of new parameters of functions.
    pub parameters: BTreeMap<ScopeId, Vec<String>>,
    /// By node that becomes two: the name of the value between them.
    pub between: BTreeMap<NodeId, String>,
    /// Nodes that dequantise by other scales, or are copied to.
    pub dequantisers: Vec<Dequantiser>,
    /// New zero points.
    pub zero_points: Vec<ZeroPoints>,
}

/// Decides for every constant that a plan changes.
///
/// # Errors
/// A file that cannot be read.
pub(super) fn settle<'p>(plan: &'p Plan<'_>) -> Result<Settlement<'p>> {
    let mut settler = stored(plan)?;
    settler.bury();
    settler.rename();
    settler.divide();
    Ok(settler.out)
}

/// A place for each changed constant.
fn stored<'p, 'g>(plan: &'p Plan<'g>) -> Result<Settler<'p, 'g>> {
    let mut settler = Settler::new(plan);
    settler.signatures();
    let mut fresh = Vec::new();
    for (_, content, readers) in groups(plan) {
        match settler.quantised(content, &readers) {
            Some(weight) => settler.requantise(&weight, readers, &mut fresh)?,
            None => settler.in_place_or(Cow::Borrowed(content), readers, &mut fresh),
        }
    }
    // Donors are known only when every input has moved away from the constants that it does not read any more.
    for (content, readers) in fresh {
        settler.donor_or_new(content, &readers);
    }
    Ok(settler)
}

struct Settler<'p, 'g> {
    plan: &'p Plan<'g>,
    /// Uses of values after inputs were pointed elsewhere here; the draft's where absent.
    uses: BTreeMap<ValueId, Vec<Use>>,
    /// Names of the file, once somebody asks.
    names: OnceCell<HashSet<&'g str>>,
    /// Names that were made here, and by name that was wanted the first number behind it that may not be taken.
    given: HashMap<String, u64>,
    /// Constants that stay although the nodes of the file read them no more.
    donated: BTreeSet<ValueId>,
    out: Settlement<'p>,
}

impl<'p, 'g> Settler<'p, 'g> {
    fn new(plan: &'p Plan<'g>) -> Settler<'p, 'g> {
        Settler {
            plan,
            uses: BTreeMap::new(),
            names: OnceCell::new(),
            given: HashMap::new(),
            donated: BTreeSet::new(),
            out: Settlement::default(),
        }
    }

    fn graph(&self) -> &'p Graph<'p> {
        self.plan.view.graph
    }

    fn draft(&self) -> &'p Draft {
        &self.plan.view.draft
    }

    fn uses(&self, value: ValueId) -> &[Use] {
        match self.uses.get(&value) {
            Some(uses) => uses,
            None => self.draft().uses(self.graph(), value),
        }
    }

    /// New parameters get names, and what parameters that go were given loses a reader in each call.
    fn signatures(&mut self) {
        let plan = self.plan;
        for (function, signature) in &plan.lifted.signatures {
            for port in &signature.added {
                let name = self.new_name(*port);
                self.out.reads.insert(*port, name.clone());
                self.out.parameters.entry(*function).or_default().push(name);
            }
            for call in &signature.calls {
                for position in &signature.unused {
                    if let Some(value) = self.draft().input(self.graph(), *call, *position) {
                        self.forget(value, Use::Node(*call, *position));
                    }
                }
            }
        }
    }

    fn forget(&mut self, value: ValueId, user: Use) {
        let now: Vec<Use> = self.uses(value).iter().filter(|u| **u != user).copied().collect();
        self.uses.insert(value, now);
    }

    /// The constant at inputs, if nobody else reads it.
    fn owned(&self, readers: &[Reader]) -> Option<TensorId> {
        let value = |reader: &(NodeId, usize)| self.draft().input(self.graph(), reader.0, reader.1);
        let constants: Vec<_> = readers.iter().filter_map(value).filter_map(|v| self.graph().constant(v).ok()).collect();
        let owned = constants.len() == readers.len()
            && constants.iter().all(|(tensor, way)| *tensor == constants[0].0 && self.only_read_by(way, readers));
        constants.first().filter(|_| owned).map(|(tensor, _)| *tensor)
    }

    fn in_place_or(&mut self, content: Cow<'p, DraftTensor>, readers: Vec<Reader>, fresh: &mut Fresh<'p>) {
        if let Some(tensor) = self.owned(&readers) {
            let stored = self.graph().tensor(tensor);
            let same_shape = match &*content {
                DraftTensor::Factored { .. } => true,
                DraftTensor::Dense { value, .. } => value.dims == stored.dims,
                DraftTensor::Sum(merged) => merged.layout.dims == stored.dims,
            };
            if let (true, Some(element)) = (same_shape, stored.element()) {
                let dims = stored.dims.clone();
                let place = match stored.home {
                    Home::Computed { node } => self.replace(node, &stored.name),
                    _ => Place::Message(tensor),
                };
                let reader = self.plan.lifted.reader(readers[0]);
                let store = Store { content, base: Some(tensor), element, dims, place, reader };
                self.out.stores.push(store);
                return;
            }
        }
        self.leave(&readers);
        fresh.push((content, readers));
    }

    /// These inputs will read something else.
    fn leave(&mut self, readers: &[Reader]) {
        for reader in readers {
            if let Some(value) = self.draft().input(self.graph(), reader.0, reader.1) {
                self.forget(value, Use::Node(reader.0, reader.1));
            }
        }
    }

    /// The place of a constant that a node computes, which is not needed any more.
    fn replace(&mut self, node: NodeId, name: &str) -> Place {
        let graph = self.graph();
        for (input, from) in graph.node(node).inputs.iter().enumerate() {
            if let Some(from) = from {
                self.forget(*from, Use::Node(node, input));
            }
        }
        self.out.replaced.insert(node);
        Place::New { name: name.to_owned(), scope: graph.node(node).scope, before: node }
    }

    /// Whether the constants on the way from an input to its source have no readers but these and each other.
    fn only_read_by(&self, way: &[ValueId], readers: &[Reader]) -> bool {
        way.iter().all(|value| {
            self.uses(*value).iter().all(|user| match user {
                Use::Node(node, input) => {
                    let hands_on =
                        || self.graph().node(*node).outputs.first().copied().flatten().is_some_and(|v| way.contains(&v));
                    readers.contains(&(*node, *input)) || hands_on()
                }
                _ => false,
            })
        })
    }

    fn donor_or_new(&mut self, content: Cow<'p, DraftTensor>, readers: &[Reader]) {
        let (graph, first) = (self.graph(), readers[0]);
        let scope = graph.node(first.0).scope;
        let base = self.draft().input(graph, first.0, first.1).and_then(|v| graph.constant(v).ok()).map(|(tensor, _)| tensor);
        let Some(element) = self.element(first) else { return };
        let dims = match &*content {
            DraftTensor::Dense { value, .. } => value.dims.clone(),
            DraftTensor::Sum(merged) => merged.layout.dims.clone(),
            DraftTensor::Factored { .. } => base.map(|b| graph.tensor(b).dims.clone()).unwrap_or_default(),
        };
        let donor = match &*content {
            DraftTensor::Dense { donor: Some(donor), .. } if readers.len() == 1 => self.accepts(*donor, scope, element, &dims),
            _ => None,
        };
        let (place, name) = match donor {
            Some((value, tensor)) => {
                self.donated.insert(value);
                (Place::Message(tensor), graph.value(value).name.to_owned())
            }
            None => {
                let name = self.new_name(first);
                let (scope, before) = self.sight(readers);
                (Place::New { name: name.clone(), scope, before }, name)
            }
        };
        for reader in readers {
            self.out.reads.insert(*reader, name.clone());
        }
        self.out.stores.push(Store { content, base, element, dims, place, reader: self.plan.lifted.reader(first) });
    }

    /// The float type of a changed constant that a node reads.
    fn element(&self, reader: Reader) -> Option<Element> {
        match self.plan.lifted.inside.get(&reader) {
            Some(inside) => inside.element,
            None => self.plan.view.input_element(reader.0, reader.1),
        }
    }

    /// The innermost graph that all readers see, and its first node that is one of them or has one in a body.
    fn sight(&self, readers: &[Reader]) -> (ScopeId, NodeId) {
        let graph = self.graph();
        // From a reader outwards: the graphs, each with the node in it.
        let outwards = |reader: &Reader| {
            let mut way = vec![(graph.node(reader.0).scope, reader.0)];
            while let Some((scope, _)) = way.last()
                && let ScopeKind::Nested { node, .. } = graph.scope(*scope).kind
            {
                way.push((graph.node(node).scope, node));
            }
            way
        };
        let ways: Vec<_> = readers.iter().map(outwards).collect();
        let node_in = |scope: ScopeId, way: &[(ScopeId, NodeId)]| way.iter().find(|(at, _)| *at == scope).map(|(_, node)| *node);
        let seen_by_all = |scope| ways.iter().map(|way| node_in(scope, way)).collect::<Option<Vec<NodeId>>>();
        let mut found = ways[0].iter().filter_map(|(scope, _)| Some((*scope, seen_by_all(*scope)?.into_iter().min()?)));
        found.next().unwrap_or((graph.node(readers[0].0).scope, readers[0].0))
    }

    /// Whether a constant that the fold leaves without readers can hold the numbers: an initializer in sight, of their shape and type.
    fn accepts(&self, donor: ValueId, scope: ScopeId, element: Element, dims: &[u64]) -> Option<(ValueId, TensorId)> {
        let graph = self.graph();
        let Origin::Initializer(tensor) = graph.value(donor).origin else { return None };
        let stored = graph.tensor(tensor);
        let fits = self.uses(donor).is_empty()
            && !self.donated.contains(&donor)
            && stored.dims == dims
            && stored.element() == Some(element)
            && graph.lookup(scope, graph.value(donor).name) == Some(donor);
        fits.then_some((donor, tensor))
    }

    /// Constants that have lost all their readers, and what only they were made of.
    fn bury(&mut self) {
        let graph = self.graph();
        let mut suspects: Vec<ValueId> = (0..graph.values.len()).map(ValueId).collect();
        while let Some(value) = suspects.pop() {
            let was_read = !graph.value(value).uses.is_empty();
            if !was_read || !self.uses(value).is_empty() || self.donated.contains(&value) || graph.constant(value).is_err() {
                continue;
            }
            if !self.out.dead.insert(value) {
                continue;
            }
            if let Origin::Node(node, _) = graph.value(value).origin {
                for (input, from) in graph.node(node).inputs.iter().enumerate() {
                    if let Some(from) = from {
                        self.forget(*from, Use::Node(node, input));
                        suspects.push(*from);
                    }
                }
            }
        }
    }
}

/// The node that makes a dead constant, if a node does.
pub(super) fn dead_node(graph: &Graph<'_>, value: ValueId) -> Option<NodeId> {
    match graph.value(value).origin {
        Origin::Node(node, _) => Some(node),
        _ => None,
    }
}

/// The position of a dead constant among the initializers of its graph.
pub(super) fn dead_initializer(graph: &Graph<'_>, value: ValueId) -> Option<(ScopeId, usize)> {
    match graph.value(value).origin {
        Origin::Initializer(tensor) => match graph.tensor(tensor).home {
            Home::Initializer { scope, index } => Some((scope, index)),
            Home::Constant { .. } | Home::Computed { .. } => None,
        },
        _ => None,
    }
}
