//! What the constants of a side of a region are: how large, how many of them among the smallest numbers.

use std::collections::BTreeSet;

use super::Form;
use crate::error::Result;
use crate::model::{Element, Graph, TensorId};
use crate::verify::table;

/// What a constant is made of.
#[derive(Clone, Copy, Default)]
pub(super) struct Census {
    /// Whether one is no finite number.
    pub broken: bool,
    /// How many are zero.
    pub zeros: u64,
    /// Below the smallest number of full precision, zeros left out.
    pub small: u64,
    /// The sum of the largest magnitudes of constants that are added.
    pub shift: f64,
    /// The largest magnitude, of a divisor's inverse.
    pub factor: f64,
}

impl Census {
    /// Reads the constants of a side.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn of(graph: &Graph<'_>, forms: &[Form]) -> Result<Census> {
        let tensors: BTreeSet<TensorId> = forms.iter().flat_map(|form| form.constants.iter().map(|(_, t)| *t)).collect();
        let mut all = Census::default();
        for tensor in tensors.into_iter().map(|t| graph.tensor(t)) {
            let normal = tensor.element().map_or(0.0, Element::smallest_normal);
            tensor.blocks(graph.model, &mut |_, block| {
                for number in block {
                    all.broken |= !number.is_finite();
                    all.zeros += u64::from(*number == 0.0);
                    all.factor = all.factor.max(number.abs());
                    all.small += u64::from(*number != 0.0 && number.abs() < normal);
                }
            })?;
        }
        let constants = forms.iter().flat_map(|form| form.constants.iter().map(move |constant| (form, constant)));
        for (form, (input, tensor)) in constants {
            let (adds, divides) = (table::adds(&form.operator, *input), table::divides(&form.operator, *input));
            if !adds && !divides {
                continue;
            }
            let mut largest = 0.0_f64;
            graph.tensor(*tensor).blocks(graph.model, &mut |_, block| {
                let sizes = block.iter().map(|number| if divides { number.abs().recip() } else { number.abs() });
                largest = sizes.fold(largest, f64::max);
            })?;
            all.shift += if adds { largest } else { 0.0 };
            all.factor = all.factor.max(largest);
        }
        Ok(all)
    }
}
