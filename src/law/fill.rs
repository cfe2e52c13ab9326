//! A number that an operator puts beside its input, which follows a map that passes.

use super::{Array, Parameter, Port, Reason};
use crate::double_double::DoubleDouble;
use crate::map::Placed;

/// A number beside the positions of the input: padding.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fill {
    /// The number.
    pub value: DoubleDouble,
    /// The input that holds it, if one does.
    pub place: Option<usize>,
}

impl Fill {
    /// What the number becomes: `s·pad(x, v) + t = pad(s·x + t, s·v + t)`. It is one number for all channels.
    pub(super) fn follow(&self, at: Port, map: &Placed) -> Result<Option<Parameter>, Reason> {
        let new = |(s, t): (&DoubleDouble, &DoubleDouble)| match at {
            Port::Output(_) => *s * self.value + *t,
            Port::Input(_) => (self.value - *t) / *s,
        };
        let mut values = map.map.scale.iter().zip(&map.map.shift).map(new);
        let Some(first) = values.next() else { return Err(Reason::CountedPadding) };
        if !first.is_finite() || values.any(|value| value.nearest() != first.nearest()) {
            return Err(Reason::CountedPadding);
        }
        if first.nearest() == self.value.nearest() {
            return Ok(None);
        }
        let input = self.place.ok_or(Reason::CountedPadding)?;
        Ok(Some(Parameter::Replace { input, value: Array { dims: vec![], values: vec![first] } }))
    }
}
