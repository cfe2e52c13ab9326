//! Numbers with twice the digits of a double, as the sum of two doubles that is not carried out (double-double; Dekker 1971).
//!
//! The coefficients of a map are products, quotients and sums of stored numbers. Each operation in f64 rounds, and where the
//! constants of a model are doubles, these roundings would be seen in the result. Here an operation errs by less than 2^-101 of
//! its result (a sum of numbers of both signs: 2^-101 of the larger one), so that what is written has been rounded once in
//! effect. The algorithms are those of Joldes, Muller and Popescu, "Tight and rigorous error bounds for basic building blocks of
//! double-word arithmetic" (2017), and for the root of Lefèvre, Louvet, Muller, Picot and Rideau (2022).
//!
//! A result that is zero, infinite or NaN in f64 is exactly what f64 says, with its sign. Below 2^-969 the lower half loses
//! digits, as f64 itself does below 2^-1022.

use std::cmp::Ordering;
use std::ops::{Add, AddAssign, Div, Mul, MulAssign, Neg, Sub};

/// A sum of two doubles.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct DoubleDouble {
    /// The nearest double.
    high: f64,
    /// What is left; at most half a unit in the last place of `high`.
    low: f64,
}

impl DoubleDouble {
    /// Nothing.
    pub const ZERO: DoubleDouble = DoubleDouble::new(0.0);
    /// One.
    pub const ONE: DoubleDouble = DoubleDouble::new(1.0);

    /// A double, exactly.
    #[must_use]
    pub const fn new(value: f64) -> Self {
        DoubleDouble { high: value, low: 0.0 }
    }

    /// The nearest double.
    #[must_use]
    pub const fn nearest(self) -> f64 {
        self.high
    }

    /// What is left beside the nearest double.
    #[must_use]
    pub const fn rest(self) -> f64 {
        self.low
    }

    /// Whether it is neither infinite nor NaN.
    #[must_use]
    pub fn is_finite(self) -> bool {
        self.high.is_finite()
    }

    /// Whether it is one, as far as these numbers tell: `3·(1/3)` is.
    #[must_use]
    pub fn is_one(self) -> bool {
        self.high == 1.0 && self.low.abs() < 1.0 / (1_u128 << 100) as f64
    }

    /// The square root; NaN below zero.
    #[must_use]
    pub fn sqrt(self) -> Self {
        let root = self.high.sqrt();
        if plain(root) {
            return Self::new(root);
        }
        let rest = self.low + root.mul_add(-root, self.high);
        ordered(root, rest / (2.0 * root))
    }

    /// Of a product with a double, the nearest double: what multiplying a stored number by a coefficient and rounding once makes.
    #[must_use]
    pub fn times(self, value: f64) -> f64 {
        let product = self.high * value;
        // The sum of zero and the rest would lose the sign of zero, and infinity less infinity is no number.
        if plain(product) { product } else { product + (self.high.mul_add(value, -product) + self.low * value) }
    }
}

/// Doubles, exactly.
#[must_use]
pub fn exactly(values: &[f64]) -> Vec<DoubleDouble> {
    values.iter().copied().map(DoubleDouble::new).collect()
}

/// The nearest doubles.
#[must_use]
pub fn nearest(values: &[DoubleDouble]) -> Vec<f64> {
    values.iter().map(|value| value.nearest()).collect()
}

/// Whether there is no rest beside a result.
fn plain(value: f64) -> bool {
    value == 0.0 || !value.is_finite()
}

/// The sum of two doubles of which the first is larger or zero (Joldes 2017, algorithm 1).
fn ordered(large: f64, small: f64) -> DoubleDouble {
    let high = large + small;
    if plain(high) { DoubleDouble::new(high) } else { DoubleDouble { high, low: small - (high - large) } }
}

/// The sum of two doubles, exactly (algorithm 2).
fn sum(a: f64, b: f64) -> DoubleDouble {
    let high = a + b;
    if plain(high) {
        return DoubleDouble::new(high);
    }
    let (from_a, from_b) = (high - b, high - (high - b));
    DoubleDouble { high, low: (a - from_a) + (b - from_b) }
}

impl From<f64> for DoubleDouble {
    fn from(value: f64) -> Self {
        Self::new(value)
    }
}

impl Neg for DoubleDouble {
    type Output = Self;

    fn neg(self) -> Self {
        DoubleDouble { high: -self.high, low: -self.low }
    }
}

impl Add for DoubleDouble {
    type Output = Self;

    /// Algorithm 6.
    fn add(self, other: Self) -> Self {
        let high = sum(self.high, other.high);
        if !high.is_finite() {
            return high;
        }
        let low = sum(self.low, other.low);
        if high.high == 0.0 && low.high == 0.0 {
            return high;
        }
        let first = ordered(high.high, high.low + low.high);
        ordered(first.high, first.low + low.low)
    }
}

impl Sub for DoubleDouble {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for DoubleDouble {
    type Output = Self;

    /// Algorithm 12.
    fn mul(self, other: Self) -> Self {
        let high = self.high * other.high;
        if plain(high) {
            return Self::new(high);
        }
        let crossed = self.high.mul_add(other.low, self.low * other.low);
        let rest = self.low.mul_add(other.high, crossed);
        ordered(high, self.high.mul_add(other.high, -high) + rest)
    }
}

impl Div for DoubleDouble {
    type Output = Self;

    /// Algorithm 17, with the remainder as a difference of two such numbers.
    fn div(self, other: Self) -> Self {
        let quotient = self.high / other.high;
        if plain(quotient) || !other.is_finite() {
            return Self::new(quotient);
        }
        let remainder = self - other * Self::new(quotient);
        ordered(quotient, remainder.high / other.high)
    }
}

impl AddAssign for DoubleDouble {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl MulAssign for DoubleDouble {
    fn mul_assign(&mut self, other: Self) {
        *self = *self * other;
    }
}

impl PartialEq<f64> for DoubleDouble {
    fn eq(&self, other: &f64) -> bool {
        self.high == *other && self.low == 0.0
    }
}

impl PartialOrd<f64> for DoubleDouble {
    fn partial_cmp(&self, other: &f64) -> Option<Ordering> {
        Some(self.high.partial_cmp(other)?.then(self.low.partial_cmp(&0.0)?))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use num_rational::BigRational;
    use proptest::prelude::*;

    use super::*;

    fn exact(value: DoubleDouble) -> BigRational {
        double(value.high) + double(value.low)
    }

    fn double(value: f64) -> BigRational {
        BigRational::from_float(value).unwrap()
    }

    /// Whether two numbers differ by at most 2^-bits of a third.
    fn within(bits: i32, left: &BigRational, right: &BigRational, of: &BigRational) -> bool {
        let (zero, difference) = (double(0.0), left - right);
        let size = |value: &BigRational| if *value < zero { -value.clone() } else { value.clone() };
        size(&difference) <= size(of) * double(2f64.powi(-bits))
    }

    fn numbers() -> impl Strategy<Value = DoubleDouble> {
        let double = prop_oneof![
            6 => (-2.0..2.0f64, -30..30i32).prop_map(|(value, exponent)| value * 2f64.powi(exponent)),
            1 => (-9..9i32).prop_map(f64::from),
            1 => Just(1e-5),
        ];
        (double, prop_oneof![Just(0.0), -1.0..1.0f64]).prop_map(|(high, low)| sum(high, high * low * f64::EPSILON))
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(20_000) })]

        #[test]
        fn operations_are_those_of_rational_numbers(a in numbers(), b in numbers()) {
            let (x, y) = (exact(a), exact(b));
            let (sum, product) = (exact(a + b), exact(a * b));
            let larger = if a.high.abs() > b.high.abs() { &x } else { &y };
            prop_assert!(within(101, &sum, &(&x + &y), larger));
            prop_assert!(within(101, &exact(a - b), &(&x - &y), larger));
            prop_assert!(within(101, &product, &(&x * &y), &product));
            if b.high != 0.0 {
                let quotient = exact(a / b);
                prop_assert!(within(101, &(&quotient * &y), &x, &x));
            }
            if a.high > 0.0 {
                let root = exact(a.sqrt());
                // Twice the error of the root.
                prop_assert!(within(100, &(&root * &root), &x, &x));
            }
            for made in [a + b, a - b, a * b] {
                prop_assert_eq!(made.high + made.low, made.high);
            }
        }

        #[test]
        fn a_product_with_a_double_is_rounded_once(a in numbers(), value in -4.0..4.0f64) {
            let (product, nearest) = (exact(a) * double(value), a.times(value));
            // Half a place, and the rounding of the rest.
            let place = nearest.abs().next_up() - nearest.abs();
            prop_assert!(within(1, &double(nearest), &product, &double(place * (1.0 + 2f64.powi(-50)))));
        }
    }

    #[test]
    fn what_f64_cannot_say_with_digits_is_what_f64_says() {
        let number = DoubleDouble::new;
        let negative = |value: f64| value == 0.0 && value.is_sign_negative();
        assert!(negative((number(-0.0) * number(3.0)).nearest()) && negative((number(-0.0) + number(-0.0)).nearest()));
        assert!(negative(number(3.0).times(-0.0)) && negative((number(0.0) / number(-2.0)).nearest()));
        assert!(!negative((number(-0.0) + number(0.0)).nearest()) && negative(number(-0.0).sqrt().nearest()));
        for infinite in [number(1e300) * number(1e300), number(1.0) / number(0.0), number(f64::MAX) + number(f64::MAX)] {
            assert_eq!((infinite.nearest(), infinite.rest(), infinite.is_finite()), (f64::INFINITY, 0.0, false));
        }
        assert_eq!((number(f64::INFINITY) + number(1.0)).nearest(), f64::INFINITY);
        assert_eq!(number(f64::INFINITY).times(2.0), f64::INFINITY);
        assert_eq!((number(2.0) / number(f64::NEG_INFINITY)).nearest(), 0.0);
        assert!(number(-1.0).sqrt().nearest().is_nan() && (number(0.0) / number(0.0)).nearest().is_nan());
    }

    #[test]
    fn a_third_of_three_is_one_and_comparisons_see_the_rest() {
        let third = DoubleDouble::ONE / number(3.0);
        assert!((third * number(3.0)).is_one() && !(number(1.0 / 3.0 - 1e-16) * number(3.0)).is_one());
        assert!(third > 1.0 / 3.0 && third != 1.0 / 3.0 && number(1.0 / 3.0) == 1.0 / 3.0);
        assert!(number(f64::NAN).partial_cmp(&1.0).is_none());
        let root = number(2.0).sqrt();
        assert!((root * root).nearest() == 2.0 && root.rest() != 0.0);
    }

    fn number(value: f64) -> DoubleDouble {
        DoubleDouble::new(value)
    }
}
