//! How often numbers are drawn for a trial, and whether it can be afforded at all.

use std::collections::BTreeMap;

use super::sides::Sides;
use super::{Read, draws};
use crate::model::Graph;
use crate::verify::certify::layout::Layout;
use crate::verify::region::Form;

/// How often numbers are drawn where that is cheap; where it is very cheap, once more for each channel.
const DRAWS: usize = draws::SPREAD_ALL;

/// How many numbers the values of a region may hold, in all draws.
pub(super) const MOST_NUMBERS: u64 = 1 << 27;

/// How often numbers are drawn.
///
/// # Errors
/// Why it would take too long.
pub(super) fn draws(a: &Graph<'_>, b: &Graph<'_>, sides: &Sides, most: u64) -> Read<usize> {
    let (forms, layouts) = (&sides.forms, &sides.layouts);
    let products = cost(a, &forms.0, layouts).max(cost(b, &forms.1, layouts)).max(1);
    // A factor that goes through a gate is measured by one draw and held against another, and a term of higher degree with a tiny
    // factor shows itself in none but that of the largest numbers.
    let fewest = 2;
    // Each draw is walked through both sides and the absolute model, zeros through the last alone.
    let walks = |draws: usize| products.saturating_mul(3 * draws as u64 + 1);
    if walks(fewest) > most {
        return Err(format!("a test by the reference would take {} products", walks(fewest)));
    }
    let numbers = sides.numbers();
    if numbers > MOST_NUMBERS {
        return Err(format!("a test by the reference would hold {numbers} numbers"));
    }
    let each = DRAWS + widest(a, &forms.0, layouts);
    let fits = |draws: &usize| walks(*draws) <= most >> 8 && numbers.saturating_mul(*draws as u64) <= MOST_NUMBERS;
    Ok(std::iter::once(each).chain((fewest..=DRAWS).rev()).find(fits).unwrap_or(fewest))
}

/// How many channels the values of a region have at most, by what it reads and by its weights, and how long last axes are.
fn widest(graph: &Graph<'_>, forms: &[Form], layouts: &BTreeMap<String, Layout>) -> usize {
    let weights = forms.iter().flat_map(|form| &form.constants).flat_map(|(_, tensor)| graph.tensor(*tensor).dims.iter().take(2));
    let weights = weights.filter_map(|dim| usize::try_from(*dim).ok());
    let read = layouts.values().flat_map(|layout| layout.dims.iter().skip(1).copied());
    let last = layouts.values().filter(|layout| layout.dims.len() > 2).filter_map(|layout| layout.dims.last().copied());
    read.chain(weights).max().unwrap_or(1) + last.max().unwrap_or(0)
}

/// Products that the reference would compute, about.
pub(crate) fn cost(graph: &Graph<'_>, forms: &[Form], layouts: &BTreeMap<String, Layout>) -> u64 {
    let positions = |layout: &Layout| {
        let channels = layout.channels.and_then(|axis| layout.dims.get(axis)).copied().unwrap_or(1).max(1);
        layout.dims.iter().fold(1_u64, |all, dim| all.saturating_mul(*dim as u64)) / channels as u64
    };
    let places = layouts.values().map(positions).max().unwrap_or(1);
    let tensors = forms.iter().flat_map(|form| &form.constants);
    tensors.map(|(_, tensor)| graph.tensor(*tensor).elements().saturating_mul(places)).fold(0, u64::saturating_add)
}
