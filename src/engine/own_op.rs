//! The slow reference as an operator of the engine, in f64: for what the engine lacks or computes with the 24 bits of f32.
//!
//! What it makes has the element types that the specification gives and the shapes that the reference makes of zeros of the
//! same shapes, where constants are taken as they are.

use std::sync::Arc;

use prost::Message;
use tract_onnx::model::ParsingContext;
use tract_onnx::pb;
use tract_onnx::prelude::{DatumType, InferenceFact, TValue, TVec, Tensor, TypedFact, TypedModel};
use tract_onnx::tract_hir::infer::{Factoid, InferenceOp};
use tract_onnx::tract_hir::internal::*;

use super::array::{Array, Data, count};
use super::proto::{int, label, text, with_bytes, with_int};
use super::run::{array, tensor};
use crate::onnx::NodeProto;
use crate::onnx::tensor_proto::DataType;
use crate::reference;

/// The name under which the engine has it; no ONNX operator is called so.
pub(crate) const OPERATOR: &str = "bnfold.Reference";

/// The node, of this version of the standard operators, as one that the reference evaluates.
pub(crate) fn node(node: &NodeProto, opset: i64) -> NodeProto {
    let own = NodeProto { op_type: Some(OPERATOR.to_owned()), attribute: vec![], domain: None, ..node.clone() };
    with_int(with_bytes(own, "node", node.encode_to_vec()), "opset", opset)
}

/// Builds the operator of a node that [`node`] has made.
pub(crate) fn build(_: &ParsingContext, node: &pb::NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    let attribute = |name: &str| node.attribute.iter().find(|attribute| attribute.name == name);
    let bytes = attribute("node").map_or(&[][..], |attribute| &attribute.s);
    let opset = attribute("opset").map_or(0, |attribute| attribute.i);
    let node = Arc::new(NodeProto::decode(bytes)?);
    Ok((Box::new(ByReference { node, opset, last: None }), vec![]))
}

/// How many products the reference may be asked for by one node: some ten seconds.
const MOST_PRODUCTS: u64 = 1 << 31;

/// A value of which the shape is known, and perhaps what it is.
#[derive(Debug, Clone, PartialEq)]
struct Known {
    element: DatumType,
    dims: Vec<usize>,
    value: Option<Arc<Tensor>>,
}

/// The element type and the extents of a value that is made.
type Made = (DatumType, Vec<usize>);

/// A node that the reference evaluates.
#[derive(Debug, Clone)]
pub(crate) struct ByReference {
    node: Arc<NodeProto>,
    opset: i64,
    /// What it made of which inputs when it was last asked; the engine asks several times.
    last: Option<(Vec<Known>, Option<Vec<Made>>)>,
}

impl PartialEq for ByReference {
    fn eq(&self, other: &ByReference) -> bool {
        self.opset == other.opset && self.node == other.node
    }
}

impl Eq for ByReference {}

/// Operators that make one value of the shape of the first input.
fn keeps_shape(operator: &str) -> bool {
    matches!(
        operator,
        "Erf"
            | "Sigmoid"
            | "Swish"
            | "HardSigmoid"
            | "HardSwish"
            | "LeakyRelu"
            | "Celu"
            | "Selu"
            | "Gelu"
            | "Round"
            | "IsNaN"
            | "IsInf"
            | "RMSNormalization"
            | "GroupNormalization"
            | "DequantizeLinear"
            | "QuantizeLinear"
    )
}

/// Operators whose results have a shape that no value decides.
fn shaped_by_shapes(operator: &str) -> bool {
    let weighted = matches!(operator, "LSTM" | "GRU" | "RNN" | "DeformConv" | "GridSample" | "LpPool" | "GlobalLpPool");
    weighted || operator.ends_with("Normalization") || matches!(operator, "Add" | "Sub" | "Mul" | "Div" | "Pow" | "PRelu")
}

impl ByReference {
    /// What is made of such inputs; `None` where values that are not known decide it.
    fn made(&self, inputs: &[Known]) -> TractResult<Option<Vec<Made>>> {
        if let Some((known, made)) = &self.last
            && known == inputs
        {
            return Ok(made.clone());
        }
        let operator = self.node.op_type();
        let outputs: Vec<usize> = self.outputs().collect();
        if let (true, [0], Some(first)) = (keeps_shape(operator), &outputs[..], inputs.first()) {
            let data = match operator {
                "IsNaN" | "IsInf" => Data::Bool(vec![]),
                "QuantizeLinear" => Data::Int(vec![]),
                _ => Data::Float(vec![]),
            };
            return Ok(Some(vec![(self.element(&data, inputs), first.dims.clone())]));
        }
        let of = |number: i64| -> TractResult<Vec<Made>> {
            let values = inputs.iter().map(|known| stand_in(known, number)).collect::<TractResult<Vec<Array>>>()?;
            let made = self.evaluated(values, inputs)?;
            Ok(made.into_iter().map(|(element, value)| (element, value.dims)).collect())
        };
        let zeros = of(0)?;
        let is_open = inputs.iter().skip(1).any(|known| known.value.is_none());
        if is_open && !shaped_by_shapes(operator) && of(1).ok().as_ref() != Some(&zeros) {
            return Ok(None);
        }
        Ok(Some(zeros))
    }

    /// The positions of the outputs that are connected.
    fn outputs(&self) -> impl Iterator<Item = usize> {
        self.node.output.iter().enumerate().filter(|(_, name)| !name.is_empty()).map(|(index, _)| index)
    }

    /// The connected outputs.
    fn evaluated(&self, values: Vec<Array>, inputs: &[Known]) -> TractResult<Vec<(DatumType, Array)>> {
        let mut values = values.into_iter();
        let mut elements = inputs.iter().map(|known| number_of(known.element));
        let (mut given, mut types) = (Vec::new(), Vec::new());
        for name in &self.node.input {
            let absent = name.is_empty();
            given.push(if absent { None } else { values.next() });
            types.push(if absent { 0 } else { elements.next().unwrap_or(0) });
        }
        let products = products(&self.node, &given);
        if products > MOST_PRODUCTS {
            bail!("the slow reference, which stands for {} here, would need {products} products", self.node.op_type());
        }
        let made = reference::typed_node(&self.node, self.opset, &given, &types).map_err(|error| format_err!("{error}"))?;
        let picked = self.outputs().map(|index| {
            let value = made.get(index).cloned();
            let value =
                value.ok_or_else(|| format_err!("the reference does not compute output {index} of {}", self.node.op_type()))?;
            Ok((self.element(&value.data, inputs), value))
        });
        picked.collect()
    }

    /// The element type of something that the reference made: it knows three kinds of numbers.
    fn element(&self, made: &Data, inputs: &[Known]) -> DatumType {
        let typed = |index: usize| inputs.get(index).map(|known| known.element).filter(DatumType::is_integer);
        match (made, self.node.op_type()) {
            (Data::Float(_), _) => DatumType::F64,
            (Data::Bool(_), _) => DatumType::Bool,
            (Data::Int(_), "QuantizeLinear") => {
                let stated = int(&self.node, "output_dtype").and_then(|stated| i32::try_from(stated).ok());
                typed(2).or_else(|| stated.and_then(integer)).unwrap_or(DatumType::U8)
            }
            (Data::Int(_), _) => typed(0).unwrap_or(DatumType::I64),
        }
    }
}

/// An integer type, by its number in ONNX.
pub(super) fn integer(element: i32) -> Option<DatumType> {
    Some(match DataType::try_from(element).ok()? {
        DataType::Int8 => DatumType::I8,
        DataType::Int16 => DatumType::I16,
        DataType::Int32 => DatumType::I32,
        DataType::Int64 => DatumType::I64,
        DataType::Uint8 => DatumType::U8,
        DataType::Uint16 => DatumType::U16,
        DataType::Uint32 => DatumType::U32,
        DataType::Uint64 => DatumType::U64,
        _ => return None,
    })
}

/// The number of an element type in ONNX.
fn number_of(element: DatumType) -> i32 {
    let all = [2, 3, 4, 5, 6, 7, 12, 13];
    let found = all.into_iter().find(|number| integer(*number) == Some(element));
    found.unwrap_or(if element == DatumType::Bool { 9 } else { 11 })
}

/// A value of this shape: the constant, or the same number everywhere.
fn stand_in(known: &Known, number: i64) -> TractResult<Array> {
    if let Some(value) = &known.value {
        return array(value);
    }
    const MOST: usize = 1 << 27;
    let length = count(&known.dims).filter(|length| *length <= MOST).ok_or_else(|| format_err!("it is too large"))?;
    let data = match known.element {
        DatumType::Bool => Data::Bool(vec![number != 0; length]),
        element if element.is_float() => Data::Float(vec![number as f64; length]),
        _ => Data::Int(vec![number; length]),
    };
    Ok(Array { dims: known.dims.clone(), data })
}

/// How many products a node takes, about: what an element of the larger side costs, times how many there are.
fn products(node: &NodeProto, inputs: &[Option<Array>]) -> u64 {
    let dims = |index: usize| inputs.get(index).and_then(Option::as_ref).map_or(&[][..], |value| &value.dims);
    let product = |dims: &[usize]| dims.iter().fold(1_u64, |all, dim| all.saturating_mul(*dim as u64));
    let all = inputs.iter().flatten().fold(0_u64, |all, value| all.saturating_add(product(&value.dims)));
    match node.op_type() {
        "LSTM" | "GRU" | "RNN" => {
            let steps = product(dims(0).get(..2).unwrap_or(&[]));
            steps.saturating_mul(product(dims(1)).saturating_add(product(dims(2))))
        }
        "DeformConv" => {
            let places = product(dims(2).get(2..).unwrap_or(&[])).saturating_mul(product(dims(2).get(..1).unwrap_or(&[])));
            places.saturating_mul(product(dims(1)).saturating_mul(8))
        }
        "Erf" => all.saturating_mul(60),
        "Gelu" if text(node, "approximate") != Some(b"tanh") => all.saturating_mul(60),
        _ => all.saturating_mul(8),
    }
}

impl Op for ByReference {
    fn name(&self) -> StaticName {
        format!("{} by the reference", self.node.op_type()).into()
    }

    op_as_typed_op!();
}

impl EvalOp for ByReference {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let known: Vec<Known> = inputs.iter().map(|value| known(value)).collect();
        let values = inputs.iter().map(|value| array(value)).collect::<TractResult<Vec<Array>>>()?;
        let made = self.evaluated(values, &known)?;
        made.iter().map(|(element, value)| Ok(tensor(value, *element)?.into())).collect()
    }
}

fn known(value: &Tensor) -> Known {
    Known { element: value.datum_type(), dims: value.shape().to_vec(), value: None }
}

impl InferenceOp for ByReference {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        let owned = |facts: &TVec<&InferenceFact>| facts.iter().map(|&fact| fact.clone()).collect::<TVec<InferenceFact>>();
        let (given, open, seen) = (owned(&inputs), owned(&outputs), owned(&observed));
        let Some(known) = inputs.iter().map(|fact| inferred(fact)).collect::<Option<Vec<Known>>>() else {
            return Ok((given, open, seen));
        };
        // What fails here fails again, and is told, once all is known that can be.
        let made = self.made(&known).unwrap_or(None);
        self.last = Some((known, made.clone())).filter(|(_, made)| made.is_some());
        let Some(made) = made else { return Ok((given, open, seen)) };
        let made = made.iter().map(|(element, dims)| InferenceFact::dt_shape(*element, dims)).collect();
        Ok((given, made, seen))
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.outputs().count())
    }

    as_op!();

    fn to_typed(
        &self,
        _: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        wired(self.clone(), node, target, mapping)
    }
}

/// The operator as a node of the typed graph.
pub(super) fn wired(
    operator: impl Into<Box<dyn TypedOp>>,
    node: &InferenceNode,
    target: &mut TypedModel,
    mapping: &HashMap<OutletId, OutletId>,
) -> TractResult<TVec<OutletId>> {
    let inputs = node.inputs.iter().map(|input| mapping.get(input).copied().ok_or_else(|| format_err!("an input is not there")));
    let inputs = inputs.collect::<TractResult<Vec<OutletId>>>()?;
    target.wire_node(&*node.name, operator, &inputs)
}

/// What inference knows of a value, if that is its type and shape.
fn inferred(fact: &InferenceFact) -> Option<Known> {
    let dims = fact.shape.concretize()?.iter().map(|dim| dim.to_usize().ok()).collect::<Option<Vec<usize>>>()?;
    Some(Known { element: fact.datum_type.concretize()?, dims, value: fact.value.concretize() })
}

impl TypedOp for ByReference {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let known = inputs.iter().map(|fact| {
            let dims = fact.shape.as_concrete().ok_or_else(|| format_err!("the shape of its input is open"))?;
            Ok(Known { element: fact.datum_type, dims: dims.to_vec(), value: fact.konst.clone() })
        });
        let known = known.collect::<TractResult<Vec<Known>>>()?;
        let Some(made) = self.made(&known)? else {
            bail!(
                "the shape of what {} makes at `{}` depends on values that are no constants",
                self.node.op_type(),
                label(&self.node)
            );
        };
        Ok(made.into_iter().map(|(element, dims)| element.fact(dims)).collect())
    }

    as_op!();
}
