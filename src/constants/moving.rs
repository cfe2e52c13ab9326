//! Operators that move, repeat and choose elements, and those that change their type.

use super::index::{Walk, distances};
use super::{as_booleans, as_floats, as_integers, input, int};
use crate::model::computed::{Call, Numbers};
use crate::model::tensor::element;

type Made = Result<Numbers, String>;

/// The elements at these indices.
pub(super) fn pick(numbers: &Numbers, indices: impl Iterator<Item = usize>) -> Made {
    fn from<T: Copy>(values: &[T], indices: impl Iterator<Item = usize>) -> Result<Vec<T>, String> {
        let found = indices.map(|index| values.get(index).copied());
        found.collect::<Option<Vec<T>>>().ok_or_else(|| "an index is outside of the data".to_owned())
    }
    Ok(match numbers {
        Numbers::Floats(values) => Numbers::Floats(from(values, indices)?),
        Numbers::Integers(values) => Numbers::Integers(from(values, indices)?),
        Numbers::Booleans(values) => Numbers::Booleans(from(values, indices)?),
    })
}

/// An axis counted from the front.
fn axis(axis: i64, rank: usize) -> Result<usize, String> {
    let counted = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    let found = counted.and_then(|axis| usize::try_from(axis).ok()).filter(|axis| *axis < rank);
    found.ok_or_else(|| format!("there is no axis {axis}"))
}

/// What only has another shape.
pub(super) fn same(call: &Call<'_>) -> Made {
    Ok(Numbers::clone(&input(call, 0)?.numbers))
}

pub(super) fn expand(call: &Call<'_>) -> Made {
    let data = input(call, 0)?;
    pick(&data.numbers, Walk::broadcast(&data.dims, call.dims))
}

pub(super) fn transpose(call: &Call<'_>) -> Made {
    let data = input(call, 0)?;
    let steps = distances(&data.dims);
    let order: Vec<usize> = match call.node.attribute.iter().find(|a| a.name() == "perm") {
        Some(perm) => perm.ints.iter().map(|at| axis(*at, steps.len())).collect::<Result<_, _>>()?,
        None => (0..steps.len()).rev().collect(),
    };
    let axes = order.iter().map(|axis| (data.dims[*axis], steps[*axis])).collect();
    pick(&data.numbers, Walk::new(axes, 0))
}

/// Every axis becomes two, of which the outer one repeats.
pub(super) fn tile(call: &Call<'_>) -> Made {
    let data = input(call, 0)?;
    let repeats = as_integers(input(call, 1)?)?;
    let axes = data.dims.iter().zip(distances(&data.dims)).zip(repeats);
    let axes = axes.flat_map(|((size, step), repeat)| [(u64::try_from(*repeat).unwrap_or(0), 0), (*size, step)]);
    pick(&data.numbers, Walk::new(axes.collect(), 0))
}

pub(super) fn slice(call: &Call<'_>) -> Made {
    let data = input(call, 0)?;
    let starts = as_integers(input(call, 1)?)?;
    let list = |at: usize| call.inputs.get(at).and_then(Option::as_ref).map(as_integers).transpose();
    let (given, steps) = (list(3)?, list(4)?);
    let mut moves = distances(&data.dims);
    let mut first = 0i64;
    for (index, start) in starts.iter().enumerate() {
        let axis = axis(given.map_or(Some(index as i64), |axes| axes.get(index).copied()).unwrap_or(i64::MAX), moves.len())?;
        let step = steps.map_or(Some(1), |steps| steps.get(index).copied()).ok_or("a step is missing")?;
        let size = data.dims[axis] as i64;
        let start = if *start < 0 { start.saturating_add(size) } else { *start };
        let start = start.clamp(0, if step < 0 { (size - 1).max(0) } else { size });
        first = first.saturating_add(start.saturating_mul(moves[axis]));
        moves[axis] = moves[axis].saturating_mul(step);
    }
    pick(&data.numbers, Walk::new(call.dims.iter().copied().zip(moves).collect(), first))
}

pub(super) fn gather(call: &Call<'_>) -> Made {
    let (data, indices) = (input(call, 0)?, input(call, 1)?);
    let axis = axis(int(call, "axis", 0), data.dims.len())?;
    let size = data.dims[axis];
    let outer = data.dims[..axis].iter().product::<u64>();
    let inner = data.dims[axis + 1..].iter().product::<u64>();
    let place = |index: &i64| {
        let index = if *index < 0 { index.checked_add(size as i64)? } else { *index };
        u64::try_from(index).ok().filter(|index| *index < size)
    };
    let places =
        as_integers(indices)?.iter().map(place).collect::<Option<Vec<u64>>>().ok_or("an index is outside of the data")?;
    let of = |outer: u64| places.iter().map(move |place| (outer * size + place) * inner);
    pick(&data.numbers, (0..outer).flat_map(of).flat_map(|start| start..start + inner).map(|index| index as usize))
}

pub(super) fn concat(call: &Call<'_>) -> Made {
    let first = input(call, 0)?;
    let axis = axis(int(call, "axis", 0), first.dims.len())?;
    let outer = first.dims[..axis].iter().product::<u64>() as usize;
    fn joined<T: Copy>(parts: &[&[T]], outer: usize) -> Vec<T> {
        let lengths: Vec<usize> = parts.iter().map(|part| part.len().checked_div(outer).unwrap_or(0)).collect();
        let pieces = (0..outer).flat_map(|o| parts.iter().zip(&lengths).map(move |(part, len)| &part[o * len..(o + 1) * len]));
        pieces.flatten().copied().collect()
    }
    let parts = (0..call.inputs.len()).map(|at| input(call, at)).collect::<Result<Vec<_>, _>>()?;
    Ok(match &*first.numbers {
        Numbers::Floats(_) => {
            let parts = parts.into_iter().map(as_floats).collect::<Result<Vec<_>, _>>()?;
            Numbers::Floats(joined(&parts, outer))
        }
        Numbers::Integers(_) => {
            let parts = parts.into_iter().map(as_integers).collect::<Result<Vec<_>, _>>()?;
            Numbers::Integers(joined(&parts, outer))
        }
        Numbers::Booleans(_) => {
            let parts = parts.into_iter().map(as_booleans).collect::<Result<Vec<_>, _>>()?;
            Numbers::Booleans(joined(&parts, outer))
        }
    })
}

pub(super) fn choose(call: &Call<'_>) -> Made {
    fn chosen<T>(conditions: &[bool], a: Vec<T>, b: Vec<T>) -> Vec<T> {
        conditions.iter().zip(a.into_iter().zip(b)).map(|(first, (a, b))| if *first { a } else { b }).collect()
    }
    let everywhere = |at: usize| input(call, at).and_then(|o| pick(&o.numbers, Walk::broadcast(&o.dims, call.dims)));
    let Numbers::Booleans(conditions) = everywhere(0)? else { return Err("truth values are needed".into()) };
    Ok(match (everywhere(1)?, everywhere(2)?) {
        (Numbers::Floats(a), Numbers::Floats(b)) => Numbers::Floats(chosen(&conditions, a, b)),
        (Numbers::Integers(a), Numbers::Integers(b)) => Numbers::Integers(chosen(&conditions, a, b)),
        (Numbers::Booleans(a), Numbers::Booleans(b)) => Numbers::Booleans(chosen(&conditions, a, b)),
        _ => return Err("values of one type are needed".into()),
    })
}

/// One value everywhere; zero if none is stated.
pub(super) fn constant_of_shape(call: &Call<'_>) -> Made {
    let count = call.dims.iter().product::<u64>() as usize;
    match call.value {
        Some(value) => pick(&value.numbers, std::iter::repeat_n(0, count)),
        None => Ok(Numbers::Floats(vec![0.0; count])),
    }
}

pub(super) fn range(call: &Call<'_>) -> Made {
    let one = |at: usize| as_integers(input(call, at)?)?.first().copied().ok_or_else(|| "a scalar is needed".to_owned());
    let (start, step) = (one(0)?, one(2)?);
    let numbers = (0..call.dims.iter().product::<u64>() as i64).map(|i| step.checked_mul(i)?.checked_add(start));
    Ok(Numbers::Integers(numbers.collect::<Option<_>>().ok_or(super::OVERFLOW)?))
}

/// Floats become integers by cutting off; what does not fit has no result.
pub(super) fn cast(call: &Call<'_>) -> Made {
    let data = &*input(call, 0)?.numbers;
    if element(call.data_type).is_some() {
        return Ok(Numbers::Floats(match data {
            Numbers::Floats(values) => values.clone(),
            Numbers::Integers(values) => {
                values.iter().map(|x| exactly(*x)).collect::<Option<_>>().ok_or("an integer is too large")?
            }
            Numbers::Booleans(values) => values.iter().map(|x| f64::from(u8::from(*x))).collect(),
        }));
    }
    if call.data_type == 9 {
        return Ok(Numbers::Booleans(match data {
            Numbers::Floats(values) => values.iter().map(|x| *x != 0.0).collect(),
            Numbers::Integers(values) => values.iter().map(|x| *x != 0).collect(),
            Numbers::Booleans(values) => values.clone(),
        }));
    }
    let whole = |x: &f64| Some(x.trunc()).filter(|x| x.abs() < 9.0e18).map(|x| x as i64);
    Ok(Numbers::Integers(match data {
        Numbers::Floats(values) => values.iter().map(whole).collect::<Option<_>>().ok_or(super::OVERFLOW)?,
        Numbers::Integers(values) => values.clone(),
        Numbers::Booleans(values) => values.iter().map(|x| i64::from(*x)).collect(),
    }))
}

/// The same number as f64; beyond 2⁵³ a second rounding could be another number.
fn exactly(x: i64) -> Option<f64> {
    (x.unsigned_abs() <= 1 << 53).then_some(x as f64)
}
