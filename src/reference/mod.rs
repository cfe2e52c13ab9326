//! The reference: ONNX models evaluated in f64 by direct loops, slowly, as the operator
//! specification is written.
//!
//! It judges what is folded, so it must not know how anything is folded: it uses the ONNX
//! messages alone, and each operator is written from the specification. Stored numbers are widened
//! exactly and nothing is rounded to the declared type between operators.

mod activation;
mod arithmetic;
mod array;
mod call;
mod constant;
mod control;
mod convolution;
mod deform;
mod einsum;
mod function;
mod grid;
mod normalization;
mod pool;
mod product;
mod quantize;
mod recurrent;
mod reduce;
mod reshape;
mod resize;
mod run;
mod select;
mod table;
mod tensor;
mod window;

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::onnx::{ModelProto, NodeProto};

/// The elements of an [`Array`], row-major.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Data {
    /// Any float type.
    Float(Vec<f64>),
    /// Any integer type.
    Int(Vec<i64>),
    /// Truth values.
    Bool(Vec<bool>),
}

/// A tensor: its dims, and as many elements as they ask for.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct Array {
    /// The extents, the slowest first; none for a scalar.
    pub dims: Vec<usize>,
    /// The elements.
    pub data: Data,
}

/// Why a model has no value here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// An operator, a form of it or a type that the reference does not evaluate.
    #[error("the reference does not evaluate {0}")]
    Unsupported(String),
    /// A model or an input that contradicts the specification.
    #[error("{0}")]
    Invalid(String),
    /// More than the reference evaluates.
    #[error("{0}")]
    TooMuch(String),
    /// An input of the graph for which no value was given.
    #[error("no value is given for the input `{0}`")]
    MissingInput(String),
}

fn invalid<T>(message: impl Into<String>) -> Result<T, ReferenceError> {
    Err(ReferenceError::Invalid(message.into()))
}

fn too_much<T>(message: impl Into<String>) -> Result<T, ReferenceError> {
    Err(ReferenceError::TooMuch(message.into()))
}

fn unsupported<T>(what: impl Into<String>) -> Result<T, ReferenceError> {
    Err(ReferenceError::Unsupported(what.into()))
}

/// Evaluates a model whose constants are all inside the message.
///
/// `inputs` gives a value for each input of the graph by name; an input that is an initializer too
/// may be left out. The result has every value that a node of the main graph computes, and every
/// output of the graph.
///
/// # Errors
/// [`ReferenceError`]: also for a Dropout that trains, external data, and models that would need more
/// than 2²⁶ elements in one value.
pub fn evaluate(model: &ModelProto, inputs: &BTreeMap<String, Array>) -> Result<BTreeMap<String, Array>, ReferenceError> {
    run::model(model, inputs, run::MOST_ROUNDS)
}

/// As [`evaluate`], with so many rounds of a loop at most.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_within(
    model: &ModelProto,
    inputs: &BTreeMap<String, Array>,
    rounds: u64,
) -> Result<BTreeMap<String, Array>, ReferenceError> {
    run::model(model, inputs, rounds)
}

/// Evaluates one node of the standard operator set `opset` on the values of its inputs; `None`
/// stands for an input that is not connected.
///
/// The result has the outputs that the operator computes, in order, connected or not.
///
/// # Errors
/// [`ReferenceError`]: also for nodes with subgraphs that use values from outside.
pub fn node(node: &NodeProto, opset: i64, inputs: &[Option<Array>]) -> Result<Vec<Array>, ReferenceError> {
    let inputs: Vec<Option<Rc<Array>>> = inputs.iter().map(|input| input.clone().map(Rc::new)).collect();
    run::single(node, opset, &inputs, &[])
}

/// As [`node`], of values that others have a hold of, too.
///
/// # Errors
/// As [`node`].
pub(crate) fn node_of(node: &NodeProto, opset: i64, inputs: &[Option<Rc<Array>>]) -> Result<Vec<Array>, ReferenceError> {
    run::single(node, opset, inputs, &[])
}

/// As [`node`], with the element types of the inputs, as ONNX numbers them; 0 stands for one that is not known.
///
/// # Errors
/// As [`node`].
pub fn typed_node(node: &NodeProto, opset: i64, inputs: &[Option<Array>], types: &[i32]) -> Result<Vec<Array>, ReferenceError> {
    let inputs: Vec<Option<Rc<Array>>> = inputs.iter().map(|input| input.clone().map(Rc::new)).collect();
    run::single(node, opset, &inputs, types)
}

/// Whether there is a function for this operator of the standard domain.
pub fn evaluates(operator: &str) -> bool {
    table::operator(operator).is_some()
}
