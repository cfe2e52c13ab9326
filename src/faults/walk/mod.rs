//! One change at a time: a walk over the whole message of a model, which alters, removes, repeats, exchanges or adds one field, one
//! element or one connection, whatever the schema knows, without a list of what a fold could get wrong.
//!
//! Places of one sort are one kind, and kinds are drawn alike, so that a slope is changed as often as a weight of a million.

mod carried;
mod change;
mod message;
mod schema;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use super::draw::Draw;
use change::Context;
use message::{Field, Message, Value};
use schema::messages;

/// How deep messages may be nested.
const DEEPEST: usize = 64;

/// A model with one change.
#[derive(Clone, Debug)]
pub struct Damage {
    /// What was done to which field: `TensorProto.raw_data altered`.
    pub kind: String,
    /// The kind with what is around it, and where.
    pub place: String,
    /// The model.
    pub bytes: Vec<u8>,
    /// Whether it means nothing by the specification: a name of a node, a doc string, who made the file, a stated inner type.
    pub meaningless: bool,
}

/// What is done at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Action {
    Alter,
    Remove,
    Repeat,
    /// With the next of the same field.
    Exchange,
    /// Adds a field of this number.
    Add(u32),
}

/// A place where something can be changed: the way to it by positions among fields.
#[derive(Clone, Debug)]
struct Place {
    path: Vec<usize>,
    /// The message and the field.
    field: &'static str,
    action: Action,
    meaningless: bool,
}

/// The places of a model by kind.
pub struct Walk {
    bytes: Vec<u8>,
    model: Message,
    context: Context,
    altered: Vec<Vec<Place>>,
    structure: Vec<Vec<Place>>,
}

impl Walk {
    /// Reads a model; `None` if the bytes are none.
    pub fn new(bytes: &[u8]) -> Option<Walk> {
        let model = Message::decode(schema::index("ModelProto"), bytes, DEEPEST)?;
        let context = Context::of(&model);
        let mut sorts = [BTreeMap::<String, BTreeMap<Action, Vec<Place>>>::new(), BTreeMap::new()];
        let mut collect = |label: &str, place: Place| {
            let [altered, structure] = &mut sorts;
            let kinds = if place.action == Action::Alter { altered } else { structure };
            match kinds.get_mut(label) {
                Some(kind) => kind.entry(place.action).or_default().push(place),
                None => drop(kinds.insert(label.to_owned(), BTreeMap::from([(place.action, vec![place])]))),
            }
        };
        visit(&model, &mut vec![], "", false, &context, &mut collect);
        let [altered, structure] = sorts.map(|kinds| kinds.into_values().flat_map(BTreeMap::into_values).collect());
        Some(Walk { altered, structure, context, bytes: model.encode(), model })
    }

    /// The model with one change, drawn by a seed; `None` if it is the same again or nothing could be changed there.
    pub fn draw(&self, seed: u64) -> Option<Damage> {
        let mut draw = Draw(seed);
        let sort = draw.below(10);
        if sort == 0 {
            return carried::draw(&self.bytes, &mut draw);
        }
        let kind = draw.one(if sort < 8 { &self.altered } else { &self.structure })?;
        let place = draw.one(kind)?;
        let mut model = self.model.clone();
        let what = apply(&mut model, place, &self.context, &mut draw)?;
        let kind = format!("{} {}", place.field, done(place.action));
        let place_text = format!("{}: {what}", self.named(&place.path));
        let bytes = model.encode();
        (bytes != self.bytes).then_some(Damage { kind, place: place_text, bytes, meaningless: place.meaningless })
    }

    /// The way to a place in words.
    fn named(&self, path: &[usize]) -> String {
        let mut at = &self.model;
        let mut words = Vec::new();
        for step in path {
            let Some(field) = at.fields.get(*step) else { break };
            let known = messages().get(at.kind).and_then(|kind| kind.field(field.number));
            let name = known.map_or_else(|| field.number.to_string(), |known| known.name.to_owned());
            let Value::Message(inside) = &field.value else {
                words.push(name);
                break;
            };
            let said = self.context.called(inside);
            words.push(if said.is_empty() { name } else { format!("{name}({said})") });
            at = inside;
        }
        words.join("/")
    }
}

fn done(action: Action) -> &'static str {
    match action {
        Action::Alter => "altered",
        Action::Remove => "removed",
        Action::Repeat => "repeated",
        Action::Exchange => "exchanged",
        Action::Add(_) => "added",
    }
}

/// Fields without meaning, wherever they stand.
const MEANINGLESS: [&str; 9] = [
    "NodeProto.name",
    "GraphProto.name",
    "ModelProto.producer_name",
    "ModelProto.producer_version",
    "ModelProto.model_version",
    "ModelProto.domain",
    "StringStringEntryProto.key",
    "StringStringEntryProto.value",
    "GraphProto.metadata_props",
];

fn is_meaningless(field: &str, around: &str, action: Action) -> bool {
    let entry = field.starts_with("StringStringEntryProto");
    field.ends_with(".doc_string")
        || field.ends_with(".metadata_props")
        || entry && around.ends_with(".metadata_props")
        || !entry && MEANINGLESS.contains(&field)
        || field == "GraphProto.value_info" && action == Action::Remove
}

/// Tells each place of a message. `label` is what stands around it.
fn visit(
    message: &Message,
    path: &mut Vec<usize>,
    around: &str,
    nested: bool,
    context: &Context,
    collect: &mut dyn FnMut(&str, Place),
) {
    let Some(kind) = messages().get(message.kind) else { return };
    let mut seen = BTreeSet::new();
    for (at, field) in message.fields.iter().enumerate() {
        let Some(known) = kind.field(field.number) else { continue };
        seen.insert(field.number);
        let name = known.whole.as_str();
        path.push(at);
        let mut tell = |action: Action, label: &str| {
            let meaningless = is_meaningless(name, around, action);
            collect(label, Place { path: path.clone(), field: name, action, meaningless });
        };
        let place = if nested { "nested " } else { "" };
        tell(Action::Remove, &format!("{place}{name}"));
        if known.repeated && !matches!(field.value, Value::Packed(_)) {
            tell(Action::Repeat, &format!("{place}{name}"));
            tell(Action::Exchange, &format!("{place}{name}"));
        }
        match &field.value {
            Value::Message(inside) => {
                let said = context.sort(inside);
                let around = if said.is_empty() { around } else { &format!("{around}/{said}") };
                let nested = nested || known.name == "g" || known.name == "graphs";
                // What is around the text of entries is the field that they stand in.
                let around = if known.name == "metadata_props" { "x.metadata_props" } else { around };
                visit(inside, path, tail(around), nested, context, collect);
            }
            _ => tell(Action::Alter, &format!("{place}{around} {name}")),
        }
        path.pop();
    }
    for known in kind.fields.iter().filter(|known| !seen.contains(&known.number) || known.repeated) {
        let (field, action) = (known.whole.as_str(), Action::Add(known.number));
        let meaningless = is_meaningless(field, around, action);
        collect(field, Place { path: path.clone(), field, action, meaningless });
    }
}

/// The last two words: what a field belongs to, however deep it is.
fn tail(around: &str) -> &str {
    around.rmatch_indices('/').nth(1).and_then(|(at, _)| around.get(at..)).unwrap_or(around)
}

/// The message at a way.
fn at<'m>(model: &'m mut Message, path: &[usize]) -> Option<&'m mut Message> {
    let mut at = model;
    for step in path {
        at = match &mut at.fields.get_mut(*step)?.value {
            Value::Message(inside) => inside,
            _ => return None,
        };
    }
    Some(at)
}

/// Does what is to be done. Returns it in words.
fn apply(model: &mut Message, place: &Place, context: &Context, draw: &mut Draw) -> Option<String> {
    if let Action::Add(number) = place.action {
        let message = at(model, &place.path)?;
        let known = messages().get(message.kind)?.field(number)?;
        let value = change::fresh(known, context, draw);
        let what = change::words(&value);
        message.fields.push(Field { number, value });
        return Some(what);
    }
    let (last, way) = place.path.split_last()?;
    let message = at(model, way)?;
    let number = message.fields.get(*last)?.number;
    match place.action {
        Action::Remove => {
            let field = message.fields.remove(*last);
            Some(change::words(&field.value))
        }
        Action::Repeat => {
            let field = message.fields.get(*last)?.clone();
            let what = change::words(&field.value);
            message.fields.insert(*last, field);
            Some(what)
        }
        Action::Exchange => {
            let next = message.fields.iter().enumerate().skip(last + 1).find(|(_, field)| field.number == number)?.0;
            let what = change::words(&message.fields.get(*last)?.value);
            message.fields.swap(*last, next);
            Some(what)
        }
        _ => change::alter(message, *last, context, draw),
    }
}
