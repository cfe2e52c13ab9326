//! Whether the second file takes each size that the first one takes. Where nothing tells how long an axis is, it may have a single
//! element, which is repeated beside a constant or another value, or fewer than a border reflects: both sides are run there.

use std::collections::{BTreeMap, BTreeSet};

use super::budget::MOST_NUMBERS;
use super::draws;
use super::sides::{Sides, Which, as_small_as_may_be, sides};
use super::walk::{Inputs, Values, walk};
use crate::error::Result;
use crate::model::{Graph, ScopeId, Shape, TensorId};
use crate::onnx::{ModelProto, NodeProto};
use crate::reference::{Array, Data};
use crate::verify::align::{canonical, is_static};
use crate::verify::measure::Extent;
use crate::verify::region::{Form, Site};
use crate::verify::table::{self, Sizes};

/// The operators that repeat elements of what has fewer.
const BROADCASTS: &[&str] = &["Add", "Div", "Mean", "Mul", "PRelu", "Sub", "Sum", "Where"];

/// How many elements axes of which nothing is known have, all of them at once.
const FEW: std::ops::RangeInclusive<usize> = 1..=4;

/// How many axes values of which nothing is known have, all of them.
const RANKS: std::ops::RangeInclusive<usize> = 0..=6;

/// How many axes are asked for one by one.
const MOST: usize = 16;

/// How far apart numbers may be that are the same: rounding is looked at elsewhere, and a repeated element changes all of one.
const NEAR: f64 = 1.0 / 64.0;

/// Axes that have the same extent, whatever it is: the values and which of their axes.
type Axes = Vec<(String, usize)>;

/// Whether something in a region may depend on extents of one: an element of a value may be repeated, or other operators than before
/// put places together.
fn asks_for_extents((a, ours): (&Graph<'_>, &[Form]), (b, theirs): (&Graph<'_>, &[Form])) -> bool {
    // A scalar has no more axes than what it is put together with.
    let axes = |graph: &Graph<'_>, forms: &[Form]| {
        let beside = forms.iter().filter(|form| BROADCASTS.contains(&form.operator.as_str())).flat_map(|form| &form.constants);
        beside.map(|(_, tensor)| graph.tensor(*tensor).dims.len()).max().unwrap_or(0)
    };
    ours.iter().any(|form| repeats(a, form)) || places(a, ours) != places(b, theirs) || axes(b, theirs) > axes(a, ours)
}

/// Why the second file may not take what the first one takes; `None` if it does.
///
/// # Errors
/// A file that cannot be read.
pub(crate) fn fewer(a: &Graph<'_>, b: &Graph<'_>, site: &Site) -> Result<Option<String>> {
    if is_static(a) || !asks_for_extents((a, &site.forms.0), (b, &site.forms.1)) {
        return Ok(None);
    }
    let gemms = |forms: &[Form]| forms.iter().filter(|form| form.operator == "Gemm").count();
    if gemms(&site.forms.1) > gemms(&site.forms.0) {
        // A MatMul takes any number of axes.
        let reads = |form: &Form, name: &String| form.operator == "Gemm" && b.node(form.node).proto.input.first() == Some(name);
        let read = |name: &String| site.forms.1.iter().any(|form| reads(form, name));
        let axes =
            |name: &String| site.extents.get(name).map(Vec::len).or_else(|| remarked(a, site, name).map(|shape| shape.rank()));
        let takes = |name: &&String| axes(name).is_none_or(|axes| axes != 2 && read(name));
        if let Some(name) = site.region.inputs.iter().find(takes) {
            return Ok(Some(format!("nothing tells that `{name}` has two axes, and a Gemm of the second file takes no others")));
        }
    }
    Ok(as_small_as_may_be(site, |as_is| taken(a, b, site, as_is))?.unwrap_or_else(Some))
}

/// The same, with the extents that a run had or with small ones.
fn taken(a: &Graph<'_>, b: &Graph<'_>, site: &Site, as_is: bool) -> Result<super::Read<Option<String>>> {
    let mut sides = match sides(a, b, site, as_is)? {
        Ok(sides) => sides,
        Err(why) => return Ok(Err(why)),
    };
    if let Err(why) = sides.fit(&site.extents) {
        return Ok(Err(why));
    }
    if sides.products(a, b) > site.products || sides.numbers() > MOST_NUMBERS >> 5 {
        return Ok(Err("a region that is too large to be tried at other sizes".to_owned()));
    }
    let mut axes = open(a, site, &sides);
    if [(a, &sides.forms.0), (b, &sides.forms.1)].into_iter().all(|(graph, forms)| is_stacked(graph, forms, &sides)) {
        // Samples one behind the other, in all that is read.
        axes.retain(|axes| axes.iter().any(|(_, axis)| *axis != 0) || axes.len() < sides.layouts.len());
    }
    let ranks = rankless(site, &sides);
    if axes.is_empty() && ranks.is_empty() {
        return Ok(Ok(None));
    }
    if axes.len() > MOST {
        return Ok(Err("a region that reads values with many axes of which nothing is known".to_owned()));
    }
    let models = [sides.model(a, Which::First, false)?, sides.model(b, Which::Second, false)?];
    let both = Both { models, sides: &sides };
    if let Some(why) = both.at_other_ranks(&ranks) {
        return Ok(Ok(Some(why)));
    }
    Ok(run(&both.models[0], &sides.with(&|_, _| {})).map(|_| both.at_other_extents(&axes)))
}

/// Both sides as models, and what they read.
struct Both<'s> {
    models: [ModelProto; 2],
    sides: &'s Sides,
}

impl Both<'_> {
    /// What the second side does otherwise where these extents are changed so; what the first one does not take says nothing.
    fn same(&self, change: &dyn Fn(&str, &mut Vec<usize>)) -> std::result::Result<(), &'static str> {
        let read = self.sides.with(change);
        let Ok(found) = run(&self.models[0], &read) else { return Ok(()) };
        let Ok(other) = run(&self.models[1], &read) else { return Err("fails") };
        let same = |(one, two): &(String, String)| is_near(found.get(one)?.first()?, other.get(two)?.first()?).then_some(());
        if self.sides.outputs.iter().any(|pair| same(pair).is_none()) { Err("makes something else") } else { Ok(()) }
    }

    fn at_other_ranks(&self, open: &BTreeSet<String>) -> Option<String> {
        let (name, in_front) = (open.first()?, self.sides.counts_from_the_first());
        RANKS.into_iter().find_map(|rank| {
            let other = |name: &str, dims: &mut Vec<usize>| {
                let (fewer, more) = (dims.len().saturating_sub(rank), rank.saturating_sub(dims.len()));
                match (open.contains(name), in_front) {
                    (false, _) => {}
                    (true, true) => dims.resize(rank, 2),
                    (true, false) => drop(dims.splice(..fewer, std::iter::repeat_n(2, more))),
                }
            };
            let what = self.same(&other).err()?;
            Some(format!("nothing tells how many axes `{name}` has, and with {rank} the second file {what}"))
        })
    }

    fn at_other_extents(&self, axes: &[Axes]) -> Option<String> {
        let together = FEW.map(|size| (axes.iter().flatten().cloned().collect::<Axes>(), size));
        let alone = axes.iter().map(|axes| (axes.clone(), if self.sides.is_one(axes) { 2 } else { 1 }));
        // Values that are put together may all have one element along the same axis.
        let ranks: BTreeSet<usize> = axes.iter().flatten().map(|(_, axis)| *axis).collect();
        let aside = |rank| axes.iter().flatten().filter(|(_, axis)| *axis == rank).cloned().collect();
        let aside = ranks.into_iter().map(|rank| (aside(rank), 1));
        alone.chain(aside).chain(together).find_map(|(axes, size)| {
            let (name, axis) = axes.first()?;
            let other = |name: &str, dims: &mut Vec<usize>| {
                let here = axes.iter().filter(|(of, _)| of == name);
                here.for_each(|(_, axis)| dims.get_mut(*axis).into_iter().for_each(|dim| *dim = size));
            };
            let what = self.same(&other).err()?;
            Some(format!("nothing tells how long axis {axis} of `{name}` is, and with {size} the second file {what}"))
        })
    }
}

/// Whether nodes take each element of the first axis by itself.
fn is_stacked(graph: &Graph<'_>, forms: &[Form], sides: &Sides) -> bool {
    let axes = sides.layouts.values().map(|layout| layout.dims.len()).min().unwrap_or(0);
    forms.iter().all(|form| {
        let int = |name: &str| graph.node(form.node).proto.attribute.iter().find(|a| a.name() == name).map_or(0, |a| a.i());
        let operand = |(input, tensor): &(usize, TensorId)| {
            let dims = &graph.tensor(*tensor).dims;
            (*input, dims.len() < axes || dims.first() == Some(&1))
        };
        let mut constants = form.constants.iter().map(operand);
        let alike = table::row(&form.operator).sizes >= Sizes::Constants;
        alike
            && match form.operator.as_str() {
                "Transpose" => false,
                "Concat" => int("axis") > 0,
                "Gemm" => int("transA") == 0 && constants.all(|(input, small)| input == 1 || input == 2 && small),
                "MatMul" => constants.all(|(input, _)| input == 1) && !form.constants.is_empty(),
                "Add" | "Div" | "Mul" | "PRelu" | "Sub" | "Sum" => constants.all(|(_, small)| small),
                _ => true,
            }
    })
}

/// Whether an operator repeats elements of what it reads where an extent is one.
fn repeats(graph: &Graph<'_>, form: &Form) -> bool {
    let node = graph.node(form.node);
    let data = node.inputs.iter().flatten().filter(|value| graph.constant(**value).is_err()).count();
    let wide = form.constants.iter().any(|(_, tensor)| graph.tensor(*tensor).dims.iter().any(|size| *size > 1));
    BROADCASTS.contains(&form.operator.as_str()) && (data > 1 || wide)
}

/// The operators of a side that put places together.
fn places(graph: &Graph<'_>, forms: &[Form]) -> Vec<(String, BTreeSet<Vec<u8>>)> {
    let by_itself = |form: &Form| form.affine > 0 || matches!(form.operator.as_str(), "Identity" | "Dropout" | "Cast");
    let others = forms.iter().filter(|form| !by_itself(form) && !table::row(&form.operator).elementwise);
    let mut all: Vec<_> = others.map(|form| (form.operator.clone(), canonical(graph.node(form.node).proto))).collect();
    all.sort();
    all
}

/// What a file remarks about a value in a function, where nobody follows what it is given; what it remarks of others is not believed,
/// as engines do not hold values to it.
fn remarked(graph: &Graph<'_>, site: &Site, name: &str) -> Option<Shape> {
    let scope = site.region.scopes.0;
    graph.lookup(scope, name).filter(|_| graph.root(scope) != ScopeId(0)).and_then(|value| graph.declared_shape(value))
}

/// The values of which not even the number of axes is known.
fn rankless(site: &Site, sides: &Sides) -> BTreeSet<String> {
    // What is captured by a nested graph has the axes that a run has found.
    let main = site.region.scopes.0 == ScopeId(0);
    let open = |name: &&String| main && !site.extents.contains_key(*name);
    let data = sides.layouts.iter().filter(|(_, layout)| !layout.choice).map(|(name, _)| name);
    data.filter(open).cloned().collect()
}

/// The axes of which no number of elements is known.
fn open(graph: &Graph<'_>, site: &Site, sides: &Sides) -> Vec<Axes> {
    let mut shared: BTreeMap<&Extent, Axes> = BTreeMap::new();
    let mut alone: Vec<Axes> = vec![];
    for (name, layout) in sides.layouts.iter().filter(|(_, layout)| !layout.choice) {
        let followed = site.extents.get(name);
        let declared = remarked(graph, site, name).filter(|_| followed.is_none());
        for axis in 0..layout.dims.len() {
            let extent = followed.and_then(|all| all.get(axis)?.as_ref());
            let stated = declared.as_ref().and_then(|shape| shape.0.get(axis)?.known());
            match extent {
                _ if stated.is_some() || extent.is_some_and(|extent| extent.as_number().is_some()) => {}
                Some(extent) => shared.entry(extent).or_default().push((name.clone(), axis)),
                None => alone.push(vec![(name.clone(), axis)]),
            }
        }
    }
    shared.into_values().chain(alone).collect()
}

impl Sides {
    fn is_one(&self, axes: &Axes) -> bool {
        axes.iter().all(|(name, axis)| self.layouts.get(name).and_then(|layout| layout.dims.get(*axis)) == Some(&1))
    }

    /// What both sides read, with the extents of each value changed.
    fn with(&self, change: &dyn Fn(&str, &mut Vec<usize>)) -> Values {
        self.fed(1, &|name, layout, _| {
            let mut dims = layout.dims.clone();
            change(name, &mut dims);
            draws::fresh(name, 0, &dims)
        })
    }
}

fn run(model: &ModelProto, read: &Values) -> super::Read<Values> {
    walk(model, read.clone(), 1, &mut |_, node, inputs| match reflects_too_much(node, inputs) {
        true => Err("a border that reflects more than there is".to_owned()),
        false => Ok(None),
    })
}

/// Whether a Pad would have to reflect more elements than an axis has beside its border, which engines refuse.
fn reflects_too_much(node: &NodeProto, inputs: &Inputs<'_>) -> bool {
    if node.op_type() != "Pad" || !node.attribute.iter().any(|a| a.name() == "mode" && a.s() == b"reflect") {
        return false;
    }
    let read = |input: usize| inputs.get(input).copied().flatten().and_then(|all| all.first());
    let amounts = match read(1).map(|array| &array.data) {
        Some(Data::Int(amounts)) => amounts.as_slice(),
        _ => node.attribute.iter().find(|a| a.name() == "pads").map_or(&[][..], |a| &a.ints),
    };
    let dims = read(0).map_or(&[][..], |array| &array.dims);
    let axes = match read(3).map(|array| &array.data) {
        Some(Data::Int(axes)) => axes.iter().map(|axis| if *axis < 0 { axis + dims.len() as i64 } else { *axis }).collect(),
        _ => (0..dims.len() as i64).collect::<Vec<i64>>(),
    };
    let extent = |axis: &i64| usize::try_from(*axis).ok().and_then(|axis| dims.get(axis)).map_or(0, |dim| *dim as i64);
    amounts.iter().zip(axes.iter().cycle()).any(|(amount, axis)| *amount > 0 && *amount >= extent(axis))
}

fn is_near(one: &Array, two: &Array) -> bool {
    let (Data::Float(ours), Data::Float(theirs)) = (&one.data, &two.data) else { return one == two };
    let largest = ours.iter().fold(0.0_f64, |all, x| all.max(x.abs()));
    let near = |(x, y): (&f64, &f64)| x == y || (x - y).abs() <= NEAR * largest || x.is_nan() && y.is_nan();
    one.dims == two.dims && ours.iter().zip(theirs).all(near)
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::onnx::AttributeProto;

    #[test]
    fn a_border_reflects_what_an_axis_has_beside_it() {
        let mode = |mode: &str| AttributeProto { name: Some("mode".into()), s: Some(mode.into()), ..AttributeProto::default() };
        let of = |dims: &[usize], amounts: &[i64], axes: Option<i64>, kind: &str| {
            let data = vec![Rc::new(Array::float(dims.to_vec(), vec![0.0; dims.iter().product()]))];
            let ints = |all: &[i64]| vec![Rc::new(Array { dims: vec![all.len()], data: Data::Int(all.to_vec()) })];
            let (amounts, axes) = (ints(amounts), axes.map(|axis| ints(&[axis])));
            let node = NodeProto { op_type: Some("Pad".into()), attribute: vec![mode(kind)], ..NodeProto::default() };
            reflects_too_much(&node, &[Some(&data), Some(&amounts), None, axes.as_ref()])
        };
        assert!(!of(&[4, 3], &[3, 2, 0, 2], None, "reflect"));
        assert!(of(&[4, 3], &[4, 2, 0, 2], None, "reflect"));
        assert!(of(&[4, 3], &[0, 0, 0, 3], None, "reflect"));
        assert!(!of(&[4, 3], &[4, 3, 4, 3], None, "edge"));
        assert!(!of(&[1, 1], &[0, 0, 0, 0], None, "reflect"), "none is none, however long the axis is");
        for axis in [1, -1] {
            assert!(!of(&[1, 4], &[1, 3], Some(axis), "reflect"), "axis {axis}");
            assert!(of(&[4, 1], &[1, 0], Some(axis), "reflect"), "axis {axis}");
        }
        assert!(of(&[1, 4], &[0, 1], Some(0), "reflect"));
    }
}
