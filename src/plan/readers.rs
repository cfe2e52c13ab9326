//! Who makes a value and who reads its elements, for a map that is to stand behind the one or before the others: readers of the
//! same graph. Whoever asks for nothing but the shape or the type does not count.

use crate::law::{Law, Port, Reason, Together};
use crate::model::graph::reads_no_elements;
use crate::model::{NodeId, Origin, ScopeKind, Use, ValueId};
use crate::plan::route::Kept;
use crate::plan::view::View;

/// How many operators may stand between a value and the question for its shape.
const FURTHEST: usize = 8;

/// A node and port that make a value, and inputs that read it.
type Produced = ((NodeId, Port), Vec<(NodeId, usize)>);

/// Whether a use asks for nothing but the shape or the type of a value, which no map changes, be it behind operators that hand maps on.
/// What those make is something else afterwards.
pub(super) fn looks_at_shape(view: &View<'_>, user: Use, left: usize, changed: &mut Vec<ValueId>) -> bool {
    let Use::Node(id, input) = user else { return false };
    let node = view.graph.node(id);
    if node.standard && reads_no_elements(node.proto, input) {
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

/// Whether nothing but shapes is asked behind a use, as far as edges tell: laws are read only where that is so, as it is seldom.
fn leads_to_shapes(view: &View<'_>, user: Use, left: usize) -> bool {
    let Use::Node(id, input) = user else { return false };
    let node = view.graph.node(id);
    if node.standard && reads_no_elements(node.proto, input) {
        return true;
    }
    let Some(left) = left.checked_sub(1) else { return false };
    let mut outputs = (0..node.outputs.len()).filter_map(|output| view.draft.output(view.graph, id, output));
    outputs.all(|value| view.draft.uses(view.graph, value).iter().all(|user| leads_to_shapes(view, *user, left)))
}

/// Whether elements are read that are nobody's but those of this use; adds what else changes.
fn is_free(view: &View<'_>, user: Use, changed: &mut Vec<ValueId>) -> bool {
    let mut more = vec![];
    let free = leads_to_shapes(view, user, FURTHEST) && looks_at_shape(view, user, FURTHEST, &mut more);
    if free {
        changed.extend(more);
    }
    free
}

/// Why a value that enters or leaves the graph of a node is what it is.
fn border(view: &View<'_>, node: NodeId, of_graph: Reason) -> Reason {
    match view.graph.scope(view.graph.node(node).scope).kind {
        ScopeKind::Function(_) => Reason::FunctionBorder,
        _ => of_graph,
    }
}

/// The producer of a value that `from` reads, and who else of the same graph reads its elements.
pub(super) fn producer(view: &View<'_>, value: ValueId, from: NodeId, changed: &mut Vec<ValueId>) -> Result<Produced, Kept> {
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
            Use::Node(..) if is_free(view, *user, changed) => {}
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
pub(super) fn alone(view: &View<'_>, value: ValueId, from: NodeId, changed: &mut Vec<ValueId>) -> Result<(NodeId, Port), Kept> {
    let (made, others) = producer(view, value, from, changed)?;
    others.first().map_or(Ok(made), |(reader, _)| Err(Kept { reason: Reason::SeveralReaders, node: *reader }))
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
            Use::Output(at, _) if *at == scope => return keep(border(view, from, Reason::GraphOutput), from),
            Use::Output(..) => return keep(Reason::CrossesScope, from),
            Use::Annotation(_) => return keep(Reason::Annotated, from),
        }
    }
    if uses.is_empty() { keep(Reason::NoReader, from) } else { Ok(found) }
}
