//! Gemm and MatMul.

use super::array::{add_products, at, broadcast_dims, broadcast_flat, count, each_position, part, part_mut};
use super::call::Call;
use super::{Array, ReferenceError, invalid};

/// Y = alpha · op(A) · op(B) + beta · C.
pub(super) fn gemm(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    let transposed_a = call.int_or("transA", 0)? != 0;
    let transposed_b = call.int_or("transB", 0)? != 0;
    let (alpha, beta) = (call.float_or("alpha", 1.0)?, call.float_or("beta", 1.0)?);
    let ([a_rows, a_columns], [b_rows, b_columns]) = (a.dims.as_slice(), b.dims.as_slice()) else {
        return invalid("Gemm multiplies matrices");
    };
    let (rows, inner) = if transposed_a { (*a_columns, *a_rows) } else { (*a_rows, *a_columns) };
    let (other, columns) = if transposed_b { (*b_columns, *b_rows) } else { (*b_rows, *b_columns) };
    if inner != other {
        return invalid(format!("{:?} and {:?} do not fit", a.dims, b.dims));
    }
    let dims = vec![rows, columns];
    let c = call.optional(2);
    if let Some(c) = c {
        let is_told = call.opset >= 7 || call.int_or("broadcast", 0)? != 0;
        if broadcast_dims(&c.dims, &dims)? != dims || !(is_told || c.dims == dims) {
            return invalid(format!("C of dims {:?} does not broadcast to {dims:?}", c.dims));
        }
    }
    let a = if transposed_a { transposed(a.floats()?, inner, rows)? } else { a.floats()?.to_vec() };
    let b = if transposed_b { transposed(b.floats()?, columns, inner)? } else { b.floats()?.to_vec() };
    let mut y = vec![0.0; count(&dims)?];
    add_product(&mut y, (&a, &b), [rows, inner, columns])?;
    y.iter_mut().for_each(|value| *value *= alpha);
    if let Some(c) = c {
        let c = c.broadcast(&dims)?;
        y.iter_mut().zip(c.floats()?).for_each(|(value, c)| *value += beta * c);
    }
    Ok(vec![Array::float(dims, y)])
}

/// A matrix of so many rows and columns, with them exchanged.
fn transposed(matrix: &[f64], rows: usize, columns: usize) -> Result<Vec<f64>, ReferenceError> {
    (0..rows * columns).map(|index| at(matrix, index % rows * columns + index / rows)).collect()
}

/// Adds the product of two matrices, row by row.
fn add_product(y: &mut [f64], (a, b): (&[f64], &[f64]), [rows, inner, columns]: [usize; 3]) -> Result<(), ReferenceError> {
    for row in 0..rows {
        let sums = part_mut(y, row * columns..(row + 1) * columns)?;
        for k in 0..inner {
            add_products((&mut *sums, 1), (part(b, k * columns..(k + 1) * columns)?, 1), at(a, row * inner + k)?);
        }
    }
    Ok(())
}

/// The product of the last two axes, the others broadcast; a vector counts as a row on the left
/// and as a column on the right, and its axis goes.
pub(super) fn mat_mul(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let (a, b) = (call.input(0)?, call.input(1)?);
    let a_dims = if let [n] = a.dims[..] { vec![1, n] } else { a.dims.clone() };
    let b_dims = if let [n] = b.dims[..] { vec![n, 1] } else { b.dims.clone() };
    let ([a_batch @ .., rows, inner], [b_batch @ .., other, columns]) = (a_dims.as_slice(), b_dims.as_slice()) else {
        return invalid("MatMul of a scalar");
    };
    if inner != other {
        return invalid(format!("{:?} and {:?} do not fit", a.dims, b.dims));
    }
    let batch = broadcast_dims(a_batch, b_batch)?;
    let mut dims = [batch.as_slice(), &[*rows, *columns]].concat();
    let mut y = vec![0.0; count(&dims)?];
    let (a_values, b_values) = (a.floats()?, b.floats()?);
    let sizes = [*rows, *inner, *columns];
    let mut matrices = y.chunks_mut((rows * columns).max(1));
    each_position(&batch, |batch| {
        let (a_at, b_at) = (broadcast_flat(batch, a_batch), broadcast_flat(batch, b_batch));
        let left = part(a_values, a_at * rows * inner..(a_at + 1) * rows * inner)?;
        let right = part(b_values, b_at * inner * columns..(b_at + 1) * inner * columns)?;
        matrices.next().map_or(Ok(()), |y| add_product(y, (left, right), sizes))
    })?;
    if b.dims.len() == 1 {
        dims.pop();
    }
    if a.dims.len() == 1 {
        dims.remove(batch.len());
    }
    Ok(vec![Array::float(dims, y)])
}
