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
    /// How many rounded constants stand before each value of the second file.
    depths: BTreeMap<String, usize>,
}

impl Limits {
    pub fn of(site: &Site, tier: Tier, depths: BTreeMap<String, usize>) -> Limits {
        let unit = site.element.unit_roundoff();
        let roundoff = (unit, unit * site.roundings as f64);
        Limits { tier, roundoff, small: (site.element.smallest_subnormal(), site.lost as f64, site.shift), depths }
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

    /// The magnitude from which on a bound is none in the type.
    pub fn unbounded(&self) -> f64 {
        let double = self.roundoff.0 <= f64::EPSILON / 2.0;
        if double { f64::MAX } else { f64::from(f32::MAX) }
    }

    /// The unit roundoff of a constant.
    pub fn roundoff(&self) -> f64 {
        self.roundoff.0
    }

    /// What the smallest numbers of the type may do in a draw. Two roundings meet there.
    pub fn smallest(&self, draw: usize) -> f64 {
        let (smallest, constants, shift) = self.small;
        2.0 * lost(smallest, constants, super::draws::largest(draw), shift)
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
