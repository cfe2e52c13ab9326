//! The law of operators that are themselves affine maps by constants: they merge with a map that arrives, as far as their
//! constants have room for it, and hand on the rest.

use super::{Array, Parameter, Port, Reason, Step};
use crate::double_double::DoubleDouble;
use crate::map::{Affine, Placed};

/// An operator that is an affine map of one input.
#[derive(Clone, Debug, PartialEq)]
pub struct Map {
    /// The input that it maps.
    pub data: usize,
    /// The map.
    pub placed: Placed,
    /// How its constants hold the map.
    pub host: Host,
}

/// How an operator's constants hold its map, which decides what other maps it can take in.
#[derive(Clone, Debug, PartialEq)]
pub enum Host {
    /// BatchNormalization: `scale` and `bias` are free, the deviation `√(variance + ε)` stays, and so does the mean, unless what a scale
    /// before it makes of it would have to cancel in the bias.
    Statistics {
        /// The input `scale`.
        scale: usize,
        /// The input `B`.
        bias: usize,
        /// The input `mean`.
        center: usize,
        /// The mean of each channel.
        mean: Vec<DoubleDouble>,
        /// The deviation of each channel.
        deviation: Vec<DoubleDouble>,
    },
    /// Mul and Div: room for a scale.
    Factor {
        /// The constant's input.
        input: usize,
        /// Its shape.
        dims: Vec<u64>,
        /// The rank of the value, if known.
        rank: Option<usize>,
        /// Whether the constant divides.
        divides: bool,
    },
    /// Add and Sub: room for a shift.
    Term {
        /// The constant's input.
        input: usize,
        /// Its shape.
        dims: Vec<u64>,
        /// The rank of the value, if known.
        rank: Option<usize>,
        /// The factor of the constant: −1 in `x − c`.
        sign: DoubleDouble,
    },
}

/// A shift that is taken in, and where the scale goes on.
type Split = (Vec<DoubleDouble>, Vec<(Port, Placed)>);

impl Map {
    pub(super) fn push(&self, at: Port, map: &Placed) -> Result<Step, Reason> {
        let total = match at {
            Port::Output(_) => map.after(&self.placed),
            Port::Input(input) if input == self.data => self.placed.after(map),
            Port::Input(_) => return Err(Reason::UnknownOperator),
        };
        let total = total.ok_or(Reason::OtherAxis)?;
        if !total.map.is_finite() {
            return Err(Reason::NonFinite);
        }
        match &self.host {
            Host::Statistics { scale, bias, center, mean, deviation } => {
                let new = total.map.expand(mean.len()).ok_or(Reason::OtherAxis)?;
                let replaced = |input: usize, values: Vec<DoubleDouble>| Parameter::Replace {
                    input,
                    value: Array { dims: vec![mean.len() as u64], values },
                };
                let factors = new.scale.iter().zip(deviation).map(|(factor, deviation)| *factor * *deviation);
                let mut parameters = vec![replaced(*scale, factors.collect())];
                if matches!(at, Port::Output(_)) || map.map.has_no_scale() {
                    let terms = (0..mean.len()).map(|c| new.shift[c] + mean[c] * new.scale[c]);
                    parameters.push(replaced(*bias, terms.collect()));
                } else {
                    parameters.push(replaced(*bias, new.shift));
                    parameters.push(replaced(*center, vec![DoubleDouble::ZERO; mean.len()]));
                }
                Ok(Step { parameters, ..Step::default() })
            }
            Host::Factor { input, dims, rank, divides } => {
                let mut step = Step::default();
                if !map.map.has_no_shift() {
                    // `own·(a·x + b) = own·a·x + own·b`: what is added goes on.
                    let (Port::Input(_), shift) = (at, &total.map.shift) else { return Err(Reason::ShiftThroughScale) };
                    let term = Affine::new(vec![DoubleDouble::ONE], shift.clone());
                    step.moves.push((Port::Output(0), Placed::of(total.axis, term)));
                    step.lacks = Some(Reason::ShiftThroughScale);
                }
                if map.map.has_no_scale() {
                    return Ok(step);
                }
                let mut values = total.map.scale.clone();
                if *divides {
                    values.iter_mut().for_each(|v| *v = DoubleDouble::ONE / *v);
                }
                if values.iter().any(|v| !v.is_finite()) {
                    return Err(Reason::ZeroScale);
                }
                let value = Array { dims: shape(dims, *rank, &total)?, values };
                step.parameters.push(Parameter::Replace { input: *input, value });
                Ok(step)
            }
            Host::Term { input, dims, rank, sign } => {
                let (terms, moves) = self.split(at, map, &total)?;
                let terms = terms.iter().map(|t| *t * *sign).collect();
                let value = Array { dims: shape(dims, *rank, &total)?, values: terms };
                Ok(Step { parameters: vec![Parameter::Replace { input: *input, value }], moves, ..Step::default() })
            }
        }
    }

    /// An operator with room for a shift alone, `own·x + c` where `own` is ±1: what the shift becomes, and where the scale of
    /// the arriving map goes on. Behind: `a·(own·x + c) + b = own·(a·x) + (a·c + b)`.
    /// Before: `own·(a·x + b) + c = a·(own·x + (own·b + c)/a)`.
    fn split(&self, at: Port, map: &Placed, total: &Placed) -> Result<Split, Reason> {
        let scale = Placed::of(map.axis, Affine::new(map.map.scale.clone(), vec![DoubleDouble::ZERO]));
        if map.map.has_no_scale() {
            return Ok((total.map.shift.clone(), vec![]));
        }
        match at {
            Port::Output(_) => Ok((total.map.shift.clone(), vec![(Port::Input(self.data), scale)])),
            Port::Input(_) => {
                if map.map.scale.iter().any(|s| *s == 0.0) {
                    return Err(Reason::ZeroScale);
                }
                let factors = map.map.expand(total.map.len()).ok_or(Reason::OtherAxis)?.scale;
                let terms = total.map.shift.iter().zip(&factors).map(|(t, a)| *t / *a).collect();
                Ok((terms, vec![(Port::Output(0), scale)]))
            }
        }
    }
}

/// The shape of a constant that holds `total`: its own, unless it was one number and must become one per channel.
fn shape(dims: &[u64], rank: Option<usize>, total: &Placed) -> Result<Vec<u64>, Reason> {
    let count = dims.iter().product::<u64>();
    if count == total.map.len() as u64 {
        return Ok(dims.to_vec());
    }
    let (Some(axis), Some(rank)) = (total.axis, rank) else { return Err(Reason::UnknownShape) };
    let mut shape = vec![total.map.len() as u64];
    shape.resize(rank.checked_sub(axis).ok_or(Reason::UnknownShape)?, 1);
    Ok(shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::double_double::exactly;

    #[test]
    fn a_scale_goes_on_behind_a_term_that_it_divides() {
        let host = Host::Term { input: 1, dims: vec![2, 1], rank: Some(3), sign: DoubleDouble::ONE };
        let placed = Placed::of(Some(1), Affine::new(exactly(&[1.0, 1.0]), exactly(&[3.0, 8.0])));
        let term = Map { data: 0, placed, host };
        let of = |scale: &[f64], shift: &[f64]| Placed::of(Some(1), Affine::new(exactly(scale), exactly(shift)));
        let value =
            |values: &[f64]| vec![Parameter::Replace { input: 1, value: Array { dims: vec![2, 1], values: exactly(values) } }];
        let step = term.push(Port::Input(0), &of(&[2.0, 4.0], &[1.0, 0.0])).unwrap();
        assert_eq!(step.parameters, value(&[2.0, 2.0]));
        assert_eq!(step.moves, [(Port::Output(0), of(&[2.0, 4.0], &[0.0, 0.0]))]);
        let step = term.push(Port::Output(0), &of(&[2.0, 4.0], &[1.0, 0.0])).unwrap();
        assert_eq!(step.parameters, value(&[7.0, 32.0]));
        assert_eq!(step.moves, [(Port::Input(0), of(&[2.0, 4.0], &[0.0, 0.0]))]);
        assert_eq!(term.push(Port::Input(0), &of(&[2.0, 0.0], &[1.0, 0.0])), Err(Reason::ZeroScale));
        assert_eq!(term.push(Port::Input(1), &of(&[2.0, 4.0], &[1.0, 0.0])), Err(Reason::UnknownOperator));
    }
}
