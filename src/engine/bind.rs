//! Sizes for inputs: what the model declares, what the user says, and defaults that are reported.

mod fixed;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use fixed::{Fixed, state};

use super::CouldNotRun;
use super::array::{Array, count};
use crate::onnx::tensor_proto::DataType;
use crate::onnx::tensor_shape_proto::dimension;
use crate::onnx::type_proto::Value;
use crate::onnx::{ModelProto, TensorShapeProto, ValueInfoProto, type_proto};

/// What the user says about the inputs' sizes.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Sizes {
    /// `--dim NAME=SIZE`: a symbolic dimension wherever it stands.
    pub symbols: BTreeMap<String, usize>,
    /// `--input-shape NAME:1,3,224,224`: an input's whole shape.
    pub shapes: BTreeMap<String, Vec<usize>>,
    /// `--value-shape NAME:1,16,8,8`: the shape of a value that an opaque node makes.
    pub values: BTreeMap<String, Vec<usize>>,
    /// Shapes with which a model is run in place of those that it fixes, where these are too large.
    #[serde(default)]
    pub instead: BTreeMap<String, Vec<usize>>,
}

impl Sizes {
    /// With the shapes of these values for inputs of which the user does not say one.
    pub fn with(&self, given: &BTreeMap<String, Array>) -> Sizes {
        let mut sizes = self.clone();
        for (name, value) in given {
            sizes.shapes.entry(name.clone()).or_insert_with(|| value.dims.clone());
        }
        sizes
    }
}

/// An input with a concrete size.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct InputSpec {
    /// The input's name.
    pub name: String,
    /// The declared element type, as ONNX numbers them.
    pub element: i32,
    /// The size of each axis.
    pub dims: Vec<usize>,
    /// What the model leaves open and nobody said: a name for the dimension, and the size taken.
    pub assumed: Vec<(String, usize)>,
}

impl InputSpec {
    /// The declared element type.
    pub fn data_type(&self) -> DataType {
        DataType::try_from(self.element).unwrap_or(DataType::Undefined)
    }
}

/// Sizes for axes other than the first: multiples of 12, so that what is taken of them, a third more for each further extent,
/// halves several times. What a run costs grows with the square, and equality does not depend on it.
const RUNGS: [usize; 7] = [12, 24, 48, 96, 192, 384, 768];
/// The sizes that nets are trained at, where every axis other than the first is the same.
const TRAINED: [usize; 8] = [96, 224, 128, 256, 64, 32, 16, 8];
/// Sizes for first axes. 1 is not among them: what holds for one image only would not be seen.
const PRIMES: [usize; 8] = [2, 3, 5, 7, 11, 13, 17, 19];
/// Batches with which models are traced, and which some of them take alone; 1 comes last.
const TRACED: [usize; 12] = [2, 3, 4, 5, 6, 7, 10, 12, 16, 20, 32, 64];

/// How open extents are chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pick {
    /// The first axis.
    pub first: usize,
    /// The others.
    pub other: usize,
    /// Whether different extents get different sizes, which are none of the fixed ones either.
    pub apart: bool,
    /// Whether extents behind the second axis are chosen although the model fixes them.
    pub small: bool,
}

/// What choices are asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    /// How many runs with other sizes there were.
    pub run: usize,
    /// The least size of a first axis, but for those that come last.
    pub first: usize,
    /// The widest window of the model, or what else the other axes are to be as large as.
    pub reach: usize,
    /// Whether extents behind the second axis are chosen although the model fixes them.
    pub small: bool,
    /// Whether batches that the model may hold are tried, though other extents may be the same.
    pub traced: bool,
}

/// The inputs of a model with sizes, the best choice first: different extents differ from one another, from the fixed ones and
/// from 1; then those that only some models take, and 1 at last. Without an open extent there is one choice.
///
/// # Errors
/// As [`bind_inputs`].
pub(crate) fn choices(
    model: &ModelProto,
    sizes: &Sizes,
    Asked { run, first, reach, small, traced }: Asked,
) -> Result<Vec<Vec<InputSpec>>, CouldNotRun> {
    let fixed = fixed(model, sizes);
    let fresh: Vec<usize> = PRIMES.into_iter().filter(|prime| !fixed.contains(prime)).collect();
    let first = fresh.get(run).copied().unwrap_or(23).max(first);
    let wide = reach.clamp(1, MOST_ELEMENTS >> 2).next_multiple_of(12);
    let mut rungs: Vec<usize> = RUNGS.into_iter().chain([wide, 2 * wide, 4 * wide]).filter(|rung| *rung >= wide).collect();
    rungs.sort_unstable();
    rungs.extend(RUNGS.into_iter().filter(|rung| *rung < wide));
    rungs.dedup();
    let same: Vec<usize> = rungs.iter().copied().chain(TRAINED).collect();
    let of = |first: usize, apart: bool, others: &[usize]| {
        others.iter().map(|other| Pick { first, other: *other, apart, small }).collect::<Vec<Pick>>()
    };
    // The file may hold the size of the batch with which it was traced.
    let batches =
        TRACED.into_iter().filter(|_| traced).flat_map(|batch| of(batch, false, rungs.get(..1).unwrap_or_default())).collect();
    let picks = [
        of(first, true, &rungs),
        of(first, false, &same),
        of(8, false, &TRAINED),
        batches,
        of(1, true, &rungs),
        of(1, false, &same),
    ];
    let mut found = Vec::<Vec<InputSpec>>::new();
    for pick in picks.into_iter().flatten() {
        match bind_inputs(model, sizes, pick) {
            Ok(specs) if !found.iter().any(|known| dims(known).eq(dims(&specs))) => found.push(specs),
            Ok(_) => {}
            Err(error) if found.is_empty() => return Err(error),
            Err(_) => {}
        }
    }
    Ok(found)
}

fn dims(specs: &[InputSpec]) -> impl Iterator<Item = &Vec<usize>> {
    specs.iter().map(|spec| &spec.dims)
}

/// The extents that the model or the user fixes.
fn fixed(model: &ModelProto, sizes: &Sizes) -> BTreeSet<usize> {
    let given = sizes.symbols.values().chain(sizes.shapes.values().flatten()).copied();
    let inputs = model.graph.iter().flat_map(|graph| &graph.input).filter_map(|input| input.r#type.as_ref()?.value.as_ref());
    let shapes = inputs.filter_map(|declared| match declared {
        Value::TensorType(tensor) => tensor.shape.as_ref(),
        _ => None,
    });
    let stored = shapes.flat_map(|shape| &shape.dim).filter_map(|dim| match dim.value {
        Some(dimension::Value::DimValue(size)) => usize::try_from(size).ok(),
        _ => None,
    });
    stored.chain(given).collect()
}

/// The inputs of a model that a caller has to give: those without an initializer.
fn free(model: &ModelProto) -> Result<Vec<&ValueInfoProto>, CouldNotRun> {
    let Some(graph) = model.graph.as_ref() else {
        return Err(CouldNotRun::Model("there is no graph".to_owned()));
    };
    let initialized: BTreeSet<&str> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
    Ok(graph.input.iter().filter(|input| !initialized.contains(input.name())).collect())
}

/// The inputs that a caller has to give, with their element types, and the symbolic dimensions of them.
///
/// # Errors
/// There is no graph.
pub fn declared(model: &ModelProto) -> Result<(BTreeMap<&str, i32>, BTreeSet<&str>), CouldNotRun> {
    let inputs = free(model)?;
    let tensors = inputs.iter().filter_map(|input| tensor(input));
    let dims = tensors.filter_map(|tensor| tensor.shape.as_ref()).flat_map(|shape| &shape.dim);
    let symbols = dims.filter_map(|dim| match dim.value.as_ref() {
        Some(dimension::Value::DimParam(symbol)) if is_symbol(symbol) => Some(symbol.as_str()),
        _ => None,
    });
    let element = |input: &ValueInfoProto| tensor(input).map_or(0, type_proto::Tensor::elem_type);
    Ok((inputs.iter().map(|input| (input.name(), element(input))).collect(), symbols.collect()))
}

fn tensor(input: &ValueInfoProto) -> Option<&type_proto::Tensor> {
    match input.r#type.as_ref()?.value.as_ref()? {
        Value::TensorType(tensor) => Some(tensor),
        _ => None,
    }
}

/// Holds what the user says about sizes against what a model declares. Returns the symbols that have a size by that.
///
/// # Errors
/// A shape for an input that does not exist, is no tensor or has another rank, and sizes in conflict with the declared ones or
/// with each other.
pub fn agreed(model: &ModelProto, sizes: &Sizes) -> Result<BTreeMap<String, usize>, CouldNotRun> {
    let inputs = free(model)?;
    let mut symbols = sizes.symbols.clone();
    for (name, given) in &sizes.shapes {
        let Some(input) = inputs.iter().find(|input| input.name() == name) else {
            let all: Vec<&str> = inputs.iter().map(|input| input.name()).collect();
            let why = format!("a shape is given for it, but the model has no such input, only: {}", all.join(", "));
            return Err(wrong(name, &why));
        };
        let tensor = tensor(input).ok_or_else(|| wrong(name, "it is not a tensor"))?;
        if let Some(shape) = &tensor.shape {
            agreeing(name, given, shape, &mut symbols)?;
        }
        sized(name, given)?;
    }
    Ok(symbols)
}

/// The inputs of a model with concrete sizes. Inputs that have an initializer keep that value and
/// are left out.
///
/// One symbol has one size, and so have extents without a name along the same axis.
///
/// # Errors
/// Those of [`agreed`], an input whose rank is unknown or whose type is not that of a tensor.
pub(crate) fn bind_inputs(model: &ModelProto, sizes: &Sizes, pick: Pick) -> Result<Vec<InputSpec>, CouldNotRun> {
    // What is said of one input is known of all, whichever stands first.
    let mut taking = Taking { pick, known: agreed(model, sizes)?, taken: fixed(model, sizes) };
    free(model)?.into_iter().map(|input| bind(input, sizes, &mut taking)).collect()
}

/// Sizes as they are handed out.
struct Taking {
    pick: Pick,
    /// By symbol, or by what stands for one.
    known: BTreeMap<String, usize>,
    taken: BTreeSet<usize>,
}

impl Taking {
    fn size(&mut self, key: &str, axis: usize) -> usize {
        if let Some(size) = self.known.get(key) {
            return *size;
        }
        let Pick { first, other, apart, .. } = self.pick;
        let next = |step: usize| match axis {
            0 => PRIMES.into_iter().filter(|prime| *prime >= first).nth(step).unwrap_or(PRIMES.len() + first + step),
            _ => other / 3 * (3 + step),
        };
        let size = match (axis, apart) {
            (0, _) if first == 1 => 1,
            (0, false) => first,
            (_, false) => other,
            (_, true) => (0..64).map(next).find(|size| !self.taken.contains(size)).unwrap_or(other),
        };
        self.taken.insert(size);
        self.known.insert(key.to_owned(), size);
        size
    }
}

fn wrong(input: &str, why: &str) -> CouldNotRun {
    CouldNotRun::Input { input: input.to_owned(), why: why.to_owned() }
}

fn bind(input: &ValueInfoProto, sizes: &Sizes, taking: &mut Taking) -> Result<InputSpec, CouldNotRun> {
    let name = input.name();
    let tensor = tensor(input).ok_or_else(|| wrong(name, "it is not a tensor"))?;
    let mut assumed = Vec::new();
    let dims = match (sizes.instead.get(name).or(sizes.shapes.get(name)), tensor.shape.as_ref()) {
        (Some(given), _) => given.clone(),
        (None, None) => {
            let why = format!("its rank is unknown; give --input-shape {name}:1,3,224,224 or alike");
            return Err(wrong(name, &why));
        }
        (None, Some(shape)) => {
            shape.dim.iter().enumerate().map(|(axis, dim)| size(dim.value.as_ref(), axis, taking, &mut assumed)).collect()
        }
    };
    sized(name, &dims)?;
    Ok(InputSpec { name: name.to_owned(), element: tensor.elem_type(), dims, assumed })
}

fn sized(name: &str, dims: &[usize]) -> Result<(), CouldNotRun> {
    match count(dims).is_none_or(|count| count > MOST_ELEMENTS) {
        true => Err(wrong(name, &format!("an array of {dims:?} is too large; give smaller extents with --dim or --input-shape"))),
        false => Ok(()),
    }
}

/// 8 GiB of f64: beyond it is a mistake or an attack.
const MOST_ELEMENTS: usize = 1 << 30;

fn size(declared: Option<&dimension::Value>, axis: usize, taking: &mut Taking, assumed: &mut Vec<(String, usize)>) -> usize {
    let (key, name) = match declared {
        Some(dimension::Value::DimValue(fixed)) if *fixed > 0 => {
            let fixed = usize::try_from(*fixed).unwrap_or(usize::MAX);
            if !taking.pick.small || axis < 2 || fixed <= taking.pick.other {
                return fixed;
            }
            // Extents that are the same stay the same.
            (format!("\0={fixed}"), format!("axis {axis} ({fixed} in the model)"))
        }
        Some(dimension::Value::DimParam(symbol)) if is_symbol(symbol) => {
            if let Some(&known) = taking.known.get(symbol) {
                return known;
            }
            (symbol.clone(), symbol.clone())
        }
        _ => (format!("\0axis {axis}"), format!("axis {axis}")),
    };
    let size = taking.size(&key, axis);
    assumed.push((name, size));
    size
}

/// Some exporters write a placeholder for a dimension of which nothing is known; two of those need
/// not be equal.
fn is_symbol(symbol: &str) -> bool {
    !symbol.is_empty() && symbol != "?"
}

fn agreeing(
    name: &str,
    given: &[usize],
    shape: &TensorShapeProto,
    symbols: &mut BTreeMap<String, usize>,
) -> Result<(), CouldNotRun> {
    if given.len() != shape.dim.len() {
        let why = format!("the given shape has {} axes, the model's {}", given.len(), shape.dim.len());
        return Err(wrong(name, &why));
    }
    for (axis, (&size, dim)) in given.iter().zip(&shape.dim).enumerate() {
        match dim.value.as_ref() {
            Some(dimension::Value::DimValue(fixed)) if *fixed > 0 && usize::try_from(*fixed) != Ok(size) => {
                return Err(wrong(name, &format!("axis {axis} is {fixed} in the model, {size} as given")));
            }
            Some(dimension::Value::DimParam(symbol)) if is_symbol(symbol) => {
                let known = *symbols.entry(symbol.clone()).or_insert(size);
                if known != size {
                    let why = format!("axis {axis} is {symbol} = {known}, but {size} as given");
                    return Err(wrong(name, &why));
                }
            }
            _ => {}
        }
    }
    Ok(())
}
