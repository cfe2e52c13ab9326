//! Sorts of numbers for runs side by side: gates that ordinary numbers leave closed, or open, are met the other way as well.

use std::collections::BTreeMap;

use crate::engine::InputSpec;
use crate::engine::array::{Array, Data};
use crate::engine::inputs::enlarge;

/// A sort of numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// As they are drawn.
    Ordinary,
    /// A thousand times as large.
    Large,
    /// 2^33 times as large, in float16 2^6 times: what they reach is beyond bounds that other numbers keep.
    Enormous,
    /// Their magnitudes.
    Positive,
    /// Their magnitudes, with the sign turned.
    Negative,
    /// A few of them, a hundred times as large, among zeros.
    Spiked,
}

/// Those beside ordinary ones.
pub(super) const OTHERS: [Sort; 5] = [Sort::Large, Sort::Positive, Sort::Negative, Sort::Spiked, Sort::Enormous];

/// One in so many numbers is a spike.
const SPIKES: usize = 17;

impl Sort {
    /// What a report says of it; nothing of ordinary numbers.
    pub fn words(self) -> &'static str {
        match self {
            Sort::Ordinary => "",
            Sort::Large => "a thousand times as large",
            Sort::Enormous => "2^33 times as large",
            Sort::Positive => "all positive",
            Sort::Negative => "all negative",
            Sort::Spiked => "spikes among zeros",
        }
    }

    /// Makes floats that were drawn, not `given`, numbers of this sort.
    pub fn apply(self, specs: &[InputSpec], values: &mut BTreeMap<String, Array>, given: &BTreeMap<String, Array>) {
        if self == Sort::Enormous {
            return enlarge(specs, values, given, 33);
        }
        for (_, value) in values.iter_mut().filter(|(name, _)| !given.contains_key(*name)) {
            let Data::Float(numbers) = &mut value.data else { continue };
            for (at, number) in numbers.iter_mut().enumerate() {
                *number = match self {
                    Sort::Ordinary | Sort::Enormous => *number,
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
    use crate::onnx::tensor_proto::DataType;

    #[test]
    fn what_is_given_stays() {
        let array = |numbers: Vec<f64>| Array { dims: vec![numbers.len()], data: Data::Float(numbers) };
        let drawn = BTreeMap::from([("x".to_owned(), array(vec![-1.0, 2.0])), ("z".to_owned(), array(vec![-3.0]))]);
        let given = BTreeMap::from([("z".to_owned(), array(vec![-3.0]))]);
        let of_type = |sort: Sort, element: DataType| {
            let mut values = drawn.clone();
            let spec = |name: &str| InputSpec { name: name.to_owned(), element: element as i32, dims: vec![2], assumed: vec![] };
            sort.apply(&[spec("x"), spec("z")], &mut values, &given);
            assert_eq!(values.get("z"), given.get("z"));
            values.remove("x")
        };
        let of = |sort| of_type(sort, DataType::Float);
        assert_eq!(of(Sort::Large), Some(array(vec![-1000.0, 2000.0])));
        assert_eq!(of(Sort::Enormous), Some(array(vec![-8_589_934_592.0, 17_179_869_184.0])));
        assert_eq!(of_type(Sort::Enormous, DataType::Float16), Some(array(vec![-64.0, 128.0])));
        assert_eq!(of(Sort::Positive), Some(array(vec![1.0, 2.0])));
        assert_eq!(of(Sort::Negative), Some(array(vec![-1.0, -2.0])));
        assert_eq!(of(Sort::Spiked), Some(array(vec![0.0, 0.0])));
    }
}
