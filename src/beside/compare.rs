//! How far the outputs of two runs are from each other, plainly.

use std::collections::BTreeMap;

use crate::engine::array::{Array, Data, class};
use crate::model::Element;
use crate::model::tensor::{element, type_name};
use crate::onnx::type_proto::Value;
use crate::onnx::{ModelProto, ValueInfoProto};
use crate::verify::OwnOutput;
use crate::verify::relay::position;

/// How many times smaller than the largest number of its type a number is that is far from it.
const FAR: f64 = 16.0;

/// Compares what both models gave and enters it where the outputs of other runs are; in the order in which they are declared.
pub(super) fn outputs(
    signature: &ModelProto,
    found: &BTreeMap<String, Array>,
    expected: &BTreeMap<String, Array>,
    all: &mut Vec<OwnOutput>,
) {
    for declared in signature.graph.iter().flat_map(|graph| &graph.output) {
        let name = declared.name();
        let output = match (found.get(name), expected.get(name)) {
            (Some(found), Some(expected)) => output(name, data_type(declared), found, expected),
            _ => {
                let apart = Some("it is no tensor of numbers".to_owned());
                OwnOutput { value: name.to_owned(), element: type_name(data_type(declared)), apart, ..OwnOutput::default() }
            }
        };
        match all.iter_mut().find(|known| known.value == name) {
            Some(known) => merge(known, output),
            None => all.push(output),
        }
    }
}

/// Enters what overflowed on large numbers, of which nothing else is told: where the first model took the same ones, and where it
/// took larger ones.
pub(super) fn overflowed((same, larger): (&[OwnOutput], &[OwnOutput]), all: &mut [OwnOutput]) {
    for known in all {
        let of = |large: &[OwnOutput]| large.iter().find(|output| output.value == known.value).map_or(0, |o| o.overflowed);
        let found = of(same).min(of(larger));
        if found > 0 {
            (known.overflowed, known.large) = (found, true);
        }
    }
}

fn data_type(declared: &ValueInfoProto) -> i32 {
    match declared.r#type.as_ref().and_then(|declared| declared.value.as_ref()) {
        Some(Value::TensorType(tensor)) => tensor.elem_type(),
        _ => 0,
    }
}

fn merge(known: &mut OwnOutput, other: OwnOutput) {
    if other.largest > known.largest || known.place.is_none() {
        known.place = other.place;
    }
    known.largest = known.largest.max(other.largest);
    known.magnitude = known.magnitude.max(other.magnitude);
    known.relative = match (known.relative, other.relative) {
        (Some(one), Some(two)) => Some(one.max(two)),
        (one, two) => one.or(two),
    };
    known.unlike += other.unlike;
    known.overflowed += other.overflowed;
    known.apart = known.apart.take().or(other.apart);
}

fn output(name: &str, data_type: i32, found: &Array, expected: &Array) -> OwnOutput {
    let end = element(data_type).map_or(f64::MAX, Element::max);
    let mut output = OwnOutput { value: name.to_owned(), element: type_name(data_type), ..OwnOutput::default() };
    if found.dims != expected.dims {
        output.apart = Some(format!("its shape is {:?}, that of the first model {:?}", found.dims, expected.dims));
        return output;
    }
    if std::mem::discriminant(&found.data) != std::mem::discriminant(&expected.data) {
        output.apart = Some("its type is another".to_owned());
        return output;
    }
    for (at, (f, e)) in numbers(found).zip(numbers(expected)).enumerate() {
        if e.is_finite() {
            output.magnitude = output.magnitude.max(e.abs());
        }
        if class(f) != class(e) {
            output.unlike += 1;
        }
        // Near the end of the type rounding alone decides.
        output.overflowed += usize::from(e.abs() <= end / FAR && !f.is_finite());
        if !f.is_finite() || !e.is_finite() {
            continue;
        }
        let distance = (f - e).abs().min(f64::MAX);
        if distance > output.largest {
            output.largest = distance;
            output.place = Some(format!("at {}: {f:e} and {e:e}", position(&found.dims, at)));
        }
    }
    output.relative = (output.magnitude > 0.0).then(|| (output.largest / output.magnitude).min(f64::MAX));
    output
}

/// All elements as numbers.
fn numbers(value: &Array) -> Box<dyn Iterator<Item = f64> + '_> {
    match &value.data {
        Data::Float(all) => Box::new(all.iter().copied()),
        Data::Int(all) => Box::new(all.iter().map(|&number| number as f64)),
        Data::Bool(all) => Box::new(all.iter().map(|&truth| f64::from(u8::from(truth)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compared(found: &[f64], expected: &[f64]) -> OwnOutput {
        let array = |values: &[f64]| Array::float([values.len()], values.to_vec());
        output("y", 1, &array(found), &array(expected))
    }

    #[test]
    fn the_largest_difference_is_told_beside_the_largest_magnitude() {
        let found = compared(&[1.0, 2.5, -8.0], &[1.5, 2.5, -8.0]);
        assert_eq!((found.largest, found.magnitude, found.relative, found.unlike), (0.5, 8.0, Some(0.0625), 0));
        assert_eq!(found.place.as_deref(), Some("at [0]: 1e0 and 1.5e0"));
        assert_eq!(compared(&[0.0], &[-0.0]), OwnOutput { value: "y".into(), element: "float".into(), ..OwnOutput::default() });
        assert_eq!(compared(&[f64::MAX], &[f64::MIN]).largest, f64::MAX);
    }

    #[test]
    fn what_is_no_number_in_one_model_only_is_counted() {
        let (nan, infinity) = (f64::NAN, f64::INFINITY);
        let found = compared(&[nan, 1.0, infinity, infinity, nan, 3.0], &[1.0, nan, -infinity, infinity, nan, 2.0]);
        assert_eq!((found.unlike, found.overflowed, found.largest, found.magnitude), (3, 1, 1.0, 2.0));
        assert_eq!((compared(&[infinity], &[-2e37]).overflowed, compared(&[nan], &[3e37]).overflowed), (1, 0));
    }

    #[test]
    fn other_shapes_and_kinds_are_said_and_kept() {
        let mut found = compared(&[1.0], &[1.0, 2.0]);
        assert_eq!(found.apart.as_deref(), Some("its shape is [1], that of the first model [2]"));
        merge(&mut found, compared(&[1.0], &[2.0]));
        assert_eq!((found.apart.is_some(), found.largest, found.relative), (true, 1.0, Some(0.5)));
        let whole = Array::int([1], vec![1]);
        assert!(output("y", 0, &whole, &Array::float([1], vec![1.0])).apart.is_some());
        let index = output("y", 0, &whole, &Array::int([1], vec![4]));
        assert_eq!((index.largest, index.apart), (3.0, None));
    }
}
