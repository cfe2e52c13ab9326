use super::*;
use crate::onnx::{GraphProto, TypeProto, tensor_shape_proto};

fn input(name: &str, dims: Option<&[dimension::Value]>) -> ValueInfoProto {
    let shape = dims.map(|dims| TensorShapeProto {
        dim: dims.iter().map(|dim| tensor_shape_proto::Dimension { value: Some(dim.clone()), ..Default::default() }).collect(),
    });
    let tensor = type_proto::Tensor { elem_type: Some(DataType::Float.into()), shape };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { value: Some(Value::TensorType(tensor)), ..TypeProto::default() }),
        ..ValueInfoProto::default()
    }
}

fn model(inputs: Vec<ValueInfoProto>) -> ModelProto {
    ModelProto { graph: Some(GraphProto { input: inputs, ..GraphProto::default() }), ..ModelProto::default() }
}

fn symbol(name: &str) -> dimension::Value {
    dimension::Value::DimParam(name.to_owned())
}

const PICK: Pick = Pick { first: 2, other: 96, apart: true, small: false };

#[test]
fn open_extents_differ_from_one_another_from_fixed_ones_and_from_one() {
    let fixed = dimension::Value::DimValue(3);
    let dims = [symbol("N"), fixed, symbol("H"), symbol("W")];
    let model = model(vec![input("a", Some(&dims)), input("b", Some(&[symbol("N"), symbol("H")]))]);
    let of = |run: usize| choices(&model, &Sizes::default(), Asked { run, reach: 9, ..Asked::default() }).unwrap();
    let (first, second) = (of(0), of(1));
    assert_eq!((first[0][0].dims.as_slice(), first[0][1].dims.as_slice()), (&[2, 3, 12, 16][..], &[2, 12][..]));
    assert_eq!(second[0][0].dims, [5, 3, 12, 16], "3 is fixed");
    assert_eq!(first.last().unwrap()[0].dims, [1, 3, 8, 8], "1 comes last");
    let wide = choices(&model, &Sizes::default(), Asked { reach: 513, ..Asked::default() }).unwrap();
    assert_eq!(wide[0][0].dims, [2, 3, 516, 688]);
    let fixed = [dimension::Value::DimValue(4), dimension::Value::DimValue(6)];
    assert_eq!(choices(&self::model(vec![input("a", Some(&fixed))]), &Sizes::default(), Asked::default()).unwrap().len(), 1);
}

#[test]
fn large_extents_that_are_fixed_are_made_small_where_that_is_asked() {
    let dims = [1, 3, 1280, 640].map(dimension::Value::DimValue);
    let model = model(vec![input("a", Some(&dims))]);
    let small = choices(&model, &Sizes::default(), Asked { small: true, ..Asked::default() }).unwrap();
    assert_eq!(small[0][0].dims, [1, 3, 12, 16]);
    assert_eq!(small[0][0].assumed[0], ("axis 2 (1280 in the model)".to_owned(), 12));
    assert_eq!(choices(&model, &Sizes::default(), Asked::default()).unwrap()[0][0].dims, [1, 3, 1280, 640]);
}

#[test]
fn one_symbol_has_one_size_and_is_reported_once() {
    let fixed = dimension::Value::DimValue(3);
    let first = [symbol("N"), fixed.clone(), symbol("H"), symbol("H")];
    let second = [symbol("N"), symbol("?"), dimension::Value::DimValue(-1)];
    let model = model(vec![input("a", Some(&first)), input("b", Some(&second))]);
    let specs = bind_inputs(&model, &Sizes::default(), PICK).unwrap();
    assert_eq!(specs[0].dims, [2, 3, 96, 96]);
    assert_eq!(specs[0].assumed, [("N".to_owned(), 2), ("H".to_owned(), 96)]);
    assert_eq!(specs[1].dims, [2, 128, 160]);
    assert_eq!(specs[1].assumed, [("axis 1".to_owned(), 128), ("axis 2".to_owned(), 160)]);
}

#[test]
fn the_user_has_the_last_word() {
    let dims = [symbol("N"), dimension::Value::DimValue(3), symbol("H")];
    let model = model(vec![input("a", Some(&dims)), input("b", Some(&[symbol("H")]))]);
    let mut sizes = Sizes::default();
    sizes.symbols.insert("H".to_owned(), 7);
    let specs = bind_inputs(&model, &sizes, PICK).unwrap();
    assert_eq!((specs[0].dims.as_slice(), specs[1].dims.as_slice()), (&[2, 3, 7][..], &[7][..]));
    sizes.symbols.clear();
    sizes.shapes.insert("a".to_owned(), vec![2, 3, 5]);
    let specs = bind_inputs(&model, &sizes, PICK).unwrap();
    assert_eq!((specs[0].dims.as_slice(), specs[1].dims.as_slice()), (&[2, 3, 5][..], &[5][..]));
    sizes.shapes.insert("a".to_owned(), vec![2, 4, 5]);
    let error = bind_inputs(&model, &sizes, PICK).unwrap_err().to_string();
    assert_eq!(error, "input `a`: axis 1 is 3 in the model, 4 as given");
    sizes.shapes.insert("a".to_owned(), vec![2, 3, 5]);
    sizes.shapes.insert("c".to_owned(), vec![2]);
    let error = bind_inputs(&model, &sizes, PICK).unwrap_err().to_string();
    assert!(error.starts_with("input `c`"), "{error}");
}

#[test]
fn what_is_said_of_the_second_input_holds_for_the_first() {
    let model = model(vec![input("a", Some(&[symbol("N")])), input("b", Some(&[symbol("N")]))]);
    let mut sizes = Sizes::default();
    sizes.shapes.insert("b".to_owned(), vec![4]);
    assert_eq!(bind_inputs(&model, &sizes, PICK).unwrap()[0].dims, [4]);
    sizes.symbols.insert("N".to_owned(), 3);
    assert!(bind_inputs(&model, &sizes, PICK).is_err());
}

#[test]
fn an_input_without_a_rank_is_named() {
    let error = bind_inputs(&model(vec![input("x", None)]), &Sizes::default(), PICK).unwrap_err();
    assert!(error.to_string().starts_with("input `x`: its rank is unknown"), "{error}");
}
