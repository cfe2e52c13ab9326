//! Both sides of a region side by side: what the second file's constants should be, and what they are.
//!
//! With `s1·x + t1` before a weight and `s2·y + t2` behind it, the region makes
//! `s2·(Σ W·(s1·x + t1) + b) + t2`: its factors are `s2·W·s1`, its shift is `s2·(b + Σ W·t1) + t2`. That of the second file must
//! be the same, whatever maps it still has beside its weight.

use super::fact::{Bias, Mix, Named, Read};
use super::limit::{Arithmetic, FOREIGN};
use super::multipliers::{Gathered, Multipliers, exact};
use super::side::{Chain, Side, one_axis};
use super::stream::pairs;
use super::tally::{Run, Sum, Tally, slack};
use crate::double_double::DoubleDouble;
use crate::error::Result;
use crate::model::{Element, Graph};
use crate::verify::Tier;

/// What comes of a comparison.
pub(super) enum Compared {
    /// All numbers were compared.
    Tallied(Box<Tally>, Vec<String>),
    /// Something that is no number differs.
    Differs(String),
    /// The sides are made of different values, as far as each was followed.
    Elsewhere(String),
}

/// The region's sides with their files.
pub(super) struct Pair<'x, 'm> {
    pub graphs: (&'x Graph<'m>, &'x Graph<'m>),
    pub tier: Tier,
    /// The type of the second file's constants.
    pub element: Element,
    /// How many axes the values have, as far as the files say.
    pub rank: Option<usize>,
}

/// A weight and what stands around it.
struct Around {
    mix: Box<Mix>,
    before: Chain,
    behind: Chain,
}

impl Around {
    fn bias(&self) -> Option<&Bias> {
        self.mix.bias.as_ref().ok().and_then(Option::as_ref)
    }
}

impl Pair<'_, '_> {
    /// Compares the sides; or says why they have no certificate.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn compare(&self, ours: Side, theirs: Side) -> Result<Read<Compared>> {
        match (ours.mix, theirs.mix) {
            (None, None) => Ok(self.maps(ours.before, theirs.before)),
            (Some(one), Some(two)) => {
                let apart = one.geometry.iter().zip(&two.geometry).find(|(one, two)| one != two);
                if let Some(((what, _), _)) = apart {
                    return Ok(Ok(Compared::Differs(format!("{what} are not the same in both files"))));
                }
                let ours = self.around(one, ours.before, ours.behind);
                match (ours, self.around(two, theirs.before, theirs.behind)) {
                    (Ok(ours), Ok(theirs)) => self.weights(&ours, &theirs),
                    (Err(why), _) | (_, Err(why)) => Ok(Err(why)),
                }
            }
            _ => Ok(Err("a weight in one file only".into())),
        }
    }

    fn around(&self, mix: Box<Mix>, before: Chain, behind: Chain) -> Read<Around> {
        let rank = mix.rank.or(self.rank);
        for (chain, axis) in [(&before, mix.axes.0), (&behind, mix.axes.1)] {
            one_axis(chain.axis, axis, rank)?;
            if rank.is_some_and(|rank| chain.rank > rank) {
                return Err("a constant with more axes than the value".into());
            }
        }
        let (before, behind) = (before.expanded(mix.channels.0)?, behind.expanded(mix.channels.1)?);
        Ok(Around { mix, before, behind })
    }

    /// Regions without a weight: maps that became fewer maps.
    fn maps(&self, ours: Chain, theirs: Chain) -> Read<Compared> {
        one_axis(ours.axis, theirs.axis, self.rank)?;
        let channels = ours.scale.len().max(theirs.scale.len());
        let (ours, theirs) = (ours.expanded(channels)?, theirs.expanded(channels)?);
        let mut tally = Tally::new(self.tier, self.element);
        for (channel, (found, original)) in theirs.scale.iter().zip(&ours.scale).enumerate() {
            // What the rounding of each constant may do is in the slack: here nothing else is rounded.
            let slack = slack(self.element, at(&theirs.scale_rounding, channel), theirs.roundings);
            tally.factor(theirs.holders.0, channel, *found, *original, slack);
        }
        for channel in 0..channels {
            let magnitude = at(&ours.magnitude, channel).max(at(&theirs.magnitude, channel));
            tally.sum(&Sum {
                named: theirs.holders.1,
                channel,
                found: exact(&theirs.shift, channel),
                expected: exact(&ours.shift, channel),
                magnitude,
                rounding: at(&theirs.shift_rounding, channel),
                units: FOREIGN,
            });
        }
        Ok(Compared::Tallied(Box::new(tally), vec![]))
    }

    fn weights(&self, ours: &Around, theirs: &Around) -> Result<Read<Compared>> {
        if let Err(why) = ours.mix.bias.as_ref().and(theirs.mix.bias.as_ref()) {
            return Ok(Err(why.clone()));
        }
        let form = |around: &Around| (around.mix.extents, around.mix.made_first, around.mix.groups, around.mix.channels);
        let elements = |graph: &Graph<'_>, named: Named| graph.tensor(named.tensor).elements();
        let counts = (elements(self.graphs.0, ours.mix.weight), elements(self.graphs.1, theirs.mix.weight));
        if form(ours) != form(theirs) || counts.0 != counts.1 {
            return Ok(Err("a weight of another shape".into()));
        }
        let lost = |chain: &Chain| chain.scale.iter().any(|scale| *scale == 0.0 || !scale.is_finite());
        if lost(&theirs.before) || lost(&theirs.behind) || theirs.mix.gain == 0.0 {
            return Ok(Err("a weight that is multiplied by zero".into()));
        }
        let mut tally = Tally::new(self.tier, self.element);
        let left = self.carried(ours, theirs, &mut tally);
        let gathered = self.factors(ours, theirs, &left, &mut tally)?;
        self.shifts(ours, theirs, &gathered, &mut tally);
        Ok(Ok(Compared::Tallied(Box::new(tally), vec![])))
    }

    /// The shifts before the weight that the second file must have in its bias: those that it has no map for. Where outputs see
    /// more or fewer taps there are none, and its maps must be the same.
    fn carried(&self, ours: &Around, theirs: &Around, tally: &mut Tally) -> Vec<(DoubleDouble, f64)> {
        let (one, two) = (&ours.before, &theirs.before);
        let channels = one.shift.len();
        if !two.shifts() && !theirs.mix.uneven {
            return one.shift.iter().copied().zip(one.magnitude.iter().copied()).collect();
        }
        let mut trial = tally.clone();
        // Of a channel that is multiplied by zero nothing is left, whatever the second file adds: its weights are zero there, too.
        let is_nothing = |channel: usize| exact(&one.scale, channel) == 0.0 && exact(&one.shift, channel) == 0.0;
        for channel in (0..channels).filter(|channel| !is_nothing(*channel)) {
            let ratio = exact(&two.scale, channel) / exact(&one.scale, channel);
            trial.sum(&Sum {
                named: two.holders.1,
                channel,
                found: exact(&two.shift, channel),
                expected: exact(&one.shift, channel) * ratio,
                magnitude: (at(&one.magnitude, channel) * ratio.nearest().abs()).max(at(&two.magnitude, channel)),
                rounding: at(&two.shift_rounding, channel),
                units: FOREIGN,
            });
        }
        if theirs.mix.uneven || trial.foreign <= 1.0 {
            *tally = trial;
            return vec![(DoubleDouble::ZERO, 0.0); channels];
        }
        let rest = |channel: usize| {
            let kept = exact(&two.shift, channel) / exact(&two.scale, channel) * exact(&one.scale, channel);
            (exact(&one.shift, channel) - kept, at(&one.magnitude, channel) + kept.nearest().abs())
        };
        (0..channels).map(rest).collect()
    }

    /// Every element of the weight, and what it makes of the shifts before it.
    fn factors(&self, ours: &Around, theirs: &Around, left: &[(DoubleDouble, f64)], tally: &mut Tally) -> Result<Gathered> {
        let mix = &ours.mix;
        let (read, made) = mix.channels;
        let quotient =
            |one: &[DoubleDouble], two: &[DoubleDouble]| one.iter().zip(two).map(|(one, two)| *one / *two).collect::<Vec<_>>();
        let factors = (quotient(&ours.before.scale, &theirs.before.scale), quotient(&ours.behind.scale, &theirs.behind.scale));
        let gain = DoubleDouble::new(mix.gain) / DoubleDouble::new(theirs.mix.gain);
        let count = theirs.before.roundings + theirs.behind.roundings;
        let slacks = (&theirs.before.scale_rounding, &theirs.behind.scale_rounding);
        let shifts = left.iter().any(|(shift, magnitude)| *shift != 0.0 || *magnitude != 0.0) && left.len() == read;
        let doubled = Arithmetic::of(self.element).doubled;
        let mut gathered = Gathered::new(made, doubled);
        let taps = mix.extents[2].max(1);
        let shared = self.graphs.1.tensor(theirs.mix.weight.tensor).recipe().is_some_and(|recipe| recipe.quantised);
        let tensors = ((self.graphs.0, mix.weight.tensor), (self.graphs.1, theirs.mix.weight.tensor));
        let uniform = count == 0;
        let mut multipliers = Multipliers::new(factors, gain, doubled);
        pairs(tensors.0, tensors.1, &mut |start, original, found| {
            let first = usize::try_from(start).unwrap_or(usize::MAX);
            multipliers.clear();
            let mut run = |from: usize, (original, found): (&[f64], &[f64]), multipliers: &Multipliers, slack: (f64, f64)| {
                let (at, named) = (start + from as u64, theirs.mix.weight);
                let factors = multipliers.products.get(from..).unwrap_or_default();
                let rests = multipliers.rests.get(from..).unwrap_or_default();
                tally.factors(&Run { named, at, original, found, factors, rests, slack, shared });
            };
            for pair in mix.pairs(first / taps) {
                let done = multipliers.products.len();
                // A block may begin and end within the taps of a pair of channels.
                let end = (done + taps - (first + done) % taps).min(original.len());
                let (Some(own), Some(other)) = (original.get(done..end), found.get(done..end)) else { break };
                if own.is_empty() {
                    break;
                }
                multipliers.extend(pair, end);
                if !uniform {
                    let slack = slack(self.element, at(slacks.0, pair.0) + at(slacks.1, pair.1), count);
                    run(done, (own, other), &multipliers, slack);
                }
                if shifts {
                    let shift = left.get(pair.0).copied().unwrap_or((DoubleDouble::new(f64::NAN), f64::NAN));
                    gathered.add(pair.1, own, mix.gain, shift);
                }
            }
            if uniform {
                run(0, (original, found), &multipliers, slack(self.element, 0.0, 0));
            }
        })?;
        Ok(gathered)
    }

    /// The shift of every channel that is made.
    fn shifts(&self, ours: &Around, theirs: &Around, gathered: &Gathered, tally: &mut Tally) {
        let forward = gathered.magnitude.iter().any(|magnitude| *magnitude != 0.0);
        let units = if forward { FOREIGN + 2.0 * (ours.mix.summed() as f64).sqrt() } else { FOREIGN };
        let gathered_shifts = gathered.shifts();
        let bias =
            |around: &Around, channel: usize| around.bias().map_or(DoubleDouble::ZERO, |(values, ..)| exact(values, channel));
        let size = |value: DoubleDouble| value.nearest().abs();
        for channel in 0..ours.behind.shift.len() {
            let (one, two) = ((&ours.behind, bias(ours, channel)), (&theirs.behind, bias(theirs, channel)));
            let scales = (exact(&one.0.scale, channel), exact(&two.0.scale, channel));
            let expected = scales.0 * (one.1 + exact(&gathered_shifts, channel)) + exact(&one.0.shift, channel);
            let before = size(scales.0) * (size(one.1) + at(&gathered.magnitude, channel)) + at(&one.0.magnitude, channel);
            let kept = exact(&two.0.shift, channel);
            let stored = size(scales.1 * two.1);
            let beside = at(&two.0.shift_rounding, channel) + at(&two.0.scale_rounding, channel) * stored;
            let mut sum = Sum {
                named: two.0.holders.1,
                channel,
                found: scales.1 * two.1 + kept,
                expected,
                // Maps that the second file still has are magnitudes of its own.
                magnitude: if two.0.shifts() { before.max(stored + at(&two.0.magnitude, channel)) } else { before },
                rounding: beside,
                units,
            };
            if let Some((_, gain, named)) = theirs.bias().filter(|(_, gain, _)| *gain != 0.0) {
                let gain = DoubleDouble::new(*gain);
                let unit = scales.1 * gain;
                (sum.named, sum.found, sum.expected) = (Some(*named), two.1 / gain, (expected - kept) / unit);
                sum.magnitude /= size(unit);
                sum.rounding = tally.rounding(sum.expected.nearest()) + beside / size(unit);
            }
            tally.sum(&sum);
        }
    }
}

fn at(values: &[f64], index: usize) -> f64 {
    values.get(index).copied().unwrap_or(f64::NAN)
}
