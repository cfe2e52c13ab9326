//! Integers or small floats times scales, and floats as integers.

use super::{as_floats, as_integers, input};
use crate::model::computed::{Call, Numbers};
use crate::model::integers::whole;
use crate::model::number::Element;
use crate::model::quantised::grain;
use crate::model::tensor::element;

/// `(x − zero point)·scale`, exact.
pub(super) fn dequantise(call: &Call<'_>) -> Result<Numbers, String> {
    let (x, scale) = (input(call, 0)?, input(call, 1)?);
    let grain = grain(call.node, call.opset, &x.dims, &scale.dims).ok_or("the scales do not fit")?;
    let scales = as_floats(scale)?;
    let place = |at: usize| usize::try_from(grain.scale_of(&x.dims, at as u64)).ok();
    let made: Option<Vec<f64>> = match &*x.numbers {
        // Their zero points are zero.
        Numbers::Floats(values) => all(values.iter().enumerate().map(|(at, value)| Some(value * scales.get(place(at)?)?))),
        _ => {
            let zero = call.inputs.get(2).and_then(Option::as_ref).map(as_integers).transpose()?;
            all(as_integers(x)?.iter().enumerate().map(|(at, integer)| {
                let zero = zero.map_or(Some(0), |zero| zero.get(place(at)?).copied())?;
                Some((integer - zero) as f64 * scales.get(place(at)?)?)
            }))
        }
    };
    Ok(Numbers::Floats(made.ok_or("the scales do not fit")?))
}

/// `x / scale`, a number of their type, rounded to the nearest integer, ties to even, plus the zero point, no further than the type goes.
pub(super) fn quantise(call: &Call<'_>) -> Result<Numbers, String> {
    let (x, scale) = (input(call, 0)?, input(call, 1)?);
    let zero = call.inputs.get(2).and_then(Option::as_ref).map(as_integers).transpose()?;
    let grain = grain(call.node, call.opset, &x.dims, &scale.dims).ok_or("the scales do not fit")?;
    let (least, most) = whole(call.data_type).ok_or("the result has no type of whole numbers")?.range();
    let float = element(scale.data_type).unwrap_or(Element::F32);
    let (values, scales) = (as_floats(x)?, as_floats(scale)?);
    let made = values.iter().enumerate().map(|(at, value)| {
        let place = usize::try_from(grain.scale_of(&x.dims, at as u64)).ok()?;
        let zero = zero.map_or(Some(0), |zero| zero.get(place).copied())?;
        let rounded = float.round(value / scales.get(place)?).round_ties_even() + zero as f64;
        (!rounded.is_nan()).then(|| (rounded as i64).clamp(least, most))
    });
    Ok(Numbers::Integers(all(made).ok_or("the scales do not fit, or a number is NaN")?))
}

/// All numbers, if none is missing, in no more memory than they take: a collection of options does not know how many there are.
fn all<T>(numbers: impl ExactSizeIterator<Item = Option<T>>) -> Option<Vec<T>> {
    let mut made = Vec::with_capacity(numbers.len());
    for number in numbers {
        made.push(number?);
    }
    Some(made)
}
