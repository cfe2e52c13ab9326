//! The model: its header, graphs, nodes and functions.
//!
//! It must not know any operator.

use super::SyntaxError;
use super::attribute::{read_attribute, read_attribute_named};
use super::protobuf::Message;
use super::scan::Scanner;
use super::tensor::{Type, at_type, read_tensor, read_type, type_message};

/// How deep graphs may stand in attributes of nodes of graphs: deeper than any sample, and
/// shallow enough for the stack and for decoders.
const DEEPEST_GRAPH: usize = 16;

/// Reads a `ModelProto`, up to the end of the text.
pub(super) fn read_model(scanner: &mut Scanner) -> Result<Message, SyntaxError> {
    let mut model = Message::default();
    if scanner.matches(b'<') {
        scanner.list(|scanner| {
            let before = scanner.clone();
            let key = scanner.identifier()?;
            scanner.expect(b':')?;
            match key {
                "ir_version" => model.int(1, scanner.integer()?),
                "producer_name" => model.bytes(2, scanner.quoted()?.as_bytes()),
                "producer_version" => model.bytes(3, scanner.quoted()?.as_bytes()),
                "domain" => model.bytes(4, scanner.quoted()?.as_bytes()),
                "model_version" => model.int(5, scanner.integer()?),
                "doc_string" => model.bytes(6, scanner.quoted()?.as_bytes()),
                "opset_import" => read_opsets(scanner, 8, &mut model)?,
                "metadata_props" => {
                    scanner.expect(b'[')?;
                    if scanner.peek() != Some(b']') {
                        read_entries(scanner, 14, &mut model)?;
                    }
                    scanner.expect(b']')?;
                }
                _ => return Err(before.error(format!("`{key}` is not a property of a model"))),
            }
            Ok(())
        })?;
        scanner.expect(b'>')?;
    }
    let graph = read_graph(scanner, 0)?;
    model.message(7, &graph);
    while scanner.peek().is_some() {
        let function = read_function(scanner)?;
        model.message(25, &function);
    }
    Ok(model)
}

/// Reads `"key": "value"` pairs into the field of `message` that holds such entries.
pub(super) fn read_entries(scanner: &mut Scanner, field: u64, message: &mut Message) -> Result<(), SyntaxError> {
    scanner.list(|scanner| {
        let mut entry = Message::default();
        entry.bytes(1, scanner.quoted()?.as_bytes());
        scanner.expect(b':')?;
        entry.bytes(2, scanner.quoted()?.as_bytes());
        message.message(field, &entry);
        Ok(())
    })
}

fn read_opsets(scanner: &mut Scanner, field: u64, message: &mut Message) -> Result<(), SyntaxError> {
    scanner.expect(b'[')?;
    if scanner.matches(b']') {
        return Ok(());
    }
    scanner.list(|scanner| {
        let mut opset = Message::default();
        opset.bytes(1, scanner.quoted()?.as_bytes());
        scanner.expect(b':')?;
        opset.int(2, scanner.integer()?);
        message.message(field, &opset);
        Ok(())
    })?;
    scanner.expect(b']')
}

/// Reads a `GraphProto`: name, inputs, outputs, constants and types, nodes.
pub(super) fn read_graph(scanner: &mut Scanner, depth: usize) -> Result<Message, SyntaxError> {
    if depth > DEEPEST_GRAPH {
        return Err(scanner.error("graphs are nested too deeply"));
    }
    let mut graph = Message::default();
    let name = scanner.name()?;
    graph.bytes(2, name.as_bytes());
    if scanner.matches(b'(') && !scanner.matches(b')') {
        scanner.list(|scanner| {
            let (name, kind) = read_value(scanner)?;
            graph.message(11, &value_info(&name, kind.as_ref()));
            read_initializer(scanner, &name, kind.as_ref(), &mut graph).map(drop)
        })?;
        scanner.expect(b')')?;
    }
    scanner.expect(b'=')?;
    scanner.expect(b'>')?;
    scanner.expect(b'(')?;
    if !scanner.matches(b')') {
        scanner.list(|scanner| {
            let (name, kind) = read_value(scanner)?;
            graph.message(12, &value_info(&name, kind.as_ref()));
            Ok(())
        })?;
        scanner.expect(b')')?;
    }
    if scanner.matches(b'<') && !scanner.matches(b'>') {
        scanner.list(|scanner| {
            let (name, kind) = read_value(scanner)?;
            if !read_initializer(scanner, &name, kind.as_ref(), &mut graph)? {
                graph.message(13, &value_info(&name, kind.as_ref()));
            }
            Ok(())
        })?;
        scanner.expect(b'>')?;
    }
    read_nodes(scanner, depth, 1, &mut graph)?;
    Ok(graph)
}

/// Reads a name with an optional type before it.
fn read_value(scanner: &mut Scanner) -> Result<(String, Option<Type>), SyntaxError> {
    let kind = if at_type(scanner) { Some(read_type(scanner)?) } else { None };
    Ok((scanner.name()?, kind))
}

/// Reads `= elements` behind a typed name, if it is there, as an initializer of the graph.
fn read_initializer(scanner: &mut Scanner, name: &str, kind: Option<&Type>, graph: &mut Message) -> Result<bool, SyntaxError> {
    if !scanner.matches(b'=') {
        return Ok(false);
    }
    let kind = kind.ok_or_else(|| scanner.error("a constant needs a type"))?;
    let tensor = read_tensor(scanner, kind, Some(name))?;
    graph.message(5, &tensor);
    Ok(true)
}

fn value_info(name: &str, kind: Option<&Type>) -> Message {
    let mut value = Message::default();
    value.bytes(1, name.as_bytes());
    if let Some(kind) = kind {
        value.message(2, &type_message(kind));
    }
    value
}

fn read_nodes(scanner: &mut Scanner, depth: usize, field: u64, owner: &mut Message) -> Result<(), SyntaxError> {
    scanner.expect(b'{')?;
    while !scanner.matches(b'}') {
        let node = read_node(scanner, depth)?;
        owner.message(field, &node);
    }
    Ok(())
}

/// Reads a `NodeProto`: `[name] outputs = domain.Operator:overload <attributes> (inputs)`.
fn read_node(scanner: &mut Scanner, depth: usize) -> Result<Message, SyntaxError> {
    let mut node = Message::default();
    if scanner.matches(b'[') {
        let name = scanner.name()?;
        node.bytes(3, name.as_bytes());
        scanner.expect(b']')?;
    }
    read_names(scanner, 2, &mut node)?;
    scanner.expect(b'=')?;
    let mut path = vec![scanner.identifier()?];
    while scanner.matches(b'.') {
        path.push(scanner.identifier()?);
    }
    if let Some((operator, domain)) = path.split_last() {
        node.bytes(4, operator.as_bytes());
        if !domain.is_empty() {
            node.bytes(7, domain.join(".").as_bytes());
        }
    }
    if scanner.matches(b':') {
        node.bytes(8, scanner.identifier()?.as_bytes());
    }
    let has_attributes = read_attributes(scanner, depth, &mut node)?;
    scanner.expect(b'(')?;
    read_names(scanner, 1, &mut node)?;
    scanner.expect(b')')?;
    if !has_attributes {
        read_attributes(scanner, depth, &mut node)?;
    }
    Ok(node)
}

/// Reads names, perhaps none; `""` stands for a value that is not connected.
fn read_names(scanner: &mut Scanner, field: u64, message: &mut Message) -> Result<(), SyntaxError> {
    if !scanner.at_name() {
        return Ok(());
    }
    scanner.list(|scanner| {
        message.bytes(field, scanner.name()?.as_bytes());
        Ok(())
    })
}

fn read_attributes(scanner: &mut Scanner, depth: usize, node: &mut Message) -> Result<bool, SyntaxError> {
    if !scanner.matches(b'<') {
        return Ok(false);
    }
    scanner.list(|scanner| {
        let attribute = read_attribute(scanner, depth)?;
        node.message(5, &attribute);
        Ok(())
    })?;
    scanner.expect(b'>')?;
    Ok(true)
}

/// Reads a `FunctionProto`: `<domain: "d", opset_import: [...]> Name <attributes> (inputs) => (outputs) {nodes}`.
fn read_function(scanner: &mut Scanner) -> Result<Message, SyntaxError> {
    let mut function = Message::default();
    if scanner.matches(b'<') {
        scanner.list(|scanner| {
            let before = scanner.clone();
            let key = scanner.identifier()?;
            scanner.expect(b':')?;
            match key {
                "opset_import" => read_opsets(scanner, 9, &mut function)?,
                "doc_string" => function.bytes(8, scanner.quoted()?.as_bytes()),
                "domain" => function.bytes(10, scanner.quoted()?.as_bytes()),
                "overload" => function.bytes(13, scanner.quoted()?.as_bytes()),
                _ => return Err(before.error(format!("`{key}` is not a property of a function"))),
            }
            Ok(())
        })?;
        scanner.expect(b'>')?;
    }
    let name = scanner.name()?;
    function.bytes(1, name.as_bytes());
    if scanner.matches(b'<') {
        scanner.list(|scanner| {
            let name = scanner.name()?;
            if matches!(scanner.peek(), Some(b':' | b'=')) {
                let attribute = read_attribute_named(scanner, &name, 0)?;
                function.message(11, &attribute);
            } else {
                function.bytes(6, name.as_bytes());
            }
            Ok(())
        })?;
        scanner.expect(b'>')?;
    }
    read_parameters(scanner, 4, &mut function)?;
    scanner.expect(b'=')?;
    scanner.expect(b'>')?;
    read_parameters(scanner, 5, &mut function)?;
    if scanner.matches(b'<') && !scanner.matches(b'>') {
        scanner.list(|scanner| {
            let (name, kind) = read_value(scanner)?;
            function.message(12, &value_info(&name, kind.as_ref()));
            Ok(())
        })?;
        scanner.expect(b'>')?;
    }
    read_nodes(scanner, 0, 7, &mut function)?;
    Ok(function)
}

/// Reads the names of a function's inputs or outputs; a type before a name goes to the value types.
fn read_parameters(scanner: &mut Scanner, field: u64, function: &mut Message) -> Result<(), SyntaxError> {
    scanner.expect(b'(')?;
    if scanner.matches(b')') {
        return Ok(());
    }
    scanner.list(|scanner| {
        let (name, kind) = read_value(scanner)?;
        function.bytes(field, name.as_bytes());
        if kind.is_some() {
            function.message(12, &value_info(&name, kind.as_ref()));
        }
        Ok(())
    })?;
    scanner.expect(b')')
}
