//! Nodes that neither the engine nor the slow reference has: the same numbers for the same inputs, whatever they are.
//!
//! What such a node makes is drawn at random, from its operator, its attributes and the contents of all that it reads, so that
//! both models get the same where they ask for the same, and something else where one bit of an input is another. A value more
//! holds the fingerprint of what it reads, as an output of few bits may be equal by chance. Values that are no numbers
//! (strings, sequences) stand as integers, which only such nodes and what moves values can read.

pub(crate) mod at_random;

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{Hash, Hasher};

use prost::Message;
use tract_onnx::prelude::DatumType;

use super::array::count;
use super::bind::Sizes;
use super::own_op::integer;
use super::proto::{Names, int, ints, is_standard, label};
use super::widen::format;
use super::{CouldNotRun, InputSpec, lint};
use crate::onnx::tensor_proto::DataType;
use crate::onnx::tensor_shape_proto::dimension;
use crate::onnx::type_proto::Value;
use crate::onnx::{AttributeProto, GraphProto, ModelProto, NodeProto, TypeProto, ValueInfoProto};
use at_random::{AtRandom, Shape};

/// The name under which the engine has them; no ONNX operator is called so.
pub(crate) const OPERATOR: &str = "bnfold.Opaque";

/// A node whose meaning is not known.
#[derive(Debug, Clone)]
pub(crate) struct Opaque {
    /// The first value that it makes.
    pub label: String,
    /// Its operator with its domain.
    pub operator: String,
    /// The value that holds the fingerprint of what it reads.
    pub read: String,
    /// What stands for its operator and attributes.
    pub function: u64,
    outputs: Vec<Drawn>,
    /// Whether it reads anything.
    reads: bool,
}

/// What is known of a value that is drawn.
#[derive(Debug, Clone, PartialEq)]
struct Drawn {
    name: String,
    /// Its element type; that of floats where nothing says one.
    element: Element,
    extents: Extents,
}

/// How the elements of a value are drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Element {
    Number(DatumType),
    /// What stands for something that is no number.
    Token,
}

impl Element {
    fn datum_type(self) -> DatumType {
        match self {
            Element::Number(element) => element,
            Element::Token => DatumType::I64,
        }
    }
}

/// Where the extents of a value come from.
#[derive(Debug, Clone, PartialEq)]
enum Extents {
    /// As declared.
    Declared(Vec<Extent>),
    /// Those of this input.
    Like(usize),
    /// Nothing is known: those of the first input, where they fit.
    Unknown,
}

#[derive(Debug, Clone, PartialEq)]
enum Extent {
    Fixed(usize),
    Symbol(String),
    /// A symbol that no input has.
    Foreign(String),
    Open,
}

/// Types and shapes as they are declared for the values of a flat graph.
fn declared(graph: &GraphProto) -> HashMap<String, TypeProto> {
    let values = graph.value_info.iter().chain(&graph.output);
    values.filter_map(|value| Some((value.name().to_owned(), value.r#type.clone()?))).collect()
}

/// The symbols of a graph's inputs: a run gives them a size.
fn bound(graph: &GraphProto) -> HashSet<String> {
    let all = graph.input.iter().flat_map(extents_of);
    all.filter_map(|extent| if let Extent::Symbol(symbol) = extent { Some(symbol) } else { None }).collect()
}

/// Inputs that are no tensors of numbers stand as integers.
pub(crate) fn inputs(graph: &mut GraphProto) {
    for input in &mut graph.input {
        let Some(declared) = input.r#type.as_mut() else { continue };
        match declared.value.as_mut() {
            Some(Value::TensorType(tensor)) if tensor.elem_type() != i32::from(DataType::String) => {}
            Some(Value::TensorType(tensor)) => tensor.elem_type = Some(DataType::Int64.into()),
            Some(_) => {
                let elem_type = Some(DataType::Int64.into());
                let shape = Some(crate::onnx::TensorShapeProto::default());
                declared.value = Some(Value::TensorType(crate::onnx::type_proto::Tensor { elem_type, shape }));
            }
            None => {}
        }
    }
}

/// Reads the nodes of a flat graph that are to be opaque.
pub(crate) fn read(graph: &GraphProto, nodes: &[&NodeProto]) -> Vec<Opaque> {
    if nodes.is_empty() {
        return vec![];
    }
    let (declared, bound, mut names) = (declared(graph), bound(graph), Names::of(graph));
    nodes.iter().map(|node| one(node, &declared, &bound, &mut names)).collect()
}

fn one(node: &NodeProto, declared: &HashMap<String, TypeProto>, bound: &HashSet<String>, names: &mut Names) -> Opaque {
    let label = label(node).to_owned();
    let outputs = node.output.iter().enumerate().filter(|(_, name)| !name.is_empty());
    let mut outputs: Vec<Drawn> = outputs.map(|(index, name)| drawn(node, index, name, declared.get(name))).collect();
    for output in &mut outputs {
        let Extents::Declared(all) = &mut output.extents else { continue };
        for extent in all {
            if let Extent::Symbol(symbol) = extent
                && !bound.contains(symbol)
            {
                *extent = Extent::Foreign(std::mem::take(symbol));
            }
        }
    }
    let read = names.fresh(&format!("{label}/read"));
    Opaque { operator: lint::named(node), read, function: function(node), outputs, reads: !node.input.is_empty(), label }
}

/// The node as the engine has it.
pub(crate) fn node(node: NodeProto, opaque: &Opaque) -> NodeProto {
    let mut output: Vec<String> = opaque.outputs.iter().map(|output| output.name.clone()).collect();
    output.push(opaque.read.clone());
    NodeProto { op_type: Some(OPERATOR.to_owned()), domain: None, attribute: vec![], output, ..node }
}

/// Operators of the standard domain that draw numbers themselves: two such nodes are not one.
fn is_random(node: &NodeProto) -> bool {
    is_standard(node.domain()) && (node.op_type().starts_with("Random") || matches!(node.op_type(), "Multinomial" | "Bernoulli"))
}

/// What stands for an operator and its attributes. Graphs are left out: what they read from outside are inputs, and what
/// they hold is compared node by node.
fn function(node: &NodeProto) -> u64 {
    let mut hasher = DefaultHasher::new();
    (node.domain(), node.op_type(), node.overload()).hash(&mut hasher);
    let connected = node.input.iter().rposition(|name| !name.is_empty());
    node.input.iter().take(connected.map_or(0, |last| last + 1)).map(String::is_empty).collect::<Vec<_>>().hash(&mut hasher);
    if is_random(node) {
        label(node).hash(&mut hasher);
    }
    let mut attributes: Vec<Vec<u8>> = node.attribute.iter().map(bytes).collect();
    attributes.sort_unstable();
    attributes.hash(&mut hasher);
    hasher.finish()
}

fn bytes(attribute: &AttributeProto) -> Vec<u8> {
    AttributeProto { doc_string: None, g: None, graphs: vec![], ..attribute.clone() }.encode_to_vec()
}

fn drawn(node: &NodeProto, index: usize, name: &str, declared: Option<&TypeProto>) -> Drawn {
    let (known, inferred) = by_operator(node, index);
    let (mut element, mut extents) = (known, inferred.unwrap_or(Extents::Unknown));
    match declared.and_then(|declared| declared.value.as_ref()) {
        Some(Value::TensorType(tensor)) => {
            element = stated(tensor.elem_type()).or(element);
            if let Some(shape) = &tensor.shape {
                let all: Vec<Extent> = shape.dim.iter().map(|dim| extent(dim.value.as_ref())).collect();
                // What the operator says is better than what is left open.
                if extents == Extents::Unknown || all.iter().all(|extent| matches!(extent, Extent::Fixed(_))) {
                    extents = Extents::Declared(all);
                }
            }
        }
        Some(_) => (element, extents) = (Some(Element::Token), Extents::Declared(vec![])),
        None => {}
    }
    Drawn { name: name.to_owned(), element: element.unwrap_or(Element::Number(DatumType::F64)), extents }
}

fn stated(element: i32) -> Option<Element> {
    let kind = DataType::try_from(element).ok()?;
    match kind {
        DataType::Undefined => None,
        DataType::Bool => Some(Element::Number(DatumType::Bool)),
        _ if format(kind).is_some() => Some(Element::Number(DatumType::F64)),
        _ => Some(integer(element).map_or(Element::Token, Element::Number)),
    }
}

fn extent(declared: Option<&dimension::Value>) -> Extent {
    match declared {
        Some(dimension::Value::DimValue(size)) if *size >= 0 => usize::try_from(*size).map_or(Extent::Open, Extent::Fixed),
        Some(dimension::Value::DimParam(symbol)) if !symbol.is_empty() && symbol != "?" => Extent::Symbol(symbol.clone()),
        _ => Extent::Open,
    }
}

/// What the operator itself says of its output, where it is a well-known one.
fn by_operator(node: &NodeProto, index: usize) -> (Option<Element>, Option<Extents>) {
    let number = |element| Some(Element::Number(element));
    let like = Some(Extents::Like(0));
    let scalar = Some(Extents::Declared(vec![]));
    let dtype = || int(node, "dtype").and_then(|dtype| i32::try_from(dtype).ok()).and_then(stated);
    match (node.domain(), node.op_type(), index) {
        ("" | "ai.onnx", "RandomNormal" | "RandomUniform", 0) => {
            let sizes = ints(node, "shape").unwrap_or_default().iter();
            let extents = sizes.map(|size| usize::try_from(*size).map_or(Extent::Open, Extent::Fixed)).collect();
            (dtype(), Some(Extents::Declared(extents)))
        }
        ("" | "ai.onnx", "RandomNormalLike" | "RandomUniformLike" | "Bernoulli", 0) => (dtype(), like),
        ("" | "ai.onnx", "SequenceLength", 0) => (number(DatumType::I64), scalar),
        ("" | "ai.onnx", "OptionalHasElement", 0) => (number(DatumType::Bool), scalar),
        (
            "" | "ai.onnx",
            "SequenceConstruct" | "SequenceEmpty" | "SequenceInsert" | "SequenceErase" | "SplitToSequence" | "SequenceMap"
            | "Optional",
            _,
        )
        | ("ai.onnx.ml", "ZipMap" | "CastMap", 0) => (Some(Element::Token), scalar),
        ("ai.onnx.ml", "LabelEncoder", 0) => {
            let holds = |names: [&str; 2]| node.attribute.iter().any(|attribute| names.contains(&attribute.name()));
            let element = match (holds(["values_floats", "default_float"]), holds(["values_int64s", "default_int64"])) {
                (_, true) => number(DatumType::I64),
                (true, _) => number(DatumType::F64),
                _ => Some(Element::Token),
            };
            (element, like)
        }
        ("ai.onnx.ml", "Scaler" | "Normalizer" | "Binarizer" | "Imputer", 0)
        | ("com.microsoft", "Gelu" | "FastGelu" | "BiasGelu" | "QuickGelu" | "SkipLayerNormalization", 0) => {
            (number(DatumType::F64), like)
        }
        ("" | "ai.onnx", "Cast", 0) => (None, like),
        _ => (None, None),
    }
}

/// The sizes of symbols: what the user says, and what the declared inputs are bound to.
pub(crate) fn symbols(signature: &ModelProto, specs: &[InputSpec], sizes: &Sizes) -> BTreeMap<String, usize> {
    let mut symbols = sizes.symbols.clone();
    for input in signature.graph.iter().flat_map(|graph| &graph.input) {
        let Some(spec) = specs.iter().find(|spec| spec.name == input.name()) else { continue };
        for (dim, size) in extents_of(input).into_iter().zip(&spec.dims) {
            if let Extent::Symbol(symbol) = dim {
                symbols.entry(symbol).or_insert(*size);
            }
        }
    }
    symbols
}

fn extents_of(value: &ValueInfoProto) -> Vec<Extent> {
    let declared = value.r#type.as_ref().and_then(|declared| declared.value.as_ref());
    let Some(Value::TensorType(tensor)) = declared else { return vec![] };
    tensor.shape.iter().flat_map(|shape| &shape.dim).map(|dim| extent(dim.value.as_ref())).collect()
}

impl Opaque {
    /// What is said about it in a verdict.
    pub fn assumption(&self, sizes: &Sizes) -> String {
        let taken: Vec<String> = self.taken(sizes).map(|output| format!("`{}`", output.name)).collect();
        let shapes = match taken.is_empty() {
            true => String::new(),
            false => format!("; nothing states the shape of {}, which is taken from its input (--value-shape)", taken.join(", ")),
        };
        format!("`{}` ({}) is opaque: its outputs are drawn at random{shapes}", self.label, self.operator)
    }

    /// Whether it makes this value.
    pub fn makes(&self, name: &str) -> bool {
        self.outputs.iter().any(|output| output.name == name)
    }

    /// Gives the node in the engine its sizes.
    ///
    /// # Errors
    /// An output whose shape nothing says.
    pub fn bound(&self, symbols: &BTreeMap<String, usize>, sizes: &Sizes) -> Result<AtRandom, CouldNotRun> {
        let mut outputs = Vec::new();
        for output in &self.outputs {
            let given = sizes.values.get(&output.name).cloned().map(Shape::Of);
            let known = || match &output.extents {
                Extents::Like(input) => Some(Shape::Like(*input)),
                Extents::Unknown => self.reads.then_some(Shape::Like(0)),
                Extents::Declared(all) => {
                    let all = all.iter().map(|extent| match extent {
                        Extent::Fixed(size) => Some(*size),
                        Extent::Symbol(symbol) | Extent::Foreign(symbol) => symbols.get(symbol).copied(),
                        Extent::Open => None,
                    });
                    let all: Vec<Option<usize>> = all.collect();
                    match all.iter().copied().collect::<Option<Vec<usize>>>() {
                        Some(dims) => Some(Shape::Of(dims)),
                        None => self.reads.then_some(Shape::Filled(all)),
                    }
                }
            };
            let shape = given.or_else(known).ok_or_else(|| self.unknown(output, ""))?;
            if let Shape::Of(dims) = &shape
                && count(dims).is_none_or(|count| count > MOST_ELEMENTS)
            {
                return Err(self.refused(format!("an array of {dims:?} is too large")));
            }
            outputs.push((output.element, shape));
        }
        Ok(AtRandom::new(self.function, outputs))
    }

    /// What is said where a model does not run with the shapes that were taken for this node's outputs.
    ///
    /// # Errors
    /// There is such an output.
    pub fn unfit(&self, sizes: &Sizes, error: &CouldNotRun) -> Result<(), CouldNotRun> {
        match self.taken(sizes).next() {
            Some(output) => Err(self.unknown(output, &format!("; with that of its input: {error}"))),
            None => Ok(()),
        }
    }

    /// The outputs whose shapes are taken from the first input, as nothing states them.
    fn taken(&self, sizes: &Sizes) -> impl Iterator<Item = &Drawn> {
        let stated = |output: &Drawn| match &output.extents {
            Extents::Like(_) => true,
            Extents::Unknown => false,
            Extents::Declared(all) => all.iter().all(|extent| match extent {
                Extent::Fixed(_) | Extent::Symbol(_) => true,
                Extent::Foreign(symbol) => sizes.symbols.contains_key(symbol),
                Extent::Open => false,
            }),
        };
        self.outputs.iter().filter(move |output| !stated(output) && !sizes.values.contains_key(&output.name))
    }

    fn unknown(&self, output: &Drawn, why: &str) -> CouldNotRun {
        let name = &output.name;
        let lacking = match &output.extents {
            Extents::Declared(all) => {
                let open: Vec<String> = all.iter().enumerate().filter_map(open).collect();
                format!("the shape of `{name}` is open ({})", open.join(", "))
            }
            _ => format!("the shape of `{name}` is not declared"),
        };
        self.refused(format!("it has no meaning here, and {lacking}; state it as --value-shape {name}:1,16,8,8 or alike{why}"))
    }

    fn refused(&self, why: String) -> CouldNotRun {
        CouldNotRun::Operator { operator: self.operator.clone(), node: self.label.clone(), why }
    }
}

fn open((axis, extent): (usize, &Extent)) -> Option<String> {
    match extent {
        Extent::Fixed(_) => None,
        Extent::Symbol(symbol) | Extent::Foreign(symbol) => Some(format!("axis {axis} is {symbol}")),
        Extent::Open => Some(format!("axis {axis} is not stated")),
    }
}

/// 2 GiB of f64: beyond it is a mistake or an attack.
const MOST_ELEMENTS: usize = 1 << 28;
