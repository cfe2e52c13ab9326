//! The four formats of floating point numbers: exact widening to f64, and the one rounding back.
//!
//! All arithmetic of the library is done in f64. A number is rounded once, to nearest with ties to even, when it is
//! stored. The `half` crate's own conversions from f64 round twice (f16 through f32) or cut off the low half (bf16);
//! here the way down goes through an f32 that is *rounded to odd*: it has 13 bits more than f16 and 16 more than bf16,
//! and its last bit says whether anything was lost below it, so that the second step sees every tie as it is.
//! (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", IEEE Transactions on Computers 57, 2008.)
//!
//! This module must not know tensors, files or graphs.

use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};

/// How many numbers the batch conversions hold on the stack.
const BLOCK: usize = 256;

/// A floating point format that a tensor may be stored in. Bytes are little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Element {
    /// IEEE binary16: 11 significant bits.
    F16,
    /// bfloat16, the upper half of an f32: 8 significant bits.
    BF16,
    /// IEEE binary32: 24 significant bits.
    F32,
    /// IEEE binary64: 53 significant bits.
    F64,
}

impl Element {
    /// The bytes of one number.
    #[must_use]
    pub const fn size(self) -> usize {
        match self {
            Self::F16 | Self::BF16 => 2,
            Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    /// The bits of the significand, with the one that is not stored.
    #[must_use]
    pub const fn precision(self) -> i32 {
        match self {
            Self::F16 => 11,
            Self::BF16 => 8,
            Self::F32 => 24,
            Self::F64 => 53,
        }
    }

    /// The largest relative error of one rounding in the normal range: half the distance from 1 to the next number.
    #[must_use]
    pub fn unit_roundoff(self) -> f64 {
        power_of_two(-self.precision())
    }

    /// The smallest positive number of full precision.
    #[must_use]
    pub fn smallest_normal(self) -> f64 {
        match self {
            Self::F16 => power_of_two(-14),
            Self::BF16 | Self::F32 => power_of_two(-126),
            Self::F64 => f64::MIN_POSITIVE,
        }
    }

    /// The smallest positive number, and the distance of all numbers below [`Element::smallest_normal`].
    #[must_use]
    pub fn smallest_subnormal(self) -> f64 {
        match self {
            Self::F64 => f64::from_bits(1),
            _ => self.smallest_normal() * 2.0 * self.unit_roundoff(),
        }
    }

    /// The largest finite number.
    #[must_use]
    pub fn max(self) -> f64 {
        match self {
            Self::F16 => 65504.0,
            Self::BF16 => (2.0 - power_of_two(-7)) * power_of_two(127),
            Self::F32 => f64::from(f32::MAX),
            Self::F64 => f64::MAX,
        }
    }

    /// The number of this format that is nearest to `value`, ties to even; infinite beyond the range.
    #[must_use]
    pub fn round(self, value: f64) -> f64 {
        match self {
            Self::F16 => f16_to_f64(f64_to_f16(value)),
            Self::BF16 => bf16_to_f64(f64_to_bf16(value)),
            Self::F32 => f64::from(value as f32),
            Self::F64 => value,
        }
    }

    /// Appends the stored numbers to `values`, exactly. Bytes after the last whole number are ignored.
    pub fn decode(self, bytes: &[u8], values: &mut Vec<f64>) {
        values.reserve(bytes.len() / self.size());
        match self {
            Self::F16 => {
                let mut wide = [0.0; BLOCK];
                for bytes in bytes.chunks(2 * BLOCK) {
                    values.extend(widen_f16(bytes, &mut wide).iter().map(|&value| f64::from(value)));
                }
            }
            Self::BF16 => values.extend(words(bytes).map(bf16_to_f64)),
            Self::F32 => values.extend(bytes.as_chunks().0.iter().map(|&bytes| f64::from(f32::from_le_bytes(bytes)))),
            Self::F64 => values.extend(bytes.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes))),
        }
    }

    /// Appends the bytes of `values`, each rounded once.
    pub fn encode(self, values: &[f64], bytes: &mut Vec<u8>) {
        bytes.reserve(values.len() * self.size());
        match self {
            Self::F16 | Self::BF16 => {
                let mut block = [0; 2 * BLOCK];
                for values in values.chunks(BLOCK) {
                    let stored = block.get_mut(..2 * values.len()).unwrap_or_default();
                    if self == Self::F16 {
                        narrow_f16(values, stored)
                    } else {
                        narrow_bf16(values, stored)
                    }
                    bytes.extend_from_slice(stored);
                }
            }
            Self::F32 => values.iter().for_each(|&value| bytes.extend_from_slice(&(value as f32).to_le_bytes())),
            Self::F64 => values.iter().for_each(|value| bytes.extend_from_slice(&value.to_le_bytes())),
        }
    }
}

/// 2 to a power in the normal range of f64.
fn power_of_two(exponent: i32) -> f64 {
    f64::from_bits(((1023 + exponent) as u64) << 52)
}

/// The nearest f16, ties to even, as bits.
#[must_use]
pub fn f64_to_f16(value: f64) -> u16 {
    f16::from_f32(round_to_odd(value)).to_bits()
}

/// The nearest bfloat16, ties to even, as bits.
#[must_use]
pub fn f64_to_bf16(value: f64) -> u16 {
    upper_half(round_to_odd(value))
}

/// The value of an f16 given as bits, exactly.
#[must_use]
pub fn f16_to_f64(bits: u16) -> f64 {
    f16::from_bits(bits).to_f64()
}

/// The value of a bfloat16 given as bits, exactly.
#[must_use]
pub fn bf16_to_f64(bits: u16) -> f64 {
    f64::from(f32::from_bits(u32::from(bits) << 16))
}

/// Below this, f32 loses bits of its significand.
const F32_NORMAL: f64 = f32::MIN_POSITIVE as f64;

/// The f32 towards zero, with its last bit set if that is not the value itself.
fn round_to_odd(value: f64) -> f32 {
    if value == 0.0 || value.abs() >= F32_NORMAL || value.is_nan() {
        return round_normal_to_odd(value);
    }
    // Subnormal numbers of f32 are the multiples of 2⁻¹⁴⁹, and the scaling is exact.
    let scaled = value.abs() * power_of_two(149);
    let whole = scaled as u32;
    let bits = whole | u32::from(f64::from(whole) != scaled);
    f32::from_bits(bits).copysign(if value.is_sign_negative() { -1.0 } else { 1.0 })
}

/// [`round_to_odd`] for values that are zero, not finite, or at least 2⁻¹²⁶. Without a branch.
fn round_normal_to_odd(value: f64) -> f32 {
    const LOST: u64 = (1 << 29) - 1;
    let bits = value.to_bits();
    // The sum carries into the last bit that is kept exactly if a lost bit is set.
    let kept = (bits | ((bits & LOST) + LOST)) & !LOST;
    f64::from_bits(kept) as f32
}

/// The upper half of an f32, to nearest with ties to even.
fn upper_half(value: f32) -> u16 {
    let bits = value.to_bits();
    // Half of the last place, less one if the number is even. It cannot overflow: only a NaN has bits so high.
    let rounded = (bits.wrapping_add(0x7fff + (bits >> 16 & 1))) >> 16;
    let quiet = bits >> 16 | 0x40;
    (if value.is_nan() { quiet } else { rounded }) as u16
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes.as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes))
}

/// Widens at most 256 stored f16 and returns the part of `wide` that was filled.
pub(crate) fn widen_f16<'a>(bytes: &[u8], wide: &'a mut [f32; BLOCK]) -> &'a [f32] {
    let mut bits = [0u16; BLOCK];
    let count = (bytes.len() / 2).min(BLOCK);
    bits.iter_mut().zip(words(bytes)).for_each(|(bits, word)| *bits = word);
    let wide = wide.get_mut(..count).unwrap_or_default();
    bits.get(..count).unwrap_or_default().reinterpret_cast::<f16>().convert_to_f32_slice(wide);
    wide
}

/// Rounds at most 256 values to f16 and stores them; `bytes` has two bytes per value.
pub(crate) fn narrow_f16(values: &[f64], bytes: &mut [u8]) {
    let (mut odd, mut bits) = ([0.0; BLOCK], [0u16; BLOCK]);
    let count = values.len().min(BLOCK);
    // What is too small for f32 becomes zero in f16 however it is rounded on the way.
    odd.iter_mut().zip(values).for_each(|(odd, &value)| *odd = round_normal_to_odd(value));
    let narrow = bits.get_mut(..count).unwrap_or_default();
    narrow.reinterpret_cast_mut::<f16>().convert_from_f32_slice(odd.get(..count).unwrap_or_default());
    bytes.as_chunks_mut().0.iter_mut().zip(narrow).for_each(|(bytes, narrow)| *bytes = narrow.to_le_bytes());
}

/// Widens at most 256 stored bfloat16 and returns the part of `wide` that was filled.
pub(crate) fn widen_bf16<'a>(bytes: &[u8], wide: &'a mut [f32; BLOCK]) -> &'a [f32] {
    wide.iter_mut().zip(words(bytes)).for_each(|(wide, word)| *wide = f32::from_bits(u32::from(word) << 16));
    wide.get(..(bytes.len() / 2).min(BLOCK)).unwrap_or_default()
}

/// Rounds at most 256 values to bfloat16 and stores them; `bytes` has two bytes per value.
pub(crate) fn narrow_bf16(values: &[f64], bytes: &mut [u8]) {
    let mut near = [0.0; BLOCK];
    near.iter_mut().zip(values).for_each(|(near, &value)| *near = value as f32);
    // Rounding twice is wrong only if the first rounding makes a tie for the second: a few values in a hundred thousand.
    // Without them no loop has a branch, and each works on numbers of one width: they are vectorised.
    let near = near.get(..values.len()).unwrap_or_default();
    let ties = near.iter().fold(false, |ties, near| ties | (near.to_bits() & 0xffff == 0x8000));
    let stored = bytes.as_chunks_mut().0.iter_mut();
    if ties {
        stored.zip(values).for_each(|(stored, &value)| *stored = f64_to_bf16(value).to_le_bytes());
    } else {
        stored.zip(near).for_each(|(stored, &near)| *stored = upper_half(near).to_le_bytes());
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ALL: [Element; 4] = [Element::F16, Element::BF16, Element::F32, Element::F64];

    /// The finite numbers of a 16-bit format that are not negative, in order, from the definition of the format; and,
    /// in place of infinity, the number that would come next, because that is where overflow is decided.
    fn numbers(element: Element) -> Vec<f64> {
        let (fraction_bits, bias) = if element == Element::F16 { (10, 15) } else { (7, 127) };
        let exponents = 1 << (15 - fraction_bits);
        let number = |bits: i32| {
            let (exponent, fraction) = (bits >> fraction_bits, bits & ((1 << fraction_bits) - 1));
            let significand = if exponent == 0 { fraction } else { fraction | 1 << fraction_bits };
            f64::from(significand) * 2f64.powi(exponent.max(1) - bias - fraction_bits)
        };
        (0..=(exponents - 1) << fraction_bits).map(number).collect()
    }

    /// The bits of the nearest number. Between neighbours, and at their middle, f64 compares exactly.
    fn nearest(numbers: &[f64], value: f64) -> u16 {
        let above = numbers.partition_point(|&number| number <= value);
        let below = above - 1;
        if above == numbers.len() {
            return below as u16;
        }
        let middle = (numbers[below] + numbers[above]) / 2.0;
        let up = value > middle || value == middle && below % 2 == 1;
        if up { above as u16 } else { below as u16 }
    }

    fn batch(element: Element, values: &[f64]) -> Vec<u16> {
        let mut bytes = Vec::new();
        element.encode(values, &mut bytes);
        words(&bytes).collect()
    }

    #[test]
    fn every_tie_and_its_neighbours_round_once() {
        for element in [Element::F16, Element::BF16] {
            let numbers = numbers(element);
            let mut values = vec![f64::MAX, f64::MIN_POSITIVE, f64::from_bits(1), 1.0 / 3.0];
            for pair in numbers.windows(2) {
                let middle = (pair[0] + pair[1]) / 2.0;
                let far = (pair[1] - pair[0]) * 2f64.powi(-31);
                values.extend([pair[0], middle, middle.next_up(), middle.next_down(), middle + far, middle - far]);
            }
            let rounded = batch(element, &values);
            let negative: Vec<f64> = values.iter().map(|value| -value).collect();
            let rounded_negative = batch(element, &negative);
            let scalar = if element == Element::F16 { f64_to_f16 } else { f64_to_bf16 };
            for (index, &value) in values.iter().enumerate() {
                let expected = nearest(&numbers, value);
                assert_eq!(scalar(value), expected, "{element:?} {value:e}");
                assert_eq!(rounded[index], expected, "{element:?} {value:e} in a batch");
                assert_eq!(scalar(-value), expected | 0x8000, "{element:?} -{value:e}");
                assert_eq!(rounded_negative[index], expected | 0x8000, "{element:?} -{value:e} in a batch");
            }
        }
    }

    #[test]
    fn values_that_two_roundings_get_wrong() {
        assert_eq!(f64_to_f16(1.0 + 2f64.powi(-11) + 2f64.powi(-40)), 0x3c01);
        assert_eq!(f64_to_bf16(1.0 + 2f64.powi(-8) + 2f64.powi(-40)), 0x3f81);
        assert_eq!(f64_to_f16(2f64.powi(-25)), 0);
        assert_eq!(f64_to_f16(2f64.powi(-25).next_up()), 1);
        assert_eq!(f64_to_bf16(2f64.powi(-134)), 0);
        assert_eq!(f64_to_bf16(2f64.powi(-134).next_up()), 1);
        assert_eq!((f64_to_f16(65520.0), f64_to_f16(65520f64.next_down())), (0x7c00, 0x7bff));
    }

    #[test]
    fn all_16_bit_numbers_survive_the_way_up_and_down() {
        for element in [Element::F16, Element::BF16] {
            let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
            let mut values = Vec::new();
            element.decode(&bytes, &mut values);
            let numbers = numbers(element);
            let quiet = if element == Element::F16 { 0x200 } else { 0x40 };
            for (bits, rounded) in (0..=u16::MAX).zip(batch(element, &values)) {
                let value = values[usize::from(bits)];
                let magnitude = bits & 0x7fff;
                match usize::from(magnitude).cmp(&(numbers.len() - 1)) {
                    std::cmp::Ordering::Less => assert_eq!(value.abs(), numbers[usize::from(magnitude)]),
                    std::cmp::Ordering::Equal => assert!(value.is_infinite()),
                    std::cmp::Ordering::Greater => assert!(value.is_nan()),
                }
                assert_eq!(value.is_sign_negative(), bits > 0x7fff);
                assert_eq!(rounded, if value.is_nan() { bits | quiet } else { bits }, "{element:?} {bits:x}");
            }
        }
    }

    #[test]
    fn the_limits_of_a_format_are_those_of_its_numbers() {
        for element in ALL {
            let (max, normal, tiny) = (element.max(), element.smallest_normal(), element.smallest_subnormal());
            for value in [max, normal, tiny, 1.0 + 2.0 * element.unit_roundoff()] {
                assert_eq!(element.round(value), value, "{element:?}");
            }
            assert_eq!(element.round(max * (1.0 + 2.0 * element.unit_roundoff())), f64::INFINITY, "{element:?}");
            assert_eq!(element.round(1.0 + element.unit_roundoff()), 1.0, "{element:?}");
            assert_eq!(element.round(tiny / 2.0), 0.0, "{element:?}");
            assert_eq!(tiny / normal, 2.0 * element.unit_roundoff(), "{element:?}");
        }
        assert_eq!(numbers(Element::F16).iter().rev().nth(1), Some(&Element::F16.max()));
        assert_eq!(numbers(Element::BF16).iter().rev().nth(1), Some(&Element::BF16.max()));
    }

    #[test]
    fn wide_formats_are_stored_as_they_are_and_a_cut_number_is_ignored() {
        let values = [0.1, -0.0, f64::INFINITY, 1e-45, 1e300, 5e-324];
        for (element, expected) in [(Element::F32, values.map(|value| f64::from(value as f32))), (Element::F64, values)] {
            let mut bytes = vec![];
            element.encode(&values, &mut bytes);
            assert_eq!(bytes.len(), values.len() * element.size());
            bytes.push(7);
            let mut back = vec![9.0];
            element.decode(&bytes, &mut back);
            assert_eq!(back[1..].iter().map(|v| v.to_bits()).collect::<Vec<_>>(), expected.map(f64::to_bits));
        }
        for element in ALL {
            let mut values = Vec::new();
            element.decode(&[1], &mut values);
            assert!(values.is_empty());
        }
    }
}
