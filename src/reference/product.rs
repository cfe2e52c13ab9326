//! Gemm and MatMul.

use super::array::{at, broadcast_dims, broadcast_flat, count, each_position};
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
    let (a, b) = (a.floats()?, b.floats()?);
    let mut y = Vec::with_capacity(count(&dims)?);
    for row in 0..rows {
        for column in 0..columns {
            let mut sum = 0.0;
            for k in 0..inner {
                let left = at(a, if transposed_a { k * rows + row } else { row * inner + k })?;
                let right = if transposed_b { column * inner + k } else { k * columns + column };
                sum += left * at(b, right)?;
            }
            let mut value = alpha * sum;
            if let Some(c) = c {
                value += beta * at(c.floats()?, broadcast_flat(&[row, column], &c.dims))?;
            }
            y.push(value);
        }
    }
    Ok(vec![Array::float(dims, y)])
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
    let mut y = Vec::with_capacity(count(&dims)?);
    let (a_values, b_values) = (a.floats()?, b.floats()?);
    each_position(&dims, |position| {
        let [batch @ .., row, column] = position else {
            return invalid("a position without row and column");
        };
        let a_matrix = broadcast_flat(batch, a_batch) * rows * inner;
        let b_matrix = broadcast_flat(batch, b_batch) * inner * columns;
        let mut sum = 0.0;
        for k in 0..*inner {
            let left = at(a_values, a_matrix + row * inner + k)?;
            sum += left * at(b_values, b_matrix + k * columns + column)?;
        }
        y.push(sum);
        Ok(())
    })?;
    if b.dims.len() == 1 {
        dims.pop();
    }
    if a.dims.len() == 1 {
        dims.remove(batch.len());
    }
    Ok(vec![Array::float(dims, y)])
}
