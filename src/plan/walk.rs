//! A map on its way through the graph: a work-list of `push`, all or nothing, without changing anything.
//!
//! The walker checks what the graph must satisfy (readers, graph outputs, captures, scopes); laws check what operators must.
//! Where several maps may come together, each waits for the others: at a value with several readers, at a node that puts values
//! together or takes one apart.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::law::{Carry, Law, Parameter, Port, Reason, Step, Together, push};
use crate::map::Placed;
use crate::model::{NodeId, Use, ValueId};
use crate::plan::choice::Choice;
use crate::plan::readers::{producer, readers};
use crate::plan::route::{Kept, Route, Way, check_types};
use crate::plan::view::View;

/// At how many products of values the other factor is tried, too.
const MOST_PICKS: u32 = 2;

/// A map on its way, at the port of a node or value that it is about to enter.
enum Travel {
    /// To the producer of a value; the map came from this use of it.
    Back(ValueId, Placed, NodeId),
    /// To all readers of a value, made by this node.
    Ahead(ValueId, Placed, NodeId),
}

/// A map on its way, and what is said if it cannot go on: what a node before lacks, which is why it is on its way at all.
type Journey = (Travel, Option<Kept>);

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
    placed: &Placed,
) -> Result<Route, Kept> {
    let attempt = |picks| {
        let (route, visited, meetings) = (Route::at(site, data, way), vec![site], BTreeMap::new());
        let mut walk = Walk { view, choice, route, work: vec![], visited, meetings, picks, products: 0 };
        let ended = walk.run(placed.clone());
        (ended.map(|()| walk.route), walk.products)
    };
    let (first, products) = attempt(0);
    first.or_else(|kept| (1..1 << products.min(MOST_PICKS)).find_map(|picks| attempt(picks).0.ok()).ok_or(kept))
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
    /// For each product of values that is met, whether the map goes to the last factor that takes it rather than to the first.
    picks: u32,
    products: u32,
}

impl Walk<'_, '_> {
    fn run(&mut self, placed: Placed) -> Result<(), Kept> {
        let (site, data, view) = (self.route.site, self.route.data, self.view);
        let first = match self.route.way {
            Way::Back => view.draft.input(view.graph, site, data).map(|v| Travel::Back(v, placed, site)),
            Way::Ahead => view.draft.output(view.graph, site, 0).map(|v| Travel::Ahead(v, placed, site)),
        };
        self.work.push((first.ok_or(Kept { reason: Reason::NoReader, node: site })?, None));
        loop {
            // What a node before lacks says more than who else did not take it in.
            if let Some((travel, lacks)) = self.work.pop() {
                self.go(travel, lacks).map_err(|kept| lacks.unwrap_or(kept))?;
            } else if let Some(at) = self.next_meeting() {
                let meeting = self.meetings.remove(&at).unwrap_or_default();
                let lacks = meeting.iter().find_map(|arrival| arrival.lacks);
                self.meet(at, &meeting, lacks).map_err(|kept| lacks.unwrap_or(kept))?;
            } else {
                return Ok(());
            }
        }
    }

    fn go(&mut self, travel: Travel, lacks: Option<Kept>) -> Result<(), Kept> {
        let view = self.view;
        let (arrivals, placed) = match travel {
            Travel::Back(value, placed, from) => match producer(view, value, from, &mut self.route.changed)? {
                (arrival, others) if others.is_empty() => (vec![arrival], placed),
                _ => {
                    self.meetings.entry(Place::Value(value)).or_default().push(Arrival { from, port: None, placed, lacks });
                    return Ok(());
                }
            },
            Travel::Ahead(value, placed, from) => (readers(view, value, from, &mut self.route.changed)?, placed),
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
        let law = self.law(arrived, port).map_err(refused)?;
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
        if let Law::Table(table) = &*law {
            let shift = step.parameters.iter().any(|parameter| matches!(parameter, Parameter::Replace { .. }));
            self.owns(arrived, table.input, shift).map_err(refused)?;
        }
        self.take(arrived, step, lacks)
    }

    /// The law of a node, the factors of a product in the order in which they are tried.
    fn law(&mut self, node: NodeId, port: Port) -> Result<Arc<Law>, Reason> {
        let mut law = self.view.law_of_meeting(node)?;
        if let (Law::Carry(Carry { together: Together::Product, .. }), Port::Output(_)) = (&*law, port) {
            let turns = self.picks >> self.products.min(31) & 1 == 1;
            if turns && let Law::Carry(carry) = Arc::make_mut(&mut law) {
                carry.wires.reverse();
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
            match port {
                Port::Input(_) => self.work.push((Travel::Back(value, placed, arrived), lacks)),
                // A piece that nobody reads.
                Port::Output(_) if several && view.draft.uses(view.graph, value).is_empty() => {}
                Port::Output(_) => self.work.push((Travel::Ahead(value, placed, arrived), lacks)),
            }
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

    fn meet(&mut self, place: Place, arrivals: &[Arrival], lacks: Option<Kept>) -> Result<(), Kept> {
        match place {
            Place::Value(value) => self.meet_behind(value, arrivals, lacks),
            Place::Node(node) => self.meet_at(node, arrivals, lacks),
        }
    }

    /// Maps on the way back to a value with several readers. It may have a map if that is, for each reader, what it has asked
    /// for; where it asked for nothing, what it makes must stay the same, as where it reads another part.
    fn meet_behind(&mut self, value: ValueId, arrivals: &[Arrival], lacks: Option<Kept>) -> Result<(), Kept> {
        let Some(first) = arrivals.first() else { return Ok(()) };
        let ((node, port), others) = producer(self.view, value, first.from, &mut self.route.changed)?;
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
    /// is right if it is, on this side, what each of them is; where none has come, it may be that of a node that goes with them.
    fn meet_at(&mut self, node: NodeId, arrivals: &[Arrival], lacks: Option<Kept>) -> Result<(), Kept> {
        let (view, refused) = (self.view, |reason| Kept { reason, node });
        let Some(Arrival { port: Some(port), placed, .. }) = arrivals.first() else { return Ok(()) };
        let (law, constants) = (view.law_of_meeting(node).map_err(refused)?, view.constants(node));
        let single = push(&law, &constants, *port, placed);
        if let ([_], Ok(step)) = (arrivals, &single) {
            return self.take(node, step.clone(), lacks);
        }
        let beyond = if matches!(port, Port::Input(_)) { Port::Output(0) } else { Port::Input(0) };
        let each = arrivals.iter().map(|a| Some((a.port?, push(&law, &constants, a.port?, &a.placed).ok()?.moves.pop()?.1)));
        let sum = each.collect::<Option<Vec<_>>>().and_then(|all| together(all.iter().map(|(_, placed)| placed)));
        for total in sum.into_iter().chain([placed.clone()]) {
            let Ok(back) = push(&law, &constants, beyond, &total) else { continue };
            let known = arrivals.iter().all(|a| back.moves.iter().any(|(port, _)| Some(*port) == a.port));
            let mut alike = Alike::default();
            let mut fits = |(port, made): &(Port, Placed)| {
                let mut here = arrivals.iter().filter(|a| a.port == Some(*port)).map(|a| &a.placed);
                match (here.next(), here.next()) {
                    (Some(asked), None) => made.is_same(asked),
                    (None, _) => made.map.is_identity() || self.goes_along((node, *port), made, &mut alike),
                    _ => false,
                }
            };
            if known && back.parameters.is_empty() && back.moves.iter().all(&mut fits) {
                self.visited.extend(alike.sites.iter().map(|(site, _)| *site));
                self.route.alike.extend(alike.sites);
                self.route.changed.extend(alike.changed);
                return self.take(node, Step { moves: vec![(beyond, total)], ..Step::default() }, lacks);
            }
        }
        Err(refused(single.err().unwrap_or(Reason::PartOfValue)))
    }

    /// Whether a piece may have a map for which nothing has asked: nobody reads its elements, or its one reader is that map
    /// itself, which goes with the others.
    fn goes_along(&self, (node, port): (NodeId, Port), made: &Placed, alike: &mut Alike) -> bool {
        let (view, Port::Output(output)) = (self.view, port) else { return false };
        let Some(value) = view.draft.output(view.graph, node, output) else { return false };
        let mut changed = vec![];
        match readers(view, value, node, &mut changed).as_deref() {
            Ok([]) | Err(Kept { reason: Reason::NoReader, .. }) => changed.push(value),
            Ok(&[(site, Port::Input(data))]) => {
                let same = matches!(view.law(site), Ok(Law::Map(own)) if own.data == data && own.placed.is_same(made));
                let free = self.choice.moves(site) && self.choice.refuses(view.graph, site).is_none();
                let known = self.visited.contains(&site) || alike.sites.contains(&(site, data));
                if !same || !free || known {
                    return false;
                }
                alike.sites.push((site, data));
            }
            _ => return false,
        }
        alike.changed.extend(changed);
        true
    }
}

/// Nodes that are the same map as others and go with them, the input that each maps, and what else becomes something else.
#[derive(Default)]
struct Alike {
    sites: Vec<(NodeId, usize)>,
    changed: Vec<ValueId>,
}

/// One map in the place of several: theirs if they are all the same, else one after the other.
fn together<'p>(mut maps: impl Iterator<Item = &'p Placed> + Clone) -> Option<Placed> {
    let first = maps.next()?;
    if maps.clone().all(|map| map == first) {
        return Some(first.clone());
    }
    maps.try_fold(first.clone(), |total, map| map.after(&total))
}
