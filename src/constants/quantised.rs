//! Integers times scales.

use super::{as_floats, as_integers, input};
use crate::model::computed::{Call, Numbers};
use crate::model::quantised::grain;

/// `(x − zero point)·scale`, exact.
pub(super) fn dequantise(call: &Call<'_>) -> Result<Numbers, String> {
    let (x, scale) = (input(call, 0)?, input(call, 1)?);
    let zero = call.inputs.get(2).and_then(Option::as_ref).map(as_integers).transpose()?;
    let grain = grain(call.node, call.opset, &x.dims, &scale.dims).ok_or("the scales do not fit")?;
    let (integers, scales) = (as_integers(x)?, as_floats(scale)?);
    let made = integers.iter().enumerate().map(|(at, integer)| {
        let place = usize::try_from(grain.scale_of(&x.dims, at as u64)).ok()?;
        let zero = zero.map_or(Some(0), |zero| zero.get(place).copied())?;
        Some((integer - zero) as f64 * scales.get(place)?)
    });
    Ok(Numbers::Floats(made.collect::<Option<_>>().ok_or("the scales do not fit")?))
}
