//! Factors of a quantised weight, `(x − zero point)·scale`, as factors of its scales: the integers stay as they are.
//!
//! A scale for all elements becomes one for each channel where the factors differ, with its zero point repeated; scales along
//! another axis than the factors do so only if they are all the same.

use crate::double_double::{DoubleDouble, exactly};
use crate::error::Result;
use crate::law::{Array, Reason, Role};
use crate::model::computed::Recipe;
use crate::model::quantised::Dequantised;
use crate::model::{Grain, Model};
use crate::plan::channels::Channels;
use crate::plan::draft::{DraftTensor, multiply};

/// The factors of a weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Factors {
    /// Label and extent of each of its axes.
    pub axes: Vec<(Role, u64)>,
    /// One factor per output channel; empty means none.
    pub out: Vec<DoubleDouble>,
    /// One factor per input channel; empty means none.
    pub input: Vec<DoubleDouble>,
}

/// The parts of a quantised weight that change.
#[derive(Clone, Debug, PartialEq)]
pub struct Requantised {
    /// The axis of the integers along which the scales run now, where they did not before.
    pub axis: Option<usize>,
    /// The scales.
    pub scale: Array,
    /// The zero points, where they have another shape than before.
    pub zeros: Option<Zeros>,
    /// Whether a scale is negative that was not.
    pub negative: bool,
}

/// Zero points that are all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zeros {
    /// The zero point.
    pub value: i64,
    /// How many.
    pub count: usize,
}

impl Factors {
    /// Those that a draft has for a weight with these axes.
    pub fn of(axes: &[(Role, u64)], draft: Option<&DraftTensor>) -> Factors {
        match draft {
            Some(DraftTensor::Factored { axes, out, input }) => {
                Factors { axes: axes.clone(), out: out.clone(), input: input.clone() }
            }
            _ => Factors { axes: axes.to_vec(), out: vec![], input: vec![] },
        }
    }

    /// With one more factor per channel along the axes with `label`.
    #[must_use]
    pub fn and(mut self, label: Role, factor: &[DoubleDouble]) -> Factors {
        multiply(if label == Role::Out { &mut self.out } else { &mut self.input }, factor);
        self
    }

    /// The axes of a tensor of shape `dims` along which the factors differ. The tensor's axes and those of the weight are two
    /// ways to cut the same row of elements, so they are compared by the distances of neighbours.
    fn vary_along(&self, dims: &[u64]) -> Vec<usize> {
        let varies = |factors: &[DoubleDouble]| factors.iter().any(|factor| factor.nearest() != factors[0].nearest());
        let (out, input) = (varies(&self.out), varies(&self.input));
        let channels = Channels::new(&self.axes);
        let spans = |sizes: &[u64]| {
            let mut spans = vec![(1u64, 1u64); sizes.len()];
            let mut step = 1u64;
            for (span, size) in spans.iter_mut().zip(sizes).rev() {
                let end = step.saturating_mul(*size);
                *span = (step, end);
                step = end;
            }
            spans
        };
        let sizes: Vec<u64> = channels.steps().iter().map(|(size, ..)| *size).collect();
        let moving = channels.steps().iter().map(|(_, o, i)| out && *o > 0 || input && *i > 0);
        let moving: Vec<(u64, u64)> = spans(&sizes).into_iter().zip(moving).filter(|(_, moves)| *moves).map(|(s, _)| s).collect();
        let own = spans(dims).into_iter().enumerate();
        own.filter(|(_, (a, b))| moving.iter().any(|(c, d)| a.max(c) < b.min(d))).map(|(axis, _)| axis).collect()
    }
}

/// What becomes of the parts of a weight that is computed by this recipe; or why it cannot take the factors in.
///
/// # Errors
/// The file cannot be read.
pub fn requantised(model: &Model, recipe: &Recipe, factors: &Factors) -> Result<std::result::Result<Requantised, Reason>> {
    let Some(parts) = recipe.dequantised() else { return Ok(Err(Reason::Quantised)) };
    let dims = &parts.integers.dims;
    let scales = parts.scale.floats(model)?;
    let zeros = parts.zero.map(|zero| zero.integers(model)).transpose()?;
    let alike = scales.iter().all(|scale| Some(scale) == scales.first());
    // Along another axis than before zero points are repeated.
    let may_turn =
        parts.opset >= 13 && !parts.fixed && zeros.iter().all(|zeros| zeros.iter().all(|zero| Some(zero) == zeros.first()));
    let of_integers = |axis: usize| parts.order.get(axis).copied();
    let along: Vec<usize> = factors.vary_along(recipe.dims()).into_iter().filter_map(of_integers).collect();
    let grain = match (parts.grain, &along[..]) {
        (Grain::Blocks { .. }, _) | (_, []) => parts.grain,
        (Grain::Axis(axis), [along]) if axis == *along => parts.grain,
        (_, [along]) if may_turn && alike => Grain::Axis(*along),
        // Factors along the axis of the scales may make them all the same.
        (Grain::Axis(axis), [one, two]) if may_turn && axis == *one => Grain::Axis(*two),
        (Grain::Axis(axis), [one, two]) if may_turn && axis == *two => Grain::Axis(*one),
        _ => return Ok(Err(Reason::QuantisationAxis)),
    };
    let (values, negative) = match rescaled(&parts, &scales, grain, dims, factors) {
        Ok(made) => made,
        Err(reason) => return Ok(Err(reason)),
    };
    let (axis, dims) = match grain {
        Grain::Axis(axis) if grain != parts.grain => (Some(axis), vec![values.len() as u64]),
        _ => (None, parts.scale.dims.clone()),
    };
    let zeros = zeros.and_then(|zeros| zeros.first().copied()).filter(|_| axis.is_some());
    let zeros = zeros.map(|value| Zeros { value, count: values.len() });
    Ok(Ok(Requantised { axis, scale: Array { dims, values: exactly(&values) }, zeros, negative }))
}

/// The scales times the factors of the elements that each of them stands for, and whether one has become negative.
fn rescaled(
    parts: &Dequantised<'_>,
    scales: &[f64],
    grain: Grain,
    dims: &[u64],
    factors: &Factors,
) -> std::result::Result<(Vec<f64>, bool), Reason> {
    let channels = Channels::new(&factors.axes);
    let of = |factors: &[DoubleDouble], channel: usize| factors.get(channel).map_or(1.0, |factor| factor.nearest());
    let (mut values, mut negative) = (Vec::new(), false);
    // Scales that turn to another axis must be the same for all elements, not for one of each channel alone.
    let turns = matches!((grain, parts.grain), (Grain::Axis(new), Grain::Axis(old)) if new != old);
    for scale in 0..grain.count(dims) {
        let mut known: Option<(f64, f64)> = None;
        let elements = if turns { grain.members(dims, scale) } else { Box::new(grain.elements_of(dims, scale)) };
        for element in elements {
            let Some(run) = channels.runs(parts.becomes(element), 1).next() else { continue };
            let factor = of(&factors.out, run.out.0) * of(&factors.input, run.input.0);
            let old = usize::try_from(parts.grain.scale_of(dims, element)).ok().and_then(|at| scales.get(at));
            let (old, factor) = (*old.ok_or(Reason::ConstantForm)?, factor);
            let (first, other) = *known.get_or_insert((old, factor));
            if first * other != old * factor {
                return Err(Reason::QuantisationAxis);
            }
        }
        let (old, factor) = known.ok_or(Reason::ConstantForm)?;
        values.push(accepted(parts, old, factor)?);
        negative |= old > 0.0 && factor < 0.0;
    }
    Ok((values, negative))
}

/// A scale times a factor, if numbers of its type can be made with it.
fn accepted(parts: &Dequantised<'_>, old: f64, factor: f64) -> std::result::Result<f64, Reason> {
    let element = parts.scale.element().ok_or(Reason::NotFloat)?;
    let new = old * factor;
    let stored = element.round(new).abs();
    // No integer is further from its zero point.
    let largest = stored * parts.largest().ok_or(Reason::ConstantForm)?;
    match () {
        () if factor == 0.0 => Err(Reason::ZeroScale),
        () if !new.is_finite() => Err(Reason::NonFinite),
        () if !element.round(largest).is_finite() => Err(Reason::Overflow),
        () if old != 0.0 && stored < element.smallest_normal() => Err(Reason::Underflow),
        () => Ok(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A convolution in two groups of three outputs and two inputs, four taps: the tensor is [6, 2, 2, 2].
    fn factors(out: &[f64], input: &[f64]) -> Factors {
        let axes = vec![(Role::Group, 2), (Role::Out, 3), (Role::In, 2), (Role::Sum, 4)];
        Factors { axes, out: exactly(out), input: exactly(input) }
    }

    #[test]
    fn factors_vary_along_the_axes_that_hold_their_labels() {
        let dims = [6, 2, 2, 2];
        let (varied, alike) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [2.0; 6]);
        assert_eq!(factors(&varied, &[]).vary_along(&dims), [0]);
        assert_eq!(factors(&alike, &[]).vary_along(&dims), [0usize; 0]);
        // Input channels are counted through the groups, which are a part of the first axis.
        assert_eq!(factors(&alike, &[1.0, 2.0, 3.0, 4.0]).vary_along(&dims), [0, 1]);
        assert_eq!(factors(&alike, &[3.0; 4]).and(Role::Out, &exactly(&varied)).vary_along(&dims), [0]);
        let product = Factors { axes: vec![(Role::In, 4), (Role::Out, 3)], out: vec![], input: exactly(&[1.0, 2.0, 2.0, 1.0]) };
        assert_eq!(product.vary_along(&[4, 3]), [0]);
        assert_eq!(product.and(Role::Out, &exactly(&[1.0, 2.0, 1.0])).vary_along(&[4, 3]), [0, 1]);
    }
}
