//! The operators that may stand in a region, one row each: which inputs hold data, which choose, and how far the operator can
//! carry a difference.
//!
//! That bound is the operator's **absolute model**: an operator on magnitudes which gives at least the magnitude of the true
//! result, and lets a relative difference of what it reads, or of its parameters, become no more than the same share of what it
//! gives. It stands here alone; regions as small models and the relay of the whole both take it from here.

use crate::onnx::attribute_proto::AttributeType;
use crate::onnx::{AttributeProto, NodeProto};

/// What is known of an operator.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Which inputs hold data, as far as they are no parameters.
    pub data: Inputs,
    /// Which inputs say what is chosen, so that no number may stand for them.
    pub choice: Inputs,
    /// What its absolute model is.
    pub bound: Bound,
    /// Whether it is linear in its data, if the other operand is constant.
    pub linear: bool,
    /// Whether it takes each element by itself and a map can pass it.
    pub elementwise: bool,
    /// Whether its constants fix extents.
    pub shaped: bool,
    /// Whether it lays elements out by sizes that it reads.
    pub lays_out: bool,
    /// Where it leaves what it reads.
    pub places: Places,
    /// What some sizes say of the others.
    pub sizes: Sizes,
}

/// Where an operator leaves the elements that it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Places {
    /// Elsewhere.
    Moved,
    /// Where they are, all of them.
    Kept,
    /// Where they are, beside one another at least, but perhaps not all of them.
    Cut,
    /// Each is made of those in a window.
    Windows,
}

/// What an operator makes at other sizes than those that were looked at; each of these includes the ones before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sizes {
    /// Perhaps something else: integers tell it what to do, or its windows end otherwise.
    Told,
    /// The same as where both sides have it, one as the other.
    Alike,
    /// What its constants say, so that each of them shows all sizes.
    Constants,
    /// The same, so that any sizes that a model may take show it.
    Any,
}

/// Inputs of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inputs {
    /// None.
    None,
    /// All.
    All,
    /// This one alone.
    Only(usize),
    /// From this one on.
    From(usize),
    /// All but this one.
    But(usize),
}

impl Inputs {
    /// Whether an input is one of them.
    pub fn has(self, input: usize) -> bool {
        match self {
            Inputs::None => false,
            Inputs::All => true,
            Inputs::Only(one) => input == one,
            Inputs::From(first) => input >= first,
            Inputs::But(one) => input != one,
        }
    }
}

/// What an absolute model is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// The operator itself, on magnitudes: it adds, multiplies, moves, averages with weights that are not negative, or takes a
    /// maximum.
    Itself,
    /// A sum in place of the difference.
    Sum,
    /// The larger of what either sign becomes: a slope above one lets more through than it is given.
    Slopes,
    /// The magnitude, or the bound that is nearest to zero where zero is not allowed: bounds bring values nearer to each other.
    Bounds,
    /// Itself with the magnitudes of these attributes.
    Magnitudes(&'static [&'static str]),
    /// As an interpolation: weights that are negative count by their magnitude.
    Interpolation,
    /// The largest in place of the smallest.
    Largest,
    /// What gives numbers a size of its own: magnitudes say nothing of what it makes of them.
    Resizing,
    /// A recurrence, whose gates bound it.
    Recurrence,
}

const ITSELF: Row = Row {
    data: Inputs::All,
    choice: Inputs::None,
    bound: Bound::Itself,
    linear: false,
    elementwise: false,
    shaped: false,
    lays_out: false,
    places: Places::Moved,
    sizes: Sizes::Told,
};
const ALIKE: Row = Row { sizes: Sizes::Alike, ..ITSELF };
const MOVING: Row = Row { sizes: Sizes::Constants, ..ITSELF };
const SUMMING: Row = Row { sizes: Sizes::Any, ..ITSELF };
const LINEAR: Row = Row { linear: true, places: Places::Kept, ..SUMMING };
const WINDOWS: Row = Row { places: Places::Windows, ..LINEAR };
const CHOSEN: Row = Row { data: Inputs::Only(0), choice: Inputs::From(1), ..ITSELF };
const LAID_OUT: Row = Row { lays_out: true, ..CHOSEN };
const FIRST: Row = Row { data: Inputs::Only(0), ..ALIKE };
const KEPT: Row = Row { places: Places::Kept, ..SUMMING };
const GATE: Row = Row { bound: Bound::Slopes, elementwise: true, ..KEPT };
const RECURRENCE: Row = Row { choice: Inputs::Only(4), bound: Bound::Recurrence, shaped: true, ..FIRST };
const RESIZING: Row = Row { bound: Bound::Resizing, ..ALIKE };
const FACTORS: Bound = Bound::Magnitudes(&["alpha", "beta"]);

/// Every operator that may stand in a region.
pub const OPERATORS: &[(&str, Row)] = &[
    ("Add", LINEAR),
    ("AveragePool", Row { linear: false, ..WINDOWS }),
    ("BatchNormalization", LINEAR),
    ("Cast", KEPT),
    ("Clip", Row { data: Inputs::Only(0), bound: Bound::Bounds, ..GATE }),
    ("Concat", Row { places: Places::Kept, ..MOVING }),
    ("Conv", WINDOWS),
    ("ConvTranspose", Row { sizes: Sizes::Constants, ..WINDOWS }),
    ("DeformConv", Row { data: Inputs::But(2), places: Places::Windows, ..ITSELF }),
    ("DepthToSpace", ITSELF),
    ("Div", LINEAR),
    ("Dropout", Row { data: Inputs::Only(0), ..LINEAR }),
    ("Einsum", Row { shaped: true, ..ALIKE }),
    ("Expand", Row { shaped: true, ..LAID_OUT }),
    ("Flatten", Row { shaped: true, ..ITSELF }),
    ("GRU", RECURRENCE),
    ("Gather", Row { shaped: true, ..CHOSEN }),
    ("Gemm", Row { bound: FACTORS, shaped: true, places: Places::Moved, ..LINEAR }),
    ("GlobalAveragePool", Row { places: Places::Kept, ..MOVING }),
    ("GlobalMaxPool", Row { places: Places::Kept, ..MOVING }),
    ("GroupNormalization", RESIZING),
    ("Identity", LINEAR),
    ("InstanceNormalization", RESIZING),
    ("LSTM", RECURRENCE),
    ("LayerNormalization", RESIZING),
    ("LeakyRelu", GATE),
    ("MatMul", Row { shaped: true, ..LINEAR }),
    ("MaxPool", Row { places: Places::Windows, ..MOVING }),
    ("Mean", Row { places: Places::Kept, ..ALIKE }),
    ("Mul", LINEAR),
    ("Neg", Row { bound: Bound::Slopes, ..LINEAR }),
    ("PRelu", Row { sizes: Sizes::Constants, ..GATE }),
    ("Pad", Row { bound: Bound::Magnitudes(&["value"]), places: Places::Cut, ..FIRST }),
    ("RMSNormalization", RESIZING),
    ("RNN", RECURRENCE),
    ("ReduceMax", FIRST),
    ("ReduceMean", FIRST),
    ("ReduceMin", Row { bound: Bound::Largest, ..FIRST }),
    ("ReduceSum", FIRST),
    ("Relu", Row { bound: Bound::Itself, ..GATE }),
    ("Reshape", Row { shaped: true, ..LAID_OUT }),
    ("Resize", Row { bound: Bound::Interpolation, shaped: true, places: Places::Cut, ..LAID_OUT }),
    ("Shape", ITSELF),
    ("Size", ITSELF),
    ("Slice", Row { shaped: true, places: Places::Cut, ..CHOSEN }),
    ("SpaceToDepth", Row { shaped: true, ..ITSELF }),
    ("Split", Row { shaped: true, ..CHOSEN }),
    ("Squeeze", Row { data: Inputs::Only(0), ..ITSELF }),
    ("Sub", Row { bound: Bound::Sum, ..LINEAR }),
    ("Sum", KEPT),
    ("Tile", LAID_OUT),
    ("Transpose", MOVING),
    ("Unsqueeze", FIRST),
    ("Upsample", Row { places: Places::Cut, ..LAID_OUT }),
    ("Where", Row { data: Inputs::From(1), choice: Inputs::Only(0), shaped: true, places: Places::Kept, ..ITSELF }),
];

/// What is known of an operator; of one that is not in the table, that it is data and bounds itself.
pub fn row(operator: &str) -> Row {
    OPERATORS.iter().find(|(name, _)| *name == operator).map_or(ITSELF, |(_, row)| *row)
}

/// What stands for a parameter in the absolute model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sign {
    /// Its magnitude.
    Positive,
    /// The negative of its magnitude: it is taken away.
    Negative,
    /// Itself: it is a divisor that something is added to.
    Kept,
}

/// What stands for the parameter at an input.
pub fn sign(operator: &str, input: usize) -> Sign {
    match (operator, input) {
        ("BatchNormalization", 3) => Sign::Negative,
        ("BatchNormalization", 4) => Sign::Kept,
        _ => Sign::Positive,
    }
}

/// Whether the parameter at an input is added to what the operator makes.
pub fn adds(operator: &str, input: usize) -> bool {
    match operator {
        "Add" | "Sub" | "Sum" => true,
        "BatchNormalization" | "Conv" | "ConvTranspose" | "Gemm" | "Pad" => input == 2,
        "DeformConv" => input == 3,
        _ => false,
    }
}

/// Whether what the operator makes is divided by the parameter at an input, or by its root.
pub fn divides(operator: &str, input: usize) -> bool {
    matches!((operator, input), ("Div", 1) | ("BatchNormalization", 4))
}

/// The absolute model of a node whose data and parameters are magnitudes already. `fresh` gives names for values between.
pub fn absolute(mut node: NodeProto, fresh: &mut dyn FnMut(&str) -> String) -> Vec<NodeProto> {
    match row(node.op_type()).bound {
        Bound::Itself | Bound::Resizing | Bound::Recurrence => vec![node],
        Bound::Sum | Bound::Largest => {
            let operator = if node.op_type() == "Sub" { "Add" } else { "ReduceMax" };
            node.op_type = Some(operator.to_owned());
            vec![node]
        }
        Bound::Magnitudes(names) => {
            magnitudes(&mut node, names);
            vec![node]
        }
        Bound::Slopes => slopes(node, fresh),
        Bound::Bounds => bounds(node, fresh),
        Bound::Interpolation => interpolation(node),
    }
}

fn magnitudes(node: &mut NodeProto, names: &[&str]) {
    let found = node.attribute.iter_mut().filter(|attribute| names.contains(&attribute.name()));
    found.for_each(|attribute| attribute.f = attribute.f.map(f32::abs));
}

/// max(|f(x)|, |f(−x)|).
fn slopes(node: NodeProto, fresh: &mut dyn FnMut(&str) -> String) -> Vec<NodeProto> {
    let (x, y) = (first(&node.input), first(&node.output));
    let [turned, up, down, risen, fallen] = ["turned", "up", "down", "risen", "fallen"].map(fresh);
    let mut rising = NodeProto { output: vec![up.clone()], ..node.clone() };
    let mut falling = NodeProto { output: vec![down.clone()], ..node };
    rising.name = None;
    falling.name = None;
    if let Some(input) = falling.input.first_mut() {
        input.clone_from(&turned);
    }
    vec![
        plain("Neg", &[&x], &turned),
        rising,
        falling,
        plain("Abs", &[&up], &risen),
        plain("Abs", &[&down], &fallen),
        plain("Max", &[&risen, &fallen], &y),
    ]
}

/// max(x, low, −high): what is cut off by a bound is no larger than x if zero is allowed.
fn bounds(mut node: NodeProto, fresh: &mut dyn FnMut(&str) -> String) -> Vec<NodeProto> {
    let (x, y) = (first(&node.input), first(&node.output));
    let given = |input: usize| node.input.get(input).filter(|name| !name.is_empty()).cloned();
    let (low, high) = (given(1), given(2));
    if low.is_none() && high.is_none() {
        let value = |name: &str| node.attribute.iter().find(|a| a.name() == name).map(|a| a.f());
        let least = value("min").unwrap_or(0.0).max(-value("max").unwrap_or(0.0));
        if least > 0.0 && !node.attribute.is_empty() {
            node.attribute = vec![AttributeProto {
                name: Some("min".to_owned()),
                r#type: Some(AttributeType::Float.into()),
                f: Some(least),
                ..AttributeProto::default()
            }];
            return vec![node];
        }
        return vec![plain("Identity", &[&x], &y)];
    }
    let mut made = Vec::new();
    let mut read = vec![x];
    read.extend(low);
    if let Some(high) = high {
        let turned = fresh("turned");
        made.push(plain("Neg", &[&high], &turned));
        read.push(turned);
    }
    let read: Vec<&str> = read.iter().map(String::as_str).collect();
    made.push(plain("Max", &read, &y));
    made
}

/// The name by which the reference knows the cubic interpolation with the magnitudes of its weights.
pub const CUBIC_MAGNITUDES: &[u8] = b"magnitudes of cubic";

/// Cubic weights may be negative, and count by their magnitudes.
fn interpolation(mut node: NodeProto) -> Vec<NodeProto> {
    magnitudes(&mut node, &["extrapolation_value"]);
    if let Some(mode) = node.attribute.iter_mut().find(|a| a.name() == "mode" && a.s() == b"cubic") {
        mode.s = Some(CUBIC_MAGNITUDES.to_vec());
    }
    vec![node]
}

fn first(names: &[String]) -> String {
    names.first().cloned().unwrap_or_default()
}

fn plain(operator: &str, inputs: &[&str], output: &str) -> NodeProto {
    NodeProto {
        op_type: Some(operator.to_owned()),
        input: inputs.iter().map(|&name| name.to_owned()).collect(),
        output: vec![output.to_owned()],
        ..NodeProto::default()
    }
}
