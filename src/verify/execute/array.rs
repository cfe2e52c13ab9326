//! Values as the engine takes and gives them: dims and numbers, nothing of the engine.

/// A dense array in row-major order.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// The size of each axis, outermost first. Empty for a scalar.
    pub dims: Vec<usize>,
    /// The elements; as many as the product of `dims`.
    pub data: Data,
}

/// The elements of an [`Array`].
#[derive(Debug, Clone, PartialEq)]
pub enum Data {
    /// Any floating point type, widened exactly.
    Float(Vec<f64>),
    /// Any integer type. Unsigned 64-bit numbers beyond `i64::MAX` wrap.
    Int(Vec<i64>),
    /// Truth values.
    Bool(Vec<bool>),
}

impl Data {
    /// How many elements there are.
    pub fn len(&self) -> usize {
        match self {
            Data::Float(values) => values.len(),
            Data::Int(values) => values.len(),
            Data::Bool(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Array {
    /// An array of floats, if `dims` and `values` agree.
    pub fn floats(dims: Vec<usize>, values: Vec<f64>) -> Option<Array> {
        Array { dims, data: Data::Float(values) }.checked()
    }

    /// An array of integers, if `dims` and `values` agree.
    pub fn ints(dims: Vec<usize>, values: Vec<i64>) -> Option<Array> {
        Array { dims, data: Data::Int(values) }.checked()
    }

    fn checked(self) -> Option<Array> {
        (count(&self.dims) == Some(self.data.len())).then_some(self)
    }
}

/// The number of elements of an array of these dims, if it can be held.
pub fn count(dims: &[usize]) -> Option<usize> {
    dims.iter().try_fold(1_usize, |product, dim| product.checked_mul(*dim))
}
