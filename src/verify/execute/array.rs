//! Values as the engine takes and gives them: the arrays of the slow reference, nothing of the engine.

pub use crate::verify::reference::{Array, Data};

/// The number of elements of an array of these dims, if it can be held.
pub fn count(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim))
}
