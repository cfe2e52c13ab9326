//! Whether what is shown at some sizes holds at all of them.
//!
//! Most operators do the same whatever the extents are. Windows with strides end otherwise for another rest, and what reads integers
//! takes them for places or extents: of those both sides must have the same.

use std::collections::BTreeSet;

use super::Read;
use super::walk::Values;
use crate::model::Graph;
use crate::reference::Data;
use crate::verify::align::{canonical, is_static};
use crate::verify::region::{Form, Settings, Site, sizes_read};
use crate::verify::table::{self, Sizes};

/// Extents up to this one say what a window makes of all: beyond, what it makes repeats itself.
const EXTENTS: std::ops::RangeInclusive<i64> = 1..=2048;

/// What stands for a product with a constant.
const PRODUCT: &str = "a product with a constant";

/// What must be the same on both sides.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    /// A node that mixes places, the same at all sizes: its operator.
    Place(String),
    /// How many windows with strides there are along each axis, for each of [`EXTENTS`].
    Windows(Vec<Vec<i64>>),
    /// A node that integers tell what to do: its operator, its attributes, the integers that it reads and what computes others.
    Node(String, BTreeSet<Vec<u8>>, Vec<(usize, Vec<i64>)>, Vec<(usize, String)>),
}

/// An operator that may do something else at other sizes, and that is not the same on both sides.
pub(super) fn unlike(a: &Graph<'_>, b: &Graph<'_>, site: &Site) -> Option<String> {
    if let Some(name) = sizes_read(a, &site.forms.0).into_iter().find(|name| !site.followed.contains(name)) {
        return Some(format!("sizes that are not followed (`{name}`), and that may lay elements out otherwise for other inputs"));
    }
    let parts = |graph: &Graph<'_>, forms: &[Form]| {
        let mut all: Vec<Part> = forms.iter().filter_map(|form| part(graph, form)).collect();
        // Products with constants, one behind the other, are one.
        all.dedup_by(|next, last| next == last && matches!(last, Part::Place(operator) if operator == PRODUCT));
        all
    };
    let (ours, theirs) = (parts(a, &site.forms.0), parts(b, &site.forms.1));
    let told = ours.iter().chain(&theirs).any(|part| matches!(part, Part::Node(..)));
    let (one, two) = (windows(&ours), windows(&theirs));
    // Branches with the same windows may be put together; what is told by integers, or has several sorts of windows, stays in its
    // place.
    let alike = if told || one.len() > 1 { ours == theirs } else { one == two };
    if alike || is_static(a) {
        return None;
    }
    let why = "operators that may do something else at other sizes are not the same, one behind the other, in both files";
    Some(why.to_owned())
}

fn windows(parts: &[Part]) -> BTreeSet<&Part> {
    parts.iter().filter(|part| matches!(part, Part::Windows(_))).collect()
}

fn part(graph: &Graph<'_>, form: &Form) -> Option<Part> {
    let node = graph.node(form.node);
    let (operator, row) = (form.operator.as_str(), table::row(&form.operator));
    let list = |name: &str| node.proto.attribute.iter().find(|a| a.name() == name).map_or(&[][..], |a| &a.ints);
    let is_set = |name: &str| node.proto.attribute.iter().any(|a| a.name() == name && a.i() != 0);
    let automatic = node.proto.attribute.iter().any(|a| a.name() == "auto_pad" && a.s().starts_with(b"SAME"));
    let strided = list("strides").iter().any(|stride| *stride != 1);
    let counts_all = is_set("count_include_pad") || list("pads").iter().all(|pad| *pad == 0);
    match operator {
        // It takes each element by itself.
        "Conv" if form.affine > 0 => None,
        "Conv" | "AveragePool" if strided && !automatic && !is_set("ceil_mode") && (operator == "Conv" || counts_all) => {
            Some(Part::Windows(counts(graph, form)))
        }
        "Conv" | "AveragePool" if !strided && !is_set("ceil_mode") => Some(Part::Place(operator.to_owned())),
        "Resize" | "Upsample" if keeps_extents(graph, form) => None,
        "Conv" | "AveragePool" | "MaxPool" => Some(told(graph, form)),
        _ if row.elementwise => None,
        "Cast" | "Dropout" | "Identity" | "Add" | "Sub" | "Mul" | "Div" | "Sum" | "Mean" | "BatchNormalization" => None,
        // A product of two axes is one as well.
        "Gemm" | "MatMul" if !form.constants.is_empty() => Some(Part::Place(PRODUCT.to_owned())),
        _ if row.sizes >= Sizes::Alike => Some(Part::Place(operator.to_owned())),
        _ => Some(told(graph, form)),
    }
}

fn told(graph: &Graph<'_>, form: &Form) -> Part {
    let node = graph.node(form.node);
    let (mut numbers, mut computed) = (vec![], vec![]);
    for (at, value) in node.inputs.iter().enumerate().skip(1) {
        let Some(value) = *value else { continue };
        match graph.constant(value) {
            Ok((tensor, _)) => numbers.extend(graph.tensor(tensor).integers(graph.model).ok().map(|all| (at, all))),
            Err(_) => computed.push((at, graph.value(value).name.to_owned())),
        }
    }
    Part::Node(form.operator.clone(), canonical(node.proto), numbers, computed)
}

/// What else a region may be told by what it chooses by than a run has found: each branch of a Where, and borders for a Pad that had
/// none. Another choice shows nothing of what was not chosen.
/// `read` runs a side with the settings of the run, and says what each value is.
///
/// # Errors
/// Why not all that may be chosen can be shown.
pub(super) fn others(
    sides: [(&Graph<'_>, &[Form]); 2],
    settings: &Settings,
    read: &dyn Fn(usize) -> Read<Values>,
) -> Read<Vec<Settings>> {
    let all = || sides.iter().flat_map(|(graph, forms)| forms.iter().map(|form| (*graph, form)));
    let named = |operator: &str, input: usize| {
        let name = move |(graph, form): (&Graph<'_>, &Form)| {
            let value = graph.node(form.node).inputs.get(input).copied().flatten()?;
            Some(graph.value(value).name.to_owned()).filter(|name| settings.contains_key(name))
        };
        let of_it = all().filter(|(_, form)| form.operator == operator);
        of_it.filter_map(|(graph, form)| name((graph, form))).collect::<BTreeSet<String>>()
    };
    let (mut bordered, mut taken) = (settings.clone(), BTreeSet::new());
    for (turn, name) in (1..).zip(named("Pad", 1)) {
        let bordered = match bordered.get_mut(&name).map(|amounts| &mut amounts.data) {
            Some(Data::Int(amounts)) => {
                let bordered = has_border(amounts, turn);
                widen(amounts, &mut taken);
                bordered
            }
            _ => false,
        };
        if !bordered {
            return Err("Pad whose amounts are computed".to_owned());
        }
    }
    let conditions = named("Where", 0);
    let with = |choice: &dyn Fn(usize, usize) -> bool| {
        let mut other = bordered.clone();
        for (turn, name) in conditions.iter().enumerate() {
            let truths = other.get_mut(name).map(|value| &mut value.data);
            let Some(Data::Bool(truths)) = truths else { return Err(format!("`{name}` is no condition")) };
            truths.iter_mut().enumerate().for_each(|(at, truth)| *truth = choice(turn, at));
        }
        Ok(other)
    };
    let mut chosen = vec![];
    if conditions.is_empty() {
        chosen.push(bordered.clone());
    } else {
        // One without order, and each condition for itself, so that none stands for another.
        chosen.extend([with(&|_, _| true)?, with(&|_, _| false)?, with(&|turn, at| (at * 7 + at / 3 + 3 * turn) % 5 < 2)?]);
        for one in 0..conditions.len() {
            chosen.push(with(&|turn, _| turn == one)?);
        }
    }
    let asked = named("Gather", 1);
    if asked.is_empty() {
        return Ok(chosen.into_iter().filter(|other| other != settings).collect());
    }
    let rows = rows_of(sides, read)?;
    let mut all = Vec::new();
    for other in &chosen {
        all.extend(every_row(other, &asked, rows)?);
    }
    Ok(all)
}

/// How many rows all that is gathered from has, at most.
fn rows_of(sides: [(&Graph<'_>, &[Form]); 2], read: &dyn Fn(usize) -> Read<Values>) -> Read<i64> {
    let mut most = 0;
    for (side, (graph, forms)) in sides.into_iter().enumerate() {
        let mut values = None;
        for form in forms.iter().filter(|form| form.operator == "Gather") {
            let node = graph.node(form.node);
            let table = form.constants.iter().find(|(input, _)| *input == 0).map(|(_, tensor)| graph.tensor(*tensor));
            let dims: Vec<u64> = match table {
                Some(table) => table.dims.clone(),
                None => {
                    let values = match &values {
                        Some(values) => values,
                        None => values.insert(read(side)?),
                    };
                    let name = node.inputs.first().copied().flatten().map_or("", |value| graph.value(value).name);
                    let array = values.get(name).and_then(|drawn| drawn.first()).ok_or("a Gather of nothing")?;
                    array.dims.iter().map(|dim| *dim as u64).collect()
                }
            };
            let axis = node.proto.attribute.iter().find(|a| a.name() == "axis").map_or(0, |a| a.i());
            let axis = if axis < 0 { axis + dims.len() as i64 } else { axis };
            let rows = usize::try_from(axis).ok().and_then(|axis| dims.get(axis)).ok_or("a Gather along no axis")?;
            most = most.max(i64::try_from(*rows).unwrap_or(i64::MAX));
        }
    }
    Ok(most)
}

/// Settings that together ask for every row of a table.
fn every_row(settings: &Settings, asked: &BTreeSet<String>, rows: i64) -> Read<Vec<Settings>> {
    /// With more a test takes long.
    const MOST: i64 = 64;
    let fewest = asked.iter().filter_map(|name| settings.get(name)).map(|value| value.dims.iter().product::<usize>()).min();
    let each = fewest.and_then(|count| i64::try_from(count).ok()).filter(|count| *count > 0).ok_or("a Gather of nothing")?;
    if rows / each >= MOST {
        return Err("Gather whose choice is computed, of many rows".to_owned());
    }
    let from = |first: i64| {
        let mut other = settings.clone();
        // Each asks for another row, so that none stands for another.
        for (turn, name) in (0..).zip(asked) {
            let places = other.get_mut(name).map(|value| &mut value.data);
            let Some(Data::Int(places)) = places else { return Err(format!("`{name}` is no list of rows")) };
            places.iter_mut().zip(turn..).for_each(|(place, at)| *place = (first + at) % rows);
        }
        Ok(other)
    };
    (0..=(rows - 1) / each).map(|turn| from(turn * each)).collect()
}

/// Makes borders wider until no other Pad has the same.
fn widen(amounts: &mut [i64], taken: &mut BTreeSet<Vec<i64>>) {
    while !taken.insert(amounts.to_vec()) && amounts.iter().any(|amount| *amount > 0) {
        amounts.iter_mut().filter(|amount| **amount > 0).for_each(|amount| *amount += 1);
    }
}

/// Gives spatial axes a border if no axis has one, another one each `turn`. Returns whether there is one.
fn has_border(amounts: &mut [i64], turn: i64) -> bool {
    let axes = amounts.len() / 2;
    if amounts.iter().all(|amount| *amount <= 0) {
        let places = amounts.iter_mut().enumerate().filter(|(at, _)| at % axes.max(1) > 1);
        places.for_each(|(at, amount)| *amount = if at < axes { turn } else { turn + 1 });
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
fn counts(graph: &Graph<'_>, form: &Form) -> Vec<Vec<i64>> {
    let node = graph.node(form.node);
    let list = |name: &str| node.proto.attribute.iter().find(|a| a.name() == name).map_or(&[][..], |a| &a.ints);
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
        let count = |size: i64| {
            let room = size.saturating_add(pads[0]).saturating_add(pads[1]).saturating_sub(reach);
            if room < 0 { 0 } else { room / of("strides") + 1 }
        };
        EXTENTS.map(count).collect()
    };
    taps.iter().enumerate().map(along).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reference::Array;

    #[test]
    fn rows_are_all_asked_for() {
        let settings =
            Settings::from([("i".to_owned(), Array::int([2], vec![0, 0])), ("j".to_owned(), Array::int([2], vec![9, 9]))]);
        let asked = |names: &[&str], rows: i64| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            let places = |settings: &Settings| match &settings["i"].data {
                Data::Int(places) => places.clone(),
                _ => vec![],
            };
            every_row(&settings, &names, rows).map(|all| all.iter().map(places).collect::<Vec<_>>())
        };
        assert_eq!(asked(&["i"], 5), Ok(vec![vec![0, 1], vec![2, 3], vec![4, 0]]));
        assert_eq!(asked(&["i"], 4), Ok(vec![vec![0, 1], vec![2, 3]]));
        assert_eq!(asked(&["i"], 1), Ok(vec![vec![0, 0]]));
        assert!(asked(&["i"], 127).is_ok() && asked(&["i"], 128).is_err());
        assert!(asked(&[], 5).is_err());
        // Another list asks for the rows one further on.
        let names = BTreeSet::from(["i".to_owned(), "j".to_owned()]);
        let first = every_row(&settings, &names, 5).unwrap().remove(0);
        assert_eq!((&first["i"].data, &first["j"].data), (&Data::Int(vec![0, 1]), &Data::Int(vec![1, 2])));
    }

    #[test]
    fn what_has_no_border_gets_one_at_its_spatial_axes() {
        let with = |amounts: &[i64], turn: i64| {
            let mut amounts = amounts.to_vec();
            (has_border(&mut amounts, turn), amounts)
        };
        assert_eq!(with(&[0; 8], 1), (true, vec![0, 0, 1, 1, 0, 0, 2, 2]));
        assert_eq!(with(&[0, 0, -1, 0, 0, 0, 0, -2], 2), (true, vec![0, 0, 2, 2, 0, 0, 3, 3]));
        assert_eq!(with(&[0, 0, 4, 0, 0, 0, 0, 0], 1), (true, vec![0, 0, 4, 0, 0, 0, 0, 0]));
        assert_eq!(with(&[0; 4], 1), (false, vec![0; 4]), "there is no spatial axis");
    }

    #[test]
    fn no_two_pads_have_the_same_border() {
        let mut taken = BTreeSet::new();
        let mut all = [[0, 0, 3, 0, 0, 0], [0, 0, 3, 0, 0, 0], [0, 0, 4, 0, 0, 0], [0; 6], [0; 6]];
        all.iter_mut().for_each(|amounts| widen(amounts, &mut taken));
        assert_eq!(all.map(|amounts| amounts[2]), [3, 4, 5, 0, 0]);
    }
}
