//! What the elements of a block of a weight are to be multiplied with, and the sums of its channels, with as many digits as
//! the type of the constants asks for: f64 judges all types but itself.

use crate::double_double::{DoubleDouble, exactly};

/// Factors by channel, and those of a block's elements.
pub(super) struct Multipliers {
    /// By channel that is read, and by channel that is made.
    factors: (Vec<DoubleDouble>, Vec<DoubleDouble>),
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
        Multipliers { factors, gain, doubled, products: vec![], rests: vec![] }
    }

    /// Begins another block.
    pub fn clear(&mut self) {
        self.products.clear();
        self.rests.clear();
    }

    /// The elements up to `end` belong to these channels, read and made.
    pub fn extend(&mut self, pair: (usize, usize), end: usize) {
        let (read, made) = (exact(&self.factors.0, pair.0), exact(&self.factors.1, pair.1));
        if self.doubled {
            let factor = read * made * self.gain;
            self.products.resize(end, factor.nearest());
            self.rests.resize(end, factor.rest());
        } else {
            self.products.resize(end, read.nearest() * made.nearest() * self.gain.nearest());
        }
    }
}

/// `Σ W·shift` and its magnitudes for each channel that is made, gathered while the weights are read.
pub(super) struct Gathered {
    sums: Sums,
    /// The magnitudes that are summed up.
    pub magnitude: Vec<f64>,
}

/// Sums with as many digits as are asked for.
enum Sums {
    Nearest(Vec<f64>),
    Doubled(Vec<DoubleDouble>),
}

impl Gathered {
    pub fn new(channels: usize, doubled: bool) -> Gathered {
        let sums = match doubled {
            true => Sums::Doubled(vec![DoubleDouble::ZERO; channels]),
            false => Sums::Nearest(vec![0.0; channels]),
        };
        Gathered { sums, magnitude: vec![0.0; channels] }
    }

    /// Takes in weights that meet one shift.
    pub fn add(&mut self, channel: usize, weights: &[f64], gain: f64, (shift, magnitude): (DoubleDouble, f64)) {
        if let Some(sum) = self.magnitude.get_mut(channel) {
            *sum += weights.iter().map(|w| w.abs()).sum::<f64>() * gain.abs() * magnitude;
        }
        match &mut self.sums {
            Sums::Nearest(sums) => {
                if let Some(sum) = sums.get_mut(channel) {
                    *sum += weights.iter().sum::<f64>() * gain * shift.nearest();
                }
            }
            Sums::Doubled(sums) => {
                if let Some(sum) = sums.get_mut(channel) {
                    let weights = weights.iter().fold(DoubleDouble::ZERO, |sum, weight| sum + DoubleDouble::new(*weight));
                    *sum += weights * DoubleDouble::new(gain) * shift;
                }
            }
        }
    }

    /// The sums.
    pub fn shifts(&self) -> Vec<DoubleDouble> {
        match &self.sums {
            Sums::Nearest(sums) => exactly(sums),
            Sums::Doubled(sums) => sums.clone(),
        }
    }
}

/// The number of a channel; NaN where there is none.
pub(super) fn exact(values: &[DoubleDouble], channel: usize) -> DoubleDouble {
    values.get(channel).copied().unwrap_or(DoubleDouble::new(f64::NAN))
}
