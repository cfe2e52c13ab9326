//! Constants: their type and shape, where their elements are, and how to read them.
//!
//! Elements stay in the file until someone asks, and large tensors are read in blocks.

use std::ops::Range;
use std::sync::Arc;

use crate::error::{Error, ErrorKind, Result};
use crate::model::computed::{Numbers, Recipe};
use crate::model::scan::TensorSpan;
use crate::model::{Element, Model, NodeId, ScopeId};
use crate::onnx::tensor_proto::DataType;
use crate::onnx::{AttributeProto, TensorProto};
use crate::wire::{Source, varint};

/// Elements per block when a tensor is streamed.
const BLOCK: u64 = 32 << 10;

/// Which message of the file holds a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Home {
    /// Initializer number `index` of a graph.
    Initializer {
        /// The graph.
        scope: ScopeId,
        /// Its position among the initializers.
        index: usize,
    },
    /// Attribute number `attribute` of a Constant node.
    Constant {
        /// The node.
        node: NodeId,
        /// The attribute's position in the node.
        attribute: usize,
    },
    /// None: a node computes it.
    Computed {
        /// The node, whose first output it is.
        node: NodeId,
    },
}

/// Where the elements are.
#[derive(Clone, Debug)]
pub enum Payload {
    /// Little-endian bytes: file 0 is the model itself, the others are side files.
    Bytes {
        /// Index among [`Model::file`].
        file: usize,
        /// The bytes.
        range: Range<u64>,
    },
    /// Typed fields in a form other than one run of little-endian bytes.
    Fields(TensorSpan),
    /// Numbers that stood in the message itself.
    Inline(Vec<f64>),
    /// Whole numbers that stood in the message itself.
    Whole(Vec<i64>),
    /// They are computed from other constants.
    Computed(Arc<Recipe>),
    /// A form that is not read: strings, segments, unknown types, payload given twice.
    Opaque,
}

/// A constant.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Its name, empty for the value of a Constant node.
    pub name: String,
    /// ONNX's number of the element type.
    pub data_type: i32,
    /// The shape.
    pub dims: Vec<u64>,
    /// The elements.
    pub payload: Payload,
    /// The message that holds it.
    pub home: Home,
}

/// Bits per element of a type, if it has a fixed size.
fn bits(data_type: i32) -> Option<u64> {
    use DataType as T;
    Some(match DataType::try_from(data_type).ok()? {
        T::Double | T::Int64 | T::Uint64 | T::Complex64 => 64,
        T::Float | T::Int32 | T::Uint32 => 32,
        T::Float16 | T::Bfloat16 | T::Int16 | T::Uint16 => 16,
        T::Int8
        | T::Uint8
        | T::Bool
        | T::Float8e4m3fn
        | T::Float8e4m3fnuz
        | T::Float8e5m2
        | T::Float8e5m2fnuz
        | T::Float8e8m0 => 8,
        T::Complex128 => 128,
        T::Float6e2m3 | T::Float6e3m2 => 6,
        T::Uint4 | T::Int4 | T::Float4e2m1 => 4,
        T::Uint2 | T::Int2 => 2,
        T::Undefined | T::String => return None,
    })
}

/// The name of an element type as ONNX's text form writes it.
pub fn type_name(data_type: i32) -> String {
    DataType::try_from(data_type).map_or_else(|_| format!("type {data_type}"), |t| t.as_str_name().to_lowercase())
}

impl Tensor {
    /// Reads the header of an initializer or of a Constant's `value`.
    pub(crate) fn new(model: &Model, proto: &TensorProto, span: &TensorSpan, home: Home) -> Result<Tensor> {
        let name = proto.name();
        let place = || if name.is_empty() { "the value of a Constant".to_owned() } else { format!("tensor `{name}`") };
        let dims = proto.dims.iter().map(|d| u64::try_from(*d)).collect::<std::result::Result<Vec<u64>, _>>();
        let dims = dims.map_err(|_| Error::new(ErrorKind::Tensor, "a dimension is negative").at(place()))?;
        let count = dims.iter().try_fold(1u64, |n, d| n.checked_mul(*d));
        let count = count.ok_or_else(|| Error::new(ErrorKind::Tensor, "the dimensions overflow").at(place()))?;
        let mut tensor = Tensor { data_type: proto.data_type(), dims, payload: Payload::Opaque, home, name: name.to_owned() };
        let size = match bits(tensor.data_type) {
            Some(bits) if proto.segment.is_none() => count.checked_mul(bits).map(|b| b.div_ceil(8)),
            _ => return Ok(tensor),
        };
        let size = size.ok_or_else(|| Error::new(ErrorKind::Tensor, "the dimensions overflow").at(place()))?;
        if proto.data_location() == crate::onnx::tensor_proto::DataLocation::External {
            tensor.payload = model.side_range(proto, size).map_err(|e| e.at(place()))?;
            return Ok(tensor);
        }
        let own = &span.span.payload;
        let inside = |data: &crate::model::scan::DataSpan| own.start <= data.span.field.start && data.span.field.end <= own.end;
        tensor.payload = match &span.data[..] {
            // A message that stands twice is merged, and nobody writes one so.
            all if !all.iter().all(inside) => Payload::Opaque,
            [one] if one.number == 9 || one.run && matches!((one.number, tensor.data_type), (4, 1) | (10, 11)) => {
                let found = one.span.payload.end - one.span.payload.start;
                if found != size {
                    let what = format!(
                        "{} {} need {size} bytes, {found} are there",
                        shape_text(&tensor.dims),
                        type_name(tensor.data_type)
                    );
                    return Err(Error::new(ErrorKind::Tensor, what).at(place()).remedy("the file is damaged; export it again"));
                }
                Payload::Bytes { file: 0, range: one.span.payload.clone() }
            }
            [] if size == 0 => Payload::Inline(Vec::new()),
            [] => return Err(Error::new(ErrorKind::Tensor, format!("{size} bytes of elements are missing")).at(place())),
            many if many.iter().all(|d| d.number == many[0].number && d.number != 9) => Payload::Fields(span.clone()),
            _ => Payload::Opaque,
        };
        Ok(tensor)
    }

    /// Reads the header of a Constant that is given by numbers.
    pub(crate) fn from_attribute(attribute: &AttributeProto, span: Option<&TensorSpan>, home: Home) -> Option<Tensor> {
        let (data_type, dims, payload) = match attribute.name() {
            "value_float" => (1, vec![], Payload::Inline(vec![f64::from(attribute.f())])),
            "value_int" => (7, vec![], Payload::Whole(vec![attribute.i()])),
            "value_ints" => (7, vec![attribute.ints.len() as u64], Payload::Whole(attribute.ints.clone())),
            "value_floats" => match span {
                None => (
                    1,
                    vec![attribute.floats.len() as u64],
                    Payload::Inline(attribute.floats.iter().map(|f| f64::from(*f)).collect()),
                ),
                Some(span) if attribute.floats.is_empty() => match &span.data[..] {
                    [one] if one.run => {
                        let range = one.span.payload.clone();
                        (1, vec![(range.end - range.start) / 4], Payload::Bytes { file: 0, range })
                    }
                    _ => return None,
                },
                Some(_) => return None,
            },
            _ => return None,
        };
        Some(Tensor { name: String::new(), data_type, dims, payload, home })
    }

    /// The number of elements.
    pub fn elements(&self) -> u64 {
        self.dims.iter().product()
    }

    /// The element type, if it is one of the four float types that are folded.
    pub fn element(&self) -> Option<Element> {
        element(self.data_type)
    }

    /// How it is computed, if it is.
    pub fn recipe(&self) -> Option<&Recipe> {
        if let Payload::Computed(recipe) = &self.payload { Some(recipe) } else { None }
    }

    /// Calls `each` with consecutive blocks of elements, widened exactly, and the index of each block's first element.
    ///
    /// # Errors
    /// The file cannot be read, or the elements are not of a float type or not as many as the shape says.
    pub fn blocks(&self, model: &Model, each: &mut dyn FnMut(u64, &[f64])) -> Result<()> {
        if let Some(mut parts) = self.parts(model) {
            let mut at = 0;
            while at < parts.elements() {
                let part = parts.read(at, BLOCK as usize)?;
                each(at, part);
                at += part.len() as u64;
            }
            return Ok(());
        }
        let fill =
            if let (Payload::Computed(recipe), Some(_)) = (&self.payload, self.element()) { recipe.fill(model)? } else { None };
        let Some(fill) = fill else {
            each(0, &self.floats(model)?);
            return Ok(());
        };
        let total = self.elements();
        let block = vec![fill; usize::try_from(BLOCK.min(total)).unwrap_or(0)];
        let mut at = 0;
        while at < total {
            let count = BLOCK.min(total - at);
            each(at, &block[..count as usize]);
            at += count;
        }
        Ok(())
    }

    /// The elements for reading in any order, if a file has them as they are.
    pub(crate) fn parts<'a>(&'a self, model: &'a Model) -> Option<Parts<'a>> {
        let (Payload::Bytes { file, range }, Some(element)) = (&self.payload, self.element()) else { return None };
        let (bytes, numbers) = (Vec::new(), Vec::new());
        Some(Parts { tensor: self, source: model.file(*file), range, element, bytes, numbers })
    }

    /// All elements, widened exactly.
    ///
    /// # Errors
    /// As [`Tensor::blocks`].
    pub fn floats(&self, model: &Model) -> Result<Vec<f64>> {
        let mut numbers = Vec::new();
        match (&self.payload, self.element()) {
            (Payload::Inline(values), _) => numbers.clone_from(values),
            (Payload::Computed(recipe), Some(_)) => match Arc::unwrap_or_clone(recipe.numbers(model)?) {
                Numbers::Floats(values) => numbers = values,
                _ => return Err(self.broken("the elements are not floats")),
            },
            (Payload::Bytes { .. }, Some(_)) => self.blocks(model, &mut |_, block| numbers.extend_from_slice(block))?,
            (Payload::Fields(span), Some(element)) => {
                for bits in self.fields(model, span)? {
                    match (element, bits.1) {
                        (Element::F32, 4) => numbers.push(f64::from(f32::from_bits(bits.0 as u32))),
                        (Element::F64, 10) => numbers.push(f64::from_bits(bits.0)),
                        (Element::F16 | Element::BF16, 5) => element.decode(&(bits.0 as u16).to_le_bytes(), &mut numbers),
                        _ => return Err(self.broken("the elements are in a field of another type")),
                    }
                }
            }
            _ => return Err(self.broken("the elements are not of a float type that is read")),
        }
        if numbers.len() as u64 != self.elements() {
            return Err(self.broken(&format!("{} elements are there, the shape says {}", numbers.len(), self.elements())));
        }
        Ok(numbers)
    }

    /// All elements of a boolean tensor.
    ///
    /// # Errors
    /// The file cannot be read, or the tensor is of another type.
    pub fn booleans(&self, model: &Model) -> Result<Vec<bool>> {
        match (&self.payload, self.data_type) {
            (Payload::Computed(recipe), 9) => match &*recipe.numbers(model)? {
                Numbers::Booleans(values) => Ok(values.clone()),
                _ => Err(self.broken("the elements are not truth values")),
            },
            (Payload::Bytes { file, range }, 9) => {
                let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(0)];
                model.file(*file).read_exact_at(&mut bytes, range.start).map_err(|e| self.unreadable(e))?;
                Ok(bytes.iter().map(|b| *b != 0).collect())
            }
            (Payload::Fields(span), 9) => Ok(self.fields(model, span)?.iter().map(|(bits, _)| *bits != 0).collect()),
            _ => Err(self.broken("the elements are not truth values")),
        }
    }

    /// The elements of typed fields as bit patterns, with the number of the field that held them.
    pub(super) fn fields(&self, model: &Model, span: &TensorSpan) -> Result<Vec<(u64, u32)>> {
        let mut found = Vec::new();
        for data in &span.data {
            let range = &data.span.payload;
            let mut bytes = vec![0; usize::try_from(range.end - range.start).unwrap_or(0)];
            model.file(0).read_exact_at(&mut bytes, range.start).map_err(|e| self.unreadable(e))?;
            match data.number {
                4 => found
                    .extend(bytes.chunks_exact(4).map(|c| (u64::from(u32::from_le_bytes(c.try_into().unwrap_or_default())), 4))),
                10 => found.extend(bytes.chunks_exact(8).map(|c| (u64::from_le_bytes(c.try_into().unwrap_or_default()), 10))),
                number => {
                    let mut rest = &bytes[..];
                    while !rest.is_empty() {
                        let one = varint::decode(rest, 64).map_err(|_| self.broken("a number is malformed"))?;
                        found.push((one.value, number));
                        rest = rest.get(one.len..).unwrap_or_default();
                    }
                }
            }
        }
        Ok(found)
    }

    pub(super) fn broken(&self, what: &str) -> Error {
        Error::new(ErrorKind::Tensor, what).at(format!("tensor `{}`", self.name))
    }

    pub(super) fn unreadable(&self, error: std::io::Error) -> Error {
        Error::io("cannot read the elements", error).at(format!("tensor `{}`", self.name))
    }
}

/// Elements that a file has as they are, read part by part.
pub(crate) struct Parts<'a> {
    tensor: &'a Tensor,
    source: &'a dyn Source,
    range: &'a Range<u64>,
    element: Element,
    bytes: Vec<u8>,
    numbers: Vec<f64>,
}

impl Parts<'_> {
    /// How many there are.
    pub(crate) fn elements(&self) -> u64 {
        (self.range.end - self.range.start) / self.element.size() as u64
    }

    /// At most `count` elements from number `first` on, widened exactly.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(&mut self, first: u64, count: usize) -> Result<&[f64]> {
        let (size, left) = (self.element.size(), self.elements().saturating_sub(first));
        let count = usize::try_from(left).unwrap_or(usize::MAX).min(count);
        self.bytes.resize(count * size, 0);
        let read = self.source.read_exact_at(&mut self.bytes, self.range.start + first * size as u64);
        read.map_err(|error| self.tensor.unreadable(error))?;
        self.numbers.clear();
        self.element.decode(&self.bytes, &mut self.numbers);
        Ok(&self.numbers)
    }
}

/// The float type of an ONNX type number.
pub fn element(data_type: i32) -> Option<Element> {
    match DataType::try_from(data_type).ok()? {
        DataType::Float16 => Some(Element::F16),
        DataType::Bfloat16 => Some(Element::BF16),
        DataType::Float => Some(Element::F32),
        DataType::Double => Some(Element::F64),
        _ => None,
    }
}

/// The ONNX type number of a float type.
pub fn data_type(element: Element) -> i32 {
    match element {
        Element::F16 => DataType::Float16 as i32,
        Element::BF16 => DataType::Bfloat16 as i32,
        Element::F32 => DataType::Float as i32,
        Element::F64 => DataType::Double as i32,
    }
}

fn shape_text(dims: &[u64]) -> String {
    format!("[{}]", dims.iter().map(u64::to_string).collect::<Vec<_>>().join(","))
}
