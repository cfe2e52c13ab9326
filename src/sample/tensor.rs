//! Types, and constants: their element type, dims and elements, given one by one or generated.
//!
//! It must not know which operator reads a constant.

use half::{bf16, f16};

use super::SyntaxError;
use super::protobuf::{Message, push_varint};
use super::scan::{Literal, Scanner};

/// The most elements that a constant of a sample may have.
const MOST_ELEMENTS: usize = 1 << 24;

/// An element type, numbered as in `TensorProto.DataType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i64)]
pub(super) enum Element {
    Float = 1,
    Uint8 = 2,
    Int8 = 3,
    Uint16 = 4,
    Int16 = 5,
    Int32 = 6,
    Int64 = 7,
    String = 8,
    Bool = 9,
    Float16 = 10,
    Double = 11,
    Uint32 = 12,
    Uint64 = 13,
    Bfloat16 = 16,
}

impl Element {
    fn named(name: &str) -> Option<Element> {
        Some(match name {
            "float" => Element::Float,
            "uint8" => Element::Uint8,
            "int8" => Element::Int8,
            "uint16" => Element::Uint16,
            "int16" => Element::Int16,
            "int32" => Element::Int32,
            "int64" => Element::Int64,
            "string" => Element::String,
            "bool" => Element::Bool,
            "float16" => Element::Float16,
            "double" => Element::Double,
            "uint32" => Element::Uint32,
            "uint64" => Element::Uint64,
            "bfloat16" => Element::Bfloat16,
            _ => return None,
        })
    }

    fn is_float(self) -> bool {
        matches!(self, Element::Float | Element::Double | Element::Float16 | Element::Bfloat16)
    }

    /// The least and greatest whole number of an integer type.
    fn range(self) -> (i128, i128) {
        match self {
            Element::Uint8 => (0, u8::MAX.into()),
            Element::Int8 => (i8::MIN.into(), i8::MAX.into()),
            Element::Uint16 => (0, u16::MAX.into()),
            Element::Int16 => (i16::MIN.into(), i16::MAX.into()),
            Element::Int32 => (i32::MIN.into(), i32::MAX.into()),
            Element::Uint32 => (0, u32::MAX.into()),
            Element::Uint64 => (0, u64::MAX.into()),
            Element::Bool => (0, 1),
            _ => (i64::MIN.into(), i64::MAX.into()),
        }
    }
}

/// An extent in a type.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Extent {
    Size(i64),
    Symbol(String),
    Unknown,
}

/// A tensor type. `float` is a scalar, `float[2,N,?]` has three axes, `float[]` is of unknown rank.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Type {
    element: Element,
    shape: Option<Vec<Extent>>,
}

/// Whether the next word is an element type.
pub(super) fn at_type(scanner: &mut Scanner) -> bool {
    Element::named(scanner.peek_identifier()).is_some()
}

/// Reads a type.
pub(super) fn read_type(scanner: &mut Scanner) -> Result<Type, SyntaxError> {
    let before = scanner.clone();
    let element =
        Element::named(scanner.identifier()?).ok_or_else(|| before.error("expected an element type such as `float`"))?;
    if !scanner.matches(b'[') {
        let shape = Some(Vec::new());
        return Ok(Type { element, shape });
    }
    if scanner.matches(b']') {
        return Ok(Type { element, shape: None });
    }
    let mut extents = Vec::new();
    scanner.list(|scanner| {
        extents.push(if scanner.matches(b'?') {
            Extent::Unknown
        } else if !scanner.peek_identifier().is_empty() {
            Extent::Symbol(scanner.identifier()?.to_string())
        } else {
            Extent::Size(scanner.integer()?)
        });
        Ok(())
    })?;
    scanner.expect(b']')?;
    Ok(Type { element, shape: Some(extents) })
}

/// The `TypeProto` of a type.
pub(super) fn type_message(kind: &Type) -> Message {
    let mut tensor = Message::default();
    tensor.int(1, kind.element as i64);
    if let Some(extents) = &kind.shape {
        let mut shape = Message::default();
        for extent in extents {
            let mut dim = Message::default();
            match extent {
                Extent::Size(size) => dim.int(1, *size),
                Extent::Symbol(symbol) => dim.bytes(2, symbol.as_bytes()),
                Extent::Unknown => {}
            }
            shape.message(1, &dim);
        }
        tensor.message(2, &shape);
    }
    let mut message = Message::default();
    message.message(1, &tensor);
    message
}

/// Reads the elements of a constant of this type and gives its `TensorProto`.
///
/// A type of unknown rank is taken for a scalar. Elements in braces go into the typed field,
/// generated ones into `raw_data`, so that samples exercise both.
pub(super) fn read_tensor(scanner: &mut Scanner, kind: &Type, name: Option<&str>) -> Result<Message, SyntaxError> {
    let mut tensor = Message::default();
    let mut count = 1_usize;
    for extent in kind.shape.iter().flatten() {
        let Extent::Size(size) = extent else {
            return Err(scanner.error("a constant needs a number for each extent"));
        };
        tensor.int(1, *size);
        count = usize::try_from(*size)
            .ok()
            .and_then(|size| count.checked_mul(size))
            .filter(|&count| count <= MOST_ELEMENTS)
            .ok_or_else(|| scanner.error("a negative extent, or too many elements"))?;
    }
    tensor.int(2, kind.element as i64);
    if let Some(name) = name {
        tensor.bytes(8, name.as_bytes());
    }
    match scanner.peek() {
        Some(b'{') => read_elements(scanner, kind.element, count, &mut tensor)?,
        Some(b'[') => read_external(scanner, &mut tensor)?,
        _ => {
            let raw = generate(scanner, kind.element, count)?;
            tensor.bytes(9, &raw);
        }
    }
    Ok(tensor)
}

/// Whether a generator such as `dyadic(7)` is next.
pub(super) fn at_generator(scanner: &mut Scanner) -> bool {
    ["dyadic", "positive", "square", "fill"].iter().any(|word| scanner.clone().matches_word(word, b'('))
}

/// `["location": "weights.bin", "offset": "0"]`: elements that lie in a file beside the model.
fn read_external(scanner: &mut Scanner, tensor: &mut Message) -> Result<(), SyntaxError> {
    scanner.expect(b'[')?;
    super::graph::read_entries(scanner, 13, tensor)?;
    scanner.expect(b']')?;
    tensor.int(14, 1);
    Ok(())
}

fn read_elements(scanner: &mut Scanner, element: Element, count: usize, tensor: &mut Message) -> Result<(), SyntaxError> {
    let start = scanner.clone();
    scanner.expect(b'{')?;
    let mut packed = Vec::new();
    let mut found = 0_usize;
    if !scanner.matches(b'}') {
        scanner.list(|scanner| {
            found += 1;
            if element == Element::String {
                let text = scanner.quoted()?;
                tensor.bytes(6, text.as_bytes());
                return Ok(());
            }
            let at = scanner.clone();
            let literal = scanner.literal()?;
            let pushed = push_typed(&mut packed, element, &literal);
            pushed.map_err(|message| at.error(message))
        })?;
        scanner.expect(b'}')?;
    }
    if found != count {
        return Err(start.error(format!("{found} elements where the dims ask for {count}")));
    }
    let field = match element {
        Element::Float => 4,
        Element::Double => 10,
        Element::Int64 => 7,
        Element::Uint32 | Element::Uint64 => 11,
        _ => 5,
    };
    if !packed.is_empty() {
        tensor.bytes(field, &packed);
    }
    Ok(())
}

/// Appends one element as its typed field stores it.
fn push_typed(packed: &mut Vec<u8>, element: Element, literal: &Literal) -> Result<(), String> {
    if element.is_float() {
        match (element, number(element, literal)?) {
            (Element::Float, value) => packed.extend((value as f32).to_le_bytes()),
            (Element::Double, value) => packed.extend(value.to_le_bytes()),
            (Element::Float16, value) => {
                push_varint(packed, f16::from_f64(value).to_bits().into());
            }
            (_, value) => push_varint(packed, bf16::from_f64(value).to_bits().into()),
        }
        return Ok(());
    }
    // Negative numbers of all widths are stored as varints of 64 bits.
    push_varint(packed, whole(element, literal)? as u64);
    Ok(())
}

/// The value of a number for a float type; a `float` is read as such, without a detour over `double`.
fn number(element: Element, literal: &Literal) -> Result<f64, String> {
    let is_half = matches!(element, Element::Float16 | Element::Bfloat16);
    let spelling = match literal {
        Literal::Integer(_) if is_half => {
            return Err("write a point: the ONNX syntax takes a whole number here for a bit pattern".to_string());
        }
        Literal::Integer(spelling) | Literal::Decimal(spelling) => *spelling,
        Literal::Text(_) => return Err("expected a number".to_string()),
    };
    let value = if element == Element::Float { spelling.parse::<f32>().map(f64::from) } else { spelling.parse::<f64>() };
    value.map_err(|error| error.to_string())
}

/// The value of a whole number that fits the type.
fn whole(element: Element, literal: &Literal) -> Result<i128, String> {
    let (least, greatest) = element.range();
    let value = match literal {
        Literal::Integer(spelling) => spelling.parse::<i128>().ok(),
        _ => None,
    };
    value
        .filter(|value| (least..=greatest).contains(value))
        .ok_or_else(|| format!("expected a whole number from {least} to {greatest}"))
}

/// Reads a generator and gives `count` elements as little-endian bytes.
///
/// `dyadic(seed)`: k/4 with k from -8 to 8 and never 0, `positive(seed)`: the same with k > 0,
/// `square(seed)`: one of 1/16, 1/4, 1, 4, 16, whose square roots are exact; `fill(value)`: one
/// value throughout. In integer types the first two give k itself.
fn generate(scanner: &mut Scanner, element: Element, count: usize) -> Result<Vec<u8>, SyntaxError> {
    let at = scanner.clone();
    let word = scanner.identifier()?;
    scanner.expect(b'(')?;
    let mut raw = Vec::new();
    if word == "fill" {
        let literal = scanner.literal()?;
        for _ in 0..count {
            push_filled(&mut raw, element, &literal).map_err(|message| at.error(message))?;
        }
    } else {
        let mut draw = Draw(scanner.integer()?.cast_unsigned());
        for _ in 0..count {
            let value = draw
                .value(word, element)
                .ok_or_else(|| at.error("expected elements in braces, or dyadic, positive, square or fill"))?;
            push_raw(&mut raw, element, value).ok_or_else(|| at.error(format!("{word} does not suit this element type")))?;
        }
    }
    scanner.expect(b')')?;
    Ok(raw)
}

fn push_filled(raw: &mut Vec<u8>, element: Element, literal: &Literal) -> Result<(), String> {
    let unsuitable = || "fill does not suit this element type".to_string();
    if element.is_float() {
        // `fill` is no ONNX syntax, so a whole number has but one meaning here.
        let value = number(Element::Double, literal)?;
        return push_raw(raw, element, value).ok_or_else(unsuitable);
    }
    let value = whole(element, literal)?;
    push_raw_whole(raw, element, value).ok_or_else(unsuitable)
}

/// Appends a generated value; none if the type cannot hold it.
fn push_raw(raw: &mut Vec<u8>, element: Element, value: f64) -> Option<()> {
    match element {
        Element::Float => raw.extend((value as f32).to_le_bytes()),
        Element::Double => raw.extend(value.to_le_bytes()),
        Element::Float16 => raw.extend(f16::from_f64(value).to_le_bytes()),
        Element::Bfloat16 => raw.extend(bf16::from_f64(value).to_le_bytes()),
        _ => {
            let whole = value as i128;
            let (least, greatest) = element.range();
            if !(least..=greatest).contains(&whole) || whole as f64 != value {
                return None;
            }
            return push_raw_whole(raw, element, whole);
        }
    }
    Some(())
}

fn push_raw_whole(raw: &mut Vec<u8>, element: Element, value: i128) -> Option<()> {
    let width = match element {
        Element::Uint8 | Element::Int8 | Element::Bool => 1,
        Element::Uint16 | Element::Int16 => 2,
        Element::Int32 | Element::Uint32 => 4,
        Element::Int64 | Element::Uint64 => 8,
        _ => return None,
    };
    raw.extend(value.to_le_bytes().get(..width)?);
    Some(())
}

/// The generator SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn value(&mut self, word: &str, element: Element) -> Option<f64> {
        let unit = if element.is_float() { 0.25 } else { 1.0 };
        Some(match word {
            "dyadic" => {
                let magnitude = (self.below(8) + 1) as f64 * unit;
                if self.below(2) == 0 { magnitude } else { -magnitude }
            }
            "positive" => (self.below(8) + 1) as f64 * unit,
            "square" => [0.0625, 0.25, 1.0, 4.0, 16.0].get(self.below(5) as usize).copied().unwrap_or(1.0),
            _ => return None,
        })
    }
}
