//! What must hold of the engine's typed graph before a run of it says anything about the model.

use std::collections::{HashMap, HashSet};

use tract_onnx::prelude::TypedModel;
use tract_onnx::tract_core::ops::cnn::{Conv, MaxPool, PaddingSpec, PoolSpec, SumPool};

use super::CouldNotRun;
use crate::onnx::GraphProto;

/// The BatchNormalizations that read a graph's inputs, and what each value is made of. Those of constants alone the engine
/// may compute beforehand.
#[derive(Default)]
pub(crate) struct Normalised {
    values: Vec<String>,
    makers: HashMap<String, Vec<String>>,
}

impl Normalised {
    pub fn of(graph: &GraphProto) -> Normalised {
        let constants: HashSet<&str> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
        let inputs = graph.input.iter().map(|input| input.name()).filter(|name| !constants.contains(name));
        let (mut readers, mut makers) = (HashMap::<String, Vec<String>>::new(), HashMap::<String, Vec<String>>::new());
        for node in &graph.node {
            for (input, output) in node.input.iter().flat_map(|input| node.output.iter().map(move |output| (input, output))) {
                readers.entry(input.clone()).or_default().push(output.clone());
                makers.entry(output.clone()).or_default().push(input.clone());
            }
        }
        let below = reached(inputs, &readers);
        let nodes = graph.node.iter().filter(|node| node.op_type() == "BatchNormalization");
        let values = nodes.filter_map(|node| node.output.first()).filter(|name| below.contains(name.as_str()));
        Normalised { values: values.cloned().collect(), makers }
    }

    /// Those that some values are made of. What is of no use the engine may leave out.
    pub fn before<'n>(&'n self, outputs: impl Iterator<Item = &'n str>) -> Vec<&'n str> {
        let above = reached(outputs, &self.makers);
        self.values.iter().map(String::as_str).filter(|name| above.contains(name)).collect()
    }
}

fn reached<'g>(start: impl Iterator<Item = &'g str>, edges: &'g HashMap<String, Vec<String>>) -> HashSet<&'g str> {
    let mut open: Vec<&str> = start.collect();
    let mut seen = HashSet::new();
    while let Some(name) = open.pop() {
        if seen.insert(name) {
            open.extend(edges.get(name).into_iter().flatten().map(String::as_str));
        }
    }
    seen
}

/// Every BatchNormalization that is computed at run time must still be a multiplication and an addition of its own: had
/// the engine merged it, the run would prove nothing about it.
pub(crate) fn unmerged(typed: &TypedModel, normalised: &[&str]) -> Result<(), CouldNotRun> {
    let nodes: HashMap<&str, _> = typed.nodes().iter().map(|node| (node.name.as_str(), node)).collect();
    for name in normalised {
        let node = nodes.get(name);
        let constant = node.is_some_and(|node| node.outputs.iter().any(|output| output.fact.konst.is_some()));
        if !constant && (node.is_none() || !nodes.contains_key(format!("{name}.mul").as_str())) {
            return Err(CouldNotRun::Model(format!("the engine merged the BatchNormalization that makes `{name}`")));
        }
    }
    Ok(())
}

/// A window larger than its padded input gives nothing in ONNX; the engine makes one result of what there is.
pub(crate) fn windows(typed: &TypedModel) -> Result<(), CouldNotRun> {
    for node in typed.nodes() {
        let pool = node
            .op_as::<Conv>()
            .map(|operator| &operator.pool_spec)
            .or_else(|| node.op_as::<MaxPool>().map(|operator| &operator.pool_spec))
            .or_else(|| node.op_as::<SumPool>().map(|operator| &operator.pool_spec));
        let (Some(pool), Some(&input)) = (pool, node.inputs.first()) else { continue };
        let Some(shape) = typed.outlet_fact(input).ok().and_then(|fact| fact.shape.as_concrete()) else { continue };
        if shape.iter().skip(2).enumerate().any(|(axis, &size)| !fits(pool, axis, size)) {
            let why = format!("its window is larger than its input, which has the shape {shape:?} here");
            return Err(CouldNotRun::Operator { operator: node.op().name().into_owned(), node: node.name.clone(), why });
        }
    }
    Ok(())
}

fn fits(pool: &PoolSpec, axis: usize, size: usize) -> bool {
    let at = |all: &[usize]| all.get(axis).copied().unwrap_or(0);
    let padding = match &pool.padding {
        PaddingSpec::Explicit(before, after) | PaddingSpec::ExplicitOnnxPool(before, after, _) => {
            at(before).saturating_add(at(after))
        }
        PaddingSpec::Valid => 0,
        PaddingSpec::SameUpper | PaddingSpec::SameLower => return size > 0,
    };
    let reach = at(&pool.kernel_shape).saturating_sub(1).saturating_mul(pool.dilation(axis));
    size.saturating_add(padding) > reach
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use tract_onnx::prelude::{DatumType, InferenceModelExt};
    use tract_onnx::tract_hir::internal::{Framework, InferenceFact};

    use super::super::{Branch, convert, framework, prepare};
    use super::*;

    /// A Conv and a BatchNormalization that tract's optimiser folds.
    #[test]
    fn a_merged_batch_normalization_is_noticed() {
        let text = r#"<ir_version: 8, opset_import: ["" : 17]>
            pair (float[1,1,4,4] x) => (float[1,2,4,4] y)
            <float[2,1,3,3] w = dyadic(1), float[2] s = {1, 2}, float[2] b = {0.5, 0}, float[2] m = {1, 0}, float[2] v = {4, 0.25}>
            { c = Conv <pads = [1, 1, 1, 1]> (x, w)  y = BatchNormalization (c, s, b, m, v) }"#;
        let model = crate::onnx::ModelProto::decode(crate::sample::encode(text).unwrap().as_slice()).unwrap();
        let prepared = prepare(model, Branch::Then).unwrap();
        let normalised = Normalised::of(prepared.model.graph.as_ref().unwrap());
        let normalised = normalised.before(["y"].into_iter());
        assert_eq!(normalised, ["y"]);
        let proto = convert::model(prepared.model);
        let mut model = framework::framework().model_for_proto_model(&proto).unwrap();
        model.set_input_fact(0, InferenceFact::dt_shape(DatumType::F64, [1, 1, 4, 4])).unwrap();
        let typed = model.into_typed().unwrap();
        assert_eq!(unmerged(&typed, &normalised), Ok(()));
        let merged = typed.into_decluttered().unwrap();
        assert!(unmerged(&merged, &normalised).is_err(), "{merged:?}");
    }
}
