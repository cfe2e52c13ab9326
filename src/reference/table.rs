//! Which function evaluates which operator of the standard domain.

use super::call::Call;
use super::{Array, ReferenceError};
use super::{activation, arithmetic, constant, convolution, deform, einsum, grid, normalization, pool, product};
use super::{quantize, recurrent, reduce, reshape, resize, select};

/// Evaluates a call; gives the outputs in order.
pub(super) type Evaluate = fn(&Call) -> Result<Vec<Array>, ReferenceError>;

/// The function for an operator; none if the reference does not have it.
pub(super) fn operator(name: &str) -> Option<Evaluate> {
    elementwise(name).or_else(|| together(name)).or_else(|| weighted(name)).or_else(|| moving(name)).or_else(|| gathering(name))
}

/// How many inputs an operator has at most in an operator set, where a later one has more; as the specification's changelog says.
pub(super) fn most_inputs(name: &str, opset: i64) -> Option<usize> {
    let (since, before) = match name {
        "Clip" | "Pad" => (11, 1),
        "Dropout" => (12, 1),
        "ReduceL1" | "ReduceL2" | "ReduceLogSum" | "ReduceLogSumExp" | "ReduceMax" | "ReduceMean" | "ReduceMin"
        | "ReduceProd" | "ReduceSumSquare" => (18, 1),
        "ReduceSum" | "Squeeze" | "Unsqueeze" => (13, 1),
        "Reshape" => (5, 1),
        "Slice" | "TopK" => (10, 1),
        // The first version could be given the sizes as an input, too.
        "Split" => (13, if opset == 1 { 2 } else { 1 }),
        "Upsample" => (9, 1),
        _ => return None,
    };
    (opset < since).then_some(before)
}

/// Operators of the elements of one value.
fn elementwise(name: &str) -> Option<Evaluate> {
    Some(match name {
        "Abs" => activation::abs,
        "Acos" => activation::acos,
        "Acosh" => activation::acosh,
        "Asin" => activation::asin,
        "Asinh" => activation::asinh,
        "Atan" => activation::atan,
        "Atanh" => activation::atanh,
        "Ceil" => activation::ceil,
        "Celu" => activation::celu,
        "Clip" => activation::clip,
        "Cos" => activation::cos,
        "Cosh" => activation::cosh,
        "Elu" => activation::elu,
        "Erf" => activation::erf,
        "Exp" => activation::exp,
        "Floor" => activation::floor,
        "Gelu" => activation::gelu,
        "HardSigmoid" => activation::hard_sigmoid,
        "HardSwish" => activation::hard_swish,
        "LeakyRelu" => activation::leaky_relu,
        "IsInf" => activation::is_inf,
        "IsNaN" => activation::is_nan,
        "Log" => activation::log,
        "LogSoftmax" => activation::log_softmax,
        "Mish" => activation::mish,
        "Neg" => activation::neg,
        "Not" => activation::not,
        "PRelu" => activation::prelu,
        "Reciprocal" => activation::reciprocal,
        "Relu" => activation::relu,
        "Round" => activation::round,
        "Selu" => activation::selu,
        "Sigmoid" => activation::sigmoid,
        "Sign" => activation::sign,
        "Sin" => activation::sin,
        "Sinh" => activation::sinh,
        "Softmax" => activation::softmax,
        "Softplus" => activation::softplus,
        "Softsign" => activation::softsign,
        "Sqrt" => activation::sqrt,
        "Swish" => activation::swish,
        "Tan" => activation::tan,
        "Tanh" => activation::tanh,
        "ThresholdedRelu" => activation::thresholded_relu,
        _ => return None,
    })
}

/// Operators of elements of several values that stand at one place.
fn together(name: &str) -> Option<Evaluate> {
    Some(match name {
        "Add" => arithmetic::add,
        "And" => arithmetic::and,
        "Div" => arithmetic::div,
        "Equal" => arithmetic::equal,
        "Greater" => arithmetic::is_greater,
        "GreaterOrEqual" => arithmetic::greater_or_equal,
        "Less" => arithmetic::less,
        "LessOrEqual" => arithmetic::less_or_equal,
        "Max" => arithmetic::max,
        "Mean" => arithmetic::mean,
        "Min" => arithmetic::min,
        "Mod" => arithmetic::modulo,
        "Mul" => arithmetic::mul,
        "Or" => arithmetic::or,
        "Pow" => arithmetic::pow,
        "Sub" => arithmetic::sub,
        "Sum" => arithmetic::sum,
        "Xor" => arithmetic::xor,
        _ => return None,
    })
}

fn weighted(name: &str) -> Option<Evaluate> {
    Some(match name {
        "BatchNormalization" => normalization::batch_normalization,
        "Conv" => convolution::conv,
        "ConvTranspose" => convolution::conv_transpose,
        "DeformConv" => deform::deform_conv,
        "DequantizeLinear" => quantize::dequantize,
        "Einsum" => einsum::einsum,
        "GRU" => recurrent::gru,
        "Gemm" => product::gemm,
        "GroupNormalization" => normalization::group_normalization,
        "InstanceNormalization" => normalization::instance_normalization,
        "LSTM" => recurrent::lstm,
        "LayerNormalization" => normalization::layer_normalization,
        "MatMul" => product::mat_mul,
        "QuantizeLinear" => quantize::quantize,
        "RNN" => recurrent::rnn,
        "RMSNormalization" => normalization::rms_normalization,
        _ => return None,
    })
}

fn moving(name: &str) -> Option<Evaluate> {
    Some(match name {
        "Cast" => constant::cast,
        "CastLike" => constant::cast_like,
        "Concat" => select::concat,
        "Constant" => constant::constant,
        "ConstantOfShape" => constant::constant_of_shape,
        "DepthToSpace" => reshape::depth_to_space,
        "Dropout" => reshape::dropout,
        "Expand" => reshape::expand,
        "Flatten" => reshape::flatten,
        "Gather" => select::gather,
        "Identity" => reshape::identity,
        "Pad" => select::pad,
        "Range" => constant::range,
        "Reshape" => reshape::reshape,
        "Shape" => reshape::shape,
        "Size" => reshape::number_of_elements,
        "Slice" => select::slice,
        "SpaceToDepth" => reshape::space_to_depth,
        "Split" => select::split,
        "Squeeze" => reshape::squeeze,
        "Tile" => reshape::tile,
        "Transpose" => reshape::transpose,
        "Unsqueeze" => reshape::unsqueeze,
        "Where" => select::choose,
        _ => return None,
    })
}

fn gathering(name: &str) -> Option<Evaluate> {
    Some(match name {
        "ArgMax" => reduce::arg_max,
        "ArgMin" => reduce::arg_min,
        "AveragePool" => pool::average_pool,
        "GlobalAveragePool" => pool::global_average_pool,
        "GlobalMaxPool" => pool::global_max_pool,
        "GridSample" => grid::grid_sample,
        "LpPool" => pool::lp_pool,
        "MaxPool" => pool::max_pool,
        "ReduceL1" => reduce::l1,
        "ReduceL2" => reduce::l2,
        "ReduceLogSum" => reduce::log_sum,
        "ReduceLogSumExp" => reduce::log_sum_exp,
        "ReduceMax" => reduce::max,
        "ReduceMean" => reduce::mean,
        "ReduceMin" => reduce::min,
        "ReduceProd" => reduce::prod,
        "ReduceSum" => reduce::sum,
        "ReduceSumSquare" => reduce::sum_square,
        "Resize" => resize::resize,
        "Upsample" => resize::upsample,
        _ => return None,
    })
}
