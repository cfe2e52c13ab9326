//! The schema of ONNX as data, read from `proto/onnx.proto`: every message with the names and forms of its fields, so that a walk
//! knows them all and none has to be listed.

use std::sync::OnceLock;

/// What a field holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Integer,
    Float,
    Double,
    Text,
    Bytes,
    /// The message at this place in the table.
    Message(usize),
}

/// A field of a message.
#[derive(Clone, Debug)]
pub(super) struct FieldKind {
    pub number: u32,
    pub name: &'static str,
    /// With the name of the message before it.
    pub whole: String,
    pub form: Form,
    pub repeated: bool,
}

/// A message of the schema.
#[derive(Clone, Debug)]
pub(super) struct MessageKind {
    pub name: &'static str,
    pub fields: Vec<FieldKind>,
}

impl MessageKind {
    pub fn field(&self, number: u32) -> Option<&FieldKind> {
        self.fields.iter().find(|field| field.number == number)
    }
}

/// The messages of the schema. No two share a name, nested ones included.
pub(super) fn messages() -> &'static [MessageKind] {
    static TABLE: OnceLock<Vec<MessageKind>> = OnceLock::new();
    TABLE.get_or_init(|| read(include_str!("../../../proto/onnx.proto")))
}

/// The message of a name.
pub(super) fn index(name: &str) -> usize {
    messages().iter().position(|message| message.name == name).unwrap_or(0)
}

fn read(text: &'static str) -> Vec<MessageKind> {
    let lines = || text.lines().map(|line| line.split("//").next().unwrap_or_default().trim());
    let names: Vec<&str> = lines().filter_map(|line| line.strip_prefix("message ")?.split_whitespace().next()).collect();
    let mut found: Vec<MessageKind> = names.iter().map(|name| MessageKind { name, fields: vec![] }).collect();
    // What is open: a message, or nothing for an enumeration or a choice, whose fields belong to the message around it.
    let mut open: Vec<Option<usize>> = Vec::new();
    let mut next = 0;
    for line in lines() {
        if line.starts_with("message ") {
            open.push(Some(next));
            next += 1;
        } else if line.ends_with('{') {
            open.push(None);
        } else if line.starts_with('}') {
            open.pop();
        } else if let (Some(message), Some(field)) = (open.iter().rev().find_map(|m| *m), field(line, &names))
            && let Some(message) = found.get_mut(message)
        {
            let whole = format!("{}.{}", message.name, field.name);
            message.fields.push(FieldKind { whole, ..field });
        }
    }
    found
}

/// A line such as `repeated TensorProto.Segment name = 4 [packed = true];`; enumerations have no type before the name.
fn field(line: &'static str, names: &[&str]) -> Option<FieldKind> {
    let (left, right) = line.split_once('=')?;
    let mut words: Vec<&str> = left.split_whitespace().collect();
    let name = words.pop()?;
    let kind = words.pop()?;
    let number = right.split([';', '[']).next()?.trim().parse().ok()?;
    let form = match kind {
        "float" => Form::Float,
        "double" => Form::Double,
        "string" => Form::Text,
        "bytes" => Form::Bytes,
        _ => names.iter().position(|n| Some(*n) == kind.rsplit('.').next()).map_or(Form::Integer, Form::Message),
    };
    Some(FieldKind { number, name, whole: String::new(), form, repeated: words.contains(&"repeated") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schema_is_read_whole() {
        let all = messages();
        let tensor = &all[index("TensorProto")];
        let raw = tensor.field(9).unwrap();
        assert_eq!((raw.name, &raw.form, raw.repeated), ("raw_data", &Form::Bytes, false));
        assert!(tensor.field(1).unwrap().repeated);
        let kind = &all[index("TypeProto")];
        assert_eq!(kind.field(1).unwrap().form, Form::Message(index("Tensor")));
        assert_eq!(all[index("Dimension")].fields.len(), 3);
        assert_eq!(all[index("AttributeProto")].field(20).unwrap().form, Form::Integer);
        assert!(all.len() > 20 && all.iter().all(|m| !m.fields.is_empty()), "{all:?}");
        // The numbers and forms are those that the scanner of files has from the compiled schema.
        let count = include_str!("../../../proto/onnx.proto").lines().filter(|l| {
            let l = l.trim();
            !l.starts_with("//") && (l.starts_with("optional ") || l.starts_with("repeated "))
        });
        let plain: usize = all.iter().map(|m| m.fields.len()).sum();
        assert!(plain >= count.count());
    }
}
