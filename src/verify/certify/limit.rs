//! How far a rounded number may be from the exact one.

use crate::model::Element;

/// Half a place, and a little for the arithmetic of the judge.
pub const ONCE: f64 = 0.5001;
/// What f64 itself may do to a sum, relative to its magnitudes.
pub const SUM: f64 = 1.0 / (1_u64 << 49) as f64;
/// The same for constants in double, which are judged with twice its digits. Sixty-four bits are enough to judge them again.
pub const SUM_OF_DOUBLES: f64 = 1.0 / (1_u64 << 60) as f64;
/// Units of roundoff that arithmetic in the model's own type may lose.
pub const FOREIGN: f64 = 8.0;

/// What so many constants of one sum may lose that are so small that their rounding is no share of them: half the smallest number
/// each, times what it multiplies. That is what is read, of this size at most, and what is added to it before.
pub(crate) fn lost(smallest: f64, constants: f64, largest: f64, shift: f64) -> f64 {
    smallest / 2.0 * (1.0 + constants * (largest + shift))
}

/// What the arithmetic of the judge itself may do, relative to magnitudes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arithmetic {
    /// To a product of a few factors.
    pub product: f64,
    /// To a sum.
    pub sum: f64,
    /// Whether it has twice the digits of f64.
    pub doubled: bool,
}

impl Arithmetic {
    /// That of f64, but for doubles, which f64 would judge by its own roundings.
    pub fn of(element: Element) -> Arithmetic {
        match element {
            Element::F64 => Arithmetic { product: SUM_OF_DOUBLES / 16.0, sum: SUM_OF_DOUBLES, doubled: true },
            _ => Arithmetic { product: SUM / 2.0, sum: SUM, doubled: false },
        }
    }
}

/// The distances between neighbours of a floating point type.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spacing {
    /// Stored bits of the significand.
    digits: u64,
    /// The exponent, as f64 stores it, below which distances no longer shrink.
    lowest: u64,
    /// The smallest distance.
    tiny: f64,
}

impl Spacing {
    /// The distances of a type.
    pub fn of(element: Element) -> Spacing {
        let digits = u64::from(element.precision().unsigned_abs()).saturating_sub(1);
        let lowest = element.smallest_normal().to_bits() >> 52;
        Spacing { digits, lowest, tiny: element.smallest_subnormal() }
    }

    /// The distance from a number's magnitude to the next larger one of the type: `ulp(a)`.
    pub fn at(self, value: f64) -> f64 {
        let exponent = ((value.to_bits() >> 52) & 0x7ff).max(self.lowest);
        match exponent.checked_sub(self.digits) {
            Some(exponent) if exponent > 0 => f64::from_bits(exponent << 52),
            // Among the smallest numbers of f64 a power of two is a bit of its own.
            _ => f64::from_bits(1 << (exponent + 51).saturating_sub(self.digits).min(51)),
        }
    }

    /// The smallest distance.
    pub fn tiny(self) -> f64 {
        self.tiny
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_type() {
        let f32s = Spacing::of(Element::F32);
        for value in [1.0_f32, 1.5, 0.811_200_7, 1e-38, 1e-40, 3e38] {
            let next = f64::from(value.next_up()) - f64::from(value);
            assert_eq!(f32s.at(f64::from(value)), if value > 3e37 { 2f64.powi(104) } else { next }, "{value}");
        }
        assert_eq!(f32s.at(0.0), 2f64.powi(-149));
        assert_eq!(Spacing::of(Element::F16).at(1.0), 2f64.powi(-10));
        assert_eq!(Spacing::of(Element::F16).at(2f64.powi(-20)), 2f64.powi(-24));
        assert_eq!(Spacing::of(Element::BF16).at(-1.0), 2f64.powi(-7));
        assert_eq!(Spacing::of(Element::F64).at(1.0), f64::EPSILON);
        assert_eq!(Spacing::of(Element::F64).at(1e-310), f64::from_bits(1));
        // Where distances are themselves among the smallest numbers.
        for value in [2f64.powi(-970), 2f64.powi(-971), 2f64.powi(-1000), 2f64.powi(-1022)] {
            let found = Spacing::of(Element::F64).at(value);
            assert_eq!(found, value.next_up() - value, "{value:e}");
        }
    }

    #[test]
    fn doubles_are_judged_with_twice_their_digits() {
        let (single, double) = (Arithmetic::of(Element::F32), Arithmetic::of(Element::F64));
        assert!(double.doubled && !single.doubled);
        assert!(SUM < Element::F32.unit_roundoff() && SUM > f64::EPSILON);
        assert!(double.sum < Element::F64.unit_roundoff() && double.sum < single.sum);
        assert!(single.product <= single.sum && double.product <= double.sum && double.product > 0.0);
    }
}
