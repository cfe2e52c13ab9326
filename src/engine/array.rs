//! Values as the engine takes and gives them: the arrays of the slow reference, nothing of the engine.

pub use crate::reference::{Array, Data};

/// The number of elements of an array of these dims, if it can be held.
pub fn count(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim))
}

/// Finite, NaN, or one of the infinities.
pub fn class(number: f64) -> u8 {
    match (number.is_finite(), number.is_nan(), number > 0.0) {
        (true, ..) => 0,
        (_, true, _) => 1,
        (_, _, true) => 2,
        _ => 3,
    }
}
