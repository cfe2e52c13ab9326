//! Shapes as far as they are known.

use std::fmt;

use crate::onnx::{TypeProto, tensor_shape_proto::dimension, type_proto};

/// The extent of one axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dim {
    /// A number.
    Known(u64),
    /// A number that is not known, but the same wherever this symbol stands.
    Symbol(u32),
    /// Nothing is known.
    Unknown,
}

/// A number of an integer list that is computed from shapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// A number, also one that no axis has, such as the −1 of Reshape.
    Number(i64),
    /// The extent of an axis with this symbol.
    Symbol(u32),
    /// Nothing is known.
    Unknown,
}

impl Dim {
    /// The number, if known.
    pub fn known(self) -> Option<u64> {
        match self {
            Dim::Known(size) => Some(size),
            Dim::Symbol(_) | Dim::Unknown => None,
        }
    }

    /// Whether two extents are certainly the same, and not zero.
    pub fn same(self, other: Dim) -> bool {
        self == other && !matches!(self, Dim::Unknown | Dim::Known(0))
    }
}

/// The shape of a value whose rank is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shape(pub Vec<Dim>);

impl Shape {
    /// A shape of known extents.
    pub fn known(dims: &[u64]) -> Self {
        Shape(dims.iter().map(|d| Dim::Known(*d)).collect())
    }

    /// A shape of which only the rank is known.
    pub fn of_rank(rank: usize) -> Self {
        Shape(vec![Dim::Unknown; rank])
    }

    /// Every extent of which nothing is known gets a symbol of its own, counted on from `next`.
    pub fn name_open(&mut self, next: &mut u32) {
        for dim in self.0.iter_mut().filter(|dim| **dim == Dim::Unknown) {
            *dim = Dim::Symbol(*next);
            *next = next.saturating_add(1);
        }
    }

    /// The shape without what symbols say.
    pub fn without_symbols(&self) -> Shape {
        Shape(self.0.iter().map(|dim| dim.known().map_or(Dim::Unknown, Dim::Known)).collect())
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.0.len()
    }

    /// The extent of an axis; unknown outside of the rank.
    pub fn dim(&self, axis: usize) -> Dim {
        self.0.get(axis).copied().unwrap_or(Dim::Unknown)
    }

    /// What a declaration says. Negative extents say nothing.
    pub fn declared(declaration: &TypeProto) -> Option<Shape> {
        let Some(type_proto::Value::TensorType(tensor)) = &declaration.value else { return None };
        let dims = tensor.shape.as_ref()?.dim.iter().map(|d| match d.value {
            Some(dimension::Value::DimValue(size)) => u64::try_from(size).map_or(Dim::Unknown, Dim::Known),
            _ => Dim::Unknown,
        });
        Some(Shape(dims.collect()))
    }

    /// What two sources know together; `None` where they contradict each other, which makes both worthless.
    pub fn meet(&self, other: &Shape) -> Option<Shape> {
        if self.rank() != other.rank() {
            return None;
        }
        let both = self.0.iter().zip(&other.0).map(|pair| match pair {
            (Dim::Known(a), Dim::Known(b)) if a != b => None,
            (Dim::Known(a), _) | (_, Dim::Known(a)) => Some(Dim::Known(*a)),
            (Dim::Symbol(a), _) | (_, Dim::Symbol(a)) => Some(Dim::Symbol(*a)),
            (Dim::Unknown, Dim::Unknown) => Some(Dim::Unknown),
        });
        both.collect::<Option<Vec<Dim>>>().map(Shape)
    }

    /// The shape of an element-wise operator's result, aligned at the last axis as ONNX does it from opset 7.
    /// `None` where extents are known not to fit.
    pub fn broadcast(&self, other: &Shape) -> Option<Shape> {
        let rank = self.rank().max(other.rank());
        let at = |shape: &Shape, axis: usize| match (axis + shape.rank()).checked_sub(rank) {
            Some(own) => shape.dim(own),
            None => Dim::Known(1),
        };
        let dims = (0..rank).map(|axis| match (at(self, axis), at(other, axis)) {
            (Dim::Known(1), d) | (d, Dim::Known(1)) => Some(d),
            (Dim::Known(a), Dim::Known(b)) => (a == b).then_some(Dim::Known(a)),
            (Dim::Known(a), _) | (_, Dim::Known(a)) => Some(Dim::Known(a)),
            (a, b) => Some(if a == b { a } else { Dim::Unknown }),
        });
        dims.collect::<Option<Vec<Dim>>>().map(Shape)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let dims: Vec<String> = self.0.iter().map(|d| d.known().map_or("?".into(), |size| size.to_string())).collect();
        write!(f, "[{}]", dims.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_is_right_aligned() {
        let x = Shape(vec![Dim::Unknown, Dim::Known(3), Dim::Unknown, Dim::Known(5)]);
        assert_eq!(x.broadcast(&Shape::known(&[3, 1, 1])), Some(x.clone()));
        assert_eq!(x.broadcast(&Shape::known(&[4])), None);
        assert_eq!(x.broadcast(&Shape::known(&[2, 1, 1, 1, 1])).map(|s| s.rank()), Some(5));
    }

    #[test]
    fn symbols_are_kept_where_they_are_certain() {
        let (s, t) = (Dim::Symbol(1), Dim::Symbol(2));
        let row = |dims: &[Dim]| Shape(dims.to_vec());
        assert_eq!(row(&[s, Dim::Unknown]).meet(&row(&[t, t])), Some(row(&[s, t])));
        assert_eq!(row(&[s, s]).meet(&Shape::known(&[3, 4])), Some(Shape::known(&[3, 4])));
        assert_eq!(row(&[s, s, s]).broadcast(&row(&[s, t, Dim::Known(1)])), Some(row(&[s, Dim::Unknown, s])));
        let mut named = row(&[Dim::Unknown, s, Dim::Unknown]);
        named.name_open(&mut 7);
        assert_eq!(named, row(&[Dim::Symbol(7), s, Dim::Symbol(8)]));
        assert!(s.same(s) && !s.same(t) && !Dim::Unknown.same(Dim::Unknown) && !Dim::Known(0).same(Dim::Known(0)));
    }

    #[test]
    fn contradicting_declarations_are_worthless() {
        assert_eq!(Shape::known(&[1, 2]).meet(&Shape::known(&[1, 3])), None);
        assert_eq!(Shape::of_rank(2).meet(&Shape::known(&[1, 3])), Some(Shape::known(&[1, 3])));
    }
}
