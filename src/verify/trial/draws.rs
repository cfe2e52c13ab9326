//! The numbers that a trial feeds in: of either sign, none zero, and in later draws of very different sizes along one axis, so
//! that no channel hides behind another.

use crate::reference::{Array, Data};

/// How far the sizes of channels spread, in powers of two.
const SPREAD: i64 = 16;

/// A stream of random numbers, by the generator of Steele, Lea and Flood (2014).
pub(super) struct Stream(u64);

impl Stream {
    /// A stream that depends on a name and a number alone.
    pub fn of(name: &str, draw: usize) -> Stream {
        let hash = name
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
        Stream(hash ^ (draw as u64).wrapping_mul(0xd6e8_feb8_6659_fd93))
    }

    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number of either sign and a magnitude of 0.5 to 1.
    fn number(&mut self) -> f64 {
        let bits = self.bits();
        let magnitude = 0.5 + (bits >> 12) as f64 / (1_u64 << 53) as f64;
        if bits & 1 == 0 { magnitude } else { -magnitude }
    }

    fn size(&mut self) -> f64 {
        let exponent = (self.bits() >> 33) as i64 % (2 * SPREAD + 1) - SPREAD;
        2.0_f64.powi(exponent as i32)
    }
}

/// Draw number `draw` of a value of these dims. The first draw is plain; in the others the sizes differ along an axis: by turns
/// the second and the last.
pub(super) fn fresh(name: &str, draw: usize, dims: &[usize]) -> Array {
    let mut stream = Stream::of(name, draw);
    let count: usize = dims.iter().product();
    let mut values: Vec<f64> = (0..count).map(|_| stream.number()).collect();
    let axis = match draw {
        ..PLAIN => None,
        _ if draw.is_multiple_of(2) => Some(1),
        _ => dims.len().checked_sub(1),
    };
    if let Some((axis, size)) = axis.and_then(|axis| Some((axis, *dims.get(axis)?))) {
        let sizes: Vec<f64> = (0..size).map(|_| stream.size()).collect();
        let inner: usize = dims.iter().skip(axis + 1).product();
        for (at, value) in values.iter_mut().enumerate() {
            *value *= sizes.get(at / inner.max(1) % size.max(1)).copied().unwrap_or(1.0);
        }
    }
    Array { dims: dims.to_vec(), data: Data::Float(values) }
}

/// The largest number of a draw.
pub(super) fn largest(draw: usize) -> f64 {
    if draw < PLAIN { 1.0 } else { 2.0_f64.powi(SPREAD as i32) }
}

/// How many draws have numbers of one size.
pub(super) const PLAIN: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_number_is_zero_and_sizes_spread_in_later_draws() {
        let numbers = |draw| match fresh("x", draw, &[2, 32, 3]).data {
            Data::Float(all) => all,
            _ => vec![],
        };
        let spread = |all: &[f64]| {
            let sizes = all.iter().map(|x| x.abs());
            sizes.clone().fold(0.0, f64::max) / sizes.fold(f64::MAX, f64::min)
        };
        assert!(numbers(0).iter().all(|x| x.abs() >= 0.5 && x.abs() < 1.0));
        assert!(spread(&numbers(2)) > 1e4 && spread(&numbers(1)) > 4.0);
        assert_eq!(numbers(1), numbers(1));
        assert_ne!(numbers(0), numbers(1));
    }
}
