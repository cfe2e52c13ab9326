//! The inner loops: a block of stored numbers times a block of coefficients.
//!
//! They are written so that the compiler turns them into vector instructions of any width, which needs numbers of one
//! width in each loop and no branch; doubles, whose coefficients have a rest, are the exception. [`dispatch!`] makes each loop
//! once for every set of instructions that machines of a kind may have and takes the best one that this machine has; for that,
//! what is part of a loop has to be inlined into it. The narrow formats have a way of their own ([`Approximate`]), and that of
//! the others where it does not tell.
//!
//! Damage is looked for in steps: the products alone tell of most blocks that there is none, a comparison with the elements of
//! most others, and only then each element is looked at.

use fearless_simd::{Level, dispatch};

use super::narrow::Approximate;
use super::{Coefficient, Damage};
use crate::double_double::{DoubleDouble, exactly};
use crate::model::number::{Element, narrow_bf16, narrow_f16, widen_bf16, widen_f16};

/// How many elements are multiplied at a time; they and their coefficients fit the first cache.
pub(super) const BLOCK: usize = 256;

/// Room for the products of one block, as stored, until it is known whether the old elements are needed once more.
pub(super) struct Kernel {
    element: Element,
    scaled: [u8; 8 * BLOCK],
    room: Room,
}

/// Room for the elements of a narrow format, for their products before they are rounded, and for near coefficients.
pub(super) struct Room {
    wide: [f32; BLOCK],
    products: [f64; BLOCK],
    approximate: Approximate,
}

impl Kernel {
    pub(super) fn new(element: Element) -> Self {
        let room = Room { wide: [0.0; BLOCK], products: [0.0; BLOCK], approximate: Approximate::new() };
        Self { element, scaled: [0; 8 * BLOCK], room }
    }

    /// Multiplies any number of elements by one coefficient.
    pub(super) fn uniform<C: Coefficient>(&mut self, coefficient: C, bytes: &mut [u8]) -> Damage {
        if coefficient == 1.0 {
            return Damage::default();
        }
        let coefficients = [coefficient; BLOCK];
        C::announce(self.element, &mut self.room, &coefficients);
        dispatch!(Level::new(), _ => self.alike(&coefficients, bytes))
    }

    /// Multiplies each element by its own coefficient; there are at least as many coefficients as elements.
    pub(super) fn varied<C: Coefficient>(&mut self, coefficients: &[C], bytes: &mut [u8]) -> Damage {
        dispatch!(Level::new(), _ => self.different(coefficients, bytes))
    }

    /// Multiplies every block by the same coefficients, which were announced.
    #[inline(always)]
    fn alike<C: Coefficient>(&mut self, coefficients: &[C; BLOCK], bytes: &mut [u8]) -> Damage {
        let mut damage = Damage::default();
        for bytes in bytes.chunks_mut(BLOCK * self.element.size()) {
            damage |= self.block(coefficients, bytes);
        }
        damage
    }

    /// Multiplies each block by coefficients of its own.
    #[inline(always)]
    fn different<C: Coefficient>(&mut self, coefficients: &[C], bytes: &mut [u8]) -> Damage {
        let mut damage = Damage::default();
        for (bytes, coefficients) in bytes.chunks_mut(BLOCK * self.element.size()).zip(coefficients.chunks(BLOCK)) {
            C::announce(self.element, &mut self.room, coefficients);
            damage |= self.block(coefficients, bytes);
        }
        damage
    }

    #[inline(always)]
    fn block<C: Coefficient>(&mut self, coefficients: &[C], bytes: &mut [u8]) -> Damage {
        let coefficients = coefficients.get(..bytes.len() / self.element.size()).unwrap_or_default();
        if let Some(damage) = C::multiply_nearly(self.element, &mut self.room, coefficients, bytes) {
            return damage;
        }
        let scaled = self.scaled.get_mut(..bytes.len()).unwrap_or_default();
        let damage = C::multiply(self.element, &mut self.room, bytes, coefficients, scaled);
        bytes.copy_from_slice(scaled);
        damage
    }
}

impl Coefficient for f64 {
    const ONE: f64 = 1.0;

    #[inline(always)]
    fn announce(element: Element, room: &mut Room, coefficients: &[f64]) {
        if element.size() == 2 {
            room.approximate.take(coefficients);
        }
    }

    #[inline(always)]
    fn multiply_nearly(element: Element, room: &mut Room, coefficients: &[f64], bytes: &mut [u8]) -> Option<Damage> {
        match element {
            Element::F16 => room.approximate.multiply::<true>(coefficients, bytes),
            Element::BF16 => room.approximate.multiply::<false>(coefficients, bytes),
            Element::F32 | Element::F64 => None,
        }
    }

    #[inline(always)]
    fn multiply(element: Element, room: &mut Room, old: &[u8], coefficients: &[f64], new: &mut [u8]) -> Damage {
        match element {
            Element::F16 => {
                narrow_f16(multiply(widen_f16(old, &mut room.wide), coefficients, &mut room.products), new);
                half::damage(old, coefficients, new)
            }
            Element::BF16 => {
                narrow_bf16(multiply(widen_bf16(old, &mut room.wide), coefficients, &mut room.products), new);
                brain::damage(old, coefficients, new)
            }
            Element::F32 => {
                multiply_f32(old, coefficients, new);
                single::damage(old, coefficients, new)
            }
            Element::F64 => DoubleDouble::multiply(element, room, old, &exactly(coefficients), new),
        }
    }
}

impl Coefficient for DoubleDouble {
    const ONE: DoubleDouble = DoubleDouble::ONE;

    /// Of doubles, whatever is said: other formats have coefficients of another type.
    #[inline(always)]
    fn multiply(_: Element, _: &mut Room, old: &[u8], coefficients: &[DoubleDouble], new: &mut [u8]) -> Damage {
        multiply_f64(old, coefficients, new);
        double::damage(old, coefficients, new)
    }
}

/// What bits tell about an element, for bits of one width. Without its sign bit a number is ordered like its magnitude.
macro_rules! bits {
    ($module:ident, $bits:ty, $size:literal, $normal:literal, $infinity:literal) => {
        pub(super) mod $module {
            use super::{Coefficient, Damage};

            const MAGNITUDE: $bits = <$bits>::MAX >> 1;
            /// The smallest normal number.
            const NORMAL: $bits = $normal;
            const INFINITY: $bits = $infinity;

            // In what follows a difference has its highest bit set exactly if it is below zero.

            /// Whether all products are normal numbers: the usual case, seen without a look at the elements.
            #[inline(always)]
            fn ordinary(new: &[u8]) -> bool {
                let found = new.as_chunks().0.iter().fold(0, |found, new| {
                    let new = <$bits>::from_le_bytes(*new) & MAGNITUDE;
                    found | new.wrapping_sub(NORMAL) | (INFINITY - 1).wrapping_sub(new)
                });
                found <= MAGNITUDE
            }

            /// Whether a product is not finite, is below the normal numbers although its element is not, or is zero
            /// although its element is not.
            #[inline(always)]
            fn suspicious(old: &[u8], new: &[u8]) -> bool {
                let pairs = old.as_chunks().0.iter().zip(new.as_chunks().0);
                let found = pairs.fold(0, |found, (old, new)| {
                    let old = <$bits>::from_le_bytes(*old) & MAGNITUDE;
                    let new = <$bits>::from_le_bytes(*new) & MAGNITUDE;
                    let not_finite = (INFINITY - 1).wrapping_sub(new);
                    let lost_bits = new.wrapping_sub(NORMAL) & !old.wrapping_sub(NORMAL);
                    let vanished = new.wrapping_sub(1) & !old.wrapping_sub(1);
                    found | not_finite | lost_bits | vanished
                });
                found > MAGNITUDE
            }

            /// The damage in a block. Gives an element its bits back where the coefficient is 1: a NaN may have lost some.
            #[inline(always)]
            pub(in crate::edit::rescale) fn damage<C: Coefficient>(old: &[u8], coefficients: &[C], new: &mut [u8]) -> Damage {
                if ordinary(new) || !suspicious(old, new) { Damage::default() } else { each(old, coefficients, new) }
            }

            /// [`damage`], with a look at each element.
            fn each<C: Coefficient>(old: &[u8], coefficients: &[C], new: &mut [u8]) -> Damage {
                let mut damage = Damage::default();
                let pairs = old.as_chunks::<$size>().0.iter().zip(new.as_chunks_mut::<$size>().0);
                for ((old_bytes, new_bytes), &coefficient) in pairs.zip(coefficients) {
                    let old = <$bits>::from_le_bytes(*old_bytes) & MAGNITUDE;
                    let new = <$bits>::from_le_bytes(*new_bytes) & MAGNITUDE;
                    damage.overflow |= old < INFINITY && new >= INFINITY;
                    let lost = new == 0 && old != 0 || new < NORMAL && old >= NORMAL;
                    damage.underflow |= lost && coefficient != 0.0;
                    if coefficient == 1.0 {
                        *new_bytes = *old_bytes;
                    }
                }
                damage
            }
        }
    };
}

bits!(half, u16, 2, 0x0400, 0x7c00);
bits!(brain, u16, 2, 0x0080, 0x7f80);
bits!(single, u32, 4, 0x0080_0000, 0x7f80_0000);
bits!(double, u64, 8, 0x0010_0000_0000_0000, 0x7ff0_0000_0000_0000);

// Each function writes the products to `new`.

#[inline(always)]
fn multiply_f32(old: &[u8], coefficients: &[f64], new: &mut [u8]) {
    let pairs = old.as_chunks().0.iter().zip(new.as_chunks_mut().0);
    for ((old, new), coefficient) in pairs.zip(coefficients) {
        *new = ((f64::from(f32::from_le_bytes(*old)) * coefficient) as f32).to_le_bytes();
    }
}

#[inline(always)]
fn multiply_f64(old: &[u8], coefficients: &[DoubleDouble], new: &mut [u8]) {
    let pairs = old.as_chunks().0.iter().zip(new.as_chunks_mut().0);
    for ((old, new), coefficient) in pairs.zip(coefficients) {
        *new = coefficient.times(f64::from_le_bytes(*old)).to_le_bytes();
    }
}

#[inline(always)]
fn multiply<'a>(wide: &[f32], coefficients: &[f64], products: &'a mut [f64; BLOCK]) -> &'a [f64] {
    for ((product, wide), coefficient) in products.iter_mut().zip(wide).zip(coefficients) {
        *product = f64::from(*wide) * coefficient;
    }
    products.get(..wide.len()).unwrap_or_default()
}
