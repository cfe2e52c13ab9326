//! A map on its way through the graph: a work-list of `push`, all or nothing, without changing anything.
//!
//! The walker checks what the graph must satisfy (readers, graph outputs, captures, scopes); laws check what operators must.
//! Where several maps may come together, each waits for the others: at a value with several readers, at a node that puts values
//! together or takes one apart.

use std::collections::BTreeMap;

use crate::law::{Carry, Law, Port, Reason, Step, push};
use crate::map::Placed;
use crate::model::graph::asks_for_shape;
use crate::model::{NodeId, Origin, ScopeKind, Use, ValueId};
use crate::plan::choice::Choice;
use crate::plan::route::{Kept, Route, Way, check_types};
use crate::plan::view::View;

/// A map on its way, at the port of a node or value that it is about to enter.
enum Travel {
    /// To the producer of a value; the map came from this use of it.
    Back(ValueId, Placed, NodeId),
    /// To all readers of a value, made by this node.
    Ahead(ValueId, Placed, NodeId),
}

/// A map on its way, and what is said if it cannot go on: what a node before lacks, which is why it is on its way at all.
type Journey = (Travel, Option<Kept>);

/// A node and port that make a value, and inputs that read it.
type Produced = ((NodeId, Port), Vec<(NodeId, usize)>);

/// Where maps meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// At a value that several nodes read.
    Value(ValueId),
    /// At a node with several inputs or outputs.
    Node(NodeId),
}

/// A map that waits for others.
struct Arrival {
    /// The node that it came from, or that it is at.
    from: NodeId,
    /// The port that it is at.
    port: Option<Port>,
    placed: Placed,
    lacks: Option<Kept>,
}

/// The way of a map that begins at `site`, whose input number `data` it maps.
pub(super) fn walk(
    view: &View<'_>,
    choice: &Choice,
    (site, data): (NodeId, usize),
    way: Way,
    placed: Placed,
) -> Result<Route, Kept> {
    let own = |reason| Kept { reason, node: site };
    let first = match way {
        Way::Back => view.draft.input(view.graph, site, data).map(|v| Travel::Back(v, placed, site)),
        Way::Ahead => view.draft.output(view.graph, site, 0).map(|v| Travel::Ahead(v, placed, site)),
    };
    let first = first.ok_or_else(|| own(Reason::NoReader))?;
    let route = Route { site, data, way, changes: vec![], into: vec![], through: vec![], changed: vec![], rest: None };
    let mut walk = Walk { view, choice, route, work: vec![(first, None)], visited: vec![site], meetings: BTreeMap::new() };
    loop {
        if let Some((travel, lacks)) = walk.work.pop() {
            // What a node before lacks says more than who else did not take it in.
            walk.go(travel, lacks).map_err(|kept| lacks.unwrap_or(kept))?;
        } else if let Some(at) = walk.next_meeting() {
            let meeting = walk.meetings.remove(&at).unwrap_or_default();
            let lacks = meeting.iter().find_map(|arrival| arrival.lacks);
            walk.meet(at, &meeting).map_err(|kept| lacks.unwrap_or(kept))?;
        } else {
            return Ok(walk.route);
        }
    }
}

/// Work in progress: all or nothing.
struct Walk<'w, 'a> {
    view: &'w View<'a>,
    choice: &'w Choice,
    route: Route,
    work: Vec<Journey>,
    visited: Vec<NodeId>,
    /// Where several maps may arrive, and those that have.
    meetings: BTreeMap<Place, Vec<Arrival>>,
}

impl Walk<'_, '_> {
    fn go(&mut self, travel: Travel, lacks: Option<Kept>) -> Result<(), Kept> {
        let view = self.view;
        let (arrivals, placed) = match travel {
            Travel::Back(value, placed, from) => match producer(view, value, from)? {
                (arrival, others) if others.is_empty() => (vec![arrival], placed),
                _ => {
                    self.meetings.entry(Place::Value(value)).or_default().push(Arrival { from, port: None, placed, lacks });
                    return Ok(());
                }
            },
            Travel::Ahead(value, placed, from) => (readers(view, value, from)?, placed),
        };
        for (arrived, port) in arrivals {
            self.arrive(arrived, port, &placed, lacks)?;
        }
        Ok(())
    }

    /// A map before or behind a node: where others may join it, it waits for them.
    fn arrive(&mut self, arrived: NodeId, port: Port, placed: &Placed, lacks: Option<Kept>) -> Result<(), Kept> {
        let refused = |reason| Kept { reason, node: arrived };
        if self.visited.contains(&arrived) {
            return Err(refused(Reason::SeveralReaders));
        }
        if let Some(reason) = self.choice.refuses(self.view.graph, arrived) {
            return Err(refused(reason));
        }
        let law = self.view.law(arrived).map_err(refused)?;
        if (0..self.view.graph.node(arrived).inputs.len())
            .any(|i| self.view.is_blind(self.view.draft.input(self.view.graph, arrived, i)))
        {
            return Err(refused(Reason::WindowOfPadding));
        }
        if law.joins(port) {
            let arrival = Arrival { from: arrived, port: Some(port), placed: placed.clone(), lacks };
            self.meetings.entry(Place::Node(arrived)).or_default().push(arrival);
            return Ok(());
        }
        let step = push(&law, &self.view.constants(arrived), port, placed).map_err(refused)?;
        self.take(arrived, step, lacks)
    }

    /// Records what a node takes in and sends on what it does not.
    fn take(&mut self, arrived: NodeId, step: Step, lacks: Option<Kept>) -> Result<(), Kept> {
        let (view, refused) = (self.view, |reason| Kept { reason, node: arrived });
        self.visited.push(arrived);
        check_types(view, arrived, &step).map_err(refused)?;
        let hands_on = step.parameters.is_empty() && !step.moves.is_empty();
        (if hands_on { &mut self.route.through } else { &mut self.route.into }).push(arrived);
        let several = step.moves.len() > 1;
        let lacks = lacks.or(step.lacks.map(refused));
        for (port, placed) in step.moves.into_iter().filter(|(_, placed)| !placed.map.is_identity()) {
            let value = match port {
                Port::Input(input) => view.draft.input(view.graph, arrived, input),
                Port::Output(output) => view.draft.output(view.graph, arrived, output),
            };
            let value = value.ok_or_else(|| refused(Reason::NoReader))?;
            self.route.changed.push(value);
            let ahead = matches!(port, Port::Output(_));
            if several && ahead && view.draft.uses(view.graph, value).iter().all(|user| looks_at_shape(view, *user)) {
                // A piece of which nobody reads the elements.
                continue;
            }
            let travel = match port {
                Port::Input(_) => Travel::Back(value, placed, arrived),
                Port::Output(_) => Travel::Ahead(value, placed, arrived),
            };
            self.work.push((travel, lacks));
        }
        if !step.parameters.is_empty() {
            self.route.changes.push((arrived, step.parameters));
        }
        Ok(())
    }

    /// The place to which nothing more can come: the last that maps go back to, or the first that they go ahead to.
    fn next_meeting(&self) -> Option<Place> {
        let made = |value: &ValueId| self.view.draft.producer(self.view.graph, *value).map_or(0, |(node, _)| 2 * node.0 + 1);
        self.meetings
            .iter()
            .max_by_key(|(place, arrivals)| match place {
                Place::Value(value) => (1, made(value)),
                Place::Node(node) if arrivals.iter().any(|a| matches!(a.port, Some(Port::Output(_)))) => (1, 2 * node.0),
                Place::Node(node) => (0, usize::MAX - node.0),
            })
            .map(|(place, _)| *place)
    }

    fn meet(&mut self, place: Place, arrivals: &[Arrival]) -> Result<(), Kept> {
        let lacks = arrivals.iter().find_map(|arrival| arrival.lacks);
        match place {
            Place::Value(value) => self.meet_behind(value, arrivals, lacks),
            Place::Node(node) => self.meet_at(node, arrivals, lacks),
        }
    }

    /// Maps on the way back to a value with several readers. It may have a map if that is, for each reader, what it has asked
    /// for; where it asked for nothing, what it makes must stay the same, as where it reads another part.
    fn meet_behind(&mut self, value: ValueId, arrivals: &[Arrival], lacks: Option<Kept>) -> Result<(), Kept> {
        let Some(first) = arrivals.first() else { return Ok(()) };
        let ((node, port), others) = producer(self.view, value, first.from)?;
        let own = self.view.draft.uses(self.view.graph, value).iter().find_map(|user| match user {
            Use::Node(reader, input) if *reader == first.from => Some((*reader, *input)),
            _ => None,
        });
        let readers: Vec<_> = own.into_iter().chain(others).collect();
        let asked: Vec<(NodeId, &Placed)> = arrivals.iter().map(|a| (a.from, &a.placed)).collect();
        let mut refused = Kept { reason: Reason::SeveralReaders, node: readers.last().map_or(first.from, |(reader, _)| *reader) };
        for total in self.totals(&asked) {
            match self.unseen(&readers, &asked, &total) {
                Ok(unseen) => {
                    self.visited.extend(unseen);
                    return self.arrive(node, port, &total, lacks);
                }
                Err(reader) => refused.node = reader,
            }
        }
        Err(refused)
    }

    /// What maps on the way back to one value may be as one. One number for all of a part is one for the positions of the part.
    fn totals(&self, asked: &[(NodeId, &Placed)]) -> Vec<Placed> {
        let mut found: Vec<Placed> = together(asked.iter().map(|(_, placed)| *placed)).into_iter().collect();
        let carries =
            asked.iter().map(|(reader, _)| if let Ok(Law::Carry(carry)) = self.view.law(*reader) { Some(carry) } else { None });
        let Some(carries) = carries.collect::<Option<Vec<Carry>>>() else { return found };
        for axis in carries.first().map(Carry::selected).unwrap_or_default() {
            let narrow = |(placed, carry): (&Placed, &Carry)| match placed.axis {
                None => carry.narrowed(placed, axis),
                Some(_) => Some(placed.clone()),
            };
            let parts = asked.iter().map(|(_, placed)| *placed).zip(&carries).map(narrow);
            found.extend(parts.collect::<Option<Vec<_>>>().and_then(|parts| together(parts.iter())));
        }
        found
    }

    /// The readers that a map of what they read leaves as they are, if each of the others gets what it asked for.
    ///
    /// # Errors
    /// A reader to which it is something else.
    fn unseen(&self, readers: &[(NodeId, usize)], asked: &[(NodeId, &Placed)], total: &Placed) -> Result<Vec<NodeId>, NodeId> {
        let mut unseen = Vec::new();
        for &(reader, input) in readers {
            let Ok(law @ Law::Carry(_)) = self.view.law(reader) else { return Err(reader) };
            let moves = |placed: &Placed| {
                let step = push(&law, &self.view.constants(reader), Port::Input(input), placed).ok();
                step.filter(|step| step.parameters.is_empty()).map(|step| step.moves)
            };
            let becomes = moves(total).ok_or(reader)?;
            let fits = match asked.iter().find(|(from, _)| *from == reader) {
                Some((_, asked)) => moves(asked).is_some_and(|wanted| {
                    wanted.len() == becomes.len() && wanted.iter().zip(&becomes).all(|(a, b)| a.0 == b.0 && a.1.is_same(&b.1))
                }),
                None if self.visited.contains(&reader) => false,
                None => {
                    unseen.push(reader);
                    becomes.iter().all(|(_, placed)| placed.map.is_identity())
                }
            };
            if !fits {
                return Err(reader);
            }
        }
        Ok(unseen)
    }

    /// Maps at several inputs of a node that puts together, or behind several outputs of one that takes apart. One map beyond it
    /// is right if it is, on this side, what each of them is.
    fn meet_at(&mut self, node: NodeId, arrivals: &[Arrival], lacks: Option<Kept>) -> Result<(), Kept> {
        let refused = |reason| Kept { reason, node };
        let Some(Arrival { port: Some(port), placed, .. }) = arrivals.first() else { return Ok(()) };
        let (law, constants) = (self.view.law(node).map_err(refused)?, self.view.constants(node));
        let single = || push(&law, &constants, *port, placed).map_err(refused);
        if arrivals.len() == 1 {
            return self.take(node, single()?, lacks);
        }
        let beyond = if matches!(port, Port::Input(_)) { Port::Output(0) } else { Port::Input(0) };
        let each = arrivals.iter().map(|a| Some((a.port?, push(&law, &constants, a.port?, &a.placed).ok()?.moves.pop()?.1)));
        let sum = each.collect::<Option<Vec<_>>>().and_then(|all| together(all.iter().map(|(_, placed)| placed)));
        for total in sum.into_iter().chain([placed.clone()]) {
            let Ok(back) = push(&law, &constants, beyond, &total) else { continue };
            let fits = back.parameters.is_empty()
                && arrivals.iter().all(|a| back.moves.iter().any(|(port, _)| Some(*port) == a.port))
                && back.moves.iter().all(|(port, made)| {
                    let mut here = arrivals.iter().filter(|a| a.port == Some(*port)).map(|a| &a.placed);
                    let first = here.next();
                    here.next().is_none() && first.map_or(made.map.is_identity(), |asked| made.is_same(asked))
                });
            if fits {
                return self.take(node, Step { moves: vec![(beyond, total)], ..Step::default() }, lacks);
            }
        }
        Err(single().err().unwrap_or(refused(Reason::PartOfValue)))
    }
}

/// One map in the place of several: theirs if they are all the same, else one after the other.
fn together<'p>(mut maps: impl Iterator<Item = &'p Placed> + Clone) -> Option<Placed> {
    let first = maps.next()?;
    if maps.clone().all(|map| map == first) {
        return Some(first.clone());
    }
    maps.try_fold(first.clone(), |total, map| map.after(&total))
}

/// Whether a use asks for nothing but the shape of a value, which no map changes.
fn looks_at_shape(view: &View<'_>, user: Use) -> bool {
    let Use::Node(node, _) = user else { return false };
    let node = view.graph.node(node);
    node.standard && asks_for_shape(node.proto)
}

/// Why a value that enters or leaves the graph of a node is what it is.
fn border(view: &View<'_>, node: NodeId, of_graph: Reason) -> Reason {
    match view.graph.scope(view.graph.node(node).scope).kind {
        ScopeKind::Function(_) => Reason::FunctionBorder,
        _ => of_graph,
    }
}

/// The producer of a value that `from` reads, and who else of the same graph reads its elements.
fn producer(view: &View<'_>, value: ValueId, from: NodeId) -> Result<Produced, Kept> {
    let keep = |reason, node| Err(Kept { reason, node });
    let Some((node, output)) = view.draft.producer(view.graph, value) else {
        let reason = match view.graph.value(value).origin {
            Origin::Input { .. } => border(view, from, Reason::GraphInput),
            _ => Reason::NotAffine,
        };
        return keep(reason, from);
    };
    let scope = view.graph.node(node).scope;
    if scope != view.graph.node(from).scope {
        return keep(Reason::CrossesScope, node);
    }
    let (mut readings, mut others) = (0, Vec::new());
    for user in view.draft.uses(view.graph, value) {
        match user {
            Use::Node(reader, _) if *reader == from => readings += 1,
            Use::Node(reader, _) if view.graph.node(*reader).scope != scope => return keep(Reason::CrossesScope, *reader),
            Use::Node(..) if looks_at_shape(view, *user) => {}
            Use::Node(reader, input) => others.push((*reader, *input)),
            Use::Output(at, _) if *at == scope => return keep(border(view, node, Reason::GraphOutput), node),
            Use::Output(..) => return keep(Reason::CrossesScope, node),
            Use::Annotation(_) => return keep(Reason::Annotated, node),
        }
    }
    if readings != 1 {
        return keep(Reason::SeveralReaders, from);
    }
    // Who takes no map cannot be left as it is; which of them is told first.
    match others.iter().find(|(reader, _)| !matches!(view.law(*reader), Ok(Law::Carry(_)))) {
        Some((reader, _)) => keep(Reason::SeveralReaders, *reader),
        None => Ok(((node, Port::Output(output)), others)),
    }
}

/// The producer of a value, if nobody but `from` reads it.
pub(super) fn alone(view: &View<'_>, value: ValueId, from: NodeId) -> Result<(NodeId, Port), Kept> {
    let (made, others) = producer(view, value, from)?;
    others.first().map_or(Ok(made), |(reader, _)| Err(Kept { reason: Reason::SeveralReaders, node: *reader }))
}

/// All readers of a value's elements, if they are nodes of the same graph.
pub(super) fn readers(view: &View<'_>, value: ValueId, from: NodeId) -> Result<Vec<(NodeId, Port)>, Kept> {
    let keep = |reason, node| Err(Kept { reason, node });
    let scope = view.graph.node(from).scope;
    let mut found = Vec::new();
    for user in view.draft.uses(view.graph, value) {
        match user {
            Use::Node(reader, input) if view.graph.node(*reader).scope == scope => {
                if !looks_at_shape(view, *user) {
                    found.push((*reader, Port::Input(*input)));
                }
            }
            Use::Node(reader, _) => return keep(Reason::CrossesScope, *reader),
            Use::Output(at, _) if *at == scope => return keep(border(view, from, Reason::GraphOutput), from),
            Use::Output(..) => return keep(Reason::CrossesScope, from),
            Use::Annotation(_) => return keep(Reason::Annotated, from),
        }
    }
    if found.is_empty() { keep(Reason::NoReader, from) } else { Ok(found) }
}
