//! The table of operators. Each stands in one file with what it knows and the samples that prove it.
//!
//! An operator reads its node and answers with a law, or with the reason why it has none. It checks what the operator must
//! satisfy: attributes, shapes, version. It never sees the graph, and it does no algebra.

use std::collections::HashMap;
use std::ops::RangeInclusive;
use std::sync::LazyLock;

use crate::law::{Law, Reason};
use crate::model::{Fault, NodeView, NotConstant, Shape, Unreadable};
use crate::sample::Sample;

mod add;
mod average_pool;
mod batch_normalization;
mod cast;
mod choice;
mod clip;
mod concat;
mod constant_operand;
mod conv;
mod conv_transpose;
mod deform_conv;
mod depth_to_space;
mod div;
mod dropout;
mod einsum;
mod expand;
pub mod extents;
mod flatten;
mod gather;
mod gemm;
mod global_average_pool;
mod global_max_pool;
mod group_normalization;
mod gru;
mod identity;
mod instance_normalization;
mod layer_normalization;
mod leaky_relu;
mod lstm;
mod matmul;
mod max_pool;
mod mean;
mod mul;
mod neg;
mod pad;
mod prelu;
mod recurrence;
mod reduce_max;
mod reduce_mean;
mod reduce_min;
mod reduce_sum;
mod regroup;
mod relu;
mod reshape;
mod resize;
mod rms_normalization;
mod rnn;
pub mod shapes;
mod slice;
mod space_to_depth;
mod split;
mod squeeze;
mod sub;
mod sum;
mod tile;
mod transpose;
mod unsqueeze;
mod upsample;
mod value_operands;
pub mod window;

/// The newest version of the standard operator set that was looked at.
pub const NEWEST_OPSET: i64 = 28;

/// What is known of an operator.
pub struct Operator {
    /// ONNX's name.
    pub name: &'static str,
    /// The versions of the standard operator set that were looked at.
    pub opsets: RangeInclusive<i64>,
    /// Whether a node is listed by reports even when it is not a map.
    pub always_listed: bool,
    /// What takes part in folds, in words, for the table in `docs/operators.md`.
    pub summary: &'static str,
    /// Reads the law of a node.
    pub read: fn(&NodeView<'_>) -> Result<Law, Stop>,
    /// The shape of the first output.
    pub shape: fn(&NodeView<'_>) -> Option<Shape>,
    /// Models that prove it.
    pub samples: &'static [Sample],
}

/// Every operator with a law.
pub static OPERATORS: &[&Operator] = &[
    &batch_normalization::OPERATOR,
    &conv::OPERATOR,
    &conv_transpose::OPERATOR,
    &deform_conv::OPERATOR,
    &gemm::OPERATOR,
    &matmul::OPERATOR,
    &einsum::OPERATOR,
    &lstm::OPERATOR,
    &gru::OPERATOR,
    &rnn::OPERATOR,
    &layer_normalization::OPERATOR,
    &instance_normalization::OPERATOR,
    &group_normalization::OPERATOR,
    &rms_normalization::OPERATOR,
    &mul::OPERATOR,
    &neg::OPERATOR,
    &add::OPERATOR,
    &sub::OPERATOR,
    &div::OPERATOR,
    &identity::OPERATOR,
    &dropout::OPERATOR,
    &relu::OPERATOR,
    &leaky_relu::OPERATOR,
    &prelu::OPERATOR,
    &clip::OPERATOR,
    &max_pool::OPERATOR,
    &global_max_pool::OPERATOR,
    &average_pool::OPERATOR,
    &global_average_pool::OPERATOR,
    &reduce_max::OPERATOR,
    &reduce_mean::OPERATOR,
    &reduce_min::OPERATOR,
    &reduce_sum::OPERATOR,
    &reshape::OPERATOR,
    &flatten::OPERATOR,
    &squeeze::OPERATOR,
    &unsqueeze::OPERATOR,
    &transpose::OPERATOR,
    &concat::OPERATOR,
    &pad::OPERATOR,
    &depth_to_space::OPERATOR,
    &sum::OPERATOR,
    &split::OPERATOR,
    &slice::OPERATOR,
    &gather::OPERATOR,
    &cast::OPERATOR,
    &resize::OPERATOR,
    &upsample::OPERATOR,
    &space_to_depth::OPERATOR,
    &tile::OPERATOR,
    &expand::OPERATOR,
    &choice::OPERATOR,
    &mean::OPERATOR,
];

/// Whether every window of a MaxPool sees an element, beside what a Pad has put before and behind each axis, and so for a maximum
/// over positions; `None` for other operators.
pub fn sees_all(node: &NodeView<'_>, beside: &[(i64, i64)]) -> Option<bool> {
    // What stands at places of its own is not mixed with elements.
    let mixed =
        |is_mixed: &dyn Fn(usize) -> bool| beside.iter().enumerate().all(|(axis, sides)| *sides == (0, 0) || is_mixed(axis));
    match node.op_type {
        "MaxPool" => Some(mixed(&|axis| axis > 1) && window::every_window_sees(node, beside.get(2..).unwrap_or_default()).ok()?),
        "GlobalMaxPool" => Some(mixed(&|axis| axis > 1)),
        "ReduceMax" => shapes::reduced_axes(node, beside.len()).map(|gone| mixed(&|axis| gone.contains(&axis))),
        _ => None,
    }
}

/// The number that a Pad puts before and behind the axes of a value, and how often, axis by axis.
pub fn padding(node: &NodeView<'_>) -> Option<(f64, Vec<(i64, i64)>)> {
    if node.op_type == "Pad" { pad::padding(node) } else { None }
}

/// The row of an operator.
pub fn find(name: &str) -> Option<&'static Operator> {
    static BY_NAME: LazyLock<HashMap<&str, &Operator>> = LazyLock::new(|| OPERATORS.iter().map(|o| (o.name, *o)).collect());
    BY_NAME.get(name).copied()
}

/// Why an operator without a row takes no map.
pub fn refusal(name: &str) -> Reason {
    match name {
        "QuantizeLinear" | "DequantizeLinear" | "DynamicQuantizeLinear" => Reason::Quantised,
        "QLinearConv" | "QLinearMatMul" | "ConvInteger" | "MatMulInteger" => Reason::Quantised,
        _ => Reason::UnknownOperator,
    }
}

/// Why reading a node stopped: it has no law, or the file could not be read.
#[derive(Debug)]
pub enum Stop {
    /// The node has no law.
    Reason(Reason),
    /// Reading failed; the run ends.
    Failed(crate::Error),
}

impl From<Reason> for Stop {
    fn from(reason: Reason) -> Self {
        Stop::Reason(reason)
    }
}

impl From<Unreadable> for Stop {
    fn from(unreadable: Unreadable) -> Self {
        Stop::Reason(reason(&unreadable))
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Unreadable(unreadable) => unreadable.into(),
            Fault::Failed(error) => Stop::Failed(error),
        }
    }
}

/// The reason that stands for something unreadable.
pub fn reason(unreadable: &Unreadable) -> Reason {
    match unreadable {
        Unreadable::AttributeReference(_) => Reason::AttributeReference,
        Unreadable::AttributeType(_) | Unreadable::Missing(_) => Reason::Attribute,
        Unreadable::NotConstant(_, NotConstant::Overridable) => Reason::Overridable,
        Unreadable::NotConstant(_, NotConstant::Form) => Reason::ConstantForm,
        Unreadable::NotConstant(_, NotConstant::Argument) => Reason::FunctionParameter,
        Unreadable::NotConstant(..) => Reason::NotConstant,
        Unreadable::NotFloat(_) => Reason::NotFloat,
        Unreadable::Shape(_) => Reason::UnknownShape,
    }
}

/// The shape of the first input: for operators that keep it.
fn same_shape(node: &NodeView<'_>) -> Option<Shape> {
    node.input(0)?.owned_shape()
}

/// The rank of an input, if it is known.
fn rank(node: &NodeView<'_>, input: usize) -> Option<usize> {
    node.input(input)?.shape.as_deref().map(Shape::rank)
}

/// A channel count as the file gives it, which must be positive.
fn positive(number: i64) -> Result<u64, Reason> {
    u64::try_from(number).ok().filter(|n| *n > 0).ok_or(Reason::Attribute)
}
