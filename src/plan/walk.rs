//! The walk of one map: a work-list of `push`. Maps that arrive at one place from several sides are put together there: behind
//! the pieces of a Split, and at a value that several nodes read, each of which must see nothing of what the others need.

use std::collections::BTreeMap;

use crate::law::{Carry, Law, Parameter, Port, Reason, Step, Together, join, push};
use crate::map::Placed;
use crate::model::graph::asks_for_shape;
use crate::model::{NodeId, Origin, Use, ValueId};
use crate::plan::choice::Choice;
use crate::plan::route::{Kept, Route, Way, check_types};
use crate::plan::view::View;

/// How many operators may stand between a value and the question for its shape.
const FURTHEST: usize = 8;

/// At how many products of values the other factor is tried, too.
const MOST_PICKS: u32 = 2;

/// A map on its way, at the port of a node or value that it is about to enter.
enum Travel {
    /// To the producer of a value; the map came from this use of it.
    Back(ValueId, Placed, NodeId),
    /// To all readers of a value, made by this node.
    Ahead(ValueId, Placed, NodeId),
}

/// Where maps meet: those nearer to the end of the graph come last, and a value after the node that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// Behind the pieces of a node.
    Pieces(NodeId),
    /// At a value that this node makes.
    Value(NodeId, ValueId),
}

struct Walk<'w, 'a> {
    view: &'w View<'a>,
    choice: &'w Choice,
    route: Route,
    work: Vec<Travel>,
    visited: Vec<NodeId>,
    /// Maps that wait for others, with the node or output from which they come.
    waiting: BTreeMap<(NodeId, Place), Vec<(usize, Placed)>>,
    /// For each product of values that is met, whether the map goes to the last factor that takes it rather than to the first.
    picks: u32,
    products: u32,
}

/// The way of a map that begins at `site`, whose input number `data` it maps.
pub(super) fn walk(
    view: &View<'_>,
    choice: &Choice,
    (site, data): (NodeId, usize),
    way: Way,
    placed: &Placed,
) -> Result<Route, Kept> {
    let attempt = |picks| {
        let route = Route::at(site, data, way);
        let (work, visited, waiting) = (vec![], vec![site], BTreeMap::new());
        let mut walk = Walk { view, choice, route, work, visited, waiting, picks, products: 0 };
        let ended = walk.run(placed.clone());
        (ended.map(|()| walk.route), walk.products)
    };
    let (first, products) = attempt(0);
    first.or_else(|kept| (1..1 << products.min(MOST_PICKS)).find_map(|picks| attempt(picks).0.ok()).ok_or(kept))
}

impl Walk<'_, '_> {
    fn run(&mut self, placed: Placed) -> Result<(), Kept> {
        let (site, data, view) = (self.route.site, self.route.data, self.view);
        let first = match self.route.way {
            Way::Back => view.draft.input(view.graph, site, data).map(|v| Travel::Back(v, placed, site)),
            Way::Ahead => view.draft.output(view.graph, site, 0).map(|v| Travel::Ahead(v, placed, site)),
        };
        self.work.push(first.ok_or(Kept { reason: Reason::NoReader, node: site })?);
        loop {
            match self.work.pop() {
                Some(Travel::Back(value, placed, from)) => self.back(value, placed, from)?,
                Some(Travel::Ahead(value, placed, from)) => {
                    for (reader, port) in readers(view, value, from, &mut self.route.changed)? {
                        self.arrive(reader, port, &placed)?;
                    }
                }
                None => match self.waiting.pop_last() {
                    Some(((node, Place::Value(_, value)), maps)) => self.meet(node, value, &maps)?,
                    Some(((node, Place::Pieces(_)), maps)) => self.piece_together(node, maps)?,
                    None => return Ok(()),
                },
            }
        }
    }

    /// A map that goes to the producer of a value; where others read the value, too, it waits for theirs.
    fn back(&mut self, value: ValueId, placed: Placed, from: NodeId) -> Result<(), Kept> {
        let readers = self.view.draft.uses(self.view.graph, value).iter().filter(|user| matches!(user, Use::Node(..))).count();
        match self.view.draft.producer(self.view.graph, value) {
            Some((node, _)) if readers > 1 => {
                self.waiting.entry((node, Place::Value(node, value))).or_default().push((from.0, placed));
                Ok(())
            }
            _ => {
                let (node, output) = producer(self.view, value, &[(from, &placed)], &mut self.route.changed)?;
                self.arrive_behind(node, output, placed)
            }
        }
    }

    /// All maps that the readers of a value need.
    fn meet(&mut self, node: NodeId, value: ValueId, maps: &[(usize, Placed)]) -> Result<(), Kept> {
        let from: Vec<(NodeId, &Placed)> = maps.iter().map(|(from, map)| (NodeId(*from), map)).collect();
        let (_, output) = producer(self.view, value, &from, &mut self.route.changed)?;
        let mut all: Option<Placed> = None;
        for (from, map) in from {
            let other = |reason| Kept { reason, node: from };
            all = Some(match all {
                Some(others) => map.after(&others).ok_or_else(|| other(Reason::SeveralReaders))?,
                None => map.clone(),
            });
        }
        all.map_or(Ok(()), |map| self.arrive_behind(node, output, map))
    }

    /// A map behind a node; where that cuts a value, it waits for those behind the other pieces.
    fn arrive_behind(&mut self, node: NodeId, output: usize, placed: Placed) -> Result<(), Kept> {
        match self.view.law(node) {
            Ok(Law::Carry(Carry { together: Together::Cut, .. })) if !self.visited.contains(&node) => {
                self.waiting.entry((node, Place::Pieces(node))).or_default().push((output, placed));
                Ok(())
            }
            _ => self.arrive(node, Port::Output(output), &placed),
        }
    }

    /// The maps behind all pieces of a value.
    fn piece_together(&mut self, node: NodeId, mut maps: Vec<(usize, Placed)>) -> Result<(), Kept> {
        let refused = |reason| Kept { reason, node };
        let Law::Carry(carry) = self.enter(node)? else { return Err(refused(Reason::UnknownOperator)) };
        let step = match join(&carry, &maps) {
            Err(Reason::PartOfValue) if self.complete(node, &carry, &mut maps) => join(&carry, &maps),
            joined => joined,
        };
        self.leave(node, step.map_err(refused)?)
    }

    /// Adds to the maps behind pieces, if they are all the same, those behind the other pieces, if they are that, too: of nodes
    /// that are such a map themselves, which go with it, and of pieces of which nobody reads the elements.
    fn complete(&mut self, node: NodeId, carry: &Carry, maps: &mut Vec<(usize, Placed)>) -> bool {
        let Some((_, map)) = maps.first().cloned() else { return false };
        if maps.iter().any(|(_, other)| *other != map) {
            return false;
        }
        let view = self.view;
        for port in carry.wires.iter().map(|wire| wire.port) {
            if maps.iter().any(|(known, _)| *known == port) {
                continue;
            }
            let Some(value) = view.draft.output(view.graph, node, port) else { return false };
            let mut changed = vec![value];
            match readers(view, value, node, &mut changed).as_deref() {
                Ok([]) => self.route.changed.extend(changed),
                Err(Kept { reason: Reason::NoReader, .. }) => {}
                Ok(&[(site, Port::Input(data))]) => {
                    let same = matches!(view.law(site), Ok(Law::Map(own)) if own.data == data && own.placed == map);
                    let free = !self.visited.contains(&site) && self.choice.moves(site);
                    if !same || !free || self.choice.refuses(view.graph, site).is_some() {
                        return false;
                    }
                    self.route.changed.extend(changed.into_iter().skip(1));
                    self.visited.push(site);
                    self.route.alike.push((site, data));
                }
                _ => return false,
            }
            maps.push((port, map.clone()));
        }
        true
    }

    /// The law of a node that a map enters; each is entered once.
    fn enter(&mut self, node: NodeId) -> Result<Law, Kept> {
        let refused = |reason| Kept { reason, node };
        if self.visited.contains(&node) {
            return Err(refused(Reason::SeveralReaders));
        }
        self.visited.push(node);
        if let Some(reason) = self.choice.refuses(self.view.graph, node) {
            return Err(refused(reason));
        }
        let mut law = self.view.law(node).map_err(refused)?;
        if let Law::Carry(Carry { together: Together::Product, wires, .. }) = &mut law {
            if self.picks >> self.products.min(31) & 1 == 1 {
                wires.reverse();
            }
            self.products += 1;
        }
        Ok(law)
    }

    /// Whether a table is its node's alone, as none should be stored twice, and no quantised one has to be written out for a shift.
    fn owns(&self, node: NodeId, input: usize, shift: bool) -> Result<(), Reason> {
        let (graph, draft) = (self.view.graph, &self.view.draft);
        let read = draft.input(graph, node, input).ok_or(Reason::NotConstant)?;
        let (tensor, way) = graph.constant(read).map_err(|_| Reason::NotConstant)?;
        if way.iter().any(|value| draft.uses(graph, *value).len() > 1) {
            return Err(Reason::SeveralReaders);
        }
        let quantised = graph.tensor(tensor).recipe().is_some_and(|recipe| recipe.quantised);
        if quantised && shift { Err(Reason::Quantised) } else { Ok(()) }
    }

    /// Whether what a node reads first has other readers.
    fn shares_input(&self, node: NodeId) -> bool {
        let read = self.view.draft.input(self.view.graph, node, 0);
        read.is_some_and(|value| self.view.draft.uses(self.view.graph, value).len() > 1)
    }

    fn arrive(&mut self, node: NodeId, port: Port, placed: &Placed) -> Result<(), Kept> {
        let refused = |reason| Kept { reason, node };
        let law = self.enter(node)?;
        let part = match (&law, port) {
            (Law::Carry(carry), Port::Output(_)) if self.shares_input(node) => carry.spelt_out(placed),
            _ => None,
        };
        let placed = part.as_ref().unwrap_or(placed);
        let step = push(&law, &self.view.constants(node), port, placed).map_err(refused)?;
        check_types(self.view, node, &step).map_err(refused)?;
        if let Law::Table(table) = &law {
            let shift = step.parameters.iter().any(|parameter| matches!(parameter, Parameter::Replace { .. }));
            self.owns(node, table.input, shift).map_err(refused)?;
        }
        self.leave(node, step)
    }

    /// Sends on what a node hands on.
    fn leave(&mut self, node: NodeId, step: Step) -> Result<(), Kept> {
        let (view, route) = (self.view, &mut self.route);
        let hands_on = step.parameters.is_empty() && !step.moves.is_empty();
        (if hands_on { &mut route.through } else { &mut route.into }).push(node);
        let several = step.moves.len() > 1;
        for (port, placed) in step.moves.into_iter().filter(|(_, placed)| !placed.map.is_identity()) {
            let value = match port {
                Port::Input(input) => view.draft.input(view.graph, node, input),
                Port::Output(output) => view.draft.output(view.graph, node, output),
            };
            let value = value.ok_or(Kept { reason: Reason::NoReader, node })?;
            route.changed.push(value);
            match port {
                Port::Input(_) => self.work.push(Travel::Back(value, placed, node)),
                // Elements that nobody reads may be anything.
                Port::Output(_) if several && view.draft.uses(view.graph, value).is_empty() => {}
                Port::Output(_) => self.work.push(Travel::Ahead(value, placed, node)),
            }
        }
        if !step.parameters.is_empty() {
            route.changes.push((node, step.parameters));
        }
        Ok(())
    }
}

/// Whether a use asks for nothing but the shape of a value, which no map changes, be it behind operators that hand maps on.
/// What those make is something else afterwards.
fn looks_at_shape(view: &View<'_>, user: Use, left: usize, changed: &mut Vec<ValueId>) -> bool {
    let Use::Node(id, input) = user else { return false };
    let node = view.graph.node(id);
    if node.standard && asks_for_shape(node.proto) {
        return true;
    }
    let Some(left) = left.checked_sub(1) else { return false };
    let Ok(Law::Carry(carry)) = view.law(id) else { return false };
    if carry.together != Together::Cut && carry.wires.iter().all(|wire| wire.port != input) {
        return false;
    }
    let outputs = (0..node.outputs.len()).filter_map(|output| view.draft.output(view.graph, id, output));
    for value in outputs {
        changed.push(value);
        let mut uses = view.draft.uses(view.graph, value).iter();
        if !uses.all(|user| looks_at_shape(view, *user, left, changed)) {
            return false;
        }
    }
    true
}

/// Whether elements are read that are nobody's but those of this use; adds what else changes.
fn is_free(view: &View<'_>, user: Use, changed: &mut Vec<ValueId>) -> bool {
    let mut more = vec![];
    let free = looks_at_shape(view, user, FURTHEST, &mut more);
    if free {
        changed.extend(more);
    }
    free
}

/// Whether a reader makes the same of a value with and without a map.
fn sees_nothing(view: &View<'_>, (reader, input): (NodeId, usize), map: &Placed) -> bool {
    let Ok(law @ Law::Carry(_)) = view.law(reader) else { return false };
    let step = push(&law, &view.constants(reader), Port::Input(input), map);
    step.is_ok_and(|step| step.parameters.is_empty() && step.moves.iter().all(|(_, map)| map.map.is_identity()))
}

/// The producer of a value, if every reader sees nothing of the maps but of its own.
pub(super) fn producer(
    view: &View<'_>,
    value: ValueId,
    from: &[(NodeId, &Placed)],
    changed: &mut Vec<ValueId>,
) -> Result<(NodeId, usize), Kept> {
    let keep = |reason, node| Err(Kept { reason, node });
    let Some((first, _)) = from.first().copied() else { return Err(Kept { reason: Reason::NoReader, node: NodeId(0) }) };
    let Some((node, output)) = view.draft.producer(view.graph, value) else {
        let reason = match view.graph.value(value).origin {
            Origin::Input { .. } => Reason::GraphInput,
            _ => Reason::NotAffine,
        };
        return keep(reason, first);
    };
    let scope = view.graph.node(node).scope;
    if scope != view.graph.node(first).scope {
        return keep(Reason::CrossesScope, node);
    }
    for user in view.draft.uses(view.graph, value) {
        match user {
            Use::Node(reader, _) if view.graph.node(*reader).scope != scope => return keep(Reason::CrossesScope, *reader),
            Use::Node(reader, input) => {
                let own = from.iter().filter(|(at, _)| at == reader).count();
                let mut others = from.iter().filter(|(at, _)| at != reader).map(|(_, map)| *map);
                let alone = others.all(|map| sees_nothing(view, (*reader, *input), map));
                if own == 0 && is_free(view, *user, changed) {
                    continue;
                }
                if own != 1 || !alone {
                    return keep(Reason::SeveralReaders, *reader);
                }
            }
            Use::Output(at, _) if *at == scope => return keep(Reason::GraphOutput, node),
            Use::Output(..) => return keep(Reason::CrossesScope, node),
            Use::Annotation(_) => return keep(Reason::Annotated, node),
        }
    }
    let readings = |at: NodeId| {
        let uses = view.draft.uses(view.graph, value).iter();
        uses.filter(|user| matches!(user, Use::Node(reader, _) if *reader == at)).count()
    };
    match from.iter().find(|(at, _)| readings(*at) != 1) {
        Some((twice, _)) => keep(Reason::SeveralReaders, *twice),
        None => Ok((node, output)),
    }
}

/// All readers of a value's elements, if they are nodes of the same graph; none if there are only such as ask for its shape.
pub(super) fn readers(
    view: &View<'_>,
    value: ValueId,
    from: NodeId,
    changed: &mut Vec<ValueId>,
) -> Result<Vec<(NodeId, Port)>, Kept> {
    let keep = |reason, node| Err(Kept { reason, node });
    let scope = view.graph.node(from).scope;
    let mut found = Vec::new();
    let uses = view.draft.uses(view.graph, value);
    for user in uses {
        match user {
            Use::Node(reader, input) if view.graph.node(*reader).scope == scope => {
                if !is_free(view, *user, changed) {
                    found.push((*reader, Port::Input(*input)));
                }
            }
            Use::Node(reader, _) => return keep(Reason::CrossesScope, *reader),
            Use::Output(at, _) if *at == scope => return keep(Reason::GraphOutput, from),
            Use::Output(..) => return keep(Reason::CrossesScope, from),
            Use::Annotation(_) => return keep(Reason::Annotated, from),
        }
    }
    if uses.is_empty() { keep(Reason::NoReader, from) } else { Ok(found) }
}
