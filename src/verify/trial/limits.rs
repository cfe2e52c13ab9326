//! How far the numbers of a trial may be apart: the rounding of the constants, on the scale of what is summed up.

use std::collections::BTreeMap;

use crate::verify::Tier;
use crate::verify::certify::SUM;
use crate::verify::certify::limit::lost;
use crate::verify::region::Site;

/// Units of roundoff of what is found and of the magnitudes of the shift.
pub(super) const UNITS: f64 = 8.0;

/// The limits of a site.
#[derive(Clone)]
pub(super) struct Limits {
    pub tier: Tier,
    /// The unit roundoff of a constant, and of all that follow one another.
    roundoff: (f64, f64),
    /// The smallest number of the type, how many constants lost digits for it, and what is added before them.
    small: (f64, f64, f64),
    /// How much larger than in the first file numbers are behind the second one's gates, at most; never less than one.
    factor: f64,
    /// How many rounded constants stand before each value of the second file.
    depths: BTreeMap<String, usize>,
}

impl Limits {
    pub fn of(site: &Site, tier: Tier, depths: BTreeMap<String, usize>) -> Limits {
        let unit = site.element.unit_roundoff();
        let roundoff = (unit, unit * site.roundings as f64);
        Limits { tier, roundoff, small: (site.element.smallest_subnormal(), site.lost as f64, site.shift), factor: 1.0, depths }
    }

    /// The limits of a value inside the region: of the constants before it alone.
    pub fn inside(&self, value: &str) -> Limits {
        let (unit, whole) = self.roundoff;
        let before = self.depths.get(value).map_or(whole, |depth| unit * (*depth).max(1) as f64);
        Limits { roundoff: (unit, before), depths: BTreeMap::new(), ..self.clone() }
    }

    /// For a number of the first file, where `total` is summed up and `least` of it is the shift.
    pub fn at(&self, (found, total, least): (f64, f64, f64), units: f64) -> f64 {
        // Sane arithmetic of another tool is within so many units of all that is summed up, of which what is found is a part.
        let once = if units < UNITS { UNITS * found } else { 0.0 };
        self.roundoff.1 * (once + UNITS * least + units * (total - least)) + total * SUM
    }

    /// The unit roundoff of a constant.
    pub fn roundoff(&self) -> f64 {
        self.roundoff.0
    }

    /// The same where numbers behind gates are so much larger.
    pub fn with_factor(self, factor: f64) -> Limits {
        Limits { factor: factor.max(1.0), ..self }
    }

    /// What the smallest numbers of the type may do in a draw. Two roundings meet there.
    pub fn smallest(&self, draw: usize) -> f64 {
        let (smallest, constants, shift) = self.small;
        2.0 * lost(smallest, constants, super::draws::largest(draw) * self.factor, shift)
    }

    /// For a threshold that is one rounded constant; the factor that it is held against is measured.
    pub fn threshold(&self, expected: f64) -> f64 {
        UNITS * self.roundoff.0 * expected.abs() + self.small.0
    }
}

/// The largest shares of the limits so far.
pub(super) struct Tally {
    tier: Tier,
    /// For constants that were rounded once.
    pub once: f64,
    /// For any sane arithmetic.
    pub foreign: f64,
    /// The element with the largest share of the tier that was asked for: index, found, expected, limit.
    pub spot: Option<(usize, f64, f64, f64)>,
}

impl Tally {
    pub fn new(tier: Tier) -> Tally {
        Tally { tier, once: 0.0, foreign: 0.0, spot: None }
    }

    /// Takes in an element.
    pub fn take(&mut self, (at, found, expected): (usize, f64, f64), limits: (f64, f64)) {
        let distance = (found - expected).abs();
        if distance == 0.0 {
            return;
        }
        let shares = (share(distance, limits.0), share(distance, limits.1));
        let (mine, limit) = if self.tier == Tier::Own { (shares.0, limits.0) } else { (shares.1, limits.1) };
        if mine > self.worst() {
            self.spot = Some((at, found, expected, limit));
        }
        (self.once, self.foreign) = (self.once.max(shares.0), self.foreign.max(shares.1));
    }

    /// The largest share of the tier that was asked for.
    pub fn worst(&self) -> f64 {
        if self.tier == Tier::Own { self.once } else { self.foreign }
    }
}

/// How many limits a distance is; never NaN and never infinite, and what is not finite is beyond every limit.
fn share(distance: f64, limit: f64) -> f64 {
    let share = distance / limit;
    if share.is_finite() { share } else { f64::MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNIT: f64 = 1.0 / (1 << 24) as f64;

    fn limits() -> Limits {
        let depths = BTreeMap::from([("a".to_owned(), 1), ("b".to_owned(), 2), ("data".to_owned(), 0)]);
        Limits { tier: Tier::Own, roundoff: (UNIT, 3.0 * UNIT), small: (1e-45, 4.0, 2.0), factor: 1.0, depths }
    }

    #[test]
    fn what_is_found_counts_eight_times_where_constants_were_rounded_once() {
        // Of a sum of 10 the shift is 2; 0.5 is what is left of it.
        let at = |units| limits().at((0.5, 10.0, 2.0), units) - 10.0 * SUM;
        assert!((at(1.0) / UNIT - 3.0 * (4.0 + 16.0 + 8.0)).abs() < 1e-3, "{}", at(1.0) / UNIT);
        assert!((at(UNITS) / UNIT - 3.0 * (16.0 + 64.0)).abs() < 1e-3, "{}", at(UNITS) / UNIT);
    }

    #[test]
    fn the_smallest_numbers_lose_as_much_as_what_they_are_multiplied_with() {
        let of = |factor: f64| limits().with_factor(factor).smallest(0);
        // What is rounded is multiplied by 2^10·1 and by a shift of 2.
        assert!((of(1024.0) / of(1.0) - (1.0 + 4.0 * 1026.0) / (1.0 + 4.0 * 3.0)).abs() < 1e-6, "{}", of(1024.0) / of(1.0));
        assert_eq!(of(0.25), of(1.0));
        // The limits inside are those of the same numbers.
        assert_eq!(limits().with_factor(8.0).inside("a").smallest(0), of(8.0));
    }

    #[test]
    fn a_value_inside_has_the_roundings_before_it() {
        let units = |value: &str| (limits().inside(value).at((0.0, 1.0, 0.0), 1.0) - SUM) / UNIT;
        for (value, expected) in [("data", 1.0), ("a", 1.0), ("b", 2.0), ("of no depth", 3.0)] {
            assert!((units(value) - expected).abs() < 1e-3, "{value}: {}", units(value));
        }
    }

    #[test]
    fn a_threshold_is_one_constant() {
        assert_eq!(limits().threshold(-2.0), 16.0 * UNIT + 1e-45);
        assert_eq!(limits().threshold(0.0), 1e-45);
        // Two roundings of four constants, times what is read and added: 1 and 2, then what is drawn with many sizes.
        assert_eq!(limits().smallest(0), 2.0 * lost(1e-45, 4.0, 1.0, 2.0));
        assert!(limits().smallest(super::super::draws::PLAIN) > limits().smallest(0));
    }

    #[test]
    fn the_largest_share_has_its_element() {
        let mut tally = Tally::new(Tier::Own);
        tally.take((0, 1.0, 1.0), (0.0, 0.0));
        assert_eq!((tally.worst(), tally.spot), (0.0, None));
        tally.take((1, 3.0, 1.0), (4.0, 16.0));
        tally.take((2, 1.0, 2.0), (4.0, 2.0));
        assert_eq!((tally.once, tally.foreign, tally.worst(), tally.spot), (0.5, 0.5, 0.5, Some((1, 3.0, 1.0, 4.0))));
        let mut tally = Tally::new(Tier::Foreign);
        tally.take((1, 3.0, 1.0), (4.0, 16.0));
        tally.take((2, 1.0, 2.0), (4.0, 2.0));
        assert_eq!((tally.worst(), tally.spot), (0.5, Some((2, 1.0, 2.0, 2.0))));
        tally.take((3, f64::NAN, 2.0), (4.0, 2.0));
        assert_eq!((tally.worst(), tally.spot.unwrap().0), (f64::MAX, 3));
    }
}
