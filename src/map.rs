//! What is moved: a map `y = scale[c]·x + shift[c]` along one axis of a value.
//!
//! A BatchNormalization is such a map, and so is a Mul, Add, Sub or Div by a constant. Coefficients have twice the digits
//! of a double until a fold is written. This module knows nothing of ONNX.

use crate::double_double::DoubleDouble;

/// A map with more channels is none: a file of some bytes can claim any number of them.
pub const MOST_CHANNELS: usize = 1 << 20;

/// Coefficients of an affine map, one pair per channel, or a single pair for all elements.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// The factors.
    pub scale: Vec<DoubleDouble>,
    /// The terms; as many as factors.
    pub shift: Vec<DoubleDouble>,
}

/// A map and the axis of the value along which its coefficients run.
#[derive(Clone, Debug, PartialEq)]
pub struct Placed {
    /// The axis; `None` means that one pair holds for all elements.
    pub axis: Option<usize>,
    /// The coefficients.
    pub map: Affine,
    /// Further axes behind the first, with their extents, where coefficients differ along several: row-major, axes in order.
    pub beside: Vec<(usize, u64)>,
}

impl Affine {
    /// The map with one pair of coefficients.
    pub fn uniform(scale: impl Into<DoubleDouble>, shift: impl Into<DoubleDouble>) -> Self {
        Affine { scale: vec![scale.into()], shift: vec![shift.into()] }
    }

    /// Pairs the coefficients, repeating a list of one.
    pub fn new(scale: Vec<DoubleDouble>, shift: Vec<DoubleDouble>) -> Self {
        let count = scale.len().max(shift.len());
        Affine { scale: stretch(&scale, count), shift: stretch(&shift, count) }
    }

    /// The number of channels; one for a uniform map.
    pub fn len(&self) -> usize {
        self.scale.len()
    }

    /// Whether there is no channel at all.
    pub fn is_empty(&self) -> bool {
        self.scale.is_empty()
    }

    /// The map `self ∘ inner`: first `inner`, then `self`. Lengths are equal or one.
    pub fn after(&self, inner: &Affine) -> Affine {
        let count = self.len().max(inner.len());
        let (s, t) = (stretch(&self.scale, count), stretch(&self.shift, count));
        let (u, v) = (stretch(&inner.scale, count), stretch(&inner.shift, count));
        Affine {
            scale: s.iter().zip(&u).map(|(s, u)| *s * *u).collect(),
            shift: (0..count).map(|c| s[c] * v[c] + t[c]).collect(),
        }
    }

    /// Whether every coefficient is a finite number.
    pub fn is_finite(&self) -> bool {
        self.scale.iter().chain(&self.shift).all(|c| c.is_finite())
    }

    /// Whether nothing is scaled and nothing shifted.
    pub fn is_identity(&self) -> bool {
        self.has_no_scale() && self.has_no_shift()
    }

    /// Whether no channel is shifted.
    pub fn has_no_shift(&self) -> bool {
        self.shift.iter().all(|t| *t == 0.0)
    }

    /// Whether no channel is scaled.
    pub fn has_no_scale(&self) -> bool {
        self.scale.iter().all(|s| s.is_one())
    }

    /// The coefficients for `count` channels, or `None` if the map has another number of them, or there are too many.
    pub fn expand(&self, count: usize) -> Option<Affine> {
        (self.len() == count || self.len() == 1 && count <= MOST_CHANNELS)
            .then(|| Affine { scale: stretch(&self.scale, count), shift: stretch(&self.shift, count) })
    }
}

impl Placed {
    /// A map along one axis, or the same for all elements.
    pub fn of(axis: Option<usize>, map: Affine) -> Self {
        Placed { axis, map, beside: vec![] }
    }

    /// A map with the same pair for all elements.
    pub fn uniform(scale: impl Into<DoubleDouble>, shift: impl Into<DoubleDouble>) -> Self {
        Placed::of(None, Affine::uniform(scale, shift))
    }

    /// Whether both have the same coefficients everywhere.
    pub fn is_same(&self, other: &Placed) -> bool {
        let count = self.map.len().max(other.map.len());
        let same = self.axis == other.axis && self.beside == other.beside;
        let one_axis = same || self.axis.is_none() || other.axis.is_none();
        one_axis && self.map.expand(count).is_some_and(|map| other.map.expand(count) == Some(map))
    }

    /// The map `self ∘ inner`, or `None` where the two run along different axes.
    pub fn after(&self, inner: &Placed) -> Option<Placed> {
        let axis = match (self.axis, inner.axis) {
            (Some(a), Some(b)) if a != b || self.map.len() != inner.map.len() || self.beside != inner.beside => return None,
            (a, b) => a.or(b),
        };
        let beside = if self.beside.is_empty() { &inner.beside } else { &self.beside };
        Some(Placed { axis, map: self.map.after(&inner.map), beside: beside.clone() })
    }
}

fn stretch(values: &[DoubleDouble], count: usize) -> Vec<DoubleDouble> {
    if values.len() == 1 { vec![values[0]; count] } else { values.to_vec() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double_double::exactly;

    #[test]
    fn composition_applies_the_inner_map_first() {
        let outer = Placed::of(Some(1), Affine::new(exactly(&[2.0, 3.0]), exactly(&[1.0, -1.0])));
        let inner = Placed::uniform(4.0, 0.5);
        let both = outer.after(&inner).expect("axes agree");
        assert_eq!(both, Placed::of(Some(1), Affine::new(exactly(&[8.0, 12.0]), exactly(&[2.0, 0.5]))));
        let elsewhere = Placed { axis: Some(2), ..outer.clone() };
        assert_eq!(elsewhere.after(&outer), None);
    }

    #[test]
    fn a_uniform_map_expands_to_any_number_of_channels() {
        assert_eq!(Affine::uniform(2.0, 1.0).expand(3), Some(Affine::new(exactly(&[2.0; 3]), exactly(&[1.0; 3]))));
        assert_eq!(Affine::new(exactly(&[1.0, 2.0]), exactly(&[0.0])).expand(3), None);
        assert_eq!(Affine::uniform(2.0, 1.0).expand(usize::MAX), None, "no memory is taken for it");
        assert!(Affine::new(vec![], vec![]).is_empty() && !Affine::uniform(2.0, 1.0).is_empty());
    }
}
