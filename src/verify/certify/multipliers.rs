//! What the elements of a block of a weight are to be multiplied with, and the sums of its channels, with as many digits as
//! the type of the constants asks for: f64 judges all types but itself.

use crate::double_double::{DoubleDouble, exactly, nearest};

/// Factors by channel, and those of a block's elements.
pub(super) struct Multipliers {
    /// By channel that is read, and by channel that is made.
    factors: (Vec<DoubleDouble>, Vec<DoubleDouble>),
    /// The same, as doubles.
    nearest: (Vec<f64>, Vec<f64>),
    gain: DoubleDouble,
    /// Whether rests are told.
    doubled: bool,
    /// By element.
    pub products: Vec<f64>,
    /// What is left of them beside the nearest doubles; empty unless told.
    pub rests: Vec<f64>,
}

impl Multipliers {
    pub fn new(factors: (Vec<DoubleDouble>, Vec<DoubleDouble>), gain: DoubleDouble, doubled: bool) -> Multipliers {
        let nearest = (nearest(&factors.0), nearest(&factors.1));
        Multipliers { factors, nearest, gain, doubled, products: vec![], rests: vec![] }
    }

    /// Begins another block.
    pub fn clear(&mut self) {
        self.products.clear();
        self.rests.clear();
    }

    /// The elements up to `end` belong to these channels, read and made.
    pub fn extend(&mut self, pair: (usize, usize), end: usize) {
        if self.doubled {
            let factor = exact(&self.factors.0, pair.0) * exact(&self.factors.1, pair.1) * self.gain;
            self.products.resize(end, factor.nearest());
            self.rests.resize(end, factor.rest());
        } else {
            let at = |values: &[f64], channel: usize| values.get(channel).copied().unwrap_or(f64::NAN);
            self.products.resize(end, at(&self.nearest.0, pair.0) * at(&self.nearest.1, pair.1) * self.gain.nearest());
        }
    }
}

/// `Σ W·shift` and its magnitudes for each channel that is made, gathered while the weights are read.
pub(super) struct Gathered {
    exact: Vec<DoubleDouble>,
    nearest: Vec<f64>,
    doubled: bool,
    /// The magnitudes that are summed up.
    pub magnitude: Vec<f64>,
}

impl Gathered {
    pub fn new(channels: usize, doubled: bool) -> Gathered {
        let (exact, nearest) = if doubled { (channels, 0) } else { (0, channels) };
        Gathered { exact: vec![DoubleDouble::ZERO; exact], nearest: vec![0.0; nearest], doubled, magnitude: vec![0.0; channels] }
    }

    /// Takes in weights that meet one shift.
    pub fn add(&mut self, channel: usize, weights: &[f64], gain: f64, (shift, magnitude): (DoubleDouble, f64)) {
        if let Some(sum) = self.magnitude.get_mut(channel) {
            *sum += weights.iter().map(|w| w.abs()).sum::<f64>() * gain.abs() * magnitude;
        }
        if self.doubled {
            if let Some(sum) = self.exact.get_mut(channel) {
                let weights = weights.iter().fold(DoubleDouble::ZERO, |sum, weight| sum + DoubleDouble::new(*weight));
                *sum += weights * DoubleDouble::new(gain) * shift;
            }
        } else if let Some(sum) = self.nearest.get_mut(channel) {
            *sum += weights.iter().sum::<f64>() * gain * shift.nearest();
        }
    }

    /// The sums.
    pub fn shifts(&self) -> Vec<DoubleDouble> {
        if self.doubled { self.exact.clone() } else { exactly(&self.nearest) }
    }
}

/// The number of a channel; NaN where there is none.
pub(super) fn exact(values: &[DoubleDouble], channel: usize) -> DoubleDouble {
    values.get(channel).copied().unwrap_or(DoubleDouble::new(f64::NAN))
}
