//! Forms that not every engine takes: where a plan would leave them, where it has, and how else the same can be written.

use std::collections::BTreeSet;

use crate::engines::Form;
use crate::law::{Bias, Constants as _, Law, Role, Step};
use crate::model::computed::Recipe;
use crate::model::{Element, Grain, NodeId, Origin, Shape};
use crate::onnx::tensor_proto::DataType;
use crate::plan::blocks;
use crate::plan::calls::Calls;
use crate::plan::draft::{DraftTensor, Left};
use crate::plan::quantised::{Factors, Requantised, requantised};
use crate::plan::route::fits_bias;
use crate::plan::view::View;

/// A law without what it would have room for, but may not be given.
pub(super) fn permitted(view: &View<'_>, node: NodeId, mut law: Law) -> Law {
    if let Law::Mix(mix) = &mut law
        && matches!(mix.bias, Bias::Becoming { .. } | Bias::Input { present: false, .. })
        && is_product(view, node)
        && view.target.avoids(Form::ProductWithTerm)
    {
        mix.bias = Bias::Barred;
    }
    law
}

/// Whether a node is a product of matrices in a type that few engines have whole.
fn is_product(view: &View<'_>, node: NodeId) -> bool {
    let product = matches!(view.graph.node(node).proto.op_type(), "MatMul" | "Gemm");
    product && matches!(view.weight_element(node), Some(Element::F16 | Element::F64))
}

/// Sums of fewer products are not computed in whole numbers.
const LONG: u64 = 32;

/// The forms of quantised weights with new scales; `axes` are those of the weight.
pub(super) fn of_scales(
    view: &View<'_>,
    node: NodeId,
    (recipe, axes): (&Recipe, &[(Role, u64)]),
    made: &Requantised,
) -> Vec<Form> {
    let Some(parts) = recipe.dequantised() else { return vec![] };
    let operator = view.graph.node(node).proto.op_type();
    let product = matches!(operator, "MatMul" | "Gemm");
    let kind = DataType::try_from(parts.integers.data_type);
    let wide = matches!(kind, Ok(DataType::Uint8 | DataType::Int16 | DataType::Uint16));
    let summed = axes.iter().filter(|(role, _)| matches!(role, Role::In | Role::Sum)).map(|(_, size)| *size);
    let long = matches!(kind, Ok(DataType::Int8 | DataType::Uint8 | DataType::Uint4)) && summed.product::<u64>() >= LONG;
    let exact = product && !reads_quantised(view, node);
    // One scale becomes several; several of another axis were there before.
    let turned = made.axis.is_some() && parts.scale.dims.iter().product::<u64>() == 1;
    let all = [
        (Form::ScalePerChannel, turned && wide && matches!(operator, "Conv" | "ConvTranspose")),
        (Form::ScalePerColumn, turned && exact && parts.scale.dims.len() == 1),
        (Form::RoundedProduct, exact && long && !matches!(parts.grain, Grain::Blocks { .. })),
    ];
    all.into_iter().filter(|(_, is)| *is).map(|(form, _)| form).collect()
}

/// Whether what a node reads beside its weights has 8 bits already.
fn reads_quantised(view: &View<'_>, node: NodeId) -> bool {
    let inputs = (0..2).filter_map(|input| view.draft.input(view.graph, node, input));
    let data = inputs.filter(|value| view.constant(*value).is_err()).filter_map(|value| view.draft.producer(view.graph, value));
    data.map(|(made, _)| view.graph.node(made).proto.op_type()).any(|operator| operator == "DequantizeLinear")
}

/// The forms of an Add that is left of this BatchNormalization.
pub(super) fn of_rest(view: &View<'_>, site: NodeId) -> Vec<Form> {
    let rank = view.draft.input(view.graph, site, 0).and_then(|value| view.shape(value)).map(Shape::rank);
    let all = [(Form::AddLeft, rank == Some(4)), (Form::AddInBlocks, blocks::leaves(view, site))];
    all.into_iter().filter(|(_, is)| *is).map(|(form, _)| form).collect()
}

/// Adds of a constant behind an activation where the file has none: a map between was folded, or became what it had of a shift.
fn behind_activations(view: &View<'_>) -> Vec<NodeId> {
    let (graph, draft) = (view.graph, &view.draft);
    let operator = |node: NodeId| draft.operators.get(&node).copied().unwrap_or_else(|| graph.node(node).proto.op_type());
    let behind = |node: &NodeId| {
        let made = draft.producer(graph, draft.input(graph, *node, 0)?)?.0;
        let activates = graph.node(made).standard && matches!(operator(made), "Relu" | "Clip");
        let read = graph.node(*node).inputs.first().copied().flatten()?;
        let before = matches!(graph.value(read).origin, Origin::Node(node, _) if node == made);
        Some(activates && (draft.operators.contains_key(node) || !before))
    };
    let adds = |node: &NodeId| {
        graph.node(*node).standard
            && !draft.is_removed(*node)
            && !draft.substituted.contains_key(node)
            && operator(*node) == "Add"
            && behind(node) == Some(true)
            && view.constants(*node).array(1).is_ok()
    };
    (0..graph.nodes.len()).map(NodeId).filter(adds).collect()
}

/// Makes Subs of such Adds, with the negated constant, if one who runs them would take them for something else.
pub(super) fn rephrase(view: &mut View<'_>, calls: &Calls) {
    if view.draft.folds.is_empty() || !view.target.avoids(Form::AddBehindActivation) {
        return;
    }
    let graph = view.graph;
    for node in behind_activations(view).into_iter().filter(|node| calls.see(graph, *node)) {
        let donor = match view.draft.tensors.get(&(node, 1)) {
            Some(DraftTensor::Dense { donor, .. }) => *donor,
            _ => None,
        };
        let Ok(mut value) = view.constants(node).array(1) else { continue };
        value.values.iter_mut().for_each(|term| *term = -*term);
        view.draft.tensors.insert((node, 1), DraftTensor::Dense { value, donor });
        view.draft.operators.insert(node, "Sub");
    }
}

/// The forms that a plan leaves where the file had none, and functions that stay.
pub fn made(view: &View<'_>) -> BTreeSet<Form> {
    let (graph, draft) = (view.graph, &view.draft);
    let mut found = BTreeSet::new();
    if !behind_activations(view).is_empty() {
        found.insert(Form::AddBehindActivation);
    }
    let left =
        |node: NodeId| matches!(draft.operators.get(&node), Some(&("Add" | "Sub"))) && !draft.substituted.contains_key(&node);
    for fold in draft.folds.iter().filter(|fold| fold.left == Left::Term && left(fold.site)) {
        found.extend(of_rest(view, fold.site));
    }
    if graph.nodes.iter().any(|node| node.calls.is_some()) {
        found.insert(Form::Functions);
    }
    for (&(node, input), tensor) in &draft.tensors {
        let had = graph.node(node).inputs.get(2).is_some_and(Option::is_some);
        if input == 2 && !had && is_product(view, node) {
            found.insert(Form::ProductWithTerm);
        }
        let recipe = view.draft.input(graph, node, input).and_then(|value| graph.constant(value).ok());
        let recipe = recipe.and_then(|(tensor, _)| graph.tensor(tensor).recipe()).filter(|recipe| recipe.quantised);
        if let (Some(recipe), DraftTensor::Factored { axes, .. }) = (recipe, tensor)
            && let Ok(Ok(made)) = requantised(graph.model, recipe, &Factors::of(axes, Some(tensor)))
        {
            found.extend(of_scales(view, node, (recipe, axes), &made));
        }
        for weight in 0..2 {
            if let Ok(Some(scales)) = view.scales(node, weight)
                && fits_bias(view, node, &scales, &Step::default()).is_err()
            {
                found.insert(Form::QuantisedBias);
            }
        }
    }
    found
}
