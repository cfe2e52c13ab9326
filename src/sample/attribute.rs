//! Attributes: numbers, strings, lists of them, tensors, graphs, and references to a function's attribute.
//!
//! It must not know which attributes an operator has.

use super::SyntaxError;
use super::graph::read_graph;
use super::protobuf::Message;
use super::scan::{Literal, Scanner};
use super::tensor::{at_generator, at_type, read_tensor, read_type};

/// The kinds of attribute that a sample can have, numbered as in `AttributeProto.AttributeType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
enum Kind {
    Float = 1,
    Int = 2,
    String = 3,
    Tensor = 4,
    Graph = 5,
    Floats = 6,
    Ints = 7,
    Strings = 8,
}

impl Kind {
    fn named(name: &str) -> Option<Kind> {
        Some(match name {
            "float" => Kind::Float,
            "int" => Kind::Int,
            "string" => Kind::String,
            "tensor" => Kind::Tensor,
            "graph" => Kind::Graph,
            "floats" => Kind::Floats,
            "ints" => Kind::Ints,
            "strings" => Kind::Strings,
            _ => return None,
        })
    }

    /// The kind of the list of such values.
    fn list(self) -> Option<Kind> {
        match self {
            Kind::Float => Some(Kind::Floats),
            Kind::Int => Some(Kind::Ints),
            Kind::String => Some(Kind::Strings),
            _ => None,
        }
    }
}

/// Reads an `AttributeProto`: `name: kind = value`, where the kind may be left out.
pub(super) fn read_attribute(scanner: &mut Scanner, depth: usize) -> Result<Message, SyntaxError> {
    let name = scanner.identifier()?;
    read_attribute_named(scanner, name, depth)
}

/// The same, from behind the name.
pub(super) fn read_attribute_named(scanner: &mut Scanner, name: &str, depth: usize) -> Result<Message, SyntaxError> {
    let mut attribute = Message::default();
    attribute.bytes(1, name.as_bytes());
    let mut declared = None;
    if scanner.matches(b':') {
        let before = scanner.clone();
        let kind =
            Kind::named(scanner.identifier()?).ok_or_else(|| before.error("expected a kind of attribute, such as `ints`"))?;
        declared = Some(kind);
    }
    scanner.expect(b'=')?;
    let kind = if scanner.matches(b'[') {
        read_list(scanner, declared, &mut attribute).map(Some)?
    } else if scanner.matches(b'@') {
        attribute.bytes(21, scanner.name()?.as_bytes());
        declared
    } else {
        read_single(scanner, declared, depth, &mut attribute).map(Some)?
    };
    if let Some(kind) = kind {
        attribute.int(20, kind as i64);
    }
    Ok(attribute)
}

fn read_single(
    scanner: &mut Scanner,
    declared: Option<Kind>,
    depth: usize,
    attribute: &mut Message,
) -> Result<Kind, SyntaxError> {
    let before = scanner.clone();
    let kind = if at_type(scanner) {
        let kind = read_type(scanner)?;
        let name = if scanner.at_name() && !at_generator(scanner) { Some(scanner.name()?) } else { None };
        scanner.matches(b'=');
        let tensor = read_tensor(scanner, &kind, name.as_deref())?;
        attribute.message(5, &tensor);
        Kind::Tensor
    } else if !scanner.peek_identifier().is_empty() && scanner.clone().literal().is_err() {
        let graph = read_graph(scanner, depth + 1)?;
        attribute.message(6, &graph);
        Kind::Graph
    } else {
        let (kind, literal) = read_literal(scanner, declared)?;
        match literal {
            Value::Float(value) => attribute.float(2, value),
            Value::Int(value) => attribute.int(3, value),
            Value::String(value) => attribute.bytes(4, value.as_bytes()),
        }
        kind
    };
    if declared.is_some_and(|declared| declared != kind) {
        return Err(before.error("the value is not of the kind that was declared"));
    }
    Ok(kind)
}

fn read_list(scanner: &mut Scanner, declared: Option<Kind>, attribute: &mut Message) -> Result<Kind, SyntaxError> {
    let mut list = declared;
    if scanner.peek() != Some(b']') {
        scanner.list(|scanner| {
            let before = scanner.clone();
            let wanted = match list {
                Some(Kind::Floats) => Some(Kind::Float),
                _ => None,
            };
            let (kind, value) = read_literal(scanner, wanted)?;
            if list.is_some_and(|list| Some(list) != kind.list()) {
                return Err(before.error("the elements of a list are of one kind"));
            }
            list = kind.list();
            match value {
                Value::Float(value) => attribute.float(7, value),
                Value::Int(value) => attribute.int(8, value),
                Value::String(value) => attribute.bytes(9, value.as_bytes()),
            }
            Ok(())
        })?;
    }
    scanner.expect(b']')?;
    list.filter(|list| matches!(list, Kind::Floats | Kind::Ints | Kind::Strings))
        .ok_or_else(|| scanner.error("an empty list needs its kind, such as `: ints`"))
}

enum Value {
    Float(f32),
    Int(i64),
    String(String),
}

/// Reads a literal; a whole number becomes a float only where `wanted` says so.
fn read_literal(scanner: &mut Scanner, wanted: Option<Kind>) -> Result<(Kind, Value), SyntaxError> {
    let before = scanner.clone();
    let invalid = |message: String| before.error(message);
    match scanner.literal()? {
        Literal::Text(text) => Ok((Kind::String, Value::String(text))),
        Literal::Integer(digits) if wanted != Some(Kind::Float) => {
            let value = digits.parse::<i64>();
            let value = value.map_err(|error| invalid(error.to_string()))?;
            Ok((Kind::Int, Value::Int(value)))
        }
        Literal::Integer(number) | Literal::Decimal(number) => {
            let value = number.parse::<f32>();
            let value = value.map_err(|error| invalid(error.to_string()))?;
            Ok((Kind::Float, Value::Float(value)))
        }
    }
}
