//! Sorts of numbers for runs side by side: gates that ordinary numbers leave closed, or open, are met the other way as well.

use std::collections::BTreeMap;

use crate::engine::array::{Array, Data};

/// A sort of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// As they are drawn.
    Ordinary,
    /// A thousand times as large.
    Large,
    /// Their magnitudes.
    Positive,
    /// Their magnitudes, with the sign turned.
    Negative,
    /// A few of them, a hundred times as large, among zeros.
    Spiked,
}

/// Those beside ordinary ones.
pub(super) const OTHERS: [Sort; 4] = [Sort::Large, Sort::Positive, Sort::Negative, Sort::Spiked];

/// One in so many numbers is a spike.
const SPIKES: usize = 17;

impl Sort {
    /// What a report says of it; nothing of ordinary numbers.
    pub fn words(self) -> &'static str {
        match self {
            Sort::Ordinary => "",
            Sort::Large => "a thousand times as large",
            Sort::Positive => "all positive",
            Sort::Negative => "all negative",
            Sort::Spiked => "spikes among zeros",
        }
    }

    /// Makes floats that were drawn, not `given`, numbers of this sort.
    pub fn apply(self, values: &mut BTreeMap<String, Array>, given: &BTreeMap<String, Array>) {
        for (_, value) in values.iter_mut().filter(|(name, _)| !given.contains_key(*name)) {
            let Data::Float(numbers) = &mut value.data else { continue };
            for (at, number) in numbers.iter_mut().enumerate() {
                *number = match self {
                    Sort::Ordinary => *number,
                    Sort::Large => *number * 1000.0,
                    Sort::Positive => number.abs(),
                    Sort::Negative => -number.abs(),
                    Sort::Spiked if at % SPIKES == SPIKES / 2 => *number * 100.0,
                    Sort::Spiked => 0.0,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_stays() {
        let array = |numbers: Vec<f64>| Array { dims: vec![numbers.len()], data: Data::Float(numbers) };
        let drawn = BTreeMap::from([("x".to_owned(), array(vec![-1.0, 2.0])), ("z".to_owned(), array(vec![-3.0]))]);
        let given = BTreeMap::from([("z".to_owned(), array(vec![-3.0]))]);
        let of = |sort: Sort| {
            let mut values = drawn.clone();
            sort.apply(&mut values, &given);
            assert_eq!(values.get("z"), given.get("z"));
            values.remove("x")
        };
        assert_eq!(of(Sort::Large), Some(array(vec![-1000.0, 2000.0])));
        assert_eq!(of(Sort::Positive), Some(array(vec![1.0, 2.0])));
        assert_eq!(of(Sort::Negative), Some(array(vec![-1.0, -2.0])));
        assert_eq!(of(Sort::Spiked), Some(array(vec![0.0, 0.0])));
    }
}
