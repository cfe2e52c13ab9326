//! Einsum: sums over all letters that the result has not, of the products of the operands' elements.

use super::array::{at, count, each_position};
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
/// The extent of each letter, those of the result first.
fn extents(operands: &[Vec<char>], result: &[char], inputs: &[&Array]) -> Result<Vec<(char, usize)>, ReferenceError> {
    let letters = result.iter().chain(operands.iter().flatten());
    let mut extents: Vec<(char, usize)> = Vec::new();
    for &letter in letters {
        if extents.iter().any(|(known, _)| *known == letter) {
            continue;
        }
        let places = operands.iter().zip(inputs).flat_map(|(term, input)| term.iter().zip(&input.dims));
        let mut found: Vec<usize> = places.filter(|(l, _)| **l == letter).map(|(_, d)| *d).collect();
        // As in NumPy, by which ONNX explains the operator, an extent of one is repeated.
        found.sort_unstable();
        found.dedup();
        let ([extent] | [1, extent]) = found[..] else {
            return invalid(format!("the letter {letter} has no extent, or several"));
        };
        extents.push((letter, extent));
    }
    Ok(extents)
}

pub(super) fn einsum(call: &Call) -> Result<Vec<Array>, ReferenceError> {
    let inputs = call.all_inputs()?;
    let (operands, result) = terms(call.text_or("equation", "")?)?;
    if operands.len() != inputs.len() {
        return invalid("the equation has another number of operands");
    }
    let extents = extents(&operands, &result, &inputs)?;
    if operands.iter().zip(&inputs).any(|(term, input)| term.len() != input.dims.len()) {
        return invalid("an operand has another rank than its term");
    }
    let values: Vec<&[f64]> = inputs.iter().map(|input| input.floats()).collect::<Result<_, _>>()?;
    // How far a step along each letter goes in each operand, and in the result, which stands last.
    let made: Vec<usize> = extents.iter().take(result.len()).map(|(_, extent)| *extent).collect();
    let steps = |term: &[char], dims: &[usize]| {
        let step = |(axis, _): (usize, &char)| {
            let is_repeated = dims.get(axis) == Some(&1);
            if is_repeated { 0 } else { dims.iter().skip(axis + 1).product::<usize>() }
        };
        let of = |letter: char| term.iter().enumerate().filter(|(_, own)| **own == letter).map(step).sum();
        extents.iter().map(|(letter, _)| of(*letter)).collect::<Vec<usize>>()
    };
    let mut all: Vec<Vec<usize>> = operands.iter().zip(&inputs).map(|(term, input)| steps(term, &input.dims)).collect();
    all.push(steps(&result, &made));
    let dims: Vec<usize> = extents.iter().map(|(_, extent)| *extent).collect();
    let (length, rows) = dims.split_last().map_or((1, &dims[..]), |(length, rows)| (*length, rows));
    let along: Vec<usize> = all.iter().map(|steps| steps.last().copied().unwrap_or(0)).collect();
    let mut y = vec![0.0; count(&made)?];
    each_position(rows, |position| {
        let first = |steps: &Vec<usize>| position.iter().zip(steps).map(|(place, step)| place * step).sum::<usize>();
        let mut places: Vec<usize> = all.iter().map(first).collect();
        for _ in 0..length {
            let mut product = 1.0;
            for (values, place) in values.iter().zip(&places) {
                product *= at(values, *place)?;
            }
            if let Some(sum) = places.last().and_then(|place| y.get_mut(*place)) {
                *sum += product;
            }
            places.iter_mut().zip(&along).for_each(|(place, step)| *place += step);
        }
        Ok(())
    })?;
    Ok(vec![Array::float(made, y)])
}
