//! Operators that became one, and normalisations that handed their scale on, must be judged equal within one rounding; with a wrong
//! number in the one that is left they must not.

use crate::judged::{decode, fold_with, inexact, judge, numbers, store};
use bnfold::plan::Options;
use bnfold::sample::Expect;
use bnfold::verify::Outcome;
use prost::Message as _;

/// Judges a fold, and the same with its largest changed weight off by a thousandth.
fn check(place: &str, text: &str, options: &Options) {
    let bytes = inexact(text);
    let folded = fold_with(&bytes, options);
    if folded == bytes {
        return;
    }
    let verdict = judge(&bytes, &folded);
    assert_eq!(verdict.outcome, Outcome::EqualWithinRounding, "{place}: {verdict:#?}");
    let (before, mut wrong) = (decode(&bytes), decode(&folded));
    let old = |name: &str| before.graph.as_ref().unwrap().initializer.iter().any(|tensor| tensor.name() == name);
    let constants = &mut wrong.graph.as_mut().unwrap().initializer;
    let changed = constants.iter_mut().filter(|tensor| !old(tensor.name()) && tensor.dims.len() > 1);
    let Some(weight) = changed.max_by_key(|tensor| tensor.dims.iter().product::<i64>()) else { return };
    let mut values = numbers(weight);
    let largest = (0..values.len()).max_by(|a, b| values[*a].abs().total_cmp(&values[*b].abs())).unwrap();
    values[largest] *= 1.001;
    store(weight, &values);
    let verdict = judge(&bytes, &wrong.encode_to_vec());
    assert!(verdict.outcome >= Outcome::NotJudged, "{place}, one weight off: {verdict:#?}");
}

#[test]
fn operators_that_became_one_are_right() {
    for sample in bnfold::plan::BRANCHES.iter().filter(|sample| matches!(sample.expect, Expect::Folded { .. })) {
        check(sample.name, sample.text, &Options::default());
    }
}

#[test]
fn normalizations_that_handed_their_scale_on_are_right() {
    let nodes = [
        (
            17,
            "float[6] s = positive(1), float[6] b = dyadic(2), float[6,3] w = dyadic(3), float[3] e = dyadic(4)",
            "n = LayerNormalization (x, s, b)  p = MatMul (n, w)  q = Add (p, e)",
        ),
        (
            17,
            "float[6] s = positive(1), float[6] b = dyadic(2), float[6,3] w = dyadic(3)",
            "n = LayerNormalization (x, s, b)  q = MatMul (n, w)",
        ),
        (
            23,
            "float[6] s = positive(1), float[6,3] w = dyadic(3), float[6,3] u = dyadic(5)",
            "n = RMSNormalization (x, s)  p = MatMul (n, w)  o = MatMul (n, u)  q = Mul (p, o)",
        ),
        (
            17,
            "float[4] s = positive(1), float[4] b = dyadic(2), float[3,4,2] w = dyadic(3)",
            "n = InstanceNormalization (x, s, b)  q = Conv (n, w)",
        ),
        (
            21,
            "float[4] s = positive(1), float[4] b = dyadic(2), float[3,4,2] w = dyadic(3)",
            "n = GroupNormalization <num_groups = 2> (x, s, b)  q = Conv <pads = [1, 0]> (n, w)",
        ),
    ];
    for (opset, constants, nodes) in nodes {
        let text = format!(
            "<ir_version: 8, opset_import: [\"\" : {opset}]> g (float[2,4,6] x) => (float[] y) <{constants}> {{ {nodes}  y = Softmax (q) }}"
        );
        check(nodes, &text, &Options { normalizations: true, ..Options::default() });
    }
}
