//! The elements of a node's constants, those of the draft first.

use std::ops::{AddAssign, Mul};

use super::View;
use crate::double_double::{DoubleDouble, exactly, nearest};
use crate::error::{Error, ErrorKind, Result};
use crate::law::{Array, Constants, Reason, Role};
use crate::model::node_view::Elements;
use crate::model::{Element, Fault, NodeId, NotConstant, Payload, Tensor, Unreadable};
use crate::ops;
use crate::plan::channels::Channels;
use crate::plan::draft::{DraftTensor, multiply_all};

/// The elements of a node's constants, draft first.
pub(super) struct NodeElements<'v, 'a> {
    pub view: &'v View<'a>,
    pub node: NodeId,
}

impl NodeElements<'_, '_> {
    pub fn tensor(&self, input: usize) -> std::result::Result<&Tensor, Fault> {
        let graph = self.view.graph;
        let value = self.view.draft.input(graph, self.node, input).ok_or(Fault::Unreadable(Unreadable::Missing(input)))?;
        let constant = self.view.constant(value).map_err(|why| Fault::Unreadable(Unreadable::NotConstant(input, why)))?;
        Ok(graph.tensor(constant))
    }

    pub fn reason(&self, fault: Fault) -> Reason {
        match fault {
            Fault::Unreadable(unreadable) => ops::reason(&unreadable),
            Fault::Failed(error) => self.view.fail(error),
        }
    }
}

/// Fails for numbers that runtimes may compute otherwise: integers that floats were rounded to. What they are multiplied with is
/// known all the same.
fn certain(tensor: &Tensor, input: usize) -> std::result::Result<(), Fault> {
    let rounded = tensor.recipe().is_some_and(|recipe| recipe.rounded);
    if rounded { Err(Fault::Unreadable(Unreadable::NotConstant(input, NotConstant::Form))) } else { Ok(()) }
}

/// A computed constant may turn out to have no value, as where an index is outside of the data; that is no fault of the file.
pub(super) fn fault(tensor: &crate::model::Tensor, input: usize, error: Error) -> Fault {
    match (&tensor.payload, error.kind) {
        (Payload::Computed(_), ErrorKind::Tensor) => Fault::Unreadable(Unreadable::NotConstant(input, NotConstant::Form)),
        _ => Fault::Failed(error),
    }
}

impl Elements for NodeElements<'_, '_> {
    fn floats(&self, input: usize) -> std::result::Result<Vec<DoubleDouble>, Fault> {
        match self.view.draft.tensors.get(&(self.node, input)) {
            Some(DraftTensor::Dense { value, .. }) => return Ok(value.values.clone()),
            Some(DraftTensor::Sum(merged)) => return merged.elements(self.view.graph).map_err(Fault::Failed),
            Some(DraftTensor::Factored { .. }) | None => {}
        }
        let tensor = self.tensor(input)?;
        if tensor.element().is_none() {
            return Err(Fault::Unreadable(Unreadable::NotFloat(input)));
        }
        certain(tensor, input)?;
        tensor.floats(self.view.graph.model).map(|values| exactly(&values)).map_err(|error| fault(tensor, input, error))
    }

    fn integers(&self, input: usize) -> std::result::Result<Vec<i64>, Fault> {
        self.tensor(input)?.integers(self.view.graph.model).map_err(|_| Fault::Unreadable(Unreadable::NotFloat(input)))
    }

    fn booleans(&self, input: usize) -> std::result::Result<Vec<bool>, Fault> {
        self.tensor(input)?.booleans(self.view.graph.model).map_err(|_| Fault::Unreadable(Unreadable::NotFloat(input)))
    }

    fn attribute(&self) -> Option<Vec<i64>> {
        self.view.graph.attribute_tensor(self.node)?.integers(self.view.graph.model).ok()
    }
}

impl Constants for NodeElements<'_, '_> {
    fn array(&self, input: usize) -> std::result::Result<Array, Reason> {
        let draft = self.view.draft.tensors.get(&(self.node, input));
        if let Some(DraftTensor::Dense { value, .. }) = draft {
            return Ok(value.clone());
        }
        let dims = self.tensor(input).map_err(|fault| self.reason(fault))?.dims.clone();
        let mut values = self.floats(input).map_err(|fault| self.reason(fault))?;
        if let Some(DraftTensor::Factored { axes, out, input }) = draft {
            multiply_all(&mut values, axes, out, input);
        }
        Ok(Array { dims, values })
    }

    fn contract(
        &self,
        input: usize,
        axes: &[(Role, u64)],
        shift: &[DoubleDouble],
    ) -> std::result::Result<Vec<DoubleDouble>, Reason> {
        let (out, inward) = match self.view.draft.tensors.get(&(self.node, input)) {
            Some(DraftTensor::Factored { out, input, .. }) => (&out[..], &input[..]),
            Some(DraftTensor::Dense { .. }) => return Err(Reason::ConstantForm),
            Some(DraftTensor::Sum(merged)) => return self.view.checked(merged.contract(self.view.graph, shift)),
            None => (&[][..], &[][..]),
        };
        let factor = |factors: &[DoubleDouble], at: usize| factors.get(at).copied().unwrap_or(DoubleDouble::ONE);
        let tensor = self.tensor(input).map_err(|_| Reason::NotConstant)?;
        certain(tensor, input).map_err(|fault| self.reason(fault))?;
        let terms: Vec<DoubleDouble> = shift.iter().enumerate().map(|(i, t)| *t * factor(inward, i)).collect();
        let sums = match tensor.element() {
            Some(Element::F64) => self.sums(tensor, axes, &terms),
            // The digits of a double are enough for a result that has half of them.
            _ => self.sums(tensor, axes, &nearest(&terms)).map(|sums| exactly(&sums)),
        };
        let sums = sums.map_err(|error| self.reason(fault(tensor, input, error)))?;
        Ok(sums.iter().enumerate().map(|(o, sum)| *sum * factor(out, o)).collect())
    }
}

impl NodeElements<'_, '_> {
    /// `Σ W·term` for each output channel, computed with numbers `N`.
    fn sums<N>(&self, tensor: &Tensor, axes: &[(Role, u64)], terms: &[N]) -> Result<Vec<N>>
    where
        N: Copy + Default + From<f64> + Mul<Output = N> + AddAssign,
    {
        let channels = Channels::new(axes);
        let mut sums = vec![N::default(); channels.outputs()];
        let contract = &mut |first, block: &[f64]| channels.contract((first, block), terms, &mut sums);
        tensor.blocks(self.view.graph.model, contract)?;
        Ok(sums)
    }
}
