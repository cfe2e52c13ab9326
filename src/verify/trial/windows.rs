//! Reductions to the largest or smallest number: which elements enter the same place.

use super::cut::Gate;
use crate::reference::Data;

impl Gate {
    /// For each element that enters a reduction, the one that is made of it.
    pub(super) fn windows(&self, dims: &[usize]) -> Option<Vec<usize>> {
        let (count, axes) = (dims.iter().product::<usize>(), self.reduced(dims.len())?);
        let place = |at: usize| {
            let mut rest = at;
            let mut position = vec![0; dims.len()];
            for (place, dim) in position.iter_mut().zip(dims).rev() {
                *place = rest % (*dim).max(1);
                rest /= (*dim).max(1);
            }
            let kept = position.iter().zip(dims).enumerate().filter(|(axis, _)| !axes.contains(axis));
            kept.fold(0, |number, (_, (place, dim))| number * dim + place)
        };
        Some((0..count).map(place).collect())
    }

    /// The axes of a reduction, by attribute or input; all of them where none are named.
    pub(super) fn reduced(&self, rank: usize) -> Option<Vec<usize>> {
        if !self.node.op_type().starts_with("Reduce") {
            return None;
        }
        let stated = self.node.attribute.iter().find(|a| a.name() == "axes").map(|a| a.ints.clone());
        let given = self.inputs.get(1).and_then(Option::as_ref).and_then(|all| all.first()).map(|array| array.data.clone());
        let named = match (stated, given) {
            (Some(axes), _) => axes,
            (None, Some(Data::Int(axes))) => axes,
            (None, None) => vec![],
            _ => return None,
        };
        if named.is_empty() {
            let keeps = self.node.attribute.iter().any(|a| a.name() == "noop_with_empty_axes" && a.i() != 0);
            return (!keeps).then(|| (0..rank).collect());
        }
        named.iter().map(|axis| usize::try_from(if *axis < 0 { axis + rank as i64 } else { *axis }).ok()).collect()
    }
}
