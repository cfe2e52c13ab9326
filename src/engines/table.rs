//! The table. A row is one thing that was seen in one engine; `benches/engines` shows them again, and `findings/` those that are
//! faults of engines. Whoever measures a new version changes `ENGINES` and strikes off, or adds, what is otherwise.

use super::Effect::{Before, Refused, Rounded, Slow, Wrong};
use super::{Engine, Form, Row};

/// When the rows were last measured.
pub const MEASURED: &str = "2026-11-30";

/// Engines in which models of every form were run before and after a fold. Those that are timed are the ones in which no fold may
/// be slower by default; OpenCV is slower at every Add that broadcasts, and counts where it is asked for.
pub const ENGINES: &[Engine] = &[
    Engine { name: "onnxruntime", versions: &["1.32.0"], timed: true },
    Engine { name: "onnxruntime-web", versions: &["1.30.0"], timed: false },
    Engine { name: "openvino", versions: &["2026.4.1"], timed: true },
    Engine { name: "opencv", versions: &["4.14.0", "5.0.0"], timed: false },
    Engine { name: "tract", versions: &["0.23.9"], timed: true },
    Engine { name: "rten", versions: &["0.27.0"], timed: false },
    Engine { name: "tvm", versions: &["0.27.0"], timed: false },
    Engine { name: "mnn", versions: &["3.6.1"], timed: false },
    Engine { name: "ncnn", versions: &["1.0.20261020"], timed: false },
    Engine { name: "tinygrad", versions: &["0.14.0"], timed: false },
    Engine { name: "onnx2tf", versions: &["1.29.0"], timed: false },
];

const NO_FUNCTIONS: &str = "does not run functions of the model, before as after; --inline takes them away";

/// What was seen.
pub const ROWS: &[Row] = &[
    Row {
        engine: "mnn",
        versions: &["3.6.1"],
        form: Form::AddBehindActivation,
        effect: Wrong,
        what: "takes an Add behind Conv and Relu into the bias, before the Relu",
        evidence: "findings/mnn_add_behind_relu.sh; benches/engines d_conv_relu_bn_conv; a Sub is right",
    },
    Row {
        engine: "tract",
        versions: &["0.23.9"],
        form: Form::ProductWithTerm,
        effect: Refused,
        what: "has MatMul and Add in float16 and float64, but no Gemm with C",
        evidence: "benches/engines h_matmul_f16, h_matmul_add_f64, h_gemm_no_c_f16",
    },
    Row {
        engine: "onnxruntime",
        versions: &["1.32.0"],
        form: Form::QuantisedBias,
        effect: Wrong,
        what: "stores the bias beside quantised weights as int32 in units of their scales, and makes 0 of what does not fit",
        evidence: "findings/onnxruntime_qdq_bias_of_small_scale.sh; benches/engines q_conv_scalar_tiny_e8",
    },
    Row {
        engine: "onnxruntime-web",
        versions: &["1.30.0"],
        form: Form::QuantisedBias,
        effect: Wrong,
        what: "stores the bias beside quantised weights as int32 in units of their scales, and makes 0 of what does not fit",
        evidence: "benches/engines q_conv_scalar_tiny_e8",
    },
    Row {
        engine: "opencv",
        versions: &["5.0.0"],
        form: Form::QuantisedBias,
        effect: Wrong,
        what: "in its new engine computes in whole numbers and loses what of a bias does not fit them",
        evidence: "benches/engines q_conv_scalar_tiny_e8, q_gemm_axis_tiny_e8",
    },
    Row {
        engine: "mnn",
        versions: &["3.6.1"],
        form: Form::ScalePerChannel,
        effect: Refused,
        what: "does not convert convolutions with uint8 or 16-bit weights that have a scale for each channel",
        evidence: "benches/engines e_conv_uint8_one, e_conv_transpose_uint8_one",
    },
    Row {
        engine: "onnxruntime",
        versions: &["1.32.0"],
        form: Form::ScalePerColumn,
        effect: Rounded,
        what: "rounds activations to 8 bits where weights of a product have a scale for each column (session option \
               session.qdq_matmulnbits_accuracy_level=1 keeps them)",
        evidence: "benches/engines e_matmul_int8_one, e_gemm_int8_one under --for none: off by 0.2 to 0.6 % of the largest output",
    },
    Row {
        engine: "openvino",
        versions: &["2026.4.1"],
        form: Form::RoundedProduct,
        effect: Rounded,
        what: "rounds activations to 8 bits where a product of 8-bit or uint4 weights over 32 values or more has no map behind it \
               (DYNAMIC_QUANTIZATION_GROUP_SIZE=0 keeps them)",
        evidence: "benches/engines e_matmul_int8_axis, e_matmul_uint8_one, e_matmul_uint4_axis under --for none: off by 0.2 to 1.1 % \
                   of the largest output",
    },
    Row {
        engine: "onnxruntime",
        versions: &["1.32.0"],
        form: Form::AddInBlocks,
        effect: Slow,
        what: "keeps a BatchNormalization in its blocked layout, but leaves that layout for an Add",
        evidence: "docs/engines.md under --for none: l_densenet_1x1 1.57 times the original, l_densenet_3x3 1.25, l_behind_relu 1.05",
    },
    Row {
        engine: "opencv",
        versions: &["5.0.0"],
        form: Form::AddLeft,
        effect: Slow,
        what: "computes an Add that broadcasts slower than a BatchNormalization, in its new engine",
        evidence: "docs/engines.md under --for none: l_densenet_1x1 1.20 times the original, l_densenet_3x3 1.13, l_behind_relu 1.05",
    },
    Row { engine: "openvino", versions: &["2026.4.1"], form: Form::Functions, effect: Before, what: NO_FUNCTIONS, evidence: G },
    Row {
        engine: "opencv",
        versions: &["4.14.0", "5.0.0"],
        form: Form::Functions,
        effect: Before,
        what: NO_FUNCTIONS,
        evidence: G,
    },
    Row { engine: "tract", versions: &["0.23.9"], form: Form::Functions, effect: Before, what: NO_FUNCTIONS, evidence: G },
    Row { engine: "rten", versions: &["0.27.0"], form: Form::Functions, effect: Before, what: NO_FUNCTIONS, evidence: G },
    Row { engine: "tvm", versions: &["0.27.0"], form: Form::Functions, effect: Before, what: NO_FUNCTIONS, evidence: G },
    Row { engine: "mnn", versions: &["3.6.1"], form: Form::Functions, effect: Before, what: NO_FUNCTIONS, evidence: G },
    Row { engine: "tinygrad", versions: &["0.14.0"], form: Form::Functions, effect: Before, what: NO_FUNCTIONS, evidence: G },
];

/// Where functions are run.
const G: &str = "benches/engines g_function";
