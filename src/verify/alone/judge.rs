//! What a region's two sides made of the same numbers, held against the limits of the rounding of its constants.

use super::super::relay::SitePlan;
use super::samples::Kind;
use super::{RegionReport, Units};
use crate::engine::array::{Array, Data};
use crate::verify::certify::limit;

/// What f64 itself may do, on the scale of the absolute model.
pub(super) const ENGINE: f64 = 1.0 / (1_u64 << 45) as f64;

/// The limits of a site.
pub(super) struct Limits {
    /// Units of roundoff of the constants' type, for each tier.
    units: Units,
    roundoff: f64,
    /// The smallest number of the type.
    smallest: f64,
    summed: f64,
    /// What the second side's constants add, at most, before or in the sum.
    shift: f64,
    /// Whether a shift is one rounded constant, so that its rounding is relative to itself.
    single: bool,
    /// Whether what zeros give may be taken away.
    linear: bool,
}

/// One sample through a region.
pub(super) struct Sample<'x> {
    pub kind: Kind,
    /// The largest magnitude in what was read.
    pub largest: f64,
    /// What the first file's side, the second's and the absolute model made of it.
    pub made: [&'x [f64]; 3],
    /// The same for zeros.
    pub zeros: [&'x [f64]; 3],
}

impl Limits {
    pub fn new(plan: &SitePlan, units: Units, summed: usize, operators: &[&str], linear: bool) -> Limits {
        let single = linear && matches!(operators, ["Conv" | "ConvTranspose" | "Gemm" | "MatMul" | "Add" | "Sub"]);
        let roundoff = plan.unit * plan.roundings as f64;
        Limits { units, roundoff, smallest: plan.smallest, summed: summed as f64, shift: plan.shift, single, linear }
    }

    /// Judges a sample of an output. Where it lies is for the caller to say.
    pub fn sample(&self, output: &str, dims: &[usize], sample: &Sample<'_>, report: &mut RegionReport) {
        let lost = limit::lost(self.smallest, self.summed, sample.largest, self.shift);
        let [original, folded, absolute] = sample.made;
        let [original_zero, folded_zero, least] = sample.zeros;
        for (at, ((o, f), total)) in original.iter().zip(folded).zip(absolute).enumerate() {
            let zero = (original_zero.get(at).copied(), folded_zero.get(at).copied(), least.get(at).copied());
            let (Some(o_zero), Some(f_zero), Some(least)) = zero else { return };
            if !(o.is_finite() && total.is_finite()) {
                report.unjudged = Some("the numbers are so large that there is no limit for their difference".to_owned());
                continue;
            }
            let engine = ENGINE * total + lost;
            let (distance, scales) = match sample.kind {
                _ if !self.linear => ((f - o).abs(), (*total, *total)),
                // Zeros test the shift alone, everything else the factors alone.
                Kind::Zeros => ((f - o).abs(), (if self.single { o.abs() } else { least }, least)),
                _ => (((f - o) - (f_zero - o_zero)).abs(), (total - least, total - least)),
            };
            let limit_once = self.units.once * self.roundoff * scales.0 + engine;
            let limit = match self.units.strict {
                true => limit_once,
                false => self.units.asked * self.roundoff * scales.1 + engine,
            };
            let ratio = share(distance, limit);
            let place = match sample.kind {
                Kind::Zeros => &mut report.zeros,
                Kind::Dense => &mut report.dense,
                Kind::Impulse => &mut report.impulses,
            };
            *place = place.max(ratio);
            report.once = report.once.max(share(distance, limit_once));
            if ratio > report.worst {
                report.worst = ratio;
                let at = crate::verify::relay::position(dims, at);
                let kind = sample.kind.words();
                report.place = Some(format!("`{output}` at {at} of {kind}: found {f:e}, expected {o:e}, limit {limit:.3e}"));
            }
        }
    }
}

/// The largest distance of the engine from the reference, in units of what f64 may do.
pub(super) fn control(engine: &Array, reference: &[f64], absolute: &[f64]) -> f64 {
    let Data::Float(found) = &engine.data else { return f64::MAX };
    if found.len() != reference.len() || absolute.len() != reference.len() {
        return f64::MAX;
    }
    let numbers = found.iter().zip(reference).zip(absolute);
    numbers.map(|((f, r), k)| share((f - r).abs(), ENGINE * k)).fold(0.0, f64::max)
}

/// How many limits a distance is; never NaN and never infinite, and what is not finite is beyond every limit.
fn share(distance: f64, limit: f64) -> f64 {
    if distance == 0.0 {
        return 0.0;
    }
    let share = distance / limit;
    if share.is_finite() { share } else { f64::MAX }
}
