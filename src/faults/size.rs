//! How far constants are from those of a right fold: what no judge can be asked to see, and what every judge must.

use crate::faults::recipe::Constants;
use crate::model::Element;

/// The distance between the stored numbers of a right and of a wrong fold.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Distance {
    /// Whether any bit differs.
    pub any: bool,
    /// Whether more than 2 units in the last place of a weight or 2 of roundoff of a bias.
    pub beyond_rounding: bool,
    /// The largest distance from the exact constant in units of roundoff, on the scale on which those are judged.
    pub units: f64,
}

/// The distance of one number from its neighbour on the grid of a type.
pub(super) fn grid(element: Element, value: f64) -> f64 {
    if value.abs() < element.smallest_normal() || !value.is_finite() {
        return element.smallest_subnormal();
    }
    const EXPONENT: u64 = 0x7ff << 52;
    f64::from_bits(value.to_bits() & EXPONENT) * 2.0 * element.unit_roundoff()
}

/// Compares numbers as they are stored. `slack` is how many times larger than a rounding a right bias's error may be, as it is
/// a long sum.
pub(super) fn distance(
    element: Element,
    exact: &Constants,
    right: (&[f64], &[f64]),
    wrong: (&[f64], &[f64]),
    slack: f64,
) -> Distance {
    let unit = element.unit_roundoff();
    let mut found = Distance::default();
    let mut one = |right: f64, wrong: f64, exact: f64, allowed: f64, scale: f64| {
        let apart = (right - wrong).abs();
        found.any |= right.to_bits() != wrong.to_bits();
        found.beyond_rounding |= (apart.is_nan() || apart > allowed) && right.to_bits() != wrong.to_bits();
        let excess = (wrong - exact).abs() - element.smallest_subnormal();
        let units = if excess.is_nan() { f64::INFINITY } else { excess.max(0.0) / (unit * scale).max(f64::MIN_POSITIVE) };
        found.units = found.units.max(units);
    };
    for ((r, w), e) in right.0.iter().zip(wrong.0).zip(&exact.weight) {
        one(*r, *w, *e, 2.0 * grid(element, *r), e.abs());
    }
    for (((r, w), e), k) in right.1.iter().zip(wrong.1).zip(&exact.bias).zip(&exact.size) {
        one(*r, *w, *e, 2.0 * unit * k, k * slack);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_grid_is_that_of_the_type() {
        assert_eq!(grid(Element::F32, 1.0), f64::from(f32::EPSILON));
        assert_eq!(grid(Element::F32, -1.999), f64::from(f32::EPSILON));
        assert_eq!(grid(Element::F64, 4.0), 4.0 * f64::EPSILON);
        assert_eq!(grid(Element::F16, 1e-7), 2.0_f64.powi(-24));
    }

    #[test]
    fn biases_are_judged_on_what_they_are_the_sum_of() {
        let exact = Constants { weight: vec![1.0], bias: vec![1e-6], size: vec![100.0] };
        let unit = Element::F32.unit_roundoff();
        let one = |weight: f64, bias: f64| distance(Element::F32, &exact, (&[1.0], &[1e-6]), (&[weight], &[bias]), 1.0);
        assert!(!one(1.0, 1e-6).any);
        let near = one(1.0 + 4.0 * unit, 1e-6 + 150.0 * unit);
        assert!(near.any && !near.beyond_rounding, "{near:?}");
        assert!(one(1.0 + 6.0 * unit, 1e-6).beyond_rounding && one(1.0, 1e-6 + 250.0 * unit).beyond_rounding);
        assert!((one(1.0, 1e-6 + 900.0 * unit).units - 9.0).abs() < 1e-3);
        assert!(one(f64::NAN, 0.0).beyond_rounding && one(f64::NAN, 1e-6).units.is_infinite());
    }
}
