//! What operators compute from constants, so that a fold can take the result for a weight.
//!
//! One row an operator. A result is rounded to its own type after every operator, as a runtime would; within one operator
//! (a sum, a product of matrices) numbers are f64 and rounded once at the end. A dequantised number is not rounded: it stands
//! for integer times scale, which are what is stored. Nothing here knows maps or folding.

mod elementwise;
mod index;
mod moving;
mod quantised;
mod reduce;
mod samples;

pub use samples::SAMPLES;

use crate::error::Result;
use crate::model::computed::{Call, Numbers, Operand};
use crate::model::integers::whole;
use crate::model::number::Element;
use crate::model::{Graph, Model, tensor};

/// Resolves the names of a model and takes what is computed from constants for a constant.
///
/// # Errors
/// As [`Graph::build`].
pub fn build(model: &Model) -> Result<Graph<'_>> {
    let mut graph = Graph::build(model)?;
    graph.compute(evaluate);
    Ok(graph)
}

/// As [`build`], but initializers that are also inputs are constants.
///
/// # Errors
/// As [`Graph::build`].
pub fn build_frozen(model: &Model) -> Result<Graph<'_>> {
    let mut graph = Graph::build_frozen(model)?;
    graph.compute(evaluate);
    Ok(graph)
}

/// What computes the elements of a result, or says why it has none.
type Operator = fn(&Call<'_>) -> std::result::Result<Numbers, String>;

static OPERATORS: &[(&str, Operator)] = &[
    ("Abs", elementwise::abs),
    ("Add", elementwise::add),
    ("Cast", moving::cast),
    ("CastLike", moving::cast),
    ("Ceil", |call| elementwise::floats(call, f64::ceil)),
    ("Concat", moving::concat),
    ("ConstantOfShape", moving::constant_of_shape),
    ("Clip", elementwise::clip),
    ("DequantizeLinear", quantised::dequantise),
    ("Div", elementwise::div),
    ("Equal", elementwise::equal),
    ("Exp", |call| elementwise::floats(call, f64::exp)),
    ("Expand", moving::expand),
    ("Flatten", moving::same),
    ("Floor", |call| elementwise::floats(call, f64::floor)),
    ("Gather", moving::gather),
    ("Gemm", reduce::gemm),
    ("Greater", elementwise::greater),
    ("Less", elementwise::less),
    ("Log", |call| elementwise::floats(call, f64::ln)),
    ("MatMul", reduce::mat_mul),
    ("Max", elementwise::max),
    ("Min", elementwise::min),
    ("Mod", elementwise::modulo),
    ("Mul", elementwise::mul),
    ("Neg", elementwise::neg),
    ("Not", elementwise::not),
    ("Pow", elementwise::pow),
    ("QuantizeLinear", quantised::quantise),
    ("Range", moving::range),
    ("Reciprocal", |call| elementwise::floats(call, f64::recip)),
    ("ReduceL1", |call| reduce::sum(call, f64::abs, |sum, _| sum)),
    ("ReduceL2", |call| reduce::sum(call, |x| x * x, |sum, _| sum.sqrt())),
    ("ReduceMax", |call| reduce::fold(call, elementwise::larger)),
    ("ReduceMean", |call| reduce::sum(call, |x| x, |sum, count| sum / count)),
    ("ReduceMin", |call| reduce::fold(call, elementwise::smaller)),
    ("ReduceSum", |call| reduce::sum(call, |x| x, |sum, _| sum)),
    ("ReduceSumSquare", |call| reduce::sum(call, |x| x * x, |sum, _| sum)),
    ("Relu", |call| elementwise::floats(call, |x| if x < 0.0 { 0.0 } else { x })),
    ("Reshape", moving::same),
    ("Sigmoid", |call| elementwise::floats(call, |x| 1.0 / (1.0 + (-x).exp()))),
    ("Slice", moving::slice),
    ("Sqrt", |call| elementwise::floats(call, f64::sqrt)),
    ("Squeeze", moving::same),
    ("Sub", elementwise::sub),
    ("Sum", elementwise::total),
    ("Tanh", |call| elementwise::floats(call, f64::tanh)),
    ("Tile", moving::tile),
    ("Transpose", moving::transpose),
    ("Unsqueeze", moving::same),
    ("Where", moving::choose),
];

/// The result of an operator on constants, rounded to its type.
///
/// # Errors
/// The operator is not known, or has no result for these numbers.
pub fn evaluate(call: &Call<'_>) -> std::result::Result<Numbers, String> {
    let found = OPERATORS.iter().find(|(name, _)| *name == call.node.op_type());
    let (_, operator) = found.ok_or("is not an operator that is computed")?;
    let mut numbers = operator(call)?;
    match (&mut numbers, tensor::element(call.data_type)) {
        (_, Some(Element::F64)) => {}
        // These round nothing: what they move is of the type already, or a dequantised number, which stands for its exact value.
        (Numbers::Floats(_), _) if call.is_exact() => {}
        (Numbers::Floats(values), Some(element)) => values.iter_mut().for_each(|value| *value = element.round(*value)),
        (Numbers::Integers(values), None) => {
            let (least, most) = whole(call.data_type).ok_or(OVERFLOW)?.range();
            if values.iter().any(|value| !(least..=most).contains(value)) {
                return Err(OVERFLOW.into());
            }
        }
        _ => {}
    }
    Ok(numbers)
}

const OVERFLOW: &str = "an integer leaves its type";

/// An input that must be connected.
fn input<'c>(call: &'c Call<'_>, at: usize) -> std::result::Result<&'c Operand, String> {
    call.inputs.get(at).and_then(Option::as_ref).ok_or_else(|| format!("input {at} is not there"))
}

fn as_floats(operand: &Operand) -> std::result::Result<&[f64], String> {
    if let Numbers::Floats(values) = &*operand.numbers { Ok(values) } else { Err("floats are needed".into()) }
}

fn as_integers(operand: &Operand) -> std::result::Result<&[i64], String> {
    if let Numbers::Integers(values) = &*operand.numbers { Ok(values) } else { Err("integers are needed".into()) }
}

fn as_booleans(operand: &Operand) -> std::result::Result<&[bool], String> {
    if let Numbers::Booleans(values) = &*operand.numbers { Ok(values) } else { Err("truth values are needed".into()) }
}

/// An integer attribute.
fn int(call: &Call<'_>, name: &str, default: i64) -> i64 {
    call.node.attribute.iter().find(|a| a.name() == name).map_or(default, |a| a.i())
}
