//! Small models as text, for samples and tests: the ONNX textual syntax, as far as it is needed,
//! encoded to the bytes of an ONNX file.
//!
//! The syntax is that of `onnx.parser` in the ONNX project's Python package. Added to it are
//! generated constants (`dyadic(7)`, `positive(7)`, `square(7)`, `fill(0.5)`), scalar constants
//! of type `float[]`, and `float16` and `bfloat16` elements written as decimal numbers. Left out
//! are types other than tensors.
//!
//! It must not use `wire` or prost: what reads files is tested on what is written here.

mod attribute;
mod graph;
mod protobuf;
mod scan;
mod tensor;
#[cfg(test)]
mod tests;

/// A small model as text, and what must come of it.
#[derive(Debug, Clone, Copy)]
pub struct Sample {
    /// What the sample shows, unique among the samples of an operator.
    pub name: &'static str,
    /// The model, in the syntax that [`encode`] reads.
    pub text: &'static str,
    /// What must come of it.
    pub expect: Expect,
}

/// What must come of a sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// Every BatchNormalization folds, and the values are equal bit for bit in f64.
    Folded {
        /// The operator types of the nodes that are left, in order.
        left: &'static [&'static str],
    },
    /// The scale of a BatchNormalization folds and an Add stays; the values are equal bit for bit in f64.
    Partly {
        /// The code of the reason why the shift does not follow.
        reason: &'static str,
        /// The operator types of the nodes that are left, in order.
        left: &'static [&'static str],
    },
    /// The BatchNormalization stays, for the reason with this code.
    Kept(&'static str),
}

/// A convolution with a BatchNormalization behind it, for examples.
pub const CONV_BATCH_NORMALIZATION: &str = r#"<ir_version: 8, opset_import: ["" : 17]>
    g (float[1,2,4,4] x) => (float[1,3,4,4] y)
    <float[3,2,1,1] W = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3),
     float[3] m = {1, -0.5, 0.25}, float[3] v = {0.25, 1, 4}>
    { [conv1] c = Conv (x, W)  [bn1] y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#;

/// A text that is not a model, and where it stops being one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}, column {column}: {message}")]
pub struct SyntaxError {
    /// The line, counted from 1.
    pub line: usize,
    /// The character in the line, counted from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

/// The bytes of the ONNX file that `text` describes.
///
/// ```
/// let bytes = bnfold::sample::encode(
///     r#"<ir_version: 8, opset_import: ["" : 17]>
///     sample (float[1,2,4,4] x) => (float[1,3,4,4] y)
///     <float[3,2,1,1] W = dyadic(1), float[3] s = dyadic(2), float[3] b = dyadic(3),
///      float[3] m = {1, -0.5, 0.25}, float[3] v = square(4)>
///     { c = Conv <group = 1> (x, W)
///       y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
/// )?;
/// assert!(!bytes.is_empty());
/// # Ok::<(), bnfold::sample::SyntaxError>(())
/// ```
///
/// # Errors
/// The first place at which the text departs from the syntax. Whether the model is a sensible one
/// is not looked at.
pub fn encode(text: &str) -> Result<Vec<u8>, SyntaxError> {
    let mut scanner = scan::Scanner::new(text);
    Ok(graph::read_model(&mut scanner)?.into_bytes())
}
