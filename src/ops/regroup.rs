//! What Reshape, Flatten, Squeeze and Unsqueeze share: the same elements in the same order under other extents.
//!
//! Axes are matched in runs whose products agree, from the left. An extent that is not known is matched only where nothing
//! else is possible; there the matching stops.

use crate::law::{Carry, Lane, Law, Pairs, Passes};
use crate::model::{Dim, NodeView, Shape};

/// The law of a node that regroups its first input. One number for all elements needs no shape.
pub(super) fn law(node: &NodeView<'_>, copied: usize) -> Law {
    let shapes = node.input(0).and_then(|x| x.shape.as_deref()).zip(node.output_shape.as_deref());
    let Some((input, output)) = shapes else { return Law::Carry(Carry::one(vec![], Passes::ALL).with_unknown_axes()) };
    let lanes = lanes(input, output, copied);
    let open = |(axis, dim): (usize, &Dim), on: fn(&Lane) -> usize| dim.known().is_none() && lanes.iter().all(|l| on(l) != axis);
    let unknown = input.0.iter().enumerate().any(|dim| open(dim, |l| l.input))
        || output.0.iter().enumerate().any(|dim| open(dim, |l| l.output));
    let carry = Carry::one(lanes, Passes::ALL);
    Law::Carry(if unknown { carry.with_unknown_axes() } else { carry })
}

/// Which axes of the input correspond to which axes of the output. `copied` leading axes are known to be the same.
pub(super) fn lanes(input: &Shape, output: &Shape, copied: usize) -> Vec<Lane> {
    let equal = |pairs: &mut dyn Iterator<Item = (&Dim, &Dim)>| pairs.take_while(|(a, b)| a.same(**b)).count();
    let copied = copied.max(equal(&mut input.0.iter().zip(&output.0)));
    let open = (input.0.get(copied..).unwrap_or_default(), output.0.get(copied..).unwrap_or_default());
    let last = equal(&mut open.0.iter().rev().zip(open.1.iter().rev()));
    let mut lanes: Vec<Lane> = (0..copied).map(Lane::same).collect();
    lanes.extend(runs(&input.0[..input.rank() - last], &output.0[..output.rank() - last], copied));
    let behind =
        (1..=last).rev().map(|back| Lane { input: input.rank() - back, output: output.rank() - back, pairs: Pairs::Same });
    lanes.extend(behind);
    lanes
}

/// The lanes of axes from `copied` on, run by run.
fn runs(input: &[Dim], output: &[Dim], copied: usize) -> Vec<Lane> {
    // With one open extent on each side and equal products of the others, the open ones are equal.
    let open = |dims: &[Dim]| dims.iter().filter(|d| d.known().is_none()).count();
    let product = |dims: &[Dim]| dims.iter().filter_map(|d| d.known()).try_fold(1u64, u64::checked_mul);
    let (a, b) = (input.get(copied..).unwrap_or_default(), output.get(copied..).unwrap_or_default());
    let same_open = open(a) == 1 && open(b) == 1 && product(a) == product(b) && product(a) != Some(0);
    let mut lanes = Vec::new();
    let mut at = (copied, copied);
    while let Some((from, to)) = run(input, output, at, same_open) {
        lanes.extend(between(input, output, at, (from, to)));
        at = (from, to);
    }
    lanes
}

/// The ends of the shortest runs from `at` on whose products agree.
fn run(a: &[Dim], b: &[Dim], at: (usize, usize), same_open: bool) -> Option<(usize, usize)> {
    let (mut i, mut j) = at;
    // Number of open extents, and the product of the others.
    let (mut left, mut right) = ((0u32, 1u64), (0u32, 1u64));
    if i >= a.len() || j >= b.len() {
        return None;
    }
    loop {
        let (side, dims, position) =
            if left <= right && (i == at.0 || left < right) { (&mut left, a, &mut i) } else { (&mut right, b, &mut j) };
        match dims.get(*position)? {
            Dim::Known(0) => return None,
            Dim::Known(size) => side.1 = side.1.checked_mul(*size)?,
            Dim::Symbol(_) | Dim::Unknown if same_open => side.0 += 1,
            Dim::Symbol(_) | Dim::Unknown => return None,
        }
        *position += 1;
        if left == right && i > at.0 && j > at.1 {
            return Some((i, j));
        }
    }
}

/// The lanes of one pair of runs.
fn between(input: &[Dim], output: &[Dim], at: (usize, usize), end: (usize, usize)) -> Vec<Lane> {
    if end.0 == at.0 + 1 && end.1 == at.1 + 1 {
        return vec![Lane { input: at.0, output: at.1, pairs: Pairs::Same }];
    }
    let known = |dims: &[Dim], from: usize, to: usize| dims[from..to].iter().map(|d| d.known()).collect::<Option<Vec<u64>>>();
    let (Some(from), Some(to)) = (known(input, at.0, end.0), known(output, at.1, end.1)) else {
        return ones_aside(input, output, at, end);
    };
    let mut lanes = Vec::new();
    for i in 0..from.len() {
        for o in 0..to.len() {
            let pairs = Pairs::Digits { input: (from.clone(), i), output: (to.clone(), o) };
            lanes.push(Lane { input: at.0 + i, output: at.1 + o, pairs });
        }
    }
    lanes
}

/// Runs with an open extent: they correspond if everything else in them has extent one.
fn ones_aside(input: &[Dim], output: &[Dim], at: (usize, usize), end: (usize, usize)) -> Vec<Lane> {
    let long = |dims: &[Dim], from: usize, to: usize| (from..to).filter(|axis| dims[*axis] != Dim::Known(1)).collect::<Vec<_>>();
    match (&long(input, at.0, end.0)[..], &long(output, at.1, end.1)[..]) {
        ([i], [o]) => vec![Lane { input: *i, output: *o, pairs: Pairs::Same }],
        _ => vec![],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(input: &[Dim], output: &[Dim], copied: usize) -> Vec<(usize, usize)> {
        lanes(&Shape(input.to_vec()), &Shape(output.to_vec()), copied).iter().map(|l| (l.input, l.output)).collect()
    }

    #[test]
    fn one_axis_for_one_is_the_same_whatever_its_extent() {
        let (row, symbol) = ([Dim::Known(2), Dim::Symbol(1)], [Dim::Symbol(1)]);
        let same = |input, output| vec![Lane { input, output, pairs: Pairs::Same }];
        assert_eq!(between(&symbol, &symbol, (0, 0), (1, 1)), same(0, 0));
        assert_eq!(between(&row, &row, (1, 1), (2, 2)), same(1, 1));
        assert_eq!(between(&row, &symbol, (1, 0), (2, 1)), same(1, 0));
        assert_eq!(between(&row, &row, (0, 0), (1, 1)), same(0, 0));
    }

    #[test]
    fn axes_correspond_where_products_agree() {
        let k = Dim::Known;
        let open = Dim::Unknown;
        assert_eq!(pairs(&[k(2), k(3), k(4), k(5)], &[k(2), k(60)], 0), [(0, 0), (1, 1), (2, 1), (3, 1)]);
        assert_eq!(pairs(&[open, k(6), k(4)], &[open, k(2), k(3), k(4)], 0), [(0, 0), (1, 1), (1, 2), (2, 3)]);
        assert_eq!(pairs(&[open, k(6)], &[open, k(6), k(1), k(1)], 0)[..2], [(0, 0), (1, 1)]);
        assert_eq!(pairs(&[open, k(6), open, open], &[open, k(6), open], 0), []);
        assert_eq!(pairs(&[open, k(6), open, open], &[open, k(6), open], 2), [(0, 0), (1, 1)]);
        let (s, t) = (Dim::Symbol(1), Dim::Symbol(2));
        assert_eq!(pairs(&[s, k(6), t, open], &[s, k(6), open], 0), [(0, 0), (1, 1)]);
        assert_eq!(pairs(&[s, k(6), k(2)], &[t, k(6), open], 0), []);
        assert_eq!(pairs(&[open, k(6)], &[open, k(5), k(6)], 0), [(1, 2)]);
        assert_eq!(pairs(&[k(2), k(3)], &[k(3), k(2)], 0), [(0, 0), (0, 1), (1, 0), (1, 1)]);
    }
}
