//! How far windows that stand one behind the other reach together. With fewer elements the last of them see nothing but padding, and
//! nothing is shown of what they make of more.

use std::collections::BTreeMap;

use super::Read;
use super::sides::Sides;
use super::walk::Values;
use crate::model::{Graph, ValueId};
use crate::verify::align::is_static;
use crate::verify::region::{Form, Site};
use crate::verify::table::{self, Places};

/// How many elements beside its own an element of what a region makes is made of, by axis counted from the last.
pub(super) type Reach = BTreeMap<usize, usize>;

fn widen(reach: &mut Reach, other: &Reach) {
    for (back, more) in other {
        let here = reach.entry(*back).or_default();
        *here = (*here).max(*more);
    }
}

/// What has to be long enough: what a side reads, and what comes out of nodes that may leave elements out or lay them out otherwise.
fn reaches(graph: &Graph<'_>, forms: &[Form]) -> [BTreeMap<ValueId, Reach>; 2] {
    let (mut found, mut measured): (BTreeMap<ValueId, Reach>, _) = (BTreeMap::new(), BTreeMap::new());
    for form in forms.iter().rev() {
        let node = graph.node(form.node);
        let made = node.outputs.iter().flatten().filter_map(|value| Some((*value, found.remove(value)?)));
        let made: Vec<(ValueId, Reach)> = made.collect();
        let mut all = Reach::new();
        made.iter().for_each(|(_, reach)| widen(&mut all, reach));
        let read = before(graph, form, all);
        if read.is_none() || table::row(&form.operator).places == Places::Cut {
            measured.extend(made);
        }
        if let Some(read) = read {
            let data = node.inputs.iter().flatten().filter(|value| graph.constant(**value).is_err());
            data.for_each(|value| widen(found.entry(*value).or_default(), &read));
        }
    }
    [found, measured]
}

/// What a node has to read for what is asked of what it makes; `None` if it lays elements out otherwise.
fn before(graph: &Graph<'_>, form: &Form, made: Reach) -> Option<Reach> {
    let attributes = &graph.node(form.node).proto.attribute;
    let list = |name: &str| attributes.iter().find(|a| a.name() == name).map_or(&[][..], |a| a.ints.as_slice());
    let number = |name: &str, axis: usize| list(name).get(axis).and_then(|n| usize::try_from(*n).ok()).unwrap_or(1);
    let of = |back: usize| made.get(&back).copied().unwrap_or(0);
    let row = table::row(&form.operator);
    match row.places {
        Places::Windows => {
            let taps: Vec<usize> = match form.constants.first() {
                Some((_, tensor)) => {
                    graph.tensor(*tensor).dims.iter().skip(2).map(|taps| usize::try_from(*taps).unwrap_or(usize::MAX)).collect()
                }
                None => (0..list("kernel_shape").len()).map(|axis| number("kernel_shape", axis)).collect(),
            };
            let stride = |axis| if form.operator == "ConvTranspose" { 1 } else { number("strides", axis) };
            let mut read = made.clone();
            for (axis, count) in taps.iter().enumerate() {
                let (back, own) = (behind(taps.len(), axis), count.saturating_sub(1).saturating_mul(number("dilations", axis)));
                read.insert(back, of(back).saturating_mul(stride(axis)).saturating_add(own));
            }
            Some(read)
        }
        Places::Moved if form.operator == "Transpose" => {
            let axes = list("perm").len();
            let from = |(to, from): (usize, &i64)| Some((behind(axes, usize::try_from(*from).ok()?), of(behind(axes, to))));
            (axes > 0).then(|| list("perm").iter().enumerate().filter_map(from).collect())
        }
        Places::Kept | Places::Cut => Some(made),
        Places::Moved => (form.affine > 0 || row.elementwise).then_some(made),
    }
}

/// Which axis it is, counted from the last.
fn behind(axes: usize, axis: usize) -> usize {
    axes.saturating_sub(axis + 1)
}

fn too_short(asked: usize) -> String {
    format!("windows one behind the other that reach {asked} elements, farther than the extents that are at hand")
}

/// What has to be long enough inside: a value by name, how far windows behind it reach, and axes that never have more than one
/// element.
pub(super) type LaidOut = (String, Reach, Vec<i64>);

/// What nodes that lay elements out otherwise make, as far as windows behind them ask for it.
pub(super) fn laid_out(graph: &Graph<'_>, forms: &[Form]) -> Vec<LaidOut> {
    let [_, made] = reaches(graph, forms);
    if is_static(graph) {
        return vec![];
    }
    let ones = |value: ValueId| {
        let is_maker = |form: &&Form| graph.node(form.node).outputs.contains(&Some(value));
        forms.iter().find(is_maker).map_or(vec![], |form| reduced(graph, form))
    };
    made.into_iter().map(|(value, reach)| (graph.value(value).name.to_owned(), reach, ones(value))).collect()
}

/// The axes that a reduction leaves with one element each, whatever it reads.
fn reduced(graph: &Graph<'_>, form: &Form) -> Vec<i64> {
    let node = graph.node(form.node);
    let attribute = |name: &str| node.proto.attribute.iter().find(|a| a.name() == name);
    if !form.operator.starts_with("Reduce") || attribute("keepdims").is_some_and(|keeps| keeps.i() == 0) {
        return vec![];
    }
    let given = || {
        let (tensor, _) = graph.constant(node.inputs.get(1).copied().flatten()?).ok()?;
        graph.tensor(tensor).integers(graph.model).ok()
    };
    attribute("axes").map(|axes| axes.ints.clone()).or_else(given).unwrap_or_default()
}

/// Whether what was made is as long as it has to be.
///
/// # Errors
/// Windows that reach farther.
pub(super) fn are_met(laid_out: &[LaidOut], values: &Values) -> Read<()> {
    for (name, reach, ones) in laid_out {
        let Some(dims) = values.get(name).and_then(|drawn| drawn.first()).map(|array| &array.dims) else { continue };
        let along = |back: usize| dims.len().checked_sub(back + 1).and_then(|axis| dims.get(axis)).copied().unwrap_or(1);
        // Windows over an axis of one element see all that there ever is.
        let is_one = |back: usize| {
            let axis = dims.len().checked_sub(back + 1).and_then(|axis| i64::try_from(axis).ok());
            axis.is_some_and(|axis| ones.contains(&axis) || ones.contains(&(axis - dims.len() as i64)))
        };
        if let Some((_, more)) = reach.iter().find(|(back, more)| along(**back) <= **more && !is_one(**back)) {
            return Err(too_short(more.saturating_add(1)));
        }
    }
    Ok(())
}

impl Sides {
    /// Makes extents so many `times` as long as what stands in a row reaches.
    ///
    /// # Errors
    /// Windows that reach farther than the extents that a run had.
    pub(super) fn widen(&mut self, (a, b): (&Graph<'_>, &Graph<'_>), site: &Site, as_is: bool, times: usize) -> Read<()> {
        if as_is && is_static(a) {
            return Ok(());
        }
        let mut needed: BTreeMap<String, Reach> = BTreeMap::new();
        for (graph, forms) in [(a, &self.forms.0), (b, &self.forms.1)] {
            let [read, _] = reaches(graph, forms);
            read.iter().for_each(|(value, reach)| widen(needed.entry(graph.value(*value).name.to_owned()).or_default(), reach));
        }
        let fixed = |name: &str, axis: usize| usize::try_from(site.extents.get(name)?.get(axis)?.as_ref()?.as_number()?).ok();
        // Values that are put together stay as long as one another.
        let mut longest: BTreeMap<usize, usize> = BTreeMap::new();
        for (name, layout) in &self.layouts {
            for (back, more) in needed.get(name).into_iter().flatten() {
                let asked = more.saturating_add(1).saturating_mul(times);
                let Some(axis) = layout.dims.len().checked_sub(back + 1) else { continue };
                let short = layout.dims.get(axis).is_some_and(|dim| asked > *dim && fixed(name, axis) != Some(*dim));
                if short {
                    let here = longest.entry(axis).or_default();
                    *here = (*here).max(asked);
                }
            }
        }
        if let (true, Some(asked)) = (as_is, longest.values().max()) {
            return Err(too_short(*asked));
        }
        for (name, layout) in &mut self.layouts {
            for (axis, dim) in layout.dims.iter_mut().enumerate() {
                let asked = longest.get(&axis).copied().unwrap_or(0);
                *dim = (*dim).max(asked.min(fixed(name, axis).unwrap_or(usize::MAX)));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::model::{Model, ScopeId};
    use crate::reference::Array;
    use crate::verify::region::form;

    #[test]
    fn what_is_laid_out_is_as_long_as_the_windows_behind_it_reach() {
        let met = |dims: &[usize], reach: &[(usize, usize)]| {
            let array = Array::float(dims.to_vec(), vec![0.0; dims.iter().product()]);
            let values = Values::from([("z".to_owned(), vec![Rc::new(array)])]);
            are_met(&[("z".to_owned(), reach.iter().copied().collect(), vec![])], &values).is_ok()
        };
        assert!(met(&[1, 2, 9], &[(0, 8), (2, 0)]));
        assert!(!met(&[1, 2, 8], &[(0, 8)]));
        assert!(!met(&[8], &[(1, 1)]), "an axis that is not there has one element");
    }

    #[test]
    fn what_may_leave_elements_out_is_measured_and_asks_on() {
        let measured = |cut: &str| {
            let text = format!(
                r#"<ir_version: 8, opset_import: ["" : 18]> g (float[N,2,L] x) => (float[N,2,M] o)
                <int64[1] one = {{1}}, int64[1] two = {{2}}, int64[1] all = {{99}}, int64[6] off = {{0, 0, -1, 0, 0, 0}},
                  int64[3] r = {{0, 2, -1}}, float[3] by = {{1, 1, 0.5}}, float[2,2,3] w = fill(1), float[2,2,1] u = fill(1)>
                {{ a = Conv (x, u) t = {cut} c = Conv <dilations = [4]> (t, w) o = Conv (c, w) }}"#
            );
            let model = Model::from_bytes(crate::sample::encode(&text).unwrap()).unwrap();
            let graph = Graph::build(&model).unwrap();
            let forms = graph.scope(ScopeId(0)).nodes.iter().map(|node| form::read(&graph, *node).unwrap().unwrap());
            let forms: Vec<Form> = forms.collect();
            let [read, _] = reaches(&graph, &forms);
            let asked = read.iter().find(|(value, _)| graph.value(**value).name == "x").map(|(_, reach)| reach.clone());
            (laid_out(&graph, &forms), asked)
        };
        let both = Reach::from([(0, 10)]);
        let whole = (vec![], Some(both.clone()));
        for cut in ["Relu (a)", "Identity (a)", "Sum (a, a)", "Concat <axis = 0> (a, a)"] {
            assert_eq!(measured(cut), whole, "{cut}");
        }
        let there = vec![("t".to_owned(), both.clone(), vec![])];
        for cut in ["Slice (a, one, all, two)", "Pad (a, off)", "Resize (a, \"\", by)"] {
            assert_eq!(measured(cut), (there.clone(), Some(both.clone())), "{cut}");
        }
        assert_eq!(measured("Reshape (a, r)"), (there, Some(Reach::from([(0, 0)]))), "its own windows have a single tap");
    }

    #[test]
    fn the_longest_reach_counts() {
        let mut reach = Reach::from([(0, 2), (1, 5)]);
        widen(&mut reach, &Reach::from([(0, 3), (1, 4), (2, 1)]));
        assert_eq!(reach, Reach::from([(0, 3), (1, 5), (2, 1)]));
    }
}
