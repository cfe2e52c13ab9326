//! Sizes for the open extents of two models that are run side by side: none is 1, and no two are alike, as far as models take
//! that.

use std::collections::BTreeMap;

use crate::engine::bind::Sizes;
use crate::onnx::tensor_shape_proto::{Dimension, dimension};
use crate::onnx::type_proto::Value;
use crate::onnx::{ModelProto, TensorShapeProto};

/// Sizes to try, in order.
pub(super) struct Choices {
    /// All of them, each with a shape for every input that has an open extent.
    pub all: Vec<Sizes>,
    /// How many of the first have no extent of 1 and no two alike.
    pub proper: usize,
    /// Larger ones, for what reaches farther than the smallest that models take; none if no extent is open.
    pub large: Option<Sizes>,
    /// Whether there is an open extent at all.
    pub open: bool,
}

/// An open extent: a symbol, or an axis of an input that has no name for it.
type Key = (String, Option<usize>);

/// The size of a first axis and those of the others, in the order in which extents are met: small ones first, since they cost
/// least, then those that nets with many strides take.
const ROWS: [(usize, [usize; 6]); 8] = [
    (2, [5, 7, 11, 13, 17, 19]),
    (3, [8, 6, 10, 12, 14, 16]),
    (2, [24, 40, 56, 72, 88, 104]),
    (3, [40, 24, 72, 56, 104, 88]),
    (2, [64, 96, 128, 160, 192, 224]),
    (3, [96, 64, 160, 128, 224, 192]),
    (2, [256, 320, 384, 448, 512, 576]),
    (3, [320, 256, 448, 384, 576, 512]),
];
/// The same for a look at larger ones.
const LARGE: (usize, [usize; 6]) = (9, [131, 99, 77, 66, 58, 54]);
/// Sizes of all others, where some must be the same.
const ALIKE: [usize; 6] = [6, 32, 96, 64, 224, 256];

/// The sizes to try for a model.
pub(super) fn choices(signature: &ModelProto, sizes: &Sizes) -> Choices {
    let open = open(signature, sizes);
    if open.is_empty() {
        return Choices { all: vec![sizes.clone(); super::RUNS], proper: super::RUNS, large: None, open: false };
    }
    let mut all: Vec<Sizes> = Vec::new();
    let sized = |size: &dyn Fn(usize) -> usize| {
        let known = open.iter().enumerate().map(|(index, (key, _))| (key.clone(), size(index))).collect();
        filled(signature, sizes, &known)
    };
    let mut add = |size: &dyn Fn(usize) -> usize| {
        let sized = sized(size);
        if !all.contains(&sized) {
            all.push(sized);
        }
        all.len()
    };
    let nth = |row: &[usize; 6], index: usize| row.get(index).copied().unwrap_or(601 + 2 * index);
    // The first axes among the open ones; by far most models have one.
    let firsts: Vec<usize> = open.iter().enumerate().filter(|(_, (_, first))| *first).map(|(index, _)| index).collect();
    let is_first = |index: usize| firsts.contains(&index);
    let before = |index: usize| firsts.iter().filter(|first| **first < index).count();
    let apart = |(first, row): &(usize, [usize; 6]), index: usize| {
        if firsts.first() == Some(&index) { *first } else { nth(row, index - before(index).min(1)) }
    };
    let proper = ROWS.iter().map(|row| add(&|index| apart(row, index))).last().unwrap_or(0);
    for (first, row) in &ROWS {
        add(&|index| if is_first(index) { *first } else { nth(row, index - before(index)) });
    }
    for batch in [2, 1] {
        for size in ALIKE {
            add(&|index| if is_first(index) { batch } else { size });
        }
        for (_, row) in &ROWS {
            add(&|index| if is_first(index) { batch } else { nth(row, index - before(index)) });
        }
    }
    let large = Some(sized(&|index| apart(&LARGE, index)));
    Choices { all, proper, large, open: true }
}

/// Every declared shape of an input, by its name.
fn declared(signature: &ModelProto) -> impl Iterator<Item = (&str, &TensorShapeProto)> {
    signature.graph.iter().flat_map(|graph| &graph.input).filter_map(|input| {
        let Some(Value::TensorType(tensor)) = input.r#type.as_ref()?.value.as_ref() else { return None };
        Some((input.name(), tensor.shape.as_ref()?))
    })
}

/// What decides the size of an axis; `Err` if that is known.
fn key(input: &str, axis: usize, dimension: &Dimension) -> Result<Key, usize> {
    match dimension.value.as_ref() {
        Some(dimension::Value::DimValue(fixed)) if *fixed > 0 => Err(usize::try_from(*fixed).unwrap_or(usize::MAX)),
        Some(dimension::Value::DimParam(symbol)) if !symbol.is_empty() && symbol != "?" => Ok((symbol.clone(), None)),
        _ => Ok((input.to_owned(), Some(axis))),
    }
}

/// The open extents in the order in which they are met, each with whether it is met as a first axis.
fn open(signature: &ModelProto, sizes: &Sizes) -> Vec<(Key, bool)> {
    let mut known: Vec<Key> = sizes.symbols.keys().map(|symbol| (symbol.clone(), None)).collect();
    let mut found = Vec::new();
    let is_given = |name: &str| sizes.shapes.contains_key(name);
    // The user's shapes say what symbols are.
    for (name, shape) in declared(signature).filter(|(name, _)| is_given(name)) {
        known.extend(shape.dim.iter().enumerate().filter_map(|(axis, dim)| key(name, axis, dim).ok()));
    }
    for (name, shape) in declared(signature).filter(|(name, _)| !is_given(name)) {
        for (axis, dim) in shape.dim.iter().enumerate() {
            let Ok(key) = key(name, axis, dim) else { continue };
            if !known.contains(&key) {
                known.push(key.clone());
                found.push((key, axis == 0));
            }
        }
    }
    found
}

/// Sizes with these for the open extents.
fn filled(signature: &ModelProto, sizes: &Sizes, open: &BTreeMap<Key, usize>) -> Sizes {
    let mut sized = sizes.clone();
    // Symbols have their sizes wherever they stand.
    sized.symbols.extend(open.iter().filter(|((_, axis), _)| axis.is_none()).map(|((symbol, _), size)| (symbol.clone(), *size)));
    let given = |symbol: &str| sized.symbols.get(symbol).copied();
    let mut shapes = sizes.shapes.clone();
    for (name, shape) in declared(signature).filter(|(name, _)| !sizes.shapes.contains_key(*name)) {
        let one = |(axis, dim): (usize, &Dimension)| match key(name, axis, dim) {
            Err(fixed) => Some(fixed),
            Ok((symbol, None)) => given(&symbol),
            Ok(key) => open.get(&key).copied(),
        };
        // A shape that the user gave says the rest of its symbols when it is bound.
        if let Some(dims) = shape.dim.iter().enumerate().map(one).collect() {
            shapes.insert(name.to_owned(), dims);
        }
    }
    sized.shapes = shapes;
    sized
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signature(text: &str) -> ModelProto {
        let text = format!(r#"<ir_version: 8, opset_import: ["" : 17]> g {text} => (float[1] y) {{ y = Identity (x) }}"#);
        prost::Message::decode(&crate::sample::encode(&text).unwrap()[..]).unwrap()
    }

    #[test]
    fn open_extents_are_neither_one_nor_alike() {
        let found = choices(&signature("(float[N,3,H,W] x, float[N,T] z)"), &Sizes::default());
        assert!(found.open && found.proper == ROWS.len());
        let [one, two, ..] = &found.all[..] else { panic!() };
        assert_eq!((&one.shapes["x"], &one.shapes["z"]), (&vec![2, 3, 5, 7], &vec![2, 11]));
        assert_eq!((&two.shapes["x"], &two.shapes["z"]), (&vec![3, 3, 8, 6], &vec![3, 10]));
        for sizes in &found.all[..found.proper] {
            let mut all: Vec<usize> = sizes.symbols.values().copied().collect();
            all.sort_unstable();
            all.dedup();
            assert!(all.len() == 4 && all[0] > 1, "{all:?}");
        }
        assert!(found.all.iter().any(|sizes| sizes.shapes["x"] == [1, 3, 96, 96]));
        assert_eq!(found.large.unwrap().shapes["x"], [9, 3, 131, 99]);
    }

    #[test]
    fn what_is_known_stays() {
        let fixed = choices(&signature("(float[2,3] x)"), &Sizes::default());
        assert!(!fixed.open && fixed.all.len() == 2);
        let mut sizes = Sizes::default();
        sizes.symbols.insert("H".to_owned(), 9);
        sizes.shapes.insert("z".to_owned(), vec![4, 6]);
        let found = choices(&signature("(float[N,3,H,W] x, float[N,T] z)"), &sizes);
        assert!(found.all.iter().all(|sizes| sizes.shapes["z"] == [4, 6]));
        assert!(found.all.iter().all(|sizes| sizes.symbols["H"] == 9 && !sizes.symbols.contains_key("N")), "{:?}", found.all);
    }
}
