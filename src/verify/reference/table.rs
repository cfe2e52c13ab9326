//! Which function evaluates which operator of the standard domain.

use super::call::Call;
use super::{Array, ReferenceError};
use super::{activation, arithmetic, constant, convolution, normalization, product, reshape, select};

/// Evaluates a call; gives the outputs in order.
pub(super) type Evaluate = fn(&Call) -> Result<Vec<Array>, ReferenceError>;

/// The function for an operator; none if the reference does not have it.
pub(super) fn operator(name: &str) -> Option<Evaluate> {
    elementwise(name).or_else(|| weighted(name)).or_else(|| moving(name))
}

fn elementwise(name: &str) -> Option<Evaluate> {
    Some(match name {
        "Abs" => activation::abs,
        "Add" => arithmetic::add,
        "And" => arithmetic::and,
        "Ceil" => activation::ceil,
        "Clip" => activation::clip,
        "Div" => arithmetic::div,
        "Elu" => activation::elu,
        "Equal" => arithmetic::equal,
        "Exp" => activation::exp,
        "Floor" => activation::floor,
        "Greater" => arithmetic::is_greater,
        "GreaterOrEqual" => arithmetic::greater_or_equal,
        "HardSigmoid" => activation::hard_sigmoid,
        "HardSwish" => activation::hard_swish,
        "LeakyRelu" => activation::leaky_relu,
        "Less" => arithmetic::less,
        "LessOrEqual" => arithmetic::less_or_equal,
        "Log" => activation::log,
        "LogSoftmax" => activation::log_softmax,
        "Max" => arithmetic::max,
        "Mean" => arithmetic::mean,
        "Min" => arithmetic::min,
        "Mul" => arithmetic::mul,
        "Neg" => activation::neg,
        "Not" => activation::not,
        "Or" => arithmetic::or,
        "PRelu" => activation::prelu,
        "Pow" => arithmetic::pow,
        "Reciprocal" => activation::reciprocal,
        "Relu" => activation::relu,
        "Sigmoid" => activation::sigmoid,
        "Softmax" => activation::softmax,
        "Softplus" => activation::softplus,
        "Sqrt" => activation::sqrt,
        "Sub" => arithmetic::sub,
        "Sum" => arithmetic::sum,
        "Tanh" => activation::tanh,
        "Xor" => arithmetic::xor,
        _ => return None,
    })
}

fn weighted(name: &str) -> Option<Evaluate> {
    Some(match name {
        "BatchNormalization" => normalization::batch_normalization,
        "Conv" => convolution::conv,
        "ConvTranspose" => convolution::conv_transpose,
        "Gemm" => product::gemm,
        "GroupNormalization" => normalization::group_normalization,
        "InstanceNormalization" => normalization::instance_normalization,
        "LayerNormalization" => normalization::layer_normalization,
        "MatMul" => product::mat_mul,
        "RMSNormalization" => normalization::rms_normalization,
        _ => return None,
    })
}

fn moving(name: &str) -> Option<Evaluate> {
    Some(match name {
        "Cast" => constant::cast,
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
