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
        Data::Float(all) => mixed(all).hash(&mut hasher),
        Data::Int(all) => all.hash(&mut hasher),
        Data::Bool(all) => all.hash(&mut hasher),
    }
    hasher.finish()
}

/// Numbers are taken in side by side, as each step needs what the last one of its lane gave.
const LANES: usize = 8;

/// What stands for many numbers: each lane is multiplied to twice its width and folded. That is several times faster than a hash
/// against people who choose what is hashed; what models compute of our numbers nobody chooses bit by bit.
fn mixed(all: &[f64]) -> [u64; LANES] {
    let mut lanes: [u64; LANES] = std::array::from_fn(|lane| 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(2 * lane as u64 + 1));
    for numbers in all.chunks(LANES) {
        for (lane, number) in lanes.iter_mut().zip(numbers) {
            let product = u128::from(*lane ^ bits(*number)) * u128::from(0xbf58_476d_1ce4_e5b9_u64);
            *lane = (product as u64).rotate_left(23) ^ (product >> 64) as u64 ^ 0x94d0_49bb_1331_11eb;
        }
    }
    lanes
}

/// The bits of a number, one NaN being like another. Zeros of either sign are one number: `x + 0`, which a fold may take out,
/// makes one of the other.
pub(crate) fn bits(number: f64) -> u64 {
    if number.is_nan() { f64::NAN.to_bits() } else { (number + 0.0).to_bits() }
}
