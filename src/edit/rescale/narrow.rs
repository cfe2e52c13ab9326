//! float16 and bfloat16: products in f32, which tell nearly all results, and the exact way for the few that they do not.
//!
//! The product in f32 of an element and the f32 nearest to its coefficient is off by at most two units of its last place and a
//! little. So it lies between the same two middles of neighbouring results as the exact product, and is rounded to the same
//! number, unless it comes within [`NEAR`] units of a middle. Such elements are *doubtful*, and so are all that may be damaged
//! and all that are not finite: a weight has some in a thousand. All others take f32 and integers alone, which every machine
//! has vectors of.

use super::Damage;
use super::kernel::{BLOCK, brain, half};
use crate::model::number::{bf16_to_f64, f16_to_f64, f64_to_bf16, f64_to_f16};

/// How many elements are passed over at once if none of them is doubtful.
const GROUP: usize = 32;

/// So many units of f32 beside a middle nothing is told: one more than the product may be off.
const NEAR: i32 = 3;

const SIGN: u16 = 1 << 15;

/// The coefficients of a block in f32, and room for the block.
pub(super) struct Approximate {
    magnitudes: [f32; BLOCK],
    signs: [u16; BLOCK],
    /// Whether each coefficient is a normal number of f32, and therefore near.
    near: bool,
    old: [u16; BLOCK],
    new: [u16; BLOCK],
    /// All bits are set where an element is doubtful.
    doubtful: [u16; BLOCK],
}

impl Approximate {
    pub(super) fn new() -> Self {
        let (old, new, doubtful) = ([0; BLOCK], [0; BLOCK], [0; BLOCK]);
        Self { magnitudes: [0.0; BLOCK], signs: [0; BLOCK], near: false, old, new, doubtful }
    }

    /// Takes the coefficients of the next blocks, at most as many as a block has.
    #[inline(always)]
    pub(super) fn take(&mut self, coefficients: &[f64]) {
        let places = self.magnitudes.iter_mut().zip(&mut self.signs).zip(coefficients);
        self.near = places.fold(true, |near, ((magnitude, sign), coefficient)| {
            let nearest = *coefficient as f32;
            *magnitude = nearest.abs();
            *sign = (nearest.to_bits() >> 16) as u16 & SIGN;
            near & (*magnitude >= f32::MIN_POSITIVE) & (*magnitude <= f32::MAX)
        });
    }

    /// Multiplies a block in place by coefficients that were taken; `None`, and nothing is done, if they are not near.
    /// With `HALF` the block is float16, else bfloat16.
    #[inline(always)]
    pub(super) fn multiply<const HALF: bool>(&mut self, coefficients: &[f64], bytes: &mut [u8]) -> Option<Damage> {
        if !self.near {
            return None;
        }
        self.old.iter_mut().zip(bytes.as_chunks().0).for_each(|(old, bytes)| *old = u16::from_le_bytes(*bytes));
        self.round::<HALF>();
        let mut damage = Damage::default();
        let groups = self.old.as_chunks().0.iter().zip(self.new.as_chunks_mut().0).zip(self.doubtful.as_chunks::<GROUP>().0);
        for (((old, new), doubtful), coefficients) in groups.zip(coefficients.chunks(GROUP)) {
            if doubtful.iter().fold(0, |found, doubtful| found | doubtful) != 0 {
                damage |= look::<HALF>(old, coefficients, doubtful, new);
            }
        }
        bytes.as_chunks_mut().0.iter_mut().zip(&self.new).for_each(|(bytes, new)| *bytes = new.to_le_bytes());
        Some(damage)
    }

    /// Rounds the products in f32 and marks the doubtful ones.
    #[inline(always)]
    fn round<const HALF: bool>(&mut self) {
        let (lost, rebiased) = if HALF { (13, REBIASED) } else { (16, 0) };
        let middle = 1 << (lost - 1);
        let factors = self.magnitudes.iter().zip(&self.old);
        for ((new, doubtful), (magnitude, old)) in self.new.iter_mut().zip(&mut self.doubtful).zip(factors) {
            let bits = u32::from(old & !SIGN);
            let wide = f32::from_bits(if HALF { (bits << 13) + REBIASED as u32 } else { bits << 16 });
            let product = (wide * magnitude).to_bits() as i32;
            // What leaves the range of the format leaves that of its finite bits, too, on the same side.
            let rounded = product.wrapping_add(middle - rebiased) >> lost;
            *new = rounded.clamp(i32::from(i16::MIN), i32::from(i16::MAX)) as u16;
            let beside = product.wrapping_add(NEAR - middle) & (2 * middle - 1);
            *doubtful = if beside <= 2 * NEAR { u16::MAX } else { 0 };
        }
        let (normal, infinity) = if HALF { (0x0400, 0x7c00) } else { (0x0080, 0x7f80) };
        let ordinary = |bits: i16| (bits >= normal) & (bits < infinity);
        let factors = self.signs.iter().zip(&self.old);
        for ((new, doubtful), (sign, old)) in self.new.iter_mut().zip(&mut self.doubtful).zip(factors) {
            let magnitude = (old & !SIGN) as i16;
            let told = ordinary(*new as i16) & (*doubtful == 0) & (!HALF | ordinary(magnitude));
            // A zero stays one, whichever near coefficient it meets.
            let zero = magnitude == 0;
            *doubtful = if told | zero { 0 } else { u16::MAX };
            *new = (if zero { 0 } else { *new }) | ((old ^ sign) & SIGN);
        }
    }
}

/// By how much the exponent of an f32 is greater than that of the same number as float16, where it stands.
const REBIASED: i32 = (127 - 15) << 23;

/// Multiplies the doubtful elements of a group exactly, and says what that did to them.
#[cold]
fn look<const HALF: bool>(old: &[u16; GROUP], coefficients: &[f64], doubtful: &[u16; GROUP], new: &mut [u16; GROUP]) -> Damage {
    let mut damage = Damage::default();
    for (((new, old), coefficient), doubtful) in new.iter_mut().zip(old).zip(coefficients).zip(doubtful) {
        if *doubtful == 0 {
            continue;
        }
        let (before, coefficient) = (old.to_le_bytes(), std::slice::from_ref(coefficient));
        let mut after = exact::<HALF>(*old, coefficient[0]).to_le_bytes();
        damage |=
            if HALF { half::damage(&before, coefficient, &mut after) } else { brain::damage(&before, coefficient, &mut after) };
        *new = u16::from_le_bytes(after);
    }
    damage
}

/// The product of one element, rounded once.
fn exact<const HALF: bool>(old: u16, coefficient: f64) -> u16 {
    if HALF { f64_to_f16(f16_to_f64(old) * coefficient) } else { f64_to_bf16(bf16_to_f64(old) * coefficient) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Coefficients of every kind: with few digits and many, near one and at the ends of their range, and none at all.
    fn coefficients() -> Vec<f64> {
        let digits =
            [1.0, 1.5, 1.0 / 3.0, 0.7310585786300049, 1.000_000_1, 1.0 + 2f64.powi(-11), 1.0 - 2f64.powi(-12), 2047.0 / 1024.0];
        let powers = [-1074, -150, -149, -140, -127, -126, -30, -24, -14, -1, 0, 1, 10, 16, 100, 127, 128, 1000];
        let scaled = powers.iter().flat_map(|&power| digits.map(|digits| digits * 2f64.powi(power)));
        // Beside a coefficient that makes middles of neighbouring results stand those that nearly make them.
        let beside = scaled.flat_map(|value| [value, -value.next_up(), value.next_down()]);
        beside.chain([0.0, -0.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE, f64::MAX]).collect()
    }

    fn every_number<const HALF: bool>() {
        let old: Vec<u16> = (0..=u16::MAX).collect();
        let mut near = 0;
        for coefficient in coefficients() {
            let (mut approximate, block) = (Approximate::new(), [coefficient; BLOCK]);
            approximate.take(&block);
            for old in old.chunks(BLOCK) {
                let mut bytes: Vec<u8> = old.iter().flat_map(|old| old.to_le_bytes()).collect();
                let Some(damage) = approximate.multiply::<HALF>(&block, &mut bytes) else { continue };
                near += 1;
                let mut expected = Damage::default();
                for (old, new) in old.iter().zip(bytes.as_chunks().0) {
                    let (before, mut after) = (old.to_le_bytes(), exact::<HALF>(*old, coefficient).to_le_bytes());
                    let whole = if HALF { half::damage } else { brain::damage };
                    expected |= whole(&before, &[coefficient], &mut after);
                    assert_eq!(*new, after, "{old:x} times {coefficient:e}");
                }
                assert_eq!(damage, expected, "{coefficient:e}");
            }
        }
        assert!(near > 60_000, "{near} blocks were near");
    }

    #[test]
    fn every_float16_is_multiplied_as_if_exactly() {
        every_number::<true>();
    }

    #[test]
    fn every_bfloat16_is_multiplied_as_if_exactly() {
        every_number::<false>();
    }

    #[test]
    fn each_element_meets_its_own_coefficient() {
        let coefficients: Vec<f64> = (0..BLOCK).map(|at| (at as f64 - 100.3) / 7.0).collect();
        let mut approximate = Approximate::new();
        approximate.take(&coefficients);
        for count in [1, 31, 32, 33, 200, BLOCK] {
            let old: Vec<u16> = (0..count as u16).map(|at| at.wrapping_mul(0x9e37)).collect();
            let mut bytes: Vec<u8> = old.iter().flat_map(|old| old.to_le_bytes()).collect();
            assert!(approximate.multiply::<true>(&coefficients[..count], &mut bytes).is_some());
            let expected = old.iter().zip(&coefficients).map(|(old, coefficient)| exact::<true>(*old, *coefficient));
            assert!(bytes.as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes)).eq(expected), "{count}");
        }
    }
}
