//! Operators that put many elements together: reductions and products of matrices.

use super::index::{Walk, distances};
use super::{as_floats, as_integers, input, int};
use crate::model::computed::{Call, Numbers, Operand};

type Made = Result<Numbers, String>;

/// The axes that a reduction removes; the shape of its result was found from the same.
fn reduced(call: &Call<'_>, data: &Operand) -> Result<Vec<bool>, String> {
    let rank = data.dims.len();
    let by_input = if call.node.op_type() == "ReduceSum" { 13 } else { 18 };
    let given = match (call.opset < by_input, call.inputs.get(1).and_then(Option::as_ref)) {
        (true, _) => call.node.attribute.iter().find(|a| a.name() == "axes").map(|a| a.ints.clone()).unwrap_or_default(),
        (false, Some(axes)) => as_integers(axes)?.to_vec(),
        (false, None) => vec![],
    };
    let mut gone = vec![given.is_empty(); rank];
    for axis in given {
        let axis = if axis < 0 { axis + rank as i64 } else { axis };
        *usize::try_from(axis).ok().and_then(|axis| gone.get_mut(axis)).ok_or("there is no such axis")? = true;
    }
    Ok(gone)
}

/// For each element of the result, the elements that it is made of.
fn groups(call: &Call<'_>, mut each: impl FnMut(&mut dyn Iterator<Item = f64>)) -> Result<u64, String> {
    let data = input(call, 0)?;
    let values = as_floats(data)?;
    let gone = reduced(call, data)?;
    let axes = || data.dims.iter().copied().zip(distances(&data.dims)).zip(&gone);
    let outer = axes().filter(|(_, gone)| !**gone).map(|(axis, _)| axis).collect();
    let inner: Vec<(u64, i64)> = axes().filter(|(_, gone)| **gone).map(|(axis, _)| axis).collect();
    let count = inner.iter().map(|(size, _)| *size).product();
    if count == 0 {
        return Err("nothing is reduced".into());
    }
    for start in Walk::new(outer, 0) {
        let members = Walk::new(inner.clone(), start as i64).filter_map(|index| values.get(index).copied());
        each(&mut { members });
    }
    Ok(count)
}

/// The sum of a function of the elements, finished by a function of it and of their number.
pub(super) fn sum(call: &Call<'_>, term: fn(f64) -> f64, finish: fn(f64, f64) -> f64) -> Made {
    let mut sums = Vec::new();
    let count = groups(call, |members| sums.push(members.map(term).sum::<f64>()))?;
    Ok(Numbers::Floats(sums.into_iter().map(|sum| finish(sum, count as f64)).collect()))
}

/// Elements joined two by two.
pub(super) fn fold(call: &Call<'_>, join: fn(f64, f64) -> f64) -> Made {
    let mut found = Vec::new();
    groups(call, |members| found.extend(members.reduce(join)))?;
    Ok(Numbers::Floats(found))
}

/// A matrix in an array: where it begins, and how far its rows and columns are apart.
struct Matrix<'a> {
    values: &'a [f64],
    start: usize,
    steps: (usize, usize),
}

impl Matrix<'_> {
    fn at(&self, row: usize, column: usize) -> f64 {
        self.values.get(self.start + row * self.steps.0 + column * self.steps.1).copied().unwrap_or(f64::NAN)
    }
}

/// The product of two matrices with `inner` columns and rows, row by row.
fn product(a: &Matrix<'_>, b: &Matrix<'_>, (rows, inner, columns): (usize, usize, usize), out: &mut Vec<f64>) {
    for row in 0..rows {
        for column in 0..columns {
            out.push((0..inner).map(|k| a.at(row, k) * b.at(k, column)).sum());
        }
    }
}

pub(super) fn mat_mul(call: &Call<'_>) -> Made {
    let (a, b) = (input(call, 0)?, input(call, 1)?);
    let split = |operand: &Operand| operand.dims.len().checked_sub(2).ok_or("matrices are needed");
    let (a_outer, b_outer) = (split(a)?, split(b)?);
    let outer = &call.dims[..call.dims.len().saturating_sub(2)];
    let (rows, inner, columns) = (a.dims[a_outer] as usize, b.dims[b_outer] as usize, b.dims[b_outer + 1] as usize);
    let mut out = Vec::new();
    let places = Walk::broadcast(&a.dims[..a_outer], outer).zip(Walk::broadcast(&b.dims[..b_outer], outer));
    for (x, y) in places {
        let x = Matrix { values: as_floats(a)?, start: x * rows * inner, steps: (inner, 1) };
        let y = Matrix { values: as_floats(b)?, start: y * inner * columns, steps: (columns, 1) };
        product(&x, &y, (rows, inner, columns), &mut out);
    }
    Ok(Numbers::Floats(out))
}

pub(super) fn gemm(call: &Call<'_>) -> Made {
    let (a, b) = (input(call, 0)?, input(call, 1)?);
    let [rows, columns] = *call.dims else { return Err("a matrix is needed".into()) };
    let inner = a.dims.iter().product::<u64>().checked_div(rows).unwrap_or(0) as usize;
    let (rows, columns) = (rows as usize, columns as usize);
    let x_steps = if int(call, "transA", 0) == 0 { (inner, 1) } else { (1, rows) };
    let y_steps = if int(call, "transB", 0) == 0 { (columns, 1) } else { (1, inner) };
    let x = Matrix { values: as_floats(a)?, start: 0, steps: x_steps };
    let y = Matrix { values: as_floats(b)?, start: 0, steps: y_steps };
    let mut out = Vec::new();
    product(&x, &y, (rows, inner, columns), &mut out);
    let factor = |name: &str| call.node.attribute.iter().find(|a| a.name() == name).map_or(1.0, |a| f64::from(a.f()));
    let (alpha, beta) = (factor("alpha"), factor("beta"));
    out.iter_mut().for_each(|value| *value *= alpha);
    if let Some(c) = call.inputs.get(2).and_then(Option::as_ref) {
        let values = as_floats(c)?;
        for (value, at) in out.iter_mut().zip(Walk::broadcast(&c.dims, call.dims)) {
            *value += beta * values.get(at).copied().unwrap_or(f64::NAN);
        }
    }
    Ok(Numbers::Floats(out))
}
