//! How far the numbers of a trial may be apart: the rounding of the constants, on the scale of what is summed up.

use crate::verify::Tier;
use crate::verify::certify::SUM;
use crate::verify::region::Site;

/// Units of roundoff of what is found and of the magnitudes of the shift.
pub(super) const UNITS: f64 = 8.0;

/// The limits of a site.
pub(super) struct Limits {
    pub tier: Tier,
    /// The unit roundoff of a constant, and of all that follow one another.
    roundoff: (f64, f64),
    smallest: f64,
}

impl Limits {
    pub fn of(site: &Site, tier: Tier) -> Limits {
        let roundoff = (site.unit, site.unit * site.roundings as f64);
        Limits { tier, roundoff, smallest: site.smallest * (1.0 + site.lost as f64) }
    }

    /// For a number of the first file, where `total` is summed up and `least` of it is the shift.
    pub fn at(&self, (found, total, least): (f64, f64, f64), units: f64) -> f64 {
        self.roundoff.1 * (UNITS * found + UNITS * least + units * (total - least)) + total * SUM
    }

    /// The unit roundoff of a constant.
    pub fn roundoff(&self) -> f64 {
        self.roundoff.0
    }

    /// What the smallest numbers of the type may do.
    pub fn smallest(&self) -> f64 {
        self.smallest
    }

    /// For a threshold that is one rounded constant; the factor that it is held against is measured.
    pub fn threshold(&self, expected: f64) -> f64 {
        UNITS * self.roundoff.0 * expected.abs() + self.smallest
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
