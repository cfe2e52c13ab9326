//! Constants that the file computes from constants: known by type and shape, evaluated when somebody asks.
//!
//! What an operator computes is not known here: who attaches an evaluator says it, and the judge has another one than the
//! folder. What is large is computed anew for everybody who asks and never kept.

mod header;

use std::sync::{Arc, OnceLock};

use crate::error::{Error, ErrorKind, Result};
use crate::model::integers::whole;
use crate::model::quantised::grain;
use crate::model::scan::Nested;
use crate::model::small_float::small_float;
use crate::model::tensor::element;
use crate::model::{Graph, Home, Model, NodeId, NotConstant, Origin, Payload, Tensor, TensorId, ValueId};
use crate::onnx::tensor_proto::DataType;
use crate::onnx::{NodeProto, type_proto};

/// Elements beyond which a constant is not computed: 256 MiB of f64.
const MOST_ELEMENTS: u64 = 1 << 25;

/// How many elements a constant may have whatever the file is; beyond, no more than a few for each byte of it, as a file of some
/// bytes can ask for any number of them, and as often as it has nodes.
const FEW_ELEMENTS: u64 = 1 << 22;
const ELEMENTS_A_BYTE: u64 = 4;

/// How many elements may be computed for one of the elements that a constant may have, all that it is made of counted as often as
/// it is needed.
const WORK_AN_ELEMENT: u64 = 8;

/// How many operators may follow one another in a constant.
const DEEPEST: usize = 64;

/// Elements up to which a result is kept.
const KEPT: u64 = 1 << 12;

/// The elements of a constant, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum Numbers {
    /// Floats of any type, widened.
    Floats(Vec<f64>),
    /// Whole numbers of any type.
    Integers(Vec<i64>),
    /// Truth values.
    Booleans(Vec<bool>),
}

impl Numbers {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Numbers::Floats(values) => values.len(),
            Numbers::Integers(values) => values.len(),
            Numbers::Booleans(values) => values.len(),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A constant that an operator reads.
#[derive(Clone, Debug)]
pub struct Operand {
    /// ONNX's number of the element type.
    pub data_type: i32,
    /// The shape.
    pub dims: Vec<u64>,
    /// The elements.
    pub numbers: Arc<Numbers>,
}

/// One operator on constants.
#[derive(Debug)]
pub struct Call<'a> {
    /// The node; elements of tensors in its attributes are not there.
    pub node: &'a NodeProto,
    /// The version of the standard operator set.
    pub opset: i64,
    /// Its inputs; `None` is not connected, or read for its type alone.
    pub inputs: &'a [Option<Operand>],
    /// The tensor in its attribute `value`.
    pub value: Option<&'a Operand>,
    /// The type of the result.
    pub data_type: i32,
    /// The shape of the result.
    pub dims: &'a [u64],
}

/// Operators that only move numbers.
const MOVING: &[&str] =
    &["Concat", "Expand", "Flatten", "Gather", "Reshape", "Slice", "Squeeze", "Tile", "Transpose", "Unsqueeze"];

impl Call<'_> {
    /// Whether the result is not rounded: a dequantised number stands for integer times scale in real arithmetic, as what a fold
    /// rounds is the scale, and what only moves numbers must not round those.
    pub fn is_exact(&self) -> bool {
        self.node.op_type() == "DequantizeLinear" || MOVING.contains(&self.node.op_type())
    }
}

/// What computes the elements of a result, rounded to its type, or says why it does not.
pub type Evaluate = fn(&Call<'_>) -> std::result::Result<Numbers, String>;

/// How a constant is computed.
#[derive(Debug)]
pub struct Recipe {
    /// The operator and its attributes.
    pub node: NodeProto,
    /// The version of the standard operator set.
    pub opset: i64,
    /// What it reads.
    pub inputs: Vec<Option<Tensor>>,
    /// The tensor in its attribute `value`.
    pub value: Option<Tensor>,
    data_type: i32,
    dims: Vec<u64>,
    evaluate: Evaluate,
    depth: usize,
    work: u64,
    /// Whether DequantizeLinear has a part in it.
    pub quantised: bool,
    /// Whether QuantizeLinear has a part in it: numbers that are near the middle of two integers may become either.
    pub rounded: bool,
    /// Whether sums of several numbers, or functions that are approximated, have a part in it: runtimes make other digits of them.
    pub summed: bool,
    done: OnceLock<Arc<Numbers>>,
    /// Set once the elements were computed without a fault.
    proven: OnceLock<()>,
}

impl Recipe {
    /// The elements.
    ///
    /// # Errors
    /// A file that cannot be read, or an operator that has no result for these numbers.
    pub fn numbers(&self, model: &Model) -> Result<Arc<Numbers>> {
        if let Some(done) = self.done.get() {
            return Ok(done.clone());
        }
        let inputs = self.inputs.iter().map(|tensor| tensor.as_ref().map(|t| read(t, model)).transpose());
        let found = Arc::new(self.evaluated(model, &inputs.collect::<Result<Vec<_>>>()?, &self.dims)?);
        if found.len() as u64 <= KEPT {
            let _ = self.done.set(found.clone());
        }
        let _ = self.proven.set(());
        Ok(found)
    }

    /// The number that all elements are, if the operator fills its result with one: no more of them need be made.
    ///
    /// # Errors
    /// As [`Recipe::numbers`].
    pub(crate) fn fill(&self, model: &Model) -> Result<Option<f64>> {
        if self.node.op_type() != "ConstantOfShape" {
            return Ok(None);
        }
        let shape = Operand { data_type: DataType::Int64 as i32, dims: vec![1], numbers: Arc::new(Numbers::Integers(vec![1])) };
        let found = self.evaluated(model, &[Some(shape)], &[1])?;
        let _ = self.proven.set(());
        Ok(if let Numbers::Floats(values) = found { values.first().copied() } else { None })
    }

    /// What the operator makes of inputs, which has this shape.
    fn evaluated(&self, model: &Model, inputs: &[Option<Operand>], dims: &[u64]) -> Result<Numbers> {
        let value = self.value.as_ref().map(|tensor| read(tensor, model)).transpose()?;
        let data_type = self.data_type;
        let call = Call { node: &self.node, opset: self.opset, inputs, value: value.as_ref(), data_type, dims };
        let place = || format!("constant `{}`", self.node.output.first().map_or("", String::as_str));
        let failed = |why: String| Error::new(ErrorKind::Tensor, format!("{}: {why}", self.node.op_type())).at(place());
        let found = (self.evaluate)(&call).map_err(failed)?;
        let fits =
            matches!((&found, element(data_type), data_type), (Numbers::Floats(_), Some(_), _) | (Numbers::Booleans(_), None, 9))
                || matches!(found, Numbers::Integers(_)) && whole(data_type).is_some();
        if !fits || found.len() as u64 != dims.iter().product::<u64>() {
            return Err(failed("the result is of another type or shape".into()));
        }
        Ok(found)
    }

    /// The shape of the result.
    pub fn dims(&self) -> &[u64] {
        &self.dims
    }

    /// Whether the elements can be computed, which is tried once.
    ///
    /// # Errors
    /// As [`Recipe::numbers`].
    pub fn check(&self, model: &Model) -> Result<()> {
        if self.proven.get().is_some() || self.fill(model)?.is_some() {
            return Ok(());
        }
        if self.multiplies_stored_integers(model)? {
            let _ = self.proven.set(());
            return Ok(());
        }
        self.numbers(model).map(|_| ())
    }

    /// Whether integers as they stand in a file are dequantised, which has a result whatever they are: nothing of them need be read.
    fn multiplies_stored_integers(&self, model: &Model) -> Result<bool> {
        let [Some(x), Some(scale), rest @ ..] = &self.inputs[..] else { return Ok(false) };
        let Payload::Bytes { range, .. } = &x.payload else { return Ok(false) };
        let bits = whole(x.data_type).filter(|whole| whole.bits < 64).map(|whole| u64::from(whole.bits));
        let is_whole = bits.is_some_and(|bits| range.end - range.start == x.elements().saturating_mul(bits).div_ceil(8));
        let fits = grain(&self.node, self.opset, &x.dims, &scale.dims).is_some() && self.dims == x.dims;
        if self.node.op_type() != "DequantizeLinear" || !is_whole || !fits {
            return Ok(false);
        }
        let is_float = matches!(&*read(scale, model)?.numbers, Numbers::Floats(_));
        let zero = rest.iter().flatten().next().map(|zero| read(zero, model)).transpose()?;
        let zeros = zero.is_none_or(|zero| zero.dims == scale.dims && matches!(&*zero.numbers, Numbers::Integers(_)));
        Ok(is_float && zeros)
    }
}

fn sums(operator: &str) -> bool {
    const OTHERS: &[&str] =
        &["CumSum", "Einsum", "Erf", "Exp", "Gemm", "Log", "MatMul", "Mean", "Pow", "Sigmoid", "Softmax", "Sum", "Tanh"];
    operator.starts_with("Reduce") || OTHERS.contains(&operator)
}

/// The elements of a constant with its type and shape.
fn read(tensor: &Tensor, model: &Model) -> Result<Operand> {
    let numbers = match (&tensor.payload, tensor.element(), tensor.data_type) {
        (Payload::Computed(recipe), ..) => recipe.numbers(model)?,
        (_, Some(_), _) => Arc::new(Numbers::Floats(tensor.floats(model)?)),
        (_, None, 9) => Arc::new(Numbers::Booleans(tensor.booleans(model)?)),
        (_, None, kind) if small_float(kind).is_some() => Arc::new(Numbers::Floats(tensor.small_floats(model)?)),
        _ => Arc::new(Numbers::Integers(tensor.integers(model)?)),
    };
    if numbers.len() as u64 != tensor.elements() {
        return Err(Error::new(ErrorKind::Tensor, "has not as many elements as its shape says").at(tensor.name.clone()));
    }
    Ok(Operand { data_type: tensor.data_type, dims: tensor.dims.clone(), numbers })
}

/// The operators whose results may be constants.
pub fn operators() -> impl Iterator<Item = &'static str> {
    header::ROWS.iter().map(|row| row.name)
}

impl Graph<'_> {
    /// Makes a constant of every value that is computed from constants alone by operators that are known to be pure. Types and
    /// shapes are found now; elements are computed by `evaluate` when they are asked for.
    pub fn compute(&mut self, evaluate: Evaluate) {
        for index in 0..self.nodes.len() {
            let node = &self.nodes[index];
            let [Some(value)] = node.outputs[..] else { continue };
            if self.source(value).is_ok() {
                continue;
            }
            if self.is_overridable(NodeId(index)) {
                self.computed.insert(value, Err(NotConstant::Overridable));
                continue;
            }
            let Some(recipe) = self.recipe(NodeId(index), evaluate) else { continue };
            let tensor = Tensor {
                name: self.value(value).name.to_owned(),
                data_type: recipe.data_type,
                dims: recipe.dims.clone(),
                payload: Payload::Computed(Arc::new(recipe)),
                home: Home::Computed { node: NodeId(index) },
            };
            self.tensors.push(tensor);
            self.computed.insert(value, Ok(TensorId(self.tensors.len() - 1)));
        }
    }

    /// Whether a node would compute a constant if nobody overrode what it is made of.
    fn is_overridable(&self, id: NodeId) -> bool {
        let node = self.node(id);
        let mut inputs = node.inputs.iter().flatten().map(|value| self.source(*value).map(|_| ()));
        let known = || header::find(node.proto.op_type()).is_some();
        node.standard
            && known()
            && inputs.clone().any(|i| i.is_err())
            && inputs.all(|i| matches!(i, Ok(()) | Err(NotConstant::Overridable)))
    }

    fn recipe(&self, id: NodeId, evaluate: Evaluate) -> Option<Recipe> {
        let node = self.node(id);
        let row = header::find(node.proto.op_type()).filter(|_| node.standard)?;
        let opset = self.scope(node.scope).opset.filter(|opset| *opset >= row.since)?;
        if node.proto.attribute.iter().any(|a| !a.ref_attr_name().is_empty()) {
            return None;
        }
        let constant = |(port, input): (usize, &Option<ValueId>)| match input {
            // Only its type or shape counts, which need not be a constant's.
            Some(_) if row.reads_no_elements(port) => Some(None),
            Some(value) => Some(Some(self.tensor(self.source(*value).ok()?).clone())),
            None => Some(None),
        };
        let inputs: Vec<Option<Tensor>> = node.inputs.iter().enumerate().map(constant).collect::<Option<_>>()?;
        let known = node.inputs.iter().flatten().last().filter(|_| matches!(row.name, "Shape" | "Size" | "CastLike"));
        let facts = header::Facts {
            node: node.proto,
            opset,
            inputs: &inputs,
            value: self.attribute_tensor(id),
            shape: known.and_then(|value| self.certain_shape(*value)),
            like: known.and_then(|value| self.certain_type(*value)),
            model: self.model,
        };
        let (data_type, dims) = (row.header)(&facts)?;
        let most = self.model.bytes().saturating_mul(ELEMENTS_A_BYTE).clamp(FEW_ELEMENTS, MOST_ELEMENTS);
        let elements = dims.iter().try_fold(1u64, |n, d| n.checked_mul(*d)).filter(|n| *n <= most)?;
        let before: Vec<&Recipe> = inputs.iter().flatten().filter_map(Tensor::recipe).collect();
        let depth = 1 + before.iter().map(|r| r.depth).max().unwrap_or(0);
        let read = inputs.iter().flatten().try_fold(elements, |n, t| n.checked_add(t.elements()))?;
        let own = (row.work)(&facts).and_then(|work| work.checked_add(read))?;
        let work = before.iter().try_fold(own, |n, r| n.checked_add(r.work)).filter(|work| *work <= most * WORK_AN_ELEMENT)?;
        let value = facts.value;
        let done = match facts.shape.filter(|_| row.name != "CastLike") {
            Some(shape) => OnceLock::from(Arc::new(header::described(node.proto, &shape)?)),
            None => OnceLock::new(),
        };
        let quantised = node.proto.op_type() == "DequantizeLinear" || before.iter().any(|r| r.quantised);
        let rounded = node.proto.op_type() == "QuantizeLinear" || before.iter().any(|r| r.rounded);
        let summed = sums(node.proto.op_type()) || before.iter().any(|r| r.summed);
        let fits = depth <= DEEPEST && header::is_computed(data_type);
        let (node, proven) = (node.proto.clone(), OnceLock::new());
        fits.then(|| Recipe {
            node,
            opset,
            inputs,
            value,
            data_type,
            dims,
            evaluate,
            depth,
            work,
            quantised,
            rounded,
            summed,
            done,
            proven,
        })
    }

    /// The tensor in the attribute `value` of a node.
    pub(crate) fn attribute_tensor(&self, id: NodeId) -> Option<Tensor> {
        let node = self.node(id);
        let (attribute, span) = node.span.nested.iter().find_map(|(attribute, nested)| match nested {
            Nested::Tensor(span) => Some((*attribute, span)),
            _ => None,
        })?;
        let proto = node.proto.attribute.get(attribute).filter(|a| a.name() == "value")?.t.as_ref()?;
        Tensor::new(self.model, proto, span, Home::Constant { node: id, attribute }).ok()
    }

    /// The extents of a constant. Those of a value that is computed at run time are none here even where they are declared: a
    /// fold may change which value a Shape reads, and both files must have the same constants.
    fn certain_shape(&self, value: ValueId) -> Option<Vec<u64>> {
        self.source(value).ok().map(|tensor| self.tensor(tensor).dims.clone())
    }

    fn certain_type(&self, value: ValueId) -> Option<i32> {
        let known = |value: &ValueId| match (self.source(*value), self.value(*value).declared.and_then(|d| d.value.as_ref())) {
            (Ok(tensor), _) => Some(self.tensor(tensor).data_type),
            (_, Some(type_proto::Value::TensorType(tensor))) => Some(tensor.elem_type()),
            _ => None,
        };
        // Where it is not declared, it is that of what the value is made of.
        let before = |value: &ValueId| match self.value(*value).origin {
            Origin::Node(node, 0) => {
                self.node(node).inputs.first().copied().flatten().filter(|_| header::keeps_type(self.node(node)))
            }
            _ => None,
        };
        std::iter::successors(Some(value), before).take(DEEPEST).find_map(|value| known(&value))
    }
}
