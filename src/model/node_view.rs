//! A node as an operator sees it: attributes, which inputs are connected, shapes, constants.
//!
//! An operator asks here and nowhere else, so that it sees what a plan has changed already and nothing of the graph around it.

use std::borrow::Cow;

use crate::double_double::DoubleDouble;
use crate::model::functions::{Argument, Arguments};
use crate::model::{Element, Extent, Shape};
use crate::onnx::NodeProto;
use crate::onnx::attribute_proto::AttributeType;

/// Why a value is not a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotConstant {
    /// It is an input of the graph.
    Input,
    /// It is an input of a function.
    Argument,
    /// It is an initializer that is an input as well, so a caller may override it.
    Overridable,
    /// It is a constant in a form that is not read.
    Form,
    /// It is computed.
    Computed,
}

/// Why something cannot be read from a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unreadable {
    /// An attribute refers to an attribute of the function around it.
    AttributeReference(String),
    /// An attribute has another type than the operator's specification says.
    AttributeType(String),
    /// An input is not connected that must be.
    Missing(usize),
    /// An input must be a constant and is not.
    NotConstant(usize, NotConstant),
    /// A constant is not of one of the four float types.
    NotFloat(usize),
    /// A shape is not known.
    Shape(usize),
}

/// Why the elements of a constant were not had: the node's nature, or a fault of file or system that ends the run.
#[derive(Debug)]
pub enum Fault {
    /// See [`Unreadable`].
    Unreadable(Unreadable),
    /// Reading failed.
    Failed(crate::Error),
}

/// What is known of a constant without its elements.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConstantFact<'a> {
    /// The shape.
    pub dims: Cow<'a, [u64]>,
    /// The float type; `None` for other types.
    pub element: Option<Element>,
    /// ONNX's number of the type.
    pub data_type: i32,
}

/// What is known of a connected input.
#[derive(Clone, Debug)]
pub struct InputFact<'a> {
    /// The shape, if the rank is known.
    pub shape: Option<Cow<'a, Shape>>,
    /// The float type, if it is known to be one.
    pub element: Option<Element>,
    /// What is known of the constant.
    pub constant: Result<ConstantFact<'a>, NotConstant>,
    /// The numbers of an integer list that is computed from shapes, as far as they are known.
    pub extents: Option<&'a [Extent]>,
}

impl InputFact<'_> {
    /// The shape, to be changed.
    #[must_use]
    pub fn owned_shape(&self) -> Option<Shape> {
        self.shape.as_deref().cloned()
    }
}

/// Reads elements of a node's constant inputs.
pub trait Elements {
    /// All elements of input `input`, widened exactly, or as earlier folds have made them.
    ///
    /// # Errors
    /// It is not a readable float constant, or reading failed.
    fn floats(&self, input: usize) -> Result<Vec<DoubleDouble>, Fault>;
    /// All elements of integer input `input`.
    ///
    /// # Errors
    /// It is not a readable integer constant, or reading failed.
    fn integers(&self, input: usize) -> Result<Vec<i64>, Fault>;
    /// All elements of boolean input `input`.
    ///
    /// # Errors
    /// It is not a readable boolean constant, or reading failed.
    fn booleans(&self, input: usize) -> Result<Vec<bool>, Fault>;
    /// All elements of the integer tensor in the attribute `value`; `None` if there is none that can be read.
    fn attribute(&self) -> Option<Vec<i64>>;
}

/// A node as an operator sees it.
pub struct NodeView<'a> {
    /// The operator: what the plan made of it, or what the file says.
    pub op_type: &'a str,
    /// The version of the standard operator set.
    pub opset: i64,
    /// Its message.
    pub proto: &'a NodeProto,
    /// The attributes that the function around it is called with, where a call is being looked at.
    pub arguments: Option<&'a Arguments<'a>>,
    /// Attributes that the plan has removed, so that their defaults hold.
    pub dropped: &'a [&'static str],
    /// Its inputs; `None` is not connected.
    pub inputs: Vec<Option<InputFact<'a>>>,
    /// Which outputs are connected.
    pub outputs: Vec<bool>,
    /// Whether the user says that old BatchNormalizations which do not tell are meant for inference.
    pub assume_inference: bool,
    /// The shape of the first output.
    pub output_shape: Option<Cow<'a, Shape>>,
    /// The elements of its constants.
    pub elements: &'a dyn Elements,
}

impl<'a> NodeView<'a> {
    fn attribute(&self, name: &str, expected: AttributeType) -> Result<Option<&crate::onnx::AttributeProto>, Unreadable> {
        if self.dropped.contains(&name) {
            return Ok(None);
        }
        let mut found = self.proto.attribute.iter().filter(|a| a.name() == name);
        let (Some(attribute), None) = (found.next(), found.next()) else {
            let none = self.proto.attribute.iter().all(|a| a.name() != name);
            return if none { Ok(None) } else { Err(Unreadable::AttributeType(name.into())) };
        };
        let attribute = match self.referred(attribute) {
            Argument::Given(attribute) => attribute,
            Argument::Absent => return Ok(None),
            Argument::Unknown => return Err(Unreadable::AttributeReference(name.into())),
        };
        // Files of IR 1 leave the type out.
        if attribute.r#type() != expected && attribute.r#type() != AttributeType::Undefined {
            return Err(Unreadable::AttributeType(name.into()));
        }
        Ok(Some(attribute))
    }

    /// The attribute itself, or what the call around gives for it.
    fn referred<'s>(&'s self, attribute: &'s crate::onnx::AttributeProto) -> Argument<'s> {
        match (attribute.ref_attr_name(), self.arguments) {
            ("", _) => Argument::Given(attribute),
            (name, Some(arguments)) => arguments.get(name),
            (_, None) => Argument::Unknown,
        }
    }

    /// Whether the node has an attribute.
    pub fn has(&self, name: &str) -> bool {
        let is = |a: &crate::onnx::AttributeProto| a.name() == name && self.referred(a) != Argument::Absent;
        !self.dropped.contains(&name) && self.proto.attribute.iter().any(is)
    }

    /// An integer attribute.
    ///
    /// # Errors
    /// The attribute is a reference or of another type.
    pub fn int(&self, name: &str, default: i64) -> Result<i64, Unreadable> {
        Ok(self.attribute(name, AttributeType::Int)?.map_or(default, |a| a.i()))
    }

    /// A float attribute as the file has it, in single precision.
    ///
    /// # Errors
    /// As [`NodeView::int`].
    pub fn float(&self, name: &str, default: f32) -> Result<f32, Unreadable> {
        Ok(self.attribute(name, AttributeType::Float)?.map_or(default, |a| a.f()))
    }

    /// A list of integers; empty if the attribute is absent.
    ///
    /// # Errors
    /// As [`NodeView::int`].
    pub fn ints(&self, name: &str) -> Result<&[i64], Unreadable> {
        Ok(self.attribute(name, AttributeType::Ints)?.map_or(&[], |a| &a.ints))
    }

    /// A list of floats; empty if the attribute is absent.
    ///
    /// # Errors
    /// As [`NodeView::int`].
    pub fn floats(&self, name: &str) -> Result<&[f32], Unreadable> {
        Ok(self.attribute(name, AttributeType::Floats)?.map_or(&[], |a| &a.floats))
    }

    /// A text attribute; empty if it is absent.
    ///
    /// # Errors
    /// As [`NodeView::int`].
    pub fn string(&self, name: &str) -> Result<String, Unreadable> {
        let bytes = self.attribute(name, AttributeType::String)?.map_or(&[][..], |a| a.s());
        Ok(String::from_utf8_lossy(bytes).into_owned())
    }

    /// What is known of an input; `None` if it is not connected.
    pub fn input(&self, input: usize) -> Option<&InputFact<'a>> {
        self.inputs.get(input).and_then(Option::as_ref)
    }

    /// What is known of an input that must be connected.
    ///
    /// # Errors
    /// It is not.
    pub fn connected(&self, input: usize) -> Result<&InputFact<'a>, Unreadable> {
        self.input(input).ok_or(Unreadable::Missing(input))
    }

    /// The shape and float type of a constant input.
    ///
    /// # Errors
    /// It is not connected, not a constant, or not of a float type.
    pub fn constant(&self, input: usize) -> Result<(&[u64], Element), Unreadable> {
        let fact = self.connected(input)?.constant.as_ref().map_err(|why| Unreadable::NotConstant(input, *why))?;
        Ok((&fact.dims, fact.element.ok_or(Unreadable::NotFloat(input))?))
    }

    /// The shape of an input.
    ///
    /// # Errors
    /// It is not connected, or its rank is not known.
    pub fn shape(&self, input: usize) -> Result<&Shape, Unreadable> {
        self.connected(input)?.shape.as_deref().ok_or(Unreadable::Shape(input))
    }

    /// Whether an input is a constant.
    pub fn is_constant(&self, input: usize) -> bool {
        self.input(input).is_some_and(|fact| fact.constant.is_ok())
    }

    /// The number of outputs that are connected.
    pub fn connected_outputs(&self) -> usize {
        self.outputs.iter().filter(|o| **o).count()
    }
}
