//! Einsum: sums over all letters that the result has not, of the products of the operands' elements.

use super::array::{at, count, each_position, flat};
use super::call::Call;
use super::{Array, ReferenceError, invalid, unsupported};

/// The letters of each operand and of the result. Without an arrow the result has those that stand once, in order.
fn terms(equation: &str) -> Result<(Vec<Vec<char>>, Vec<char>), ReferenceError> {
    let equation: String = equation.split_whitespace().collect();
    if equation.contains('.') {
        return unsupported("an ellipsis in Einsum");
    }
    let (operands, result) = match equation.split_once("->") {
        Some((operands, result)) => (operands, Some(result.chars().collect())),
        None => (equation.as_str(), None),
    };
    let operands: Vec<Vec<char>> = operands.split(',').map(|term| term.chars().collect()).collect();
    let result = result.unwrap_or_else(|| {
        let mut all: Vec<char> = operands.concat();
        all.sort_unstable();
        let once = |letter: &char| all.iter().filter(|l| *l == letter).count() == 1;
        all.iter().copied().filter(once).collect()
    });
    Ok((operands, result))
}

/// y[result's letters] = Σ over the other letters of the product of all operands at their letters.
pub(super) fn einsum(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let inputs = call.all_inputs()?;
    let (operands, result) = terms(call.text_or("equation", "")?)?;
    if operands.len() != inputs.len() {
        return invalid("the equation has another number of operands");
    }
    // The extent of each letter, those of the result first.
    let mut letters = result.clone();
    letters.extend(operands.concat());
    let mut extents: Vec<(char, usize)> = Vec::new();
    for letter in letters {
        if extents.iter().any(|(known, _)| *known == letter) {
            continue;
        }
        let places = operands.iter().zip(&inputs).flat_map(|(term, input)| term.iter().zip(&input.dims));
        let mut found: Vec<usize> = places.filter(|(l, _)| **l == letter).map(|(_, d)| *d).collect();
        found.dedup();
        let [extent] = found[..] else { return invalid(format!("the letter {letter} has no extent, or several")) };
        extents.push((letter, extent));
    }
    if operands.iter().zip(&inputs).any(|(term, input)| term.len() != input.dims.len()) {
        return invalid("an operand has another rank than its term");
    }
    let values: Vec<&[f64]> = inputs.iter().map(|input| input.floats()).collect::<Result<_, _>>()?;
    let places: Vec<Vec<usize>> = operands
        .iter()
        .map(|term| term.iter().filter_map(|letter| extents.iter().position(|(known, _)| known == letter)).collect())
        .collect();
    let dims: Vec<usize> = extents.iter().map(|(_, extent)| *extent).collect();
    let made = dims.get(..result.len()).unwrap_or(&[]).to_vec();
    let mut y = vec![0.0; count(&made)?];
    each_position(&dims, |position| {
        let mut product = 1.0;
        for ((values, places), input) in values.iter().zip(&places).zip(&inputs) {
            let own = places.iter().map(|place| at(position, *place)).collect::<Result<Vec<_>, _>>()?;
            product *= at(values, flat(&own, &input.dims))?;
        }
        let index = flat(position.get(..made.len()).unwrap_or(&[]), &made);
        if let Some(sum) = y.get_mut(index) {
            *sum += product;
        }
        Ok(())
    })?;
    Ok(vec![Array::float(made, y)])
}
