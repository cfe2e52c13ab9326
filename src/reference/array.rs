//! Arrays: positions, broadcasting, and picking elements.
//!
//! It must not know operators.

use std::ops::Range;

use super::{Array, Data, ReferenceError, invalid, too_much};

/// The most elements that a value may have: half a gigabyte of f64.
const MOST_ELEMENTS: usize = 1 << 26;

impl Data {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Data::Float(values) => values.len(),
            Data::Int(values) => values.len(),
            Data::Bool(values) => values.len(),
        }
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Array {
    /// An array of floats.
    pub fn float(dims: impl Into<Vec<usize>>, values: Vec<f64>) -> Array {
        Array { dims: dims.into(), data: Data::Float(values) }
    }

    /// An array of integers.
    pub fn int(dims: impl Into<Vec<usize>>, values: Vec<i64>) -> Array {
        Array { dims: dims.into(), data: Data::Int(values) }
    }

    /// An array of truth values.
    pub fn bool(dims: impl Into<Vec<usize>>, values: Vec<bool>) -> Array {
        Array { dims: dims.into(), data: Data::Bool(values) }
    }

    /// The elements, which must be floats.
    pub(super) fn floats(&self) -> Result<&[f64], ReferenceError> {
        match &self.data {
            Data::Float(values) => Ok(values),
            _ => invalid("floats are needed"),
        }
    }

    /// The elements, which must be integers.
    pub(super) fn ints(&self) -> Result<&[i64], ReferenceError> {
        match &self.data {
            Data::Int(values) => Ok(values),
            _ => invalid("integers are needed"),
        }
    }

    /// The elements, which must be truth values.
    pub(super) fn bools(&self) -> Result<&[bool], ReferenceError> {
        match &self.data {
            Data::Bool(values) => Ok(values),
            _ => invalid("truth values are needed"),
        }
    }

    /// The only element, a truth value.
    pub(super) fn truth(&self) -> Result<bool, ReferenceError> {
        match self.bools()? {
            [value] => Ok(*value),
            _ => invalid("one truth value is needed"),
        }
    }

    /// The only element, an integer.
    pub(super) fn integer(&self) -> Result<i64, ReferenceError> {
        match self.ints()? {
            [value] => Ok(*value),
            _ => invalid("one integer is needed"),
        }
    }

    /// The same elements with other dims.
    pub(super) fn with_dims(&self, dims: Vec<usize>) -> Result<Array, ReferenceError> {
        let array = Array { dims, data: self.data.clone() };
        array.check()?;
        Ok(array)
    }

    /// Holds the dims against the number of elements.
    pub(super) fn check(&self) -> Result<(), ReferenceError> {
        let wanted = count(&self.dims)?;
        if wanted != self.data.len() {
            let (dims, found) = (&self.dims, self.data.len());
            return invalid(format!("{found} elements cannot have the dims {dims:?}"));
        }
        Ok(())
    }

    /// An array of these dims whose element at each position is the one that `source` names.
    pub(super) fn pick(&self, dims: &[usize], source: impl FnMut(&[usize]) -> usize) -> Result<Array, ReferenceError> {
        let mut source = source;
        self.pick_or(dims, None, |position| Some(source(position)))
    }

    /// The same, with the only element of `fill` wherever `source` names none.
    pub(super) fn pick_or(
        &self,
        dims: &[usize],
        fill: Option<&Array>,
        source: impl FnMut(&[usize]) -> Option<usize>,
    ) -> Result<Array, ReferenceError> {
        let data = match (&self.data, fill.map(|fill| &fill.data)) {
            (Data::Float(from), None) => Data::Float(picked(from, None, dims, source)?),
            (Data::Int(from), None) => Data::Int(picked(from, None, dims, source)?),
            (Data::Bool(from), None) => Data::Bool(picked(from, None, dims, source)?),
            (Data::Float(from), Some(Data::Float(fill))) => Data::Float(picked(from, fill.first(), dims, source)?),
            (Data::Int(from), Some(Data::Int(fill))) => Data::Int(picked(from, fill.first(), dims, source)?),
            (Data::Bool(from), Some(Data::Bool(fill))) => Data::Bool(picked(from, fill.first(), dims, source)?),
            _ => return invalid("the value to fill with is of another type"),
        };
        let dims = dims.to_vec();
        Ok(Array { dims, data })
    }

    /// The array repeated to these dims.
    pub(super) fn broadcast(&self, dims: &[usize]) -> Result<Array, ReferenceError> {
        if broadcast_dims(&self.dims, dims)? != dims {
            return invalid(format!("{:?} does not broadcast to {dims:?}", self.dims));
        }
        self.pick(dims, |position| broadcast_flat(position, &self.dims))
    }
}

fn picked<T: Copy>(
    from: &[T],
    fill: Option<&T>,
    dims: &[usize],
    mut source: impl FnMut(&[usize]) -> Option<usize>,
) -> Result<Vec<T>, ReferenceError> {
    let mut values = Vec::with_capacity(count(dims)?);
    each_position(dims, |position| {
        let value = match source(position) {
            Some(index) => at(from, index)?,
            None => match fill {
                Some(fill) => *fill,
                None => return invalid("a position has no element"),
            },
        };
        values.push(value);
        Ok(())
    })?;
    Ok(values)
}

/// The element at an index.
pub(super) fn at<T: Copy>(values: &[T], index: usize) -> Result<T, ReferenceError> {
    match values.get(index) {
        Some(value) => Ok(*value),
        None => invalid(format!("index {index} is outside of {} elements", values.len())),
    }
}

/// A part of the elements.
pub(super) fn part<T>(values: &[T], range: Range<usize>) -> Result<&[T], ReferenceError> {
    match values.get(range) {
        Some(part) => Ok(part),
        None => invalid("a part beyond the elements"),
    }
}

/// A part of the elements, to be changed.
pub(super) fn part_mut<T>(values: &mut [T], range: Range<usize>) -> Result<&mut [T], ReferenceError> {
    match values.get_mut(range) {
        Some(part) => Ok(part),
        None => invalid("a part beyond the elements"),
    }
}

/// Adds products with one factor, each to its place: those of every so many places.
pub(super) fn add_products((to, step): (&mut [f64], usize), (from, from_step): (&[f64], usize), factor: f64) {
    if step == 1 && from_step == 1 {
        to.iter_mut().zip(from).for_each(|(sum, value)| *sum += factor * value);
    } else {
        to.iter_mut().step_by(step).zip(from.iter().step_by(from_step)).for_each(|(sum, value)| *sum += factor * value);
    }
}

/// The product of the dims, within what the reference allows.
pub(super) fn count(dims: &[usize]) -> Result<usize, ReferenceError> {
    let is_empty = dims.contains(&0);
    // An extent beyond the limit is refused even where there are no elements, so that sums and
    // products of extents and positions stay in range everywhere.
    let product = dims.iter().try_fold(1_usize, |product, &dim| {
        let dim_fits = dim <= MOST_ELEMENTS;
        let product = if is_empty { Some(0) } else { product.checked_mul(dim) };
        product.filter(|&count| dim_fits && count <= MOST_ELEMENTS)
    });
    match product {
        Some(count) => Ok(count),
        None => too_much(format!("the dims {dims:?} ask for too many elements")),
    }
}

/// Visits every position of these dims in row-major order.
pub(super) fn each_position(
    dims: &[usize],
    mut visit: impl FnMut(&[usize]) -> Result<(), ReferenceError>,
) -> Result<(), ReferenceError> {
    if dims.contains(&0) {
        return Ok(());
    }
    let mut position = vec![0; dims.len()];
    loop {
        visit(&position)?;
        let advanced = position.iter_mut().zip(dims).rev().any(|(index, &dim)| {
            *index += 1;
            let carries = *index == dim;
            if carries {
                *index = 0;
            }
            !carries
        });
        if !advanced {
            return Ok(());
        }
    }
}

/// The row-major index of a position.
pub(super) fn flat(position: &[usize], dims: &[usize]) -> usize {
    let pairs = position.iter().zip(dims);
    pairs.fold(0, |index, (&place, &dim)| index * dim + place)
}

/// The index, in an array of these dims, of the element that broadcasting puts at `position`.
pub(super) fn broadcast_flat(position: &[usize], dims: &[usize]) -> usize {
    let skipped = position.len().saturating_sub(dims.len());
    let aligned = position.iter().skip(skipped).zip(dims);
    aligned.fold(0, |index, (&place, &dim)| index * dim + if dim == 1 { 0 } else { place })
}

/// The dims to which two arrays broadcast together, aligned at the last axis.
pub(super) fn broadcast_dims(a: &[usize], b: &[usize]) -> Result<Vec<usize>, ReferenceError> {
    let rank = a.len().max(b.len());
    let dim = |dims: &[usize], axis: usize| {
        let missing = rank - dims.len();
        let axis = axis.checked_sub(missing);
        axis.and_then(|axis| dims.get(axis)).copied().unwrap_or(1)
    };
    let pairs = (0..rank).map(|axis| match (dim(a, axis), dim(b, axis)) {
        (a, b) if a == b => Ok(a),
        (1, other) | (other, 1) => Ok(other),
        _ => invalid(format!("{a:?} and {b:?} do not broadcast")),
    });
    pairs.collect()
}

/// An axis counted from the front; negative numbers count from the back.
pub(super) fn axis(axis: i64, rank: usize) -> Result<usize, ReferenceError> {
    let signed_rank = i64::try_from(rank).unwrap_or(i64::MAX);
    let counted = if axis < 0 { axis.checked_add(signed_rank) } else { Some(axis) };
    let counted = counted.and_then(|axis| usize::try_from(axis).ok());
    match counted.filter(|&axis| axis < rank) {
        Some(axis) => Ok(axis),
        None => invalid(format!("there is no axis {axis} in a value of rank {rank}")),
    }
}

/// A number of elements, positions or repeats.
pub(super) fn size(value: i64) -> Result<usize, ReferenceError> {
    match usize::try_from(value) {
        Ok(value) => Ok(value),
        Err(_) => invalid(format!("{value} is not a size")),
    }
}

/// The extent along an axis.
pub(super) fn extent(dims: &[usize], axis: usize) -> Result<usize, ReferenceError> {
    at(dims, axis)
}

/// The dims with another extent along one axis.
pub(super) fn replaced(dims: &[usize], axis: usize, extent: usize) -> Vec<usize> {
    let mut dims = dims.to_vec();
    if let Some(dim) = dims.get_mut(axis) {
        *dim = extent;
    }
    dims
}

/// A position with another place along one axis.
pub(super) fn moved(position: &[usize], axis: usize, place: usize) -> Vec<usize> {
    replaced(position, axis, place)
}
