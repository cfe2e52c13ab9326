//! The operator of the engine that draws what an opaque node makes.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use tract_onnx::model::ParsingContext;
use tract_onnx::pb;
use tract_onnx::prelude::{DatumType, InferenceFact, TValue, TVec, Tensor, TypedFact, TypedModel};
use tract_onnx::tract_hir::infer::{Factoid, InferenceOp};
use tract_onnx::tract_hir::internal::*;

use super::super::array::{Array, Data, count, fingerprint};
use super::super::inputs::SplitMix64;
use super::super::own_op::wired;
use super::super::run::{array, tensor};
use super::Element;

/// The shape of a value that is drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Shape {
    /// These extents.
    Of(Vec<usize>),
    /// Those of this input.
    Like(usize),
    /// These, and those of the first input where nothing is stated.
    Filled(Vec<Option<usize>>),
}

impl Shape {
    /// The extents, from those of the inputs.
    fn dims(&self, of: impl Fn(usize) -> Option<Vec<usize>>) -> Option<Vec<usize>> {
        match self {
            Shape::Of(dims) => Some(dims.clone()),
            Shape::Like(input) => of(*input),
            Shape::Filled(stated) => {
                let first = of(0).filter(|first| first.len() == stated.len())?;
                Some(stated.iter().zip(first).map(|(stated, extent)| stated.unwrap_or(extent)).collect())
            }
        }
    }
}

/// The operator in the engine.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct AtRandom {
    function: u64,
    /// The connected outputs, but for the fingerprint.
    outputs: Vec<(Element, Shape)>,
    count: usize,
}

/// Builds the operator of a node that [`node`] has made; what it draws is said once its sizes are known.
pub(crate) fn build(_: &ParsingContext, node: &pb::NodeProto) -> TractResult<(Box<dyn InferenceOp>, Vec<String>)> {
    Ok((Box::new(AtRandom { count: node.output.len().saturating_sub(1), ..AtRandom::default() }), vec![]))
}

impl AtRandom {
    /// Draws these, for what stands for its operator and attributes.
    pub fn new(function: u64, outputs: Vec<(Element, Shape)>) -> AtRandom {
        let count = outputs.len();
        AtRandom { function, outputs, count }
    }

    fn drawn(&self, inputs: &[&Tensor]) -> TractResult<Vec<Tensor>> {
        let mut hasher = DefaultHasher::new();
        for input in inputs {
            fingerprint(&array(input)?).hash(&mut hasher);
        }
        let read = hasher.finish();
        self.function.hash(&mut hasher);
        let seed = hasher.finish();
        let mut made = Vec::new();
        for (index, (element, shape)) in self.outputs.iter().enumerate() {
            let dims = shape.dims(|input| inputs.get(input).map(|input| input.shape().to_vec()));
            let dims = dims.ok_or_else(|| format_err!("the shape of an opaque value is open"))?;
            let length = count(&dims).ok_or_else(|| format_err!("{dims:?} is too large"))?;
            let data = numbers(*element, length, &mut SplitMix64::new(seed, &format!("output {index}")));
            made.push(tensor(&Array { dims, data }, element.datum_type())?);
        }
        made.push(tensor(&Array::int([], vec![read.cast_signed()]), DatumType::I64)?);
        Ok(made)
    }

    fn facts(&self, dims: impl Fn(usize) -> Option<Vec<usize>>) -> Option<Vec<(DatumType, Vec<usize>)>> {
        let made = self.outputs.iter().map(|(element, shape)| Some((element.datum_type(), shape.dims(&dims)?)));
        made.chain([Some((DatumType::I64, vec![]))]).collect()
    }
}

/// Floats half N(0, 1), half U[0, 1); integers and truth values 0 or 1, which are safe as indices.
fn numbers(element: Element, length: usize, random: &mut SplitMix64) -> Data {
    let coin = |random: &mut SplitMix64| random.bits() >> 63 == 1;
    match element {
        Element::Token => Data::Int((0..length).map(|_| random.bits().cast_signed()).collect()),
        Element::Number(DatumType::Bool) => Data::Bool((0..length).map(|_| coin(random)).collect()),
        Element::Number(element) if element.is_float() => {
            let mut draw = || if coin(random) { random.unit() } else { random.normal() };
            Data::Float((0..length).map(|_| draw()).collect())
        }
        Element::Number(_) => Data::Int((0..length).map(|_| i64::from(coin(random))).collect()),
    }
}

impl Op for AtRandom {
    fn name(&self) -> StaticName {
        "opaque".into()
    }

    op_as_typed_op!();
}

impl EvalOp for AtRandom {
    op_out_of_plan!();

    fn eval(&self, _: &EvalContext, inputs: TVec<TValue>) -> TractResult<TVec<TValue>> {
        let inputs: Vec<&Tensor> = inputs.iter().map(|input| &**input).collect();
        Ok(self.drawn(&inputs)?.into_iter().map(Into::into).collect())
    }
}

impl InferenceOp for AtRandom {
    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(TVec<InferenceFact>, TVec<InferenceFact>, TVec<InferenceFact>)> {
        let owned = |facts: &TVec<&InferenceFact>| facts.iter().map(|&fact| fact.clone()).collect::<TVec<InferenceFact>>();
        let made = self.facts(|index| {
            let dims = inputs.get(index)?.shape.concretize()?;
            dims.iter().map(|dim| dim.to_usize().ok()).collect()
        });
        let made = made.map(|made| made.iter().map(|(element, dims)| InferenceFact::dt_shape(*element, dims)).collect());
        Ok((owned(&inputs), made.unwrap_or_else(|| owned(&outputs)), owned(&observed)))
    }

    fn nboutputs(&self) -> TractResult<usize> {
        Ok(self.count + 1)
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

impl TypedOp for AtRandom {
    fn output_facts(&self, inputs: &[&TypedFact]) -> TractResult<TVec<TypedFact>> {
        let made = self.facts(|index| inputs.get(index)?.shape.as_concrete().map(<[usize]>::to_vec));
        let made = made.ok_or_else(|| format_err!("the shape of an opaque value is open"))?;
        Ok(made.into_iter().map(|(element, dims)| element.fact(dims)).collect())
    }

    as_op!();
}
