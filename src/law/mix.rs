//! The law of linear operators: `y[o] = gain · Σ W[o,i,k] · x[i] + bias_gain · b[o]`.
//!
//! Conv, ConvTranspose, Gemm and MatMul differ in how the axes of their weight are labelled and in where a bias may stand;
//! the algebra is the same.
//!
//! A map behind: `s·y + t` has the weight `s[o]·W` and the bias `s·bias_gain·b + t`. A map before: `W·(s·x + t)` has the weight
//! `W·s[i]` and the bias `bias_gain·b + gain·Σ W·t`; where there is no place for a bias, that term goes on behind the operator.

use super::{Array, Constants, Lane, Parameter, Port, Reason, Step};
use crate::double_double::DoubleDouble;
use crate::map::{Affine, Placed};

/// A label for an axis of a weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The group; channels of both sides count through the groups.
    Group,
    /// The output channel within its group.
    Out,
    /// The input channel within its group.
    In,
    /// Summed over, with no channel: the taps of a kernel.
    Sum,
    /// Neither: the batch of a stacked weight.
    Free,
}

/// Where a bias stands or may stand.
#[derive(Clone, Debug, PartialEq)]
pub enum Bias {
    /// At an input, connected or not.
    Input {
        /// Its number.
        input: usize,
        /// Whether something is there.
        present: bool,
        /// The factor that the operator applies to it, and the attribute that says so.
        gain: (f64, Option<&'static str>),
        /// The rank to which the bias aligns on the right.
        rank: usize,
        /// The axis of that rank along which output channels run.
        axis: usize,
    },
    /// Nowhere, but another operator that reads the same inputs would have a place for it, of rank 2.
    Becoming {
        /// The operator.
        operator: &'static str,
        /// The input that is the place.
        input: usize,
        /// The axis along which output channels run.
        axis: usize,
    },
    /// In the first columns of each row of a matrix; what stands beside them are other biases.
    Rows {
        /// The input.
        input: usize,
        /// Whether something is there.
        present: bool,
        /// How many rows there are.
        rows: usize,
        /// How many columns there are; half of them are the bias.
        columns: usize,
    },
    /// Nowhere.
    None,
    /// Nowhere, although the operator has a place, because who runs it may not.
    Barred,
}

/// A linear operator with constant weight.
#[derive(Clone, Debug, PartialEq)]
pub struct Mix {
    /// The input that is the weight.
    pub weight: usize,
    /// The input that is mixed.
    pub data: usize,
    /// Label and extent of each axis of the weight, row-major; an axis that holds two labels is split in two.
    pub axes: Vec<(Role, u64)>,
    /// The axis of the output along which output channels run, or why it is not known.
    pub out_axis: Result<usize, Reason>,
    /// The axis of the data input along which input channels run, or why it is not known.
    pub in_axis: Result<usize, Reason>,
    /// The factor that the operator applies to the product.
    pub gain: f64,
    /// The place of the bias.
    pub bias: Bias,
    /// Whether a shift of the input reaches all outputs alike, or why not.
    pub shift_in: Result<(), Reason>,
    /// Whether the products and nothing else are the output, or why a map behind does not reach them.
    pub behind: Result<(), Reason>,
    /// Axes of the data input that the weight does not touch: a scale passes along them.
    pub beside: Vec<Lane>,
}

impl Mix {
    /// The number of channels with a label, groups counted through.
    pub fn channels(&self, label: Role) -> usize {
        let product =
            self.axes.iter().filter(|(role, _)| *role == label || *role == Role::Group).map(|(_, size)| *size).product::<u64>();
        usize::try_from(product).unwrap_or(usize::MAX)
    }

    pub(super) fn push(&self, constants: &dyn Constants, at: Port, map: &Placed) -> Result<Step, Reason> {
        // A weight without elements takes a scale in without a trace, and what is left of the map cannot be held against it.
        if self.axes.iter().any(|(_, extent)| *extent == 0) {
            return Err(Reason::Attribute);
        }
        match at {
            Port::Output(_) => {
                self.behind?;
                let lane = self.beside.iter().find(|lane| Some(lane.output) == map.axis);
                if let Some(lane) = lane.filter(|_| self.out_axis.ok() != map.axis) {
                    return self.past(Port::Input(self.data), lane.input, map);
                }
                let map = along(map, &self.out_axis, self.channels(Role::Out))?;
                let mut step = Step::default();
                self.scale(&mut step, Role::Out, &map);
                self.rebias(&mut step, constants, &map)?;
                Ok(step)
            }
            Port::Input(input) if input == self.data => {
                let lane = self.beside.iter().find(|lane| Some(lane.input) == map.axis);
                if let Some(lane) = lane.filter(|_| self.in_axis.ok() != map.axis) {
                    return self.past(Port::Output(0), lane.output, map);
                }
                let map = along(map, &self.in_axis, self.channels(Role::In))?;
                let mut step = Step::default();
                if !map.has_no_shift() {
                    self.shift_in?;
                    let sums = constants.contract(self.weight, &self.axes, &map.shift)?;
                    let term = sums.iter().map(|sum| DoubleDouble::new(self.gain) * *sum).collect();
                    let term = Affine::new(vec![DoubleDouble::ONE], term);
                    match (&self.bias, self.out_axis) {
                        // What a bias would have held goes on to a constant that is added behind.
                        (bias @ (Bias::None | Bias::Barred), Ok(axis)) => {
                            step.moves.push((Port::Output(0), Placed::of(Some(axis), term)));
                            step.lacks = Some(if *bias == Bias::None { Reason::NoBias } else { Reason::ProductWithTerm });
                        }
                        _ => self.rebias(&mut step, constants, &term)?,
                    }
                }
                self.scale(&mut step, Role::In, &map);
                Ok(step)
            }
            Port::Input(_) => Err(Reason::UnknownOperator),
        }
    }

    /// A scale along an axis that the weight does not touch: `W·(s·x) = s·(W·x)`.
    fn past(&self, port: Port, axis: usize, map: &Placed) -> Result<Step, Reason> {
        let alone = matches!(self.bias, Bias::None | Bias::Barred | Bias::Becoming { .. });
        if !alone || !map.map.has_no_shift() {
            return Err(Reason::OtherAxis);
        }
        Ok(Step { moves: vec![(port, Placed::of(Some(axis), map.map.clone()))], ..Step::default() })
    }

    fn scale(&self, step: &mut Step, label: Role, map: &Affine) {
        if !map.has_no_scale() {
            let (input, axes) = (self.weight, self.axes.clone());
            step.parameters.push(Parameter::Scale { input, axes, label, factor: map.scale.clone() });
        }
    }

    /// The bias `scale·bias_gain·b + shift`.
    fn rebias(&self, step: &mut Step, constants: &dyn Constants, map: &Affine) -> Result<(), Reason> {
        match &self.bias {
            Bias::Input { input, present: true, gain, rank, axis } => {
                let old = constants.array(*input)?;
                if old.values.iter().any(|b| !b.is_finite()) {
                    return Err(Reason::NonFinite);
                }
                if gain.0 == 1.0 && map.has_no_scale() && map.has_no_shift() {
                    return Ok(());
                }
                let own = Affine::uniform(gain.0, 0.0);
                let value = apply(&old, &map.after(&own), *rank, *axis)?;
                step.parameters.push(Parameter::Replace { input: *input, value });
                step.parameters.extend(gain.1.filter(|_| gain.0 != 1.0).map(Parameter::Drop));
            }
            _ if map.has_no_shift() => {}
            Bias::Input { input, rank, axis, gain, .. } => {
                step.parameters.push(Parameter::Replace { input: *input, value: column(&map.shift, *rank, *axis) });
                step.parameters.extend(gain.1.filter(|_| gain.0 != 1.0).map(Parameter::Drop));
            }
            Bias::Becoming { operator, input, axis } => {
                step.parameters.push(Parameter::Become(operator));
                step.parameters.push(Parameter::Replace { input: *input, value: column(&map.shift, 2, *axis) });
            }
            Bias::Rows { input, present, rows, columns } => {
                let dims = vec![*rows as u64, *columns as u64];
                let fresh = || Ok(Array { dims: dims.clone(), values: vec![DoubleDouble::ZERO; rows * columns] });
                let mut value = if *present { constants.array(*input)? } else { fresh()? };
                if value.dims != dims || columns / 2 * rows != map.len() {
                    return Err(Reason::Attribute);
                }
                for (row, terms) in value.values.chunks_mut(*columns).zip(map.shift.chunks((columns / 2).max(1))) {
                    row.iter_mut().zip(terms).for_each(|(bias, term)| *bias += *term);
                }
                step.parameters.push(Parameter::Replace { input: *input, value });
            }
            Bias::None => return Err(Reason::NoBias),
            Bias::Barred => return Err(Reason::ProductWithTerm),
        }
        Ok(())
    }
}

/// The coefficients for the channels of an axis.
fn along(map: &Placed, axis: &Result<usize, Reason>, channels: usize) -> Result<Affine, Reason> {
    match map.axis {
        None => {}
        Some(at) if at == (*axis)? => {}
        Some(_) => return Err(Reason::OtherAxis),
    }
    if map.axis.is_some() && map.map.len() != channels {
        return Err(Reason::InvalidStatistics);
    }
    map.map.expand(channels).ok_or(Reason::InvalidStatistics)
}

/// One number per channel as a tensor that aligns on the right with a value of rank `rank`.
fn column(values: &[DoubleDouble], rank: usize, axis: usize) -> Array {
    let mut dims = vec![values.len() as u64];
    dims.resize(rank.saturating_sub(axis).max(1), 1);
    Array { dims, values: values.to_vec() }
}

/// A bias is not spelt out to more elements than these.
const MOST_BIAS: usize = 1 << 24;

/// `map` applied to a bias that broadcasts on the right to a value of rank `rank`; its channel axis is spelt out.
///
/// # Errors
/// The bias does not broadcast to it.
pub fn apply(old: &Array, map: &Affine, rank: usize, axis: usize) -> Result<Array, Reason> {
    let mut dims = old.dims.clone();
    while dims.len() < rank - axis {
        dims.insert(0, 1);
    }
    let at = (dims.len() + axis).checked_sub(rank).ok_or(Reason::UnknownShape)?;
    let count = map.len();
    let (own, inner) = (dims[at] as usize, dims[at + 1..].iter().product::<u64>() as usize);
    if own != 1 && own != count {
        return Err(Reason::UnknownShape);
    }
    dims[at] = count as u64;
    // A row for each of many channels can be more than any file has.
    if own != count && old.values.len().saturating_mul(count) > MOST_BIAS {
        return Err(Reason::ConstantForm);
    }
    let outer = dims[..at].iter().product::<u64>() as usize;
    let mut values = Vec::with_capacity(outer * count * inner);
    for o in 0..outer {
        for c in 0..count {
            for i in 0..inner {
                let from = (o * own + if own == 1 { 0 } else { c }) * inner + i;
                let value = old.values.get(from).copied().ok_or(Reason::ConstantForm)?;
                values.push(map.scale[c] * value + map.shift[c]);
            }
        }
    }
    Ok(Array { dims, values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double_double::exactly;

    #[test]
    fn a_bias_of_any_shape_gets_its_channel_axis_spelt_out() {
        let map = Affine::new(exactly(&[2.0, 4.0, 8.0]), exactly(&[1.0, 0.0, -1.0]));
        let scalar = Array { dims: vec![], values: exactly(&[0.5]) };
        assert_eq!(apply(&scalar, &map, 2, 1), Ok(Array { dims: vec![3], values: exactly(&[2.0, 2.0, 3.0]) }));
        let rows = Array { dims: vec![2, 1], values: exactly(&[1.0, 3.0]) };
        let full = Array { dims: vec![2, 3], values: exactly(&[3.0, 4.0, 7.0, 7.0, 12.0, 23.0]) };
        assert_eq!(apply(&rows, &map, 2, 1), Ok(full));
        assert_eq!(apply(&Array { dims: vec![2], values: exactly(&[1.0, 2.0]) }, &map, 2, 1), Err(Reason::UnknownShape));
        let left = apply(&scalar, &map, 2, 0);
        assert_eq!(left, Ok(Array { dims: vec![3, 1], values: exactly(&[2.0, 2.0, 3.0]) }));
    }
}
