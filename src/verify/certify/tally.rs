//! The worst of many comparisons, each with its limit in both tiers.

use super::fact::Named;
use super::limit::{Arithmetic, FOREIGN, ONCE, Spacing};
use crate::double_double::DoubleDouble;
use crate::model::Element;
use crate::verify::Tier;

/// Where the worst was.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Spot {
    /// The constant; none where one is missing.
    pub named: Option<Named>,
    pub place: Place,
    pub found: f64,
    pub expected: f64,
    pub limit: f64,
}

/// Which number of a constant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// An element of the constant, in the order in which they are stored.
    Element(u64),
    /// The number of a channel.
    Channel(usize),
}

/// The worst so far.
#[derive(Clone, Debug)]
pub(super) struct Tally {
    tier: Tier,
    spacing: Spacing,
    unit: f64,
    arithmetic: Arithmetic,
    /// The largest distance of a factor in places.
    pub ulp: f64,
    /// The same in units of roundoff.
    pub units: f64,
    /// The largest distance of a sum in units of roundoff of its magnitudes.
    pub shift_units: f64,
    /// The largest share of the limits for constants that were rounded once.
    pub once: f64,
    /// The largest share of the limits for any sane arithmetic.
    pub foreign: f64,
    /// Where the largest share of the limits of the tier asked for was.
    pub spot: Option<Spot>,
}

/// Factors that are compared together.
pub(super) struct Run<'x> {
    pub named: Named,
    /// The index of the first.
    pub at: u64,
    pub original: &'x [f64],
    pub found: &'x [f64],
    /// What each original one is to be multiplied with.
    pub factors: &'x [f64],
    /// What is left of those beside the nearest doubles; nothing where f64 has digits enough.
    pub rests: &'x [f64],
    /// What other constants of the second file may do, relative: rounded once, and otherwise.
    pub slack: (f64, f64),
    /// Whether what was rounded once is a scale that many of them share, so that what it may do is relative to each.
    pub shared: bool,
}

/// A sum to compare.
pub(super) struct Sum {
    pub named: Option<Named>,
    pub channel: usize,
    pub found: DoubleDouble,
    pub expected: DoubleDouble,
    /// The magnitudes that are summed up.
    pub magnitude: f64,
    /// What the rounding of constants may do.
    pub rounding: f64,
    /// Units of roundoff of the magnitudes for any sane arithmetic.
    pub units: f64,
}

impl Tally {
    pub fn new(tier: Tier, element: Element) -> Tally {
        let (spacing, unit) = (Spacing::of(element), element.unit_roundoff());
        let arithmetic = Arithmetic::of(element);
        Tally { tier, spacing, unit, arithmetic, ulp: 0.0, units: 0.0, shift_units: 0.0, once: 0.0, foreign: 0.0, spot: None }
    }

    /// Takes in a run of factors.
    pub fn factors(&mut self, run: &Run<'_>) {
        if run.rests.is_empty() {
            self.products(run, run.factors.iter().zip(run.original).map(|(factor, original)| (original * factor, 0.0)));
        } else {
            let factors = run.factors.iter().zip(run.rests).zip(run.original);
            // The product of two doubles is the nearest one and what is left, exactly; the rest of the factor adds to that.
            self.products(
                run,
                factors.map(|((factor, rest), original)| {
                    let product = original * factor;
                    (product, original.mul_add(*factor, -product) + original * rest)
                }),
            );
        }
    }

    /// Compares what was found with what is expected, each the nearest double and a rest.
    fn products(&mut self, run: &Run<'_>, expected: impl Iterator<Item = (f64, f64)>) {
        let foreign = FOREIGN * self.unit + run.slack.1;
        let tiny = self.spacing.tiny();
        let (mut ulp, mut units) = (self.ulp, self.units);
        let mut worst = (self.once, self.foreign);
        let mut spot = None;
        for (index, (found, (expected, rest))) in run.found.iter().zip(expected).enumerate() {
            let distance = ((found - expected) - rest).abs();
            if distance == 0.0 {
                continue;
            }
            let (place, size) = (self.spacing.at(expected), expected.abs());
            let once = if run.shared { 2.0 * ONCE * self.unit * size } else { ONCE * place };
            let limits = (once + run.slack.0 * size, foreign * size + tiny);
            let shares = (share(distance, limits.0), share(distance, limits.1));
            ulp = ulp.max(share(distance, place));
            // Below the smallest distance of the type, what is relative means nothing.
            if place > tiny {
                units = units.max(share(distance, self.unit * size));
            }
            let (mine, most, limit) = match self.tier {
                Tier::Own => (shares.0, worst.0, limits.0),
                Tier::Foreign => (shares.1, worst.1, limits.1),
            };
            if mine > most {
                spot = Some((index, *found, expected, limit));
            }
            worst = (worst.0.max(shares.0), worst.1.max(shares.1));
        }
        (self.ulp, self.units, (self.once, self.foreign)) = (ulp, units, worst);
        if let Some((index, found, expected, limit)) = spot {
            let place = Place::Element(run.at.saturating_add(index as u64));
            self.spot = Some(Spot { named: Some(run.named), place, found, expected, limit });
        }
    }

    /// Takes in the scale of a map, whose constants are rounded as the slack says.
    pub fn factor(&mut self, named: Option<Named>, channel: usize, found: DoubleDouble, exact: DoubleDouble, slack: (f64, f64)) {
        let (found, expected, distance) = (found.nearest(), exact.nearest(), (found - exact).nearest().abs());
        let size = expected.abs();
        if distance == 0.0 {
            return;
        }
        // What one rounding may do is a share of what it made, which among the smallest numbers may be twice as large.
        let limits = (slack.0 * size.max(found.abs()), slack.1 * size);
        let shares = (share(distance, limits.0), share(distance, limits.1));
        self.units = self.units.max(share(distance, self.unit * size));
        self.ulp = self.ulp.max(share(distance, self.spacing.at(expected)));
        let (mine, most, limit) = match self.tier {
            Tier::Own => (shares.0, self.once, limits.0),
            Tier::Foreign => (shares.1, self.foreign, limits.1),
        };
        if mine > most {
            self.spot = Some(Spot { named, place: Place::Channel(channel), found, expected, limit });
        }
        (self.once, self.foreign) = (self.once.max(shares.0), self.foreign.max(shares.1));
    }

    /// Takes in a sum.
    pub fn sum(&mut self, sum: &Sum) {
        let distance = (sum.found - sum.expected).nearest().abs();
        if distance == 0.0 {
            return;
        }
        let own = self.arithmetic.sum * sum.magnitude;
        let once = sum.rounding + own;
        let foreign = sum.units * self.unit * sum.magnitude + own + self.spacing.tiny();
        let shares = (share(distance, once), share(distance, foreign));
        if sum.magnitude > 0.0 {
            self.shift_units = self.shift_units.max(share(distance, self.unit * sum.magnitude));
        }
        let (mine, most, limit) = match self.tier {
            Tier::Own => (shares.0, self.once, once),
            Tier::Foreign => (shares.1, self.foreign, foreign),
        };
        if mine > most {
            let place = Place::Channel(sum.channel);
            let (found, expected) = (sum.found.nearest(), sum.expected.nearest());
            self.spot = Some(Spot { named: sum.named, place, found, expected, limit });
        }
        (self.once, self.foreign) = (self.once.max(shares.0), self.foreign.max(shares.1));
    }

    /// What one rounding may do to a number of the type.
    pub fn rounding(&self, value: f64) -> f64 {
        ONCE * self.spacing.at(value)
    }

    /// The strictest tier that holds.
    pub fn holds(&self) -> Option<Tier> {
        match (self.once <= 1.0, self.foreign <= 1.0) {
            (true, _) => Some(Tier::Own),
            (false, true) => Some(Tier::Foreign),
            _ => None,
        }
    }

    /// The largest share of the limits of the tier asked for.
    pub fn worst(&self) -> f64 {
        match self.tier {
            Tier::Own => self.once,
            Tier::Foreign => self.foreign,
        }
    }
}

/// What other constants of the second file, so many, may add to a factor, relative to it: rounded once, and otherwise.
pub(super) fn slack(element: Element, rounding: f64, count: usize) -> (f64, f64) {
    let (unit, product) = (element.unit_roundoff(), Arithmetic::of(element).product);
    (rounding + product, FOREIGN * unit * count as f64 + product)
}

/// How many limits a distance is; never NaN and never infinite, and what is not finite is beyond every limit.
pub(super) fn share(distance: f64, limit: f64) -> f64 {
    let share = distance / limit;
    if share.is_finite() { share } else { f64::MAX }
}
