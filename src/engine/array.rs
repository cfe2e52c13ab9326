//! Values as the engine takes and gives them: the arrays of the slow reference, nothing of the engine.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

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

/// A number that stands for a value: equal if all elements are, one NaN being like another.
pub(crate) fn fingerprint(value: &Array) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.dims.hash(&mut hasher);
    match &value.data {
        Data::Float(all) => all.iter().for_each(|number| bits(*number).hash(&mut hasher)),
        Data::Int(all) => all.hash(&mut hasher),
        Data::Bool(all) => all.hash(&mut hasher),
    }
    hasher.finish()
}

/// The bits of a number, one NaN being like another. Zeros of either sign are one number: `x + 0`, which a fold may take out,
/// makes one of the other.
pub(crate) fn bits(number: f64) -> u64 {
    if number.is_nan() { f64::NAN.to_bits() } else { (number + 0.0).to_bits() }
}
