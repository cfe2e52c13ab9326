//! Any message of the schema as a list of its fields in their order, known or unknown, read from bytes and written again.

use super::schema::{Form, messages};
use crate::wire::varint;

/// A message: its place in the schema and its fields.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Message {
    pub kind: usize,
    pub fields: Vec<Field>,
}

/// A field as it stands in a message.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    pub number: u32,
    pub value: Value,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Varint(u64),
    Fixed32(u32),
    Fixed64(u64),
    Bytes(Vec<u8>),
    Message(Message),
    /// Packed numbers, of the width of their form.
    Packed(Vec<u64>),
}

impl Message {
    /// Reads a message of this kind; `None` if the bytes are none.
    pub fn decode(kind: usize, mut bytes: &[u8], depth: usize) -> Option<Message> {
        let known = messages().get(kind)?;
        let mut fields = Vec::new();
        while !bytes.is_empty() {
            let tag = take_varint(&mut bytes)?;
            let number = u32::try_from(tag >> 3).ok()?;
            let form = known.field(number).map(|field| field.form.clone());
            let value = match tag & 7 {
                0 => Value::Varint(take_varint(&mut bytes)?),
                1 => Value::Fixed64(u64::from_le_bytes(take(&mut bytes, 8)?.try_into().ok()?)),
                5 => Value::Fixed32(u32::from_le_bytes(take(&mut bytes, 4)?.try_into().ok()?)),
                2 => {
                    let length = usize::try_from(take_varint(&mut bytes)?).ok()?;
                    let inside = take(&mut bytes, length)?;
                    match form {
                        Some(Form::Message(kind)) if depth > 0 => Value::Message(Message::decode(kind, inside, depth - 1)?),
                        Some(form @ (Form::Integer | Form::Float | Form::Double)) => Value::Packed(unpacked(&form, inside)?),
                        _ => Value::Bytes(inside.to_vec()),
                    }
                }
                _ => return None,
            };
            fields.push(Field { number, value });
        }
        Some(Message { kind, fields })
    }

    /// The bytes of the message.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for field in &self.fields {
            let form = messages().get(self.kind).and_then(|m| m.field(field.number)).map(|f| f.form.clone());
            let mut tag = |wire: u64| varint::encode(u64::from(field.number) << 3 | wire, &mut out);
            match &field.value {
                Value::Varint(value) => {
                    tag(0);
                    varint::encode(*value, &mut out);
                }
                Value::Fixed64(value) => {
                    tag(1);
                    out.extend(value.to_le_bytes());
                }
                Value::Fixed32(value) => {
                    tag(5);
                    out.extend(value.to_le_bytes());
                }
                Value::Bytes(bytes) => {
                    tag(2);
                    framed(bytes, &mut out);
                }
                Value::Message(message) => {
                    tag(2);
                    framed(&message.encode(), &mut out);
                }
                Value::Packed(numbers) => {
                    tag(2);
                    framed(&packed(form.as_ref(), numbers), &mut out);
                }
            }
        }
        out
    }

    /// The first field of this number.
    pub fn get(&self, number: u32) -> Option<&Value> {
        self.fields.iter().find(|field| field.number == number).map(|field| &field.value)
    }

    /// The text of a field; empty if there is none.
    pub fn text(&self, number: u32) -> &str {
        match self.get(number) {
            Some(Value::Bytes(bytes)) => std::str::from_utf8(bytes).unwrap_or_default(),
            _ => "",
        }
    }

    /// The number of a field; 0 if there is none.
    pub fn integer(&self, number: u32) -> u64 {
        if let Some(Value::Varint(value)) = self.get(number) { *value } else { 0 }
    }
}

fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Option<&'b [u8]> {
    let (head, tail) = bytes.split_at_checked(count)?;
    *bytes = tail;
    Some(head)
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let read = varint::decode(bytes, 64).ok()?;
    take(bytes, read.len)?;
    Some(read.value)
}

fn framed(bytes: &[u8], out: &mut Vec<u8>) {
    varint::encode(bytes.len() as u64, out);
    out.extend_from_slice(bytes);
}

fn unpacked(form: &Form, mut bytes: &[u8]) -> Option<Vec<u64>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        found.push(match form {
            Form::Float => u64::from(u32::from_le_bytes(take(&mut bytes, 4)?.try_into().ok()?)),
            Form::Double => u64::from_le_bytes(take(&mut bytes, 8)?.try_into().ok()?),
            _ => take_varint(&mut bytes)?,
        });
    }
    Some(found)
}

fn packed(form: Option<&Form>, numbers: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    for number in numbers {
        match form {
            Some(Form::Float) => out.extend((*number as u32).to_le_bytes()),
            Some(Form::Double) => out.extend(number.to_le_bytes()),
            _ => varint::encode(*number, &mut out),
        }
    }
    out
}
