//! Whether two values that should be the same are farther apart than rounding brings right models.
//!
//! Both are computed in f64, so what is left of a right difference is the rounding of constants in the models' own type, as the
//! net amplifies it. The tolerance is half of the digits of the coarsest float type (the square root of its unit roundoff) as
//! a share of the largest magnitude of the output, and no less than 16 times what the first model's own output moves when each
//! of its constants is moved by 8 units: what a net amplifies, it amplifies there, too. Where an operator makes steps (it
//! rounds, compares, sorts), right models may be a step apart at some elements, so that a quarter of them must differ.

use std::collections::BTreeMap;

use crate::engine::array::{Array, Data, class};
use crate::engine::proto::int;
use crate::onnx::GraphProto;
use crate::verify::relay::position;

/// How many times what dithered constants do.
const MARGIN: f64 = 16.0;
/// The smallest magnitude that an output is taken to have, as a share of the largest number that was fed in: where more than
/// that has cancelled out, nothing but rounding may be left.
const LEAST: f64 = 1.0 / 1024.0;
/// A share of the largest magnitude that is far more than what rounding does.
const ROUGH: f64 = 1.0 / 256.0;
/// One in so many elements must differ where an operator makes steps.
const FEW: usize = 4;

/// What is said of an output.
#[derive(Debug, PartialEq)]
pub(super) enum Answer {
    Agree,
    Apart(String),
    Unclear(String),
}

/// How far two right models may be apart.
pub(super) struct Tolerance {
    share: f64,
    least: f64,
    jumps: bool,
    /// The outputs of the first model with other constants, if they were needed and could be had.
    pub dithered: Option<BTreeMap<String, Array>>,
}

/// Operators that make steps: a small difference before them may be a large one behind.
const STEPS: [&str; 27] = [
    "ArgMax",
    "ArgMin",
    "Bernoulli",
    "BitShift",
    "Ceil",
    "DynamicQuantizeLinear",
    "Equal",
    "Floor",
    "Greater",
    "GreaterOrEqual",
    "GridSample",
    "Hardmax",
    "Less",
    "LessOrEqual",
    "MatMulInteger",
    "MaxRoiPool",
    "Mod",
    "NonMaxSuppression",
    "NonZero",
    "QuantizeLinear",
    "RoiAlign",
    "Round",
    "Shrink",
    "Sign",
    "ThresholdedRelu",
    "TopK",
    "Unique",
];
/// Operators that draw numbers.
const RANDOM: [&str; 6] = ["Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"];

/// Whether a flat graph has an operator that makes steps.
pub(super) fn jumps(graph: &GraphProto) -> bool {
    let to_integers = |to: i64| !matches!(to, 1 | 10 | 11 | 16);
    graph.node.iter().any(|node| match node.op_type() {
        "Cast" => int(node, "to").is_none_or(to_integers),
        "CastLike" => true,
        "MaxPool" => node.output.len() > 1,
        operator => STEPS.contains(&operator),
    })
}

/// An operator of a flat graph that draws numbers.
pub(super) fn random(graph: &GraphProto) -> Option<String> {
    graph.node.iter().map(|node| node.op_type()).find(|operator| RANDOM.contains(operator)).map(str::to_owned)
}

impl Tolerance {
    pub fn of(unit: f64, jumps: bool, fed: &BTreeMap<String, Array>) -> Tolerance {
        let least = fed.values().map(largest).fold(0.0, f64::max) * LEAST;
        Tolerance { share: unit.sqrt(), least, jumps, dithered: None }
    }

    /// One for what the first model makes where nobody asks what rounding does to it: far more than that does to most.
    pub fn rough(unit: f64, jumps: bool, fed: &BTreeMap<String, Array>, made: &BTreeMap<String, Array>) -> Tolerance {
        Tolerance { share: ROUGH.max(4.0 * unit.sqrt()), dithered: Some(made.clone()), ..Tolerance::of(unit, jumps, fed) }
    }

    /// Whether two values are so far apart that more has to be asked.
    pub fn is_beyond(&self, found: &Array, expected: &Array) -> bool {
        self.compare("", found, expected) != Answer::Agree
    }

    pub fn compare(&self, name: &str, found: &Array, expected: &Array) -> Answer {
        if found.dims != expected.dims {
            let what = format!("its shape is {:?}, that of the first model {:?}", found.dims, expected.dims);
            // Where steps may make a size, it is that of the first model with other constants, too, or nothing is said.
            let moved = self.dithered.as_ref().and_then(|all| all.get(name));
            let steady = !self.jumps || moved.is_some_and(|moved| moved.dims == expected.dims);
            return if steady { Answer::Apart(what) } else { Answer::Unclear(what) };
        }
        let moved = self.dithered.as_ref().and_then(|all| all.get(name)).filter(|moved| moved.dims == expected.dims);
        let moved = moved.map(|moved| numbers(moved).collect::<Vec<f64>>());
        let counted = match (&found.data, &expected.data) {
            (Data::Float(_), Data::Float(_)) => false,
            (Data::Int(_), Data::Int(_)) | (Data::Bool(_), Data::Bool(_)) => true,
            _ => return Answer::Apart("its type is another".to_owned()),
        };
        let steady = |at: usize, e: f64| moved.as_ref().and_then(|all| all.get(at)).is_some_and(|m| class(*m) == class(e));
        let mut spread = 0.0_f64;
        for (moved, e) in moved.iter().flatten().zip(numbers(expected)).filter(|(m, e)| m.is_finite() && e.is_finite()) {
            spread = spread.max((moved - e).abs());
        }
        let limit = match counted {
            true => spread,
            false => self.share * largest(expected).max(self.least) + MARGIN * spread,
        };
        let (mut worst, mut place, mut beyond, mut unlike) = (limit, None, 0_usize, 0_usize);
        for (at, (f, e)) in numbers(found).zip(numbers(expected)).enumerate() {
            let distance = if class(f) == class(e) { (f - e).abs() } else { f64::INFINITY };
            let other = class(f) != class(e);
            if !other && (!f.is_finite() || distance <= limit) {
                continue;
            }
            // A number in place of none may be what another order makes that does not overflow.
            let unsure = other && (!e.is_finite() && f.is_finite() || !steady(at, e));
            (beyond, unlike) = (beyond + 1, unlike + usize::from(unsure));
            if place.is_none() || distance > worst {
                (worst, place) = (distance, Some((at, f, e)));
            }
        }
        let Some((at, f, e)) = place else { return Answer::Agree };
        let what = format!("at {}: found {f:e}, expected {e:e}, tolerance {limit:.1e}", position(&found.dims, at));
        let few = (self.jumps || counted) && beyond * FEW <= expected.data.len();
        match (&moved, few || unlike == beyond) {
            (None, _) => Answer::Unclear(format!("{what}; what rounding does there could not be found")),
            (Some(_), true) => Answer::Unclear(format!("{what}; {beyond} of {} elements", expected.data.len())),
            (Some(_), false) => Answer::Apart(what),
        }
    }
}

/// The largest finite magnitude.
fn largest(value: &Array) -> f64 {
    numbers(value).filter(|number| number.is_finite()).fold(0.0, |most, number| most.max(number.abs()))
}

/// All elements as numbers.
fn numbers(value: &Array) -> Box<dyn Iterator<Item = f64> + '_> {
    match &value.data {
        Data::Float(all) => Box::new(all.iter().copied()),
        Data::Int(all) => Box::new(all.iter().map(|&number| number as f64)),
        Data::Bool(all) => Box::new(all.iter().map(|&truth| f64::from(u8::from(truth)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tolerance(jumps: bool, expected: &[f64], moved: Option<f64>) -> Tolerance {
        let fed = BTreeMap::from([("x".to_owned(), Array::float([1], vec![1.0]))]);
        let all = |by: f64| Array::float([expected.len()], expected.iter().map(|e| e + by).collect());
        let dithered = moved.map(|by| BTreeMap::from([("y".to_owned(), all(by))]));
        Tolerance { dithered, ..Tolerance::of(2.0_f64.powi(-24), jumps, &fed) }
    }

    fn compared(tolerance: &Tolerance, found: &[f64], expected: &[f64]) -> Answer {
        let array = |values: &[f64]| Array::float([values.len()], values.to_vec());
        tolerance.compare("y", &array(found), &array(expected))
    }

    #[test]
    fn a_difference_counts_beyond_half_of_the_digits_and_what_rounding_does() {
        let expected = [4.0, 0.0];
        let still = tolerance(false, &expected, Some(0.0));
        assert_eq!(compared(&still, &[4.0, 4.0 * 2.0_f64.powi(-12)], &expected), Answer::Agree);
        assert!(matches!(compared(&still, &[4.0, 0.01], &expected), Answer::Apart(what) if what.contains("[1]")));
        let shaky = tolerance(false, &expected, Some(0.001));
        assert_eq!(compared(&shaky, &[4.0, 0.01], &expected), Answer::Agree);
        assert!(matches!(compared(&tolerance(false, &expected, None), &[4.0, 0.01], &expected), Answer::Unclear(_)));
    }

    #[test]
    fn what_does_not_agree_asks_for_more() {
        let array = |value: f64| Array::float([2], vec![value, 1.0]);
        let still = tolerance(false, &[2.0, 1.0], None);
        assert!(!still.is_beyond(&array(2.0), &array(2.0)));
        assert!(!still.is_beyond(&array(2.0 + 1e-6), &array(2.0)));
        assert!(still.is_beyond(&array(2.1), &array(2.0)));
        assert!(still.is_beyond(&Array::float([1, 2], vec![2.0, 1.0]), &array(2.0)));
    }

    #[test]
    fn what_cancels_out_is_no_difference() {
        let still = tolerance(false, &[0.0; 2], Some(0.0));
        assert_eq!(compared(&still, &[1e-17, -3e-16], &[0.0; 2]), Answer::Agree);
    }

    #[test]
    fn where_there_are_steps_few_elements_say_nothing() {
        let expected = [1.0; 8];
        let mut found = [1.0; 8];
        found[3] = 2.0;
        let steps = tolerance(true, &expected, Some(0.0));
        assert!(matches!(compared(&steps, &found, &expected), Answer::Unclear(_)));
        assert!(matches!(compared(&steps, &[2.0; 8], &expected), Answer::Apart(_)));
        assert!(matches!(compared(&tolerance(false, &expected, Some(0.0)), &found, &expected), Answer::Apart(_)));
    }

    #[test]
    fn what_is_no_number_counts_where_rounding_makes_none() {
        let expected = [1.0, f64::NAN];
        let still = tolerance(false, &expected, Some(0.0));
        assert!(matches!(compared(&still, &[f64::NAN; 2], &expected), Answer::Apart(_)));
        assert_eq!(compared(&still, &[1.0, f64::NAN], &expected), Answer::Agree);
        let edge = tolerance(false, &expected, Some(f64::INFINITY));
        assert!(matches!(compared(&edge, &[f64::NAN; 2], &expected), Answer::Unclear(_)));
    }
}
