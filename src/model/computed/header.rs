//! Types and shapes of the results of pure operators, one row an operator. Elements are read only where they say a shape.

mod moving;

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::model::integers::whole;
use crate::model::quantised::grain;
use crate::model::small_float::small_float;
use crate::model::tensor::element;
use crate::model::{Model, Node, Tensor};
use crate::onnx::{AttributeProto, NodeProto};
pub(super) use moving::described;

const INT64: i32 = 7;
const BOOL: i32 = 9;

/// Lists of extents, axes and the like are not longer.
const LONGEST_LIST: u64 = 64;

/// What is known before anything is computed.
pub(super) struct Facts<'a> {
    pub node: &'a NodeProto,
    pub opset: i64,
    pub inputs: &'a [Option<Tensor>],
    /// The tensor in the attribute `value`.
    pub value: Option<Tensor>,
    /// The extents of the value that Shape or Size asks about.
    pub shape: Option<Vec<u64>>,
    /// The type of the value that CastLike asks about.
    pub like: Option<i32>,
    pub model: &'a Model,
}

type Dims = Vec<u64>;

/// A pure operator.
pub(super) struct Row {
    pub name: &'static str,
    /// The first version of the standard operator set in which it is read.
    pub since: i64,
    pub header: fn(&Facts<'_>) -> Option<(i32, Dims)>,
    /// Steps beyond one per element.
    pub work: fn(&Facts<'_>) -> Option<u64>,
}

impl Row {
    /// Whether an input is read for its type or shape alone.
    pub fn reads_no_elements(&self, port: usize) -> bool {
        matches!((self.name, port), ("Shape" | "Size", 0) | ("CastLike", 1))
    }
}

/// The types that are computed: the four floats, whole numbers and truth values.
pub(super) fn is_computed(data_type: i32) -> bool {
    element(data_type).is_some() || whole(data_type).is_some() || data_type == BOOL
}

const fn row(name: &'static str, since: i64, header: fn(&Facts<'_>) -> Option<(i32, Dims)>) -> Row {
    Row { name, since, header, work: |_| Some(0) }
}

/// The operators that are known to compute the same from the same, whatever else happens.
pub(super) static ROWS: &[Row] = &[
    row("Abs", 6, same),
    row("Ceil", 6, same),
    row("Exp", 6, same),
    row("Floor", 6, same),
    row("Log", 6, same),
    row("Neg", 6, same),
    row("Reciprocal", 6, same),
    row("Relu", 6, same),
    row("Sigmoid", 6, same),
    row("Sqrt", 6, same),
    row("Tanh", 6, same),
    row("Add", 1, arithmetic),
    row("Div", 1, arithmetic),
    row("Mod", 10, arithmetic),
    row("Mul", 1, arithmetic),
    row("Sub", 1, arithmetic),
    row("Pow", 7, power),
    row("Max", 8, all_alike),
    row("Min", 8, all_alike),
    row("Sum", 8, all_alike),
    row("Equal", 7, comparison),
    row("Greater", 7, comparison),
    row("Less", 7, comparison),
    row("Not", 1, same),
    row("Where", 9, choice),
    row("Cast", 6, cast),
    row("CastLike", 15, cast_like),
    row("ConstantOfShape", 9, moving::constant_of_shape),
    row("Shape", 1, moving::shape),
    row("Size", 1, moving::shape),
    row("Range", 11, moving::range),
    row("Concat", 4, moving::concatenated),
    row("Expand", 8, moving::expanded),
    row("Flatten", 1, moving::flattened),
    row("Gather", 1, moving::gathered),
    row("Reshape", 5, moving::reshaped),
    row("Slice", 10, moving::sliced),
    row("Squeeze", 1, moving::squeezed),
    row("Tile", 6, moving::tiled),
    row("Transpose", 1, moving::transposed),
    row("Unsqueeze", 1, moving::unsqueezed),
    row("Clip", 11, clipped),
    row("DequantizeLinear", 10, dequantised),
    row("QuantizeLinear", 10, quantised),
    row("ReduceL1", 1, moving::reduced),
    row("ReduceL2", 1, moving::reduced),
    row("ReduceMax", 1, moving::reduced),
    row("ReduceMean", 1, moving::reduced),
    row("ReduceMin", 1, moving::reduced),
    row("ReduceSum", 1, moving::reduced),
    row("ReduceSumSquare", 1, moving::reduced),
    Row { name: "MatMul", since: 1, header: moving::product, work: moving::product_work },
    Row { name: "Gemm", since: 7, header: moving::gemm, work: moving::product_work },
];

/// Whether what a node makes first is of the type of what it reads first, as far as exporters ask for the type of it.
pub(super) fn keeps_type(node: &Node<'_>) -> bool {
    let keeps = [
        "Add",
        "AveragePool",
        "BatchNormalization",
        "Clip",
        "Concat",
        "Conv",
        "ConvTranspose",
        "Div",
        "Dropout",
        "Flatten",
        "Gemm",
        "GlobalAveragePool",
        "Identity",
        "LayerNormalization",
        "LeakyRelu",
        "MatMul",
        "MaxPool",
        "Mul",
        "Pad",
        "Relu",
        "Reshape",
        "Sigmoid",
        "Slice",
        "Softmax",
        "Split",
        "Squeeze",
        "Sub",
        "Tanh",
        "Transpose",
        "Unsqueeze",
    ];
    node.standard && keeps.contains(&node.proto.op_type())
}

/// The row of an operator.
pub(super) fn find(name: &str) -> Option<&'static Row> {
    static BY_NAME: LazyLock<HashMap<&str, &Row>> = LazyLock::new(|| ROWS.iter().map(|row| (row.name, row)).collect());
    BY_NAME.get(name).copied()
}

impl Facts<'_> {
    fn input(&self, at: usize) -> Option<&Tensor> {
        self.inputs.get(at)?.as_ref()
    }

    fn dims(&self, at: usize) -> Option<&[u64]> {
        self.input(at).map(|t| &t.dims[..])
    }

    fn attribute(&self, name: &str) -> Option<&AttributeProto> {
        self.node.attribute.iter().find(|a| a.name() == name)
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |a| a.i())
    }

    /// The numbers of an integer input.
    fn list(&self, at: usize) -> Option<Vec<i64>> {
        let tensor = self.input(at).filter(|t| t.elements() <= LONGEST_LIST && matches!(t.data_type, 6 | INT64))?;
        tensor.integers(self.model).ok().filter(|list| list.len() as u64 == tensor.elements())
    }

    /// Axes by attribute before version `by_input`, by input 1 from there on.
    fn axes(&self, by_input: i64, rank: usize) -> Option<Vec<usize>> {
        let given = match self.opset < by_input {
            true => self.attribute("axes").map(|a| a.ints.clone()).unwrap_or_default(),
            false if self.input(1).is_some() => self.list(1)?,
            false => vec![],
        };
        let mut axes = given.into_iter().map(|axis| normal(axis, rank)).collect::<Option<Vec<_>>>()?;
        axes.sort_unstable();
        axes.windows(2).all(|pair| pair[0] != pair[1]).then_some(axes)
    }
}

/// An axis counted from the front.
fn normal(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis.checked_add(rank as i64)? } else { axis };
    usize::try_from(axis).ok().filter(|axis| *axis < rank)
}

fn same(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    facts.input(0).map(|t| (t.data_type, t.dims.clone()))
}

fn broadcast(a: &[u64], b: &[u64]) -> Option<Dims> {
    let rank = a.len().max(b.len());
    let at =
        |dims: &[u64], axis: usize| (axis + dims.len()).checked_sub(rank).and_then(|own| dims.get(own).copied()).unwrap_or(1);
    let dims = (0..rank).map(|axis| match (at(a, axis), at(b, axis)) {
        (a, b) if a == b => Some(a),
        (1, other) | (other, 1) => Some(other),
        _ => None,
    });
    dims.collect()
}

fn arithmetic(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let (a, b) = (facts.input(0)?, facts.input(1)?);
    // Old versions align by attributes, and refuse what does not fit without them.
    let aligned = facts.opset >= 7 || a.dims == b.dims;
    (aligned && a.data_type == b.data_type && a.data_type != BOOL).then_some(())?;
    Some((a.data_type, broadcast(&a.dims, &b.dims)?))
}

fn power(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let (a, b) = (facts.input(0)?, facts.input(1)?);
    (element(a.data_type).is_some() && b.data_type != BOOL).then_some(())?;
    Some((a.data_type, broadcast(&a.dims, &b.dims)?))
}

fn all_alike(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let first = facts.input(0).filter(|t| t.data_type != BOOL)?;
    let mut dims = first.dims.clone();
    for at in 1..facts.inputs.len() {
        dims = broadcast(&dims, &facts.input(at).filter(|t| t.data_type == first.data_type)?.dims)?;
    }
    Some((first.data_type, dims))
}

fn comparison(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let (a, b) = (facts.input(0)?, facts.input(1).filter(|b| Some(b.data_type) == facts.input(0).map(|a| a.data_type))?);
    Some((BOOL, broadcast(&a.dims, &b.dims)?))
}

fn choice(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let (condition, a, b) = (facts.input(0).filter(|c| c.data_type == BOOL)?, facts.input(1)?, facts.input(2)?);
    (a.data_type == b.data_type).then_some(())?;
    Some((a.data_type, broadcast(&condition.dims, &broadcast(&a.dims, &b.dims)?)?))
}

fn cast(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let to = i32::try_from(facts.attribute("to")?.i()).ok()?;
    // What becomes of numbers that do not fit into small types differs between runtimes.
    let wide = element(to).is_some() || matches!(to, 6 | INT64 | BOOL);
    wide.then(|| Some((to, facts.dims(0)?.to_vec())))?
}

/// Bounds are single numbers of the same type.
fn clipped(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let x = facts.input(0).filter(|x| x.data_type != BOOL)?;
    let mut bounds = (1..facts.inputs.len()).filter_map(|at| facts.input(at));
    bounds.all(|bound| bound.data_type == x.data_type && bound.elements() == 1).then(|| (x.data_type, x.dims.clone()))
}

/// Floats divided by scales, as whole numbers of the zero points' type.
fn quantised(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let (x, scale, zero) = (facts.input(0)?, facts.input(1)?, facts.input(2));
    let stated = i32::try_from(facts.int("output_dtype", 0)).ok()?;
    let made = match zero {
        Some(zero) if (stated == 0 || stated == zero.data_type) && zero.elements() == scale.elements() => zero.data_type,
        Some(_) => return None,
        None if stated == 0 => 2,
        None => stated,
    };
    let known = facts.int("precision", 0) == 0 && whole(made).is_some_and(|whole| whole.bits <= 16);
    grain(facts.node, facts.opset, &x.dims, &scale.dims).filter(|_| known)?;
    (element(x.data_type).is_some() && element(scale.data_type).is_some()).then(|| (made, x.dims.clone()))
}

/// Integers times scales, of the scales' type.
fn dequantised(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    let (x, scale) = (facts.input(0)?, facts.input(1)?);
    let zero = facts.input(2);
    let small = small_float(x.data_type).is_some();
    (small || whole(x.data_type).is_some_and(|whole| whole.bits <= 32)).then_some(())?;
    element(scale.data_type)?;
    grain(facts.node, facts.opset, &x.dims, &scale.dims)?;
    let fits = zero.is_none_or(|zero| zero.data_type == x.data_type && zero.elements() == scale.elements());
    let stated = facts.int("output_dtype", 0);
    // Nothing is taken away from a small float.
    let plain = !small || zero.is_none_or(|zero| zero.small_floats(facts.model).is_ok_and(|all| all.iter().all(|x| *x == 0.0)));
    (fits && plain && (stated == 0 || stated == i64::from(scale.data_type))).then(|| (scale.data_type, x.dims.clone()))
}

fn cast_like(facts: &Facts<'_>) -> Option<(i32, Dims)> {
    Some((facts.like?, facts.dims(0)?.to_vec()))
}
