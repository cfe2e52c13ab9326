//! One application of an operator: its inputs and attributes.
//!
//! It must not know which of them an operator has.

use std::rc::Rc;

use super::{Array, ReferenceError, invalid};
use crate::onnx::attribute_proto::AttributeType;
use crate::onnx::{AttributeProto, NodeProto};

/// A node whose inputs have values.
pub(super) struct Call<'a> {
    pub(super) node: &'a NodeProto,
    /// The version of the standard operator set.
    pub(super) opset: i64,
    pub(super) inputs: Vec<Option<Rc<Array>>>,
    /// The declared element type of each input, 0 where it is not known.
    pub(super) types: Vec<i32>,
}

impl Call<'_> {
    /// An input that may be absent.
    pub(super) fn optional(&self, index: usize) -> Option<&Array> {
        self.inputs.get(index).and_then(|input| input.as_deref())
    }

    /// An input that must be there.
    pub(super) fn input(&self, index: usize) -> Result<&Array, ReferenceError> {
        match self.optional(index) {
            Some(input) => Ok(input),
            None => invalid(format!("input {index} is not connected")),
        }
    }

    /// All inputs, which must be there; at least one.
    pub(super) fn all_inputs(&self) -> Result<Vec<&Array>, ReferenceError> {
        (0..self.inputs.len().max(1)).map(|index| self.input(index)).collect()
    }

    /// Whether an output is connected.
    pub(super) fn has_output(&self, index: usize) -> bool {
        let name = self.node.output.get(index);
        name.is_some_and(|name| !name.is_empty())
    }

    pub(super) fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        let mut attributes = self.node.attribute.iter();
        attributes.find(|attribute| attribute.name() == name)
    }

    /// An attribute, if it is there, whose type is `wanted` or, in old files, not stated.
    fn typed(&self, name: &str, wanted: AttributeType) -> Result<Option<&AttributeProto>, ReferenceError> {
        let Some(attribute) = self.attribute(name) else {
            return Ok(None);
        };
        if !attribute.ref_attr_name().is_empty() {
            return invalid(format!("attribute `{name}` refers to a function's, outside of one"));
        }
        let stated = attribute.r#type();
        if stated != wanted && stated != AttributeType::Undefined {
            return invalid(format!("attribute `{name}` is not of type {}", wanted.as_str_name()));
        }
        Ok(Some(attribute))
    }

    pub(super) fn int(&self, name: &str) -> Result<Option<i64>, ReferenceError> {
        Ok(self.typed(name, AttributeType::Int)?.map(AttributeProto::i))
    }

    pub(super) fn int_or(&self, name: &str, default: i64) -> Result<i64, ReferenceError> {
        Ok(self.int(name)?.unwrap_or(default))
    }

    /// A float32, widened.
    pub(super) fn float(&self, name: &str) -> Result<Option<f64>, ReferenceError> {
        let attribute = self.typed(name, AttributeType::Float)?;
        Ok(attribute.map(|attribute| attribute.f().into()))
    }

    /// The same; the default is a float32 too.
    pub(super) fn float_or(&self, name: &str, default: f32) -> Result<f64, ReferenceError> {
        Ok(self.float(name)?.unwrap_or(default.into()))
    }

    pub(super) fn ints(&self, name: &str) -> Result<Option<&[i64]>, ReferenceError> {
        let attribute = self.typed(name, AttributeType::Ints)?;
        Ok(attribute.map(|attribute| attribute.ints.as_slice()))
    }

    pub(super) fn text_or<'s>(&'s self, name: &str, default: &'s str) -> Result<&'s str, ReferenceError> {
        let Some(attribute) = self.typed(name, AttributeType::String)? else {
            return Ok(default);
        };
        match std::str::from_utf8(attribute.s()) {
            Ok(text) => Ok(text),
            Err(_) => invalid(format!("attribute `{name}` is not text")),
        }
    }

    /// Integers that older operator sets have as an attribute and newer ones as an input.
    pub(super) fn ints_of(&self, name: &str, index: usize) -> Result<Option<Vec<i64>>, ReferenceError> {
        if let Some(input) = self.optional(index) {
            return input.ints().map(|values| Some(values.to_vec()));
        }
        Ok(self.ints(name)?.map(<[i64]>::to_vec))
    }
}
