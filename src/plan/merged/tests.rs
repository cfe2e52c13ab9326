//! Sums of weights.

use super::*;
use crate::model::Model;

/// What sums decide is what the elements say, and what they do not decide is asked of the elements.
#[test]
fn sums_say_what_elements_say() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = Relu (x) }"#;
    let model = Model::from_bytes(crate::sample::encode(text).unwrap()).unwrap();
    let graph = Graph::build(&model).unwrap();
    let layout = Layout::new(&[(Role::Out, 2), (Role::In, 2)], &[], &[2, 2]);
    let table = [
        (Element::F32, [1.0, 1.0], [1.0, 2.0], Ok(()), true),
        (Element::F32, [1.0, 1.0], [-1.0, 2.0], Ok(()), false),
        (Element::F32, [1e-39, 1.0], [1e-40, 1.0], Err(Reason::Underflow), false),
        (Element::F32, [3e38, 1.0], [3e38, 1.0], Err(Reason::Overflow), false),
        (Element::F32, [f64::NAN, 1.0], [1.0, 1.0], Err(Reason::NonFinite), false),
        (Element::F16, [4e4, 1.0], [4e4, 1.0], Err(Reason::Overflow), false),
        (Element::F16, [0.5, 1.0], [0.25, 1.0], Ok(()), true),
        (Element::F64, [1.0, 1.0], [1.0, 1.0], Ok(()), false),
    ];
    for (element, one, other, expected, decided) in table {
        let part = |factors: [f64; 2]| {
            let mut part = Part::ones(2, &[]);
            part.scale(Role::Out, &factors.map(DoubleDouble::new));
            part
        };
        let merged = Merged { layout: layout.clone(), parts: vec![part(one), part(other)] };
        assert_eq!(merged.survives(&graph, element).unwrap(), expected, "{element:?} {one:?} {other:?}");
        assert_eq!(merged.survive(&merged.elements(&graph).unwrap(), element), expected, "{element:?} {one:?} {other:?}");
        assert_eq!(merged.clearly_survives(&graph, element).unwrap(), decided, "{element:?} {one:?} {other:?}");
    }
}

#[test]
fn lanes_add_up_what_stands_in_no_block_too() {
    let weights: Vec<f64> = (0..19).map(|at| f64::from(at) - 4.0).collect();
    assert_eq!(lanes(&weights), (95.0, 115.0));
    assert_eq!(lanes(&[-2.0]), (-2.0, 2.0));
}

#[test]
fn sums_that_cancel_decide_nothing() {
    let text = r#"<ir_version: 8, opset_import: ["" : 17]> g (float[2] x) => (float[2] y) { y = Relu (x) }"#;
    let model = Model::from_bytes(crate::sample::encode(text).unwrap()).unwrap();
    let graph = Graph::build(&model).unwrap();
    let part = |factor: f64| {
        let mut part = Part::ones(2, &[]);
        part.scale(Role::Out, &[DoubleDouble::new(factor); 2]);
        part
    };
    let parts = (0..20).map(|at| part(if at % 2 == 0 { 1.0 } else { -1.0 })).collect();
    let merged = Merged { layout: Layout::new(&[(Role::Out, 2), (Role::In, 2)], &[], &[2, 2]), parts };
    assert!(!merged.clearly_survives(&graph, Element::F32).unwrap());
    assert_eq!(merged.survives(&graph, Element::F32).unwrap(), Ok(()));
}

#[test]
fn digits_that_a_large_neighbour_hides_are_not_lost() {
    let merged = Merged { layout: Layout::new(&[(Role::Out, 2), (Role::In, 2)], &[], &[2, 2]), parts: vec![] };
    let of = |values: [f64; 4]| merged.survive(&values.map(DoubleDouble::new), Element::F32);
    assert_eq!(of([1e-39, 1.0, 1.0, 1.0]), Ok(()));
    assert_eq!(of([1e-39, 1e-39, 1.0, 1.0]), Err(Reason::Underflow), "the neighbour is of another channel");
    assert_eq!(of([0.0, 0.0, 1.0, 1.0]), Ok(()));
}
