//! The law of normalisations: `y = core(x)·gamma + beta`, where the core computes its statistics from its input.
//!
//! A map behind: `s·y + t` has `s·gamma` and `s·beta + t`. Before: the mean takes a shift away that is the same wherever one
//! mean is taken, and so it vanishes; a scale does not, because of ε beside the variance.

use super::mix::apply;
use super::{Array, Constants, Parameter, Port, Reason, Step};
use crate::double_double::DoubleDouble;
use crate::map::{Affine, Placed};

/// A normalisation with constant scale and bias.
#[derive(Clone, Debug, PartialEq)]
pub struct Tail {
    /// The input that is the scale.
    pub scale: usize,
    /// The input that is the bias, and whether something is there; `None` if the operator has none.
    pub bias: Option<(usize, bool)>,
    /// Whether the bias may be left out.
    pub optional: bool,
    /// How many axes the scale has at most, counted from `first`.
    pub rank: usize,
    /// The axis of the value with which the scale's first axis aligns.
    pub first: usize,
    /// How many neighbouring channels share one number of the scale.
    pub shared: usize,
    /// Which shifts before the node its statistics take away.
    pub sees: Sees,
}

/// Which shifts a normalisation does not see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sees {
    /// Every shift: there is no mean, or it is an output.
    All,
    /// Those along axes from this one on.
    From(usize),
    /// Those along axes other than batch and channels, and those that differ within a group of so many channels.
    Within(usize),
}

impl Tail {
    pub(super) fn push(&self, constants: &dyn Constants, at: Port, map: &Placed) -> Result<Step, Reason> {
        match at {
            Port::Output(_) => self.behind(constants, map),
            Port::Input(0) => self.before(map),
            Port::Input(_) => Err(Reason::UnknownOperator),
        }
    }

    /// What the node does to each channel behind its core, where that is a map along one axis.
    ///
    /// # Errors
    /// Why it is none.
    pub fn map(&self, constants: &dyn Constants) -> Result<Placed, Reason> {
        let scale = self.along(&constants.array(self.scale)?)?;
        let zero = (None, vec![DoubleDouble::ZERO]);
        let shift = match self.bias {
            Some((input, true)) => self.along(&constants.array(input)?)?,
            _ => zero,
        };
        let axis = match (scale.0, shift.0) {
            (Some(one), Some(two)) if one != two => return Err(Reason::PerElement),
            (one, two) => one.or(two),
        };
        let count = scale.1.len().max(shift.1.len());
        let all = |values: Vec<DoubleDouble>| if values.len() == 1 { vec![values[0]; count] } else { values };
        let (scale, shift) = (all(scale.1), all(shift.1));
        let map = if scale.len() == shift.len() { Affine::new(scale, shift) } else { return Err(Reason::PerElement) };
        Ok(Placed::of(axis, map))
    }

    /// A constant as numbers along one axis of the value.
    fn along(&self, array: &Array) -> Result<(Option<usize>, Vec<DoubleDouble>), Reason> {
        if let [one] = array.values[..] {
            return Ok((None, vec![one]));
        }
        let mut long = array.dims.iter().rev().enumerate().filter(|(_, size)| **size != 1);
        let (Some((back, _)), None) = (long.next(), long.next()) else { return Err(Reason::PerElement) };
        let axis = self.rank.checked_sub(back + 1).ok_or(Reason::Attribute)? + self.first;
        Ok((Some(axis), array.values.iter().flat_map(|value| vec![*value; self.shared]).collect()))
    }

    /// What is left of the node's constants where its map goes elsewhere, but for a shift: what is put at inputs, and the input
    /// that it does without.
    ///
    /// # Errors
    /// There is no place for the shift.
    pub fn rest(&self, constants: &dyn Constants, shift: &[DoubleDouble]) -> Result<(Vec<Parameter>, Option<usize>), Reason> {
        let scale = constants.array(self.scale)?;
        let ones = Array { values: vec![DoubleDouble::ONE; scale.values.len()], dims: scale.dims };
        let mut parameters = vec![Parameter::Replace { input: self.scale, value: ones }];
        let none = shift.iter().all(|term| *term == 0.0);
        match self.bias {
            Some((input, true)) if none && self.optional => return Ok((parameters, Some(input))),
            Some((input, true)) => {
                let bias = constants.array(input)?;
                let values: Vec<DoubleDouble> = shift.iter().step_by(self.shared.max(1)).copied().collect();
                let values = match (values.len(), bias.values.len()) {
                    (one, count) if one == count => values,
                    (1, count) => vec![values[0]; count],
                    _ => return Err(Reason::PerElement),
                };
                parameters.push(Parameter::Replace { input, value: Array { dims: bias.dims, values } });
            }
            _ if none => {}
            _ => return Err(Reason::NoBias),
        }
        Ok((parameters, None))
    }

    fn behind(&self, constants: &dyn Constants, map: &Placed) -> Result<Step, Reason> {
        let axis = match map.axis {
            None => self.rank.saturating_sub(1),
            Some(axis) => axis.checked_sub(self.first).filter(|axis| *axis < self.rank).ok_or(Reason::OtherAxis)?,
        };
        let shared = one_of_each(&map.map, if map.axis.is_some() { self.shared } else { 1 })?;
        let mut parameters = Vec::new();
        if !shared.has_no_scale() {
            let factor = Affine::new(shared.scale.clone(), vec![DoubleDouble::ZERO]);
            let value = self.apply(&constants.array(self.scale)?, &factor, axis)?;
            parameters.push(Parameter::Replace { input: self.scale, value });
        }
        match self.bias {
            Some((input, true)) => {
                let value = self.apply(&constants.array(input)?, &shared, axis)?;
                parameters.push(Parameter::Replace { input, value });
            }
            _ if shared.has_no_shift() => {}
            Some((input, false)) => {
                let scale = constants.array(self.scale)?;
                let none = Array { values: vec![DoubleDouble::ZERO; scale.values.len()], dims: scale.dims };
                parameters.push(Parameter::Replace { input, value: self.apply(&none, &shared, axis)? });
            }
            None => return Err(Reason::NoBias),
        }
        Ok(Step { parameters, ..Step::default() })
    }

    /// The map applied to scale or bias, whose shape stays: runtimes do not broadcast them.
    fn apply(&self, old: &Array, map: &Affine, axis: usize) -> Result<Array, Reason> {
        if old.values.iter().any(|v| !v.is_finite()) {
            return Err(Reason::NonFinite);
        }
        if map.len() == 1 {
            let values = old.values.iter().map(|v| map.scale[0] * *v + map.shift[0]).collect();
            return Ok(Array { dims: old.dims.clone(), values });
        }
        let new = apply(old, map, self.rank, axis)?;
        if new.dims == old.dims { Ok(new) } else { Err(Reason::OtherAxis) }
    }

    fn before(&self, map: &Placed) -> Result<Step, Reason> {
        if !map.map.has_no_scale() {
            return Err(Reason::StatisticsOfScale);
        }
        match (self.sees, map.axis) {
            (Sees::All, _) => Err(Reason::OtherAxis),
            (_, None) => Ok(Step::default()),
            (Sees::From(first), Some(axis)) if axis < first => Ok(Step::default()),
            (Sees::Within(_), Some(0)) => Ok(Step::default()),
            (Sees::Within(size), Some(1)) => one_of_each(&map.map, size).map(|_| Step::default()),
            _ => Err(Reason::OtherAxis),
        }
    }
}

/// One pair of coefficients for each run of `size` channels, which must agree.
fn one_of_each(map: &Affine, size: usize) -> Result<Affine, Reason> {
    if size == 0 || !map.len().is_multiple_of(size) {
        return Err(Reason::OtherAxis);
    }
    let agree = |values: &[DoubleDouble]| values.chunks(size).all(|run| run.iter().all(|v| *v == run[0]));
    if !agree(&map.scale) || !agree(&map.shift) {
        return Err(Reason::OtherAxis);
    }
    let first = |values: &[DoubleDouble]| values.chunks(size).map(|run| run[0]).collect();
    Ok(Affine { scale: first(&map.scale), shift: first(&map.shift) })
}
