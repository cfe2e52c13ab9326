//! Random small graphs of all operators that fold, in numbers so small that f64 arithmetic is exact: a fold must give the same
//! function bit for bit. The long form: `BNFOLD_GRAPHS=20000 cargo test --release --test random_graphs`; where `BNFOLD_PYTHON` names
//! a Python with the package onnx, its checker looks at what was folded, too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod maker;
mod support;
mod visible;

use std::collections::BTreeSet;
use std::process::Command;

use maker::graph;
use proptest::prelude::*;
use support::{fold, model_of};
use visible::{compared, same_function};

/// Folds the graph of a seed and compares. Returns how many nodes went.
fn check(seed: u64) -> usize {
    same_function(&graph(seed), seed)
}

fn cases() -> u32 {
    std::env::var("BNFOLD_GRAPHS").ok().and_then(|n| n.parse().ok()).unwrap_or(500)
}

#[test]
fn a_fold_is_the_same_function() {
    let config = ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() };
    let python = std::env::var_os("BNFOLD_PYTHON").filter(|_| std::env::var_os("BNFOLD_GRAPHS").is_some());
    let folder = tempfile::tempdir().unwrap();
    proptest!(config, |(seed: u64)| {
        let (bytes, folded) = compared(&graph(seed), seed);
        if python.is_some() {
            std::fs::write(folder.path().join(format!("{seed}.onnx")), bytes).unwrap();
            std::fs::write(folder.path().join(format!("{seed}.folded.onnx")), folded).unwrap();
        }
    });
    if let Some(python) = python {
        let output = Command::new(python).arg("tests/data/check_folds.py").arg(folder.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
        println!("{said}");
    }
}

#[test]
fn most_graphs_have_something_to_fold() {
    let folded = (0..200).filter(|seed| check(*seed) > 0).count();
    assert!(folded > 120, "{folded} of 200");
}

/// Sums of branches of one value, as the nodes of a file count them.
#[test]
fn branches_of_one_value_become_one() {
    let sums = |bytes: &[u8]| {
        let nodes = model_of(bytes).graph.unwrap().node;
        nodes.iter().filter(|node| matches!(node.op_type(), "Add" | "Sub" | "Sum") && node.input.len() > 1).count()
    };
    let merged = |seed: &u64| {
        let bytes = bnfold::sample::encode(&graph(*seed)).unwrap();
        let apart = bnfold::plan::Options { keep_branches: true, ..Default::default() };
        sums(&fold(&bytes)) < sums(&support::fold_with(&bytes, &apart))
    };
    let found = (0..400).filter(merged).count();
    assert!(found > 20, "{found} of 400");
}

/// Graphs that were folded further by a second fold.
#[test]
fn what_was_folded_further_once_is_not_again() {
    check(6_104_975_870_609_356_023);
    // In the graph of a node.
    check(14_741_938_079_596_954_225);
}

#[test]
fn many_shapes_are_computed() {
    let measured = |seed: &u64| ["= Shape ", "= Reshape "].iter().all(|node| graph(*seed).contains(node));
    let folded = (0..400).filter(measured).filter(|seed| check(*seed) > 0).count();
    assert!(folded > 60, "{folded} of 400");
}

#[test]
fn every_operator_occurs() {
    let mut missing: BTreeSet<&str> = bnfold::ops::OPERATORS.iter().map(|operator| operator.name).collect();
    for seed in 0..4000 {
        let text = graph(seed);
        missing.retain(|name| !text.contains(&format!("= {name} ")));
    }
    assert_eq!(missing, BTreeSet::new());
}

/// What is compared here is compared bit for bit until a double is full.
#[test]
fn only_a_number_without_a_digit_left_may_be_rounded() {
    use bnfold::reference::Array;
    let of = |number: f64| Array::float(vec![1], vec![number]);
    let full = 1.0 + f64::EPSILON;
    assert!(support::is_same(&of(full), &of(1.0 + 4.0 * f64::EPSILON)));
    assert!(!support::is_same(&of(full), &of(1.0 + 2f64.powi(-40))), "more than rounding");
    assert!(!support::is_same(&of(1.25), &of(1.25 + 2f64.powi(-30))), "digits are left");
    assert!(!support::is_same(&of(3.0), &of(-3.0)));
}

/// Where large numbers cancel, what they were says how much may be rounded; a number that nothing was taken from may not be another.
#[test]
fn what_was_summed_up_bounds_what_may_be_rounded() {
    use bnfold::reference::{Array, Data};
    let text = r#"<ir_version: 8, opset_import: ["" : 17]>
        g (double[2,2] x) => (double[2,2] y)
        <double[2] large = {-1048576, 0}, double[2] s = {-2, 1}, double[2] b = {0, -1}, double[2] m = {3, 0.5}, double[2] v = {4, 1}>
        { a = Add (x, large)
          d = Sub (a, large)
          n = Neg (d)
          y = BatchNormalization <epsilon = 0.0> (n, s, b, m, v) }"#;
    let model = model_of(&bnfold::sample::encode(text).unwrap());
    let of = |numbers: [f64; 4]| Array::float(vec![2, 2], numbers.to_vec());
    let inputs = std::collections::BTreeMap::from([("x".to_owned(), of([1.0, -2.0, -3.0, 4.0]))]);
    let sizes = visible::magnitude::magnitudes(&model, &inputs);
    assert_eq!(sizes["a"].data, Data::Float(vec![1_048_577.0, 2.0, 1_048_579.0, 4.0]));
    assert_eq!(sizes["d"].data, Data::Float(vec![2_097_153.0, 2.0, 2_097_155.0, 4.0]));
    assert_eq!(sizes["y"].data, Data::Float(vec![2_097_156.0, 3.5, 2_097_158.0, 5.5]));
    let is_rounded = |other| visible::magnitude::is_rounded(&of([1.0; 4]), &other, &sizes["y"]);
    assert!(is_rounded(of([1.0 + 2f64.powi(-26), 1.0, 1.0, 1.0])));
    assert!(!is_rounded(of([1.0 + 2f64.powi(-24), 1.0, 1.0, 1.0])), "more than rounding");
    assert!(!is_rounded(of([1.0, 1.0 + 2f64.powi(-26), 1.0, 1.0])), "nothing large was there");
    let text = text.replace("Neg", "Exp");
    let known = visible::magnitude::magnitudes(&model_of(&bnfold::sample::encode(&text).unwrap()), &inputs);
    assert!(known.contains_key("d") && !known.contains_key("n") && !known.contains_key("y"), "behind an Exp nothing is known");
}

/// A sign is that of a number, and what rounding may have left of nothing has none.
#[test]
fn signs_jump_where_rounding_leaves_of_nothing_a_number() {
    use bnfold::reference::Array;
    let of = |numbers: [f64; 2]| Array::float(vec![2], numbers.to_vec());
    let jumps =
        |signs: [[f64; 2]; 2], read| visible::magnitude::jumps([&of(signs[0]), &of(signs[1])], &of(read), &of([8.0, 8.0]));
    assert!(jumps([[1.0, 0.0], [1.0, -1.0]], [3.0, 0.0]) && jumps([[1.0, 1.0], [-1.0, 1.0]], [2f64.powi(-44), 1.0]));
    assert!(!jumps([[1.0, 0.0], [-1.0, 1.0]], [3.0, 0.0]) && !jumps([[1.0, 0.0], [0.0, 0.0]], [2f64.powi(-40), 0.0]));
}
