//! Compiles `proto/onnx.proto`: protox reads the schema, prost-build writes the message types, and a table of every field's
//! number and wire form goes to `schema.rs` for the scanner. Neither protoc nor a network is needed.

use std::fmt::Write as _;

use prost_build::Config;

/// The wire form of a field: what the scanner must know to leave out what prost would refuse.
fn form(field_type: i32, type_name: &str, messages: &[String]) -> Result<String, String> {
    // Numbers of google.protobuf.FieldDescriptorProto.Type.
    Ok(match field_type {
        1 => "Form::Fixed64".into(),
        2 => "Form::Fixed32".into(),
        3..=5 | 8 | 14 => "Form::Varint".into(),
        9 => "Form::Text".into(),
        11 => {
            let name = type_name.rsplit('.').next().unwrap_or_default();
            let index = messages.iter().position(|m| m == name).ok_or_else(|| format!("unknown message {type_name}"))?;
            format!("Form::Message({index})")
        }
        12 => "Form::Bytes".into(),
        other => return Err(format!("field type {other} is not in use by ONNX")),
    })
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=proto/onnx.proto");
    let descriptors = protox::compile(["proto/onnx.proto"], ["proto"])?;
    let mut all = Vec::new();
    let mut queue: Vec<_> = descriptors.file.iter().flat_map(|f| f.message_type.clone()).collect();
    while let Some(message) = queue.pop() {
        queue.extend(message.nested_type.clone());
        all.push(message);
    }
    // No two messages of the schema share a name, nested ones included, so a name needs no path.
    all.sort_by(|a, b| a.name.cmp(&b.name));
    let names: Vec<String> = all.iter().map(|m| m.name().to_owned()).collect();
    let mut table = String::from("pub(crate) static MESSAGES: &[Message] = &[\n");
    for message in &all {
        write!(table, "    Message {{ name: {:?}, fields: &[", message.name())?;
        for field in &message.field {
            let form = form(field.r#type() as i32, field.type_name(), &names)?;
            let repeated = field.label() as i32 == 3;
            write!(table, "({}, {form}, {repeated}), ", field.number())?;
        }
        table.push_str("] },\n");
    }
    table.push_str("];\n");
    let out = std::path::PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    std::fs::write(out.join("schema.rs"), table)?;
    // Hardly a tensor has one, and a long model has many tensors.
    Config::new().boxed(".onnx.TensorProto.segment").compile_fds(descriptors)?;
    Ok(())
}
