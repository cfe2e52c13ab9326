//! What operators know about maps, as values, and the one function that does the algebra for all of them in both directions.
//!
//! A map arrives at a port of a node. "Backward" and "forward" are only the port: [`Port::Output`] when the map stands behind
//! the node, [`Port::Input`] when it stands before it. A law sees facts, never the graph.

mod affine;
mod carry;
mod cut;
mod fill;
mod joint;
mod mix;
mod reason;
mod table;
mod tail;

pub use affine::{Host, Map};
pub use carry::{Carry, Lane, Pairs, Passes, Together, Wire};
pub use fill::Fill;
pub use mix::{Bias, Mix, Role, apply};
pub use reason::Reason;
pub use table::Table;
pub use tail::{Sees, Tail};

use crate::double_double::DoubleDouble;
use crate::map::Placed;

/// What an operator knows.
#[derive(Clone, Debug)]
pub enum Law {
    /// The node is an affine map of one input by constants.
    Map(Map),
    /// The node mixes channels by constant weights.
    Mix(Mix),
    /// The node scales and shifts what it has normalised.
    Tail(Tail),
    /// The node hands on rows of a constant.
    Table(Table),
    /// The node hands maps on between its inputs and its outputs.
    Carry(Carry),
}

impl Law {
    /// Whether maps at several inputs, or behind several outputs, may be one beyond the node.
    pub fn joins(&self, at: Port) -> bool {
        let Law::Carry(carry) = self else { return false };
        let apart = carry.together == Together::Cut;
        carry.wires.len() > 1 && carry.together != Together::Product && apart == matches!(at, Port::Output(_))
    }
}

/// Where a map arrives at a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port {
    /// Before the node, at an input.
    Input(usize),
    /// Behind the node, at an output.
    Output(usize),
}

/// Numbers with a shape, small enough to hold.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// The shape.
    pub dims: Vec<u64>,
    /// Row-major elements.
    pub values: Vec<DoubleDouble>,
}

/// A change of a node's constants or attributes.
#[derive(Clone, Debug, PartialEq)]
pub enum Parameter {
    /// Multiply a weight: one factor per channel along the axes with `label`.
    Scale {
        /// The input that is the weight.
        input: usize,
        /// Label and extent of each of its axes, as the law has them.
        axes: Vec<(Role, u64)>,
        /// [`Role::Out`] or [`Role::In`].
        label: Role,
        /// One factor per channel, groups counted through.
        factor: Vec<DoubleDouble>,
    },
    /// Put these numbers at an input in place of what was there, if anything.
    Replace {
        /// The input.
        input: usize,
        /// The numbers.
        value: Array,
    },
    /// Remove an attribute, so that its default holds.
    Drop(&'static str),
    /// Make it another operator that reads the same inputs.
    Become(&'static str),
}

/// What happens when a map is pushed at a port: changes of the node, and maps that go on from other ports.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// Changes of the node.
    pub parameters: Vec<Parameter>,
    /// Where the map goes on.
    pub moves: Vec<(Port, Placed)>,
    /// What the node itself lacks, where something that belongs to it goes on and must be taken in by another.
    pub lacks: Option<Reason>,
}

/// The constants of a node, as a law asks for them.
pub trait Constants {
    /// A constant that is small enough to hold: a bias.
    ///
    /// # Errors
    /// The input is not a readable constant.
    fn array(&self, input: usize) -> Result<Array, Reason>;
    /// `Σ W·shift` over the axes labelled In and Sum, one number per output channel, groups counted through.
    ///
    /// # Errors
    /// The weight is not a readable constant.
    fn contract(&self, input: usize, axes: &[(Role, u64)], shift: &[DoubleDouble]) -> Result<Vec<DoubleDouble>, Reason>;
}

/// Pushes a map at a port of a node: the node computes afterwards what node and map computed together, provided that the
/// map also arrives where `moves` sends it.
///
/// # Errors
/// Why the node cannot take the map there.
pub fn push(law: &Law, constants: &dyn Constants, at: Port, map: &Placed) -> Result<Step, Reason> {
    if !map.map.is_finite() {
        return Err(Reason::NonFinite);
    }
    if !map.beside.is_empty() && !matches!(law, Law::Carry(_)) {
        return Err(Reason::OtherAxis);
    }
    if matches!(at, Port::Output(1..)) && !matches!(law, Law::Carry(_)) {
        return Err(Reason::UnknownOperator);
    }
    match law {
        Law::Map(own) => own.push(at, map),
        Law::Mix(mix) => mix.push(constants, at, map),
        Law::Tail(tail) => tail.push(constants, at, map),
        Law::Table(table) => table.push(constants, at, map),
        Law::Carry(carry) => carry.push(at, map),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_join_where_several_wires_meet() {
        let wires = |count: usize| (0..count).map(|port| Wire::new(port, vec![])).collect::<Vec<_>>();
        let of = |count, together| Law::Carry(Carry::of(wires(count), Passes::ALL, together));
        for (count, together, input, output) in [
            (2, Together::Cut, false, true),
            (1, Together::Cut, false, false),
            (2, Together::Product, false, false),
            (1, Together::Product, false, false),
        ] {
            let law = of(count, together);
            assert_eq!((law.joins(Port::Input(0)), law.joins(Port::Output(0))), (input, output), "{count} {together:?}");
        }
    }
}
