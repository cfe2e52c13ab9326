//! Operators that compute each element from those at its place, repeated along axes of extent one.

use super::index::Walk;
use super::{OVERFLOW, as_booleans, as_floats, as_integers, input};
use crate::model::computed::{Call, Numbers, Operand};

type Made = Result<Numbers, String>;

/// A function of one float.
pub(super) fn floats(call: &Call<'_>, f: fn(f64) -> f64) -> Made {
    Ok(Numbers::Floats(as_floats(input(call, 0)?)?.iter().map(|x| f(*x)).collect()))
}

/// A function of one float or integer.
fn either(call: &Call<'_>, f: fn(f64) -> f64, g: fn(i64) -> Option<i64>) -> Made {
    match &*input(call, 0)?.numbers {
        Numbers::Integers(values) => Ok(Numbers::Integers(values.iter().map(|x| g(*x)).collect::<Option<_>>().ok_or(OVERFLOW)?)),
        _ => floats(call, f),
    }
}

pub(super) fn abs(call: &Call<'_>) -> Made {
    either(call, f64::abs, i64::checked_abs)
}

/// No less than the first bound and no more than the second one.
pub(super) fn clip(call: &Call<'_>) -> Made {
    let bound = |at: usize| call.inputs.get(at).and_then(Option::as_ref);
    match &*input(call, 0)?.numbers {
        Numbers::Integers(values) => {
            let one = |at| bound(at).map(|b| as_integers(b).map(|all| all.first().copied())).transpose();
            let (low, high) = (one(1)?.flatten().unwrap_or(i64::MIN), one(2)?.flatten().unwrap_or(i64::MAX));
            Ok(Numbers::Integers(values.iter().map(|x| (*x).max(low).min(high)).collect()))
        }
        _ => {
            let one = |at| bound(at).map(|b| as_floats(b).map(|all| all.first().copied())).transpose();
            let (low, high) = (one(1)?.flatten().unwrap_or(f64::NEG_INFINITY), one(2)?.flatten().unwrap_or(f64::INFINITY));
            if low.is_nan() || high.is_nan() {
                return Err("a bound is NaN".into());
            }
            Ok(Numbers::Floats(as_floats(input(call, 0)?)?.iter().map(|x| smaller(larger(*x, low), high)).collect()))
        }
    }
}

pub(super) fn neg(call: &Call<'_>) -> Made {
    either(call, |x| -x, i64::checked_neg)
}

pub(super) fn not(call: &Call<'_>) -> Made {
    Ok(Numbers::Booleans(as_booleans(input(call, 0)?)?.iter().map(|x| !x).collect()))
}

/// A function of two elements at each place of a shape.
fn pairs<T: Copy, R>(a: (&[T], &Operand), b: (&[T], &Operand), dims: &[u64], f: impl Fn(T, T) -> R) -> Result<Vec<R>, String> {
    let places = Walk::broadcast(&a.1.dims, dims).zip(Walk::broadcast(&b.1.dims, dims));
    let made = places.map(|(x, y)| Some(f(*a.0.get(x)?, *b.0.get(y)?)));
    made.collect::<Option<Vec<R>>>().ok_or_else(|| "the operands do not fit".to_owned())
}

/// A function of two floats or integers.
fn arithmetic(call: &Call<'_>, f: fn(f64, f64) -> f64, g: fn(i64, i64) -> Option<i64>) -> Made {
    let (a, b) = (input(call, 0)?, input(call, 1)?);
    match (&*a.numbers, &*b.numbers) {
        (Numbers::Floats(x), Numbers::Floats(y)) => Ok(Numbers::Floats(pairs((x, a), (y, b), call.dims, f)?)),
        (Numbers::Integers(x), Numbers::Integers(y)) => {
            let made = pairs((x, a), (y, b), call.dims, g)?;
            Ok(Numbers::Integers(made.into_iter().collect::<Option<_>>().ok_or(OVERFLOW)?))
        }
        _ => Err("numbers of one type are needed".into()),
    }
}

pub(super) fn add(call: &Call<'_>) -> Made {
    arithmetic(call, |x, y| x + y, i64::checked_add)
}

pub(super) fn sub(call: &Call<'_>) -> Made {
    arithmetic(call, |x, y| x - y, i64::checked_sub)
}

pub(super) fn mul(call: &Call<'_>) -> Made {
    arithmetic(call, |x, y| x * y, i64::checked_mul)
}

/// Integers are cut off towards zero.
pub(super) fn div(call: &Call<'_>) -> Made {
    arithmetic(call, |x, y| x / y, i64::checked_div)
}

/// The rest has the sign of the divisor; with `fmod`, as floats need it, that of the dividend.
pub(super) fn modulo(call: &Call<'_>) -> Made {
    let rest = |x: i64, y: i64| x.checked_rem(y).map(|rest| if rest != 0 && (rest < 0) != (y < 0) { rest + y } else { rest });
    match super::int(call, "fmod", 0) {
        0 if matches!(&*input(call, 0)?.numbers, Numbers::Floats(_)) => Err("floats need fmod = 1".into()),
        0 => arithmetic(call, |x, _| x, rest),
        _ => arithmetic(call, |x, y| x % y, i64::checked_rem),
    }
}

/// The exponent may be an integer; the result has the type of the base.
pub(super) fn pow(call: &Call<'_>) -> Made {
    let (base, exponent) = (input(call, 0)?, input(call, 1)?);
    let exponents: Vec<f64> = match &*exponent.numbers {
        Numbers::Floats(values) => values.clone(),
        Numbers::Integers(values) => values.iter().map(|value| *value as f64).collect(),
        Numbers::Booleans(_) => return Err("numbers are needed".into()),
    };
    Ok(Numbers::Floats(pairs((as_floats(base)?, base), (&exponents, exponent), call.dims, f64::powf)?))
}

/// The larger number; NaN if one is.
pub(super) fn larger(x: f64, y: f64) -> f64 {
    if x.is_nan() || x > y { x } else { y }
}

/// The smaller number; NaN if one is.
pub(super) fn smaller(x: f64, y: f64) -> f64 {
    if x.is_nan() || x < y { x } else { y }
}

/// One input after the other joined to what came of those before.
fn in_turn(call: &Call<'_>, f: fn(f64, f64) -> f64, g: fn(i64, i64) -> Option<i64>) -> Made {
    let first = input(call, 0)?;
    let everywhere = |numbers: &Numbers, from: &[u64]| super::moving::pick(numbers, Walk::broadcast(from, call.dims));
    let mut sum = everywhere(&first.numbers, &first.dims)?;
    for at in 1..call.inputs.len() {
        let next = input(call, at)?;
        sum = match (sum, everywhere(&next.numbers, &next.dims)?) {
            (Numbers::Floats(x), Numbers::Floats(y)) => Numbers::Floats(x.iter().zip(&y).map(|(x, y)| f(*x, *y)).collect()),
            (Numbers::Integers(x), Numbers::Integers(y)) => {
                let made = x.iter().zip(&y).map(|(x, y)| g(*x, *y));
                Numbers::Integers(made.collect::<Option<_>>().ok_or(OVERFLOW)?)
            }
            _ => return Err("numbers of one type are needed".into()),
        };
    }
    Ok(sum)
}

pub(super) fn max(call: &Call<'_>) -> Made {
    in_turn(call, larger, |x, y| Some(x.max(y)))
}

pub(super) fn min(call: &Call<'_>) -> Made {
    in_turn(call, smaller, |x, y| Some(x.min(y)))
}

pub(super) fn total(call: &Call<'_>) -> Made {
    in_turn(call, |x, y| x + y, i64::checked_add)
}

fn compared(call: &Call<'_>, f: fn(f64, f64) -> bool, g: fn(i64, i64) -> bool) -> Made {
    let (a, b) = (input(call, 0)?, input(call, 1)?);
    Ok(Numbers::Booleans(match &*a.numbers {
        Numbers::Floats(values) => pairs((values, a), (as_floats(b)?, b), call.dims, f)?,
        Numbers::Integers(values) => pairs((values, a), (as_integers(b)?, b), call.dims, g)?,
        Numbers::Booleans(_) => return Err("numbers are needed".into()),
    }))
}

pub(super) fn equal(call: &Call<'_>) -> Made {
    compared(call, |x, y| x == y, |x, y| x == y)
}

pub(super) fn greater(call: &Call<'_>) -> Made {
    compared(call, |x, y| x > y, |x, y| x > y)
}

pub(super) fn less(call: &Call<'_>) -> Made {
    compared(call, |x, y| x < y, |x, y| x < y)
}
