//! Multiplies the elements of a stored tensor by factors along its axes, block by block.
//!
//! A tensor may be far larger than memory. Whoever holds a part of its bytes applies the kernel to that part; the result
//! does not depend on how the tensor was cut. An element becomes `round((w as f64) · (f₀ · f₁ · …))`, the product of the
//! factors taken from left to right, rounded once more by the format of the tensor. Products are f64, which for doubles would
//! be two roundings more than the one that must be: their coefficients keep twice the digits ([`DoubleDouble`]).
//!
//! This module must not know graphs, files or why a factor is what it is.

mod kernel;
mod narrow;

use std::ops::{BitOrAssign, Mul, MulAssign};

use crate::double_double::{DoubleDouble, nearest};
use crate::model::number::Element;

/// The largest table of coefficients that is made: 256 KiB, which fits the second cache.
const LONGEST_PERIOD: usize = 1 << 15;

/// One axis of a tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Axis {
    /// How many positions it has.
    pub size: u64,
    /// For each factor, how far its index moves from one position to the next; 0 if the factor does not depend on
    /// this axis.
    pub steps: Vec<usize>,
}

/// What multiplication did to elements beyond rounding them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Damage {
    /// A finite element became infinite or NaN.
    pub overflow: bool,
    /// A normal element became subnormal, or one that is not zero became zero, although its coefficient is not zero.
    pub underflow: bool,
}

impl Damage {
    /// Whether there is any.
    #[must_use]
    pub fn any(self) -> bool {
        self.overflow || self.underflow
    }
}

impl BitOrAssign for Damage {
    fn bitor_assign(&mut self, other: Self) {
        self.overflow |= other.overflow;
        self.underflow |= other.underflow;
    }
}

/// Why a [`Rescale`] cannot be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RescaleError {
    /// An axis has not one step per factor.
    #[error("axis {0} does not have one step per factor")]
    Steps(usize),
    /// The axes lead past the end of a factor.
    #[error("the axes lead past the end of factor {0}")]
    Factor(usize),
    /// The tensor has more bytes than can be counted.
    #[error("the tensor has more elements than can be counted")]
    TooLarge,
}

/// A stored tensor times factors.
///
/// The coefficient of an element is the product, over `factors`, of the number at the index to which the steps of the
/// axes lead. A scale per row of a matrix is one factor with steps `[1]`, `[0]`; one per column has `[0]`, `[1]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Rescale {
    element: Element,
    axes: Vec<Axis>,
    factors: Factors,
    elements: u64,
}

/// Factors with as many digits as elements of a format need.
#[derive(Debug, Clone, PartialEq)]
enum Factors {
    /// For formats with fewer digits than f64.
    Nearest(Vec<Vec<f64>>),
    /// For f64.
    Whole(Vec<Vec<DoubleDouble>>),
}

/// A number by which elements are multiplied.
trait Coefficient: Copy + PartialEq<f64> + Mul<Output = Self> + MulAssign {
    /// What changes nothing.
    const ONE: Self;

    /// Says which coefficients the next blocks have, at most as many as one block has elements.
    fn announce(element: Element, room: &mut kernel::Room, coefficients: &[Self]) {
        let _ = (element, room, coefficients);
    }

    /// Multiplies a block in place if that can be told from less than the exact products.
    fn multiply_nearly(element: Element, room: &mut kernel::Room, coefficients: &[Self], bytes: &mut [u8]) -> Option<Damage> {
        let _ = (element, room, coefficients, bytes);
        None
    }

    /// Writes the products of the stored elements of a block and its coefficients to `new`, and says what that did to them.
    fn multiply(element: Element, room: &mut kernel::Room, old: &[u8], coefficients: &[Self], new: &mut [u8]) -> Damage;
}

impl Rescale {
    /// A tensor of `element`s with `axes` in row-major order, outermost first. Without an axis it has one element.
    ///
    /// # Errors
    /// [`RescaleError`] when the axes do not fit the factors or the tensor is too large to count.
    pub fn new<C>(element: Element, axes: Vec<Axis>, factors: Vec<Vec<C>>) -> Result<Self, RescaleError>
    where
        C: Copy + Into<DoubleDouble>,
    {
        if let Some(axis) = axes.iter().position(|axis| axis.steps.len() != factors.len()) {
            return Err(RescaleError::Steps(axis));
        }
        let elements = axes.iter().try_fold(1u64, |product, axis| product.checked_mul(axis.size));
        let elements = elements.filter(|elements| elements.checked_mul(element.size() as u64).is_some());
        let elements = elements.ok_or(RescaleError::TooLarge)?;
        if elements > 0 {
            for (number, factor) in factors.iter().enumerate() {
                let last = axes.iter().try_fold(0u64, |index, axis| {
                    let step = *axis.steps.get(number)? as u64;
                    index.checked_add(step.checked_mul(axis.size - 1)?)
                });
                if last.is_none_or(|last| last >= factor.len() as u64) {
                    return Err(RescaleError::Factor(number));
                }
            }
        }
        let axes = merge(axes);
        let whole: Vec<Vec<DoubleDouble>> = factors.iter().map(|factor| factor.iter().map(|f| (*f).into()).collect()).collect();
        let factors = match element {
            Element::F64 => Factors::Whole(whole),
            _ => Factors::Nearest(whole.iter().map(|factor| nearest(factor)).collect()),
        };
        Ok(Self { element, axes, factors, elements })
    }

    /// The format of the elements.
    #[must_use]
    pub fn element(&self) -> Element {
        self.element
    }

    /// How many elements the tensor has.
    #[must_use]
    pub fn elements(&self) -> u64 {
        self.elements
    }

    /// Multiplies `bytes` in place, which begin with the element of index `first`. Zero, infinity and NaN follow IEEE
    /// 754; under a coefficient of exactly 1 the bits stay as they are, also those of a NaN. A number that is cut off
    /// at the end of `bytes`, and whatever lies past the tensor, is left alone.
    pub fn apply(&self, first: u64, bytes: &mut [u8]) -> Damage {
        if first >= self.elements {
            return Damage::default();
        }
        let left = usize::try_from(self.elements - first).unwrap_or(usize::MAX);
        let size = self.element.size();
        let count = (bytes.len() / size).min(left);
        let bytes = bytes.get_mut(..count * size).unwrap_or_default();
        match &self.factors {
            Factors::Nearest(factors) => self.apply_factors(factors, first, bytes),
            Factors::Whole(factors) => self.apply_factors(factors, first, bytes),
        }
    }

    fn apply_factors<C: Coefficient>(&self, factors: &[Vec<C>], first: u64, bytes: &mut [u8]) -> Damage {
        match self.period(bytes.len() / self.element.size()) {
            Some(period) => self.apply_periodic(factors, first, bytes, period),
            None => self.apply_anywhere(factors, first, bytes),
        }
    }

    /// After how many elements the coefficients repeat, if that happens often enough within `count` elements for a table
    /// of them to pay: the usual case of a factor per input channel.
    fn period(&self, count: usize) -> Option<usize> {
        let outer = self.axes.first()?;
        let varies = self.axes.get(1..)?.iter().any(|axis| axis.steps.iter().any(|&step| step != 0));
        let period = usize::try_from(self.elements / outer.size).ok()?;
        let repeats = outer.steps.iter().all(|&step| step == 0) && period <= count / 4 && period <= LONGEST_PERIOD;
        (varies && repeats).then_some(period)
    }

    fn apply_periodic<C: Coefficient>(&self, factors: &[Vec<C>], first: u64, bytes: &mut [u8], period: usize) -> Damage {
        // Short periods are repeated, so that the kernel gets whole blocks.
        let mut table = vec![C::ONE; period * (4 * kernel::BLOCK).div_ceil(period)];
        Walk::new(&self.axes, factors, 0).coefficients(&mut table);
        let mut kernel = kernel::Kernel::new(self.element);
        let mut coefficients = table.get((first % period as u64) as usize..).unwrap_or_default();
        let mut damage = Damage::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let length = (coefficients.len() * self.element.size()).min(rest.len());
            let (now, later) = rest.split_at_mut(length);
            damage |= kernel.varied(coefficients, now);
            (coefficients, rest) = (&table, later);
        }
        damage
    }

    fn apply_anywhere<C: Coefficient>(&self, factors: &[Vec<C>], first: u64, bytes: &mut [u8]) -> Damage {
        let size = self.element.size();
        let mut walk = Walk::new(&self.axes, factors, first);
        let mut kernel = kernel::Kernel::new(self.element);
        let mut coefficients = [C::ONE; kernel::BLOCK];
        let mut damage = Damage::default();
        let mut rest = bytes;
        while !rest.is_empty() {
            let wanted = rest.len() / size;
            let (run, common) = walk.run();
            let common = common.filter(|_| run >= kernel::BLOCK || run >= wanted);
            let length = wanted.min(if common.is_some() { run } else { kernel::BLOCK });
            let (now, later) = rest.split_at_mut(length * size);
            if let Some(coefficient) = common {
                damage |= kernel.uniform(coefficient, now);
                walk.advance(length);
            } else {
                let coefficients = coefficients.get_mut(..length).unwrap_or_default();
                walk.coefficients(coefficients);
                damage |= kernel.varied(coefficients, now);
            }
            rest = later;
        }
        damage
    }
}

/// Drops axes of size 1 and joins neighbours along which every factor moves as along one axis, so that runs are long.
fn merge(axes: Vec<Axis>) -> Vec<Axis> {
    let mut merged: Vec<Axis> = Vec::new();
    for axis in axes.into_iter().filter(|axis| axis.size != 1) {
        let joins = |outer: &Axis| {
            let mut steps = outer.steps.iter().zip(&axis.steps);
            steps.all(|(&outer, &inner)| (inner as u64).checked_mul(axis.size) == Some(outer as u64))
        };
        match merged.last_mut() {
            // The product was checked with that of all axes; a tensor with an axis of size 0 is never walked.
            Some(outer) if joins(outer) => {
                outer.size = outer.size.saturating_mul(axis.size);
                outer.steps = axis.steps;
            }
            _ => merged.push(axis),
        }
    }
    merged
}

/// A place in the tensor and where it leads in each factor.
struct Walk<'a, C> {
    axes: &'a [Axis],
    factors: &'a [Vec<C>],
    /// The position on each axis.
    position: Vec<u64>,
    /// The index into each factor.
    at: Vec<usize>,
}

impl<'a, C: Coefficient> Walk<'a, C> {
    /// The place of the element `index`, which exists.
    fn new(axes: &'a [Axis], factors: &'a [Vec<C>], mut index: u64) -> Self {
        let mut at = vec![0; factors.len()];
        let mut position = vec![0; axes.len()];
        for (position, axis) in position.iter_mut().zip(axes).rev() {
            *position = index % axis.size;
            index /= axis.size;
            for (at, step) in at.iter_mut().zip(&axis.steps) {
                // Smaller than the length of the factor, as was checked.
                *at += step * *position as usize;
            }
        }
        Self { axes, factors, position, at }
    }

    /// How many elements are left on the innermost axis, and their common coefficient if they have one.
    fn run(&self) -> (usize, Option<C>) {
        let (Some(axis), Some(position)) = (self.axes.last(), self.position.last()) else {
            return (1, Some(self.outer()));
        };
        let left = usize::try_from(axis.size - position).unwrap_or(usize::MAX);
        let common = axis.steps.iter().all(|&step| step == 0);
        (left, common.then(|| self.outer()))
    }

    fn outer(&self) -> C {
        let factors = self.factors.iter().zip(&self.at);
        factors.fold(C::ONE, |product, (factor, &at)| product * factor.get(at).copied().unwrap_or(C::ONE))
    }

    /// Moves on by at most what is left on the innermost axis.
    fn advance(&mut self, count: usize) {
        let mut count = count as u64;
        for (axis, position) in self.axes.iter().zip(&mut self.position).rev() {
            *position += count;
            for (at, &step) in self.at.iter_mut().zip(&axis.steps) {
                *at += step * count as usize;
            }
            if *position < axis.size {
                return;
            }
            *position = 0;
            for (at, &step) in self.at.iter_mut().zip(&axis.steps) {
                *at -= step * axis.size as usize;
            }
            count = 1;
        }
    }

    /// Writes the coefficients of the next elements and moves past them.
    fn coefficients(&mut self, mut out: &mut [C]) {
        while !out.is_empty() {
            let (run, common) = self.run();
            let (now, later) = out.split_at_mut(run.min(out.len()));
            match (common, self.axes.last()) {
                (None, Some(axis)) => self.along(axis, now),
                (common, _) => now.fill(common.unwrap_or(C::ONE)),
            }
            self.advance(now.len());
            out = later;
        }
    }

    /// Writes the coefficients of the next elements along the innermost axis.
    fn along(&self, axis: &Axis, out: &mut [C]) {
        out.fill(C::ONE);
        for ((factor, &at), &step) in self.factors.iter().zip(&self.at).zip(&axis.steps) {
            let factor = factor.get(at..).unwrap_or_default();
            match step {
                0 => {
                    let common = factor.first().copied().unwrap_or(C::ONE);
                    out.iter_mut().for_each(|out| *out *= common);
                }
                1 => out.iter_mut().zip(factor).for_each(|(out, factor)| *out *= *factor),
                _ => out.iter_mut().zip(factor.iter().step_by(step)).for_each(|(out, factor)| *out *= *factor),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
