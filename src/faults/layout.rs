//! Which channels an element of a weight belongs to, by operator; written from ONNX's operator specification.

use crate::model::Node;

/// The axes of a linear operator's weight, flat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Elements before, of and behind the middle axis.
    middle: usize,
    inner: usize,
    groups: usize,
    kind: Kind,
    /// How many channels go in.
    pub inputs: usize,
    /// How many come out.
    pub outputs: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// `[out, in / groups, taps]`.
    OutFirst,
    /// `[in, out / groups, taps]`.
    InFirst,
}

impl Layout {
    /// The layout of a node's weight, which is its second input.
    pub fn read(node: &Node<'_>, dims: &[u64]) -> Option<Layout> {
        let int = |name: &str, default: i64| node.proto.attribute.iter().find(|a| a.name() == name).map_or(default, |a| a.i());
        let (kind, groups) = match node.proto.op_type() {
            "Conv" => (Kind::OutFirst, usize::try_from(int("group", 1)).ok()?),
            "ConvTranspose" => (Kind::InFirst, usize::try_from(int("group", 1)).ok()?),
            "Gemm" if int("transA", 0) == 0 && int("transB", 0) != 0 => (Kind::OutFirst, 1),
            "Gemm" if int("transA", 0) == 0 => (Kind::InFirst, 1),
            "MatMul" if dims.len() == 2 => (Kind::InFirst, 1),
            _ => return None,
        };
        let [outer, middle, taps @ ..] = dims else { return None };
        let size = |n: u64| usize::try_from(n).ok().filter(|n| *n > 0);
        let (outer, middle) = (size(*outer)?, size(*middle)?);
        let inner = taps.iter().try_fold(1_usize, |all, n| all.checked_mul(size(*n)?))?;
        let wide = middle.checked_mul(groups).filter(|_| groups > 0 && outer.is_multiple_of(groups))?;
        outer.checked_mul(middle)?.checked_mul(inner)?;
        let (inputs, outputs) = if kind == Kind::OutFirst { (wide, outer) } else { (outer, wide) };
        Some(Layout { middle, inner, groups, kind, inputs, outputs })
    }

    /// The input and the output channel of an element.
    pub fn channels(&self, at: usize) -> (usize, usize) {
        let (first, second) = self.ungrouped(at);
        let group = match self.kind {
            Kind::OutFirst => second / (self.outputs / self.groups),
            Kind::InFirst => first / (self.inputs / self.groups),
        };
        match self.kind {
            Kind::OutFirst => (group * self.middle + first, second),
            Kind::InFirst => (first, group * self.middle + second),
        }
    }

    /// The same by one who forgets the groups.
    pub fn ungrouped(&self, at: usize) -> (usize, usize) {
        let (outer, middle) = (at / (self.middle * self.inner), at / self.inner % self.middle);
        if self.kind == Kind::OutFirst { (middle, outer) } else { (outer, middle) }
    }

    /// Whether an axis is counted within groups: the input's (Conv) or the output's (ConvTranspose).
    pub fn is_grouped(&self, output: bool) -> bool {
        self.groups > 1 && (self.kind == Kind::InFirst) == output
    }

    /// How many products an output sums.
    pub fn terms(&self) -> usize {
        self.inputs / self.groups * self.inner
    }
}
