//! Einsum, opset 12, of a value and a constant: letters of both that the result has not are mixed, letters of the constant
//! alone are made, letters of the value alone are passed by.

use super::{NEWEST_OPSET, Operator, Stop};
use crate::law::{Bias, Lane, Law, Mix, Pairs, Reason, Role};
use crate::model::{Dim, NodeView, Shape};
use crate::sample::{Expect, Sample};

pub(super) static OPERATOR: Operator = Operator {
    name: "Einsum",
    opsets: 12..=NEWEST_OPSET,
    always_listed: false,
    summary: "of two, one a constant: scale on both sides, along its axes or past it",
    read,
    shape,
    samples: SAMPLES,
};

/// The letters of two operands and of the result; each stands once in its term.
fn letters(node: &NodeView<'_>) -> Option<[Vec<char>; 3]> {
    let equation: String = node.string("equation").ok()?.split_whitespace().collect();
    let (operands, result) = equation.split_once("->")?;
    let (left, right) = operands.split_once(',')?;
    let once = |term: &str| {
        let letters: Vec<char> = term.chars().collect();
        let unique =
            letters.iter().enumerate().all(|(at, letter)| letter.is_ascii_alphabetic() && !letters[..at].contains(letter));
        unique.then_some(letters)
    };
    Some([once(left)?, once(right)?, once(result)?])
}

fn read(node: &NodeView<'_>) -> Result<Law, Stop> {
    let terms = letters(node).filter(|_| node.inputs.len() == 2).ok_or(Reason::UnknownOperator)?;
    let left = node.is_constant(0) && !node.is_constant(1);
    let (weight, data) = if left { (0, 1) } else { (1, 0) };
    let dims = node.constant(weight)?.0;
    let (own, other, result) = (&terms[weight], &terms[data], &terms[2]);
    if dims.len() != own.len() || dims.contains(&0) {
        return Err(Reason::Attribute.into());
    }
    // Of several letters on one side, channels are those on axis 1, or the last.
    let channel = |term: &[char], against: &[char]| {
        let fits = |letter: &char| own.contains(letter) && !against.contains(letter);
        term.get(1).filter(|l| fits(l)).or_else(|| term.iter().rev().find(|l| fits(l))).copied()
    };
    let (out, inward) = (channel(result, other), channel(other, result));
    let role = |letter: &char| match letter {
        letter if Some(*letter) == out => Role::Out,
        letter if Some(*letter) == inward => Role::In,
        letter if result.contains(letter) => Role::Free,
        _ => Role::Sum,
    };
    let at = |term: &[char], letter: Option<char>| {
        letter.and_then(|letter| term.iter().position(|l| *l == letter)).ok_or(Reason::OtherAxis)
    };
    let beside =
        other.iter().enumerate().filter(|(_, letter)| !own.contains(letter)).filter_map(|(input, letter)| {
            Some(Lane { input, output: result.iter().position(|l| l == letter)?, pairs: Pairs::Same })
        });
    // A shift adds up over what the weight sums, as often as the data has it: an extent of one may stand for more.
    let summed = |input: usize, letter: &char| {
        let size = own.iter().position(|l| l == letter).and_then(|at| dims.get(at)).copied();
        let known = node.input(data).and_then(|fact| fact.shape.as_deref()).map(|shape| shape.dim(input).known());
        result.contains(letter) && size.is_none() || size.is_some_and(|size| size > 1 || known == Some(Some(1)))
    };
    let even = !own.iter().any(|letter| role(letter) == Role::Free)
        && other.iter().enumerate().all(|(input, letter)| summed(input, letter));
    Ok(Law::Mix(Mix {
        weight,
        data,
        axes: own.iter().map(role).zip(dims.iter().copied()).collect(),
        out_axis: at(result, out),
        in_axis: at(other, inward),
        gain: 1.0,
        bias: Bias::None,
        shift_in: if even { Ok(()) } else { Err(Reason::NoBias) },
        behind: Ok(()),
        beside: beside.collect(),
    }))
}

fn shape(node: &NodeView<'_>) -> Option<Shape> {
    let terms = letters(node).filter(|_| node.inputs.len() == 2)?;
    let extent = |letter: &char| {
        let known = (0..2).find_map(|input| {
            let at = terms[input].iter().position(|l| l == letter)?;
            node.input(input)?.shape.as_deref()?.dim(at).known().filter(|d| *d > 1)
        });
        known.map_or(Dim::Unknown, Dim::Known)
    };
    Some(Shape(terms[2].iter().map(extent).collect()))
}

const SAMPLES: &[Sample] = &[
    Sample {
        name: "behind, along the constant's letter",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[2,5,4] y)
            <float[5,3] w = dyadic(1), float[5,1] k = dyadic(2)>
            { c = Einsum <equation = "nit, oi -> not"> (x, w)
              y = Mul (c, k) }"#,
        expect: Expect::Folded { left: &["Einsum"] },
    },
    Sample {
        name: "before, the constant on the left",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[4,2,5] y)
            <float[5,3] w = dyadic(1), float[3,1] k = dyadic(2)>
            { n = Mul (x, k)
              y = Einsum <equation = "oi,nit->tno"> (w, n) }"#,
        expect: Expect::Folded { left: &["Einsum"] },
    },
    Sample {
        name: "behind, past a graph of joints into a convolution",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[1,2,3,4] x) => (float[1,5,3,4] y)
            <float[5,2,1,1] w = dyadic(1), float[4,4] joints = dyadic(7), float[5,1,1] k = dyadic(2)>
            { c = Conv (x, w)
              p = Einsum <equation = "nctv,vw->nctw"> (c, joints)
              y = Mul (p, k) }"#,
        expect: Expect::Folded { left: &["Conv", "Einsum"] },
    },
    Sample {
        name: "a shift has no place",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[2,5,4] y)
            <float[5,3] w = dyadic(1), float[5] s = dyadic(2), float[5] b = dyadic(3), float[5] m = dyadic(4), float[5] v = square(5)>
            { c = Einsum <equation = "nit,oi->not"> (x, w)
              y = BatchNormalization <epsilon = 0.0> (c, s, b, m, v) }"#,
        expect: Expect::Partly { reason: "no-bias", left: &["Einsum", "Add"] },
    },
    Sample {
        name: "a letter that stands twice",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[2,4] y)
            <float[3,3] w = dyadic(1), float[3,1] k = dyadic(2)>
            { n = Mul (x, k)
              y = Einsum <equation = "nit,ii->nt"> (n, w) }"#,
        expect: Expect::Kept("unknown-operator"),
    },
    Sample {
        name: "before, a shift into the constant that is added behind",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[2,5,4] y)
            <float[5,3] w = dyadic(1), float[3,1] k = dyadic(2), float[5,1] c = dyadic(3)>
            { a = Add (x, k)
              p = Einsum <equation = "nit,oi->not"> (a, w)
              y = Add (p, c) }"#,
        expect: Expect::Folded { left: &["Einsum", "Add"] },
    },
    Sample {
        name: "a shift along a letter that is summed over the data, too",
        text: r#"<ir_version: 8, opset_import: ["" : 17]>
            g (float[2,3,4] x) => (float[2,5] y)
            <float[5,3] w = dyadic(1), float[3,1] k = dyadic(2), float[5] c = dyadic(3)>
            { a = Add (x, k)
              p = Einsum <equation = "nit,oi->no"> (a, w)
              y = Add (p, c) }"#,
        expect: Expect::Kept("no-bias"),
    },
];
