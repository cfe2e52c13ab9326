//! Sizes for inputs: what the model declares, what the user says, and defaults that are reported.

use std::collections::{BTreeMap, BTreeSet};

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

/// The sizes that are tried for open dimensions other than the first, in this order, until the
/// model accepts one.
///
/// 96 first: what it costs grows with the square, 224² is 5.4 times 96², and equality does not
/// depend on it. 96 is 3·2⁵, so nets that halve five times end on 3×3, where every tap of a padded
/// 3×3 kernel still meets a border and an inside. Then the sizes nets are trained at, then small.
pub const OPEN_SIZES: [usize; 7] = [96, 224, 128, 256, 64, 32, 16];

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
/// The first axis is 1 where it is open, every other open axis is `open`; one symbol has one size.
///
/// # Errors
/// Those of [`agreed`], an input whose rank is unknown or whose type is not that of a tensor.
pub fn bind_inputs(model: &ModelProto, sizes: &Sizes, open: usize) -> Result<Vec<InputSpec>, CouldNotRun> {
    // What is said of one input is known of all, whichever stands first.
    let mut symbols = agreed(model, sizes)?;
    free(model)?.into_iter().map(|input| bind(input, sizes, open, &mut symbols)).collect()
}

fn wrong(input: &str, why: &str) -> CouldNotRun {
    CouldNotRun::Input { input: input.to_owned(), why: why.to_owned() }
}

fn bind(
    input: &ValueInfoProto,
    sizes: &Sizes,
    open: usize,
    symbols: &mut BTreeMap<String, usize>,
) -> Result<InputSpec, CouldNotRun> {
    let name = input.name();
    let tensor = tensor(input).ok_or_else(|| wrong(name, "it is not a tensor"))?;
    let mut assumed = Vec::new();
    let dims = match (sizes.shapes.get(name), tensor.shape.as_ref()) {
        (Some(given), _) => given.clone(),
        (None, None) => {
            let why = format!("its rank is unknown; give --input-shape {name}:1,3,224,224 or alike");
            return Err(wrong(name, &why));
        }
        (None, Some(shape)) => shape
            .dim
            .iter()
            .enumerate()
            .map(|(axis, dim)| {
                let default = if axis == 0 { 1 } else { open };
                size(dim.value.as_ref(), axis, default, symbols, &mut assumed)
            })
            .collect(),
    };
    sized(name, &dims)?;
    Ok(InputSpec { name: name.to_owned(), element: tensor.elem_type(), dims, assumed })
}

fn sized(name: &str, dims: &[usize]) -> Result<(), CouldNotRun> {
    match count(dims).is_none_or(|count| count > MOST_ELEMENTS) {
        true => Err(wrong(name, &format!("an array of {dims:?} is too large"))),
        false => Ok(()),
    }
}

/// 8 GiB of f64: beyond it is a mistake or an attack.
const MOST_ELEMENTS: usize = 1 << 30;

fn size(
    declared: Option<&dimension::Value>,
    axis: usize,
    default: usize,
    symbols: &mut BTreeMap<String, usize>,
    assumed: &mut Vec<(String, usize)>,
) -> usize {
    match declared {
        Some(dimension::Value::DimValue(fixed)) if *fixed > 0 => usize::try_from(*fixed).unwrap_or(usize::MAX),
        Some(dimension::Value::DimParam(symbol)) if is_symbol(symbol) => {
            if let Some(&known) = symbols.get(symbol) {
                return known;
            }
            symbols.insert(symbol.clone(), default);
            assumed.push((symbol.clone(), default));
            default
        }
        _ => {
            assumed.push((format!("axis {axis}"), default));
            default
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::onnx::{GraphProto, TypeProto, tensor_shape_proto};

    fn input(name: &str, dims: Option<&[dimension::Value]>) -> ValueInfoProto {
        let shape = dims.map(|dims| TensorShapeProto {
            dim: dims
                .iter()
                .map(|dim| tensor_shape_proto::Dimension { value: Some(dim.clone()), ..Default::default() })
                .collect(),
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

    #[test]
    fn one_symbol_has_one_size_and_is_reported_once() {
        let fixed = dimension::Value::DimValue(3);
        let first = [symbol("N"), fixed.clone(), symbol("H"), symbol("H")];
        let second = [symbol("N"), symbol("?"), dimension::Value::DimValue(-1)];
        let model = model(vec![input("a", Some(&first)), input("b", Some(&second))]);
        let specs = bind_inputs(&model, &Sizes::default(), 96).unwrap();
        assert_eq!(specs[0].dims, [1, 3, 96, 96]);
        assert_eq!(specs[0].assumed, [("N".to_owned(), 1), ("H".to_owned(), 96)]);
        assert_eq!(specs[1].dims, [1, 96, 96]);
        assert_eq!(specs[1].assumed, [("axis 1".to_owned(), 96), ("axis 2".to_owned(), 96)]);
    }

    #[test]
    fn the_user_has_the_last_word() {
        let dims = [symbol("N"), dimension::Value::DimValue(3), symbol("H")];
        let model = model(vec![input("a", Some(&dims)), input("b", Some(&[symbol("H")]))]);
        let mut sizes = Sizes::default();
        sizes.symbols.insert("H".to_owned(), 7);
        let specs = bind_inputs(&model, &sizes, 96).unwrap();
        assert_eq!((specs[0].dims.as_slice(), specs[1].dims.as_slice()), (&[1, 3, 7][..], &[7][..]));
        sizes.symbols.clear();
        sizes.shapes.insert("a".to_owned(), vec![2, 3, 5]);
        let specs = bind_inputs(&model, &sizes, 96).unwrap();
        assert_eq!((specs[0].dims.as_slice(), specs[1].dims.as_slice()), (&[2, 3, 5][..], &[5][..]));
        sizes.shapes.insert("a".to_owned(), vec![2, 4, 5]);
        let error = bind_inputs(&model, &sizes, 96).unwrap_err().to_string();
        assert_eq!(error, "input `a`: axis 1 is 3 in the model, 4 as given");
        sizes.shapes.insert("c".to_owned(), vec![2]);
        let error = bind_inputs(&model, &sizes, 96).unwrap_err().to_string();
        assert!(error.starts_with("input `c`"), "{error}");
    }

    #[test]
    fn what_is_said_of_the_second_input_holds_for_the_first() {
        let model = model(vec![input("a", Some(&[symbol("N")])), input("b", Some(&[symbol("N")]))]);
        let mut sizes = Sizes::default();
        sizes.shapes.insert("b".to_owned(), vec![4]);
        assert_eq!(bind_inputs(&model, &sizes, 96).unwrap()[0].dims, [4]);
        sizes.symbols.insert("N".to_owned(), 3);
        assert!(bind_inputs(&model, &sizes, 96).is_err());
    }

    #[test]
    fn an_input_without_a_rank_is_named() {
        let error = bind_inputs(&model(vec![input("x", None)]), &Sizes::default(), 96).unwrap_err();
        assert!(error.to_string().starts_with("input `x`: its rank is unknown"), "{error}");
    }
}
