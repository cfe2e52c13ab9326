//! Which elements that enter a gate belong together: those of a place of a reduction, of a channel, of an axis.

use super::cut::{Gate, Kind};
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

    /// Which elements share a factor and a shift: each has its own, but those of a channel where a window picks among them, and those
    /// of which statistics are taken together.
    pub(super) fn groups(&self, dims: &[usize]) -> Vec<usize> {
        let (count, rank) = (dims.iter().product::<usize>(), dims.len());
        if let Some(windows) = self.windows(dims) {
            return windows;
        }
        let int = |name: &str| self.node.attribute.iter().find(|a| a.name() == name).map(|a| a.i());
        let behind = |axis: usize| dims.iter().skip(axis).product::<usize>().max(1);
        let together = match (self.kind, self.node.op_type()) {
            (Kind::Homogeneous | Kind::Bounded, _) => 1,
            (Kind::Normalised, "LayerNormalization" | "RMSNormalization") => {
                let axis = int("axis").unwrap_or(-1);
                behind(usize::try_from(if axis < 0 { axis + rank as i64 } else { axis }).unwrap_or(rank))
            }
            (Kind::Normalised, "GroupNormalization") => {
                behind(1) / int("num_groups").and_then(|groups| usize::try_from(groups).ok()).unwrap_or(1).max(1)
            }
            _ => behind(2),
        };
        (0..count).map(|at| at / together.max(1)).collect()
    }

    /// Elements that may share a factor although each could have its own: those at a position of an axis that is not reduced.
    pub(super) fn shared<'d>(&self, dims: &'d [usize]) -> impl Iterator<Item = Vec<usize>> + 'd {
        let reduced = self.reduced(dims.len());
        let free = matches!(self.kind, Kind::Homogeneous | Kind::Bounded) || reduced.is_some();
        let reduced = reduced.unwrap_or_default();
        let axes =
            (0..if free { dims.len() } else { 0 }).filter(move |axis| (dims[*axis] > 1 || *axis == 1) && !reduced.contains(axis));
        axes.map(|axis| {
            let inner: usize = dims.iter().skip(axis + 1).product();
            (0..dims.iter().product()).map(|at| at / inner.max(1) % dims[axis]).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{AttributeProto, NodeProto};

    fn gate(operator: &str, kind: Kind, attributes: &[(&str, i64)]) -> Gate {
        let attribute =
            |(name, i): &(&str, i64)| AttributeProto { name: Some((*name).into()), i: Some(*i), ..AttributeProto::default() };
        let attribute = attributes.iter().map(attribute).collect();
        let node = NodeProto { op_type: Some(operator.into()), attribute, ..NodeProto::default() };
        Gate { node, kind, inputs: vec![], made: vec![] }
    }

    #[test]
    fn elements_of_which_statistics_are_taken_together_share_a_map() {
        let of = |operator: &str, attributes: &[(&str, i64)]| gate(operator, Kind::Normalised, attributes).groups(&[2, 2, 3]);
        assert_eq!(of("GroupNormalization", &[("num_groups", 1)]), [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
        assert_eq!(of("GroupNormalization", &[("num_groups", 2)]), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
        assert_eq!(of("InstanceNormalization", &[]), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
        assert_eq!(of("LayerNormalization", &[]), [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]);
        assert_eq!(of("LayerNormalization", &[("axis", 1)]), [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
        assert_eq!(of("LayerNormalization", &[("axis", -3)]), [0; 12]);
        assert_eq!(gate("Relu", Kind::Homogeneous, &[]).groups(&[2, 2]), [0, 1, 2, 3]);
        assert_eq!(gate("MaxPool", Kind::Maximum, &[]).groups(&[1, 2, 2]), [0, 0, 1, 1]);
    }

    #[test]
    fn elements_at_a_position_may_share_one_where_each_could_have_its_own() {
        let of = |operator: &str, kind| gate(operator, kind, &[]).shared(&[1, 2, 3]).collect::<Vec<_>>();
        assert_eq!(of("Relu", Kind::Homogeneous), [[0, 0, 0, 1, 1, 1], [0, 1, 2, 0, 1, 2]]);
        assert_eq!(of("InstanceNormalization", Kind::Normalised), Vec::<Vec<usize>>::new());
    }
}
