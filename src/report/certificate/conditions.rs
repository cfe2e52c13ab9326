//! Under which conditions two models were judged, and how far constants may be off there.

use super::HashedFile;
use crate::verify::Tier;
use crate::verify::certify::{FOREIGN, ONCE, SUM, SUM_OF_DOUBLES};

/// How two models were judged, as far as it decides what is found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Conditions {
    /// Whether initializers that are also inputs were taken for constants.
    pub freeze_initializers: bool,
    /// Sizes of symbolic dimensions, by name.
    pub dims: Vec<(String, usize)>,
    /// Shapes of inputs, by name.
    pub shapes: Vec<(String, Vec<usize>)>,
    /// Shapes of values that opaque nodes make, by name.
    #[cfg_attr(feature = "serde", serde(default))]
    pub values: Vec<(String, Vec<usize>)>,
    /// Files with values of inputs.
    pub inputs: Vec<HashedFile>,
    /// The seed of synthetic values.
    pub seed: u64,
    /// How many sets of synthetic inputs.
    pub samples: usize,
    /// Whether sites were not run alone.
    pub quick: bool,
}

/// How far folded constants may be off, by tier. `ulp` is the distance to the next number of the constant's type, a unit its
/// unit roundoff; biases are measured on the scale of the magnitudes that they are the sum of.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case", tag = "tier"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Limits {
    /// Computed in f64 and rounded once.
    Own {
        /// Of a weight, in ulp.
        weight_ulp: f64,
        /// Of a bias, in ulp.
        bias_ulp: f64,
        /// Added for a bias, times the magnitudes.
        bias_magnitude: f64,
        /// The same where constants are doubles.
        bias_magnitude_of_doubles: f64,
        /// In runs, in units.
        run_units: f64,
    },
    /// Computed by any sane arithmetic in the model's type.
    Foreign {
        /// Of a weight, in units relative to it.
        weight_units: f64,
        /// Of a bias, in units of the magnitudes; where a map went forward, 2√n more for sums of n.
        bias_units: f64,
        /// Added for a bias, times the magnitudes.
        bias_magnitude: f64,
        /// The same where constants are doubles.
        bias_magnitude_of_doubles: f64,
        /// In runs, in units.
        run_units: f64,
    },
}

impl Limits {
    /// The limits of a tier.
    pub fn of(tier: Tier) -> Limits {
        let run_units = tier.units();
        let (bias_magnitude, bias_magnitude_of_doubles) = (SUM, SUM_OF_DOUBLES);
        match tier {
            Tier::Own => Limits::Own { weight_ulp: ONCE, bias_ulp: ONCE, bias_magnitude, bias_magnitude_of_doubles, run_units },
            Tier::Foreign => Limits::Foreign {
                weight_units: FOREIGN,
                bias_units: FOREIGN,
                bias_magnitude,
                bias_magnitude_of_doubles,
                run_units,
            },
        }
    }
}
