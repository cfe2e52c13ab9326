//! What the nodes of a region ask of the extents of what they read.

use crate::model::{Graph, TensorId, ValueId};
use crate::verify::region::Form;

/// Whether an operator takes each number by itself, wherever it stands, with constants that are the same for all rows of a table.
pub(super) fn takes_each_row(graph: &Graph<'_>, form: &Form) -> bool {
    let flat = |tensor: &TensorId| graph.tensor(*tensor).dims.iter().filter(|size| **size != 1).count() < 2;
    match form.operator.as_str() {
        "Identity" | "Cast" | "BatchNormalization" | "Transpose" => true,
        "Add" | "Sub" | "Mul" | "Div" => form.constants.len() == 1 && form.constants.iter().all(|(_, tensor)| flat(tensor)),
        _ => false,
    }
}

/// What a convolution says of the shape of what it reads: how many axes there are, and how many channels.
pub(super) fn read_by_convolution(graph: &Graph<'_>, forms: &[Form], value: ValueId) -> Option<Vec<Option<usize>>> {
    let reads = |form: &&Form| form.operator == "Conv" && graph.node(form.node).inputs.first() == Some(&Some(value));
    let form = forms.iter().find(reads)?;
    let dims = &graph.tensor(form.constants.first()?.1).dims;
    let group = graph.node(form.node).proto.attribute.iter().find(|a| a.name() == "group").map_or(1, |a| a.i());
    let channels = usize::try_from(dims.get(1)?.checked_mul(u64::try_from(group).ok()?)?).ok()?;
    let mut shape = vec![None; dims.len()];
    *shape.get_mut(1)? = Some(channels);
    Some(shape)
}

/// Operators whose weights have windows behind their first two axes.
const WINDOWS: &[&str] = &["Conv", "ConvTranspose", "DeformConv"];

/// The widest window of these nodes: a smaller extent would leave taps with nothing but padding to see.
pub(super) fn widest(graph: &Graph<'_>, forms: &[Form]) -> usize {
    let reach = |form: &Form| {
        let node = graph.node(form.node).proto;
        let largest = |name: &str| node.attribute.iter().filter(|a| a.name() == name).flat_map(|a| &a.ints).max().copied();
        let weight = form
            .constants
            .first()
            .filter(|_| WINDOWS.contains(&form.operator.as_str()))
            .map(|(_, tensor)| &graph.tensor(*tensor).dims);
        let taps = weight.into_iter().flatten().skip(2).max().and_then(|taps| i64::try_from(*taps).ok());
        let taps = taps.max(largest("kernel_shape")).unwrap_or(1);
        taps.saturating_sub(1).saturating_mul(largest("dilations").unwrap_or(1)).saturating_add(1)
    };
    forms.iter().map(reach).max().and_then(|reach| usize::try_from(reach).ok()).unwrap_or(0)
}
