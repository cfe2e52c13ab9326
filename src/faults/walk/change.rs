//! What a single value becomes: other numbers, other names, other words, of the sort that the field holds.

use std::collections::{BTreeMap, BTreeSet};

use super::message::{Field, Message, Value};
use super::schema::{self, FieldKind, Form, messages};
use crate::faults::draw::Draw;
use crate::model::tensor::element;

/// Operators by what they take, so that one stands where another stood.
const OPERATORS: [&[&str]; 6] = [
    &[
        "Relu",
        "LeakyRelu",
        "Sigmoid",
        "Tanh",
        "HardSwish",
        "Elu",
        "Abs",
        "Neg",
        "Identity",
        "Softplus",
        "Exp",
        "Clip",
        "HardSigmoid",
    ],
    &["Add", "Sub", "Mul", "Div", "Max", "Min", "PRelu", "Pow"],
    &["MaxPool", "AveragePool", "LpPool"],
    &["GlobalAveragePool", "GlobalMaxPool"],
    &["ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin", "ReduceL2"],
    &["Conv", "ConvTranspose", "MatMul", "Gemm"],
];

/// Words that attributes hold.
const WORDS: [&str; 24] = [
    "NOTSET",
    "SAME_UPPER",
    "SAME_LOWER",
    "VALID",
    "constant",
    "reflect",
    "edge",
    "wrap",
    "nearest",
    "linear",
    "cubic",
    "half_pixel",
    "asymmetric",
    "align_corners",
    "floor",
    "ceil",
    "forward",
    "reverse",
    "bidirectional",
    "DCR",
    "CRD",
    "Tanh",
    "Relu",
    "Sigmoid",
];

/// Names of attributes.
const ATTRIBUTES: [&str; 14] = [
    "alpha",
    "beta",
    "axis",
    "axes",
    "keepdims",
    "group",
    "pads",
    "strides",
    "dilations",
    "epsilon",
    "mode",
    "perm",
    "transB",
    "max",
];

/// What a model holds beside one value: the words of each field, and who reads a constant.
pub(super) struct Context {
    words: BTreeMap<(usize, u32), Vec<String>>,
    names: Vec<String>,
    readers: BTreeMap<String, String>,
}

impl Context {
    pub fn of(model: &Message) -> Context {
        let mut sets = BTreeMap::new();
        let mut readers = BTreeMap::new();
        gather(model, &mut sets, &mut readers);
        let words: BTreeMap<(usize, u32), Vec<String>> =
            sets.into_iter().map(|(key, set): (_, BTreeSet<String>)| (key, set.into_iter().collect())).collect();
        let node = schema::index("NodeProto");
        let of = |key: (usize, u32)| words.get(&key).into_iter().flatten();
        let names = of((node, 1)).chain(of((node, 2))).cloned().collect::<BTreeSet<_>>().into_iter().collect();
        Context { words, names, readers }
    }

    /// What sort of thing a message is: an operator, an attribute by name, a constant by its reader.
    pub fn sort(&self, message: &Message) -> String {
        match messages().get(message.kind).map(|kind| kind.name) {
            Some("NodeProto") => message.text(4).to_owned(),
            Some("AttributeProto") => message.text(1).to_owned(),
            Some("TensorProto") => self.readers.get(message.text(8)).cloned().unwrap_or_default(),
            Some("SparseTensorProto") => "sparse".to_owned(),
            Some("ValueInfoProto" | "FunctionProto") => messages().get(message.kind).map_or("", |kind| kind.name).to_owned(),
            _ => String::new(),
        }
    }

    /// What a message is called.
    pub fn called(&self, message: &Message) -> String {
        match messages().get(message.kind).map(|kind| kind.name) {
            Some("NodeProto") => {
                let output = message.fields.iter().find(|field| field.number == 2).map(|field| words(&field.value));
                format!("{} {}", message.text(4), output.unwrap_or_default())
            }
            Some("TensorProto") => format!("{} {}", message.text(8), self.sort(message)),
            Some("ValueInfoProto" | "AttributeProto" | "FunctionProto") => message.text(1).to_owned(),
            _ => String::new(),
        }
    }
}

fn gather(message: &Message, sets: &mut BTreeMap<(usize, u32), BTreeSet<String>>, readers: &mut BTreeMap<String, String>) {
    let Some(kind) = messages().get(message.kind) else { return };
    if kind.name == "NodeProto" {
        let inputs = message.fields.iter().filter(|field| field.number == 1);
        for (at, input) in inputs.enumerate() {
            if let Value::Bytes(name) = &input.value {
                let name = String::from_utf8_lossy(name).into_owned();
                readers.entry(name).or_insert_with(|| format!("{}#{at}", message.text(4)));
            }
        }
    }
    for field in &message.fields {
        match &field.value {
            Value::Message(inside) => gather(inside, sets, readers),
            Value::Bytes(bytes) if bytes.len() < 200 => {
                if let Ok(text) = std::str::from_utf8(bytes) {
                    sets.entry((message.kind, field.number)).or_default().insert(text.to_owned());
                }
            }
            _ => {}
        }
    }
}

/// A value in words.
pub(super) fn words(value: &Value) -> String {
    match value {
        Value::Varint(number) => (*number as i64).to_string(),
        Value::Fixed32(bits) => f32::from_bits(*bits).to_string(),
        Value::Fixed64(bits) => f64::from_bits(*bits).to_string(),
        Value::Bytes(bytes) if bytes.len() < 60 => String::from_utf8_lossy(bytes).into_owned(),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Packed(numbers) => format!("{} numbers", numbers.len()),
        Value::Message(message) => messages().get(message.kind).map_or("", |kind| kind.name).to_owned(),
    }
}

/// A value for a field that is not there.
pub(super) fn fresh(field: &FieldKind, context: &Context, draw: &mut Draw) -> Value {
    let integer = [0_i64, 1, 2, -1, 96].get(draw.below(5)).copied().unwrap_or(1) as u64;
    match &field.form {
        Form::Integer => Value::Varint(integer),
        Form::Float => Value::Fixed32(0.5_f32.to_bits()),
        Form::Double => Value::Fixed64(0.5_f64.to_bits()),
        Form::Text => Value::Bytes(draw.one(&context.names).cloned().unwrap_or_default().into_bytes()),
        Form::Bytes => Value::Bytes(vec![0; 4]),
        Form::Message(kind) => Value::Message(Message { kind: *kind, fields: attribute(*kind, draw) }),
    }
}

/// An attribute that some operators have; of other messages nothing.
fn attribute(kind: usize, draw: &mut Draw) -> Vec<Field> {
    if kind != schema::index("AttributeProto") {
        return vec![];
    }
    let float = [("alpha", 0.5_f32), ("beta", 0.5), ("epsilon", 0.5), ("max", 1.0), ("clip", 0.5)];
    let integer = [
        ("axis", 0_u64),
        ("keepdims", 0),
        ("group", 1),
        ("transA", 1),
        ("transB", 1),
        ("ceil_mode", 1),
        ("linear_before_reset", 1),
    ];
    let at = draw.below(float.len() + integer.len());
    let field = |number: u32, value: Value| Field { number, value };
    let name = |name: &str| field(1, Value::Bytes(name.as_bytes().to_vec()));
    match float.get(at) {
        Some((n, value)) => vec![name(n), field(2, Value::Fixed32(value.to_bits())), field(20, Value::Varint(1))],
        None => match integer.get(at - float.len()) {
            Some((n, value)) => vec![name(n), field(3, Value::Varint(*value)), field(20, Value::Varint(2))],
            None => vec![],
        },
    }
}

/// Another value in place of the one that a field holds. Returns the change in words.
pub(super) fn alter(message: &mut Message, at: usize, context: &Context, draw: &mut Draw) -> Option<String> {
    let kind = messages().get(message.kind)?;
    let data_type = if kind.name == "TensorProto" { message.integer(2) as i32 } else { 0 };
    let key = (message.kind, message.fields.get(at)?.number);
    let known = kind.field(key.1)?;
    let value = &mut message.fields.get_mut(at)?.value;
    let before = words(value);
    match value {
        Value::Varint(number) => *number = integer(*number as i64, draw) as u64,
        Value::Fixed32(bits) => *bits = (float(f64::from(f32::from_bits(*bits)), draw) as f32).to_bits(),
        Value::Fixed64(bits) => *bits = float(f64::from_bits(*bits), draw).to_bits(),
        Value::Packed(numbers) => return numbers_altered(numbers, &known.form, data_type, draw),
        Value::Bytes(bytes) if known.name == "raw_data" => return raw(bytes, data_type, draw),
        Value::Bytes(bytes) => {
            *bytes = text(&String::from_utf8_lossy(bytes), (kind.name, known), key, context, draw)?.into_bytes()
        }
        Value::Message(_) => return None,
    }
    let after = words(value);
    (before != after).then(|| format!("{before} became {after}"))
}

fn integer(value: i64, draw: &mut Draw) -> i64 {
    let choices = [value.wrapping_add(1), value.wrapping_sub(1), 0, value.wrapping_neg(), 1, 2, value.wrapping_mul(2)];
    if value > 1 << 30 {
        // An end that stands for "to the last".
        return [96, 95, 4, 7, value - 1].get(draw.below(5)).copied().unwrap_or(96);
    }
    choices.get(draw.below(choices.len())).copied().unwrap_or(value)
}

/// An integer that constants hold, which may be a place along an axis.
fn place(value: i64, draw: &mut Draw) -> i64 {
    match (value, draw.below(3)) {
        (-1, 0) => [95, 0, -2].get(draw.below(3)).copied().unwrap_or(0),
        (_, 0) => [96, 95, -1, 0, 1].get(draw.below(5)).copied().unwrap_or(0),
        _ => integer(value, draw),
    }
}

fn float(value: f64, draw: &mut Draw) -> f64 {
    let choices = [
        value * 2.0,
        -value,
        value + 1.0,
        0.0,
        value * 1.01,
        value * 10.0,
        value * 0.5,
        value * 1.1,
        value * 1000.0,
        value - 0.5,
    ];
    choices.get(draw.below(choices.len())).copied().unwrap_or(value)
}

fn numbers_altered(numbers: &mut Vec<u64>, form: &Form, data_type: i32, draw: &mut Draw) -> Option<String> {
    let at = draw.below(numbers.len());
    match draw.below(8) {
        0 => {
            let number = numbers.get(at).copied()?;
            numbers.insert(at, number);
            Some(format!("element {at} twice"))
        }
        1 => {
            numbers.get(at)?;
            numbers.remove(at);
            Some(format!("element {at} removed"))
        }
        2 => {
            let other = draw.below(numbers.len());
            numbers.get(at)?;
            numbers.swap(at, other);
            Some(format!("elements {at} and {other} exchanged"))
        }
        _ => {
            let bits = numbers.get_mut(at)?;
            let before = *bits;
            *bits = match (form, element(data_type)) {
                (Form::Float, _) => u64::from((float(f64::from(f32::from_bits(before as u32)), draw) as f32).to_bits()),
                (Form::Double, _) => float(f64::from_bits(before), draw).to_bits(),
                // Half numbers stand as their bits in integers.
                (_, Some(format)) => {
                    let mut values = Vec::new();
                    format.decode(&(before as u16).to_le_bytes(), &mut values);
                    let mut bytes = Vec::new();
                    format.encode(&[float(*values.first()?, draw)], &mut bytes);
                    u64::from(u16::from_le_bytes(bytes.get(..2)?.try_into().ok()?))
                }
                _ => place(before as i64, draw) as u64,
            };
            Some(format!("element {at}: bits {before:x} became {bits:x}"))
        }
    }
}

/// The bytes of an element of this type.
fn width(data_type: i32) -> usize {
    match data_type {
        1 | 6 | 12 => 4,
        7 | 11 | 13 => 8,
        4 | 5 | 10 | 16 => 2,
        _ => 1,
    }
}

fn raw(bytes: &mut [u8], data_type: i32, draw: &mut Draw) -> Option<String> {
    let width = width(data_type);
    let count = bytes.len() / width;
    let at = draw.below(count);
    if draw.below(8) == 0 {
        let other = draw.below(count);
        (0..width).for_each(|byte| bytes.swap(at * width + byte, other * width + byte));
        return Some(format!("elements {at} and {other} exchanged"));
    }
    let chunk = bytes.get_mut(at * width..(at + 1) * width)?;
    if let Some(format) = element(data_type) {
        let mut values = Vec::new();
        format.decode(chunk, &mut values);
        let (before, after) = (*values.first()?, float(*values.first()?, draw));
        let mut encoded = Vec::new();
        format.encode(&[after], &mut encoded);
        chunk.copy_from_slice(encoded.get(..width)?);
        return Some(format!("element {at}: {before} became {after}"));
    }
    let mut wide = [0_u8; 8];
    wide.get_mut(..width)?.copy_from_slice(chunk);
    let bits = 64 - 8 * width as u32;
    let signed = matches!(data_type, 3 | 5 | 6 | 7 | 22);
    let before = if signed { (u64::from_le_bytes(wide) << bits) as i64 >> bits } else { u64::from_le_bytes(wide) as i64 };
    let after = if data_type == 9 { 1_i64.wrapping_sub(before) } else { place(before, draw) };
    chunk.copy_from_slice(after.to_le_bytes().get(..width)?);
    Some(format!("element {at}: {before} became {after}"))
}

fn text(was: &str, field: (&str, &FieldKind), key: (usize, u32), context: &Context, draw: &mut Draw) -> Option<String> {
    let name = format!("{}.{}", field.0, field.1.name);
    let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let mut choices = match name.as_str() {
        "NodeProto.input" => [context.names.clone(), owned(&[""])].concat(),
        "NodeProto.op_type" => OPERATORS.iter().filter(|group| group.contains(&was)).flat_map(|group| owned(group)).collect(),
        "AttributeProto.s" | "AttributeProto.strings" => owned(&WORDS),
        "AttributeProto.name" => owned(&ATTRIBUTES),
        "OperatorSetIdProto.domain" | "NodeProto.domain" => owned(&["", "ai.onnx", "com.microsoft", "ai.onnx.ml"]),
        _ => context.words.get(&key).cloned().unwrap_or_default(),
    };
    if choices.len() < 2 || name == "NodeProto.output" {
        choices.push("other".to_owned());
    }
    if name == "NodeProto.op_type" {
        choices.extend(context.words.get(&key).cloned().unwrap_or_default());
    }
    choices.retain(|choice| choice != was);
    draw.one(&choices).cloned()
}
