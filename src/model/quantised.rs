//! Which elements share a scale of a DequantizeLinear (opset 10 to 25), `y = (x − zero point)·scale`.

use crate::model::Tensor;
use crate::model::computed::Recipe;
use crate::model::integers::whole;
use crate::model::small_float::small_float;
use crate::onnx::NodeProto;

/// What one scale stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Grain {
    /// All elements.
    Tensor,
    /// A position along an axis.
    Axis(usize),
    /// So many neighbours along an axis.
    Blocks {
        /// The axis.
        axis: usize,
        /// How many.
        size: u64,
    },
}

/// The elements that share a scale in a tensor of shape `x`, as a node says; `None` if it says nothing that makes sense.
pub fn grain(node: &NodeProto, opset: i64, x: &[u64], scale: &[u64]) -> Option<Grain> {
    let int = |name: &str, default: i64| node.attribute.iter().find(|a| a.name() == name).map_or(default, |a| a.i());
    let size = if opset < 21 { 0 } else { u64::try_from(int("block_size", 0)).ok()? };
    let axis = if opset < 13 { 1 } else { int("axis", 1) };
    let axis = usize::try_from(if axis < 0 { axis.checked_add(x.len() as i64)? } else { axis }).ok();
    let axis = axis.filter(|axis| *axis < x.len());
    if size > 0 {
        let axis = axis?;
        let mut wanted = x.to_vec();
        wanted[axis] = wanted[axis].div_ceil(size);
        return (scale == wanted).then_some(Grain::Blocks { axis, size });
    }
    match scale {
        [] | [1] => Some(Grain::Tensor),
        [count] if opset >= 13 => axis.filter(|axis| x[*axis] == *count).map(Grain::Axis),
        _ => None,
    }
}

impl Grain {
    /// The elements of a tensor of shape `dims` before and behind one position of the axis, and the extent of the axis.
    fn around(self, dims: &[u64]) -> (u64, u64) {
        match self {
            Grain::Tensor => (1, 1),
            Grain::Axis(axis) | Grain::Blocks { axis, .. } => {
                (dims.get(axis + 1..).unwrap_or_default().iter().product(), dims.get(axis).copied().unwrap_or(1))
            }
        }
    }

    /// How many scales there are for a tensor of shape `dims`.
    pub fn count(self, dims: &[u64]) -> u64 {
        match self {
            Grain::Tensor => 1,
            Grain::Axis(_) => self.around(dims).1,
            Grain::Blocks { axis, size } => {
                dims.iter().enumerate().map(|(at, dim)| if at == axis { dim.div_ceil(size) } else { *dim }).product()
            }
        }
    }

    /// The scale of element number `element`.
    pub fn scale_of(self, dims: &[u64], element: u64) -> u64 {
        let (inner, extent) = self.around(dims);
        let (inner, extent) = (inner.max(1), extent.max(1));
        let position = element / inner % extent;
        match self {
            Grain::Tensor => 0,
            Grain::Axis(_) => position,
            Grain::Blocks { size, .. } => {
                (element / (inner * extent) * extent.div_ceil(size) + position / size) * inner + element % inner
            }
        }
    }

    /// Elements that have scale number `scale`: one for each position along its own axis, the first along the others.
    pub fn elements_of(self, dims: &[u64], scale: u64) -> impl Iterator<Item = u64> {
        let (inner, extent) = self.around(dims);
        let (first, count) = match self {
            Grain::Tensor => (0, 1),
            Grain::Axis(_) => (scale * inner, 1),
            Grain::Blocks { size, .. } => {
                let blocks = extent.div_ceil(size).max(1);
                let begin = scale / inner.max(1) % blocks * size;
                let outer = scale / (inner.max(1) * blocks);
                ((outer * extent + begin) * inner + scale % inner.max(1), size.min(extent.saturating_sub(begin)))
            }
        };
        (0..count).map(move |at| first + at * inner)
    }

    /// All elements at position `scale` of the axis.
    pub fn members(self, dims: &[u64], scale: u64) -> Box<dyn Iterator<Item = u64>> {
        let (inner, extent) = self.around(dims);
        let outer = dims.iter().product::<u64>() / (inner * extent).max(1);
        Box::new((0..outer).flat_map(move |before| (0..inner).map(move |behind| (before * extent + scale) * inner + behind)))
    }
}

/// A constant that is dequantised and then perhaps transposed.
#[derive(Clone, Debug)]
pub struct Dequantised<'r> {
    /// The integers.
    pub integers: &'r Tensor,
    /// The scales.
    pub scale: &'r Tensor,
    /// The zero points, as many; zeros if absent.
    pub zero: Option<&'r Tensor>,
    /// What shares a scale.
    pub grain: Grain,
    /// Whether zero points fix how many scales there are: those of small floats are not made anew.
    pub fixed: bool,
    /// The version of the standard operator set that dequantises.
    pub opset: i64,
    /// For each axis of the constant, that of the integers.
    pub order: Vec<usize>,
}

impl Dequantised<'_> {
    /// The largest magnitude that may stand beside a scale, its zero point taken away.
    pub fn largest(&self) -> Option<f64> {
        let kind = self.integers.data_type;
        let number = |whole: crate::model::integers::Whole| (1u64 << whole.bits.min(63)) as f64;
        small_float(kind).map(|small| small.largest).or_else(|| whole(kind).map(number))
    }

    /// The element of the constant that an element of the integers becomes, both by number in rows.
    pub fn becomes(&self, element: u64) -> u64 {
        let dims = &self.integers.dims;
        let mut position = vec![0; dims.len()];
        let mut rest = element;
        for (at, dim) in position.iter_mut().zip(dims).rev() {
            *at = rest % (*dim).max(1);
            rest /= (*dim).max(1);
        }
        let of = |list: &[u64], axis: usize| list.get(axis).copied().unwrap_or_default();
        self.order.iter().fold(0, |number, axis| number * of(dims, *axis) + of(&position, *axis))
    }
}

impl Recipe {
    /// The parts of a constant that DequantizeLinear makes and Transpose may hand on.
    pub fn dequantised(&self) -> Option<Dequantised<'_>> {
        let input = |at: usize| self.inputs.get(at).and_then(Option::as_ref);
        match self.node.op_type() {
            "DequantizeLinear" => {
                let (integers, scale) = (input(0)?, input(1)?);
                let grain = grain(&self.node, self.opset, &integers.dims, &scale.dims)?;
                let order = (0..integers.dims.len()).collect();
                let small = small_float(integers.data_type).is_some();
                let (zero, fixed) = (input(2).filter(|_| !small), small && input(2).is_some());
                Some(Dequantised { integers, scale, zero, grain, fixed, opset: self.opset, order })
            }
            "Transpose" => {
                let inner = input(0)?.recipe()?.dequantised()?;
                let stated = self.node.attribute.iter().find(|a| a.name() == "perm").map(|a| &a.ints[..]).unwrap_or_default();
                let order = match stated {
                    [] => inner.order.iter().rev().copied().collect(),
                    stated => {
                        let axis = |axis: &i64| inner.order.get(usize::try_from(*axis).ok()?).copied();
                        stated.iter().map(axis).collect::<Option<Vec<usize>>>()?
                    }
                };
                Some(Dequantised { order, ..inner })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::AttributeProto;

    fn node(attributes: &[(&str, i64)]) -> NodeProto {
        let one = |(name, value): &(&str, i64)| AttributeProto {
            name: Some((*name).to_owned()),
            i: Some(*value),
            ..AttributeProto::default()
        };
        NodeProto { attribute: attributes.iter().map(one).collect(), ..NodeProto::default() }
    }

    #[test]
    fn what_shares_a_scale_is_as_the_node_says() {
        let x = [3, 4, 5];
        assert_eq!(grain(&node(&[]), 10, &x, &[]), Some(Grain::Tensor));
        assert_eq!(grain(&node(&[]), 12, &x, &[4]), None);
        assert_eq!(grain(&node(&[]), 13, &x, &[4]), Some(Grain::Axis(1)));
        assert_eq!(grain(&node(&[("axis", -3)]), 13, &x, &[3]), Some(Grain::Axis(0)));
        assert_eq!(grain(&node(&[("axis", 0)]), 13, &x, &[4]), None);
        let blocks = node(&[("axis", 2), ("block_size", 2)]);
        assert_eq!(grain(&blocks, 21, &x, &[3, 4, 3]), Some(Grain::Blocks { axis: 2, size: 2 }));
        assert_eq!(grain(&blocks, 21, &x, &[3, 4, 2]), None);
    }

    #[test]
    fn a_transposed_element_stands_where_its_axes_are() {
        let tensor = |dims: &[u64]| Tensor {
            name: String::new(),
            data_type: 3,
            dims: dims.to_vec(),
            payload: crate::model::Payload::Inline(vec![]),
            home: crate::model::Home::Initializer { scope: crate::model::ScopeId(0), index: 0 },
        };
        let (integers, scale) = (tensor(&[2, 3, 4]), tensor(&[]));
        let order = vec![2, 0, 1];
        let parts =
            Dequantised { integers: &integers, scale: &scale, zero: None, grain: Grain::Tensor, fixed: false, opset: 13, order };
        for (i, j, k) in (0..2).flat_map(|i| (0..3).flat_map(move |j| (0..4).map(move |k| (i, j, k)))) {
            assert_eq!(parts.becomes((i * 3 + j) * 4 + k), (k * 2 + i) * 3 + j);
        }
    }

    #[test]
    fn every_element_has_the_scale_at_its_place() {
        let dims = [2, 5, 3];
        let blocks = Grain::Blocks { axis: 1, size: 2 };
        assert_eq!((Grain::Axis(1).count(&dims), blocks.count(&dims)), (5, 18));
        let mut element = 0;
        for i in 0..2 {
            for j in 0..5 {
                for k in 0..3 {
                    assert_eq!(Grain::Axis(1).scale_of(&dims, element), j);
                    assert_eq!(blocks.scale_of(&dims, element), (i * 3 + j / 2) * 3 + k);
                    element += 1;
                }
            }
        }
        assert!(
            (0..5).all(|at| (0..30).filter(|e| Grain::Axis(1).scale_of(&dims, *e) == at).eq(Grain::Axis(1).members(&dims, at)))
        );
        for grain in [Grain::Tensor, Grain::Axis(1), blocks] {
            for scale in 0..grain.count(&dims) {
                assert!(grain.elements_of(&dims, scale).all(|element| grain.scale_of(&dims, element) == scale));
            }
        }
        assert_eq!(blocks.elements_of(&dims, 10).collect::<Vec<_>>(), [16, 19]);
        assert_eq!(blocks.elements_of(&dims, 15).collect::<Vec<_>>(), [27]);
    }
}
