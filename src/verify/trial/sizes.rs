//! Whether what is shown at some sizes holds at all of them.
//!
//! Most operators do the same whatever the extents are. Windows with strides end otherwise for another rest, and what reads integers
//! takes them for places or extents: of those both sides must have the same.

use std::collections::BTreeSet;

use super::Read;
use crate::model::{Graph, ScopeId};
use crate::reference::Data;
use crate::verify::align::{canonical, fixed_inputs};
use crate::verify::region::{Form, Settings, Site};
use crate::verify::table;

/// Operators that do the same at all sizes, whatever their attributes and constants are, beside those that take each element by
/// itself and those that are linear. A Pad is looked at by itself.
const SIZELESS: &[&str] = &[
    "Cast",
    "Concat",
    "Dropout",
    "Einsum",
    "GRU",
    "GlobalAveragePool",
    "GlobalMaxPool",
    "GroupNormalization",
    "Identity",
    "InstanceNormalization",
    "LSTM",
    "LayerNormalization",
    "Mean",
    "Pad",
    "RMSNormalization",
    "RNN",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceSum",
    "Sum",
    "Transpose",
    "Unsqueeze",
];

/// Extents up to this one say what a window makes of all: beyond, what it makes repeats itself.
const EXTENTS: std::ops::RangeInclusive<i64> = 1..=256;

/// What must be the same on both sides.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// How many windows there are along an axis, for each of [`EXTENTS`].
    Windows(Vec<i64>),
    /// A node: its operator, its attributes, and the integers that it reads.
    Node(String, BTreeSet<Vec<u8>>, Vec<(usize, Vec<i64>)>),
}

/// An operator that may do something else at other sizes, and that is not the same on both sides.
pub(super) fn unlike(a: &Graph<'_>, b: &Graph<'_>, site: &Site) -> Option<String> {
    if fixed_inputs(a, ScopeId(0)) {
        return None;
    }
    let parts = |graph: &Graph<'_>, forms: &[Form]| {
        let all = forms.iter().flat_map(|form| parts(graph, form).into_iter().map(|part| (part, form.operator.clone())));
        all.collect::<BTreeSet<(Part, String)>>()
    };
    let (ours, theirs) = (parts(a, &site.forms.0), parts(b, &site.forms.1));
    let has = |all: &BTreeSet<(Part, String)>, part: &Part| all.iter().any(|(other, _)| other == part);
    let apart = ours.iter().find(|(part, _)| !has(&theirs, part)).or(theirs.iter().find(|(part, _)| !has(&ours, part)))?;
    Some(format!("{} that may do something else at other sizes is not the same in both files", apart.1))
}

fn parts(graph: &Graph<'_>, form: &Form) -> Vec<Part> {
    let node = graph.node(form.node);
    let (operator, row) = (form.operator.as_str(), table::row(&form.operator));
    let list = |name: &str| node.proto.attribute.iter().find(|a| a.name() == name).map_or(&[][..], |a| &a.ints);
    let is_set = |name: &str| node.proto.attribute.iter().any(|a| a.name() == name && a.i() != 0);
    let strided = list("strides").iter().any(|stride| *stride != 1);
    match operator {
        "Conv" if strided => windows(graph, form),
        "AveragePool" if !strided && !is_set("ceil_mode") => vec![],
        "Resize" | "Upsample" if keeps_extents(graph, form) => vec![],
        "AveragePool" if !is_set("ceil_mode") && (is_set("count_include_pad") || list("pads").iter().all(|pad| *pad == 0)) => {
            windows(graph, form)
        }
        _ if row.linear || row.elementwise || SIZELESS.contains(&operator) => vec![],
        _ => {
            let numbers = |value| graph.tensor(graph.constant(value).ok()?.0).integers(graph.model).ok();
            let inputs = node.inputs.iter().enumerate().skip(1);
            let read = inputs.filter_map(|(at, value)| Some((at, numbers((*value)?)?))).collect();
            vec![Part::Node(operator.to_owned(), canonical(node.proto), read)]
        }
    }
}

/// What else a region may be told by what it chooses by than a run has found: each branch of a Where, and borders for a Pad that had
/// none. Another choice shows nothing of what was not chosen.
pub(super) fn others(sides: [(&Graph<'_>, &[Form]); 2], settings: &Settings) -> Read<Vec<Settings>> {
    let all = || sides.iter().flat_map(|(graph, forms)| forms.iter().map(|form| (*graph, form)));
    let told = |operator: &str, input: usize| {
        let named = move |(graph, form): (&Graph<'_>, &Form)| {
            let value = graph.node(form.node).inputs.get(input).copied().flatten()?;
            Some(graph.value(value).name.to_owned()).filter(|name| settings.contains_key(name))
        };
        let of_it = all().filter(|(_, form)| form.operator == operator);
        of_it.filter_map(|(graph, form)| named((graph, form))).collect::<BTreeSet<String>>()
    };
    if !told("Gather", 1).is_empty() {
        return Err("Gather whose choice is computed".to_owned());
    }
    let mut bordered = settings.clone();
    for name in told("Pad", 1) {
        let bordered = match bordered.get_mut(&name).map(|amounts| &mut amounts.data) {
            Some(Data::Int(amounts)) => has_border(amounts),
            _ => false,
        };
        if !bordered {
            return Err("Pad whose amounts are computed".to_owned());
        }
    }
    let conditions = told("Where", 0);
    let with = |choice: fn(usize) -> bool| {
        let mut other = bordered.clone();
        for (name, value) in other.iter_mut().filter(|(name, _)| conditions.contains(*name)) {
            let Data::Bool(truths) = &mut value.data else { return Err(format!("`{name}` is no condition")) };
            truths.iter_mut().enumerate().for_each(|(at, truth)| *truth = choice(at));
        }
        Ok(other)
    };
    if !conditions.is_empty() {
        // The last is without order.
        return [|_| true, |_| false, |at| (at * 7 + at / 3) % 5 < 2].into_iter().map(with).collect();
    }
    Ok(if bordered == *settings { vec![] } else { vec![bordered] })
}

/// Gives spatial axes a border if no axis has one. Returns whether there is one.
fn has_border(amounts: &mut [i64]) -> bool {
    let axes = amounts.len() / 2;
    if amounts.iter().all(|amount| *amount <= 0) {
        let places = amounts.iter_mut().enumerate().filter(|(at, _)| at % axes.max(1) > 1);
        places.for_each(|(at, amount)| *amount = if at < axes { 1 } else { 2 });
    }
    amounts.iter().any(|amount| *amount > 0)
}

/// Whether a Resize has scales, all of them one.
fn keeps_extents(graph: &Graph<'_>, form: &Form) -> bool {
    let node = graph.node(form.node);
    let stated =
        node.proto.attribute.iter().find(|a| a.name() == "scales").map(|a| a.floats.iter().map(|s| f64::from(*s)).collect());
    let read = || {
        node.inputs.get(1..3).into_iter().flatten().flatten().find_map(|value| {
            graph.tensor(graph.constant(*value).ok()?.0).floats(graph.model).ok().filter(|scales| !scales.is_empty())
        })
    };
    let scales: Option<Vec<f64>> = stated.or_else(read);
    scales.is_some_and(|scales| scales.iter().all(|scale| *scale == 1.0))
}

/// How many windows a node without `ceil_mode` lays over each axis (the sections "output shape" of ONNX's Conv and AveragePool).
fn windows(graph: &Graph<'_>, form: &Form) -> Vec<Part> {
    let node = graph.node(form.node);
    let list = |name: &str| node.proto.attribute.iter().find(|a| a.name() == name).map_or(&[][..], |a| &a.ints);
    let mode = node.proto.attribute.iter().find(|a| a.name() == "auto_pad").map_or(&b""[..], |a| a.s());
    let weight = || form.constants.iter().find(|(input, _)| *input == 1).map(|(_, tensor)| &graph.tensor(*tensor).dims);
    let taps: Vec<i64> = match (list("kernel_shape"), weight()) {
        ([], Some(dims)) => dims.iter().skip(2).map(|size| i64::try_from(*size).unwrap_or(i64::MAX)).collect(),
        (stated, _) => stated.to_vec(),
    };
    let axes = taps.len();
    let along = |(axis, taps): (usize, &i64)| {
        let of = |name: &str| list(name).get(axis).copied().unwrap_or(1).max(1);
        let pads = [axis, axis + axes].map(|at| list("pads").get(at).copied().unwrap_or(0));
        let reach = taps.saturating_sub(1).saturating_mul(of("dilations")).saturating_add(1);
        let count = |size: i64| match mode {
            b"SAME_UPPER" | b"SAME_LOWER" => (size - 1) / of("strides") + 1,
            _ => {
                let room = size.saturating_add(pads[0]).saturating_add(pads[1]).saturating_sub(reach);
                if room < 0 { 0 } else { room / of("strides") + 1 }
            }
        };
        Part::Windows(EXTENTS.map(count).collect())
    };
    taps.iter().enumerate().map(along).collect()
}
